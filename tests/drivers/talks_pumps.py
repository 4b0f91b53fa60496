"""Sound exchanges with bench pumps."""

from __future__ import annotations

from binascii import crc_hqx
from typing import Any

from rig.readings import Prescription
from rig.testing import NO_CHECKSUM, SHORT_CHECKSUM, Talk

CONTINUOUS = Prescription("continuous", rate_nl_h=20_830)


def state_of(pump: Any) -> dict[str, Any]:
    state = pump.interrogate()
    return {
        "mode": state.mode,
        "rate": state.rate_nl_h,
        "delivered": state.delivered_nl,
        "alarms": state.alarms,
    }


def programmed(pump: Any) -> None:
    pump.program(CONTINUOUS)


def new_era_basic(**said: str) -> dict[bytes, bytes]:
    """Replies of pump 0 in basic mode, by command; an underscore is the empty command."""
    replies = {
        f"0{command.strip('_')}\r".encode(): f"\x0200{text}\x03".encode() for command, text in said.items()
    }
    return {new_era_packet("0SAF0"): b"\x0200S\x03", **replies}


def new_era_packet(text: str) -> bytes:
    return bytes([2, len(text) + 4]) + text.encode() + crc_hqx(text.encode(), 0).to_bytes(2, "big") + b"\x03"


def new_era_safe(**said: str) -> dict[bytes, bytes]:
    replies = {
        new_era_packet(f"0{command.strip('_')}"): new_era_packet(f"00{text}")
        for command, text in said.items()
    }
    return {new_era_packet("0SAF60"): new_era_packet("00S"), **replies}


NEW_ERA_RUNS = {"RAT": "I20.83UH", "VOL": "I0.000ML", "DIS": "II0.500W0.000ML"}
NEW_ERA_STATE = {"mode": "continuous", "rate": 20_830, "delivered": 500_000, "alarms": ()}
NEW_ERA_PROGRAM = {
    "STP": "S?NA",
    "_": "S",
    "PHN2": "S",
    "FUNSTP": "S",
    "PHN1": "S",
    "FUNRAT": "S",
    "DIA": "S14.43",
    "DIRINF": "S",
    "RAT20": "S",
    "VOL0": "S",
    "PHN": "S1",
    "FUN": "SRAT",
    "DIR": "SINF",
    "RAT": "S20.83UH",
    "VOL": "S0.000ML",
    "RUN1": "I",
}


def new_era_talks(form: Any, packet: Any) -> list[Talk]:
    is_safe = form is new_era_safe
    why = {} if is_safe else dict.fromkeys(NEW_ERA_STATE, NO_CHECKSUM)
    program = {**NEW_ERA_PROGRAM, "RAT20.83UH": "S"}
    replies = form(**{key: text for key, text in program.items() if key != "RAT20"})
    foreign = tuple(packet(text) for text in ("01S20.93UH", "00S", "00I0.600W0.000ML", "01A?S", "00S?"))
    return [
        Talk("state", state_of, NEW_ERA_STATE, form(**NEW_ERA_RUNS), foreign, why),
        Talk(
            "identity",
            lambda pump: pump.identify().model,
            "NE1000",
            form(VER="SNE1000V3.923"),
            foreign,
            {} if is_safe else {"": NO_CHECKSUM},
        ),
        Talk(
            "program",
            programmed,
            None,
            replies,
            foreign,
            once=(b"0RUN", b"\x02\x090RUN"),
            hurt=(b"0RUN1", packet("0RUN1")[:6], b"0STP", packet("0STP")[:5]),
            within_s=1.3,
        ),
    ]


def ultra(**said: Any) -> dict[bytes, bytes]:
    """Replies of a pump without address: (lines, prompt) by command."""
    replies = {b"poll on\r\n": b"\n:\x11"}
    for command, (*lines, prompt) in said.items():
        text = "".join(f"\n{line}\r" for line in lines) + f"\n{prompt}\x11"
        replies[f"{command.replace('_', ' ')}\r\n".encode()] = text.encode()
    return replies


ULTRA_STATE = {"mode": "continuous", "rate": 20_830, "delivered": 12_500, "alarms": ()}
ULTRA_FOREIGN = (
    b"\n12:9.9 ul/min\r\n12:\x11",
    b"\n:\x11",
    b"\n99.9 ul\r\n:\x11",
    b"\nCommand error:\r\n:\x11",
)
NOT_SET = "Target volume not set"
ULTRA_PROGRAM = {
    **ultra(
        stp=(":",),
        ivolume=("12.5 ul", ":"),
        load_qs_i=(":",),
        diameter=("14.4300 mm", ":"),
        cttime=(":",),
        ctvolume=(":",),
        irate=("20.83 ul/hr", ":"),
        tvolume=(NOT_SET, ":"),
        irun=(">",),
    ),
    b"irate 20.83 ul/hr\r\n": b"\n:\x11",
}

CHAIN_STATE = {"mode": "continuous", "rate": 20_830, "delivered": 12_500, "alarms": ()}
CHAIN_FOREIGN = (b"\r\n99.9\r\n04:", b"\r\n03:", b"\r\n88.8\r\n03:", b"\r\nOOR\r\n03:")


def chain(**said: tuple[str, str]) -> dict[bytes, bytes]:
    """Replies of pump 3: (data, prompt) by command."""
    return {
        f"03{command.replace('_', '.')}\r".encode(): (f"\r\n{data}" if data else "").encode()
        + f"\r\n03{prompt}".encode()
        for command, (data, prompt) in said.items()
    }


def fresenius_frame(text: str) -> bytes:
    return b"\x02" + text.encode() + b"%02X" % (255 - sum(text.encode()) % 256) + b"\x03"


def fresenius(**said: str) -> dict[bytes, bytes]:
    """Replies of module 1 to LE and LF by variable, and to other commands."""
    talk = {"0DC": "0C", "1DC": "1C", "1MO;2": "1C", "1PO": "1C"}
    talk |= {f"1{'LF' if name == 'b' else 'LE'};{name}": f"1C;{name}{text}" for name, text in said.items()}
    replies = {fresenius_frame(sent): b"\x06" + fresenius_frame(reply) for sent, reply in talk.items()}
    return replies | dict.fromkeys(
        (
            b"\x06",
            b"\x14",
            b"\x1532",
            fresenius_frame("1E"),
            fresenius_frame("2M"),
        ),
        b"",
    )


FRESENIUS_STATE = {"mode": "continuous", "rate": 2_500_000, "delivered": 1_234_000, "alarms": ()}
FRESENIUS_FOREIGN = tuple(fresenius_frame(text) for text in ("2C;d0020", "1E;a0004", "0C", "2M;d1", "1I;03"))


def alaris_frame(text: str) -> bytes:
    return f"!{text}|{crc_hqx(text.encode(), 0xFFFF):04X}\r".encode()


def alaris(*pairs: tuple[str, str]) -> dict[bytes, bytes]:
    return {alaris_frame(sent): alaris_frame(reply) for sent, reply in pairs}


ALARIS_HELD = (("INF_RATE", "INF_RATE^12.50^ml/h"), ("INF_VI", "INF_VI^1.234^ml"))
ALARIS_FOREIGN = (
    alaris_frame("INF_VX^9.999^ml"),
    alaris_frame("INST_SERIALNO^8002-51741"),
    alaris_frame("INF_STOP"),
)
ALARIS_PROGRAM = alaris(
    ("INST_SERIALNO", "INST_SERIALNO^8002-51740"),
    ("REMOTE_CTRL^ENABLED^3CC1", "REMOTE_CTRL^ENABLED^****^PERMIT^0^ms"),
    ("REMOTE_CFG^ENABLED^3CC1", "REMOTE_CFG^ENABLED^****^PERMIT^0^ms"),
    ("INF_STOP", "INF_STOP"),
    ("INF_RATE^12.5^ml/h", "INF_RATE^12.50^ml/h"),
    ("INF_START", "INF_START"),
    *ALARIS_HELD,
)


def driven(talks: list[Talk], options: dict[str, Any] | None = None) -> tuple[list[Talk], dict[str, Any]]:
    """One driver's talks, and what it is made with."""
    return talks, options or {}


TALKS = {
    "pump_new_era": driven(
        new_era_talks(new_era_basic, lambda text: f"\x02{text}\x03".encode()), {"syringe_diameter_mm": 14.43}
    ),
    "pump_new_era safe": driven(
        new_era_talks(new_era_safe, new_era_packet), {"syringe_diameter_mm": 14.43, "safe": True}
    ),
    "pump_harvard_ultra": driven(
        [
            Talk(
                "state",
                state_of,
                ULTRA_STATE,
                ultra(irate=("20.83 ul/hr", ">"), tvolume=(NOT_SET, ">"), ivolume=("12.5 ul", ">")),
                ULTRA_FOREIGN,
                dict.fromkeys(ULTRA_STATE, NO_CHECKSUM),
                within_s=2.0,
            ),
            Talk(
                "identity",
                lambda pump: pump.identify().model,
                "11 ELITE",
                ultra(version=("11 ELITE", ":")),
                ULTRA_FOREIGN,
                {"": NO_CHECKSUM},
                within_s=2.0,
            ),
            Talk(
                "program",
                programmed,
                None,
                ULTRA_PROGRAM,
                ULTRA_FOREIGN,
                once=(b"irun",),
                hurt=(b"irun", b"stp"),
                within_s=1.3,
            ),
        ],
        {"syringe_diameter_mm": 14.43},
    ),
    "pump_harvard_chain": driven(
        [
            Talk(
                "state",
                state_of,
                CHAIN_STATE,
                chain(VOL=("12.5", ">"), RNG=("UL/H", ">"), RAT=("20.83", ">"), TAR=("0", ">")),
                CHAIN_FOREIGN,
                dict.fromkeys(CHAIN_STATE, NO_CHECKSUM),
            ),
            Talk(
                "identity",
                lambda pump: pump.identify().firmware,
                "2.0",
                chain(VER=("33V2.0", ":")),
                CHAIN_FOREIGN,
                {"": NO_CHECKSUM},
            ),
            Talk(
                "program",
                programmed,
                None,
                chain(
                    STP=("", ":"),
                    VOL=("12.5", ":"),
                    DIA=("14.43", ":"),
                    ULH20_83=("", ":"),
                    CLT=("", ":"),
                    RNG=("UL/H", ":"),
                    RAT=("20.83", ":"),
                    TAR=("0", ":"),
                    RUN=("", ">"),
                ),
                CHAIN_FOREIGN,
                once=(b"03RUN",),
                hurt=(b"03RUN", b"03STP"),
                within_s=1.2,
            ),
        ],
        {"address": 3, "syringe_diameter_mm": 14.43},
    ),
    "pump_fresenius": driven(
        [
            Talk(
                "state",
                state_of,
                FRESENIUS_STATE,
                fresenius(d="0019", a="0000", e="0000", r="000004D2"),
                FRESENIUS_FOREIGN,
                dict.fromkeys(FRESENIUS_STATE, SHORT_CHECKSUM),
                within_s=1.2,
            ),
            Talk(
                "identity",
                lambda pump: pump.identify().model,
                "AGILIA",
                fresenius(b="AGILIA"),
                FRESENIUS_FOREIGN,
                {"": SHORT_CHECKSUM},
                within_s=1.2,
            ),
            Talk(
                "pause",
                lambda pump: pump.stop("test"),
                None,
                fresenius(d="0000", a="0000", e="0000", r="000004D2"),
                FRESENIUS_FOREIGN,
                hurt=(fresenius_frame("1PO"),),
                within_s=1.2,
            ),
        ],
        {"address": 1},
    ),
    "pump_alaris": driven(
        [
            Talk(
                "state",
                state_of,
                {"mode": "continuous", "rate": 12_500_000, "delivered": 1_234_000, "alarms": ()},
                alaris(*ALARIS_HELD),
                ALARIS_FOREIGN,
            ),
            Talk(
                "identity",
                lambda pump: pump.identify().serial,
                "8002-51740",
                ALARIS_PROGRAM,
                (alaris_frame("INF_RATE^9.99^ml/h"),),
            ),
            Talk(
                "program",
                lambda pump: pump.program(Prescription("continuous", rate_nl_h=12_500_000)),
                None,
                ALARIS_PROGRAM,
                ALARIS_FOREIGN,
                once=(b"!INF_START", rb"!INF_RATE\^"),
                hurt=(b"!INF_START", b"!INF_RATE^", b"!INF_STOP"),
                within_s=1.2,
            ),
        ]
    ),
}
