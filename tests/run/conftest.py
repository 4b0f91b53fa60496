"""What the tests of whole runs share: benches, and the command ``rig`` in child processes of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DONE_WITHIN_S = 120
LINES = {"pseudo-terminals": (), "tcp": ("--tcp",)} if os.name == "posix" else {}
RIG = [sys.executable, "-c", "import sys; from rig.cli import main; sys.exit(main())"]

UNIT = """
[[unit]]
serial = "{serial}"
profile = "{profile}"
reservoir = "40 mL"
outlet_diameter = "1 mm"
vessel_diameter = "30 mm"
pump = {{ driver = "pump_rpu1", address = "sim://{serial}/pump" }}

[unit.balance]
driver = "balance_mt_sics"
address = "sim://{serial}/balance"
calibrated_until = {calibrated_until}
certificate = "SIM-CAL"
resolution = "0.01 mg"
repeatability = "0.02 mg"
linearity = "0.05 mg"
drift_24h = "0.1 mg"

[unit.flow]
driver = "flow_sensirion_scc1"
address = "sim://{serial}/flow"
calibrated_until = 2099-12-31
certificate = "SIM-CAL"
full_scale = "30 uL/min"
accuracy_of_value = "10 %"
accuracy_of_full_scale = "0.5 %"

[unit.simulated]
compliance_time = "0.2 s"
balance_noise = "0.015 mg"
flow_noise = "20 nL/min"
"""


@dataclass
class Ended:
    """A command that has ended."""

    status: int
    out: str
    told: str
    runs: Path

    @property
    def folder(self) -> Path:
        """The one run folder it made."""
        (folder,) = self.runs.iterdir()
        return folder

    @property
    def results(self) -> dict[str, Any]:
        results: dict[str, Any] = json.loads((self.folder / "results.json").read_text("utf-8"))
        return results

    @property
    def journal(self) -> list[dict[str, Any]]:
        return [json.loads(line) for line in (self.folder / "journal.jsonl").read_bytes().splitlines()]

    def case(self, case: str, unit: str) -> dict[str, Any]:
        found: dict[str, Any] = next(
            entry for entry in self.results["cases"] if (entry["id"], entry["unit"]) == (case, unit)
        )
        return found


@dataclass
class Rig:
    """The command ``rig``, with a folder of its own for runs, locks and everything temporary."""

    home: Path
    started: list[subprocess.Popen[str]] = field(default_factory=list)

    def environment(self, **more: str) -> dict[str, str]:
        (self.home / "tmp").mkdir(parents=True, exist_ok=True)
        return {**os.environ, "TMPDIR": str(self.home / "tmp"), "TEMP": str(self.home / "tmp"), **more}

    def command(self, *arguments: str | Path) -> list[str]:
        return [*RIG, *map(str, arguments)]

    def start(
        self, *arguments: str | Path, new_group: bool = False, **environment: str
    ) -> subprocess.Popen[str]:
        """A child process that runs ``rig`` with these arguments."""
        process = subprocess.Popen(
            self.command(*arguments),
            env=self.environment(**environment),
            cwd=REPOSITORY,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=new_group,
        )
        self.started.append(process)
        return process

    def start_run(self, plan: Path, bench: Path, *more: str, **how: Any) -> subprocess.Popen[str]:
        return self.start("run", plan, "--bench", bench, "--runs", self.home / "runs", *more, **how)

    def ended(self, process: subprocess.Popen[str]) -> Ended:
        out, told = process.communicate(timeout=DONE_WITHIN_S)
        return Ended(process.returncode, out, told, self.home / "runs")

    def run(self, plan: Path, bench: Path, *more: str, **how: Any) -> Ended:
        return self.ended(self.start_run(plan, bench, *more, **how))

    @contextmanager
    def serve(self, bench: Path, *more: str) -> Iterator[dict[str, Any]]:
        """``rig sim`` as a child; what its first line says."""
        process = self.start("sim", bench, *more)
        assert process.stdout is not None
        yield json.loads(process.stdout.readline())
        if process.poll() is None:
            process.communicate(timeout=DONE_WITHIN_S)
            assert process.returncode == 0

    def wait_for(self, seen: Callable[[Path], bool], within_s: float = 60.0) -> Path:
        """The run folder, as soon as ``seen`` is true of it."""
        until = time.monotonic() + within_s
        while time.monotonic() < until:
            for folder in (self.home / "runs").glob("*"):
                if (folder / "journal.jsonl").exists() and seen(folder):
                    return folder
            if self.started[-1].poll() is not None:
                raise AssertionError(self.started[-1].communicate())
            time.sleep(0.01)
        raise AssertionError("it never came so far")

    def clean_up(self) -> None:
        for process in self.started:
            process.kill()
            process.communicate()


@pytest.fixture(scope="session")
def new_rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str], Rig]]:
    """A :class:`Rig` with a home of its own; whatever it started ends with the session."""
    with ExitStack() as stack:

        def make(name: str) -> Rig:
            rig = Rig(tmp_path_factory.mktemp(name))
            stack.callback(rig.clean_up)
            return rig

        yield make


@pytest.fixture(scope="session")
def side_by_side() -> Iterator[Callable[..., Future[Any]]]:
    """Let a function work beside the tests; most of the time it waits for children."""
    with ThreadPoolExecutor(max_workers=16) as pool:
        yield pool.submit


@pytest.fixture(scope="session")
def write_bench() -> Callable[..., Path]:
    """Write a bench with one unit for each text that is added to its table ``[unit.simulated]``."""

    def write(
        folder: Path,
        *simulated: str,
        bench_id: str = "small",
        seed: int = 1,
        calibrated_until: str = "2099-12-31",
    ) -> Path:
        profile = REPOSITORY / "fixtures" / "pumps" / "reference-40ml.toml"
        units = [
            UNIT.format(serial=f"SIM-{number:04}", profile=profile, calibrated_until=calibrated_until) + text
            for number, text in enumerate(simulated, 1)
        ]
        head = f'[bench]\nid = "{bench_id}"\nfluid_temperature = "37 degC"\nseed = {seed}\n'
        path = folder / f"{bench_id}.bench.toml"
        path.write_text(head + "\n".join(units), encoding="utf-8")
        return path

    return write


@pytest.fixture(scope="session")
def short_plan() -> Path:
    return REPOSITORY / "tests" / "data" / "short.plan.toml"


@pytest.fixture(scope="session")
def shipped() -> Callable[[str], Path]:
    """A file of the repository by its path."""
    return lambda name: REPOSITORY / name


@pytest.fixture
def needs_posix() -> None:
    if os.name != "posix":
        pytest.skip("signals to children and pseudo-terminals exist on Linux and macOS only")


@pytest.fixture(scope="session")
def two_units(write_bench, tmp_path_factory):
    """One perfect unit, one that delivers ten percent too much."""
    return write_bench(tmp_path_factory.mktemp("two"), 'rate_error = "0 %"', 'rate_error = "10 %"')


@pytest.fixture(scope="session")
def wall_runs(new_rig, two_units, short_plan, side_by_side):
    """The short plan in wall time, once on each kind of line; begun at the start of the session."""
    return {
        way: side_by_side(served_and_run, new_rig(way), two_units, short_plan, options)
        for way, options in LINES.items()
    }


@pytest.fixture(scope="session", autouse=True)
def begun_early(request):
    """What takes half a minute of wall time and little else goes on beside the other tests."""
    if hasattr(request.config, "workerinput"):  # pytest-xdist: the other process has what else there is
        return
    if any("wall_runs" in getattr(item, "fixturenames", ()) for item in request.session.items):
        request.getfixturevalue("wall_runs")


def served_and_run(rig, bench, plan, options):
    with rig.serve(bench, *options) as told:
        through_visa = rig.home / "visa.bench.toml"
        through_visa.write_text(with_visa_names(Path(told["bench"]).read_text("utf-8")), "utf-8")
        return rig.run(plan, through_visa)


def with_visa_names(bench):
    """Reach SIM-0002 through pyvisa; and no longer declare the instruments simulated: they say so themselves."""
    bench = re.sub(r"\[unit\.simulated\][^\[]*", "", bench.replace("simulated = true\n", ""))
    head, unit = bench.split('serial = "SIM-0002"')
    unit = re.sub(r'"serial://([^"]+)"', r'"visa://ASRL\1::INSTR"', unit)
    unit = re.sub(r'"socket://([^":]+):(\d+)"', r'"visa://TCPIP::\1::\2::SOCKET"', unit)
    return f'{head}serial = "SIM-0002"{unit}'


@dataclass
class Judged:
    """One case on one unit, carried out in virtual time and judged."""

    case: dict[str, Any]

    @property
    def verdicts(self) -> dict[str, str]:
        return {criterion["name"]: criterion["verdict"] for criterion in self.case["criteria"]}

    def reason(self, criterion: str) -> str:
        return next(entry["reason"] for entry in self.case["criteria"] if entry["name"] == criterion)


@pytest.fixture
def judged(tmp_path, monkeypatch) -> Callable[..., Judged]:
    """Carry out one case of a shipped plan on the first unit of a shipped bench, injured by ``fault``."""
    import rig.sim.build
    from rig.bench.open import open_bench
    from rig.clock.virtual import VirtualClock
    from rig.definitions.bench_file import load_bench
    from rig.definitions.plan_file import plan_from_text
    from rig.run.run import Run
    from rig.sim.build import simulate

    def carry_out(
        plan_name: str,
        case_id: str,
        fault: Callable[[Any], object] = lambda channel: None,
        bench: str = "simulated",
        change: Callable[[str], str] = lambda text: text,
    ) -> Judged:
        worlds: list[Any] = []

        def simulate_and_injure(*arguments: Any) -> Any:
            worlds.append(simulate(*arguments))
            fault(next(iter(worlds[-1].units.values())))
            return worlds[-1]

        monkeypatch.setattr(rig.sim.build, "simulate", simulate_and_injure)
        text = (REPOSITORY / f"test_plans/{plan_name}.plan.toml").read_text("utf-8")
        # cheaper; the sensor gives no verdict
        text = change(re.sub(r"^flow_every = .*", 'flow_every = "60 s"', text, flags=re.MULTILINE))
        text = re.sub(r"^requirements = .*\n", "", text, flags=re.MULTILINE)
        plan = plan_from_text(text, f"{plan_name}.plan.toml")
        bench_file = load_bench(REPOSITORY / f"fixtures/{bench}.bench.toml")
        serial = bench_file.units[0].serial
        with open_bench(bench_file, VirtualClock(), [serial]) as opened:
            run = Run(plan, opened, tmp_path / "runs", "somebody")
            result = run.carry_out(plan.case(case_id), [serial])[serial]
            run.folder.journal.close()
        return Judged(json.loads(json.dumps(result)))

    return carry_out
