"""A small bench, a plan, and records made by formula: what went on is known exactly, so the verdict is too."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from rig.analysis.gravimetry import immersion_factor, volume_per_reading_ml_g
from rig.definitions.bench_file import BenchFile, load_bench
from rig.definitions.plan_file import Plan, plan_from_text
from rig.record.case_data import CaseData, Dose, FlowSeries, MassSeries, RunRecord, Step

NS = 1_000_000_000
H = 3600.0
STARTED_S = 7200.0  # the case begins two hours into the run
PUMP_CLOCK_S = 820_000_000  # the pump's clock at the beginning of the run

PUMP = """
[pump]
model = "Test pump"
maker = "Infusion Rig"
mechanism = "peristaltic"
rate_min = "0.048 mL/day"
rate_max = "24 mL/day"
rate_step = "1 nL/h"
bolus_min = "1 uL"
bolus_max = "2 mL"
reservoir = "40 mL"
low_reservoir = "2 mL"
accuracy = "14.5 %"
safe_state = "stop"
"""

BENCH = """
[bench]
id = "bench"
fluid_temperature = "37 degC"
fluid_temperature_u = "0.3 K"
air_temperature = "22 degC"
air_pressure = "1000 hPa"

[[unit]]
serial = "SIM-1"
profile = "pump.toml"
outlet_diameter = "1 mm"
vessel_diameter = "30 mm"
pump = { driver = "pump_rpu1", address = "sim://SIM-1/pump" }
[unit.flow]
driver = "flow_sensirion_scc1"
address = "sim://SIM-1/flow"
calibrated_until = 2099-12-31
full_scale = "30 uL/min"
accuracy_of_value = "10 %"
accuracy_of_full_scale = "0.5 %"
[unit.balance]
driver = "balance_mt_sics"
address = "sim://SIM-1/balance"
calibrated_until = 2099-12-31
resolution = "0.01 mg"
repeatability = "0.02 mg"
linearity = "0.02 mg"
drift_24h = "0.1 mg"
"""

PLAN = """
[plan]
id = "plan"
revision = "A"
title = "Title"
reference_temperature = "37 degC"

[[case]]
id = "steady"
procedure = "flow_accuracy"
title = "Steady"
verifies = ["SRS-1"]
rate = "0.5 mL/day"
settle = "1 h"
blank = "4 h"
sample = { every = "15 min", for = "26 h" }
[case.accept]
mean_error = "within 5 %"
trumpet = { "60 min" = "within 8 %", "930 min" = "within 6 %" }
claimed_delivery = "within 1 %"
alarms = "none"

[[case]]
id = "doses"
procedure = "bolus"
bolus = "50 uL"
bolus_duration = "5 min"
count = 25
interval = "15 min"
settle = "5 min"
blank = "4 h"
accept = { mean_error = "within 5 %", single_dose = "within 8 %", share_inside = "at least 95 %", alarms = "none" }
"""


@dataclass
class World:
    """What really happened. Times in s since the beginning of the case; ``stall_s`` from, to."""

    error_pct: float = 0.0
    rate_ml_h: float = 20833e-6
    evaporation_g_h: float = 20e-6
    noise_g: float = 0.02e-3
    drift_24h_g: float = 0.1e-3
    sensor_error_pct: float = 0.0
    stall_s: tuple[float, float] | None = None
    bump: tuple[float, float] | None = None  # at, g
    stuck_s: tuple[float, float] | None = None
    trend_pct: float = 0.0  # change of flow from the beginning to the end of the delivery
    missing: tuple[int, ...] = ()  # balance readings of the analysis period that never came
    dose_error_pct: tuple[float, ...] = ()
    seed: int = 1
    ended: str = "completed"
    message: str = ""
    changes: dict = field(default_factory=dict)


RELAX, BLANK, SETTLE, SAMPLE = 0.5 * H, 4 * H, 1 * H, 26 * H


def write_bench(folder: Path, text: str = BENCH) -> BenchFile:
    (folder / "pump.toml").write_text(PUMP)
    (folder / "bench.toml").write_text(text)
    return load_bench(folder / "bench.toml")


@pytest.fixture(scope="session")
def bench(tmp_path_factory: pytest.TempPathFactory) -> BenchFile:
    return write_bench(tmp_path_factory.mktemp("bench"))


@pytest.fixture(scope="session")
def plan() -> Plan:
    return plan_from_text(PLAN, "test.plan.toml")


def walk(t_s: np.ndarray, sd_24h_g: float, rng: np.random.Generator) -> np.ndarray:
    steps = rng.normal(0.0, 1.0, len(t_s) - 1) * np.sqrt(np.diff(t_s) / 86400) * sd_24h_g
    return np.concatenate([[0.0], np.cumsum(steps)])


def display_g(t_s: np.ndarray, volume_ml: np.ndarray, world: World, rng: np.random.Generator) -> np.ndarray:
    """What the balance shows for a volume delivered at 37 °C, into a vessel with an immersed outlet."""
    water, air = 993.3289547662828, (0.34848 * 1000 - 0.009 * 50 * math.exp(0.061 * 22)) / (273.15 + 22)
    factor = volume_per_reading_ml_g(water, air) * immersion_factor(1.0, 30.0)
    shown = 60.0 + volume_ml / factor - world.evaporation_g_h * t_s / H
    if world.bump is not None:
        shown = shown + np.where(t_s >= world.bump[0], world.bump[1], 0.0)
    shown = shown + walk(t_s, world.drift_24h_g, rng) + rng.normal(0.0, world.noise_g, len(t_s))
    if world.stuck_s is not None:
        stuck = (t_s >= world.stuck_s[0]) & (t_s <= world.stuck_s[1])
        shown = np.where(stuck, shown[np.argmax(stuck)], shown)
    return np.round(shown, 5)


def steps_of(lengths: list[tuple[str, float]]) -> tuple[Step, ...]:
    steps, now = [], STARTED_S
    for name, length in lengths:
        steps.append(Step(name, round(now * NS), round((now + length) * NS)))
        now += length
    return tuple(steps)


def state(t_s: float, delivered_nl: float, running: bool, alarms: list[str]) -> dict:
    return {
        "t_ns": round((STARTED_S + t_s) * NS),
        "mode": "continuous" if running else "stop",
        "running": running,
        "delivered_nl": round(delivered_nl),
        "clock_s": PUMP_CLOCK_S + round(STARTED_S + t_s),
        "alarms": alarms,
    }


def no_flow() -> FlowSeries:
    empty = np.zeros(0)
    return FlowSeries(empty.astype(np.int64), empty, empty, empty.astype(bool), empty.astype(bool))


def steady_case(world: World) -> CaseData:
    """A flow accuracy case of the plan above."""
    rng = np.random.default_rng(world.seed)
    steps = steps_of(
        [
            ("identify", 1.0),
            ("relax_before", RELAX),
            ("blank_before", BLANK),
            ("program", 1.0),
            ("settle", SETTLE),
            ("sample", SAMPLE),
            ("stop", 1.0),
            ("relax_after", RELAX),
            ("blank_after", BLANK),
            ("safe_state", 1.0),
        ]
    )
    of = {step.name: (step.start_ns / NS - STARTED_S, step.end_ns / NS - STARTED_S) for step in steps}
    on, off = of["program"][1], of["stop"][0]

    def delivered_ml(t_s: np.ndarray, at_rate: bool = False) -> np.ndarray:
        flowing = np.clip(t_s, on, off) - on
        if world.stall_s is not None:
            flowing = flowing - (np.clip(t_s, *world.stall_s) - world.stall_s[0])
        if at_rate:
            return world.rate_ml_h * flowing / H
        bent = flowing + world.trend_pct / 100 * flowing**2 / (2 * (off - on))
        return world.rate_ml_h * (1 + world.error_pct / 100) * bent / H

    t_s = np.concatenate(
        [
            np.linspace(*of["blank_before"], 17),
            of["settle"][0] + np.arange(5) * 900.0 - np.array([0, 0, 0, 0, 0.01]),
            of["sample"][0] + np.arange(105) * 900.0 + 0.004,
            np.linspace(*of["blank_after"], 17),
        ]
    )
    t_s[21 + 105] = of["sample"][1]  # late readings still lie in their step
    shown = display_g(t_s, delivered_ml(t_s), world, rng)
    kept = np.ones(len(t_s), dtype=bool)
    kept[[22 + index for index in world.missing]] = False

    every = 60.0
    flow_t = np.arange(0.0, steps[-1].end_ns / NS - STARTED_S, every)
    flow = np.diff(delivered_ml(np.append(flow_t, flow_t[-1] + every))) / every * H
    flow *= 1 + world.sensor_error_pct / 100
    polls = np.arange(30.0, of["safe_state"][1], 60.0)
    stalled = (
        np.zeros(len(polls), bool)
        if world.stall_s is None
        else (polls > world.stall_s[0] + 60) & (polls < min(world.stall_s[1], off))
    )
    states = tuple(
        state(
            t,
            1e6 * float(delivered_ml(np.array([t]), True)[0]),
            on < t < off and not stall,
            ["motor_stall"] if stall else [],
        )
        for t, stall in zip(polls, stalled, strict=True)
    )
    alarms, events = [], [event(3, -5000.0, "ALARM_ON", ID="LOW_RESERVOIR")]  # of another case
    if stalled.any():
        first, last = polls[stalled][0], polls[stalled][-1] + 60
        alarms = [alarm(first, "motor_stall", "on"), alarm(last, "motor_stall", "off")]
        begin, end = world.stall_s
        events += [
            event(7, begin + 60, "STALL_ON", DELIV="1"),
            event(8, begin + 60, "ALARM_ON", ID="MOTOR_STALL"),
            event(9, end, "STALL_RECOVER", DELIV="1"),
            event(10, end, "ALARM_OFF", ID="MOTOR_STALL"),
        ]
    nl_h = round(world.rate_ml_h * 1e6)
    data = CaseData(
        "steady", "SIM-1", "flow_accuracy", round(STARTED_S * NS), steps[-1].end_ns, world.ended, world.message, steps,
        MassSeries(np.round((STARTED_S + t_s[kept]) * NS).astype(np.int64), shown[kept], np.ones(kept.sum(), bool)),
        FlowSeries(np.round((STARTED_S + flow_t) * NS).astype(np.int64), flow, np.full(len(flow), 36.5),
                   np.zeros(len(flow), bool), np.zeros(len(flow), bool)),
        (),
        {"t_ns": round((STARTED_S + on) * NS), "commanded": {"rate_nl_h": nl_h}, "read": {"rate_nl_h": nl_h}},
        pump_states=states, pump_events=tuple(events), alarms=tuple(alarms),
    )  # fmt: skip
    return replace(data, **world.changes)


def event(number: int, t_s: float, code: str, **arguments: str) -> dict:
    clock_s = PUMP_CLOCK_S + round(STARTED_S + t_s)
    read_ns = round((STARTED_S + t_s + 60) * NS)
    return {"t_ns": read_ns, "number": number, "clock_s": clock_s, "code": code, "arguments": arguments}


def alarm(t_s: float, name: str, state: str) -> dict:
    return {"t_ns": round((STARTED_S + t_s) * NS), "name": name, "critical": True, "state": state}


def dose_case(world: World) -> CaseData:
    """A bolus case of the plan above: 25 boluses, one every 15 min."""
    rng = np.random.default_rng(world.seed)
    sample_s = 25 * 900.0
    steps = steps_of(
        [("blank_before", BLANK), ("sample", sample_s), ("blank_after", BLANK), ("safe_state", 1.0)]
    )
    begin = BLANK + 900.0 * np.arange(25)
    errors = np.full(25, world.error_pct) if not world.dose_error_pct else np.array(world.dose_error_pct)
    after_all = np.concatenate([[0.0], np.cumsum(0.05 * (1 + errors / 100))])
    t_s = np.concatenate(
        [np.linspace(0, BLANK, 17), np.ravel(np.column_stack([begin + 0.1, begin + 600.1])),
         np.linspace(BLANK + sample_s, 2 * BLANK + sample_s, 17)]
    )  # fmt: skip
    volume = np.concatenate([np.zeros(17), np.ravel(np.column_stack([after_all[:-1], after_all[1:]])),
                             np.full(17, after_all[-1])])  # fmt: skip
    shown = display_g(t_s, volume, world, rng)
    t_ns = np.round((STARTED_S + t_s) * NS).astype(np.int64)
    doses = tuple(
        Dose(i, 0.05, float(shown[17 + 2 * i]), float(shown[18 + 2 * i]), int(t_ns[17 + 2 * i]),
             int(t_ns[17 + 2 * i]) + 300 * NS, int(t_ns[17 + 2 * i]), int(t_ns[18 + 2 * i]))
        for i in range(25)
    )  # fmt: skip
    data = CaseData(
        "doses", "SIM-1", "bolus", round(STARTED_S * NS), steps[-1].end_ns, world.ended, world.message, steps,
        MassSeries(t_ns, shown, np.ones(len(t_ns), bool)), no_flow(), doses, None,
        pump_states=(state(BLANK, 0.0, False, []), state(BLANK + sample_s, 25 * 50000, False, [])),
    )  # fmt: skip
    return replace(data, **world.changes)


def run_of(
    *cases: CaseData, calibrated_until: str = "2099-12-31", closed: str | None = "COMPLETED"
) -> RunRecord:
    def instrument(role: str, until: str | None) -> dict:
        identity = {"maker": "Infusion Rig", "model": f"a {role}", "serial": f"SIM-{role}", "firmware": "1.0"}
        return {
            "unit": "SIM-1", "role": role, "driver": f"{role}_driver", "address": f"sim://SIM-1/{role}",
            "simulated": True, "identity": identity, "calibrated_until": until, "certificate": "C-1",
        }  # fmt: skip

    return RunRecord(
        Path("run"),
        {
            "run_id": "20260101T000000Z-plan-bench-000000", "started_utc": "2026-01-01T00:00:00+00:00",
            "today": "2026-01-01", "clock": "virtual", "rehearsal": True, "rehearsal_because": ["all is simulated"],
            "operator": "O", "software": {"infusion-rig": "0"}, "plan": {"id": "plan"}, "bench": {"id": "bench"},
        },
        (instrument("pump", None), instrument("balance", calibrated_until), instrument("flow", "2099-12-31")),
        cases,
        None if closed is None else {"t_ns": 200_000 * NS, "outcome": closed, "reason": ""},
    )  # fmt: skip


@pytest.fixture(scope="session")
def made() -> SimpleNamespace:
    """The makers above, for tests that cannot import them."""
    return SimpleNamespace(
        World=World,
        steady=steady_case,
        doses=dose_case,
        run=run_of,
        bench=write_bench,
        bench_text=BENCH,
        plan_text=PLAN,
    )


@pytest.fixture(scope="session")
def judged(bench: BenchFile, plan: Plan) -> Callable[..., dict]:
    """Judge one case of a world: ``judged("steady", error_pct=3)``."""
    from rig.judge.case_result import judge_case

    def judge_one(case: str, calibrated_until: str = "2099-12-31", **world: object) -> dict:
        data = {"steady": steady_case, "doses": dose_case}[case](World(**world))
        run = run_of(data, calibrated_until=calibrated_until)
        return judge_case(data, plan.case(case), bench.units[0], run, bench, plan)

    return judge_one
