"""What a plan may not say of occlusion, rest, disturbance and battery, and what each case needs of a bench."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.definitions.bench_file import load_bench
from rig.definitions.check import check_plan_on_bench
from rig.definitions.plan_file import plan_from_text
from rig.errors import DefinitionError

ROOT = Path(__file__).parents[3]
PLANS = {
    "occlusion": "infusion", "still": "disturbed", "disturbance": "disturbed", "battery": "disturbed",
    "end_of_service": "disturbed", "temperature": "disturbed", "catheter": "disturbed",
    "infusion_volumetric": "volumetric", "infusion_ambulatory": "ambulatory", "nightly": "simulated",
}  # fmt: skip


def text_of(name):
    text = (ROOT / f"test_plans/{name}.plan.toml").read_text("utf-8")
    return text.replace('requirements = "requirements.csv"\n', "")


@pytest.mark.parametrize("name", PLANS)
def test_each_plan_goes_with_its_bench_without_a_warning(name):
    plan = plan_from_text(text_of(name), "p.plan.toml")
    bench = load_bench(ROOT / f"fixtures/{PLANS[name]}.bench.toml")
    assert [told for told in check_plan_on_bench(plan, bench) if "no flow sensor" not in told] == []


@pytest.mark.parametrize(
    ("name", "role"),
    [
        ("occlusion", "valves"),
        ("still", "valves"),
        ("disturbance", "supply"),
        ("battery", "supply"),
        ("temperature", "bath"),
    ],
)
def test_a_bench_without_what_a_case_needs_is_refused(name, role):
    plan = plan_from_text(text_of(name), "p.plan.toml")
    with pytest.raises(DefinitionError) as refused:
        check_plan_on_bench(plan, load_bench(ROOT / "fixtures/simulated.bench.toml"))
    assert any(f"needs a {role}" in str(problem) for problem in refused.value.problems)


@pytest.mark.parametrize(
    ("name", "written", "instead", "words"),
    [
        ("occlusion", 'wait = "40 min"', 'wait = "10 min"', "would not be told from one that never does"),
        ("occlusion", 'released_volume = "at most 1.2 mL"', 'alarms = "none"', "this case is for an alarm"),
        ("still", 'every = "30 min"', 'every = "7 min"', "no whole multiple"),
        ("disturbance", "channel = 102\n", "", "nobody holds the magnet"),
        ("disturbance", 'deed_for = "20 min"\n', "", "it lasts no time"),
        ("disturbance", 'for = "5 h"', 'for = "2 h"', "what comes after the disturbance is not weighed"),
        ("disturbance", 'deed = "magnet"', 'deed = "drop"', "not known here"),
        ("battery", 'capacity = "1.3 Ah"\n', "", "needs its capacity"),
        ("battery", '"2.62 V", "2.58 V"', '"2.58 V", "2.62 V"', "a battery's voltage falls"),
        ("end_of_service", 'wait_for_end = "95 day"', 'wait_for_end = "60 day"', "not waited long enough"),
        ("temperature", 'bath_temperature = "32 degC"', 'bath_temperature = "80 degC"', "must not be more than 40"),
    ],
)  # fmt: skip
def test_what_contradicts_itself_is_refused_with_its_place(name, written, instead, words):
    text = text_of(name)
    assert written in text
    with pytest.raises(DefinitionError) as refused:
        plan_from_text(text.replace(written, instead, 1), "p.plan.toml")
    assert any(words in str(problem) and "p.plan.toml:" in str(problem) for problem in refused.value.problems)
