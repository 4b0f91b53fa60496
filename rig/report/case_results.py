"""What was found: every criterion on every unit at a glance, then each case with its tables and figures."""

from __future__ import annotations

from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.case_pictures import pictures
from rig.report.case_tables import boluses, measurements, portions, trumpets, witnesses
from rig.report.numbers import duration, number, plus_minus, probability
from rig.report.sources import Results, Sources, criterion_of

UNITS_A_TABLE = 4
UNITS_OF_NAMES = {
    "_ml_h": "mL/h",
    "_ug_h": "µg/h",
    "_ug_ml": "µg/mL",
    "_ml": "mL",
    "_s": "s",
    "_pct": "%",
    "_c": "°C",
}


def results(sources: Sources) -> Block:
    """The section: at a glance, then one sub-section a case."""
    if not sources.cases:
        return blocks.section("results", "Results", [blocks.paragraph("No case was carried out.")])
    parts = at_a_glance(sources)
    parts += [_case(sources, case, place) for place, case in enumerate(sources.case_ids, 1)]
    return blocks.section("results", "Results", parts)


def at_a_glance(sources: Sources) -> list[Block]:
    """Rows: criteria of each case. Columns: units. Cells: verdict and value with its expanded uncertainty."""
    tables = []
    for start in range(0, len(sources.serials), UNITS_A_TABLE):
        shown = sources.serials[start : start + UNITS_A_TABLE]
        rows = [row for case in sources.case_ids for row in _glance_at_case(sources, case, shown)]
        tables.append(
            blocks.table(
                "All criteria at a glance (value ± expanded uncertainty)",
                ["Case", "Criterion", "Limit", *shown],
                rows,
                [1.1, 1.4, 1.0, *[1.5] * len(shown)],
            )
        )
    return tables


def _glance_at_case(sources: Sources, case: str, serials: list[str]) -> list[list[Cell]]:
    by_unit = {str(result["unit"]): result for result in sources.of_case(case)}
    names = dict.fromkeys(
        str(criterion["name"]) for result in by_unit.values() for criterion in result.get("criteria") or []
    )
    rows = []
    for place, name in enumerate(names):
        cells = [criterion_of(by_unit.get(serial), name) for serial in serials]
        limit = next((found.get("limit") for found in cells if found is not None), None)
        rows.append(
            [
                blocks.first_of(place, case),
                blocks.text(wording.criterion(name)),
                blocks.text(wording.limit(limit)),
                *[_glance(found) for found in cells],
            ]
        )
    return rows


def _glance(found: Results | None) -> Cell:
    if found is None:
        return blocks.text("not tested")
    cell = blocks.verdict(found["verdict"])
    value, unit = found.get("value"), found.get("unit")
    if value is not None:
        signed = wording.signed(unit, str(found["name"]))
        cell["detail"] = plus_minus(value, found.get("expanded_uncertainty"), unit, signed)
    return cell


def _case(sources: Sources, case: str, place: int) -> Block:
    found = sources.of_case(case)
    first = found[0]
    title = f"{case}: {first['title']}" if first.get("title") else case
    parts: list[Block] = [blocks.paragraph(_introduction(first)), _endings(sources, found), _criteria(found)]
    reasons = _reasons(found)
    if reasons:
        parts += [blocks.paragraph("Reasons given with verdicts:", "note"), blocks.bullets(reasons)]
    parts += [*measurements(found), *witnesses(found), *trumpets(found), *boluses(found), *portions(found)]
    parts += pictures(sources, found)
    return blocks.section(f"case-{place}", title, parts, level=2)


def _introduction(first: Results) -> str:
    asked = ", ".join(str(name) for name in first.get("requirements") or []) or "no requirement"
    return (
        f"Verifies {asked}. Procedure: {wording.procedure(str(first['procedure']))}. Set: {_settings(first)}."
    )


def _settings(first: Results) -> str:
    """What was set, without the times that the section on the method tells."""
    settings = dict(first.get("set") or {})
    if number(settings.get("programmed_rate_ml_h")) == number(settings.get("rate_ml_h")):
        settings.pop("programmed_rate_ml_h", None)
    told = []
    for name, value in settings.items():
        words, unit = _named(name)
        if value is None or isinstance(value, list | dict) or (unit == "s" and not name.startswith("bolus")):
            continue
        if isinstance(value, int | float) and not isinstance(value, bool):
            shown = duration(value) if unit == "s" else number(value, unit)
            daily = f" = {number(value * 24, 'mL/day')}" if unit == "mL/h" else ""
            told.append(f"{words} {shown}{daily}")
        else:
            told.append(f"{words} {value}")
    return ", ".join(told) or "nothing"


def _named(name: str) -> tuple[str, str]:
    """ "rate_ml_h" -> ("rate", "mL/h")."""
    for suffix, unit in UNITS_OF_NAMES.items():
        if name.endswith(suffix):
            return wording.plain(name.removesuffix(suffix)), unit
    return wording.plain(name), ""


def _endings(sources: Sources, found: list[Results]) -> Block:
    rows = []
    for result in found:
        started_s, finished_s = result.get("started_s"), result.get("finished_s")
        lasted = None if started_s is None or finished_s is None else finished_s - started_s
        told = wording.ended(str(result.get("ended") or "not carried out"), str(result.get("message") or ""))
        rows.append(
            [
                blocks.strong(result["unit"]),
                blocks.text(sources.at(started_s)),
                blocks.text(duration(lasted)),
                blocks.text(told),
                blocks.verdict(result.get("outcome")),
            ]
        )
    return blocks.table(
        "How the case went",
        ["Unit", "Started", "Lasted", "Ended", "Outcome"],
        rows,
        [1.0, 1.6, 0.9, 2.5, 1.5],
    )


def _criteria(found: list[Results]) -> Block:
    rows = []
    for result in found:
        criteria = result.get("criteria") or []
        if len(criteria) > 1 and _alike(criteria):
            rows.append(_all_unjudged(result, criteria))
        else:
            rows += [_criterion(result, criterion, place) for place, criterion in enumerate(criteria)]
    return blocks.table(
        "Criteria",
        ["Unit", "Criterion", "Value", "U", "k", "Limit", "Margin", "TUR", "P\u00a0wrong", "Verdict"],
        rows,
        [0.85, 1.45, 0.9, 0.75, 0.42, 1.12, 0.9, 0.5, 0.7, 1.55],
        "llrrrlrrrl",
    )


def _criterion(result: Results, criterion: Results, place: int) -> list[Cell]:
    name, unit, u = str(criterion["name"]), criterion.get("unit"), criterion.get("expanded_uncertainty")
    wrong = criterion.get("probability_of_wrong_decision")
    return [
        blocks.first_of(place, result["unit"]),
        blocks.text(wording.criterion(name)),
        blocks.quantity(criterion.get("value"), unit, u, wording.signed(unit, name)),
        blocks.uncertainty(u, unit),
        blocks.plain_number(criterion.get("coverage_factor"), digits=3),
        blocks.text(wording.limit(criterion.get("limit"))),
        blocks.quantity(criterion.get("margin"), unit, u),
        blocks.plain_number(criterion.get("test_uncertainty_ratio"), digits=2),
        blocks.written(probability(wrong), wrong),
        blocks.verdict(criterion["verdict"]),
    ]


def _alike(criteria: list[Results]) -> bool:
    """Whether nothing was measured for any of them and all have the same verdict."""
    return len({item["verdict"] for item in criteria}) == 1 and all(
        item.get("value") is None for item in criteria
    )


def _all_unjudged(result: Results, criteria: list[Results]) -> list[Cell]:
    return [
        blocks.strong(result["unit"]),
        blocks.text(f"all {len(criteria)}, not measured"),
        *[blocks.text(None)] * 7,
        blocks.verdict(criteria[0]["verdict"]),
    ]


def _reasons(found: list[Results]) -> list[str]:
    """Why a verdict is what it is, where the judge says so; the same reason for several criteria once."""
    told = []
    for result in found:
        names_of: dict[str, list[str]] = {}
        criteria = result.get("criteria") or []
        for criterion in criteria:
            if criterion.get("reason"):
                name = wording.criterion(str(criterion["name"]))
                names_of.setdefault(str(criterion["reason"]), []).append(name)
        for reason, names in names_of.items():
            which = "all criteria" if len(names) == len(criteria) > 1 else wording.listed(names)
            told.append(f"{result['unit']}, {which}: {reason}")
    return told
