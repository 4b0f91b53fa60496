"""What the tests of benches share: an open simulated bench with hard limits, and every byte its pump receives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import rig.sim.build
from rig.bench.interlock import Interlock
from rig.bench.open import Bench, open_bench
from rig.capabilities import UnitUnderTest
from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import load_bench

PROFILE = Path(__file__).resolve().parents[2] / "fixtures" / "pumps" / "reference-40ml.toml"
BENCH = """
[bench]
id = "guarded"
fluid_temperature = "37 degC"
{limits}

[[unit]]
serial = "SIM-0001"
profile = "{profile}"
pump = {{ driver = "pump_rpu1", address = "sim://SIM-0001/pump" }}

[unit.balance]
driver = "balance_mt_sics"
address = "sim://SIM-0001/balance"
resolution = "0.01 mg"
repeatability = "0.02 mg"
linearity = "0.05 mg"
drift_24h = "0.1 mg"

[unit.simulated]
compliance_time = "0.2 s"
"""


@dataclass
class Guarded:
    """A bench with one unit and its interlock; the simulated world behind it; what its pump received."""

    clock: VirtualClock
    bench: Bench
    channel: Any
    received: bytearray = field(default_factory=bytearray)

    @property
    def unit(self) -> UnitUnderTest:
        return self.bench.units[0]

    @property
    def pump(self) -> Any:
        return self.bench.units[0].pump

    @property
    def interlock(self) -> Interlock:
        return self.bench.interlocks["SIM-0001"]

    def weigh_for(self, hours: float, times: int = 60) -> None:
        for _ in range(times):
            self.clock.sleep_s(hours * 3600 / times)
            self.bench.units[0].balance.read()


@pytest.fixture
def open_guarded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Guarded]]:
    """Open a bench with these lines in its table [bench]."""
    opened: list[Guarded] = []
    simulate = rig.sim.build.simulate

    def make(limits: str = "") -> Guarded:
        worlds: list[Any] = []

        def simulate_and_show(*arguments: Any) -> Any:
            worlds.append(simulate(*arguments))
            return worlds[-1]

        monkeypatch.setattr(rig.sim.build, "simulate", simulate_and_show)
        file = tmp_path / "guarded.bench.toml"
        file.write_text(BENCH.format(limits=limits, profile=PROFILE), encoding="utf-8")
        clock = VirtualClock()
        bench = open_bench(load_bench(file), clock)
        channel = worlds[-1].units["SIM-0001"]
        guarded = Guarded(clock, bench, channel)
        hear = channel.pump.receive

        def receive(data: bytes) -> None:
            guarded.received.extend(data)
            hear(data)

        monkeypatch.setattr(channel.pump, "receive", receive)
        opened.append(guarded)
        guarded.pump.identify()
        guarded.pump.limits()
        guarded.pump.interrogate()
        return guarded

    yield make
    for guarded in opened:
        guarded.bench.close()
