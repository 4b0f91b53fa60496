"""Arguments that several commands share."""

from __future__ import annotations

import argparse
from pathlib import Path


def add_runs_to_look_at(parser: argparse.ArgumentParser) -> None:
    """``args.runs``: a folder of runs, by default the one ``rig run`` makes."""
    parser.add_argument(
        "runs",
        metavar="RUNS",
        nargs="?",
        type=Path,
        default=Path("runs"),
        help="folder of runs (default: runs)",
    )
