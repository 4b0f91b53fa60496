"""A plan held against faults: the smallest size caught, what escapes, which requirement that proves, the report."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.prove.faults import about
from rig.prove.proof import Proof, Proven, judged_by
from rig.prove.prove import faults_for, smallest_caught, that_could_prove_more
from rig.prove.trying import Missed, Trial, Tried

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
def trial(plan_file):
    """The plan on the bench of long runs: no flow sensor."""
    return Trial(load_plan(plan_file), load_bench(ROOT / "fixtures/long.bench.toml"))


@pytest.fixture
def fault(trial):
    found = {fault.name: fault for fault in faults_for(trial.bench)}
    return found.__getitem__


def test_the_smallest_size_that_is_caught_lies_just_beyond_the_limit(trial, fault):
    healthy = trial.healthy()
    assert healthy.tried.outcome == "PASS"
    assert healthy.moment_ns == pytest.approx(18_600e9, rel=0.001)  # the middle of the sampling
    tried = smallest_caught(trial, fault("over-infusion"), healthy.moment_ns)
    smallest = Proven(fault("over-infusion"), frozenset({"mean_error"}), tried).smallest
    assert (smallest.size, smallest.outcome, smallest.caught_by) == (16.0, "FAIL", ("flow/mean_error",))
    below = next(tried for tried in tried if tried.size == 12.0)  # inside the limit of 14.5 %
    assert (below.is_caught, below.overlooked) == (False, "")


def test_what_really_arrived_is_known_where_the_instruments_hide_it(trial, fault):
    both = [(fault("over-infusion"), 20.0), (fault("balance reads too little"), 15.0)]
    tried = trial.injured(both, 0, trial.plan.cases, whole=True)
    assert tried.outcome == "PASS"
    assert tried.overlooked == "flow, mean: +20 % really arrived"
    proven = Proven(fault("over-infusion"), frozenset({"mean_error"}), (tried,))
    assert (proven.state, proven.escape) == ("escaped", tried.overlooked)


def test_what_begins_later_begins_while_the_pump_delivers(trial, fault):
    tried = trial.injured([(fault("silent stall"), 2.0)], round(5 * 3600e9), trial.plan.cases, whole=True)
    assert tried.outcome == "FAIL"
    assert Missed("flow", "claimed_delivery", "FAIL") in tried.missed


def test_a_lie_of_the_pump_is_caught(trial, fault):
    (stuck,) = smallest_caught(trial, fault("stuck counter"), 0)
    assert (stuck.outcome, stuck.caught_by) == ("FAIL", ("flow/claimed_delivery",))


def test_only_faults_are_tried_that_the_plan_is_about(plan_file):
    plan = load_plan(plan_file)
    names = {fault.name for fault in faults_for(load_bench(BENCH)) if about(plan.cases, fault)}
    assert {"over-infusion", "motor stall", "sensor unplugged"} <= names
    assert (
        not {"ignored lock-out", "thin air", "late stall alarm", "uneven flow", "line valve sticks"} & names
    )
    infusion = {fault.name for fault in faults_for(load_bench(ROOT / "fixtures/infusion.bench.toml"))}
    assert "motor stall" not in infusion  # it needs the implantable pump
    assert {"jammed motor", "no occlusion alarm", "pressure unplugged"} <= infusion


def test_every_fault_of_a_pump_breaks_something_that_a_shipped_plan_judges():
    cases = [case for file in (ROOT / "test_plans").glob("*.plan.toml") for case in load_plan(file).cases]
    for bench in ("simulated", "disturbed", "infusion"):
        for fault in faults_for(load_bench(ROOT / f"fixtures/{bench}.bench.toml")):
            assert about(cases, fault), fault.name


PASSED, FAILED = Tried(1.0, "PASS", ()), Tried(2.0, "FAIL", (Missed("flow", "mean_error", "FAIL"),))
NOISE = Tried(2.0, "INCONCLUSIVE", (Missed("flow", "mean_error", "INCONCLUSIVE"),))


@pytest.mark.parametrize(
    ("name", "tried", "hidden", "state"),
    [
        ("over-infusion", (), None, "not about"),
        ("over-infusion", (PASSED, FAILED), None, "caught"),
        ("over-infusion", (PASSED,), None, "inside the limits"),
        ("stuck counter", (PASSED,), None, "escaped"),
        ("motor stall", (PASSED,), None, "escaped"),  # it breaks "alarms", which is no matter of volume
        ("balance bumped", (PASSED,), None, "borne"),
        ("balance bumped", (PASSED,), FAILED, "borne"),
        ("balance bumped", (PASSED,), PASSED, "escaped"),
    ],
)
def test_three_kinds_of_not_caught(trial, fault, name, tried, hidden, state):
    judged = judged_by(trial.plan.cases, fault(name))
    assert Proven(fault(name), judged, tried, hidden).state == state


@pytest.mark.parametrize(
    ("tried", "holds", "caught", "not_caught"),
    [
        (FAILED, True, ("over-infusion",), ()),
        (NOISE, False, (), ("over-infusion",)),  # noticed, but nothing says that the requirement is not met
        (PASSED, False, (), ("over-infusion",)),
    ],
)
def test_a_requirement_needs_a_fault_that_fails_a_criterion_for_it(
    trial, fault, tried, holds, caught, not_caught
):
    proven = Proven(fault("over-infusion"), frozenset({"mean_error"}), (tried,))
    proof = Proof(trial.plan, trial.bench, PASSED, (proven,), is_whole=True)
    (covered,) = proof.covered
    assert (covered.id, covered.caught, covered.not_caught) == ("SRS-017", caught, not_caught)
    assert proof.holds is holds


def test_a_fault_proves_only_the_requirements_that_limit_what_it_broke():
    plan = load_plan(ROOT / "test_plans/occlusion.plan.toml")
    bench = load_bench(ROOT / "fixtures/infusion.bench.toml")
    late = next(fault for fault in faults_for(bench) if fault.name == "late occlusion alarm")
    missed = (Missed("intermediate-rate", "alarm_pressure", "FAIL"),)
    proven = Proven(late, judged_by(plan.cases, late), (Tried(95.0, "FAIL", missed),))
    proof = Proof(plan, bench, PASSED, (proven,), is_whole=True)
    assert {covered.id: bool(covered.caught) for covered in proof.covered} == {
        "SRS-111": False, "SRS-112": True, "SRS-113": False, "SRS-120": False,
    }  # fmt: skip
    assert not proof.holds


def test_a_requirement_that_nothing_proves_has_faults_begin_in_its_own_case_once_more():
    plan = load_plan(ROOT / "test_plans/titration.plan.toml")
    bench = load_bench(BENCH)
    reset = next(fault for fault in faults_for(bench) if fault.name == "reset")
    in_the_longest = Tried(1.0, "FAIL", (Missed("residual", "log", "FAIL"),))
    proven = Proven(reset, judged_by(plan.cases, reset), (in_the_longest,))
    proof = Proof(plan, bench, PASSED, (proven,), is_whole=True)
    assert set(that_could_prove_more(proof)) == {
        ("reset", "programmed-ahead")
    }  # where SRS-137 limits the log
    there = Tried(1.0, "FAIL", (Missed("programmed-ahead", "log", "FAIL"),))
    caught = {c.id for c in replace(proof, proven=(replace(proven, again=(there,)),)).covered if c.caught}
    assert caught == {"SRS-137"}
    assert not set(that_could_prove_more(replace(proof, is_whole=False)))


def test_each_case_has_a_moment_of_its_own(tmp_path):
    case = PLAN[PLAN.index("[[case]]") :]
    (tmp_path / "two.plan.toml").write_text(
        PLAN + case.replace('"flow"', '"more"').replace("6 h", "8 h"), "utf-8"
    )
    healthy = Trial(
        load_plan(tmp_path / "two.plan.toml"), load_bench(ROOT / "fixtures/long.bench.toml")
    ).healthy()
    assert healthy.moments_ns["flow"] == pytest.approx(18_600e9, rel=0.001)
    assert healthy.moment_ns == healthy.moments_ns["more"] > healthy.moments_ns["flow"] + 8 * 3600e9


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
    assert "Requirements and the faults caught by a criterion for them" in page
    assert "does not say the same" not in page
    assert rig("verify", folder).returncode == 0


def test_an_unknown_fault_and_a_real_bench_are_refused(plan_file):
    told = rig("prove", plan_file, "--bench", BENCH, "--only", "rust")
    assert (told.returncode, "no such fault" in told.stderr) == (4, True)
    told = rig("prove", plan_file, "--bench", ROOT / "fixtures/example.bench.toml")
    assert (told.returncode, "simulated instruments only" in told.stderr) == (4, True)
