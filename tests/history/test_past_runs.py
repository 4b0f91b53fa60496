"""Courses of criteria, worked by hand."""

from __future__ import annotations

import json

import pytest

from rig.cli import main
from rig.errors import IntegrityError
from rig.history.past_runs import courses, read_run


@pytest.fixture
def past(tmp_path):
    """Make a run folder with one criterion on one unit."""

    def make(day, value, expanded, *, rehearsal=False, serial="SN1", plan="small"):
        folder = tmp_path / "runs" / f"2026010{day}T080000Z-{plan}-line-1-{serial}-{int(rehearsal)}"
        folder.mkdir(parents=True)
        criterion = {
            "name": "mean_error",
            "value": value,
            "unit": "%",
            "expanded_uncertainty": expanded,
            "verdict": "PASS" if value is not None else "INCONCLUSIVE",
            "limit": "within 14.5 %",
        }
        results = {
            "run_id": folder.name,
            "started_utc": f"2026-01-0{day}T08:00:00+00:00",
            "plan": {"id": plan, "revision": "A"},
            "bench": {"id": "line-1"},
            "rehearsal": rehearsal,
            "outcome": "PASS",
            "cases": [{"id": "slow", "unit": serial, "criteria": [criterion]}],
        }
        (folder / "results.json").write_text(json.dumps(results))
        (folder / "journal.jsonl").write_text("")
        return folder

    return make


def test_a_change_beyond_both_uncertainties_is_a_drift(past):
    # (1.5 - 1.0) / sqrt(0.3^2 + 0.4^2) = 0.5 / 0.5 = 1.0, which is not beyond 1; 1.6 gives 1.2
    runs = [read_run(past(2, 1.5, 0.4)), read_run(past(1, 1.0, 0.3))]
    (course,) = courses(runs)
    assert [point.value for point in course.points] == [1.0, 1.5]  # the oldest first
    assert course.change == pytest.approx(0.5)
    assert course.normalized_change == pytest.approx(1.0)
    assert not course.drifted
    (further,) = courses([*runs, read_run(past(3, 1.6, 0.4))])
    assert further.normalized_change == pytest.approx(1.2)
    assert further.drifted


def test_units_plans_and_rehearsals_are_kept_apart(past):
    folders = [
        past(1, 1.0, 0.3),
        past(2, 9.0, 0.3, rehearsal=True),
        past(3, 9.0, 0.3, serial="SN2"),
        past(4, 9.0, 0.3, plan="b"),
    ]
    found = courses([read_run(folder) for folder in folders])
    assert [len(course.points) for course in found] == [1, 1, 1, 1]
    assert not any(course.drifted for course in found)


def test_a_run_without_a_value_is_told_but_not_counted(past):
    (course,) = courses(
        [read_run(folder) for folder in (past(1, 1.0, 0.3), past(2, None, None), past(3, 2.0, 0.3))]
    )
    assert len(course.points) == 3
    assert course.change == pytest.approx(1.0)


def test_results_that_cannot_be_read_are_named(past):
    folder = past(1, 1.0, 0.3)
    (folder / "results.json").write_text("{")
    with pytest.raises(IntegrityError, match=r"results\.json: cannot be read"):
        read_run(folder)
    (folder / "results.json").unlink()
    with pytest.raises(IntegrityError, match="never judged: rig report"):
        read_run(folder)


def test_the_command_tells_runs_and_drift(past, tmp_path, capsys):
    past(1, 1.0, 0.3)
    past(2, 3.0, 0.3)
    assert main(["history", str(tmp_path / "runs")]) == 0
    out = capsys.readouterr().out
    assert "small A" in out
    assert "+1 ± 0.3 %" in out
    assert "+3 ± 0.3 %" in out
    assert "+4.71 drift" in out  # 2 / sqrt(0.18)
    assert "2 runs, 1 criterion: 1 drifted" in out
    assert main(["history", str(tmp_path / "runs"), "--json", "--unit", "SN1"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert [run["outcome"] for run in told["runs"]] == ["PASS", "PASS"]
    assert told["courses"][0]["drifted"] is True
    assert [point["value"] for point in told["courses"][0]["points"]] == [1.0, 3.0]


def test_what_cannot_be_answered_is_refused(past, tmp_path, capsys):
    assert main(["history", str(tmp_path / "none")]) == 4
    assert "there is no such folder (rig run makes one)" in capsys.readouterr().err
    broken = past(1, 1.0, 0.3)
    assert main(["history", str(tmp_path / "runs"), "--unit", "SN9"]) == 4
    assert "no criterion of any run there is asked for" in capsys.readouterr().err
    (broken / "results.json").write_text("{")
    assert main(["history", str(tmp_path / "runs")]) == 3
    told = capsys.readouterr()
    assert "no run there yet" in told.out
    assert "results.json: cannot be read" in told.err
