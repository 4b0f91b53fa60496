"""The guard's own life, in this process: what it hears on its line, what it answers, and what it does to the pump."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from dataclasses import replace

import pytest

from rig.clock.wall import WallClock
from rig.drivers.opening import open_driver
from rig.errors import BenchBusy, RigError
from rig.guard import watch
from rig.guard.control import ask_to_end, control_file
from rig.guard.kept import LeftBehind, keep, kept_file, read_kept
from rig.guard.orders import InstrumentOrders, Orders, PumpOrders
from rig.readings import Prescription
from rig.record.journal_reader import read_journal
from rig.record.lock import GUARD, BenchLock

WITHIN_S = 20.0
LONG_S = 3600.0
SHORT_S = 0.3
LEFT = LeftBehind(("SN1",), "", 4711, "2026-11-21T10:00:00+00:00")


@pytest.fixture(autouse=True)
def temporary(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    (tmp_path / "locks").mkdir()
    (tmp_path / "runs" / "r1").mkdir(parents=True)
    return tmp_path


@pytest.fixture
def instrument(served):
    """A pump that delivers."""
    address = f"serial://{served.bench.parent}/pump"
    driver = open_driver("pump_rpu1", address, None, {}, WallClock(), lambda *_: None)
    driver.program(Prescription("continuous", rate_nl_h=500_000))
    driver.close()
    assert served.delivers
    return InstrumentOrders("pump_rpu1", address, None, {})


NOWHERE = InstrumentOrders("pump_rpu1", "serial:///nonexistent/port", None, {})


def pump(serial, instrument, watched=True, taken_over=False):
    return PumpOrders(serial, instrument, "stop", {}, None, True, watched, taken_over)


@pytest.fixture
def orders(instrument, temporary):
    folder = temporary / "locks"
    return Orders("line-3", str(folder), str(temporary / "runs"), 4711, LONG_S, (pump("SN1", instrument),))


class Guarded:
    """The run's end of the two lines, and the guard in a thread of its own."""

    def __init__(self, orders, start=True):
        self.orders = orders
        from_run, to_guard = os.pipe()
        from_guard, to_run = os.pipe()
        self._out = os.fdopen(to_guard, "wb", buffering=0)
        self._in = os.fdopen(from_guard, "rb")
        self._ends = os.fdopen(from_run, "rb"), os.fdopen(to_run, "wb")
        self.status = None
        self.said = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._thread.start()
        self._reader.start()
        if start:
            self.tell_line(orders.to_line())

    def _serve(self):
        try:
            self.status = watch.watch_over(*self._ends)
        finally:
            self._ends[1].close()

    def _read(self):
        for line in self._in:
            self.said.put(json.loads(line))
        self.said.put(None)

    def tell_line(self, line):
        self._out.write(line)

    def tell(self, **message):
        self.tell_line(json.dumps(message).encode() + b"\n")

    def answer(self):
        return self.said.get(timeout=WITHIN_S)

    def die(self):
        if not self._out.closed:
            self._out.close()

    def ended(self):
        """Its status, and nothing more is said."""
        self._thread.join(WITHIN_S)
        assert not self._thread.is_alive()
        assert self.answer() is None
        return self.status

    def close(self):
        self.die()
        self._thread.join(WITHIN_S)
        self._in.close()
        self._ends[0].close()


@pytest.fixture(autouse=True)
def signals_stay(monkeypatch):
    """What the guard's process does with signals is noted; this process keeps its own ways."""
    ignored = {}
    monkeypatch.setattr(signal, "signal", lambda number, action: ignored.update({number: action}))
    return ignored


@pytest.fixture
def guard_of():
    made = []

    def make(orders, start=True):
        made.append(Guarded(orders, start))
        return made[-1]

    yield make
    for each in made:
        each.close()


@pytest.fixture
def ready(guard_of, orders):
    guard = guard_of(orders)
    assert guard.answer() == {"ready": True}
    return guard


def kept(orders):
    return read_kept(kept_file(orders.lock_folder_path, "line-3"), ("unread",))


def deeds_in(folder):
    [file] = sorted(folder.glob("guard*.jsonl"))
    return read_journal(file).records


def wait_until(seen):
    until = time.monotonic() + WITHIN_S
    while not seen():
        assert time.monotonic() < until
        time.sleep(0.01)


def is_free(orders):
    try:
        with BenchLock("line-3", orders.lock_folder_path, (GUARD,)):
            return True
    except BenchBusy:
        return False


def test_while_it_is_ready_it_holds_its_lock_and_says_what_may_deliver(orders, ready, served, signals_stay):
    assert not is_free(orders)
    left = kept(orders)
    assert (left.units, left.run_folder, left.runner_pid) == (("SN1",), "", 4711)
    assert left.since_utc.endswith("+00:00")
    assert "." not in left.since_utc
    ready.tell(run="/runs/r1")
    ready.tell(beat=1, quiet_s=0.0)
    assert ready.answer() == {"beat": 1}
    assert kept(orders) == replace(left, run_folder="/runs/r1")
    assert control_file("line-3").exists()
    assert set(signals_stay) >= {signal.SIGINT, signal.SIGTERM, signal.SIGHUP}
    assert set(signals_stay.values()) == {signal.SIG_IGN}


def test_a_run_that_ends_in_order_leaves_nothing_and_its_pump_alone(orders, ready, served):
    ready.tell(watch=True)
    ready.tell(end=True)
    assert ready.answer() == {"ended": True}
    assert ready.ended() == 0
    assert kept(orders) is None
    assert is_free(orders)
    assert not control_file("line-3").exists()
    assert served.delivers
    assert not list(orders.lock_folder_path.parent.rglob("guard*.jsonl"))


def test_the_death_of_a_run_stops_its_pump_and_is_written_down(orders, ready, served, temporary, capfd):
    ready.tell(run=str(temporary / "runs" / "r1"))
    ready.die()
    assert ready.ended() == 1
    assert not served.delivers
    assert kept(orders) is None
    assert is_free(orders)
    assert not control_file("line-3").exists()
    deeds = deeds_in(temporary / "runs" / "r1")
    assert [deed["kind"] for deed in deeds] == ["guard", "guard_acts", "pump_safe", "guard_done"]
    assert (deeds[1]["because"], deeds[1]["units"], deeds[3]["unsafe"]) == ("the run died", ["SN1"], [])
    said = capfd.readouterr().err
    assert "guard of bench 'line-3': the run died; safe states: SN1: stop; written down in " in said
    assert str(temporary / "runs" / "r1" / "guard.jsonl") in said


def test_without_a_run_folder_it_is_written_beside_the_folders(orders, ready, served, temporary):
    ready.die()
    assert ready.ended() == 1
    assert deeds_in(temporary / "runs")[-1]["kind"] == "guard_done"


def test_while_it_acts_others_are_told_why_the_bench_is_held(guard_of, orders, monkeypatch):
    monkeypatch.setattr(watch, "GIVE_UP_S", 2.0)
    guard = guard_of(replace(orders, pumps=(pump("SN1", NOWHERE),)))
    assert guard.answer() == {"ready": True}
    guard.die()
    until = time.monotonic() + WITHIN_S
    said = ""
    while "makes the pumps safe" not in said and time.monotonic() < until:
        with pytest.raises(BenchBusy) as busy:
            BenchLock("line-3", orders.lock_folder_path).acquire()
        said = str(busy.value)
        time.sleep(0.01)
    assert "its guard makes the pumps safe: the run died" in said
    assert guard.ended() == 1


def test_a_pump_that_does_not_obey_is_told_and_left_for_the_next_start(
    guard_of, orders, instrument, served, monkeypatch, capfd
):
    monkeypatch.setattr(watch, "GIVE_UP_S", 0.05)
    pumps = (pump("SN1", instrument), pump("SN2", NOWHERE), pump("SN3", NOWHERE, watched=False))
    guard = guard_of(replace(orders, pumps=pumps))
    assert guard.answer() == {"ready": True}
    assert kept(orders).units == ("SN1", "SN2")
    guard.die()
    assert guard.ended() == 1
    assert not served.delivers
    assert kept(orders).units == ("SN2",)
    said = capfd.readouterr().err
    assert "safe states: SN2: NOT CONFIRMED SAFE (" in said
    assert said.index("SN2") < said.index("SN1: stop")
    assert "SN3" not in said


def test_silence_is_answered_once_pumps_are_commanded(guard_of, orders, served, temporary):
    guard = guard_of(replace(orders, silence_max_s=SHORT_S))
    assert guard.answer() == {"ready": True}
    time.sleep(2 * SHORT_S)  # nobody watches yet: silence is no matter
    guard.tell(beat=1, quiet_s=0.0)
    assert guard.answer() == {"beat": 1}
    assert served.delivers
    began = time.monotonic()
    guard.tell(watch=True)
    assert guard.ended() == 1
    assert time.monotonic() - began >= SHORT_S
    assert not served.delivers
    assert deeds_in(temporary / "runs")[1]["because"] == "the run was silent for 0.3 s"


def test_beats_of_a_working_run_are_no_silence_and_those_of_a_hanging_one_are(guard_of, orders, served):
    guard = guard_of(replace(orders, silence_max_s=SHORT_S))
    assert guard.answer() == {"ready": True}
    guard.tell(watch=True)
    for number in range(10):
        guard.tell(beat=number, quiet_s=0.0)
        assert guard.answer() == {"beat": number}
        time.sleep(SHORT_S / 5)
    assert served.delivers
    guard.tell(beat=10, quiet_s=0.9 * SHORT_S)  # the process lives, its procedure has shown nothing for long
    beaten = time.monotonic()
    assert guard.answer() == {"beat": 10}
    assert guard.ended() == 1
    assert not served.delivers
    assert time.monotonic() - beaten < 10 * SHORT_S


def test_a_beat_tells_for_how_long_nothing_was_shown(guard_of, orders, served):
    guard = guard_of(replace(orders, silence_max_s=LONG_S))
    assert guard.answer() == {"ready": True}
    guard.tell(watch=True)
    guard.tell(beat=1, quiet_s=LONG_S + 1)
    assert guard.answer() == {"beat": 1}
    assert guard.ended() == 1
    assert not served.delivers


def test_when_no_pump_is_commanded_any_more_silence_is_no_matter(guard_of, orders, served):
    guard = guard_of(replace(orders, silence_max_s=SHORT_S))
    assert guard.answer() == {"ready": True}
    guard.tell(watch=True)
    guard.tell(watch=False)
    time.sleep(2 * SHORT_S)
    guard.tell(beat=1, quiet_s=99.0)
    assert guard.answer() == {"beat": 1}
    guard.tell(watch=True)  # counts from now, whatever was before
    guard.tell(end=True)
    assert guard.answer() == {"ended": True}
    assert served.delivers


def test_hearing_the_run_keeps_no_guard_alive(ready):
    [thread] = [each for each in threading.enumerate() if each.name == "run"]
    assert thread.daemon


def test_a_line_that_is_no_message_is_passed_over(ready, served):
    ready.tell_line(b"no JSON\n")
    ready.tell(beat=5, quiet_s=0.0)
    assert ready.answer() == {"beat": 5}


def test_a_wish_to_end_is_handed_on_and_its_hearing_ends_the_patience(guard_of, orders, served):
    guard = guard_of(replace(orders, silence_max_s=SHORT_S))
    assert guard.answer() == {"ready": True}
    ask_to_end("line-3", "fire drill")
    assert guard.answer() == {"abort": "fire drill"}
    guard.tell(heard="fire drill")
    time.sleep(2 * SHORT_S)
    guard.tell(beat=1, quiet_s=0.0)
    assert guard.answer() == {"beat": 1}
    assert served.delivers


def test_a_run_that_does_not_hear_a_wish_is_made_safe(guard_of, orders, served, temporary):
    guard = guard_of(replace(orders, silence_max_s=SHORT_S))
    assert guard.answer() == {"ready": True}
    ask_to_end("line-3", "fire drill")
    asked = time.monotonic()
    assert guard.answer() == {"abort": "fire drill"}
    assert guard.ended() == 1
    assert time.monotonic() - asked >= 0.8 * SHORT_S
    assert not served.delivers
    because = deeds_in(temporary / "runs")[1]["because"]
    assert because == "the run was asked to end and did not answer for 0.3 s"


def test_asking_again_and_again_gives_a_run_that_does_not_hear_no_more_time(guard_of, orders, served):
    guard = guard_of(replace(orders, silence_max_s=SHORT_S))
    assert guard.answer() == {"ready": True}
    with suppress(RigError):  # the guard has acted and is gone
        for number in range(100):
            ask_to_end("line-3", f"number {number}")
            time.sleep(SHORT_S / 4)
        pytest.fail("it waits for ever")
    while guard.answer() is not None:
        pass
    assert guard.status == 1
    assert not served.delivers


def test_a_guard_that_was_itself_held_up_hears_first_what_came_meanwhile(orders, served, tmp_path):
    """Its machine stood still, say: its own lateness is no silence of the run."""
    guard = watch.Watch(orders, None, None)
    guard._watching, guard._silent_since = True, time.monotonic() - LONG_S - 1.0
    assert guard._due() == pytest.approx(guard._silent_since + LONG_S)
    began = time.monotonic()
    assert guard._judged() is None
    assert time.monotonic() - began >= watch.OWN_LATENESS_S
    assert guard._judged() == "the run was silent for 3600 s"
    guard._silent_since = time.monotonic() - LONG_S - 0.05
    assert guard._judged() == "the run was silent for 3600 s"  # not late: judged at once
    guard._silent_since = time.monotonic()
    assert guard._judged() is None
    assert guard._patience_s() == pytest.approx(LONG_S, abs=5)
    guard._silent_since = time.monotonic() - 2 * LONG_S
    assert guard._patience_s() == 0.0
    guard._watching = False
    assert guard._due() is guard._patience_s() is guard._judged() is None


def test_what_ends_first_ends_the_patience(orders):
    guard = watch.Watch(orders, None, None)
    guard._watching, guard._silent_since, guard._answer_by = True, 0.0, 50.0
    assert guard._due() == 50.0
    guard._answer_by = 2 * LONG_S
    assert guard._due() == LONG_S


def test_the_run_may_ask_for_a_pump_to_be_made_safe(
    guard_of, orders, instrument, served, temporary, monkeypatch
):
    monkeypatch.setattr(watch, "GIVE_UP_BEFORE_S", 0.05)
    guard = guard_of(
        replace(orders, pumps=(pump("SN1", instrument), pump("SN2", NOWHERE), pump("SN3", NOWHERE)))
    )
    assert guard.answer() == {"ready": True}
    guard.tell(run=str(temporary / "runs" / "r1"))
    guard.tell(make_safe=["SN1", "SN2"])
    assert guard.answer() == {"unsafe": ["SN2"]}
    assert not served.delivers
    deeds = deeds_in(temporary / "runs" / "r1")
    assert deeds[1]["because"] == "the run could not confirm the safe state"
    assert deeds[1]["units"] == ["SN1", "SN2"]
    assert deeds[-1]["unsafe"] == ["SN2"]
    guard.tell(end=True)
    assert guard.answer() == {"ended": True}


def test_a_bench_that_is_held_is_not_touched(guard_of, orders, served):
    with BenchLock("line-3", orders.lock_folder_path, (GUARD,)):
        guard = guard_of(orders)
        said = guard.answer()
        assert said["held"] is True
        assert "is held by another run" in said["busy"]
        assert guard.ended() == 2
    assert kept(orders) is None
    assert served.delivers


def test_a_driver_that_is_not_there_is_told_before_anything_begins(guard_of, orders):
    nonsense = InstrumentOrders("pump_of_nobody", "serial:///dev/null", None, {})
    for wrong in (pump("SN1", nonsense), replace(pump("SN1", NOWHERE), switches={"valves": nonsense})):
        guard = guard_of(replace(orders, pumps=(wrong,)))
        said = guard.answer()
        assert "pump_of_nobody" in said["busy"]
        assert "held" not in said
        assert guard.ended() == 2
        assert is_free(orders)
        assert kept(orders) is None


def test_locks_that_cannot_be_kept_are_told(guard_of, orders, temporary):
    (temporary / "file").write_text("")
    guard = guard_of(replace(orders, locks_folder=str(temporary / "file" / "locks")))
    said = guard.answer()
    assert said["held"] is False
    assert "cannot be locked" in said["busy"]
    assert guard.ended() == 2


@pytest.mark.parametrize("begun", [b"", b'{"bench_id": "cut'])
def test_a_run_that_ended_before_it_began(guard_of, orders, begun):
    guard = guard_of(orders, start=False)
    guard.tell_line(begun)
    guard.die()
    assert guard.ended() == 2
    assert is_free(orders)


def test_nobody_hears_any_more_and_the_pump_is_stopped_all_the_same(ready, orders, served):
    ready._ends[1].close()
    ready.tell(beat=1, quiet_s=0.0)
    ready.die()
    ready._thread.join(WITHIN_S)
    assert ready.status == 1
    assert not served.delivers
    assert is_free(orders)


# What an earlier run left behind


def test_a_pump_that_was_left_delivering_is_made_safe_first_and_that_is_said(
    guard_of, orders, instrument, served, temporary
):
    path = kept_file(orders.lock_folder_path, "line-3")
    keep(path, replace(LEFT, units=("SN9", "SN1", "SN8"), run_folder=str(temporary / "runs" / "r1")))
    pumps = (pump("SN1", instrument), pump("SN2", NOWHERE))
    guard = guard_of(replace(orders, pumps=pumps))
    because = "the run of process 4711, begun 2026-11-21T10:00:00+00:00, and its guard are gone"
    assert guard.answer() == {
        "recovered": ["SN1"],
        "gone": ["SN8", "SN9"],
        "because": because,
        "run_folder": str(temporary / "runs" / "r1"),
    }
    assert not served.delivers
    assert guard.answer() == {"ready": True}
    assert kept(orders).units == ("SN1", "SN2")
    deeds = deeds_in(temporary / "runs" / "r1")
    assert (deeds[1]["because"], deeds[1]["units"]) == (because, ["SN1"])
    guard.tell(end=True)


def test_also_a_pump_that_this_run_does_not_command(guard_of, orders, instrument, served):
    keep(kept_file(orders.lock_folder_path, "line-3"), LEFT)
    guard = guard_of(replace(orders, pumps=(pump("SN1", instrument, watched=False),)))
    assert guard.answer()["recovered"] == ["SN1"]
    assert not served.delivers
    assert guard.answer() == {"ready": True}
    assert kept(orders).units == ()


def test_a_pump_that_is_taken_over_goes_on(guard_of, orders, instrument, served):
    keep(kept_file(orders.lock_folder_path, "line-3"), LEFT)
    guard = guard_of(replace(orders, pumps=(pump("SN1", instrument, taken_over=True),)))
    assert guard.answer() == {"ready": True}
    assert served.delivers
    assert kept(orders).runner_pid == orders.runner_pid


def test_of_a_file_that_cannot_be_read_all_pumps_are_made_safe(guard_of, orders, instrument, served):
    kept_file(orders.lock_folder_path, "line-3").write_text("{")
    guard = guard_of(replace(orders, pumps=(pump("SN1", instrument, watched=False),)))
    said = guard.answer()
    assert (said["recovered"], said["gone"]) == (["SN1"], [])
    assert "begun at an unknown time" in said["because"]
    assert not served.delivers


def test_one_that_cannot_be_made_safe_keeps_the_bench_from_beginning(
    guard_of, orders, instrument, served, monkeypatch
):
    monkeypatch.setattr(watch, "GIVE_UP_BEFORE_S", 0.05)
    keep(kept_file(orders.lock_folder_path, "line-3"), replace(LEFT, units=("SN1", "SN2")))
    guard = guard_of(replace(orders, pumps=(pump("SN1", instrument), pump("SN2", NOWHERE))))
    said = guard.answer()["busy"]
    assert "and SN2 could not be put in the safe state: " in said
    assert "/nonexistent/port" in said
    assert guard.ended() == 2
    assert not served.delivers
    assert kept(orders) == replace(LEFT, units=("SN2",))
    assert is_free(orders)


# The run's process


@pytest.fixture
def sleeper():
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as process:
        yield process
        process.kill()


def test_a_silent_run_is_killed_before_its_pumps_are_touched(guard_of, orders, served, sleeper, monkeypatch):
    monkeypatch.setattr(os, "getppid", lambda: sleeper.pid)
    delivered = []
    kill = os.kill
    monkeypatch.setattr(os, "kill", lambda *what: (delivered.append((served.delivers, *what)), kill(*what)))
    guard = guard_of(replace(orders, runner_pid=sleeper.pid))
    assert guard.answer() == {"ready": True}
    guard.die()
    assert sleeper.wait(WITHIN_S) == -signal.SIGKILL
    assert guard.ended() == 1
    assert delivered == [(True, sleeper.pid, signal.SIGKILL)]


def test_a_run_that_ends_as_it_is_killed_leaves_no_pump_delivering(
    guard_of, orders, served, sleeper, monkeypatch
):
    """Its lines close a moment before its parent is told: still the guard's parent, and then no process at all."""
    sleeper.kill()
    sleeper.wait(WITHIN_S)
    monkeypatch.setattr(os, "getppid", lambda: sleeper.pid)
    guard = guard_of(replace(orders, runner_pid=sleeper.pid))
    assert guard.answer() == {"ready": True}
    guard.die()
    assert guard.ended() == 1
    assert not served.delivers
    assert kept(orders) is None


def test_what_a_killed_run_writes_at_its_last_is_followed_by_the_safe_state(
    guard_of, orders, instrument, served, temporary, sleeper, monkeypatch
):
    """Its process takes its time to die (a disk that hangs), and the last write to its pump comes through."""
    monkeypatch.setattr(os, "getppid", lambda: sleeper.pid)
    guard = guard_of(replace(orders, silence_max_s=SHORT_S, runner_pid=sleeper.pid))
    assert guard.answer() == {"ready": True}
    guard.tell(watch=True)
    guard.tell(run=str(temporary / "runs" / "r1"))
    first = temporary / "runs" / "r1" / "guard.jsonl"
    wait_until(lambda: first.exists() and "guard_done" in first.read_text())
    assert not served.delivers
    driver = open_driver(instrument.driver, instrument.address, None, {}, WallClock(), lambda *_: None)
    driver.program(Prescription("continuous", rate_nl_h=500_000))
    driver.close()
    assert served.delivers
    guard.die()
    assert guard.ended() == 1
    assert not served.delivers
    assert kept(orders) is None
    acts = read_journal(first.with_name("guard-2.jsonl")).records[1]
    assert acts["because"] == "the run was silent for 0.3 s; once more, now that its process is gone"


def test_what_fails_in_the_guard_itself_stops_the_pump(guard_of, orders, served, temporary):
    guard = guard_of(orders)
    assert guard.answer() == {"ready": True}
    guard.tell(beat=1)  # says not for how long it was quiet
    guard.die()
    assert guard.ended() == 1
    assert not served.delivers
    assert "the guard itself failed (KeyError: 'quiet_s')" in deeds_in(temporary / "runs")[1]["because"]


def test_a_process_that_got_the_number_of_a_dead_run_is_left_alone(guard_of, orders, sleeper):
    guard = guard_of(replace(orders, runner_pid=sleeper.pid))
    assert guard.answer() == {"ready": True}
    guard.die()
    assert guard.ended() == 1
    assert sleeper.poll() is None


@pytest.mark.parametrize(
    ("address", "modules"),
    [
        ("serial:///dev/ttyS0", {"serial", "rig.transport.serial_link"}),
        ("visa:TCPIP::host::INSTR", {"pyvisa_py.highlevel", "rig.transport.visa_link"}),
        ("socket://host:1", {"rig.transport.socket_link"}),
    ],
)
def test_all_that_opening_needs_is_loaded_before(monkeypatch, address, modules):
    import importlib

    loaded = set()
    monkeypatch.setattr(importlib, "import_module", loaded.add)
    watch._load(InstrumentOrders("pump_rpu1", address, None, {}))
    assert modules <= loaded
