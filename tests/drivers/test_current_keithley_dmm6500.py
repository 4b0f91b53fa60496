"""Keithley DMM6500: the dialect, command set TSP, overflow, a loss of power between two readings."""

from __future__ import annotations

import pytest

from rig.drivers.current_keithley_dmm6500 import KeithleyDmm6500
from rig.errors import DefinitionError, DeviceError, ProtocolError
from rig.readings import Identity

IDN = b"KEITHLEY INSTRUMENTS,MODEL DMM6500,04400001,1.7.0b\n"
BEGIN = ((b"*CLS\n", b""), (b"*IDN?\n", IDN))
NO_ERROR = (b"SYST:ERR?\n", b'0,"No error;0;0 0"\n')
CONFIGURE = (
    *BEGIN, (b"*LANG?\n", b"SCPI\n"),
    (b':SENS:FUNC "CURR:DC"\n', b""), NO_ERROR, (b":SENS:FUNC?\n", b'"CURR:DC"\n'),
    (b":SENS:CURR:RANG 1E-05\n", b""), NO_ERROR, (b":SENS:CURR:RANG?\n", b"1e-05\n"),
    (b":SENS:CURR:NPLC 10\n", b""), NO_ERROR, (b":SENS:CURR:NPLC?\n", b"10\n"),
)  # fmt: skip
FUNCTION = (b":SENS:FUNC?\n", b'"CURR:DC"\n')


def test_identify(scripted):
    meter = KeithleyDmm6500(scripted(*BEGIN))
    assert meter.identify() == Identity("KEITHLEY INSTRUMENTS", "MODEL DMM6500", "04400001", "1.7.0b")


def test_configured_once_and_read(scripted):
    link = scripted(*CONFIGURE, FUNCTION, (b":READ?\n", b"1.2345E-06\n"), FUNCTION, (b":READ?\n", b"-2E-9\n"))
    meter = KeithleyDmm6500(link, range_a=1e-5)
    reading = meter.read()
    assert (reading.values, reading.raw) == ({"battery_current_a": 1.2345e-6}, b"1.2345E-06\n")
    assert meter.read().values == {"battery_current_a": -2e-9}


def test_the_command_set_tsp_is_told_before_anything_is_set(scripted):
    with pytest.raises(DeviceError, match="the command set is TSP: set it to SCPI at the instrument"):
        KeithleyDmm6500(scripted(*BEGIN, (b"*LANG?\n", b"TSP\n"))).read()


def test_an_entry_of_the_error_queue_in_the_dialect(scripted):
    link = scripted(
        *CONFIGURE[:3], (b':SENS:FUNC "CURR:DC"\n', b""),
        (b"SYST:ERR?\n", b'-113,"Undefined header;1;2026/05/06 12:55:33.648"\n'), NO_ERROR,
    )  # fmt: skip
    with pytest.raises(DeviceError, match="Undefined header;1;2026") as caught:
        KeithleyDmm6500(link).read()
    assert caught.value.code == "-113"


@pytest.mark.parametrize(
    ("options", "says"), [({"range_a": 1e-6}, "no range"), ({"mains_periods": 13}, "cannot be set")]
)
def test_what_the_meter_does_not_have_is_refused(options, says):
    with pytest.raises(DefinitionError, match=says):
        KeithleyDmm6500(None, **options)


def test_overflow_is_no_reading(scripted):
    with pytest.raises(DeviceError, match="overload"):
        KeithleyDmm6500(scripted(*CONFIGURE, FUNCTION, (b":READ?\n", b"9.9E+37\n")), range_a=1e-5).read()


def test_two_values_are_no_reading(scripted):
    with pytest.raises(ProtocolError, match="not 1 number"):
        KeithleyDmm6500(scripted(*CONFIGURE, FUNCTION, (b":READ?\n", b"1E-6,2E-6\n")), range_a=1e-5).read()


def test_after_a_loss_of_power_a_voltage_is_never_a_current(scripted):
    link = scripted(
        *CONFIGURE, (b":SENS:FUNC?\n", b'"VOLT:DC"\n'), *CONFIGURE, FUNCTION, (b":READ?\n", b"1E-6\n")
    )
    meter = KeithleyDmm6500(link, range_a=1e-5)
    with pytest.raises(DeviceError, match="does not measure current any more"):
        meter.read()
    assert meter.read().values == {"battery_current_a": 1e-6}
