"""Do several plans go together, one after the other on one bench?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rig.definitions.bench_file import BenchFile
from rig.definitions.plan_file import Plan
from rig.errors import DefinitionError

_SLACK = 1 + 1e-9  # floats: what is written equal counts as equal


def check_plans_together(plans: Sequence[Plan], bench: BenchFile) -> list[str]:
    """Warnings about plans that each go together with ``bench``: their volumes come out of one filling.

    Raises DefinitionError for a plan given twice, two plans with one id, and more volume in all than the bench
    allows.
    """
    problems = list(_doubles(plans))
    planned_ml = {plan.id: sum(case.volume_ml for case in plan.cases) for plan in plans}
    total_ml = sum(planned_ml.values())
    named = ", ".join(f"'{name}' {volume_ml:.4g} mL" for name, volume_ml in planned_ml.items())
    together = f"the plans together deliver {total_ml:.4g} mL ({named})"
    if not problems and bench.volume_max_ml is not None and total_ml > bench.volume_max_ml * _SLACK:
        message = f"{together}, more than the bench allows: {bench.volume_max_ml:g} mL"
        where = bench.source.where(None, "bench", "volume_max")
        problems.append(DefinitionError(message, where, "run them one at a time"))
    if problems:
        first, *others = problems
        raise DefinitionError(first.message, first.where, first.hint, tuple(problems) if others else ())
    return [] if len(plans) < 2 else list(_reservoir_warnings(together, planned_ml, bench))


def _doubles(plans: Sequence[Plan]) -> Iterator[DefinitionError]:
    first_with: dict[str, Plan] = {}
    for plan in plans:
        other = first_with.setdefault(plan.id.lower(), plan)
        if other is plan:
            continue
        if other.source.path.resolve() == plan.source.path.resolve():
            message = "this plan is given twice, and nothing that doses is repeated by itself"
            yield DefinitionError(message, plan.source.where(None))
        else:
            message = f"the id '{plan.id}' is taken by the plan {other.source.name}"
            where = plan.source.where(None, "plan", "id")
            yield DefinitionError(message, where, "give each plan its own id, or run them one at a time")


def _reservoir_warnings(together: str, planned_ml: dict[str, float], bench: BenchFile) -> Iterator[str]:
    """Only what no plan causes alone: that was told with the plan."""
    total_ml, most_ml = sum(planned_ml.values()), max(planned_ml.values())
    for unit in bench.units:
        where = bench.source.where(unit.serial)
        left_ml, low_ml = unit.reservoir_ml - total_ml, unit.profile.low_reservoir_ml
        if total_ml > unit.reservoir_ml * _SLACK:
            filling = f"the reservoir is filled with {unit.reservoir_ml:g} mL"
            yield f"{where}: {together}, and {filling}: it will run empty unless it is filled between them"
        elif left_ml <= low_ml < unit.reservoir_ml - most_ml:
            yield f"{where}: {together}, which leaves {left_ml:.4g} mL: the low-reservoir alarm will come; fill it"
