"""What `rig check` says beforehand is what the run will state afterwards."""

import math
import re
import shutil
from pathlib import Path

import pytest

from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan, plan_from_text
from rig.judge.expected import expected, summary_of, warnings_of
from rig.run.session import Session

ROOT = Path(__file__).parents[2]
BENCH = load_bench(ROOT / "fixtures/simulated.bench.toml")


def plan_of(text, name):
    """A plan beside which no requirement set lies."""
    return plan_from_text(re.sub(r"^requirements = .*\n", "", text, flags=re.MULTILINE), name)


@pytest.mark.parametrize("plan_file", ["tests/data/short.plan.toml", "test_plans/bolus.plan.toml"])
def test_the_uncertainty_expected_is_the_one_the_run_states(plan_file, tmp_path):
    plan = load_plan(ROOT / plan_file)
    session = Session(BENCH, tmp_path, "tester", ["SIM-0001"], planned=None)
    result = session.result(plan, plan.cases[0], "SIM-0001", ["SIM-0001"])
    session.finish()
    stated = {entry["name"]: entry["expanded_uncertainty"] for entry in result["criteria"]}
    told = {item.criterion.name: item.expanded_uncertainty_pct for item in expected(plan, BENCH)}
    assert told
    for name, uncertainty_pct in told.items():
        assert stated[name] == pytest.approx(uncertainty_pct, rel=0.2), name


def test_the_shipped_plans_can_be_decided_on_the_simulated_bench():
    for file in (ROOT / "test_plans").glob("*.plan.toml"):
        assert warnings_of(load_plan(file), BENCH) == []


def test_a_window_too_short_for_the_balance_is_told_with_its_place():
    text = (ROOT / "test_plans/flow_accuracy.plan.toml").read_text("utf-8")
    plan = plan_of(text.replace('"330 min" = "within 20 %"', '"15 min" = "within 16 %"', 1), "p.plan.toml")
    (warning,) = warnings_of(plan, BENCH)
    assert "case 'lowest-rate'" in warning
    assert "trumpet_15_min cannot be decided" in warning
    assert "SIM-0001, SIM-0002, SIM-0003" in warning


def test_a_limit_four_times_the_uncertainty_at_least_is_no_reason_to_warn_and_less_is():
    text = (ROOT / "test_plans/flow_accuracy.plan.toml").read_text("utf-8")
    for limit, told in (("within 3.7 %", 0), ("within 3.5 %", 1)):
        changed = text.replace('mean_error = "within 14.5 %"', f'mean_error = "{limit}"', 1)
        warnings = warnings_of(plan_of(changed, "p.plan.toml"), BENCH)
        assert len(warnings) == told
        assert all("decided weakly" in warning for warning in warnings)


def plan_with(**changes: str):
    text = (ROOT / "test_plans/flow_accuracy.plan.toml").read_text("utf-8")
    for before, after in changes.values():
        assert before in text
        text = text.replace(before, after, 1)
    return plan_of(text, "p.plan.toml")


def test_each_case_is_told_with_its_time_and_what_will_be_known():
    lowest, typical, highest = summary_of(plan_with(), BENCH)
    assert lowest.startswith("lowest-rate: 41.0 h; mean_error to 0.91 % (ratio 16), trumpet_330_min to ")
    assert typical.startswith("typical-rate: 39.0 h; mean_error to ")
    assert highest.count("ratio") == 4
    (boluses,) = summary_of(load_plan(ROOT / "test_plans/bolus.plan.toml"), BENCH)
    assert boluses.startswith("bolus-50ul: 15.2 h; mean_error to ")


@pytest.mark.parametrize(
    ("limit", "key", "remedy"),
    [
        ("within 0.19 %", "sample", r"sample for ([0-9.]+) h"),
        ("within 2 %", "blank", r"blank for ([0-9.]+) h"),
    ],
)
def test_what_is_advised_is_enough_and_no_more_than_needed(limit, key, remedy):
    rates = {
        "sample": ('rate = "0.048 mL/day"', 'rate = "1 mL/day"'),
        "blank": ('every = "15 min", for = "26 h"',) * 2,
    }
    accept = ('mean_error = "within 14.5 %"', f'mean_error = "{limit}"')
    shorter = ('sample = { every = "15 min", for = "26 h" }', 'sample = { every = "15 min", for = "16 h" }')
    others = {"rate": rates[key], "accept": accept, **({"shorter": shorter} if key == "sample" else {})}

    def mean_error(**more):
        items = expected(plan_with(**others, **more), BENCH)
        return next(
            item for item in items if (item.case, item.criterion.name) == ("lowest-rate", "mean_error")
        )

    weak = mean_error()
    assert weak.is_weak
    (hours,) = (float(found[1]) for text in weak.remedies if (found := re.fullmatch(remedy, text)))
    written = {"sample": 'for = "16 h"', "blank": 'blank = "4 h"'}[key]
    for length, is_weak in ((1.02 * hours, False), (0.95 * hours, True)):
        quarters = round(4 * length) / 4
        change = (written, f'{"for" if key == "sample" else key} = "{60 * quarters:g} min"')
        assert mean_error(longer=change).is_weak == is_weak


def test_a_finer_balance_is_advised_and_is_enough(tmp_path):
    accept = {"accept": ('mean_error = "within 14.5 %"', 'mean_error = "within 2 %"')}
    (weak,) = (i for i in expected(plan_with(**accept), BENCH) if i.is_weak and i.unit == "SIM-0001")
    times = float(re.search(r"a balance ([0-9.]+) times finer", weak.remedies[-1])[1])
    text = (ROOT / "fixtures/simulated.bench.toml").read_text("utf-8")
    for key in ("resolution", "repeatability", "linearity", "drift_24h"):
        text = re.sub(
            rf'^{key} = "([0-9.]+) mg"',
            lambda m: f'{m[0].split("=")[0]}= "{float(m[1]) / times:.5f} mg"',
            text,
            flags=re.M,
        )
    shutil.copytree(ROOT / "fixtures/pumps", tmp_path / "pumps")
    (tmp_path / "fine.bench.toml").write_text(text, "utf-8")
    finer = expected(plan_with(**accept), load_bench(tmp_path / "fine.bench.toml"))
    assert not any(item.ratio < 3.9 for item in finer)


def test_a_window_that_cannot_be_decided_is_told_how_long_it_would_have_to_be():
    plan = plan_with(window=('"330 min" = "within 20 %"', '"15 min" = "within 16 %"'))
    (warning,) = warnings_of(plan, BENCH)
    minutes = (
        float(re.search(r"for a ratio of 4: a window of ([0-9.]+) h or more, or a balance", warning)[1]) * 60
    )
    longer = plan_with(
        window=('"330 min" = "within 20 %"', f'"{15 * math.ceil(minutes / 15)} min" = "within 16 %"')
    )
    assert warnings_of(longer, BENCH) == []
