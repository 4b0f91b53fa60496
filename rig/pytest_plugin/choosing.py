"""From what pytest collected to what is carried out: plans of Python files, order, the units of each case."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from rig.pytest_plugin.plan_nodes import CriterionItem
from rig.pytest_plugin.python_plans import is_python_case, make_python_plans, python_case_id, serials_of
from rig.pytest_plugin.stash import (
    BENCH_FILE,
    CHOSEN,
    LEFT_OUT,
    PLANS,
    PYTHON_PROBLEMS,
    QUARANTINE,
    QUARANTINE_TROUBLES,
    SKIPPED_PLANS,
    WARNINGS,
    is_named,
)


def before_choice(config: pytest.Config, items: list[pytest.Item]) -> None:
    """All that was collected, before ``-k``: the plans of Python files, and whether the quarantine names any of it."""
    stash = config.stash
    if BENCH_FILE not in stash:
        return
    make_python_plans(config, items)
    if QUARANTINE in stash and not stash[PYTHON_PROBLEMS]:
        names = []
        for item in items:
            if isinstance(item, CriterionItem):
                names.append(item.criterion_name)
            elif is_python_case(item):
                plan = stash[PLANS][item.path].id
                names += [f"{plan}::{python_case_id(item)}::{serial}::*" for serial in serials_of(item)]
        stash[QUARANTINE_TROUBLES] += stash[QUARANTINE].troubles(names, datetime.now(UTC).date())


def bring_together(items: list[pytest.Item]) -> None:
    """Bring the items of a plan together, and of a case in it, whoever ordered or picked them: a plan is one run."""
    first: dict[object, int] = {}
    for index, item in enumerate(items):
        for group in _groups(item):
            first.setdefault(group, index)

    def place(numbered: tuple[int, pytest.Item]) -> tuple[int, ...]:
        index, item = numbered
        return (*(first[group] for group in _groups(item)), index)

    items[:] = [item for _, item in sorted(enumerate(items), key=place)]


def _groups(item: pytest.Item) -> tuple[object, object]:
    """The plan, and the case in it; any other test is a group of its own."""
    if isinstance(item, CriterionItem):
        return item.path, (item.path, item.case.id)
    if is_python_case(item):
        return item.path, (item.path, python_case_id(item))
    return item, item


def once_chosen(session: pytest.Session) -> None:
    """Now it is known what was chosen: by files, by -k, by marks."""
    stash = session.config.stash
    if not session.items and stash[LEFT_OUT]:
        names = ", ".join(path.name for path in stash[LEFT_OUT])
        raise pytest.UsageError(f"{names}: a plan needs a bench, add --bench FILE")
    if BENCH_FILE not in stash:
        return
    problems: list[str] = stash[PYTHON_PROBLEMS]
    if problems:
        raise pytest.UsageError("\n".join(problems))
    _leave_out_for_want_of_liquid(session)
    units: dict[tuple[object, str], set[str]] = {}
    for item in session.items:
        if item.get_closest_marker("rig_left_out") is not None:
            continue
        if isinstance(item, CriterionItem):
            units.setdefault((item.path, item.case.id), set()).add(item.unit)
        elif is_python_case(item):
            units.setdefault((item.path, python_case_id(item)), set()).update(serials_of(item))
    everywhere = [unit.serial for unit in stash[BENCH_FILE].units]
    for (path, case_id), serials in units.items():
        stash[CHOSEN][path, case_id] = [serial for serial in everywhere if serial in serials]  # type: ignore[index]
    if stash[CHOSEN]:
        from rig.definitions.check_together import check_plans_together
        from rig.errors import DefinitionError

        plans = [stash[PLANS][path] for path in dict.fromkeys(path for path, _ in stash[CHOSEN])]
        try:
            stash[WARNINGS] += check_plans_together(plans, stash[BENCH_FILE])
        except DefinitionError as error:
            raise pytest.UsageError(str(error)) from None


def _leave_out_for_want_of_liquid(session: pytest.Session) -> None:
    """Plans of a folder share one filling; those for which it does not suffice are skipped. A named one is not."""
    from rig.bench.fitting import left_out_for_want_of_liquid

    stash = session.config.stash
    chosen = dict.fromkeys(item.path for item in session.items if isinstance(item, CriterionItem))
    named = [path for path in chosen if is_named(session.config, path)]
    if len(named) == len(chosen):
        return
    in_order = [stash[PLANS][path] for path in (*named, *(path for path in chosen if path not in named))]
    why = left_out_for_want_of_liquid(in_order, stash[BENCH_FILE])
    stash[SKIPPED_PLANS] += [
        f"{plan.source.path.name}: not in this session: {why[plan.id]}" for plan in in_order if plan.id in why
    ]
    for item in session.items:
        if isinstance(item, CriterionItem) and item.path not in named and item.plan.id in why:
            item.add_marker(pytest.mark.rig_left_out)
            item.add_marker(pytest.mark.skip(reason=f"not in this session: {why[item.plan.id]}"))
