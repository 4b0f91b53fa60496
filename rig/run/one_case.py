"""One case on one unit while it is carried out: from its first record to the safe state and its last."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from rig.bench.interlock import Interlock
from rig.capabilities import UnitUnderTest
from rig.clock import Clock
from rig.definitions.bench_file import UnitFile
from rig.definitions.cases import Case
from rig.errors import Aborted, InterlockTripped, RigError
from rig.record.case_recorder import CaseRecorder
from rig.safe_state import out_of_safe_state, to_safe_state

DECIDES_THE_VERDICT = ("balance",)  # an instrument of these roles without valid calibration: nothing is dosed


class CalibrationExpired(RigError):
    """What decides the verdict is out of calibration: the case is refused before anything is delivered."""


class OneCase:
    """:meth:`begin`, then whatever the case does, then :meth:`end`; or both around a procedure, by :meth:`carry_out`.

    ``is_safe``: whether the pump's safe state was confirmed at the end; None before.
    """

    def __init__(
        self,
        case: Case,
        unit: UnitUnderTest,
        recorder: CaseRecorder,
        clock: Clock,
        interlock: Interlock | None,
    ) -> None:
        self.case, self.unit, self.recorder = case, unit, recorder
        self._clock, self._interlock = clock, interlock
        self._started_ns = clock.now_ns()
        self.is_safe: bool | None = None

    @property
    def is_over(self) -> bool:
        """Whether it has ended; nothing is added to its record any more."""
        return self.is_safe is not None

    def start(self, again: str = "") -> None:
        """The first record; ``again``: why it is carried out a second time."""
        why = {"again": again} if again else {}
        self._started_ns = self._clock.now_ns()
        self.recorder.append("case_started", True, procedure=self.case.procedure, **why)

    def begin(self, refusal: str | None) -> None:
        """The pump out of its safe state. Raises CalibrationExpired if there is a ``refusal``."""
        self._started_ns = self._clock.now_ns()
        if refusal is not None:
            self.recorder.flag("calibration_expired", refusal, self._started_ns, self._started_ns)
            raise CalibrationExpired(refusal)
        out_of_safe_state(self.unit, self._clock)

    def carry_out(self, procedure: Callable[[], None], refusal: str | None) -> None:
        """A procedure to its end, whatever that is. Raises what :meth:`end` hands back."""
        problem: BaseException | None = None
        try:
            self.begin(refusal)
            procedure()
        except BaseException as error:  # the pump still goes to its safe state, then all is told
            problem = error
        if (left := self.end(problem)) is not None:
            raise left

    def end(
        self, problem: BaseException | None, ended: str = "completed", message: str = ""
    ) -> BaseException | None:
        """Safe state whatever happened, then the end in the record.

        ``problem`` is what the case ended by; without one it ``ended`` so, with this
        ``message``. Handed back is what is more than this
        case's affair: an abort, a mistake of ours.
        """
        message = message if problem is None else str(problem)
        passed_on: BaseException | None = None
        match problem:
            case None:
                pass
            case CalibrationExpired():
                ended = "refused"
            case Aborted():
                ended, passed_on = "aborted", problem
            case RigError():
                ended = "error"
            case _:
                ended, message, passed_on = "error", f"{type(problem).__name__}: {problem}", problem
        try:
            late = self._leave_safely(message or "end of the case")
            self.is_safe = True
            passed_on = passed_on or late
        except RigError as error:
            self.is_safe = False
            unsafe = f"SAFE STATE NOT CONFIRMED: {error}"
            message = f"{message}; {unsafe}" if message else unsafe
            ended = "aborted" if ended == "aborted" else "error"
        if isinstance(problem, InterlockTripped):
            self.recorder.flag("interlock", str(problem), self._started_ns, self._clock.now_ns())
        if self._interlock is not None:
            self.recorder.append("interlock", False, **self._interlock.account)
        self.recorder.append("case_finished", durable=True, ended=ended, message=message)
        return passed_on

    def _leave_safely(self, reason: str) -> Aborted | None:
        """The safe state, even if the record takes no more: the pump comes first, the complaint second.

        An abort that is asked for in this very moment is told in the middle of it, once: then it is done again, and the
        abort returned.
        """
        late: Aborted | None = None
        try:
            self.recorder.step("safe_state")
        finally:
            try:
                to_safe_state(self.unit, reason, self.recorder)
            except Aborted as error:
                late = error
                to_safe_state(self.unit, reason, self.recorder)
        return late


def refusal_of(unit: UnitFile, today: date) -> str | None:
    """Why nothing may be delivered on this unit today: the calibration of what decides the verdict has expired."""
    for instrument in unit.instruments:
        until = instrument.calibrated_until
        if instrument.role in DECIDES_THE_VERDICT and until is not None and until < today:
            return (
                f"refused, nothing was delivered: the calibration of the {instrument.role} of unit {unit.serial} "
                f"expired on {until.isoformat()}"
            )
    return None
