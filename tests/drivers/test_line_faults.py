"""Faults of the line between drivers and simulated devices: the right value or a typed error, never a wrong value."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import load_bench
from rig.drivers import driver_class
from rig.errors import DeviceError, ExchangeError, LinkLost, LinkTimeout, ProtocolError
from rig.sim.build import simulate
from rig.transport.address import Framing
from rig.transport.sim_link import SimLink

PROFILE = Path(__file__).resolve().parents[2] / "fixtures" / "pumps" / "reference-40ml.toml"
BENCH = f"""
[bench]
id = "faults"
air_temperature = "22.5 degC"

[[unit]]
serial = "SIM-0001"
profile = "{PROFILE}"
pump = {{ driver = "pump_rpu1", address = "sim://SIM-0001/pump" }}
pressure = {{ driver = "pressure_keller", address = "sim://SIM-0001/pressure" }}
supply = {{ driver = "supply_keithley_2450", address = "sim://SIM-0001/supply" }}

[unit.balance]
driver = "balance_mt_sics"
address = "sim://SIM-0001/balance"
resolution = "0.01 mg"
repeatability = "0.02 mg"
linearity = "0.05 mg"
drift_24h = "0.1 mg"

[unit.flow]
driver = "flow_sensirion_scc1"
address = "sim://SIM-0001/flow"
full_scale = "30 uL/min"
accuracy_of_value = "10 %"
accuracy_of_full_scale = "0.5 %"
"""


class Instrument:
    """A driver, the line to the simulated device, its clock, and what the driver says of it when all is well."""

    def __init__(self, driver, device, clock):
        self.driver, self.line, self.clock = driver, device.line, clock
        self.truth = driver.identify()


@pytest.fixture(params=["balance", "flow", "pressure", "pump", "supply"])
def instrument(request, tmp_path):
    path = tmp_path / "faults.bench.toml"
    path.write_text(BENCH)
    bench, clock = load_bench(path), VirtualClock()
    (file,) = (each for _, each in bench.instruments if each.role == request.param)
    device = simulate(bench, clock).port("SIM-0001", request.param)
    link = SimLink(file.address, clock, lambda t_ns, direction, data: None, device)
    return Instrument(driver_class(file.driver)(link), device, clock)


def ask(instrument, times=1):
    """Each time the same identity, or a typed error with its bytes; the errors."""
    told, errors = [], []
    for _ in range(times):
        try:
            told.append(instrument.driver.identify())
        except ExchangeError as error:
            errors.append(error)
    assert all(identity == instrument.truth for identity in told)
    assert all(error.sent for error in errors)
    return errors


def ask_after_silence(instrument):
    """What was under way has arrived, and is no answer to this."""
    instrument.clock.sleep_s(5)
    return ask(instrument)


COUNTED = ["drop", "corrupt", "truncate", "duplicate", "noise"]


@pytest.mark.parametrize("fault", COUNTED)
def test_answers_hurt_one_by_one(instrument, fault):
    if fault == "corrupt" and instrument.driver.ROLE in ("balance", "supply"):
        pytest.skip("MT-SICS and SCPI have no checksum: a letter may become another letter")
    setattr(instrument.line, fault, 2)
    ask(instrument, times=3)
    assert getattr(instrument.line, fault) == 0
    assert ask_after_silence(instrument) == []


def test_every_answer_lost_is_silence(instrument):
    instrument.line.drop = 1000
    assert [type(error) for error in ask(instrument)] == [LinkTimeout]


def test_late_answers_are_not_taken_for_the_next_ones(instrument):
    instrument.line.extra_delay_s = 3.5
    assert ask(instrument)
    instrument.line.extra_delay_s = 0.0
    ask(instrument, times=3)
    assert ask_after_silence(instrument) == []


def test_echo_of_the_converter_is_no_answer(instrument):
    """No driver takes its own words for a reply: it knows such converters, passes over them, or tells."""
    instrument.line.echo = True
    errors = ask(instrument)
    assert bool(errors) == (instrument.driver.ROLE in ("balance", "flow"))
    instrument.line.echo = False
    assert ask_after_silence(instrument) == []


OF_OTHERS = {
    "pump": b"< 02 01 OK MODE=STOP*0000\r\n",
    "balance": b"Z A\r\n",
    "flow": bytes.fromhex("7E 01 34 00 00 CA 7E"),
    "pressure": bytes.fromhex("02 49 3F 81 B2 2D 00 D7 84"),
    "supply": b"1.234\n",
}


@pytest.mark.parametrize("fault", ["foreign", "instead"])
def test_messages_of_others_before_and_in_place_of_an_answer(instrument, fault):
    getattr(instrument.line, fault).append(OF_OTHERS[instrument.driver.ROLE])
    ask(instrument)
    assert getattr(instrument.line, fault) == []
    assert ask_after_silence(instrument) == []


def test_error_code_in_place_of_an_answer(instrument):
    code = {"balance": (b"EL\r\n", "EL"), "flow": (bytes.fromhex("7E 00 D0 20 00 0F 7E"), "20")}
    if instrument.driver.ROLE not in code:
        pytest.skip("shown with two")
    said, expected = code[instrument.driver.ROLE]
    instrument.line.instead.append(said)
    with pytest.raises(DeviceError) as caught:
        instrument.driver.identify()
    assert (caught.value.code, caught.value.received) == (expected, said)
    assert ask_after_silence(instrument) == []


@pytest.mark.parametrize("factor", [2, 8, 0.5])
def test_wrong_speed_is_garbage_both_ways(instrument, factor):
    own = instrument.line.framing
    instrument.line.host = Framing(round(own.baud * factor))
    (error,) = ask(instrument)
    assert isinstance(error, (LinkTimeout, ProtocolError))
    instrument.line.host = own
    ask(instrument)  # some have kept the garbage for the beginning of a command
    assert ask_after_silence(instrument) == []


@pytest.mark.parametrize("framing", [(7, "E"), (7, "O"), (8, "O")])
def test_wrong_framing_is_garbage_to_the_device(instrument, framing):
    own = instrument.line.framing
    instrument.line.host = Framing(own.baud, *framing)
    assert len(ask(instrument)) == 1
    instrument.line.host = None
    ask(instrument)  # some have kept the garbage for the beginning of a command
    assert ask_after_silence(instrument) == []


def test_unplugged_and_put_back(instrument):
    instrument.line.unplugged = True
    assert [type(error) for error in ask(instrument, times=2)] == [LinkLost] * 2
    instrument.line.unplugged = False
    assert ask_after_silence(instrument) == []
