"""Laboratory balance speaking MT-SICS level 0 and 1 (Mettler-Toledo; others offer it too).

Manual: "MT-SICS Interface Commands" reference (11780711, 11781363), sections of the commands named below. Wire
format: ASCII lines ended by CR LF both ways, 9600 baud 8N1 by default::

    SI                        ->  S S    12.3456 g           the reply to SI begins with S, not SI
    S S <value, right-justified in 10 characters> <unit>     stable;  S D ... dynamic
    S I / S + / S -                                          not executable now / overload / underload
    I4                        ->  I4 A "B021002593"          text in quotes
    ES / ET / EL                                             syntax / transmission / logical error

MT-SICS has no checksum: a digit damaged into another digit is a wrong weight that no driver can see. What can be
seen (length of the value field, form of the line, unit) is checked strictly. From memory, not read in a manual: the
longest time ``S``, ``Z`` and ``T`` wait for stability (60 s allowed here).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from typing import TypeVar

from rig.clock import NS_PER_S
from rig.errors import DeviceError, ExchangeError, ProtocolError
from rig.readings import Identity, MassReading
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = 3 * NS_PER_S
STABLE_WITHIN_NS = 60 * NS_PER_S
LINE_LIMIT = 256

GENERAL_ERRORS = {
    "ES": "the balance does not know this command",
    "ET": "the balance received a damaged command",
    "EL": "the balance cannot carry out this command",
}
REFUSALS = {
    "I": "not executable now (busy, or not stable in time)",
    "L": "wrong parameter",
    "+": "overload",
    "-": "underload, or the weighing pan is missing",
}
POWERS = {"g": 0, "kg": 3, "mg": -3}  # of ten, to g

WEIGHT = re.compile(r"([SD]) (?=.{10} )( *-?\d+(?:\.(\d+))?) ([!-~]+)")  # the number fills ten characters
TEXT = re.compile(r'A "([^"]*)"')


def parse_reply(line: bytes, expected: str) -> str:
    """What follows the reply's name ``expected``, without CR LF. Raises DeviceError, ProtocolError."""
    text = line.decode("latin-1")
    if not text.endswith("\r\n") or not text[:-2].isprintable():
        raise ProtocolError("not a line of MT-SICS", received=line)
    text = text[:-2]
    if text in GENERAL_ERRORS:
        raise DeviceError(GENERAL_ERRORS[text], code=text, received=line)
    name, _, rest = text.partition(" ")
    if name != expected:
        raise ProtocolError(f"a reply named '{name}' instead of '{expected}'", received=line)
    if rest in REFUSALS:
        raise DeviceError(REFUSALS[rest], code=text, received=line)
    return rest


def parse_weight(line: bytes, expected: str = "S") -> tuple[float, bool, float]:
    """Mass in g, whether it is stable, and what its last digit is worth in g.

    Raises DeviceError, ProtocolError (also for other units).
    """
    match = WEIGHT.fullmatch(parse_reply(line, expected))
    if match is None:
        raise ProtocolError("not a weight", received=line)
    state, number, decimals, unit = match.groups("")
    if unit not in POWERS:
        raise ProtocolError(f"weight in '{unit}': set the balance to g, mg or kg", received=line)
    power = POWERS[unit]
    return float(f"{number}e{power}"), state == "S", _power_of_ten(power - len(decimals))


@cache
def _power_of_ten(power: int) -> float:
    return float(f"1e{power}")


def parse_text(line: bytes, expected: str) -> str:
    """The quoted text of a reply such as ``I4 A "B021002593"``. Raises DeviceError, ProtocolError."""
    match = TEXT.fullmatch(parse_reply(line, expected))
    if match is None:
        raise ProtocolError("not a quoted text", received=line)
    return match[1]


def parse_done(line: bytes, expected: str) -> None:
    """That a command was carried out (``Z A``). Raises DeviceError, ProtocolError."""
    if parse_reply(line, expected) != "A":
        raise ProtocolError("not an acknowledgement", received=line)


class MtSicsBalance:
    """One balance. Only :meth:`identify` resets it (``@``, which keeps the zero point)."""

    ROLE = "balance"
    DEFAULT_BAUD = 9600

    def __init__(self, link: Link) -> None:
        self._link = link

    def identify(self) -> Identity:
        """End whatever an earlier program left running, then ask. MT-SICS does not tell the maker."""
        self.cancel()
        return Identity(model=self._text("I2"), serial=self._text("I4"), firmware=self._text("I3"))

    def read(self) -> MassReading:
        return self._weigh("SI", REPLY_WITHIN_NS)

    def read_stable(self) -> MassReading:
        """The next stable weight. DeviceError ``S I`` when the balance gives up waiting for it."""
        return self._weigh("S", STABLE_WITHIN_NS)

    def zero(self) -> None:
        """Set zero at the next stable weight."""
        self._ask("Z", lambda line: parse_done(line, "Z"), STABLE_WITHIN_NS)

    def cancel(self) -> None:
        """Cancel everything that runs, sending included; what it had sent is thrown away. Clears the tare."""
        self._ask("@", lambda line: parse_text(line, "I4"), skip_until=(b"I4 ", b"E"))

    def close(self) -> None:
        self._link.close()

    def _text(self, command: str) -> str:
        return self._ask(command, lambda line: parse_text(line, command))

    def _weigh(self, command: str, within_ns: int) -> MassReading:
        return self._ask(command, self._reading, within_ns)

    def _reading(self, line: bytes) -> MassReading:
        mass_g, stable, digit_g = parse_weight(line)
        return MassReading(self._link.now_ns(), mass_g, stable, line, digit_g)

    def _ask(
        self,
        command: str,
        parse: Callable[[bytes], T],
        within_ns: int = REPLY_WITHIN_NS,
        skip_until: tuple[bytes, ...] = (b"",),
    ) -> T:
        """One command and its reply, parsed. Lines before one that begins with ``skip_until`` are leftovers."""
        sent = f"{command}\r\n".encode("ascii")
        with self._link.alone():
            self._link.discard_input()
            deadline_ns = self._link.now_ns() + within_ns
            self._link.write(sent)
            line = self._link.read_until(b"\r\n", deadline_ns, LINE_LIMIT)
            while not line.startswith(skip_until) and self._link.now_ns() < deadline_ns:
                line = self._link.read_until(b"\r\n", deadline_ns, LINE_LIMIT)
        try:
            return parse(line)
        except ExchangeError as error:
            error.address, error.sent = self._link.address, sent
            raise
