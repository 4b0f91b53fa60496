"""What a case was found to show, before it is written down: values, budgets, flags."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from rig.analysis.monte_carlo import propagate
from rig.analysis.trumpet import Window
from rig.analysis.uncertainty import Budget
from rig.record.case_data import CaseData

Result = dict[str, Any]
Interval = tuple[int, int]  # from, to, in ns since the run began
NS_PER_S = 1_000_000_000
DRAWS = 100_000  # of a budget
DRAWN_SHARE = 0.05  # of U: what the ends of the drawn interval may be off before the reader is warned


class Kind(StrEnum):
    """What a flag is about."""

    NOTE = "note"  # a reader should know; changes nothing
    MEASUREMENT = "measurement"  # these data may be wrong: verdicts are computed with and without them
    PUMP = "pump"  # a fault of the unit under test


@dataclass(frozen=True)
class Flag:
    """Something about an interval of a case (ns since the run began), and what it did to the verdicts.

    ``within_ns`` are the parts of the interval that it is about, if not the whole.
    """

    name: str
    message: str
    start_ns: int
    end_ns: int
    effect: str = ""
    kind: Kind = Kind.NOTE
    within_ns: tuple[Interval, ...] = ()


def interruption_flags(data: CaseData) -> list[Flag]:
    """Where the rig was gone while this case went on: whatever happened then, nobody saw it."""
    return [
        Flag("interrupted", gap.message, gap.start_ns, gap.end_ns, kind=Kind.MEASUREMENT)
        for gap in data.interruptions
    ]


def doubted_intervals(flags: Iterable[Flag]) -> list[Interval]:
    """Where a flag puts the measurement in doubt: the data that verdicts must not depend on."""
    return [
        interval
        for flag in flags
        if flag.kind is Kind.MEASUREMENT
        for interval in flag.within_ns or ((flag.start_ns, flag.end_ns),)
    ]


@dataclass(frozen=True)
class Value:
    """A number to be judged. ``without`` is the same result without the data of the measurement flags.

    ``without`` is None if there are no such flags, :data:`NOTHING` if nothing is left. ``reason`` goes with
    the verdict; ``undecided`` (a reason) makes it INCONCLUSIVE. ``possible`` are the least and the
    largest value that the uncertainty of the data allows, where that is no interval of plus or minus U (a
    share, a count).
    """

    value: float
    unit: str
    expanded_uncertainty: float | None = None
    coverage_factor: float | None = None
    degrees_of_freedom: float = math.inf
    without: Value | None = None
    possible: tuple[float, float] | None = None
    reason: str = ""
    undecided: str = ""

    @classmethod
    def of(cls, budget: Budget, without: Value | None = None) -> Value:
        """The result of a budget."""
        degrees = budget.effective_degrees_of_freedom
        return cls(
            budget.value,
            budget.unit,
            budget.expanded_uncertainty,
            budget.coverage_factor,
            degrees if math.isinf(degrees) else float(max(math.floor(degrees), 1)),
            without,
        )


NOTHING = Value(math.nan, "")  # what is left where all data are in doubt


@dataclass
class Findings:
    """All that the data of one case show. ``values`` by the name of the criterion they can answer."""

    set: Result
    values: dict[str, Value] = field(default_factory=dict)
    measurements: dict[str, Value] = field(default_factory=dict)
    budgets: dict[str, Budget] = field(default_factory=dict)
    # Of these the one that is judged is furthest off.
    compared: dict[str, tuple[Budget, ...]] = field(default_factory=dict)
    trumpet: list[tuple[Window, float]] = field(default_factory=list)  # with its expanded uncertainty in %
    doses: list[Result] = field(default_factory=list)
    portions: list[Result] = field(default_factory=list)  # deliveries between two weighings
    counted: dict[str, tuple[int, str]] = field(default_factory=dict)  # breaches, and these in words
    flags: list[Flag] = field(default_factory=list)
    witnesses: list[Result] = field(default_factory=list)  # balance, sensor and pump on the mean flow
    unmeasured: str = ""  # why what needs weighing has no value

    def put(self, name: str, budget: Budget | None, value: Value | None = None) -> None:
        """What is judged by ``name``: the result of a budget, or ``value`` if that says more. None: not measured."""
        if budget is not None:
            self.budgets[name] = budget
            self.values[name] = self.measurements[name] = value or Value.of(budget)

    def count(self, name: str, breaches: Sequence[str]) -> None:
        """Breaches of what must never be, each in words."""
        self.counted[name] = (len(breaches), "; ".join(breaches))

    @property
    def has_pump_fault(self) -> bool:
        return any(flag.kind is Kind.PUMP for flag in self.flags)


def as_json(value: Any) -> Any:
    """The same as plain Python data; what is not finite becomes None, a word of an enumeration its text."""
    if isinstance(value, dict):
        return {str(key): as_json(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [as_json(item) for item in value]
    if isinstance(value, np.generic | np.ndarray):
        return as_json(value.tolist())
    if isinstance(value, StrEnum):
        return str(value)
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def measured(value: Value) -> Result:
    """An entry of ``measurements``."""
    return {
        "value": value.value,
        "unit": value.unit,
        "expanded_uncertainty": value.expanded_uncertainty,
        "coverage_factor": value.coverage_factor,
    }


def monte_carlo(budget: Budget) -> Result | None:
    """The same budget with its distributions drawn (JCGM 101:2008), and whether its interval stands up to it.

    None for a budget without uncertainty. The draws are so many that the ends are known to half a per cent
    of U; they agree if neither is off by more than DRAWN_SHARE of it.
    """
    if budget.combined_standard_uncertainty == 0.0:
        return None
    drawn = propagate(budget, most_trials=DRAWS)
    off = max(drawn.low_difference, drawn.high_difference)
    return {
        "low": drawn.low,
        "high": drawn.high,
        "standard_uncertainty": drawn.standard_uncertainty,
        "trials": drawn.trials,
        "agrees": off <= DRAWN_SHARE * budget.expanded_uncertainty,
    }


def budget_table(budget: Budget) -> Result:
    """An entry of ``budgets``."""
    return {
        "unit": budget.unit,
        "value": budget.value,
        "combined_standard_uncertainty": budget.combined_standard_uncertainty,
        "effective_degrees_of_freedom": budget.effective_degrees_of_freedom,
        "coverage_factor": budget.coverage_factor,
        "expanded_uncertainty": budget.expanded_uncertainty,
        "monte_carlo": monte_carlo(budget),
        "components": [
            {
                "name": component.name,
                "source": component.source,
                "value": component.value,
                "unit": component.unit,
                "standard_uncertainty": component.standard_uncertainty,
                "sensitivity": component.sensitivity,
                "contribution": component.contribution,
                "degrees_of_freedom": component.degrees_of_freedom,
                "distribution": component.distribution,
            }
            for component in budget.components
        ],
    }


def time_text(ns: int) -> str:
    """A time since some beginning in words: "7 h 02 min 10 s"."""
    seconds = round(ns / NS_PER_S)
    sign = "-" if seconds < 0 else ""
    minutes, second = divmod(abs(seconds), 60)
    hour, minute = divmod(minutes, 60)
    return f"{sign}{hour} h {minute:02d} min {second:02d} s"
