"""Relay modules with readable commands: echo and prompt, letters from relay 10 on, damage at each byte."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.valves_gpio_serial import GpioSerialValves, format_relay, parse_answer
from rig.errors import DeviceError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity

READ_ON = b"relay read 0\n\ron\n\r>"


@pytest.mark.parametrize(
    ("reply", "command", "answer"),
    [
        (READ_ON, "relay read 0", "on"),
        (b"relay read A\r\noff\r\n>", "relay read A", "off"),
        (b"relay on 0\n\r>", "relay on 0", ""),
        (b"\n\rver\n\rA0M09.01\n\r>", "ver", "A0M09.01"),
    ],
)
def test_answers(reply, command, answer):
    assert parse_answer(reply, command) == answer


def test_cut_at_each_byte_an_answer_is_none():
    for count in range(len(READ_ON)):
        with pytest.raises(ProtocolError):
            parse_answer(READ_ON[:count], "relay read 0")


def test_damaged_at_each_byte_a_state_is_never_turned_round():
    for index in range(len(READ_ON)):
        for wrong in set(range(256)) - {READ_ON[index]}:
            damaged = READ_ON[:index] + bytes((wrong,)) + READ_ON[index + 1 :]
            try:
                answer = parse_answer(damaged, "relay read 0")
            except ProtocolError:
                continue
            assert answer != "off"


@given(st.binary(max_size=60))
def test_arbitrary_bytes_give_a_typed_error(data):
    with pytest.raises(ProtocolError):
        parse_answer(data, "relay read 0")


def test_relays_from_ten_on_are_letters():
    assert "".join(format_relay(relay) for relay in (0, 9, 10, 15, 16, 31)) == "09AFGV"


@pytest.mark.parametrize("relay", [-1, 32, 101])
def test_what_is_no_relay_sends_nothing(scripted, relay):
    with pytest.raises(LimitRefused, match=f"relay {relay} is not one of 0 to 31; nothing was sent"):
        GpioSerialValves(scripted()).switch(relay, True)


def test_identify(scripted):
    link = scripted((b"id get\r", b"id get\n\r00004711\n\r>"), (b"ver\r", b"ver\n\r00000008\n\r>"))
    assert GpioSerialValves(link).identify() == Identity(serial="00004711", firmware="00000008")


def test_switched_and_read_back(scripted):
    link = scripted(
        (b"relay on 0\r", b"relay on 0\n\r>"), (b"relay read 0\r", READ_ON),
        (b"relay off A\r", b"relay off A\n\r>"), (b"relay read A\r", b"relay read A\n\roff\n\r>"),
    )  # fmt: skip
    valves = GpioSerialValves(link)
    valves.switch(0, True)
    valves.switch(10, False)


def test_a_relay_that_reads_back_as_the_contrary_is_an_error(scripted):
    link = scripted((b"relay off 0\r", b"relay off 0\n\r>"), (b"relay read 0\r", READ_ON))
    with pytest.raises(DeviceError, match="relay 0 was switched off and reads back as the contrary"):
        GpioSerialValves(link).switch(0, False)


def test_the_echo_shows_that_another_relay_was_meant(scripted):
    link = scripted((b"relay on 1\r", b"relay on 3\n\r>"))
    with pytest.raises(ProtocolError, match="the module understood 'relay on 3'") as caught:
        GpioSerialValves(link).switch(1, True)
    assert (caught.value.sent, caught.value.received) == (b"relay on 1\r", b"relay on 3\n\r>")


def test_an_answer_to_a_setting_and_one_that_is_no_state_are_refused(scripted):
    with pytest.raises(ProtocolError, match="the module says 'error'"):
        GpioSerialValves(scripted((b"relay on 0\r", b"relay on 0\n\rerror\n\r>"))).switch(0, True)
    with pytest.raises(ProtocolError, match="neither on nor off"):
        GpioSerialValves(scripted((b"relay read 0\r", b"relay read 0\n\rof\n\r>"))).is_on(0)


def test_the_prompt_of_earlier_is_thrown_away(scripted):
    link = scripted((b"relay read 0\r", READ_ON))
    link.unasked = b"\n\r>"
    assert GpioSerialValves(link).is_on(0)


def test_reply_cut_at_each_byte_is_no_state(scripted):
    for count in range(len(READ_ON)):
        link = scripted((b"relay read 0\r", READ_ON[:count]))
        with pytest.raises(LinkTimeout) as caught:
            GpioSerialValves(link).is_on(0)
        assert caught.value.received == READ_ON[:count]
