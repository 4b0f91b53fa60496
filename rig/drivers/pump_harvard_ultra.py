"""Harvard Apparatus syringe pumps with the "Ultra" commands: Pump 11 Elite, PHD Ultra, Pump 33 DDS, KDS Legato.

Manuals: PHD Ultra guide 5419-002 (pump chain commands, pages 83 to 88), Pump 33 DDS guide 5419-013 (page 48).
Wire format (harvard_wire.py): ASCII, 8N1, 9600 to 115200 baud as set in the pump (115200 by default here), commands
ended by CR LF, with ``12:`` before them for pump 12, several pumps on a line::

    irate                  ->  3.2 ul/min            :        the pump is idle
    irun                   ->                        >        it is infusing
    ivolume                ->  12.5 ul               T*       the target volume was reached

A bolus is a target volume, which the pump counts from the last ``civolume``: what ``ivolume`` said before is added to
what it says since, so that the volume delivered never falls while a driver lives. Not read in a manual: how soon it
answers (1 s allowed here), that the reply to ``poll on`` already ends in XON (it need not), the digits of a number (6,
of which 4 behind the point, are sent; what is read back must be equal), the lines of ``version``.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import TypeVar

from rig.clock import NS_PER_S
from rig.drivers.harvard_wire import (
    INFUSING,
    PUMPING,
    RATES,
    ULTRA_ALARMS,
    VOLUMES,
    XON,
    Reply,
    parse_prompt,
    parse_ultra,
)
from rig.drivers.pump_numbers import Digits, Dose, dose_of, parse_quantity, prescription_of
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
REPLY_LIMIT = 1024
DIGITS = Digits(total=6, decimals=4)
SENT_RATES = {unit: RATES[unit] for unit in ("ul/hr", "ml/hr", "ul/min", "ml/min")}
SENT_VOLUMES = {unit: VOLUMES[unit] for unit in ("ul", "ml")}
NO_TARGET = "target volume not set"


def parse_rate(reply: Reply) -> Fraction:
    """nl/h of a reply to irate. Raises ProtocolError."""
    return _quantity(reply, reply.text, RATES)


def parse_volume(reply: Reply) -> Fraction:
    """nl of a reply to ivolume. Raises ProtocolError."""
    return _quantity(reply, reply.text, VOLUMES)


def parse_target(reply: Reply) -> Fraction:
    """nl of a reply to tvolume, 0 if there is none. Raises ProtocolError."""
    return Fraction(0) if reply.text.lower().rstrip(".") == NO_TARGET else parse_volume(reply)


def parse_diameter(reply: Reply) -> Fraction:
    """mm of a reply to diameter. Raises ProtocolError."""
    return _quantity(reply, reply.text, {"mm": Fraction(1)})


def parse_rate_limits(reply: Reply) -> tuple[Fraction, Fraction]:
    """Lowest and highest nl/h of a reply to irate lim. Raises ProtocolError."""
    low, _, high = reply.text.partition(" to ")
    return _quantity(reply, low, RATES), _quantity(reply, high, RATES)


def _quantity(reply: Reply, text: str, units: dict[str, Fraction]) -> Fraction:
    value = parse_quantity(text, units)
    if value is None:
        raise ProtocolError(f"'{text}' is no number with a unit", received=reply.raw)
    return value


def parse_version(reply: Reply) -> Identity:
    """Model, serial number and firmware, as far as the lines of version tell them."""
    told = {
        key.strip().lower(): value.strip() for key, colon, value in (x.partition(":") for x in reply.lines)
    }
    model = next((line for line in reply.lines if ":" not in line), "")
    return Identity(model=model, serial=told.get("serial number", ""), firmware=told.get("firmware", ""))


class HarvardUltraPump:
    """One syringe pump. Several may share a line, each with its own address."""

    ROLE = "pump"
    DEFAULT_BAUD = 115200

    def __init__(self, link: Link, address: int = 0, *, syringe_diameter_mm: float) -> None:
        diameter = DIGITS.exactly(Fraction(str(round(syringe_diameter_mm, 6))), {"mm": 1})
        if diameter is None or syringe_diameter_mm <= 0 or not 0 <= address <= 99:
            raise DefinitionError(
                f"pump {address} with a syringe of {syringe_diameter_mm} mm is not possible",
                hint="address 0 to 99, diameter of at most 6 digits",
            )
        self._link, self._address, self._diameter = link, address, diameter[0]
        self._polled = False
        self._last = (b"", b"")  # command and reply
        self._before_nl = Fraction(0)  # infused before the pump's counter was last cleared

    def identify(self) -> Identity:
        """The protocol has no place for the maker."""
        return self._value("version", parse_version)

    def limits(self) -> PumpLimits:
        """Rates as the pump tells them for the syringe it holds; the others are those of the numbers."""
        low, high = self._value("irate lim", parse_rate_limits)
        return PumpLimits(math.ceil(low), math.floor(high), 1, 999_999 * 10**6, 1, 86_400, 0)

    def interrogate(self) -> PumpState:
        rate, target = self._value("irate", parse_rate), self._value("tvolume", parse_target)
        volume, reply = self._value("ivolume", lambda reply: (parse_volume(reply), reply))
        mode = {">": prescription_of(rate, target).mode, "<": "withdrawing"}.get(reply.prompt, "stop")
        return PumpState(
            t_ns=self._link.now_ns(),
            mode=mode,
            running=reply.prompt in PUMPING,
            rate_nl_h=round(rate) if reply.prompt == INFUSING else 0,
            delivered_nl=round(self._before_nl + volume),
            reservoir_nl=None,
            battery_mv=None,
            alarms=_alarms(reply.prompt),
            raw=reply.raw,
        )

    def program(self, prescription: Prescription) -> None:
        """Stop, set everything, read everything back, and only then run. A program that runs is ended by this."""
        if prescription.mode == "stop":
            return self.stop("programmed to stop")
        dose = dose_of(prescription, DIGITS, SENT_RATES, SENT_VOLUMES)
        self.stop("a program follows")
        self._load(dose)
        if (reply := self._tell("irun")).prompt != INFUSING:
            self.stop("it did not begin to infuse")
            raise self._refused("the pump did not begin to infuse; it was stopped", "irun", reply)
        return None

    def read_back(self) -> Prescription:
        """What the pump is infusing now. It has no program of its own when it stands, or has ended."""
        rate = self._value("irate", parse_rate)
        target, prompt = self._value("tvolume", lambda reply: (parse_target(reply), reply.prompt))
        return prescription_of(rate, target) if prompt == INFUSING else Prescription("stop")

    def stop(self, reason: str) -> None:
        """Stop, and ask whether the motor stands. DeviceError if not.

        The wire has no place for ``reason``: it is in the rig's record.
        """
        self._tell("stp")
        if (reply := self._value("ivolume", lambda reply: reply)).prompt in PUMPING:
            raise self._refused(f"the pump does not stop: its prompt is {reply.prompt}", "ivolume", reply)

    def events_since(self, number: int) -> list[PumpEvent]:
        """The pump keeps no log that it tells."""
        return []

    def set_reservoir(self, volume_nl: int) -> None:
        raise LimitRefused("this pump does not count what is in its syringe; nothing was sent")

    def close(self) -> None:
        self._link.close()

    def _load(self, dose: Dose) -> None:
        self._tell("load qs i")  # no method of several steps
        if self._value("diameter", parse_diameter) != Fraction(self._diameter):
            self._tell(f"diameter {self._diameter}")
        for command in ("cttime", "ctvolume", f"irate {' '.join(dose.rate)}"):
            self._tell(command)
        if dose.volume_nl:
            infused = self._value("ivolume", parse_volume)
            self._tell("civolume")
            self._before_nl += infused
            self._tell(f"tvolume {' '.join(dose.volume)}")
        held = (
            self._value("diameter", parse_diameter),
            self._value("irate", parse_rate),
            self._value("tvolume", parse_target),
        )
        if held != (Fraction(self._diameter), dose.rate_nl_h, dose.volume_nl):
            complaint = f"the pump holds {held}, not {dose}; it was not started"
            sent, received = self._last
            raise DeviceError(
                complaint, code="read-back", address=self._link.address, sent=sent, received=received
            )

    def _tell(self, command: str) -> Reply:
        """A command that changes something: only a prompt answers."""
        return self._command(command, False, parse_prompt)

    def _value(self, question: str, parse: Callable[[Reply], T]) -> T:
        return self._command(question, True, parse)

    def _refused(self, message: str, command: str, reply: Reply) -> DeviceError:
        sent = self._format(command)
        return DeviceError(
            message, code=reply.prompt, address=self._link.address, sent=sent, received=reply.raw
        )

    def _format(self, command: str) -> bytes:
        return f"{f'{self._address}:' if self._address else ''}{command}\r\n".encode("ascii")

    def _command(self, command: str, lines: bool, parse: Callable[[Reply], T]) -> T:
        """One command and its reply, parsed. A prompt alone, sent as a bolus ends, is no answer to a question."""
        sent = self._format(command)
        with self._link.alone():
            try:
                if not self._polled:
                    self._poll()
                deadline_ns = self._send(sent)
                reply = parse_ultra(self._link.read_until(XON, deadline_ns, REPLY_LIMIT), self._address)
                while lines and not reply.lines:
                    reply = parse_ultra(self._link.read_until(XON, deadline_ns, REPLY_LIMIT), self._address)
                self._last = (sent, reply.raw)
                return parse(reply)
            except ExchangeError as error:
                self._polled = self._polled and not isinstance(error, LinkLost)
                error.address, error.sent = self._link.address, sent
                raise

    def _poll(self) -> None:
        """From now on XON ends each reply; whether already this one is not known."""
        deadline_ns = self._send(self._format("poll on"))
        try:
            raw = self._link.read_until(XON, deadline_ns, REPLY_LIMIT)
        except LinkTimeout as error:
            if not error.received:
                raise
            raw = error.received + XON
        parse_ultra(raw, self._address)
        self._polled = True

    def _send(self, sent: bytes) -> int:
        self._link.discard_input()
        self._link.write(sent)
        return self._link.now_ns() + REPLY_WITHIN_NS


def _alarms(prompt: str) -> tuple[PumpAlarm, ...]:
    return (PumpAlarm(ULTRA_ALARMS[prompt], critical=True),) if prompt in ULTRA_ALARMS else ()
