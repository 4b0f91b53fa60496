"""Relay board by SCPI: switched and read back; a channel that is none sends nothing."""

from __future__ import annotations

import pytest

from rig.drivers.valves_scpi import ScpiValves, format_channel
from rig.errors import DeviceError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity

IDN = b"HEWLETT-PACKARD,34970A,0,13-2-2\r\n"
BEGIN = ((b"*CLS\n", b""), (b"*IDN?\n", IDN))
NO_ERROR = (b"SYST:ERR?\n", b'+0,"No error"\r\n')


def test_identify(scripted):
    assert ScpiValves(scripted(*BEGIN)).identify() == Identity("HEWLETT-PACKARD", "34970A", "0", "13-2-2")


def test_switched_on_and_off_and_read_back(scripted):
    link = scripted(
        *BEGIN,
        (b"ROUT:CLOS (@101)\n", b""), NO_ERROR, (b"ROUT:CLOS? (@101)\n", b"1\r\n"),
        (b"ROUT:OPEN (@101)\n", b""), NO_ERROR, (b"ROUT:CLOS? (@101)\n", b"0\r\n"),
        (b"ROUT:CLOS? (@2304)\n", b"+1\n"),
    )  # fmt: skip
    valves = ScpiValves(link)
    valves.switch(101, True)
    valves.switch(101, False)
    assert valves.is_on(2304)


def test_a_relay_that_the_board_does_not_have_is_told_in_its_words(scripted):
    link = scripted(
        *BEGIN, (b"ROUT:CLOS (@340)\n", b""),
        (b"SYST:ERR?\n", b'+304,"Channel list: slot or channel out of range"\n'), NO_ERROR,
    )  # fmt: skip
    with pytest.raises(DeviceError, match="slot or channel out of range") as caught:
        ScpiValves(link).switch(340, True)
    assert caught.value.code == "304"


def test_a_relay_that_reads_back_as_the_contrary_is_an_error(scripted):
    link = scripted(*BEGIN, (b"ROUT:OPEN (@101)\n", b""), NO_ERROR, (b"ROUT:CLOS? (@101)\n", b"1\n"))
    with pytest.raises(DeviceError, match="channel 101 was switched off and reads back as the contrary"):
        ScpiValves(link).switch(101, False)


@pytest.mark.parametrize("channel", [-101, 0, 1, 100, 900, 1000, 9000, 10101])
def test_what_is_no_channel_sends_nothing(scripted, channel):
    valves = ScpiValves(scripted())
    for act in (
        lambda: valves.switch(channel, True),
        lambda: valves.is_on(channel),
        lambda: format_channel(channel),
    ):
        with pytest.raises(LimitRefused, match=f"{channel} is no channel.*nothing was sent"):
            act()


def test_several_states_and_a_cut_one_are_none(scripted):
    with pytest.raises(ProtocolError):
        ScpiValves(scripted(*BEGIN, (b"ROUT:CLOS? (@101)\n", b"1,0\n"))).is_on(101)
    with pytest.raises(LinkTimeout):
        ScpiValves(scripted(*BEGIN, (b"ROUT:CLOS? (@101)\n", b"1"))).is_on(101)
