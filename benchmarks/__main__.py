"""``python -m benchmarks [ROW...]``: runs the rows and prints the table; of all rows together it writes the page."""

from __future__ import annotations

import argparse
import json
import platform
import sys
from datetime import date
from pathlib import Path

from benchmarks.findings import HERE, ROUNDS, Finding, run_python

ROWS = ("pty", "ports", "durable", "rehearsal", "steps", "item", "trumpet", "report", "start", "memory")
PAGE = HERE.parent / "docs" / "reference" / "speed.md"
HEADING = "| what | this project | beside it | figure | target | met |\n|---|---|---|---|---|---|\n"


def main() -> int:
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("rows", nargs="*", metavar="ROW", help=", ".join(ROWS))
    parser.add_argument(
        "--rounds", type=int, default=ROUNDS, help="of each competitor (default: %(default)s)"
    )
    parser.add_argument("--tiny", action="store_true", help="only show that it runs")
    chosen = parser.parse_args()
    if unknown := [row for row in chosen.rows if row not in ROWS]:
        parser.error(f"no row '{unknown[0]}' (choose from {', '.join(ROWS)})")
    options = ["--rounds", str(chosen.rounds), *(["--tiny"] if chosen.tiny else [])]
    table, failed = HEADING, False
    print(HEADING, end="", flush=True)
    for row in chosen.rows or ROWS:
        try:
            found = json.loads(run_python(sys.executable, ["-m", f"benchmarks.{row}", *options], HERE.parent))
        except RuntimeError as error:
            print(f"{row}: {error}", file=sys.stderr)
            failed = True
            continue
        lines = "".join(line(Finding(**finding)) for finding in found)
        print(lines, end="", flush=True)
        table += lines
    if not (chosen.rows or chosen.tiny or failed):
        measured = f"Measured on {date.today().isoformat()}, {machine()}, medians of {chosen.rounds}.\n\n"
        PAGE.write_text((HERE / "page.md").read_text() + measured + table)
        print(f"written: {PAGE.relative_to(HERE.parent)}", file=sys.stderr)
    return int(failed)


def line(finding: Finding) -> str:
    met = {True: "yes", False: "**no**", None: "-"}[finding.met]
    cells = (finding.what, finding.measured, finding.beside, finding.figure, finding.target, met)
    return f"| {' | '.join(cells)} |\n"


def machine() -> str:
    """What it ran on."""
    names = [
        line.split(":", 1)[1].strip()
        for line in Path("/proc/cpuinfo").read_text().splitlines()
        if line.startswith("model name")
    ]
    return f"{len(names)} cores of {names[0]}, {platform.system()}, Python {platform.python_version()}"


if __name__ == "__main__":
    sys.exit(main())
