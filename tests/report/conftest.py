"""Run folders made up for the report: a real journal, plan and bench, and results as the judge writes them.

The numbers are made up, but they belong together: flows, masses, doses and verdicts come from the same injected errors.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from shutil import copyfile
from typing import Any

import numpy as np
import pytest

from rig.analysis.decision import Outcome, decide, worst
from rig.definitions.bench_file import BenchFile, bench_from_folder
from rig.definitions.plan_file import Plan, load_plan
from rig.record.journal import Journal

ROOT = Path(__file__).parents[2]
G_PER_ML = 0.9923
STARTED = "2026-11-21T06:15:00+00:00"
EVAPORATION_G_H = 20e-6
SOFTWARE = {
    "infusion-rig": "0.1.0",
    "python": "3.11.9",
    "numpy": "2.1.0",
    "scipy": "1.14.1",
    "platform": "Linux x86_64",
}


def ns(seconds: float) -> int:
    return round(seconds * 1e9)


@dataclass
class Story:
    """What is made up: relative errors by unit, who stalls and when (run clock), who is refused."""

    bench: str = "simulated"
    errors: dict[str, float] = field(default_factory=dict)
    stalls: dict[str, tuple[float, float]] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    plan_text: str = ""
    operator: str = "A. Tester"
    outcome: str = ""
    cases: bool = True
    aborted_after: str = ""
    broken: dict[tuple[str, str], str] = field(default_factory=dict)
    rehearsal: bool = True


class Folder:
    """Writes one run folder."""

    def __init__(self, path: Path, story: Story) -> None:
        self.path, self.story = path, story
        path.mkdir(parents=True)
        (path / "pumps").mkdir()
        text = story.plan_text or both_plans()
        (path / "plan.toml").write_text(text, "utf-8")
        copyfile(ROOT / f"fixtures/{story.bench}.bench.toml", path / "bench.toml")
        for profile in sorted((ROOT / "fixtures/pumps").glob("*.toml")):
            copyfile(profile, path / "pumps" / profile.name)
        self.plan: Plan = load_plan(path / "plan.toml")
        self.bench: BenchFile = bench_from_folder(path)
        self.t_ns = 0
        self.journal = Journal.create(path / "journal.jsonl", lambda: self.t_ns)
        self.random = np.random.default_rng(7)
        self.results: list[dict[str, Any]] = []
        self.flags: dict[tuple[str, str], list[dict[str, Any]]] = {}

    def write(self) -> Path:
        run_id = "20261121T061500Z-flow-accuracy-simulated-3f2a"
        plan = {
            "id": self.plan.id,
            "revision": self.plan.revision,
            "title": self.plan.title,
            "file": "plan.toml",
        }
        plan["sha256"] = self.plan.source.sha256
        bench = {
            "id": self.bench.id,
            "site": self.bench.site,
            "file": "bench.toml",
            "sha256": self.bench.source.sha256,
        }
        opening = {
            "run_id": run_id,
            "started_utc": STARTED,
            "clock": "virtual",
            "rehearsal": self.story.rehearsal,
            "rehearsal_because": ["all nine instruments are simulated"] if self.story.rehearsal else [],
            "operator": self.story.operator,
            "software": SOFTWARE,
            "plan": plan,
            "bench": bench,
        }
        self.journal.append("run_opened", today="2026-11-21", **opening)
        for unit in self.bench.units:
            for instrument in unit.instruments:
                self.instrument(unit.serial, instrument)
        if self.story.cases:
            for case in self.plan.cases:
                self.run_case(case)
                if case.id == self.story.aborted_after:
                    break
        units = [self.unit(unit) for unit in self.bench.units]
        outcome = self.story.outcome or worst(Outcome(case["outcome"]) for case in self.results).value
        reason = "" if not self.story.aborted_after else "somebody pressed Ctrl-C"
        self.journal.append("run_closed", outcome=outcome, reason=reason)
        self.journal.close()
        whole = {
            "schema": "infusion-rig/results/1",
            **opening,
            "outcome": outcome,
            "finished_s": self.t_ns / 1e9,
            "units": units,
            "cases": self.results,
        }
        (self.path / "results.json").write_text(json.dumps(whole, ensure_ascii=False, indent=1), "utf-8")
        return self.path

    def instrument(self, serial: str, instrument: Any) -> None:
        until = instrument.calibrated_until
        self.journal.append(
            "instrument",
            unit=serial,
            role=instrument.role,
            driver=instrument.driver,
            address=instrument.address,
            simulated=instrument.is_simulated,
            identity=identity(serial, instrument.role),
            calibrated_until=until.isoformat() if until else None,
            certificate=instrument.certificate,
        )

    def unit(self, unit: Any) -> dict[str, Any]:
        outcomes = [Outcome(case["outcome"]) for case in self.results if case["unit"] == unit.serial]
        who = identity(unit.serial, "pump")
        return {
            "serial": unit.serial,
            "model": who["model"],
            "maker": who["maker"],
            "firmware": who["firmware"],
            "outcome": worst(outcomes).value,
            "instruments": [
                {
                    "role": item.role,
                    "driver": item.driver,
                    "address": item.address,
                    **identity(unit.serial, item.role),
                    "simulated": item.is_simulated,
                    "calibrated_until": item.calibrated_until.isoformat() if item.calibrated_until else None,
                    "certificate": item.certificate,
                    "calibration_valid": None if item.role == "pump" else item.calibrated_until.year > 2026,
                }
                for item in unit.instruments
            ],
        }

    def run_case(self, case: Any) -> None:
        began_ns = self.t_ns
        finished = began_ns
        for unit in self.bench.units:
            self.t_ns = began_ns
            if unit.serial in self.story.refused:
                self.refuse(case, unit.serial)
            elif (case.id, unit.serial) in self.story.broken:
                self.break_off(case, unit.serial)
            else:
                Telling(self, case, unit.serial).tell()
            finished = max(finished, self.t_ns)
        self.t_ns = finished

    def refuse(self, case: Any, serial: str) -> None:
        why = "the balance's calibration ended on 2025-06-30"
        self.journal.append("case_started", case=case.id, unit=serial, procedure=case.procedure)
        self.journal.append("case_finished", case=case.id, unit=serial, ended="refused", message=why)
        flag = {"name": "calibration_expired", "message": why, "start_s": None, "end_s": None}
        self.results.append(
            {
                **self.common(case, serial, self.t_ns, "refused", why),
                "outcome": "INCONCLUSIVE",
                "measurements": {},
                "budgets": {},
                "trumpet": [],
                "doses": [],
                "flags": [{**flag, "effect": "every criterion of the unit is INCONCLUSIVE"}],
                "criteria": [unjudged(criterion, "INCONCLUSIVE", why) for criterion in case.criteria],
            }
        )

    def break_off(self, case: Any, serial: str) -> None:
        why = self.story.broken[(case.id, serial)]
        self.journal.append("case_started", case=case.id, unit=serial, procedure=case.procedure)
        began_ns = self.t_ns
        self.journal.append("step", case=case.id, unit=serial, name="identify", planned_s=0.0)
        self.t_ns += ns(30)
        ended = "aborted" if "Ctrl-C" in why else "error"
        self.journal.append("case_finished", case=case.id, unit=serial, ended=ended, message=why)
        outcome = "ABORTED" if ended == "aborted" else "ERROR"
        self.results.append(
            {
                **self.common(case, serial, began_ns, ended, why),
                "outcome": outcome,
                "measurements": {},
                "budgets": {},
                "trumpet": [],
                "doses": [],
                "flags": [],
                "criteria": [unjudged(criterion, outcome, why) for criterion in case.criteria],
            }
        )

    def common(self, case: Any, serial: str, began_ns: int, ended: str, message: str) -> dict[str, Any]:
        settings = {"bolus_ml": case.bolus_ml} if case.procedure == "bolus" else {"rate_ml_h": case.rate_ml_h}
        return {
            "id": case.id,
            "title": case.title,
            "procedure": case.procedure,
            "unit": serial,
            "requirements": list(case.verifies),
            "rationale": case.rationale,
            "started_s": began_ns / 1e9,
            "finished_s": self.t_ns / 1e9,
            "ended": ended,
            "message": message,
            "set": settings,
            "events": [],
        }


def unjudged(criterion: Any, verdict: str, why: str) -> dict[str, Any]:
    return {
        "name": criterion.name,
        "value": None,
        "unit": criterion.limit.unit,
        "expanded_uncertainty": None,
        "coverage_factor": None,
        "limit": criterion.limit.text,
        "limit_low": criterion.limit.low,
        "limit_high": criterion.limit.high,
        "verdict": verdict,
        "margin": None,
        "probability_of_wrong_decision": None,
        "reason": why,
    }


def identity(serial: str, role: str) -> dict[str, str]:
    maker = "infusion-rig simulated"
    return {
        "pump": {"maker": "Infusion Rig", "model": "RPU-Sim", "serial": serial, "firmware": "1.0"},
        "balance": {"maker": maker, "model": "balance 220 g", "serial": f"{serial}-B", "firmware": "1.0"},
        "flow": {"maker": maker, "model": "flow 30 uL/min", "serial": f"{serial}-F", "firmware": "1.0"},
    }[role]


class Telling:
    """One case on one unit that runs to its end: journal and result."""

    def __init__(self, folder: Folder, case: Any, serial: str) -> None:
        self.folder, self.case, self.serial = folder, case, serial
        self.where = {"case": case.id, "unit": serial}
        self.began_ns = folder.t_ns
        self.mass_g = 12.0
        self.error = folder.story.errors.get(serial, 0.0)
        self.stall = folder.story.stalls.get(serial)
        self.alarms = 0

    def append(self, kind: str, **fields: object) -> None:
        self.folder.journal.append(kind, **self.where, **fields)

    def flowing(self, t_s: float) -> bool:
        return self.stall is None or not self.stall[0] <= t_s < self.stall[1]

    def tell(self) -> None:
        folder, case = self.folder, self.case
        self.append("case_started", procedure=case.procedure)
        self.step("identify", 0.0)
        self.step("relax_before", case.relax_s)
        self.rest(case.relax_s)
        self.step("blank_before", case.blank_s)
        self.weigh(case.blank_s, case.blank_s / 16, 0.0)
        doses = self.boluses() if case.procedure == "bolus" else self.flow()
        self.step("relax_after", case.relax_s)
        self.rest(case.relax_s)
        self.step("blank_after", case.blank_s)
        self.weigh(case.blank_s, case.blank_s / 16, 0.0)
        self.append("case_finished", ended="completed", message="")
        folder.results.append(self.result(doses))

    def step(self, name: str, planned_s: float) -> None:
        self.append("step", name=name, planned_s=planned_s)

    def rest(self, duration_s: float) -> None:
        self.folder.t_ns += ns(duration_s)

    def weigh(self, duration_s: float, every_s: float, rate_ml_h: float) -> None:
        folder = self.folder
        start_ns = folder.t_ns
        for index in range(round(duration_s / every_s) + 1):
            if index:
                self.flow_block(every_s, rate_ml_h)
            folder.t_ns = start_ns + ns(index * every_s)
            shown = round(self.mass_g + float(folder.random.normal(0, 15e-6)), 5)
            self.append("mass", mass_g=shown, stable=True, raw=f"S S {shown:.5f} g", received_ns=folder.t_ns)

    def flow_block(self, every_s: float, rate_ml_h: float, each_s: float = 60.0) -> None:
        """Sensor samples and mass of one interval of weighing."""
        folder = self.folder
        count = max(1, int(every_s // each_s))
        t_s = folder.t_ns / 1e9 + np.arange(count) * each_s
        runs = np.array([self.flowing(t) for t in t_s])
        ripple = 1 + 0.2 * np.sin(np.arange(count) * 2.1)
        flow_nl_min = rate_ml_h * (1 + self.error) * runs * 1e6 / 60 * ripple + folder.random.normal(
            5, 20, count
        )
        counts = np.clip(np.round(flow_nl_min), -32000, 32000).astype(int).tolist()
        warm = 37 + 0.1 * np.sin(t_s / 86400 * 2 * math.pi)
        self.append(
            "flow",
            first_t_ns=folder.t_ns,
            interval_ns=ns(each_s),
            flow=counts,
            temperature=np.round(warm * 200).astype(int).tolist(),
            flags=0,
            scale=1.0,
            temperature_scale=200.0,
            unit_of_flow="nl/min",
            lost=0,
        )
        share = float(runs.mean())
        self.mass_g += (rate_ml_h * (1 + self.error) * share * G_PER_ML - EVAPORATION_G_H) * every_s / 3600
        self.watch_stall(every_s)

    def watch_stall(self, every_s: float) -> None:
        if self.stall is None:
            return
        first, last = self.folder.t_ns / 1e9, self.folder.t_ns / 1e9 + every_s
        for t_s, state in zip(self.stall, ("on", "off"), strict=True):
            if first <= t_s < last:
                kept = self.folder.t_ns
                self.folder.t_ns = ns(t_s + 40)
                self.alarms += state == "on"
                self.append("alarm", name="MOTOR_STALL", critical=True, state=state)
                self.state(running=state == "off", alarms=["MOTOR_STALL"] if state == "on" else [])
                code = "STALL_ON" if state == "on" else "STALL_RECOVER"
                self.append(
                    "pump_event", number=12, clock_s=int(t_s), code=code, arguments={"DELIV": "123456"}
                )
                self.folder.t_ns = kept

    def state(self, running: bool, alarms: list[str]) -> None:
        self.append(
            "pump_state",
            mode="SC",
            running=running,
            rate_nl_h=20833 if running else 0,
            delivered_nl=0,
            reservoir_nl=30_000_000,
            battery_mv=2950,
            alarms=alarms,
            clock_s=self.folder.t_ns // 10**9,
        )

    def flow(self) -> list[dict[str, Any]]:
        case, folder = self.case, self.folder
        self.step("program", 0.0)
        told = {
            "mode": "continuous",
            "rate_nl_h": round(case.rate_ml_h * 1e6),
            "bolus_nl": 0,
            "bolus_duration_s": 0,
        }
        self.append("read_back", commanded=told, read=told)
        self.append(
            "pump_event",
            number=5,
            clock_s=folder.t_ns // 10**9,
            code="PROG",
            arguments={"MODE": "SC", "RATE": "20833"},
        )
        self.step("settle", case.settle_s)
        if case.settle_s:
            self.weigh(case.settle_s, case.sample_every_s, case.rate_ml_h)
        self.step("sample", case.sample_for_s)
        self.weigh(case.sample_for_s, case.sample_every_s, case.rate_ml_h)
        self.step("stop", 0.0)
        return []

    def boluses(self) -> list[dict[str, Any]]:
        case, folder = self.case, self.folder
        self.step("sample", case.count * case.interval_s)
        doses = []
        first_ns = folder.t_ns
        for index in range(case.count):
            folder.t_ns = first_ns + ns(index * case.interval_s)
            before, start_ns = self.mass_g, folder.t_ns
            volume = case.bolus_ml * (1 + self.error + float(folder.random.normal(0, 0.01)))
            self.mass_g += volume * G_PER_ML
            folder.t_ns += ns(case.bolus_duration_s)
            end_ns = folder.t_ns
            folder.t_ns += ns(case.settle_s)
            self.append(
                "dose",
                index=index,
                commanded_ml=case.bolus_ml,
                before_g=before,
                after_g=self.mass_g,
                started_t_ns=start_ns,
                ended_t_ns=end_ns,
                weighed_before_t_ns=start_ns,
                weighed_after_t_ns=folder.t_ns,
            )
            deviation = 100 * (volume / case.bolus_ml - 1)
            doses.append({"index": index, "volume_ml": volume, "deviation_pct": deviation})
        folder.t_ns = first_ns + ns(case.count * case.interval_s)
        return doses

    def result(self, doses: list[dict[str, Any]]) -> dict[str, Any]:
        folder, case = self.folder, self.case
        rate = getattr(case, "rate_ml_h", None)
        stalled = 0.0
        began_s, ended_s = self.began_ns / 1e9, folder.t_ns / 1e9
        flags = []
        if self.stall and began_s <= self.stall[0] < ended_s:
            stalled = (min(self.stall[1], ended_s) - self.stall[0]) / (case.sample_for_s if rate else 3600)
            message = "the sensor sees no flow while the pump is programmed to deliver"
            flags.append(
                {
                    "name": "no_flow",
                    "message": message,
                    "start_s": self.stall[0],
                    "end_s": self.stall[1],
                    "effect": "none: the data were used",
                }
            )
        mean = 100 * ((1 + self.error) * (1 - stalled) - 1) + float(folder.random.normal(0, 0.05))
        u = {0.002: 2.13, 1.0: 0.212}.get(rate or 0.02, 0.431)
        trumpet = [
            {
                "window_s": window,
                "count": round((case.sample_for_s - window) / case.sample_every_s) + 1,
                "error_max_pct": mean + 4 * u * math.sqrt(900 / window),
                "error_min_pct": mean - (4 * u + 80 * stalled) * math.sqrt(900 / window),
                "expanded_uncertainty_pct": u * math.sqrt(case.sample_for_s / window),
            }
            for window in (case.windows_s if rate else ())
        ]
        criteria = [self.judged(criterion, mean, u, trumpet, doses) for criterion in case.criteria]
        flow = {
            "value": (rate or 0) * (1 + mean / 100),
            "unit": "mL/h",
            "expanded_uncertainty": (rate or 0) * u / 100,
        }
        measurements: dict[str, Any] = {"mean_error": {"value": mean, "unit": "%", "expanded_uncertainty": u}}
        if rate:
            measurements["mean_flow"] = flow
        measurements["evaporation"] = {"value": 2.03e-5, "unit": "g/h", "expanded_uncertainty": 4.1e-6}
        return {
            **folder.common(case, self.serial, self.began_ns, "completed", ""),
            "outcome": worst(Outcome(criterion["verdict"]) for criterion in criteria).value,
            "measurements": {name: {"coverage_factor": 2.0, **item} for name, item in measurements.items()},
            "budgets": {"mean_error": budget(u)},
            "trumpet": trumpet,
            "doses": doses,
            "flags": flags,
            "criteria": criteria,
        }

    def judged(
        self,
        criterion: Any,
        mean: float,
        u: float,
        trumpet: list[dict[str, Any]],
        doses: list[dict[str, Any]],
    ) -> dict[str, Any]:
        value, name = mean, criterion.name
        if name.startswith("trumpet_"):
            point = next(point for point in trumpet if point["window_s"] == criterion.window_s)
            value = max(point["error_max_pct"], point["error_min_pct"], key=abs)
            u = point["expanded_uncertainty_pct"]
        elif name == "claimed_delivery":
            value, u = 0.012, 0.05
        elif name == "alarms":
            value, u = float(self.alarms), 0.0
        elif name == "single_dose":
            value, u = max((dose["deviation_pct"] for dose in doses), key=abs), 0.9
        elif name == "share_inside":
            value, u = 100.0 * sum(abs(dose["deviation_pct"]) < 10 for dose in doses) / len(doses), 0.0
        limit = criterion.limit
        decision = decide(value, u, limit.low, limit.high)
        return {
            **unjudged(criterion, decision.verdict.value, decision.reason),
            "value": value,
            "expanded_uncertainty": u or None,
            "coverage_factor": 2.0 if u else None,
            "margin": decision.margin,
            "probability_of_wrong_decision": decision.probability_of_wrong_decision,
        }


def budget(u: float) -> dict[str, Any]:
    sources = [
        (
            "mass_at_the_ends",
            "balance: repeatability, rounding and linearity, data sheet",
            0.0214,
            "g",
            3.1e-5,
            47.2,
            "normal",
        ),
        ("zero_drift", "balance: random walk of the zero point", 0.0, "g", 1.04e-4, 47.2, "normal"),
        ("evaporation", "two blanks of 4 h, interpolated", 2.03e-5, "g/h", 2.1e-6, 1180.0, "t"),
        ("water_density", "temperature of the fluid", 993.33, "kg/m³", 0.11, 0.1007, "normal"),
        (
            "air_density",
            "pressure, temperature and humidity stated for the bench",
            1.191,
            "kg/m³",
            0.0071,
            0.088,
            "normal",
        ),
        ("immersed_outlet", "diameters of outlet and vessel", 0.00111, "", 5e-5, 100.0, "rectangular"),
        ("time", "clock of the host", 93600.0, "s", 0.01, 0.00107, "rectangular"),
    ]
    return {
        "components": [
            {
                "name": name,
                "source": source,
                "value": value,
                "unit": unit,
                "standard_uncertainty": own,
                "sensitivity": sensitivity,
                "contribution": own * sensitivity,
                "degrees_of_freedom": 14.0 if name == "evaporation" else None,
                "distribution": shape,
            }
            for name, source, value, unit, own, sensitivity, shape in sources
        ],
        "combined_standard_uncertainty": u / 2,
        "effective_degrees_of_freedom": 61.0,
        "coverage_factor": 2.0,
        "expanded_uncertainty": u,
        "unit": "%",
    }


def both_plans() -> str:
    """Three rates and the boluses in one plan."""
    flow = (ROOT / "test_plans/flow_accuracy.plan.toml").read_text("utf-8")
    bolus = (ROOT / "test_plans/bolus.plan.toml").read_text("utf-8")
    return flow + bolus[bolus.index("[[case]]") :]


def sound() -> Story:
    return Story(errors={"SIM-0002": 0.03, "SIM-0003": -0.01})


def faulty() -> Story:
    stall = {"SIM-1002": (58 * 3600.0, 63 * 3600.0)}
    return Story(bench="faulty", errors={"SIM-1001": 0.16}, stalls=stall, refused=("SIM-1003",))


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """A run folder told from a story: ``make_run("sound")``, ``make_run("faulty")`` or with changes by keyword."""

    def make(kind: str = "sound", **changes: Any) -> Path:
        story = faulty() if kind == "faulty" else sound()
        for name, value in changes.items():
            setattr(story, name, value)
        return Folder(tmp_path / f"run-{len(list(tmp_path.iterdir()))}", story).write()

    return make


SHORT_PLAN = """
[plan]
id = "short"
revision = "A"
title = "One short case"

[[case]]
id = "only"
procedure = "flow_accuracy"
title = "Half a millilitre a day"
verifies = ["SRS-017"]
rationale = "The shortest that shows everything."
rate = "0.5 mL/day"
settle = "1 h"
blank = "1 h"
sample = { every = "15 min", for = "5 h" }
accept = { mean_error = "within 14.5 %", alarms = "none", trumpet = { "60 min" = "within 20 %" } }
"""


@pytest.fixture
def short_plan() -> str:
    """A plan with one case: quick to draw."""
    return SHORT_PLAN


@pytest.fixture
def edit_results() -> Callable[[Path, Callable[[dict[str, Any]], None]], None]:
    """Change results.json of a run folder in place."""

    def edit(folder: Path, change: Callable[[dict[str, Any]], None]) -> None:
        path = folder / "results.json"
        results = json.loads(path.read_text("utf-8"))
        change(results)
        path.write_text(json.dumps(results, ensure_ascii=False), "utf-8")

    return edit
