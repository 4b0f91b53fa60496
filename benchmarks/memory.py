"""Memory of a run of 30 days on 16 channels while it is carried out, and when its whole record is judged at the end.

A weighing every 15 min and a flow sample every 10 s, in virtual time. Progress is told by the size of the journal.
"""

from __future__ import annotations

import subprocess
import sys
import time
from pathlib import Path

from benchmarks.findings import Finding, clean_environment, main, scratch
from benchmarks.workspace import make_workspace

DAYS, CHANNELS = 30.0, 16
GROWS_MB = 2.0  # what an allocator's rounding may do


def resident_mb(pid: int) -> float:
    """What the process holds in memory."""
    pages = Path(f"/proc/{pid}/statm").read_text().split()
    return (int(pages[1]) - int(pages[2])) * 4096 / 1e6  # without what is mapped from files


def followed(plan: Path, bench: Path) -> list[tuple[int, float]]:
    """(bytes of the journal, MB) of a run, again and again until its end. Raises RuntimeError if it fails."""
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        plan.name,
        "--bench",
        bench.name,
    ]
    child = subprocess.Popen(
        command,
        cwd=plan.parent,
        env=clean_environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    seen: list[tuple[int, float]] = []
    while child.poll() is None:
        journal = next(plan.parent.glob("runs/*/journal.jsonl"), None)
        try:
            seen.append((journal.stat().st_size if journal else 0, resident_mb(child.pid)))
        except (OSError, IndexError):  # it has just ended
            break
        time.sleep(0.1)
    said, _ = child.communicate()
    if child.returncode:
        raise RuntimeError(said)
    return seen


def measure(rounds: int, tiny: bool) -> list[Finding]:
    days, channels = (0.25, 2) if tiny else (DAYS, CHANNELS)
    with scratch() as folder:
        plan, bench = make_workspace(folder / "workspace", channels, days * 24, 900.0, 10.0)
        seen = followed(plan, bench)
    end = max(size for size, _ in seen)
    carried_out = [(size, mb) for size, mb in seen if 0 < size < 0.97 * end] or seen
    thirds = [max(mb for size, mb in carried_out if size <= part * end) for part in (0.34, 0.67, 1)]
    peak = max(mb for _, mb in seen)
    grown = thirds[-1] - thirds[0]
    return [
        Finding(
            f"memory of a run of {days:g} days on {channels} channels, after a third, two thirds, and at its end",
            ", ".join(f"{mb:.0f}" for mb in thirds) + " MB",
            f"{peak:.0f} MB when the whole record is judged at the end",
            f"grows by {grown:.1f} MB", "flat", grown <= GROWS_MB,
        )
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
