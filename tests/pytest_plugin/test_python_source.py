"""A Python plan that is only read has the cases that pytest makes of it: held against pytest itself, and a real run."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rig.cli import main
from rig.definitions.python_plans.source import load_python_plan

ROOT = Path(__file__).resolve().parents[2]
ALL_SHAPES = '''\
"""All shapes of tests, in one line

And more.
"""
from __future__ import annotations

import sys
from typing import TYPE_CHECKING

import pytest as pt
from pytest import mark, param

if TYPE_CHECKING:
    from collections.abc import Iterator

RATES = ["low", "high"]
FIRST = "SRS-1"
both = mark.verifies(FIRST, "SRS-2")
testing_at = [1, 2]
changed = ["a"]
pytestmark = [mark.plan(title="Shapes", requirements=["needs.csv"]), mark.verifies("SRS-9")]


@both
@mark.parametrize("x", [1, 2.50, -3, None, True, 1e6])
@mark.parametrize("y", RATES)
def test_numbers(pump, x, y):
    """Numbers

    Why.
    """


@pt.mark.parametrize("a, b", [("µ", b"\\xe9"), ("x y", ["list"]), param("named", 1, id="of its own")])
def test_pairs(unit, a, b):
    pass


@mark.parametrize(("a",), [["single"], ("tuple",)])
def test_list_of_names(record, a):
    pass


@mark.parametrize("twice", ["a", "a", "a0", "1", "1", ""])
def test_twice(verify, twice):
    pass


@mark.parametrize("n", range(2, 8, 3), ids=["two", None])
def test_range(clock, n):
    pass


@mark.parametrize("thing", [object(), sys.maxsize, *[1]], ids=["one", 2, "three"])
def test_computed_but_named(balance, thing):
    pass


@mark.parametrize("negative", [-1, b"\\x00\\\\ids", "-"])
def test_signs(pump, negative):
    pass


@mark.parametrize("d", [{"k": 1}, [sys], {2}, ...])
def test_displays(pump, d):
    pass


@mark.parametrize("kind", ["a", param("b", marks=[mark.verifies("SRS-B"), mark.skip(reason="no")])])
@mark.verifies("SRS-A")
def test_marks_of_sets(pump, kind):
    pass


@pt.fixture
def running(pump):
    yield


@pt.fixture(name="other_name")
def _fixture(running):
    yield


def test_by_a_fixture(other_name):
    pass


def test_by_conftest(dressed):
    pass


@mark.usefixtures("pump")
def test_used():
    pass


@mark.parametrize("pump", ["not", "ours"])
def test_shadowed(pump):
    pass


@mark.parametrize("running", [1, 2], indirect=True)
def test_indirect(running):
    pass


def test_ordinary(tmp_path, monkeypatch):
    pass


def test_usual_values(record, pump=None, *, clock):
    pass


def test_only_usual(pump=None):
    pass


def test_theirs(rate):
    pass


@pt.fixture
def test_like(pump):
    return 1


def not_a_test(pump):
    pass


class TestGroup:
    pytestmark = mark.verifies("SRS-G")

    @pt.fixture
    def clock(self):
        return 1

    def test_own_clock(self, clock):
        pass

    @mark.parametrize("x", [1, 2])
    def test_in_class(self, pump, x):
        pass

    @staticmethod
    def test_static(pump):
        pass

    @mark.verifies("SRS-I")
    class TestInner:
        def test_deep(self, unit):
            pass


class TestWithInit:
    def __init__(self):
        pass

    def test_never(self, pump):
        pass


class TestLeftAlone:
    __test__ = False

    def test_never(self, pump):
        pass


@mark.parametrize("x", ["a", "b"])
class TestOfClass:
    @mark.parametrize("y", ["c", "d"])
    def test_both(self, x, y, bench):
        pass


def test_a_very_long_name_indeed_that_is_longer_than_any_name_of_a_file_may_be_here(pump):
    pass


if __name__ == "__main__":
    def test_nothing(pump):
        pass
'''
CONFTEST = """\
import pytest


@pytest.fixture
def dressed(pump):
    return pump


@pytest.fixture
def rate():
    return 1


@pytest.fixture
def pump(pump):
    return pump
"""
NEEDS = "id,title\n" + "".join(f"SRS-{name},x\n" for name in "129ABGI")
SHOW_PLANS = """\
import json, sys
import pytest
from rig.pytest_plugin.stash import PLANS

class Show:
    def pytest_collection_finish(self, session):
        (plan,) = session.config.stash[PLANS].values()
        print("PLAN", json.dumps([plan.source.text, plan.revision]))

sys.exit(pytest.main(sys.argv[1:], plugins=[Show()]))
"""


def collected(folder: Path, file: Path, bench: Path, child) -> list[str]:
    """Text and revision of the plan that pytest itself makes of a file."""
    (folder / "show.py").write_text(SHOW_PLANS, encoding="utf-8")
    ended = child(folder, "show.py", "--collect-only", "-q", f"--bench={bench}", str(file))
    line = next((line for line in ended.text.splitlines() if line.startswith("PLAN ")), None)
    assert line is not None, ended.text
    return json.loads(line.removeprefix("PLAN "))


@pytest.fixture
def shapes(folder: Path) -> Path:
    (folder / "plans").mkdir()
    (folder / "plans" / "needs.csv").write_text(NEEDS, encoding="utf-8")
    (folder / "conftest.py").write_text(CONFTEST, encoding="utf-8")
    path = folder / "plans" / "test_shapes.py"
    path.write_text(ALL_SHAPES, encoding="utf-8")
    return path


def test_read_and_collected_it_is_the_same_plan(shapes, folder, simulated, in_child):
    text, revision = collected(folder, shapes, simulated, in_child)
    read = load_python_plan(shapes)
    assert read.source.text.splitlines() == text.splitlines()
    assert read.revision == revision
    assert len(read.cases) > 40
    lines = {case.id: read.source.where(case.id).line for case in read.cases}
    wanted = ALL_SHAPES.splitlines().index("def test_by_conftest(dressed):") + 1
    assert lines["by-conftest"] == wanted


def traced(capsys, *arguments: object) -> tuple[int, dict]:
    """Status and matrix of rig trace."""
    status = main(["trace", *map(str, arguments), "--json"])
    return status, json.loads(capsys.readouterr().out)


def test_the_verdict_of_a_run_is_shown_for_what_only_a_python_plan_verifies(tmp_path, session, capsys):
    """The shipped Python plan, from the text to the verdict of its requirement."""
    shutil.copytree(ROOT / "test_plans", tmp_path / "test_plans")
    plan = tmp_path / "test_plans" / "test_reprogramming.py"
    _, told = traced(capsys, plan)
    before = {row["id"]: row for row in told["requirements"]}["SRS-001"]
    cases = ["reprogramming/a-new-rate-is-followed", "reprogramming/a-stop-is-obeyed"]
    assert (before["cases"], before["verdict"]) == (cases, None)
    assert "SRS-001" not in {gap["about"] for gap in told["gaps"]}
    ended = session(tmp_path, plan, "-k", "SIM-0002")
    assert ended.status == 0, ended.text
    (run,) = ended.runs
    _, told = traced(capsys, plan, "--run", run)
    assert {row["id"]: row["verdict"] for row in told["requirements"]}["SRS-001"] == "PASS"
    assert {case["id"] for case in json.loads((run / "results.json").read_bytes())["cases"]} == {
        name.removeprefix("reprogramming/") for name in cases
    }


def test_limits_are_compared_once_a_run_told_them(tmp_path, session, capsys):
    (tmp_path / "needs.csv").write_text(
        "id,title,quantity,limit\nA-1,x,far,within 1 %\nA-2,y,near,within 1 %\n"
    )
    (tmp_path / "test_far.py").write_text(
        "import pytest\npytestmark = pytest.mark.plan(requirements='needs.csv')\n"
        "@pytest.mark.verifies('A-1', 'A-2')\n"
        "def test_far(verify):\n"
        "    verify('far', 0.5, unit='%', expanded_uncertainty=0.1, limit='within 2 %')\n"
    )
    plan = tmp_path / "test_far.py"
    assert main(["trace", str(plan)]) == 0
    assert "limits not compared: A-1, A-2" in capsys.readouterr().out
    (run,) = session(tmp_path, "test_far.py", "-k", "SIM-0001").runs
    status, told = traced(capsys, plan, "--run", run)
    assert status == 1
    assert told["not_compared"] == []
    by_gap = {gap["gap"]: (gap["about"], gap["message"]) for gap in told["gaps"]}
    assert by_gap["contradictory limits"] == (
        "A-1",
        "it demands 'within 1 %', case 'far' accepts far within 2 %: wider",
    )
    assert by_gap["limit that is not tested"][0] == "A-2"


def test_in_a_folder_it_is_skipped_on_a_bench_of_other_pumps(folder, session):
    (folder / "test_iv.py").write_text(
        "import pytest\npytestmark = pytest.mark.plan(pumps=['syringe'])\ndef test_it(pump):\n    pass\n"
    )
    ended = session(folder, "-k", "SIM-0001 and (test_it or alarms)")
    assert ended.status == 0, ended.text
    assert "test_iv.py: not on this bench: it is for syringe pumps, and SIM-0001 is implantable" in ended.text
    assert len(ended.runs) == 1
    named = session(folder, "test_iv.py", "--collect-only")
    assert "not on this bench" not in named.text
    assert "test_iv.py, key 'plan.pumps': it is for syringe pumps, and SIM-0001 is implantable" in named.text
