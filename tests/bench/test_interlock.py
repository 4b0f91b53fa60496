"""The interlock: nothing above a limit leaves; what flows is counted twice; a disagreement stops the pump."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import pytest

from rig.bench.interlock import BenchLimits, Interlock, Watchman
from rig.bench.interlocked import InterlockedBalance, interlocked_pump
from rig.capabilities import RefreshedPump, TherapyPump
from rig.clock.wall import WallClock
from rig.drivers import DRIVERS, driver_class
from rig.errors import InterlockTripped, LimitRefused, LinkTimeout
from rig.readings import Bridge, FlexStep, MassReading, PatientBolus, Prescription

LIMITS = 'rate_max = "0.9 mL/h"\nbolus_max = "0.5 mL"\nvolume_max = "5 mL"'
WEEK = (1,) * 7
TOO_MUCH: dict[str, Callable] = {
    "continuous": lambda pump: pump.program(Prescription("continuous", rate_nl_h=900_001)),
    "bolus": lambda pump: pump.program(Prescription("bolus", bolus_nl=500_001, bolus_duration_s=86_400)),
    "fast bolus": lambda pump: pump.program(Prescription("bolus", bolus_nl=400_000, bolus_duration_s=1_599)),
    "bolus in no time": lambda pump: pump.program(Prescription("bolus", bolus_nl=1)),
    "periodic": lambda pump: pump.program(
        Prescription("periodic", bolus_nl=300_001, bolus_duration_s=1_200, interval_s=1_200)
    ),
    "flex": lambda pump: pump.program(
        Prescription("flex", days=WEEK, groups=((FlexStep(0, 20_000), FlexStep(60, 900_001)),))
    ),
    "patient": lambda pump: pump.set_patient_bolus(PatientBolus(True, 500_001, 86_400, 86_400, 1)),
    "prime": lambda pump: pump.prime(500_001, 100_000),
    "fast prime": lambda pump: pump.prime(1_000, 900_001),
    "bridge": lambda pump: pump.bridge(Bridge(1, 2, 500_001, 604_800)),
    "fast bridge": lambda pump: pump.bridge(Bridge(1, 2, 400_000, 1_599)),
}


def patient(pump):
    pump.program(Prescription("continuous", rate_nl_h=100_000))
    pump.set_patient_bolus(PatientBolus(True, 400_000, 3_600, 7_200, 2))
    assert pump.request_patient_bolus().refused == ""


def bridge(pump):
    pump.program(Prescription("continuous", rate_nl_h=100_000))
    pump.bridge(Bridge(1, 2, 400_000, 3_600))


ALLOWED: dict[str, Callable] = {
    "continuous": lambda pump: pump.program(Prescription("continuous", rate_nl_h=900_000)),
    "bolus": lambda pump: pump.program(Prescription("bolus", bolus_nl=500_000, bolus_duration_s=2_000)),
    "periodic": lambda pump: pump.program(
        Prescription("periodic", bolus_nl=100_000, bolus_duration_s=600, interval_s=1_200)
    ),
    "flex": lambda pump: pump.program(
        Prescription("flex", days=WEEK, groups=((FlexStep(0, 400_000), FlexStep(60, 500_000)),))
    ),
    "minimum": lambda pump: pump.program(Prescription("minimum")),
    "patient": patient,
    "prime": lambda pump: pump.prime(400_000, 500_000),
    "bridge": bridge,
}


@pytest.mark.parametrize("command", TOO_MUCH)
def test_a_command_above_a_limit_is_refused_before_a_byte_leaves(open_guarded, command):
    guarded = open_guarded(LIMITS)
    before = len(guarded.received)
    with pytest.raises(LimitRefused, match=r"interlock of unit SIM-0001: .* nothing was sent"):
        TOO_MUCH[command](guarded.pump)
    assert len(guarded.received) == before


@pytest.mark.parametrize("command", ALLOWED)
def test_a_command_within_the_limits_gets_through(open_guarded, command):
    guarded = open_guarded(LIMITS)
    ALLOWED[command](guarded.pump)
    assert guarded.channel.pump.unit.running


@pytest.mark.parametrize("command", ALLOWED)
def test_the_count_holds_what_the_pump_delivered_and_agrees_with_the_balance(open_guarded, command):
    guarded = open_guarded('disagreement_max = "0.02 mL"')
    before_nl = guarded.pump.interrogate().delivered_nl
    guarded.unit.balance.read()
    ALLOWED[command](guarded.pump)
    for _ in range(4):
        guarded.weigh_for(1.1)
        told = guarded.interlock.account
        delivered_nl = guarded.pump.interrogate().delivered_nl - before_nl
        assert told["commanded_least_nl"] <= delivered_nl + 100
        assert delivered_nl - 100 <= told["commanded_most_nl"]
    assert guarded.interlock.tripped == ""


@pytest.mark.parametrize(
    ("command", "wrong"),
    [
        (name, wrong)
        for name in ALLOWED
        for wrong in (+0.5, -0.9)
        if name != "minimum" and (name, wrong) != ("patient", +0.5)
    ],  # slow; and what a button may have drawn hides it
)
def test_what_is_weighed_and_what_was_commanded_may_not_be_far_apart(open_guarded, command, wrong):
    guarded = open_guarded('disagreement_max = "0.02 mL"')
    guarded.channel.fluid.rate_error = wrong
    guarded.unit.balance.read()
    ALLOWED[command](guarded.pump)
    with pytest.raises(InterlockTripped, match="further apart than disagreement_max"):
        guarded.weigh_for(8)
    assert guarded.channel.pump.unit.mode == "STOP"
    assert "put in its safe state" in guarded.interlock.tripped
    sent = len(guarded.received)
    with pytest.raises(InterlockTripped, match="until the bench is opened anew"):
        guarded.pump.program(Prescription("continuous", rate_nl_h=10_000))
    assert len(guarded.received) == sent
    guarded.pump.interrogate()  # it may still be asked, and stopped
    guarded.pump.stop("again")


def test_a_touch_of_the_balance_trips_nothing_and_an_emptied_vessel_neither(open_guarded):
    guarded = open_guarded('disagreement_max = "0.02 mL"\nvolume_max = "2 mL"')
    pump, balance = guarded.pump, guarded.unit.balance
    balance.read()
    pump.program(Prescription("continuous", rate_nl_h=100_000))
    guarded.weigh_for(1, 4)
    true_read, touched = balance._driver.read, [5.0]

    def touched_once() -> MassReading:
        reading = true_read()
        more_g = touched.pop() if touched else 0.0
        return MassReading(reading.t_ns, reading.mass_g + more_g, reading.stable, reading.raw)

    balance._driver.read = touched_once
    balance.read()
    assert not touched
    touched.append(-3.0)
    balance.read()
    assert not touched
    guarded.weigh_for(1, 4)
    assert guarded.interlock.tripped == ""
    balance.zero()
    guarded.weigh_for(1, 4)
    assert guarded.interlock.tripped == ""
    assert guarded.interlock.account["weighed_nl"] > 100_000


def test_weighed_volume_above_the_most_that_may_flow_trips_too(open_guarded):
    guarded = open_guarded('volume_max = "1 mL"')
    guarded.channel.fluid.rate_error = 0.5
    guarded.unit.balance.read()
    guarded.pump.program(Prescription("continuous", rate_nl_h=100_000))
    with pytest.raises(InterlockTripped, match="were weighed in this run, volume_max is 1 mL"):
        guarded.weigh_for(9)
    assert guarded.channel.pump.unit.mode == "STOP"


def test_the_volume_of_the_run_is_counted_over_everything_that_was_commanded(open_guarded):
    guarded = open_guarded('volume_max = "1 mL"')
    pump = guarded.pump
    pump.program(Prescription("bolus", bolus_nl=400_000, bolus_duration_s=3_600))
    guarded.clock.sleep_s(3_700)
    pump.prime(400_000, 500_000)
    guarded.clock.sleep_s(3_700)
    sent = len(guarded.received)
    with pytest.raises(LimitRefused, match=r"1\.2 mL would be commanded in this run, volume_max is 1 mL"):
        pump.program(Prescription("bolus", bolus_nl=400_000, bolus_duration_s=3_600))
    assert len(guarded.received) == sent
    pump.program(Prescription("continuous", rate_nl_h=100_000))
    guarded.clock.sleep_s(1.9 * 3_600)
    pump.interrogate()
    guarded.clock.sleep_s(0.2 * 3_600)
    with pytest.raises(InterlockTripped, match="were commanded in this run, volume_max is 1 mL"):
        pump.interrogate()
    assert guarded.channel.pump.unit.mode == "STOP"


def test_a_new_run_counts_from_zero_and_one_taken_up_again_from_where_it_was(open_guarded):
    guarded = open_guarded('volume_max = "1 mL"')
    guarded.pump.program(Prescription("bolus", bolus_nl=900_000, bolus_duration_s=3_600))
    guarded.interlock.begin_run()
    assert guarded.interlock.account["commanded_most_nl"] == 0
    guarded.interlock.begin_run(commanded_nl=950_000)
    with pytest.raises(LimitRefused, match=r"1\.05 mL"):
        guarded.pump.prime(100_000, 500_000)


def test_a_command_whose_answer_was_lost_counts_as_heard_and_as_not_heard(open_guarded):
    guarded = open_guarded()
    pump = guarded.pump
    guarded.channel.pump.line.drop = 100
    with pytest.raises(LinkTimeout):
        pump.program(Prescription("continuous", rate_nl_h=100_000))
    guarded.clock.sleep_s(3_600)
    told = guarded.interlock.account
    assert (told["commanded_least_nl"], told["commanded_most_nl"]) == (0, pytest.approx(100_000, rel=0.01))


def test_a_patients_bolus_set_by_another_hand_is_not_requested_above_the_limits(open_guarded):
    guarded = open_guarded(LIMITS)
    guarded.pump.program(Prescription("continuous", rate_nl_h=100_000))
    beyond = PatientBolus(True, 900_000, 3_600, 7_200, 2)
    guarded.pump._driver.set_patient_bolus(beyond)
    with pytest.raises(LimitRefused, match=r"the patient's bolus, 0\.9 mL, is above bolus_max"):
        guarded.pump.request_patient_bolus()
    assert b"ACTIVATE" not in guarded.received


@pytest.mark.parametrize("name", [name for name in DRIVERS if name.startswith("pump_")])
def test_a_pump_behind_its_interlock_can_do_just_what_its_driver_can(name):
    driver = object.__new__(driver_class(name))
    if name == "pump_new_era":
        driver.refresh_every_s = 1.0
    pump = interlocked_pump(driver, Interlock("X", BenchLimits(), WallClock()))
    for capability in (TherapyPump, RefreshedPump):
        assert isinstance(pump, capability) == isinstance(driver, capability)
    wanted = {name for name in dir(TherapyPump) if not name.startswith("_")} | {"refresh", "refresh_every_s"}
    assert set(dir(driver)) & wanted <= set(dir(pump))


@dataclass
class Scale:
    """A balance on which somebody puts a weight."""

    mass_g: float = 0.0

    def read(self) -> MassReading:
        return MassReading(0, self.mass_g, True, b"")


def test_in_real_time_the_watchman_needs_nobody_to_ask():
    made_safe: list[str] = []
    interlock = Interlock("X", BenchLimits(volume_max_nl=100), WallClock(), made_safe.append)
    balance = InterlockedBalance(Scale(), interlock)
    balance.read()
    interlock.took(Prescription("continuous", rate_nl_h=1_000_000))
    watchman = Watchman([interlock])
    until = time.monotonic() + 10
    while not made_safe and time.monotonic() < until:
        time.sleep(0.02)
    watchman.stop()
    assert "were commanded in this run" in made_safe[0]
    with pytest.raises(InterlockTripped):
        balance.read()
    balance.read()  # told once
