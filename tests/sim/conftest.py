"""What the tests of the simulated devices share: a line to one device in virtual time, and a small bench."""

from __future__ import annotations

import json
import os
import selectors
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rig.clock import ns_from_s
from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import BenchFile, load_bench
from rig.sim.balances.weighing import Pan
from rig.sim.build import SimulatedBench, simulate
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath
from rig.sim.implantable.pump import ImplantablePump
from rig.sim.implantable.rpu1 import SimulatedPump
from rig.sim.served.paced import PacedClock
from rig.sim.served.ports import Heard, PseudoTerminal, Rfc2217Server, ServedPort, TcpServer, connect
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
pump = {{ {pump}, address = "sim://{serial}/pump" }}

[unit.balance]
driver = "{balance_driver}"
address = "sim://{serial}/balance{balance_set_to}"
resolution = "0.01 mg"
repeatability = "0.02 mg"
linearity = "0.05 mg"
drift_24h = "0.1 mg"

[unit.flow]
driver = "{flow_driver}"
address = "sim://{serial}/flow"
full_scale = "30 uL/min"
accuracy_of_value = "10 %"
accuracy_of_full_scale = "0.5 %"

[unit.simulated]
"""


@pytest.fixture
def bench_of(tmp_path: Path) -> Callable[..., BenchFile]:
    """Write and load a bench: one unit for each text of ``[unit.simulated]`` given, SIM-0001 and on."""

    def make(
        *simulated: str,
        seed: int = 1,
        pump: str = 'driver = "pump_rpu1"',
        balance_driver: str = "balance_mt_sics",
        balance_set_to: str = "",
        flow_driver: str = "flow_sensirion_scc1",
    ) -> BenchFile:
        (tmp_path / "pumps").mkdir(exist_ok=True)
        (tmp_path / "pumps" / "pump.toml").write_text(PROFILE)
        drivers = {"pump": pump, "balance_driver": balance_driver, "balance_set_to": balance_set_to}
        drivers |= {"flow_driver": flow_driver}
        units = [UNIT.format(serial=f"SIM-{n:04}", **drivers) + text for n, text in enumerate(simulated, 1)]
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


class FixedPan(Pan):
    """A pan with a weight on it."""

    mass_g, slope_g_s = 0.0, 0.0

    def apparent_g(self, t_ns: int) -> float:
        return self.mass_g + self.slope_g_s * t_ns * 1e-9

    def rate_g_s(self, t_ns: int) -> float:
        return self.slope_g_s


@pytest.fixture
def pan(clock: VirtualClock) -> FixedPan:
    return FixedPan(FluidPath(clock, Peristaltic()))


@pytest.fixture
def crc_line() -> Callable[[str, str], bytes]:
    """An RPU/1 line with its CRC, by this test's own reading of the text (binascii's CRC-CCITT from FFFF)."""
    from binascii import crc_hqx

    def make(marker: str, text: str) -> bytes:
        return f"{marker} {text}*{crc_hqx(text.encode(), 0xFFFF):04X}\r\n".encode()

    return make


class PumpHost:
    """A host of an RPU/1 pump that asks with rising seq and takes replies apart."""

    def __init__(self, talk, crc_line):
        self.talk, self.crc_line, self.sequence = talk, crc_line, 0
        self.notices = []

    def line(self, text):
        self.sequence = (self.sequence + 1) % 256
        return self.crc_line(">", f"01 {self.sequence:02X} {text}")

    def ask(self, text):
        """What stands after addr and seq in the reply; notices are set aside."""
        self.collect(self.talk.take())
        return self.collect(self.talk.ask(self.line(text)))

    def collect(self, raw):
        replies = []
        for row in raw.splitlines(keepends=True):
            text = row.decode("ascii")
            assert self.crc_line(text[0], text[2:-7]) == row
            assert len(row) <= 256
            if text[0] == "!":
                self.notices.append(text[8:-7])
            else:
                assert text.startswith(f"< 01 {self.sequence:02X} ")
                replies.append(text[8:-7])
        assert len(replies) <= 1
        return replies[0] if replies else None

    def pairs(self, text):
        reply = self.ask(text)
        assert reply.startswith("OK"), reply
        return dict(pair.split("=", 1) for pair in reply.split()[1:])

    def deliver(self, program):
        token = self.pairs(f"SET {program}")["TOKEN"]
        return self.ask(f"COMMIT TOKEN={token}")

    def stop(self):
        return self.ask(f"STOP TOKEN={self.pairs('STOP')['TOKEN']}")

    def log(self, first=1):
        records = []
        while True:
            pairs = self.pairs(f"LOG FROM={first}")
            records += [pairs[key] for key in ("R1", "R2") if key in pairs]
            if pairs["MORE"] == "0":
                return [record.split(":", 2)[2] for record in records]
            first = int(records[-1].split(":")[0]) + 1

    def at(self, seconds):
        self.talk.at(seconds)
        self.collect(self.talk.take())


@pytest.fixture
def host_of(
    talk_to: Callable[[WirePort], Talk], crc_line: Callable[[str, str], bytes]
) -> Callable[[WirePort], PumpHost]:
    return lambda pump: PumpHost(talk_to(pump), crc_line)


SERVE = """
import sys
from rig.sim.served.serve import serve
serve(sys.argv[1], way=sys.argv[2], speed=float(sys.argv[3]), stdin=sys.stdin, stdout=sys.stdout)
"""


@pytest.fixture
def fluid(clock: VirtualClock) -> FluidPath:
    return FluidPath(clock, Peristaltic(0.2, 250.0), reservoir_nl=40e6)


@pytest.fixture
def unit(clock: VirtualClock, fluid: FluidPath) -> ImplantablePump:
    return ImplantablePump(clock, fluid)


@pytest.fixture
def pump(clock: VirtualClock, unit: ImplantablePump) -> SimulatedPump:
    return SimulatedPump(clock, unit, np.random.default_rng(1))


@pytest.fixture
def host(host_of: Callable[[WirePort], PumpHost], pump: SimulatedPump) -> PumpHost:
    """Who talks to it."""
    return host_of(pump)


@pytest.fixture
def served(bench_of: Callable[..., BenchFile]) -> Iterator[Callable[..., Any]]:
    """Start serving a bench in a process of its own; gives the process and its first line."""
    started = []

    def start(*simulated: str, way: str = "pty", speed: float = 1.0, units: str = "", **drivers: str) -> Any:
        bench = bench_of(*simulated, **drivers)
        if units:
            bench.source.path.write_text(f'[bench]\nid = "test"\nfluid_temperature = "37 degC"\n{units}')
        process = subprocess.Popen(
            [sys.executable, "-c", SERVE, str(bench.source.path), way, str(speed)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process, json.loads(process.stdout.readline())

    yield start
    for process in started:
        process.stdin.close()
        try:
            process.wait(10)
        finally:
            process.kill()
            process.stdout.close()
        assert process.returncode in (0, -signal.SIGKILL)


class OnPort:
    """One simulated device behind a port of this machine, in a thread of its own, at the pace of the machine."""

    def __init__(
        self,
        make: Callable[[PacedClock], WirePort],
        port: Callable[[selectors.BaseSelector, Heard], ServedPort],
        speed: float = 1.0,
    ) -> None:
        self._selector, self._over = selectors.DefaultSelector(), threading.Event()
        self.clock = PacedClock(speed)
        self.device = make(self.clock)
        line = getattr(self.device, "line", None)
        self.port = connect(
            self.clock, self.device, [line] if line else [], lambda heard: port(self._selector, heard)
        )
        self.address = self.port.address
        self.path = self.address.removeprefix("serial://")
        self._thread = threading.Thread(target=self._go_on, name=self.address)
        self._thread.start()

    def _go_on(self) -> None:
        while not self._over.is_set():
            self.clock.advance()
            wait = self.clock.seconds_to_next()
            for key, _ in self._selector.select(0.02 if wait is None else min(wait, 0.02)):
                key.data()

    def close(self) -> None:
        self._over.set()
        self._thread.join(10)
        self.port.close()
        self._selector.close()


@pytest.fixture
def ports() -> Iterator[list[OnPort]]:
    """What stands on ports; closed at the end of the test."""
    started: list[OnPort] = []
    yield started
    for served in started:
        served.close()


@pytest.fixture
def on_pty(tmp_path: Path, needs_pty: None, ports: list[OnPort]) -> Callable[..., OnPort]:
    """Put what ``make(clock)`` gives on a pseudo-terminal, for other people's clients."""

    def start(make: Callable[[PacedClock], WirePort], speed: float = 1.0) -> OnPort:
        link = tmp_path / f"pty{len(ports)}"
        ports.append(OnPort(make, lambda selector, heard: PseudoTerminal(selector, link, heard), speed))
        return ports[-1]

    return start


@pytest.fixture
def on_tcp(ports: list[OnPort]) -> Callable[..., OnPort]:
    """Put what ``make(clock)`` gives behind a TCP port, for other people's clients."""

    def start(make: Callable[[PacedClock], WirePort]) -> OnPort:
        ports.append(OnPort(make, TcpServer))
        return ports[-1]

    return start


@pytest.fixture
def on_rfc2217(ports: list[OnPort]) -> Callable[..., OnPort]:
    """Put what ``make(clock)`` gives behind the server of a serial port."""

    def start(make: Callable[[PacedClock], WirePort]) -> OnPort:
        ports.append(OnPort(make, Rfc2217Server))
        return ports[-1]

    return start


@pytest.fixture
def run_client() -> Callable[..., Any]:
    """Run other people's client in a process of its own, where it may hang: it is given ``seconds``.

    Gives what it printed last, read as JSON.
    """

    def run(program: str, *arguments: str, seconds: float = 30) -> Any:
        command = [sys.executable, "-c", program, *arguments]
        done = subprocess.run(command, capture_output=True, text=True, timeout=seconds, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout.splitlines()[-1])

    return run


@pytest.fixture
def repository() -> Path:
    return Path(__file__).resolve().parents[2]


@pytest.fixture
def needs_pty() -> None:
    if os.name != "posix":
        pytest.skip("pseudo-terminals exist on Linux and macOS only")
