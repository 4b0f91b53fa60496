"""Can a plan be on a bench at all? Not whether its values are right there: that is asked by the check of the plan."""

from __future__ import annotations

from collections.abc import Iterator

from rig.capabilities import TherapyPump
from rig.definitions.bench_file import BenchFile
from rig.definitions.cases import Case
from rig.definitions.check import other_kinds
from rig.definitions.plan_file import Plan
from rig.drivers import driver_class

_SLACK = 1 + 1e-9  # floats: what is written equal counts as equal


def why_not_on(plan: Plan, bench: BenchFile) -> list[str]:
    """What this bench lacks that the plan needs: the kind of pump, an instrument, a capability, enough liquid.

    Empty if it lacks nothing. A rate or bolus that the bench or its pump does not allow is no lack, but a mistake.
    """
    return list(dict.fromkeys(_lacks(plan, bench)))


def _lacks(plan: Plan, bench: BenchFile) -> Iterator[str]:
    yield from other_kinds(plan, bench)
    for case in plan.cases:
        yield from _missing_roles(case, bench)
        for unit in bench.units:
            if case.needs_therapy and not issubclass(driver_class(unit.pump.driver), TherapyPump):
                yield f"{case.procedure} needs a programmable implantable pump, and {unit.pump.driver} drives none"
    drawn_ml, counted_ml = (
        sum(case.drawn_ml for case in plan.cases),
        sum(case.counted_ml for case in plan.cases),
    )
    for unit in bench.units:
        if drawn_ml > unit.reservoir_ml * _SLACK:
            yield f"it delivers {drawn_ml:.4g} mL, and unit {unit.serial} is filled with {unit.reservoir_ml:g} mL"
    if bench.volume_max_ml is not None and counted_ml > bench.volume_max_ml * _SLACK:
        yield f"it may deliver {counted_ml:.4g} mL, and volume_max of the bench is {bench.volume_max_ml:g} mL"


def _missing_roles(case: Case, bench: BenchFile) -> Iterator[str]:
    for role in case.roles:
        without = [
            unit.serial
            for unit in bench.units
            if role not in {item.role for item in (*unit.instruments, *bench.shared.auxiliaries)}
        ]
        if without:
            yield f"{case.procedure} needs {role}, and there is none for {_listed(without)}"


def left_out_for_want_of_liquid(plans: list[Plan], bench: BenchFile) -> dict[str, str]:
    """Of plans that share one filling, in this order, those for which not enough is left; why, by id.

    What bounds them together is what bounds one: the filling down to its low-reservoir alarm, and ``volume_max``.
    """
    room_ml = min(
        [unit.reservoir_ml - unit.profile.low_reservoir_ml for unit in bench.units]
        + [bench.volume_max_ml or float("inf")]
    )
    why: dict[str, str] = {}
    for index, plan in enumerate(plans):
        needed_ml = sum(case.volume_ml for case in plan.cases)
        if index and needed_ml > room_ml * _SLACK:
            why[plan.id] = (
                f"the plans before it leave {max(0.0, room_ml):.4g} mL of the filling, and it delivers "
                f"{needed_ml:.4g} mL: fill the pumps and run it by itself"
            )
        else:
            room_ml -= needed_ml
    return why


def _listed(names: list[str]) -> str:
    *first, last = names
    return f"{', '.join(first)} and {last}" if first else last
