"""A bench whose pump answers in this process, on a pseudo-terminal, and can be watched; runs on it that may be hurt."""

from __future__ import annotations

import json
import os
import random
import selectors
import shutil
import signal
import struct
import subprocess
import sys
import threading
import time
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from rig.definitions.bench_file import load_bench
from rig.errors import BenchBusy
from rig.record.journal_reader import read_journal
from rig.record.lock import BenchLock
from rig.record.verify import verify_run
from rig.sim.build import simulate
from rig.sim.served.paced import PacedClock
from rig.sim.served.ports import PseudoTerminal

REPOSITORY = Path(__file__).resolve().parents[2]
WITHIN_S = 60.0

BENCH = """
[bench]
id = "{bench_id}"
silence_max = "{silence_max}"
if_both_die = "none"

[[unit]]
serial = "SIM-0001"
profile = "{profile}"
pump = {{ driver = "pump_rpu1", address = "{pump}", simulated = true }}

[unit.balance]
driver = "balance_mt_sics"
address = "{balance}"
simulated = true
resolution = "0.01 mg"
repeatability = "0.02 mg"
linearity = "0.05 mg"
drift_24h = "0.1 mg"
"""
PLAN = """
[plan]
id = "hurt"
revision = "A"
title = "Longer than anybody waits"

[[case]]
id = "on-and-on"
procedure = "flow_accuracy"
title = "On and on"
rate = "1 mL/h"
relax = "0.1 s"
blank = "0.1 s"
settle = "0.1 s"
sample = { every = "0.1 s", for = "1 h" }
windows = ["0.1 s"]
accept = { mean_error = "within 50 %" }
"""


class ServedPump:
    """Pump and balance of one unit behind pseudo-terminals, with what the pump did and when."""

    def __init__(self, folder: Path, bench_id: str, silence_max: str) -> None:
        profile = REPOSITORY / "fixtures" / "pumps" / "reference-40ml.toml"
        ports = {role: f"serial://{folder}/{role}" for role in ("pump", "balance")}
        self.bench = folder / f"{bench_id}.bench.toml"
        self.bench.write_text(
            BENCH.format(bench_id=bench_id, silence_max=silence_max, profile=profile, **ports)
        )
        self.unsafe_until = 0.0  # when the pump was last seen to deliver
        self.deaf = False  # the pump's line takes bytes and gives none
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._serve, args=(folder,), daemon=True)
        self._ready = threading.Event()
        self._thread.start()
        assert self._ready.wait(WITHIN_S)

    def _serve(self, folder: Path) -> None:
        clock, selector = PacedClock(), selectors.DefaultSelector()
        world = simulate(load_bench(self.bench), clock)
        self.pump = world.units["SIM-0001"].pump
        ports = []
        for role in ("pump", "balance"):
            device = world.port("SIM-0001", role)

            def heard(data: bytes, device=device) -> None:
                clock.advance()
                if not (self.deaf and device is self.pump):
                    device.receive(data)

            port = PseudoTerminal(selector, folder / role, heard)
            device.attach(lambda at_ns, data, port=port: clock.call_at(at_ns, lambda: port.write(data)))
            ports.append(port)
        self._ready.set()
        while not self._ended.is_set():
            clock.advance()
            if self.pump.unit.mode != "STOP":
                self.unsafe_until = time.monotonic()
            for key, _ in selector.select(min(clock.seconds_to_next() or 0.005, 0.005)):
                key.data()
        for port in ports:
            port.close()

    @property
    def delivers(self) -> bool:
        return self.pump.unit.mode != "STOP"

    def close(self) -> None:
        self._ended.set()
        self._thread.join()


@dataclass
class HurtRun:
    """One run on a :class:`FaultBench`, and what was left of it."""

    place: FaultBench
    pid: int
    runs: Path

    @property
    def acknowledged(self) -> int:
        path = self.runs.parent / "acknowledged"
        return struct.unpack("<q", path.read_bytes())[0] if path.exists() and path.stat().st_size else 0

    @property
    def said(self) -> str:
        return (self.runs.parent / "log").read_text("utf-8")

    @property
    def folder(self) -> Path | None:
        """Its run folder, once it has one with a journal."""
        found = [path.parent for path in self.runs.glob("*/journal.jsonl")]
        return found[0] if found else None

    @property
    def journal(self) -> list:
        """Its records; the chain must hold, and nothing that was acknowledged be missing."""
        if self.folder is None:
            assert self.acknowledged == 0
            return []
        records = list(read_journal(self.folder / "journal.jsonl").records)
        assert len(records) >= self.acknowledged
        return records

    @property
    def deeds(self) -> list:
        """What the guard wrote, beside the run's journal or beside the run folders."""
        files = sorted(self.runs.rglob("guard*.jsonl"))
        return [record for file in files for record in read_journal(file).records]

    def signal(self, number: int) -> float:
        """Send it; the instant just before."""
        at = time.monotonic()
        os.kill(self.pid, number)
        return at

    def guard_pid(self) -> int:
        """Its guard, by the kernel's list of its children."""
        found = []
        self.wait_for(lambda: found.extend(self._children()) or found)
        return found[0]

    def _children(self) -> list[int]:
        tasks = Path(f"/proc/{self.pid}/task").iterdir()
        return [int(child) for task in tasks for child in (task / "children").read_text().split()]

    def wait_for(self, seen) -> None:
        until = time.monotonic() + WITHIN_S
        while not seen():
            assert time.monotonic() < until, self.said
            time.sleep(0.005)

    def wait_until_it_delivers(self) -> None:
        self.wait_for(lambda: self.place.served.delivers)

    def wait(self) -> int:
        """Its exit status; minus the signal that ended it."""
        return self.place.wait(self.pid)

    def cut_the_power(self) -> None:
        """Of this run and its guard at one moment, wherever they are."""
        os.kill(self.pid, signal.SIGSTOP)
        family = [self.pid, *self._children()]
        for number in (signal.SIGSTOP, signal.SIGKILL):
            for pid in family:
                os.kill(pid, number)
        self.wait()
        self.place.wait_until_free()

    @property
    def results(self) -> dict:
        return json.loads((self.folder / "results.json").read_bytes())


@dataclass
class FaultBench:
    """A served pump, a fork server, and locks of its own."""

    home: Path
    bench_id: str
    silence_max: str
    random: random.Random
    runs_made: int = field(default=0, init=False)

    def __post_init__(self) -> None:
        (self.home / "tmp").mkdir(parents=True)
        self.plan = self.home / "hurt.plan.toml"
        self.plan.write_text(PLAN)
        self.served = ServedPump(self.home, self.bench_id, self.silence_max)
        own = {"TMPDIR": str(self.home / "tmp"), "XDG_STATE_HOME": str(self.home / "state")}
        self.server = subprocess.Popen(
            [sys.executable, str(Path(__file__).with_name("fork_server.py"))],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env={**os.environ, **own},
        )

    def ask(self, order: dict) -> dict:
        self.server.stdin.write(json.dumps(order) + "\n")
        self.server.stdin.flush()
        return json.loads(self.server.stdout.readline())

    def start(self, **order) -> HurtRun:
        self.runs_made += 1
        self.served.pump.unit.log.clear()  # of a thousand runs before it takes ten seconds to read
        folder = self.home / f"run-{self.runs_made}"
        folder.mkdir()
        told = {
            "bench": str(self.served.bench),
            "plan": str(self.plan),
            "runs": str(folder / "runs"),
            "log": str(folder / "log"),
            "acknowledged": str(folder / "acknowledged"),
        }
        return HurtRun(self, self.ask(told | order)["pid"], folder / "runs")

    def wait(self, pid: int) -> int:
        return self.ask({"wait": pid})["status"]

    def closing(self, folder: Path) -> int:
        """Its process closes a run as it lies; its number."""
        return self.ask({"close": str(folder), "log": str(self.home / "closing.log")})["pid"]

    @property
    def lock(self) -> BenchLock:
        return BenchLock(self.bench_id, self.home / "tmp" / "infusion-rig-locks")

    def wait_until_free(self) -> None:
        """Until the bench can be had again, and no guard that was born as its run died is left to take it once more."""
        until = time.monotonic() + WITHIN_S
        while True:
            try:
                with self.lock:
                    if not self._has_guards():
                        return
            except BenchBusy:
                pass
            assert time.monotonic() < until, "the bench stays locked"
            time.sleep(0.01)

    def _has_guards(self) -> bool:
        """By the environment that every process of this bench has."""
        ours = f"TMPDIR={self.home / 'tmp'}".encode()
        for process in Path("/proc").glob("[0-9]*"):
            with suppress(OSError):
                is_guard = b"rig.guard" in (process / "cmdline").read_bytes()
                if is_guard and ours in (process / "environ").read_bytes().split(b"\0"):
                    return True
        return False

    @property
    def left_behind(self) -> list[Path]:
        """What a next start would find."""
        return list((self.home / "tmp" / "infusion-rig-locks").glob("*.watched.json"))

    def close(self) -> None:
        with self.server as server:
            server.stdin.close()
            server.wait(WITHIN_S)
        self.served.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory):
    """One served pump for the tests of a module, without a process of its own."""
    if sys.platform != "linux":
        pytest.skip("pseudo-terminals")
    pump = ServedPump(tmp_path_factory.mktemp("served"), "bench", "1 s")
    yield pump
    pump.close()


@pytest.fixture(scope="session")
def fault_bench(tmp_path_factory):
    """Make a :class:`FaultBench`; all are closed in the end."""
    if sys.platform != "linux":
        pytest.skip("pseudo-terminals, fork and /proc")
    made = []

    def make(bench_id: str, silence_max: str = "1 s", seed: int = 1) -> FaultBench:
        home = tmp_path_factory.mktemp("fault") / bench_id
        made.append(FaultBench(home, bench_id, silence_max, random.Random(seed)))
        return made[-1]

    yield make
    for place in made:
        place.close()


@dataclass
class Trial:
    """What one trial showed. ``latency_s``: from the blow until the pump was last seen to deliver."""

    latency_s: float
    status: int
    run: HurtRun
    did_deliver: bool = True  # when it was hurt


@pytest.fixture(scope="session")
def blows():
    """The faults, by name: each a function of a FaultBench that returns a Trial, in which all that must hold held."""
    return {
        "runner killed": runner_killed,
        "runner frozen": runner_frozen,
        "dead loop": dead_loop,
        "guard killed": guard_killed,
        "both killed": both_killed,
        "recovery killed": recovery_killed,
        "closing killed": closing_killed,
        "command killed": command_killed,
        **{
            f"{name} {'once' if times == 1 else 'thrice'}": ordered_end(getattr(signal, name), times)
            for name in ("SIGTERM", "SIGHUP", "SIGINT")
            for times in (1, 3)
        },
    }


def ended(place: FaultBench, run: HurtRun, at: float) -> Trial:
    """The bench is free, its pump stopped, the record whole, and nothing is left for the next start."""
    status = run.wait()
    place.wait_until_free()
    assert not place.served.delivers, what_is_left(run)
    assert place.left_behind == []
    assert run.journal is not None
    return Trial(max(0.0, place.served.unsafe_until - at), status, run)


def what_is_left(run: HurtRun) -> str:
    """For whoever has to find out why: what the guard did, the last records, the last bytes to and from the pump."""
    wires = sorted(run.runs.rglob("wire/*pump*"))
    tails = [f"{path.name}: {path.read_bytes()[-1500:]!r}" for path in wires]
    return "\n".join([run.said, *map(str, run.deeds), *map(str, run.journal[-5:]), *tails])


def check_made_safe(run: HurtRun, because: str) -> None:
    """By the guard, in its own words."""
    assert [deed["unsafe"] for deed in run.deeds if deed["kind"] == "guard_done"] == [[]]
    assert [deed["pump"]["mode"] for deed in run.deeds if deed["kind"] == "pump_safe"] == ["stop"]
    assert because in run.said


def check_closes(run: HurtRun) -> None:
    """The record that a killed run left becomes closed evidence, and verifies; if it had begun at all."""
    if run.folder is None:
        return
    kinds = [record["kind"] for record in run.journal]
    status = run.place.wait(run.place.closing(run.folder))
    if "run_opened" not in kinds:
        assert (status, "case_started" in kinds) == (4, False)
        return
    assert status == 0, (run.place.home / "closing.log").read_text("utf-8")
    assert verify_run(run.folder) == []
    assert run.results["outcome"] == "ABORTED"
    assert (run.folder / "exports" / "junit.xml").exists()


def check_aborted(trial: Trial, reason: str) -> None:
    assert verify_run(trial.run.folder) == []
    records = trial.run.journal
    closed = records[-1]
    assert (trial.status, closed["kind"], closed["outcome"]) == (2, "run_closed", "ABORTED"), trial.run.said
    assert closed["reason"].startswith(reason)
    assert ("step", "safe_state") in [(record["kind"], record.get("name")) for record in records]
    acts = [deed["because"] for deed in trial.run.deeds if deed["kind"] == "guard_acts"]
    assert [because for because in acts if "and its guard are gone" not in because] == []


def runner_killed(place: FaultBench) -> Trial:
    """Half of them at any instant from its first on, half while its pump delivers."""
    run = place.start()
    if place.random.random() < 0.5:
        time.sleep(place.random.uniform(0, 1.5))
    else:
        run.wait_until_it_delivers()
        time.sleep(place.random.uniform(0, 1))
    did_deliver = place.served.delivers
    trial = ended(place, run, run.signal(signal.SIGKILL))
    if run.folder is not None:
        check_made_safe(run, "the run died")
    check_closes(run)
    return replace(trial, did_deliver=did_deliver)


def runner_frozen(place: FaultBench) -> Trial:
    run = place.start()
    run.wait_until_it_delivers()
    time.sleep(place.random.uniform(0, 0.5))
    trial = ended(place, run, run.signal(signal.SIGSTOP))
    check_made_safe(run, "the run was silent")
    check_closes(run)
    return trial


def dead_loop(place: FaultBench) -> Trial:
    looped = place.home / "looped"
    looped.unlink(missing_ok=True)
    run = place.start(loop_after=1 + place.random.randrange(5), looped=str(looped))
    run.wait_for(looped.exists)
    trial = ended(place, run, float(looped.read_text()))
    check_made_safe(run, "the run was silent")
    check_closes(run)
    return trial


def guard_killed(place: FaultBench) -> Trial:
    run = place.start()
    run.wait_until_it_delivers()
    time.sleep(place.random.uniform(0, 0.3))
    guard, at = run.guard_pid(), time.monotonic()
    os.kill(guard, signal.SIGKILL)
    trial = ended(place, run, at)
    check_aborted(trial, "the guard died")
    return trial


def left_delivering(place: FaultBench) -> HurtRun:
    """A run that is dead with its guard: nothing stops the pump, as the bench file says."""
    run = place.start()
    run.wait_until_it_delivers()
    time.sleep(place.random.uniform(0, 0.3))
    run.guard_pid()
    run.cut_the_power()
    assert place.served.delivers
    assert len(place.left_behind) == 1
    return run


def next_start(place: FaultBench, recovers: bool) -> Trial:
    """It makes the pump safe before anything else, and says so; then it is ended in order."""
    run = place.start()
    if recovers:
        run.wait_for(lambda: not place.served.delivers)
    run.wait_until_it_delivers()
    trial = ended(place, run, run.signal(signal.SIGTERM))
    check_aborted(trial, "stopped by SIGTERM")
    kinds = [record["kind"] for record in run.journal]
    if recovers:
        assert "before anything else the safe state was made and confirmed: SIM-0001" in run.said
        assert kinds.index("run_opened") < kinds.index("recovered") < kinds.index("case_started")
    return trial


def both_killed(place: FaultBench) -> Trial:
    first = left_delivering(place)
    trial = next_start(place, recovers=True)
    check_made_safe(first, "")
    check_closes(first)
    return trial


def recovery_killed(place: FaultBench) -> Trial:
    """The starts that recover lose their power too, anywhere; the one that does not finds the pump as they left it."""
    dead = [left_delivering(place)]
    for _ in range(place.random.randrange(1, 3)):
        dead.append(place.start())
        time.sleep(place.random.uniform(0, 1.2))
        dead[-1].cut_the_power()
        assert len(place.left_behind) == 1 or not place.served.delivers
    trial = next_start(place, recovers=place.served.delivers)
    for run in dead:
        check_closes(run)
    return trial


def closing_killed(place: FaultBench) -> Trial:
    """Killed while it is closed, anywhere, up to three times; then it has the results of a run closed at once."""
    run = place.start()
    run.wait_until_it_delivers()
    time.sleep(place.random.uniform(0, 0.3))
    trial = ended(place, run, run.signal(signal.SIGKILL))
    at_once = place.home / "at-once" / run.folder.name
    shutil.copytree(run.folder, at_once)
    begun = time.monotonic()
    assert place.wait(place.closing(at_once)) == 0
    takes_s = time.monotonic() - begun
    for _ in range(place.random.randrange(1, 4)):
        pid = place.closing(run.folder)
        time.sleep(place.random.uniform(0, takes_s))
        os.kill(pid, signal.SIGKILL)
        place.wait(pid)
    check_closes(run)
    assert verdicts(run.results) == verdicts(json.loads((at_once / "results.json").read_bytes()))
    before = content_of(run.folder)
    assert place.wait(place.closing(run.folder)) == 0  # once more changes nothing
    assert content_of(run.folder) == before
    return trial


def verdicts(results: dict) -> list:
    """What must not depend on how often it was closed."""
    of_cases = [
        (case["id"], case["unit"], case["ended"], case["outcome"], criterion["name"], criterion["verdict"])
        for case in results["cases"]
        for criterion in case["criteria"] or [{"name": "", "verdict": ""}]
    ]
    return [results["outcome"], *of_cases]


def content_of(folder: Path) -> dict:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def command_killed(place: FaultBench) -> Trial:
    """What started the run is gone (kill -9 of ``rig run``): the other end of the run's standard input closes."""
    pipe = place.home / f"pipe-{place.runs_made}"
    os.mkfifo(pipe)
    run = place.start(parent_pipe=str(pipe))
    with pipe.open("wb"):
        run.wait_until_it_delivers()
        time.sleep(place.random.uniform(0, 0.3))
        at = time.monotonic()
    trial = ended(place, run, at)
    check_aborted(trial, "the command 'rig run' is gone")
    return trial


def ordered_end(number: int, times: int):
    def blow(place: FaultBench) -> Trial:
        run = place.start()
        run.wait_until_it_delivers()
        time.sleep(place.random.uniform(0, 0.3))
        at = run.signal(number)
        for _ in range(times - 1):
            time.sleep(place.random.uniform(0, 0.1))
            os.kill(run.pid, number)
        trial = ended(place, run, at)
        check_aborted(trial, f"stopped by {signal.Signals(number).name}")
        return trial

    return blow
