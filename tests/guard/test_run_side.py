"""The run's end of its guard: at the other end a guard that says what a test wants, and once a real one."""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import suppress
from pathlib import Path

import pytest

from rig.clock.wall import WallClock
from rig.errors import BenchBusy, RigError
from rig.guard import run_side
from rig.guard.kept import LeftBehind, keep, kept_file
from rig.guard.orders import Orders
from rig.guard.run_side import Guard

WITHIN_S = 20.0


class FarEnd:
    """A guard's process as the run sees it: two pipes, an end, a kill."""

    def __init__(self):
        from_run, to_guard = os.pipe()
        from_guard, to_run = os.pipe()
        self.stdin, self.stdout = os.fdopen(to_guard, "wb"), os.fdopen(from_guard, "rb")
        self._in, self._out = os.fdopen(from_run, "rb"), os.fdopen(to_run, "wb", buffering=0)
        self.heard = queue.SimpleQueue()
        self.beats = queue.SimpleQueue()
        self.killed, self.waited, self.echoes, self.obeys = 0, 0, True, True
        self.gone = threading.Event()
        self.answers = {}  # word of the run: what is said to it
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self._in:
            told = json.loads(line)
            if "beat" in told:
                self.beats.put(told)
                if self.echoes:
                    self.say(beat=told["beat"])
                continue
            self.heard.put(told)
            for word in told.keys() & self.answers.keys():
                for answer in self.answers[word]:
                    self.say(**answer)
        if self.obeys:
            self.die()

    def say(self, **message):
        with suppress(OSError, ValueError):
            self._out.write(json.dumps(message).encode() + b"\n")

    def die(self):
        if not self.gone.is_set():
            self.gone.set()
            self._out.close()

    def kill(self):
        self.killed += 1
        self.die()

    def wait(self, timeout=None):
        self.waited += 1
        if not self.gone.wait(timeout):
            raise subprocess.TimeoutExpired("guard", timeout)
        return 0

    def next(self):
        return self.heard.get(timeout=WITHIN_S)

    def close(self):
        with suppress(OSError):  # a last beat that nobody takes any more
            self.stdin.close()
        self.reader.join(WITHIN_S)
        self.die()
        for each in threading.enumerate():
            if each.name in ("guard", "heartbeat"):
                each.join(WITHIN_S)
        for end in (self._in, self.stdout):
            end.close()


READY = {"bench_id": [{"ready": True}]}


@pytest.fixture
def orders(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return Orders("line-3", str(tmp_path / "locks"), str(tmp_path), os.getpid(), 1.0, ())


@pytest.fixture
def far(monkeypatch):
    end = FarEnd()
    end.answers = dict(READY)
    end.started = []
    monkeypatch.setattr(
        subprocess, "Popen", lambda command, **how: (end.started.append((command, how)), end)[1]
    )
    yield end
    end.close()


@pytest.fixture
def asked():
    return queue.SimpleQueue()


@pytest.fixture
def start(orders, asked):
    guards = []

    def make(**changed):
        from dataclasses import replace

        guards.append(Guard.start(replace(orders, **changed), WallClock(), asked.put))
        return guards[-1]

    yield make
    for guard in guards:
        if not guard._over.is_set():
            guard.end([])


def test_it_is_told_its_orders_first_and_then_hears_beats(far, start, orders):
    guard = start()
    assert (guard.recovered, guard.lost) == ("", "")
    assert Orders.from_line(json.dumps(far.next()).encode()) == orders
    beats = [far.beats.get(timeout=WITHIN_S) for _ in range(3)]
    assert [beat["beat"] for beat in beats] == [1, 2, 3]
    assert {beat["quiet_s"] for beat in beats} == {0}


def test_it_is_a_process_of_a_session_of_its_own_and_of_this_python(far, start):
    start()
    [(command, how)] = far.started
    assert command == [sys.executable, "-P", "-m", "rig.guard"]
    assert how["start_new_session"] is True
    assert how["stdin"] == how["stdout"] == subprocess.PIPE
    assert how["creationflags"] == 0


def test_on_windows_it_has_a_group_of_its_own_and_no_window(far, start, monkeypatch):
    monkeypatch.setattr(sys, "platform", "win32")
    monkeypatch.setattr(subprocess, "CREATE_NEW_PROCESS_GROUP", 0x200, raising=False)
    monkeypatch.setattr(subprocess, "CREATE_NO_WINDOW", 0x08000000, raising=False)
    start()
    assert far.started[0][1]["creationflags"] == 0x08000200


def threads_of_a_guard():
    return [each for each in threading.enumerate() if each.name in ("guard", "heartbeat")]


def test_its_threads_keep_no_process_alive_and_end_with_it(far, start, asked):
    guard = start(silence_max_s=0.2)
    threads = threads_of_a_guard()
    assert sorted(each.name for each in threads) == ["guard", "heartbeat"]
    assert all(each.daemon for each in threads)
    guard.end([])
    for each in threads:
        each.join(WITHIN_S)
    assert threads_of_a_guard() == []
    assert asked.empty()


def test_a_guard_that_is_killed_in_the_end_was_not_lost(far, start, asked):
    guard = start()
    [listener] = [each for each in threads_of_a_guard() if each.name == "guard"]
    far.kill = lambda: (far.die(), listener.join(WITHIN_S))  # it is heard at once that it is gone
    guard.end(["SN1"])
    assert guard.lost == ""
    assert asked.empty()


def test_a_beat_says_for_how_long_the_quietest_task_has_shown_nothing(far, orders, asked):
    clock = WallClock()
    clock._shown_ns[1] = time.monotonic_ns() - 7_000_000_000
    guard = Guard.start(orders, clock, asked.put)
    assert 7 < far.beats.get(timeout=WITHIN_S)["quiet_s"] < 60
    guard.end([])


def test_what_it_is_told(far, start, tmp_path, monkeypatch):
    guard = start()
    far.next()
    with guard.watching():
        assert far.next() == {"watch": True}
    assert far.next() == {"watch": False}
    with pytest.raises(ZeroDivisionError), guard.watching():
        raise ZeroDivisionError
    assert (far.next(), far.next()) == ({"watch": True}, {"watch": False})
    monkeypatch.chdir(tmp_path)
    guard.tell_run_folder(Path("runs/r1"))
    assert far.next() == {"run": str(tmp_path / "runs" / "r1")}


def test_in_the_end_it_is_told_so_and_waited_for(far, start, orders, asked):
    guard = start()
    far.next()
    far.answers["end"] = [{"ended": True}]
    guard.end([])
    assert far.next() == {"end": True}
    assert far.gone.is_set()
    assert far.stdin.closed
    assert far.killed == 0
    assert guard.lost == ""
    assert asked.empty()


def test_with_pumps_that_are_not_safe_it_is_killed_and_what_is_kept_stays(far, start, orders):
    guard = start()
    far.next()
    file = kept_file(orders.lock_folder_path, "line-3")
    orders.lock_folder_path.mkdir()
    keep(file, LeftBehind(("SN1",), "", 1, "now"))
    guard.end(["SN1"])
    assert far.killed == 1
    assert far.heard.empty()
    assert file.exists()


def test_of_a_guard_that_is_lost_the_run_forgets_what_was_kept(far, start, orders, asked):
    guard = start()
    file = kept_file(orders.lock_folder_path, "line-3")
    orders.lock_folder_path.mkdir()
    keep(file, LeftBehind(("SN1",), "", 1, "now"))
    far.die()
    assert asked.get(timeout=WITHIN_S) == (
        "the guard died: nothing would make the pumps safe if the run died too"
    )
    assert guard.lost == "the guard died"
    assert guard.make_safe(["SN1"]) == ["SN1"]
    guard.end([])
    assert not file.exists()
    assert asked.empty()


def test_one_that_does_not_end_is_killed(far, start, monkeypatch):
    monkeypatch.setattr(run_side, "ENDED_WITHIN_S", 0.05)
    guard = start()
    far.obeys = False
    guard.end([])
    assert far.killed == 1
    assert far.waited == 2  # for what is left of it too


def test_one_that_does_not_answer_its_beats_is_killed_and_that_is_told(far, start, asked):
    guard = start(silence_max_s=0.3)
    assert far.beats.get(timeout=WITHIN_S)
    far.echoes = False
    assert asked.get(timeout=WITHIN_S).startswith("the guard did not answer for 0.3 s: nothing would make")
    assert far.killed == 1
    assert guard.lost == "the guard did not answer for 0.3 s"
    sent = 0
    while not far.beats.empty():
        sent = far.beats.get()["beat"]
    assert 3 <= sent - guard._echoed <= 4
    time.sleep(0.3)
    assert far.beats.empty()
    guard.end([])
    assert asked.empty()  # told once


def test_one_that_answers_is_not_lost_however_long_it_takes(far, start, asked):
    guard = start(silence_max_s=0.25)
    for _ in range(8):
        far.beats.get(timeout=WITHIN_S)
    assert guard.lost == ""
    assert asked.empty()


def test_pumps_that_it_could_not_make_safe_are_named(far, start):
    guard = start()
    far.next()
    far.answers["make_safe"] = [{"unsafe": ["SN2"]}]
    assert guard.make_safe(["SN1", "SN2"]) == ["SN2"]
    assert far.next() == {"make_safe": ["SN1", "SN2"]}
    far.answers["make_safe"] = [{"strange": True}]
    assert guard.make_safe(["SN1"]) == ["SN1"]


def test_without_an_answer_no_pump_counts_as_safe(far, start, monkeypatch):
    monkeypatch.setattr(run_side, "ENDED_WITHIN_S", 0.05)
    guard = start()
    assert guard.make_safe(["SN1"]) == ["SN1"]
    monkeypatch.setattr(run_side, "ENDED_WITHIN_S", 3600.0)  # if it waited for that, it would hang here
    threading.Timer(0.1, far.die).start()
    assert guard.make_safe(["SN1"]) == ["SN1"]


def test_a_wish_to_end_is_handed_to_the_run_and_answered(far, start, asked):
    start()
    far.next()
    far.say(abort="fire drill")
    assert asked.get(timeout=WITHIN_S) == "fire drill"
    assert far.next() == {"heard": "fire drill"}


@pytest.mark.parametrize(("held", "kind"), [(True, BenchBusy), (False, RigError), (None, RigError)])
def test_one_that_cannot_do_its_work_says_why_and_is_gone(far, start, asked, held, kind):
    told = {"busy": "held by process 7"} | ({} if held is None else {"held": held})
    far.answers["bench_id"] = [told, {"ready": True}]
    with pytest.raises(RigError, match="held by process 7") as error:
        start()
    assert type(error.value) is kind
    assert far.gone.is_set()
    assert asked.empty()


def test_one_that_ends_before_it_is_ready_did_not_start(far, start, asked):
    far.answers["bench_id"] = []
    threading.Timer(0.05, far.die).start()
    with pytest.raises(RigError, match="the guard did not start; nothing was sent"):
        start()


def test_one_that_is_slow_to_be_ready_did_not_start(far, start, monkeypatch):
    monkeypatch.setattr(run_side, "STARTED_WITHIN_S", 0.05)
    far.answers["bench_id"] = []
    with pytest.raises(RigError, match="the guard did not start; nothing was sent"):
        start()
    assert far.gone.is_set()


def test_a_process_that_cannot_be_made_is_told(start, monkeypatch):
    def refuse(*_, **__):
        raise FileNotFoundError(2, "No such file")

    monkeypatch.setattr(subprocess, "Popen", refuse)
    with pytest.raises(RigError, match="the guard cannot be started: No such file"):
        start()


@pytest.mark.parametrize(
    ("made", "gone", "words"),
    [
        (
            ["SN1", "SN2"],
            [],
            "it was so; before anything else the safe state was made and confirmed: SN1, SN2",
        ),
        (
            [],
            ["SN7", "SN8"],
            "it was so; before anything else the safe state was made and confirmed: no pump of this bench; "
            "NOT REACHED, since no longer on this bench: SN7, SN8",
        ),
    ],
)
def test_what_it_had_to_make_safe_before_is_told_in_words(far, start, made, gone, words):
    recovered = {"recovered": made, "gone": gone, "because": "it was so", "run_folder": ""}
    far.answers["bench_id"] = [recovered, {"ready": True}]
    assert start().recovered == words


def test_a_real_one_holds_its_lock_until_it_is_told_the_end(orders, asked):
    from rig.record.lock import GUARD, BenchLock

    guard = Guard.start(orders, WallClock(), asked.put)
    lock = BenchLock("line-3", orders.lock_folder_path, (GUARD,))
    with pytest.raises(BenchBusy):
        lock.acquire(None)
    with pytest.raises(BenchBusy):
        Guard.start(orders, WallClock(), asked.put)
    assert os.getsid(guard._process.pid) == guard._process.pid
    guard.end([])
    assert guard._process.returncode == 0
    lock.acquire(None)
    lock.release()
    assert asked.empty()
