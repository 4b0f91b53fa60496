"""The instruments of a run, as results.json tells them, and whether they were calibrated on the day."""

from __future__ import annotations

from datetime import date

from rig.judge.findings import Result
from rig.record.case_data import Record, RunRecord

IDENTITY = ("maker", "model", "serial", "firmware")


def instruments_of(run: RunRecord, serial: str) -> list[Record]:
    """The records of a unit's instruments, or of those that all share."""
    return [record for record in run.instruments if record["unit"] == serial]


def instrument_row(record: Record, run: RunRecord) -> Result:
    """One instrument as results.json has it."""
    return {
        "role": record["role"],
        "driver": record["driver"],
        "address": record["address"],
        **{name: (record.get("identity") or {}).get(name) for name in IDENTITY},
        "simulated": record["simulated"],
        "calibrated_until": record["calibrated_until"],
        "certificate": record["certificate"],
        "calibration_valid": calibration_valid(record, run),
    }


def calibration_valid(instrument: Record, run: RunRecord) -> bool | None:
    """Whether the calibration covers the day of the run; None if nothing is stated."""
    until, today = instrument.get("calibrated_until"), run.opened.get("today")
    if not until or not today:
        return None
    return date.fromisoformat(str(until)) >= date.fromisoformat(str(today))
