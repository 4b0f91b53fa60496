"""``rig prove``: holds a plan against faulty pumps and instruments: which it catches, how large, which escape."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS, EXIT_NOT_ALL_PASS

if TYPE_CHECKING:
    from rich.console import Console

STYLES = {
    "caught": "green",
    "escaped": "red",
    "inside the limits": "yellow",
    "borne": "yellow",
    "not about": "dim",
}
MOST_NAMED = 3
INSTEAD_OF_PYTHON = (
    "which fault each of its functions is about is not known; give pytest a bench whose pumps must not pass, "
    "such as fixtures/faulty.bench.toml, and look that they do not"
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", metavar="PLAN", type=Path, help="plan file (*.plan.toml)")
    parser.add_argument(
        "--bench", metavar="FILE", required=True, type=Path, help="simulated bench (*.bench.toml)"
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="write what was found beside the plan (NAME.proof.json): the reports of its runs show it",
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.add_argument(
        "--only",
        metavar="NAME",
        action="append",
        default=[],
        help="only this fault, by its name in the table; can be given several times",
    )
    explain(
        parser,
        "The plan's own test, on simulated instruments only: of each fault the smallest size it notices.",
        example="rig prove test_plans/smoke.plan.toml --bench fixtures/simulated.bench.toml",
        status=(
            "0 it holds; 1 the healthy unit does not pass, a fault that flips a verdict escapes, "
            "or a requirement has no fault that is caught by a criterion for it (with --only: "
            "nothing is caught); 4 bad input"
        ),
    )


def run(args: argparse.Namespace) -> int:
    from rich.console import Console
    from rich.progress import Progress

    from rig.cli.check import checked
    from rig.prove.proof import as_json
    from rig.prove.prove import prove
    from rig.record.proof_file import keep_beside

    (plan,), _, _ = checked([args.plan], args.bench, INSTEAD_OF_PYTHON)
    with Progress(console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task(f"{plan.id} against faults", total=None)
        proven = prove(
            args.plan, args.bench, args.only, lambda done, of: progress.update(task, completed=done, total=of)
        )
    proof = as_json(proven)
    if args.keep:
        keep_beside(args.plan, proof)
    if args.json:
        print(json.dumps(proof, indent=1))
    else:
        _show(proof)
    return EXIT_ALL_PASS if proof["holds"] else EXIT_NOT_ALL_PASS


def _show(proof: dict[str, Any]) -> None:
    from rich.console import Console

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=120)
    _show_faults(proof, console)
    _show_requirements(proof, console)
    untried = [fault["name"] for fault in proof["faults"] if fault["state"] == "not about"]
    if untried:
        console.print(f"not about, not tried: {', '.join(untried)}")
    console.print(f"the healthy unit: {proof['healthy']}")
    for fault in proof["faults"]:
        if fault["escape"]:
            console.print(f"escaped: {fault['name']}: {fault['escape']}", style="red", markup=False)


def _show_faults(proof: dict[str, Any], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    title = f"{proof['plan']['id']} revision {proof['plan']['revision']} against faults"
    table = Table(title=title, title_justify="left")
    for heading in ("of", "fault", "state", "smallest caught", "outcome", "caught by"):
        table.add_column(heading, overflow="fold")
    for fault in proof["faults"]:
        if fault["state"] == "not about":
            continue
        table.add_row(
            fault["of"],
            Text(f"{fault['name']}: {fault['words']}"),
            Text(fault["state"], style=STYLES[fault["state"]]),
            Text(_size(fault)),
            fault["outcome"],
            Text(_some(fault["caught_by"])),
        )
    console.print(table)


def _size(fault: dict[str, Any]) -> str:
    smallest, unit = fault["smallest_caught"], fault["unit"]
    if not unit:
        return "no" if smallest is None else "yes"
    if smallest is None:
        return f"not up to {fault['tried'][-1]['size']:g} {unit}"
    return f"{smallest:g} {unit}"


def _show_requirements(proof: dict[str, Any], console: Console) -> None:
    from rich.table import Table
    from rich.text import Text

    table = Table(title="by requirement: faults that FAIL a criterion for it", title_justify="left")
    for heading in ("requirement", "caught", "not caught, or not by a FAIL"):
        table.add_column(heading, overflow="fold")
    for requirement in proof["requirements"]:
        caught = ", ".join(requirement["caught"])
        table.add_row(
            Text(f"{requirement['id']} {requirement['title']}".strip()),
            Text(caught or "none", style="green" if caught else "red"),
            Text(", ".join(requirement["not_caught"])),
        )
    console.print(table)


def _some(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (" ..." if len(names) > MOST_NAMED else "")
