"""Pages of the documentation taken apart, a workspace for their commands, one run to hold them against."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FENCE = re.compile(r"^```(?P<info>[^\n]*)\n(?P<body>.*?)^```$", re.DOTALL | re.MULTILINE)
DIRECTIVE = re.compile(r"<!-- (?P<verb>file|copy|edit): (?P<rest>.+?) -->")


@dataclass(frozen=True)
class Block:
    """A fenced block, with the directives (verb, rest) in the comments since the block before."""

    info: str
    body: str
    directives: tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Page:
    path: Path
    text: str

    @property
    def blocks(self) -> list[Block]:
        blocks, end = [], 0
        for found in FENCE.finditer(self.text):
            before = DIRECTIVE.findall(self.text[end : found.start()])
            blocks.append(Block(found["info"].strip(), found["body"], tuple(before)))
            end = found.end()
        return blocks


def all_pages() -> list[Page]:
    paths = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    return [Page(path, path.read_text(encoding="utf-8")) for path in paths]


def pytest_generate_tests(metafunc):
    """``page``: every page; ``told_page``: every page with a console block."""
    pages = all_pages()
    if "told_page" in metafunc.fixturenames:
        pages = [page for page in pages if any(block.info == "console" for block in page.blocks)]
        metafunc.parametrize("told_page", pages, ids=lambda page: page.path.stem)
    elif "page" in metafunc.fixturenames:
        metafunc.parametrize("page", pages, ids=lambda page: str(page.path.relative_to(ROOT)))


@pytest.fixture(scope="session")
def pages():
    return {str(page.path.relative_to(ROOT)): page for page in all_pages()}


@pytest.fixture(scope="session")
def shell(tmp_path_factory):
    """Run one command line in a folder as a user would: (everything printed, exit status).

    Each folder has a folder of its own for temporary files, and so for the locks of benches, and for keys.
    """
    commands = tmp_path_factory.mktemp("bin")
    call = 'exec {python} -c "import sys; from rig.cli import main; sys.exit(main())" "$@"'
    pytest_call = 'exec {python} -m pytest "$@"'
    for name, text in (("rig", call), ("pytest", pytest_call)):
        script = commands / name
        script.write_text("#!/bin/sh\n" + text.format(python=sys.executable) + "\n", encoding="utf-8")
        script.chmod(0o755)

    def run(command, folder):
        temporary = folder.with_name(f"{folder.name}-tmp")
        temporary.mkdir(exist_ok=True)
        path = f"{commands}{os.pathsep}{os.environ['PATH']}"
        environment = os.environ | {
            "TMPDIR": str(temporary),
            "PATH": path,
            "INFUSION_RIG_KEYS": str(temporary / "keys"),
        }
        environment.pop("PYTEST_ADDOPTS", None)
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
            check=False,
        )
        return done.stdout.decode("utf-8", "replace"), done.returncode

    return run


@pytest.fixture(scope="session")
def new_workspace(tmp_path_factory):
    """A folder as a clone has it, as far as commands in the documentation need it."""

    def make(name):
        folder = tmp_path_factory.mktemp(name)
        for content in ("fixtures", "test_plans", "docs"):
            shutil.copytree(ROOT / content, folder / content, ignore=shutil.ignore_patterns("__pycache__"))
        return folder

    return make


@pytest.fixture(scope="session")
def background():
    """Two runs at a time: most of this is waiting for commands."""
    with ThreadPoolExecutor(2) as executor:
        yield executor


@pytest.fixture(scope="session")
def main_job_begun(shell, new_workspace, background):
    recipe = re.search(r"@\$\(BIN\)/(rig run .+)", (ROOT / "Makefile").read_text(encoding="utf-8"))[1]
    folder = new_workspace("main-job")
    return folder, background.submit(shell, recipe, folder)


@pytest.fixture(scope="session")
def main_job(main_job_begun):
    """What ``make run`` does, as the Makefile has it: (its output, its run folders by plan)."""
    folder, begun = main_job_begun
    output, status = begun.result()
    assert status == 0, output
    runs = sorted((folder / "runs").iterdir())
    return output, {re.sub(r"^\w+-(.+)-simulated-\w+$", r"\1", path.name): path for path in runs}
