"""The words of the simulated pump: alarms, log records, limits, refusals (docs/reference/rpu-1.md)."""

from __future__ import annotations

from dataclasses import dataclass

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
# What a BOLUS_DENY record calls the error code.
DENIAL_CAUSES = {
    "03": "RANGE", "04": "STATE", "06": "BUSY", "07": "LOCKOUT", "08": "MAXDAY", "0A": "ALARM", "0B": "MEMORY",
}  # fmt: skip


def alarm_class(alarm: str) -> str:
    return "NONCRIT" if ALARM_BITS[alarm] < 8 else "CRIT"


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
