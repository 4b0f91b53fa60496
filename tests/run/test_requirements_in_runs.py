"""From a requirement set beside the plan to the report of a run: kept, hashed, judged, compared with the run before."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.errors import DefinitionError
from rig.record.verify import verify_run
from rig.report.document import document
from rig.report.page import html_page
from rig.report.sources import read_sources
from rig.run.session import Session

ROOT = Path(__file__).parents[2]
SETS = ROOT / "tests/data/requirements"
GAPS = [
    "INF-099: case &#39;seconds&#39; verifies it, but it is not in ",
    "INF-001: it demands &#39;within 5 %&#39;, case &#39;seconds&#39; accepts mean_error within 50 %: wider.",
    "INF-004: it demands &#39;within 10 %&#39; of &#39;flow_accuracy.mean_error&#39;, INF-001 demands",
    "HAZ-004: no requirement controls this hazard.",
]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory):
    """Two runs of one plan: beside a CSV, and beside the Doorstop folder in which three things are otherwise."""
    home = tmp_path_factory.mktemp("requirements")
    shutil.copytree(SETS, home / "plans")
    first = carry_out(home, "infusion.csv")
    items = home / "plans/doorstop/req"
    (items / "INF-012.yml").unlink()
    (items / "INF-014.yml").write_text("active: true\nlinks: []\ntext: |\n  <b>New</b> \u202e\n", "utf-8")
    told = (items / "INF-001.yml").read_text("utf-8")
    (items / "INF-001.yml").write_text(told.replace("limit: within 5 %", "limit: within 4 %"), "utf-8")
    return [first, carry_out(home, "doorstop")]


def carry_out(home: Path, name: str) -> Path:
    path = home / "plans/infusion.plan.toml"
    path.write_text((SETS / path.name).read_text("utf-8").replace("infusion.csv", name), "utf-8")
    plan = load_plan(path)
    bench = load_bench(ROOT / "fixtures/simulated.bench.toml")
    session = Session(bench, home / "runs", "tester", ["SIM-0001"], planned=None)
    session.result(plan, plan.cases[0], "SIM-0001", ["SIM-0001"])
    session.finish()
    return session.closed[0][0]


def results_of(folder: Path) -> dict:
    return json.loads((folder / "results.json").read_bytes())


def journal_of(folder: Path) -> dict:
    records = map(json.loads, (folder / "journal.jsonl").read_text("utf-8").splitlines())
    return next(record for record in records if record["kind"] == "requirements")


def test_the_sets_are_kept_as_they_were_and_sealed(runs: list[Path]) -> None:
    csv_run, doorstop_run = runs
    assert (csv_run / "requirements/infusion.csv").read_bytes() == (SETS / "infusion.csv").read_bytes()
    kept = {path.name for path in (doorstop_run / "requirements").rglob("*") if path.is_file()}
    assert {".doorstop.yml", "HAZ-001.yml", "INF-001.yml"} <= kept
    for run in runs:
        assert verify_run(run) == []
        sealed = {
            entry["path"]: entry["sha256"]
            for entry in json.loads((run / "manifest.json").read_bytes())["files"]
        }
        for file in journal_of(run)["files"]:
            assert sealed[f"requirements/{file['name']}"] == file["sha256"]


def test_the_results_have_a_verdict_for_each_requirement(runs: list[Path]) -> None:
    results = results_of(runs[0])
    (case,) = results["cases"]
    found = {each["id"]: each for each in results["requirements"]}
    assert [found[name]["verdict"] for name in ("INF-001", "INF-002", "INF-003", "INF-099")] == [
        case["outcome"]
    ] * 4
    assert (found["INF-001"]["title"], found["INF-001"]["cases"]) == ("Flow accuracy", ["seconds"])
    assert found["INF-001"]["source"] == "infusion.csv:6"
    assert (found["INF-005"]["verdict"], found["INF-005"]["cases"]) == (None, [])
    assert found["INF-099"]["sha256"] is None


def test_changes_since_the_run_before_are_in_the_record_and_the_report(runs: list[Path]) -> None:
    assert journal_of(runs[0])["changes"] is None
    changes = journal_of(runs[1])["changes"]
    assert changes == results_of(runs[1])["requirement_changes"]
    assert (changes["since"], changes["added"], changes["removed"]) == (
        runs[0].name,
        ["INF-014"],
        ["INF-012"],
    )
    assert changes["changed"] == [
        {"id": "INF-001", "what": [{"name": "limit", "before": "within 5 %", "now": "within 4 %"}]}
    ]
    page = (runs[1] / "report.html").read_text("utf-8")
    assert f"Since the run {runs[0].name}:" in page
    assert "New: INF-014." in page
    assert "No longer there: INF-012." in page
    assert "3 requirements changed since the run before" in page
    assert "\u202e" not in page
    assert "<b>New" not in page


@pytest.mark.parametrize("name", ["infusion.reqif", "infusion.sdoc", "needs.json"])
def test_every_format_comes_to_the_report(runs: list[Path], tmp_path: Path, name: str) -> None:
    """CSV and Doorstop are the runs above: the same requirements, gaps and words in the report of each."""
    shutil.copytree(SETS, tmp_path / "plans")
    folder = carry_out(tmp_path, name)
    wanted, found = results_of(runs[0]), results_of(folder)
    for one, other in zip(found["requirements"], wanted["requirements"], strict=True):
        assert {**one, "source": None} == {**other, "source": None}
    assert [(each["gap"], each["about"]) for each in found["trace"]] == [
        (each["gap"], each["about"]) for each in wanted["trace"]
    ]
    assert_report_tells(folder)


def test_the_report_is_rebuilt_from_the_run_folder_alone(runs: list[Path], tmp_path: Path) -> None:
    assert_report_tells(runs[0])
    folder = shutil.copytree(runs[0], tmp_path / "run")
    (folder / "results.json").unlink()
    assert read_sources(folder).results == results_of(runs[0])
    page = html_page(document(read_sources(folder)))
    assert page.partition("Traceability matrix")[2].count("INF-001") > 1
    (folder / "requirements/infusion.csv").unlink()
    with pytest.raises(DefinitionError, match=r"there is no requirement set 'infusion.csv'"):
        read_sources(folder)


def assert_report_tells(folder: Path) -> None:
    page = (folder / "report.html").read_text("utf-8")
    front, _, rest = (
        page.partition("1 Apparatus") if "1 Apparatus" in page else page.partition('id="apparatus"')
    )
    section = rest.partition("Traceability matrix")[2]
    for words in ("Flow accuracy", "Delivered volume shown", "No false alarm", "not in the requirement set"):
        assert words in front
    assert "4 of the requirements, tests, limits and hazards do not meet" in front
    for gap in GAPS:
        assert gap in section
    assert "No case of this plan verifies INF-004" in section
