"""Relay board on a serial line with readable commands: USB relay modules of Numato Lab (1 to 32 channels).

Sources: Numato Lab's user guides of its USB relay modules and its public sample programs. Wire format: a virtual serial
port (any baud rate; 19200 in the samples); the module echoes what it is sent and ends each answer with a prompt::

    relay on 0 CR       ->  relay on 0 LF CR >                  also relay off 0
    relay read 0 CR     ->  relay read 0 LF CR on LF CR >       or off
    ver CR              ->  ver LF CR 00000008 LF CR >          firmware
    id get CR           ->  id get LF CR 00000000 LF CR >       a number that the user may set (id set)

Relays from 10 on are letters: A is 10, V is 31. Setting has no answer, so each is read back. LF and CR are taken in any
order and number. The protocol has no checksum, but the echo shows what the module received. Not read in a manual: what
the module answers to a command that it does not know (whatever it is, it is refused), and how soon (1 s allowed here).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import TypeVar

from rig.clock import NS_PER_S
from rig.errors import DeviceError, ExchangeError, LimitRefused, ProtocolError
from rig.readings import Identity
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = NS_PER_S
REPLY_LIMIT = 128
RELAYS = "0123456789ABCDEFGHIJKLMNOPQRSTUV"

ANSWER = re.compile(r"[\r\n]*([ -=?-~]+)[\r\n]+(?:([ -=?-~]+)[\r\n]+)?>")
EIGHT = re.compile(r"[0-9A-Z.]{8}")


def parse_answer(reply: bytes, command: str) -> str:
    """What stands between the echo of ``command`` and the prompt, "" if nothing. Raises ProtocolError."""
    match = ANSWER.fullmatch(reply.decode("latin-1"))
    if match is None:
        raise ProtocolError("not an answer with echo and prompt", received=reply)
    if match[1] != command:
        raise ProtocolError(f"the module understood '{match[1]}'", received=reply)
    return match[2] or ""


def parse_state(answer: str) -> bool:
    """on or off. Raises ProtocolError."""
    if answer not in ("on", "off"):
        raise ProtocolError("neither on nor off")
    return answer == "on"


def parse_eight(answer: str) -> str:
    """A version or an identification of eight characters. Raises ProtocolError."""
    if EIGHT.fullmatch(answer) is None:
        raise ProtocolError("not eight characters")
    return answer


def parse_nothing(answer: str) -> None:
    """The command was taken. Raises ProtocolError."""
    if answer:
        raise ProtocolError(f"the module says '{answer}'")


class GpioSerialValves:
    """One module."""

    ROLE = "valves"
    DEFAULT_BAUD = 19200

    def __init__(self, link: Link) -> None:
        self._link = link
        self._last = (b"", b"")  # command and reply

    def identify(self) -> Identity:
        """The module tells neither maker nor model; its serial number is the one the user gave it."""
        return Identity(serial=self._ask("id get", parse_eight), firmware=self._ask("ver", parse_eight))

    def switch(self, channel: int, on: bool) -> None:
        """Switch one relay, and read it back. DeviceError when it then tells otherwise."""
        word = "on" if on else "off"
        self._ask(f"relay {word} {format_relay(channel)}", parse_nothing)
        if self.is_on(channel) != on:
            message = f"relay {channel} was switched {word} and reads back as the contrary"
            sent, received = self._last
            raise DeviceError(
                message, code="read back", address=self._link.address, sent=sent, received=received
            )

    def is_on(self, channel: int) -> bool:
        return self._ask(f"relay read {format_relay(channel)}", parse_state)

    def close(self) -> None:
        """The relays stay as they are."""
        self._link.close()

    def _ask(self, command: str, parse: Callable[[str], T]) -> T:
        sent = f"{command}\r".encode("ascii")
        with self._link.alone():
            self._link.discard_input()
            deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
            self._link.write(sent)
            reply = self._link.read_until(b">", deadline_ns, REPLY_LIMIT)
            self._last = (sent, reply)
        try:
            return parse(parse_answer(reply, command))
        except ExchangeError as error:
            error.address, error.sent, error.received = self._link.address, sent, reply
            raise


def format_relay(channel: int) -> str:
    """The character of one relay. Raises LimitRefused."""
    if channel not in range(len(RELAYS)):
        raise LimitRefused(f"relay {channel} is not one of 0 to {len(RELAYS) - 1}; nothing was sent")
    return RELAYS[channel]
