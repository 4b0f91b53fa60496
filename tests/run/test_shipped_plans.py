"""The main job in virtual time: the shipped plans on the shipped simulated benches, as `rig run` does it."""

from __future__ import annotations

import pytest

FLOW, BOLUS = "test_plans/flow_accuracy.plan.toml", "test_plans/bolus.plan.toml"
LIES_PCT = {"SIM-0001": 0.0, "SIM-0002": 3.0, "SIM-0003": -1.0}
RATES = ("lowest-rate", "typical-rate", "highest-rate")


@pytest.fixture(scope="session")
def simulated_run(new_rig, shipped, side_by_side):
    """The flow plan on the simulated bench."""
    rig = new_rig("simulated")
    return side_by_side(rig.run, shipped(FLOW), shipped("fixtures/simulated.bench.toml"), PYTHONHASHSEED="1")


@pytest.fixture(scope="session")
def simulated_again(new_rig, shipped, side_by_side):
    """The same once more, with Python's hashes another way round."""
    rig = new_rig("again")
    return side_by_side(rig.run, shipped(FLOW), shipped("fixtures/simulated.bench.toml"), PYTHONHASHSEED="2")


@pytest.fixture(scope="session")
def faulty_run(new_rig, shipped, side_by_side):
    """The flow plan on the faulty bench."""
    rig = new_rig("faulty")
    return side_by_side(rig.run, shipped(FLOW), shipped("fixtures/faulty.bench.toml"))


@pytest.fixture(scope="session")
def bolus_run(new_rig, shipped, side_by_side):
    """The bolus plan on the simulated bench."""
    rig = new_rig("bolus")
    return side_by_side(rig.run, shipped(BOLUS), shipped("fixtures/simulated.bench.toml"))


@pytest.fixture(scope="session", autouse=True)
def started_together(simulated_run, simulated_again, faulty_run, bolus_run):
    """Two cores are enough for all of them at once."""


def test_every_verdict_on_the_simulated_bench_is_pass(simulated_run):
    ended = simulated_run.result()
    assert (ended.status, ended.results["outcome"]) == (0, "PASS"), ended.told
    verdicts = [criterion["verdict"] for case in ended.results["cases"] for criterion in case["criteria"]]
    assert verdicts == ["PASS"] * 51


@pytest.mark.parametrize("unit", LIES_PCT)
@pytest.mark.parametrize("rate", RATES)
def test_the_injected_error_lies_inside_the_stated_uncertainty(simulated_run, rate, unit):
    criteria = simulated_run.result().case(rate, unit)["criteria"]
    (error,) = [criterion for criterion in criteria if criterion["name"] == "mean_error"]
    assert error["unit"] == "%"
    assert 0 < error["expanded_uncertainty"] < 1
    assert abs(error["value"] - LIES_PCT[unit]) <= error["expanded_uncertainty"]


@pytest.mark.parametrize("unit", LIES_PCT)
def test_the_injected_error_of_boluses_lies_inside_the_stated_uncertainty(bolus_run, unit):
    ended = bolus_run.result()
    assert ended.status == 0
    case = ended.case("bolus-50ul", unit)
    assert len(case["doses"]) == 25
    (error,) = [criterion for criterion in case["criteria"] if criterion["name"] == "mean_error"]
    assert 0 < error["expanded_uncertainty"] < 0.5
    assert abs(error["value"] - LIES_PCT[unit]) <= error["expanded_uncertainty"]


def test_a_run_on_simulated_instruments_is_a_rehearsal_wherever_it_shows(simulated_run):
    ended = simulated_run.result()
    assert ended.results["rehearsal"] is True
    assert ended.results["rehearsal_because"] == ["all 9 instruments are simulated"]
    assert "REHEARSAL" in ended.out
    assert "REHEARSAL" in (ended.folder / "report.html").read_text("utf-8")


def test_the_sealed_runs_are_sound(simulated_run, faulty_run, bolus_run, new_rig):
    for run in (simulated_run, faulty_run, bolus_run):
        rig = new_rig("verify")
        verified = rig.ended(rig.start("verify", run.result().folder))
        assert verified.status == 0, verified.out + verified.told


def test_twice_the_same_seed_is_the_same_to_the_bit(simulated_run, simulated_again):
    first, second = simulated_run.result(), simulated_again.result()
    assert first.folder != second.folder
    assert (first.folder / "samples.parquet").read_bytes() == (second.folder / "samples.parquet").read_bytes()
    assert first.results["cases"] == second.results["cases"]
    assert first.results["units"] == second.results["units"]
    wires = sorted(path.name for path in (first.folder / "wire").iterdir())
    assert len(wires) == 9
    for name in wires:
        assert (first.folder / "wire" / name).read_bytes() == (second.folder / "wire" / name).read_bytes()


def test_another_seed_is_another_run(new_rig, write_bench, short_plan, tmp_path):
    def parquet_and_cases(seed):
        rig = new_rig("seed")
        ended = rig.run(short_plan, write_bench(tmp_path, "", seed=seed))
        assert ended.status == 0
        return (ended.folder / "samples.parquet").read_bytes(), ended.results["cases"]

    first, second = parquet_and_cases(1), parquet_and_cases(2)
    assert first[0] != second[0]
    assert first[1] != second[1]


def test_the_faulty_bench_does_not_pass(faulty_run):
    ended = faulty_run.result()
    assert (ended.status, ended.results["outcome"]) == (1, "FAIL"), ended.told
    outcomes = {unit["serial"]: unit["outcome"] for unit in ended.results["units"]}
    assert outcomes == {"SIM-1001": "FAIL", "SIM-1002": "FAIL", "SIM-1003": "INCONCLUSIVE"}


@pytest.mark.parametrize("rate", RATES)
def test_over_infusion_fails_at_every_rate(faulty_run, rate):
    case = faulty_run.result().case(rate, "SIM-1001")
    (error,) = [criterion for criterion in case["criteria"] if criterion["name"] == "mean_error"]
    assert (case["outcome"], error["verdict"]) == ("FAIL", "FAIL")
    assert abs(error["value"] - 16) <= error["expanded_uncertainty"]


def test_the_stall_is_found_and_named_with_its_time(faulty_run):
    """Injected from 58 h on for 5 h; the pump takes a minute to notice that its rotor stands."""
    ended = faulty_run.result()
    case = ended.case("typical-rate", "SIM-1002")
    assert case["started_s"] < 58 * 3600 < 63 * 3600 < case["finished_s"]
    noticed = {
        event["code"]: event["t_s"]
        for event in case["events"]
        if event["code"] in ("STALL_ON", "STALL_RECOVER")
    }
    assert noticed["STALL_ON"] == pytest.approx(58 * 3600 + 60, abs=2)
    assert noticed["STALL_RECOVER"] == pytest.approx(63 * 3600, abs=2)
    (alarms,) = [criterion for criterion in case["criteria"] if criterion["name"] == "alarms"]
    assert alarms["verdict"] == "FAIL"
    assert "motor stall at 17 h 00 min 59 s into the case" in alarms["reason"]
    assert "motor stall at 17 h 00 min 59 s into the case" in " ".join(ended.out.split())
    (error,) = [criterion for criterion in case["criteria"] if criterion["name"] == "mean_error"]
    assert error["value"] == pytest.approx(-100 * 5 / 26, abs=error["expanded_uncertainty"])


def test_the_stalled_unit_passes_the_cases_without_a_stall(faulty_run):
    ended = faulty_run.result()
    assert ended.case("lowest-rate", "SIM-1002")["outcome"] == "PASS"
    assert ended.case("highest-rate", "SIM-1002")["outcome"] == "PASS"


def test_a_unit_out_of_calibration_is_refused_before_a_drop_flows(faulty_run):
    ended = faulty_run.result()
    for rate in RATES:
        case = ended.case(rate, "SIM-1003")
        assert (case["ended"], case["outcome"]) == ("refused", "INCONCLUSIVE")
        assert {criterion["verdict"] for criterion in case["criteria"]} == {"INCONCLUSIVE"}
        assert "expired on 2025-06-30" in case["message"]
    sent = [
        line.split(" > ", 1)[1]
        for line in (ended.folder / "wire" / "SIM-1003-pump.log").read_text("utf-8").splitlines()
        if " > " in line
    ]
    assert sent
    assert not [line for line in sent if "SET" in line or "COMMIT" in line]
