"""Julabo circulator or bath thermostat (CORIO, MAGIO, DYNEO, Economy and HighTech series).

Manuals: operating manuals of CORIO CD, MAGIO MX, Economy FL and CF, chapter remote control / interface commands. Wire
format: RS-232, 4800 baud 7E1 with hardware handshake by default (all four are options of the address; the handshake is
written ``handshake=rtscts``), commands ended by CR, replies by LF (CR before it is taken)::

    in_pv_00            ->  37.02                  bath temperature in °C
    in_sp_00            ->  37.00                  set point
    out_sp_00 37.00     ->  (nothing)              set it
    out_mode_05 1       ->  (nothing)              1 start, 0 stop
    status              ->  03 REMOTE START        or an error or alarm: -08 INVALID COMMAND
    version             ->  a line of text

After an ``out`` command 250 ms must pass before the next command, after an ``in`` command 10 ms. ``out`` commands are
taken in remote control only, and only ``status`` tells whether one was: so it is asked after each, and the value read
back. An echo of the command, which some models send, is passed over. There is no checksum. Not read in a manual: how
soon a bath answers (3 s allowed here).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from rig.clock import NS_PER_S
from rig.errors import DeviceError, ExchangeError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import ChannelReading, Identity
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = 3 * NS_PER_S
AFTER_OUT_NS = 300_000_000  # 250 ms, and what the bytes take on their way
AFTER_IN_NS = 10_000_000
LINE_LIMIT = 128

MANUAL_STOP, MANUAL_START, REMOTE_STOP, REMOTE_START = range(4)
STATES = {
    MANUAL_STOP: "MANUAL STOP",
    MANUAL_START: "MANUAL START",
    REMOTE_STOP: "REMOTE STOP",
    REMOTE_START: "REMOTE START",
}
TEMPERATURE = re.compile(r" *([+-]?\d{1,3}\.\d{1,3}) *")
STATUS = re.compile(r"(0[0-3]|-\d{1,4}) +(\S.*?) *")
STEP_C = 0.01


def parse_line(line: bytes) -> str:
    """What a line says, without its end. Raises ProtocolError."""
    text = line.decode("latin-1")
    bare = text.removesuffix("\n").removesuffix("\r")
    if not text.endswith("\n") or not bare.isascii() or not bare.isprintable() or not bare.strip():
        raise ProtocolError("not a line of text", received=line)
    return bare


def parse_temperature(line: bytes) -> float:
    """°C. Raises ProtocolError."""
    match = TEMPERATURE.fullmatch(parse_line(line))
    if match is None:
        raise ProtocolError("not a temperature", received=line)
    return float(match[1])


def parse_status(line: bytes) -> int:
    """One of STATES. Raises DeviceError for an error or an alarm, ProtocolError."""
    match = STATUS.fullmatch(parse_line(line))
    if match is None:
        raise ProtocolError("not a status", received=line)
    number = int(match[1])
    if number < 0:
        raise DeviceError(f"the bath tells {match[1]} {match[2]}", code=match[1], received=line)
    if match[2] != STATES[number]:
        raise ProtocolError(f"status {match[1]} is {STATES[number]}", received=line)
    return number


def parse_version(line: bytes) -> str:
    return parse_line(line).strip()


class JulaboBath:
    """One bath. It is never set outside ``temperature_min_c`` to ``temperature_max_c``."""

    ROLE = "bath"
    DEFAULT_BAUD = 4800
    DEFAULT_FRAMING = "7E1"

    def __init__(
        self, link: Link, *, temperature_min_c: float = 5.0, temperature_max_c: float = 60.0
    ) -> None:
        self._link = link
        self._min_c, self._max_c = temperature_min_c, temperature_max_c
        self._free_ns = 0  # when the bath takes the next command
        self._last = (b"", b"")  # question and reply

    def identify(self) -> Identity:
        """All the bath tells is a line with its version."""
        return Identity(firmware=self._ask("version", parse_version))

    def read(self) -> ChannelReading:
        """Bath temperature and set point. DeviceError for an alarm or an error of the bath."""
        self._ask("status", parse_status)
        setpoint_c, _ = self._ask("in_sp_00", lambda line: (parse_temperature(line), line))
        bath_c, raw = self._ask("in_pv_00", lambda line: (parse_temperature(line), line))
        values = {"bath_temperature_c": bath_c, "bath_setpoint_c": setpoint_c}
        return ChannelReading(self._link.now_ns(), values, raw)

    def set_temperature(self, temperature_c: float) -> None:
        """Set, and read back. LimitRefused for what is outside the limits or finer than 0.01 °C."""
        self._tell(f"out_sp_00 {format_temperature(temperature_c, self._min_c, self._max_c)}")
        setpoint_c = self._ask("in_sp_00", parse_temperature)
        if abs(setpoint_c - temperature_c) >= STEP_C / 2:
            self._refuse(f"was set to {temperature_c} °C and tells {setpoint_c} °C")

    def switch(self, on: bool) -> None:
        """Start or stop, and ask whether it did."""
        if self._tell(f"out_mode_05 {on:d}") != (REMOTE_START if on else REMOTE_STOP):
            self._refuse("did not start" if on else "did not stop")

    def close(self) -> None:
        """The bath goes on as it is."""
        self._link.close()

    def _refuse(self, what: str) -> None:
        sent, received = self._last
        raise DeviceError(
            f"the bath {what}", code="read back", address=self._link.address, sent=sent, received=received
        )

    def _tell(self, command: str) -> int:
        """An ``out`` command, and the status after it. DeviceError when the bath did not take it."""
        with self._link.alone():
            self._send(command)
            self._free_ns = self._link.now_ns() + AFTER_OUT_NS
            state = self._ask("status", parse_status)
        if state not in (REMOTE_STOP, REMOTE_START):
            message = f"the bath tells {STATES[state]}: set it to remote control"
            sent, received = self._last
            raise DeviceError(
                message, code=f"{state:02}", address=self._link.address, sent=sent, received=received
            )
        return state

    def _ask(self, command: str, parse: Callable[[bytes], T]) -> T:
        with self._link.alone():
            sent = self._send(command)
            deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
            line = self._link.read_until(b"\n", deadline_ns, LINE_LIMIT)
            if line.strip() == command.encode("ascii"):
                line = self._link.read_until(b"\n", deadline_ns, LINE_LIMIT)
            self._free_ns = self._link.now_ns() + AFTER_IN_NS
            self._last = (sent, line)
        try:
            return parse(line)
        except ExchangeError as error:
            error.address, error.sent = self._link.address, sent
            raise

    def _send(self, command: str) -> bytes:
        """Listen until the bath takes the next command (nothing should come), then send it."""
        while self._link.now_ns() < self._free_ns:
            with suppress(LinkTimeout):
                self._link.read_exactly(LINE_LIMIT, self._free_ns)
        self._link.discard_input()
        sent = f"{command}\r".encode("ascii")
        self._link.write(sent)
        return sent


def format_temperature(temperature_c: float, min_c: float, max_c: float) -> str:
    """With two decimals. Raises LimitRefused."""
    if not min_c <= temperature_c <= max_c:
        raise LimitRefused(f"{temperature_c} °C is not within {min_c} and {max_c} °C; nothing was sent")
    text = f"{temperature_c:.2f}"
    if abs(float(text) - temperature_c) > 1e-9:
        raise LimitRefused(f"{temperature_c} °C cannot be set, the nearest is {text} °C; nothing was sent")
    return text
