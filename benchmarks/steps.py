"""Journalled steps a second: a reading taken and recorded, this project's journal beside bluesky's RunEngine.

The instrument is a constant in memory in both. bluesky's documents are written as JSON lines by a callback, one
``trigger_and_read`` a step; neither waits for the disk at every step (the journal syncs within 100 ms, bluesky never
does). A second figure is of durable steps: on the disk before the next begins.
"""

from __future__ import annotations

import time

from benchmarks.findings import Finding, in_turn, main, peer_figure, peer_python, scratch


def journalled(count: int, durable: bool) -> float:
    """Steps a second."""
    from rig.readings import MassReading
    from rig.record.case_recorder import CaseRecorder
    from rig.record.journal import Journal

    with scratch() as folder:
        journal = Journal.create(folder / "journal.jsonl", time.monotonic_ns)
        recorder = CaseRecorder(journal, "case", "SN0001", 0)
        start = time.perf_counter()
        for _ in range(count):
            if durable:
                recorder.step("step")
            else:
                recorder.mass(MassReading(time.monotonic_ns(), 12.3456, True, b"S S    12.3456 g\r\n"))
        journal.close()
        return count / (time.perf_counter() - start)


def measure(rounds: int, tiny: bool) -> list[Finding]:
    count = 100 if tiny else 20_000
    competitors = {
        "ours": lambda: journalled(count, False),
        "durable": lambda: journalled(max(count // 100, 10), True),
    }
    if (asked := peer_python("bluesky")) is not None:
        competitors["bluesky"] = lambda: peer_figure("bluesky", str(max(count // 20, 10)))
    found = in_turn(competitors, rounds)
    beside, figure, met = "bluesky is not installed", "-", None
    if asked is not None:
        ratio = found["ours"] / found["bluesky"]
        beside = f"bluesky RunEngine {found['bluesky']:.0f}"
        figure, met = f"{ratio:.0f} × bluesky", ratio >= 10
    return [
        Finding("journalled steps a second", f"{found['ours']:.0f} (each synced: {found['durable']:.0f})",
                beside, figure, "≥ 10 × bluesky", met)
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
