"""A manufacturer's own package, installed beside the rig: its driver is found, tested, and runs a plan."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ACME = Path(__file__).parents[1] / "data" / "acme_pump"
PLAN = """
[plan]
id = "acme"
revision = "A"
title = "Half a minute of the P40"
reference_temperature = "37 degC"

[[case]]
id = "minute"
procedure = "flow_accuracy"
title = "24 mL/day for half a minute"
verifies = ["SRS-P40"]
rate = "24 mL/day"
relax = "8 s"
blank = "4 s"
settle = "8 s"
sample = { every = "1 s", for = "600 s" }
windows = ["1 min", "4 min"]
accept = { mean_error = "within 10 %", alarms = "none" }
"""
RIG = "import sys; from rig.cli import main; sys.exit(main())"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Environment variables with which a child finds the package; built and installed without a network."""
    site, source = (tmp_path_factory.mktemp(name) for name in ("site", "source"))
    shutil.copytree(ACME, source / "acme_pump")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-deps",
        "--no-index",
        "--no-build-isolation",
    ]
    subprocess.run([*pip, "--target", site, source / "acme_pump"], check=True, timeout=120)
    return {**os.environ, "PYTHONPATH": str(site)}


@pytest.fixture
def child(installed, tmp_path):
    def run(*words, **more):
        command = [sys.executable, *map(str, words)]
        return subprocess.run(
            command,
            env=installed,
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
            **more,
        )

    return run


def test_its_own_tests_pass_with_the_kit(child, tmp_path):
    shutil.copytree(ACME / "tests", tmp_path / "tests")
    done = child("-m", "pytest", "-q", "tests", "-p", "no:cacheprovider")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_plan_is_run_with_its_pump(child, tmp_path):
    shutil.copytree(ACME / "bench", tmp_path / "bench")
    (tmp_path / "acme.plan.toml").write_text(PLAN)
    checked = child("-c", RIG, "check", "acme.plan.toml", "--bench", "bench/p40.bench.toml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    done = child("-c", RIG, "run", "acme.plan.toml", "--bench", "bench/p40.bench.toml")
    assert done.returncode == 0, done.stdout + done.stderr
    (results,) = tmp_path.glob("runs/*/results.json")
    (case,) = json.loads(results.read_text())["cases"]
    assert (case["unit"], case["outcome"]) == ("SIM-P40", "PASS")
    assert case["measurements"]["mean_error"]["value"] == pytest.approx(2.0, abs=0.2), (
        "what the bench file injects"
    )
    wire = next(tmp_path.glob("runs/*/wire/*pump*.log")).read_text()
    assert "01 WHO" in wire
    assert "OK MODEL=P40 SERIAL=SIM-P40 FW=2.1" in wire


def test_an_option_without_its_unit_is_refused_with_the_right_one(child, tmp_path):
    shutil.copytree(ACME / "bench", tmp_path / "bench")
    (tmp_path / "acme.plan.toml").write_text(PLAN)
    bench = tmp_path / "bench" / "p40.bench.toml"
    bench.write_text(bench.read_text().replace('reply_within = "1 s"', "reply_within = 1"))
    done = child("-c", RIG, "check", "acme.plan.toml", "--bench", "bench/p40.bench.toml")
    assert done.returncode == 4
    assert "reply_within" in done.stderr
