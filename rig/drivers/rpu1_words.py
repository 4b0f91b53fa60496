"""Words, codes and widest values of RPU/1 (docs/reference/rpu-1.md, whose section numbers stand below)."""

from __future__ import annotations

import re

ERRORS = {  # section 4
    "01": "syntax: a key is missing, doubled or not of its type",
    "02": "unknown verb, word or key",
    "03": "value out of range or in conflict with another",
    "04": "not possible in the pump's present state",
    "05": "token wrong, used, replaced or expired",
    "06": "a bolus is running",
    "07": "patient bolus locked out",
    "08": "maximum of patient boluses in 24 h reached",
    "09": "the request arrived damaged",
    "0A": "a blocking alarm is on",
    "0B": "program memory lost, or its write check failed",
}
ALARMS = {  # section 8: bit of the mask; bits 8 to 15 are critical
    0: "low_reservoir",
    1: "eri",
    2: "memory_warning",
    8: "empty_reservoir",
    9: "end_of_service",
    10: "motor_stall",
    11: "stopped_48h",
    12: "memory_failure",
}
MODES = {
    "STOP": "stop",
    "SC": "continuous",
    "MIN": "minimum",
    "SB": "bolus",
    "FLEX": "flex",
    "PB": "periodic",
}
SOURCES = {  # section 5: what delivers now
    "NONE": "none",
    "BASAL": "program",
    "SB": "bolus",
    "PTM": "patient_bolus",
    "PRIME": "prime",
    "BRIDGE": "bridge",
}

HEX4 = re.compile(r"[0-9A-F]{4}")
MODE, SOURCE = re.compile("|".join(MODES)), re.compile("|".join(SOURCES))
ANY = range(10**15)
U16, U32, U48 = range(2**16), range(2**32), range(2**48)

# Section 7: the widest limits a device may state.
RATE, SET_RATE, MINIMUM_RATE = range(1_200_001), range(2000, 1_000_001), range(250, 251)  # nl/h
BOLUS_RATE_MAX = RATE[-1]
VOLUME, FILLING = range(1, 2_000_001), range(1, 1_000_001)  # nl, of a bolus; of prime and bridge
RESERVOIR, LOW = range(40_000_001), range(10_000_001)  # nl
DURATION, BRIDGE_DURATION = range(1, 86_401), range(60, 604_801)  # s
INTERVAL, LOCKOUT = range(600, 604_801), range(600, 86_401)  # s
PER_DAY = range(1, 101)
