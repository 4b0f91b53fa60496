"""Help is there in a blink, and says what the README says."""

from __future__ import annotations

import json
import re
import subprocess
import sys

import pytest

from rig.cli import COMMANDS

SLOW = {
    "numpy",
    "pandas",
    "pyarrow",
    "pydantic",
    "pytest",
    "scipy",
    "matplotlib",
    "rich",
    "greenlet",
    "serial",
    "pyvisa",
}
CALL = """
import json, sys
from rig.cli import main
try:
    main(sys.argv[1:])
except SystemExit as end:
    print(json.dumps({"status": end.code, "modules": sorted(sys.modules)}), file=sys.stderr)
"""


def called(*arguments: str) -> tuple[str, dict]:
    ended = subprocess.run(
        [sys.executable, "-P", "-c", CALL, *arguments], capture_output=True, text=True, timeout=30, check=True
    )
    return ended.stdout, json.loads(ended.stderr)


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], *([name, "--help"] for name in COMMANDS)])
def test_help_loads_nothing_slow(arguments: list[str]) -> None:
    out, ended = called(*arguments)
    assert ended["status"] == 0
    assert out
    assert not SLOW & {name.split(".")[0] for name in ended["modules"]}


def test_help_names_every_command_and_every_exit_status() -> None:
    out, _ = called("--help")
    for name, text in COMMANDS.items():
        assert re.search(rf"^    {name}\s", out, re.MULTILINE)
        assert text.split()[0] in out
    assert "exit status: 0 all PASS, 1 some verdict is not PASS, 2 aborted, 3 the rig" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_each_help_has_an_example_and_says_what_the_exit_status_means(name: str) -> None:
    out, _ = called(name, "--help")
    example, status = out.rstrip().partition("\nexample: ")[2].split("\nexit status: ")
    assert f"rig {name} " in example
    assert status.startswith(("0 ", "as of rig run: 0 "))


def test_rig_alone_shows_its_help_and_is_no_success() -> None:
    ended = subprocess.run(
        [sys.executable, "-P", "-c", "from rig.cli import main; main([])"],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode == 4
    assert ended.stdout == ""
    assert all(re.search(rf"^    {name}\s", ended.stderr, re.MULTILINE) for name in COMMANDS)
