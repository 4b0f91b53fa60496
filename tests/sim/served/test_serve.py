"""Served instruments as clients meet them: other people's clients, our files, the ways to end."""

from __future__ import annotations

import io
import os
import signal
import socket
import time
import tomllib
from pathlib import Path

import pytest
import serial
from sensirion_shdlc_driver import ShdlcConnection, ShdlcDevice, ShdlcSerialPort
from sensirion_shdlc_driver.command import ShdlcCommand
from sensirion_shdlc_driver.errors import ShdlcDeviceError

from rig.definitions.bench_file import load_bench
from rig.errors import DefinitionError
from rig.sim.served.serve import serve


def path_of(told, name):
    return told["instruments"][name]["address"].removeprefix("serial://")


@pytest.mark.usefixtures("needs_pty")
def test_sensirions_own_client_reads_identity_and_measurements(served):
    _, told = served(
        'flow_noise = "1 nL/min"\nflow_offset = "500 nL/min"\ntemperature = "23.5 degC"', speed=5
    )
    with ShdlcSerialPort(path_of(told, "SIM-0001/flow"), baudrate=115_200) as port:
        device = ShdlcDevice(ShdlcConnection(port), slave_address=0)
        assert device.get_product_name() == "infusion-rig simulated SCC1"
        assert device.get_serial_number() == "SIM-0001-F"
        assert device.get_product_type(as_int=True) == 0
        assert str(device.get_version().firmware) == "1.9"
        assert device.get_slave_address() == 0
        assert device.get_baudrate() == 115_200
        assert device.get_system_up_time() >= 0
        assert device.get_error_state() == (0, 0)

        def execute(number, data=b""):
            return device.execute(ShdlcCommand(id=number, data=data, max_response_time=0.1))

        assert execute(0x53, b"\x36\x08") == bytes.fromhex("0001 0843 0000")
        with pytest.raises(ShdlcDeviceError):
            execute(0x35, b"\x03")
        assert device.get_error_state(clear=True)[1] == 0x24
        execute(0x33, b"\x00\x14\x36\x08")
        time.sleep(0.5)
        answer = execute(0x36, b"\x03")
        counts = [int.from_bytes(answer[i : i + 2], "big", signed=True) for i in range(8, len(answer), 6)]
        assert len(counts) == 41
        assert sum(counts) / 41 == pytest.approx(500, abs=3)
        assert int.from_bytes(answer[10:12], "big") == 4700
        device.device_reset()


@pytest.mark.usefixtures("needs_pty")
def test_a_terminal_talks_to_balance_and_pump_and_may_leave_and_come_back(served, crc_line):
    _, told = served("", "")
    for _ in range(2):
        with serial.Serial(path_of(told, "SIM-0002/balance"), 9600, timeout=2) as port:
            port.write(b"S\r\nI4\r\n")
            assert port.read_until(b"\n") == b"S S    0.00000 g\r\n"
            assert port.read_until(b"\n") == b'I4 A "SIM-0002-B"\r\n'
        with serial.Serial(path_of(told, "SIM-0001/pump"), 115_200, timeout=2) as port:
            port.write(crc_line(">", "01 10 GET PROGRAM"))
            assert port.read_until(b"\n") == crc_line("<", "01 10 OK MODE=STOP")


def ask_tcp(address, data):
    host, port = address.removeprefix("socket://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as client:
        client.sendall(data)
        return client.makefile("rb").readline()


def test_tcp_serves_one_client_at_a_time(served):
    process, told = served("", way="tcp")
    address = told["instruments"]["SIM-0001/balance"]["address"]
    assert ask_tcp(address, b"I4\r\n") == b'I4 A "SIM-0001-B"\r\n'
    host, port = address.removeprefix("socket://").split(":")
    with socket.create_connection((host, int(port)), timeout=5) as first:
        first.sendall(b"I4\r\n")
        assert first.makefile("rb").readline() == b'I4 A "SIM-0001-B"\r\n'
        with socket.create_connection((host, int(port)), timeout=5) as second:
            assert second.recv(10) == b""
        first.sendall(b"SI\r\n")
        assert first.makefile("rb").readline() == b"S S    0.00000 g\r\n"
    time.sleep(0.1)
    assert ask_tcp(address, b"I4\r\n") == b'I4 A "SIM-0001-B"\r\n'
    assert process.poll() is None


def test_the_served_bench_file_is_the_given_one_with_new_addresses(served, tmp_path):
    _, told = served('rate_error = "3 %"\nstall_at = "40 h"', "", way="tcp")
    given, now = load_bench(tmp_path / "test.bench.toml"), load_bench(told["bench"])
    assert not now.is_in_process
    assert [unit.serial for unit in now.units] == ["SIM-0001", "SIM-0002"]
    for before, after in zip(given.units, now.units, strict=True):
        assert after.profile == before.profile
        assert after.simulated == before.simulated
        assert after.reservoir_ml == before.reservoir_ml
        for instrument in after.instruments:
            assert instrument.is_simulated
            assert instrument.address == told["instruments"][f"{after.serial}/{instrument.role}"]["address"]
    before, after = (tomllib.loads(bench.source.text) for bench in (given, now))
    assert before.pop("bench") == after.pop("bench")
    assert before["unit"][0]["balance"].keys() <= after["unit"][0]["balance"].keys()


@pytest.mark.usefixtures("needs_pty")
@pytest.mark.parametrize("how", ["stdin", "SIGTERM", "SIGINT"])
def test_it_ends_cleanly_and_takes_its_folder_with_it(served, how):
    process, told = served("")
    folder = Path(told["bench"]).parent
    assert (folder / "SIM-0001-pump").is_symlink()
    if how == "stdin":
        process.stdin.close()
    else:
        process.send_signal(getattr(signal, how))
    assert process.wait(10) == 0
    assert not folder.exists()


def test_simulated_time_runs_at_the_speed_asked_for(served, crc_line):
    _, told = served("", way="tcp", speed=100)
    address = told["instruments"]["SIM-0001/pump"]["address"]

    def up_s(sequence):
        reply = ask_tcp(address, crc_line(">", f"01 {sequence} GET STATUS")).decode()
        return int(reply.split("UP=")[1].split()[0])

    before_s, started = up_s("01"), time.monotonic()
    time.sleep(0.3)
    passed_s = up_s("02") - before_s
    most_s = 100 * (time.monotonic() - started)
    assert 29 <= passed_s <= most_s + 1


@pytest.mark.parametrize("speed", [0.0, -1.0, float("nan"), float("inf")])
def test_impossible_speeds_are_refused(bench_of, speed):
    bench = bench_of("")
    with pytest.raises(DefinitionError, match="speed"):
        serve(bench.source.path, way="tcp", speed=speed, stdin=io.StringIO(), stdout=io.StringIO())


def test_a_bench_without_simulated_instruments_is_refused(bench_of, tmp_path):
    bench_of("")
    file = tmp_path / "test.bench.toml"
    text = file.read_text().replace("[unit.simulated]", "")
    for role, name in (("pump", "a"), ("balance", "b"), ("flow", "c")):
        text = text.replace(f"sim://SIM-0001/{role}", f"serial:///dev/tty{name}")
    file.write_text(text)
    with pytest.raises(DefinitionError, match="simulated"):
        serve(file, way="tcp", stdin=io.StringIO(), stdout=io.StringIO())


@pytest.mark.usefixtures("needs_pty")
def test_nothing_is_echoed_before_a_client_comes(served):
    """A raw terminal from the first byte: what the device says is not sent back to it."""
    _, told = served("")
    fd = os.open(path_of(told, "SIM-0001/balance"), os.O_RDWR | os.O_NOCTTY)
    try:
        os.write(fd, b"SIR\r\n")
        time.sleep(0.3)
        said = os.read(fd, 4096)
        assert said.count(b"S S    0.00000 g\r\n") >= 2
        assert b"ES" not in said
    finally:
        os.close(fd)
