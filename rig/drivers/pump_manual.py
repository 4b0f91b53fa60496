"""A pump without interface: the operator programs it, and reads off what it shows.

No manual; the wire format is that of :mod:`rig.transport.operator_link`. A program is asked back as the pump shows it.
What the pump delivered, and which alarms are on, is asked where a step of a case ends. It has no log to be read.
"""

from __future__ import annotations

from rig.drivers.operator_words import Operator, parse_done, parse_quantity
from rig.errors import LimitRefused
from rig.quantities import nl_from_ml, nl_h_from_ml_h
from rig.readings import Identity, Prescription, PumpAlarm, PumpEvent, PumpLimits, PumpState
from rig.transport import Link


def format_program(prescription: Prescription) -> str:
    """What the operator is to set. Raises LimitRefused for a mode that is not to be set by hand."""
    match prescription.mode:
        case "continuous":
            return f"a continuous rate of {prescription.rate_nl_h / 1e6:.9g} mL/h"
        case "bolus":
            return f"one bolus of {prescription.bolus_nl / 1e6:.9g} mL over {prescription.bolus_duration_s} s"
    raise LimitRefused(f"mode '{prescription.mode}' is not for a pump programmed by hand; nobody was asked")


def parse_alarms(answer: str) -> tuple[PumpAlarm, ...]:
    """Names separated by commas, or none. All count as critical: a person decides what is not."""
    if answer.lower() in ("none", "no", "-"):
        return ()
    names = ("_".join(name.lower().split()) for name in answer.split(","))
    return tuple(PumpAlarm(name, critical=True) for name in names if name)


class ManualPump:
    """One pump, worked by whoever is there."""

    ROLE = "pump"
    DEFAULT_BAUD = 9600
    ASKS_A_PERSON = True
    ASK_EVERY_S = None  # a person is not asked every few minutes

    def __init__(
        self, link: Link, *, label: str, rate_min_ml_h: float, rate_max_ml_h: float, bolus_max_ml: float,
        reservoir_ml: float, answer_within_s: float = 600.0,
    ) -> None:  # fmt: skip
        self._link, self._label = link, label
        self._operator = Operator(link, answer_within_s)
        self._limits = PumpLimits(
            nl_h_from_ml_h(rate_min_ml_h), nl_h_from_ml_h(rate_max_ml_h), 1, nl_from_ml(bolus_max_ml),
            1, 86_400, nl_from_ml(reservoir_ml),
        )  # fmt: skip
        self._active = Prescription("stop")

    def identify(self) -> Identity:
        """What the operator reads on the pump."""
        serial, _ = self._operator.ask(f"{self._label}: the pump's serial number?", str)
        return Identity(model="worked by the operator", serial=serial)

    def limits(self) -> PumpLimits:
        """As the bench file gives them."""
        return self._limits

    def interrogate(self) -> PumpState:
        delivered_ml, line = self._operator.ask(
            f"{self._label}: which delivered volume does the pump show? (such as 1.25 mL)",
            lambda answer: parse_quantity(answer, "volume", "mL"),
        )
        alarms, more = self._operator.ask(
            f"{self._label}: which alarms are on? (none, or their names)", parse_alarms
        )
        return PumpState(
            t_ns=self._link.now_ns(),
            mode=self._active.mode,
            running=self._active.mode != "stop",
            rate_nl_h=self._active.rate_nl_h,
            delivered_nl=nl_from_ml(delivered_ml),
            reservoir_nl=None,
            battery_mv=None,
            alarms=alarms,
            raw=line + more,
        )

    def program(self, prescription: Prescription) -> None:
        told = format_program(prescription)
        self._operator.ask(f"{self._label}: program {told}, start it, then answer done", parse_done)
        self._active = prescription

    def read_back(self) -> Prescription:
        """As the operator reads it off the pump."""
        if self._active.mode == "continuous":
            rate_ml_h, _ = self._operator.ask(
                f"{self._label}: which rate does the pump show as active? (such as 0.5 mL/h)",
                lambda answer: parse_quantity(answer, "rate", "mL/h"),
            )
            return Prescription("continuous", rate_nl_h=nl_h_from_ml_h(rate_ml_h))
        if self._active.mode == "bolus":
            volume_ml, _ = self._operator.ask(
                f"{self._label}: which bolus does the pump show? (such as 0.05 mL)",
                lambda answer: parse_quantity(answer, "volume", "mL"),
            )
            duration_s = self._active.bolus_duration_s
            return Prescription("bolus", bolus_nl=nl_from_ml(volume_ml), bolus_duration_s=duration_s)
        return self._active

    def stop(self, reason: str) -> None:
        self._operator.ask(f"{self._label}: STOP the pump ({reason}), then answer done", parse_done)
        self._active = Prescription("stop")

    def events_since(self, number: int) -> list[PumpEvent]:
        return []

    def set_reservoir(self, volume_nl: int) -> None:
        words = f"tell the pump that it holds {volume_nl / 1e6:.6g} mL"
        self._operator.ask(f"{self._label}: {words}, then answer done", parse_done)

    def close(self) -> None:
        self._operator.close()
