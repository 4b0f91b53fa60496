"""Pumps, balances and switches behind the interlock: every call reaches the driver, every answer comes back, and what
was heard, lost or refused is counted so."""

from __future__ import annotations

import threading

import pytest

from rig.bench.interlock import BenchLimits, Interlock
from rig.bench.interlocked import (
    InterlockedBalance,
    InterlockedPump,
    InterlockedSwitch,
    interlocked,
    interlocked_pump,
)
from rig.capabilities import RefreshedPump, TherapyPump, UnitUnderTest
from rig.errors import InterlockTripped, LimitRefused, LinkTimeout
from rig.readings import (
    Bridge,
    MassReading,
    PatientBolus,
    PatientBolusReply,
    Prescription,
    PumpLimits,
    PumpState,
)

H = 3_600_000_000_000
ML = 1_000_000
BUTTON = PatientBolus(True, 50_000, 60, 3600, 4)
LIMITS = PumpLimits(2_000, ML, 1, 500_000, 1, 86_400, 40 * ML)


class Clock:
    def __init__(self):
        self.h = 0.0

    def now_ns(self):
        return round(self.h * H)


class Plain:
    """A driver that notes what it is told, and may fail at it."""

    def __init__(self):
        self.told, self.failure, self.refused = [], None, ""
        self.state = PumpState(0, "continuous", True, 0, 0, None, None)

    def note(self, *what, answer=None):
        self.told.append(what)
        if self.failure is not None:
            raise self.failure
        return answer

    def identify(self):
        return self.note("identify", answer="who")

    def limits(self):
        return self.note("limits", answer=LIMITS)

    def interrogate(self):
        return self.note("interrogate", answer=self.state)

    def program(self, prescription):
        self.note("program", prescription)

    def read_back(self):
        return self.note("read_back", answer=Prescription("stop"))

    def stop(self, reason):
        self.note("stop", reason)

    def events_since(self, number):
        return self.note("events_since", number, answer=["event"])

    def set_reservoir(self, volume_nl):
        self.note("set_reservoir", volume_nl)

    def close(self):
        self.note("close")


class Refreshed(Plain):
    refresh_every_s = 7

    def refresh(self):
        self.note("refresh")


class Therapy(Plain):
    def set_patient_bolus(self, bolus):
        self.note("set_patient_bolus", bolus)

    def patient_bolus(self):
        self.told.append(("patient_bolus",))
        return BUTTON

    def request_patient_bolus(self):
        return self.note("request_patient_bolus", answer=PatientBolusReply(self.refused))

    def prime(self, volume_nl, rate_nl_h):
        self.note("prime", volume_nl, rate_nl_h)

    def bridge(self, bridge):
        self.note("bridge", bridge)

    def refill(self, volume_nl, low_nl):
        self.note("refill", volume_nl, low_nl)

    def battery(self):
        return self.note("battery", answer="full")

    def clock(self):
        return self.note("clock", answer=5)

    def set_clock(self, clock_s):
        self.note("set_clock", clock_s)

    def acknowledge_alarm(self, name):
        self.note("acknowledge_alarm", name)

    def sound_alarm(self, critical):
        self.note("sound_alarm", critical)

    def restart(self):
        self.note("restart")


class RefreshedTherapy(Refreshed, Therapy):
    pass


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def interlock(clock):
    return Interlock("SN1", BenchLimits(), clock)


@pytest.fixture
def driver():
    return Therapy()


@pytest.fixture
def pump(driver, interlock):
    return interlocked_pump(driver, interlock)


def counted(interlock):
    told = interlock.account
    return told["commanded_least_nl"], told["commanded_most_nl"]


ASKED = [
    (lambda pump: pump.identify(), ("identify",), "who"),
    (lambda pump: pump.limits(), ("limits",), LIMITS),
    (lambda pump: pump.interrogate(), ("interrogate",), Plain().state),
    (lambda pump: pump.read_back(), ("read_back",), Prescription("stop")),
    (lambda pump: pump.events_since(7), ("events_since", 7), ["event"]),
    (lambda pump: pump.set_reservoir(9), ("set_reservoir", 9), None),
    (lambda pump: pump.close(), ("close",), None),
    (lambda pump: pump.patient_bolus(), ("patient_bolus",), BUTTON),
    (lambda pump: pump.refill(9, 3), ("refill", 9, 3), None),
    (lambda pump: pump.battery(), ("battery",), "full"),
    (lambda pump: pump.clock(), ("clock",), 5),
    (lambda pump: pump.set_clock(6), ("set_clock", 6), None),
    (lambda pump: pump.acknowledge_alarm("low"), ("acknowledge_alarm", "low"), None),
    (lambda pump: pump.sound_alarm(True), ("sound_alarm", True), None),
    (lambda pump: pump.restart(), ("restart",), None),
]


@pytest.mark.parametrize(("ask", "told", "answer"), ASKED, ids=[told[0] for _, told, _ in ASKED])
def test_what_is_asked_reaches_the_driver_and_its_answer_comes_back(pump, driver, ask, told, answer):
    assert ask(pump) == answer
    assert driver.told == [told]


@pytest.mark.parametrize(
    ("kind", "refreshed", "therapy"),
    [(Plain, False, False), (Refreshed, True, False), (Therapy, False, True), (RefreshedTherapy, True, True)],
)
def test_it_can_do_just_what_its_driver_can(interlock, kind, refreshed, therapy):
    driver = kind()
    pump = interlocked_pump(driver, interlock)
    assert isinstance(pump, InterlockedPump)
    assert (isinstance(pump, RefreshedPump), isinstance(pump, TherapyPump)) == (refreshed, therapy)
    if refreshed:
        assert pump.refresh_every_s == 7.0
        pump.refresh()
        assert driver.told == [("refresh",)]


def test_one_exchange_at_a_time(pump, driver, interlock):
    """The watchman waits until the pump has answered."""
    seen = []

    def try_it():
        free = interlock.lock.acquire(timeout=0)
        seen.append(free)
        if free:
            interlock.lock.release()

    driver.identify = lambda: [thread := threading.Thread(target=try_it), thread.start(), thread.join()]
    pump.identify()
    try_it_later = threading.Thread(target=try_it)
    try_it_later.start()
    try_it_later.join()
    assert seen == [False, True]


def test_the_lowest_rate_that_the_pump_tells_bounds_its_minimum_mode(pump, interlock, clock):
    pump.limits()
    pump.program(Prescription("minimum"))
    clock.h = 2.0
    assert counted(interlock) == (0, 4_000)


def test_a_program_that_was_heard_lost_or_refused(pump, driver, interlock, clock):
    pump.program(Prescription("continuous", rate_nl_h=1000))
    clock.h = 1.0
    assert counted(interlock) == (1000, 1000)
    driver.failure = LimitRefused("the driver itself refuses; nothing was sent")
    with pytest.raises(LimitRefused):
        pump.program(Prescription("continuous", rate_nl_h=9000))
    clock.h = 2.0
    assert counted(interlock) == (2000, 2000)
    driver.failure = LinkTimeout("silent")
    with pytest.raises(LinkTimeout):
        pump.program(Prescription("continuous", rate_nl_h=9000))
    clock.h = 3.0
    assert counted(interlock) == (2000, 11_000)


def test_a_stop_that_was_heard_or_lost(pump, driver, interlock, clock):
    pump.program(Prescription("continuous", rate_nl_h=1000))
    driver.failure = LinkTimeout("silent")
    with pytest.raises(LinkTimeout):
        pump.stop("enough")
    clock.h = 1.0
    assert counted(interlock) == (0, 1000)
    driver.failure = None
    pump.stop("enough")
    clock.h = 2.0
    assert counted(interlock) == (0, 1000)
    assert driver.told[-1] == ("stop", "enough")


def test_a_restart_may_have_stopped_it(pump, driver, interlock, clock):
    pump.program(Prescription("continuous", rate_nl_h=1000))
    pump.restart()
    clock.h = 1.0
    assert counted(interlock) == (0, 1000)


def test_a_pump_that_says_it_stands_is_known_to_stand_and_a_trip_is_told_at_the_next_question(
    pump, driver, interlock, clock
):
    driver.state = PumpState(0, "stop", False, 0, 0, None, None)
    pump.interrogate()
    assert interlock._commanded.known
    interlock.tripped = "interlock of unit SN1: too much"
    with pytest.raises(InterlockTripped):
        pump.interrogate()
    assert pump.interrogate() == driver.state


@pytest.mark.parametrize("heard", [True, False])
def test_a_setting_of_the_patients_bolus_counts_whether_its_answer_came_or_not(
    pump, driver, interlock, clock, heard
):
    driver.failure = None if heard else LinkTimeout("silent")
    if heard:
        pump.set_patient_bolus(BUTTON)
    else:
        with pytest.raises(LinkTimeout):
            pump.set_patient_bolus(BUTTON)
    clock.h = 0.5
    assert driver.told == [("set_patient_bolus", BUTTON)]
    assert interlock._by_button_nl == 50_000


def test_a_request_granted_refused_or_lost(pump, driver, interlock, clock):
    pump.program(Prescription("continuous", rate_nl_h=1000))
    assert pump.request_patient_bolus() == PatientBolusReply("")
    clock.h = 1.0
    least, most = counted(interlock)
    assert (least, most) == (50_000 + 1000 - 17, 51_000)  # no basal rate during its minute
    driver.refused = "locked_out"
    assert pump.request_patient_bolus().refused == "locked_out"
    assert counted(interlock) == (least, most)
    driver.failure = LinkTimeout("silent")
    with pytest.raises(LinkTimeout):
        pump.request_patient_bolus()
    clock.h = 2.0
    assert counted(interlock) == (least, most + 51_000)


def test_a_request_is_held_to_what_the_pump_says_it_would_give(driver, clock):
    interlock = Interlock("SN1", BenchLimits(bolus_max_nl=49_999), clock)
    with pytest.raises(LimitRefused, match="the patient's bolus"):
        interlocked_pump(driver, interlock).request_patient_bolus()
    assert driver.told == [("patient_bolus",)]


DOSES = {
    "prime": (lambda pump: pump.prime(90_000, 180_000), ("prime", 90_000, 180_000)),
    "bridge": (lambda pump: pump.bridge(Bridge(1, 2, 90_000, 1800)), ("bridge", Bridge(1, 2, 90_000, 1800))),
}


@pytest.mark.parametrize("name", DOSES)
def test_a_dose_beside_the_program_counts_at_once_to_the_most_and_when_it_is_over_to_the_least(
    pump, driver, interlock, clock, name
):
    dose, told = DOSES[name]
    dose(pump)
    assert driver.told == [told]
    assert counted(interlock) == (0, 90_000)
    clock.h = 0.5 - 1e-9
    assert counted(interlock) == (0, 90_000)
    clock.h = 0.5
    assert counted(interlock) == (90_000, 90_000)


@pytest.mark.parametrize("name", DOSES)
def test_a_dose_whose_answer_was_lost_may_have_begun_and_one_refused_did_not(
    pump, driver, interlock, clock, name
):
    dose, _ = DOSES[name]
    driver.failure = LimitRefused("the driver refuses; nothing was sent")
    with pytest.raises(LimitRefused):
        dose(pump)
    assert counted(interlock) == (0, 0)
    driver.failure = LinkTimeout("silent")
    with pytest.raises(LinkTimeout):
        dose(pump)
    clock.h = 9.0
    assert counted(interlock) == (0, 90_000)


def test_priming_at_no_rate_is_over_at_once(pump, interlock):
    pump.prime(10, 0)
    assert counted(interlock) == (10, 10)


class Scale:
    def __init__(self, *grams):
        self.shown, self.told = list(grams), []

    def identify(self):
        return "scale"

    def close(self):
        self.told.append("close")

    def read(self):
        return MassReading(0, self.shown.pop(0), True, b"")

    def zero(self):
        self.told.append("zero")


def test_a_balance_is_read_zeroed_and_closed_through_it(interlock):
    scale = Scale(1.0, 2.5, 0.0, 0.5)
    balance = InterlockedBalance(scale, interlock)
    assert balance.identify() == "scale"
    assert [balance.read().mass_g for _ in range(2)] == [1.0, 2.5]
    assert interlock.account["weighed_nl"] == 1.5 * ML
    balance.zero()
    assert scale.told == ["zero"]
    assert [balance.read().mass_g for _ in range(2)] == [0.0, 0.5]
    assert interlock.account["weighed_nl"] == 2 * ML
    balance.close()
    assert scale.told == ["zero", "close"]


class Switch:
    def __init__(self):
        self.at, self.failure = [], None

    def switch(self, safe):
        self.at.append(safe)
        if self.failure:
            raise self.failure


def test_a_switched_pump_need_not_flow_any_more_also_when_the_switch_fails(pump, interlock, clock):
    switch = Switch()
    behind = InterlockedSwitch(switch, interlock)
    pump.program(Prescription("continuous", rate_nl_h=1000))
    behind.switch(False)
    assert switch.at == [False]
    clock.h = 1.0
    assert counted(interlock) == (0, 1000)
    pump.program(Prescription("continuous", rate_nl_h=1000))
    switch.failure = LinkTimeout("silent")
    with pytest.raises(LinkTimeout):
        behind.switch(True)
    clock.h = 2.0
    assert counted(interlock) == (0, 2000)


def test_a_unit_has_it_before_pump_balance_and_switch_and_it_has_the_units_safe_state(driver, interlock):
    scale, switch = Scale(), Switch()
    unit = interlocked(UnitUnderTest("SN1", driver, scale, None, "divert", switched=switch), interlock)
    kinds = type(unit.balance), type(unit.switched)
    assert kinds == (InterlockedBalance, InterlockedSwitch)
    assert isinstance(unit.pump, InterlockedPump)
    interlock.make_safe("too much")
    assert switch.at == [True]
    bare = interlocked(UnitUnderTest("SN1", driver, None, None, "stop"), interlock)
    assert (bare.balance, bare.switched) == (None, None)
    driver.state = PumpState(0, "stop", False, 0, 0, None, None)
    interlock.make_safe("too much")
    assert ("stop", "too much") in driver.told
