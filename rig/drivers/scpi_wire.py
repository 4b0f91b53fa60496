"""SCPI over a line of bytes: settings, questions, the error queue, and what replies may look like.

Sources: IEEE 488.2-1992 (common commands, forms of numbers), SCPI-99 volume 1 section 7.2.1 (what stands for infinity
and for not a number), volume 2 section 21.8 (error queue). The dialects are in the drivers::

    HEADER value LF                              a setting: no reply
    HEADER? LF      ->  reply LF                 a question; a CR before the LF is taken as well
    SYST:ERR? LF    ->  -113,"Undefined header"  the oldest error, which leaves the queue; +0,"No error" at its end
    *IDN? LF        ->  maker,model,serial,firmware

Nothing in a reply says which question it answers. After an exchange that failed, its reply may still be on the way:
the next one begins with ``*CLS`` and ``*IDN?``, and lines before the identity are thrown away. SCPI has no checksum: a
digit damaged into another digit cannot be seen.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from typing import TypeVar

from rig.clock import NS_PER_S
from rig.errors import DeviceError, ExchangeError, LinkTimeout, ProtocolError
from rig.readings import Identity
from rig.transport import Link

T = TypeVar("T")
Value = float | bool | str

REPLY_WITHIN_NS = 3 * NS_PER_S
LINE_LIMIT = 1024
QUEUE_LIMIT = 32  # errors; the longest queue of the instruments driven is 20

OVERLOAD, NOT_A_NUMBER = 9.9e37, 9.91e37
NUMBER = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[Ee][+-]?\d{1,3})?")
FLAG = re.compile(r"\+?([01])")
WORD = re.compile(r'"([^"]+)"|([A-Z][A-Z0-9:]*)')
ERROR = re.compile(r'([+-]?\d{1,5}),"(.*)"')
IDENTITY = re.compile(r"([A-Za-z][^,]*),([^,]+),([^,]*),([^,]*)")


def parse_line(line: bytes) -> str:
    """What a line says, without its end. Raises ProtocolError."""
    text = line.decode("latin-1")
    if not text.endswith("\n"):
        raise ProtocolError("not a whole line", received=line)
    text = text.removesuffix("\n").removesuffix("\r")
    if not text or not text.isascii() or not text.isprintable():
        raise ProtocolError("not a line of SCPI", received=line)
    return text


def _parse(line: bytes, form: re.Pattern[str], what: str) -> re.Match[str]:
    match = form.fullmatch(parse_line(line))
    if match is None:
        raise ProtocolError(f"not {what}", received=line)
    return match


def parse_numbers(line: bytes, count: int) -> tuple[float, ...]:
    """So many numbers, comma between. Raises ProtocolError, DeviceError for what stands for overload or no number."""
    parts = parse_line(line).split(",")
    if len(parts) != count or not all(NUMBER.fullmatch(part) for part in parts):
        raise ProtocolError(f"not {count} number{'s' if count > 1 else ''}", received=line)
    numbers = tuple(float(part) for part in parts)
    for number in numbers:
        if abs(number) == OVERLOAD:
            raise DeviceError("overload: beyond the measuring range", code="overload", received=line)
        if number == NOT_A_NUMBER:
            raise DeviceError("the instrument has no reading", code="not a number", received=line)
        if abs(number) > 1e30:
            raise ProtocolError("a number beyond all measure", received=line)
    return numbers


def parse_number(line: bytes) -> float:
    return parse_numbers(line, 1)[0]


def parse_flag(line: bytes) -> bool:
    """1 or 0."""
    return _parse(line, FLAG, "1 or 0")[1] == "1"


def parse_word(line: bytes) -> str:
    """A word, with or without quotation marks: ``"CURR:DC"``, ``VOLT``."""
    match = _parse(line, WORD, "a word")
    return match[1] or match[2]


def parse_error(line: bytes) -> tuple[int, str]:
    """Number and text of an error; number 0 is none."""
    match = _parse(line, ERROR, "an entry of the error queue")
    return int(match[1]), match[2]


def parse_identity(line: bytes) -> Identity:
    match = _parse(line, IDENTITY, "an identity")
    return Identity(*(part.strip() for part in match.groups()))


def format_value(value: Value) -> str:
    """A word as it stands, ON or OFF, or a number."""
    if isinstance(value, bool):
        return "ON" if value else "OFF"
    return value if isinstance(value, str) else f"{value:.9G}"


class ScpiLine:
    """One instrument that speaks SCPI."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._in_step = False  # whether the next line will answer the next question
        self._sent = self._received = b""  # the last question and its reply

    def identify(self) -> Identity:
        """Clear the error queue and ask who it is."""
        with self._link.alone():
            return self._get_in_step()

    def check_model(self, *models: str) -> None:
        """DeviceError unless it is one of ``models``: another's settings would mean something else."""
        model = self.identify().model
        if not any(name in model for name in models):
            message = f"this is a '{model}', and the driver is for {', '.join(models)}"
            raise self.refused(message, "model")

    def check_language(self) -> None:
        """DeviceError when a Keithley instrument is set to another command set than SCPI (``*LANG?``)."""
        language = self.ask("*LANG?", parse_word)
        if language != "SCPI":
            message = (
                f"the command set is {language}: set it to SCPI at the instrument, and switch it off and on"
            )
            raise self.refused(message, "language")

    def ask(self, question: str, parse: Callable[[bytes], T], within_ns: int = REPLY_WITHIN_NS) -> T:
        """One question and its reply, parsed."""
        with self._link.alone():
            if not self._in_step:
                self._get_in_step()
            return self._exchange(question, parse, within_ns)

    def tell(self, command: str) -> None:
        """One setting. DeviceError with what the error queue tells of it."""
        with self._link.alone():
            if not self._in_step:
                self._get_in_step()
            sent = self._send(command)
            errors: list[tuple[int, str]] = []
            while len(errors) < QUEUE_LIMIT and (error := self._exchange("SYST:ERR?", parse_error))[0]:
                errors.append(error)
        if errors:
            told = ", ".join(f"{number} {text}" for number, text in errors)
            message = f"the instrument refused: {told}"
            refusal = self.refused(message, str(errors[0][0]))
            refusal.sent = sent
            raise refusal

    def shows(self, header: str, value: Value) -> bool:
        """Whether ``header?`` tells ``value``."""
        if isinstance(value, bool):
            return self.ask(f"{header}?", parse_flag) == value
        if isinstance(value, str):
            return self.ask(f"{header}?", parse_word) == value.strip('"')
        return math.isclose(self.ask(f"{header}?", parse_number), value, rel_tol=1e-6)

    def establish(self, header: str, value: Value) -> None:
        """Set, and read back. DeviceError when the instrument then tells another value."""
        self.tell(f"{header} {format_value(value)}")
        if not self.shows(header, value):
            message = f"{header} was set to {format_value(value)} and reads back as something else"
            raise self.refused(message, "read back")

    def refused(self, message: str, code: str) -> DeviceError:
        """What the reply to the last question means, as an error with the bytes of both."""
        return DeviceError(
            message, code=code, address=self._link.address, sent=self._sent, received=self._received
        )

    def _get_in_step(self) -> Identity:
        deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
        self._in_step = False
        self._send("*CLS")
        self._sent = self._send("*IDN?")
        late: list[bytes] = []  # replies to earlier questions
        while self._link.now_ns() <= deadline_ns:
            late.append(self._link.read_until(b"\n", deadline_ns, LINE_LIMIT))
            try:
                identity = parse_identity(late[-1])
            except ProtocolError:
                continue
            self._in_step, self._received = True, late[-1]
            return identity
        received = b"".join(late)
        raise LinkTimeout(
            "no identity in time", address=self._link.address, sent=self._sent, received=received
        )

    def _exchange(self, question: str, parse: Callable[[bytes], T], within_ns: int = REPLY_WITHIN_NS) -> T:
        self._in_step = False
        deadline_ns = self._link.now_ns() + within_ns
        self._sent = self._send(question)
        self._received = self._link.read_until(b"\n", deadline_ns, LINE_LIMIT)
        try:
            value = parse(self._received)
        except ExchangeError as error:
            self._in_step = isinstance(error, DeviceError)
            error.address, error.sent = self._link.address, self._sent
            raise
        self._in_step = True
        return value

    def _send(self, text: str) -> bytes:
        sent = f"{text}\n".encode("ascii")
        self._link.discard_input()
        self._link.write(sent)
        return sent
