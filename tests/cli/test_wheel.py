"""The wheel, built and installed as a firm gets it: beside nothing but its dependencies, far from this repository."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
SOURCES = ("rig", "fixtures", "test_plans", "reports", "pyproject.toml", "README.md", "LICENSE")
SCRIPTS = "Scripts" if sys.platform == "win32" else "bin"


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Run a command of an environment that holds the wheel alone and borrows its dependencies from this one."""
    folder = tmp_path_factory.mktemp("wheel")
    for name in SOURCES:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, folder / "source" / name, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, folder / "source" / name)
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "wheel", "--no-deps", "-w", folder / "dist", folder / "source"], check=True)
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder / "env"], check=True)
    python = folder / "env" / SCRIPTS / "python"
    (wheel,) = (folder / "dist").glob("*.whl")
    subprocess.run([*pip, "--python", python, "install", "--no-deps", wheel], check=True)
    (purelib,) = (folder / "env").glob("[lL]ib/**/site-packages")
    (purelib / "dependencies.pth").write_text(sysconfig.get_path("purelib"), encoding="utf-8")
    (folder / "home").mkdir()
    env = {"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "TMPDIR": str(folder)}

    def run(*command, cwd=folder / "home"):
        return subprocess.run(
            [folder / "env" / SCRIPTS / command[0], *command[1:]],
            check=False,
            cwd=cwd,
            env=env,
            capture_output=True,
            text=True,
        )

    return run, folder


def test_every_module_is_in_it(installed):
    run, folder = installed
    where = Path(run("python", "-c", "import rig; print(*rig.__path__)").stdout.strip())
    assert where.is_relative_to(folder / "env")
    ours = {path.relative_to(ROOT / "rig") for path in (ROOT / "rig").rglob("*.py")}
    assert ours <= {path.relative_to(where) for path in where.rglob("*.py")}


def test_a_workspace_made_by_it_runs_its_first_plan_to_a_report(installed):
    run, folder = installed
    made = run("rig", "init", "my-rig")
    assert made.returncode == 0, made.stderr
    workspace = folder / "home" / "my-rig"
    ran = run(
        "rig", "run", "test_plans/smoke.plan.toml", "--bench", "fixtures/simulated.bench.toml", cwd=workspace
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
    (run_folder,) = (workspace / "runs").glob("*smoke*")
    assert (run_folder / "report.pdf").read_bytes().startswith(b"%PDF")
    verified = run("rig", "verify", run_folder, cwd=workspace)
    assert verified.returncode == 0, verified.stdout + verified.stderr
