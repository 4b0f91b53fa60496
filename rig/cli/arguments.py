"""What several commands have in common: arguments, and how ``--help`` explains them."""

from __future__ import annotations

import argparse
from pathlib import Path


class HelpFormatter(argparse.HelpFormatter):
    """A line that is meant as a line stays one."""

    def _fill_text(self, text: str, width: int, indent: str) -> str:
        fill = super()._fill_text
        return "\n".join(fill(line, width, indent) for line in text.splitlines())


def explain(parser: argparse.ArgumentParser, *more: str, example: str, status: str) -> None:
    """What ``--help`` says beside its first line and arguments: sentences, an ``example``, the exit ``status``."""
    parser.description = " ".join([parser.description or "", *more]).strip()
    parser.epilog = f"example: {example}\nexit status: {status}"


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
