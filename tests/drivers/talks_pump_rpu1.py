"""Sound exchanges with a pump that speaks RPU/1."""

from __future__ import annotations

from binascii import crc_hqx
from typing import Any

from rig.readings import Prescription
from rig.testing import Talk


def rpu1_line(marked: str) -> bytes:
    return f"{marked}*{crc_hqx(marked[2:].encode('ascii'), 0xFFFF):04X}\r\n".encode("ascii")


def rpu1(**texts: str):
    """Replies of pump 01: what it says to each verb; the sequence number is that of the request."""
    texts = {
        "ID": "MAKER=A MODEL=B SERIAL=C FW=1 PROTO=1 LEVEL=2",
        **{verb.replace("_", " "): text for verb, text in texts.items()},
    }

    def reply(request: bytes) -> bytes | None:
        if not request.endswith(b"\r\n"):
            return None
        head, text = request[:8].decode(), request[8:-7].decode()
        verb = max((each for each in texts if text.startswith(each)), key=len)
        return rpu1_line(f"<{head[1:]}OK {texts[verb]}")

    return reply


def rpu1_foreign(text: str, own: str = "< 01 00") -> tuple[bytes, ...]:
    """Another pump, another request (``own``), the alarm of another, and its own echo."""
    heads = ("< 02 01", own, "< 01 03", "< FE FF", "> 01 01")
    return (
        *(rpu1_line(f"{head} OK {text}") for head in heads),
        rpu1_line("! 01 00 ALARM ID=ERI CLASS=NONCRIT STATE=ON T=1 LOG=1"),
    )


STATUS = "MODE=SC RUN=1 SRC=BASAL RATE={n} LEFT=0 DELIV={n} RES={n} BATT=2 ERI=9 ALARMS=0400 STOPT=0 UP=1 CLK=1 LOG=8"
LOG = "FIRST=1 LAST=9 N=2 MORE=0 R1=4:1:REFILL:VOL/{n},LOW/{n},OLD/{n} R2=5:1:START:RATE/{n}"
PERIODIC = "MODE=PB VOL={n} DUR=60 INT=600 CONC={n}"
PATIENT, BUTTON = "EN=1 VOL={n} DUR=60 LOCK=600 MAX=4 LEFT=0 COUNT=0", "LEFT={n} DELIV={n} LOG={n}"
BATTERY = "MV={n} ERI=9 EOS=99 ERIMV={n} EOSMV={n} STATE=OK"
RIGHT, WRONG = 20_833, 20_933


def rpu1_talk(name: str, verb: str, words: str, ask: Any, truth: Any) -> Talk:
    replies = rpu1(**{verb: words.format(n=RIGHT)})
    return Talk(
        name,
        ask,
        truth,
        replies,
        rpu1_foreign(words.format(n=WRONG)),
        repeats=1,
        within_s=2.0,
        prepare=lambda pump: pump.identify(),
    )


RPU1 = [
    Talk(
        "identity",
        lambda pump: pump.identify().serial,
        "C",
        rpu1(),
        rpu1_foreign("MAKER=A MODEL=B SERIAL=D FW=1 PROTO=1 LEVEL=2", own="< 01 02"),
        repeats=1,
        within_s=2.0,
    ),
    rpu1_talk(
        "status",
        "GET_STATUS",
        STATUS,
        lambda pump: (
            s := pump.interrogate(),
            s.mode,
            s.rate_nl_h,
            s.delivered_nl,
            s.reservoir_nl,
            len(s.alarms),
        )[1:],
        ("continuous", RIGHT, RIGHT, RIGHT, 1),
    ),
    rpu1_talk(
        "program read back",
        "GET_PROGRAM",
        PERIODIC,
        lambda pump: pump.read_back(),
        Prescription(
            "periodic", bolus_nl=RIGHT, bolus_duration_s=60, interval_s=600, concentration_ng_ml=RIGHT
        ),
    ),
    rpu1_talk(
        "log",
        "LOG",
        LOG,
        lambda pump: [(e.number, e.code, tuple(e.arguments.values())) for e in pump.events_since(3)],
        [(4, "REFILL", (str(RIGHT),) * 3), (5, "START", (str(RIGHT),))],
    ),
    rpu1_talk(
        "patient bolus",
        "GET_PTM",
        PATIENT,
        lambda pump: (b := pump.patient_bolus(), b.bolus_nl, b.lockout_s)[1:],
        (RIGHT, 600),
    ),
    rpu1_talk(
        "button",
        "PTM_ACTIVATE",
        BUTTON,
        lambda pump: (r := pump.request_patient_bolus(), r.refused, r.left_s)[1:],
        ("", RIGHT),
    ),
    rpu1_talk("battery", "BATT", BATTERY, lambda pump: pump.battery().voltage_mv, RIGHT),
]


TALKS = {"pump_rpu1": (RPU1, {})}
