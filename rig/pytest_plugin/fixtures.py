"""The fixtures of a Python plan: ``unit``, ``pump``, ``balance``, ``clock``, ``bench``, ``record``, ``verify``.

Whatever one of them commands or reads is recorded; whoever goes round them, by ``bench``, is heard on the wire only.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from rig.pytest_plugin.python_plans import RIG_CASE, RigCase
from rig.pytest_plugin.stash import BENCH_FILE, CaseError

if TYPE_CHECKING:
    from rig.bench.open import Bench
    from rig.capabilities import UnitUnderTest
    from rig.clock import Clock
    from rig.readings import MassReading, Prescription, PumpState
    from rig.record.case_recorder import CaseRecorder, Stated
    from rig.run.one_case import OneCase

RESERVED = ("alarms", "assertions")  # names of criteria that the judge itself knows


@pytest.fixture
def rig_case(request: pytest.FixtureRequest) -> Iterator[RigCase]:
    """The case that this test is: begun before the first fixture of the rig, safe after the last."""
    if BENCH_FILE not in request.config.stash:
        pytest.skip("no bench: add --bench FILE")
    from rig.errors import RigError

    try:
        case = request.node.stash[RIG_CASE] = RigCase(request.node)
    except RigError as error:
        pytest.fail(str(error), pytrace=False)
    yield case
    if failures := case.leave():
        pytest.fail("\n".join(failures), pytrace=False)


@pytest.fixture
def bench(rig_case: RigCase) -> Bench:
    """The open bench: all units, as procedures have them. Every pump ends in its safe state."""
    return rig_case.bench


@pytest.fixture
def unit(request: pytest.FixtureRequest, rig_case: RigCase) -> UnitUnderTest:
    """The unit under test, one after the other; what its pump and balance are asked is recorded."""
    one = rig_case.one
    balance = None if one.unit.balance is None else RecordedBalance(one)
    return replace(one.unit, pump=RecordedPump(one), balance=balance)


@pytest.fixture
def pump(unit: UnitUnderTest) -> Any:
    """The unit's pump."""
    return unit.pump


@pytest.fixture
def balance(unit: UnitUnderTest) -> Any:
    """The unit's balance; a unit without one skips the test."""
    if unit.balance is None:
        pytest.skip(f"unit {unit.serial} has no balance")
    return unit.balance


@pytest.fixture
def clock(rig_case: RigCase) -> Clock:
    """The bench's clock: the only source of time, virtual where everything is simulated in this process."""
    return rig_case.bench.clock


@pytest.fixture
def record(rig_case: RigCase, unit: UnitUnderTest) -> Record:
    """What the test wants kept: steps, notes, values, and readings over a time."""
    return Record(rig_case)


@pytest.fixture
def verify(record: Record) -> Callable[..., None]:
    """State a measured value with its uncertainty and its limit; the rig decides when the test has ended."""
    return record.verify


class RecordedPump:
    """The unit's pump behind its interlock: states are recorded, programs are read back and compared.

    When the case has ended, as in the teardown of a fixture, it is the pump and no more.
    """

    def __init__(self, one: OneCase) -> None:
        self._one = one

    def program(self, prescription: Prescription) -> None:
        """Program, read back, record both. Raises DeviceError if the pump says back something else."""
        from rig.procedures.watching import program_and_read_back

        if self._one.is_over:
            self._one.unit.pump.program(prescription)
        else:
            program_and_read_back(self._one.unit, self._one.recorder, prescription)

    def interrogate(self) -> PumpState:
        """The whole state, recorded with alarms that came or went."""
        state = self._one.unit.pump.interrogate()
        if not self._one.is_over:
            self._one.recorder.pump_state(state)
        return state

    def __getattr__(self, name: str) -> Any:
        return getattr(self._one.unit.pump, name)


class RecordedBalance:
    """The unit's balance: each reading is recorded, until the case has ended."""

    def __init__(self, one: OneCase) -> None:
        self._one = one

    def read(self) -> MassReading:
        """The weight now, recorded."""
        reading: MassReading = self._one.unit.balance.read()  # type: ignore[union-attr]
        if not self._one.is_over:
            self._one.recorder.mass(reading)
        return reading

    def __getattr__(self, name: str) -> Any:
        return getattr(self._one.unit.balance, name)


class Record:
    """Writes the record of one test on one unit."""

    def __init__(self, case: RigCase) -> None:
        self._case, self._one = case, case.one
        self._stated: set[str] = set()

    @property
    def _recorder(self) -> CaseRecorder:
        if self._one.is_over:
            raise CaseError("the case has ended: what a fixture does afterwards is no part of it")
        return self._one.recorder

    def step(self, name: str) -> None:
        """The step ``name`` begins; the one before ends."""
        self._recorder.step(name)

    def note(self, text: str) -> None:
        """Free text, shown in the report."""
        self._recorder.note(text)

    def value(
        self, name: str, value: float, *, unit: str, expanded_uncertainty: float, coverage_factor: float = 2.0
    ) -> None:
        """A measured value without a limit. Raises DefinitionError as :meth:`verify`."""
        from rig.record.case_recorder import Stated

        self._state(Stated(name, value, unit, expanded_uncertainty, coverage_factor, None))

    def verify(
        self,
        name: str,
        value: float,
        *,
        unit: str,
        expanded_uncertainty: float,
        limit: str,
        coverage_factor: float = 2.0,
    ) -> None:
        """A measured value in ``unit`` with its expanded uncertainty, and the limit it is held against.

        ``limit`` as in a plan: ``"within 2 %"``, ``"at most 1.5 mL"``. Raises DefinitionError for a name that is
        none or was stated before, numbers that are not finite, an uncertainty below 0, an unknown unit, and a
        limit on another kind of quantity.
        """
        from rig.record.case_recorder import Stated

        self._state(Stated(name, value, unit, expanded_uncertainty, coverage_factor, limit))

    def watch(
        self, duration: str, *, weigh_every: str | None = None, flow_every: str = "1 s"
    ) -> list[MassReading]:
        """Wait as a procedure does: flow sensor, pump, monitors recorded, balance read ``weigh_every``; its readings.

        Times with their unit, as in a plan. A pump that must hear from its host does.
        """
        from rig.procedures.watching import Watch
        from rig.quantities import parse

        duration_s, flow_every_s = parse(duration, "duration"), parse(flow_every, "duration")
        watch = Watch(self._one.unit, self._recorder, self._case.bench.clock, flow_every_s)
        watch.take_up()
        weighed: list[MassReading] = []
        if weigh_every is None:
            watch.rest(duration_s)
            watch.ask_pump()
        else:
            weighed = list(watch.weighings(duration_s, parse(weigh_every, "duration")))
        watch.end()
        return weighed

    def _state(self, stated: Stated) -> None:
        from rig.definitions.limits import kinds_of, limit_on
        from rig.definitions.written import IDENT_RULE, is_ident
        from rig.errors import DefinitionError

        name, value, u, k = stated.name, stated.value, stated.expanded_uncertainty, stated.coverage_factor
        if not is_ident(name) or name in RESERVED:
            raise DefinitionError(f"{name!r} cannot be the name of a value", hint=IDENT_RULE)
        if name in self._stated:
            raise DefinitionError(
                f"the value '{name}' was stated before in this test", hint="give each its own name"
            )
        stated = replace(stated, value=float(value), expanded_uncertainty=float(u), coverage_factor=float(k))
        numbers = (stated.value, stated.expanded_uncertainty, stated.coverage_factor)
        if not all(map(math.isfinite, numbers)) or numbers[1] < 0 or numbers[2] <= 0:
            raise DefinitionError(
                f"'{name}': {value} ± {u} (k = {k}) is no measured value",
                hint="finite numbers, an expanded uncertainty of at least 0, a coverage factor above 0",
            )
        if stated.limit is None:
            kinds_of(stated.unit)
        else:
            limit_on(stated.limit, stated.unit)
        self._stated.add(name)
        self._recorder.measured(stated)
