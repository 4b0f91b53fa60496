"""``rig trace``: the matrix for people, spreadsheets and programs; ``rig check`` warns of the same."""

from __future__ import annotations

import csv
import io
import json
import shutil
from pathlib import Path

import pytest

from rig.cli import main

ROOT = Path(__file__).parents[2]
SHIPPED = [str(path) for path in sorted((ROOT / "test_plans").glob("*.plan.toml"))]
PYTHON = ROOT / "test_plans/test_reprogramming.py"
BENCH = ROOT / "fixtures/simulated.bench.toml"
PYTHON_PLAN = """\
import pytest

pytestmark = pytest.mark.plan(requirements="infusion.csv")


@pytest.mark.verifies("INF-005", "INF-099")
def test_air(pump, {argument}):
    pass
"""


@pytest.fixture
def plan(tmp_path: Path) -> Path:
    shutil.copytree(ROOT / "tests/data/requirements", tmp_path / "plans")
    return tmp_path / "plans/infusion.plan.toml"


def test_the_shipped_plans_and_their_requirements_meet(capsys) -> None:
    assert main(["trace", *SHIPPED]) == 0
    assert "no gap: " in capsys.readouterr().out


def test_what_does_not_meet_is_told_with_its_place(plan: Path, capsys) -> None:
    assert main(["trace", str(plan)]) == 1
    told = " ".join(capsys.readouterr().out.split())
    folder = plan.parent
    assert "13 gaps: 12 requirements, 4 hazards, 1 case" in told
    assert (
        f"{folder}/infusion.csv:6: INF-001: it demands 'within 5 %', case 'seconds' accepts mean_error"
        in told
    )
    assert f"{folder}/infusion.csv:9: INF-004: it demands 'within 10 %' of 'flow_accuracy.mean_error'" in told
    assert f"{folder}/infusion.csv:5: HAZ-004: no requirement controls this hazard" in told
    assert f"{plan}:13, case 'seconds', key 'verifies': INF-099: case 'seconds' verifies it" in told


def test_json_and_verdicts_of_runs(plan: Path, tmp_path: Path, capsys) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / "journal.jsonl").write_text("")
    case = {"id": "seconds", "unit": "U", "outcome": "CONDITIONAL_PASS", "criteria": []}
    (run / "results.json").write_text(json.dumps({"plan": {"id": "infusion"}, "cases": [case]}))
    assert main(["trace", str(plan), "--run", str(run), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    first, last = told["requirements"][0], told["requirements"][-1]
    assert (first["id"], first["verdict"], first["cases"]) == (
        "INF-001",
        "CONDITIONAL_PASS",
        ["infusion/seconds"],
    )
    assert (last["id"], last["source"], last["verdict"]) == ("INF-099", None, "CONDITIONAL_PASS")
    assert len(told["gaps"]) == 13
    (run / "results.json").write_text("[]")
    assert main(["trace", str(plan), "--run", str(run)]) == 3
    assert "cannot be read" in capsys.readouterr().err


HOSTILE = ["=HYPERLINK(1)", "+1", "-1", "@SUM(1)", " =1", "\t=1"]


def test_no_cell_is_a_formula_and_hostile_text_is_text(plan: Path, capsys) -> None:
    rows = [
        ["id", "title", "text"],
        *[[f"INF-{n}", cell, "\x1b[31m\u202e"] for n, cell in enumerate(HOSTILE)],
    ]
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    hostile = text.getvalue().replace("\x1b", "")  # a control character is refused in a set
    (plan.parent / "infusion.csv").write_text(hostile, "utf-8")
    assert main(["trace", str(plan), "--csv"]) == 1
    cells = [cell for row in csv.reader(io.StringIO(capsys.readouterr().out)) for cell in row]
    assert [cell for cell in cells if cell.lstrip()[:1] in ("=", "+", "-", "@")] == []
    assert {"'=HYPERLINK(1)", "'+1", "'-1", "'@SUM(1)", "'=1"} <= set(cells)
    main(["trace", str(plan)])
    assert "\u202e" not in capsys.readouterr().out
    (plan.parent / "infusion.csv").write_text("id,title\nA-1,\x1b[31m\n")
    assert main(["trace", str(plan)]) == 4
    assert "byte 0x1b" in capsys.readouterr().err


def test_plans_without_a_set(capsys) -> None:
    assert main(["trace", str(ROOT / "tests/data/short.plan.toml")]) == 4
    assert "no plan names a requirement set" in capsys.readouterr().err


def test_check_warns_of_what_does_not_meet(plan: Path, capsys) -> None:
    bench = str(ROOT / "fixtures/simulated.bench.toml")
    assert main(["check", str(plan), "--bench", bench]) == 0
    told = capsys.readouterr().err
    assert "warning: " in told
    assert "INF-099: case 'seconds' verifies it, but it is not in infusion.csv" in told
    assert "INF-001: it demands 'within 5 %'" in told
    assert "HAZ-004: no requirement controls this hazard" in told
    assert "no case of any plan in these folders verifies INF-004, INF-005" in told
    other = plan.read_text("utf-8").replace('"infusion"', '"other"').replace("INF-099", "INF-005")
    (plan.parent / "other.plan.toml").write_text(other, "utf-8")
    (plan.parent / "broken.plan.toml").write_text("[plan", "utf-8")
    main(["check", str(plan), "--bench", bench])
    assert "verifies INF-004, INF-006" in capsys.readouterr().err


def test_python_plans_stand_beside_plan_files(capsys) -> None:
    assert main(["trace", *SHIPPED, str(PYTHON), "--json"]) == 0
    rows = {row["id"]: row["cases"] for row in json.loads(capsys.readouterr().out)["requirements"]}
    assert {"reprogramming/a-stop-is-obeyed", "smoke/fast"} <= set(rows["SRS-001"])


def test_a_python_plan_is_held_against_its_requirements(plan: Path, capsys) -> None:
    python = plan.parent / "test_air.py"
    python.write_text(PYTHON_PLAN.format(argument="record"), "utf-8")
    assert main(["trace", str(python), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    (unknown,) = [gap for gap in told["gaps"] if gap["gap"] == "test without a requirement"]
    assert unknown["about"] == "INF-099"
    assert unknown["where"] == f"{python}:7, case 'air', key 'verifies'"
    untested = [gap["about"] for gap in told["gaps"] if gap["gap"] == "requirement without a test"]
    assert "INF-004" in untested
    assert "INF-005" not in untested
    main(["check", str(plan), "--bench", str(BENCH)])
    assert "no case of any plan in these folders verifies INF-004, INF-006" in capsys.readouterr().err
    python.write_text("import elsewhere\n", "utf-8")  # no plan, and not this command's to judge
    main(["check", str(plan), "--bench", str(BENCH)])
    assert "no case of any plan in these folders verifies INF-004, INF-005" in capsys.readouterr().err


def test_check_reads_a_python_plan_and_says_what_it_cannot_tell(plan: Path, capsys) -> None:
    assert main(["check", str(PYTHON), str(plan), "--bench", str(BENCH)]) == 0
    told = capsys.readouterr()
    assert "only a run tells its time, volume, criteria and their uncertainty" in told.out
    assert "a-stop-is-obeyed: function test_a_stop_is_obeyed" in told.out
    assert main(["check", str(PYTHON), "--bench", str(BENCH), "--json"]) == 0
    (checked,) = json.loads(capsys.readouterr().out)["plans"]
    assert {case["duration_s"] for case in checked["cases"]} == {None}
    assert main(["check", str(PYTHON), "--bench", str(ROOT / "fixtures/infusion.bench.toml")]) == 0
    assert "key 'plan.pumps': it is for implantable pumps, and SIM-4001 is syringe" in capsys.readouterr().err
    python = plan.parent / "test_air.py"
    python.write_text(PYTHON_PLAN.format(argument="record").replace("infusion.csv", "infusions.csv"), "utf-8")
    assert main(["check", str(python), str(python), "--bench", str(BENCH)]) == 4
    assert f"{python}:3, key 'plan.requirements': there is no requirement set" in capsys.readouterr().err
    python.write_text(PYTHON_PLAN.format(argument="record, bench)("), "utf-8")
    assert main(["check", str(python), "--bench", str(BENCH)]) == 4
    assert f"{python}:7: this is not Python" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("command", "instead"),
    [
        ("run", "pytest carries it out: pytest FILE --bench BENCH"),
        ("prove", "give pytest a bench whose pumps must not"),
    ],
)
def test_what_does_not_take_python_plans_says_what_to_do_instead(command: str, instead: str, capsys) -> None:
    assert main([command, str(PYTHON), "--bench", str(BENCH)]) == 4
    told = capsys.readouterr().err
    assert f"{PYTHON}: this is a Python plan (" in told
    assert instead in told
