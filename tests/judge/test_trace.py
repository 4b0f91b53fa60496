"""The trace matrix: made of small plans and sets, each with one thing that does not meet."""

from __future__ import annotations

from pathlib import Path

import pytest

from rig.definitions.plan_file import Plan, load_plan
from rig.judge.requirement_changes import requirement_changes
from rig.judge.trace import Gap, trace

CASE = """
[[case]]
id = "{id}"
procedure = "flow_accuracy"
verifies = {verifies}
rate = "0.5 mL/day"
settle = "4 h"
blank = "4 h"
sample = {{ every = "15 min", for = "26 h" }}
accept = {{ mean_error = "within 14.5 %", claimed_delivery = "within 1 %", trumpet = {{ "60 min" = "at most 20 %" }} }}
"""


@pytest.fixture
def plan(tmp_path: Path):
    """A plan with cases ``one`` (verifies A-1) and ``two`` (A-1 and A-2) beside a set with these lines."""

    def make(*lines: str, one: str = '["A-1"]', two: str = '["A-1", "A-2"]', name: str = "p") -> Plan:
        folder = tmp_path / name
        folder.mkdir(exist_ok=True)
        rows = ["id;type;text;limit;quantity;condition;hazards", *lines]
        (folder / "set.csv").write_text("\n".join(rows) + "\n", "utf-8")
        head = f'[plan]\nid = "{name}"\nrevision = "A"\ntitle = "T"\nrequirements = "set.csv"\n'
        cases = CASE.format(id="one", verifies=one) + CASE.format(id="two", verifies=two)
        (folder / "x.plan.toml").write_text(head + cases, "utf-8")
        return load_plan(folder / "x.plan.toml")

    return make


def gaps(*plans: Plan) -> list[tuple[str, str]]:
    return [(each.gap.name, each.about) for each in trace(plans).findings]


def results(plan: Plan, *cases: tuple[str, str, str]) -> dict:
    told = [{"id": case, "unit": unit, "outcome": outcome} for case, unit, outcome in cases]
    return {"plan": {"id": plan.id}, "cases": told}


def test_all_that_meets(plan) -> None:
    made = plan("H-1;hazard;;;;;", "A-1;;x;within 14.5 %;mean_error;;H-1", "A-2;;shall be within 14.5 %;;;;")
    traced = trace([made])
    assert traced.findings == ()
    assert [(row.id, row.cases) for row in traced.rows] == [
        ("A-1", (("p", "one"), ("p", "two"))),
        ("A-2", (("p", "two"),)),
    ]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["A-1;;;;;;", "A-2;;;;;;", "A-3;;;;;;"], [("UNTESTED", "A-3")]),
        (["A-1;;;;;;"], [("UNKNOWN", "A-2")]),
        (["A-1;;;within 14 %;mean_error;;", "A-2;;;;;;"], [("CONTRADICTION", "A-1")] * 2),
        (["A-1;;;within 14.5 %;mean_error;;", "A-2;;;within 15 %;mean_error;;"], [("CONTRADICTION", "A-2")]),
        (["A-1;;;within 14.5 %;mean_error;;", "A-2;;;within 15 %;mean_error;slow;"], []),
        (["A-1;;;within 14.5 %;mean_error;;", "A-2;;;within 15 %;bolus.mean_error;;"],
         [("CONTRADICTION", "A-2"), ("UNTESTED_LIMIT", "A-2")]),
        (["A-1;;;within 20 %;trumpet;;", "A-2;;;;;;"], [("CONTRADICTION", "A-1")] * 2),  # at most: open below
        (["A-1;;;at most 20 %;trumpet_60_min;;", "A-2;;;;;;"], []),
        (["A-1;;;within 30 s;mean_error;;", "A-2;;;;;;"], [("CONTRADICTION", "A-1")] * 2),
        (["A-1;;;within 5 %;single_dose;;", "A-2;;;;;;"], [("UNTESTED_LIMIT", "A-1")]),
        (["A-1;;;about 5;mean_error;;", "A-2;;;;;;"], [("UNTESTED_LIMIT", "A-1")]),
        (["A-1;;shall be within 10 %;within 14.5 %;mean_error;;", "A-2;;;;;;"], [("CONTRADICTION", "A-1")]),
        (["A-1;;shall be within 1 %;;;;", "A-2;;;;;;"], []),  # claimed_delivery is as strict
        (["A-1;;shall be within 0.5 %;;;;", "A-2;;;;;;"], [("CONTRADICTION", "A-1")] * 2),
        (["A-1;;an alarm within 30 s;;;;", "A-2;;;;;;"], []),  # nothing in s to hold it against
        (["H-1;hazard;;;;;", "A-1;;;;;;", "A-2;;;;;;"], [("UNCONTROLLED", "H-1")]),
        (["H-1;hazard;;;;;", "A-1;;;;;;H-1 H-2", "A-2;;;;;;"], [("UNKNOWN_HAZARD", "A-1")]),
        (["A-1;;;;;;H-2", "A-2;;;;;;"], []),  # no set lists hazards
    ],
)  # fmt: skip
def test_what_does_not_meet(plan, lines: list[str], expected: list[tuple[str, str]]) -> None:
    assert gaps(plan(*lines)) == expected


def test_a_case_that_verifies_nothing(plan) -> None:
    (finding,) = trace([plan("A-1;;;;;;", "A-2;;;;;;", one="[]")]).findings
    assert (finding.gap, finding.about, finding.where.case) == (Gap.IDLE, "one", "one")
    assert finding.where.line == 10


def test_plans_share_a_set(plan) -> None:
    lines = ["A-1;;;;;;", "A-2;;;;;;", "A-3;;;;;;"]
    first, second = plan(*lines), plan(*lines, one='["A-3"]', two='["A-3"]', name="q")
    assert gaps(first) == [("UNTESTED", "A-3")]
    assert gaps(first, second) == []
    other = plan("A-1;;otherwise;;;;", "A-2;;;;;;", "A-3;;;;;;", name="r")
    assert ("CONTRADICTION", "A-1") in gaps(first, other)


def test_the_verdict_is_the_worst_of_the_cases_on_all_units(plan) -> None:
    made = plan("A-1;;;;;;", "A-2;;;;;;", "A-3;;;;;;")

    def verdicts(*cases: tuple[str, str, str]) -> list[str | None]:
        return [row.verdict and row.verdict.value for row in trace([made], [results(made, *cases)]).rows]

    assert verdicts() == [None, None, None]
    assert verdicts(("one", "U", "PASS"), ("two", "U", "PASS")) == ["PASS", "PASS", None]
    assert verdicts(("one", "U", "FAIL"), ("two", "U", "PASS")) == ["FAIL", "PASS", None]
    assert verdicts(("one", "U", "PASS")) == ["INCONCLUSIVE", None, None]
    both = [("one", "U", "PASS"), ("two", "U", "PASS"), ("one", "V", "PASS")]
    assert verdicts(*both) == ["INCONCLUSIVE", "INCONCLUSIVE", None]
    assert verdicts(*both, ("two", "V", "ERROR")) == ["ERROR", "ERROR", None]


def test_changes_from_run_to_run(plan) -> None:
    before = plan("A-1;;x;within 14.5 %;mean_error;;", "A-2;;y;;;;").requirements
    now = plan("A-1;;x;within 10 %;mean_error;;H-1", "A-3;;z;;;;").requirements
    assert requirement_changes("run", before, before) == {
        "since": "run",
        "added": [],
        "removed": [],
        "changed": [],
    }
    assert requirement_changes("run", before, now) == {
        "since": "run",
        "added": ["A-3"],
        "removed": ["A-2"],
        "changed": [
            {
                "id": "A-1",
                "what": [
                    {"name": "limit", "before": "within 14.5 %", "now": "within 10 %"},
                    {"name": "hazards", "before": "", "now": "H-1"},
                ],
            }
        ],
    }
