"""Makes the picture of the live page from a real run on the simulated bench, in Chromium.

    python docs/make_live_picture.py [--seconds 90] [--into FILE]

The bench is served on pseudo-terminals; the run goes on in real time meanwhile, and is ended then.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PICTURE = ROOT / "docs/images/live-page.png"
COLOURS = 96
SIZE = {"width": 1280, "height": 1500}
CODE = "import sys; from rig.cli import main; sys.exit(main())"
PLAN = """
[plan]
id = "night-run"
revision = "C"
title = "Flow through the night"
reference_temperature = "37 degC"

[[case]]
id = "basal"
procedure = "flow_accuracy"
verifies = ["SRS-017"]
rate = "1 mL/h"
relax = "2 s"
blank = "10 s"
settle = "10 s"
sample = { every = "2 s", for = "1 h" }
flow_every = "1 s"
windows = ["60 s"]
accept = { mean_error = "within 5 %", alarms = "none" }
"""


def picture(seconds: float) -> bytes:
    """PNG of the page after so many seconds of the case."""
    from PIL import Image
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        home = Path(scratch)
        own = {**os.environ, "TMPDIR": scratch, "INFUSION_RIG_KEYS": str(home / "keys")}
        plan = home / "night.plan.toml"
        plan.write_text(PLAN, "utf-8")

        def start(*arguments: str) -> subprocess.Popen[str]:
            return subprocess.Popen(
                [sys.executable, "-c", CODE, *arguments], cwd=ROOT, env=own, text=True,
                stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            )  # fmt: skip

        served = start("sim", "fixtures/simulated.bench.toml")
        bench = json.loads(first_line(served))["bench"]
        run = start(
            "run", str(plan), "--bench", bench, "--runs", str(home / "runs"), "--operator", "Ada Lovelace"
        )
        watching = start("watch", str(home / "runs"), "--port", "0")
        try:
            browser = playwright.chromium.launch(
                executable_path=chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            page = browser.new_page(viewport=SIZE, color_scheme="light")
            page.goto(first_line(watching).split()[-1])
            page.get_by_text("basal · sample").first.wait_for(timeout=120_000)
            page.wait_for_timeout(1000 * seconds)
            page.locator("#criteria").get_by_text("so far PASS").first.wait_for(timeout=120_000)
            taken = page.screenshot()
            browser.close()
        finally:
            for process in (run, watching, served):  # the run first: its pumps are the simulator's
                process.terminate()
                process.communicate(timeout=120)
    made = io.BytesIO()
    Image.open(io.BytesIO(taken)).convert("RGB").quantize(COLOURS).save(made, "PNG", optimize=True)
    return made.getvalue()


def first_line(process: subprocess.Popen[Any]) -> str:
    assert process.stdout is not None
    return str(process.stdout.readline())


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=90.0, help="of the case that the picture shows")
    parser.add_argument("--into", metavar="FILE", type=Path, default=PICTURE)
    args = parser.parse_args()
    args.into.write_bytes(picture(args.seconds))
    sys.stdout.write(f"{args.into} ({args.into.stat().st_size // 1000} kB)\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
