"""RPU/1 on a bad line: thousands of hurt replies. What the driver takes in is the truth, or a typed error in time."""

from __future__ import annotations

import random

import pytest

from rig.clock import NS_PER_S
from rig.drivers.pump_rpu1 import Rpu1Pump
from rig.errors import ExchangeError, LinkTimeout

STATUS = "MODE=SC RUN=1 SRC=BASAL RATE={n} LEFT=0 DELIV={n} RES={n} BATT=2 ERI=9 ALARMS=0400 STOPT=0 UP=1 CLK=1 LOG=8"
LOG = "FIRST=1 LAST=9 N=2 MORE=0 R1=4:1:REFILL:VOL/{n},LOW/{n},OLD/{n} R2=5:1:START:RATE/{n}"
QUESTIONS = {  # what is asked for, the reply with values to be told apart, the parts that no stamp of time changes
    "status": (
        lambda pump: pump.interrogate(),
        STATUS,
        lambda s: (s.mode, s.rate_nl_h, s.delivered_nl, s.alarms),
    ),
    "program": (
        lambda pump: pump.read_back(),
        "MODE=PB VOL={n} DUR=60 INT=600 CONC={n}",
        lambda program: program,
    ),
    "log": (lambda pump: pump.events_since(3), LOG, lambda events: events),
    "patient": (
        lambda pump: pump.patient_bolus(),
        "EN=1 VOL={n} DUR=60 LOCK=600 MAX=4 LEFT=0 COUNT=0",
        lambda b: b,
    ),
    "button": (
        lambda pump: pump.request_patient_bolus(),
        "LEFT={n} DELIV={n} LOG={n}",
        lambda r: (r.refused, r.left_s),
    ),
    "battery": (lambda pump: pump.battery(), "MV={n} ERI=9 EOS=99 ERIMV={n} EOSMV={n} STATE=OK", lambda b: b),
}
RIGHT, WRONG = 20_833, 20_933


def fuzz(seed: int, rpu1_line, bad_line, hurts) -> tuple[int, int]:
    """Frames tried, and how many of them gave the right value."""
    dice, frames, right = random.Random(seed), 0, 0
    for ask, words, parts in QUESTIONS.values():
        sound, wrong = (words.format(n=number) for number in (RIGHT, WRONG))
        reply = rpu1_line(f"< 01 01 OK {sound}")
        foreign = [rpu1_line(f"{head} OK {wrong}") for head in ("< 02 01", "< 01 00", "< 01 02", "< FE FF")]
        foreign += [
            rpu1_line("! 01 00 ALARM ID=ERI CLASS=NONCRIT STATE=ON T=1 LOG=1"),
            rpu1_line(f"> 01 01 OK {wrong}"),
        ]
        for hurt in hurts(dice, reply, foreign):
            line = bad_line()
            pump = Rpu1Pump(line)
            line.answers = [
                [(5_000_000, rpu1_line("< 01 00 OK MAKER=A MODEL=B SERIAL=C FW=1 PROTO=1 LEVEL=2"))]
            ]
            pump.identify()
            line.answers = [hurt, dice.choice([hurt, [(5_000_000, reply)], []])]
            begun_ns = line.t_ns
            frames += 1
            failed, answer = None, None
            try:
                answer = parts(ask(pump))
            except ExchangeError as error:
                failed = error
            if failed is None:
                right += 1
                assert repr(WRONG) not in repr(answer), hurt
                assert repr(RIGHT) in repr(answer), hurt
            else:
                assert failed.sent.startswith(b"> 01 01 ")
                assert failed.received or isinstance(failed, LinkTimeout), (
                    hurt
                )  # all bytes, or there was silence
            assert line.t_ns - begun_ns <= 2 * 1.1 * NS_PER_S, hurt
    return frames, right


def test_thousands_of_hurt_replies(rpu1_line, bad_line, hurts):
    tried = [fuzz(seed, rpu1_line, bad_line, hurts) for seed in (1, 2)]
    frames, right = (sum(numbers) for numbers in zip(*tried, strict=True))
    assert frames >= 5000
    assert 0.3 < right / frames < 0.99  # neither deaf nor gullible


@pytest.mark.campaign
def test_a_hundred_thousand_hurt_replies(rpu1_line, bad_line, hurts):
    assert sum(fuzz(seed, rpu1_line, bad_line, hurts)[0] for seed in range(3, 33)) >= 100_000
