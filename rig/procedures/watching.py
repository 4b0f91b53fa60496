"""What every procedure does while it waits: weigh, drain the flow sensor, ask the pump how it is, read the monitors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from rig.capabilities import RefreshedPump, UnitUnderTest
from rig.clock import Clock, ns_from_s
from rig.definitions.cases.common import WeighedCase
from rig.errors import DeviceError, LimitRefused, RigError
from rig.procedures.conditions import bath_of, close_line, refuse_unless_warm, set_channels
from rig.readings import ChannelReading, MassReading, Prescription, PumpEvent, PumpState
from rig.record.case_recorder import CaseRecorder

LOOKED_AT_LEAST_EVERY_S = 300.0
FLOW_SAMPLES_A_CALL = 40  # a sensor's buffer is small; it is emptied before it can overflow
FLOW_EMPTIED_AT_LEAST_EVERY_S = 1.0


@dataclass
class Watch:
    """One unit being watched through one case."""

    unit: UnitUnderTest
    recorder: CaseRecorder
    clock: Clock
    flow_every_s: float
    last_event: int = -1
    asked_ns: int = 0  # when the pump was asked last
    refreshed_ns: int = 0  # when it last heard from the rig, for one that must
    monitored_ns: dict[str, int] = field(default_factory=dict)  # by role, when each monitor was read last
    shown: dict[str, ChannelReading] = field(default_factory=dict)  # by role, what was read last
    prepared: WeighedCase | None = None  # whose conditions are set
    silent: set[str] = field(default_factory=set)  # roles of monitors that did not answer

    def __post_init__(self) -> None:
        self.refreshed = self.unit.pump if isinstance(self.unit.pump, RefreshedPump) else None

    def weigh(self) -> MassReading:
        """One balance reading, recorded. The definitions refuse a plan that weighs on a bench without balance."""
        if self.unit.balance is None:
            raise DeviceError(f"unit {self.unit.serial} has no balance", code="no-balance")
        reading = self.unit.balance.read()
        self.recorder.mass(reading)
        return reading

    def drain_flow(self) -> None:
        """Record what the flow sensor has sampled since the last call."""
        if self.unit.flow is not None:
            for block in self.unit.flow.read_buffer():
                self.recorder.flow(block)

    def ask_pump(self) -> PumpState:
        """Record the pump's state, and its own log since the last call."""
        return self.ask_pump_and_log()[0]

    def ask_pump_and_log(self) -> tuple[PumpState, list[PumpEvent]]:
        """As :meth:`ask_pump`; also what its log said."""
        self.asked_ns = self.clock.now_ns()
        state = self.unit.pump.interrogate()
        self.recorder.pump_state(state)
        events = self.unit.pump.events_since(self.last_event)
        for event in events:
            self.recorder.pump_event(event)
            self.last_event = event.number
        return state, events

    def begin(self, volume_ml: float | None) -> tuple[PumpState, list[PumpEvent]]:
        """The step "identify": the pump's state and log as they are (returned, too), and the flow sensor started.

        Raises LimitRefused when the pump's reservoir cannot give ``volume_ml``, what the case will deliver (None: the
        case refills the pump).
        """
        self.recorder.step("identify")
        state, log = self.ask_pump_and_log()
        if volume_ml is not None:
            refuse_if_too_little(self.unit, state, volume_ml)
        self.read_monitors(list(self.unit.monitors))
        if self.unit.flow is not None:
            self.unit.flow.start(self.flow_every_s)
        return state, log

    def take_up(self, case: WeighedCase | None = None) -> None:
        """Without having begun: the flow sensor started, the monitors read; valves and bath as an interrupted case has
        them.
        """
        if case is not None:
            self.prepared = case
            set_channels(self.unit, case, True)
            if case.bath_temperature_c is not None:
                bath_of(self.unit).set_temperature(case.bath_temperature_c)
                bath_of(self.unit).switch(True)
        self.read_monitors(list(self.unit.monitors))
        if self.unit.flow is not None:
            self.unit.flow.start(self.flow_every_s)

    def blank(self, which: str, case: WeighedCase) -> None:
        """The steps "relax_…" and "blank_…": pump stopped, at rest, then weighed to see what evaporates."""
        if not self.prepared:
            self._prepare(case)
        self.recorder.step(f"relax_{which}", case.relax_s)
        self.unit.pump.stop("evaporation blank")
        self.rest(case.relax_s)
        self.recorder.step(f"blank_{which}", case.blank_s)
        self.weigh_blank(case)

    def weigh_blank(self, case: WeighedCase, since_ns: int | None = None) -> None:
        """What evaporates, the line closed if the case has a valve for that; ``since_ns`` as of :meth:`weighings`."""
        close_line(self.unit, case, True)
        self.weigh_for(case.blank_s, case.blank_every_s, since_ns)
        close_line(self.unit, case, False)

    def _prepare(self, case: WeighedCase) -> None:
        """The conditions the case asks for, before anything is delivered."""
        self.prepared = case
        set_channels(self.unit, case, True)
        if case.bath_temperature_c is not None:
            self.recorder.step("warm_up", case.warm_up_s)
            bath_of(self.unit).set_temperature(case.bath_temperature_c)
            bath_of(self.unit).switch(True)
            self.rest(case.warm_up_s)
            refuse_unless_warm(self.unit, case.bath_temperature_c)

    def end(self) -> None:
        """The monitors read once more, the flow sensor stopped, valves that were on through the case off."""
        if self.prepared:
            set_channels(self.unit, self.prepared, False)
        self.read_monitors(list(self.unit.monitors))
        if self.unit.flow is not None:
            self.unit.flow.stop()

    def read_monitors(self, roles: list[str]) -> None:
        """Record what these monitors show. None of them decides a verdict: one that fails is flagged, once."""
        for role in roles:
            asked_ns = self.monitored_ns[role] = self.clock.now_ns()
            try:
                self.shown[role] = self.unit.monitors[role].read()
                self.recorder.channels(role, self.shown[role])
            except RigError as error:
                if role not in self.silent:
                    self.silent.add(role)
                    self.recorder.flag(
                        f"{role}_not_read", f"the {role} was not read: {error}", asked_ns, self.clock.now_ns()
                    )
            else:
                self.silent.discard(role)

    def line_pressure_kpa(self) -> float | None:
        """The pressure in the line, recorded; None where it was not read."""
        self.read_monitors(["pressure"])
        shown = self.shown.get("pressure")
        return None if shown is None or "pressure" in self.silent else shown.values.get("line_pressure_kpa")

    def rest(self, duration_s: float) -> None:
        """Wait for ``duration_s`` without weighing, watching flow sensor and pump."""
        self.rest_until(self.clock.now_ns() + ns_from_s(duration_s))

    def weigh_for(self, duration_s: float, every_s: float, since_ns: int | None = None) -> None:
        """Carry out :meth:`weighings`. No reading is kept but in the record: a case may last for months."""
        for _ in self.weighings(duration_s, every_s, since_ns):
            pass

    def weighings(
        self, duration_s: float, every_s: float, since_ns: int | None = None
    ) -> Iterator[MassReading]:
        """Weigh at once and then every ``every_s`` up to and including the end: ``duration_s/every_s + 1`` readings.

        Instants are counted from the beginning, so that lateness of one reading does not shift the next. A step that
        began at ``since_ns`` and was interrupted goes on at the next of its instants.
        """
        start_ns = self.clock.now_ns() if since_ns is None else since_ns
        for index in range(round(duration_s / every_s) + 1):
            at_ns = start_ns + ns_from_s(index * every_s)
            if since_ns is not None and at_ns < self.clock.now_ns():
                continue
            self.rest_until(at_ns)
            yield self.weigh()
        self.drain_flow()
        self.ask_pump()

    def rest_until(self, t_ns: int) -> None:
        """As :meth:`rest`, until an instant of the clock."""
        step_ns, monitored = ns_from_s(self._looked_every_s()), self._monitored()
        while (now_ns := self.clock.now_ns()) < t_ns:
            self.clock.sleep_until_ns(min(t_ns, now_ns + step_ns))
            self.drain_flow()
            if self._is_due(self.asked_ns, self.unit.pump_asked_every_s):
                self.ask_pump()
            self.refresh_pump()
            self.read_monitors(
                [role for role, every_s in monitored if self._is_due(self.monitored_ns.get(role, 0), every_s)]
            )

    def refresh_pump(self) -> None:
        """Let a pump hear from the rig that would stop by itself otherwise."""
        if self.refreshed is not None and self._is_due(self.refreshed_ns, self.refreshed.refresh_every_s):
            self.refreshed_ns = self.clock.now_ns()
            self.refreshed.refresh()

    def _is_due(self, last_ns: int, every_s: float | None) -> bool:
        return every_s is not None and self.clock.now_ns() - last_ns >= ns_from_s(every_s)

    def _monitored(self) -> list[tuple[str, float]]:
        """Monitors that are read while a case runs, and how often."""
        return [(role, monitor.every_s) for role, monitor in self.unit.monitors.items() if monitor.every_s]

    def _looked_every_s(self) -> float:
        """How often there is something to do while waiting."""
        often = [
            self.unit.pump_asked_every_s or LOOKED_AT_LEAST_EVERY_S,
            *(every_s for _, every_s in self._monitored()),
        ]
        if self.unit.flow is not None:
            samples = FLOW_SAMPLES_A_CALL if self.unit.flow_buffered else 1
            often.append(max(FLOW_EMPTIED_AT_LEAST_EVERY_S, samples * self.flow_every_s))
        if self.refreshed is not None:
            often.append(self.refreshed.refresh_every_s)
        return min(often)


def program_and_read_back(unit: UnitUnderTest, recorder: CaseRecorder, prescription: Prescription) -> None:
    """Program the pump and refuse to go on unless it says back what it was told.

    Raises DeviceError when the prescription that is active is not the one commanded.
    """
    unit.pump.program(prescription)
    active = unit.pump.read_back()
    recorder.read_back(prescription, active)
    if active != prescription:
        raise DeviceError(
            f"the pump's active prescription is {active}, commanded was {prescription}", code="read-back"
        )


def refuse_if_too_little(unit: UnitUnderTest, state: PumpState, volume_ml: float) -> None:
    """Refuse to begin with a reservoir that would fall to its low-reservoir limit while ``volume_ml`` is delivered.

    A pump that does not count its reservoir is not asked. Raises LimitRefused.
    """
    if state.reservoir_nl is None:
        return
    held_ml, low_ml = state.reservoir_nl / 1e6, unit.low_reservoir_nl / 1e6
    if held_ml <= volume_ml + low_ml:
        raise LimitRefused(
            f"refused, nothing was delivered: by its own count the pump of unit {unit.serial} holds {held_ml:.4g} mL; "
            f"this case delivers {volume_ml:.4g} mL, and its low-reservoir alarm comes at {low_ml:g} mL: "
            "refill the pump (and tell it so), or shorten the case"
        )
