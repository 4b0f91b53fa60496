"""One run: one plan on one bench, from the opening of its folder to the seal."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import nullcontext, suppress
from dataclasses import asdict
from datetime import UTC, date, datetime
from functools import partial
from pathlib import Path
from typing import Any

from rig.bench.open import Bench
from rig.capabilities import UnitUnderTest
from rig.clock import Clock
from rig.definitions.bench_file import UnitFile
from rig.definitions.cases import Case
from rig.definitions.plan_file import Plan
from rig.definitions.quarantine_file import Quarantine
from rig.definitions.report_file import load_report_file
from rig.errors import Aborted, IntegrityError, RigError
from rig.judge.case_result import judge_case
from rig.judge.results import judge
from rig.procedures import PROCEDURES
from rig.record.bench_history import BenchHistory
from rig.record.case_data import RunRecord
from rig.record.case_recorder import CaseRecorder
from rig.record.keys import bench_key, key_id, spelled
from rig.record.load_run import RunReading
from rig.record.report_settings import SETTINGS, keep_report_settings
from rig.record.run_folder import RunFolder, new_run_id
from rig.run.asking import RecordedAsking, is_asked
from rig.run.gap import time_zero
from rig.run.guarding import HeldBench
from rig.run.one_case import OneCase, refusal_of
from rig.run.opening import (
    bench_entry,
    instrument_entry,
    keep_definitions,
    plan_entry,
    software,
    why_rehearsal,
)
from rig.run.standard_error import StandardError
from rig.safe_state import out_of_safe_state
from rig.transport import WireSink

CaseResult = dict[str, Any]


class Run:
    """Opens the record at once; :meth:`carry_out` works off cases; :meth:`close` judges, reports and seals."""

    def __init__(
        self,
        plan: Plan,
        bench: Bench,
        runs_dir: Path,
        operator: str,
        held: HeldBench | None = None,
        chosen: Mapping[str, Sequence[str]] | None = None,
        quarantine: Quarantine | None = None,
    ) -> None:
        """``held``: who watches over the pumps, where they are not part of this process.

        ``chosen``: the units on which each case is to be carried out, by its id, if not all on all.
        ``quarantine``: which failures are known; it is kept with the record, and changes no verdict.
        """
        self.plan, self.bench = plan, bench
        self._chosen = None if chosen is None else {case: list(serials) for case, serials in chosen.items()}
        # By unit: whether its safe state was confirmed when it was last asked for.
        self.safe: dict[str, bool] = {}
        self._held, self._quarantine = held, quarantine
        self.results: dict[str, Any] | None = None
        settings = load_report_file(Path(SETTINGS))
        self._clock: Clock = bench.clock
        self._started_ns = self._clock.now_ns()
        self._opened_at = datetime.now(UTC)
        self._today: date = self._opened_at.date()
        self.run_id = new_run_id(self._opened_at, plan.id, bench.file.id)
        self._key, self._history = bench_key(bench.file.id), BenchHistory(bench.file.id)
        self.folder = RunFolder.create(
            runs_dir,
            self.run_id,
            plan_text=plan.source.text,
            bench_text=bench.file.source.text,
            profiles=bench.file.profiles,
            now_ns=lambda: self._clock.now_ns() - self._started_ns,
            full=self._clock.abort,
            utc_ns=time_of_day(self._clock),
        )
        self._reading: RunReading | None = None
        self._case_results: dict[str, dict[str, CaseResult]] = {}
        self._begun: set[tuple[str, str]] = set()  # cases and units
        self._is_opened = False
        try:
            keep_report_settings(self.folder.path, settings)
            if held is not None:
                held.tell_run_folder(self.folder.path)
            self._open_record(operator)
        except BaseException as error:
            self._detach()
            if isinstance(error, Aborted) and self._is_opened:
                with suppress(RigError):  # then it is left as damaged, which says so itself
                    self.close(str(error))
                raise
            self.folder.give_up("ABORTED" if isinstance(error, Aborted) else "ERROR", str(error))
            raise

    @property
    def path(self) -> Path:
        """The run folder."""
        return self.folder.path

    def _meet_instruments(self) -> None:
        """Every byte into the wire logs from now on; each instrument says who it is."""
        for instrument in self.bench.instruments:
            sink: WireSink = self.folder.wire_sink(instrument.unit, instrument.file.role)
            if is_asked(instrument.file.driver):
                sink = RecordedAsking(sink, self.folder.journal, instrument.unit, instrument.file.role)
            instrument.tap.sink = lambda t_ns, way, data, sink=sink: sink(t_ns - self._started_ns, way, data)
        for unit in self.bench.units:
            if unit.safe_state == "power off":
                out_of_safe_state(unit, self._clock)
        for instrument in self.bench.instruments:
            instrument.identify()

    def _open_record(self, operator: str) -> None:
        self._meet_instruments()
        because = why_rehearsal(self.bench.instruments)
        previous = self._history.open_run(self.run_id, bool(because), self.path)
        journal = self.folder.journal
        journal.append(
            "run_opened",
            durable=True,
            run_id=self.run_id,
            started_utc=self._opened_at.isoformat(timespec="seconds"),
            today=self._today.isoformat(),
            clock=self._clock.kind,
            rehearsal=bool(because),
            rehearsal_because=because,
            zero=time_zero(self._clock, self._started_ns),
            chosen=self._chosen,
            operator=operator,
            software=software(),
            bench_key={"id": key_id(self._key.public_key()), "public": spelled(self._key.public_key())},
            previous_run=previous.as_previous() if previous else None,
            plan=plan_entry(self.plan),
            bench=bench_entry(self.bench.file),
        )
        if self._held is not None and self._held.recovered:
            journal.append("recovered", durable=True, words=self._held.recovered)
        for interlock in self.bench.interlocks.values():
            interlock.begin_run()
        keep_definitions(self.path, journal, self.plan, self._quarantine)
        self._is_opened = True
        for instrument in self.bench.instruments:
            journal.append("instrument", **instrument_entry(instrument))
        for unit in self.bench.units:
            journal.append("limits", unit=unit.serial, **asdict(unit.pump.limits()))

    def known_result(self, case: Case, serial: str) -> CaseResult | None:
        """The result of a case on a unit, if it was carried out in this run."""
        return self._case_results.get(case.id, {}).get(serial)

    @property
    def carried_out(self) -> set[tuple[str, str]]:
        """Cases that have a result, each with the unit it is of."""
        return {(case, serial) for case, results in self._case_results.items() for serial in results}

    def carry_out(self, case: Case, serials: Sequence[str]) -> dict[str, CaseResult]:
        """Carry out one case on the named units at once; verdicts from the record, and into it.

        Never raises for a failure of one unit: it is in that unit's result. Raises Aborted afterwards, when every
        pump is in its safe state, if an abort was asked for, and RigError for a case begun before: nothing that
        doses is ever repeated by itself.
        """
        self._note_begun(case, serials)
        units = [self.bench.unit(serial) for serial in serials]
        with self._held.watched() if self._held is not None else nullcontext():
            ends = self._clock.run_all([partial(self._carry_out_on, case, unit) for unit in units])
        results = self._judged(case, units)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return results

    def _note_begun(self, case: Case, serials: Sequence[str]) -> None:
        again = self._begun.intersection((case.id, serial) for serial in serials)
        if again:
            raise RigError(f"case '{case.id}' was begun before and has no result; it is not repeated")
        self._begun.update((case.id, serial) for serial in serials)

    def begin(self, case: Case, serial: str) -> OneCase:
        """A case that is carried out by whoever calls this, until :meth:`end`. Raises RigError if it was begun before.

        The pump may be commanded after :meth:`OneCase.begin`.
        """
        self._note_begun(case, [serial])
        one = self._one_case(case, self.bench.unit(serial))
        one.start()
        return one

    def refusal(self, serial: str) -> str | None:
        """Why nothing may be delivered on this unit."""
        return refusal_of(self._unit_file(serial), self._today)

    def end(
        self, one: OneCase, problem: BaseException | None, ended: str = "completed", message: str = ""
    ) -> tuple[CaseResult, BaseException | None]:
        """The end of what :meth:`begin` began: its result, judged from the record, and what is to be raised on."""
        passed_on = one.end(problem, ended, message)
        self.safe[one.unit.serial] = bool(one.is_safe)
        return self._judged(one.case, [one.unit])[one.unit.serial], passed_on

    def _judged(self, case: Case, units: Sequence[UnitUnderTest]) -> dict[str, CaseResult]:
        """The verdicts of a case on these units, from the record and into it."""
        self.folder.journal.sync()
        record = self._sound_record()
        results: dict[str, CaseResult] = {}
        for unit in units:
            data = record.case(case.id, unit.serial)
            if data is None:
                continue
            result = judge_case(data, case, self._unit_file(unit.serial), record, self.bench.file, self.plan)
            results[unit.serial] = result
            for criterion in result["criteria"]:
                told = {key: value for key, value in criterion.items() if key not in ("name", "unit")}
                self.folder.journal.append(
                    "verdict",
                    case=case.id,
                    unit=unit.serial,
                    criterion=criterion["name"],
                    unit_of_value=criterion["unit"],
                    **told,
                )
        self.folder.journal.sync()
        self._case_results.setdefault(case.id, {}).update(results)
        return results

    def _carry_out_on(self, case: Case, unit: UnitUnderTest, again: str = "") -> None:
        """One case on one unit, in a task of its own, from its start; ``again``: why a second time."""
        one = self._one_case(case, unit)
        one.start(again)
        self._to_its_end(one, lambda: PROCEDURES[case.procedure](unit, case, one.recorder, self._clock))

    def _one_case(self, case: Case, unit: UnitUnderTest, recorder: CaseRecorder | None = None) -> OneCase:
        recorder = recorder or CaseRecorder(self.folder.journal, case.id, unit.serial, self._started_ns)
        return OneCase(case, unit, recorder, self._clock, self.bench.interlocks.get(unit.serial))

    def _to_its_end(self, one: OneCase, procedure: Callable[[], None]) -> None:
        try:
            one.carry_out(procedure, self.refusal(one.unit.serial))
        finally:
            self.safe[one.unit.serial] = bool(one.is_safe)

    def _unit_file(self, serial: str) -> UnitFile:
        return next(unit for unit in self.bench.file.units if unit.serial == serial)

    def close(self, reason: str = "", is_closed: bool = False) -> dict[str, Any]:
        """Close the record, judge the whole of it, write results, report and exports, and seal the folder.

        ``is_closed``: the record was closed already, by a process that came no further.
        A report that cannot be built takes nothing from the evidence: the folder is sealed without it. Raises
        IntegrityError when the record cannot be closed or read; then nothing is judged, and the record is left as
        damaged.
        """
        try:
            if not is_closed:
                self.folder.journal.append(
                    "run_closed", durable=True, outcome="ABORTED" if reason else "COMPLETED", reason=reason
                )
            self._detach()
            self.folder.journal.close()
            record = self._sound_record()
            self.results = judge(record, self.plan, self.bench.file)
            self.folder.write_results(self.results)
        except IntegrityError as error:
            self._detach()
            self.folder.close_as_damaged(str(error))
            raise
        try:
            self._hand_over(record, self.results)
        finally:
            self.folder.seal(record, self._key, self._history)
            self._ask_for_time_stamp()
        return self.results

    def _sound_record(self) -> RunRecord:
        """The record so far as it lies on the disk. Raises IntegrityError if that is not what was written."""
        if self._reading is None:
            self._reading = RunReading(self.path)
        record = self._reading.read_on()
        if record.problems or record.head != self.folder.journal.head:
            why = record.problems[0] if record.problems else "the journal is not as it was written"
            raise IntegrityError(f"{self.path}: the record is damaged, nothing is judged from it: {why}")
        return record

    def _hand_over(self, record: RunRecord, results: dict[str, Any]) -> None:
        """Exports and report; on a full disk no report, which can be made elsewhere."""
        from rig.report.hand_over import hand_over

        hand_over(self.path, record, results, has_room=not self.folder.disk_full)

    def _ask_for_time_stamp(self) -> None:
        """Where the bench names an authority. Without its answer the run is as sound, and ends as it did."""
        if not self.bench.file.time_stamp_authority:
            return
        from rig.record.time_stamp import stamp_run

        try:
            stamp_run(self.path, self.bench.file.time_stamp_authority)
        except RigError as error:
            told = f"{error}; the run is sealed without a time stamp, 'rig stamp' asks again"
            print(f"run {self.run_id}: {told}", file=StandardError(), flush=True)

    def _detach(self) -> None:
        for instrument in self.bench.instruments:
            instrument.tap.sink = None


def time_of_day(clock: Clock) -> Callable[[], int] | None:
    """The machine's clock, UTC in ns since 1970; none where time is virtual."""
    return time.time_ns if clock.kind == "wall" else None
