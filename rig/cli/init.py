"""``rig init``: a workspace that runs, with the plans, benches and pump profiles that come with the rig."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from importlib.resources import files
from importlib.resources.abc import Traversable
from pathlib import Path

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS, DefinitionError, Where

# Folder in the workspace, package it comes from, kinds of file. Templates of reports are not among them: a copy of
# them would not be read.
CONTENT = (
    ("fixtures", "rig.shipped.fixtures", (".toml", ".json")),
    ("test_plans", "rig.shipped.test_plans", (".toml", ".json", ".csv")),
    ("reports", "rig.shipped.reports", ("verify_run.py",)),
)
OWN = {"README.md": "README.md", "gitignore": ".gitignore"}  # name in rig.shipped, name in the workspace


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "folder", metavar="DIR", type=Path, help="folder to make; nothing in it is overwritten"
    )
    explain(
        parser,
        "It gets a README that says what to do first.",
        example="rig init my-rig",
        status="0 made, 4 one of its files is there already: nothing was written",
    )


def run(args: argparse.Namespace) -> int:
    folder: Path = args.folder
    wanted = dict(_content())
    taken = [name for name in wanted if (folder / name).exists()]
    if folder.exists() and not folder.is_dir():
        raise DefinitionError("this is a file", Where(str(folder), key="DIR"), "name a folder")
    if taken:
        hint = "nothing was written; name another folder"
        raise DefinitionError(f"'{taken[0]}' is there already", Where(str(folder), key="DIR"), hint)
    for name, source in wanted.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("xb") as file:
            file.write(source.read_bytes())
    print(f"{folder}: {len(wanted)} files written. Next:\n")
    print(f"  cd {folder}")
    print("  rig run test_plans/smoke.plan.toml --bench fixtures/simulated.bench.toml\n")
    print("README.md there says what is where, and what to change first.")
    return EXIT_ALL_PASS


def _content() -> Iterator[tuple[str, Traversable]]:
    for name, here in OWN.items():
        yield here, files("rig.shipped") / "workspace" / name
    for folder, package, kinds in CONTENT:
        for path, source in _below(files(package)):
            if path.endswith(kinds):
                yield f"{folder}/{path}", source


def _below(folder: Traversable, path: str = "") -> Iterator[tuple[str, Traversable]]:
    for item in sorted(folder.iterdir(), key=lambda item: item.name):
        if item.is_dir():
            yield from _below(item, f"{path}{item.name}/")
        else:
            yield f"{path}{item.name}", item
