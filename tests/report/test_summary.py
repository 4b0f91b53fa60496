"""The summary over several runs as its readers get it, from sealed folders of made-up runs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import page
import pypdf
import pytest

from rig.cli import main
from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.definitions.report_file import ReportFile
from rig.report.several_runs import build_summary
from rig.run.session import Session

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Three sealed rehearsals: one on a sound pump, one on two pumps, one aborted."""
    import tempfile

    scratch = tmp_path_factory.mktemp("summary")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(tempfile, "tempdir", str(scratch))
        patch.chdir(scratch)
        plan = load_plan(ROOT / "tests/data/short.plan.toml")
        for serials in (["SIM-0001"], ["SIM-0001", "SIM-0002", "SIM-0003"]):
            bench = load_bench(ROOT / "fixtures/simulated.bench.toml")
            session = Session(bench, scratch / "runs", "tester", serials, planned=None)
            for serial in serials:
                session.result(plan, plan.cases[0], serial, serials)
            session.finish()
    return scratch / "runs"


def summary_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "summary.json").read_text("utf-8"))
    return found


def test_verdicts_units_repetitions_and_the_same_bytes(runs: Path, tmp_path: Path) -> None:
    into, again = tmp_path / "a", tmp_path / "b"
    into.mkdir()
    again.mkdir()
    made = build_summary([runs], into, ReportFile())
    build_summary(sorted(runs.iterdir(), reverse=True), again, ReportFile())
    for path in made.files:
        assert path.read_bytes() == (again / path.name).read_bytes()
    found = summary_of(into)
    assert found["rehearsal"]
    assert made.left_out == {}
    (repeated,) = found["repeated"]
    assert (repeated["unit"], len(repeated["times"])) == ("SIM-0001", 2)
    (population,) = found["populations"]
    assert population["units"] == 3
    html = (into / "summary.html").read_text("utf-8")
    texts = [sheet.extract_text() for sheet in pypdf.PdfReader(into / "summary.pdf").pages]
    for run in found["runs"]:
        assert run["run_id"] in html
        assert run["manifest_sha256"] in html
    assert all("REHEARSAL" in text and found["summary_id"] in text for text in texts)
    assert f"End of summary {found['summary_id']}" in " ".join(texts[-1].split())
    for profile in ("2a", "ua1"):
        assert page.validate_pdf(into / "summary.pdf", profile=profile).is_compliant


def test_a_damaged_run_is_named_and_counts_for_nothing(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    copy = tmp_path / "runs"
    shutil.copytree(runs, copy)
    damaged = sorted(copy.iterdir())[0]
    results = (damaged / "results.json").read_text("utf-8")
    (damaged / "results.json").write_text(results.replace("PASS", "FAIL", 1), "utf-8")
    assert main(["summary", "runs", "--into", "out", "--paper", "letter"]) == 1
    told = capsys.readouterr().out
    assert f"{damaged.name} does not count: its record does not verify: results.json" in told
    found = summary_of(tmp_path / "out")
    assert [bool(run["left_out"]) for run in found["runs"]] == [True, False]
    assert found["repeated"] == []
    first = pypdf.PdfReader(tmp_path / "out/summary.pdf").pages[0]
    assert round(float(first.mediabox.width)) == 612
    assert "does not count: its record does not verify" in " ".join(first.extract_text().split())


def test_bad_input_is_refused_in_words(
    runs: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    assert main(["summary", "empty"]) == 4
    assert "no run folder" in capsys.readouterr().err
    inside = next(runs.iterdir()) / "summary"
    assert main(["summary", str(runs), "--into", str(inside)]) == 4
    assert "nothing is ever written" in capsys.readouterr().err
    assert not inside.exists()
