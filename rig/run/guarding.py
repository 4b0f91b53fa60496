"""Taking a bench: its lock, and on real ports a guard that knows the pumps before the first of them is opened."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from pathlib import Path

from rig.bench.options import driver_arguments
from rig.clock import Clock
from rig.clock.wall import WallClock
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.instruments import InstrumentFile
from rig.drivers import driver_class
from rig.guard.orders import InstrumentOrders, Orders, PumpOrders
from rig.guard.run_side import Guard
from rig.record.lock import GUARD, RUNNER, BenchLock, locks_folder
from rig.run.signals import ask_to_end
from rig.run.standard_error import StandardError
from rig.safe_state import SWITCHED


class HeldBench:
    """The right to use a bench, and who watches over its use. ``guard`` is None in a rehearsal in one process."""

    def __init__(
        self,
        bench: BenchFile,
        clock: Clock,
        runs_dir: Path,
        serials: Sequence[str],
        taken_over: Sequence[str] = (),
    ) -> None:
        """Raises BenchBusy, and RigError when what an earlier run left behind cannot be made safe.

        ``taken_over``: units that go on with what an earlier run commanded, and are not made safe before.
        """
        self.guard: Guard | None = None
        self._lock = BenchLock(bench.id, parts=(RUNNER,) if isinstance(clock, WallClock) else (RUNNER, GUARD))
        self._lock.acquire(None)
        try:
            if isinstance(clock, WallClock):
                orders = _orders(bench, runs_dir, serials, taken_over)
                self.guard = Guard.start(orders, clock, ask_to_end)
            self._lock.tell(f"session writing to {runs_dir.resolve()}")
        except BaseException:
            self._lock.release()
            raise
        if self.recovered:
            print(f"bench '{bench.id}': {self.recovered}", file=StandardError(), flush=True)

    @property
    def recovered(self) -> str:
        """What had to be made safe before anything else, in words; "" if nothing."""
        return self.guard.recovered if self.guard is not None else ""

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Within it pumps may deliver."""
        with self.guard.watching() if self.guard is not None else nullcontext():
            yield

    def tell_run_folder(self, folder: Path) -> None:
        """Where the guard writes down what it does."""
        if self.guard is not None:
            self.guard.tell_run_folder(folder)

    def make_safe(self, serials: list[str]) -> list[str]:
        """The guard's attempt at pumps that the run could not confirm, and whose ports it has closed."""
        if self.guard is None or not serials:
            return serials
        unsafe = self.guard.make_safe(serials)
        told = ", ".join(
            f"{serial} {'NOT CONFIRMED' if serial in unsafe else 'confirmed'}" for serial in serials
        )
        print(f"the guard tried the safe state again: {told}", file=StandardError(), flush=True)
        return unsafe

    def let_go(self, unsafe: list[str]) -> None:
        """The end; units that are not safe are remembered for the next start."""
        try:
            if self.guard is not None:
                self.guard.end(unsafe)
        finally:
            self._lock.release()


def _orders(bench: BenchFile, runs_dir: Path, serials: Sequence[str], taken_over: Sequence[str]) -> Orders:
    return Orders(
        bench.id,
        str(locks_folder()),
        str(runs_dir.resolve()),
        os.getpid(),
        bench.silence_max_s,
        tuple(
            _pump_orders(bench, unit, unit.serial in serials, unit.serial in taken_over)
            for unit in bench.units
        ),
    )


def _pump_orders(bench: BenchFile, unit: UnitFile, watched: bool, taken_over: bool) -> PumpOrders:
    """With what switches it, where its safe state is switched: the unit's own, else what the bench shares."""
    state = unit.profile.safe_state
    role = "supply" if unit.safe_channel is None else "valves"
    by_role = {item.role: item for item in (*bench.shared.auxiliaries, *unit.instruments)}
    return PumpOrders(
        unit.serial,
        _instrument_orders(unit.pump),
        state,
        {role: _instrument_orders(by_role[role])} if state in SWITCHED else {},
        unit.safe_channel,
        unit.safe_on,
        watched,
        taken_over,
    )


def _instrument_orders(file: InstrumentFile) -> InstrumentOrders:
    return InstrumentOrders(
        file.driver, file.address, file.device, driver_arguments(driver_class(file.driver), file)
    )
