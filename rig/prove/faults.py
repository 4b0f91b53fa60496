"""Faults that a plan is held against: of the simulated pump, and of the instruments that watch it.

Each is put into one simulated unit before it is switched on. ``sizes`` rise: what is caught at one is expected to be
caught at all above it. A fault of the pump must end in a verdict that is not PASS once it is larger than the plan
allows; a fault of an instrument must never make a verdict pass that would fail without it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

from rig.sim.build import SimulatedChannel
from rig.sim.line import NS_PER_S

S_PER_H = 3600.0
Injury = Callable[[SimulatedChannel, float], None]


@dataclass(frozen=True)
class Fault:
    """One kind of fault. ``unit``: that of the sizes ("" where there is only one); ``of``: whose fault it is.

    ``fits``: whether this simulated unit can have it; ``procedures``: those it is about, all if empty.
    """

    name: str
    words: str
    of: Literal["pump", "instrument"]
    unit: str
    sizes: tuple[float, ...]
    inject: Injury
    fits: Callable[[SimulatedChannel], bool] = lambda channel: True
    procedures: frozenset[str] = frozenset()


def _implantable(channel: SimulatedChannel) -> bool:
    return hasattr(channel.pump, "unit")


def _weighed(channel: SimulatedChannel) -> bool:
    return channel.balance is not None and hasattr(channel.balance, "sensitivity_error")


def _sensed(channel: SimulatedChannel) -> bool:
    return channel.flow is not None


def _set(path: str, factor: float = 1.0) -> Injury:
    """Set an attribute of the unit's world to the size times ``factor``."""

    def inject(channel: SimulatedChannel, size: float) -> None:
        *owners, name = path.split(".")
        target: Any = channel
        for owner in owners:
            target = getattr(target, owner)
        setattr(target, name, type(getattr(target, name))(size * factor))

    return inject


def _later(after_s: float, act: Injury) -> Injury:
    """The same some time after the switching on."""

    def inject(channel: SimulatedChannel, size: float) -> None:
        clock = channel.fluid.clock
        clock.call_at(clock.now_ns() + round(after_s * NS_PER_S), lambda: act(channel, size))

    return inject


def _stall(channel: SimulatedChannel, hours: float) -> None:
    channel.pump.unit.hold_rotor(round(12 * S_PER_H * NS_PER_S), round(hours * S_PER_H * NS_PER_S))


def _silent_stall(channel: SimulatedChannel, hours: float) -> None:
    channel.pump.unit.stall_notice_s = float("inf")
    _stall(channel, hours)


def _lose_program(channel: SimulatedChannel, _size: float) -> None:
    channel.pump.unit.reset("POWER", keep_program=False)


def _reset(channel: SimulatedChannel, _size: float) -> None:
    channel.pump.unit.reset("WATCHDOG")


def _late_low_alarm(channel: SimulatedChannel, hours: float) -> None:
    channel.pump.unit.alarms.late_s["LOW_RESERVOIR"] = hours * S_PER_H


def _no_alarm(name: str) -> Injury:
    def inject(channel: SimulatedChannel, _size: float) -> None:
        channel.pump.unit.alarms.missing.add(name)

    return inject


def _omit(code: str) -> Injury:
    def inject(channel: SimulatedChannel, _size: float) -> None:
        channel.pump.unit.events.omits = {code}

    return inject


def _bump(channel: SimulatedChannel, milligrams: float) -> None:
    channel.balance.disturb(milligrams / 1000)


def _unplug(role: str) -> Injury:
    def inject(channel: SimulatedChannel, _size: float) -> None:
        getattr(channel, role).line.unplugged = True

    return inject


BY_CLOCK, BY_PATIENT = frozenset({"flex_schedule", "endurance"}), frozenset({"patient_bolus"})
BY_LOG = frozenset({"priming", "refill_cycle", "endurance"})
BY_FILLING = frozenset({"refill_cycle"})
PERCENTS = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0, 20.0, 25.0, 35.0, 50.0)
AT_NIGHT_S = 12 * S_PER_H

FAULTS = (
    Fault("over-infusion", "delivers more than programmed", "pump", "%", PERCENTS, _set("fluid.rate_error", 0.01)),
    Fault("under-infusion", "delivers less than programmed", "pump", "%", PERCENTS, _set("fluid.rate_error", -0.01)),
    Fault("wear", "the tube wears: more with each mL", "pump", "% per mL", (0.1, 0.3, 1.0, 3.0, 10.0, 30.0, 100.0),
          _set("fluid.wear_per_ml", 0.01)),
    Fault("free flow", "flows past the rollers, stopped or not", "pump", "nL/h",
          (100.0, 300.0, 1000.0, 3000.0, 10_000.0, 30_000.0, 100_000.0), _set("fluid.free_flow_nl_h")),
    Fault("motor stall", "stands still for a while, and says so", "pump", "h", (0.1, 0.5, 2.0, 8.0), _stall,
          _implantable),
    Fault("silent stall", "stands still for a while, and never notices", "pump", "h", (0.1, 0.5, 2.0, 8.0),
          _silent_stall, _implantable),
    Fault("program lost", "forgets its program at a reset", "pump", "", (1.0,), _later(AT_NIGHT_S, _lose_program),
          _implantable),
    Fault("stuck counter", "its delivered volume stands still", "pump", "", (1.0,), _set("pump.unit.counter_stuck"),
          _implantable),
    Fault("clock drift", "its clock runs fast", "pump", "min a day", (1.0, 10.0, 60.0, 240.0),
          _set("pump.unit.own_clock.drift_ppm", 1e6 / 1440), _implantable, BY_CLOCK),
    Fault("ignored lock-out", "grants the patient too soon", "pump", "", (1.0,),
          _set("pump.unit.patient.lockout_ignored"), _implantable, BY_PATIENT),
    Fault("ignored maximum", "grants the patient too often", "pump", "", (1.0,),
          _set("pump.unit.patient.maximum_ignored"), _implantable, BY_PATIENT),
    Fault("denied boluses", "denies boluses that are allowed", "pump", "", (1.0,), _set("pump.unit.denies_boluses"),
          _implantable, BY_PATIENT | {"bolus"}),
    Fault("lying log", "leaves denied requests out of its log", "pump", "", (1.0,), _omit("BOLUS_DENY"), _implantable,
          BY_PATIENT),
    Fault("late low alarm", "the low-reservoir alarm comes late", "pump", "h", (1.0, 8.0, 24.0, 96.0),
          _late_low_alarm, _implantable, BY_FILLING),
    Fault("no low alarm", "the low-reservoir alarm never comes", "pump", "", (1.0,), _no_alarm("LOW_RESERVOIR"),
          _implantable, BY_FILLING),
    Fault("no empty alarm", "runs empty, and never says so", "pump", "", (1.0,), _no_alarm("EMPTY_RESERVOIR"),
          _implantable, BY_FILLING),
    Fault("no way back", "stands after priming or a bridge", "pump", "", (1.0,),
          _set("pump.unit.forgets_program"), _implantable, frozenset({"priming"})),
    Fault("reset", "a reset that keeps its program", "pump", "", (1.0,), _later(AT_NIGHT_S, _reset), _implantable,
          BY_LOG),
    Fault("balance reads too much", "sensitivity of the balance", "instrument", "%", (0.01, 0.1, 1.0, 5.0, 15.0),
          _set("balance.sensitivity_error", 0.01), _weighed),
    Fault("balance drifts", "zero point walks, in 24 h", "instrument", "mg", (0.1, 1.0, 10.0, 100.0),
          _set("balance.drift.sd_24h_g", 0.001), _weighed),
    Fault("balance bumped", "a step of its zero point", "instrument", "mg", (0.1, 1.0, 10.0, 100.0),
          _later(AT_NIGHT_S, _bump), _weighed),
    Fault("balance stuck", "shows the same for ever", "instrument", "", (1.0,),
          _later(AT_NIGHT_S, _set("balance.stuck")),
          _weighed),
    Fault("balance unplugged", "its cable falls out", "instrument", "", (1.0,), _later(AT_NIGHT_S, _unplug("balance")),
          _weighed),
    Fault("evaporation", "the vessel is left open", "instrument", "mg/h", (0.1, 1.0, 10.0),
          _set("fluid.evaporation_g_h", 0.001), _weighed),
    Fault("sensor reads too little", "gain of the flow sensor", "instrument", "%", (5.0, 20.0, 50.0),
          _set("flow.gain_error", -0.01), _sensed),
    Fault("sensor unplugged", "its cable falls out", "instrument", "", (1.0,), _later(AT_NIGHT_S, _unplug("flow")),
          _sensed),
)  # fmt: skip
