"""Uncertainty budgets: one table a case, unit and quantity."""

from __future__ import annotations

from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import number, spread
from rig.report.sources import Results, Sources

FULL = "mean_error"  # its budget is told in full
COLUMNS = 6  # quantities side by side


def budgets(sources: Sources) -> Block:
    """The section."""
    parts: list[Block] = [
        blocks.paragraph(
            "After JCGM 100 (GUM): contribution = |sensitivity| × standard uncertainty; the combined standard "
            "uncertainty is the root of the sum of their squares; effective degrees of freedom ν after "
            "Welch and Satterthwaite, rounded down; U = k × combined, with k from Student's t at 95 %."
        )
    ]
    for case in sources.case_ids:
        found = [result for result in sources.of_case(case) if result.get("budgets")]
        own = [
            (str(name), str(result["unit"]), budget)
            for result in found
            for name, budget in result["budgets"].items()
            if not _shares_components(name, result["budgets"])
        ]
        for name, unit, budget in sorted(own, key=lambda item: item[0] != FULL):
            parts.append(_budget(f"{case}, {unit}: {wording.measurement(name)}", budget))
        parts += _contributions(case, found)
    if len(parts) == 1:
        parts.append(blocks.paragraph("No quantity was evaluated in this run, so there is no budget."))
    return blocks.section("budgets", "Uncertainty budgets", parts)


def _budget(title: str, budget: Results) -> Block:
    unit = budget.get("unit")
    rows = [_component(part, unit) for part in budget.get("components") or []]
    combined, k = budget.get("combined_standard_uncertainty"), budget.get("coverage_factor")
    expanded = spread(budget.get("expanded_uncertainty"), unit)
    rows.append(
        [
            blocks.strong("combined"),
            blocks.strong(f"U = {number(k, digits=3)} × {spread(combined, unit)} = {expanded}"),
            *[blocks.text(" ")] * 3,
            blocks.uncertainty(combined, unit),
            _freedom(budget.get("effective_degrees_of_freedom")),
            blocks.text(" "),
        ]
    )
    if drawn := budget.get("monte_carlo"):
        ends = " to ".join(number(drawn[end], unit, digits=4) for end in ("low", "high"))
        stands = "U stands up to it" if drawn["agrees"] else "U DIFFERS by more than 5 %"
        rows.append(
            [
                blocks.strong("Monte Carlo"),
                blocks.text(f"JCGM 101, {drawn['trials']} trials: 95 % from {ends}; {stands}"),
                *[blocks.text(" ")] * 3,
                blocks.uncertainty(drawn["standard_uncertainty"], unit),
                *[blocks.text(" ")] * 2,
            ]
        )
    return blocks.table(
        title,
        ["Component", "Source", "Value", "u", "Sensitivity", "Contribution", "ν", "Distribution"],
        rows,
        [1.5, 2.85, 1.35, 1.15, 0.9, 1.0, 0.4, 0.95],
        "llrrrrrl",
        small=True,
        whole=18,
    )


def _shares_components(name: str, budgets_of: Results) -> bool:
    """Whether a budget has the same components as that of the mean error, so that its contributions tell enough."""
    if name == FULL or FULL not in budgets_of:
        return False
    return _names(budgets_of[name]) == _names(budgets_of[FULL])


def _names(budget: Results) -> list[str]:
    return [str(part["name"]) for part in budget.get("components") or []]


def _contributions(case: str, found: list[Results]) -> list[Block]:
    """Contributions to the other quantities, side by side. Rows: components. Columns: quantities of the units."""
    columns = [
        (str(result["unit"]), str(name), budget)
        for result in found
        for name, budget in result["budgets"].items()
        if _shares_components(name, result["budgets"])
    ]
    tables = []
    for start in range(0, len(columns), COLUMNS):
        shown = columns[start : start + COLUMNS]
        rows = []
        for place, component in enumerate(_names(shown[0][2])):
            row = [blocks.text(wording.plain(component))]
            for _, _, budget in shown:
                part = budget["components"][place]
                row.append(blocks.uncertainty(part.get("contribution"), budget.get("unit")))
            rows.append(row)
        for words, key in (("combined", "combined_standard_uncertainty"), ("U", "expanded_uncertainty")):
            cells = [blocks.uncertainty(budget.get(key), budget.get("unit")) for _, _, budget in shown]
            rows.append([blocks.strong(words), *cells])
        tables.append(
            blocks.table(
                f"{case}: contributions to the other quantities, same components and sources",
                ["Component", *[f"{unit}: {wording.measurement(name)}" for unit, name, _ in shown]],
                rows,
                [1.6, *[1.0] * len(shown)],
                "l" + "r" * len(shown),
                small=True,
            )
        )
    return tables


def _component(part: Results, unit: str | None) -> list[Cell]:
    own = part.get("unit")
    return [
        blocks.text(wording.plain(str(part["name"]))),
        blocks.text(part.get("source")),
        blocks.written(number(part.get("value"), own, digits=5), part.get("value")),
        blocks.uncertainty(part.get("standard_uncertainty"), own),
        blocks.written(number(part.get("sensitivity"), digits=3), part.get("sensitivity")),
        blocks.uncertainty(part.get("contribution"), unit),
        _freedom(part.get("degrees_of_freedom")),
        blocks.text(part.get("distribution")),
    ]


def _freedom(value: float | None) -> Cell:
    """Degrees of freedom; null, infinity and very many are "∞"."""
    if value is None or value == float("inf") or value > 1e6:
        return blocks.written("∞", value if value is not None and value < 1e300 else None)
    return blocks.plain_number(value, digits=3)
