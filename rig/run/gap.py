"""How long the rig was gone, between the last record of a run and its being taken up again.

Times in a record are those of the run's own clock, which ends with its process. What goes on is the machine's monotonic
clock, until the machine itself is started anew; then only the clock of the day is left, with the steps that were
recorded.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.clock import Clock, s_from_ns
from rig.record.case_data import RunRecord

BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
APART_NS = 2_000_000_000  # of the two clocks: more is told


@dataclass(frozen=True)
class Gap:
    """From the last record to now, ns on the run's clock; in words how that is known; whether it is."""

    start_ns: int
    end_ns: int
    words: str
    is_known: bool = True


def time_zero(clock: Clock, started_ns: int) -> dict[str, Any] | None:
    """The run's zero on the clocks that outlive it; None in virtual time, of which nothing does."""
    if clock.kind == "virtual":
        return None
    passed_ns = clock.now_ns() - started_ns
    return {
        "boot": boot_id(),
        "monotonic_ns": time.monotonic_ns() - passed_ns,
        "utc_ns": time.time_ns() - passed_ns,
    }


def boot_id() -> str:
    """What is another one after each start of the machine; "" where the system does not tell."""
    try:
        return BOOT_ID.read_text("ascii").strip()
    except OSError:  # not Linux
        return ""


def gap_until_now(record: RunRecord, last_ns: int) -> Gap:
    """The gap between the last record, at ``last_ns``, and now."""
    zero, since_seq = record.opened.get("zero"), int(record.opened["seq"])
    for resumed in record.resumptions:
        zero, since_seq = resumed.get("zero"), int(resumed["seq"])
    if not isinstance(zero, dict):
        return Gap(last_ns, last_ns + 1, "for an unknown time: the record does not tell when it began", False)
    steps = [r for r in record.other if r["kind"] == "clock_step" and r["seq"] > since_seq]
    by_day_ns = time.time_ns() - int(zero["utc_ns"]) - sum(int(step["step_ns"]) for step in steps)
    boot = boot_id()
    if boot and boot == zero["boot"]:
        end_ns = time.monotonic_ns() - int(zero["monotonic_ns"])
        words = f"for {s_from_ns(end_ns - last_ns):.1f} s by the monotonic clock of this machine"
        if abs(by_day_ns - end_ns) > APART_NS:
            words += f" (by the clock of the day {s_from_ns(by_day_ns - last_ns):.1f} s)"
        return Gap(last_ns, end_ns, words)
    if by_day_ns <= last_ns:
        return Gap(
            last_ns, last_ns + 1, "for an unknown time: the clock of the day is behind the record", False
        )
    return Gap(last_ns, by_day_ns, f"for {s_from_ns(by_day_ns - last_ns):.0f} s by the clock of the day")
