"""The command ``rig``. Each subcommand is a module with ``add_arguments`` and ``run``, loaded only when asked for."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from rig import __version__
from rig.errors import (
    EXIT_ABORTED,
    EXIT_ALL_PASS,
    EXIT_BAD_INPUT,
    BenchBusy,
    DefinitionError,
    LimitRefused,
    RigError,
)

COMMANDS = {
    "run": "run plans on a bench and report on them",
    "check": "look for mistakes in plans and bench without touching an instrument",
    "report": "build the report of a run again from its record",
    "verify": "check that a run's record is whole and unaltered",
    "sim": "serve a bench's simulated instruments on pseudo-terminals or TCP",
    "analyze": "mean error and trumpet curve of a balance log from elsewhere",
}


class Parser(argparse.ArgumentParser):
    """Bad usage ends with status 4, like all bad input."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: {message}\n")


def _parser(wanted: str | None) -> argparse.ArgumentParser:
    parser = Parser(
        prog="rig",
        description="Test rig for infusion pumps: runs test plans, keeps the evidence, writes the report.",
        epilog="exit status: 0 all PASS, 1 some verdict is not PASS, 2 aborted, 3 the rig failed, 4 bad input",
    )
    parser.add_argument("--version", action="version", version=f"rig {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        command = commands.add_parser(name, help=text, description=text[0].upper() + text[1:] + ".")
        if name == wanted:
            importlib.import_module(f"rig.cli.{name}").add_arguments(command)
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. A user's mistake is told in one message, never with a traceback."""
    arguments = list(sys.argv[1:] if argv is None else argv)
    wanted = next((argument for argument in arguments if argument in COMMANDS), None)
    args = _parser(wanted).parse_args(arguments)
    try:
        return int(importlib.import_module(f"rig.cli.{args.command}").run(args))
    except RigError as error:
        print(f"rig {args.command}: {error}", file=sys.stderr)
        if isinstance(error, (DefinitionError, BenchBusy, LimitRefused)):
            print("Nothing was sent to any instrument.", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_ALL_PASS
    except KeyboardInterrupt:
        print(f"rig {args.command}: interrupted", file=sys.stderr)
        return EXIT_ABORTED
