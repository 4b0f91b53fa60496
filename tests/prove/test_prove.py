"""A plan held against faults: the smallest size that is caught, what escapes, and what the report says of it."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.prove.faults import FAULTS
from rig.prove.prove import fitting, healthy, prove

ROOT = Path(__file__).resolve().parents[2]
BENCH = ROOT / "fixtures/simulated.bench.toml"
RIG = [sys.executable, "-c", "import sys; from rig.cli import main; sys.exit(main())"]
PLAN = """
[plan]
id = "small"
revision = "A"
title = "Small"
reference_temperature = "37 degC"

[[case]]
id = "flow"
procedure = "flow_accuracy"
verifies = ["SRS-017"]
rate = "12 mL/day"
relax = "10 min"
blank = "1 h"
settle = "1 h"
sample = { every = "15 min", for = "6 h" }
windows = ["60 min"]
flow_every = "60 s"
accept = { mean_error = "within 14.5 %", claimed_delivery = "within 1 %", alarms = "none" }
"""


@pytest.fixture
def plan_file(tmp_path):
    path = tmp_path / "small.plan.toml"
    path.write_text(PLAN, encoding="utf-8")
    return path


@pytest.fixture
def fault():
    return lambda name: next(fault for fault in FAULTS if fault.name == name)


def test_the_smallest_size_that_is_caught_lies_just_beyond_the_limit(plan_file, fault):
    plan, bench = load_plan(plan_file), load_bench(BENCH)
    assert healthy(plan, bench).outcome == "PASS"
    over = prove(plan, bench, fault("over-infusion"))
    assert over.smallest is not None
    assert (over.smallest.size, over.smallest.outcome) == (16.0, "FAIL")
    assert over.smallest.caught_by == ("flow/mean_error",)
    assert 12.0 in [tried.size for tried in over.tried if not tried.is_caught]  # inside the limit of 14.5 %


def test_a_lie_of_the_pump_and_a_lost_cable_are_caught(plan_file, fault):
    plan, bench = load_plan(plan_file), load_bench(BENCH)
    stuck = prove(plan, bench, fault("stuck counter")).smallest
    assert stuck is not None
    assert (stuck.outcome, stuck.caught_by) == ("FAIL", ("flow/claimed_delivery",))


def test_only_faults_are_tried_that_the_plan_is_about(plan_file):
    names = [fault.name for fault in fitting(load_plan(plan_file), load_bench(BENCH))]
    assert "over-infusion" in names
    assert "ignored lock-out" not in names
    infusion = fitting(load_plan(plan_file), load_bench(ROOT / "fixtures/infusion.bench.toml"))
    assert "motor stall" not in [fault.name for fault in infusion]  # it needs the implantable pump


def rig(*arguments: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RIG, *map(str, arguments)], capture_output=True, text=True, timeout=120, check=False
    )


def test_what_was_found_is_kept_beside_the_plan_and_goes_into_reports(plan_file, tmp_path):
    told = rig("prove", plan_file, "--bench", BENCH, "--only", "under-infusion", "--keep")
    assert told.returncode == 0, told.stderr
    assert "the healthy unit: PASS" in told.stdout
    proof = json.loads((tmp_path / "small.proof.json").read_text("utf-8"))
    assert [(f["name"], f["smallest_caught"]) for f in proof["faults"]] == [("under-infusion", 16.0)]
    ran = rig("run", plan_file, "--bench", BENCH, "--runs", tmp_path / "runs", "-k", "SIM-0001")
    assert ran.returncode == 0, ran.stderr
    (folder,) = (tmp_path / "runs").glob("*small*")
    page = (folder / "report.html").read_text("utf-8")
    assert "What this plan catches" in page
    assert "under-infusion: delivers less than programmed" in page
    assert "not the same file" not in page
    assert rig("verify", folder).returncode == 0


def test_an_unknown_fault_and_a_real_bench_are_refused(plan_file):
    told = rig("prove", plan_file, "--bench", BENCH, "--only", "rust")
    assert (told.returncode, "no such fault" in told.stderr) == (4, True)
    told = rig("prove", plan_file, "--bench", ROOT / "fixtures/example.bench.toml")
    assert (told.returncode, "simulated instruments only" in told.stderr) == (4, True)
