"""Where the guard writes down what it did, and that nothing written before is touched."""

from __future__ import annotations

import os
import re
import threading
from datetime import UTC, datetime, timedelta

import pytest

from rig.clock.virtual import VirtualClock
from rig.clock.wall import WallClock
from rig.guard.deeds import Deeds
from rig.guard.orders import Orders
from rig.record.journal_reader import read_journal


@pytest.fixture
def runs(tmp_path):
    folder = tmp_path / "runs"
    (folder / "r1").mkdir(parents=True)
    return folder


@pytest.fixture
def deeds_in(runs):
    def make(run_folder, clock=None):
        orders = Orders("Line 3", str(runs.parent), str(runs), 4711, 1.0, ())
        return Deeds(orders, str(run_folder), clock or WallClock())

    return make


def written(deeds):
    deeds.close()
    contents = read_journal(deeds.path)
    assert contents.problems == ()
    return contents.records


def test_it_lies_beside_the_journal_and_says_whose_guard_it_was(runs, deeds_in):
    clock = VirtualClock()
    deeds = deeds_in(runs / "r1", clock)
    assert (deeds.path, deeds.complaint) == (None, "")
    clock.sleep_s(2.0)
    deeds.note("guard_acts", {"because": "a fire", "units": ["SN1"]})
    clock.sleep_s(1.0)
    deeds.note("pump_safe", {"unit": "SN1"})
    clock.sleep_s(10.0)
    first, acts, safe = written(deeds)
    assert deeds.path == runs / "r1" / "guard.jsonl"
    assert (first["kind"], first["bench"], first["run_process"]) == ("guard", "Line 3", 4711)
    at = datetime.fromisoformat(first["at_utc"])
    assert at.utcoffset() == timedelta(0)
    assert abs(datetime.now(UTC) - at) < timedelta(minutes=5)
    assert (acts["kind"], acts["because"], acts["units"], acts["t_ns"]) == (
        "guard_acts", "a fire", ["SN1"], 2_000_000_000,
    )  # fmt: skip
    assert (safe["kind"], safe["t_ns"]) == (
        "pump_safe",
        3_000_000_000,
    )  # when it happened, not when it was written


def test_each_record_is_on_the_disk_before_the_next_is_written(runs, deeds_in, monkeypatch):
    from rig.record import journal

    seen, sync = [], journal.sync_data

    def counted(descriptor):
        sync(descriptor)
        seen.append(len((runs / "r1" / "guard.jsonl").read_bytes().splitlines()))

    monkeypatch.setattr(journal, "sync_data", counted)
    deeds = deeds_in(runs / "r1")
    for number in range(4):
        deeds.note("pump_safe", {"unit": f"SN{number}"})
    deeds.close()
    assert {2, 3, 4, 5} <= set(seen)


def test_a_second_guard_does_not_touch_what_the_first_wrote(runs, deeds_in):
    for name in ("guard.jsonl", "guard-2.jsonl", "guard-3.jsonl"):
        deeds = deeds_in(runs / "r1")
        deeds.note("guard_done", {"unsafe": [name]})
        assert written(deeds)[-1]["unsafe"] == [name]
        assert deeds.path == runs / "r1" / name
    assert read_journal(runs / "r1" / "guard.jsonl").records[-1]["unsafe"] == ["guard.jsonl"]


def test_the_last_place_is_never_written_over(runs, deeds_in, capfd):
    for number in range(1, 100):
        name = "guard.jsonl" if number == 1 else f"guard-{number}.jsonl"
        (runs / "r1" / name).write_text("there\n")
    deeds = deeds_in(runs / "r1")
    deeds.note("guard_done", {"unsafe": []})
    deeds.close()
    assert (runs / "r1" / "guard-99.jsonl").read_text() == "there\n"
    assert "guard: guard_done {'unsafe': []} is not written down" in capfd.readouterr().err
    (runs / "r1" / "guard-99.jsonl").unlink()
    deeds = deeds_in(runs / "r1")
    deeds.note("guard_done", {"unsafe": []})
    assert written(deeds)
    assert deeds.path.name == "guard-99.jsonl"


@pytest.mark.parametrize("which", ["sealed", "none", "gone"])
def test_beside_the_run_folders_where_the_run_keeps_its_own(runs, deeds_in, which):
    (runs / "r1" / "manifest.json").write_text("{}")
    folder = {"sealed": runs / "r1", "none": "", "gone": runs / "r0"}[which]
    deeds = deeds_in(folder)
    deeds.note("guard_done", {"unsafe": []})
    assert [record["kind"] for record in written(deeds)] == ["guard", "guard_done"]
    assert deeds.path.parent == runs
    assert re.fullmatch(
        rf"guard-\d{{8}}T\d{{6}}Z-Line_3-[0-9a-f]{{12}}-{os.getpid()}\.jsonl", deeds.path.name
    )
    assert not list((runs / "r1").glob("guard*"))


def test_the_complaint_is_that_of_the_last_pump_that_did_not_obey(runs, deeds_in):
    deeds = deeds_in(runs / "r1")
    deeds.note("pump_unsafe", {"unit": "SN1", "because": "no port"})
    deeds.note("guard_done", {"because": "something else"})
    assert deeds.complaint == "no port"
    deeds.note("pump_unsafe", {"unit": "SN2"})
    assert deeds.complaint == ""
    deeds.close()


def test_a_disk_that_takes_nothing_is_told_and_stops_nobody(runs, deeds_in, capfd):
    orders_of_nowhere = deeds_in(runs / "r1")
    (runs / "r1").rmdir()
    (runs / "r1").write_text("no folder")
    runs.chmod(0o500)
    try:
        orders_of_nowhere.note("pump_safe", {"unit": "SN1"})
        orders_of_nowhere.close()
    finally:
        runs.chmod(0o700)
    if os.getuid() != 0:
        assert "guard: pump_safe {'unit': 'SN1'} is not written down: " in capfd.readouterr().err


def test_writing_keeps_no_process_alive_and_leaves_nothing_open(runs, deeds_in):
    before = set(threading.enumerate())
    deeds = deeds_in(runs / "r1")
    [thread] = [each for each in {*threading.enumerate()} - before if each.name == "deeds"]
    assert thread.daemon
    deeds.note("guard_done", {"unsafe": []})
    assert written(deeds)
    assert not {"deeds", "journal-sync"} & {each.name for each in {*threading.enumerate()} - before}


def test_nothing_happened_and_nothing_is_written(runs, deeds_in):
    deeds = deeds_in(runs / "r1")
    deeds.close()
    assert deeds.path is None
    assert list((runs / "r1").iterdir()) == []
