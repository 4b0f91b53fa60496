"""The command ``rig``. Each subcommand is a module with ``add_arguments`` and ``run``, loaded only when asked for."""

from __future__ import annotations

import argparse
import importlib
import io
import os
import sys
from collections.abc import Container, Sequence
from typing import NoReturn

from rig import __version__
from rig.cli.arguments import HelpFormatter
from rig.errors import (
    EXIT_ABORTED,
    EXIT_BAD_INPUT,
    EXIT_RIG_FAILED,
    BenchBusy,
    DefinitionError,
    LimitRefused,
    RigError,
    did_you_mean,
)

COMMANDS = {
    "init": "make a workspace that runs: plans, benches and pump profiles to begin with",
    "run": "run plans on a bench and report on them",
    "stop": "ask the run on a bench to end in order",
    "check": "look for mistakes in plans and bench without touching an instrument",
    "trace": "which case verifies which requirement, and what does not meet; needs no bench",
    "doctor": "ask each instrument of a bench who it is and whether it is fit; moves no fluid",
    "prove": "hold a plan against faulty pumps and instruments: which faults it catches",
    "report": "build the report of a run again from its record",
    "summary": "one report over several runs: verdicts by requirement, repeated and aborted runs, other units",
    "verify": "check that a run's record is whole and unaltered, and that no run is missing",
    "sign": "sign a run: author, review, approval, rejection, correction",
    "stamp": "ask a time-stamp authority for its word that a sealed run was there",
    "resume": "go on with a run that was killed, or close it as it lies",
    "watch": "show runs as they go: a live page, or this terminal",
    "sim": "serve a bench's simulated instruments on pseudo-terminals or TCP",
    "schema": "print the JSON Schema of plan, bench or pump profile, for editors",
    "analyze": "mean error and trumpet curve of a balance log from elsewhere",
    "history": "past runs, and how a criterion went over them",
    "selftest": "check this installation on known errors, and write a record that can be signed and filed",
    "completion": "print what makes a shell complete commands, options and files",
}


class Parser(argparse.ArgumentParser):
    """Bad usage ends with status 4, like all bad input."""

    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(EXIT_BAD_INPUT, f"{self.prog}: {message} ({self.prog} --help tells more)\n")


def parser_with(wanted: Container[str | None]) -> tuple[Parser, dict[str, Parser]]:
    """The parser, and that of each command; only those ``wanted`` have their arguments, for only they are loaded."""
    parser = Parser(
        prog="rig",
        description="Test rig for infusion pumps: runs test plans, keeps the evidence, writes the report.",
        epilog="rig COMMAND --help tells more of each, with an example and its exit status.\n"
        "exit status: 0 all PASS, 1 some verdict is not PASS, 2 aborted, 3 the rig failed, 4 bad input",
        formatter_class=HelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"rig {__version__}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for name, text in COMMANDS.items():
        about = text[0].upper() + text[1:] + "."
        # No abbreviated options: in the next version they might mean others.
        command = commands.add_parser(
            name, help=text, description=about, allow_abbrev=False, formatter_class=HelpFormatter
        )
        if name in wanted:
            importlib.import_module(f"rig.cli.{name}").add_arguments(command)
    return parser, commands.choices


def _parsed(arguments: list[str]) -> argparse.Namespace:
    """The arguments read. Raises DefinitionError for a command or an option that nobody knows, with what is near."""
    first = next((argument for argument in arguments if not argument.startswith("-")), None)
    if first is not None and first not in COMMANDS:
        hint = did_you_mean(first, COMMANDS) or "rig --help lists them"
        raise DefinitionError(f"there is no command '{first}'", hint=hint)
    parser, commands = parser_with((first,))
    if not arguments:
        parser.print_help(sys.stderr)
        parser.exit(EXIT_BAD_INPUT)
    if first is not None:
        known = [option for action in commands[first]._actions for option in action.option_strings]
        for argument in arguments[arguments.index(first) + 1 :]:
            option = argument.split("=")[0]
            if option == "--":
                break
            if option.startswith("--") and option not in known:
                hint = did_you_mean(option, known) or f"rig {first} --help lists them"
                raise DefinitionError(f"rig {first} has no option '{option}'", hint=hint)
    args, left_over = parser.parse_known_args(arguments)
    if left_over:
        raise DefinitionError(
            f"rig {first} does not take '{left_over[0]}'", hint=f"rig {first} --help tells what it takes"
        )
    return args


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit status. A user's mistake is told in one message, never with a traceback."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")  # where "±" is not known, all else still is told
    arguments = list(sys.argv[1:] if argv is None else argv)
    try:
        args = _parsed(arguments)
    except DefinitionError as error:
        print(f"rig: {error}", file=sys.stderr)
        return error.exit_status
    try:
        return int(importlib.import_module(f"rig.cli.{args.command}").run(args))
    except RigError as error:
        print(f"rig {args.command}: {_told(error)}", file=sys.stderr)
        if args.command == "run" and isinstance(error, (DefinitionError, BenchBusy, LimitRefused)):
            print("Nothing was sent to any instrument.", file=sys.stderr)
        return error.exit_status
    except BrokenPipeError:  # whoever read our output has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_RIG_FAILED  # 0 would say that all passed, which nobody was told
    except OSError as error:
        print(f"rig {args.command}: {_of_the_system(error)}", file=sys.stderr)
        return EXIT_RIG_FAILED
    except KeyboardInterrupt:
        print(f"rig {args.command}: interrupted", file=sys.stderr)
        return EXIT_ABORTED


def _told(error: RigError) -> str:
    """One problem follows the command's name; several stand below it, a line each."""
    if isinstance(error, DefinitionError) and len(error.problems) > 1:
        lines = "".join(f"\n  {problem}" for problem in error.problems)
        return f"{len(error.problems)} problems{lines}"
    return str(error)


def _of_the_system(error: OSError) -> str:
    """What the operating system refused, without Python's numbers around it."""
    said = error.strerror or str(error)
    return f"{error.filename}: {said}" if error.filename is not None else said
