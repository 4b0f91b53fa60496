"""Runs over pseudo-terminals whose machine "loses its power", and that are taken up again, while the pump lives on.

A power cut is the end of the run and of its guard at one moment: all their processes are frozen first, then killed. The
long version (marker ``campaign``) is a plan of 72 h with every duration divided by 3600, cut five times at random.
"""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

HEAD = """
[plan]
id = "scaled"
revision = "A"
title = "Seconds for hours"
reference_temperature = "37 degC"
"""
FLOW = """
[[case]]
id = "flow"
procedure = "flow_accuracy"
title = "24 mL/day"
verifies = ["SRS-000"]
rate = "24 mL/day"
relax = "{relax} s"
blank = "{blank} s"
settle = "{settle} s"
sample = {{ every = "1 s", for = "{sample} s" }}
flow_every = "0.1 s"
windows = ["1 s", "{sample} s"]
accept = {{ mean_error = "within 50 %", alarms = "none" }}
"""
DOSES = """
[[case]]
id = "doses"
procedure = "bolus"
title = "Boluses"
verifies = ["SRS-000"]
bolus = "1 uL"
bolus_duration = "3 s"
count = 3
interval = "6 s"
settle = "1 s"
relax = "1 s"
blank = "2 s"
accept = { mean_error = "within 90 %" }
"""

pytestmark = pytest.mark.usefixtures("needs_posix")


def descendants(pid: int) -> list[int]:
    """Of a process, itself first."""
    found = [pid]
    for task in Path(f"/proc/{pid}/task").iterdir():
        for child in (task / "children").read_text().split():
            found += descendants(int(child))
    return list(dict.fromkeys(found))


def cut_the_power(process: Any) -> None:
    family = descendants(process.pid)
    for signal_number in (signal.SIGSTOP, signal.SIGKILL):
        for pid in family:
            os.kill(pid, signal_number)
    process.communicate()


@dataclass
class Taken:
    """A run that came to its end, with how often its power was cut."""

    ended: Any
    cuts: int

    def mean_error(self, case: str) -> dict[str, Any]:
        criteria = self.ended.case(case, "SIM-0001")["criteria"]
        return next(criterion for criterion in criteria if criterion["name"] == "mean_error")

    def flags(self, case: str) -> dict[str, Any]:
        return {flag["name"]: flag for flag in self.ended.case(case, "SIM-0001")["flags"]}


def carried_out(rig: Any, bench: Path, plan: str, cuts_s: list[float]) -> Taken:
    """The plan on a bench that is served meanwhile; the power is cut so long after each beginning of the run."""
    plan_file = rig.home / "scaled.plan.toml"
    plan_file.write_text(plan, "utf-8")
    with rig.serve(bench) as told:
        process = rig.start_run(plan_file, told["bench"])
        for cuts, cut_s in enumerate(cuts_s):
            marks = cuts + 1
            folder = rig.wait_for(lambda folder, marks=marks: begun(folder) >= marks)
            try:
                process.wait(cut_s)
            except subprocess.TimeoutExpired:
                pass
            else:
                return Taken(rig.ended(process), cuts)
            cut_the_power(process)
            time.sleep(0.5)
            process = rig.start("resume", folder)
        return Taken(rig.ended(process), len(cuts_s))


def begun(folder: Path) -> int:
    """How often the run was opened and taken up."""
    lines = (folder / "journal.jsonl").read_text("utf-8", "replace").splitlines()
    return sum('"kind":"run_opened"' in line or '"kind":"resumed"' in line for line in lines)


@pytest.fixture(scope="module")
def one_unit(write_bench, tmp_path_factory):
    return write_bench(tmp_path_factory.mktemp("one"), 'rate_error = "3 %"', bench_id="resumed")


@pytest.fixture(scope="module")
def cut_once(new_rig, one_unit, side_by_side):
    plan = HEAD + FLOW.format(relax=1, blank=2, settle=2, sample=12)
    return side_by_side(carried_out, new_rig("cut"), one_unit, plan, [9.0])


@pytest.fixture(scope="module", autouse=True)
def begun_together(cut_once):
    """It mostly waits."""


def test_after_a_power_cut_the_sampling_goes_on_over_the_gap(cut_once):
    taken = cut_once.result()
    assert (taken.ended.status, taken.cuts) == (0, 1), taken.ended.told
    mean = taken.mean_error("flow")
    assert mean["verdict"] == "PASS"
    assert abs(mean["value"] - 3.0) <= mean["expanded_uncertainty"]
    flag = taken.flags("flow")["interrupted"]
    assert flag["kind"] == "measurement"
    assert flag["end_s"] - flag["start_s"] > 0.5
    assert "by the monotonic clock of this machine" in flag["message"]
    assert "the rig was gone for" in (taken.ended.folder / "report.html").read_text("utf-8")


def test_the_record_is_one_sealed_whole(cut_once, new_rig):
    taken = cut_once.result()
    kinds = [record["kind"] for record in taken.ended.journal]
    assert (kinds.count("run_opened"), kinds.count("resumed"), kinds.count("run_closed")) == (1, 1, 1)
    rig = new_rig("verify-resumed")
    verified = rig.ended(rig.start("verify", taken.ended.folder))
    assert verified.status == 0, verified.out + verified.told


def test_a_resumed_run_is_left_alone_when_it_is_resumed_again(cut_once, new_rig):
    folder = cut_once.result().ended.folder
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    rig = new_rig("again")
    assert rig.ended(rig.start("resume", folder)).status == 0
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")} == before


def test_a_case_that_the_plan_has_not_cannot_be_repeated_in_a_run_in_virtual_time(
    new_rig, one_unit, short_plan
):
    """What can be told without any instrument; nothing is changed then."""
    rig = new_rig("virtual-killed")
    plan_file = rig.home / "long.plan.toml"
    plan_file.write_text(short_plan.read_text("utf-8").replace('for = "10 s"', 'for = "100000 s"'), "utf-8")
    process = rig.start_run(plan_file, one_unit)
    folder = rig.wait_for(lambda folder: begun(folder) >= 1)
    cut_the_power(process)
    refused = rig.ended(rig.start("resume", folder, "--repeat", "nonsense"))
    assert (refused.status, "no case 'nonsense'" in refused.told) == (4, True)
    refused = rig.ended(rig.start("resume", folder))
    assert (refused.status, "rig resume --close" in refused.told) == (4, True)
    closed = rig.ended(rig.start("resume", folder, "--close"))
    assert closed.status == 2, closed.told
    results = json.loads((folder / "results.json").read_text("utf-8"))
    assert results["outcome"] == "ABORTED"
    assert (folder / "exports" / "junit.xml").exists()
    assert rig.ended(rig.start("verify", folder)).status == 0


@pytest.mark.campaign
@pytest.mark.parametrize("seed", range(3))
def test_72_hours_in_as_many_seconds_cut_five_times_have_the_verdicts_of_the_undisturbed_run(
    new_rig, one_unit, side_by_side, seed
):
    plan = HEAD + FLOW.format(relax=1, blank=4, settle=4, sample=30) + DOSES
    rng = random.Random(f"power {seed}")
    cuts_s = [rng.uniform(1.0, 14.0) for _ in range(5)]
    undisturbed = side_by_side(carried_out, new_rig("undisturbed"), one_unit, plan, [])
    cut = side_by_side(carried_out, new_rig("five"), one_unit, plan, cuts_s)
    cut, undisturbed = cut.result(), undisturbed.result()
    print(seed, cut.cuts, [(case["id"], case["outcome"]) for case in cut.ended.results["cases"]])
    assert (undisturbed.ended.status, cut.ended.status) == (0, 0), cut.ended.told
    for case in ("flow", "doses"):
        one, other = undisturbed.mean_error(case), cut.mean_error(case)
        assert one["verdict"] == other["verdict"] == "PASS"
        apart = abs(one["value"] - other["value"])
        assert apart <= (one["expanded_uncertainty"] ** 2 + other["expanded_uncertainty"] ** 2) ** 0.5
    assert cut.cuts == 5
    gone = [record for record in cut.ended.journal if record["kind"] == "resumed"]
    assert len(gone) == 5
    shown = [flag for case in ("flow", "doses") for flag in cut.flags(case) if flag == "interrupted"]
    assert shown
