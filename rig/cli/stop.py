"""``rig stop``: ask the run on a bench to end in order, from another terminal or program."""

from __future__ import annotations

import argparse
import getpass
from pathlib import Path

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("bench", metavar="BENCH", help="bench file (*.bench.toml), or the bench's id")
    parser.add_argument("--reason", metavar="TEXT", default="", help="why, for the record")
    explain(
        parser,
        (
            "From another terminal, as Ctrl-C would: its pumps go to their safe state, its record"
            " is closed as ABORTED. A rehearsal inside one process cannot be asked: press Ctrl-C there."
        ),
        example='rig stop fixtures/example.bench.toml --reason "leak at unit 2"',
        status="0 it was asked, 3 no run of this user on this bench can be asked, 4 bad input",
    )


def run(args: argparse.Namespace) -> int:
    from rig.guard.control import ask_to_end

    bench_id = args.bench
    if bench_id.endswith(".toml"):
        from rig.definitions.bench_file import load_bench

        bench_id = load_bench(Path(bench_id)).id
    try:
        who = getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        who = "unknown"
    ask_to_end(bench_id, f"stopped by {who} with rig stop" + (f": {args.reason}" if args.reason else ""))
    print(f"the run on bench '{bench_id}' was asked to end; its pumps go to their safe state first")
    return EXIT_ALL_PASS
