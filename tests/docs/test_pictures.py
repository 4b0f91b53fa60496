"""The picture of the README and the sample report are made by the script, from a real run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PNG = b"\x89PNG\r\n"


def test_the_script_makes_picture_and_sample_from_a_run(main_job, tmp_path):
    run = main_job[1]["flow-accuracy"]
    done = subprocess.run(
        [sys.executable, ROOT / "docs/make_pictures.py", "--run", run, "--into", tmp_path],
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "flow-accuracy-report.pdf").read_bytes() == (run / "report.pdf").read_bytes()
    picture = (tmp_path / "report.png").read_bytes()
    assert picture.startswith(PNG)
    assert 50_000 < len(picture) < 300_000


def test_what_the_readme_shows_is_there_and_small():
    shown = re.findall(r"!\[[^]]+\]\(([^)]+)\)", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert shown == ["docs/images/report.png"]
    picture = (ROOT / shown[0]).read_bytes()
    assert picture.startswith(PNG)
    assert len(picture) < 300_000
    sample = (ROOT / "reports/sample/flow-accuracy-report.pdf").read_bytes()
    assert sample.startswith(b"%PDF-")
    assert len(sample) < 2_000_000
