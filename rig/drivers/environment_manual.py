"""Thermometer, hygrometer and barometer without interface: the operator reads them off.

No manual; the wire format is that of :mod:`rig.transport.operator_link`. Asked only where a case begins and ends. What
is typed wrongly but inside the ranges below cannot be seen; the answers as they came, with names, are in the record.
"""

from __future__ import annotations

from collections.abc import Callable

from rig.drivers.operator_words import Operator, parse_quantity
from rig.errors import DefinitionError
from rig.readings import ChannelReading, Identity
from rig.transport import Link

QUESTIONS = {  # channel: what is asked, an example, kind, unit, lowest, highest
    "air_temperature_c": ("air temperature", "21.5 degC", "temperature", "degC", -10.0, 50.0),
    "air_humidity_pct": ("relative humidity", "48 %RH", "humidity", "%RH", 0.0, 100.0),
    "air_pressure_hpa": ("air pressure", "1013 hPa", "pressure", "hPa", 500.0, 1100.0),
}


def reads(channel: str) -> Callable[[str], float]:
    """The parser of one channel's answers. It raises DefinitionError, in words for the operator."""
    name, _, kind, unit, low, high = QUESTIONS[channel]

    def read(answer: str) -> float:
        value = parse_quantity(answer, kind, unit)
        if not low <= value <= high:
            raise DefinitionError(f"{value:g} {unit} is no {name} of a laboratory")
        return value

    return read


class ManualEnvironment:
    """The air, read off by whoever is there."""

    ROLE = "environment"
    DEFAULT_BAUD = 9600
    ASKS_A_PERSON = True
    READ_EVERY_S = None  # a person is not asked every minute

    def __init__(
        self, link: Link, *, label: str = "laboratory", serial: str = "", answer_within_s: float = 600.0
    ) -> None:
        self._link, self._label, self._serial = link, label, serial
        self._operator = Operator(link, answer_within_s)

    def identify(self) -> Identity:
        """Nobody is asked: ``serial`` is what the bench file says."""
        return Identity(model="read off by the operator", serial=self._serial)

    def read(self) -> ChannelReading:
        values: dict[str, float] = {}
        lines = b""
        for channel, (name, example, *_) in QUESTIONS.items():
            question = f"{self._label}: what is the {name}? (such as {example})"
            values[channel], line = self._operator.ask(question, reads(channel))
            lines += line
        return ChannelReading(self._link.now_ns(), values, lines)

    def close(self) -> None:
        self._operator.close()
