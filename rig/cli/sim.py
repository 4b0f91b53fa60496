"""``rig sim``: serves the simulated instruments of a bench to any client, ours or another's."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import Literal

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bench", metavar="BENCH", type=Path, help="bench file with simulated instruments")
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument(
        "--tcp", action="store_true", help="serve on TCP ports of this machine instead of pseudo-terminals"
    )
    ways.add_argument(
        "--rfc2217", action="store_true", help="the same, as serial port servers: baud rate and parity count"
    )
    parser.add_argument(
        "--speed", metavar="N", type=float, default=1.0, help="let simulated time run N times as fast"
    )
    explain(
        parser,
        (
            "The first line on standard output is JSON: the instruments' addresses, and a bench "
            "file that names them. Ends when standard input closes, or with Ctrl-C."
        ),
        example="rig sim fixtures/simulated.bench.toml --tcp",
        status="0 ended, 4 bad input, or nothing of this bench is simulated",
    )


def run(args: argparse.Namespace) -> int:
    from rig.sim.served.serve import serve

    way: Literal["pty", "tcp", "rfc2217"] = "tcp" if args.tcp else "rfc2217" if args.rfc2217 else "pty"
    serve(args.bench, way=way, speed=args.speed, stdin=sys.stdin, stdout=sys.stdout)
    return EXIT_ALL_PASS
