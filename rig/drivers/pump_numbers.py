"""Rates and volumes as pumps of other makers take them: decimal numbers of few digits, with a unit.

A prescription is in whole nl and nl/h. What cannot be told to a pump exactly is refused here, before a byte leaves.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from rig.errors import LimitRefused
from rig.readings import Prescription

S_PER_H = 3600
DURATIONS_S = range(1, 86_401)
NUMBER = re.compile(r"[0-9]+\.?[0-9]*|\.[0-9]+")

Units = Mapping[str, int | Fraction]  # unit as it stands on the wire: nl, or nl/h, in one of it


@dataclass(frozen=True)
class Digits:
    """How numbers of a pump are written: at most ``total`` digits, of which ``decimals`` behind the point."""

    total: int
    decimals: int

    def nearest(self, number: Fraction) -> tuple[str, Fraction] | None:
        """The number nearest to ``number`` that can be written, as text and as value; None if it is too long."""
        places = min(self.decimals, self.total - len(str(int(number))))
        if places < 0:
            return None
        steps = round(number * 10**places)
        whole, rest = divmod(steps, 10**places)
        text = f"{whole}.{rest:0{places}d}".rstrip("0").rstrip(".") if places else str(whole)
        return text, Fraction(steps, 10**places)

    def exactly(self, number: Fraction, units: Units) -> tuple[str, str] | None:
        """Number and unit that are exactly ``number`` nl or nl/h; None if there are none."""
        for unit, size in units.items():
            found = self.nearest(number / size)
            if found is not None and found[1] * size == number:
                return found[0], unit
        return None

    def near(self, number: Fraction, units: Units) -> str:
        """For messages: the number of nl or nl/h nearest to ``number`` that could be told."""
        found = [(self.nearest(number / size), size) for size in units.values()]
        values = [number[1] * size for number, size in found if number is not None and number[1]]
        if not values:
            return "no number is near"
        return f"the nearest possible is {float(min(values, key=lambda value: abs(value - number))):.10g}"


@dataclass(frozen=True)
class Dose:
    """A prescription as a syringe pump holds it: ``rate_nl_h``, and where to stop (``volume_nl``; 0: never).

    ``rate`` and ``volume``: each as (number, unit) for the wire.
    """

    rate_nl_h: Fraction
    volume_nl: Fraction
    rate: tuple[str, str]
    volume: tuple[str, str]


def dose_of(prescription: Prescription, digits: Digits, rates: Units, volumes: Units) -> Dose:
    """Take a prescription apart. Raises LimitRefused: a mode no syringe pump has, or a number it cannot be told."""
    if prescription.mode == "continuous":
        volume_nl, rate_nl_h = Fraction(0), Fraction(prescription.rate_nl_h)
    elif prescription.mode == "bolus":
        if prescription.bolus_duration_s not in DURATIONS_S or prescription.bolus_nl <= 0:
            raise LimitRefused("a bolus has a volume and takes 1 to 86400 s; nothing was sent")
        volume_nl = Fraction(prescription.bolus_nl)
        rate_nl_h = volume_nl * S_PER_H / prescription.bolus_duration_s
    else:
        raise LimitRefused(
            f"this pump has no mode '{prescription.mode}': it delivers continuously or one bolus; nothing was sent"
        )
    if rate_nl_h <= 0:
        raise LimitRefused(f"a rate of {rate_nl_h} nl/h is none; nothing was sent")
    volume = digits.exactly(volume_nl, volumes)
    if volume is None:
        hint = digits.near(volume_nl, volumes)
        raise LimitRefused(f"this pump cannot be told {volume_nl} nl exactly: {hint}; nothing was sent")
    rate = digits.exactly(rate_nl_h, rates)
    if rate is None:
        hint = digits.near(rate_nl_h, rates)
        if volume_nl:
            hint += _duration_near(volume_nl, prescription.bolus_duration_s, digits, rates)
        raise LimitRefused(
            f"this pump cannot be told {float(rate_nl_h):.10g} nl/h exactly: {hint}; nothing was sent"
        )
    return Dose(rate_nl_h, volume_nl, rate, volume)


def _duration_near(volume_nl: Fraction, duration_s: int, digits: Digits, rates: Units) -> str:
    """For messages: the nearest duration in which that bolus can be told, if one is within 10 min."""
    for step_s in range(1, 601):
        for other_s in (duration_s - step_s, duration_s + step_s):
            if other_s in DURATIONS_S and digits.exactly(volume_nl * S_PER_H / other_s, rates):
                return f", or the same bolus in {other_s} s"
    return ""


def prescription_of(rate_nl_h: Fraction, volume_nl: Fraction) -> Prescription:
    """What a pump that holds this rate and this volume (0: no end) delivers, rounded to whole nl, nl/h and s."""
    if volume_nl and rate_nl_h:
        duration_s = round(volume_nl * S_PER_H / rate_nl_h)
        return Prescription("bolus", bolus_nl=round(volume_nl), bolus_duration_s=duration_s)
    return Prescription("continuous", rate_nl_h=round(rate_nl_h))


def parse_quantity(text: str, units: Units) -> Fraction | None:
    """A number and its unit ("20.83 ul/h", "20.83UH"), in nl or nl/h; None for anything else."""
    match = re.fullmatch(r"([0-9.]+) *([^0-9]+)", text)
    if match is None or not NUMBER.fullmatch(match[1]) or match[2] not in units:
        return None
    return Fraction(match[1].rstrip(".")) * units[match[2]]
