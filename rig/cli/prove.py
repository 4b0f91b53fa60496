"""``rig prove``: holds a plan against faulty pumps and instruments: which it catches, and from which size on."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig.errors import EXIT_ALL_PASS, EXIT_NOT_ALL_PASS, DefinitionError

if TYPE_CHECKING:
    from rig.definitions.bench_file import BenchFile
    from rig.definitions.plan_file import Plan


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plan", metavar="PLAN", type=Path, help="plan file (*.plan.toml)")
    parser.add_argument(
        "--bench", metavar="FILE", required=True, type=Path, help="simulated bench (*.bench.toml)"
    )
    parser.add_argument(
        "--keep",
        action="store_true",
        help="write what was found beside the plan, for the reports of its runs",
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.add_argument(
        "--only", metavar="NAME", action="append", default=[], help="only this fault (may be repeated)"
    )
    parser.epilog = "Exit status 1 if the healthy unit does not pass, or no fault of the pump is caught."


def run(args: argparse.Namespace) -> int:
    from rig.cli.check import checked
    from rig.record.proof_file import proof_beside

    (plan,), bench, _ = checked([args.plan], args.bench)
    proof = _prove(plan, bench, args.only)
    if args.keep:
        text = json.dumps(proof, indent=1, ensure_ascii=False) + "\n"
        proof_beside(args.plan).write_text(text, encoding="utf-8")
    if args.json:
        print(json.dumps(proof, indent=1))
    else:
        _show(proof)
    caught = [
        fault for fault in proof["faults"] if fault["of"] == "pump" and fault["smallest_caught"] is not None
    ]
    return EXIT_ALL_PASS if proof["healthy"] == "PASS" and caught else EXIT_NOT_ALL_PASS


def _prove(plan: Plan, bench: BenchFile, only: list[str]) -> dict[str, Any]:
    from rich.console import Console
    from rich.progress import track

    from rig.prove.prove import as_json, check_can_prove, fitting, healthy, prove

    check_can_prove(bench)
    faults = list(fitting(plan, bench))
    if unknown := [name for name in only if name not in {fault.name for fault in faults}]:
        known = ", ".join(fault.name for fault in faults)
        raise DefinitionError(
            f"no such fault for this plan on this bench: {', '.join(unknown)}", hint=f"there are {known}"
        )
    chosen = [fault for fault in faults if not only or fault.name in only]
    sound = healthy(plan, bench)
    console = Console(stderr=True)
    proven = [
        prove(plan, bench, fault)
        for fault in track(chosen, description=f"{plan.id} against faults", console=console, transient=True)
    ]
    return as_json(plan, bench, sound, proven)


def _show(proof: dict[str, Any]) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=120)
    table = Table(
        title=f"{proof['plan']['id']} revision {proof['plan']['revision']} against faults",
        title_justify="left",
    )
    for heading in ("of", "fault", "smallest caught", "outcome", "caught by"):
        table.add_column(heading, overflow="fold")
    for fault in proof["faults"]:
        smallest = fault["smallest_caught"]
        largest = f"{fault['tried'][-1]['size']:g} {fault['unit']}".strip()
        size = f"not up to {largest}" if smallest is None else f"{smallest:g} {fault['unit']}".strip()
        if not fault["unit"]:
            size = "no" if smallest is None else "yes"
        style = "green" if smallest is not None else ("red" if fault["of"] == "pump" else "yellow")
        by = ", ".join(fault["caught_by"][:3]) + (" ..." if len(fault["caught_by"]) > 3 else "")
        cells = (
            fault["of"],
            f"{fault['name']}: {fault['words']}",
            Text(size, style=style),
            fault["outcome"],
            by,
        )
        table.add_row(*(cell if isinstance(cell, Text) else Text(cell) for cell in cells))
    console.print(table)
    console.print(f"the healthy unit: {proof['healthy']}")
