"""The patient's button against a model of its own: lock-out from the grant, maximum in any 86400 s; prime, bridge."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from rig.clock.virtual import VirtualClock
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath
from rig.sim.implantable.patient import PatientBolus
from rig.sim.implantable.program import Program
from rig.sim.implantable.pump import ImplantablePump
from rig.sim.implantable.words import RequestDenied

S = 10**9
DAY_S = 86_400
BASAL = Program("SC", rate=5_000)


class Model:
    """What the text says of the button, in whole seconds, knowing nothing of the pump."""

    def __init__(self) -> None:
        self.grants: list[tuple[int, int]] = []  # begin, end

    def press(self, now_s: int, dur_s: int, lock_s: int, maximum: int) -> tuple[str, int]:
        """("OK", s it takes), or why not and for how many s."""
        for begin_s, end_s in self.grants:
            if begin_s <= now_s < end_s:
                return "06", end_s - now_s
        if self.grants and now_s - self.grants[-1][0] < lock_s:
            return "07", lock_s - (now_s - self.grants[-1][0])
        recent = [begin_s for begin_s, _ in self.grants if begin_s + DAY_S > now_s]
        if len(recent) >= maximum:
            # as many must grow old as leave one fewer than the maximum
            return "08", recent[len(recent) - maximum] + DAY_S - now_s
        self.grants.append((now_s, now_s + dur_s))
        return "OK", dur_s


def button_of(draw: random.Random) -> PatientBolus:
    dur_s = draw.choice([1, 30, 60, 599, draw.randint(1, 5_000)])
    least_nl = -(-5_000 * dur_s // 3600)
    lock_s = draw.choice([600, 600, 3_600, 14_400, DAY_S, draw.randint(600, DAY_S)])
    return PatientBolus(
        1, least_nl + draw.randint(0, 5_000), dur_s, lock_s, draw.choice([1, 2, 4, 6, 24, 100])
    )


def gap_of(draw: random.Random, button: PatientBolus, left_s: int) -> int:
    """Impatient, patient, and just before, at and after every limit."""
    exactly = draw.choice([button.lock, button.dur, left_s, DAY_S])
    return draw.choice([1, draw.randint(1, 900), draw.randint(1, 20_000), exactly - 1, exactly, exactly + 1])


def check_pattern(number: int) -> int:
    """One pattern of requests; how many were granted."""
    draw = random.Random(number)
    clock = VirtualClock()
    pump = ImplantablePump(clock, FluidPath(clock, Peristaltic()))
    model, now_s, left_s, delivered = Model(), 0, 0, Fraction(0)
    pump.commit(BASAL)
    button = button_of(draw)
    pump.set_patient_bolus(button)
    first = pump.log_last + 1
    answers = []
    for _ in range(draw.randint(5, 25)):
        before_s = now_s
        now_s += max(0, gap_of(draw, button, left_s))
        clock.sleep_until_ns(now_s * S)
        bolus_s = sum(max(0, min(end, now_s) - max(begin, before_s)) for begin, end in model.grants)
        delivered += Fraction(5_000 * (now_s - before_s - bolus_s), 3600)
        if draw.random() < 0.15 and not pump.bolus:
            button = button_of(draw)
            pump.set_patient_bolus(button)  # the history is kept, the lock-out is the new one
        expected = model.press(now_s, button.dur, button.lock, button.maximum)
        try:
            pump.press_button()
            answer = ("OK", pump.bolus_left_s)
            delivered += button.vol
        except RequestDenied as denied:
            answer = (denied.code, denied.pairs["LEFT"])
        assert answer == expected, f"pattern {number} at {now_s} s"
        answers.append(answer[0])
        left_s = expected[1]
        recent = [begin for begin, _ in model.grants if begin > now_s - DAY_S]
        assert pump.patient.count(clock.now_ns()) == len(recent) <= 100
    clock.sleep_until_ns((now_s + 10_000) * S)
    rest_s = max(0, model.grants[-1][1] - now_s) if model.grants else 0
    delivered += Fraction(5_000 * (10_000 - rest_s), 3600)
    assert pump.delivered_nl == delivered // 1
    names = {"OK": "BOLUS_GRANT", "06": "BUSY", "07": "LOCKOUT", "08": "MAXDAY"}
    told = [r.arguments.get("CAUSE", r.code) for r in pump.log if r.code in ("BOLUS_GRANT", "BOLUS_DENY")]
    assert told == [names[answer] for answer in answers]
    assert [r.code for r in pump.log if r.number >= first].count("BOLUS_REQ") == len(answers)
    ends = [r.arguments for r in pump.log if r.code == "BOLUS_END"]
    assert len(ends) == answers.count("OK")
    assert all(end["GOT"] == end["VOL"] and end["CAUSE"] == "DONE" for end in ends)
    return answers.count("OK")


def test_requests_of_a_patient_against_the_model():
    assert sum(check_pattern(number) for number in range(300)) > 600


@pytest.mark.campaign
def test_ten_thousand_patterns_of_requests_against_the_model():
    assert sum(check_pattern(number) for number in range(1_000, 11_000)) > 20_000


@pytest.fixture
def fluid(clock):
    return FluidPath(clock, Peristaltic(0.2, 250.0))


@pytest.fixture
def pump(clock, fluid):
    pump = ImplantablePump(clock, fluid)
    pump.commit(BASAL)
    return pump


def denied(ask, *arguments):
    with pytest.raises(RequestDenied) as refusal:
        ask(*arguments)
    return refusal.value.code, refusal.value.pairs


def last_records(pump, count):
    return [(r.code, *r.arguments.values()) for r in list(pump.log)[-count:]]


def test_off_in_the_factory_and_after_a_reset_which_forgets_the_history(clock, pump):
    assert denied(pump.press_button) == ("04", {})
    assert last_records(pump, 2) == [("BOLUS_REQ", "PTM", 1, 1), ("BOLUS_DENY", "PTM", "STATE")]
    pump.set_patient_bolus(PatientBolus(1, 10_000, 60, 14_400, 1))
    pump.press_button()
    pump.reset()
    clock.sleep_s(2)
    assert denied(pump.press_button)[0] == "04"
    pump.set_patient_bolus(PatientBolus(1, 10_000, 60, 14_400, 1))
    assert pump.patient.count(clock.now_ns()) == 0
    pump.press_button()


def test_neither_the_clock_nor_a_stop_shortens_the_lock_out(clock, pump):
    pump.set_patient_bolus(PatientBolus(1, 10_000, 60, 600, 4))
    pump.press_button()
    pump.set_clock(5_000_000)
    pump.stop()
    pump.commit(BASAL)
    clock.sleep_s(599)
    assert denied(pump.press_button) == ("07", {"LEFT": 1})


def test_a_bolus_slower_than_the_basal_program_is_refused_last(clock, pump):
    pump.set_patient_bolus(PatientBolus(1, 83, 60, 600, 1))  # 4980 nl/h instead of 5000
    assert denied(pump.press_button) == ("03", {"KEY": "VOL"})
    assert last_records(pump, 1) == [("BOLUS_DENY", "PTM", "RANGE")]
    pump.set_patient_bolus(PatientBolus(1, 84, 60, 600, 1))
    pump.press_button()
    clock.sleep_s(60)
    pump.set_patient_bolus(PatientBolus(1, 83, 60, 600, 1))
    assert denied(pump.press_button)[0] == "07"  # the lock-out comes first


def test_priming_from_a_stand_goes_back_to_it(clock, fluid):
    pump = ImplantablePump(clock, fluid)
    clock.sleep_s(100)
    number = pump.prime(100_000, 999_999)
    assert pump.log[-1].number == number
    assert last_records(pump, 2) == [("BOLUS_REQ", "PRIME", 100_000, 361), ("BOLUS_GRANT", "PRIME")]
    assert (pump.mode, pump.source, pump.rate_nl_h, pump.bolus_left_s) == ("STOP", "PRIME", 999_999, 361)
    assert pump.stopped_s == 0
    clock.sleep_s(361)
    assert (pump.source, pump.delivered_nl) == ("NONE", 100_000)
    assert fluid.displaced_nl([clock.now_ns()])[0] == pytest.approx(100_000, abs=20)
    assert last_records(pump, 1) == [("BOLUS_END", "PRIME", 100_000, 100_000, "DONE")]
    assert pump.stopped_s == 0  # counts from the end of the bolus, 360.0004 s after its begin
    clock.sleep_s(1)
    assert pump.stopped_s == 1


@pytest.mark.parametrize("rate", [2_000, 7_001, 333_333, 1_000_000])
@pytest.mark.parametrize("volume", [1, 7, 99_991])
def test_any_priming_gives_exactly_its_volume_at_its_rate(clock, fluid, volume, rate):
    pump = ImplantablePump(clock, fluid)
    pump.prime(volume, rate)
    assert pump.rate_nl_h == rate
    clock.sleep_s(volume * 3600 / rate + 1)
    assert (pump.count.now(), pump.log[-1].arguments["GOT"]) == (volume, volume)


def test_a_bridge_gives_the_old_drug_slowly_and_returns_to_the_program(clock, pump):
    clock.sleep_s(3600)
    pump.bridge(500_000, 1_000_000, 40_000, 172_800)  # 833 nl/h, below the basal rate: that is its purpose
    assert last_records(pump, 3) == [
        ("BOLUS_REQ", "BRIDGE", 40_000, 172_800), ("PROG", "BRIDGE", 500_000, 1_000_000), ("BOLUS_GRANT", "BRIDGE"),
    ]  # fmt: skip
    assert (pump.mode, pump.source, pump.rate_nl_h) == ("SC", "BRIDGE", 833)
    assert denied(pump.commit, BASAL) == ("06", {"LEFT": 172_800})
    clock.sleep_s(172_800)
    assert (pump.source, pump.rate_nl_h, pump.delivered_nl) == ("BASAL", 5_000, 45_000)


def test_priming_must_not_be_slower_than_any_step_of_the_schedule(pump):
    steps = ((0, 2_000), (1439, 50_000))
    pump.commit(Program("FLEX", week="1111111", groups={1: steps}))
    assert denied(pump.prime, 1_000, 49_999) == ("03", {"KEY": "RATE"})
    pump.prime(1_000, 50_000)
