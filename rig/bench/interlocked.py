"""Pumps and balances as a bench hands them out: the drivers, with the unit's interlock before them.

A driver that can do more (therapy, refreshing) is handed out as one that can do just that more, so that whoever asks
``isinstance(pump, TherapyPump)`` gets the driver's own answer.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from typing import Any

from rig.bench.interlock import Interlock
from rig.capabilities import Balance, InfusionPump, RefreshedPump, SafetySwitch, TherapyPump, UnitUnderTest
from rig.errors import LimitRefused
from rig.readings import (
    Battery,
    Bridge,
    Identity,
    MassReading,
    PatientBolus,
    PatientBolusReply,
    Prescription,
    PumpEvent,
    PumpLimits,
    PumpState,
)
from rig.safe_state import to_safe_state

STOPPED = Prescription("stop")


class InterlockedPump:
    """An :class:`rig.capabilities.InfusionPump`."""

    def __init__(self, driver: Any, interlock: Interlock) -> None:
        self._driver, self._interlock = driver, interlock

    def identify(self) -> Identity:
        with self._asked() as driver:
            return driver.identify()  # type: ignore[no-any-return]

    def close(self) -> None:
        self._driver.close()

    def limits(self) -> PumpLimits:
        with self._asked() as driver:
            limits: PumpLimits = driver.limits()
            self._interlock.minimum_is(limits.rate_min_nl_h)
            return limits

    def interrogate(self) -> PumpState:
        with self._asked() as driver:
            state: PumpState = driver.interrogate()
            self._interlock.seen(state)
            self._interlock.raise_if_tripped()
            return state

    def program(self, prescription: Prescription) -> None:
        with self._asked() as driver:
            self._interlock.allow(prescription)
            try:
                driver.program(prescription)
            except LimitRefused:
                raise
            except BaseException:
                self._interlock.perhaps_took(prescription)
                raise
            self._interlock.took(prescription)

    def read_back(self) -> Prescription:
        with self._asked() as driver:
            return driver.read_back()  # type: ignore[no-any-return]

    def stop(self, reason: str) -> None:
        with self._asked() as driver:
            try:
                driver.stop(reason)
            except BaseException:
                self._interlock.may_have_stopped()
                raise
            self._interlock.took(STOPPED)

    def events_since(self, number: int) -> list[PumpEvent]:
        with self._asked() as driver:
            return driver.events_since(number)  # type: ignore[no-any-return]

    def set_reservoir(self, volume_nl: int) -> None:
        with self._asked() as driver:
            driver.set_reservoir(volume_nl)

    @contextmanager
    def _asked(self) -> Iterator[Any]:
        """The driver, for one exchange: the watchman may have something to tell the pump, too."""
        with self._interlock.lock:
            yield self._driver


class _Refreshed(InterlockedPump):
    @property
    def refresh_every_s(self) -> float:
        return float(self._driver.refresh_every_s)

    def refresh(self) -> None:
        with self._asked() as driver:
            driver.refresh()


class _Therapy(InterlockedPump):
    def set_patient_bolus(self, bolus: PatientBolus) -> None:
        with self._asked() as driver:
            self._interlock.allow_patient(bolus)
            self._interlock.took_patient(bolus)  # before: it may be heard though the answer is lost
            driver.set_patient_bolus(bolus)

    def patient_bolus(self) -> PatientBolus:
        with self._asked() as driver:
            return driver.patient_bolus()  # type: ignore[no-any-return]

    def request_patient_bolus(self) -> PatientBolusReply:
        """The pump is asked first what would be given: it may have been set by another hand."""
        with self._asked() as driver:
            bolus: PatientBolus = driver.patient_bolus()
            self._interlock.allow_request(bolus)
            try:
                reply: PatientBolusReply = driver.request_patient_bolus()
            except BaseException:
                self._interlock.took_request(bolus)
                self._interlock.may_have_stopped()
                raise
            if not reply.refused:
                self._interlock.took_request(bolus)
            return reply

    def prime(self, volume_nl: int, rate_nl_h: int) -> None:
        with self._asked() as driver:
            self._interlock.allow_prime(volume_nl, rate_nl_h)
            with self._counted(volume_nl, 3600 * volume_nl / rate_nl_h if rate_nl_h else 0.0):
                driver.prime(volume_nl, rate_nl_h)

    def bridge(self, bridge: Bridge) -> None:
        with self._asked() as driver:
            self._interlock.allow_bridge(bridge)
            with self._counted(bridge.residual_nl, bridge.duration_s):
                driver.bridge(bridge)

    def refill(self, volume_nl: int, low_nl: int) -> None:
        with self._asked() as driver:
            driver.refill(volume_nl, low_nl)

    def battery(self) -> Battery:
        with self._asked() as driver:
            return driver.battery()  # type: ignore[no-any-return]

    def clock(self) -> int:
        with self._asked() as driver:
            return driver.clock()  # type: ignore[no-any-return]

    def set_clock(self, clock_s: int) -> None:
        with self._asked() as driver:
            driver.set_clock(clock_s)

    def acknowledge_alarm(self, name: str) -> None:
        with self._asked() as driver:
            driver.acknowledge_alarm(name)

    def sound_alarm(self, critical: bool) -> None:
        with self._asked() as driver:
            driver.sound_alarm(critical)

    def restart(self) -> None:
        with self._asked() as driver:
            self._interlock.may_have_stopped()
            driver.restart()

    @contextmanager
    def _counted(self, volume_nl: int, duration_s: float) -> Iterator[None]:
        """Count a bolus that begins, or may have begun."""
        try:
            yield
        except LimitRefused:
            raise
        except BaseException:
            self._interlock.took_bolus(volume_nl, duration_s)
            self._interlock.may_have_stopped()
            raise
        self._interlock.took_bolus(volume_nl, duration_s)


class _RefreshedTherapy(_Refreshed, _Therapy):
    pass


def interlocked_pump(driver: InfusionPump, interlock: Interlock) -> InfusionPump:
    """The pump with its interlock, able to do just what the driver can."""
    kind: type[InterlockedPump] = InterlockedPump
    match isinstance(driver, RefreshedPump), isinstance(driver, TherapyPump):
        case True, True:
            kind = _RefreshedTherapy
        case True, False:
            kind = _Refreshed
        case False, True:
            kind = _Therapy
    return kind(driver, interlock)


class InterlockedBalance:
    """A :class:`rig.capabilities.Balance` whose readings the interlock sees."""

    def __init__(self, driver: Balance, interlock: Interlock) -> None:
        self._driver, self._interlock = driver, interlock

    def identify(self) -> Identity:
        return self._driver.identify()

    def close(self) -> None:
        self._driver.close()

    def read(self) -> MassReading:
        reading = self._driver.read()
        with self._interlock.lock:
            self._interlock.weighed(reading, self._driver.read)
        return reading

    def zero(self) -> None:
        self._driver.zero()
        with self._interlock.lock:
            self._interlock.zeroed()


class InterlockedSwitch:
    """A :class:`rig.capabilities.SafetySwitch`; once it is switched, what is commanded may no longer be weighed."""

    def __init__(self, switch: SafetySwitch, interlock: Interlock) -> None:
        self._switch, self._interlock = switch, interlock

    def switch(self, safe: bool) -> None:
        with self._interlock.lock:
            self._interlock.may_have_stopped()
            self._switch.switch(safe)


def interlocked(unit: UnitUnderTest, interlock: Interlock) -> UnitUnderTest:
    """The unit with its interlock before pump, balance and safety switch."""
    guarded = replace(
        unit,
        pump=interlocked_pump(unit.pump, interlock),
        balance=None if unit.balance is None else InterlockedBalance(unit.balance, interlock),
        switched=None if unit.switched is None else InterlockedSwitch(unit.switched, interlock),
    )
    interlock.make_safe = partial(to_safe_state, guarded)
    return guarded
