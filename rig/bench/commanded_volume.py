"""How much a pump may have delivered by what it was told: the least and the most that its commands allow.

The two differ where a command leaves something open: a flex schedule goes by the pump's own clock, a bolus that
began may not have ended, a command whose answer was lost may have been heard or not.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from rig.clock import NS_PER_S
from rig.readings import PatientBolus, Prescription

NS_PER_H = 3600 * NS_PER_S
S_PER_DAY = 86_400


@dataclass
class CommandedVolume:
    """Volumes in nl since it was made, up to ``at_ns``. ``minimum_nl_h``: most that the pump's minimum rate can be."""

    at_ns: int
    minimum_nl_h: int = 0
    least_nl: float = 0.0
    most_nl: float = 0.0
    known: bool = False  # what the pump does now was commanded here; before, it may do anything
    _least_nl_h: float = 0.0
    _most_nl_h: float = 0.0
    _paused_until_ns: int = 0  # a bolus takes the place of the basal rate
    _pending: tuple[tuple[int, int], ...] = ()  # boluses that began: when each ends, its volume
    _periodic: tuple[int, Prescription] | None = None  # since when, which
    _periodic_sure: bool = True  # nothing happened since that may have ended it
    _begun: int = 0  # its boluses so far
    _ended: int = 0

    def advance(self, now_ns: int) -> None:
        """Count up to now."""
        resumed_ns = max(self.at_ns, self._paused_until_ns)
        self.least_nl += max(0, now_ns - resumed_ns) * self._least_nl_h / NS_PER_H
        self.most_nl += (now_ns - self.at_ns) * self._most_nl_h / NS_PER_H
        self.least_nl += sum(volume_nl for end_ns, volume_nl in self._pending if end_ns <= now_ns)
        self._pending = tuple(bolus for bolus in self._pending if bolus[0] > now_ns)
        if self._periodic is not None:
            since_ns, program = self._periodic
            begun = _count(now_ns - since_ns, program.interval_s)
            ended = _count(now_ns - since_ns - program.bolus_duration_s * NS_PER_S, program.interval_s)
            self.most_nl += (begun - self._begun) * program.bolus_nl
            if self._periodic_sure:
                self.least_nl += (ended - self._ended) * program.bolus_nl
            self._begun, self._ended = begun, ended
        self.at_ns = now_ns

    def begin(self, prescription: Prescription, now_ns: int) -> None:
        """The pump took this program."""
        self.advance(now_ns)
        self.known, self._pending = True, ()
        if prescription.mode == "bolus":
            self._least_nl_h = 0.0  # pumps differ in what follows a bolus: their program, or nothing
            self.bolus(prescription.bolus_nl, prescription.bolus_duration_s, now_ns)
            return
        self._periodic, self._begun, self._ended, self._paused_until_ns = None, 0, 0, 0
        self._least_nl_h, self._most_nl_h = rates_nl_h(prescription, self.minimum_nl_h)
        if prescription.mode == "periodic":
            self._periodic, self._periodic_sure = (now_ns, prescription), True
            self.advance(now_ns)

    def bolus(self, volume_nl: int, duration_s: float, now_ns: int) -> None:
        """A bolus began in the place of the basal rate. To the most it counts at once, to the least when it is over."""
        self.advance(now_ns)
        end_ns = now_ns + round(duration_s * NS_PER_S)
        self.most_nl += volume_nl
        self._pending += ((end_ns, volume_nl),)
        self._paused_until_ns = max(self._paused_until_ns, end_ns)

    def perhaps(self, prescription: Prescription, now_ns: int) -> None:
        """The pump may have taken this program, or go on with what it had."""
        heard = replace(self)
        heard.begin(prescription, now_ns)
        self.advance(now_ns)
        self.most_nl = max(self.most_nl, heard.most_nl)
        self._most_nl_h = max(self._most_nl_h, heard._most_nl_h)
        self._nothing_is_sure()
        if heard._periodic is not None:
            self._periodic, self._begun, self._ended = heard._periodic, heard._begun, heard._ended

    def may_have_stopped(self, now_ns: int) -> None:
        """From now on nothing is sure to flow: the answer to a stop was lost, the pump was reset, its flow diverted."""
        self.advance(now_ns)
        self._nothing_is_sure()

    def _nothing_is_sure(self) -> None:
        self._least_nl_h, self._pending, self._periodic_sure = 0.0, (), False


def rates_nl_h(prescription: Prescription, minimum_nl_h: int = 0) -> tuple[float, float]:
    """The lowest and the highest basal rate of a program; 0 for what is given as boluses."""
    if prescription.mode == "continuous":
        return prescription.rate_nl_h, prescription.rate_nl_h
    if prescription.mode == "minimum":
        return 0, minimum_nl_h
    if prescription.mode == "flex":
        rates = [step.rate_nl_h for group in prescription.groups for step in group]
        return min(rates, default=0), max(rates, default=0)
    return 0, 0


def patient_allowance_nl(bolus: PatientBolus, span_ns: int) -> int:
    """The most that a patient can have drawn in a time, by button or by host, while this was allowed."""
    if not bolus.enabled:
        return 0
    by_day = bolus.max_per_day * (span_ns // (S_PER_DAY * NS_PER_S) + 1)
    by_lockout = span_ns // (bolus.lockout_s * NS_PER_S) + 1 if bolus.lockout_s else by_day
    return bolus.bolus_nl * min(by_day, by_lockout)


def _count(span_ns: int, interval_s: int) -> int:
    """How many instants 0, 1, 2 … intervals there are up to a time."""
    return span_ns // (interval_s * NS_PER_S) + 1 if span_ns >= 0 and interval_s > 0 else int(span_ns >= 0)
