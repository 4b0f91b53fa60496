"""Logs that went wrong, as ``rig analyze`` tells of them: handled and named, or refused; never averaged over."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from rig.cli import main

DENSITY, RATE, COUNT = 0.998, 5.0, 180
UNIT_G = RATE * DENSITY / 60  # in a minute
TRUE_PCT = 1.0  # what the pump delivers too much


@pytest.fixture
def log(tmp_path: Path) -> Callable[..., Path]:
    """A log of three hours, a reading a minute, changed by a function of minutes and grams."""

    def write(change=lambda t, m: (t, m), header: str = "Time (min),Weight (g)") -> Path:
        rng = np.random.default_rng(4)
        t = np.arange(COUNT + 1.0)
        m = 12 + (1 + TRUE_PCT / 100) * UNIT_G * t + 5e-4 * rng.normal(size=COUNT + 1)
        t, m = change(t, m)
        path = tmp_path / "log.csv"
        rows = "".join(f"{a:.6g},{b:.4f}\n" for a, b in zip(t, m, strict=True))
        path.write_text(f"{header}\n{rows}")
        return path

    return write


def analyze(path: Path, *more: str) -> int:
    return main(["analyze", str(path), "--rate", f"{RATE} mL/h", "--density", f"{DENSITY} g/mL", *more])


def told(path: Path, capsys: pytest.CaptureFixture[str], *more: str) -> dict:
    assert analyze(path, *more, "--json") == 0
    return json.loads(capsys.readouterr().out)


def named(data: dict) -> dict[str, dict]:
    return {hazard["name"]: hazard for hazard in data["hazards"]}


def test_a_clean_log_says_what_was_delivered(log, capsys) -> None:
    data = told(log(), capsys)
    assert data["mean_error_pct"] == pytest.approx(TRUE_PCT, abs=0.05)
    assert data["hazards"] == []


@pytest.mark.parametrize(
    ("header", "factor"), [("Time (min),Weight (mg)", "÷ 1000"), ("Time (min),Weight (kg)", "× 1000"),
                           ("Time (s),Weight (g)", "× 60"), ("Time (h),Weight (g)", "÷ 60")],
)  # fmt: skip
def test_a_wrong_unit_is_named(log, capsys, header: str, factor: str) -> None:
    slip = named(told(log(header=header), capsys))["unit_slip"]
    assert factor in slip["meaning"]
    assert "Check the units" in slip["meaning"]


def test_a_rate_per_day_taken_as_per_hour_is_named(log, capsys) -> None:
    path = log()
    assert main(["analyze", str(path), "--rate", "5 mL/day", "--density", f"{DENSITY} g/mL", "--json"]) == 0
    slip = named(json.loads(capsys.readouterr().out))["unit_slip"]
    assert "a rate per day taken as per hour" in slip["meaning"]


def test_a_missing_hour_is_left_out(log, capsys) -> None:
    def cut(t, m):
        kept = (t <= 60) | (t >= 120)
        return t[kept], m[kept] + np.where(t[kept] >= 120, -30 * UNIT_G, 0)  # half of it was not delivered

    data = told(log(cut), capsys)
    gap = named(data)["gap"]
    assert (gap["start_s"], gap["end_s"], gap["lost"]) == (3600.0, 7200.0, True)
    assert data["period"]["left_out"] == [{"from_s": 3600.0, "to_s": 7200.0, "reason": "gap"}]
    assert data["mean_error_pct"] == pytest.approx(TRUE_PCT, abs=0.05)  # of what is known
    assert data["period"]["analysed_s"] == 7200.0


def test_a_clock_set_forward_is_told_from_missing_readings(log, capsys) -> None:
    data = told(log(lambda t, m: (np.where(t > 90, t + 60, t), m)), capsys)
    assert "clock was set forward" in named(data)["gap"]["meaning"]
    assert data["mean_error_pct"] == pytest.approx(TRUE_PCT, abs=0.05)


@pytest.mark.parametrize(
    ("what", "names"),
    [(lambda t, m: (t, np.where(t >= 90, m - m[90], m)), {"tare"}),
     (lambda t, m: (t, np.where(t >= 90, m - 6.5, m)), {"container_change"}),
     (lambda t, m: (t, np.where(t >= 90, m + 33.0, m)), {"container_change"})],
)  # fmt: skip
def test_a_tare_or_another_container_is_left_out(log, capsys, what, names: set[str]) -> None:
    data = told(log(what), capsys)
    assert set(named(data)) == names
    assert [part["reason"] for part in data["period"]["left_out"]] == sorted(names)
    assert data["mean_error_pct"] == pytest.approx(TRUE_PCT, abs=0.05)
    for window in data["trumpet"]:
        assert abs(window["error_max_pct"] - TRUE_PCT) < 3


@pytest.mark.parametrize(
    ("change", "said"),
    [(lambda t, m: (np.where(t == 90, 89, t), m), ":92, key 'Time (min)': the time stamp of line 91 again"),
     (lambda t, m: (np.where(t >= 90, t - 60, t), m), ":92, key 'Time (min)': time runs back by 3540 s"),
     (lambda t, m: (np.where(t == 90, 30, t), m), ":92, key 'Time (min)': time runs back by 3540 s")],
)  # fmt: skip
def test_times_that_stand_still_or_run_back_are_refused(log, capsys, change, said: str) -> None:
    assert analyze(log(change)) == 4
    captured = capsys.readouterr()
    assert said in captured.err
    assert captured.out == ""


def test_rows_written_twice_are_named_and_count_once(log, capsys) -> None:
    data = told(log(lambda t, m: (np.insert(t, 90, t[89]), np.insert(m, 90, m[89]))), capsys)
    assert any("1 row written twice" in note for note in data["log"]["notes"])
    assert data["mean_error_pct"] == pytest.approx(TRUE_PCT, abs=0.05)


@pytest.mark.parametrize("mark", [",", ";", "\t"])
def test_decimal_commas_are_refused(tmp_path: Path, capsys, mark: str) -> None:
    path = tmp_path / "log.csv"
    path.write_text(f"Time (min){mark}Weight (g)\n" + "".join(f"{i}{mark}{12 + i},5\n" for i in range(9)))
    assert analyze(path) == 4
    assert "decimal comma" in capsys.readouterr().err


FAULTS = {
    "bump": (lambda t, m: m + np.where(t >= 90, 0.5 * UNIT_G, 0), {"step"}),
    "stuck": (lambda t, m: np.where((t > 90) & (t <= 100), m[90], m), {"flat"}),
    "stall": (lambda t, m: m - UNIT_G * (np.clip(t, 90, 110) - 90) * (1 + TRUE_PCT / 100), {"stop", "flat"}),
    "siphon": (lambda t, m: m + UNIT_G * (np.clip(t, 90, 100) - 90), {"surge"}),
    "backwards": (lambda t, m: m - 2 * UNIT_G * (np.clip(t, 90, 100) - 90), {"reverse_flow"}),
    "partly closed": (lambda t, m: m - 0.2 * UNIT_G * (np.clip(t, 60, 120) - 60), {"low_flow"}),
    "more for a while": (lambda t, m: m + 0.2 * UNIT_G * (np.clip(t, 60, 120) - 60), {"high_flow"}),
    "wave": (lambda t, m: m + 3 * UNIT_G * np.sin(2 * np.pi * t / 60), {"slow_wave"}),
    "evaporates at rest": (
        lambda t, m: m - 1.05 * UNIT_G * (1 + TRUE_PCT / 100) * (np.clip(t, 140, None) - 140),
        {"evaporation", "flow_stops"},
    ),
    "first reading": (lambda t, m: m - np.where(t == 0, 0.4 * UNIT_G, 0), {"edge_step", "start_up"}),
    "empty": (lambda t, m: m - UNIT_G * (1 + TRUE_PCT / 100) * np.clip(t - 140, 0, None) ** 2 / 80, {"running_empty"}),
}  # fmt: skip


@pytest.mark.parametrize("what", FAULTS)
def test_what_flowed_or_seemed_to_is_named_and_its_share_of_the_mean_told(log, capsys, what: str) -> None:
    change, names = FAULTS[what]
    path = log(lambda t, m: (t, change(t, m)))
    data = told(path, capsys)
    found = [hazard for hazard in data["hazards"] if hazard["name"] in names]
    assert found, data["hazards"]
    for hazard in found:
        assert hazard["evidence"]
        assert hazard["meaning"]
        assert hazard["end_s"] > hazard["start_s"]
    if names & {"step", "low_flow", "high_flow", "surge", "reverse_flow", "stop", "running_empty"}:
        assert found[0]["mean_error_without_pct"] == pytest.approx(TRUE_PCT, abs=1.0)
    assert analyze(path) == 0
    assert found[0]["name"].replace("_", " ").upper() in capsys.readouterr().out
