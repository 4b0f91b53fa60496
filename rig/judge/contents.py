"""What is left in a reservoir by weighing: what was filled in, less what was delivered since."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from rig.analysis.delivery import delivery_error
from rig.analysis.drug_dose import volume_budget
from rig.analysis.evaporation import Evaporation
from rig.analysis.uncertainty import Budget, Component
from rig.analysis.weighed_difference import Difference, Weighing, delivered_ml
from rig.judge.findings import NS_PER_S, Interval

FLOWING_SHARE = 0.5  # of the set rate: an interval with less is one without flow


@dataclass(frozen=True)
class Contents:
    """Readings of one filling (ns, g), from the first, when all of it was there. Volumes in mL, the rate in mL/h."""

    t_ns: NDArray[np.int64]
    mass_g: NDArray[np.float64]
    evaporation: Evaporation
    weighing: Weighing
    rate_ml_h: float
    fill_ml: float
    fill_u_ml: float

    def nearest(self, t_ns: int) -> int:
        """Place of the reading nearest to an instant."""
        return int(np.argmin(np.abs(self.t_ns - t_ns)))

    def delivered_ml(self, place: int) -> float:
        """Volume delivered up to a reading."""
        return delivered_ml(self._since_first(place), self.evaporation, self.weighing)

    def left(self, t_ns: int) -> Budget:
        """Volume that is left at an instant, with its budget: the reading nearest to it, the set rate in between."""
        place = max(self.nearest(t_ns), 1)
        since = self._since_first(place)
        seconds = since.evaporating_s
        programmed_ml = self.rate_ml_h * seconds / 3600
        volume = volume_budget(
            delivery_error(since, programmed_ml, self.evaporation, self.weighing), programmed_ml
        )
        apart_ml = self.rate_ml_h * (t_ns - int(self.t_ns[place])) / NS_PER_S / 3600
        filled = Component("filled volume", "stated in the plan", self.fill_ml, "mL", self.fill_u_ml)
        moved = Component(
            "from the reading to the instant",
            "the set rate in between, half of it either way",
            apart_ml,
            "mL",
            abs(apart_ml) / 2 / 3**0.5,
            distribution="rectangular",
        )
        components = tuple(replace(item, sensitivity=-item.sensitivity) for item in volume.components)
        value_ml = self.fill_ml - volume.value - apart_ml
        return Budget(value_ml, "mL", (filled, moved, *components))

    @property
    def flow_end(self) -> int | None:
        """Place of the last reading up to which liquid flowed; None if it did so up to the last."""
        flows = np.diff(self.mass_g) * self.weighing.volume_per_display_ml_g
        due = self.rate_ml_h * np.diff(self.t_ns) / NS_PER_S / 3600
        flowing = np.flatnonzero(flows > FLOWING_SHARE * due)
        last = int(flowing[-1]) + 1 if len(flowing) else 0
        return None if last == len(self.t_ns) - 1 else last

    def seconds_around(self, t_ns: int) -> float:
        """The longer of the times from the reading nearest to an instant to the one before and to the one after."""
        place = self.nearest(t_ns)
        return float(np.max(np.diff(self.t_ns[max(place - 1, 0) : place + 2]))) / NS_PER_S

    def at_set_rate_in(self, gaps: Sequence[Interval]) -> Contents:
        """As if in the gaps, seen by nobody, just the set rate had flowed; nothing, once the reservoir was empty."""
        mass_g, end = self.mass_g.copy(), self.flow_end
        for start_ns, end_ns in gaps:
            before = int(np.searchsorted(self.t_ns, start_ns, "right")) - 1
            after = int(np.searchsorted(self.t_ns, end_ns, "left"))
            if before < 0 or after >= len(mass_g):
                continue
            hours = float(self.t_ns[after] - self.t_ns[before]) / NS_PER_S / 3600
            middle_s = float(self.t_ns[after] + self.t_ns[before]) / 2 / NS_PER_S
            due_ml = 0.0 if end is not None and before >= end else self.rate_ml_h * hours
            due_g = due_ml / self.weighing.volume_per_display_ml_g
            due_g -= float(self.evaporation.rate_g_h(middle_s)) * hours
            mass_g[after:] += mass_g[before] + due_g - mass_g[after]
        return replace(self, mass_g=mass_g)

    def _since_first(self, place: int) -> Difference:
        return Difference.between(
            float(self.mass_g[0]),
            float(self.mass_g[place]),
            int(self.t_ns[0]) / NS_PER_S,
            int(self.t_ns[place]) / NS_PER_S,
        )
