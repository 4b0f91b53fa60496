"""Tables of one case, the units side by side: measured quantities, trumpet, boluses."""

from __future__ import annotations

from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import handy, measured, number, plus_minus
from rig.report.sources import Results, criterion_of

UNITS_A_TABLE = 4
UNITS_SIDE_BY_SIDE = 3  # where each takes several columns


def measurements(found: list[Results]) -> list[Block]:
    """Rows: quantities. Columns: units. Units without any are left out."""
    having = [result for result in found if result.get("measurements")]
    names = list(dict.fromkeys(name for result in having for name in result["measurements"]))
    tables = []
    for start in range(0, len(having), UNITS_A_TABLE):
        shown = having[start : start + UNITS_A_TABLE]
        rows = [
            [blocks.text(wording.measurement(name)), *[_quantity(name, result) for result in shown]]
            for name in names
        ]
        tables.append(
            blocks.table(
                "Measured quantities (± expanded uncertainty where there is one)",
                ["Quantity", *[str(result["unit"]) for result in shown]],
                rows,
                [1.8, *[1.3] * len(shown)],
                "l" + "r" * len(shown),
            )
        )
    return [*tables, *_coverage(having)]


def _coverage(having: list[Results]) -> list[Block]:
    """With which factors these uncertainties were expanded; those of nearly all by name of none."""
    quantities: dict[str, list[str]] = {}
    for result in having:
        for name, got in result["measurements"].items():
            if got.get("expanded_uncertainty") is not None:
                k = got.get("coverage_factor")
                words = "limits of error, no factor" if k is None else f"k = {number(k, digits=3)}"
                quantities.setdefault(words, []).append(wording.measurement(name))
    if not quantities:
        return []
    told = [
        f"{words} ({wording.listed(list(dict.fromkeys(names)), 12)})" for words, names in quantities.items()
    ]
    return [blocks.paragraph(f"Coverage factors: {'; '.join(told)}.", "note")]


def witnesses(found: list[Results]) -> list[Block]:
    """What balance, flow sensor and the pump's own count say of the mean flow. One row a unit."""
    rows = [
        [
            blocks.strong(result["unit"]),
            blocks.written(
                plus_minus(each["balance_ml_h"], each["balance_expanded_uncertainty_ml_h"], "mL/h"),
                each["balance_ml_h"],
            ),
            blocks.written(
                plus_minus(each["sensor_ml_h"], each["sensor_tolerance_ml_h"], "mL/h"), each["sensor_ml_h"]
            ),
            blocks.plain_number(each["pump_ml_h"], "mL/h"),
            blocks.plain_number(each["en"], digits=2, signed=True),
            blocks.plain_number(each["intervals"]),
        ]
        for result in found
        for each in result.get("witnesses") or []
    ]
    if not rows:
        return []
    columns = ["Unit", "Balance", "Flow sensor", "Pump's own count", "E_n", "Intervals"]
    title = "Two witnesses: mean flow over the intervals not in doubt; they agree where |E_n| is at most 1"
    return [blocks.table(title, columns, rows, [1.0, 1.6, 1.6, 1.2, 0.6, 0.7], "lrrrrr")]


def _quantity(name: str, result: Results) -> Cell:
    got = result["measurements"].get(name)
    if got is None:
        return blocks.text(None)
    value, unit = got.get("value"), got.get("unit")
    if isinstance(value, str | bool):
        return blocks.text(value)
    return blocks.written(
        plus_minus(value, got.get("expanded_uncertainty"), unit, wording.signed(unit, name)), value
    )


def trumpets(found: list[Results]) -> list[Block]:
    """Rows: windows. Three columns a unit: largest and smallest error, and their uncertainty."""
    having = [result for result in found if result.get("trumpet")]
    tables = []
    for start in range(0, len(having), UNITS_SIDE_BY_SIDE):
        shown = having[start : start + UNITS_SIDE_BY_SIDE]
        points = {
            (str(result["unit"]), point["window_s"]): point for result in shown for point in result["trumpet"]
        }
        rows = []
        for window_s in sorted({window_s for _, window_s in points}):
            count = max(point["count"] for (_, other_s), point in points.items() if other_s == window_s)
            row = [
                blocks.written(number(window_s / 60, "min"), window_s),
                blocks.plain_number(count, digits=6),
            ]
            for result in shown:
                row += _window(points.get((str(result["unit"]), window_s), {}))
            rows.append(row)
        columns = ["Window", "Number"]
        for result in shown:
            columns += [f"{result['unit']}: largest", "smallest", "U"]
        tables.append(
            blocks.table(
                "Trumpet: largest and smallest error over all windows of each length",
                columns,
                rows,
                [0.9, 0.8, *[1.15, 1.0, 0.8] * len(shown)],
                "r" * len(columns),
            )
        )
    return [*tables, *_left_out(having)]


def _left_out(having: list[Results]) -> list[Block]:
    """Windows that were not looked at, by unit."""
    told = [
        f"{result['unit']}: {point['left_out']} of {number(point['window_s'] / 60, 'min')}"
        for result in having
        for point in result["trumpet"]
        if point.get("left_out")
    ]
    if not told:
        return []
    return [
        blocks.paragraph(f"Windows left out because readings are missing in them: {'; '.join(told)}.", "note")
    ]


def _window(point: Results) -> list[Cell]:
    u = point.get("expanded_uncertainty_pct")
    return [
        blocks.quantity(point.get("error_max_pct"), "%", u, signed=True),
        blocks.quantity(point.get("error_min_pct"), "%", u, signed=True),
        blocks.uncertainty(u, "%"),
    ]


def boluses(found: list[Results]) -> list[Block]:
    """Rows: boluses. Two columns a unit: volume and deviation."""
    having = [result for result in found if result.get("doses")]
    tables = []
    for start in range(0, len(having), UNITS_SIDE_BY_SIDE):
        shown = having[start : start + UNITS_SIDE_BY_SIDE]
        columns = ["Bolus"]
        for result in shown:
            columns += [f"{result['unit']}: volume", "deviation"]
        rows = []
        for place in range(max(len(result["doses"]) for result in shown)):
            row: list[Cell] = [blocks.plain_number(place + 1)]
            for result in shown:
                doses = result["doses"]
                row += _dose(result, doses[place]) if place < len(doses) else [blocks.text(None)] * 2
            rows.append(row)
        tables.append(
            blocks.table(
                "Boluses, one by one",
                columns,
                rows,
                [0.6, *[1.3, 1.0] * len(shown)],
                "r" * len(columns),
                whole=30,
            )
        )
    return tables


def portions(found: list[Results]) -> list[Block]:
    """Rows: what was weighed between two instants, such as a step of a schedule. Two columns a unit."""
    having = [result for result in found if result.get("portions")]
    tables = []
    for start in range(0, len(having), UNITS_SIDE_BY_SIDE):
        shown = having[start : start + UNITS_SIDE_BY_SIDE]
        columns = ["Portion", "Programmed"]
        for result in shown:
            columns += [f"{result['unit']}: delivered", "error"]
        rows = []
        for place in range(max(len(result["portions"]) for result in shown)):
            first = next(result["portions"][place] for result in shown if place < len(result["portions"]))
            row: list[Cell] = [blocks.text(first["name"]), blocks.plain_number(first["expected_ml"], "mL")]
            for result in shown:
                if place >= len(result["portions"]):
                    row += [blocks.text(None)] * 2
                    continue
                portion = result["portions"][place]
                error, uncertainty = portion["error_pct"], portion["expanded_uncertainty_pct"]
                row.append(blocks.plain_number(portion["volume_ml"], "mL"))
                row.append(blocks.text(plus_minus(error, uncertainty, "%", signed=True)))
            rows.append(row)
        widths = [2.0, 0.9, *[1.1, 1.2] * len(shown)]
        tables.append(
            blocks.table(
                "Portions, one by one", columns, rows, widths, "l" + "r" * (len(columns) - 1), whole=30
            )
        )
    return tables


def _dose(result: Results, dose: Results) -> list[Cell]:
    """Volume and deviation, to the digits the uncertainty of a single dose bears."""
    volume, deviation = dose.get("volume_ml"), dose.get("deviation_pct")
    u = dose.get("expanded_uncertainty_pct")
    if u is None:
        u = (criterion_of(result, "single_dose") or {}).get("expanded_uncertainty")
    commanded = dose.get("commanded_ml") or (result.get("set") or {}).get("bolus_ml")
    u_ml = u / 100 * commanded if u and commanded else None
    factor, unit = handy(volume, u_ml, "mL")
    shown = measured(None if volume is None else volume * factor, u_ml * factor if u_ml else None, unit)
    return [blocks.written(shown, volume), blocks.quantity(deviation, "%", u, signed=True)]
