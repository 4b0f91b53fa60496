"""The guard's own process: hears the run, and acts when it must (:mod:`rig.guard` has the words)."""

from __future__ import annotations

import importlib
import json
import os
import queue
import signal
import sys
import threading
import time
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, datetime
from typing import IO, Any

from rig.clock.wall import WallClock
from rig.drivers import driver_class
from rig.errors import BenchBusy, RigError
from rig.guard.control import ControlPort
from rig.guard.deeds import Deeds
from rig.guard.kept import LeftBehind, forget, keep, kept_file, read_kept
from rig.guard.making_safe import make_safe
from rig.guard.orders import InstrumentOrders, Orders, PumpOrders
from rig.record.lock import GUARD, BenchLock

GIVE_UP_S = 60.0  # after the death of the run; the state file stays, so that the next start tries again
GIVE_UP_BEFORE_S = 10.0  # at a start, and at the end of a run: somebody waits
DEAD_WITHIN_S = 0.05  # a process that is killed is gone, unless its machine is busy or its disk hangs
OWN_LATENESS_S = 0.2  # the guard itself was held up: it hears what came meanwhile before it judges
Message = dict[str, Any]


class Watch:
    """One run watched over, from its orders to its end."""

    def __init__(self, orders: Orders, from_run: IO[bytes], to_run: IO[bytes]) -> None:
        self.orders, self._from_run, self._to_run = orders, from_run, to_run
        self._clock = WallClock()
        self._inbox: queue.SimpleQueue[tuple[float, Message]] = queue.SimpleQueue()
        self._kept_file = kept_file(orders.lock_folder_path, orders.bench_id)
        self._left = LeftBehind(
            tuple(pump.serial for pump in orders.pumps if pump.watched),
            "",
            orders.runner_pid,
            datetime.now(UTC).isoformat(timespec="seconds"),
        )
        self._watching = self._died = False
        self._silent_since = time.monotonic()
        self._answer_by: float | None = None  # when an abort must have been heard by the run
        self._heard_out: float | None = None  # the end of patience for which the guard was itself late
        self._control: ControlPort | None = None

    def serve(self) -> int:
        """Until the run is over or made safe. 0: it ended in order; 1: the guard had to act; 2: never began."""
        lock = BenchLock(self.orders.bench_id, self.orders.lock_folder_path, (GUARD,))
        try:
            lock.acquire(None)
        except RigError as error:
            self._say({"busy": str(error), "held": isinstance(error, BenchBusy)})
            return 2
        try:
            for pump in self.orders.pumps:
                for instrument in (pump.instrument, *pump.switches.values()):
                    _load(instrument)
            self._recover()
            keep(self._kept_file, self._left)
            self._control = ControlPort.open(self.orders.bench_id, self._asked)
            threading.Thread(target=self._listen, name="run", daemon=True).start()
            self._say({"ready": True})
            failure = self._watched()
            if failure is None:
                return 0
            note = f"its guard makes the pumps safe: {failure}"
            telling = threading.Thread(target=lock.tell, args=(note,), name="holder")  # no disk delays a stop
            telling.start()
            self._act(failure)
            telling.join()
            return 1
        except RigError as error:
            self._say({"busy": str(error)})
            return 2
        finally:
            if self._control is not None:
                self._control.close()
            lock.release()

    # What an earlier run left behind

    def _recover(self) -> None:
        """Pumps that a run and its guard, both dead, left as they were. Raises RigError if one cannot be made safe."""
        left = read_kept(self._kept_file, tuple(pump.serial for pump in self.orders.pumps))
        if left is None:
            return
        found = [pump for pump in self.orders.pumps if pump.serial in left.units]
        pumps = [pump for pump in found if not pump.taken_over]
        gone = sorted(set(left.units) - {pump.serial for pump in found})
        if not pumps and not gone:
            return  # what is kept is overwritten: those taken over are this run's now
        reason = f"the run of process {left.runner_pid}, begun {left.since_utc}, and its guard are gone"
        unsafe, deeds = self._made_safe(pumps, reason, GIVE_UP_BEFORE_S, left.run_folder)
        if unsafe:
            keep(self._kept_file, replace(left, units=tuple(unsafe)))
            raise RigError(
                f"{reason}, and {', '.join(unsafe)} could not be put in the safe state: {deeds.complaint}; "
                "go and look at the pump; a unit that is off this bench is to be taken out of the bench file"
            )
        forget(self._kept_file)
        made = [pump.serial for pump in pumps]
        self._say({"recovered": made, "gone": gone, "because": reason, "run_folder": left.run_folder})

    # While the run lives

    def _listen(self) -> None:
        """What the run says, with the instant at which it came."""
        for line in self._from_run:
            with suppress(ValueError):
                self._inbox.put((time.monotonic(), json.loads(line)))
        self._inbox.put((time.monotonic(), {"died": True}))

    def _asked(self, reason: str) -> None:
        self._inbox.put((time.monotonic(), {"asked": reason}))

    def _watched(self) -> str | None:
        """None when the run is over in order; else why the guard must act. Its own failure is a reason too."""
        try:
            return self._until_the_end()
        except Exception as error:
            return f"the guard itself failed ({type(error).__name__}: {error})"

    def _until_the_end(self) -> str | None:
        while True:
            try:
                at, message = self._inbox.get(timeout=self._patience_s())
            except queue.Empty:
                failure = self._judged()
                if failure is not None:
                    return failure
                continue
            if "beat" in message:
                self._silent_since = at - message["quiet_s"]
                self._say({"beat": message["beat"]})
            elif "watch" in message:
                self._watching, self._silent_since = message["watch"], at
            elif "run" in message:
                self._left = replace(self._left, run_folder=message["run"])
                with suppress(RigError):  # what is kept already names the pumps
                    keep(self._kept_file, self._left)
            elif "make_safe" in message:
                pumps = [pump for pump in self.orders.pumps if pump.serial in message["make_safe"]]
                reason = "the run could not confirm the safe state"
                unsafe, _ = self._made_safe(pumps, reason, GIVE_UP_BEFORE_S, self._left.run_folder)
                self._say({"unsafe": unsafe})
            elif "heard" in message:
                self._answer_by = None
            elif "asked" in message:
                if self._answer_by is None:  # asking again gives the run no more time
                    self._answer_by = at + self.orders.silence_max_s
                self._say({"abort": message["asked"]})
            elif "end" in message:
                forget(self._kept_file)
                self._say({"ended": True})
                return None
            elif "died" in message:
                self._died = True
                return "the run died"

    def _due(self) -> float | None:
        """When patience ends, if nothing is heard until then."""
        ends = [self._silent_since + self.orders.silence_max_s] if self._watching else []
        ends += [self._answer_by] if self._answer_by is not None else []
        return min(ends, default=None)

    def _patience_s(self) -> float | None:
        due = self._due()
        return None if due is None else max(0.0, due - time.monotonic())

    def _judged(self) -> str | None:
        """Patience has ended: was it the run that was silent, or the guard that did not hear?"""
        due, now = self._due(), time.monotonic()
        if due is None or now < due:
            return None
        if now - due > OWN_LATENESS_S and self._heard_out != due:  # this process was held up too
            self._heard_out = due
            time.sleep(OWN_LATENESS_S)  # what came meanwhile is heard first
            return None
        if self._answer_by is not None and now >= self._answer_by:
            return f"the run was asked to end and did not answer for {self.orders.silence_max_s:g} s"
        return f"the run was silent for {self.orders.silence_max_s:g} s"

    # When it does not

    def _act(self, failure: str) -> None:
        """The run's process ends if it has not yet, the pumps become safe, and it is written down.

        A process that is killed while it writes to a pump may still finish that one write: a safe state made before
        it is gone is made once more afterwards.
        """
        self._kill_run()
        pumps = [pump for pump in self.orders.pumps if pump.watched]
        is_gone = self._hears_its_death(DEAD_WITHIN_S)
        unsafe, deeds = self._made_safe(pumps, failure, GIVE_UP_S, self._left.run_folder)
        if not is_gone and self._hears_its_death(GIVE_UP_S):
            again = f"{failure}; once more, now that its process is gone"
            unsafe, deeds = self._made_safe(pumps, again, GIVE_UP_S, self._left.run_folder)
        if unsafe:
            keep(self._kept_file, replace(self._left, units=tuple(unsafe)))
        else:
            forget(self._kept_file)
        safe = [f"{pump.serial}: {pump.safe_state}" for pump in pumps if pump.serial not in unsafe]
        bad = [f"{serial}: NOT CONFIRMED SAFE ({deeds.complaint})" for serial in unsafe]
        print(
            f"guard of bench '{self.orders.bench_id}': {failure}; safe states: {', '.join(bad + safe)}; "
            f"written down in {deeds.path}",
            file=sys.stderr,
        )

    def _made_safe(
        self, pumps: list[PumpOrders], reason: str, give_up_s: float, run_folder: str
    ) -> tuple[list[str], Deeds]:
        """The pumps first; what was done is written beside. Serial numbers of those that are not safe."""
        deeds = Deeds(self.orders, run_folder, self._clock)
        deeds.note("guard_acts", {"because": reason, "units": [pump.serial for pump in pumps]})
        unsafe = make_safe(pumps, reason, self._clock, give_up_s, deeds.note)
        deeds.note("guard_done", {"unsafe": unsafe})
        deeds.close()
        return unsafe, deeds

    def _kill_run(self) -> None:
        """Its ports are exclusive, and what is silent now may go on dosing a moment later."""
        pid = self.orders.runner_pid
        if os.name == "posix":
            if os.getppid() == pid:  # else it is dead, and another process may have its number
                with suppress(OSError):  # it may end between the two lines
                    os.kill(pid, signal.SIGKILL)
        elif not self._died:
            with suppress(OSError):
                os.kill(pid, signal.SIGTERM)  # on Windows the end without a word

    def _hears_its_death(self, within_s: float) -> bool:
        """Its end of the line closes once none of its threads can write anywhere any more."""
        if os.name == "posix" and os.getppid() != self.orders.runner_pid:
            return True  # its parent was told already
        until = time.monotonic() + within_s
        while not self._died:
            try:
                _, message = self._inbox.get(timeout=max(0.0, until - time.monotonic()))
            except queue.Empty:
                return False
            self._died = "died" in message
        return True

    def _say(self, message: Message) -> None:
        with suppress(OSError, ValueError):  # nobody hears any more: its death is told by the other line
            self._to_run.write(json.dumps(message).encode() + b"\n")
            self._to_run.flush()


def watch_over(from_run: IO[bytes], to_run: IO[bytes]) -> int:
    """The whole life of a guard. It has a session of its own, and no signal for the run ends it."""
    for name in ("SIGINT", "SIGTERM", "SIGHUP", "SIGBREAK"):
        if hasattr(signal, name):
            signal.signal(getattr(signal, name), signal.SIG_IGN)
    first = from_run.readline()
    if not first.endswith(b"\n"):
        return 2  # the run ended before it began
    with suppress(OSError):  # nobody may read it any more
        return Watch(Orders.from_line(first), from_run, to_run).serve()
    return 1


def _load(instrument: InstrumentOrders) -> None:
    """Everything that opening it will need; afterwards every millisecond counts."""
    driver_class(instrument.driver)
    if instrument.address.startswith("serial:"):
        importlib.import_module("serial")
        importlib.import_module("rig.transport.serial_link")
    elif instrument.address.startswith("visa:"):
        importlib.import_module("pyvisa_py.highlevel")
        importlib.import_module("rig.transport.visa_link")
    else:
        importlib.import_module("rig.transport.socket_link")
