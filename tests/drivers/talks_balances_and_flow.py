"""Sound exchanges with balances and flow sensors."""

from __future__ import annotations

import struct
from typing import Any

from rig.drivers.flow_bronkhorst_propar import FIRMWARE, FMEASURE, MEASURE, MODEL, SERIAL, TEMPERATURE, UNIT
from rig.drivers.propar_wire import format_ascii, format_binary, format_read, parse_ascii, parse_binary
from rig.testing import NO_CHECKSUM, NO_NAMES, SHORT_CHECKSUM, Talk


def weight_of(balance: Any) -> dict[str, Any]:
    reading = balance.read()
    return {"mass_g": reading.mass_g, "stable": reading.stable, "digit_g": reading.digit_g}


WEIGHT = {"mass_g": 12.3456, "stable": True, "digit_g": 0.0001}


def shdlc(command: int, data: bytes = b"", *, state: bytes = b"") -> bytes:
    content = bytes((0, command)) + state + bytes((len(data),)) + data
    content += bytes((~sum(content) & 0xFF,))
    for byte in b"\x7d\x7e\x11\x13":
        content = content.replace(bytes((byte,)), bytes((0x7D, byte ^ 0x20)))
    return b"\x7e" + content + b"\x7e"


def scc1(*exchanges: tuple[int, bytes, bytes]) -> dict[bytes, bytes]:
    return {shdlc(number, data): shdlc(number, reply, state=b"\0") for number, data, reply in exchanges}


SAMPLES = struct.pack(">IHH6h", 0, 0, 3, 500, 4700, 0, 501, 4700, 0)
SCC1 = scc1(
    (0x24, b"", b"\x03"),
    (0x53, b"\x36\x08", bytes.fromhex("0001 0843 0000")),
    (0x34, b"", b""),
    (0x36, b"\x03", SAMPLES),
    (0x33, bytes.fromhex("03E8 3608"), b""),
    (0x33, b"", b"\x03\xe8"),
    (0xD0, b"\x01", b"SCC1\0"),
    (0xD0, b"\x03", b"1234\0"),
    (0xD1, b"", b"\1\x09\0\1\0\1\0"),
    (0x50, b"", b"07030301AB\0"),
)
SCC1_FOREIGN = (shdlc(0x35, SAMPLES, state=b"\0"), shdlc(0x36, b"", state=b"\x24"), shdlc(0x34, state=b"\0"))


def flow_of(sensor: Any) -> dict[str, Any]:
    (block,) = sensor.read_buffer()
    return {"flow": block.flow_counts.tolist(), "temperature": block.temperature_counts.tolist()}


PROPAR_UNIT = bytes.fromhex("02016007") + b"ml/h   "
PROPAR_VALUES = (
    bytes.fromhex("02 A1 C0")
    + struct.pack(">f", 1.5)
    + b"\x41"
    + struct.pack(">f", 23.5)
    + bytes.fromhex("01 A2 3E80 63 07")
    + b"ml/h   "
)
PROPAR_IDENTITY = b"\x02\x71\xe0\0M14\0\xe1\0B123\0\x62\0V1.10\0"
PROPAR_FLOW = {"flow": [25_000_000], "temperature": [23_500]}


def propar(binary: bool, **data: bytes):
    """Replies of node 3: what it answers to the questions with these numbers of parameters."""
    sound = {
        len(format_read(parameters)): data[name]
        for name, parameters in PROPAR_QUESTIONS.items()
        if name in data
    }

    def reply(request: bytes) -> bytes | None:
        if not request.endswith(b"\x10\x03" if binary else b"\r\n"):
            return None
        if not binary:
            return format_ascii(3, sound[len(parse_ascii(request)[1])])
        sequence, _, question = parse_binary(request)
        return format_binary(sequence, 3, sound[len(question)])

    return reply


PROPAR_QUESTIONS = {
    "unit": (UNIT,),
    "flow": (FMEASURE, TEMPERATURE, MEASURE, UNIT),
    "identity": (MODEL, SERIAL, FIRMWARE),
}


def propar_talks(binary: bool) -> list[Talk]:
    def form(data: bytes) -> bytes:
        return format_binary(2, 3, data) if binary else format_ascii(3, data)

    replies = propar(binary, unit=PROPAR_UNIT, flow=PROPAR_VALUES, identity=PROPAR_IDENTITY)
    foreign = (form(PROPAR_UNIT), form(b"\0\x1c\0"), form(b"\x04"), format_ascii(4, PROPAR_VALUES))
    return [
        Talk(
            "flow",
            flow_of,
            PROPAR_FLOW,
            replies,
            foreign,
            dict.fromkeys(PROPAR_FLOW, NO_CHECKSUM),
            prepare=lambda meter: meter.start(1.0),
        ),
        Talk("identity", lambda meter: meter.identify().serial, "B123", replies, foreign, {"": NO_CHECKSUM}),
    ]


def driven(talks: list[Talk], options: dict[str, Any] | None = None) -> tuple[list[Talk], dict[str, Any]]:
    """One driver's talks, and what it is made with."""
    return talks, options or {}


TALKS = {
    "balance_mt_sics": driven(
        [
            Talk(
                "weight",
                weight_of,
                WEIGHT,
                {b"SI\r\n": b"S S    12.3456 g\r\n"},
                (b"S S    12.3476 g\r\n", b'I4 A "B1"\r\n', b"S I\r\n", b"Z A\r\n"),
                dict.fromkeys(WEIGHT, NO_CHECKSUM),
                within_s=3.0,
            ),
            Talk(
                "identity",
                lambda balance: balance.identify().serial,
                "B1",
                {
                    b"@\r\n": b'I4 A "B1"\r\n',
                    b"I2\r\n": b'I2 A "XPR 220.00900 g"\r\n',
                    b"I3\r\n": b'I3 A "2.10"\r\n',
                    b"I4\r\n": b'I4 A "B1"\r\n',
                },
                (b"S S    12.3476 g\r\n", b"ES\r\n"),
                {"": NO_CHECKSUM},
                within_s=3.5,
            ),
            Talk(
                "zero",
                lambda balance: balance.zero(),
                None,
                {b"Z\r\n": b"Z A\r\n"},
                (b"Z I\r\n", b"S S    12.3476 g\r\n"),
                within_s=60.0,
            ),
        ]
    ),
    "balance_sartorius_sbi": driven(
        [
            Talk(
                "weight",
                weight_of,
                WEIGHT,
                {b"\x1bP\r\n": b"N     +  12.3456 g  \r\n"},
                (b"N     +  12.3476 g  \r\n", b"Stat      High      \r\n", b"      +  12.3456    \r\n"),
                dict.fromkeys(WEIGHT, NO_CHECKSUM),
                within_s=60.0,
            ),
            Talk(
                "identity",
                lambda balance: balance.identify().serial,
                "17",
                {b"\x1bx1_\r\n": b"BP221S\r\n", b"\x1bx2_\r\n": b"17\r\n", b"\x1bx3_\r\n": b"01-42\r\n"},
                (b"N     +  12.3476 g  \r\n",),
                {"": f"{NO_CHECKSUM}; {NO_NAMES}"},
                within_s=3.5,
            ),
        ]
    ),
    "flow_sensirion_scc1": driven(
        [
            Talk(
                "samples",
                flow_of,
                {"flow": [500, 501], "temperature": [4700, 4700]},
                SCC1,
                SCC1_FOREIGN,
                {"flow": SHORT_CHECKSUM, "temperature": SHORT_CHECKSUM},
                prepare=lambda sensor: sensor.start(1.0),
            ),
            Talk(
                "identity",
                lambda sensor: sensor.identify().serial,
                "1234",
                SCC1,
                SCC1_FOREIGN,
                {"": f"{SHORT_CHECKSUM}; replies to the parts of D0 look alike"},
                within_s=1.2,
            ),
        ]
    ),
    "flow_bronkhorst_propar": driven(propar_talks(binary=False), {"address": 3}),
    "flow_bronkhorst_propar binary": driven(propar_talks(binary=True), {"address": 3, "binary": True}),
}
