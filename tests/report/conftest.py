"""Run folders made up for the report: a real journal, plan and bench of made-up pumps, judged as any run is."""

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

from rig.definitions.bench_file import BenchFile, bench_from_folder
from rig.definitions.plan_file import Plan, plan_from_folder
from rig.judge.results import judge
from rig.record.journal import Journal
from rig.record.load_run import load_run
from rig.report.build import build_report

ROOT = Path(__file__).parents[2]
G_PER_ML = 0.9933  # about what a balance in air shows of 1 mL of water at 37 °C, outlet immersed
EVAPORATION_G_H = 20e-6
STARTED = "2026-11-21T06:15:00+00:00"
RUN_ID = "20261121T061500Z-flow-accuracy-simulated-3f2a"
SOFTWARE = {"infusion-rig": "0.1.0", "python": "3.11.9", "numpy": "2.1.0", "platform": "Linux x86_64"}


def ns(seconds: float) -> int:
    return round(seconds * 1e9)


@dataclass
class Story:
    """What is made up: relative errors by unit, who stalls from when to when (run clock), who is refused."""

    bench: str = "simulated"
    errors: dict[str, float] = field(default_factory=dict)
    stalls: dict[str, tuple[float, float]] = field(default_factory=dict)
    refused: tuple[str, ...] = ()
    broken: dict[tuple[str, str], str] = field(default_factory=dict)  # (case, unit) -> why it ended early
    plan_text: str = ""
    operator: str = "A. Tester"
    rehearsal: bool = True
    cases: bool = True  # False: the run ended before any case began
    closed: bool = True
    note: str = ""


class Folder:
    """Writes one run folder."""

    def __init__(self, path: Path, story: Story) -> None:
        self.path, self.story = path, story
        (path / "pumps").mkdir(parents=True)
        (path / "plan.toml").write_text(story.plan_text or both_plans(), "utf-8")
        (path / "requirements").mkdir()
        copyfile(ROOT / "test_plans/requirements.csv", path / "requirements/requirements.csv")
        copyfile(ROOT / f"fixtures/{story.bench}.bench.toml", path / "bench.toml")
        for profile in sorted((ROOT / "fixtures/pumps").glob("*.toml")):
            copyfile(profile, path / "pumps" / profile.name)
        self.plan: Plan = plan_from_folder(path)
        self.bench: BenchFile = bench_from_folder(path)
        self.t_ns = 0
        self.journal = Journal.create(path / "journal.jsonl", lambda: self.t_ns)
        self.random = np.random.default_rng(7)

    def write(self) -> Path:
        self.journal.append(
            "run_opened",
            run_id=RUN_ID,
            started_utc=STARTED,
            clock="virtual",
            rehearsal=self.story.rehearsal,
            rehearsal_because=["all nine instruments are simulated"] if self.story.rehearsal else [],
            operator=self.story.operator,
            software=SOFTWARE,
            plan={"id": self.plan.id, "revision": self.plan.revision, "title": self.plan.title},
            bench={"id": self.bench.id, "site": self.bench.site},
            today="2026-11-21",
        )
        for unit in self.bench.units:
            for instrument in unit.instruments:
                self.instrument(unit.serial, instrument)
        for case in self.plan.cases if self.story.cases else ():
            self.run_case(case)
        if self.story.closed:
            aborted = any("Ctrl-C" in why for why in self.story.broken.values())
            outcome, reason = ("ABORTED", "somebody pressed Ctrl-C") if aborted else ("PASS", "")
            self.journal.append("run_closed", outcome=outcome, reason=reason)
        self.journal.close()
        results = judge(load_run(self.path), self.plan, self.bench)
        (self.path / "results.json").write_text(json.dumps(results, ensure_ascii=False, indent=1), "utf-8")
        return self.path

    def instrument(self, serial: str, instrument: Any) -> None:
        until = instrument.calibrated_until
        model = {"pump": "RPU-Sim", "balance": "balance 220 g", "flow": "flow 30 uL/min"}[instrument.role]
        own = {"pump": serial, "balance": f"{serial}-B", "flow": f"{serial}-F"}[instrument.role]
        self.journal.append(
            "instrument",
            unit=serial,
            role=instrument.role,
            driver=instrument.driver,
            address=instrument.address,
            simulated=instrument.is_simulated,
            identity={"maker": "infusion-rig simulated", "model": model, "serial": own, "firmware": "1.0"},
            calibrated_until=until.isoformat() if until else None,
            certificate=instrument.certificate,
        )

    def run_case(self, case: Any) -> None:
        began_ns = finished_ns = self.t_ns
        for unit in self.bench.units:
            self.t_ns = began_ns
            telling = Telling(self, case, unit.serial)
            telling.append("case_started", procedure=case.procedure)
            why = self.story.broken.get((case.id, unit.serial))
            if unit.serial in self.story.refused:
                telling.end("refused", "the calibration of the balance expired on 2025-06-30")
            elif why is not None:
                telling.step("identify", 0.0)
                self.t_ns += ns(30)
                telling.end("aborted" if "Ctrl-C" in why else "error", why)
            else:
                telling.tell()
            finished_ns = max(finished_ns, self.t_ns)
        self.t_ns = finished_ns


class Telling:
    """One case on one unit, journalled."""

    def __init__(self, folder: Folder, case: Any, serial: str) -> None:
        self.folder, self.case, self.serial = folder, case, serial
        self.mass_g, self.claimed_nl = 12.0, 0.0
        self.error = folder.story.errors.get(serial, 0.0)
        self.stall = folder.story.stalls.get(serial)

    def append(self, kind: str, **fields: object) -> None:
        self.folder.journal.append(kind, case=self.case.id, unit=self.serial, **fields)

    def end(self, ended: str, message: str) -> None:
        self.append("case_finished", ended=ended, message=message)

    def tell(self) -> None:
        case = self.case
        self.step("identify", 0.0)
        if self.folder.story.note:
            self.append("note", text=self.folder.story.note)
        self.step("relax_before", case.relax_s)
        self.folder.t_ns += ns(case.relax_s)
        self.step("blank_before", case.blank_s)
        self.weigh(case.blank_s, case.blank_s / 16, 0.0)
        if case.procedure == "bolus":
            self.boluses()
        else:
            self.flow()
        self.step("relax_after", case.relax_s)
        self.folder.t_ns += ns(case.relax_s)
        self.step("blank_after", case.blank_s)
        self.weigh(case.blank_s, case.blank_s / 16, 0.0)
        self.end("completed", "")

    def step(self, name: str, planned_s: float) -> None:
        self.append("step", name=name, planned_s=planned_s)

    def weigh(self, duration_s: float, every_s: float, rate_ml_h: float) -> None:
        folder, start_ns = self.folder, self.folder.t_ns
        for index in range(round(duration_s / every_s) + 1):
            if index:
                self.interval(every_s, rate_ml_h)
            folder.t_ns = start_ns + ns(index * every_s)
            shown = round(self.mass_g + float(folder.random.normal(0, 15e-6)), 5)
            self.append("mass", mass_g=shown, stable=True, raw=f"S S {shown:.5f} g", received_ns=folder.t_ns)
            self.state(rate_ml_h, stalled=self.stalls_at(folder.t_ns / 1e9))

    def stalls_at(self, t_s: float) -> bool:
        return self.stall is not None and self.stall[0] <= t_s < self.stall[1]

    def interval(self, every_s: float, rate_ml_h: float, each_s: float = 60.0) -> None:
        """What flows between two weighings: mass, sensor samples, and the stall if it begins or ends here."""
        folder = self.folder
        count = max(1, int(every_s // each_s))
        t_s = folder.t_ns / 1e9 + np.arange(count) * each_s
        runs = np.array([not self.stalls_at(t) for t in t_s])
        flow_ml_h = rate_ml_h * (1 + self.error) * runs
        noise = folder.random.normal(5, 20, count)
        flow_nl_min = flow_ml_h * 1e6 / 60 * (1 + 0.2 * np.sin(np.arange(count) * 2.1)) + noise
        self.append(
            "flow",
            first_t_ns=folder.t_ns,
            interval_ns=ns(each_s),
            flow=np.round(flow_nl_min).astype(int).tolist(),
            temperature=np.round(200 * (37 + 0.1 * np.sin(t_s / 86400 * 2 * math.pi))).astype(int).tolist(),
            flags=0,
            scale=1.0,
            temperature_scale=200.0,
            unit_of_flow="nl/min",
            lost=0,
        )
        self.mass_g += (float(flow_ml_h.mean()) * G_PER_ML - EVAPORATION_G_H) * every_s / 3600
        self.claimed_nl += rate_ml_h * float(runs.mean()) * every_s / 3600 * 1e6
        start_ns = folder.t_ns
        for moment_s, code in zip(self.stall or (), ("ON", "OFF"), strict=False):
            if start_ns / 1e9 <= moment_s < start_ns / 1e9 + every_s:
                folder.t_ns = ns(moment_s + 40)  # the pump is asked once a minute
                self.append("alarm", name="MOTOR_STALL", critical=True, state=code.lower())
                self.state(rate_ml_h, stalled=code == "ON")
                self.event(int(moment_s), f"ALARM_{code}", ID="MOTOR_STALL")
        folder.t_ns = start_ns

    def event(self, clock_s: int, code: str, **arguments: str) -> None:
        self.append("pump_event", number=12, clock_s=clock_s, code=code, arguments=arguments)

    def state(self, rate_ml_h: float, stalled: bool) -> None:
        self.append(
            "pump_state",
            mode="SC" if rate_ml_h else "STOP",
            running=bool(rate_ml_h) and not stalled,
            rate_nl_h=0 if stalled else round(rate_ml_h * 1e6),
            delivered_nl=round(self.claimed_nl),
            reservoir_nl=30_000_000,
            battery_mv=2950,
            alarms=["MOTOR_STALL"] if stalled else [],
            clock_s=self.folder.t_ns // 10**9,
        )

    def flow(self) -> None:
        case = self.case
        self.step("program", 0.0)
        rate_nl_h = round(case.rate_ml_h * 1e6)
        told = {"mode": "continuous", "rate_nl_h": rate_nl_h, "bolus_nl": 0, "bolus_duration_s": 0}
        self.append("read_back", commanded=told, read=told)
        self.event(self.folder.t_ns // 10**9, "PROG", MODE="SC", RATE=str(rate_nl_h))
        self.step("settle", case.settle_s)
        self.weigh(case.settle_s, case.sample_every_s, case.rate_ml_h)
        self.step("sample", case.sample_for_s)
        self.weigh(case.sample_for_s, case.sample_every_s, case.rate_ml_h)
        self.step("stop", 0.0)

    def boluses(self) -> None:
        case, folder = self.case, self.folder
        self.step("sample", case.count * case.interval_s)
        first_ns = folder.t_ns
        for index in range(case.count):
            folder.t_ns = first_ns + ns(index * case.interval_s)
            before_g, start_ns = self.mass_g, folder.t_ns
            volume_ml = case.bolus_ml * (1 + self.error + float(folder.random.normal(0, 0.01)))
            self.mass_g += volume_ml * G_PER_ML
            self.claimed_nl += case.bolus_ml * 1e6
            folder.t_ns += ns(case.bolus_duration_s + case.settle_s)
            self.append(
                "dose",
                index=index,
                commanded_ml=case.bolus_ml,
                before_g=before_g,
                after_g=self.mass_g,
                started_t_ns=start_ns,
                ended_t_ns=start_ns + ns(case.bolus_duration_s),
                weighed_before_t_ns=start_ns,
                weighed_after_t_ns=folder.t_ns,
            )
            self.state(0.0, stalled=False)
        folder.t_ns = first_ns + ns(case.count * case.interval_s)


def both_plans() -> str:
    """Three rates and the boluses in one plan."""
    flow = (ROOT / "test_plans/flow_accuracy.plan.toml").read_text("utf-8")
    bolus = (ROOT / "test_plans/bolus.plan.toml").read_text("utf-8")
    return flow + bolus[bolus.index("[[case]]") :]


def sound() -> Story:
    """Three pumps that pass: 0 %, +3 %, -1 %."""
    return Story(errors={"SIM-0002": 0.03, "SIM-0003": -0.01})


def faulty() -> Story:
    """One delivers too much, one stalls for 5 h, one is weighed on a balance out of calibration."""
    stall = {"SIM-1002": (58 * 3600.0, 63 * 3600.0)}
    return Story(bench="faulty", errors={"SIM-1001": 0.16}, stalls=stall, refused=("SIM-1003",))


@pytest.fixture
def make_run(tmp_path: Path) -> Callable[..., Path]:
    """A run folder told from a story: ``make_run("sound")``, ``make_run("faulty")``, with changes by keyword."""

    def make(kind: str = "sound", **changes: Any) -> Path:
        story = faulty() if kind == "faulty" else sound()
        for name, value in changes.items():
            setattr(story, name, value)
        return Folder(tmp_path / f"run-{len(list(tmp_path.iterdir()))}", story).write()

    return make


@pytest.fixture(scope="session")
def faulty_run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The faulty bench, all cases, with its report built; not to be changed."""
    folder = Folder(tmp_path_factory.mktemp("faulty") / "run", faulty()).write()
    build_report(folder)
    return folder


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
clauses = ["IEC 60601-2-24:2012, 201.12.1.102"]
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
