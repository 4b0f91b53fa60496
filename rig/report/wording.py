"""The words for what results.json and the journal name by identifiers."""

from __future__ import annotations

import re
from typing import Any

from rig.report.numbers import duration, number
from rig.report.procedure_words import PROCEDURES

OUTCOMES = (
    "PASS",
    "CONDITIONAL_PASS",
    "INCONCLUSIVE",
    "CONDITIONAL_FAIL",
    "FAIL",
    "ERROR",
    "ABORTED",
    "SKIPPED",
)
CRITERIA = {
    "mean_error": "mean error A",
    "alarms": "alarms",
    "single_dose": "furthest single bolus",
    "share_inside": "share of boluses inside",
    "claimed_delivery": "claimed volume",
    "step_volume": "furthest step",
    "day_volume": "furthest day",
    "lockout": "lock-out",
    "daily_maximum": "maximum in 24 h",
    "requests_granted": "requests granted",
    "log": "the pump's log",
    "delivered_drug": "drug delivered",
    "portion_volume": "furthest portion",
    "drift": "drift of the error",
    "rates": "rates shown",
    "low_alarm_volume": "left at the low alarm",
    "empty_alarm_delay": "empty alarm after the flow",
    "residual_volume": "left in the end",
    "refill_discrepancy": "refill discrepancy",
    "prime_volume": "volume of priming",
    "bridge_volume": "volume of the bridge",
    "bridge_drug": "drug of the bridge",
    "resumed": "return to the program",
}
CRITERIA |= {
    "time_to_alarm": "time to the alarm",
    "alarm_pressure": "pressure at the alarm",
    "released_volume": "volume released",
    "flow_at_rest": "flow of the stopped pump",
    "recovery": "time to recover",
    "program": "the pump's program",
    "clock_drift": "drift of the clock",
    "current_stopped": "current, stopped",
    "current_running": "current, running",
    "life": "life of the battery",
    "replacement_voltage": "voltage at the replacement indicator",
    "end_voltage": "voltage at the end of service",
    "service_after_replacement": "from replacement indicator to end of service",
}
MEANINGS = {
    "mean_error": "mean rate in the analysis period (bolus: mean dose) against the programmed one, by weighing",
    "alarms": "alarms the pump raised during the case",
    "single_dose": "the bolus that deviates most from the commanded volume",
    "share_inside": "how many of the boluses lie inside the limit the plan sets for this count",
    "claimed_delivery": "what the pump's own counter says it delivered, against what it was programmed to deliver",
}
MEANINGS |= {
    "step_volume": "the step of the schedule whose delivered volume is furthest from the programmed one",
    "lockout": "boluses granted before the lock-out had passed",
    "daily_maximum": "boluses granted beyond the maximum in 24 h",
    "requests_granted": "requests refused though neither lock-out nor maximum forbade them",
    "log": "entries missing from the pump's log, too many or at the wrong time",
    "delivered_drug": "mass of drug delivered in a time: the weighed flow times the concentration stated in the plan",
    "portion_volume": "the portion of the months whose delivered volume is furthest from the programmed one",
    "rates": "answers of the pump, while it was to deliver, with another rate than that of the schedule at its time",
    "drift": "error of the last portion less that of the first",
    "low_alarm_volume": "volume really left in the reservoir, by weighing, when the low-reservoir alarm came",
    "empty_alarm_delay": "time from the end of the flow, by weighing, to the alarm of the empty reservoir",
    "residual_volume": "volume left in the reservoir, by weighing, when nothing flows any more",
    "refill_discrepancy": "volume that the pump believes to hold less what it holds by weighing, where a refill is due",
    "prime_volume": "volume delivered by priming, against that of tubing and catheter",
    "bridge_volume": "volume delivered in the bridge, against what was programmed",
    "bridge_drug": "drug that left the line in the bridge, old and new, against the old drug it held",
    "resumed": "states of the pump after the bridge other than its program",
    "day_volume": "the day (by the pump's clock) whose delivered volume is furthest from the programmed one",
}
MEANINGS |= {
    "time_to_alarm": "from the closing of the line, or from when the rotor was held, to the pump's alarm",
    "alarm_pressure": "how far the pressure in the closed line had risen when the pump alarmed",
    "released_volume": "what comes out of the line when it is opened after the alarm, by weighing",
    "flow_at_rest": "mean flow with the pump stopped and the line open, by weighing; backwards is negative",
    "recovery": "from the end of the disturbance until the pump says that it runs, without an alarm of its motor",
    "program": "the program the pump says it has after the disturbance",
    "clock_drift": "the pump's clock against that of the rig, over the whole case",
    "current_stopped": "mean current from the battery with the pump stopped",
    "current_running": "the largest mean current from the battery at any of the rates",
    "life": "rated charge over the current at the first rate; what a battery loses by itself is not in it",
    "replacement_voltage": "between which two voltages the replacement indicator came",
    "end_voltage": "between which two voltages the end of service came",
    "service_after_replacement": "time the pump goes on after the replacement indicator",
}
ALARMS = {
    "MOTOR_STALL": "motor stall",
    "LOW_RESERVOIR": "low reservoir",
    "EMPTY_RESERVOIR": "reservoir empty",
    "END_OF_SERVICE": "end of service",
    "ERI": "elective replacement indicator",
    "MEMORY_WARNING": "memory warning",
    "MEMORY_FAILURE": "memory failure",
    "STOPPED_48H": "reminder that it is stopped for 48 h",
}
EVENTS = {
    "STALL_ON": "motor stall noticed",
    "STALL_RECOVER": "motor turns again",
    "ALARM_ON": "alarm on",
    "ALARM_OFF": "alarm off",
    "ALARM_ACK": "alarm acknowledged",
    "PROG": "program committed",
    "START": "basal delivery begins",
    "STOP": "stopped",
    "BOLUS_REQ": "bolus requested",
    "BOLUS_GRANT": "bolus granted",
    "BOLUS_DENY": "bolus denied",
    "BOLUS_END": "bolus ended",
    "REFILL": "reservoir refilled",
    "RESET": "pump restarted",
    "CLOCK": "clock set",
    "BATT": "battery state",
    "MEMERR": "memory damage found",
}
ENDINGS = {
    "completed": "completed",
    "error": "ended by an error of the rig",
    "aborted": "aborted",
    "refused": "refused before it began",
    "unfinished": "unfinished: the record stops before its end",
}
ROLES = {
    "pump": "pump unit",
    "balance": "balance",
    "flow": "flow sensor",
    "pressure": "pressure transmitter",
    "current": "current meter",
    "supply": "battery simulator",
    "bath": "thermostat",
    "environment": "climate logger",
    "valves": "valves",
}
MEASUREMENTS = {
    "evaporation_before": "evaporation, blank before",
    "evaporation_after": "evaporation, blank after",
    "mean_flow": "mean flow, by weighing",
    "mean_flow_by_sensor": "mean flow, by flow sensor",
    "temperature_at_sensor": "mean temperature at the flow sensor",
    "temperature_range_at_sensor": "range of temperature at the flow sensor",
    "residual_by_pump": "left where a refill is due, by the pump's count",
    "residual_by_weighing": "left where a refill is due, by weighing",
    "accuracy_ratio": "delivered over programmed at the refill",
    "drug_in_bridge": "drug delivered in the bridge",
    "mean_dose": "mean bolus",
    "largest_deviation": "largest deviation of a bolus",
    "smallest_deviation": "smallest deviation of a bolus",
    "standard_deviation_of_doses": "standard deviation of the boluses",
}


def plain(name: str) -> str:
    """An identifier as words."""
    return name.replace("_", " ").strip()


def criterion(name: str) -> str:
    """What a criterion is called in a table."""
    window = re.fullmatch(r"trumpet_([0-9.]+)_(min|h|s)", name)
    if window:
        return f"error over {window[1]}\u00a0{window[2]}"
    return CRITERIA.get(name, plain(name))


def meaning(name: str) -> str:
    """What a criterion says, for those who do not know the word."""
    if name.startswith("trumpet_"):
        return "largest error, either way, over every window of this length in the analysis period"
    return MEANINGS.get(name, "")


def measurement(name: str) -> str:
    """What a measurement is called in a table."""
    return MEASUREMENTS.get(name) or criterion(name)


def alarm(name: str) -> str:
    """An alarm in plain words."""
    return ALARMS.get(name.upper(), plain(name).lower())


def event(code: str) -> str:
    """An entry of the pump's log in plain words."""
    return EVENTS.get(code, plain(code).lower())


def procedure(name: str) -> str:
    """A procedure in plain words."""
    return PROCEDURES[name].name if name in PROCEDURES else plain(name)


def ending(name: str) -> str:
    """How a case ended."""
    return ENDINGS.get(name, name)


def limit(text: str | None) -> str | None:
    """A limit as written in the plan, number and unit on one line."""
    return None if text is None else text.replace(" %", "\u00a0%")


def ended(name: str, message: str) -> str:
    """How a case ended and why; the word only once."""
    if message.lower().startswith(name):
        return message
    return f"{ending(name)}: {message}" if message else ending(name)


def role(name: str) -> str:
    """An instrument's part on the bench."""
    return ROLES.get(name, plain(name))


def signed(unit: str | None, name: str) -> bool:
    """Whether a value is a deviation, whose sign matters."""
    return unit == "%" and (
        "error" in name
        or "deviation" in name
        or name.startswith("trumpet_")
        or name in ("single_dose", "claimed_delivery", "drift", "bridge_drug")
        or name.endswith("_volume")
    )


def arguments(values: dict[str, Any]) -> str:
    """The arguments of an event: "RATE 20833, CONC 0"."""
    return ", ".join(f"{key} {value}" for key, value in values.items())


WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def prescription(told: dict[str, Any]) -> str:
    """What a pump was told, or says is active, as the record has it: "continuous, rate 2 µL/h"."""
    parts = [str(told["mode"])] if told.get("mode") else []
    for name, value in told.items():
        shown = _told(name, value)
        if name == "groups" and value:
            parts.append(_schedule(told.get("days") or [], value))
        elif name not in ("mode", "days") and value and shown:
            parts.append(shown)
    return ", ".join(parts) or "nothing"


def _schedule(days: list[int], groups: list[list[dict[str, int]]]) -> str:
    """Groups of weekdays with their steps: "Mon Tue: 00:00 2 µL/h, 08:00 3 µL/h; Wed: ..."."""
    told = []
    for place, steps in enumerate(groups, 1):
        names = [name for name, group in zip(WEEKDAYS, days, strict=False) if group == place]
        rates = [
            f"{step['start_min'] // 60:02d}:{step['start_min'] % 60:02d} {number(step['rate_nl_h'] / 1000, 'µL/h')}"
            for step in steps
        ]
        told.append(f"{' '.join(names)}: {', '.join(rates)}")
    return "; ".join(told)


def _told(name: str, value: Any) -> str:
    """One part of a prescription; its name ends in its unit."""
    for ending, (factor, unit) in _PROGRAMMED.items():
        if name.endswith(ending):
            return f"{plain(name.removesuffix(ending))} {number(value * factor, unit)}"
    if name.endswith("_s"):
        return f"{plain(name.removesuffix('_s'))} {duration(value)}"
    return f"{plain(name)} {value}"


_PROGRAMMED = {"_nl_h": (1e-3, "µL/h"), "_nl": (1e-3, "µL"), "_ng_ml": (1e-3, "µg/mL")}


def listed(items: list[str], most: int = 6) -> str:
    """ "a, b and c"; cut after ``most``."""
    if len(items) > most:
        return ", ".join(items[:most]) + f" and {len(items) - most} more"
    return " and ".join([", ".join(items[:-1]), items[-1]]) if len(items) > 1 else "".join(items)
