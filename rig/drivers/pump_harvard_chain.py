"""Older Harvard Apparatus syringe pumps on a "pump chain": Pump 11, 11 Plus, 22, 44, 33, PHD 2000.

Manuals: Pump 33 guide 5390-001 (pages 17 to 20), held against what is public of Pump 11 Plus, 22 and PHD 2000.
Wire format (harvard_wire.py): ASCII, 8N2, 1200 to 9600 baud as set in the pump, up to 100 pumps on a line::

    03RAT CR               ->  CR LF 20.833 CR LF 03:       pump 3 is stopped; > infuses, < withdraws, * is stalled
    03ULH20.833 CR         ->  CR LF 03:                    rate in ul/h; MLH, ULM, MLM likewise
    03MLT0.5 CR            ->  CR LF OOR CR LF 03:          refused: out of range

A PHD 2000 omits the leading zero, sends one CR too many and answers STP with ``*`` (so no stall is told after a stop);
it heeds a target volume only when it was put in volume mode at its keypad. Target and volume infused are in ul on a
Pump 11, in ml on a PHD 2000 (option ``volumes_in_ml``). A pump that reverses has a direction of its own: one that
begins to withdraw is stopped. RNG, which tells the unit of the rate, is asked and may be unknown to the pump; then
the unit is the one set last. Not read in a manual: RNG, and how soon a pump answers (1 s allowed here).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

from rig.clock import NS_PER_S
from rig.drivers.harvard_wire import (
    INFUSING,
    PUMPING,
    STALLED,
    Reply,
    parse_chain,
    parse_number,
    parse_prompt,
)
from rig.drivers.pump_numbers import Digits, Dose, dose_of, prescription_of
from rig.errors import DefinitionError, DeviceError, ExchangeError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity, Prescription, PumpAlarm, PumpEvent, PumpLimits, PumpState
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = NS_PER_S
REPLY_LIMIT = 80
PROMPTS = (b":", b">", b"<", b"*")
DIGITS = Digits(total=5, decimals=4)
RATES = {"ULH": 1000, "MLH": 10**6, "ULM": 60_000, "MLM": 60 * 10**6}
RANGE = re.compile(r"([UM]L) ?/ ?(H|M)[A-Z]*")
VERSION = re.compile(r"(.*?)V?(\d+\.\d+\w*)")


def parse_range(reply: Reply) -> str:
    """The command that sets the unit told by a reply to RNG: ULH, MLH, ULM or MLM. Raises ProtocolError."""
    match = RANGE.fullmatch(reply.text.upper())
    if match is None:
        raise ProtocolError(f"'{reply.text}' is no unit of a rate", received=reply.raw)
    return match[1] + match[2]


def parse_version(reply: Reply) -> Identity:
    """Model and firmware of a reply to VER, such as 33V2.0. Raises ProtocolError."""
    match = VERSION.fullmatch(reply.text)
    return Identity(model=match[1].strip(), firmware=match[2]) if match else Identity(model=reply.text)


def parse_answer(reply: Reply) -> Reply:
    """A reply that says something. Raises ProtocolError."""
    if not reply.lines:
        raise ProtocolError("no answer to the question", received=reply.raw)
    return reply


class HarvardChainPump:
    """One syringe pump. Several may share a line, each with its own address."""

    ROLE = "pump"
    DEFAULT_BAUD = 9600
    DEFAULT_FRAMING = "8N2"

    def __init__(
        self, link: Link, address: int = 0, *, syringe_diameter_mm: float, volumes_in_ml: bool = False
    ) -> None:
        diameter = DIGITS.exactly(Fraction(str(round(syringe_diameter_mm, 6))), {"mm": 1})
        if diameter is None or syringe_diameter_mm <= 0 or not 0 <= address <= 99:
            raise DefinitionError(
                f"pump {address} with a syringe of {syringe_diameter_mm} mm is not possible",
                hint="address 0 to 99, diameter of at most 5 digits",
            )
        self._link, self._address, self._diameter = link, address, diameter[0]
        self._volumes = {"ml": 10**6} if volumes_in_ml else {"ul": 1000}
        self._nl = next(iter(self._volumes.values()))
        self._last = (b"", b"")  # command and reply
        self._unit = ""  # of the rate, as set last
        self._stopped = False  # by this driver, so that * is no stall
        self._before_nl = Fraction(0)  # infused before the pump's counter was last cleared

    def identify(self) -> Identity:
        """The protocol has no place for maker and serial number."""
        return self._value("VER", parse_version)

    def limits(self) -> PumpLimits:
        """The pump does not tell: those of its numbers. It refuses by itself what its motor cannot do."""
        volume_nl = self._nl * 99_999
        return PumpLimits(1, 99_999 * RATES["MLM"], math.ceil(self._nl / 10**4), volume_nl, 1, 86_400, 0)

    def interrogate(self) -> PumpState:
        volume, reply = self._value("VOL", lambda reply: (parse_number(reply), reply))
        is_stalled = reply.prompt == STALLED and not self._stopped
        rate = self._rate_nl_h() if reply.prompt in PUMPING else Fraction(0)
        mode = "stop"
        if reply.prompt in PUMPING:
            mode = (
                prescription_of(rate, self._target_nl()).mode if reply.prompt == INFUSING else "withdrawing"
            )
        return PumpState(
            t_ns=self._link.now_ns(),
            mode=mode,
            running=reply.prompt in PUMPING,
            rate_nl_h=round(rate),
            delivered_nl=round(self._before_nl + volume * self._nl),
            reservoir_nl=None,
            battery_mv=None,
            alarms=(PumpAlarm("motor_stall", critical=True),) if is_stalled else (),
            raw=reply.raw,
        )

    def program(self, prescription: Prescription) -> None:
        """Stop, set everything, read everything back, and only then run. A program that runs is ended by this."""
        if prescription.mode == "stop":
            return self.stop("programmed to stop")
        dose = dose_of(prescription, DIGITS, RATES, self._volumes)
        self.stop("a program follows")
        self._load(dose)
        self._stopped = False
        if (reply := self._tell("RUN")).prompt != INFUSING:
            self.stop("it did not begin to infuse")
            raise self._refused("the pump did not begin to infuse; it was stopped", "RUN", reply)
        return None

    def read_back(self) -> Prescription:
        """What the pump is infusing now. It has no program of its own when it stands, or has ended."""
        if self._value("VOL", parse_answer).prompt != INFUSING:
            return Prescription("stop")
        return prescription_of(self._rate_nl_h(), self._target_nl())

    def stop(self, reason: str) -> None:
        """Stop, and ask whether the motor stands. DeviceError if not.

        The wire has no place for ``reason``: it is in the rig's record.
        """
        self._tell("STP")
        if (reply := self._value("VOL", parse_answer)).prompt in PUMPING:
            raise self._refused(f"the pump does not stop: its prompt is {reply.prompt}", "VOL", reply)
        self._stopped = True

    def events_since(self, number: int) -> list[PumpEvent]:
        """The pump keeps no log."""
        return []

    def set_reservoir(self, volume_nl: int) -> None:
        raise LimitRefused("this pump does not count what is in its syringe; nothing was sent")

    def close(self) -> None:
        self._link.close()

    def _load(self, dose: Dose) -> None:
        if self._value("DIA", parse_number) != Fraction(self._diameter):
            self._tell(f"MMD{self._diameter}")
        number, unit = dose.rate
        self._tell(f"{unit}{number}")
        self._unit = unit
        if dose.volume_nl:
            infused = self._value("VOL", parse_number) * self._nl
            self._tell("CLV")
            self._before_nl += infused
            self._tell(f"MLT{dose.volume[0]}")
        else:
            self._tell("CLT")
        held = (self._value("DIA", parse_number), self._rate_nl_h(), self._target_nl())
        if held != (Fraction(self._diameter), dose.rate_nl_h, dose.volume_nl):
            complaint = f"the pump holds {held}, not {dose}; it was not started"
            sent, received = self._last
            raise DeviceError(
                complaint, code="read-back", address=self._link.address, sent=sent, received=received
            )

    def _rate_nl_h(self) -> Fraction:
        try:
            unit = self._value("RNG", parse_range)
        except DeviceError as error:
            if error.code not in ("?", "NA") or not self._unit:
                raise
            unit = self._unit
        return self._value("RAT", parse_number) * RATES[unit]

    def _target_nl(self) -> Fraction:
        return self._value("TAR", parse_number) * self._nl

    def _tell(self, command: str) -> Reply:
        """A command that changes something: only a prompt answers."""
        return self._command(command, parse_prompt)

    def _value(self, question: str, parse: Callable[[Reply], T]) -> T:
        return self._command(question, lambda reply: parse(parse_answer(reply)))

    def _refused(self, message: str, command: str, reply: Reply) -> DeviceError:
        sent = self._format(command)
        return DeviceError(
            message, code=reply.prompt, address=self._link.address, sent=sent, received=reply.raw
        )

    def _format(self, command: str) -> bytes:
        return f"{self._address:02d}{command}\r".encode("ascii")

    def _command(self, command: str, parse: Callable[[Reply], T]) -> T:
        """One command and its reply, parsed."""
        sent = self._format(command)
        try:
            with self._link.alone():
                self._link.discard_input()
                deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
                self._link.write(sent)
                reply = parse_chain(self._read_to_prompt(deadline_ns), self._address)
                self._last = (sent, reply.raw)
                return parse(reply)
        except ExchangeError as error:
            error.address, error.sent = self._link.address, sent
            raise

    def _read_to_prompt(self, deadline_ns: int) -> bytes:
        """Byte by byte: nothing follows the prompt, and its length is not known."""
        raw = b""
        while raw[-1:] not in PROMPTS:
            if len(raw) == REPLY_LIMIT:
                raise ProtocolError(f"{REPLY_LIMIT} bytes without a prompt", received=raw)
            try:
                raw += self._link.read_exactly(1, deadline_ns)
            except LinkTimeout as error:
                error.received = raw
                raise
        return raw
