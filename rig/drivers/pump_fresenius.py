"""Fresenius syringe pump (Base Primea, Orchestra, Agilia serial): the subset that the package infupy knows, no more.

The maker's document is under its licence. Source: infupy 2022.1.11, the only public one. This is no claim of
conformity with the maker's protocol.
Wire format (fresenius_wire.py): 19200 baud 7E1; several modules on a base share its line (``address`` 1 to 8; 0 is a
pump of its own)::

    02 "1LE;d" "9E" 03   ->   06   02 "1C;d0019" "22" 03       host answers 06; the rate, hexadecimal, in 0.1 ml/h
    02 "1PO" CC 03       ->   06   02 "1I;03" CC 03            refused, with a code
    05                   <-   at any time, even inside a frame: host answers 14
    02 "1E;..." CC 03    <-   told by itself: host answers 06 and the frame 02 "1E" CC 03

A damaged frame is answered with 15 32; the pump sends it again. ``refresh`` lets the host hear and answer what comes by
itself. Nothing public says how a rate is set or an infusion begun, so this driver does not: it watches a pump that is
set at its keys, and pauses it (PO). What is *not* known besides: the pump's states and alarm codes (given as the pump
tells them), how soon it must be answered. So it is taken to run while its rate is not nought, until it confirms PO;
and from then on until its volume grows.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from typing import TypeVar

from rig.clock import NS_PER_S
from rig.drivers.fresenius_wire import (
    ACK,
    DC4,
    ENQ,
    ERRORS,
    ETX,
    FRAME,
    FRAME_LIMIT,
    LINK_ERRORS,
    NAK,
    STX,
    WRONG_CHECKSUM,
    Message,
    checksum,
    format_frame,
    parse_frame,
    parse_text,
    parse_variable,
)
from rig.errors import DeviceError, ExchangeError, LimitRefused, LinkLost, LinkTimeout, ProtocolError
from rig.readings import Identity, Prescription, PumpAlarm, PumpEvent, PumpLimits, PumpState
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = NS_PER_S
RATE_STEP_NL_H, VOLUME_STEP_NL = 100_000, 1000

NOT_NOW, CLOSED = "03", ("0D", "1E")
UNKNOWN_VARIABLE = ("01", "0A", "0B")


class FreseniusPump:
    """One syringe pump, on its own or a module of a base."""

    ROLE = "pump"
    DEFAULT_BAUD = 19200
    DEFAULT_FRAMING = "7E1"
    refresh_every_s = 1.0

    def __init__(self, link: Link, address: int = 0) -> None:
        self._link, self._prefix, self._address = link, f"{address or ''}", address
        self._session_open = False
        self._paused_at_nl: int | None = None  # volume infused when the pump confirmed PO

    def identify(self) -> Identity:
        """The type of the device; the subset has no place for the rest."""
        return Identity(model=self._ask("LF;b", lambda reply: parse_text(reply, "b")).strip())

    def limits(self) -> PumpLimits:
        """Nothing can be set, so nothing is possible."""
        return PumpLimits(0, 0, 0, 0, 0, 0, 0)

    def interrogate(self) -> PumpState:
        rate_nl_h = self._ask("LE;d", lambda reply: parse_variable(reply, "d")) * RATE_STEP_NL_H
        alarms = tuple(PumpAlarm(text, critical=True) for text in (*self._told("a"), *self._told("e")))
        raw, volume_nl = self._volume_nl()
        is_running = rate_nl_h > 0 and volume_nl != self._paused_at_nl
        return PumpState(
            t_ns=self._link.now_ns(),
            mode="continuous" if is_running else "stop",
            running=is_running,
            rate_nl_h=rate_nl_h if is_running else 0,
            delivered_nl=volume_nl,
            reservoir_nl=None,
            battery_mv=None,
            alarms=alarms,
            raw=raw,
        )

    def program(self, prescription: Prescription) -> None:
        """Only to stop: nothing public says how this pump is told a rate."""
        if prescription.mode != "stop":
            raise LimitRefused(
                "how this pump is told a rate is not public: set it at the pump's keys; nothing was sent"
            )
        self.stop("programmed to stop")

    def read_back(self) -> Prescription:
        """What the pump delivers now."""
        state = self.interrogate()
        return (
            Prescription("continuous", rate_nl_h=state.rate_nl_h) if state.running else Prescription("stop")
        )

    def stop(self, reason: str) -> None:
        """Take control and pause. The pump's confirmation counts, or that it refuses because it stands already.

        The wire has no place for ``reason``: it is in the rig's record.
        """
        with suppress(DeviceError):  # it may have control already; if that was not it, PO is refused too
            self._ask("MO;2", parse_nothing)
        try:
            self._ask("PO", parse_nothing)
        except DeviceError as error:
            if error.code != NOT_NOW or self.interrogate().running:
                raise
        self._paused_at_nl = self._volume_nl()[1]

    def events_since(self, number: int) -> list[PumpEvent]:
        """The subset has no log."""
        return []

    def set_reservoir(self, volume_nl: int) -> None:
        raise LimitRefused("this pump does not count what is in its syringe; nothing was sent")

    def refresh(self) -> None:
        """Answer what the pump sent by itself, and ask it something."""
        self._ask("LE;d", parse_nothing)

    def close(self) -> None:
        self._link.close()

    def _volume_nl(self) -> tuple[bytes, int]:
        raw, steps = self._ask("LE;r", lambda reply: (reply.raw, parse_variable(reply, "r")))
        return raw, steps * VOLUME_STEP_NL

    def _told(self, name: str) -> list[str]:
        """A code of alarm or error, as a name; none if it is nought, or the pump has no such variable."""
        try:
            code = self._ask(f"LE;{name}", lambda reply: parse_text(reply, name))
        except DeviceError as error:
            if error.code not in UNKNOWN_VARIABLE:
                raise
            return []
        return [f"{'alarm' if name == 'a' else 'error'}_{code.strip().lower()}"] if code.strip(" 0") else []

    def _ask(self, command: str, parse: Callable[[Message], T]) -> T:
        """One command and the pump's message, parsed. The first of a session opens it. Never repeated."""
        with self._link.alone():
            if not self._session_open:
                if self._address:
                    with suppress(DeviceError):  # the base may be open already; if not, the module refuses
                        self._exchange("0DC", 0, parse_nothing)
                self._exchange(f"{self._prefix}DC", self._address, parse_nothing)
                self._session_open = True
            return self._exchange(f"{self._prefix}{command}", self._address, parse)

    def _exchange(self, text: str, address: int, parse: Callable[[Message], T]) -> T:
        sent = format_frame(text)
        try:
            self._answer(self._link.discard_input())
            deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
            self._link.write(sent)
            message = self._read_message(address, deadline_ns)
            if message.kind == "I":
                self._session_open = self._session_open and message.data not in CLOSED
                meaning = ERRORS.get(message.data, "unknown error")
                raise DeviceError(
                    f"the pump refused '{text}': {meaning} ({message.data})",
                    code=message.data,
                    received=message.raw,
                )
            return parse(message)
        except ExchangeError as error:
            self._session_open = self._session_open and not isinstance(error, LinkLost)
            error.address, error.sent = self._link.address, sent
            raise

    def _answer(self, pending: bytes) -> None:
        """Answer what came since the last exchange."""
        if ENQ in pending:
            self._link.write(DC4)
        for match in FRAME.finditer(pending.replace(ENQ, b"").decode("latin-1")):
            if match[3] in "EM" and checksum(match[1]) == match[5]:
                self._link.write(ACK)
                self._link.write(format_frame(match[2] + match[3]))

    def _read_message(self, address: int, deadline_ns: int) -> Message:
        """The reply, byte by byte, while everything else is answered too. None of it moves the deadline."""
        heard, frame = b"", b""
        while self._link.now_ns() <= deadline_ns and len(heard) < 10 * FRAME_LIMIT:
            try:
                byte = self._link.read_exactly(1, deadline_ns)
            except LinkTimeout as error:
                error.received = heard
                raise
            heard += byte
            if byte == ENQ:
                self._link.write(DC4)
            elif byte == STX:
                frame = byte
            elif byte == NAK:
                code = self._link.read_exactly(1, deadline_ns)
                meaning = LINK_ERRORS.get(code, "unknown")
                raise DeviceError(
                    f"the pump did not take the frame: {meaning}",
                    code=f"NAK {code.hex()}",
                    received=heard + code,
                )
            elif frame:
                frame = frame + byte if len(frame) < FRAME_LIMIT else b""
                if byte == ETX and frame:
                    message, frame = self._acknowledged(frame), b""
                    if message is not None and message.kind in "CI" and message.address == address:
                        return message
        raise ProtocolError("only damaged or foreign frames came", received=heard)

    def _acknowledged(self, frame: bytes) -> Message | None:
        """The frame's message; a damaged one is asked for again."""
        try:
            message = parse_frame(frame)
        except ProtocolError:
            self._link.write(NAK + WRONG_CHECKSUM)
            return None
        self._link.write(ACK)
        if message.kind in "EM":
            self._link.write(format_frame(f"{message.address or ''}{message.kind}"))
        return message


def parse_nothing(message: Message) -> None:
    """The message counts, not what it says."""
