"""The plans and benches that are handed out are sound, go together, and say what the documentation says of them."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

import pytest

from rig.definitions.bench_file import BenchTable, load_bench
from rig.definitions.check import check_plan_on_bench
from rig.definitions.instruments import BalanceInstrument, FlowInstrument, PumpInstrument, SimulatedUnit
from rig.definitions.plan_file import load_plan
from rig.definitions.tables import Table
from rig.definitions.unit_file import UnitFile

ROOT = Path(__file__).parents[2]
PLANS = ["test_plans/flow_accuracy.plan.toml", "test_plans/bolus.plan.toml", "tests/data/short.plan.toml"]


@pytest.mark.parametrize("plan", PLANS)
@pytest.mark.parametrize("bench", ["simulated", "faulty"])
def test_they_go_together_without_a_warning(plan: str, bench: str) -> None:
    assert (
        check_plan_on_bench(load_plan(ROOT / plan), load_bench(ROOT / f"fixtures/{bench}.bench.toml")) == []
    )


@pytest.mark.parametrize("plan", PLANS)
def test_the_example_bench_can_carry_them_out(plan: str) -> None:
    told = check_plan_on_bench(load_plan(ROOT / plan), load_bench(ROOT / "fixtures/example.bench.toml"))
    assert all("no flow sensor" in text for text in told)


def test_injected_errors() -> None:
    bench = load_bench(ROOT / "fixtures/simulated.bench.toml")
    assert bench.is_in_process
    found = {unit.serial: unit.simulated and unit.simulated.rate_error_pct for unit in bench.units}
    assert found == {"SIM-0001": 0.0, "SIM-0002": 3.0, "SIM-0003": -1.0}


def test_the_healthy_bench_does_not_expire() -> None:
    bench = load_bench(ROOT / "fixtures/simulated.bench.toml")
    dates = [
        item.calibrated_until for unit in bench.units for item in unit.instruments if item.role != "pump"
    ]
    assert dates == [datetime.date(2099, 12, 31)] * 6


def test_the_stall_falls_into_the_sampling_of_the_middle_case() -> None:
    plan = load_plan(ROOT / PLANS[0])
    first, middle, last = plan.cases
    stall = load_bench(ROOT / "fixtures/faulty.bench.toml").unit("SIM-1002").simulated
    assert stall is not None
    assert stall.stall_at_s is not None
    assert stall.stall_for_s == 5 * 3600
    whole_s = first.duration_s + middle.duration_s + last.duration_s
    assert stall.stall_at_s == pytest.approx(whole_s / 2, rel=0.05)
    sampling_s = first.duration_s + middle.relax_s + middle.blank_s + 4 * 3600
    assert sampling_s < stall.stall_at_s
    assert stall.stall_at_s + stall.stall_for_s < sampling_s + 26 * 3600


def test_one_balance_of_the_faulty_bench_has_expired() -> None:
    bench = load_bench(ROOT / "fixtures/faulty.bench.toml")
    dates = {unit.serial: unit.balance and unit.balance.calibrated_until for unit in bench.units}
    assert dates["SIM-1003"] == datetime.date(2025, 6, 30)
    assert bench.unit("SIM-1001").simulated is not None
    assert getattr(bench.unit("SIM-1001").simulated, "rate_error_pct", None) == 16.0


def test_rates_and_boluses() -> None:
    rates = [getattr(case, "rate_ml_h", None) for case in load_plan(ROOT / PLANS[0]).cases]
    assert rates == [0.002, pytest.approx(0.5 / 24), 1.0]
    assert [getattr(case, "count", None) for case in load_plan(ROOT / PLANS[1]).cases] == [25]


def test_the_short_plan_takes_less_than_a_minute() -> None:
    assert sum(case.duration_s for case in load_plan(ROOT / PLANS[2]).cases) < 60


@pytest.mark.parametrize(
    "table", [BenchTable, UnitFile, PumpInstrument, BalanceInstrument, FlowInstrument, SimulatedUnit]
)
def test_the_example_bench_explains_every_key(table: type[Table]) -> None:
    text = (ROOT / "fixtures/example.bench.toml").read_text(encoding="utf-8")
    keys = [field.alias or name for name, field in table.model_fields.items()]
    assert [
        key for key in keys if not re.search(rf"^(# )?{key} = |^(# )?\[unit\.{key}\]", text, re.MULTILINE)
    ] == []


@pytest.mark.parametrize(
    "file", sorted((ROOT / "test_plans").glob("*.plan.toml")), ids=lambda file: file.name
)
def test_every_case_says_requirement_clause_and_why(file: Path) -> None:
    for case in load_plan(file).cases:
        assert case.verifies, case.id
        assert case.clauses, case.id
        assert case.rationale, case.id
        assert case.title, case.id


def test_lines_are_short_enough_to_be_read() -> None:
    for folder in ("fixtures", "test_plans"):
        for file in sorted((ROOT / folder).rglob("*.toml")):
            long = [line for line in file.read_text(encoding="utf-8").splitlines() if len(line) > 130]
            assert not long, file
