"""rig init: a workspace that runs, and that overwrites nothing."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from rig.cli import main

ROOT = Path(__file__).resolve().parents[2]
SHOWN = ["fixtures/simulated.bench.toml", "fixtures/pumps/reference-40ml.toml", "test_plans/smoke.plan.toml"]
SHOWN += ["test_plans/requirements.csv", "test_plans/plan.schema.json", "reports/verify_run.py"]


def test_everything_that_people_edit_is_there_as_shipped(tmp_path, capsys):
    assert main(["init", str(tmp_path / "mine")]) == 0
    assert (
        "rig run test_plans/smoke.plan.toml --bench fixtures/simulated.bench.toml" in capsys.readouterr().out
    )
    for name in SHOWN:
        assert (tmp_path / "mine" / name).read_bytes() == (ROOT / name).read_bytes()
    for folder, pattern in (("test_plans", "*.plan.toml"), ("fixtures", "*.bench.toml")):
        shipped = {path.name for path in (ROOT / folder).glob(pattern)}
        assert {path.name for path in (tmp_path / "mine" / folder).glob(pattern)} == shipped
    assert "runs/" in (tmp_path / "mine/.gitignore").read_text()
    assert not list((tmp_path / "mine").rglob("__*"))


def test_it_runs(tmp_path, monkeypatch):
    main(["init", str(tmp_path / "mine")])
    call = "import sys; from rig.cli import main; sys.exit(main())"
    words = "check test_plans/smoke.plan.toml test_plans/flow_accuracy.plan.toml --bench fixtures/simulated.bench.toml"
    done = subprocess.run(
        [sys.executable, "-P", "-c", call, *words.split()],
        cwd=tmp_path / "mine",
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "no mistake found" in done.stdout


@pytest.mark.parametrize("taken", ["README.md", "test_plans/smoke.plan.toml"])
def test_nothing_is_overwritten(taken, tmp_path, capsys):
    path = tmp_path / "mine" / taken
    path.parent.mkdir(parents=True)
    path.write_text("mine")
    assert main(["init", str(tmp_path / "mine")]) == 4
    assert f"'{taken}' is there already (nothing was written; name another folder)" in capsys.readouterr().err
    assert [found for found in (tmp_path / "mine").rglob("*") if found.is_file()] == [path]
    assert path.read_text() == "mine"


def test_other_files_are_left_alone(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    assert main(["init", str(tmp_path)]) == 0
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_is_refused(tmp_path, capsys):
    (tmp_path / "mine").write_text("")
    assert main(["init", str(tmp_path / "mine")]) == 4
    assert "this is a file (name a folder)" in capsys.readouterr().err
