"""``rig doctor``: is each instrument there, itself, fit, and set as the bench file says? Moves no fluid."""

from __future__ import annotations

import argparse
import json
import sys
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS, EXIT_RIG_FAILED, IntegrityError

if TYPE_CHECKING:
    from rig.bench.doctor import Examined

MARKS = {"good": ("ok", "green"), "doubt": ("doubt", "yellow"), "bad": ("BAD", "red")}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--bench", metavar="FILE", required=True, type=Path, help="bench file (*.bench.toml)")
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    explain(
        parser,
        example="rig doctor --bench fixtures/simulated.bench.toml",
        status=(
            "0 all fit (doubts do not count), 3 something would spoil or stop a run, 4 bad bench "
            "file, or a run holds the bench"
        ),
    )


def run(args: argparse.Namespace) -> int:
    from rig.bench.doctor import examine
    from rig.definitions.bench_file import load_bench
    from rig.record.doctor_file import keep_examination
    from rig.record.lock import BenchLock

    bench = load_bench(args.bench)
    examined: list[Examined] = []
    lock = BenchLock(bench.id)
    lock.acquire(note="rig doctor")
    try:
        for each in examine(bench, datetime.now()):
            examined.append(each)
            if not args.json:
                _show(each)
    finally:
        lock.release()
    bad = [each for each in examined if each.level == "bad"]
    found = [{**asdict(each), "level": each.level} for each in examined]
    try:
        keep_examination(bench.id, found)
    except IntegrityError as error:  # the examination was made all the same
        print(f"rig doctor: what was found is not kept: {error}", file=sys.stderr)
    if args.json:
        print(json.dumps(found, indent=2))
    else:
        doubts = sum(each.level == "doubt" for each in examined)
        print(
            f"{len(examined)} instruments of bench '{bench.id}': {len(bad)} bad, {doubts} in doubt; no fluid was moved"
        )
    return EXIT_RIG_FAILED if bad else EXIT_ALL_PASS


def _show(each: Examined) -> None:
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, soft_wrap=True)
    word, colour = MARKS[each.level]
    head = Text(f"{word:5} ", style=f"bold {colour}").append(f"{each.owner} {each.role}", style="bold")
    console.print(head.append(f"  {each.driver}, {each.address}", style="default"))
    if each.told:
        console.print(Text(f"      {each.told}"))
    for found in each.findings:
        word, colour = MARKS[found.level]
        console.print(Text(f"      {word}: ", style=colour).append(found.words, style="default"))
