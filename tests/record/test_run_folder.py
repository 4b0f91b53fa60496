"""A run folder is made once, never mixed with another, and written whole or not at all."""

import json
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from rig.errors import DefinitionError, IntegrityError
from rig.record.layout import check_is_run_folder
from rig.record.run_folder import RunFolder, new_run_id, wire_log_name


def create(runs, run_id="r1", profiles=None):
    return RunFolder.create(runs, run_id, "plan µ\r\n", "bench\n", profiles or {}, lambda: 0)


def test_a_run_id_tells_when_what_and_where(started_utc):
    run_id = new_run_id(started_utc.astimezone(timezone(timedelta(hours=9))), "flow-accuracy", "Line 3/α")
    assert run_id[:-6] == "20261121T061500Z-flow-accuracy-Line%203%2F%CE%B1-"
    assert int(run_id[-6:], 16) >= 0


def test_runs_of_one_second_have_names_of_their_own(started_utc):
    assert len({new_run_id(started_utc, "p", "b") for _ in range(200)}) > 190


def test_a_folder_that_is_there_is_never_taken_again(tmp_path):
    first = create(tmp_path)
    first.journal.append("note", text="of the first")
    with pytest.raises(IntegrityError, match="r1: cannot be created: File exists"):
        create(tmp_path)
    first.journal.close()
    assert (first.path / "journal.jsonl").read_bytes().count(b"\n") == 1


def test_definitions_lie_in_the_folder_to_the_byte(tmp_path):
    folder = create(tmp_path / "not" / "yet" / "there", profiles={"acme-20ml.toml": "model = 1\r\n"})
    folder.journal.close()
    assert (folder.path / "plan.toml").read_bytes() == "plan µ\r\n".encode()
    assert (folder.path / "bench.toml").read_bytes() == b"bench\n"
    assert (folder.path / "pumps" / "acme-20ml.toml").read_bytes() == b"model = 1\r\n"
    assert {path.name for path in folder.path.iterdir()} == {
        "plan.toml", "bench.toml", "pumps", "wire", "exports", "journal.jsonl", "reserve.tmp",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["../plan.toml", "/etc/x.toml", "a\\b.toml", "sub/a.toml", "acme", "", ".."])
def test_a_profile_cannot_leave_its_folder(tmp_path, name):
    with pytest.raises(IntegrityError, match="plain file name"):
        create(tmp_path / "runs", profiles={name: "x"})
    assert not (tmp_path / "runs").exists()


def test_wire_logs_are_one_a_link_and_cannot_leave_their_folder(tmp_path):
    folder = create(tmp_path)
    sink = folder.wire_sink("../SN 1", "pump")
    sink(1, ">", b"a")
    folder.wire_sink("../SN 1", "pump")(2, ">", b"b")
    folder.journal.close()
    (log,) = (folder.path / "wire").iterdir()
    assert log.name == wire_log_name("../SN 1", "pump") == "..%2FSN%201-pump.log"
    assert log.read_bytes() == b"1 > a\n2 > b\n"


def test_units_with_similar_names_have_logs_of_their_own():
    assert len({wire_log_name(unit, "pump") for unit in ("a/b", "a b", "a%2Fb", "a_b", "ab")}) == 5


def test_results_are_written_whole(tmp_path):
    folder = create(tmp_path)
    folder.write_results({"run_id": "r1", "text": "µ \udc80"})
    folder.write_results({"run_id": "r1", "text": "µ \udc80", "cases": []})
    folder.journal.close()
    content = (folder.path / "results.json").read_bytes()
    assert json.loads(content) == {"run_id": "r1", "text": "µ \udc80", "cases": []}
    assert "µ".encode() in content
    assert not list(folder.path.glob("*.unfinished"))


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}])
def test_results_that_are_no_json_are_refused(tmp_path, value):
    folder = create(tmp_path)
    with pytest.raises(IntegrityError, match=r"results\.json"):
        folder.write_results({"value": value})
    folder.journal.close()
    assert not (folder.path / "results.json").exists()


def test_a_place_where_nothing_can_be_made_is_an_integrity_error(tmp_path):
    (tmp_path / "runs").write_text("a file")
    with pytest.raises(IntegrityError, match="cannot be created"):
        create(tmp_path / "runs")


def test_what_is_no_run_folder_is_bad_input(tmp_path):
    with pytest.raises(DefinitionError, match="no such folder"):
        check_is_run_folder(tmp_path / "nowhere")
    with pytest.raises(DefinitionError, match="no run folder"):
        check_is_run_folder(tmp_path)
    with pytest.raises(DefinitionError, match="this is a file, no run folder"):
        check_is_run_folder(Path(__file__))
    folder = create(tmp_path)
    folder.journal.close()
    check_is_run_folder(folder.path)
