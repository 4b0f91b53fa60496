"""Sound exchanges with the bench's other instruments."""

from __future__ import annotations

import struct
from typing import Any

from rig.drivers.pressure_keller import format_request
from rig.testing import NO_CHECKSUM, NO_NAMES, Talk


def values_of(monitor: Any) -> dict[str, float]:
    return monitor.read().values


def keller(*exchanges: tuple[int, bytes, bytes]) -> dict[bytes, bytes]:
    """With the echo of the converter."""
    sent = [(format_request(1, function, data), reply, function) for function, data, reply in exchanges]
    return {request: request + format_request(1, function, reply) for request, reply, function in sent}


def scpi(idn: bytes, *, told: tuple[bytes, ...] = (), **said: bytes) -> dict[bytes, bytes]:
    own = {b"*CLS\n": b"", b"*IDN?\n": idn, b"SYST:ERR?\n": b'0,"No error"\n', b"*LANG?\n": b"SCPI\n"}
    return own | dict.fromkeys(told, b"")


LINE = {"line_pressure_kpa": 150.0, "line_temperature_c": 22.5}
AIR = {"air_pressure_hpa": 1013.2, "air_temperature_c": 31.1, "air_humidity_pct": 38.3}
BATH = {"bath_temperature_c": 36.98, "bath_setpoint_c": 37.0}
CURRENT = {"battery_current_a": 1.2345e-5}
SUPPLY = {"battery_voltage_v": 2.99998, "battery_current_a": 1.2345e-5}
NO_ERROR = b'0,"No error;0;0 0"\n'
KEYSIGHT, DMM6500 = b"Keysight Technologies,34465A,MY1,A.02\n", b"KEITHLEY INSTRUMENTS,MODEL DMM6500,04,1.7\n"
SOURCE_METER, SWITCH_UNIT = b"KEITHLEY INSTRUMENTS,MODEL 2450,04,1.7\n", b"HEWLETT-PACKARD,34970A,0,13-2-2\n"
READ_2450 = b':READ? "defbuffer1",SOUR,READ\n'


def driven(talks: list[Talk], options: dict[str, Any] | None = None) -> tuple[list[Talk], dict[str, Any]]:
    """One driver's talks, and what it is made with."""
    return talks, options or {}


TALKS = {
    "pressure_keller": driven(
        [
            Talk(
                "pressure",
                values_of,
                LINE,
                keller(
                    (48, b"", bytes((5, 20, 10, 40, 10, 1))),
                    (73, b"\x01", struct.pack(">fB", 1.5, 0)),
                    (73, b"\x04", struct.pack(">fB", 22.5, 0)),
                ),
                (
                    format_request(2, 73, struct.pack(">fB", 1.25, 0)),
                    format_request(1, 74, struct.pack(">fB", 1.25, 0)),
                    format_request(1, 69, b"\x00\x01\x02\x03"),
                    format_request(1, 73, b"\x01"),
                ),
                within_s=1.2,
            ),
        ]
    ),
    "environment_vaisala_ptu300": driven(
        [
            Talk(
                "air",
                values_of,
                AIR,
                {b"SEND\r": b"SEND\r\nP= 1013.2 hPa T= 31.1 'C RH= 38.3 %RH\r\n>"},
                (b"PTU300 / 1.01\r\n", b">", b"T= 31.1 'C RH= 38.3 %RH\r\n"),
                dict.fromkeys(AIR, NO_CHECKSUM),
                within_s=3.0,
            ),
        ]
    ),
    "bath_julabo": driven(
        [
            Talk(
                "temperatures",
                values_of,
                BATH,
                {
                    b"status\r": b"03 REMOTE START\r\n",
                    b"in_sp_00\r": b"37.00\r\n",
                    b"in_pv_00\r": b"36.98\r\n",
                },
                (b"03 REMOTE START\r\n", b"-08 INVALID COMMAND\r\n", b"in_pv_00\r\n", b"JULABO CORIO CD\r\n"),
                dict.fromkeys(BATH, f"{NO_CHECKSUM}; {NO_NAMES}"),
                within_s=3.5,
            ),
        ]
    ),
    "current_keysight_34465a": driven(
        [
            Talk(
                "current",
                values_of,
                CURRENT,
                {
                    **scpi(KEYSIGHT, told=(b"CONF:CURR:DC 0.001\n", b"SENS:CURR:DC:NPLC 10\n")),
                    b"SENS:CURR:DC:NPLC?\n": b"+1.0E+01\n",
                    b"SENS:CURR:DC:RANG?\n": b"+1.0E-03\n",
                    b"SENS:FUNC?\n": b'"CURR"\n',
                    b"READ?\n": b"+1.23450000E-05\n",
                },
                (b'"CURR"\n', NO_ERROR, KEYSIGHT, b"+9.90000000E+37\n"),
                dict.fromkeys(CURRENT, NO_CHECKSUM),
                within_s=4.0,
            ),
        ]
    ),
    "current_keithley_dmm6500": driven(
        [
            Talk(
                "current",
                values_of,
                CURRENT,
                {
                    **scpi(
                        DMM6500,
                        told=(b':SENS:FUNC "CURR:DC"\n', b":SENS:CURR:RANG 0.001\n", b":SENS:CURR:NPLC 10\n"),
                    ),
                    b":SENS:FUNC?\n": b'"CURR:DC"\n',
                    b":SENS:CURR:RANG?\n": b"0.001\n",
                    b":SENS:CURR:NPLC?\n": b"10\n",
                    b":READ?\n": b"1.2345E-05\n",
                },
                (b'"CURR:DC"\n', NO_ERROR, DMM6500, b"9.9E+37\n"),
                dict.fromkeys(CURRENT, NO_CHECKSUM),
                within_s=4.0,
            ),
        ]
    ),
    "supply_keithley_2450": driven(
        [
            Talk(
                "supply",
                values_of,
                SUPPLY,
                {
                    **scpi(SOURCE_METER, told=(b':SENS:FUNC "CURR:DC"\n',)),
                    b":SOUR:FUNC?\n": b"VOLT\n",
                    b":SENS:FUNC?\n": b'"CURR:DC"\n',
                    b":OUTP?\n": b"1\n",
                    READ_2450: b"2.99998E+00,1.2345E-05\n",
                    b":SOUR:VOLT:ILIM:TRIP?\n": b"0\n",
                },
                (b"0\n", NO_ERROR, SOURCE_METER, b"VOLT\n", b"1.2345E-05\n"),
                dict.fromkeys(SUPPLY, NO_CHECKSUM),
                within_s=6.0,
            ),
        ]
    ),
    "valves_scpi": driven(
        [
            Talk(
                "state",
                lambda valves: valves.is_on(101),
                True,
                {**scpi(SWITCH_UNIT), b"ROUT:CLOS? (@101)\n": b"1\n"},
                (NO_ERROR, SWITCH_UNIT, b"1,0\n", b"+1.0E+00\n"),
                {"": NO_CHECKSUM},
                within_s=3.0,
            ),
            Talk(
                "switch on",
                lambda valves: valves.switch(101, True),
                None,
                {**scpi(SWITCH_UNIT, told=(b"ROUT:CLOS (@101)\n",)), b"ROUT:CLOS? (@101)\n": b"1\n"},
                (NO_ERROR, SWITCH_UNIT, b"1,0\n", b"+1.0E+00\n"),
                once=(rb"ROUT:CLOS \(",),
                within_s=3.0,
            ),
        ]
    ),
    "valves_gpio_serial": driven(
        [
            Talk(
                "state",
                lambda valves: valves.is_on(0),
                True,
                {b"relay read 0\r": b"relay read 0\n\ron\n\r>"},
                (b"relay on 0\n\r>", b"relay read 1\n\roff\n\r>", b"ver\n\r00000008\n\r>"),
            ),
            Talk(
                "switch on",
                lambda valves: valves.switch(0, True),
                None,
                {b"relay read 0\r": b"relay read 0\n\ron\n\r>", b"relay on 0\r": b"relay on 0\n\r>"},
                (b"relay read 1\n\roff\n\r>", b"ver\n\r00000008\n\r>"),
                once=(b"relay on",),
                within_s=1.2,
            ),
        ]
    ),
}
