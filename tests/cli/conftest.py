"""A sound plan and a sound bench to spoil, and a bench whose instruments count what they hear."""

from __future__ import annotations

import socketserver
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PLAN = """\
[plan]
id = "small"
revision = "A"
title = "A small plan"
reference_temperature = "37 degC"

[[case]]
id = "typical"
procedure = "flow_accuracy"
verifies = ["SRS-017"]
rate = "0.5 mL/day"
settle = "4 h"
blank = "4 h"
sample = { every = "15 min", for = "26 h" }
windows = ["15 min", "60 min"]
accept = { mean_error = "within 14.5 %", alarms = "none" }

[[case]]
id = "doses"
procedure = "bolus"
verifies = ["SRS-031"]
bolus = "50 uL"
bolus_duration = "5 min"
count = 25
interval = "15 min"
settle = "5 min"
blank = "4 h"
accept = { mean_error = "within 14.5 %", single_dose = "within 20 %" }
"""

BENCH = """\
[bench]
id = "listening"
fluid_temperature = "37 degC"
rate_max = "1.1 mL/h"
volume_max = "39 mL"

[[unit]]
serial = "SN1"
profile = "pumps/small.toml"
reservoir = "40 mL"
[unit.pump]
driver = "pump_rpu1"
address = "{pump}"
[unit.balance]
driver = "balance_mt_sics"
address = "{balance}"
calibrated_until = 2099-12-31
resolution = "0.01 mg"
repeatability = "0.02 mg"
linearity = "0.05 mg"
drift_24h = "0.1 mg"
"""

PROFILE = """\
[pump]
model = "Small"
maker = "Tests"
mechanism = "peristaltic"
rate_min = "0.048 mL/day"
rate_max = "24 mL/day"
rate_step = "1 nL/h"
bolus_min = "1 uL"
bolus_max = "2 mL"
bolus_rate_max = "1.2 mL/h"
reservoir = "40 mL"
low_reservoir = "2 mL"
accuracy = "14.5 %"
safe_state = "stop"
"""


class Listener(socketserver.ThreadingTCPServer):
    """A TCP server that answers nothing and keeps what it hears."""

    daemon_threads = True

    def __init__(self) -> None:
        self.heard = bytearray()
        self.connections = 0
        super().__init__(("127.0.0.1", 0), Hears)
        self.address = f"socket://127.0.0.1:{self.server_address[1]}"


class Hears(socketserver.BaseRequestHandler):
    server: Listener

    def handle(self) -> None:
        self.server.connections += 1
        while data := self.request.recv(4096):
            self.server.heard += data


@pytest.fixture
def listeners() -> Iterator[tuple[Listener, Listener]]:
    """Where the pump and where the balance of the bench seem to be."""
    servers = Listener(), Listener()
    for server in servers:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield servers
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.fixture
def files(tmp_path: Path, listeners: tuple[Listener, Listener]) -> dict[str, Path]:
    """The sound files, by ``plan``, ``bench`` and ``profile``."""
    pump, balance = listeners
    bench = BENCH.format(pump=pump.address, balance=balance.address)
    paths = {
        "plan": tmp_path / "small.plan.toml",
        "bench": tmp_path / "small.bench.toml",
        "profile": tmp_path / "pumps" / "small.toml",
    }
    paths["profile"].parent.mkdir()
    for name, text in {"plan": PLAN, "bench": bench, "profile": PROFILE}.items():
        paths[name].write_text(text, encoding="utf-8")
    return paths


@pytest.fixture
def spoil(files: dict[str, Path]) -> Callable[[str, str, str], Path]:
    """Change one place of one sound file."""

    def change(file: str, old: str, new: str) -> Path:
        text = files[file].read_text(encoding="utf-8")
        assert text.count(old) == 1, old
        files[file].write_text(text.replace(old, new), encoding="utf-8")
        return files[file]

    return change
