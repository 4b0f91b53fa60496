"""``rig analyze``: mean error, trumpet curve and hazards of a balance log from elsewhere."""

from __future__ import annotations

import argparse
import json
import sys
import textwrap
from typing import TYPE_CHECKING

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS, DefinitionError, Where
from rig.quantities import parse

if TYPE_CHECKING:
    from rig.analysis.log_results import FoundHazard, LogAnalysis

WIDTH = 79
MOST_ALIKE = 3  # hazards of one name printed in full; the rest is counted
_BAR = 24


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The command's arguments."""
    parser.add_argument("log", metavar="LOG.csv", help="CSV file with a column of time and one of weight")
    parser.add_argument("--rate", required=True, metavar="Q", help='set rate, such as "150 mL/h"')
    parser.add_argument(
        "--density", required=True, metavar="Q", help='density of the fluid, such as "0.998 g/mL"'
    )
    parser.add_argument(
        "--from",
        dest="from_",
        metavar="Q",
        help='start of the period analyzed, such as "60 min" (default: the whole log)',
    )
    parser.add_argument("--to", metavar="Q", help='its end, such as "120 min"')
    parser.add_argument(
        "--windows",
        metavar="LIST",
        help='trumpet windows, such as "2 min, 5 min" (default: 2, 5, 11, 19, 31 min)',
    )
    parser.add_argument("--time-unit", metavar="UNIT", help="ms, s, min, h or day, if the header says none")
    parser.add_argument("--weight-unit", metavar="UNIT", help="ug, mg, g or kg, if the header says none")
    parser.add_argument(
        "--time-column", metavar="NAME", help="header of the time column, if it is not found by itself"
    )
    parser.add_argument(
        "--weight-column", metavar="NAME", help="header of the weight column, if it is not found by itself"
    )
    parser.add_argument(
        "--weighs",
        choices=("collected", "source"),
        default="collected",
        help="the balance weighs what is collected (default) or the container that is emptied",
    )
    parser.add_argument("--json", action="store_true", help="print the same as JSON")
    explain(
        parser,
        "Everything suspicious in it is named. No uncertainty is stated: nothing is known of the balance.",
        example='rig analyze log.csv --rate "150 mL/h" --density "0.998 g/mL"',
        status="0 analyzed, with or without anything suspicious; 4 a bad log or option",
    )


def run(args: argparse.Namespace) -> int:
    """Analyse and print; 0, with or without hazards. Raises DefinitionError for bad input."""
    from rig.analysis.log_analysis import analyze_log
    from rig.definitions.logs.balance_log import LogUnits, read_balance_log

    rate_ml_h = _quantity(args.rate, "rate", "--rate")
    density_g_ml = _quantity(args.density, "density", "--density")
    from_s = None if args.from_ is None else _quantity(args.from_, "duration", "--from")
    to_s = None if args.to is None else _quantity(args.to, "duration", "--to")
    windows_s = None
    if args.windows is not None:
        windows_s = [_quantity(text.strip(), "duration", "--windows") for text in args.windows.split(",")]
    units = LogUnits(args.time_unit, args.weight_unit, args.time_column, args.weight_column)
    log = read_balance_log(args.log, units)
    analysis = analyze_log(
        log, rate_ml_h, density_g_ml, from_s=from_s, to_s=to_s, windows_s=windows_s, weighs=args.weighs
    )
    text = json.dumps(analysis.to_json(), indent=1, allow_nan=False) if args.json else as_text(analysis)
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "replace").decode(encoding))
    return EXIT_ALL_PASS


def _quantity(text: str, kind: str, option: str) -> float:
    try:
        return parse(text, kind)
    except DefinitionError as problem:
        raise DefinitionError(problem.message, Where(key=option), problem.hint) from None


def as_text(analysis: LogAnalysis) -> str:
    """The whole answer in lines of at most 79 characters."""
    return "\n".join(
        [
            *_what_was_read(analysis),
            "",
            *_result(analysis),
            "",
            *_trumpet(analysis),
            "",
            *_along(analysis),
            "",
            *_hazards(analysis),
        ]
    )


def _what_was_read(analysis: LogAnalysis) -> list[str]:
    log = analysis.log
    time = "clock times" if log.time_unit == "clock" else log.time_unit
    lines = [
        f"{log.file}",
        f"  {len(log.t_s)} readings from {_min(log.t_s[0])} to {_min(log.t_s[-1])} min, one every "
        f"{_span(analysis.interval_s)}",
        f"  time: column '{log.time_column}', {time};  weight: column '{log.weight_column}', {log.weight_unit}",
        f"  set rate {analysis.rate_ml_h:.6g} mL/h, density {analysis.density_g_ml:.6g} g/mL"
        + (", weighing the container that is emptied" if analysis.weighs == "source" else ""),
    ]
    for text in log.assumed:
        lines += _wrapped(f"ASSUMED: {text}", "  ", "    ")
    for text in log.notes:
        lines += _wrapped(f"note: {text}", "  ", "    ")
    return lines


def _result(analysis: LogAnalysis) -> list[str]:
    start, end = analysis.period_s
    lines = [
        f"Analysis period {_min(start)} to {_min(end)} min: {analysis.intervals} intervals of "
        f"{_span(analysis.interval_s)}"
    ]
    lines += [
        f"  left out: {_min(first)} to {_min(last)} min ({why.replace('_', ' ')})"
        for first, last, why in analysis.left_out[:MOST_ALIKE]
    ]
    if len(analysis.left_out) > MOST_ALIKE:
        lines.append(
            f"  left out: and {len(analysis.left_out) - MOST_ALIKE} more intervals (all with --json)"
        )
    if analysis.mean_error_pct is None or analysis.flow_ml_h is None:
        return [*lines, "  Mean error A:  none, the flow is known in no interval"]
    of = f" in {analysis.analysed_s / 60:.6g} min" if analysis.left_out else ""
    lines += [
        f"  Delivered      {analysis.delivered_ml:.6g} mL{of}",
        f"  Mean flow      {analysis.flow_ml_h:.5g} mL/h",
        f"  Mean error A   {_signed(analysis.mean_error_pct)} %",
    ]
    return [
        *lines,
        *_wrapped(
            "No uncertainty is stated: nothing is known of the balance. Weight is taken as shown, "
            "without correction for evaporation and air buoyancy.",
            "  ",
        ),
    ]


def _trumpet(analysis: LogAnalysis) -> list[str]:
    lines = ["Trumpet curve", "  window min    windows    Ep(max) %    Ep(min) %"]
    for window in analysis.windows:
        own = "" if window.standard else "   (no window of the standard)"
        lines.append(
            f"  {window.window_s / 60:10.6g} {window.count:10d} {_signed(window.error_max_pct):>12} "
            f"{_signed(window.error_min_pct):>12}{own}"
        )
    if not analysis.windows:
        lines.append("  no window fits")
    for window_s, why in analysis.windows_left_out:
        lines += _wrapped(f"left out: {window_s / 60:.6g} min, {why}", "  ", "    ")
    return lines


def _along(analysis: LogAnalysis) -> list[str]:
    lines = ["Flow along the whole log", "     from min     to min       mL/h    error %"]
    scale = max((block.flow_ml_h or 0.0 for block in analysis.along), default=0.0)
    for block in analysis.along:
        if block.flow_ml_h is None or block.error_pct is None:
            flow = "     not known"
        else:
            bar = "#" * max(0, round(_BAR * block.flow_ml_h / scale)) if scale > 0 else ""
            flow = f"{block.flow_ml_h:10.5g} {block.error_pct:+10.2f}  {bar}"
        lines.append(f"  {_min(block.start_s):>11} {_min(block.end_s):>10} {flow}".rstrip())
    return lines


def _hazards(analysis: LogAnalysis) -> list[str]:
    if not analysis.hazards:
        return ["Nothing suspicious was found in this log."]
    lines = [f"Found in this log, unasked ({len(analysis.hazards)}):"]
    shown: dict[str, int] = {}
    for found in analysis.hazards:
        shown[found.hazard.name] = shown.get(found.hazard.name, 0) + 1
        if shown[found.hazard.name] <= MOST_ALIKE:
            lines += _hazard(found)
    lines += [
        f"  and {count - MOST_ALIKE} more: {name.replace('_', ' ')} (all with --json)"
        for name, count in shown.items()
        if count > MOST_ALIKE
    ]
    return lines


def _hazard(found: FoundHazard) -> list[str]:
    hazard = found.hazard
    where = "touches the analysis period" if found.in_period else "outside the analysis period"
    lines = [
        f"* {hazard.name.replace('_', ' ').upper()}  {_min(hazard.start_s)} to {_min(hazard.end_s)} min, {where}",
        *_wrapped(f"{hazard.evidence[0].upper()}{hazard.evidence[1:]}.", "    "),
        *_wrapped(hazard.meaning, "    "),
    ]
    if found.mean_error_without_pct is not None:
        lines.append(f"    Mean error without this interval: {_signed(found.mean_error_without_pct)} %")
    return lines


def _signed(error_pct: float) -> str:
    return f"{round(error_pct, 3) + 0.0:+.3f}"  # no minus before zero


def _min(t_s: float) -> str:
    return f"{t_s / 60:.6g}"


def _span(t_s: float) -> str:
    return f"{t_s:.6g} s" if t_s < 60 else f"{t_s / 60:.6g} min"


def _wrapped(text: str, first: str, rest: str | None = None) -> list[str]:
    return textwrap.wrap(
        text, WIDTH, initial_indent=first, subsequent_indent=first if rest is None else rest
    ) or [first]
