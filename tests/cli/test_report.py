"""``rig report`` on a sealed run: beside it, identical, and never from a damaged record."""

import tempfile
from pathlib import Path

import pytest

from rig.cli import main
from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.run.session import Session

ROOT = Path(__file__).parents[2]


@pytest.fixture
def sealed(tmp_path, monkeypatch):
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))  # a lock folder of its own
    bench = load_bench(ROOT / "fixtures/simulated.bench.toml")
    plan = load_plan(ROOT / "tests/data/short.plan.toml")
    session = Session(bench, tmp_path / "runs", "tester", ["SIM-0001"], planned=None)
    session.result(plan, plan.cases[0], "SIM-0001", ["SIM-0001"])
    session.finish()
    ((folder, _),) = session.closed
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_the_report_is_built_beside_the_sealed_run_and_is_identical(sealed, capsys):
    before = contents(sealed)
    assert main(["report", str(sealed)]) == 0
    beside = sealed.with_name(sealed.name + ".report")
    assert (beside / "report.pdf").read_bytes() == before[sealed / "report.pdf"]
    assert capsys.readouterr().out.count("identical to the sealed one") == 2
    assert contents(sealed) == before


def test_nothing_is_written_into_a_sealed_run(sealed, capsys):
    before = contents(sealed)
    assert main(["report", str(sealed), "--into", str(sealed)]) == 4
    assert "nothing is ever written into" in capsys.readouterr().err
    assert contents(sealed) == before


def test_no_report_is_built_from_a_damaged_record(sealed, capsys):
    journal = sealed / "journal.jsonl"
    journal.write_bytes(journal.read_bytes()[:-10])
    assert main(["report", str(sealed)]) == 3
    told = capsys.readouterr().err
    assert "not sound" in told
    assert "journal.jsonl" in told
    assert not sealed.with_name(sealed.name + ".report").exists()


def test_a_run_that_was_killed_is_judged_from_its_record(sealed, capsys):
    for name in ("manifest.json", "results.json", "report.html", "report.pdf", "samples.parquet"):
        (sealed / name).unlink()
    journal = sealed / "journal.jsonl"
    kept = [
        line for line in journal.read_bytes().splitlines(keepends=True) if b'"kind":"run_closed"' not in line
    ]
    journal.write_bytes(b"".join(kept))
    before = contents(sealed)
    assert main(["report", str(sealed)]) == 0
    assert "never sealed" in capsys.readouterr().out
    page = (sealed.with_name(sealed.name + ".report") / "report.html").read_text("utf-8")
    assert "The record has no closing entry" in page
    assert contents(sealed) == before
