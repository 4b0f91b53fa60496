"""Is everything on a bench there, itself, fit, and set as the bench file says? Asks only; moves no fluid."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime
from typing import Literal

from rig.bench.open import InstrumentOnBench, check_instruments, clock_for, open_instrument, simulated_ports
from rig.clock import Clock
from rig.definitions.bench_file import BenchFile
from rig.definitions.instruments import BalanceInstrument, InstrumentFile
from rig.errors import RigError
from rig.readings import MassReading, PumpState

Level = Literal["good", "doubt", "bad"]
CLOCK_OFF_S = 60.0  # a pump's clock further off than this is worth a word
PUMP_EPOCH = datetime(2000, 1, 1)


@dataclass(frozen=True)
class Found:
    """One thing seen of one instrument: what, and whether it is good; ``bad`` would spoil or stop a run."""

    level: Level
    words: str


@dataclass(frozen=True)
class Examined:
    """One instrument: ``owner`` is the unit or "bench"; ``told``: maker, model, serial number and firmware."""

    owner: str
    role: str
    driver: str
    address: str
    told: str
    findings: tuple[Found, ...]

    @property
    def level(self) -> Level:
        """The worst of what was found."""
        return max(
            (found.level for found in self.findings), key=("good", "doubt", "bad").index, default="good"
        )


def examine(bench: BenchFile, now: datetime) -> Iterator[Examined]:
    """Examine every instrument of ``bench``, one after the other, each opened and closed again.

    ``now`` is the local time, for calibrations and the pumps' clocks. What is wrong with one instrument keeps no
    other from being examined. Raises DefinitionError for a bench file that names what does not exist.
    """
    check_instruments(bench)
    clock = clock_for(bench)
    ports = simulated_ports(bench, clock)
    for owner, file in bench.instruments:
        findings: list[Found] = []
        told = ""
        instrument: InstrumentOnBench | None = None
        try:
            instrument = open_instrument(bench, owner, file, clock, ports)
            instrument.identify()
            told = _told(instrument)
            findings += _firmware(instrument)
            findings += _settings(instrument, clock, now)
        except RigError as error:
            told = told or (_told(instrument) if instrument is not None else "")
            findings.append(Found("bad", str(error)))
        finally:
            if instrument is not None:
                instrument.driver.close()
        findings += _calibration(file, now.date())
        yield Examined(owner, file.role, file.driver, file.address, told, tuple(findings))


def _told(instrument: InstrumentOnBench) -> str:
    identity = instrument.identity
    parts = [identity.maker, identity.model, identity.serial, identity.firmware]
    words = ", ".join(part for part in parts if part)
    return f"{words} (simulated)" if instrument.simulated else words


def _firmware(instrument: InstrumentOnBench) -> Iterator[Found]:
    """Against the versions that the driver was tried with, where it names them."""
    tried = getattr(type(instrument.driver), "FIRMWARE", ())
    told = instrument.identity.firmware
    if tried and told not in tried:
        yield Found("doubt", f"firmware {told or 'not told'}: the driver was tried with {', '.join(tried)}")


def _calibration(file: InstrumentFile, today: date) -> Iterator[Found]:
    if file.role in ("pump", "valves"):
        return
    if file.calibrated_until is None:
        yield Found("doubt", "the bench file does not say until when it is calibrated")
    elif file.calibrated_until < today:
        yield Found("bad", f"its calibration expired on {file.calibrated_until}: have it calibrated")
    else:
        days = (file.calibrated_until - today).days
        yield Found(
            "good" if days > 30 else "doubt", f"calibrated until {file.calibrated_until} ({days} days)"
        )


def _settings(instrument: InstrumentOnBench, clock: Clock, now: datetime) -> Iterator[Found]:
    """What it shows now, held against what the bench file states."""
    driver = instrument.driver
    if instrument.file.role == "pump":
        yield from of_pump(driver.interrogate(), clock, now)  # type: ignore[attr-defined]
    elif isinstance(instrument.file, BalanceInstrument):
        yield from _balance(driver.read(), instrument.file)  # type: ignore[attr-defined]
    elif instrument.file.role not in ("flow", "valves"):
        values = driver.read().values  # type: ignore[attr-defined]
        yield Found("good", "shows " + ", ".join(f"{name} {value:.6g}" for name, value in values.items()))


def _balance(reading: MassReading, file: BalanceInstrument) -> Iterator[Found]:
    yield Found("good", f"shows {reading.mass_g:.6g} g, {'stable' if reading.stable else 'not stable'}")
    if reading.digit_g is None:
        return
    if reading.digit_g > file.resolution_g * 1.001:
        told = f"its last digit is {reading.digit_g:g} g, the bench file states a resolution of {file.resolution_g:g} g"
        yield Found("bad", f"{told}: set the balance to all its digits, or mend the bench file")
    elif (
        not math.isclose(reading.digit_g, file.resolution_g, rel_tol=1e-6)
        and file.resolution_g > 5 * reading.digit_g
    ):
        yield Found("doubt", f"its last digit is {reading.digit_g:g} g, finer than the bench file states")


def of_pump(state: PumpState, clock: Clock, now: datetime) -> Iterator[Found]:
    told = f"mode {state.mode}, delivered {state.delivered_nl / 1e6:.6g} mL"
    if state.reservoir_nl is not None:
        told += f", holds {state.reservoir_nl / 1e6:.6g} mL"
    if state.battery_mv is not None:
        told += f", battery {state.battery_mv / 1000:.3f} V"
    yield Found("good", told)
    if state.running:
        yield Found("doubt", f"it is delivering now, {state.rate_nl_h / 1e6:.6g} mL/h")
    for alarm in state.alarms:
        yield Found("bad" if alarm.critical else "doubt", f"alarm {alarm.name} is on")
    if state.clock_s is not None and clock.kind == "wall":
        off_s = state.clock_s - (now - PUMP_EPOCH).total_seconds()
        if abs(off_s) > CLOCK_OFF_S:
            yield Found("doubt", f"its clock is {_span(abs(off_s))} {'ahead' if off_s > 0 else 'behind'}")


def _span(seconds: float) -> str:
    for size, name in ((86400.0, "days"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * size:
            return f"{seconds / size:.1f} {name}"
    return f"{seconds:.0f} s"
