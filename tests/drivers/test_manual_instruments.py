"""Manual instruments: what the operator is asked, what is taken for an answer, and who gave it."""

from __future__ import annotations

import pytest

from rig.drivers.balance_manual import ManualBalance
from rig.drivers.environment_manual import ManualEnvironment
from rig.drivers.operator_words import parse_answer
from rig.drivers.pump_manual import ManualPump, parse_alarms
from rig.drivers.valves_manual import ManualValves
from rig.errors import DeviceError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Prescription, PumpAlarm

WEIGHT = b"Balance B12: what does the balance show? (such as 12.3456 g)\n"


def pump_on(link) -> ManualPump:
    return ManualPump(
        link, label="Pump P1", rate_min_ml_h=0.1, rate_max_ml_h=100.0, bolus_max_ml=5.0, reservoir_ml=50.0
    )


def test_a_weight_is_recorded_with_who_read_it(scripted):
    balance = ManualBalance(scripted((WEIGHT, b"Ada L.\t12.3456 g\n")), label="Balance B12")
    reading = balance.read()
    assert (reading.mass_g, reading.stable, reading.raw) == (12.3456, True, b"Ada L.\t12.3456 g\n")


@pytest.mark.parametrize("slip", ["12,3456 g", "12.3456", "twelve", "12.3456 kgs", "nan g", "12.3456 mL"])
def test_what_is_no_weight_is_asked_again_with_what_is_wrong(scripted, slip):
    class Expects:
        def __eq__(self, sent: object) -> bool:
            return isinstance(sent, bytes) and sent.endswith(b". " + WEIGHT) and len(sent) > len(WEIGHT) + 10

        __hash__ = None  # type: ignore[assignment]

    link = scripted((WEIGHT, f"Ada\t{slip}\n".encode()), (Expects(), b"Ada\t12.5 g\n"))
    assert ManualBalance(link, label="Balance B12").read().mass_g == 12.5


def test_nobody_there_is_a_time_out_and_no_weight(scripted):
    with pytest.raises(LinkTimeout):
        ManualBalance(scripted((WEIGHT, b"")), label="Balance B12", answer_within_s=30).read()


@pytest.mark.parametrize("line", [b"12.5 g\n", b"\t12.5 g\n", b"Ada\t\n", b"Ada\t12.5 g", b"\xff\t1 g\n"])
def test_an_answer_without_name_or_text_is_refused(line):
    with pytest.raises(ProtocolError) as refused:
        parse_answer(line)
    assert refused.value.received == line


def test_zero_is_confirmed_or_refused_by_the_operator(scripted):
    question = b"Balance B12: set the balance to zero, then answer done\n"
    ManualBalance(scripted((question, b"Ada\tDone\n")), label="Balance B12").zero()
    with pytest.raises(DeviceError, match="answered 'no'") as refused:
        ManualBalance(scripted((question, b"Ada\tno\n")), label="Balance B12").zero()
    assert refused.value.received == b"Ada\tno\n"


def test_the_air_is_asked_channel_by_channel(scripted):
    link = scripted(
        (b"laboratory: what is the air temperature? (such as 21.5 degC)\n", b"Ada\t21.5 degC\n"),
        (b"laboratory: what is the relative humidity? (such as 48 %RH)\n", b"Ada\t48 %RH\n"),
        (b"laboratory: what is the air pressure? (such as 1013 hPa)\n", b"Bob\t101.3 kPa\n"),
    )
    reading = ManualEnvironment(link).read()
    assert reading.values == {
        "air_temperature_c": 21.5,
        "air_humidity_pct": 48.0,
        "air_pressure_hpa": pytest.approx(1013),
    }
    assert reading.raw == b"Ada\t21.5 degC\nAda\t48 %RH\nBob\t101.3 kPa\n"


def test_five_answers_that_are_not_understood_are_enough(scripted):
    first = b"laboratory: what is the air temperature? (such as 21.5 degC)\n"
    again = b"215 degC is no air temperature of a laboratory. " + first
    link = scripted((first, b"Ada\t215 degC\n"), *[(again, b"Ada\t215 degC\n")] * 4)
    with pytest.raises(DeviceError, match="none of 5 answers was understood"):
        ManualEnvironment(link).read()


def test_a_pump_is_programmed_and_read_back_by_hand(scripted):
    link = scripted(
        (b"Pump P1: program a continuous rate of 0.5 mL/h, start it, then answer done\n", b"Ada\tdone\n"),
        (b"Pump P1: which rate does the pump show as active? (such as 0.5 mL/h)\n", b"Ada\t12 mL/day\n"),
        (b"Pump P1: which delivered volume does the pump show? (such as 1.25 mL)\n", b"Ada\t0.25 mL\n"),
        (b"Pump P1: which alarms are on? (none, or their names)\n", b"Ada\tLow battery, door open\n"),
        (b"Pump P1: STOP the pump (end of the case), then answer done\n", b"Ada\tdone\n"),
    )
    pump = pump_on(link)
    prescription = Prescription("continuous", rate_nl_h=500_000)
    pump.program(prescription)
    assert pump.read_back() == prescription
    state = pump.interrogate()
    assert (state.mode, state.running, state.delivered_nl) == ("continuous", True, 250_000)
    assert state.alarms == (PumpAlarm("low_battery", True), PumpAlarm("door_open", True))
    pump.stop("end of the case")
    assert pump.read_back() == Prescription("stop")


def test_a_mode_that_is_not_for_hands_is_refused_and_nobody_is_asked(scripted):
    with pytest.raises(LimitRefused, match="nobody was asked"):
        pump_on(scripted()).program(Prescription("flex"))


def test_no_alarm_has_several_names():
    assert parse_alarms("none") == parse_alarms("None") == parse_alarms("-") == ()


def test_a_stopcock_is_where_the_operator_says_it_is(scripted):
    link = scripted((b"stopcock at the outlet: put it ON (closed), then answer done\n", b"Ada\tok\n"))
    valves = ManualValves(link, positions="stopcock at the outlet, magnet")
    assert not valves.is_on(1)
    valves.switch(1, True)
    assert valves.is_on(1)
    assert not valves.is_on(2)
    with pytest.raises(LimitRefused, match="not one of 1 to 2"):
        valves.switch(3, True)
