"""Sample intervals, periods and observation windows that the standard has for each class of pump.

Source: IEC 60601-2-24:1998, clause 50, and IEC 60601-2-24:2012, 201.12.1.102 to 201.12.1.106. Implantable pumps are
excluded from it, and ISO 14708-4 leaves the method to the maker: there a plan states all but the windows itself. Every
figure is a default that a plan may replace.
"""

from __future__ import annotations

from dataclasses import dataclass

MIN_S, H_S = 60.0, 3600.0


@dataclass(frozen=True)
class FlowPreset:
    """How one edition of the standard tests one class of pump. All in s; None is for the plan to state.

    ``settle_s`` after the start period A begins, ``period_s`` long; period B is as long, and ends
    when the set has to be changed.
    """

    name: str
    edition: int | None
    sample_every_s: float | None
    settle_s: float | None
    period_s: float | None
    windows_s: tuple[float, ...]
    has_period_b: bool


def _minutes(*minutes: float) -> tuple[float, ...]:
    return tuple(MIN_S * value for value in minutes)


VOLUMETRIC_1998 = FlowPreset(
    "volumetric or syringe", 1998, 0.5 * MIN_S, H_S, H_S, _minutes(2, 5, 11, 19, 31), True
)
VOLUMETRIC_2012 = FlowPreset(
    "volumetric or syringe", 2012, 0.5 * MIN_S, H_S, H_S, _minutes(1, 2, 5, 11, 19, 31), True
)
_AMBULATORY_WINDOWS_S = _minutes(15, 60, 150, 330, 570, 930)
AMBULATORY_1998 = FlowPreset("ambulatory", 1998, 15 * MIN_S, 24 * H_S, 25 * H_S, _AMBULATORY_WINDOWS_S, False)
AMBULATORY_2012 = FlowPreset("ambulatory", 2012, 15 * MIN_S, 24 * H_S, 25 * H_S, _AMBULATORY_WINDOWS_S, False)
IMPLANTABLE = FlowPreset("implantable", None, None, None, None, _AMBULATORY_WINDOWS_S, False)

PRESETS = (VOLUMETRIC_2012, VOLUMETRIC_1998, AMBULATORY_2012, AMBULATORY_1998, IMPLANTABLE)
