"""A run and its guard, one fault or wish at a time."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from rig.errors import RigError
from rig.guard.control import ask_to_end, control_file


@pytest.fixture(scope="module")
def place(fault_bench):
    return fault_bench("alone", "1 s")


@pytest.fixture
def delivering(place):
    """A run whose pump delivers. Whatever a test did to it, it is gone afterwards."""
    run = place.start()
    run.wait_until_it_delivers()
    yield run
    place.served.deaf = False
    if Path(f"/proc/{run.pid}").exists():
        run.signal(signal.SIGKILL)
        run.wait()
    place.wait_until_free()


@pytest.fixture
def as_its_user(place, monkeypatch):
    """This process looks where the run's guard left its control file."""
    monkeypatch.setattr(tempfile, "tempdir", str(place.home / "tmp"))


def rig(place, *arguments):
    command = [sys.executable, "-c", "import sys; from rig.cli import main; sys.exit(main())", *arguments]
    environment = {**os.environ, "TMPDIR": str(place.home / "tmp")}
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


def last_record(run):
    return run.journal[-1]


def test_rig_stop_ends_the_run_in_order_and_says_who_and_why(place, delivering):
    asked = rig(place, "stop", str(place.served.bench), "--reason", "fire drill")
    assert (asked.returncode, asked.stderr) == (0, "")
    assert delivering.wait() == 2
    assert not place.served.delivers
    assert (last_record(delivering)["kind"], last_record(delivering)["outcome"]) == ("run_closed", "ABORTED")
    assert "with rig stop: fire drill" in last_record(delivering)["reason"]


def test_without_a_run_there_is_nobody_to_ask(place):
    place.wait_until_free()
    asked = rig(place, "stop", "alone")
    assert asked.returncode == 3
    assert "no run of this user on bench 'alone' has a guard" in asked.stderr


def test_who_has_no_token_is_refused(place, delivering, as_its_user):
    file = control_file("alone")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700
    told = file.read_text()
    file.write_text(told.replace('"token": "', '"token": "0'))
    with pytest.raises(RigError, match="wrong token"):
        ask_to_end("alone", "mischief")
    file.write_text(told)
    with pytest.raises(RigError, match="no reason is given"):
        ask_to_end("alone", " ")
    assert place.served.delivers
    ask_to_end("alone", "with the token")
    assert delivering.wait() == 2


def test_a_run_that_does_not_answer_a_wish_to_end_is_ended(place, delivering, as_its_user):
    delivering.signal(signal.SIGSTOP)
    ask_to_end("alone", "please")
    assert delivering.wait() == -signal.SIGKILL
    place.wait_until_free()
    assert not place.served.delivers


def test_a_guard_that_does_not_answer_is_as_good_as_dead(place, delivering):
    os.kill(delivering.guard_pid(), signal.SIGSTOP)
    assert delivering.wait() == 2
    assert not place.served.delivers
    assert "the guard did not answer for 1 s" in last_record(delivering)["reason"]
    assert place.left_behind == []
    place.wait_until_free()


def test_the_bench_stays_locked_until_the_pump_is_safe(place, delivering):
    place.served.deaf = True
    delivering.signal(signal.SIGKILL)
    delivering.wait()
    delivering.wait_for(lambda: delivering.deeds and delivering.deeds[-1]["kind"] == "pump_not_safe_yet")
    assert place.served.delivers
    refused = rig(
        place, "run", str(place.plan), "--bench", str(place.served.bench), "--runs", str(place.home / "x")
    )
    assert refused.returncode == 4
    assert "its guard makes the pumps safe: the run died" in refused.stderr
    place.served.deaf = False
    place.wait_until_free()
    assert not place.served.delivers
    kinds = [deed["kind"] for deed in delivering.deeds]
    assert kinds == ["guard", "guard_acts", "pump_not_safe_yet", "pump_safe", "guard_done"]


def test_a_start_that_cannot_make_safe_what_was_left_does_not_begin(place, delivering):
    guard = delivering.guard_pid()
    for pid in (guard, delivering.pid):
        os.kill(pid, signal.SIGKILL)
    delivering.wait()
    place.wait_until_free()
    place.served.deaf = True
    second = place.start()
    assert second.wait() == 3
    assert "SIM-0001 could not be put in the safe state" in second.said
    assert second.folder is None
    assert len(place.left_behind) == 1  # for the next one
    place.served.deaf = False
    third = place.start()
    third.wait_for(lambda: not place.served.delivers)
    third.wait_until_it_delivers()
    third.signal(signal.SIGINT)
    assert third.wait() == 2
    assert place.left_behind == []


def test_a_pump_the_run_cannot_make_safe_is_left_to_the_guard(place, delivering):
    place.served.deaf = True
    delivering.signal(signal.SIGTERM)
    delivering.wait_for(lambda: "case_finished" in [record["kind"] for record in delivering.journal])
    place.served.deaf = False
    assert delivering.wait() == 2
    place.wait_until_free()
    assert not place.served.delivers
    assert "the guard tried the safe state again: SIM-0001 confirmed" in delivering.said
    assert place.left_behind == []


def test_what_stops_the_runs_whole_group_does_not_stop_its_guard(place, delivering):
    """As Ctrl-Z at a terminal does: the guard has a session of its own."""
    os.killpg(delivering.pid, signal.SIGSTOP)
    at = time.monotonic()
    assert delivering.wait() == -signal.SIGKILL
    place.wait_until_free()
    assert not place.served.delivers
    assert place.served.unsafe_until - at < 10
