"""The workflow files that users copy, carried out step by step as a runner would, against the simulated bench."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from xml.etree import ElementTree

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[2]
CI = ROOT / "test_plans" / "ci"
SMOKE = {"SIM-0001": "PASS", "SIM-0002": "PASS", "SIM-0003": "PASS"}


@dataclass
class Workflow:
    """A workflow file, read: commands by part, in their order; what a runner archives; its variables."""

    install: list[str]
    night: list[str]
    always: list[str]
    artifacts: list[str]
    junit: list[str]
    variables: dict[str, str] = field(default_factory=dict)


def github() -> Workflow:
    (job,) = yaml.safe_load((CI / "nightly.github.yml").read_text("utf-8"))["jobs"].values()
    named = {step["name"]: step for step in job["steps"] if "name" in step}
    assert job["steps"][0]["uses"].startswith("actions/checkout@")
    assert list(named) == ["Install", "Night", "Summary", "Evidence"]
    assert named["Summary"]["if"] == named["Evidence"]["if"] == "always()"
    return Workflow(
        [named["Install"]["run"]],
        [named["Night"]["run"]],
        [named["Summary"]["run"]],
        [named["Evidence"]["with"]["path"]],
        [],
        job["env"],
    )


def gitlab() -> Workflow:
    (job,) = yaml.safe_load((CI / "nightly.gitlab-ci.yml").read_text("utf-8")).values()
    assert job["artifacts"]["when"] == "always"
    return Workflow(
        ["\n".join(job["before_script"])],
        job["script"],
        job["after_script"],
        job["artifacts"]["paths"],
        [job["artifacts"]["reports"]["junit"]],
        job["variables"],
    )


def jenkins() -> Workflow:
    text = (CI / "Jenkinsfile").read_text("utf-8")
    stages, post = text.split("    post {")

    def shells(part: str) -> list[str]:
        return [
            found[0] or found[1] for found in re.findall(r"sh '''(.*?)'''|sh '([^'\n]+)'", part, re.DOTALL)
        ]

    parts = dict(re.findall(r"stage\('(\w+)'\) \{(.*?)\n        \}", stages, re.DOTALL))
    assert list(parts) == ["Install", "Night"]
    return Workflow(
        shells(parts["Install"]),
        shells(parts["Night"]),
        shells(post),
        [path.removesuffix("/**") for path in re.findall(r"archiveArtifacts artifacts: '([^']+)'", post)],
        re.findall(r"junit '([^']+)'", post),
        dict(re.findall(r"^        (\w+) = '([^']*)'", stages, re.MULTILINE)),
    )


READ = {"github": github, "gitlab": gitlab, "jenkins": jenkins}


@pytest.fixture(scope="module")
def environment_of_a_runner(tmp_path_factory):
    """``.venv`` as the Install step makes it, from a wheel of this very code; what it needs comes from our environment.

    The step itself runs as it stands, with pip told to ask no index and to leave out what the wheel needs.
    """
    folder = tmp_path_factory.mktemp("runner")
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--disable-pip-version-check", "--no-deps"]
    source = folder / "source"
    shutil.copytree(
        ROOT,
        source,
        ignore=shutil.ignore_patterns(".*", "__pycache__", "tests", "docs", "runs", "*.egg-info", "build"),
    )
    subprocess.run([*pip, "--wheel-dir", folder, source], check=True, timeout=300)
    (wheel,) = folder.glob("*.whl")
    install = {name: read().install for name, read in READ.items()}
    lines = {
        name: [line.strip() for line in "\n".join(texts).strip().splitlines()]
        for name, texts in install.items()
    }
    assert lines["github"] == lines["gitlab"] == lines["jenkins"], "one Install, spelled three times"
    first = folder / "first"  # the python3 of this machine may be another than the one these tests run with
    first.mkdir()
    (first / "python3").write_text(f'#!/bin/sh\nexec {sys._base_executable} "$@"\n', encoding="utf-8")
    (first / "python3").chmod(0o755)
    environment = {
        **os.environ,
        "PATH": f"{first}{os.pathsep}{os.environ['PATH']}",
        "INFUSION_RIG": str(wheel),
        "PIP_NO_INDEX": "1",
        "PIP_NO_DEPS": "1",
    }
    done = subprocess.run(
        ["bash", "-eo", "pipefail", "-c", install["github"][0]],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (site,) = (folder / ".venv").glob("lib/python*/site-packages")
    ours = Path(pytest.__file__).resolve().parents[1]
    (site / "needs.pth").write_text(f"{ours}\n", encoding="utf-8")
    return folder / ".venv"


@pytest.fixture
def workspace(tmp_path, environment_of_a_runner):
    """A customer's checkout: one plan, one Python plan, one plan that cannot be on this bench, and the CI files."""
    folder = tmp_path / "workspace"
    folder.mkdir()
    (folder / ".venv").symlink_to(environment_of_a_runner)
    shutil.copytree(ROOT / "fixtures", folder / "fixtures", ignore=shutil.ignore_patterns("__pycache__"))
    plans = folder / "test_plans"
    plans.mkdir()
    for name in ("smoke.plan.toml", "still.plan.toml", "requirements.csv", "test_reprogramming.py"):
        shutil.copy(ROOT / "test_plans" / name, plans)
    shutil.copytree(CI, plans / "ci")
    return folder


def carried_out(workflow: Workflow, folder: Path, **more: str) -> tuple[int, str, Path]:
    """The parts after the installation, as runners do it: a step that fails ends the job, but for what always runs."""
    summary = folder / "step-summary.md"
    environment = {
        **{name: value for name, value in os.environ.items() if not name.startswith(("PYTEST_", "PYTHON"))},
        **workflow.variables,
        "GITHUB_STEP_SUMMARY": str(summary),
        "TMPDIR": str(folder.parent),
        "INFUSION_RIG_KEYS": str(folder.parent / "keys"),
        **more,
    }
    status, told = 0, ""
    for text, is_always in [
        *((text, False) for text in workflow.night),
        *((text, True) for text in workflow.always),
    ]:
        if status and not is_always:
            continue
        done = subprocess.run(
            ["bash", "-eo", "pipefail", "-c", text],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=300,
            check=False,
        )
        told += done.stdout
        status = status or done.returncode
    return status, told, summary


def test_a_night_by_github(workspace):
    workflow = github()
    status, told, summary = carried_out(workflow, workspace)
    assert status == 0, told
    runs = sorted((workspace / "night" / "runs").iterdir())
    outcomes = {}
    for run in runs:
        results = json.loads((run / "results.json").read_text("utf-8"))
        outcomes[results["plan"]["id"]] = {unit["serial"]: unit["outcome"] for unit in results["units"]}
    assert outcomes == {"smoke": SMOKE, "reprogramming": SMOKE}
    assert "infusion-rig: skipped: still.plan.toml: not on this bench: still needs valves" in told
    for artifact in workflow.artifacts:
        assert (workspace / artifact).is_dir()
    text = summary.read_text("utf-8")
    assert "### smoke revision" in text
    assert "### reprogramming revision A: PASS - REHEARSAL" in text
    properties = {
        entry.get("name")
        for case in ElementTree.parse(workspace / "night" / "junit.xml").iter("testcase")
        for entry in case.iter("property")
    }
    wanted = {"requirement", "serial", "firmware", "value", "expanded_uncertainty", "limit", "run"}
    assert wanted <= properties


@pytest.mark.parametrize("name", ["gitlab", "jenkins"])
def test_a_night_by_the_others(workspace, name):
    """On one plan: the script is the same."""
    workflow = READ[name]()
    status, told, _ = carried_out(workflow, workspace, PLANS="test_plans/smoke.plan.toml")
    assert status == 0, told
    assert "### smoke revision" in told, "the summary is shown"
    for file in (*workflow.artifacts, *workflow.junit):
        assert (workspace / file).exists(), file
    (junit,) = workflow.junit
    cases = list(ElementTree.parse(workspace / junit).iter("testcase"))
    assert cases
    assert all(case.find("failure") is None for case in cases)


def test_variables_and_parts_are_the_same_everywhere():
    one, *others = [read() for read in READ.values()]
    for other in others:
        assert (one.variables, one.night, one.artifacts) == (other.variables, other.night, other.artifacts)


def test_a_broken_rig_is_one_notice_and_no_pump_is_touched(workspace):
    bench = workspace / "fixtures" / "simulated.bench.toml"
    broken = bench.read_text("utf-8").replace(
        "calibrated_until = 2099-12-31", "calibrated_until = 2020-01-01", 1
    )
    bench.write_text(broken, encoding="utf-8")
    status, told, summary = carried_out(github(), workspace)
    assert status == 3, told
    assert not (workspace / "night" / "runs").exists()
    (case,) = ElementTree.parse(workspace / "night" / "junit.xml").iter("testcase")
    assert case.find("error") is not None
    (line,) = summary.read_text("utf-8").splitlines()
    assert line.startswith("**The rig is broken before the night began; nothing is said about any pump.**")
    assert "expired" in (workspace / "night" / "doctor.txt").read_text("utf-8")


def test_a_bad_pump_fails_the_night_unless_it_is_in_quarantine(workspace):
    """Status 1 is about pumps. The plan accepts what the second pump does not hold."""
    plan = workspace / "test_plans" / "smoke.plan.toml"
    plan.unlink()
    python = workspace / "test_plans" / "test_reprogramming.py"
    python.write_text(python.read_text("utf-8").replace("within 14.5 %", "within 2 %"), encoding="utf-8")
    status, told, summary = carried_out(github(), workspace)
    assert status == 1, told
    assert "| SIM-0002 | a-new-rate-is-followed | rate\\_error | FAIL |" in summary.read_text("utf-8")
    known = workspace / "test_plans" / "ci" / "quarantine.toml"
    known.write_text(
        "[[quarantine]]\n"
        'criterion = "reprogramming::a-new-rate-is-followed::SIM-0002::rate_error"\n'
        'owner = "Ada Brown"\nreason = "Ticket 4711"\nexpires = 2099-12-31\n',
        encoding="utf-8",
    )
    status, told, summary = carried_out(github(), workspace)
    assert status == 0, told
    assert "quarantined until 2099-12-31, Ada Brown" in summary.read_text("utf-8")
