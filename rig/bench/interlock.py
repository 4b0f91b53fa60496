"""The interlock of one unit: hard limits of the bench that no plan and no procedure can go round.

It stands between the unit's drivers and everybody else (:mod:`rig.bench.interlocked`). A command above a limit of the
bench is refused before a byte leaves. What was commanded and what was weighed are counted over the run; when either is
above what a unit may deliver, or the two are further apart than the bench allows, the pump goes to its safe state at
once, and takes no dose any more until the bench is opened again.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from rig.analysis.density import water_density_kg_m3
from rig.bench.commanded_volume import CommandedVolume, patient_allowance_nl, rates_nl_h
from rig.clock import Clock, s_from_ns
from rig.definitions.bench_file import BenchFile
from rig.errors import InterlockTripped, LimitRefused, RigError
from rig.quantities import nl_from_ml
from rig.readings import Bridge, MassReading, PatientBolus, Prescription, PumpState

OVERRUN = 1.001  # a plan that uses the whole of volume_max ends some seconds late
EMPTIED_G = 0.05  # the display falls by more at once: the vessel was emptied or taken away
LOOKED_EVERY_S = 1.0


@dataclass(frozen=True)
class BenchLimits:
    """What the bench file allows a unit, in nl and nl/h (None: no limit), and how dense what is weighed is, in g/mL."""

    rate_max_nl_h: int | None = None
    bolus_max_nl: int | None = None
    volume_max_nl: int | None = None
    disagreement_max_nl: int | None = None
    density_g_ml: float = 1.0

    @classmethod
    def of(cls, bench: BenchFile) -> BenchLimits:
        """The limits of a bench file."""
        temperature_c = (
            bench.air_temperature_c if bench.fluid_temperature_c is None else bench.fluid_temperature_c
        )
        return cls(
            _nl(bench.rate_max_ml_h),
            _nl(bench.bolus_max_ml),
            _nl(bench.volume_max_ml),
            _nl(bench.disagreement_max_ml),
            water_density_kg_m3(temperature_c) / 1000,
        )


@dataclass(frozen=True)
class _Anchor:
    """A balance reading from which is counted, and what had been commanded by then."""

    mass_g: float
    t_ns: int
    least_nl: float
    most_nl: float


class Interlock:
    """Limits and counts of one unit. ``make_safe(reason)`` puts its pump in the safe state; it may raise RigError."""

    def __init__(
        self, serial: str, limits: BenchLimits, clock: Clock, make_safe: Callable[[str], object] | None = None
    ) -> None:
        self.serial, self.limits, self._clock, self.make_safe = serial, limits, clock, make_safe
        self.lock = threading.RLock()  # one command at a time: the watchman may have to speak to the pump too
        self.tripped = ""  # why, once it has
        self._told = False  # somebody was told
        self._tripping = False
        self._minimum_nl_h = 0  # most that the pump's minimum rate can be
        self.begin_run()

    def begin_run(self, commanded_nl: float = 0.0, weighed_nl: float = 0.0) -> None:
        """Count from here on; a run that is taken up again had so much before. What has tripped stays so."""
        self._commanded = CommandedVolume(
            self._clock.now_ns(), self._minimum_nl_h, commanded_nl, commanded_nl
        )
        self._weighed_nl = weighed_nl  # up to the anchor
        self._anchor: _Anchor | None = None
        self._last_g = 0.0
        self._patient = PatientBolus(enabled=False)
        self._patient_since_ns = 0
        self._requested_nl = 0  # of what the patient may ask for, this was asked for by the host

    def minimum_is(self, rate_nl_h: int) -> None:
        """The pump told its lowest rate: its minimum mode is not faster."""
        self._minimum_nl_h = self._commanded.minimum_nl_h = rate_nl_h

    @property
    def account(self) -> dict[str, int]:
        """What was counted in this run so far, in nl."""
        self._commanded.advance(self._clock.now_ns())
        return {
            "commanded_least_nl": round(self._commanded.least_nl),
            "commanded_most_nl": round(self._commanded.most_nl),
            "weighed_nl": round(self._weighed_nl + self._since_anchor_nl(self._last_g)),
        }

    # Before a command

    def allow(self, prescription: Prescription) -> None:
        """Raises LimitRefused, InterlockTripped. To stop, or go to the minimum rate, is always allowed."""
        if prescription.mode in ("stop", "minimum"):
            return
        self._refuse_if_tripped()
        if prescription.mode in ("bolus", "periodic"):
            self._allow_bolus(prescription.bolus_nl, prescription.bolus_duration_s, "the bolus")
        if prescription.mode == "periodic":
            self._allow_rate(
                _rate_nl_h(prescription.bolus_nl, prescription.interval_s), "the boluses together"
            )
        self._allow_rate(rates_nl_h(prescription)[1], "the rate")
        self._allow_volume(prescription.bolus_nl)

    def allow_patient(self, bolus: PatientBolus) -> None:
        """What a patient may ask for; raises as :meth:`allow`."""
        self._refuse_if_tripped()
        self._allow_bolus(bolus.bolus_nl, bolus.duration_s, "the patient's bolus")

    def allow_request(self, bolus: PatientBolus) -> None:
        """That the patient asks for it now; raises as :meth:`allow`."""
        self.allow_patient(bolus)
        self._allow_volume(bolus.bolus_nl)

    def allow_prime(self, volume_nl: int, rate_nl_h: int) -> None:
        """Raises as :meth:`allow`."""
        self._refuse_if_tripped()
        self._allow_size(volume_nl, "the volume of priming")
        self._allow_rate(rate_nl_h, "the rate of priming")
        self._allow_volume(volume_nl)

    def allow_bridge(self, bridge: Bridge) -> None:
        """Raises as :meth:`allow`."""
        self._refuse_if_tripped()
        self._allow_bolus(bridge.residual_nl, bridge.duration_s, "the bridge bolus")
        self._allow_volume(bridge.residual_nl)

    def _allow_bolus(self, volume_nl: int, duration_s: float, what: str) -> None:
        self._allow_size(volume_nl, what)
        self._allow_rate(_rate_nl_h(volume_nl, duration_s), what)

    def _allow_size(self, volume_nl: int, what: str) -> None:
        most_nl = self.limits.bolus_max_nl
        if most_nl is not None and volume_nl > most_nl:
            raise self._refusal(f"{what}, {volume_nl / 1e6:.6g} mL, is above bolus_max, {most_nl / 1e6:g} mL")

    def _allow_rate(self, rate_nl_h: float, what: str) -> None:
        most_nl_h = self.limits.rate_max_nl_h
        if most_nl_h is not None and rate_nl_h > most_nl_h:
            raise self._refusal(
                f"{what}, {rate_nl_h / 1e6:.6g} mL/h, is above rate_max, {most_nl_h / 1e6:g} mL/h"
            )

    def _allow_volume(self, volume_nl: float) -> None:
        most_nl = self.limits.volume_max_nl
        if most_nl is None:
            return
        commanded_nl = self._commanded.most_nl  # up to now: it was looked whether it has tripped
        if commanded_nl >= most_nl or commanded_nl + volume_nl > most_nl * OVERRUN:
            raise self._refusal(
                f"with it {(commanded_nl + volume_nl) / 1e6:.6g} mL would be commanded in this run, "
                f"volume_max is {most_nl / 1e6:g} mL"
            )

    def _refusal(self, why: str) -> LimitRefused:
        return LimitRefused(f"refused by the interlock of unit {self.serial}: {why}; nothing was sent")

    def _refuse_if_tripped(self) -> None:
        self.look()
        if self.tripped:
            self._told = True
            raise InterlockTripped(f"{self.tripped}; until the bench is opened anew this unit takes no dose")

    # After a command

    def took(self, prescription: Prescription) -> None:
        """The pump took a program."""
        self._commanded.begin(prescription, self._clock.now_ns())

    def perhaps_took(self, prescription: Prescription) -> None:
        """It is not known whether the pump took it."""
        self._commanded.perhaps(prescription, self._clock.now_ns())

    def took_bolus(self, volume_nl: int, duration_s: float) -> None:
        """A patient, priming or bridge bolus began, or may have: to the least it counts only when it is over."""
        self._commanded.bolus(volume_nl, duration_s, self._clock.now_ns())

    def seen(self, state: PumpState) -> None:
        """A pump that says it stands delivers nothing that was not commanded here."""
        if state.mode == "stop" and not state.running:
            self._commanded.known = True

    def may_have_stopped(self) -> None:
        """The answer to a stop was lost, the pump was reset, its flow diverted or its power cut."""
        self._commanded.may_have_stopped(self._clock.now_ns())

    def took_patient(self, bolus: PatientBolus) -> None:
        """What the patient may ask for from now on; what was allowed before stays counted."""
        self._commanded.most_nl += self._by_button_nl
        self._patient, self._patient_since_ns, self._requested_nl = bolus, self._clock.now_ns(), 0

    def took_request(self, bolus: PatientBolus) -> None:
        """The patient's bolus began at the host's request, or may have."""
        self._requested_nl += bolus.bolus_nl
        self.took_bolus(bolus.bolus_nl, bolus.duration_s)

    @property
    def _by_button_nl(self) -> int:
        """The most that the patient can have drawn beside, by a button of which nothing is heard here."""
        span_ns = self._clock.now_ns() - self._patient_since_ns
        return max(0, patient_allowance_nl(self._patient, span_ns) - self._requested_nl)

    # What passes by

    def weighed(self, reading: MassReading, again: Callable[[], MassReading]) -> None:
        """A balance reading. One that would change something is taken ``again`` first: a touched balance harms nobody.

        Raises InterlockTripped when it trips, or has since the last call.
        """
        self._commanded.advance(self._clock.now_ns())
        if self._anchor is not None and reading.mass_g < self._last_g - EMPTIED_G:
            reading = again()
        if self._anchor is None or reading.mass_g < self._last_g - EMPTIED_G:
            self._weighed_nl += self._since_anchor_nl(self._last_g)
            self._anchor = _Anchor(
                reading.mass_g, self._clock.now_ns(), self._commanded.least_nl, self._commanded.most_nl
            )
        if self._wrong_with(reading.mass_g):
            reading = again()
            if why := self._wrong_with(reading.mass_g):
                self._trip(why)
        self._last_g = reading.mass_g
        self.raise_if_tripped()

    def zeroed(self) -> None:
        """The balance counts from zero."""
        self._weighed_nl += self._since_anchor_nl(self._last_g)
        self._anchor = None

    def look(self) -> None:
        """Trip if more was commanded than the unit may deliver; called whenever something passes, or a second has."""
        most_nl = self.limits.volume_max_nl
        if most_nl is None or self.tripped:
            return
        self._commanded.advance(self._clock.now_ns())
        if self._commanded.most_nl > most_nl * OVERRUN:
            self._trip(
                f"{self._commanded.most_nl / 1e6:.6g} mL were commanded in this run, volume_max is {most_nl / 1e6:g} mL"
            )

    def raise_if_tripped(self) -> None:
        """Raise InterlockTripped, once; afterwards the pump may be asked how it is, and stopped."""
        self.look()
        if self.tripped and not self._told and not self._tripping:
            self._told = True
            raise InterlockTripped(self.tripped)

    def _since_anchor_nl(self, mass_g: float) -> float:
        if self._anchor is None:
            return 0.0
        return (mass_g - self._anchor.mass_g) / self.limits.density_g_ml * 1e6

    def _wrong_with(self, mass_g: float) -> str:
        """What is wrong if the balance is right; "" if nothing is."""
        since_nl, anchor, limits = self._since_anchor_nl(mass_g), self._anchor, self.limits
        if limits.volume_max_nl is not None and self._weighed_nl + since_nl > limits.volume_max_nl * OVERRUN:
            return (
                f"{(self._weighed_nl + since_nl) / 1e6:.6g} mL were weighed in this run, "
                f"volume_max is {limits.volume_max_nl / 1e6:g} mL"
            )
        apart_nl = limits.disagreement_max_nl
        if apart_nl is None or anchor is None or not self._commanded.known:
            return ""
        now_ns = self._clock.now_ns()
        least_nl = self._commanded.least_nl - anchor.least_nl
        most_nl = self._commanded.most_nl - anchor.most_nl
        most_nl += self._by_button_nl
        if least_nl - apart_nl <= since_nl <= most_nl + apart_nl:
            return ""
        commanded = f"{most_nl / 1e6:.6g} mL"
        if round(least_nl) != round(most_nl):
            commanded = f"{least_nl / 1e6:.6g} to {commanded}"
        return (
            f"in {s_from_ns(now_ns - anchor.t_ns):.0f} s {commanded} were commanded and {since_nl / 1e6:.6g} mL "
            f"weighed: further apart than disagreement_max, {apart_nl / 1e6:g} mL"
        )

    def _trip(self, why: str) -> None:
        """The pump first, the words after."""
        if self.tripped:
            return
        self.tripped = f"interlock of unit {self.serial}: {why}"
        self._tripping = True
        try:
            if self.make_safe is not None:
                self.make_safe(self.tripped)
            self.tripped += "; the pump was put in its safe state"
        except RigError as error:
            self.tripped += f"; SAFE STATE NOT CONFIRMED: {error}"
        finally:
            self._tripping = False


class Watchman:
    """In real time, looks after the count of every unit once a second, whatever the plan is doing meanwhile."""

    def __init__(self, interlocks: Sequence[Interlock]) -> None:
        self._interlocks, self._stop = tuple(interlocks), threading.Event()
        self._thread = threading.Thread(target=self._watch, name="interlock", daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(LOOKED_EVERY_S):
            for interlock in self._interlocks:
                with interlock.lock:
                    interlock.look()

    def stop(self) -> None:
        """Look no more; back when it does."""
        self._stop.set()
        self._thread.join()


def _nl(volume_ml: float | None) -> int | None:
    return None if volume_ml is None else nl_from_ml(volume_ml)


def _rate_nl_h(volume_nl: float, duration_s: float) -> float:
    if volume_nl <= 0:
        return 0.0
    return volume_nl * 3600 / duration_s if duration_s > 0 else float("inf")
