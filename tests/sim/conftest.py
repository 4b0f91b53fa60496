"""What the tests of the simulated devices share: a line to one device in virtual time, and a small bench."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from rig.clock import ns_from_s
from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import BenchFile, load_bench
from rig.sim.build import SimulatedBench, simulate
from rig.transport import WirePort

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
safe_state = "stop"
"""
UNIT = """
[[unit]]
serial = "{serial}"
profile = "pumps/pump.toml"
reservoir = "40 mL"
outlet_diameter = "1 mm"
vessel_diameter = "30 mm"
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


@pytest.fixture
def bench_of(tmp_path: Path) -> Callable[..., BenchFile]:
    """Write and load a bench: one unit for each text of ``[unit.simulated]`` given, SIM-0001 and on."""

    def make(*simulated: str, seed: int = 1) -> BenchFile:
        (tmp_path / "pumps").mkdir(exist_ok=True)
        (tmp_path / "pumps" / "pump.toml").write_text(PROFILE)
        units = [UNIT.format(serial=f"SIM-{n:04}") + text for n, text in enumerate(simulated, 1)]
        head = f'[bench]\nid = "test"\nfluid_temperature = "37 degC"\nseed = {seed}\n'
        (tmp_path / "test.bench.toml").write_text(head + "\n".join(units))
        return load_bench(tmp_path / "test.bench.toml")

    return make


class Talk:
    """The host's end of a line to one device in virtual time."""

    def __init__(self, clock: VirtualClock, port: WirePort) -> None:
        self.clock, self.port = clock, port
        self.arrived: list[tuple[int, bytes]] = []
        port.attach(lambda t_ns, data: self.arrived.append((t_ns, data)))

    def at(self, seconds: float) -> None:
        """Let the world go on until then."""
        self.clock.sleep_until_ns(ns_from_s(seconds))

    def send(self, data: bytes) -> None:
        self.port.receive(data)

    def take(self) -> bytes:
        """Everything the device has said so far, whenever it will arrive."""
        said = b"".join(data for _, data in self.arrived)
        self.arrived.clear()
        return said

    def ask(self, data: bytes) -> bytes:
        """Send; the answer, without waiting for it to arrive."""
        self.take()
        self.send(data)
        return self.take()


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
def world(bench_of: Callable[..., BenchFile], clock: VirtualClock) -> SimulatedBench:
    """One perfect unit, SIM-0001."""
    return simulate(bench_of(""), clock)


@pytest.fixture
def talk_to(clock: VirtualClock) -> Callable[[WirePort], Talk]:
    return lambda port: Talk(clock, port)


@pytest.fixture
def crc_line() -> Callable[[str, str], bytes]:
    """An RPU/1 line with its CRC, by this test's own reading of the text (binascii's CRC-CCITT from FFFF)."""
    from binascii import crc_hqx

    def make(marker: str, text: str) -> bytes:
        return f"{marker} {text}*{crc_hqx(text.encode(), 0xFFFF):04X}\r\n".encode()

    return make


@pytest.fixture
def repository() -> Path:
    return Path(__file__).resolve().parents[2]


@pytest.fixture
def needs_pty() -> None:
    if os.name != "posix":
        pytest.skip("pseudo-terminals exist on Linux and macOS only")
