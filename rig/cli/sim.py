"""``rig sim``: serves the simulated instruments of a bench to any client, ours or another's."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from rig.errors import EXIT_ALL_PASS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bench", metavar="BENCH", type=Path, help="bench file with simulated instruments")
    parser.add_argument(
        "--tcp", action="store_true", help="serve on TCP ports of this machine instead of pseudo-terminals"
    )
    parser.add_argument(
        "--speed", metavar="N", type=float, default=1.0, help="let simulated time run N times as fast"
    )
    parser.epilog = (
        "The first line on standard output is JSON: the instruments' addresses, and a bench file that names them. "
        "Ends when standard input closes."
    )


def run(args: argparse.Namespace) -> int:
    from rig.sim.serve import serve

    serve(args.bench, tcp=args.tcp, speed=args.speed, stdin=sys.stdin, stdout=sys.stdout)
    return EXIT_ALL_PASS
