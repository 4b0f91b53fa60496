"""Bits on a line, read with other settings than they were sent with."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.sim.wire.uart import as_read, levels
from rig.transport.address import Framing

BAUDS = st.sampled_from([1200, 2400, 4800, 9600, 19200, 38400, 115200])


def framing(text, baud=9600):
    return Framing(baud, int(text[0]), text[1], int(text[2]))


@pytest.mark.parametrize(
    ("settings", "bits"),
    [
        ("8N1", "0 10000010 1"),
        ("7E1", "0 1000001 0 1"),
        ("7O1", "0 1000001 1 1"),
        ("8N2", "0 10000010 11"),
        ("8E1", "0 10000010 0 1"),
    ],
)
def test_the_letter_a_as_text_books_draw_it(settings, bits):
    assert levels(b"A", framing(settings)) == [int(bit) for bit in bits.replace(" ", "")]


@given(st.binary(max_size=40), BAUDS, st.sampled_from(["8N1", "7E1", "7O1", "8O1", "8N2"]))
def test_equal_settings_change_nothing(data, baud, settings):
    assert as_read(data, framing(settings, baud), framing(settings, baud), checks_parity=True) == data


@given(st.binary(max_size=40), BAUDS)
def test_bits_survive_a_difference_of_speed_of_two_per_cent(data, baud):
    """As the manuals of serial ports say; by the reader's own way through the bits, which equal settings do not go."""
    sender, reader = Framing(baud * 100), Framing(baud * 102)
    assert as_read(data, sender, reader, checks_parity=False) == data


@given(st.text(st.characters(min_codepoint=32, max_codepoint=126), max_size=40))
def test_seven_bits_with_parity_read_as_eight_have_the_parity_on_top(text):
    data = text.encode()
    with_parity = bytes(byte | (0x80 if byte.bit_count() % 2 else 0) for byte in data)
    assert as_read(data, framing("7E1"), framing("8N1"), checks_parity=False) == with_parity


def test_who_checks_parity_loses_half_of_the_characters_of_eight_bits():
    text = b"SI\r\n0123"
    read = as_read(text, framing("8N1"), framing("7O1"), checks_parity=True)
    assert read == bytes(byte for byte in text if byte.bit_count() % 2)
    assert as_read(text, framing("8N1"), framing("7O1"), checks_parity=False) == text


@pytest.mark.parametrize("settings", ["8N1", "7O1"])
def test_other_speeds_make_garbage(settings):
    text = b"N     +  12.3456 g  \r\n"
    for sent, read in ((1200, 9600), (9600, 1200), (9600, 19200), (19200, 9600)):
        heard = as_read(text, framing(settings, sent), framing(settings, read), checks_parity=False)
        assert text not in heard
        assert sum(byte in text for byte in heard) < len(text) / 2
