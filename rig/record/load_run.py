"""Reads the journal of a run folder into arrays: of a finished run, an aborted one, a torn one, one still going on."""

from __future__ import annotations

from pathlib import Path

from rig.errors import IntegrityError
from rig.record.case_being_read import CaseBeingRead
from rig.record.case_data import Record, RunRecord
from rig.record.journal_reader import JournalReader
from rig.record.layout import JOURNAL, check_is_run_folder


def load_run(path: Path) -> RunRecord:
    """Everything in the journal up to the first break of its chain; ``problems`` says what is wrong with the rest.

    Raises DefinitionError if ``path`` is no run folder, IntegrityError if the journal cannot be read or a record of
    a known kind lacks what it must have.
    """
    return RunReading(path).read_on()


class RunReading:
    """Reads a run folder while it grows: each record once, however often it is read on."""

    def __init__(self, path: Path) -> None:
        """Raises DefinitionError if ``path`` is no run folder."""
        self.path = Path(path)
        check_is_run_folder(self.path)
        self._reader = JournalReader(self.path / JOURNAL)
        self._opened: Record = {}
        self._closed: Record | None = None
        self._instruments: list[Record] = []
        self._verdicts: list[Record] = []
        self._other: list[Record] = []
        self._begun: list[CaseBeingRead] = []
        self._current: dict[tuple[str, str], CaseBeingRead] = {}  # the latest of each case and unit

    def read_on(self) -> RunRecord:
        """The whole record as it is by now. Raises IntegrityError as :func:`load_run`."""
        for record in self._reader:
            try:
                self._take(record)
            except (LookupError, TypeError, ValueError, OverflowError) as error:
                what = f"record {record['seq']} ({record['kind']})"
                raise IntegrityError(
                    f"{self.path / JOURNAL}: {what}: {type(error).__name__} {error}"
                ) from error
        problems = [f"{JOURNAL}: {problem}" for problem in self._reader.problems]
        if not self._opened:
            problems.append(f"{JOURNAL}: no run_opened record")
        return RunRecord(
            path=self.path,
            opened=self._opened,
            instruments=tuple(self._instruments),
            cases=tuple(case.as_far_as_read() for case in self._begun),
            closed=self._closed,
            verdicts=tuple(self._verdicts),
            problems=tuple(problems),
            head=self._reader.head,
            other=tuple(self._other),
        )

    def _take(self, record: Record) -> None:
        match record["kind"]:
            case "run_opened":
                self._opened = record
            case "run_closed":
                self._closed = record
            case "instrument":
                self._instruments.append(record)
            case "verdict":
                self._verdicts.append(record)
            case "case_started":
                case = CaseBeingRead(record, record["procedure"])
                self._begun.append(case)
                self._current[record["case"], record["unit"]] = case
            case "resumed":
                self._other.append(record)
                for case in self._current.values():
                    case.interrupted(record)
            case _:
                of_case = self._current.get((record.get("case", ""), record.get("unit", "")))
                if of_case is None or not of_case.take(record):
                    self._other.append(record)
