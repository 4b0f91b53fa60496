"""An infusion with a rate, a limit of volume, and boluses on top of it, as bedside syringe pumps have it."""

from __future__ import annotations

import math

from rig.sim.bench_pumps.drive import INFUSE, InfusionDrive


class Infusion:
    """Rates in nl/h, volumes in nl. While a bolus runs the rate waits; after it, it goes on."""

    def __init__(self, drive: InfusionDrive) -> None:
        self.drive = drive
        self.rate_nl_h = self.bolus_rate_nl_h = 0.0
        self.is_bolus = False
        self._goes_on = False  # the infusion, after a bolus
        self._limit_nl = math.inf
        self._bolus_began_nl = self._last_bolus_nl = 0.0

    @property
    def bolus_done_nl(self) -> float:
        """Of the bolus that runs, or of the last one."""
        return self.drive.infused_nl - self._bolus_began_nl if self.is_bolus else self._last_bolus_nl

    def start(self, rate_nl_h: float) -> None:
        self.rate_nl_h, self._goes_on = rate_nl_h, True
        if not self.is_bolus:
            self._infuse()

    def bolus(self, rate_nl_h: float, volume_nl: float) -> None:
        self.is_bolus, self.bolus_rate_nl_h, self._bolus_began_nl = True, rate_nl_h, self.drive.infused_nl
        self.drive.run(rate_nl_h, INFUSE, volume_nl)

    def pause(self) -> None:
        """Stand still; a bolus ends."""
        self._end_bolus()
        self._goes_on = False
        self.drive.stop()

    def limit(self, volume_nl: float) -> None:
        """The infusion ends when so much is counted."""
        self._limit_nl = volume_nl
        if self._goes_on and not self.is_bolus:
            self._infuse()

    def reset_volume(self) -> None:
        """Count from zero; a bolus goes on and is counted as before."""
        self._bolus_began_nl -= self.drive.infused_nl
        self.drive.clear()
        if self._goes_on and not self.is_bolus:
            self._infuse()

    def target_reached(self) -> None:
        was_bolus = self.is_bolus
        self._end_bolus()
        if was_bolus and self._goes_on:
            self._infuse()
        else:
            self._goes_on = False

    def _end_bolus(self) -> None:
        if self.is_bolus:
            self._last_bolus_nl = self.bolus_done_nl
            self.is_bolus, self.bolus_rate_nl_h = False, 0.0

    def _infuse(self) -> None:
        to_go_nl = self._limit_nl - self.drive.infused_nl
        self._goes_on = to_go_nl > 0
        if self._goes_on:
            self.drive.run(self.rate_nl_h, INFUSE, to_go_nl)
        else:
            self.drive.stop()
