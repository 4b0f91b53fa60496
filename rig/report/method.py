"""How it was tested and when a value is good enough: procedures, times, criteria, decision rule."""

from __future__ import annotations

from typing import Any

from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import duration, number
from rig.report.sources import Sources

FLOW_STEPS = [
    "The pump unit, the balance and the flow sensor are asked who they are; calibration dates are "
    "checked. A unit whose "
    "instruments are out of calibration is refused before any liquid moves.",
    "With the pump stopped, the tubing relaxes; then the balance is read at equal intervals: the "
    "evaporation blank before.",
    "The pump is programmed with the rate, and the prescription is read back from the pump and compared "
    "with what was "
    "commanded. If they differ, the case ends with an error.",
    "The flow settles; the balance is read at the sample interval (start-up curve).",
    "Analysis period: the balance is read at the sample interval, the flow sensor samples continuously, "
    "the pump is asked "
    "for state, alarms and its own log once a minute.",
    "The pump is stopped, the tubing relaxes, and the evaporation blank is weighed again. Evaporation is "
    "interpolated "
    "between the blanks and added back; what they differ by beyond their own uncertainty goes into the budget.",
    "Whatever happens, the case ends with the pump in its safe state.",
]
BOLUS_STEPS = [
    "The pump unit, the balance and the flow sensor are asked who they are; calibration dates are "
    "checked. A unit whose "
    "instruments are out of calibration is refused before any liquid moves.",
    "With the pump stopped, the tubing relaxes; then the balance is read at equal intervals: the "
    "evaporation blank before.",
    "For each bolus: the balance is read, the bolus is programmed and read back, the pump delivers it, "
    "the wait after the "
    "bolus passes, the balance is read again. The dose is the difference, corrected for evaporation.",
    "After the last bolus the pump is stopped, the tubing relaxes, and the evaporation blank is weighed again.",
    "Whatever happens, the case ends with the pump in its safe state.",
]
SOURCES_OF_METHOD = {
    "flow_accuracy": "After IEC 60601-2-24:2012, 201.12.1.102 to 201.12.1.106. That standard excludes implantable "
    "pumps, "
    "and "
    "ISO 14708-4 leaves the method to the maker: periods, sample interval and observation windows are "
    "those of the plan.",
    "bolus": "After IEC 60601-2-24:2012, 201.12.1.104 (successive boluses, each weighed).",
}
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
    "distance of the value from the nearest tolerance limit, negative outside it.",
]


def method(sources: Sources) -> Block:
    """The section on procedures and times."""
    parts: list[Block] = []
    procedures = dict.fromkeys(str(case.procedure) for case in sources.plan.cases)
    for procedure in procedures:
        cases = [case for case in sources.plan.cases if case.procedure == procedure]
        words = {"flow_accuracy": FLOW_STEPS, "bolus": BOLUS_STEPS}.get(procedure, [])
        inner: list[Block] = []
        if procedure in SOURCES_OF_METHOD:
            inner.append(blocks.paragraph(SOURCES_OF_METHOD[procedure]))
        if words:
            inner.append(blocks.steps(words))
        inner.append(_times(procedure, cases))
        title = wording.procedure(procedure)
        parts.append(
            blocks.section(f"method-{len(parts) + 1}", title[:1].upper() + title[1:], inner, level=2)
        )
    return blocks.section("method", "Method", parts)


def _times(procedure: str, cases: list[Any]) -> Block:
    """Settings of the cases of one procedure: one column a setting."""
    if procedure == "bolus":
        columns = [
            "Case",
            "Bolus",
            "over",
            "Number",
            "Start to start",
            "Wait before weighing",
            "Blank, each",
            "Whole case",
        ]
        rows = [
            [
                blocks.strong(case.id),
                blocks.plain_number(case.bolus_ml, "mL"),
                blocks.text(duration(case.bolus_duration_s)),
                blocks.plain_number(case.count),
                blocks.text(duration(case.interval_s)),
                blocks.text(duration(case.settle_s)),
                blocks.text(duration(case.blank_s)),
                blocks.text(duration(case.duration_s)),
            ]
            for case in cases
        ]
        return blocks.table("Settings of the bolus cases", columns, rows, None, "l" + "r" * 7)
    columns = [
        "Case",
        "Rate",
        "Relax",
        "Blank, each",
        "Settle",
        "Sample every",
        "Analysis period",
        "Windows (min)",
        "Whole case",
    ]
    rows = [
        [
            blocks.strong(case.id),
            blocks.text(rate_in_words(case)),
            blocks.text(duration(case.relax_s)),
            blocks.text(duration(case.blank_s)),
            blocks.text(duration(case.settle_s)),
            blocks.text(duration(case.sample_every_s)),
            blocks.text(duration(case.sample_for_s)),
            blocks.text(", ".join(f"{window / 60:g}" for window in case.windows_s)),
            blocks.text(duration(case.duration_s)),
        ]
        for case in cases
    ]
    return blocks.table(
        "Settings of the flow accuracy cases",
        columns,
        rows,
        [1.3, 1.5, 0.8, 0.8, 0.8, 0.8, 0.9, 1.5, 1.0],
        "llrrrrrlr",
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
    parts.append(
        blocks.section("decision", "Decision rule", [blocks.paragraph(words) for words in DECISION], level=2)
    )
    return blocks.section("acceptance", "Acceptance criteria and decision rule", parts)
