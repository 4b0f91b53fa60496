"""``rig schema``: the JSON Schema of a kind of file, by which editors complete and check it."""

from __future__ import annotations

import argparse
import json

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS

KINDS = ("plan", "bench", "pump")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("kind", choices=KINDS, help="kind of file; pump: the profile of a pump model")
    explain(
        parser,
        example="rig schema plan > plan.schema.json",
        status="0 printed, 4 bad input",
    )


def text_of(kind: str) -> str:
    """The schema of a kind of file as it is written to a file. Raises KeyError."""
    from rig.definitions.json_schema import SCHEMAS

    return json.dumps(SCHEMAS[kind](), indent=1, ensure_ascii=False) + "\n"


def run(args: argparse.Namespace) -> int:
    print(text_of(args.kind), end="")
    return EXIT_ALL_PASS
