"""The interlock by itself, with a clock that a test sets: each limit at its bound, each count, each word."""

from __future__ import annotations

import threading

import pytest

from rig.analysis.density import water_density_kg_m3
from rig.bench import interlock as interlock_module
from rig.bench.interlock import BenchLimits, Interlock, Watchman
from rig.errors import InterlockTripped, LimitRefused, LinkLost
from rig.readings import Bridge, MassReading, PatientBolus, Prescription, PumpState

H = 3_600_000_000_000
ML = 1_000_000  # nl
OFF = PatientBolus(enabled=False)


class Clock:
    def __init__(self):
        self.h = 0.0

    def now_ns(self):
        return round(self.h * H)


class Scale:
    """A balance that shows what it is told, one reading after the other, then the last again."""

    def __init__(self):
        self.shown, self.read_times = [], 0

    def read(self):
        self.read_times += 1
        return MassReading(0, self.shown.pop(0) if len(self.shown) > 1 else self.shown[0], True, b"")


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def safe():
    return []


@pytest.fixture
def guard(clock, safe):
    def make(**limits):
        return Interlock("SN1", BenchLimits(**limits), clock, safe.append)

    return make


@pytest.fixture
def weigh():
    def weigh(interlock, *grams):
        scale = Scale()
        scale.shown = list(grams)
        interlock.weighed(scale.read(), scale.read)
        return scale.read_times

    return weigh


def continuous(rate_ml_h):
    return Prescription("continuous", rate_nl_h=round(rate_ml_h * ML))


def bolus(volume_nl, duration_s):
    return Prescription("bolus", bolus_nl=volume_nl, bolus_duration_s=duration_s)


def refused(what, *arguments):
    with pytest.raises(LimitRefused) as error:
        what(*arguments)
    message = str(error.value)
    prefix, suffix = "refused by the interlock of unit SN1: ", "; nothing was sent"
    assert message.startswith(prefix)
    assert message.endswith(suffix)
    return message.removeprefix(prefix).removesuffix(suffix)


def test_limits_come_from_the_bench_file_and_the_density_from_its_fluid(open_guarded):
    told = 'rate_max = "0.7 mL/h"\nbolus_max = "0.1 mL"\nvolume_max = "2 mL"\ndisagreement_max = "0.02 mL"'
    limits = open_guarded(told).interlock.limits
    assert (limits.rate_max_nl_h, limits.bolus_max_nl, limits.volume_max_nl, limits.disagreement_max_nl) == (
        700_000, 100_000, 2_000_000, 20_000,
    )  # fmt: skip
    assert limits.density_g_ml == water_density_kg_m3(37.0) / 1000


def test_a_new_one_has_counted_nothing_and_allows_everything_without_limits(guard, clock):
    interlock = guard()
    assert set(interlock.account.values()) == {0}
    interlock.took(Prescription("minimum"))
    clock.h = 1000.0
    assert set(interlock.account.values()) == {0}  # until the pump told its minimum rate
    interlock.allow(continuous(1e6))
    interlock.allow_prime(10**12, 10**12)
    interlock.raise_if_tripped()


@pytest.mark.parametrize(
    ("prescription", "why"),
    [
        (continuous(1.0), ""),
        (continuous(1.000001), "the rate, 1 mL/h, is above rate_max, 1 mL/h"),
        (continuous(1.5), "the rate, 1.5 mL/h, is above rate_max, 1 mL/h"),
        (bolus(100_000, 360), ""),
        (bolus(100_001, 9999), "the bolus, 0.100001 mL, is above bolus_max, 0.1 mL"),
        (bolus(100_000, 300), "the bolus, 1.2 mL/h, is above rate_max, 1 mL/h"),
        (bolus(200, 1), ""),
        (bolus(1, 0), "the bolus, inf mL/h, is above rate_max, 1 mL/h"),
        (bolus(0, 0), ""),
        (Prescription("periodic", bolus_nl=50_000, bolus_duration_s=180, interval_s=180), ""),
        (
            Prescription("periodic", bolus_nl=50_000, bolus_duration_s=180, interval_s=90),
            "the boluses together, 2 mL/h, is above rate_max, 1 mL/h",
        ),
        (
            Prescription("periodic", bolus_nl=50_000, bolus_duration_s=90, interval_s=999),
            "the bolus, 2 mL/h, is above rate_max, 1 mL/h",
        ),
        (
            Prescription("periodic", bolus_nl=150_000, bolus_duration_s=999, interval_s=999),
            "the bolus, 0.15 mL, is above bolus_max, 0.1 mL",
        ),
    ],
)  # fmt: skip
def test_a_program_at_and_above_its_limit(guard, prescription, why):
    interlock = guard(rate_max_nl_h=ML, bolus_max_nl=100_000)
    if why:
        assert refused(interlock.allow, prescription) == why
    else:
        interlock.allow(prescription)


def test_what_a_patient_may_ask_for_is_held_to_the_limits_and_switching_it_off_is_not(guard):
    interlock = guard(rate_max_nl_h=0, bolus_max_nl=0)
    interlock.allow_patient(OFF)
    interlock = guard(rate_max_nl_h=ML, bolus_max_nl=100_000)
    interlock.allow_patient(PatientBolus(True, 100_000, 360))
    assert refused(interlock.allow_patient, PatientBolus(True, 100_001, 999)) == (
        "the patient's bolus, 0.100001 mL, is above bolus_max, 0.1 mL"
    )
    assert refused(interlock.allow_request, PatientBolus(False, 90_000, 180)) == (
        "the patient's bolus, 1.8 mL/h, is above rate_max, 1 mL/h"
    )


def test_priming_and_bridging_are_held_to_the_limits(guard):
    interlock = guard(rate_max_nl_h=ML, bolus_max_nl=100_000)
    interlock.allow_prime(100_000, ML)
    assert refused(interlock.allow_prime, 100_001, 1) == (
        "the volume of priming, 0.100001 mL, is above bolus_max, 0.1 mL"
    )
    assert (
        refused(interlock.allow_prime, 1, 2 * ML) == "the rate of priming, 2 mL/h, is above rate_max, 1 mL/h"
    )
    interlock.allow_bridge(Bridge(1, 2, 100_000, 360))
    assert refused(interlock.allow_bridge, Bridge(1, 2, 100_000, 300)) == (
        "the bridge bolus, 1.2 mL/h, is above rate_max, 1 mL/h"
    )


# The volume of a run


@pytest.fixture
def a_quarter_more(monkeypatch):
    """A margin with which a bound can be met exactly; a thousandth is no binary fraction."""
    monkeypatch.setattr(interlock_module, "OVERRUN", 1.25)


def test_the_margin_of_a_plan_that_ends_some_seconds_late_is_a_thousandth(guard):
    interlock = guard(volume_max_nl=ML)
    interlock.allow(Prescription("bolus", bolus_nl=1_000_999))
    assert refused(interlock.allow, Prescription("bolus", bolus_nl=1_001_001)) == (
        "with it 1.001 mL would be commanded in this run, volume_max is 1 mL"
    )


def test_a_volume_may_be_used_whole_and_its_margin_too(guard, a_quarter_more):
    interlock = guard(volume_max_nl=1000)
    interlock.allow(Prescription("bolus", bolus_nl=1250))
    assert refused(interlock.allow, Prescription("bolus", bolus_nl=1251)) == (
        "with it 0.001251 mL would be commanded in this run, volume_max is 0.001 mL"
    )
    interlock.took_bolus(999, 1.0)
    interlock.allow(continuous(0.1))
    interlock.allow(Prescription("bolus", bolus_nl=2))
    interlock.took_bolus(1, 1.0)
    assert refused(interlock.allow, continuous(0.1)) == (
        "with it 0.001 mL would be commanded in this run, volume_max is 0.001 mL"
    )


@pytest.mark.parametrize("what", ["request", "prime", "bridge", "bolus"])
def test_everything_that_doses_counts_towards_it(guard, what):
    interlock = guard(volume_max_nl=ML)
    interlock.took_bolus(ML - 100, 1.0)

    def ask(volume_nl):
        match what:
            case "request":
                interlock.allow_request(PatientBolus(True, volume_nl, 60))
            case "prime":
                interlock.allow_prime(volume_nl, 1)
            case "bridge":
                interlock.allow_bridge(Bridge(1, 2, volume_nl, 60))
            case "bolus":
                interlock.allow(Prescription("bolus", bolus_nl=volume_nl, bolus_duration_s=60))

    ask(100)
    assert "volume_max is 1 mL" in refused(ask, 2000)


def test_above_it_the_pump_goes_to_its_safe_state_and_takes_no_dose(guard, clock, safe, a_quarter_more):
    interlock = guard(volume_max_nl=1000)
    interlock.took(Prescription("continuous", rate_nl_h=1000))
    clock.h = 1.25
    interlock.look()  # just as much as may be
    assert (interlock.tripped, safe) == ("", [])
    clock.h = 1.26
    why = "interlock of unit SN1: 0.00126 mL were commanded in this run, volume_max is 0.001 mL"
    with pytest.raises(InterlockTripped, match="commanded in this run"):
        interlock.raise_if_tripped()
    assert safe == [why]
    assert interlock.tripped == f"{why}; the pump was put in its safe state"
    interlock.raise_if_tripped()  # told once
    for ask, what in (
        (interlock.allow, continuous(0.001)),
        (interlock.allow_patient, OFF),
        (interlock.allow_bridge, Bridge(1, 2, 0, 0)),
    ):
        with pytest.raises(InterlockTripped, match="until the bench is opened anew this unit takes no dose"):
            ask(what)
    with pytest.raises(InterlockTripped):
        interlock.allow_prime(0, 0)
    interlock.allow(Prescription("stop"))
    interlock.allow(Prescription("minimum"))
    clock.h = 2.0
    interlock.look()
    assert len(safe) == 1


def test_a_command_finds_out_too(guard, clock, safe):
    interlock = guard(volume_max_nl=1000)
    interlock.took(Prescription("continuous", rate_nl_h=1000))
    clock.h = 2.0
    with pytest.raises(InterlockTripped):
        interlock.allow(continuous(0.001))
    assert len(safe) == 1
    interlock.raise_if_tripped()  # it was told


def test_a_run_taken_up_again_had_so_much_before_and_what_has_tripped_stays(guard, clock, safe):
    interlock = guard(volume_max_nl=1000)
    interlock.begin_run(700.0, 650.0)
    assert interlock.account == {"commanded_least_nl": 700, "commanded_most_nl": 700, "weighed_nl": 650}
    interlock.took(Prescription("continuous", rate_nl_h=1000))
    clock.h = 1.0
    interlock.look()
    assert len(safe) == 1
    interlock.begin_run()
    assert set(interlock.account.values()) == {0}
    with pytest.raises(InterlockTripped):
        interlock.allow(continuous(0.001))


def test_a_safe_state_that_is_not_confirmed_is_said_beside_the_reason(clock):
    def lost(reason):
        raise LinkLost("the line was lost")

    interlock = Interlock("SN1", BenchLimits(volume_max_nl=1000), clock, lost)
    interlock.took_bolus(2000, 1.0)
    interlock.look()
    assert interlock.tripped.startswith("interlock of unit SN1: 0.002 mL were commanded in this run")
    assert interlock.tripped.endswith("; SAFE STATE NOT CONFIRMED: the line was lost")
    nobody = Interlock("SN1", BenchLimits(volume_max_nl=1000), clock)
    nobody.took_bolus(2000, 1.0)
    nobody.look()
    assert nobody.tripped


# What is weighed


def test_what_is_weighed_is_counted_from_the_first_reading_over_emptying_and_zero(guard, weigh):
    interlock = guard(density_g_ml=0.5)
    weigh(interlock, 3.0)
    assert interlock.account["weighed_nl"] == 0
    weigh(interlock, 4.0)
    assert interlock.account["weighed_nl"] == 2 * ML
    assert weigh(interlock, 1.0) == 2  # emptied: looked at twice
    assert interlock.account["weighed_nl"] == 2 * ML
    weigh(interlock, 1.5)
    assert interlock.account["weighed_nl"] == 3 * ML
    interlock.zeroed()
    weigh(interlock, 0.0)
    assert interlock.account["weighed_nl"] == 3 * ML
    weigh(interlock, 0.25)
    assert interlock.account["weighed_nl"] == 3.5 * ML
    interlock.zeroed()
    weigh(interlock, 7.0)
    assert interlock.account["weighed_nl"] == 3.5 * ML


def test_a_small_fall_is_no_emptying_and_a_touched_balance_neither(guard, weigh):
    interlock = guard()
    assert weigh(interlock, 1.0) == 1
    assert weigh(interlock, 0.9501) == 1
    assert interlock.account["weighed_nl"] == pytest.approx(-49_900)
    assert weigh(interlock, 1.2) == 1
    assert weigh(interlock, 1.1, 1.21) == 2  # the second shows that it was a touch
    assert interlock.account["weighed_nl"] == pytest.approx(210_000)
    assert weigh(interlock, 1.15, 1.15) == 2  # emptied by just more than may fall
    assert interlock.account["weighed_nl"] == pytest.approx(210_000)
    assert weigh(interlock, 1.16) == 1
    assert interlock.account["weighed_nl"] == pytest.approx(220_000)


def test_a_fall_of_just_what_may_fall_is_none(guard, weigh, monkeypatch):
    monkeypatch.setattr(interlock_module, "EMPTIED_G", 0.125)
    interlock = guard()
    weigh(interlock, 1.0)
    assert weigh(interlock, 0.875) == 1
    assert weigh(interlock, 0.5, 0.75) == 2
    assert interlock.account["weighed_nl"] == -250_000


def test_more_weighed_than_a_unit_may_deliver_trips_when_a_second_reading_says_so_too(
    guard, weigh, safe, a_quarter_more
):
    interlock = guard(volume_max_nl=ML)
    weigh(interlock, 0.0)
    assert weigh(interlock, 1.25) == 1
    assert weigh(interlock, 1.5, 1.25) == 2
    assert safe == []
    why = "interlock of unit SN1: 1.5 mL were weighed in this run, volume_max is 1 mL"
    with pytest.raises(InterlockTripped, match="weighed in this run"):
        weigh(interlock, 1.5, 1.5)
    assert safe == [why]


def test_what_was_weighed_before_an_emptying_counts_too(guard, weigh, safe):
    interlock = guard(volume_max_nl=ML)
    for grams in (0.0, 0.75, 0.0):
        weigh(interlock, grams)
    weigh(interlock, 0.25)
    with pytest.raises(InterlockTripped, match=r"1\.05 mL were weighed"):
        weigh(interlock, 0.3)


@pytest.fixture
def beside(guard, clock, weigh):
    """Commanded 1 mL in an hour from a known standstill, 0.02 mL may lie between; weighed this much more."""

    def beside(grams, prescription=None, then=lambda interlock: None):
        interlock = guard(disagreement_max_nl=20_000)
        interlock.took(Prescription("continuous", rate_nl_h=5 * ML))
        clock.h += 1.0
        interlock.took(Prescription("stop"))
        weigh(interlock, 2.0)
        interlock.took(prescription or continuous(1.0))
        then(interlock)
        clock.h += 1.0
        weigh(interlock, 2.0 + grams)

    return beside


@pytest.mark.parametrize("grams", [0.99, 1.01])
def test_weighed_and_commanded_may_be_a_little_apart(beside, grams):
    beside(grams)


@pytest.mark.parametrize(("grams", "weighed"), [(0.96875, "0.96875"), (1.03125, "1.03125"), (0.0, "0")])
def test_and_not_further(beside, safe, grams, weighed):
    with pytest.raises(InterlockTripped):
        beside(grams)
    assert safe == [
        f"interlock of unit SN1: in 3600 s 1 mL were commanded and {weighed} mL weighed: "
        "further apart than disagreement_max, 0.02 mL"
    ]


@pytest.mark.parametrize("grams", [0.75, 1.25])
def test_just_as_far_apart_as_may_be_is_allowed(guard, clock, weigh, grams):
    interlock = guard(disagreement_max_nl=250_000)
    interlock.took(continuous(1.0))
    weigh(interlock, 0.0)
    clock.h = 1.0
    weigh(interlock, grams)
    assert interlock.tripped == ""


def test_what_a_command_leaves_open_is_told_as_from_and_to(beside, safe):
    bolus = Prescription("bolus", bolus_nl=500_000, bolus_duration_s=7200)
    beside(0.25, bolus)  # begun, not over
    with pytest.raises(InterlockTripped):
        beside(0.75, bolus)
    assert "in 3600 s 0 to 0.5 mL were commanded and 0.75 mL weighed" in safe[0]


def test_after_a_stop_that_may_have_been_heard_nothing_need_flow(beside):
    beside(0.01, then=lambda interlock: interlock.may_have_stopped())
    beside(1.0, then=lambda interlock: interlock.may_have_stopped())


@pytest.mark.parametrize(
    ("mode", "running", "known"),
    [("stop", False, True), ("stop", True, False), ("continuous", False, False), ("continuous", True, False)],
)
def test_before_the_pump_was_commanded_or_said_it_stands_nothing_is_compared(
    guard, clock, weigh, safe, mode, running, known
):
    interlock = guard(disagreement_max_nl=20_000)
    interlock.seen(PumpState(0, mode, running, 0, 0, None, None))
    weigh(interlock, 0.0)
    clock.h = 1.0
    if known:
        with pytest.raises(InterlockTripped):
            weigh(interlock, 1.0)
    else:
        weigh(interlock, 1.0)
    assert bool(safe) is known


# What a patient may draw beside

BUTTON = PatientBolus(True, 100_000, 60, lockout_s=3600, max_per_day=4)


def drawn(guard, clock, weigh, grams, do):
    interlock = guard(disagreement_max_nl=20_000)
    clock.h = 5.0
    interlock.took(Prescription("stop"))
    weigh(interlock, 0.0)
    do(interlock)
    weigh(interlock, grams)
    return interlock.tripped


def test_by_a_button_nobody_hears_of_so_much_may_have_flowed(guard, clock, weigh):
    def allowed(interlock):
        interlock.took_patient(BUTTON)
        clock.h += 1.5  # at once, and after an hour

    for grams in (0.0, 0.1, 0.2, 0.219):
        drawn(guard, clock, weigh, grams, allowed)
    with pytest.raises(InterlockTripped, match=r"0 to 0\.2 mL were commanded and 0\.23 mL weighed"):
        drawn(guard, clock, weigh, 0.23, allowed)


def test_what_the_host_asked_for_was_not_drawn_by_the_button_as_well(guard, clock, weigh):
    def asked_for(interlock):
        interlock.took_patient(BUTTON)
        interlock.took_request(BUTTON)
        clock.h += 1.0
        interlock.took_request(BUTTON)  # both that were possible: none is left for the button
        clock.h += 0.5

    drawn(guard, clock, weigh, 0.2, asked_for)
    with pytest.raises(InterlockTripped, match=r"0\.2 mL were commanded and 0\.23 mL weighed"):
        drawn(guard, clock, weigh, 0.23, asked_for)


def test_what_was_allowed_before_stays_counted(guard, clock, weigh):
    def changed(interlock):
        interlock.took_bolus(100_000, 60)
        interlock.took_patient(BUTTON)
        clock.h += 0.5  # one by the button
        interlock.took_patient(OFF)
        interlock.took_patient(OFF)
        clock.h += 10.0

    drawn(guard, clock, weigh, 0.2, changed)
    drawn(guard, clock, weigh, 0.1, changed)
    with pytest.raises(InterlockTripped, match=r"0\.1 to 0\.2 mL were commanded"):
        drawn(guard, clock, weigh, 0.23, changed)


def test_requests_of_before_a_new_setting_take_nothing_from_it(guard, clock, weigh):
    def set_anew(interlock):
        interlock.took_patient(BUTTON)
        interlock.took_request(BUTTON)
        clock.h += 0.5
        interlock.took_patient(BUTTON)
        clock.h += 0.5

    drawn(guard, clock, weigh, 0.2, set_anew)  # one by request, one by the button under the new setting
    with pytest.raises(InterlockTripped):
        drawn(guard, clock, weigh, 0.23, set_anew)


# In real time


def test_the_watchman_ends_when_he_is_told_and_keeps_no_process_alive(monkeypatch, guard, clock, safe):
    monkeypatch.setattr(interlock_module, "LOOKED_EVERY_S", 0.01)
    interlock = guard(volume_max_nl=1000)
    interlock.took_bolus(2000, 1.0)
    tripped = threading.Event()
    interlock.make_safe = lambda reason: tripped.set()
    watchman = Watchman([interlock])
    [thread] = [each for each in threading.enumerate() if each.name == "interlock"]
    assert thread.daemon
    assert tripped.wait(20)
    watchman.stop()
    assert not thread.is_alive()
