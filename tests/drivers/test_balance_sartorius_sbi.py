"""SBI: lines of the manuals, every kind of damage, the unit an unstable weight lacks, another's parser."""

from __future__ import annotations

from decimal import Decimal

import pytest
import sartoriusb
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.balance_sartorius_sbi import SartoriusSbiBalance, parse_text, parse_weight
from rig.errors import DeviceError, LinkTimeout, ProtocolError
from rig.readings import Identity

VECTOR = b"N     +  12.3456 g  \r\n"
SHORT = VECTOR[6:]
UNSTABLE = b"N     +  12.3461    \r\n"
PRINT = b"\x1bP\r\n"
STABLE_WITHIN_NS = 60_000_000_000

# --- parsing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "value", "unit"),
    [
        (VECTOR, "12.3456", "g"),
        (SHORT, "12.3456", "g"),
        (UNSTABLE, "12.3461", ""),
        (UNSTABLE[6:], "12.3461", ""),
        (b"+111.25507 mg \r\n", "111.25507", "mg"),  # ME manual
        (b"N     -   0.0001 g  \r\n", "-0.0001", "g"),
        (b"N1    +    1.500 kg \r\n", "1.500", "kg"),
        (b"G#    +  12.3456 g  \r\n", "12.3456", "g"),
        (b"    0.0000 g  \r\n", "0.0000", "g"),
        (b"+      253 g  \r\n", "253", "g"),
        (b"N     +  123.5[6]g  \r\n", "123.56", "g"),  # not verified
        (b"N     -  123.5[6]   \r\n", "-123.56", ""),
        (b"N     +   123.[5]g  \r\n", "123.5", "g"),
    ],
)
def test_weights(line, value, unit):
    weight = parse_weight(line)
    assert (weight.value, weight.unit, weight.raw) == (Decimal(value), unit, line)
    assert weight.steps == int(value.replace(".", ""))


@pytest.mark.parametrize(
    "unit", ["lb", "oz", "ct", "ozt", "GN", "dwt", "N", "pcs", "%", "G", "Kg", "o", "/lb"]
)
def test_weight_in_another_unit_is_refused(unit):
    with pytest.raises(ProtocolError, match=f"weight in '{unit}': set the balance to g"):
        parse_weight(f"N     +  12.3456 {unit:<3}\r\n".encode())


@pytest.mark.parametrize("code", ["Qnt", "T", "Prc", "Nom", "Total", "n", "Stat"])
def test_line_that_is_not_the_weight_on_the_pan_is_refused(code):
    with pytest.raises(ProtocolError, match=f"a line of '{code}'"):
        parse_weight(f"{code:<6}+  12.3456 g  \r\n".encode())


@pytest.mark.parametrize("head", ["Stat  ", ""])
@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("     High     ", "overload"),
        ("     Low      ", "underload"),
        ("   Cal.Int.   ", "being adjusted"),
        ("   Cal. Ext.  ", "being adjusted"),
        ("      --      ", "shows no weight"),
        ("   Err 054    ", "shows an error"),
        ("   ERR 54     ", "shows an error"),
        ("   APP.ERR    ", "shows an error"),
        ("   DIS.ERR    ", "shows an error"),
        ("   PRT. ERR   ", "shows an error"),
        ("     OFF      ", "switched off"),
    ],
)
def test_special_texts_carry_the_balances_own_words(head, text, says):
    line = f"{head}{text}\r\n".encode()
    for parse in (parse_weight, parse_text):
        with pytest.raises(DeviceError, match=says) as caught:
            parse(line)
        assert caught.value.code == text.strip()
        assert caught.value.received == line


@pytest.mark.parametrize(
    "line",
    [
        b"N     + 12.3456  g  \r\n",  # not to the right of its 9 places
        b"N     +  12,3456 g  \r\n",
        b"N     +  12.345. g  \r\n",
        b"N     +  1 .3456 g  \r\n",
        b"N     + +12.3456 g  \r\n",
        b"N     +      nan g  \r\n",
        b"N     +  1e-3456 g  \r\n",
        b"N     +          g  \r\n",
        b"N     +  12.3456  g \r\n",
        b"N     +  12.3456g   \r\n",
        b"N     +  12.3456 g g\r\n",
        b"N     *  12.3456 g  \r\n",
        b" N    +  12.3456 g  \r\n",
        b"N     +  123.5[6 g  \r\n",
        b"N     +   123.56]g  \r\n",
        b"N     +  123[.5]g  \r\n",
        b"N     +  12.[56]g  \r\n",
        b"Stat       Hgh      \r\n",
        b"Stat       0A       \r\n",
        b"N         High      \r\n",
        b"High\r\n",
        b"N     +  12.3456 g  \n",
        b"N     +  12.3456 g  \r",
        b"N     +  12.3456 g  ",
        b"N     + \xb2 12.345 g  \r\n",
        b"              \r\n",
        b"\r\n",
        b"",
    ],
)
def test_what_is_no_weight(line):
    with pytest.raises(ProtocolError) as caught:
        parse_weight(line)
    assert caught.value.received == line


@pytest.mark.parametrize("line", [VECTOR, SHORT, UNSTABLE, UNSTABLE[6:]])
def test_truncated_shortened_and_doubled_at_each_byte_is_always_noticed(line):
    """With one exception: a line of 22 that lost its first 6 bytes is a line of 16."""
    for index in range(len(line)):
        for damaged in (
            line[:index],
            line[index + 1 :],
            line[:index] + line[index + 1 :],
            line[: index + 1] + line[index:],
        ):
            if damaged not in (line, line[6:]):
                with pytest.raises(ProtocolError):
                    parse_weight(damaged)


def test_damaged_at_each_byte_is_noticed_where_a_protocol_without_checksum_can_tell():
    """What slips through is another well-formed weight: a digit, the point, the sign, stable or not. Nothing else."""
    slipped = set()
    for index in range(len(VECTOR)):
        for wrong in set(range(256)) - {VECTOR[index]}:
            damaged = VECTOR[:index] + bytes((wrong,)) + VECTOR[index + 1 :]
            try:
                parse_weight(damaged)
            except (ProtocolError, DeviceError):
                continue
            slipped.add((index, chr(wrong)))
    code = {(1, "1")}
    sign = {(6, "-"), (6, " ")}
    digits_for_blanks = {(8, digit) for digit in "0123456789"}
    digits = {(index, digit) for index in (9, 10, 12, 13, 14, 15) for digit in "0123456789"}
    into_blank = {(9, " "), (17, " ")}
    point = {(11, digit) for digit in "0123456789"}
    original = {(index, chr(VECTOR[index])) for index in range(len(VECTOR))}
    assert slipped == (code | sign | digits_for_blanks | into_blank | digits | point) - original


@given(
    value=st.decimals(-99999, 99999, places=3).map(abs),
    negative=st.booleans(),
    stable=st.booleans(),
    coded=st.booleans(),
)
def test_any_displayed_value_is_read_exactly_and_as_sartoriusb_reads_it(value, negative, stable, coded):
    sign, unit = "-" if negative else "+", "g" if stable else ""
    line = f"{'N     ' if coded else ''}{sign}{value:>9} {unit:<3}\r\n"
    weight = parse_weight(line.encode())
    assert (weight.value, weight.unit) == (Decimal(f"{sign}{value}"), unit)
    theirs = sartoriusb.parse_measurement(line)
    assert (Decimal(theirs.value), theirs.unit, theirs.stable) == (weight.value, unit or None, stable)


@given(st.binary(max_size=40))
def test_arbitrary_bytes_give_a_typed_error(data):
    with pytest.raises((ProtocolError, DeviceError)):
        parse_weight(data)


@given(st.binary(max_size=40).map(lambda data: data + b"\r\n"))
def test_a_text_is_printable_or_a_typed_error(data):
    try:
        text = parse_text(data)
    except (ProtocolError, DeviceError):
        return
    assert text.isprintable()
    assert text.isascii()
    assert text == text.strip()


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), min_size=14, max_size=20))
def test_arbitrary_text_is_a_weight_only_if_it_has_all_its_digits(text):
    try:
        weight = parse_weight(f"{text}\r\n".encode())
    except (ProtocolError, DeviceError):
        return
    assert len(text) in (14, 20)
    assert "".join(char for char in text[-14:] if char.isdigit()).lstrip("0") == str(
        abs(weight.steps)
    ).lstrip("0")


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"MSE225S\r\n", "MSE225S"),
        (b"  MSE225S     \r\n", "MSE225S"),
        (b"SerNo.    0031801165\r\n", "0031801165"),
        (b"      37454321\r\n", "37454321"),
        (b"00-37-09\r\n", "00-37-09"),
    ],
)
def test_texts(line, text):
    assert parse_text(line) == text


@pytest.mark.parametrize(
    "line", [VECTOR, SHORT, UNSTABLE, b"\r\n", b"   \r\n", b"MSE\x00\r\n", b"MSE\xe4\r\n", b"MSE\n"]
)
def test_what_is_no_text(line):
    with pytest.raises(ProtocolError):
        parse_text(line)


# --- the class, on scripted exchanges -------------------------------------------------------------------------------


def test_identify(scripted):
    link = scripted(
        (b"\x1bx1_\r\n", b"MSE225S-000-DU\r\n"),
        (b"\x1bx2_\r\n", b"SerNo.    0031801165\r\n"),
        (b"\x1bx3_\r\n", b"00-37-09\r\n"),
    )
    assert SartoriusSbiBalance(link).identify() == Identity("", "MSE225S-000-DU", "0031801165", "00-37-09")


def test_a_weight_in_the_place_of_the_model_is_no_identity(scripted):
    link = scripted((b"\x1bx1_\r\n", VECTOR))
    with pytest.raises(ProtocolError, match="not a text"):
        SartoriusSbiBalance(link).identify()


def test_reading(scripted):
    link = scripted((PRINT, VECTOR))
    reading = SartoriusSbiBalance(link).read()
    assert (reading.mass_g, reading.stable, reading.raw, reading.t_ns) == (12.3456, True, VECTOR, link.t_ns)


def test_leftovers_of_an_earlier_exchange_are_never_a_reading(scripted):
    link = scripted((PRINT, VECTOR))
    link.unasked = b"N     +  99.9999 g  \r\n"
    assert SartoriusSbiBalance(link).read().mass_g == 12.3456


def test_first_reading_waits_for_the_unit_and_later_ones_do_not(scripted):
    milligrams = b"N     +  12345.6 mg \r\n"
    unstable = b"N     +  12346.1    \r\n"
    link = scripted((PRINT, unstable), (PRINT, unstable), (PRINT, milligrams), (PRINT, unstable), (PRINT, VECTOR),
                    (PRINT, UNSTABLE))  # fmt: skip
    balance = SartoriusSbiBalance(link)
    readings = [balance.read() for _ in range(4)]
    assert [(reading.mass_g, reading.stable) for reading in readings] == [
        (12.3456, True), (12.3461, False), (12.3456, True), (12.3461, False),
    ]  # fmt: skip


def test_stable_weight_and_zero_are_waited_for(scripted):
    link = scripted(
        *[(PRINT, UNSTABLE)] * 3, (PRINT, VECTOR),
        (b"\x1bV\r\n", b""), (PRINT, VECTOR),
        (PRINT, b"N     +   0.0003    \r\n"), (PRINT, b"N     -   0.0002 g  \r\n"),
    )  # fmt: skip
    balance = SartoriusSbiBalance(link)
    assert balance.read_stable().mass_g == 12.3456
    balance.zero()


def slowly(link, step_ns):
    """The same link, on which each question takes so long."""
    discard_input = link.discard_input

    def wait_and_discard_input():
        link.t_ns += step_ns
        return discard_input()

    link.discard_input = wait_and_discard_input
    return link


@pytest.mark.parametrize("line", [UNSTABLE, VECTOR, b"N     +   0.0011 g  \r\n"])
def test_zero_that_never_comes_is_an_error(scripted, line):
    link = slowly(scripted((b"\x1bV\r\n", b""), (PRINT, line), (PRINT, line)), STABLE_WITHIN_NS // 2)
    with pytest.raises(DeviceError, match="did not set zero") as caught:
        SartoriusSbiBalance(link).zero()
    assert (caught.value.address, caught.value.received) == ("script://device", line)


def test_overload_while_zeroing_is_told_at_once(scripted):
    link = scripted((b"\x1bV\r\n", b""), (PRINT, b"Stat       High     \r\n"))
    with pytest.raises(DeviceError, match="overload") as caught:
        SartoriusSbiBalance(link).zero()
    assert (caught.value.code, caught.value.sent) == ("High", PRINT)


def test_no_stable_weight_in_time(scripted):
    link = slowly(scripted(*[(PRINT, UNSTABLE)] * 3), STABLE_WITHIN_NS // 3)
    with pytest.raises(DeviceError, match="no stable weight in time"):
        SartoriusSbiBalance(link).read()


@pytest.mark.parametrize("vector", [VECTOR, SHORT])
def test_reply_cut_at_each_byte_is_no_reading(scripted, vector):
    for count in range(len(vector)):
        link = scripted((PRINT, vector[:count]))
        with pytest.raises(LinkTimeout) as caught:
            SartoriusSbiBalance(link).read()
        assert caught.value.received == vector[:count]
