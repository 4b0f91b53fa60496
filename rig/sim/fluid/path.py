"""The fluid of one unit, from the reservoir to the vessel on the balance, in closed form.

::

    reservoir -> pump mechanism -> elastic tube -> flow sensor -> immersed outlet -> vessel -> evaporation

The history is a list of segments in which every set value is constant; within one, cumulative volume and
flow at any time are exact, so that a device may ask for any array of times, as late as it likes, and no
step size exists.

* Mechanism: flow at the pump = (1 + rate_error + wear) x rate x (1 + ripple of the mechanism) + free flow.
  Wear grows with the volume that the drive has passed (a tube that gets softer or stiffer by use).
* Tube: first-order lag, tau dq/dt = q_pump - q. It stores tau x q, hence out = in - tau x q exactly.
  While its outlet is closed it stores all that comes; what is stored leaves with the same lag afterwards.
* Pressure in the tube, against air: what it stores / its compliance, and what stands against its end.
* Dead volume: what is in pump and tube expands with its temperature and pushes that much more out.
* Mass: volume at the pump x density of water at the pump's temperature; what leaves the tube is weighed, but for what
  leaks out of the catheter before the vessel.
* Surroundings: back pressure, warmth and thinner air around the pump change the rate by ``per_kpa``, ``per_k`` and
  ``per_thinner_air_kpa`` (fractions).
* Reservoir: when what is really in it has gone, nothing comes any more, whatever the pump believes.

Not modelled: change of density with the temperature swing, dissolved gas, the way back pressure builds up, how long the
pump takes to warm, the dead volume between sensor and outlet (nor does the sensor see the expansion of any), drops.
Free flow stops while the outlet is closed.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike

from rig.sim.fluid.densities import water_density_g_ml
from rig.sim.fluid.history import FluidHistory
from rig.sim.fluid.segment import Floats, Mechanism, Segment
from rig.sim.wire.line import NS_PER_S, WorldClock

NL_PER_ML = 1e6
S_PER_H = 3600.0
DAY_S = 86_400.0


@dataclass(frozen=True)
class VesselPiece:
    """From ``start_ns`` on, each nanolitre that leaves the tube brings ``g_nl`` to the vessel."""

    start_ns: int
    delivered_nl: float
    vessel_g: float
    g_nl: float

    def mass_g(self, delivered_nl: Floats) -> Floats:
        return self.vessel_g + (delivered_nl - self.delivered_nl) * self.g_nl


class FluidPath:
    """One unit's fluid. Times asked for are arrays of ns on the clock; answers are equally long arrays.

    Settable at any time, effective from now on: ``rate_error`` (fraction), ``wear_per_ml`` (fraction of the rate
    gained with each mL that the drive passes from then on; negative: lost), ``compliance_time_s``, ``free_flow_nl_h``
    (siphon or leak past the rollers), ``mechanism``, ``outlet_closed``, ``back_pressure_kpa``, ``leak`` (fraction lost
    between sensor and vessel; 1: disconnected), ``thinner_air_kpa`` (by how much the air around the pump is below the
    room's), and by :meth:`warm_to` the temperature. Plain: ``compliance_nl_kpa``, ``per_kpa``, ``per_k``,
    ``per_thinner_air_kpa``, ``siphon_nl_h_kpa`` (flows past the drive by its head, either way), ``unusable_nl`` (of a
    filling: the drive does not get it out), ``outlet_moved`` (called when the outlet was closed or opened),
    ``evaporation_g_h``, ``evaporation_variation`` (fraction, one sine every ``evaporation_period_s``),
    ``temperature_c``, ``temperature_swing_k`` (amplitude, one sine every ``temperature_period_s``),
    ``dead_volume_nl`` (fluid that follows that temperature), and the phases of the sines: to be set before the start.
    """

    def __init__(
        self,
        clock: WorldClock,
        mechanism: Mechanism,
        *,
        rate_error: float = 0.0,
        compliance_time_s: float = 0.0,
        reservoir_nl: float = math.inf,
        temperature_c: float = 20.0,
        temperature_swing_k: float = 0.0,
        evaporation_g_h: float = 0.0,
        evaporation_variation: float = 0.05,
        day_phase_rad: float = 0.0,
    ) -> None:
        self.clock = clock
        self.temperature_c, self.temperature_swing_k = temperature_c, temperature_swing_k
        self.evaporation_g_h, self.evaporation_variation = evaporation_g_h, evaporation_variation
        self.day_phase_rad = day_phase_rad
        self.temperature_phase_rad = day_phase_rad
        self.evaporation_period_s = self.temperature_period_s = DAY_S
        self.dead_volume_nl = 0.0
        self._mechanism, self._rate_nl_s = mechanism, 0.0
        self._rate_error, self._tau_s, self._free_nl_s = rate_error, compliance_time_s, 0.0
        self._wear_per_nl, self._wear_from_nl = 0.0, 0.0
        self._outlet_closed, self.compliance_nl_kpa = False, 1000.0
        self.outlet_moved: list[Callable[[], None]] = []
        self.per_kpa = self.per_k = self._back_kpa = self._warmed_k = self._leak = 0.0
        self.per_thinner_air_kpa = self._thinner_air_kpa = 0.0
        self.siphon_nl_h_kpa = self.unusable_nl = 0.0
        self._vessel: list[VesselPiece] = []  # since something about what arrives there was changed
        first = Segment(clock.now_ns(), mechanism, 0.0, 1.0, 0.0, 0.0, compliance_time_s, 0.0, 0.0, 0.0, 0.0)
        self._history = FluidHistory(first, reservoir_nl)
        self.changes = 0  # how often anything was set that flow or temperature follow from

    # What is set

    @property
    def rate_nl_h(self) -> float:
        """What the drive turns at."""
        return self._rate_nl_s * S_PER_H

    def drive(self, rate_nl_s: float) -> None:
        """Turn the drive at this nominal rate from now on."""
        if rate_nl_s != self._rate_nl_s:
            self._rate_nl_s = rate_nl_s
            self._begin_segment()

    @property
    def rate_error(self) -> float:
        return self._rate_error

    @rate_error.setter
    def rate_error(self, fraction: float) -> None:
        self._rate_error = fraction
        self._begin_segment()

    @property
    def wear_per_ml(self) -> float:
        return self._wear_per_nl * NL_PER_ML

    @wear_per_ml.setter
    def wear_per_ml(self, fraction: float) -> None:
        now = self._begin_segment()  # what is worn by now stays
        self._rate_error += self._wear_per_nl * (now.v0_nl - self._wear_from_nl)
        self._wear_per_nl, self._wear_from_nl = fraction / NL_PER_ML, now.v0_nl
        self._begin_segment()

    @property
    def compliance_time_s(self) -> float:
        return self._tau_s

    @compliance_time_s.setter
    def compliance_time_s(self, tau_s: float) -> None:
        self._tau_s = tau_s
        self._begin_segment()

    @property
    def free_flow_nl_h(self) -> float:
        return self._free_nl_s * S_PER_H

    @free_flow_nl_h.setter
    def free_flow_nl_h(self, flow_nl_h: float) -> None:
        self._free_nl_s = flow_nl_h / S_PER_H
        self._begin_segment()

    @property
    def outlet_closed(self) -> bool:
        return self._outlet_closed

    @outlet_closed.setter
    def outlet_closed(self, closed: bool) -> None:
        self._outlet_closed = closed
        self._begin_segment()
        for told in self.outlet_moved:
            told()

    @property
    def back_pressure_kpa(self) -> float:
        return self._back_kpa

    @back_pressure_kpa.setter
    def back_pressure_kpa(self, pressure_kpa: float) -> None:
        self._back_kpa = pressure_kpa
        self._begin_segment()

    @property
    def thinner_air_kpa(self) -> float:
        return self._thinner_air_kpa

    @thinner_air_kpa.setter
    def thinner_air_kpa(self, below_kpa: float) -> None:
        self._thinner_air_kpa = below_kpa
        self._begin_segment()

    @property
    def leak(self) -> float:
        return self._leak

    @leak.setter
    def leak(self, fraction: float) -> None:
        self._arrives(self.temperature_c, fraction)

    def warm_to(self, temperature_c: float) -> None:
        """The pump and what is in it are at this temperature from now on."""
        self._warmed_k += temperature_c - self.temperature_c
        self._arrives(temperature_c, self._leak)
        self._begin_segment()

    def _arrives(self, temperature_c: float, leak: float) -> None:
        """So warm, and but for this part, the fluid reaches the vessel from now on."""
        now_ns = self.clock.now_ns()
        delivered_nl, vessel_g = float(self.delivered_nl([now_ns])[0]), float(self.delivered_g([now_ns])[0])
        if not self._vessel:
            self._vessel.append(VesselPiece(0, 0.0, 0.0, self.density_g_ml / NL_PER_ML))
        self.temperature_c, self._leak = temperature_c, leak
        g_nl = self.density_g_ml * (1 - leak) / NL_PER_ML
        self._vessel.append(VesselPiece(now_ns, delivered_nl, vessel_g, g_nl))

    @property
    def mechanism(self) -> Mechanism:
        return self._mechanism

    @mechanism.setter
    def mechanism(self, mechanism: Mechanism) -> None:
        self._mechanism = mechanism
        self._begin_segment()

    @property
    def reservoir_nl(self) -> float:
        """What is really left; setting it is a refill."""
        now = np.array([self.clock.now_ns()])
        return float(self._history.dry_at_nl - self.displaced_nl(now)[0])

    @reservoir_nl.setter
    def reservoir_nl(self, volume_nl: float) -> None:
        now = np.array([self.clock.now_ns()])
        self._history.dry_at_nl = float(self.displaced_nl(now)[0]) + volume_nl - self.unusable_nl
        self._begin_segment()

    # What comes of it

    def displaced_nl(self, t_ns: ArrayLike) -> Floats:
        """Volume that left the pump until each time, in nl."""
        return self._history.ask(t_ns, Segment.displaced_nl)

    def delivered_nl(self, t_ns: ArrayLike) -> Floats:
        """Volume that left the tube until each time, in nl at the pump's temperature."""
        out = self._history.ask(t_ns, Segment.delivered_nl)
        return out + self.expanded_nl(t_ns) if self.dead_volume_nl else out

    def expanded_nl(self, t_ns: ArrayLike) -> Floats:
        """What the dead volume pushed out since time zero because it warmed; negative if it cooled."""
        now, first = self.temperature_at_c(np.atleast_1d(t_ns)), self.temperature_at_c(np.zeros(1))
        return self.dead_volume_nl * (water_density_g_ml(first) / water_density_g_ml(now) - 1)

    def flow_nl_s(self, t_ns: ArrayLike) -> Floats:
        """Flow behind the tube, where the sensor is, in nl/s."""
        return self._history.ask(t_ns, Segment.flow_nl_s)

    def pressure_kpa(self, t_ns: ArrayLike) -> Floats:
        """In the tube, against air."""
        stored_nl = self.displaced_nl(t_ns) - self._history.ask(t_ns, Segment.delivered_nl)
        return stored_nl / self.compliance_nl_kpa + self._back_kpa

    @property
    def density_g_ml(self) -> float:
        return water_density_g_ml(self.temperature_c)

    def delivered_g(self, t_ns: ArrayLike) -> Floats:
        """What has reached the vessel."""
        volume_nl = self.delivered_nl(t_ns)
        if not self._vessel:
            return volume_nl * (self.density_g_ml / NL_PER_ML)
        t = np.atleast_1d(np.asarray(t_ns, dtype=np.int64))
        found = self._vessel[0].mass_g(volume_nl)
        for piece in self._vessel:
            found = np.where(t >= piece.start_ns, piece.mass_g(volume_nl), found)
        return np.asarray(found, dtype=np.float64)

    def evaporated_g(self, t_ns: ArrayLike) -> Floats:
        """Integral of evaporation x (1 + variation x sine) from time zero."""
        s = np.asarray(t_ns, dtype=np.int64) / NS_PER_S
        omega, phase = 2 * math.pi / self.evaporation_period_s, self.day_phase_rad
        wave = self.evaporation_variation / omega * (math.cos(phase) - np.cos(omega * s + phase))
        return np.asarray(self.evaporation_g_h / S_PER_H * (s + wave), dtype=np.float64)

    def vessel_g(self, t_ns: ArrayLike) -> Floats:
        """True change of mass in the vessel since time zero, in g."""
        return self.delivered_g(t_ns) - self.evaporated_g(t_ns)

    def temperature_at_c(self, t_ns: ArrayLike) -> Floats:
        s = np.asarray(t_ns, dtype=np.int64) / NS_PER_S
        wave = np.sin(2 * math.pi / self.temperature_period_s * s + self.temperature_phase_rad)
        return np.asarray(self.temperature_c + self.temperature_swing_k * wave, dtype=np.float64)

    def _begin_segment(self) -> Segment:
        """Carry the state over to a new segment that begins now."""
        self.changes += 1
        now_ns = self.clock.now_ns()
        before = self._history.at(now_ns)
        passed_nl = before.passed_nl((now_ns - before.start_ns) / NS_PER_S)
        worn = self._wear_per_nl * (passed_nl - self._wear_from_nl)
        around = self.per_k * self._warmed_k - self.per_kpa * self._back_kpa
        around += self.per_thinner_air_kpa * self._thinner_air_kpa
        free_nl_s = self._free_nl_s - self.siphon_nl_h_kpa / S_PER_H * self._back_kpa
        now = replace(
            before,
            start_ns=now_ns,
            mechanism=self._mechanism,
            rate_nl_s=self._rate_nl_s,
            gain=1 + self._rate_error + worn + around,
            wear_per_nl=self._wear_per_nl,
            free_nl_s=0.0 if self._outlet_closed else free_nl_s,
            tau_s=self._tau_s,
            closed=self._outlet_closed,
        )
        return self._history.begin(now)
