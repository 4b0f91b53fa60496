"""One session on a bench: holds its lock, opens it once, and makes one run after another."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

from rig.bench.open import Bench, clock_for, open_bench
from rig.definitions.bench_file import BenchFile
from rig.definitions.cases import Case
from rig.definitions.plan_file import Plan
from rig.definitions.quarantine_file import Quarantine
from rig.errors import Aborted, DefinitionError, RigError, Where
from rig.run.guarding import HeldBench
from rig.run.progress import Planned, shown_progress
from rig.run.run import CaseResult, Run
from rig.run.signals import abort_on_signals
from rig.safe_state import to_safe_state


class Session:
    """Opened at the first need; :meth:`finish` closes whatever is open, and can be called twice."""

    def __init__(
        self,
        bench_file: BenchFile,
        runs_dir: Path,
        operator: str,
        serials: Sequence[str],
        planned: Planned | None,
        chosen: Mapping[tuple[Path, str], Sequence[str]] | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        """``chosen``: units by plan file and case, if not every case on all; ``quarantine``: as for Run."""
        self._chosen, self._quarantine = chosen, quarantine
        self.bench_file, self._runs_dir, self._operator = bench_file, runs_dir, operator
        self._serials, self._planned = tuple(serials), planned
        self._held: HeldBench | None = None
        self._safe: dict[str, bool] = {}  # by unit, outside of runs, as Run.safe
        self._bench: Bench | None = None
        self._run: Run | None = None
        self._runs: list[Run] = []  # the open one and all before it
        self.failure: RigError | None = None  # why the bench could not be opened; it is not tried again
        self.closed: list[tuple[Path, dict[str, Any]]] = []  # run folders with their results

    @property
    def bench(self) -> Bench:
        """The open bench. Raises BenchBusy, DefinitionError, LinkLost; then nothing stays open or locked."""
        if self.failure is not None:
            raise self.failure
        if self._bench is None:
            try:
                self._bench = self._open()
            except RigError as error:
                self.failure = error
                raise
        return self._bench

    @property
    def rehearsal(self) -> bool:
        """An instrument of the open bench is simulated: nothing here is evidence."""
        return any(instrument.simulated for instrument in self.bench.instruments)

    @property
    def run_id(self) -> str:
        """Of the latest run."""
        return self._runs[-1].run_id if self._runs else ""

    @property
    def has_error(self) -> bool:
        """A case of a closed run has no verdict, because the rig or its own code failed."""
        return any(
            "ERROR" in (results["outcome"], *(case["outcome"] for case in results["cases"]))
            for _, results in self.closed
        )

    def _open(self) -> Bench:
        clock = clock_for(self.bench_file)
        check_runs_dir(self._runs_dir)
        held = HeldBench(self.bench_file, clock, self._runs_dir, self._serials)
        try:
            bench = open_bench(self.bench_file, clock, self._serials)
        except BaseException:
            held.let_go([])
            raise
        self._held = held
        return bench

    def result(self, plan: Plan, case: Case, serial: str, serials: Sequence[str]) -> CaseResult:
        """The result of a case on one unit, carried out on all ``serials`` at once if it has not been yet.

        Raises Aborted when the run was asked to end; it is closed and reported by then.
        """
        for earlier in self._runs:
            known = earlier.known_result(case, serial) if earlier.plan is plan else None
            if known is not None:
                return known
        title = f"{plan.id} / {case.id} on {', '.join(serials)}"
        with abort_on_signals(self.bench.clock):
            try:
                run = self.run_of(plan)
                self.bench.clock.raise_if_aborted()
                if self._planned is not None:
                    with shown_progress(title, case.duration_s, self._planned, self.bench.clock):
                        return run.carry_out(case, serials)[serial]
                return run.carry_out(case, serials)[serial]
            except Aborted as aborted:
                self.close_run(reason=str(aborted))
                raise

    def run_of(self, plan: Plan) -> Run:
        """The run of a plan, opened if it is not; one of another plan is closed before."""
        if self._run is not None and self._run.plan is not plan:
            self.close_run()
        if self._run is None:
            try:
                self.bench.clock.raise_if_aborted()
                self._run = Run(
                    plan,
                    self.bench,
                    self._runs_dir,
                    self._operator,
                    self._held,
                    self._chosen_of(plan),
                    self._quarantine,
                )
                self._runs.append(self._run)
            except RigError as error:
                self.failure = error
                raise
        return self._run

    def is_unfinished(self, plan: Plan, chosen: Iterable[tuple[str, str]]) -> bool:
        """The open run is of this plan, and has not carried out all of these cases, each on its unit."""
        run = self._run
        return run is not None and run.plan is plan and not run.carried_out.issuperset(chosen)

    def _chosen_of(self, plan: Plan) -> dict[str, Sequence[str]] | None:
        if self._chosen is None:
            return None
        return {
            case_id: serials for (path, case_id), serials in self._chosen.items() if path == plan.source.path
        }

    def close_run(self, reason: str = "") -> None:
        """Judge, report and seal the run that is open, if one is. A signal does not interrupt this."""
        if self._run is not None:
            run, self._run = self._run, None
            with abort_on_signals(run.bench.clock):
                self.closed.append((run.path, run.close(reason)))

    def to_safe_state(self, reason: str) -> list[str]:
        """Every pump to its safe state; what could not be confirmed, as text. A signal does not interrupt this."""
        failures = []
        with abort_on_signals(self.bench.clock):
            for unit in self.bench.units:
                try:
                    to_safe_state(unit, reason)
                    self._safe[unit.serial] = True
                except RigError as error:
                    self._safe[unit.serial] = False
                    failures.append(f"{unit.serial}: safe state not confirmed: {error}")
        return failures

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within it, pumps may deliver outside of any plan: the guard answers the silence of this process."""
        with self._held.watched() if self._held is not None else nullcontext():
            yield

    def finish(self, reason: str = "") -> None:
        """Close run, bench and lock. Pumps that are not safe are left to the guard, before anything else."""
        if self._bench is None or self._held is None:
            return
        bench, held, self._bench, self._held = self._bench, self._held, None, None
        with abort_on_signals(bench.clock):
            confirmed = dict(item for run in self._runs for item in run.safe.items()) | self._safe
            unsafe = [serial for serial, safe in confirmed.items() if not safe]
            try:
                if unsafe:
                    bench.close()
                    unsafe = held.make_safe(unsafe)
                self.close_run(reason)
            finally:
                bench.close()
                held.let_go(unsafe)


def check_runs_dir(path: Path) -> None:
    """Make the folder for run folders if it is not there. Raises DefinitionError when nothing can be written there."""
    where = Where(str(path), key="--runs")
    try:
        path.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=path):
            pass
    except (FileExistsError, NotADirectoryError):
        raise DefinitionError("there is a file in the place of this folder", where) from None
    except OSError as error:
        raise DefinitionError(f"no run folder can be made here: {error.strerror or error}", where) from None
