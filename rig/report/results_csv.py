"""Results as one long CSV table, a row for each number with its verdict or uncertainty; no cell is a formula."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

from rig.report.plain_text import visible

Results = dict[str, Any]
OF_A_NUMBER = (
    "kind",
    "name",
    "value",
    "unit_of_value",
    "expanded_uncertainty",
    "coverage_factor",
    "limit",
    "limit_low",
    "limit_high",
    "verdict",
    "margin",
    "probability_of_wrong_decision",
    "test_uncertainty_ratio",
    "reason",
)
COLUMNS = (
    "run_id",
    "rehearsal",
    "plan",
    "revision",
    "case",
    "procedure",
    "requirements",
    "unit",
    *OF_A_NUMBER,
)
# A spreadsheet takes a cell for a formula, or for the end of a cell, that begins with one of these.
FORMULA_BEGINS = tuple("=+-@|＝＋－＠\t\r\n")


def results_csv(results: Results) -> str:
    """Criteria, measurements, trumpet windows, boluses and portions of every case and unit (RFC 4180, UTF-8)."""
    text = io.StringIO()
    table = csv.writer(text)
    table.writerow(COLUMNS)
    plan = results["plan"]
    for case in results["cases"]:
        told = [results["run_id"], results["rehearsal"], plan["id"], plan["revision"], case["id"]]
        told += [case["procedure"], ", ".join(case["requirements"]), case["unit"]]
        for row in _rows(case):
            table.writerow([cell(item) for item in (*told, *(row.get(name) for name in OF_A_NUMBER))])
    return text.getvalue()


def cell(value: object) -> str:
    """What stands in a cell: numbers exactly, text on one line and never as a formula, nothing for None."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        return repr(value)
    return f"'{visible(value)}" if may_be_formula(str(value)) else visible(value)


def may_be_formula(text: str) -> bool:
    """Whether a spreadsheet would compute a cell of this text; an apostrophe before it keeps it text."""
    return text.lstrip(" ").startswith(FORMULA_BEGINS)


def _rows(case: Results) -> Iterator[Results]:
    for criterion in case["criteria"]:
        yield {**criterion, "kind": "criterion", "unit_of_value": criterion["unit"]}
    for name, measurement in case["measurements"].items():
        yield {**measurement, "kind": "measurement", "name": name, "unit_of_value": measurement["unit"]}
    for point in case["trumpet"]:
        for which in ("max", "min"):
            yield {
                "kind": "trumpet",
                "name": f"error_{which} over {point['window_s']:g} s",
                "value": point[f"error_{which}_pct"],
                "unit_of_value": "%",
                "expanded_uncertainty": point["expanded_uncertainty_pct"],
            }
    for dose in case["doses"]:
        yield _volume("bolus", f"bolus {dose['index'] + 1}", dose)
    for portion in case["portions"]:
        yield _volume("portion", portion["name"], portion)


def _volume(kind: str, name: str, found: Results) -> Results:
    return {
        "kind": kind,
        "name": name,
        "value": found["volume_ml"],
        "unit_of_value": "mL",
        "expanded_uncertainty": found.get("expanded_uncertainty_ml"),
    }
