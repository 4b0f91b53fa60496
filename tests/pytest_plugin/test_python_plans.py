"""Test functions as cases: what they state and do is in the record, and their verdicts come from it."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import pytest

from rig.definitions.python_plans.functions import TestFunction
from rig.definitions.python_plans.plan import python_plan
from rig.errors import DefinitionError

ROOT = Path(__file__).resolve().parents[2]
ODD = '''\
"""Odd things, in one line

And more of them.
"""
import pytest
from rig.readings import Prescription

pytestmark = pytest.mark.plan(id="odd-things", revision="C", requirements="needs.csv")


@pytest.mark.verifies("SRS-1", "SRS-2")
def test_limits(verify, record):
    """Two values with limits

    The second is near its limit.
    """
    verify("far", 3.0, unit="mL/h", expanded_uncertainty=0.1, limit="at most 1 mL/h")
    verify("near", 900.0, unit="uL/h", expanded_uncertainty=200.0, limit="at most 1 mL/h")
    verify("well", 0.5, unit="%", expanded_uncertainty=0.1, limit="within 2 %")
    record.value("beside", 4.5, unit="V", expanded_uncertainty=0.1)
    record.note("seen by eye")


def test_assertion(pump):
    pump.program(Prescription("continuous", rate_nl_h=500_000))
    assert pump.interrogate().mode == "bolus"


def test_own_mistake(record):
    raise ValueError("my own mistake")


def test_too_fast(pump):
    pump.program(Prescription("continuous", rate_nl_h=1_500_000))


def test_skips(unit):
    pytest.skip("not today")


@pytest.fixture
def running(pump, clock):
    pump.program(Prescription("continuous", rate_nl_h=500_000))
    yield
    pump.program(Prescription("continuous", rate_nl_h=400_000))


@pytest.mark.parametrize("minutes", [1, 2])
def test_around(running, record, balance, minutes):
    readings = record.watch(f"{minutes} min", weigh_every="30 s")
    assert len(readings) == 2 * minutes + 1
    balance.read()


def test_was_left_safe(pump):
    assert pump.interrogate().mode == "stop"


def test_whole_bench(bench):
    assert len(bench.units) == 3


def test_no_unit(verify):
    verify("far", 1.0, unit="parsec", expanded_uncertainty=0.1, limit="at most 1 parsec")


def test_twice(verify):
    for _ in range(2):
        verify("once", 1.0, unit="s", expanded_uncertainty=0.1, limit="at most 2 s")


def test_plain():
    pass
'''
NEEDS = """\
id,type,title,text,quantity,limit
SRS-1,requirement,Flow,The flow shall be at most 0.5 mL/h.,far,at most 0.5 mL/h
SRS-2,requirement,Error,The error shall be within 2 %.,well,within 2 %
"""


@pytest.fixture(scope="module")
def odd(tmp_path_factory, session):
    """The file above, on the first unit and the whole bench."""
    folder = tmp_path_factory.mktemp("odd")
    (folder / "test_odd.py").write_text(ODD, encoding="utf-8")
    (folder / "needs.csv").write_text(NEEDS, encoding="utf-8")
    (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
    (folder / "conftest.py").write_text("# how the bench is dressed\n", encoding="utf-8")
    ended = session(folder, "-v", "-k", "SIM-0001 or whole or plain", "--junitxml=out.xml")
    (run,) = ended.runs
    return ended, run, json.loads((run / "results.json").read_text("utf-8"))


def case_of(odd, name, unit="SIM-0001"):
    (case,) = [case for case in odd[2]["cases"] if (case["id"], case["unit"]) == (name, unit)]
    return case


def verdicts(case):
    return {criterion["name"]: criterion["verdict"] for criterion in case["criteria"]}


@pytest.mark.parametrize(
    ("name", "outcome", "ended", "message"),
    [
        ("limits", "FAIL", "completed", ""),
        ("assertion", "FAIL", "completed", ""),
        ("own-mistake", "ERROR", "error", "ValueError: my own mistake"),
        ("too-fast", "ERROR", "error", "above rate_max, 1.2 mL/h; nothing was sent"),
        ("skips", "SKIPPED", "skipped", "not today"),
        ("around-1", "PASS", "completed", ""),
        ("around-2", "PASS", "completed", ""),
        ("was-left-safe", "PASS", "completed", ""),
        ("no-unit", "ERROR", "error", "the unit 'parsec' is unknown"),
        ("twice", "ERROR", "error", "the value 'once' was stated before in this test"),
    ],
)
def test_how_each_case_ended(odd, name, outcome, ended, message):
    case = case_of(odd, name)
    assert (case["outcome"], case["ended"]) == (outcome, ended)
    assert message in case["message"]


def test_values_are_decided_by_the_rule_of_every_plan(odd):
    case = case_of(odd, "limits")
    assert verdicts(case) == {"far": "FAIL", "near": "CONDITIONAL_PASS", "well": "PASS", "assertions": "PASS"}
    near = next(criterion for criterion in case["criteria"] if criterion["name"] == "near")
    assert (near["value"], near["unit"], near["expanded_uncertainty"]) == (0.9, "mL/h", pytest.approx(0.2))
    assert near["margin"] == pytest.approx(0.1)
    assert 0.1 < near["probability_of_wrong_decision"] < 0.2  # Phi(-1)
    assert case["measurements"]["beside"] == {
        "value": 4.5,
        "unit": "V",
        "expanded_uncertainty": 0.1,
        "coverage_factor": 2.0,
    }
    assert (case["title"], case["rationale"]) == ("Two values with limits", "The second is near its limit.")


def test_an_assertion_is_told_with_its_line(odd):
    (criterion,) = case_of(odd, "assertion")["criteria"]
    line = ODD.splitlines().index('    assert pump.interrogate().mode == "bolus"') + 1
    assert criterion["verdict"] == "FAIL"
    assert criterion["reason"] == f"test_odd.py:{line}: assert 'continuous' == 'bolus'"


def test_a_test_of_the_bench_alone_is_a_case_on_each_unit(odd):
    assert [case["unit"] for case in odd[2]["cases"] if case["id"] == "whole-bench"] == [
        "SIM-0001",
        "SIM-0002",
        "SIM-0003",
    ]


def test_pytest_tells_what_the_record_tells(odd):
    ended, run, results = odd
    assert ended.status == 3, "a case without a verdict: the rig or the test failed"
    assert results["outcome"] == "ERROR"
    assert "6 failed, 5 passed, 1 skipped" in ended.text
    assert "SIM-0001 far: FAIL, +3 mL/h ± 0.1 mL/h, limit at most 1 mL/h" in ended.text
    case = ended.junit["test_odd::test_limits[SIM-0001]"]
    told = [(entry.get("name"), entry.get("value")) for entry in case.iter("property")]
    assert ("requirement", "SRS-2") in told
    assert ("run", run.name) in told
    assert ("serial", "SIM-0001") in told
    assert ("near", "SIM-0001 near: CONDITIONAL_PASS, +0.9 mL/h ± 0.2 mL/h, limit at most 1 mL/h") in told


def test_what_was_weighed_asked_and_commanded_is_in_the_record(odd):
    journal = [json.loads(line) for line in (odd[1] / "journal.jsonl").read_text("utf-8").splitlines()]
    of_case = [record for record in journal if record.get("case") == "around-2"]
    kinds = [record["kind"] for record in of_case]
    assert kinds.count("mass") == 6
    assert "flow" in kinds
    assert kinds.count("read_back") == 1, "what a fixture does after the case is no part of it"
    assert kinds[-1] == "verdict"
    assert kinds.index("read_back") < kinds.index("mass") < kinds.index("case_finished")
    safe = max(index for index, record in enumerate(of_case) if record["kind"] == "pump_state")
    assert of_case[safe]["mode"] == "stop"
    assert next(record["text"] for record in journal if record["kind"] == "note") == "seen by eye"


def test_the_source_is_kept_and_hashed(odd):
    _, run, _ = odd
    assert (run / "python" / "test_odd.py").read_text("utf-8") == ODD
    assert (run / "python" / "conftest.py").exists()
    journal = [json.loads(line) for line in (run / "journal.jsonl").read_text("utf-8").splitlines()]
    (kept,) = [record["files"] for record in journal if record["kind"] == "python_files"]
    assert [file["name"] for file in kept] == ["test_odd.py", "conftest.py"]
    sealed = {
        file["path"]: file["sha256"] for file in json.loads((run / "manifest.json").read_bytes())["files"]
    }
    assert sealed["python/test_odd.py"] == kept[0]["sha256"]


def test_requirements_are_held_against_what_was_verified(odd):
    found = [(entry["gap"], entry["about"]) for entry in odd[2]["trace"]]
    assert ("contradictory limits", "SRS-1") in found, "at most 0.5 is demanded, at most 1 was verified"
    assert "SRS-2" not in [about for _, about in found]
    rows = {row["id"]: row["verdict"] for row in odd[2]["requirements"]}
    assert rows == {"SRS-1": "FAIL", "SRS-2": "FAIL"}


def test_the_record_alone_gives_the_same_again(odd, rig, tmp_path):
    """verify, sign and report need neither pytest nor the Python file."""
    ended, run, _ = odd
    copied = tmp_path / run.name
    shutil.copytree(run, copied)
    told = rig(ended.folder, "verify", copied)
    assert told.status == 0, told.text
    again = rig(ended.folder, "report", copied)
    assert again.status == 0, again.text
    assert "report.html (identical to the sealed one)" in again.text
    (copied / "python" / "test_odd.py").write_text("# nothing\n")
    told = rig(ended.folder, "verify", copied)
    assert told.status != 0
    assert "python/test_odd.py" in told.text


def test_the_report_shows_them(odd):
    text = (odd[1] / "report.html").read_text("utf-8")
    for said in (
        "Python test functions",
        "test_limits",
        "at most 1 mL/h",
        "python/test_odd.py",
        "seen by eye",
    ):
        assert said in text, said
    entries = (odd[1] / "exports" / "junit.xml").read_text("utf-8")
    assert 'classname="odd-things.limits.SIM-0001" name="near"' in entries


def test_the_names_it_is_given_where_it_gives_none(tmp_path, session):
    (tmp_path / "test_bare_pump.py").write_text("def test_it(pump):\n    pass\n")
    ended = session(tmp_path, "-k", "SIM-0003")
    assert ended.status == 0, ended.text
    (run,) = ended.runs
    plan = json.loads((run / "results.json").read_text("utf-8"))["plan"]
    assert (plan["id"], plan["title"], plan["file"]) == ("bare-pump", "bare-pump", "test_bare_pump.py")
    assert plan["revision"].startswith("sha256-")


@pytest.mark.parametrize(
    ("mark", "says"),
    [
        ({"id": "a b"}, "test_marked.py, key 'plan.id': 'a b' cannot be a name"),
        ({"requirements": "none.csv"}, "none.csv"),
        ({"reference_temperature": "37 C"}, "unknown unit 'C'"),
        ({"unattended": 1}, "true or false is needed here"),
        ({"title": 5}, "a text in quotes is needed here"),
        ({"pumps": ["garden hose"]}, "'garden hose' is not known here"),
    ],
)
def test_a_mark_that_a_plan_file_could_not_have_is_refused(tmp_path, mark, says):
    tests = [TestFunction("test_it")]
    with pytest.raises(DefinitionError, match=re.escape(says)):
        python_plan(tmp_path / "test_marked.py", mark, "", tests, {"test_marked.py": b""})


def test_a_wrong_mark_is_told_before_anything_is_sent(tmp_path, session):
    text = 'import pytest\npytestmark = pytest.mark.plan(revison="A")\ndef test_it(pump):\n    pass\n'
    (tmp_path / "test_marked.py").write_text(text)
    ended = session(tmp_path)
    assert ended.status == pytest.ExitCode.USAGE_ERROR
    assert "the mark 'plan' has no 'revison'" in ended.text
    assert "Traceback" not in ended.text
    assert not ended.runs


def test_fixtures_of_these_names_that_are_not_ours_are_left_alone(tmp_path, session):
    text = "import pytest\n@pytest.fixture\ndef clock():\n    return 1\ndef test_it(clock):\n    assert clock == 1\n"
    (tmp_path / "test_theirs.py").write_text(text)
    ended = session(tmp_path)
    assert ended.status == 0, ended.text
    assert not ended.runs


def test_stopped_at_the_first_failure_the_run_is_aborted(tmp_path, session):
    (tmp_path / "test_two.py").write_text(
        "def test_one(pump):\n    assert False\ndef test_two(pump):\n    pass\n"
    )
    ended = session(tmp_path, "-x", "-k", "SIM-0001")
    assert ended.status == 2
    (run,) = ended.runs
    results = json.loads((run / "results.json").read_text("utf-8"))
    assert results["outcome"] == "ABORTED"
    assert [case["id"] for case in results["cases"]] == ["one"]


def test_a_killed_run_is_closed_as_it_lies_and_not_gone_on_with(tmp_path, session, rig):
    (tmp_path / "test_dies.py").write_text(
        "import os\nfrom rig.readings import Prescription\n"
        "def test_dies(pump):\n"
        "    pump.program(Prescription('continuous', rate_nl_h=500_000))\n    os._exit(9)\n"
    )
    ended = session(tmp_path, "-k", "SIM-0001")
    assert ended.status == 9
    (run,) = ended.runs
    told = rig(tmp_path, "resume", run)
    assert told.status == 4, told.text
    closed = rig(tmp_path, "resume", run, "--close")
    results = json.loads((run / "results.json").read_text("utf-8"))
    assert results["cases"][0]["outcome"] == "ERROR", closed.text
    assert rig(tmp_path, "verify", run).status == 0


def test_the_shipped_one_passes_on_the_simulated_bench(tmp_path, session):
    shutil.copytree(ROOT / "test_plans", tmp_path / "test_plans")
    ended = session(tmp_path, "test_plans/test_reprogramming.py", "-k", "SIM-0002")
    assert ended.status == 0, ended.text
    values = {name: value for (_, _, name), (_, value) in ended.verdicts.items()}
    assert values["rate_error"] == pytest.approx(3.0, abs=0.2), "this pump delivers 3 % too much"
    assert abs(values["volume_after_stop"]) < 0.2e-3
