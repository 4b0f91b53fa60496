"""Uncertainty budgets: one table a case, unit and quantity."""

from __future__ import annotations

from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import number, spread
from rig.report.sources import Results, Sources


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
        for result in sources.of_case(case):
            for name, budget in (result.get("budgets") or {}).items():
                parts.append(_budget(f"{case}, {result['unit']}: {wording.measurement(str(name))}", budget))
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
    return blocks.table(
        title,
        ["Component", "Source", "Value", "u", "Sensitivity", "Contribution", "ν", "Distribution"],
        rows,
        [1.35, 2.2, 1.25, 1.15, 1.0, 1.15, 0.45, 1.0],
        "llrrrrrl",
    )


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
