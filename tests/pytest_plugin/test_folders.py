"""``pytest FOLDER --bench FILE``: plans that cannot be on this bench are skipped, with the reason; mistakes refuse."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rig.bench.fitting import why_not_on
from rig.definitions.bench_file import load_bench
from rig.definitions.check import check_plan_on_bench
from rig.definitions.plan_file import load_plan

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def plans(folder, quick_plan):
    """A folder of plans: one that fits, and one for valves, which the bench lacks."""
    (folder / "plans").mkdir()
    (folder / "quick.plan.toml").rename(folder / "plans" / "quick.plan.toml")
    shutil.copy(ROOT / "test_plans" / "requirements.csv", folder / "plans")
    shutil.copy(ROOT / "test_plans" / "still.plan.toml", folder / "plans")
    return folder


def test_a_plan_that_cannot_be_on_this_bench_is_skipped_and_said_why(plans, session):
    ended = session(plans, "plans", "-k", "still or SIM-0001", "--junitxml=out.xml")
    assert ended.status == 0, ended.text
    assert "3 passed, 1 skipped" in ended.text
    assert (
        "not on this bench: still needs valves, and there is none for SIM-0001, SIM-0002 and SIM-0003"
        in ended.text
    )
    assert len(ended.runs) == 1
    (skipped,) = [case for name, case in ended.junit.items() if "still" in name]
    assert "needs valves" in skipped.find("skipped").get("message")


def test_named_itself_it_is_refused(plans, session):
    ended = session(plans, "plans/quick.plan.toml", "plans/still.plan.toml")
    assert ended.status == 4
    assert "still needs a valves" in ended.text
    assert not ended.runs


def test_a_rate_that_the_pump_does_not_have_is_a_mistake_and_refuses_the_folder(plans, quick_plan, session):
    slip = quick_plan.replace('"24 mL/day"', '"24 mL/h"').replace('id = "quick"', 'id = "slip"')
    (plans / "plans" / "slip.plan.toml").write_text(slip, encoding="utf-8")
    ended = session(plans, "plans")
    assert ended.status == 4
    assert "24 mL/h is above the pump's highest rate" in ended.text
    assert not ended.runs


def test_a_plan_for_other_pumps_is_skipped_whatever_its_rates(plans, quick_plan, session):
    other = quick_plan.replace('"24 mL/day"', '"24 mL/h"').replace(
        'id = "quick"', 'id = "iv"\npumps = ["syringe"]'
    )
    (plans / "plans" / "iv.plan.toml").write_text(other, encoding="utf-8")
    ended = session(plans, "plans", "--collect-only", "-q")
    assert ended.status == 0, ended.text
    assert "plans/iv.plan.toml::iv" in ended.text


def test_plans_share_one_filling_and_what_finds_too_little_is_skipped(plans, quick_plan, session):
    for name, hours in (("big", 30), ("bigger", 34)):
        text = quick_plan.replace('id = "quick"', f'id = "{name}"').replace(
            'for = "60 min"', f'for = "{hours} h"'
        )
        (plans / "plans" / f"{name}.plan.toml").write_text(text, encoding="utf-8")
    ended = session(plans, "plans", "-k", "(fast and SIM-0001 and alarms) or still")
    assert ended.status == 0, ended.text
    assert "2 passed, 2 skipped" in ended.text
    assert "not in this session: the plans before it leave" in ended.text
    plans_run = [json.loads((run / "results.json").read_text("utf-8"))["plan"]["id"] for run in ended.runs]
    assert plans_run == ["big", "quick"]


@pytest.mark.parametrize(
    ("bench", "not_there"),
    [
        ("simulated", {"battery", "disturbance", "end-of-service", "endurance", "infusion", "occlusion",
                       "refill-cycle", "still", "temperature"}),
        ("long", {"battery", "disturbance", "end-of-service", "infusion", "occlusion", "still", "temperature"}),
    ],
)  # fmt: skip
def test_shipped_plans_are_on_a_shipped_bench_or_say_why_not(bench, not_there):
    """A mistake would raise: nothing here refuses the whole folder."""
    file = load_bench(ROOT / f"fixtures/{bench}.bench.toml")
    left_out = set()
    for path in sorted((ROOT / "test_plans").glob("*.plan.toml")):
        plan = load_plan(path)
        if why_not_on(plan, file):
            left_out.add(plan.id)
        else:
            check_plan_on_bench(plan, file)
    assert not_there <= left_out
    assert not left_out & {"smoke", "bolus", "flow-accuracy", "microdose"}


def test_a_pump_that_knows_no_therapy_lacks_it(tmp_path):
    """The same plan for any kind of pump, on a bench with a syringe pump."""
    text = (
        (ROOT / "test_plans" / "patient_bolus.plan.toml")
        .read_text("utf-8")
        .replace('pumps = ["implantable"]\n', "")
    )
    shutil.copy(ROOT / "test_plans" / "requirements.csv", tmp_path)
    (tmp_path / "any.plan.toml").write_text(text, encoding="utf-8")
    lacks = why_not_on(
        load_plan(tmp_path / "any.plan.toml"), load_bench(ROOT / "fixtures/infusion.bench.toml")
    )
    assert "patient_bolus needs a programmable implantable pump, and pump_new_era drives none" in lacks
