"""The pump's clock against that of the run."""

from __future__ import annotations

import math

from rig.analysis.uncertainty import Budget, Component
from rig.judge.findings import NS_PER_S, Findings
from rig.record.case_data import CaseData

PPM = 1e6
CLOCK_STEP_S = 1.0


def put_clock_drift(found: Findings, data: CaseData) -> None:
    """``clock_drift``: what the clock gained, in ppm of the time from the first answer of the pump to its last.

    Only answers since the clock was last set count.
    """
    set_ns = max((int(setting["set_t_ns"]) for setting in data.pump_clocks), default=0)
    told = [
        (int(state["t_ns"]), int(state["clock_s"]))
        for state in data.pump_states
        if state.get("clock_s") and int(state["t_ns"]) >= set_ns
    ]
    if len(told) < 2:
        return
    passed_s = (told[-1][0] - told[0][0]) / NS_PER_S
    drift_ppm = PPM * ((told[-1][1] - told[0][1]) / passed_s - 1)
    component = Component(
        "steps of the pump's clock", "it counts whole seconds; half a step either way, of two readings",
        drift_ppm, "ppm", PPM * CLOCK_STEP_S / math.sqrt(6) / passed_s, 1.0, distribution="triangular",
    )  # fmt: skip
    found.put("clock_drift", Budget(drift_ppm, "ppm", (component,)))
