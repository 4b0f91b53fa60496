"""Alaris (Asena) syringe pump: the subset of its protocol that the package infupy knows, and nothing else.

The maker's document is not public. Source: infupy 2022.1.11 (its names, frames and checksums), and programs of OpenICE
in which whole exchanges stand. This is no claim of conformity with the maker's protocol.
Wire format: 38400 baud 8N1, one pump a line, fields between ``^``, CRC-16/CCITT-FALSE of what stands between ! and |::

    !INST_SERIALNO|457D CR           ->  !INST_SERIALNO^8002-51740|050B CR
    !REMOTE_CTRL^ENABLED^3CC1|B1F1   ->  !REMOTE_CTRL^ENABLED^****^PERMIT^0^ms|7BB0     3CC1 is the serial number's CRC
    !INF_RATE^3.50^ml/h|3885         ->  !INF_RATE^3.50^ml/h|3885                       without fields: a question
    !INF_START|38F3                  ->  !INF_START|38F3

A reply begins with the name of its command; ESC takes back what was sent before it. Remote control lasts only while it
is enabled again about every second: ``refresh``. What is *not* known: how the pump refuses, its alarms, its states.
So it is taken to run while its rate is not nought, until it confirms INF_STOP; and from then on until INF_START, or
until its volume grows. It delivers continuously only: a bolus is refused. The unit of INF_VI is taken to be ml.
"""

from __future__ import annotations

import re
from binascii import crc_hqx
from fractions import Fraction

from rig.clock import NS_PER_S
from rig.drivers.pump_numbers import Digits, dose_of, parse_quantity
from rig.errors import DeviceError, ExchangeError, LimitRefused, LinkLost, ProtocolError
from rig.readings import Identity, Prescription, PumpEvent, PumpLimits, PumpState
from rig.transport import Link

REPLY_WITHIN_NS = NS_PER_S // 2
REPLY_LIMIT = 256
DIGITS = Digits(total=6, decimals=2)
RATES = {"ml/h": 10**6}
VOLUMES = {"ml": 10**6}
RATE_NL_H = (100_000, 1_200_000_000)  # 0.1 to 1200 ml/h

FRAME = re.compile(r"!([ -{}~]*)\|([0-9A-F]{4})\r")


def crc(text: str) -> str:
    """CRC-16/CCITT-FALSE in four hexadecimal digits."""
    return f"{crc_hqx(text.encode('ascii'), 0xFFFF):04X}"


def format_frame(*fields: str) -> bytes:
    text = "^".join(fields)
    return f"!{text}|{crc(text)}\r".encode("ascii")


def parse_frame(raw: bytes, name: str) -> list[str]:
    """Fields of a reply to command ``name``, CR included in ``raw``. Raises ProtocolError."""
    match = FRAME.fullmatch(raw.rpartition(b"\x1b")[2].decode("latin-1"))
    if match is None:
        raise ProtocolError("not a frame", received=raw)
    if crc(match[1]) != match[2]:
        raise ProtocolError("the CRC is wrong", received=raw)
    first, *fields = match[1].split("^")
    if first != name:
        raise ProtocolError(f"a reply to {first}, not to {name}", received=raw)
    return fields


def parse_value(raw: bytes, name: str, units: dict[str, int]) -> Fraction:
    """nl or nl/h of a reply that consists of a number and its unit. Raises ProtocolError."""
    fields = parse_frame(raw, name)
    value = parse_quantity(" ".join(fields), units) if len(fields) == 2 else None
    if value is None:
        raise ProtocolError(f"{fields} is no number in {' or '.join(units)}", received=raw)
    return value


class AlarisPump:
    """One syringe pump."""

    ROLE = "pump"
    DEFAULT_BAUD = 38400
    refresh_every_s = 1.0

    def __init__(self, link: Link) -> None:
        self._link = link
        self._key = ""  # the CRC of the serial number, with which remote control is asked for
        self._stopped_at_nl: Fraction | None = None  # volume infused when the pump confirmed INF_STOP

    def identify(self) -> Identity:
        """The subset has no place for model and firmware."""
        return Identity(serial=self._serial())

    def limits(self) -> PumpLimits:
        """The pump does not tell: rates of 0.1 to 1200 ml/h, no bolus."""
        return PumpLimits(*RATE_NL_H, 0, 0, 0, 0, 0)

    def interrogate(self) -> PumpState:
        rate = self._rate_nl_h()
        raw, volume = self._volume_nl()
        is_running = rate > 0 and volume != self._stopped_at_nl
        return PumpState(
            t_ns=self._link.now_ns(),
            mode="continuous" if is_running else "stop",
            running=is_running,
            rate_nl_h=round(rate) if is_running else 0,
            delivered_nl=round(volume),
            reservoir_nl=None,
            battery_mv=None,
            raw=raw,
        )

    def program(self, prescription: Prescription) -> None:
        """Stop, set the rate, read it back, and only then start. A program that runs is ended by this."""
        if prescription.mode == "stop":
            return self.stop("programmed to stop")
        if prescription.mode != "continuous":
            raise LimitRefused(f"no mode '{prescription.mode}' is known of this pump; nothing was sent")
        dose = dose_of(prescription, DIGITS, RATES, VOLUMES)
        if not RATE_NL_H[0] <= dose.rate_nl_h <= RATE_NL_H[1]:
            raise LimitRefused("this pump delivers 0.1 to 1200 ml/h; nothing was sent")
        self.stop("a program follows")
        self._ask("INF_RATE", *dose.rate)
        raw, held = self._value("INF_RATE", RATES)
        if held != dose.rate_nl_h:
            message = f"the pump holds {held} nl/h, not {dose}; it was not started"
            sent = format_frame("INF_RATE")
            raise DeviceError(message, code="read-back", address=self._link.address, sent=sent, received=raw)
        self._ask("INF_START")
        self._stopped_at_nl = None
        return None

    def read_back(self) -> Prescription:
        """What the pump delivers now."""
        state = self.interrogate()
        return (
            Prescription("continuous", rate_nl_h=state.rate_nl_h) if state.running else Prescription("stop")
        )

    def stop(self, reason: str) -> None:
        """INF_STOP, which the pump confirms with the same name; it tells no state that could be asked besides.

        The wire has no place for ``reason``: it is in the rig's record.
        """
        self.refresh()
        self._ask("INF_STOP")
        self._stopped_at_nl = self._volume_nl()[1]

    def events_since(self, number: int) -> list[PumpEvent]:
        """No log is known of this pump."""
        return []

    def set_reservoir(self, volume_nl: int) -> None:
        raise LimitRefused("this pump does not count what is in its syringe; nothing was sent")

    def refresh(self) -> None:
        """Enable remote control again. Raises DeviceError when the pump does not say that it is enabled."""
        if not self._key:
            self._key = crc(self._serial())
        for name in ("REMOTE_CTRL", "REMOTE_CFG"):
            raw = self._ask(name, "ENABLED", self._key)
            if parse_frame(raw, name)[:1] != ["ENABLED"]:
                raise DeviceError(
                    f"the pump does not enable {name}", code=name, address=self._link.address, received=raw
                )

    def close(self) -> None:
        self._link.close()

    def _serial(self) -> str:
        raw = self._ask("INST_SERIALNO")
        fields = parse_frame(raw, "INST_SERIALNO")
        if len(fields) != 1 or not fields[0]:
            raise ProtocolError("not one serial number", address=self._link.address, received=raw)
        return fields[0]

    def _rate_nl_h(self) -> Fraction:
        return self._value("INF_RATE", RATES)[1]

    def _volume_nl(self) -> tuple[bytes, Fraction]:
        return self._value("INF_VI", VOLUMES)

    def _value(self, name: str, units: dict[str, int]) -> tuple[bytes, Fraction]:
        raw = self._ask(name)
        try:
            return raw, parse_value(raw, name, units)
        except ProtocolError as error:
            error.address, error.sent = self._link.address, format_frame(name)
            raise

    def _ask(self, name: str, *fields: str) -> bytes:
        """One command and its reply, a sound frame of the same name. Never repeated."""
        sent = format_frame(name, *fields)
        try:
            with self._link.alone():
                self._link.discard_input()
                deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
                self._link.write(sent)
                raw = self._link.read_until(b"\r", deadline_ns, REPLY_LIMIT)
            parse_frame(raw, name)
        except ExchangeError as error:
            self._key = "" if isinstance(error, LinkLost) else self._key
            error.address, error.sent = self._link.address, sent
            raise
        return raw
