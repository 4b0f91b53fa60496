"""From the record of a case and the bench file to what the analysis of a weighing needs."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from rig.analysis.evaporation import Evaporation, Slope, slope
from rig.analysis.gravimetry import BalanceFigures, Conditions, improbable
from rig.analysis.weighed_difference import Weighing
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.instruments import BalanceInstrument
from rig.errors import DefinitionError
from rig.judge.findings import NS_PER_S, Findings, Flag, Interval, Kind, Value, time_text
from rig.record.case_data import CaseData, Step

Floats = NDArray[np.float64]
NG_PER_G = 1e6  # µg
MEETING_NS = 1000  # times went through seconds
FLOW_WHILE_STOPPED = "flow_while_stopped"
UNSTABLE_SHARE = 0.2  # of the readings of a blank, when nothing flows


class NotMeasuredError(Exception):
    """The record does not hold what a value needs. The text is the reason that a reader is given."""


def weighing_on(unit: UnitFile, bench: BenchFile, reference_temperature_c: float) -> Weighing:
    """How display becomes volume on this bench. Raises NotMeasuredError without a balance."""
    if unit.balance is None:
        raise NotMeasuredError(f"unit {unit.serial} has no balance")
    return Weighing(
        conditions_on(bench, reference_temperature_c),
        figures_of(unit.balance),
        tube_mm=unit.outlet_diameter_mm,
        vessel_mm=unit.vessel_diameter_mm,
        dead_volume_ml=unit.dead_volume_ml,
        dead_volume_swing_k=unit.dead_volume_swing_k,
        evaporation_variation=unit.evaporation_variation_pct / 100,
    )


def conditions_on(bench: BenchFile, reference_temperature_c: float) -> Conditions:
    """Liquid and air as the bench file states them, with their standard uncertainties."""
    return Conditions(
        reference_temperature_c=reference_temperature_c,
        reference_temperature_u_k=bench.fluid_temperature_u_k,
        air_temperature_c=bench.air_temperature_c,
        air_temperature_u_k=bench.air_temperature_u_k,
        air_pressure_hpa=bench.air_pressure_hpa,
        air_pressure_u_hpa=bench.air_pressure_u_hpa,
        air_humidity_pct=bench.air_humidity_pct,
        air_humidity_u_pct=bench.air_humidity_u_pct,
    )


def figures_of(balance: BalanceInstrument) -> BalanceFigures:
    """What data sheet and certificate state of a balance."""
    return BalanceFigures(
        resolution_g=balance.resolution_g,
        repeatability_g=balance.repeatability_g,
        linearity_g=balance.linearity_g,
        drift_24h_g=balance.drift_24h_g,
        sensitivity_ppm=balance.sensitivity_ppm or 0.0,
    )


def the_step(data: CaseData, name: str) -> Step:
    """The step of that name. Raises NotMeasuredError if the case did not come that far."""
    step = data.step(name)
    if step is None:
        raise NotMeasuredError(f"the case did not come to the step '{name}'")
    return step


def readings_in(data: CaseData, step: Step) -> tuple[Floats, Floats, NDArray[np.bool_]]:
    """Balance readings received in a step: s since the run began, g, stable."""
    inside = (data.mass.t_ns >= step.start_ns) & (data.mass.t_ns <= step.end_ns)
    return data.mass.t_ns[inside] / NS_PER_S, data.mass.mass_g[inside], data.mass.stable[inside]


BLANKS = ("blank_before", "blank_after")


def evaporation_of(
    data: CaseData,
    balance: BalanceFigures,
    doubts: Sequence[Interval] = (),
    blanks: tuple[str, str] = BLANKS,
) -> Evaporation:
    """What the two ``blanks`` say, readings in ``doubts`` left out.

    Raises NotMeasuredError if one of them is missing or too short.
    """
    before, after = (_blank(data, name, balance, doubts) for name in blanks)
    return Evaporation(before, after)


def _blank(data: CaseData, name: str, balance: BalanceFigures, doubts: Sequence[Interval]) -> Slope:
    t_s, mass_g, _ = readings_in(data, the_step(data, name))
    kept = ~touched(np.round(t_s * NS_PER_S), np.round(t_s * NS_PER_S), doubts)
    try:
        return slope(t_s[kept], mass_g[kept], balance)
    except DefinitionError as error:
        raise NotMeasuredError(f"the evaporation is not known, {name}: {error.message}") from error


def touched(start_ns: Floats, end_ns: Floats, doubts: Sequence[Interval]) -> NDArray[np.bool_]:
    """Which of the intervals from ``start_ns`` to ``end_ns`` (moments, if equal) overlap one in doubt.

    Two that only meet at their ends do not; a moment belongs to both intervals that it parts.
    """
    found = np.zeros(len(start_ns), dtype=np.bool_)
    for first_ns, last_ns in doubts:
        closed = (start_ns == end_ns) | (first_ns == last_ns)
        meeting_ns = np.where(closed, -MEETING_NS, MEETING_NS)
        found |= (start_ns < last_ns - meeting_ns) & (end_ns > first_ns + meeting_ns)
    return found


def weigh_blanks(
    found: Findings, data: CaseData, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> tuple[Weighing, Evaporation]:
    """How display becomes volume, and what evaporated; into ``found`` the two rates, and what speaks against them.

    Raises NotMeasuredError without a balance, and if a blank is missing or too short.
    """
    weighing = weighing_on(unit, bench, reference_temperature_c)
    evaporation = evaporation_of(data, weighing.balance)
    found.measurements |= blank_measurements(evaporation)
    found.flags += blank_flags(data, evaporation)
    return weighing, evaporation


def blank_measurements(evaporation: Evaporation) -> dict[str, Value]:
    """The two rates of evaporation, in µg/h, with k = 2."""
    return {
        f"evaporation_{when}": Value(
            -blank.rate_g_h * NG_PER_G, "ug/h", 2 * blank.standard_uncertainty_g_h * NG_PER_G, 2.0
        )
        for when, blank in (("before", evaporation.before), ("after", evaporation.after))
    }


def blank_flags(data: CaseData, evaporation: Evaporation, blanks: tuple[str, str] = BLANKS) -> list[Flag]:
    """Blanks whose readings scatter more than the balance should, or were not stable."""
    flags = []
    for name, blank in zip(blanks, (evaporation.before, evaporation.after), strict=True):
        step = the_step(data, name)
        t_s, _, stable = readings_in(data, step)
        flags += _flow_flags(name, blank, step)
        if blank.excess > 1.0:
            flags.append(
                Flag(
                    "balance_noisier_than_stated",
                    f"in {name} the readings scatter {blank.excess:.2g} times more than noise and drift stated "
                    "for the balance explain",
                    step.start_ns,
                    step.end_ns,
                    "the uncertainties of noise, drift and evaporation are enlarged by that factor",
                )
            )
        unstable = int((~stable).sum())
        if unstable > UNSTABLE_SHARE * len(stable):
            flags.append(
                Flag(
                    "unstable_readings",
                    f"in {name}, with the pump stopped, {unstable} of {len(stable)} readings were not stable",
                    step.start_ns,
                    step.end_ns,
                    kind=Kind.MEASUREMENT,
                    within_ns=tuple((int(at), int(at)) for at in np.round(t_s[~stable] * NS_PER_S)),
                )
            )
    return flags


def _flow_flags(name: str, blank: Slope, step: Step) -> list[Flag]:
    """A blank whose weight rises by more than noise and drift explain: nothing evaporates into a vessel."""
    rate_ug_h, u_ug_h = blank.rate_g_h * NG_PER_G, blank.standard_uncertainty_g_h * NG_PER_G
    if rate_ug_h <= 0 or not improbable(rate_ug_h, u_ug_h):
        return []
    words = (
        f"in {name}, with the pump stopped, the weight rises by {rate_ug_h:.3g} ug/h, standard uncertainty "
        f"{u_ug_h:.2g} ug/h: free flow, a siphon, or a balance that drifts more than stated. Taken as evaporation it "
        "is subtracted from what was delivered, so no verdict of this case can be a good one"
    )
    effect = "a fault of the pump: the case fails"
    return [Flag(FLOW_WHILE_STOPPED, words, step.start_ns, step.end_ns, effect, Kind.PUMP)]


def flat_flags(t_s: Floats, mass_g: Floats, expected_g: Floats, figures: BalanceFigures) -> list[Flag]:
    """Where the display stood still although far more than a digit should have flowed in each interval.

    ``expected_g``: change expected in each interval, shape (n - 1,). Two successive intervals without any
    change make a flat line: at rest, noise would still move the last digit.
    """
    still = (np.diff(mass_g) == 0.0) & (np.abs(expected_g) > 10 * figures.reading_g)
    flags, begin = [], 0
    for index, flat in enumerate([*still.tolist(), False]):
        if flat:
            continue
        if index - begin >= 2:
            start_ns, end_ns = round(t_s[begin] * NS_PER_S), round(t_s[index] * NS_PER_S)
            flags.append(
                Flag(
                    "balance_flat",
                    f"the display did not change for {time_text(end_ns - start_ns)}",
                    start_ns,
                    end_ns,
                    kind=Kind.MEASUREMENT,
                )
            )
        begin = index + 1
    return flags
