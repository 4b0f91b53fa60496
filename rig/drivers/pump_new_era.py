"""Syringe pump of the New Era NE-1000 family (NE-300, 500, 1000, 1600, 4000 and those sold under other names).

Manual: NE-1000, publication 1200-01, section 10 (RS-232 protocol), held against those of NE-500, 1600 and 4000.
Wire format (new_era_wire.py): ASCII, 19200 baud 8N1, up to 100 pumps on a line, each with an address. In safe mode
(option ``safe``) commands and replies have a length and a CRC, and the pump stops with an alarm when it hears nothing
for ``safe_timeout_s``: ``refresh`` is to be called in time. The first packet of a session, ``SAFn``, is a safe one
whatever the mode, and is answered in the new mode.

After an alarm the pump answers the next command with the alarm (``A?S``) *instead of carrying it out*. A question, and
STP, are then sent again; anything else is not: DeviceError, and the caller must look.

A program is phase 1 (RAT), followed by STP in phase 2, and is run only when all of it has been read back. DIS holds
four digits, starts again at 0 after 9999, and is set to 0 by another diameter. In basic mode there is no checksum.
Not read in a manual: how soon it answers (1 s allowed here), and that FUN is answered with the function's name alone.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

from rig.clock import NS_PER_S
from rig.drivers.new_era_wire import (
    ALARMS,
    DIGITS,
    ERRORS,
    ETX,
    RATES,
    REPLY_LIMIT,
    STX,
    VOLUMES,
    Reply,
    format_basic,
    format_safe,
    parse_basic,
    parse_diameter,
    parse_dispensed,
    parse_rate,
    parse_safe,
    parse_volume,
)
from rig.drivers.pump_numbers import Dose, dose_of, prescription_of
from rig.errors import (
    DefinitionError,
    DeviceError,
    ExchangeError,
    LimitRefused,
    LinkLost,
    LinkTimeout,
    ProtocolError,
)
from rig.readings import Identity, Prescription, PumpAlarm, PumpEvent, PumpLimits, PumpState
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = NS_PER_S
ASKED_AT_MOST = 3  # one alarm may follow another
STOPS_AT_MOST = 4  # the first STP pauses, the second resets; one more for an alarm, one for luck

PLUNGER_CM_H = (0.004205, 5.1005 * 60)  # slowest and fastest, of the NE-1000

PUMPING = {"I": "infusing", "W": "withdrawing", "X": "purging"}
STANDING = {"S": "stop", "P": "paused", "T": "timed_pause", "U": "waiting_for_trigger"}
VERSION = re.compile(r"(NE\d+(?:X\d*)?)V(\d+\.\d+)")


def parse_version(reply: Reply) -> Identity:
    """Model and firmware. Raises ProtocolError."""
    match = VERSION.fullmatch(reply.data)
    if match is None:
        raise ProtocolError(f"'{reply.data}' is no version", received=reply.raw)
    return Identity(model=match[1], firmware=match[2])


class NewEraPump:
    """One syringe pump. Several may share a line, each with its own address."""

    ROLE = "pump"
    DEFAULT_BAUD = 19200

    def __init__(
        self,
        link: Link,
        address: int = 0,
        *,
        syringe_diameter_mm: float,
        safe: bool = False,
        safe_timeout_s: float = 60.0,
    ) -> None:
        diameter = DIGITS.exactly(Fraction(str(round(syringe_diameter_mm, 6))), {"mm": 1})
        if diameter is None or syringe_diameter_mm <= 0 or not 0 <= address <= 99:
            raise DefinitionError(
                f"pump {address} with a syringe of {syringe_diameter_mm} mm is not possible",
                hint="address 0 to 99, diameter of at most 4 digits",
            )
        if safe_timeout_s not in range(3, 256):
            raise DefinitionError(
                f"a time-out of {safe_timeout_s} s is not possible", hint="3 s to 255 s, whole"
            )
        self._link, self._address, self._diameter = link, address, diameter[0]
        self._safe_s = int(safe_timeout_s) if safe else 0
        self.refresh_every_s = self._safe_s / 3 if safe else 3600.0
        self._session_open = False
        self._last = (b"", b"")  # command and reply
        self._alarms: list[str] = []  # told by the pump since the last interrogation

    def identify(self) -> Identity:
        """The protocol has no place for maker and serial number.

        That the pump was switched on since it was last spoken to (alarm R) is no alarm of what is to come.
        """
        identity = self._value("VER", parse_version)
        self._alarms = [alarm for alarm in self._alarms if alarm != "R"]
        return identity

    def limits(self) -> PumpLimits:
        """The pump does not tell: from the speeds of the NE-1000's plunger, and from the digits of a number."""
        slow, fast = (cm_h * math.pi * (float(self._diameter) / 20) ** 2 * 1e6 for cm_h in PLUNGER_CM_H)
        return PumpLimits(math.ceil(slow), math.floor(fast), 1, 9999 * 10**6, 1, 86_400, 0)

    def interrogate(self) -> PumpState:
        rate, volume = self._value("RAT", parse_rate), self._value("VOL", parse_volume)
        dispensed, reply = self._value("DIS", lambda reply: (parse_dispensed(reply), reply))
        alarms, self._alarms = tuple(dict.fromkeys(self._alarms)), []
        mode = {**STANDING, **PUMPING}[reply.status]
        return PumpState(
            t_ns=self._link.now_ns(),
            mode=prescription_of(rate, volume).mode if reply.status == "I" else mode,
            running=reply.status in PUMPING,
            rate_nl_h=round(rate) if reply.status in "IW" else 0,
            delivered_nl=round(dispensed),
            reservoir_nl=None,
            battery_mv=None,
            alarms=tuple(PumpAlarm(ALARMS[alarm], critical=True) for alarm in alarms),
            raw=reply.raw,
        )

    def program(self, prescription: Prescription) -> None:
        """Stop, set everything, read everything back, and only then run. A program that runs is ended by this."""
        if prescription.mode == "stop":
            return self.stop("programmed to stop")
        dose = dose_of(prescription, DIGITS, RATES, VOLUMES)
        self.stop("a program follows")
        self._load(dose)
        if (reply := self._tell("RUN1")).status != "I":
            self.stop("it did not begin to infuse")
            raise self._refused("the pump did not begin to infuse; it was stopped", "RUN", "RUN1", reply)
        return None

    def read_back(self) -> Prescription:
        """What the pump is infusing now. It has no program of its own when it stands, or has ended."""
        rate, volume = self._value("RAT", parse_rate), self._value("VOL", parse_volume)
        return prescription_of(rate, volume) if self._ask("").status == "I" else Prescription("stop")

    def stop(self, reason: str) -> None:
        """STP until the pump says that it is stopped, not only paused. DeviceError if it does not come to that.

        The wire has no place for ``reason``: it is in the rig's record.
        """
        for _ in range(STOPS_AT_MOST):
            try:
                self._ask("STP")
            except DeviceError as error:
                if error.code != "?NA":  # it stands already
                    raise
            if (reply := self._ask("")).status == "S":
                return
        raise self._refused(f"the pump does not stop: its status is {reply.status}", reply.status, "", reply)

    def events_since(self, number: int) -> list[PumpEvent]:
        """The pump keeps no log."""
        return []

    def set_reservoir(self, volume_nl: int) -> None:
        raise LimitRefused("this pump does not count what is in its syringe; nothing was sent")

    def refresh(self) -> None:
        """Let the pump hear from the host: in safe mode it stops otherwise."""
        self._ask("")

    def close(self) -> None:
        self._link.close()

    def _load(self, dose: Dose) -> None:
        for command in ("PHN2", "FUNSTP", "PHN1", "FUNRAT"):
            self._tell(command)
        if self._value("DIA", parse_diameter) != Fraction(self._diameter):
            self._tell(f"DIA{self._diameter}")
        number, unit = dose.rate
        commands = ["DIRINF", f"RAT{number}{unit}"]
        if dose.volume_nl:
            commands.append(f"VOL{dose.volume[1]}")
        for command in (*commands, f"VOL{dose.volume[0]}"):
            self._tell(command)
        held = (
            self._ask("PHN").data.lstrip("0"),
            self._ask("FUN").data,
            self._ask("DIR").data,
            self._value("DIA", parse_diameter),
            self._value("RAT", parse_rate),
            self._value("VOL", parse_volume),
        )
        if held != ("1", "RAT", "INF", Fraction(self._diameter), dose.rate_nl_h, dose.volume_nl):
            complaint = f"the pump holds {held}, not {dose}; it was not started"
            sent, received = self._last
            raise DeviceError(
                complaint, code="read-back", address=self._link.address, sent=sent, received=received
            )

    def _tell(self, command: str) -> Reply:
        """A command that changes something: never repeated."""
        return self._command(command, 1, lambda reply: reply)

    def _ask(self, command: str) -> Reply:
        """A question (or STP): repeated when an alarm was told in its place."""
        return self._value(command, lambda reply: reply)

    def _value(self, question: str, parse: Callable[[Reply], T]) -> T:
        """The same, with the reply parsed."""
        return self._command(question, ASKED_AT_MOST, parse)

    def _refused(self, message: str, code: str, command: str, reply: Reply) -> DeviceError:
        sent = self._format(command)
        return DeviceError(message, code=code, address=self._link.address, sent=sent, received=reply.raw)

    def _format(self, command: str) -> bytes:
        return (format_safe if self._safe_s else format_basic)(f"{self._address}{command}")

    def _command(self, command: str, times: int, parse: Callable[[Reply], T]) -> T:
        with self._link.alone():
            if not self._session_open:
                opening = format_safe(f"{self._address}SAF{self._safe_s}")
                self._until_no_alarm(opening, f"SAF{self._safe_s}", ASKED_AT_MOST, lambda reply: reply)
                self._session_open = True
            return self._until_no_alarm(self._format(command), command, times, parse)

    def _until_no_alarm(self, sent: bytes, command: str, times: int, parse: Callable[[Reply], T]) -> T:
        """One command and its reply, parsed. Raises DeviceError for an error, and for an alarm in its place."""
        try:
            for _ in range(times):
                reply = self._exchange(sent)
                self._last = (sent, reply.raw)
                if not reply.alarm:
                    break
                self._alarms.append(reply.alarm)
            if reply.alarm:
                message = f"the pump told an alarm ({ALARMS[reply.alarm]}) and did not carry out '{command}'"
                raise DeviceError(
                    f"{message}; it was not sent again", code=f"A?{reply.alarm}", received=reply.raw
                )
            if reply.data.startswith("?"):
                meaning = ERRORS.get(reply.data, "unknown error")
                raise DeviceError(
                    f"the pump refused '{command}': {meaning} ({reply.data})",
                    code=reply.data,
                    received=reply.raw,
                )
            return parse(reply)
        except ExchangeError as error:
            self._session_open = self._session_open and not isinstance(error, LinkLost)
            error.address, error.sent = self._link.address, sent
            raise

    def _exchange(self, sent: bytes) -> Reply:
        self._link.discard_input()  # alarms that the pump sent by itself: it repeats them when it is asked
        deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
        self._link.write(sent)
        reply = self._read_safe(deadline_ns) if self._safe_s else self._read_basic(deadline_ns)
        if reply.address != self._address:
            raise ProtocolError(f"pump {reply.address} answered, not {self._address}", received=reply.raw)
        return reply

    def _read_basic(self, deadline_ns: int) -> Reply:
        return parse_basic(self._link.read_until(ETX, deadline_ns, REPLY_LIMIT))

    def _read_safe(self, deadline_ns: int) -> Reply:
        head = self._link.read_exactly(2, deadline_ns)
        if head[:1] != STX or not 7 <= head[1] <= REPLY_LIMIT:
            raise ProtocolError("not a packet of safe mode", received=head)
        try:
            return parse_safe(head + self._link.read_exactly(head[1] - 1, deadline_ns))
        except LinkTimeout as error:
            error.received = head + error.received
            raise
