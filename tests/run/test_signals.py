"""Ctrl-C, SIGTERM and SIGHUP, once or thrice, early or late: the pumps stop, the record is sealed."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import time
from pathlib import Path

import pytest

from rig.clock.wall import WallClock
from rig.drivers.pump_rpu1 import Rpu1Pump
from rig.record.lock import BenchLock
from rig.record.verify import verify_run
from rig.transport.open import open_link

PLAN = """
[plan]
id = "endless"
revision = "A"
title = "Longer than anybody waits"

[[case]]
id = "on-and-on"
procedure = "flow_accuracy"
title = "On and on"
verifies = ["SRS-000"]
rate = "{rate}"
relax = "1 s"
blank = "1 s"
settle = "{settle}"
sample = {{ every = "{every}", for = "{duration}" }}
flow_every = "1 s"
windows = ["{every}"]
accept = {{ mean_error = "within 50 %", alarms = "none" }}

[[case]]
id = "never-begun"
procedure = "flow_accuracy"
title = "Never begun"
verifies = ["SRS-000"]
rate = "{rate}"
relax = "1 s"
blank = "1 s"
settle = "{settle}"
sample = {{ every = "{every}", for = "{duration}" }}
windows = ["{every}"]
accept = {{ mean_error = "within 50 %", alarms = "none" }}
"""
SIGNALS = {
    "SIGINT": ["SIGINT"],
    "SIGTERM": ["SIGTERM"],
    "SIGHUP": ["SIGHUP"],
    "SIGINT thrice": ["SIGINT"] * 3,
}
ON_TERMINALS = ("SIGTERM", "SIGINT thrice")
MOMENTS_S = (0.0, 0.2, 0.4, 0.8)  # after the command has begun to work

pytestmark = pytest.mark.usefixtures("needs_posix")


@pytest.fixture(scope="session")
def virtual_plan(tmp_path_factory):
    """Years of virtual time."""
    path = tmp_path_factory.mktemp("endless") / "endless.plan.toml"
    path.write_text(PLAN.format(rate="2 uL/h", settle="1 h", every="15 min", duration="5000 h"), "utf-8")
    return path


@pytest.fixture(scope="session")
def wall_plan(tmp_path_factory):
    """An hour of wall time."""
    path = tmp_path_factory.mktemp("endless") / "endless.plan.toml"
    path.write_text(PLAN.format(rate="1 mL/h", settle="1 s", every="1 s", duration="1 h"), "utf-8")
    return path


def is_sampling(folder):
    return '"name":"sample"' in (folder / "journal.jsonl").read_text("utf-8")


def send(process, names, *, to_all=False):
    for name in names:
        (os.killpg if to_all else os.kill)(process.pid, getattr(signal, name))
        time.sleep(0.05)


def interrupt(rig, plan, bench, names, *, to_all=False, seen=is_sampling):
    """Start a run, send the signals as soon as ``seen`` is true of its folder, wait for its end."""
    process = rig.start_run(plan, bench, new_group=True)
    rig.wait_for(seen)
    send(process, names, to_all=to_all)
    return rig.ended(process)


def interrupt_after(rig, plan, bench, after_s):
    """Start a run, interrupt it after a while whatever it does then, wait for its end."""
    process = rig.start_run(plan, bench, new_group=True)
    while not any((rig.home / "tmp").iterdir()):
        time.sleep(0.001)
    time.sleep(after_s)
    send(process, ["SIGINT"], to_all=True)
    return rig.ended(process)


def interrupt_served(rig, plan, bench, names):
    """The same with the instruments on pseudo-terminals; then what each pump itself says."""
    with rig.serve(bench) as told:
        ended = interrupt(rig, plan, Path(told["bench"]), names)
        addresses = {name: entry["address"] for name, entry in told["instruments"].items()}
        states = [ask_pump(addresses[f"{unit}/pump"]) for unit in ("SIM-0001", "SIM-0002")]
    return ended, states


def ask_pump(address):
    pump = Rpu1Pump(open_link(address, WallClock(), lambda *_: None, baud=115_200))
    try:
        return pump.interrogate()
    finally:
        pump.close()


@pytest.fixture(scope="session")
def two_pumps(write_bench, tmp_path_factory):
    return write_bench(tmp_path_factory.mktemp("pumps"), "", "", bench_id="two-pumps")


@pytest.fixture(scope="module")
def in_virtual_time(new_rig, virtual_plan, two_pumps, side_by_side):
    return {
        how: side_by_side(
            interrupt, new_rig("virtual"), virtual_plan, two_pumps, names, to_all=len(names) > 1
        )
        for how, names in SIGNALS.items()
    }


@pytest.fixture(scope="module")
def on_terminals(new_rig, wall_plan, two_pumps, side_by_side):
    return {
        how: side_by_side(interrupt_served, new_rig("terminals"), wall_plan, two_pumps, names)
        for how, names in SIGNALS.items()
        if how in ON_TERMINALS
    }


@pytest.fixture(scope="module")
def at_any_moment(new_rig, virtual_plan, two_pumps, side_by_side):
    return {
        after_s: side_by_side(interrupt_after, new_rig("sometime"), virtual_plan, two_pumps, after_s)
        for after_s in MOMENTS_S
    }


@pytest.fixture(scope="module", autouse=True)
def begun_together(in_virtual_time, on_terminals, at_any_moment):
    """They mostly wait for one another."""


def check_aborted(ended, reason):
    """Everything that must hold of an aborted run but the state of the pumps."""
    assert ended.status == 2, ended.told
    assert "Traceback" not in ended.told + ended.out
    assert ended.results["outcome"] == "ABORTED"
    assert "ABORTED" in ended.out
    closed = ended.journal[-1]
    assert (closed["kind"], closed["outcome"]) == ("run_closed", "ABORTED")
    assert reason in closed["reason"]
    assert {case["id"] for case in ended.results["cases"]} == {"on-and-on"}
    assert {case["ended"] for case in ended.results["cases"]} == {"aborted"}
    assert {case["outcome"] for case in ended.results["cases"]} == {"ABORTED"}
    assert "ABORTED" in (ended.folder / "report.html").read_text("utf-8")
    assert (ended.folder / "report.pdf").read_bytes().startswith(b"%PDF")
    with BenchLock("two-pumps", ended.runs.parent / "tmp" / "infusion-rig-locks"):
        pass
    assert verify_run(ended.folder) == []


def last_states(ended):
    """The last that each pump said in this run."""
    return {line["unit"]: line for line in ended.journal if line["kind"] == "pump_state"}


@pytest.mark.parametrize("how", SIGNALS)
def test_a_run_in_virtual_time_ends_in_order(in_virtual_time, how):
    ended = in_virtual_time[how].result()
    check_aborted(ended, f"stopped by {how.split()[0]}")
    states = last_states(ended)
    assert set(states) == {"SIM-0001", "SIM-0002"}
    for state in states.values():
        assert (state["mode"], state["running"], state["rate_nl_h"]) == ("stop", False, 0)
        assert state["delivered_nl"] > 0


@pytest.mark.parametrize("how", ON_TERMINALS)
def test_a_run_on_pseudo_terminals_leaves_the_pumps_stopped(on_terminals, how):
    ended, states = on_terminals[how].result()
    check_aborted(ended, f"stopped by {how.split()[0]}")
    assert len(states) == 2
    for state in states:
        assert (state.mode, state.running, state.rate_nl_h) == ("stop", False, 0)
        assert state.delivered_nl > 0


def test_ctrl_c_while_the_report_is_built_takes_nothing_from_it(new_rig, short_plan, two_pumps):
    def is_closed(folder):
        return '"kind":"run_closed"' in (folder / "journal.jsonl").read_text("utf-8")

    ended = interrupt(new_rig("late"), short_plan, two_pumps, ["SIGINT"] * 3, to_all=True, seen=is_closed)
    assert ended.status == 0, ended.told
    assert "Traceback" not in ended.told
    assert ended.results["outcome"] == "PASS"
    assert verify_run(ended.folder) == []


def test_ctrl_c_while_the_report_of_the_first_plan_is_built_does_not_begin_the_second(
    new_rig, short_plan, two_pumps, wall_plan
):
    def is_closed(folder):
        return '"kind":"run_closed"' in (folder / "journal.jsonl").read_text("utf-8")

    rig = new_rig("between")
    process = rig.start(
        "run", short_plan, wall_plan, "--bench", two_pumps, "--runs", rig.home / "runs", new_group=True
    )
    rig.wait_for(is_closed)
    send(process, ["SIGINT"])
    ended = rig.ended(process)
    assert ended.status == 2, ended.told
    assert "Traceback" not in ended.told
    assert ended.results["outcome"] == "PASS"
    assert ended.results["plan"]["id"] == "short"


@pytest.mark.parametrize("name", ["SIGINT", "SIGTERM"])
def test_a_signal_before_the_first_case_ends_the_run_and_its_record(new_rig, short_plan, two_pumps, name):
    """The balance does not answer; while the rig waits for it, somebody loses patience."""
    rig = new_rig("early")
    with rig.serve(two_pumps) as told:
        deaf, its_name = os.openpty()
        bench = rig.home / "silent.bench.toml"
        address = told["instruments"]["SIM-0001/balance"]["address"]
        bench.write_text(
            Path(told["bench"]).read_text("utf-8").replace(address, f"serial://{os.ttyname(its_name)}")
        )
        ended = interrupt(rig, short_plan, bench, [name], seen=lambda folder: True)
        os.close(deaf)
        os.close(its_name)
    assert ended.status == 2, ended.told
    assert "Traceback" not in ended.told
    assert f"stopped by {name}" in ended.told
    closed = ended.journal[-1]
    assert (closed["kind"], closed["reason"]) == ("run_closed", f"stopped by {name}")


@pytest.mark.parametrize("after_s", MOMENTS_S)
def test_a_signal_at_any_moment_leaves_nothing_half_done(at_any_moment, after_s):
    ended = at_any_moment[after_s].result()
    assert ended.status == 2, ended.told
    assert "Traceback" not in ended.told
    for folder in ended.runs.glob("*"):
        assert '"kind":"run_closed"' in (folder / "journal.jsonl").read_text("utf-8")


def test_closing_the_terminal_is_like_any_other_end(new_rig, virtual_plan, two_pumps):
    import fcntl
    import termios

    rig = new_rig("window")
    ours, theirs = os.openpty()
    command = rig.command("run", virtual_plan, "--bench", two_pumps, "--runs", rig.home / "runs")
    process = subprocess.Popen(
        command,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env=rig.environment(TERM="xterm"),
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),  # noqa: PLW1509
    )
    os.close(theirs)
    while not any(is_sampling(folder) for folder in (rig.home / "runs").glob("*/")):
        if select.select([ours], [], [], 60)[0]:
            os.read(ours, 4096)
    os.close(ours)
    assert process.wait(60) == 2
    (folder,) = (rig.home / "runs").iterdir()
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert results["outcome"] == "ABORTED"
    assert verify_run(folder) == []


def test_killing_the_command_ends_its_run_in_order(new_rig, virtual_plan, two_pumps):
    """kill -9 of ``rig run``: nobody passes signals on any more, and its child is the run."""
    rig = new_rig("orphan")
    process = rig.start_run(virtual_plan, two_pumps, new_group=True)
    rig.wait_for(is_sampling)
    process.kill()
    ended = rig.ended(process)  # its standard error is the child's too, and ends with it
    assert ended.status == -signal.SIGKILL
    assert ended.results["outcome"] == "ABORTED"
    assert ended.journal[-1]["reason"] == "the command 'rig run' is gone"
    assert verify_run(ended.folder) == []
    for state in last_states(ended).values():
        assert (state["mode"], state["running"]) == ("stop", False)
