"""What the pump says of itself: the rate it was set to, the volume it claims to have delivered."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from rig.analysis.uncertainty import Budget, Component
from rig.judge.findings import NS_PER_S, Flag
from rig.record.case_data import CaseData, Record, Step

NL_PER_ML = 1e6
S_PER_H = 3600.0
STEP_NL_H = 1.0
ASKED_WITHIN_S = 0.1  # half width: between question and answer the pump reads its counter


def programmed_rate_ml_h(data: CaseData, asked_ml_h: float) -> tuple[float, list[Flag]]:
    """The set rate r: as the pump said it back, if that is the plan's rate to a step of the pump; else the
    plan's.

    A pump counts in steps; what rounding to a step changes is no error of delivery. Anything more is, and
    is flagged.
    """
    if data.read_back is None:
        return asked_ml_h, []
    read_nl_h = float((data.read_back.get("read") or {}).get("rate_nl_h") or 0.0)
    if abs(read_nl_h - asked_ml_h * NL_PER_ML) <= STEP_NL_H:
        return read_nl_h / NL_PER_ML, []
    t_ns = int(data.read_back["t_ns"])
    words = f"the pump said back {read_nl_h:g} nL/h, the plan asks for {asked_ml_h * NL_PER_ML:g} nL/h"
    return asked_ml_h, [Flag("read_back_differs", words, t_ns, t_ns, "errors are against the plan's rate")]


def claimed_nl(data: CaseData, step: Step) -> tuple[int, float] | None:
    """What the pump's counter says it delivered in a step, in nL, and in how many s; None if not asked."""
    first, last = _before(data, step.start_ns), _before(data, step.end_ns)
    if first is None or last is None:
        return None
    duration_s = (int(last["t_ns"]) - int(first["t_ns"])) / NS_PER_S
    if duration_s <= 0:
        return None
    return int(last["delivered_nl"]) - int(first["delivered_nl"]), duration_s


def claimed_delivery(data: CaseData, step: Step, rate_ml_h: float) -> Budget | None:
    """What the pump's counter says it delivered in a step against what it was set to, in %; None if not
    asked.
    """
    claimed = claimed_nl(data, step)
    if claimed is None:
        return None
    counted_nl, duration_s = claimed
    return _claim(counted_nl, rate_ml_h * NL_PER_ML * duration_s / S_PER_H, duration_s)


def claimed_volume(data: CaseData, step: Step, expected_ml: Callable[[int, int], float]) -> Budget | None:
    """What the pump's counter says it delivered in a step against what ``expected_ml`` says of the same time, in %.

    None if the pump was not asked in that step, or nothing was to flow.
    """
    return claimed_volumes(data, [step], expected_ml)


def claimed_volumes(
    data: CaseData, steps: Sequence[Step], expected_ml: Callable[[int, int], float]
) -> Budget | None:
    """As :func:`claimed_volume`, over several steps together."""
    counted_nl, programmed_nl, span_ns = 0, 0.0, 0
    for step in steps:
        inside = [state for state in data.pump_states if step.start_ns <= int(state["t_ns"]) <= step.end_ns]
        if len(inside) < 2:
            return None
        first_ns, last_ns = int(inside[0]["t_ns"]), int(inside[-1]["t_ns"])
        counted_nl += int(inside[-1]["delivered_nl"]) - int(inside[0]["delivered_nl"])
        programmed_nl += expected_ml(first_ns, last_ns) * NL_PER_ML
        span_ns += last_ns - first_ns
    return _claim(counted_nl, programmed_nl, span_ns / NS_PER_S) if programmed_nl > 0 else None


def claimed_boluses(data: CaseData, commanded_ml: float) -> Budget | None:
    """What the counter says of all boluses together against what was commanded, in %; None if not asked."""
    if not data.doses:
        return None
    first = _before(data, data.doses[0].started_t_ns)
    later = [state for state in data.pump_states if int(state["t_ns"]) >= data.doses[-1].ended_t_ns]
    if first is None or not later:
        return None
    programmed_nl = commanded_ml * NL_PER_ML * len(data.doses)
    return _claim(int(later[0]["delivered_nl"]) - int(first["delivered_nl"]), programmed_nl, None)


def _claim(claimed_nl: int, programmed_nl: float, duration_s: float | None) -> Budget:
    share = 100 / programmed_nl
    components = [
        Component(
            "counter of the pump",
            "one step, either way, of each reading",
            float(claimed_nl),
            "nL",
            math.sqrt(2) * STEP_NL_H / math.sqrt(3),
            share,
            distribution="triangular",
        )
    ]
    if duration_s is not None:
        components.append(
            Component(
                "moments of the questions",
                "half width of the time between question and answer",
                duration_s,
                "s",
                math.sqrt(2) * ASKED_WITHIN_S / math.sqrt(3),
                -share * claimed_nl / duration_s,
                distribution="triangular",
            )
        )
    return Budget(share * claimed_nl - 100, "%", tuple(components))


def _before(data: CaseData, t_ns: int) -> Record | None:
    """The pump's state read last until ``t_ns``."""
    earlier = [state for state in data.pump_states if int(state["t_ns"]) <= t_ns]
    return earlier[-1] if earlier else None
