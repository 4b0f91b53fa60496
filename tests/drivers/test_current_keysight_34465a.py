"""Keysight 34465A: configured once and read back, overload, a loss of power between two readings."""

from __future__ import annotations

import pytest

from rig.drivers.current_keysight_34465a import Keysight34465A
from rig.errors import DefinitionError, DeviceError, LinkTimeout
from rig.readings import Identity

IDN = b"Keysight Technologies,34465A,MY54500123,A.02.14\n"
BEGIN = ((b"*CLS\n", b""), (b"*IDN?\n", IDN))
NO_ERROR = (b"SYST:ERR?\n", b'+0,"No error"\n')
CONFIGURE = (
    *BEGIN,
    (b"CONF:CURR:DC 0.001\n", b""), NO_ERROR,
    (b"SENS:CURR:DC:NPLC 10\n", b""), NO_ERROR, (b"SENS:CURR:DC:NPLC?\n", b"+1.00000000E+01\n"),
    (b"SENS:CURR:DC:RANG?\n", b"+1.00000000E-03\n"),
)  # fmt: skip
FUNCTION = (b"SENS:FUNC?\n", b'"CURR"\n')
READING = b"+1.23450000E-05\n"


def test_identify(scripted):
    meter = Keysight34465A(scripted(*BEGIN))
    assert meter.identify() == Identity("Keysight Technologies", "34465A", "MY54500123", "A.02.14")


def test_configured_once_and_read(scripted):
    link = scripted(*CONFIGURE, FUNCTION, (b"READ?\n", READING), FUNCTION, (b"READ?\n", b"-2.5E-06\r\n"))
    meter = Keysight34465A(link)
    reading = meter.read()
    assert (reading.values, reading.raw, reading.t_ns) == (
        {"battery_current_a": 1.2345e-5},
        READING,
        link.t_ns,
    )
    assert meter.read().values == {"battery_current_a": -2.5e-6}


def test_other_range_and_integration_time(scripted):
    link = scripted(
        *BEGIN,
        (b"CONF:CURR:DC 1E-06\n", b""), NO_ERROR,
        (b"SENS:CURR:DC:NPLC 100\n", b""), NO_ERROR, (b"SENS:CURR:DC:NPLC?\n", b"+1.00000000E+02\n"),
        (b"SENS:CURR:DC:RANG?\n", b"+1.00000000E-06\n"),
        FUNCTION, (b"READ?\n", b""),
    )  # fmt: skip
    before_ns = link.t_ns
    with pytest.raises(LinkTimeout):
        Keysight34465A(link, range_a=1e-6, mains_periods=100).read()
    assert link.t_ns - before_ns > 10e9, "100 periods with autozero take 4 s"


def test_a_range_that_the_meter_does_not_have_is_refused_before_it_is_asked():
    with pytest.raises(DefinitionError, match=r"no range of 0\.002 A .*it has 1E-06, 1E-05"):
        Keysight34465A(None, range_a=2e-3)
    with pytest.raises(DefinitionError, match="11 mains periods"):
        Keysight34465A(None, mains_periods=11)


def test_a_range_that_was_not_taken_is_an_error(scripted):
    link = scripted(*CONFIGURE[:-1], (b"SENS:CURR:DC:RANG?\n", b"+1.00000000E-02\n"))
    with pytest.raises(DeviceError, match=r"did not take the range of 0\.001 A"):
        Keysight34465A(link).read()


def test_overload_is_told_and_the_next_reading_is_taken(scripted):
    link = scripted(*CONFIGURE, FUNCTION, (b"READ?\n", b"+9.90000000E+37\n"), FUNCTION, (b"READ?\n", READING))
    meter = Keysight34465A(link)
    with pytest.raises(DeviceError, match="overload") as caught:
        meter.read()
    assert (caught.value.code, caught.value.sent) == ("overload", b"READ?\n")
    assert meter.read().values == {"battery_current_a": 1.2345e-5}


def test_after_a_loss_of_power_a_voltage_is_never_a_current(scripted):
    link = scripted(
        *CONFIGURE, FUNCTION, (b"READ?\n", READING),
        (b"SENS:FUNC?\n", b'"VOLT"\n'),
        *CONFIGURE, FUNCTION, (b"READ?\n", READING),
    )  # fmt: skip
    meter = Keysight34465A(link)
    meter.read()
    with pytest.raises(DeviceError, match="does not measure current any more"):
        meter.read()
    assert meter.read().values == {"battery_current_a": 1.2345e-5}


def test_another_instrument_is_not_configured(scripted):
    link = scripted((b"*CLS\n", b""), (b"*IDN?\n", b"KEITHLEY INSTRUMENTS,MODEL DMM6500,04400001,1.7.0b\n"))
    with pytest.raises(DeviceError, match="this is a 'MODEL DMM6500'"):
        Keysight34465A(link).read()


def test_reply_cut_at_each_byte_is_no_reading(scripted):
    for count in range(len(READING)):
        link = scripted(*CONFIGURE, FUNCTION, (b"READ?\n", READING[:count]))
        with pytest.raises(LinkTimeout) as caught:
            Keysight34465A(link).read()
        assert caught.value.received == READING[:count]
