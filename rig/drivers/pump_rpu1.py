"""Programmable pump unit speaking RPU/1, levels 1 and 2.

Manual: docs/reference/rpu-1.md, whose section numbers stand below. Lines are in rpu1_wire.py, what they say in
rpu1_programs.py (what is to be delivered) and rpu1_replies.py (all else), the rules of an exchange and its one retry
in rpu1_session.py. Which level a pump speaks it says with its identity; one of level 1 is never asked for what
level 2 added (section 10).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from rig.clock import NS_PER_S
from rig.drivers.rpu1_programs import (
    allowed,
    format_bridge,
    format_patient_bolus,
    format_prime,
    format_program,
    parse_group,
    parse_program,
)
from rig.drivers.rpu1_replies import (
    BEGUN,
    REFUSALS,
    RESTARTED,
    TOKEN,
    parse_acknowledged,
    parse_battery,
    parse_limits,
    parse_log_page,
    parse_patient_bolus,
    parse_patient_reply,
    parse_status,
)
from rig.drivers.rpu1_session import Rpu1Session
from rig.drivers.rpu1_wire import Form, Line, exactly, forms, parse_keys
from rig.drivers.rpu1_words import ALARMS, LOW, MODES, RESERVOIR, U32, U48
from rig.errors import DefinitionError, DeviceError, LimitRefused
from rig.readings import (
    Battery,
    Bridge,
    FlexStep,
    Identity,
    PatientBolus,
    PatientBolusReply,
    Prescription,
    PumpEvent,
    PumpLimits,
    PumpState,
)
from rig.transport import Link

RESET_WITHIN_NS = 2 * NS_PER_S  # section 6
ADDRESSES = range(0xFF)


class Rpu1Pump:
    """One pump unit. Several may share a line, each with its own address."""

    ROLE = "pump"
    DEFAULT_BAUD = 115200

    def __init__(self, link: Link, address: int = 1) -> None:
        if address not in ADDRESSES:
            raise DefinitionError(f"device {address} is no address of RPU/1", hint="0 to 254")
        self._link = link
        self._session = Rpu1Session(link, address)

    @property
    def notices(self) -> tuple[Line, ...]:
        """Alarm lines that the pump sent by itself, oldest first, the last 256."""
        return tuple(self._session.notices)

    def identify(self) -> Identity:
        return self._session.open()

    def limits(self) -> PumpLimits:
        return self._session.ask("ID LIMITS", parse_limits)

    def interrogate(self) -> PumpState:
        return self._session.ask("GET STATUS", lambda reply: parse_status(reply, self._link.now_ns()))

    def program(self, prescription: Prescription) -> None:
        """Stage, read back all that is staged, and commit only if it is what was meant."""
        steps = format_program(prescription)
        if prescription.mode in {"periodic", "flex"}:
            self._needs_level_2(f"a program '{prescription.mode}'")
        for step in steps:
            token = self._token(f"SET {step}")  # each voids the one before
        staged = self._program("GET STAGED")
        if staged != prescription:
            message = f"staged {staged}, not {prescription}; nothing was committed"
            sent, received = self._session.last
            raise DeviceError(
                message, code="staged", address=self._link.address, sent=sent, received=received
            )
        mode = next(word for word, name in MODES.items() if name == prescription.mode)
        self._command(f"COMMIT TOKEN={token}", exactly(f"MODE={mode}") | forms("DELIV LOG", U48, U32))

    def read_back(self) -> Prescription:
        return self._program("GET PROGRAM")

    def stop(self, reason: str) -> None:
        """Stop, in two steps (section 5). The wire has no place for ``reason``: it is in the rig's record."""
        self._command(f"STOP TOKEN={self._token('STOP')}", exactly("MODE=STOP") | forms("DELIV", U48))

    def events_since(self, number: int) -> list[PumpEvent]:
        events: list[PumpEvent] = []
        more = True
        while more:
            page, more = self._log_page(max(0, number + 1))
            events += page
            number = page[-1].number if page else number
        return events

    def set_reservoir(self, volume_nl: int) -> None:
        volume = f"VOL={allowed('reservoir in nl', volume_nl, RESERVOIR)}"
        self._command(f"REFILL {volume}", exactly(volume) | forms("LOW OLD", LOW, RESERVOIR))

    def refill(self, volume_nl: int, low_nl: int) -> None:
        volume = f"VOL={allowed('reservoir in nl', volume_nl, RESERVOIR)}"
        content = f"{volume} LOW={allowed('low limit in nl', low_nl, LOW)}"
        self._command(f"REFILL {content}", exactly(content) | forms("OLD", RESERVOIR))

    def battery(self) -> Battery:
        return self._session.ask("BATT", parse_battery)

    def clock(self) -> int:
        """Seconds since 2000-01-01T00:00:00 of the pump's own local time."""
        return self._session.ask("CLK", lambda reply: parse_keys(reply, forms("T", U32))[0]["T"])

    def set_clock(self, clock_s: int) -> None:
        clock = f"T={allowed('clock in s', clock_s, U32)}"
        self._command(f"CLK {clock}", forms("OLD", U32) | exactly(clock))

    def acknowledge_alarm(self, name: str) -> None:
        if name not in ALARMS.values():
            raise LimitRefused(f"RPU/1 has no alarm '{name}'; nothing was sent")
        self._session.ask(
            f"ALARM ACK ID={name.upper()}", lambda reply: parse_acknowledged(reply, name.upper())
        )

    def sound_alarm(self, critical: bool) -> None:
        self._needs_level_2("a tone")
        kind = f"KIND={'DUAL' if critical else 'SINGLE'}"
        self._command(f"ALARM TONE {kind}", exactly(kind))

    def set_patient_bolus(self, bolus: PatientBolus) -> None:
        """Of a bolus that is only disabled, volume and times stay as they are in the pump."""
        self._needs_level_2("a patient bolus")
        if bolus == PatientBolus(enabled=False):
            bolus = replace(self.patient_bolus(), enabled=False)
        words = format_patient_bolus(bolus)
        self._command(f"PTM SET {words}", exactly(words))

    def patient_bolus(self) -> PatientBolus:
        self._needs_level_2("a patient bolus")
        return self._session.ask("GET PTM", parse_patient_bolus)

    def request_patient_bolus(self) -> PatientBolusReply:
        """One press. Of a refusal that may mean several things the pump is asked whether it is that none is enabled."""
        self._needs_level_2("a patient bolus")
        reply = self._session.ask("PTM ACTIVATE", parse_patient_reply, answers=REFUSALS)
        if reply.refused == "other" and not self.patient_bolus().enabled:
            return replace(reply, refused="off")
        return reply

    def prime(self, volume_nl: int, rate_nl_h: int) -> None:
        self._begin("PRIME", format_prime(volume_nl, rate_nl_h))

    def bridge(self, bridge: Bridge) -> None:
        self._begin("BRIDGE", format_bridge(bridge))

    def restart(self) -> None:
        """Reset, wait until the pump answers again, and open a new session. Afterwards its program is stop.

        The confirmation is never repeated: a pump that was reset no longer knows that it had it.
        """
        self._needs_level_2("a reset")
        token = self._token("RST")
        try:
            self._session.ask(f"RST TOKEN={token}", lambda reply: parse_keys(reply, RESTARTED), repeat=False)
        finally:
            self._session.sit_out(RESET_WITHIN_NS)
        self.identify()

    def close(self) -> None:
        self._link.close()

    def _needs_level_2(self, what: str) -> None:
        if not self._session.level:
            self._session.open()
        if self._session.level < 2:
            raise LimitRefused(
                f"{what} is of level 2 of RPU/1, this pump speaks level 1 only; nothing was sent"
            )

    def _begin(self, verb: str, what: str) -> None:
        """A bolus in two steps (section 5), which the same verb confirms."""
        self._needs_level_2(verb)
        self._command(f"{verb} TOKEN={self._token(f'{verb} {what}')}", BEGUN)

    def _program(self, question: str) -> Prescription:
        program = self._session.ask(question, parse_program)
        if program.mode != "flex":
            return program
        groups = range(1, max(program.days) + 1)
        steps = (self._group(question, group) if group in program.days else () for group in groups)
        return replace(program, groups=tuple(steps))

    def _group(self, question: str, group: int) -> tuple[FlexStep, ...]:
        return self._session.ask(f"{question} GROUP={group}", lambda reply: parse_group(reply, group))

    def _log_page(self, first: int) -> tuple[list[PumpEvent], bool]:
        return self._session.ask(f"LOG FROM={first}", lambda reply: parse_log_page(reply, first))

    def _token(self, request: str) -> str:
        return self._session.ask(request, lambda reply: parse_keys(reply, TOKEN)[1]["TOKEN"])

    def _command(self, request: str, reply: Mapping[str, Form]) -> None:
        self._session.ask(request, lambda line: parse_keys(line, reply))


if TYPE_CHECKING:
    from rig.capabilities import TherapyPump

    _: type[TherapyPump] = Rpu1Pump
