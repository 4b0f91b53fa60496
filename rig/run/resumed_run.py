"""A run that is taken up again, in its own folder and journal, after the process that carried it out was gone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any

from rig.bench.open import Bench
from rig.capabilities import UnitUnderTest
from rig.clock import Clock
from rig.definitions.cases import Case
from rig.definitions.plan_file import Plan
from rig.errors import DefinitionError, RigError, Where
from rig.procedures import GOES_ON
from rig.procedures.going_on import CannotGoOnError, Left, nothing_was_dosed
from rig.readings import PumpAlarm
from rig.record.bench_history import BenchHistory
from rig.record.case_data import CaseData, RunRecord
from rig.record.case_recorder import CaseRecorder
from rig.record.journal_reader import read_journal
from rig.record.keys import bench_key
from rig.record.layout import JOURNAL
from rig.record.load_run import RunReading
from rig.record.run_folder import RunFolder
from rig.run.gap import gap_until_now, time_zero
from rig.run.guarding import HeldBench
from rig.run.opening import software, why_rehearsal
from rig.run.run import CaseResult, Run, time_of_day
from rig.safe_state import to_safe_state

Word = Callable[[str], bool]  # the operator's, to a question


class ResumedRun(Run):
    """Goes on where :class:`rig.run.run.Run` was interrupted; :meth:`go_on` works off cases, :meth:`close` closes."""

    def __init__(
        self, record: RunRecord, plan: Plan, bench: Bench, operator: str, held: HeldBench | None = None
    ) -> None:
        """Sets torn tails aside, and records that the rig was gone. Speaks to no instrument yet."""
        self.plan, self.bench, self._operator = plan, bench, operator
        self.safe = {}
        self._held, self._chosen = held, record.opened.get("chosen")
        self.results = None
        self._clock: Clock = bench.clock
        self._opened_at = datetime.now(UTC)
        self._today = self._opened_at.date()
        self.run_id = str(record.opened["run_id"])
        self._key, self._history = bench_key(bench.file.id), BenchHistory(bench.file.id)
        self.record = record
        self._reading: RunReading | None = None
        self._case_results: dict[str, dict[str, CaseResult]] = {}
        self._begun = set()
        last_ns = max((int(line["t_ns"]) for line in read_journal(record.path / JOURNAL).records), default=0)
        self._gap = gap_until_now(record, last_ns)
        self._started_ns = self._clock.now_ns() - self._gap.end_ns
        self.folder = RunFolder.reopen(
            record.path,
            self.run_id,
            now_ns=lambda: self._clock.now_ns() - self._started_ns,
            full=self._clock.abort,
            utc_ns=time_of_day(self._clock),
        )

    def record_gap(self) -> None:
        """Write down that the rig was gone, and who goes on."""
        aside = sorted(path.relative_to(self.path).as_posix() for path in self.path.rglob("*.torn-at-*"))
        words = f"the rig was gone {self._gap.words}; the run was taken up again by {self._operator}"
        if self._held is not None and self._held.recovered:
            words += f"; {self._held.recovered}"
        self.folder.journal.append(
            "resumed",
            durable=True,
            gap_start_ns=self._gap.start_ns,
            gap_end_ns=self._gap.end_ns,
            gap_is_known=self._gap.is_known,
            message=words,
            utc=self._opened_at.isoformat(timespec="seconds"),
            operator=self._operator,
            zero=time_zero(self._clock, self._started_ns),
            set_aside=aside,
            software=software(),
        )

    def meet_instruments(self) -> None:
        """Speak to every instrument. Raises RigError, as for a new run; and if one is simulated that was real."""
        if self._held is not None:
            self._held.tell_run_folder(self.path)
        self._meet_instruments()
        because = why_rehearsal(self.bench.instruments)
        if because and not self.record.opened["rehearsal"]:
            raise DefinitionError(
                f"this run was no rehearsal, and now {'; '.join(because)}", Where(str(self.path))
            )
        for unit in self.bench.units:
            unit.pump.limits()
            self.bench.interlocks[unit.serial].begin_run(*self._counted(unit))

    def _counted(self, unit: UnitUnderTest) -> tuple[float, float]:
        """What was commanded (by what the pump counted, if that is more) and weighed in this run, in nl."""
        told = [r for r in self.record.other if (r["kind"], r.get("unit")) == ("interlock", unit.serial)]
        commanded_nl = float(told[-1]["commanded_most_nl"]) if told else 0.0
        weighed_nl = float(told[-1]["weighed_nl"]) if told else 0.0
        states = [
            state for data in self.record.cases if data.unit == unit.serial for state in data.pump_states
        ]
        if states:
            by_pump_nl = unit.pump.interrogate().delivered_nl - int(states[0]["delivered_nl"])
            commanded_nl = max(commanded_nl, float(by_pump_nl))
        return commanded_nl, weighed_nl

    def go_on(self, case: Case, serials: Sequence[str], word: Word) -> dict[str, CaseResult]:
        """Bring a case to its end on the named units: it goes on, begins, begins again on the operator's word, or ends.

        ``word(question)``: whether it may begin again although something was delivered. Raises Aborted as carry_out.
        """
        tasks = [
            task
            for serial in serials
            if (task := self._task(case, self.bench.unit(serial), word)) is not None
        ]
        ends = self._clock.run_all(tasks)
        judged = {(verdict["case"], verdict["unit"]) for verdict in self.record.verdicts}
        left = [self.bench.unit(serial) for serial in serials if (case.id, serial) not in judged]
        results = self._judged(case, left)
        for end in ends:
            if isinstance(end, BaseException):
                raise end
        return results

    def _task(self, case: Case, unit: UnitUnderTest, word: Word) -> Callable[[], None] | None:
        """What is to be done for a case on a unit; None if it is finished."""
        data = self.record.case(case.id, unit.serial)
        if data is None:
            return partial(self._carry_out_on, case, unit)
        if data.ended != "unfinished":
            return None
        recorder = self._recorder(case, unit, data)
        try:
            if nothing_was_dosed(data):
                return partial(
                    self._carry_out_on, case, unit, "nothing had been delivered when it was interrupted"
                )
            if case.procedure not in GOES_ON:
                raise CannotGoOnError(f"a case of {case.procedure} cannot go on in the middle")
            left = Left(data, self._started_ns, self._gap.is_known)
            goes_on = GOES_ON[case.procedure](unit, case, recorder, self._clock, left)
        except RigError as error:
            return self._cannot_go_on(case, unit, recorder, str(error), word)
        recorder.note(f"interrupted, and taken up again: {goes_on.words}")
        if goes_on.running is not None:
            self.bench.interlocks[unit.serial].took(goes_on.running)
        return partial(self._to_its_end, self._one_case(case, unit, recorder), goes_on.rest)

    def _cannot_go_on(
        self, case: Case, unit: UnitUnderTest, recorder: CaseRecorder, why: str, word: Word
    ) -> Callable[[], None] | None:
        """The pump to its safe state, now; then again from the start if the operator says so, else the end."""
        message = f"interrupted, and it cannot go on: {why}"
        try:
            to_safe_state(unit, message)
            self.safe[unit.serial] = True
        except RigError as error:
            self.safe[unit.serial] = False
            message += f"; SAFE STATE NOT CONFIRMED: {error}"
        if self.safe[unit.serial] and word(f"case '{case.id}' on unit {unit.serial}: {message}"):
            return partial(
                self._carry_out_on, case, unit, f"{message}; begun again on the word of {self._operator}"
            )
        recorder.append("case_finished", durable=True, ended="error", message=f"{message}; not begun again")
        return None

    def end_interrupted_cases(self, why: str) -> None:
        """What was interrupted is over, without speaking to any instrument."""
        latest = {(data.case, data.unit): data for data in self.record.cases}
        for data in latest.values():
            if data.ended == "unfinished":
                self.folder.journal.append(
                    "case_finished", durable=True, case=data.case, unit=data.unit, ended="error", message=why
                )

    def _recorder(self, case: Case, unit: UnitUnderTest, data: CaseData) -> CaseRecorder:
        on: dict[str, PumpAlarm] = {}
        for record in data.alarms:
            on.pop(record["name"], None)
            if record["state"] == "on":
                on[record["name"]] = PumpAlarm(record["name"], bool(record["critical"]))
        return CaseRecorder(self.folder.journal, case.id, unit.serial, self._started_ns, tuple(on.values()))

    def cases(self) -> list[tuple[Case, list[str]]]:
        """Each case with the units on which it is part of this run."""
        everywhere = [unit.serial for unit in self.bench.file.units]
        if not isinstance(self._chosen, dict):
            return [(case, everywhere) for case in self.plan.cases]
        return [(case, list(self._chosen[case.id])) for case in self.plan.cases if case.id in self._chosen]


def units_of(record: RunRecord, everywhere: Sequence[str]) -> list[str]:
    """The units that a run was to use, of all on its bench."""
    chosen: Any = record.opened.get("chosen")
    if not isinstance(chosen, dict):
        return list(everywhere)
    used = {serial for serials in chosen.values() for serial in serials}
    return [serial for serial in everywhere if serial in used]


def may_be_delivering(record: RunRecord) -> list[str]:
    """Units whose interrupted case goes on only if their pump was left alone."""
    latest = {(data.case, data.unit): data for data in record.cases}
    return sorted(
        {
            data.unit
            for data in latest.values()
            if data.ended == "unfinished"
            and data.procedure in GOES_ON
            and data.steps
            and data.steps[-1].name.partition("_")[0] in ("settle", "sample")
        }
    )
