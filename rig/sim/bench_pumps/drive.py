"""The body of a simulated bench infusion pump: a motor that pushes fluid, and what it believes to have pushed.

One for all protocols: a device tells it rate, direction and target; it drives the FluidPath, keeps its own count
and says what happened: "target", "stall", "occlusion", "near_end" or "end". Its count is of nominal volume: what
really flows has the rate error, the ripple and the tube of the FluidPath. A syringe's plunger moves with the nominal
volume, too.

A pump that measures the force on its plunger alarms when the tube, closed further down, holds ``occlusion_kpa``.

Faults, settable at any time: ``jammed`` (the motor is held: nothing flows, the count goes on until the pump
notices), ``occluded`` (the line is shut: what is pushed is stored in it, and comes out as a bolus when it opens
again; what is drawn likewise), ``silent`` (stall, occlusion, near end and end are never noticed),
``counter_stuck``.

Not modelled: the pressure behind ``occluded`` (only the volume that raises it to the alarm), acceleration of the motor,
missed steps, play between screw and plunger.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rig.sim.fluid.path import S_PER_H, FluidPath
from rig.sim.wire.line import NS_PER_S, WorldClock

INFUSE, WITHDRAW = 1, -1
# The pressure in a closed tube rises faster or slower than the drive believes: looked at before it would be there.
LOOKED_AGAIN_AT, LOOKED_AGAIN_AFTER_S = 0.9, 0.05


def barrel_nl_mm(diameter_mm: float) -> float:
    """Volume of one mm of a syringe's barrel; 1 mm³ is 1 µl."""
    return math.pi / 4 * diameter_mm**2 * 1000


class InfusionDrive:
    """Rates in nl/h, volumes in nl. ``happened`` is told each happening, after the drive has stopped by it (only
    near_end lets it go on).

    Plain attributes: ``happened``; ``detection_s`` from a held motor to the stall; ``occlusion_nl`` stored until
    the occlusion is noticed; ``occlusion_kpa`` in the tube at which it is (inf: never); ``release_s`` in which it
    comes out; ``near_end_nl``; ``diameter_mm``.
    """

    def __init__(
        self,
        clock: WorldClock,
        fluid: FluidPath,
        *,
        capacity_nl: float = math.inf,
        diameter_mm: float = 26.59,
    ) -> None:
        self.clock, self.fluid = clock, fluid
        self.happened: Callable[[str], None] = lambda _what: None
        self.diameter_mm = diameter_mm
        self.capacity_nl = self.left_nl = capacity_nl  # of the syringe, and what the plunger has still to go
        self.near_end_nl = 0.0
        self.detection_s, self.occlusion_nl, self.release_s = 0.5, 100_000.0, 1.0
        self.occlusion_kpa = math.inf
        self.silent = False
        self.way = INFUSE
        self.rate_nl_h = 0.0  # 0: it stands still
        self._counter_stuck = self._jammed = self._occluded = False
        self._counted = {INFUSE: 0.0, WITHDRAW: 0.0}
        self._to_go_nl = math.inf
        self._since_ns = clock.now_ns()
        self._held_since_ns: int | None = None
        self._stored_nl = self._released_nl_s = 0.0
        self._was_near_end = False
        self._course = 0  # number of the present look ahead
        fluid.outlet_moved.append(self._outlet_moved)

    # What the pump asks of it

    @property
    def runs(self) -> bool:
        return self.rate_nl_h > 0

    def run(self, rate_nl_h: float, way: int = INFUSE, volume_nl: float = math.inf) -> None:
        """Push (or draw) at this rate from now on, until stopped or until ``volume_nl`` more are counted."""
        self._settle()
        self.rate_nl_h, self.way, self._to_go_nl = rate_nl_h, way, volume_nl
        self._go_on()

    def change_rate(self, rate_nl_h: float) -> None:
        """Another rate, same way, same target."""
        self._settle()
        self.rate_nl_h = rate_nl_h
        self._go_on()

    def stop(self) -> None:
        self._settle()
        self.rate_nl_h = 0.0
        self._go_on()

    @property
    def to_go_nl(self) -> float:
        """What is left to the target; infinite without one."""
        self._settle()
        return self._to_go_nl

    @property
    def infused_nl(self) -> float:
        """By its own count."""
        self._settle()
        return self._counted[INFUSE]

    @property
    def withdrawn_nl(self) -> float:
        self._settle()
        return self._counted[WITHDRAW]

    def clear(self, *ways: int) -> None:
        """Count from zero again."""
        self._settle()
        for way in ways or (INFUSE, WITHDRAW):
            self._counted[way] = 0.0

    def load(self, volume_nl: float) -> None:
        """A new syringe (or bag) with this in it; the FluidPath has to be filled as well."""
        self._settle()
        self.capacity_nl = self.left_nl = volume_nl
        self._was_near_end = False
        self._go_on()

    def barrel_nl_h(self, mm_h: float) -> float:
        """The rate at which the plunger moves as fast as this."""
        return barrel_nl_mm(self.diameter_mm) * mm_h

    # Faults

    @property
    def counter_stuck(self) -> bool:
        return self._counter_stuck

    @counter_stuck.setter
    def counter_stuck(self, stuck: bool) -> None:
        self._settle()
        self._counter_stuck = stuck

    @property
    def jammed(self) -> bool:
        return self._jammed

    @jammed.setter
    def jammed(self, jammed: bool) -> None:
        self._settle()
        self._jammed = jammed
        self._go_on()

    @property
    def occluded(self) -> bool:
        return self._occluded

    @occluded.setter
    def occluded(self, occluded: bool) -> None:
        self._settle()
        if self._occluded and not occluded and self._stored_nl:
            self._release()
        self._occluded = occluded
        self._go_on()

    def jam_at(self, at_ns: int, for_ns: int | None = None) -> None:
        """Hold the motor from then on, for so long or for good."""
        self.clock.call_at(at_ns, lambda: setattr(self, "jammed", True))
        if for_ns is not None:
            self.clock.call_at(at_ns + for_ns, lambda: setattr(self, "jammed", False))

    # The course of it

    @property
    def _at_the_stop(self) -> bool:
        return self.left_nl <= 0 if self.way == INFUSE else self.left_nl >= self.capacity_nl

    @property
    def _is_held(self) -> bool:
        return self._jammed or self._at_the_stop

    @property
    def _feels_pressure(self) -> bool:
        closed = self.fluid.outlet_closed and not self.silent and self.way == INFUSE
        return closed and math.isfinite(self.occlusion_kpa)

    @property
    def _to_occlusion_nl(self) -> float:
        pressure_kpa = float(self.fluid.pressure_kpa([self.clock.now_ns()])[0])
        return (self.occlusion_kpa - pressure_kpa) * self.fluid.compliance_nl_kpa

    def _outlet_moved(self) -> None:
        self._settle()
        self._go_on()

    def _settle(self) -> None:
        """Bring counts and plunger up to now; nothing changed since ``_since_ns``."""
        now_ns = self.clock.now_ns()
        turned_nl = self.rate_nl_h / S_PER_H * (now_ns - self._since_ns) / NS_PER_S
        self._since_ns = now_ns
        counted_nl = min(turned_nl, self._to_go_nl)
        self._to_go_nl -= counted_nl
        if not self._counter_stuck:
            self._counted[self.way] += counted_nl
        if not self._is_held and self.runs:
            self.left_nl = min(max(self.left_nl - self.way * counted_nl, 0.0), self.capacity_nl)
            if self._occluded:
                self._stored_nl += self.way * counted_nl

    def _go_on(self) -> None:
        """Move the fluid as things are now, and wake up when they change."""
        moves = self.runs and not self._is_held and not self._occluded
        flow_nl_s = self.way * self.rate_nl_h / S_PER_H if moves else 0.0
        self.fluid.drive(flow_nl_s + self._released_nl_s)
        if not (self.runs and self._is_held):
            self._held_since_ns = None
        elif self._held_since_ns is None:
            self._held_since_ns = self.clock.now_ns()
        self._course += 1
        course, due_ns = self._course, self._next_ns()
        if due_ns is not None:
            self.clock.call_at(due_ns, lambda: self._wake(course))

    def _next_ns(self) -> int | None:
        if not self.runs:
            return None
        volumes = [self._to_go_nl]
        if self._held_since_ns is None:
            infuses = self.way == INFUSE
            volumes.append(self.left_nl if infuses else self.capacity_nl - self.left_nl)
            if infuses and not self._was_near_end:
                volumes.append(max(self.left_nl - self.near_end_nl, 0.0))
            if infuses and self._occluded and not self.silent:
                volumes.append(max(self.occlusion_nl - self._stored_nl, 0.0))
            if infuses and self._feels_pressure:
                least_nl = self.rate_nl_h / S_PER_H * LOOKED_AGAIN_AFTER_S
                volumes.append(max(LOOKED_AGAIN_AT * self._to_occlusion_nl, least_nl))
        due_ns = []
        if math.isfinite(nearest_nl := min(volumes)):
            wait_ns = math.ceil(nearest_nl / self.rate_nl_h * S_PER_H * NS_PER_S)
            due_ns.append(self.clock.now_ns() + wait_ns)
        if self._held_since_ns is not None and not self.silent:
            due_ns.append(self._held_since_ns + round(self.detection_s * NS_PER_S))
        return min(due_ns, default=None)

    def _wake(self, course: int) -> None:
        if course != self._course:
            return
        held_since_ns = self._held_since_ns
        self._settle()
        self._snap()
        if self._to_go_nl <= 0:
            self._end_by("target")
        elif held_since_ns is not None and self._notices_hold(held_since_ns):
            self._end_by("stall" if self._jammed else "end")
        elif self._notices_occlusion:
            self._end_by("occlusion")
        else:
            is_near_end = self.way == INFUSE and self.left_nl <= self.near_end_nl
            tell = is_near_end and not self._was_near_end and self.near_end_nl > 0 and not self.silent
            self._was_near_end |= is_near_end
            self._go_on()
            if tell:
                self.happened("near_end")

    def _snap(self) -> None:
        """What is reached but for rounding is reached."""
        tiny = 1e-6
        if self._to_go_nl < tiny:
            self._to_go_nl = 0.0
        if self.left_nl < tiny:
            self.left_nl = 0.0
        elif self.left_nl > self.capacity_nl - tiny:
            self.left_nl = self.capacity_nl
        if 0 < self.left_nl - self.near_end_nl < tiny:
            self.left_nl = self.near_end_nl
        if 0 < self.occlusion_nl - self._stored_nl < tiny:
            self._stored_nl = self.occlusion_nl

    @property
    def _notices_occlusion(self) -> bool:
        if self._feels_pressure and self._to_occlusion_nl <= 0:
            return True
        return self._occluded and self._stored_nl >= self.occlusion_nl and not self.silent

    def _notices_hold(self, since_ns: int) -> bool:
        return not self.silent and self.clock.now_ns() >= since_ns + round(self.detection_s * NS_PER_S)

    def _end_by(self, what: str) -> None:
        self.rate_nl_h = 0.0
        self._go_on()
        self.happened(what)

    def _release(self) -> None:
        """The line opens: what is stored in it comes out at once."""
        self._released_nl_s += self._stored_nl / self.release_s
        flow_nl_s, self._stored_nl = self._stored_nl / self.release_s, 0.0

        def over() -> None:
            self._settle()
            self._released_nl_s -= flow_nl_s
            if abs(self._released_nl_s) < 1e-9:
                self._released_nl_s = 0.0
            self._go_on()

        self.clock.call_at(self.clock.now_ns() + round(self.release_s * NS_PER_S), over)
