"""The rest of the bench on bad lines: thousands of hurt replies to each driver.

In time a value or a typed error with its bytes; never a wrong value where the protocol can tell; afterwards the truth.
"""

from __future__ import annotations

import random
import struct
from dataclasses import dataclass, field
from typing import Any

import pytest

from rig.clock import NS_PER_S
from rig.drivers.bath_julabo import JulaboBath
from rig.drivers.current_keithley_dmm6500 import KeithleyDmm6500
from rig.drivers.current_keysight_34465a import Keysight34465A
from rig.drivers.environment_vaisala_ptu300 import VaisalaPtu300
from rig.drivers.pressure_keller import KellerPressure, format_request
from rig.drivers.supply_keithley_2450 import Keithley2450
from rig.drivers.valves_gpio_serial import GpioSerialValves
from rig.drivers.valves_scpi import ScpiValves
from rig.errors import ExchangeError, LinkTimeout


@dataclass(frozen=True)
class Bench:
    """A driver, what its instrument answers, which answer is hurt, and what it says when it is not.

    ``before``: questions asked before it. ``tells``: the protocol can tell every damage. ``within_s``: its deadline.
    """

    driver: type[Any]
    replies: dict[bytes, bytes]
    hurt: bytes
    truth: Any
    foreign: list[bytes]
    before: tuple[bytes, ...] = ()
    tells: bool = False
    within_s: float = 3.0
    ask: Any = field(default=lambda driver: driver.read().values)


def keller(function: int, data: bytes, reply: bytes) -> dict[bytes, bytes]:
    """With the echo of the converter."""
    sent = format_request(1, function, data)
    return {sent: sent + format_request(1, function, reply)}


def scpi(idn: bytes) -> dict[bytes, bytes]:
    return {b"*IDN?\n": idn, b"SYST:ERR?\n": b'0,"No error"\n', b"*LANG?\n": b"SCPI\n"}


NO_ERROR = b'0,"No error;0;0 0"\n'
KEYSIGHT, DMM6500 = b"Keysight Technologies,34465A,MY1,A.02\n", b"KEITHLEY INSTRUMENTS,MODEL DMM6500,04,1.7\n"
SOURCE_METER, SWITCH_UNIT = b"KEITHLEY INSTRUMENTS,MODEL 2450,04,1.7\n", b"HEWLETT-PACKARD,34970A,0,13-2-2\n"
READ_2450 = b':READ? "defbuffer1",SOUR,READ\n'
RELAY = b"relay read 0\n\ron\n\r>"
PRESSURE = keller(73, b"\x01", struct.pack(">fB", 1.5, 0))

BENCHES = {
    "pressure_keller": Bench(
        KellerPressure,
        {
            **keller(48, b"", bytes((5, 20, 10, 40, 10, 1))), **PRESSURE,
            **keller(73, b"\x04", struct.pack(">fB", 22.5, 0)),
        },
        format_request(1, 73, b"\x01"),
        {"line_pressure_kpa": 150.0, "line_temperature_c": 22.5},
        [
            format_request(2, 73, struct.pack(">fB", 1.25, 0)),
            format_request(1, 74, struct.pack(">fB", 1.25, 0)),
            format_request(1, 69, b"\x00\x01\x02\x03"),
            format_request(1, 73, b"\x01"),
        ],
        tells=True,
        within_s=1.0,
    ),
    "valves_gpio_serial": Bench(
        GpioSerialValves, {b"relay read 0\r": RELAY}, b"relay read 0\r", True,
        [b"relay on 0\n\r>", b"relay read 1\n\roff\n\r>", b"ver\n\r00000008\n\r>"],
        tells=True, within_s=1.0, ask=lambda driver: driver.is_on(0),
    ),
    "environment_vaisala_ptu300": Bench(
        VaisalaPtu300, {b"SEND\r": b"SEND\r\nP= 1013.2 hPa T= 31.1 'C RH= 38.3 %RH\r\n>"}, b"SEND\r",
        {"air_pressure_hpa": 1013.2, "air_temperature_c": 31.1, "air_humidity_pct": 38.3},
        [b"PTU300 / 1.01\r\n", b">", b"T= 31.1 'C RH= 38.3 %RH\r\n"],
    ),
    "bath_julabo": Bench(
        JulaboBath,
        {b"status\r": b"03 REMOTE START\r\n", b"in_sp_00\r": b"37.00\r\n", b"in_pv_00\r": b"36.98\r\n"},
        b"in_pv_00\r", {"bath_temperature_c": 36.98, "bath_setpoint_c": 37.0},
        [b"03 REMOTE START\r\n", b"-08 INVALID COMMAND\r\n", b"in_pv_00\r\n", b"JULABO CORIO CD\r\n"],
        before=(b"status\r", b"in_sp_00\r"),
    ),
    "current_keysight_34465a": Bench(
        Keysight34465A,
        {
            **scpi(KEYSIGHT), b"SENS:CURR:DC:NPLC?\n": b"+1.0E+01\n", b"SENS:CURR:DC:RANG?\n": b"+1.0E-03\n",
            b"SENS:FUNC?\n": b'"CURR"\n', b"READ?\n": b"+1.23450000E-05\n",
        },
        b"READ?\n", {"battery_current_a": 1.2345e-5}, [b'"CURR"\n', NO_ERROR, KEYSIGHT, b"+9.90000000E+37\n"],
        before=(b"SENS:FUNC?\n",),
    ),
    "current_keithley_dmm6500": Bench(
        KeithleyDmm6500,
        {
            **scpi(DMM6500), b":SENS:FUNC?\n": b'"CURR:DC"\n', b":SENS:CURR:RANG?\n": b"0.001\n",
            b":SENS:CURR:NPLC?\n": b"10\n", b":READ?\n": b"1.2345E-05\n",
        },
        b":READ?\n", {"battery_current_a": 1.2345e-5}, [b'"CURR:DC"\n', NO_ERROR, DMM6500, b"9.9E+37\n"],
        before=(b":SENS:FUNC?\n",),
    ),
    "supply_keithley_2450": Bench(
        Keithley2450,
        {
            **scpi(SOURCE_METER), b":SOUR:FUNC?\n": b"VOLT\n", b":SENS:FUNC?\n": b'"CURR:DC"\n', b":OUTP?\n": b"1\n",
            READ_2450: b"2.99998E+00,1.2345E-05\n", b":SOUR:VOLT:ILIM:TRIP?\n": b"0\n",
        },
        READ_2450, {"battery_voltage_v": 2.99998, "battery_current_a": 1.2345e-5},
        [b"0\n", NO_ERROR, SOURCE_METER, b"VOLT\n", b"1.2345E-05\n"],
        before=(b":OUTP?\n",), within_s=5.0,
    ),
    "valves_scpi": Bench(
        ScpiValves, {**scpi(SWITCH_UNIT), b"ROUT:CLOS? (@101)\n": b"1\n"}, b"ROUT:CLOS? (@101)\n", True,
        [NO_ERROR, SWITCH_UNIT, b"1,0\n", b"+1.0E+00\n"], ask=lambda driver: driver.is_on(101),
    ),
}  # fmt: skip


def fuzz(bench: Bench, bad_line, hurts, frames: int, seed: int) -> int:
    """How many of ``frames`` hurt replies gave the right value."""
    dice, line, right = random.Random(seed), bad_line(), 0
    line.replies = bench.replies
    driver = bench.driver(line)
    assert bench.ask(driver) == bench.truth
    while True:
        for hurt in hurts(dice, bench.replies[bench.hurt], bench.foreign):
            line.answers = [*([(5_000_000, bench.replies[question])] for question in bench.before), hurt]
            begun_ns, value, failed = line.t_ns, None, None
            try:
                value = bench.ask(driver)
            except ExchangeError as error:
                failed = error
            assert line.t_ns - begun_ns <= 1.1 * bench.within_s * NS_PER_S, hurt
            assert value in (None, bench.truth) or not bench.tells, hurt
            if failed is not None:
                assert failed.sent
                assert failed.address
                assert failed.received or isinstance(failed, LinkTimeout), hurt
            right += value == bench.truth
            line.t_ns += 5 * NS_PER_S  # what was late has arrived
            assert bench.ask(driver) == bench.truth, f"not well again after {hurt}"
            frames -= 1
            if not frames:
                return right


@pytest.mark.parametrize("name", BENCHES)
def test_thousands_of_hurt_replies(name, bad_line, hurts):
    right = fuzz(BENCHES[name], bad_line, hurts, 5000, seed=1)
    assert 0.05 < right / 5000 < 0.9  # neither deaf nor gullible


@pytest.mark.campaign
@pytest.mark.parametrize("name", BENCHES)
def test_a_hundred_thousand_hurt_replies(name, bad_line, hurts):
    assert fuzz(BENCHES[name], bad_line, hurts, 100_000, seed=2) > 5000
