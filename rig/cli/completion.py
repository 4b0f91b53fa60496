"""``rig completion``: the script by which a shell completes commands, options and file names."""

from __future__ import annotations

import argparse
from pathlib import Path

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS

SHELLS = ("bash", "zsh", "fish")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("shell", choices=SHELLS, help="the shell it is for")
    explain(
        parser,
        example='eval "$(rig completion bash)" for this session; in fish: rig completion fish | source',
        status="0 printed, 4 bad input",
    )


def run(args: argparse.Namespace) -> int:
    import shtab

    from rig.cli import COMMANDS, parser_with

    parser, commands = parser_with(COMMANDS)
    for command in commands.values():
        for action in command._actions:
            if action.type is Path and action.choices is None:
                action.complete = shtab.FILE  # type: ignore[attr-defined]  # how shtab is told
    print(shtab.complete(parser, args.shell))
    return EXIT_ALL_PASS
