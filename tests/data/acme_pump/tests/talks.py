"""Sound exchanges with a P40, from its interface description."""

from zlib import crc32

from rig.readings import Prescription
from rig.testing import Talk

PROGRAM = Prescription("continuous", rate_nl_h=20_833)
SAYS = {
    "WHO": "MODEL=P40 SERIAL=P40-0007 FW=2.1",
    "STATE": "MODE=RATE RATE=20833 GIVEN=1250 FILL=39998750 BATT=2950 ALARMS=-",
    "LOADED": "MODE=RATE RATE=20833 BOLUS=0 TIME=0",
    "PROGRAM": "MODE=RATE RATE=20833 BOLUS=0 TIME=0",
    "EVENTS": "LIST=4:1200:START,5:1260:STOP",
}


def line(text):
    return f"{text} {crc32(text.encode()):08X}\n".encode()


def replies(request):
    """The P40's reply to a whole line; the number is that of the request."""
    if not request.endswith(b"\n"):
        return None
    number, verb, *_ = request.decode().split()
    return line(f"{number} OK {SAYS.get(verb, '')}".strip())


FOREIGN = (line("00 OK MODE=RATE RATE=99999 GIVEN=1 FILL=1 BATT=1 ALARMS=-"), line("77 NO 4"), b"03 OK\n")


def state(pump):
    told = pump.interrogate()
    return {"mode": told.mode, "rate": told.rate_nl_h, "given": told.delivered_nl, "alarms": told.alarms}


STATE = {"mode": "continuous", "rate": 20_833, "given": 1250, "alarms": ()}
TALKS = [
    Talk("identity", lambda pump: pump.identify().serial, "P40-0007", replies, FOREIGN),
    Talk("state", state, STATE, replies, FOREIGN, within_s=1.1),
    Talk("program", lambda pump: pump.program(PROGRAM), None, replies, FOREIGN, hurt=(b"04 GO",),
         once=(rb"\d\d GO",), within_s=1.1),
    Talk("read back", lambda pump: pump.read_back(), PROGRAM, replies, FOREIGN, within_s=1.1),
    Talk("events", lambda pump: [event.code for event in pump.events_since(3)], ["START", "STOP"], replies, FOREIGN,
         within_s=1.1),
]  # fmt: skip
