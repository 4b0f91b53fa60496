"""The words of the simulated pump: programs, boluses, alarms, log records, limits (docs/reference/rpu-1.md)."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from rig.sim.line import NS_PER_S

HOUR_NS = 3600 * NS_PER_S
ALARM_BITS = {
    "LOW_RESERVOIR": 0, "ERI": 1, "MEMORY_WARNING": 2, "EMPTY_RESERVOIR": 8, "END_OF_SERVICE": 9,
    "MOTOR_STALL": 10, "STOPPED_48H": 11, "MEMORY_FAILURE": 12,
}  # fmt: skip
BLOCKING = ("EMPTY_RESERVOIR", "END_OF_SERVICE", "MOTOR_STALL")
STOPPING = {"EMPTY_RESERVOIR": "EMPTY", "END_OF_SERVICE": "EOS", "MEMORY_FAILURE": "MEM"}
# Records of one moment stand in this order in the log (section 9).
RECORD_ORDER = (
    "RESET", "CLOCK", "REFILL", "MEMERR", "BATT", "STALL_ON", "STALL_RECOVER", "BOLUS_REQ", "BOLUS_DENY",
    "PROG", "ALARM_ON", "BOLUS_END", "STOP", "BOLUS_GRANT", "START", "ALARM_OFF", "ALARM_ACK",
)  # fmt: skip


def alarm_class(alarm: str) -> str:
    return "NONCRIT" if ALARM_BITS[alarm] < 8 else "CRIT"


@dataclass(frozen=True)
class Program:
    """What is staged or active; of SB ``vol`` and ``dur``, of SC and MIN ``rate``."""

    mode: str = "STOP"
    rate: int = 0
    vol: int = 0
    dur: int = 0
    conc: int = 0

    def nl_per_ns(self) -> Fraction:
        if self.mode == "SB":
            return Fraction(self.vol, self.dur * NS_PER_S)
        return Fraction(self.rate, HOUR_NS)

    def pairs(self) -> dict[str, object]:
        """As GET PROGRAM, GET STAGED and the PROG record tell it."""
        if self.mode == "STOP":
            return {"MODE": self.mode}
        if self.mode == "SB":
            return {"MODE": self.mode, "VOL": self.vol, "DUR": self.dur, "CONC": self.conc}
        return {"MODE": self.mode, "RATE": self.rate, "CONC": self.conc}


@dataclass(frozen=True)
class Bolus:
    program: Program
    end_ns: int
    believed_before: Fraction


@dataclass(frozen=True)
class LogRecord:
    number: int
    clock_s: int
    code: str
    arguments: dict[str, object]


@dataclass(frozen=True)
class Limits:
    """The device's own limits (section 7.1), nl, nl/h and s."""

    rate_min: int = 2_000
    rate_max: int = 1_000_000
    minimum_rate: int = 250
    bolus_min: int = 1
    bolus_max: int = 2_000_000
    bolus_rate_max: int = 1_200_000
    duration_min: int = 1
    duration_max: int = 86_400
    reservoir_max: int = 40_000_000
    low_max: int = 10_000_000
    pulse: int = 10
    log_capacity: int = 1000


class RequestDenied(Exception):
    """A request that the state does not allow: error code and what goes with it."""

    def __init__(self, code: str, **pairs: object) -> None:
        self.code, self.pairs = code, pairs
