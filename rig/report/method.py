"""How it was tested and when a value is good enough: procedures, times, criteria, decision rule."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import duration, number
from rig.report.procedure_words import PROCEDURES
from rig.report.sources import Sources

TOLD_ELSEWHERE = ("id", "procedure", "title", "verifies", "clauses", "rationale", "accept")
DECISION = [
    "A value is judged with a guard band as wide as its expanded uncertainty, w = U at about 95 % "
    "coverage (ILAC-G8:09/2019, "
    "JCGM 106:2012): the acceptance limit lies U inside the tolerance limit.",
    "PASS is a value inside the acceptance limit, CONDITIONAL PASS one inside the tolerance limit but "
    "nearer to it than U, "
    "CONDITIONAL FAIL one outside it by less than U, FAIL one outside by more; INCONCLUSIVE is given "
    "when the data or the "
    "measuring capability do not allow a decision, and only PASS counts as passed.",
    "The probability of a wrong decision is the probability that the true value lies on the other side "
    "of the tolerance "
    "limit from the measured one, for a normal or Student's t distribution with the standard uncertainty "
    "U/k; the margin is the "
    "distance of the value from the nearest tolerance limit, negative outside it. TUR, the test uncertainty ratio, "
    "is half the width of the tolerance over U; below 4 the case is flagged.",
]


def method(sources: Sources) -> Block:
    """The section on procedures and times."""
    parts: list[Block] = []
    procedures = dict.fromkeys(str(case.procedure) for case in sources.plan.cases)
    for procedure in procedures:
        cases = [case for case in sources.plan.cases if case.procedure == procedure]
        words = PROCEDURES[procedure]
        inner = [blocks.paragraph(words.source), blocks.steps(list(words.steps))]
        inner.append(
            _settings(procedure, cases) if procedure in SETTINGS else _as_written(sources, procedure)
        )
        title = wording.procedure(procedure)
        parts.append(
            blocks.section(f"method-{len(parts) + 1}", title[:1].upper() + title[1:], inner, level=2)
        )
    return blocks.section("method", "Method", parts)


def _as_written(sources: Sources, procedure: str) -> Block:
    """Settings of the cases of one procedure, as the plan writes them."""
    rows: list[list[Cell]] = []
    for case in sources.plan.source.data.get("case", []):
        if case.get("procedure") != procedure:
            continue
        settings = [(key, value) for key, value in case.items() if key not in TOLD_ELSEWHERE]
        for place, (key, value) in enumerate(settings):
            rows.append(
                [
                    blocks.first_of(place, case["id"]),
                    blocks.text(wording.plain(key)),
                    blocks.text(_in_words(value)),
                ]
            )
    return blocks.table(
        "Settings, as the plan writes them", ["Case", "Setting", "Value"], rows, [1.2, 1.2, 3.0]
    )


def _in_words(value: object) -> str:
    """A setting as the plan writes it, without brackets and quotes."""
    if isinstance(value, dict):
        return ", ".join(f"{key} {_in_words(part)}" for key, part in value.items())
    if isinstance(value, list):
        between = "; " if any(isinstance(item, dict) for item in value) else ", "
        return between.join(_in_words(item) for item in value)
    return str(value)


def _lasting(name: str) -> Callable[[Any], Cell]:
    return lambda case: blocks.text(duration(getattr(case, name)))


# Heading, what stands below it, share of the width (0: as wide as needed), alignment.
Column = tuple[str, Callable[[Any], Cell], float, str]
SETTINGS: dict[str, tuple[Column, ...]] = {
    "bolus": (
        ("Case", lambda case: blocks.strong(case.id), 0.0, "l"),
        ("Bolus", lambda case: blocks.plain_number(case.bolus_ml, "mL"), 0.0, "r"),
        ("over", _lasting("bolus_duration_s"), 0.0, "r"),
        ("Number", lambda case: blocks.plain_number(case.count), 0.0, "r"),
        ("Start to start", _lasting("interval_s"), 0.0, "r"),
        ("Wait before weighing", _lasting("settle_s"), 0.0, "r"),
        ("Blank, each", _lasting("blank_s"), 0.0, "r"),
        ("Whole case", _lasting("duration_s"), 0.0, "r"),
    ),
    "flow_accuracy": (
        ("Case", lambda case: blocks.strong(case.id), 1.3, "l"),
        ("Rate", lambda case: blocks.text(rate_in_words(case)), 1.5, "l"),
        ("Relax", _lasting("relax_s"), 0.8, "r"),
        ("Blank, each", _lasting("blank_s"), 0.8, "r"),
        ("Settle", _lasting("settle_s"), 0.8, "r"),
        ("Sample every", _lasting("sample_every_s"), 0.8, "r"),
        ("Analysis period", _lasting("sample_for_s"), 0.9, "r"),
        ("Windows (min)", lambda case: blocks.text(_minutes(case.windows_s)), 1.5, "l"),
        ("Whole case", _lasting("duration_s"), 1.0, "r"),
    ),
}


def _minutes(seconds: Sequence[float]) -> str:
    return ", ".join(f"{each / 60:g}" for each in seconds)


def _settings(procedure: str, cases: list[Any]) -> Block:
    """Settings of the cases of one procedure: one column a setting."""
    headings, cells, widths, align = zip(*SETTINGS[procedure], strict=True)
    return blocks.table(
        f"Settings of the {procedure.replace('_', ' ')} cases",
        list(headings),
        [[cell(case) for cell in cells] for case in cases],
        list(widths),
        "".join(align),
    )


def rate_in_words(case: Any) -> str:
    """The rate of a case per hour and per day, and the dose it was computed from."""
    told = f"{number(case.rate_ml_h, 'mL/h')} = {number(case.rate_ml_h * 24, 'mL/day')}"
    dose = getattr(case, "dose_ug_h", None)
    if dose is not None:
        concentration = number(case.concentration_ug_ml, "µg/mL")
        told += f", from {number(dose * 24, 'µg/day')} of {case.drug_name} at {concentration}"
    return told


def acceptance(sources: Sources) -> Block:
    """The section on criteria and decision rule."""
    rows: list[list[Cell]] = []
    for case in sources.plan.cases:
        for place, criterion in enumerate(case.criteria):
            rows.append(
                [
                    blocks.first_of(place, case.id),
                    blocks.text(", ".join(case.verifies)) if place == 0 else blocks.again(" "),
                    blocks.text(wording.criterion(criterion.name)),
                    blocks.text(wording.limit(criterion.limit.text)),
                    blocks.text(wording.meaning(criterion.name)),
                ]
            )
    parts = [
        blocks.table(
            "Acceptance criteria",
            ["Case", "Verifies", "Criterion", "Limit", "What is compared"],
            rows,
            [1.2, 1.0, 1.4, 1.1, 2.6],
        )
    ]
    reasons = [f"{case.id}: {case.rationale}" for case in sources.plan.cases if case.rationale]
    if reasons:
        parts.append(blocks.section("rationale", "Why these cases", [blocks.bullets(reasons)], level=2))
    clauses = [f"{case.id}: {'; '.join(case.clauses)}" for case in sources.plan.cases if case.clauses]
    if clauses:
        parts.append(blocks.section("clauses", "Clauses of standards", [blocks.bullets(clauses)], level=2))
    parts.append(
        blocks.section("decision", "Decision rule", [blocks.paragraph(words) for words in DECISION], level=2)
    )
    return blocks.section("acceptance", "Acceptance criteria and decision rule", parts)
