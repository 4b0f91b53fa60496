"""The instrument's end of SCPI: program messages, common commands, status and the error queue.

Sources: IEEE 488.2-1992 sections 6 to 11 (message exchange, status, common commands), SCPI-99 volume 1 sections 6
(short and long forms, the path that ``;`` leaves behind) and 7 (numbers, suffixes), volume 2 section 21.8 (error
queue).

A message ends with LF (a CR before it is dropped); its units, divided by ``;``, are carried out in order, and the
answers of its queries go out as one line, divided by ``;``. A command error ends the message. A message that comes
while an answer is still being made throws that answer away (-410).

NOT modelled: *DDT, *PSC, macros, *TRG, service requests, ``STATus`` registers beyond the standard event register,
nested parentheses in parameters, numbers in other bases.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Callable, Sequence

from rig.sim.wire.line import NS_PER_S, SerialLine, WorldClock

Ask = Callable[[list[str]], str]
Do = Callable[[list[str]], None]

TEXTS = {
    0: "No error",
    -102: "Syntax error",
    -104: "Data type error",
    -108: "Parameter not allowed",
    -109: "Missing parameter",
    -113: "Undefined header",
    -131: "Invalid suffix",
    -213: "Init ignored",
    -214: "Trigger deadlock",
    -221: "Settings conflict",
    -222: "Data out of range",
    -224: "Illegal parameter value",
    -230: "Data corrupt or stale",
    -350: "Error queue overflow",
    -410: "Query INTERRUPTED",
    -420: "Query UNTERMINATED",
}
NUMBER = re.compile(r"([+-]?(?:\d+\.?\d*|\.\d+)(?:E[+-]?\d+)?)\s*(?:(MA|[PNUMKG])?([AVS]))?", re.I)
SUFFIXES = {"P": 1e-12, "N": 1e-9, "U": 1e-6, "M": 1e-3, "K": 1e3, "MA": 1e6, "G": 1e9}
LONGEST_MESSAGE = 10_000
EVENT_BITS = {
    1: 32,
    2: 16,
    4: 4,
}  # by the hundreds of a negative number: command, execution, query; else the device


class ScpiError(Exception):
    """What a command does not do, by its number in the error queue."""

    def __init__(self, code: int, text: str | None = None) -> None:
        super().__init__(code)
        self.code, self.text = code, text


def spelled(pattern: str) -> re.Pattern[str]:
    """All spellings of a header such as ``[:SENSe#]:CURRent[:DC]:RANGe``: capitals are the short form, what stands in
    brackets may be left out, after ``#`` a 1 may stand."""

    def node(match: re.Match[str]) -> str:
        optional, name, numbered = match[1], match[2], match[3]
        short = "".join(letter for letter in name if not letter.islower())
        spellings = f":(?:{short}|{name.upper()}){'1?' if numbered else ''}"
        return f"(?:{spellings})?" if optional else spellings

    return re.compile(re.sub(r"(\[)?:([A-Za-z]+)(#)?\]?", node, pattern))


def divided(text: str, divider: str) -> list[str]:
    """Parts of ``text`` between dividers that stand in no quotes and no parentheses, without spaces around."""
    parts, start, quote, depth = [], 0, "", 0
    for index, letter in enumerate(text):
        if quote:
            quote = "" if letter == quote else quote
        elif letter in "\"'":
            quote = letter
        elif letter in "()":
            depth += 1 if letter == "(" else -1
        elif letter == divider and not depth:
            parts.append(text[start:index].strip())
            start = index + 1
    return [*parts, text[start:].strip()]


def number(words: Sequence[str], low: float, high: float, default: float | None = None, at: int = 0) -> float:
    """The number ``words[at]``, perhaps with a unit, or what MIN, MAX and DEF stand for. Raises ScpiError."""
    if len(words) <= at:
        raise ScpiError(-109)
    named = {"MIN": low, "MINIMUM": low, "MAX": high, "MAXIMUM": high}
    if default is not None:
        named |= {"DEF": default, "DEFAULT": default}
    word = words[at].upper()
    if word in named:
        return named[word]
    if (match := NUMBER.fullmatch(word)) is None:
        raise ScpiError(-104)
    value = float(match[1]) * (SUFFIXES[match[2]] if match[2] else 1.0)
    if not low <= value <= high:
        raise ScpiError(-222)
    return value


def truth(words: Sequence[str]) -> bool:
    """ON, OFF, 1 or 0. Raises ScpiError."""
    if not words:
        raise ScpiError(-109)
    try:
        return {"ON": True, "1": True, "OFF": False, "0": False}[words[0].upper()]
    except KeyError:
        raise ScpiError(-224) from None


def unquoted(words: Sequence[str], at: int = 0) -> str:
    """The text in quotes ``words[at]``. Raises ScpiError."""
    if len(words) <= at:
        raise ScpiError(-109)
    if len(words[at]) < 2 or words[at][0] not in "\"'" or words[at][-1] != words[at][0]:
        raise ScpiError(-104)
    return words[at][1:-1]


class ScpiInstrument:
    """An instrument with one host. Plain attributes: ``maker``, ``model``, ``serial``, ``firmware``; ``errors`` (the
    queue), ``events`` (the standard event register), ``processing_s``; ``silent``: it hears and does not answer;
    faults of the line in ``line``.
    """

    queue_length = 20

    def __init__(
        self, clock: WorldClock, *, maker: str, model: str, serial: str, firmware: str, baud: int = 1_000_000
    ) -> None:
        self.clock = clock
        self.line = SerialLine(clock, baud)
        self.maker, self.model, self.serial, self.firmware = maker, model, serial, firmware
        self.processing_s, self.silent = 0.002, False
        self.errors: deque[tuple[int, str, int]] = deque()  # number, text, when
        self.events, self.event_enable, self.service_enable = 128, 0, 0
        self._input = b""
        self._answer_due: object | None = None  # while an answer is being made
        self._takes_s = 0.0  # what the message being carried out takes besides
        self._headers: list[tuple[re.Pattern[str], Do | None, Ask | None]] = []
        self._common: dict[str, tuple[Do | None, Ask | None]] = {
            "*IDN": (None, lambda _: ",".join((self.maker, self.model, self.serial, self.firmware))),
            "*RST": (lambda _: self.preset(), None),
            "*CLS": (lambda _: self._clear_status(), None),
            "*ESR": (None, lambda _: self._take_events()),
            "*ESE": (self._set_event_enable, lambda _: self.whole(self.event_enable)),
            "*SRE": (self._set_service_enable, lambda _: self.whole(self.service_enable)),
            "*STB": (None, lambda _: self.whole(self.status_byte)),
            "*OPC": (lambda _: self._note_event(1), lambda _: "1"),
            "*TST": (None, lambda _: self.whole(0)),
            "*WAI": (lambda _: None, None),
        }
        self.understand(":SYSTem:ERRor[:NEXT]", ask=lambda _: self._take_error())
        self.understand(":SYSTem:VERSion", ask=lambda _: "1999.0")

    # What a dialect changes

    def preset(self) -> None:
        """*RST."""

    def whole(self, value: int) -> str:
        """How it writes a whole number."""
        return str(value)

    def error_line(self, code: int, text: str, at_ns: int) -> str:
        """How it tells an entry of the error queue."""
        return f'{code:+d},"{text}"'

    def understand(self, pattern: str, do: Do | None = None, ask: Ask | None = None) -> None:
        """Take a header: ``do`` as a command, ``ask`` with a question mark."""
        self._headers.append((spelled(pattern), do, ask))

    def takes(self, seconds: float) -> None:
        """The message being carried out takes so much longer."""
        self._takes_s += seconds

    # Messages in, lines out

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        *messages, self._input = (self._input + data).split(b"\n")
        for message in messages:
            self._carry_out(message.removesuffix(b"\r").decode("latin-1"))
        if len(self._input) > LONGEST_MESSAGE:
            self._input = b""
            self.fail(ScpiError(-102))

    def address_to_talk(self) -> None:
        """The host wants to read, as GPIB and USB tell an instrument and a stream of bytes cannot."""
        if self._answer_due is None:
            self.fail(ScpiError(-420))

    def _carry_out(self, message: str) -> None:
        if self._answer_due is not None:
            self._answer_due = None
            self.fail(ScpiError(-410))
        answers, path, self._takes_s = [], "", 0.0
        for unit in divided(message, ";"):
            if not unit:
                continue
            header, _, rest = unit.partition(" ")
            words = divided(rest, ",") if rest.strip() else []
            if not header.startswith("*"):
                header = header if header.startswith(":") else f"{path}:{header}"
                path = header.rpartition(":")[0]
            try:
                answer = self._unit(header.upper(), words)
            except ScpiError as error:
                self.fail(error)
                if -200 < error.code <= -100:
                    break
            else:
                answers += [] if answer is None else [answer]
        if answers and not self.silent:
            self._answer(";".join(answers))

    def _unit(self, header: str, words: list[str]) -> str | None:
        do, ask = self._found(header.removesuffix("?"))
        if header.endswith("?"):
            if ask is None:
                raise ScpiError(-113)
            return ask(words)
        if do is None:
            raise ScpiError(-113)
        do(words)
        return None

    def _found(self, header: str) -> tuple[Do | None, Ask | None]:
        if header.startswith("*"):
            return self._common.get(header, (None, None))
        for pattern, do, ask in self._headers:
            if pattern.fullmatch(header):
                return do, ask
        return None, None

    def _answer(self, text: str) -> None:
        due = self._answer_due = object()

        def say() -> None:
            if self._answer_due is due:
                self._answer_due = None
                self.line.answer(text.encode("latin-1") + b"\n", 0.0)

        ready_ns = max(self.clock.now_ns(), self.line.quiet_since_ns)
        self.clock.call_at(ready_ns + round((self.processing_s + self._takes_s) * NS_PER_S), say)

    # Status

    def fail(self, error: ScpiError) -> None:
        """Put an error into the queue and its kind into the event register."""
        self._note_event(EVENT_BITS.get(-error.code // 100, 8))
        text = TEXTS.get(error.code, "Device-specific error") if error.text is None else error.text
        if len(self.errors) < self.queue_length:
            self.errors.append((error.code, text, self.clock.now_ns()))
        else:
            self.errors[-1] = (-350, TEXTS[-350], self.clock.now_ns())

    def _take_error(self) -> str:
        if not self.errors:
            return self.error_line(0, TEXTS[0], 0)
        return self.error_line(*self.errors.popleft())

    def _note_event(self, bit: int) -> None:
        self.events |= bit

    def _take_events(self) -> str:
        events, self.events = self.events, 0
        return self.whole(events)

    def _clear_status(self) -> None:
        self.errors.clear()
        self.events = 0

    def _set_event_enable(self, words: list[str]) -> None:
        self.event_enable = round(number(words, 0, 255))

    def _set_service_enable(self, words: list[str]) -> None:
        self.service_enable = round(number(words, 0, 255)) & ~64

    @property
    def status_byte(self) -> int:
        """Bit 2: the error queue is not empty, 5: an enabled event, 6: something enabled for service."""
        byte = (4 if self.errors else 0) | (32 if self.events & self.event_enable else 0)
        return byte | (64 if byte & self.service_enable else 0)
