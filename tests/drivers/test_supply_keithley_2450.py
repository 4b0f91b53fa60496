"""Keithley 2450: limit before voltage, configuring never switches the output, the current limit, refused values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.supply_keithley_2450 import Keithley2450, check_limit, check_voltage
from rig.errors import DefinitionError, DeviceError, LimitRefused
from rig.readings import Identity

IDN = b"KEITHLEY INSTRUMENTS,MODEL 2450,04000001,1.7.12b\n"
BEGIN = ((b"*CLS\n", b""), (b"*IDN?\n", IDN))
NO_ERROR = (b"SYST:ERR?\n", b'0,"No error;0;0 0"\n')
LANGUAGE = (b"*LANG?\n", b"SCPI\n")
CONFIGURED = (*BEGIN, LANGUAGE, (b":SOUR:FUNC?\n", b"VOLT\n"), (b":SENS:FUNC?\n", b'"CURR:DC"\n'))
OUTPUT_ON = (b":OUTP?\n", b"1\n")
READ = b':READ? "defbuffer1",SOUR,READ\n'
TRIPPED = b":SOUR:VOLT:ILIM:TRIP?\n"
READING = b"2.99998E+00,1.2345E-05\n"


def test_identify(scripted):
    assert Keithley2450(scripted(*BEGIN)).identify() == Identity(
        "KEITHLEY INSTRUMENTS", "MODEL 2450", "04000001", "1.7.12b"
    )


def test_the_limit_is_set_before_the_voltage_and_both_are_read_back(scripted):
    link = scripted(
        *CONFIGURED,
        (b":SOUR:VOLT:ILIM 0.001\n", b""), NO_ERROR, (b":SOUR:VOLT:ILIM?\n", b"1E-03\n"),
        (b":SOUR:VOLT:LEV 3.05\n", b""), NO_ERROR, (b":SOUR:VOLT:LEV?\n", b"3.05\n"),
        (b":OUTP ON\n", b""), NO_ERROR, OUTPUT_ON,
        (b":OUTP OFF\n", b""), NO_ERROR, (b":OUTP?\n", b"0\n"),
    )  # fmt: skip
    supply = Keithley2450(link)
    supply.set_voltage(3.05, 1e-3)
    supply.switch(True)
    supply.switch(False)


def test_configuring_leaves_an_output_alone_that_is_already_a_voltage(scripted):
    """:SOUR:FUNC switches the output off: a pump under test would lose its battery."""
    link = scripted(*CONFIGURED, OUTPUT_ON, (READ, READING), (TRIPPED, b"0\n"))
    reading = Keithley2450(link).read()
    assert reading.values == {"battery_voltage_v": 2.99998, "battery_current_a": 1.2345e-5}
    assert reading.raw == READING


def test_what_is_not_as_needed_is_set(scripted):
    link = scripted(
        *BEGIN, LANGUAGE,
        (b":SOUR:FUNC?\n", b"CURR\n"), (b":SOUR:FUNC VOLT\n", b""), NO_ERROR, (b":SOUR:FUNC?\n", b"VOLT\n"),
        (b":SENS:FUNC?\n", b'"VOLT:DC"\n'),
        (b':SENS:FUNC "CURR:DC"\n', b""), NO_ERROR, (b":SENS:FUNC?\n", b'"CURR:DC"\n'),
        (b":OUTP ON\n", b""), NO_ERROR, OUTPUT_ON,
    )  # fmt: skip
    Keithley2450(link).switch(True)


def test_a_reading_at_the_current_limit_is_told_with_its_values(scripted):
    link = scripted(*CONFIGURED, OUTPUT_ON, (READ, b"1.2E+00,1E-03\n"), (TRIPPED, b"1\n"))
    with pytest.raises(DeviceError, match=r"the current limit holds: 0\.001 A at 1\.2 V") as caught:
        Keithley2450(link).read()
    assert (caught.value.code, caught.value.received) == ("limit", b"1.2E+00,1E-03\n")


def test_no_reading_while_the_output_is_off(scripted):
    with pytest.raises(DeviceError, match="the output is off"):
        Keithley2450(scripted(*CONFIGURED, (b":OUTP?\n", b"0\n"))).read()


def test_an_output_that_does_not_come_on_is_told(scripted):
    link = scripted(*CONFIGURED, (b":OUTP ON\n", b""), NO_ERROR, (b":OUTP?\n", b"0\n"))
    with pytest.raises(DeviceError, match=":OUTP was set to ON and reads back as something else"):
        Keithley2450(link).switch(True)


@pytest.mark.parametrize(
    ("voltage_v", "limit_a", "says"),
    [
        (5.001, 1e-3, "not within 0 and 5 V"),
        (-0.001, 1e-3, "not within"),
        (float("nan"), 1e-3, "not within"),
        (3.0005, 1e-3, "the nearest is 3.0 V"),
        (3.0, 0.2, "not within 1 nA and 0.1 A"),
        (3.0, 0.0, "not within"),
        (3.0, float("nan"), "not within"),
        (3.0, 1.0004e-3, "the nearest is 0.001 A"),
    ],
)
def test_a_refused_value_sends_nothing(scripted, voltage_v, limit_a, says):
    with pytest.raises(LimitRefused, match=f"{says}.*nothing was sent"):
        Keithley2450(scripted()).set_voltage(voltage_v, limit_a)


@given(st.integers(0, 5000), st.integers(1, 999), st.integers(-9, -4))
def test_whole_millivolts_and_limits_of_three_digits_can_be_set(millivolts, digits, exponent):
    check_voltage(millivolts / 1000, 5.0)
    check_limit(float(f"{digits}e{exponent}"), 1.0)


@pytest.mark.parametrize("options", [{"voltage_max_v": 21.0}, {"voltage_max_v": 0.0}, {"current_max_a": 1.1}])
def test_limits_that_no_battery_needs_are_refused(options):
    with pytest.raises(DefinitionError):
        Keithley2450(None, **options)
