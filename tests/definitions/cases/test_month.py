"""Cases of priming, refill cycle and endurance: what follows of what is written, and what contradicts itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rig.definitions.bench_file import load_bench
from rig.definitions.check import check_plan_on_bench
from rig.definitions.plan_file import plan_from_text
from rig.errors import DefinitionError

ROOT = Path(__file__).resolve().parents[3]


def plan_of(name, **values):
    """A shipped plan with other values for some keys."""
    text = (ROOT / f"test_plans/{name}.plan.toml").read_text("utf-8")
    text = re.sub(r"^requirements = .*\n", "", text, flags=re.MULTILINE)
    for key, value in values.items():
        text, count = re.subn(rf"^{key} = \S.*$", f"{key} = {value}", text, flags=re.MULTILINE)
        assert count == 1, key
    return plan_from_text(text, f"{name}.plan.toml")


def test_line_and_bridge():
    (case,) = plan_of("priming").cases
    assert case.line_ml == pytest.approx(0.2 + 60 * 0.0026)
    assert case.prime_s == pytest.approx(0.356 / 0.5 * 3600)
    bridge = case.bridge
    assert (bridge.old_ng_ml, bridge.new_ng_ml, bridge.residual_nl, bridge.duration_s) == (
        500_000, 1_000_000, 356_000, 86_400
    )  # fmt: skip


def test_volumes_of_fillings():
    (case,) = plan_of("endurance").cases
    working_day, rest_day = (7 * 0.3 + 12 * 0.6 + 5 * 0.45) / 24, 0.4
    a_week = 5 * working_day + 2 * rest_day
    assert case.fillings == 3
    assert case.volume_ml == pytest.approx(180 / 7 * a_week, rel=0.01)
    assert case.drawn_ml == pytest.approx(60 / 7 * a_week, rel=0.01)
    assert case.counted_ml == pytest.approx(180 * 0.6)
    assert case.duration_s == pytest.approx((180 * 24 + 4 * 8.5 + 2 * 1) * 3600)
    assert plan_of("endurance", refill_every='"70 day"').cases[0].filling_s(2) == pytest.approx(40 * 86_400)


def test_a_bench_that_would_stop_the_schedule_before_its_end_is_refused_beforehand(tmp_path):
    for folder in ("pumps/reference-40ml.toml", "long.bench.toml"):
        (tmp_path / folder).parent.mkdir(exist_ok=True)
        text = (ROOT / "fixtures" / folder).read_text("utf-8")
        (tmp_path / folder).write_text(
            text.replace('volume_max = "120 mL"', 'volume_max = "100 mL"'), "utf-8"
        )
    bench = load_bench(tmp_path / "long.bench.toml")
    with pytest.raises(DefinitionError, match="may deliver 108 mL, more than the bench allows: 100 mL"):
        check_plan_on_bench(plan_of("endurance"), bench)


@pytest.mark.parametrize(
    ("name", "values", "said"),
    [
        ("refill_cycle", {"for": '"80 day"'}, "not empty by then"),
        ("refill_cycle", {"for": '"94.001 day"'}, "no whole multiple of 'every'"),
        ("refill_cycle", {"log": '"as commanded"\nalarms = "none"'}, "the low-reservoir alarm is to come"),
        ("endurance", {"refill_every": '"90 day"'}, "would be drawn from a filling of 40 mL"),
        ("endurance", {"portion": '"1000 s"'}, "no whole multiple of 'every'"),
        (
            "endurance",
            {"portion": '"30 day"\nflow_every = "5 min"'},
            "key 'flow_every': '5 min' must not be more than 60 s",
        ),
        ("priming", {"new_concentration": '"500 ug/mL"'}, "from one concentration to another"),
        ("priming", {"bridge_duration": '"86400.5 s"'}, "whole seconds"),
    ],
)
def test_contradictions(name, values, said):
    with pytest.raises(DefinitionError, match=said):
        plan_of(name, **values)


@pytest.mark.parametrize(
    ("steps", "said"),
    [
        ('"00:00" = "1 mg/day"', "a flow rate is needed"),
        ('"01:00" = "1 mL/day"', "begins with no rate"),
        ('"8:00" = "1 mL/day"', "no time of the day"),
    ],
)
def test_what_is_wrong_with_steps_is_told_where_it_stands(steps, said):
    text = (ROOT / "test_plans/endurance.plan.toml").read_text("utf-8")
    text = re.sub(r"^requirements = .*\n", "", text, flags=re.MULTILINE)
    line = text[: text.rindex("steps = ")].count("\n") + 1
    text = text.replace('"00:00" = "0.4 mL/day"', steps)
    where = rf"endurance.plan.toml:{line}, case 'half-a-year', key 'groups.steps': .*{said}"
    with pytest.raises(DefinitionError, match=where):
        plan_from_text(text, "endurance.plan.toml")


def test_a_filling_that_is_not_run_down_may_be_without_alarms():
    (*_, case) = plan_of("titration").cases
    assert case.procedure == "refill_cycle"
    assert case.accept.alarms


def test_drug_a_day_needs_a_drug():
    text = (ROOT / "test_plans/microdose.plan.toml").read_text("utf-8")
    text = re.sub(r"^(requirements|drug) = .*\n", "", text, flags=re.MULTILINE)
    text = re.sub(r"^dose = .*$", 'rate = "0.048 mL/day"', text, flags=re.MULTILINE)
    with pytest.raises(DefinitionError, match="needs the drug and its concentration"):
        plan_from_text(text, "microdose.plan.toml")
