"""The physical flow sensor under any protocol: the flow behind the tube as its cell sees it.

NOT modelled: the cell's own averaging and delay (a sample is the flow at its moment), its gain error unless
set (``gain_error``), heating.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from rig.sim.fluid.path import FluidPath
from rig.sim.wire.line import WorldClock

T = TypeVar("T")


class Shaping(Generic[T]):
    """An attribute of the sensor that shapes samples: those taken before it is set stay as they were."""

    def __init__(self, default: T) -> None:
        self._default, self._slot = default, ""

    def __set_name__(self, owner: type, name: str) -> None:
        self._slot = f"_{name}"

    def __get__(self, sensor: PhysicalFlowSensor, owner: type) -> T:
        value: T = sensor.__dict__.get(self._slot, self._default)
        return value

    def __set__(self, sensor: PhysicalFlowSensor, value: T) -> None:
        sensor.catch_up()
        sensor.forget_foreseen()
        sensor.__dict__[self._slot] = value


class PhysicalFlowSensor:
    """A flow sensor without its protocol.

    ``noise_nl_min``, ``offset_nl_min``, ``gain_error``, ``air``, ``air_blinds``, ``stuck`` and ``limit_nl_min``
    hold for the samples taken after they are set.
    """

    noise_nl_min = Shaping(0.0)
    offset_nl_min = Shaping(0.0)
    gain_error = Shaping(0.0)
    limit_nl_min = Shaping(32_000.0)
    air = Shaping(False)
    air_blinds = Shaping(True)  # no flow is seen while air is in line
    stuck = Shaping(False)

    def __init__(self, clock: WorldClock, fluid: FluidPath, random: np.random.Generator) -> None:
        self.clock, self.fluid = clock, fluid
        self._random = random
        self._frozen: float | None = None

    def catch_up(self) -> None:
        """Take all samples due by now. A sensor that measures only when it is asked has none."""

    def forget_foreseen(self) -> None:
        """Samples not yet due will be others than was foreseen."""

    def seen_nl_min(
        self, t_ns: NDArray[np.int64], limit_nl_min: float
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """Samples at these times, and which of them are beyond ``limit_nl_min`` (they are cut off there)."""
        flow = self.fluid.flow_nl_s(t_ns) * (60 * (1 + self.gain_error))
        if self.offset_nl_min:
            flow += self.offset_nl_min
        if self.noise_nl_min:
            flow += self.noise_nl_min * self._random.standard_normal(len(t_ns))
        if self.air and self.air_blinds:
            flow[:] = 0.0
        is_high = np.abs(flow) >= limit_nl_min
        seen = np.clip(flow, -limit_nl_min, limit_nl_min) if is_high.any() else flow
        if self.stuck:
            self._frozen = float(seen[0]) if self._frozen is None else self._frozen
            seen[:] = self._frozen
        else:
            self._frozen = None
        return seen, is_high


class Foreseen:
    """Samples seen together though not all are due yet: one call of numpy for many, as long as nothing changes.

    ``rows`` are flow, temperature and flags, each sample 6 bytes big-endian once it is taken; ``changes`` of the fluid
    and ``before``, the state of the noise, are as they were before the first.
    """

    def __init__(self, rows: NDArray[np.int16], changes: int, before: Mapping[str, Any]) -> None:
        self._data = rows.astype(">i2").tobytes()
        self._sums = [0, *rows[:, 0].cumsum(dtype=np.int64).tolist()]
        self.changes, self.before = changes, before
        self.due, self.left = 0, len(rows)

    def take(self, count: int) -> tuple[bytes, int]:
        """The next ones, ``count`` if there are so many, and the sum of their flow."""
        first, end = self.due, self.due + min(count, self.left)
        self.due, self.left = end, self.left - (end - first)
        return self._data[6 * first : 6 * end], self._sums[end] - self._sums[first]
