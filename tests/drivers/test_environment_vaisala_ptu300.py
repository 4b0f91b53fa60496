"""Vaisala PTU300: lines of the manual, with and without echo, quantities that are not measured, damage at each byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.environment_vaisala_ptu300 import (
    VaisalaPtu300,
    parse_lines,
    parse_quantities,
    parse_settings,
)
from rig.errors import DeviceError, LinkTimeout, ProtocolError
from rig.readings import Identity

LINE = b"P= 1013.2 hPa T= 31.1 'C RH= 38.3 %RH \r\n"
VALUES = {"air_pressure_hpa": 1013.2, "air_temperature_c": 31.1, "air_humidity_pct": 38.3}
SETTINGS = (
    b"PTU300 / 1.01\r\nSerial number  : A1234567\r\nBatch number   : B8901234\r\nTime           : 13:42:01\r\n"
    b"Baud P D S     : 4800 E 7 1\r\nEcho           : ON\r\nModule 1       : BARO-1\r\nModule 2       : EMPTY\r\n"
)


def quantities(line):
    return parse_quantities(parse_lines(line)[0])


@pytest.mark.parametrize(
    ("line", "values"),
    [
        (LINE, (1013.2, 31.1, 38.3)),
        (b"P= 1033.7 hPa T= 22.2 'C RH= 38.3 %RH\r\n", (1033.7, 22.2, 38.3)),
        (b"P1= 1008.9 hPa P2= 1009.1 hPa P= 1009.0 hPa T= 23.9 'C RH= 34.5 %RH\r\n", (1009.0, 23.9, 34.5)),
        (
            b"P=  1003.8 hPa   T= 17.7 'C RH= 40.9 %RH TD=  4.3 'C  trend=***** tend=*\r\n",
            (1003.8, 17.7, 40.9),
        ),
        (b"RH= 14.98%RH\tT=-4.68'C\tP=101.32 kPa\r\n", (1013.2, -4.68, 14.98)),
        (b">P= 1013.2 mbar T= 31.1 'C RH= 38.3 %RH\n", (1013.2, 31.1, 38.3)),
    ],
)
def test_lines(line, values):
    assert tuple(quantities(line).values()) == pytest.approx(values, rel=1e-12)
    assert list(quantities(line)) == list(VALUES)


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("P", b"P=****** hPa T= 31.1 'C RH= 38.3 %RH\r\n"),
        ("T", b"P= 1013.2 hPa T=***** 'C RH= 38.3 %RH\r\n"),
        ("RH", b"P= 1013.2 hPa T= 31.1 'C RH=*****%RH\r\n"),
    ],
)
def test_a_quantity_that_is_not_measured_is_told(name, line):
    with pytest.raises(DeviceError, match=f"cannot measure {name}") as caught:
        quantities(line)
    assert caught.value.code == f"{name}=*"


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"P= 29.92 inHg T= 31.1 'C RH= 38.3 %RH\r\n", "P in 'inHg': set the transmitter to metric"),
        (b"P= 1013.2 hPa T= 74.68 'F RH= 38.3 %RH\r\n", "T in ''F'"),
        (b"P= 1013.2 T= 31.1 'C RH= 38.3 %RH\r\n", "P in ''"),
        (b"T= 31.1 'C RH= 38.3 %RH\r\n", "P missing: restore"),
        (b"Tfrost= 36.0'C Temp= 31.0'C\r\n", "P, T, RH missing"),
        (b"P= 1013.2 hPa P= 1013.2 hPa T= 31.1 'C RH= 38.3 %RH\r\n", "P stands twice"),
        (b"P= 10132.0 hPa T= 31.1 'C RH= 38.3 %RH\r\n", "P stands twice, or cannot be 10132"),
        (b"P= 1013.2 hPa T= 313.1 'C RH= 38.3 %RH\r\n", "T stands twice, or cannot be 313.1"),
        (b"P= 1013.2 hPa T= nan 'C RH= 38.3 %RH\r\n", "restore the output format"),
        (b"1013.2 31.1 38.3\r\n", "restore the output format"),
        (b"P= 1013,2 hPa T= 31.1 'C RH= 38.3 %RH\r\n", "restore the output format"),
    ],
)
def test_what_is_refused(line, says):
    with pytest.raises(ProtocolError, match=says):
        quantities(line)


def test_cut_at_each_byte_a_line_is_no_reading():
    for count in range(len(LINE)):
        with pytest.raises(ProtocolError):
            quantities(LINE[:count])


def test_damaged_at_each_byte_only_digits_signs_and_blanks_slip_through():
    """A format without checksum: another digit, a digit or a minus for a blank. Only the parity may see it."""
    line = b"P= 1013.2 hPa T= 31.1 'C RH= 38.3 %RH\r\n"
    for index in range(len(line)):
        for wrong in set(range(256)) - {line[index]}:
            damaged = line[:index] + bytes((wrong,)) + line[index + 1 :]
            try:
                values = quantities(damaged)
            except (ProtocolError, DeviceError):
                continue
            if values != VALUES:
                assert wrong in b"0123456789- \t\r", (damaged, values)


@given(st.floats(600, 1100), st.floats(-20, 50), st.floats(0, 100))
def test_any_air_is_read_exactly(pressure, temperature, humidity):
    line = f"P= {pressure:6.1f} hPa T= {temperature:3.1f} 'C RH= {humidity:3.1f} %RH\r\n"
    assert quantities(line.encode()) == {
        "air_pressure_hpa": float(f"{pressure:.1f}"),
        "air_temperature_c": float(f"{temperature:.1f}"),
        "air_humidity_pct": float(f"{humidity:.1f}"),
    }


@given(st.binary(max_size=60).map(lambda data: data + b"\r\n"))
def test_arbitrary_bytes_give_a_typed_error(data):
    try:
        texts = parse_lines(data)
    except ProtocolError:
        return
    for text in texts:
        with pytest.raises((ProtocolError, DeviceError)):
            parse_quantities(text)


def test_settings():
    assert parse_settings(parse_lines(SETTINGS)) == Identity("", "PTU300", "A1234567", "1.01")
    for lines in (["PTB330 / 1.01", "Serial number : A1"], ["PTU300 / 1.01", "Batch number : B1"]):
        with pytest.raises(ProtocolError, match="not the settings"):
            parse_settings(lines)


# --- the class, on scripted exchanges -------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [LINE, b"send\r\n" + LINE, b">SEND\r" + LINE, b"\r\n" + LINE])
def test_read_with_and_without_echo(scripted, reply):
    link = scripted((b"SEND\r", reply))
    link.unasked = b"\r\n>"  # the prompt after the command before
    reading = VaisalaPtu300(link).read()
    assert (reading.values, reading.raw) == (VALUES, reply)


def test_identify_reads_all_settings(scripted):
    for echo in (b"", b"?\r\n"):
        link = scripted((b"?\r", echo + SETTINGS))
        assert VaisalaPtu300(link).identify() == Identity("", "PTU300", "A1234567", "1.01")


def test_a_reply_without_end_is_given_up(scripted):
    link = scripted((b"?\r", SETTINGS[: SETTINGS.index(b"Module 2")]))
    with pytest.raises(LinkTimeout) as caught:
        VaisalaPtu300(link).identify()
    assert caught.value.received == SETTINGS[: SETTINGS.index(b"Module 2")]


def test_reply_cut_at_each_byte_is_no_reading(scripted):
    for count in range(len(LINE)):
        link = scripted((b"SEND\r", LINE[:count]))
        with pytest.raises(LinkTimeout) as caught:
            VaisalaPtu300(link).read()
        assert caught.value.received == LINE[:count]


def test_errors_carry_the_bytes(scripted):
    line = b"P=***** hPa T= 31.1 'C RH= 38.3 %RH\r\n"
    with pytest.raises(DeviceError) as caught:
        VaisalaPtu300(scripted((b"SEND\r", line))).read()
    assert (caught.value.address, caught.value.sent, caught.value.received) == (
        "script://device",
        b"SEND\r",
        line,
    )
