"""How pumps displace: by rollers, in packets, in strokes, or by a screw that sticks and slips.

All are periodic in the nominal volume that the drive has passed, and exact: the flow behind a tube is the
periodic answer of a first-order lag to a train of pulses of period T. For a rectangle of height A and length d::

    open:   q = A (1 - c exp(-t/tau)),   c = (1 - exp(-(T - d)/tau)) / (1 - exp(-T/tau))
    closed: q = A (1 - exp(-d/tau)) / (1 - exp(-T/tau)) exp(-(t - d)/tau)

and for half a sine the particular solution of the lag, with the exponential that makes it periodic. A drive
that turns back does the mirror image.

Not modelled: a valve that leaks while it is shut, gas pressure that falls as the reservoir empties or the
temperature changes, a check valve that closes late, a worn screw.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from rig.sim.fluid.segment import Floats, Mechanism


@dataclass(frozen=True)
class Peristaltic:
    """A roller pump: flow = rate x (1 + ripple x sin(2 pi v / roller volume)); ``ripple`` is a fraction."""

    ripple: float = 0.0
    roller_volume_nl: float = 1000.0

    @property
    def ripple_nl(self) -> float:
        return abs(self.ripple) * self.roller_volume_nl / math.pi

    def displaced_nl(self, rate_nl_s: float, v0_nl: float, s: Floats) -> Floats:
        k = 2 * math.pi / self.roller_volume_nl
        phase = k * math.fmod(v0_nl, self.roller_volume_nl)
        moved: Floats = rate_nl_s * s
        if not self.ripple:
            return moved
        return moved + self.ripple / k * (math.cos(phase) - np.cos(k * moved + phase))

    def lagged_nl_s(self, rate_nl_s: float, v0_nl: float, tau_s: float, s: Floats) -> Floats:
        k = 2 * math.pi / self.roller_volume_nl
        phase = k * math.fmod(v0_nl, self.roller_volume_nl)
        omega = k * rate_nl_s
        # |1/(1 + i w tau)| and its angle: the ripple comes out smaller and later
        size, late = self.ripple / math.hypot(1.0, omega * tau_s), math.atan(omega * tau_s)
        return np.asarray(rate_nl_s * (1 + size * np.sin(omega * s + (phase - late))), dtype=np.float64)


@dataclass(frozen=True)
class ValveGated:
    """Gas pressure behind a restrictor, and a valve that opens for one packet at a time.

    ``packet_nl`` leaves at ``open_flow_nl_s``, then the valve is shut until the nominal volume has caught up. A
    rate beyond ``open_flow_nl_s`` leaves it open.
    """

    packet_nl: float = 1000.0
    open_flow_nl_s: float = 500.0

    @property
    def ripple_nl(self) -> float:
        return self.packet_nl

    def displaced_nl(self, rate_nl_s: float, v0_nl: float, s: Floats) -> Floats:
        return pulses_nl(self.packet_nl, self._open_part(rate_nl_s), rate_nl_s, v0_nl, s)

    def lagged_nl_s(self, rate_nl_s: float, v0_nl: float, tau_s: float, s: Floats) -> Floats:
        return pulses_nl_s(self.packet_nl, self._open_part(rate_nl_s), rate_nl_s, v0_nl, tau_s, s)

    def _open_part(self, rate_nl_s: float) -> float:
        return min(1.0, abs(rate_nl_s) / self.open_flow_nl_s)


@dataclass(frozen=True)
class LeadScrew:
    """A syringe driven by a screw: steady, but for stiction. ``stiction`` (fraction) of each ``slip_nl`` is held
    back, and comes all at once, within ``slip_part`` of the time, when the plunger lets go.
    """

    stiction: float = 0.02
    slip_nl: float = 500.0
    slip_part: float = 0.05

    @property
    def ripple_nl(self) -> float:
        return self.stiction * self.slip_nl

    def displaced_nl(self, rate_nl_s: float, v0_nl: float, s: Floats) -> Floats:
        slips = pulses_nl(self.slip_nl, self.slip_part, rate_nl_s, v0_nl, s)
        return np.asarray((1 - self.stiction) * rate_nl_s * s + self.stiction * slips, dtype=np.float64)

    def lagged_nl_s(self, rate_nl_s: float, v0_nl: float, tau_s: float, s: Floats) -> Floats:
        slips = pulses_nl_s(self.slip_nl, self.slip_part, rate_nl_s, v0_nl, tau_s, s)
        return np.asarray((1 - self.stiction) * rate_nl_s + self.stiction * slips, dtype=np.float64)


@dataclass(frozen=True)
class Piston:
    """A reciprocating piston: half a sine of flow over ``delivery_part`` of the cycle, none while it refills."""

    stroke_nl: float = 50_000.0
    delivery_part: float = 0.6

    @property
    def ripple_nl(self) -> float:
        return self.stroke_nl

    def displaced_nl(self, rate_nl_s: float, v0_nl: float, s: Floats) -> Floats:
        def left(volume_nl: Floats) -> Floats:
            strokes, part = np.divmod(volume_nl / self.stroke_nl, 1.0)
            swept = (1 - np.cos(math.pi * np.minimum(part / self.delivery_part, 1.0))) / 2
            return np.asarray(self.stroke_nl * (strokes + swept), dtype=np.float64)

        way = math.copysign(1.0, rate_nl_s)
        start = way * v0_nl
        return way * (left(start + abs(rate_nl_s) * s) - left(np.full(1, start)))

    def lagged_nl_s(self, rate_nl_s: float, v0_nl: float, tau_s: float, s: Floats) -> Floats:
        way, rate = math.copysign(1.0, rate_nl_s), abs(rate_nl_s)
        period_s = self.stroke_nl / rate
        delivery_s = self.delivery_part * period_s
        omega = math.pi / delivery_s
        peak = math.pi * self.stroke_nl / (2 * delivery_s)
        since_s = _since_pulse_s(self.stroke_nl, rate, way * v0_nl, s)
        delivers = since_s < delivery_s
        if not tau_s:
            return way * peak * np.where(delivers, np.sin(omega * since_s), 0.0)
        size, late = peak / math.hypot(1.0, omega * tau_s), math.atan(omega * tau_s)
        during, after = math.exp(-delivery_s / tau_s), math.exp(-(period_s - delivery_s) / tau_s)
        end = size * math.sin(late)  # of the particular solution; its beginning is the opposite
        start = after * end * (1 + during) / (1 - during * after)
        last = end + (start + end) * during
        stroke = size * np.sin(omega * since_s - late) + (start + end) * np.exp(-since_s / tau_s)
        return way * np.where(delivers, stroke, last * np.exp(-np.maximum(since_s - delivery_s, 0.0) / tau_s))


@dataclass(frozen=True)
class Partly:
    """Only ``part`` (fraction) of the flow comes as the mechanism makes it, the rest is steady."""

    part: float
    mechanism: Mechanism

    @property
    def ripple_nl(self) -> float:
        return self.part * self.mechanism.ripple_nl

    def displaced_nl(self, rate_nl_s: float, v0_nl: float, s: Floats) -> Floats:
        pulsed = self.mechanism.displaced_nl(rate_nl_s, v0_nl, s)
        return np.asarray((1 - self.part) * rate_nl_s * s + self.part * pulsed, dtype=np.float64)

    def lagged_nl_s(self, rate_nl_s: float, v0_nl: float, tau_s: float, s: Floats) -> Floats:
        pulsed = self.mechanism.lagged_nl_s(rate_nl_s, v0_nl, tau_s, s)
        return np.asarray((1 - self.part) * rate_nl_s + self.part * pulsed, dtype=np.float64)


def mechanism_named(name: str, ripple: float, ripple_nl: float) -> Mechanism:
    """As a pump profile calls it. ``ripple`` (fraction): of a peristaltic pump the amplitude, of the others the
    part of the flow that comes in pulses, of ``ripple_nl`` each (roller, packet, stroke, slip). 0: steady.
    """
    if name == "peristaltic" or not ripple:
        return Peristaltic(ripple, ripple_nl)
    if name == "syringe":
        return LeadScrew(ripple, ripple_nl)
    if name == "piston":
        return Partly(ripple, Piston(ripple_nl))
    return Partly(ripple, ValveGated(ripple_nl))  # valve, gas


def pulses_nl(pulse_nl: float, open_part: float, rate_nl_s: float, v0_nl: float, s: Floats) -> Floats:
    """Volume of rectangular pulses of ``pulse_nl``, each at the beginning of its period, ``open_part`` long."""

    def left(volume_nl: Floats) -> Floats:
        pulses, part = np.divmod(volume_nl / pulse_nl, 1.0)
        return np.asarray(pulse_nl * (pulses + np.minimum(part / open_part, 1.0)), dtype=np.float64)

    way = math.copysign(1.0, rate_nl_s)
    start = way * v0_nl
    return way * (left(start + abs(rate_nl_s) * s) - left(np.full(1, start)))


def pulses_nl_s(
    pulse_nl: float, open_part: float, rate_nl_s: float, v0_nl: float, tau_s: float, s: Floats
) -> Floats:
    """Flow of the same behind a lag of ``tau_s``, periodic."""
    way, rate = math.copysign(1.0, rate_nl_s), abs(rate_nl_s)
    period_s = pulse_nl / rate
    open_s, height = open_part * period_s, rate / open_part
    since_s = _since_pulse_s(pulse_nl, rate, way * v0_nl, s)
    is_open = since_s < open_s
    if not tau_s:
        return way * np.where(is_open, height, 0.0)
    whole = -math.expm1(-period_s / tau_s)
    lacking = -math.expm1(-(period_s - open_s) / tau_s) / whole
    last = -math.expm1(-open_s / tau_s) / whole
    opened = 1 - lacking * np.exp(-since_s / tau_s)
    return way * height * np.where(is_open, opened, last * np.exp(-np.maximum(since_s - open_s, 0.0) / tau_s))


def _since_pulse_s(pulse_nl: float, rate_nl_s: float, start_nl: float, s: Floats) -> Floats:
    part = np.mod((start_nl + rate_nl_s * s) / pulse_nl, 1.0)
    return np.asarray(part * (pulse_nl / rate_nl_s), dtype=np.float64)
