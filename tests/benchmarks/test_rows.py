"""The benchmarks run: rows in their tiny mode, whose figures mean nothing."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def bench(*arguments):
    command = [sys.executable, "-m", "benchmarks", *arguments]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.skipif(sys.platform == "win32", reason="pseudo-terminals")
def test_rows_run_and_only_print():
    page = ROOT / "docs" / "reference" / "speed.md"
    before = page.read_bytes() if page.exists() else None
    done = bench("pty", "ports", "durable", "steps", "trumpet", "--tiny")
    assert done.returncode == 0, done.stderr
    heading, _, *lines = done.stdout.splitlines()
    assert len(lines) == 2 + 3 + 4 + 1 + 4
    assert {line.count(" | ") for line in lines} == {heading.count(" | ")}
    assert any(line.startswith("| whole steps, exact | steps and windows as by loops |") for line in lines)
    assert (page.read_bytes() if page.exists() else None) == before


def test_unknown_row_is_told():
    done = bench("trompet")
    assert done.returncode == 2
    assert "no row 'trompet' (choose from pty, ports," in done.stderr
