"""What clients of served instruments set at their port counts; several instruments may share one."""

from __future__ import annotations

import warnings

import pytest
import serial
import serial.rfc2217

from rig.bench.open import open_bench
from rig.clock.wall import WallClock
from rig.definitions.bench_file import load_bench
from rig.drivers.balance_sartorius_sbi import SartoriusSbiBalance
from rig.drivers.pump_rpu1 import Rpu1Pump
from rig.errors import ExchangeError, LinkLost, LinkTimeout, ProtocolError
from rig.readings import Prescription
from rig.sim.build import simulate
from rig.transport.open import open_link

SET_TO = "?baud=1200&bits=7&parity=O"


def at(address, driver, *number, **framing):
    return driver(open_link(address, WallClock(), lambda t_ns, direction, data: None, **framing), *number)


@pytest.fixture
def sbi(served):
    """Address of a served balance that is set as old ones are: 1200 baud, seven bits, odd parity."""
    _, told = served("", way="rfc2217", balance_driver="balance_sartorius_sbi", balance_set_to=SET_TO)
    return told["instruments"]["SIM-0001/balance"]["address"]


def test_our_link_and_the_servers_of_serial_ports(sbi):
    assert sbi.startswith("rfc2217://127.0.0.1:")
    assert sbi.endswith(SET_TO)
    balance = at(sbi, SartoriusSbiBalance)
    assert balance.identify().serial == "SIM-0001-B"
    assert balance.read().stable
    balance.close()


def test_other_settings_than_the_instruments_are_garbage(sbi):
    for options in ("?baud=9600&bits=7&parity=O", "?baud=1200", "?baud=1200&bits=7&parity=E", ""):
        balance = at(sbi.removesuffix(SET_TO) + options, SartoriusSbiBalance)
        with pytest.raises((LinkTimeout, ProtocolError)):
            balance.identify()
        balance.close()


def test_pyserials_own_client(sbi):
    url = sbi.removesuffix(SET_TO)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)
        with serial.serial_for_url(url, 1200, bytesize=7, parity="O", timeout=3) as port:
            port.write(b"\x1bx2_\r\n")
            assert port.read_until(b"\n") == b"SIM-0001-B\r\n"
            port.bytesize, port.parity, port.timeout = 8, "N", 0.5
            port.write(b"\x1bx2_\r\n")
            assert b"SIM" not in port.read_until(b"\n")


def test_a_server_that_is_not_there_or_speaks_something_else(served):
    _, told = served("", way="tcp")
    with pytest.raises(LinkLost, match="RFC 2217"):
        open_link("rfc2217://127.0.0.1:9", WallClock(), lambda t_ns, direction, data: None)
    address = told["instruments"]["SIM-0001/pump"]["address"].replace("socket", "rfc2217")
    with pytest.raises(LinkLost, match="RFC 2217"):
        open_link(address, WallClock(), lambda t_ns, direction, data: None)


@pytest.mark.usefixtures("needs_pty")
def test_another_speed_is_seen_on_a_pseudo_terminal_and_is_garbage(served):
    _, told = served("")
    address = told["instruments"]["SIM-0001/pump"]["address"]
    for baud in (9600, 57_600):
        pump = at(address, Rpu1Pump, baud=baud)
        with pytest.raises(ExchangeError):
            pump.identify()
        pump.close()
    pump = at(address, Rpu1Pump, baud=115_200)
    assert pump.identify().serial == "SIM-0001"
    pump.close()


@pytest.mark.usefixtures("needs_pty")
def test_unplugged_and_put_back_under_the_same_name(on_pty, bench_of):
    there = on_pty(lambda clock: simulate(bench_of(""), clock).port("SIM-0001", "pump"))
    pump = at(there.address, Rpu1Pump, baud=115_200)
    before = pump.identify()
    there.port.unplug()
    for _ in range(2):
        with pytest.raises(LinkLost):
            pump.interrogate()
    there.port.replug()
    assert pump.interrogate().mode == "stop"
    assert pump.identify() == before
    pump.close()


def test_a_server_that_hangs_up_is_called_again(on_rfc2217, bench_of):
    there = on_rfc2217(lambda clock: simulate(bench_of(""), clock).port("SIM-0001", "pump"))
    pump = at(there.address, Rpu1Pump, baud=115_200)
    before = pump.identify()
    there.port.hang_up()
    with pytest.raises(LinkLost):
        pump.interrogate()
    assert pump.interrogate().mode == "stop"
    assert pump.identify() == before
    pump.close()


BUS = """
[[unit]]
serial = "SIM-000{number}"
profile = "pumps/pump.toml"
outlet_diameter = "1 mm"
vessel_diameter = "30 mm"
pump = {{ driver = "pump_rpu1", address = "sim://bus/pumps", device = {number} }}
pressure = {{ driver = "pressure_keller", address = "sim://bus/pressures", device = {device} }}
"""


@pytest.mark.usefixtures("needs_pty")
@pytest.mark.parametrize("way", ["pty", "rfc2217"])
def test_instruments_that_share_a_line_are_polled_together_without_mixing_replies(served, way):
    text = "".join(BUS.format(number=number, device=number + 10) for number in (1, 2))
    _, told = served("", way=way, units=text)
    addresses = {name: each["address"] for name, each in told["instruments"].items()}
    assert addresses["SIM-0001/pump"] == addresses["SIM-0002/pump"] != addresses["SIM-0001/pressure"]
    clock = WallClock()
    with open_bench(load_bench(told["bench"]), clock) as bench:
        for each in bench.instruments:
            each.identify()
        for rate, unit in enumerate(bench.units, 1):
            unit.pump.program(Prescription("continuous", rate_nl_h=rate * 100_000))

        def poll(unit, rate_nl_h):
            def often():
                for _ in range(25):
                    state = unit.pump.interrogate()
                    assert state.rate_nl_h == rate_nl_h
                    unit.monitors["pressure"].read()
                return unit.pump.read_back()

            return often

        said = clock.run_all([poll(unit, rate * 100_000) for rate, unit in enumerate(bench.units, 1)])
        assert said == [Prescription("continuous", rate_nl_h=rate) for rate in (100_000, 200_000)]
        assert {each.identity.serial for each in bench.instruments if each.file.role == "pump"} == {
            "SIM-0001",
            "SIM-0002",
        }
