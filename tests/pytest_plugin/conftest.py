"""Sessions of pytest with the plugin: child processes in virtual time, each with its own folder for runs and locks."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SIMULATED = REPOSITORY / "fixtures" / "simulated.bench.toml"

PLAN = """\
[plan]
id = "quick"
revision = "A"
title = "Two short cases"
reference_temperature = "37 degC"

[[case]]
id = "fast"
procedure = "flow_accuracy"
verifies = ["SRS-017"]
rate = "24 mL/day"
relax = "1 min"
blank = "10 min"
settle = "10 min"
sample = { every = "1 min", for = "60 min" }
flow_every = "10 s"
windows = ["5 min"]
accept = { mean_error = "within 2 %", alarms = "none" }

[[case]]
id = "doses"
procedure = "bolus"
verifies = ["SRS-031"]
bolus = "50 uL"
bolus_duration = "5 min"
count = 2
interval = "10 min"
settle = "2 min"
relax = "1 min"
blank = "10 min"
flow_every = "10 s"
accept = { mean_error = "within 14.5 %" }
"""


@dataclass
class Ended:
    """A session of pytest, or of rig, that has ended."""

    status: int
    text: str
    folder: Path

    @property
    def runs(self) -> list[Path]:
        return sorted((self.folder / "runs").glob("*"))

    @property
    def journals(self) -> list[list[dict]]:
        texts = [(run / "journal.jsonl").read_text(encoding="utf-8") for run in self.runs]
        return [[json.loads(line) for line in text.splitlines()] for text in texts]

    @property
    def verdicts(self) -> dict[tuple[str, str, str], tuple]:
        """Verdict and value by case, unit and criterion, of the only run."""
        (run,) = self.runs
        results = json.loads((run / "results.json").read_text("utf-8"))
        return {
            (case["id"], case["unit"], criterion["name"]): (criterion["verdict"], criterion["value"])
            for case in results["cases"]
            for criterion in case["criteria"]
        }

    @property
    def junit(self) -> dict[str, ElementTree.Element]:
        """Test cases of out.xml by class name and name."""
        tree = ElementTree.parse(self.folder / "out.xml")
        return {f"{case.get('classname')}::{case.get('name')}": case for case in tree.iter("testcase")}


def child(folder: Path, *command: str) -> Ended:
    ended = subprocess.run(
        [sys.executable, "-P", *command],
        cwd=folder,
        env={
            **os.environ,
            "TMPDIR": str(folder),
            "TEMP": str(folder),
            "PYTEST_ADDOPTS": "",
            "COLUMNS": "200",
        },
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=600,
        check=False,
    )
    return Ended(ended.returncode, ended.stdout, folder)


def plain_pytest(folder: Path, *arguments: str | Path, bench: Path | None = SIMULATED) -> Ended:
    """Plain pytest in ``folder``."""
    options = [] if bench is None else [f"--bench={bench}"]
    return child(folder, "-m", "pytest", "-p", "no:xdist", *options, *map(str, arguments))


@pytest.fixture(scope="session")
def session():
    """Plain pytest in a folder."""
    return plain_pytest


@pytest.fixture(scope="session")
def rig():
    """The command rig in a folder."""
    script = "import sys; from rig.cli import main; sys.exit(main())"
    return lambda folder, *arguments: child(folder, "-c", script, *map(str, arguments))


@pytest.fixture(scope="session")
def in_child():
    """Python with any arguments in a folder."""
    return child


@pytest.fixture(scope="session")
def simulated() -> Path:
    """The bench with three simulated pumps."""
    return SIMULATED


@pytest.fixture(scope="session")
def quick_plan() -> str:
    """A plan of two short cases."""
    return PLAN


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty project with the plan in it."""
    (tmp_path / "quick.plan.toml").write_text(PLAN, encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return tmp_path


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Ended:
    """One session with everything in it."""
    folder = tmp_path_factory.mktemp("whole")
    (folder / "quick.plan.toml").write_text(PLAN, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    return plain_pytest(folder, "-v", "--junitxml=out.xml")
