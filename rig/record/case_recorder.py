"""What a procedure says while it works, as records of one case on one unit."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rig.readings import (
    ChannelReading,
    FlowBlock,
    MassReading,
    PatientBolusReply,
    Prescription,
    PumpAlarm,
    PumpEvent,
    PumpState,
)
from rig.record.journal import Journal


@dataclass(frozen=True)
class Stated:
    """A result that a Python plan states, in ``unit``; judged against ``limit`` (as plans write it), if any."""

    name: str
    value: float
    unit: str
    expanded_uncertainty: float
    coverage_factor: float
    limit: str | None


class CaseRecorder:
    """Writes the journal for one case on one unit. ``started_ns`` is the run's zero on the instruments' clock.

    ``alarms_on``: those that the record of a case which goes on has as being on.
    """

    def __init__(
        self, journal: Journal, case: str, unit: str, started_ns: int, alarms_on: Sequence[PumpAlarm] = ()
    ) -> None:
        self._journal, self._case, self._unit, self._started_ns = journal, case, unit, started_ns
        self._alarms_on = {alarm.name: alarm for alarm in alarms_on}

    def _since_start(self, t_ns: int) -> int:
        return t_ns - self._started_ns

    def append(self, kind: str, durable: bool = False, **fields: object) -> None:
        """One record of this case."""
        self._journal.append(kind, durable=durable, case=self._case, unit=self._unit, **fields)

    def step(self, name: str, planned_s: float = 0.0) -> None:
        """The step ``name`` begins; the one before ends."""
        self.append("step", durable=True, name=name, planned_s=planned_s)

    def mass(self, reading: MassReading) -> None:
        """One balance reading, as displayed."""
        self.append(
            "mass",
            mass_g=reading.mass_g,
            stable=reading.stable,
            raw=reading.raw.decode("latin-1"),
            received_ns=self._since_start(reading.t_ns),
        )

    def flow(self, block: FlowBlock) -> None:
        """A block of flow sensor samples, as counts."""
        flags = block.flags.tolist()
        self.append(
            "flow",
            first_t_ns=self._since_start(block.first_t_ns),
            interval_ns=block.interval_ns,
            flow=block.flow_counts.tolist(),
            temperature=block.temperature_counts.tolist(),
            flags=flags[0] if flags and flags.count(flags[0]) == len(flags) else flags,
            scale=block.flow_scale,
            temperature_scale=block.temperature_scale,
            unit_of_flow=block.flow_unit,
            lost=block.lost,
        )

    def channels(self, role: str, reading: ChannelReading) -> None:
        """What one monitor shows, by channel."""
        self.append(
            "channels",
            role=role,
            values=dict(reading.values),
            raw=reading.raw.decode("latin-1"),
            received_ns=self._since_start(reading.t_ns),
        )

    def read_back(self, commanded: Prescription, read: Prescription) -> None:
        """What the pump was told and what it says is active."""
        self.append("read_back", durable=True, commanded=_plain(commanded), read=_plain(read))

    def pump_state(self, state: PumpState) -> None:
        """The pump's state, and an alarm record for each alarm that went on or off since the last one."""
        self.append(
            "pump_state",
            mode=state.mode,
            running=state.running,
            rate_nl_h=state.rate_nl_h,
            delivered_nl=state.delivered_nl,
            reservoir_nl=state.reservoir_nl,
            battery_mv=state.battery_mv,
            alarms=[alarm.name for alarm in state.alarms],
            clock_s=state.clock_s,
        )
        on = {alarm.name: alarm for alarm in state.alarms}
        for name, alarm in on.items():
            if name not in self._alarms_on:
                self.append("alarm", durable=True, name=name, critical=alarm.critical, state="on")
        for name, alarm in self._alarms_on.items():
            if name not in on:
                self.append("alarm", durable=True, name=name, critical=alarm.critical, state="off")
        self._alarms_on = on

    def pump_clock(self, clock_s: int, set_ns: int) -> None:
        """The pump's clock was set to ``clock_s`` (s since 2000-01-01); ``set_ns`` on the instruments' clock."""
        self.append("pump_clock", durable=True, clock_s=clock_s, set_t_ns=self._since_start(set_ns))

    def command(self, command: str, sent_ns: int, **arguments: int) -> None:
        """A pump took ``command``: "program", "refill", "prime" or "bridge".

        ``sent_ns`` on the instruments' clock; ``arguments`` in nL, nL/h, s and ng/mL, as their names say.
        """
        self.append(
            "command",
            durable=True,
            command=command,
            arguments=dict(arguments),
            sent_t_ns=self._since_start(sent_ns),
        )

    def patient_request(self, reply: PatientBolusReply, asked_ns: int) -> None:
        """The patient's button was pressed at ``asked_ns`` on the instruments' clock, and what the pump said."""
        self.append(
            "patient_request",
            durable=True,
            refused=reply.refused,
            left_s=reply.left_s,
            asked_t_ns=self._since_start(asked_ns),
        )

    def pump_event(self, event: PumpEvent) -> None:
        """One entry of the pump's own log."""
        self.append(
            "pump_event",
            number=event.number,
            clock_s=event.clock_s,
            code=event.code,
            arguments=dict(event.arguments),
        )

    def dose_begun(self, index: int) -> None:
        """The next bolus is about to be programmed. Without this record it surely was not."""
        self.append("dose_begun", durable=True, index=index)

    def dose(
        self,
        index: int,
        commanded_ml: float,
        before: MassReading,
        after: MassReading,
        start_ns: int,
        end_ns: int,
    ) -> None:
        """One bolus between two weighings; times on the instruments' clock."""
        self.append(
            "dose",
            index=index,
            commanded_ml=commanded_ml,
            before_g=before.mass_g,
            after_g=after.mass_g,
            started_t_ns=self._since_start(start_ns),
            ended_t_ns=self._since_start(end_ns),
            weighed_before_t_ns=self._since_start(before.t_ns),
            weighed_after_t_ns=self._since_start(after.t_ns),
        )

    def flag(self, name: str, message: str, start_ns: int, end_ns: int) -> None:
        """Something a reader must know about an interval; times on the instruments' clock."""
        self.append(
            "flag",
            durable=True,
            name=name,
            message=message,
            start_t_ns=self._since_start(start_ns),
            end_t_ns=self._since_start(end_ns),
        )

    def measured(self, stated: Stated) -> None:
        """A result that a Python plan states."""
        self.append(
            "measured",
            durable=True,
            name=stated.name,
            value=stated.value,
            unit_of_value=stated.unit,
            expanded_uncertainty=stated.expanded_uncertainty,
            coverage_factor=stated.coverage_factor,
            limit=stated.limit,
        )

    def failed_assertion(self, message: str) -> None:
        """A Python plan found something that is not as it asserts."""
        self.append("failed_assertion", durable=True, message=message)

    def note(self, text: str) -> None:
        """Free text."""
        self.append("note", durable=True, text=text)


def _plain(prescription: Prescription) -> dict[str, Any]:
    """The parts that are not empty, tuples as lists: what is read back from the record is the same text again."""
    return {name: _lists(value) for name, value in asdict(prescription).items() if value}


def _lists(value: Any) -> Any:
    return [_lists(item) for item in value] if isinstance(value, tuple) else value
