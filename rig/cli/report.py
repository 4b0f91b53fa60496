"""``rig report``: builds report.html and report.pdf again from the run folder alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from rig.errors import EXIT_ALL_PASS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="run folder")


def run(args: argparse.Namespace) -> int:
    from rig.record.run_folder import check_is_run_folder
    from rig.report import build_report

    check_is_run_folder(args.run_folder)
    for made in build_report(args.run_folder):
        print(made)
    return EXIT_ALL_PASS
