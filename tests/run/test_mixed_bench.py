"""Serial, TCP, VISA and manual instruments on one bench, in wall time: one plan passes with either balance."""

from __future__ import annotations

import json
import os
import re
import select
import socket
import threading
import time
from pathlib import Path

import pytest

pytestmark = pytest.mark.skipif(os.name != "posix", reason="needs pseudo-terminals")

ANSWERS = {"air temperature": "21.5 degC", "relative humidity": "48 %RH", "air pressure": "1013 hPa"}
BENCH = """
[bench]
id = "mixed-{name}"
fluid_temperature = "37 degC"

[[unit]]
serial = "SIM-0001"
profile = "{profile}"
reservoir = "40 mL"

[unit.pump]
driver = "pump_rpu1"
address = "sim://SIM-0001/pump"

[unit.balance]
driver = "{balance}"
address = "sim://SIM-0001/balance"
calibrated_until = 2099-12-31
resolution = "0.01 mg"
repeatability = "0.02 mg"
linearity = "0.05 mg"
drift_24h = "0.1 mg"

[unit.flow]
driver = "flow_sensirion_scc1"
address = "sim://SIM-0001/flow"
calibrated_until = 2099-12-31
full_scale = "30 uL/min"
accuracy_of_value = "10 %"
accuracy_of_full_scale = "0.5 %"

[unit.current]
driver = "current_keysight_34465a"
address = "sim://SIM-0001/current"
calibrated_until = 2099-12-31

[unit.simulated]
compliance_time = "0.2 s"
balance_noise = "0.015 mg"
"""
MANUAL = """
[shared.environment]
driver = "environment_manual"
address = "operator://console"
calibrated_until = 2099-12-31
"""


class Bridge:
    """A TCP port of this machine in front of a pseudo-terminal, as a serial server is in front of an instrument."""

    def __init__(self, pty: str) -> None:
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self._device = os.open(pty, os.O_RDWR | os.O_NOCTTY)
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._pass_on, daemon=True)
        self._thread.start()

    def _pass_on(self) -> None:
        client: socket.socket | None = None
        while not self._ended.is_set():
            watched = [self._listener, self._device, *([client] if client else [])]
            for ready in select.select(watched, [], [], 0.1)[0]:
                if ready is self._listener:
                    client = self._listener.accept()[0]
                elif ready is client:
                    data = client.recv(4096)
                    if data:
                        os.write(self._device, data)
                    else:
                        client = client.close()
                else:
                    data = os.read(self._device, 4096)
                    if client:
                        client.sendall(data)

    def close(self) -> None:
        self._ended.set()
        self._thread.join()
        self._listener.close()
        os.close(self._device)


def at_a_terminal(command: list[str], environment: dict[str, str], within_s: float) -> tuple[int, str]:
    """Run ``command`` at a terminal where Ada Lovelace answers what she is asked; status, and all that was shown."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        os.execvpe(command[0], command, environment)
    shown, answered, deadline = "", 0, time.monotonic() + within_s
    while time.monotonic() < deadline:
        if not select.select([terminal], [], [], 0.2)[0]:
            continue
        try:
            shown += os.read(terminal, 4096).decode("utf-8", "replace")
        except OSError:  # the process has ended
            break
        new = shown[answered:]
        if new.endswith("> ") and (asked := [words for words in ANSWERS if words in new]):
            answered = len(shown)
            os.write(terminal, f"{ANSWERS[asked[-1]]}\n".encode())
        elif re.search(r"your name( \[[^]]*\])?: $", new):
            answered = len(shown)
            os.write(terminal, b"\n" if "[Ada Lovelace]" in new else b"Ada Lovelace\n")
    else:
        os.kill(pid, 9)
    status = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    os.close(terminal)
    return status, shown


@pytest.fixture(scope="module")
def mixed_run(new_rig, short_plan, shipped):
    """Carry the short plan out on a mixed bench with this balance; status, what was shown, run folder."""

    def carry_out(name: str, balance: str) -> tuple[int, str, Path]:
        rig = new_rig(name)
        bench = rig.home / "world.bench.toml"
        profile = shipped("fixtures/pumps/reference-40ml.toml")
        bench.write_text(BENCH.format(name=name, profile=profile, balance=balance), encoding="utf-8")
        with rig.serve(bench) as told:
            ports = {
                role.partition("/")[2]: told["instruments"][role]["address"].removeprefix("serial://")
                for role in told["instruments"]
            }
            bridges = {role: Bridge(ports[role]) for role in ("flow", "current")}
            text = Path(told["bench"]).read_text("utf-8")
            text = text.replace(f"serial://{ports['flow']}", f"socket://127.0.0.1:{bridges['flow'].port}")
            visa = f"visa://TCPIP::127.0.0.1::{bridges['current'].port}::SOCKET"
            text = text.replace(f"serial://{ports['current']}", visa)
            mixed = rig.home / "mixed.bench.toml"
            mixed.write_text(text + MANUAL, encoding="utf-8")
            command = rig.command("run", short_plan, "--bench", mixed, "--runs", rig.home / "runs")
            status, shown = at_a_terminal(command, rig.environment(), 120)
            for bridge in bridges.values():
                bridge.close()
        (folder,) = (rig.home / "runs").iterdir()
        return status, shown, folder

    return carry_out


@pytest.fixture(scope="module")
def both(mixed_run, side_by_side):
    """The same plan with a balance of either maker."""
    running = [side_by_side(mixed_run, name, f"balance_{name}") for name in ("mt_sics", "sartorius_sbi")]
    return [run.result() for run in running]


def test_the_same_plan_passes_with_either_balance(both):
    for status, shown, folder in both:
        results = json.loads((folder / "results.json").read_text("utf-8"))
        assert (status, results["outcome"]) == (0, "PASS"), shown
    drivers = [
        next(
            each["driver"]
            for each in json.loads((folder / "results.json").read_text("utf-8"))["units"][0]["instruments"]
            if each["role"] == "balance"
        )
        for _, _, folder in both
    ]
    assert drivers == ["balance_mt_sics", "balance_sartorius_sbi"]


def test_serial_tcp_visa_and_manual_instruments_stand_side_by_side(both):
    results = json.loads((both[0][2] / "results.json").read_text("utf-8"))
    instruments = [*results["units"][0]["instruments"], *results["shared_instruments"]]
    kinds = {each["role"]: each["address"].partition("://")[0] for each in instruments}
    assert kinds == {
        "pump": "serial",
        "balance": "serial",
        "flow": "socket",
        "current": "visa",
        "environment": "operator",
    }


def test_what_the_operator_answered_is_recorded_with_the_name(both):
    journal = (both[0][2] / "journal.jsonl").read_text("utf-8")
    records = [json.loads(line) for line in journal.split("\n") if line]
    air = [record for record in records if record["kind"] == "channels" and record["role"] == "environment"]
    assert len(air) == 2  # where the case begins and ends
    assert air[0]["values"] == {
        "air_temperature_c": 21.5,
        "air_humidity_pct": 48.0,
        "air_pressure_hpa": 1013.0,
    }
    assert air[0]["raw"].startswith("Ada Lovelace\t21.5 degC\n")
    current = [record for record in records if record["kind"] == "channels" and record["role"] == "current"]
    assert len(current) >= 2
    assert all(1e-6 < record["values"]["battery_current_a"] < 1e-2 for record in current)
