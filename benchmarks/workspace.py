"""A bench of so many simulated units and a plan for it, made from the shipped bench."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
import time
from pathlib import Path

from benchmarks.findings import HERE, clean_environment

REPOSITORY = HERE.parent

PLAN = """[plan]
id = "speed"
revision = "A"
title = "Speed"
reference_temperature = "37 degC"

[[case]]
id = "long"
procedure = "flow_accuracy"
verifies = ["REQ-1"]
rate = "1 mL/day"
settle = "0.5 h"
blank = "0.5 h"
sample = {{ every = "{weigh_every_s:g} s", for = "{hours:g} h" }}
flow_every = "{flow_every_s:g} s"
accept = {{ mean_error = "within 14.5 %", trumpet = {{ "60 min" = "within 20 %" }}, alarms = "none" }}
"""


def make_workspace(
    folder: Path, units: int, hours: float, weigh_every_s: float = 30.0, flow_every_s: float = 0.1
) -> tuple[Path, Path]:
    """Plan and bench file."""
    shipped = REPOSITORY / "fixtures" / "simulated.bench.toml"
    head, first, *_ = shipped.read_text().split("[[unit]]")
    head = head.replace('id = "simulated"', f'id = "speed-{os.getpid()}"')
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pumps").symlink_to(REPOSITORY / "fixtures" / "pumps")
    bench, plan = folder / "speed.bench.toml", folder / "speed.plan.toml"
    bench.write_text(
        head + "".join("[[unit]]" + first.replace("0001", f"{number:04d}") for number in range(1, units + 1))
    )
    plan.write_text(PLAN.format(hours=hours, weigh_every_s=weigh_every_s, flow_every_s=flow_every_s))
    return plan, bench


def rig(folder: Path, *arguments: str | Path) -> tuple[float, float]:
    """Seconds by the clock, and processor time of it and its children. Raises RuntimeError if it fails."""
    before, start = _children_s(), time.perf_counter()
    done = subprocess.run(
        [str(Path(sys.executable).with_name("rig")), *map(str, arguments)],
        cwd=folder,
        env=clean_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    took = time.perf_counter() - start
    if done.returncode:
        raise RuntimeError(done.stderr or done.stdout)
    return took, _children_s() - before


def _children_s() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime
