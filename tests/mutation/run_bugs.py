"""Does the test suite fail when a bug is put in? ``make campaign-bugs``.

    python tests/mutation/run_bugs.py [WORD...]

Each bug of bugs.toml (whose name has one of the words) goes into a copy of the tree; the tests meant for it run there
until the first that fails, and that one again without the bug, when it must pass. docs/reference/deliberate-bugs.md
says which it was.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
PAGE = REPOSITORY / "docs" / "reference" / "deliberate-bugs.md"
FOUND = REPOSITORY / "build" / "bugs.jsonl"
PARTS = (
    "rig",
    "tests",
    "fixtures",
    "test_plans",
    "reports",
    "docs",
    "pyproject.toml",
    "README.md",
    "CHANGELOG.md",
)
SCRATCH = "/dev/shm" if Path("/dev/shm").is_dir() else None
WITHIN_S = 600
FAILED = re.compile(r"^(?:FAILED|ERROR) (tests/\S+?(?:\[.*?\])?)(?: - .*)?$", re.MULTILINE)
HEAD = """# Deliberate bugs

Written by `make campaign-bugs`: each of these bugs was put into a copy of the tree (`tests/mutation/bugs.toml` has the
exact lines), and the tests meant for it were run until the first failed. Without the bug that test passes.
[Mutation testing](mutation.md) does the same with every line of the code that doses, records and decides.

| bug | what it would mean | file | caught by |
|---|---|---|---|
"""


def bugs() -> list[dict]:
    return tomllib.loads(Path(__file__).with_name("bugs.toml").read_text("utf-8"))["bug"]


def with_bug(text: str, bug: dict) -> str:
    """Raises ValueError unless what is to be replaced is there once."""
    if text.count(bug["old"]) != 1:
        raise ValueError(
            f"bug '{bug['name']}': its old text is {text.count(bug['old'])} times in {bug['file']}"
        )
    return text.replace(bug["old"], bug["new"])


def first_failure(tree: Path, tests: list[str]) -> str:
    """The first test that fails in this tree, "" if none does."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(tree),
        "TMPDIR": str(tree / "tmp"),
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-p", "no:cacheprovider", *tests]
    done = subprocess.run(
        command, cwd=tree, env=environment, capture_output=True, text=True, timeout=WITHIN_S, check=False
    )
    if done.returncode == 0:
        return ""
    found = FAILED.search(done.stdout)
    if found is None:
        raise RuntimeError(f"pytest ended with {done.returncode}:\n{done.stdout}{done.stderr}")
    return found[1]


def known() -> dict[str, str]:
    """What was found before, by :func:`key`."""
    return dict(json.loads(line) for line in FOUND.read_text("utf-8").splitlines()) if FOUND.exists() else {}


def key(bug: dict) -> str:
    """The bug, its file and its tests, as they are now."""
    digest = hashlib.sha256(json.dumps(bug).encode())
    for path in (bug["file"], *(test.split("::")[0] for test in bug["tests"])):
        digest.update((REPOSITORY / path).read_bytes())
    return digest.hexdigest()


def caught_by(tree: Path, bug: dict) -> str:
    """The test that caught it in this copy of the tree, "" if none did. Found before, it is not tried again."""
    if key(bug) in known():
        return known()[key(bug)]
    file = tree / bug["file"]
    sound = file.read_text("utf-8")
    file.write_text(with_bug(sound, bug), encoding="utf-8")
    found = first_failure(tree, bug["tests"])
    file.write_text(sound, encoding="utf-8")
    if found and first_failure(tree, [found]):
        raise RuntimeError(f"{found} fails without the bug too")
    with FOUND.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps([key(bug), found]) + "\n")
    return found


def main() -> int:
    words = sys.argv[1:]
    chosen = [bug for bug in bugs() if not words or any(word in bug["name"] for word in words)]
    FOUND.parent.mkdir(exist_ok=True)
    lines, all_caught = [], True
    with tempfile.TemporaryDirectory(dir=SCRATCH) as scratch:
        tree = Path(scratch)
        (tree / "tmp").mkdir()
        for part in PARTS:
            source = REPOSITORY / part
            if source.is_dir():
                shutil.copytree(source, tree / part, ignore=shutil.ignore_patterns("__pycache__"))
            else:
                shutil.copy(source, tree / part)
        for bug in chosen:
            test = caught_by(tree, bug)
            print(f"{bug['name']}: {test or 'NOT CAUGHT'}", flush=True)
            all_caught = all_caught and bool(test)
            told = f"`{test}`" if test else "**not caught**"
            lines.append(f"| {bug['name']} | {bug['means']} | `{bug['file']}` | {told} |")
    if not words:
        PAGE.write_text(HEAD + "\n".join(lines) + "\n", encoding="utf-8")
    return int(not all_caught)


if __name__ == "__main__":
    sys.exit(main())
