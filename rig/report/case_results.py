"""What was found: every criterion on every unit at a glance, then each case with its tables and figures."""

from __future__ import annotations

from typing import Any

from rig.record.case_data import CaseData
from rig.report import blocks, case_figures, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import duration, number, plus_minus, probability, spread
from rig.report.series import weighing
from rig.report.sources import Results, Sources

UNITS_A_TABLE = 4


def results(sources: Sources) -> Block:
    """The section: at a glance, then one sub-section a case."""
    if not sources.cases:
        return blocks.section("results", "Results", [blocks.paragraph("No case was carried out.")])
    parts = [*at_a_glance(sources)]
    for number_, case in enumerate(sources.case_ids, 1):
        parts.append(_case(sources, case, number_))
    return blocks.section("results", "Results", parts, new_page=True)


def at_a_glance(sources: Sources) -> list[Block]:
    """Rows: criteria of each case. Columns: units. Cells: verdict and value with its expanded uncertainty."""
    tables = []
    for start in range(0, len(sources.serials), UNITS_A_TABLE):
        shown = sources.serials[start : start + UNITS_A_TABLE]
        rows = []
        for case in sources.case_ids:
            by_unit = {str(result["unit"]): result for result in sources.of_case(case)}
            names = list(
                dict.fromkeys(
                    str(criterion["name"])
                    for result in by_unit.values()
                    for criterion in result.get("criteria") or []
                )
            )
            for place, name in enumerate(names):
                cells = [_criterion_of(by_unit.get(serial), name) for serial in shown]
                limit = next((found["limit"] for found in cells if found is not None), None)
                rows.append(
                    [
                        blocks.strong(case if place == 0 else " "),
                        blocks.text(wording.criterion(name)),
                        blocks.text(limit),
                        *[_glance(found) for found in cells],
                    ]
                )
        tables.append(
            blocks.table(
                "All criteria at a glance (value ± expanded uncertainty)",
                ["Case", "Criterion", "Limit", *shown],
                rows,
                [1.2, 1.5, 1.1, *[1.4] * len(shown)],
            )
        )
    return tables


def _criterion_of(result: Results | None, name: str) -> Results | None:
    if result is None:
        return None
    return next((found for found in result.get("criteria") or [] if found["name"] == name), None)


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
    parts: list[Block] = [blocks.paragraph(_introduction(first))]
    parts.append(_endings(sources, found))
    parts.append(_criteria(found))
    reasons = [
        f"{result['unit']}, {wording.criterion(str(criterion['name']))}: {criterion['reason']}"
        for result in found
        for criterion in result.get("criteria") or []
        if criterion.get("reason")
    ]
    if reasons:
        parts.append(blocks.paragraph("Reasons given with verdicts:", "note"))
        parts.append(blocks.bullets(reasons))
    parts += _measurements(found)
    if any(result.get("trumpet") for result in found):
        parts.append(_trumpet(found))
    if any(result.get("doses") for result in found):
        parts += _doses(found)
    parts += _figures(sources, found, place)
    return blocks.section(f"case-{place}", title, parts, level=2)


def _introduction(first: Results) -> str:
    asked = ", ".join(str(name) for name in first.get("requirements") or []) or "no requirement"
    return (
        f"Verifies {asked}. Procedure: {wording.procedure(str(first['procedure']))}. Set: {_settings(first)}."
    )


def _settings(first: Results) -> str:
    told = []
    for name, value in (first.get("set") or {}).items():
        if value is None or isinstance(value, list | dict):
            continue
        words, unit = _named(name)
        if isinstance(value, int | float) and not isinstance(value, bool):
            told.append(f"{words} {duration(value) if unit == 's' else number(value, unit)}")
        else:
            told.append(f"{words} {value}")
    return ", ".join(told) or "nothing"


def _named(name: str) -> tuple[str, str]:
    """ "rate_ml_h" -> ("rate", "mL/h")."""
    units = {
        "_ml_h": "mL/h",
        "_ug_h": "µg/h",
        "_ug_ml": "µg/mL",
        "_ml": "mL",
        "_s": "s",
        "_pct": "%",
        "_c": "°C",
    }
    for suffix, unit in units.items():
        if name.endswith(suffix):
            return wording.plain(name.removesuffix(suffix)), unit
    return wording.plain(name), ""


def _endings(sources: Sources, found: list[Results]) -> Block:
    rows = []
    for result in found:
        started_s, finished_s = result.get("started_s"), result.get("finished_s")
        lasted = None if started_s is None or finished_s is None else finished_s - started_s
        told = wording.ending(str(result.get("ended") or "not carried out"))
        message = result.get("message")
        rows.append(
            [
                blocks.strong(result["unit"]),
                blocks.text(sources.at(started_s)),
                blocks.text(duration(lasted)),
                blocks.text(f"{told}: {message}" if message else told),
                blocks.verdict(result.get("outcome")),
            ]
        )
    return blocks.table(
        "How the case went",
        ["Unit", "Started", "Lasted", "Ended", "Outcome"],
        rows,
        [1.0, 1.6, 1.0, 2.6, 1.3],
    )


def _criteria(found: list[Results]) -> Block:
    rows = []
    for result in found:
        for place, criterion in enumerate(result.get("criteria") or []):
            name, unit, u = (
                str(criterion["name"]),
                criterion.get("unit"),
                criterion.get("expanded_uncertainty"),
            )
            signed = wording.signed(unit, name)
            rows.append(
                [
                    blocks.strong(result["unit"] if place == 0 else " "),
                    blocks.text(wording.criterion(name)),
                    blocks.quantity(criterion.get("value"), unit, u, signed),
                    blocks.uncertainty(u, unit),
                    blocks.plain_number(criterion.get("coverage_factor"), digits=3),
                    blocks.text(criterion.get("limit")),
                    blocks.quantity(criterion.get("margin"), unit, u),
                    blocks.written(
                        probability(criterion.get("probability_of_wrong_decision")),
                        criterion.get("probability_of_wrong_decision"),
                    ),
                    blocks.verdict(criterion["verdict"]),
                ]
            )
    return blocks.table(
        "Criteria",
        ["Unit", "Criterion", "Value", "U", "k", "Limit", "Margin", "P (wrong)", "Verdict"],
        rows,
        [1.0, 1.5, 0.95, 0.85, 0.5, 1.1, 0.95, 0.8, 1.35],
        "llrrrlrrl",
    )


def _measurements(found: list[Results]) -> list[Block]:
    """Rows: quantities. Columns: units."""
    names = list(dict.fromkeys(name for result in found for name in result.get("measurements") or {}))
    if not names:
        return []
    tables = []
    for start in range(0, len(found), UNITS_A_TABLE):
        shown = found[start : start + UNITS_A_TABLE]
        rows = []
        for name in names:
            row = [blocks.text(wording.measurement(name))]
            for result in shown:
                got = (result.get("measurements") or {}).get(name) or {}
                u, unit = got.get("expanded_uncertainty"), got.get("unit")
                value = got.get("value")
                if isinstance(value, str):
                    row.append(blocks.text(value))
                    continue
                signed = wording.signed(unit, name)
                row.append(blocks.written(plus_minus(value, u, unit, signed) if got else "–", value))
            rows.append(row)
        tables.append(
            blocks.table(
                "Measured quantities (± expanded uncertainty where there is one)",
                ["Quantity", *[str(result["unit"]) for result in shown]],
                rows,
                [1.8, *[1.3] * len(shown)],
                "l" + "r" * len(shown),
            )
        )
    return tables


def _trumpet(found: list[Results]) -> Block:
    measured = [result for result in found if result.get("trumpet")]
    rows = []
    for result in measured:
        for place, point in enumerate(result["trumpet"]):
            u = point.get("expanded_uncertainty_pct")
            rows.append(
                [
                    blocks.strong(result["unit"] if place == 0 else " "),
                    blocks.written(f"{number(point['window_s'] / 60)} min", point["window_s"]),
                    blocks.plain_number(point["count"]),
                    blocks.quantity(point["error_max_pct"], "%", u, signed=True),
                    blocks.quantity(point["error_min_pct"], "%", u, signed=True),
                    blocks.uncertainty(u, "%"),
                ]
            )
    return blocks.table(
        "Trumpet: largest and smallest error over all windows of each length",
        ["Unit", "Window", "Windows", "Largest error", "Smallest error", "U"],
        rows,
        [1.2, 1.0, 1.0, 1.2, 1.2, 1.0],
        "lrrrrr",
    )


def _doses(found: list[Results]) -> list[Block]:
    """Rows: boluses. Two columns a unit: volume and deviation."""
    measured = [result for result in found if result.get("doses")]
    tables = []
    for start in range(0, len(measured), 3):
        shown = measured[start : start + 3]
        columns = ["Bolus"]
        for result in shown:
            columns += [f"{result['unit']}: volume", "deviation"]
        longest = max(len(result["doses"]) for result in shown)
        rows = []
        for place in range(longest):
            row: list[Cell] = [blocks.plain_number(place + 1)]
            for result in shown:
                if place < len(result["doses"]):
                    dose = result["doses"][place]
                    u = dose.get("expanded_uncertainty_pct")
                    u_ml = dose.get("expanded_uncertainty_ml")
                    row.append(blocks.quantity(dose.get("volume_ml"), "mL", u_ml))
                    row.append(blocks.quantity(dose.get("deviation_pct"), "%", u, signed=True))
                else:
                    row += [blocks.text(None), blocks.text(None)]
            rows.append(row)
        tables.append(
            blocks.table(
                "Boluses, one by one", columns, rows, [0.6, *[1.3, 1.0] * len(shown)], "r" * len(columns)
            )
        )
    return tables


def _figures(sources: Sources, found: list[Results], place: int) -> list[Block]:
    drawn: list[Block] = []
    together: list[CaseData] = []
    for result in found:
        data = sources.data(result)
        if data is None:
            continue
        together.append(data)
        drawn += _bolus(result) if result["procedure"] == "bolus" else _flow(sources, result, data)
    blank = case_figures.blanks(together)
    if blank is not None:
        words = (
            f"{found[0]['id']}: change of mass with the pump stopped. Filled marks: blank before; "
            "open marks and thin lines: blank after."
        )
        drawn.append(blocks.figure(blank, words, words))
    if not drawn:
        return [blocks.paragraph("Nothing was weighed in this case, so there is no figure.", "note")]
    return [blocks.figures(drawn)]


def _flow(sources: Sources, result: Results, data: CaseData) -> list[Block]:
    rate = (result.get("set") or {}).get("rate_ml_h")
    if rate is None:
        return []
    name = f"{result['unit']}, {result['id']}"
    weighed, flags = weighing(data, sources.plan, sources.bench), result.get("flags") or []
    drawn = []
    settle, sample = data.step("settle"), data.step("sample")
    if settle is not None and settle.end_ns > settle.start_ns:
        drawn.append(
            blocks.figure(
                case_figures.start_up(data, settle, rate, weighed),
                f"{name}: start-up curve. Points: balance. Grey: least and greatest sample of the flow sensor.",
                f"{name}: flow against time from the start of the pump to the end of settling.",
            )
        )
    if sample is not None and data.mass.t_ns.size and sample.end_ns > sample.start_ns:
        drawn.append(
            blocks.figure(
                case_figures.flow_over_time(data, sample, rate, weighed, flags),
                f"{name}: flow in the analysis period. Hatched: flagged.",
                f"{name}: flow against time in the analysis period, by balance and by flow sensor.",
            )
        )
        drawn.append(
            blocks.figure(
                case_figures.residual(data, sample, rate, weighed, flags),
                f"{name}: delivered minus programmed volume in the analysis period.",
                f"{name}: deviation of the delivered from the programmed volume against time.",
            )
        )
    if result.get("trumpet"):
        mean = _criterion_of(result, "mean_error") or (result.get("measurements") or {}).get("mean_error")
        told = (
            f", A = {plus_minus(mean['value'], mean.get('expanded_uncertainty'), '%', True)}"
            if mean and mean.get("value") is not None
            else ""
        )
        drawn.append(
            blocks.figure(
                case_figures.trumpet(result["trumpet"], mean, _limits(result)),
                f"{name}: trumpet curve{told}. Bars: expanded uncertainty.",
                f"{name}: largest and smallest error against observation window, with mean error and limits.",
            )
        )
    return drawn


def _limits(result: Results) -> list[tuple[float | None, float | None, float | None]]:
    """Limits on A (window None) and on windows, for the trumpet."""
    windows = {"min": 60.0, "h": 3600.0, "s": 1.0}
    limits: list[tuple[float | None, float | None, float | None]] = []
    for criterion in result.get("criteria") or []:
        name, low, high = str(criterion["name"]), criterion.get("limit_low"), criterion.get("limit_high")
        if name == "mean_error":
            limits.append((None, low, high))
        elif name.startswith("trumpet_"):
            amount, _, unit = name.removeprefix("trumpet_").rpartition("_")
            limits.append((float(amount) * windows[unit], low, high))
    return limits


def _bolus(result: Results) -> list[Block]:
    doses = [dose for dose in result.get("doses") or [] if dose.get("deviation_pct") is not None]
    if not doses:
        return []
    limits = [
        (words, criterion.get("limit_low"), criterion.get("limit_high"))
        for name, words in (("single_dose", "single"), ("mean_error", "mean"))
        if (criterion := _criterion_of(result, name)) is not None
    ]
    words = f"{result['unit']}, {result['id']}: deviation of each bolus from the commanded volume, with the limits."
    return [blocks.figure(case_figures.boluses(doses, limits), words, words)]


def budgets(sources: Sources) -> Block:
    """The section on uncertainty: one table a case, unit and quantity."""
    parts: list[Block] = [
        blocks.paragraph(
            "After JCGM 100 (GUM): contribution = |sensitivity| × standard uncertainty; the combined standard "
            "uncertainty is the root of the sum of their squares; effective degrees of freedom after "
            "Welch and Satterthwaite, rounded down; U = k × combined, with k from Student's t at 95 %."
        )
    ]
    for case in sources.case_ids:
        for result in sources.of_case(case):
            for name, budget in (result.get("budgets") or {}).items():
                parts.append(_budget(f"{case}, {result['unit']}: {wording.measurement(str(name))}", budget))
    if len(parts) == 1:
        parts.append(blocks.paragraph("No quantity was evaluated in this run, so there is no budget."))
    return blocks.section("budgets", "Uncertainty budgets", parts, new_page=True)


def _budget(title: str, budget: dict[str, Any]) -> Block:
    unit = budget.get("unit")
    rows = []
    for part in budget.get("components") or []:
        own = part.get("unit")
        rows.append(
            [
                blocks.text(wording.plain(str(part["name"]))),
                blocks.text(part.get("source")),
                blocks.plain_number(part.get("value"), own, digits=5),
                blocks.plain_number(part.get("standard_uncertainty"), own, digits=2),
                blocks.plain_number(part.get("sensitivity"), digits=3),
                blocks.plain_number(part.get("contribution"), unit, digits=2),
                _freedom(part.get("degrees_of_freedom")),
                blocks.text(part.get("distribution")),
            ]
        )
    combined, k = budget.get("combined_standard_uncertainty"), budget.get("coverage_factor")
    expanded = spread(budget.get("expanded_uncertainty"), unit)
    rows.append(
        [
            blocks.strong("combined"),
            blocks.text(f"U = {number(k, digits=3)} × {spread(combined, unit)} = {expanded}"),
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
        [1.4, 2.3, 1.1, 1.0, 0.95, 1.1, 0.5, 0.95],
        "llrrrrrl",
    )


def _freedom(value: float | None) -> Cell:
    """Degrees of freedom; null, infinity and very many are "∞"."""
    if value is None or value == float("inf") or value > 1e6:
        return blocks.written("∞", value if value is not None and value < 1e300 else None)
    return blocks.plain_number(value, digits=3)
