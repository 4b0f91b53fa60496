"""A sound plan comes out as it was written, in the units that the names say."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from rig.definitions.cases import BolusCase, FlowAccuracyCase
from rig.definitions.limits import Criterion, Limit
from rig.definitions.plan_file import Plan, load_plan, plan_from_text
from rig.errors import DefinitionError


@pytest.fixture
def plan(write: Callable[..., dict[str, Path]]) -> Plan:
    return load_plan(write()["plan"])


def flow_case(plan: Plan) -> FlowAccuracyCase:
    case = plan.cases[0]
    assert isinstance(case, FlowAccuracyCase)
    return case


def bolus_case(plan: Plan) -> BolusCase:
    case = plan.cases[1]
    assert isinstance(case, BolusCase)
    return case


def test_the_head(plan: Plan) -> None:
    assert (plan.id, plan.revision, plan.title, plan.purpose) == ("small", "A", "A small plan", "")
    assert plan.reference_temperature_c == 37.0
    assert plan.case("doses") is plan.cases[1]


def test_the_reference_temperature_is_20_unless_said(spoil: Callable[[str, str, str], str]) -> None:
    text = spoil("plan", 'reference_temperature = "37 degC"\n', "")
    assert plan_from_text(text, "x").reference_temperature_c == 20.0


def test_a_flow_accuracy_case(plan: Plan) -> None:
    case = flow_case(plan)
    assert case.rate_ml_h == 0.002
    assert (case.dose_ug_h, case.drug_name, case.concentration_ug_ml) == (None, None, None)
    assert (case.settle_s, case.blank_s, case.relax_s) == (21600.0, 14400.0, 1800.0)
    assert (case.sample_every_s, case.sample_for_s, case.flow_every_s) == (900.0, 93600.0, 1.0)
    assert case.windows_s == (900.0, 3600.0, 55800.0), "those written, and the one with a limit"
    assert case.duration_s == 2 * (1800 + 14400) + 21600 + 93600
    assert case.volume_ml == pytest.approx(0.002 * 32)
    assert (case.verifies, case.rationale) == (("SRS-017",), "The slowest rate.")
    assert case.criteria == (
        Criterion("mean_error", "mean_error", None, Limit(-14.5, 14.5, "%", "within 14.5 %")),
        Criterion("trumpet_930_min", "trumpet", 55800.0, Limit(-20.0, 20.0, "%", "within 20 %")),
        Criterion("alarms", "alarms", None, Limit(None, 0.0, "", "none")),
    )


def test_a_bolus_case(plan: Plan) -> None:
    case = bolus_case(plan)
    assert (case.bolus_ml, case.bolus_duration_s, case.count, case.interval_s) == (0.05, 300.0, 25, 900.0)
    assert (case.settle_s, case.blank_s, case.relax_s, case.flow_every_s) == (300.0, 14400.0, 1800.0, 1.0)
    assert case.duration_s == 2 * (1800 + 14400) + 25 * 900
    assert case.volume_ml == pytest.approx(1.25)
    assert [criterion.name for criterion in case.criteria] == ["mean_error", "single_dose", "share_inside"]
    assert case.inside_limit == Limit(-10.0, 10.0, "%", "within 10 %")


def test_inside_means_single_dose_unless_said(spoil: Callable[[str, str, str], str]) -> None:
    case = bolus_case(plan_from_text(spoil("plan", 'inside = "within 10 %"\n', ""), "x"))
    assert case.inside_limit == Limit(-20.0, 20.0, "%", "within 20 %")


def test_a_dose_becomes_a_rate(spoil: Callable[[str, str, str], str]) -> None:
    dose = 'dose = "200 ug/day"\ndrug = { name = "baclofen", concentration = "2 mg/mL" }'
    case = flow_case(plan_from_text(spoil("plan", 'rate = "0.048 mL/day"', dose), "x"))
    assert case.rate_ml_h == pytest.approx(0.1 / 24, rel=1e-15)
    assert (case.drug_name, case.concentration_ug_ml) == ("baclofen", 2000.0)
    assert case.dose_ug_h == pytest.approx(200 / 24, rel=1e-15)


def test_the_usual_windows_are_those_that_fit(spoil: Callable[[str, str, str], str]) -> None:
    text = spoil("plan", 'windows = ["15 min", "60 min"]\n', "")
    minutes = [window_s / 60 for window_s in flow_case(plan_from_text(text, "x")).windows_s]
    assert minutes == [15, 60, 150, 330, 570, 930]
    text = text.replace('every = "15 min", for = "26 h"', 'every = "30 min", for = "20 h"')
    minutes = [window_s / 60 for window_s in flow_case(plan_from_text(text, "x")).windows_s]
    assert minutes == [60, 150, 330, 570, 930]


def test_a_fraction_of_a_second_goes_into_a_second(spoil: Callable[[str, str, str], str]) -> None:
    text = spoil("plan", '{ every = "15 min", for = "26 h" }', '{ every = "0.1 s", for = "0.3 s" }')
    text = text.replace('["15 min", "60 min"]', '["0.3 s"]').replace('"930 min" = "within 20 %"', "")
    assert flow_case(plan_from_text(text, "x")).windows_s == (0.3,)


def test_all_problems_are_told_at_once_in_the_order_of_lines(spoil: Callable[[str, str, str], str]) -> None:
    text = spoil("plan", '"0.048 mL/day"', '"1 ML/h"').replace("count = 25", "count = 0")
    text = text.replace('revision = "A"', "").replace('"6 h"', '"-6 h"')
    with pytest.raises(DefinitionError) as refused:
        plan_from_text(text, "p.plan.toml")
    keys = [problem.where.key for problem in refused.value.problems]
    assert keys == ["plan.revision", "rate", "settle", "count"]
    assert len(str(refused.value).splitlines()) == 4


def test_nothing_in_a_plan_can_be_changed(plan: Plan) -> None:
    with pytest.raises(ValidationError):
        flow_case(plan).settle_s = 0.0  # type: ignore[misc]
    with pytest.raises(AttributeError):
        plan.id = "other"  # type: ignore[misc]


def test_a_text_gives_the_same_plan_as_its_file(write: Callable[..., dict[str, Path]]) -> None:
    path = write()["plan"]
    from_file, from_text = load_plan(path), plan_from_text(path.read_text(encoding="utf-8"), "elsewhere")
    assert from_file == from_text
    assert from_file.source.sha256 == from_text.source.sha256


VALUES = [
    "nan",
    "-1",
    "true",
    "[]",
    "{}",
    '""',
    '"x"',
    "2027-01-01",
    "[[1]]",
    '{ a = "b" }',
    "1e400",
    '"1 h"',
    '"-1 %"',
]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_any_value_at_any_key_is_read_or_refused(
    data: st.DataObject, spoil: Callable[[str, str, str], str]
) -> None:
    lines = spoil("plan", "[plan]", "[plan]").splitlines()
    index = data.draw(st.sampled_from([i for i, line in enumerate(lines) if " = " in line]))
    key = lines[index].split(" = ")[0]
    lines[index] = f"{key} = {data.draw(st.sampled_from(VALUES))}"
    refused = None
    try:
        plan_from_text("\n".join(lines), "p.plan.toml")
    except DefinitionError as error:
        refused = error
    if refused is not None:
        assert refused.where.file == "p.plan.toml"
        assert "Input should" not in str(refused)


def test_reading_definitions_loads_no_numerical_library() -> None:
    """`rig check` is to answer at once."""
    code = "import sys, rig.definitions.check; print([m for m in ('numpy', 'pandas', 'scipy') if m in sys.modules])"
    answer = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60
    )
    assert answer.stdout.strip() == "[]"
