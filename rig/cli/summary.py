"""``rig summary``: one report over several runs, such as a whole verification campaign."""

from __future__ import annotations

import argparse
from pathlib import Path

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS, EXIT_NOT_ALL_PASS, DefinitionError, Where


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        metavar="RUN",
        nargs="+",
        type=Path,
        help="run folder, or a folder of them; each is verified first",
    )
    parser.add_argument(
        "--into", metavar="DIR", type=Path, default=Path("summary"), help="where to put it (default: summary)"
    )
    parser.add_argument(
        "--paper",
        choices=("a4", "letter"),
        help="size of the pages (default: as reports/report.toml says, else a4)",
    )
    explain(
        parser,
        "Writes summary.html, summary.pdf and summary.json.",
        example="rig summary runs --into summary",
        status="0 every run counts and every verdict is PASS, 1 not so, 4 no run there",
    )


def run(args: argparse.Namespace) -> int:
    """Status 0 if every run counts and every verdict is PASS."""
    from rig.definitions.report_file import load_report_file
    from rig.record.layout import is_run_folder
    from rig.record.report_settings import SETTINGS
    from rig.report.several_runs import build_summary

    into: Path = args.into
    if any(is_run_folder(folder) for folder in (into, *into.resolve().parents)):
        raise DefinitionError("nothing is ever written into the folder of a run", Where(str(into)))
    settings = load_report_file(Path(SETTINGS))
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DefinitionError(f"this folder cannot be made: {error.strerror}", Where(str(into))) from None
    summary = build_summary(args.paths, into, settings, args.paper)
    for run_id, why in summary.left_out.items():
        print(f"{run_id} does not count: {why}")
    print(f"verdict over all: {summary.outcome}")
    for path in summary.files:
        print(path)
    return EXIT_ALL_PASS if summary.outcome == "PASS" and not summary.left_out else EXIT_NOT_ALL_PASS
