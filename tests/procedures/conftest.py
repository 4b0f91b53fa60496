"""What the tests of procedures share: a run on simulated instruments in this process, which can be made to fail."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

import rig.sim.build
from rig.bench.open import Bench, open_bench
from rig.clock import ns_from_s
from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import plan_from_text
from rig.errors import RigError
from rig.record.journal_reader import read_journal
from rig.record.wire_log import read_wire_log
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
