"""What the tests of procedures share: a run on simulated instruments in this process, which can be made to fail."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

import pytest

import rig.record.attestation
import rig.record.manifest
import rig.record.run_folder
import rig.report.hand_over
import rig.run.resumed_run
import rig.sim.build
from rig.bench.open import Bench, open_bench
from rig.clock import ns_from_s
from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import plan_from_text
from rig.errors import IntegrityError, RigError
from rig.record.journal import Journal
from rig.record.journal_reader import read_journal
from rig.record.layout import MANIFEST
from rig.record.load_run import load_run
from rig.record.verify import verify_run
from rig.record.wire_log import read_wire_log
from rig.run.gap import Gap
from rig.run.resume import close, resume
from rig.run.resumed_run import ResumedRun
from rig.run.run import Run
from rig.sim.build import SimulatedBench, SimulatedChannel, simulate

PROFILE = """
[pump]
model = "RPU-Sim"
maker = "Infusion Rig"
mechanism = "peristaltic"
rate_min = "2 uL/h"
rate_max = "1 mL/h"
rate_step = "1 nL/h"
bolus_min = "1 uL"
bolus_max = "2 mL"
bolus_rate_max = "1.2 mL/h"
reservoir = "40 mL"
low_reservoir = "2 mL"
accuracy = "14.5 %"
safe_state = "{safe_state}"
"""
UNIT = """
[[unit]]
serial = "{serial}"
profile = "pump.toml"
reservoir = "{reservoir}"
pump = {{ driver = "pump_rpu1", address = "sim://{serial}/pump" }}

[unit.balance]
driver = "balance_mt_sics"
address = "sim://{serial}/balance"
resolution = "0.01 mg"
repeatability = "0.02 mg"
linearity = "0.05 mg"
drift_24h = "0.1 mg"

[unit.flow]
driver = "flow_sensirion_scc1"
address = "sim://{serial}/flow"
full_scale = "30 uL/min"
accuracy_of_value = "10 %"
accuracy_of_full_scale = "0.5 %"

[unit.simulated]
"""
PLAN = """
[plan]
id = "test"
revision = "A"
title = "Test"

[[case]]
id = "flow"
procedure = "flow_accuracy"
title = "Flow"
verifies = ["SRS-000"]
rate = "12 mL/day"
relax = "10 min"
blank = "32 min"
settle = "20 min"
sample = { every = "2 min", for = "1 h" }
flow_every = "2 s"
windows = ["2 min", "30 min"]
accept = { mean_error = "within 50 %", alarms = "none" }

[[case]]
id = "doses"
procedure = "bolus"
title = "Doses"
verifies = ["SRS-000"]
bolus = "50 uL"
bolus_duration = "5 min"
count = 4
interval = "15 min"
settle = "5 min"
relax = "10 min"
blank = "32 min"
accept = { mean_error = "within 50 %", alarms = "none" }
"""


@dataclass
class Scene:
    """An open run on simulated instruments: the world, to injure it, and the record, to see what came of it."""

    clock: VirtualClock
    world: SimulatedBench
    bench: Bench
    run: Run

    @property
    def channel(self) -> SimulatedChannel:
        """The first unit with its instruments."""
        return next(iter(self.world.units.values()))

    def at(self, seconds: float, action: Callable[[], object]) -> None:
        """Let something happen, counted from now."""
        self.clock.call_at(self.clock.now_ns() + ns_from_s(seconds), action)

    def carry_out(self, case_id: str) -> RigError | None:
        """Carry the case out on all units; the error it ended with, if it did."""
        case = next(case for case in self.run.plan.cases if case.id == case_id)
        try:
            self.run.carry_out(case, [unit.serial for unit in self.bench.units])
        except RigError as error:
            return error
        return None

    def journal(self, kind: str, unit: str = "SIM-0001") -> list[dict[str, Any]]:
        """The unit's records of one kind."""
        self.run.folder.journal.sync()
        records = read_journal(self.run.path / "journal.jsonl").records
        return [record for record in records if (record["kind"], record.get("unit")) == (kind, unit)]

    def ended(self, unit: str = "SIM-0001") -> tuple[str, str]:
        """How the last case on the unit ended, and the message."""
        finished = self.journal("case_finished", unit)[-1]
        return finished["ended"], finished["message"]

    def sent(self, role: str, unit: str = "SIM-0001") -> list[tuple[int, str]]:
        """Instants and bytes that went to an instrument."""
        entries = read_wire_log(self.run.path / "wire" / f"{unit}-{role}.log")
        return [(t_ns, data.decode("latin-1")) for t_ns, way, data in entries if way == ">"]

    def pump_log(self) -> list[str]:
        """The codes in the first pump's own log."""
        return [event.code for event in self.bench.units[0].pump.events_since(-1)]


@pytest.fixture
def open_scene(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Scene]]:
    """Open a run on a simulated bench with so many units."""
    scenes: list[Scene] = []

    def make(
        *, units: int = 1, safe_state: str = "stop", reservoir: str = "40 mL", plan: str = PLAN
    ) -> Scene:
        worlds: list[SimulatedBench] = []

        def simulate_and_show(*arguments: Any) -> SimulatedBench:
            worlds.append(simulate(*arguments))
            return worlds[-1]

        monkeypatch.setattr(rig.sim.build, "simulate", simulate_and_show)
        (tmp_path / "pump.toml").write_text(PROFILE.format(safe_state=safe_state))
        texts = [
            UNIT.format(serial=f"SIM-{number:04}", reservoir=reservoir) for number in range(1, units + 1)
        ]
        file = tmp_path / "test.bench.toml"
        file.write_text('[bench]\nid = "test"\nfluid_temperature = "37 degC"\n' + "\n".join(texts))
        clock = VirtualClock()
        bench = open_bench(load_bench(file), clock)
        run = Run(plan_from_text(plan, "test.plan.toml"), bench, tmp_path / "runs", "somebody")
        scenes.append(Scene(clock, worlds[0], bench, run))
        return scenes[-1]

    yield make
    for scene in scenes:
        scene.run.folder.journal.close()
        scene.bench.close()


@pytest.fixture
def scene(open_scene: Callable[..., Scene]) -> Scene:
    """One unit that is well."""
    return open_scene()


class Killed(BaseException):
    """The process is dead."""


@dataclass
class Death:
    """Comes at the ``left``-th act from now; None: not at all. ``torn``: in the middle of a record."""

    left: int | None = None
    torn: bool = False
    dead: bool = False
    acts: int = 0
    guard: Callable[[], None] | None = None  # what it does at once

    def act(self) -> None:
        self.acts += 1
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.come()
        if self.dead:
            raise Killed

    def come(self) -> None:
        """From now on nothing is written and nothing is sent; the guard, if it lives, stops the pump."""
        if not self.dead and self.guard is not None:
            self.guard()
        self.dead = True

    def revive(
        self, left: int | None = None, torn: bool = False, guard: Callable[[], None] | None = None
    ) -> None:
        self.left, self.torn, self.guard, self.dead, self.acts = left, torn, guard, False, 0


@dataclass
class Mortal:
    """A scene whose process can die."""

    scene: Any
    death: Death
    word: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.scene.run.path

    def begin(self) -> None:
        """Carry the plan out as a run does."""
        try:
            for case in self.scene.run.plan.cases:
                self.scene.run.carry_out(case, ["SIM-0001"])
            self.scene.run.close()
        except (Killed, IntegrityError):
            self.died(self.scene.run)

    def take_up(self) -> dict[str, Any] | None:
        """Go on as ``rig resume`` does; the results, or None if it was killed."""
        record, run = load_run(self.path), None
        try:
            if (self.path / MANIFEST).exists():
                return resume(self.path, "somebody", (), self.answer)
            if record.closed is not None:
                return close(self.path, "somebody")
            run = ResumedRun(record, self.scene.run.plan, self.scene.bench, "somebody")
            run.record_gap()
            run.meet_instruments()
            for case, serials in run.cases():
                run.go_on(case, serials, self.answer)
            return run.close()
        except (Killed, IntegrityError):
            self.died(run)
            return None

    def killed_at(self, seen: Callable[[Any], bool], guarded: bool = False) -> None:
        """Begin the run, and kill it as soon as something is true of its scene."""
        self.death.revive(guard=self.guard_stops if guarded else None)

        def look() -> None:
            if seen(self.scene):
                self.death.come()
            else:
                self.scene.at(1, look)

        self.scene.at(1, look)
        self.begin()

    def killed_anywhere(
        self, rng: Random, *, acts: int, gap_s: float, guarded: float, again: float
    ) -> tuple[dict[str, Any], int]:
        """Die at one of ``acts``, be taken up after up to ``gap_s``, and die again meanwhile, up to three times.

        ``guarded``: how often there is a guard that stops the pump; ``again``: how often who takes it up dies too.
        The results, and how often it was taken up.
        """
        guard = self.guard_stops if rng.random() < guarded else None
        self.death.revive(rng.randint(1, acts), rng.random() < 0.3, guard)
        self.begin()
        results, attempts = None, 0
        while results is None:
            self.scene.clock.sleep_s(rng.uniform(0, gap_s))
            dies = attempts < 3 and rng.random() < again
            early = rng.random() < 0.5  # while it is taken up; or later on, up to its seal
            left = rng.randint(1, 60 if early else acts) if dies else None
            self.death.revive(left, rng.random() < 0.3, guard)
            results, attempts = self.take_up(), attempts + 1
            self.death.revive()
        return results, attempts

    def check_end(self, results: dict[str, Any], where: str) -> None:
        """The record sound, the pump stopped; taken up once more, nothing changes."""
        assert verify_run(self.path) == [], where
        assert self.scene.channel.pump.unit.mode == "STOP", where
        before = self.hashes()
        assert self.take_up() == results, where
        assert self.hashes() == before, where
        self.scene.run.folder.journal.close()

    def answer(self, question: str) -> bool:
        self.asked.append(question)
        return self.word

    def died(self, run: Any) -> None:
        assert self.death.dead
        self.death.revive()
        if run is not None:
            run._detach()
            run.folder.journal.close()

    def guard_stops(self) -> None:
        self.scene.channel.pump.unit.stop()

    def codes(self, code: str) -> list[dict[str, Any]]:
        return [
            dict(record.arguments)
            for record in self.scene.channel.pump.unit.events.kept
            if record.code == code
        ]

    def hashes(self) -> dict[str, str]:
        files = sorted(path for path in self.path.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def mortal(open_scene, monkeypatch) -> Callable[..., Mortal]:
    """mortal(plan) makes one; every record, file and byte to an instrument is an act at which death may come."""
    death = Death()
    write = Journal._write

    def mortal_write(self: Journal, kind: str, line: bytes) -> int:
        try:
            death.act()
        except Killed:
            if death.torn:
                death.torn = False
                os.write(self._descriptor, line[: len(line) // 2])
            raise
        seq = write(self, kind, line)
        death.act()
        return seq

    monkeypatch.setattr(Journal, "_write", mortal_write)
    for module in (rig.record.run_folder, rig.record.manifest, rig.record.attestation):
        put = module.write_atomically

        def mortal_put(path: Path, *rest: Any, put: Callable = put) -> None:
            if death.left == 1:
                path.with_name(path.name + ".unfinished").write_bytes(b"half")
            death.act()
            put(path, *rest)
            death.act()

        monkeypatch.setattr(module, "write_atomically", mortal_put)

    def light_report(run_folder: Path, *rest: Any) -> None:
        """In place of a report, which takes a second to typeset."""
        (run_folder / ".report.html.part").write_text("half")
        death.act()
        (run_folder / ".report.html.part").replace(run_folder / "report.html")

    monkeypatch.setattr(rig.report.hand_over, "build_report", light_report)

    def make(plan: str) -> Mortal:
        scene = open_scene(plan=plan)
        for device in (scene.channel.pump, scene.channel.balance, scene.channel.flow):
            hear = device.receive

            def receive(data: bytes, hear: Callable = hear) -> None:
                death.act()
                hear(data)

            monkeypatch.setattr(device, "receive", receive)
        zero_ns = scene.run._started_ns
        monkeypatch.setattr(
            rig.run.resumed_run,
            "gap_until_now",
            lambda _record, last_ns: Gap(last_ns, scene.clock.now_ns() - zero_ns, "for a while"),
        )
        death.revive()
        return Mortal(scene, death)

    return make
