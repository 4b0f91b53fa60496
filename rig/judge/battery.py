"""Judges a battery: current by mode, life by capacity, and what the pump told as the voltage fell."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from rig.analysis.uncertainty import Budget, Component
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import BatteryCase
from rig.judge.findings import Findings, Value
from rig.judge.moments import first_alarm, never_seen, states_in, time_budget
from rig.judge.weighing import NotMeasuredError, the_step
from rig.judge.witnesses import stall_flags
from rig.record.case_data import CaseData

S_PER_H = 3600.0
METERS = ("current", "supply")  # the finer first
METERS_AGREE = 0.05  # of the larger: what two meters of one current may be apart
CURRENTS = ("current_stopped", "current_running", "life")
REPLACEMENT, END = "eri", "end_of_service"


def find_battery(
    data: CaseData, case: BatteryCase, unit: UnitFile, _bench: BenchFile, _reference_temperature_c: float
) -> Findings:
    """Everything that the record of one battery case shows."""
    found = Findings(
        set={
            "voltage_v": case.voltage_v,
            "capacity_ah": case.capacity_ah,
            "rates_ml_h": list(case.rates_ml_h),
            "voltages_v": list(case.voltages_v),
            "hold_s": case.hold_s,
        },
        flags=stall_flags(data),
    )
    try:
        found.put("current_stopped", _current(data, unit, "stopped"))
        running = [_current(data, unit, f"rate_{place}") for place in range(len(case.rates_ml_h))]
        apart = _apart(data, ["stopped", *(f"rate_{place}" for place in range(len(running)))])
        for place, budget in enumerate(running):
            found.measurements[f"current_at_{case.rates_ml_h[place]:.4g}_ml_h"] = Value.of(budget)
        found.put("current_running", max(running, key=lambda budget: budget.value))
        if case.capacity_ah is not None:
            found.put("life", _life(running[0], case.capacity_ah))
        for name in CURRENTS if apart else ():
            if name in found.values:
                found.values[name] = replace(found.values[name], undecided=apart)
        _falling(found, data, case)
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
    return found


def _current(data: CaseData, unit: UnitFile, step_name: str) -> Budget:
    """Mean current in a step, in A: its scatter, and what is stated of the meter."""
    step = the_step(data, step_name)
    for role in METERS:
        for series in data.channels:
            inside = (series.t_ns > step.start_ns) & (series.t_ns <= step.end_ns)
            if series.role != role or series.channel != "battery_current_a" or inside.sum() < 2:
                continue
            current_a = series.values[inside]
            mean_a, count = float(current_a.mean()), len(current_a)
            file = unit.current if role == "current" else None
            stated_pct = None if file is None else file.accuracy_of_value_pct
            return Budget(
                mean_a,
                "A",
                (
                    Component(
                        "scatter of the readings", f"standard deviation of the mean of {count}", mean_a, "A",
                        float(np.std(current_a, ddof=1)) / math.sqrt(count), 1.0, count - 1,
                    ),
                    Component(
                        "current meter", "stated half width" if stated_pct else "not stated: taken for nothing",
                        mean_a, "A", (stated_pct or 0.0) / 100 * mean_a / math.sqrt(3), 1.0,
                        distribution="rectangular",
                    ),
                ),
            )  # fmt: skip
    raise NotMeasuredError(f"fewer than two readings of the current in the step '{step_name}'")


def _apart(data: CaseData, steps: list[str]) -> str:
    """Where two meters of the same current do not show the same, in words; "" where they do, or there is one."""
    for name in steps:
        step, means = the_step(data, name), {}
        for series in data.channels:
            inside = (series.t_ns > step.start_ns) & (series.t_ns <= step.end_ns)
            if series.role in METERS and series.channel == "battery_current_a" and inside.any():
                means[series.role] = float(series.values[inside].mean())
        if len(means) == 2 and abs(means["current"] - means["supply"]) > METERS_AGREE * max(means.values()):
            told = ", ".join(f"{role} {1e6 * mean:.4g} uA" for role, mean in means.items())
            return f"the meters do not agree in the step '{name}': {told}"
    return ""


def _life(current: Budget, capacity_ah: float) -> Budget:
    """t = Q / I in s: the charge as rated, the current as measured at the usual rate. Self-discharge is not in it."""
    if current.value <= 0:
        raise NotMeasuredError("no current flows from the battery")
    life_s = capacity_ah / current.value * S_PER_H
    parts = tuple(
        Component(
            part.name, part.source, part.value, part.unit, part.standard_uncertainty, -life_s / current.value,
            part.degrees_of_freedom, part.distribution,
        )
        for part in current.components
    )  # fmt: skip
    return Budget(life_s, "s", parts)


def _falling(found: Findings, data: CaseData, case: BatteryCase) -> None:
    """The voltages between which each indicator came; the time from one to the other."""
    if not case.voltages_v:
        return
    steps = [the_step(data, f"voltage_{place}") for place in range(len(case.voltages_v))]
    held_v = (case.voltage_v, *case.voltages_v)
    for name, alarm in (("replacement_voltage", REPLACEMENT), ("end_voltage", END)):
        for place, step in enumerate(steps):
            if any(alarm in state["alarms"] for state in states_in(data, (step.start_ns, step.end_ns))):
                found.put(name, _between_v(held_v[place], held_v[place + 1]))
                break
        else:
            if name in {criterion.name for criterion in case.criteria}:
                words = f"the alarm '{alarm}' did not come down to {held_v[-1]:g} V"
                found.values[name] = Value(0.0, "V", 0.0, 2.0, reason=words)
    waiting = the_step(data, "waiting")
    span = (steps[0].start_ns, waiting.end_ns)
    replacement, end = (first_alarm(data, span, frozenset({alarm})) for alarm in (REPLACEMENT, END))
    if not case.wait_for_end_s:
        return
    if replacement is None:
        words = "the replacement indicator never came"
        found.values["service_after_replacement"] = Value(0.0, "s", 0.0, 2.0, reason=words)
    elif end is None:
        words = "the end of service was not told while it was waited for"
        found.values["service_after_replacement"] = never_seen(waiting.end_ns - replacement[1][0], words)
    else:
        found.put("service_after_replacement", time_budget(sum(replacement[1]) // 2, end[1]))


def _between_v(above_v: float, below_v: float) -> Budget:
    """What came when the voltage went from one to the other: the middle, rectangular."""
    middle_v = (above_v + below_v) / 2
    component = Component(
        "steps of the voltage", "half the step in which it came", middle_v, "V",
        (above_v - below_v) / 2 / math.sqrt(3), 1.0, distribution="rectangular",
    )  # fmt: skip
    return Budget(middle_v, "V", (component,))
