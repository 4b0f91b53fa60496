"""A balance without interface: the operator reads it off.

No manual; the wire format is that of :mod:`rig.transport.operator_link`: a question of one line, the answer as name,
tab, text. Each reading is stamped when the answer is complete, some seconds after the look at the display; the answer
as it came, with the name, is in the record. What is typed wrongly but well formed (digits exchanged) cannot be seen.
"""

from __future__ import annotations

from rig.drivers.operator_words import Operator, parse_done, parse_quantity
from rig.readings import Identity, MassReading
from rig.transport import Link


class ManualBalance:
    """One balance, read off by whoever is there. ``label`` says which one is meant."""

    ROLE = "balance"
    DEFAULT_BAUD = 9600
    ASKS_A_PERSON = True

    def __init__(self, link: Link, *, label: str, answer_within_s: float = 600.0) -> None:
        self._link, self._label = link, label
        self._operator = Operator(link, answer_within_s)

    def identify(self) -> Identity:
        """What the operator reads on the balance's plate."""
        serial, _ = self._operator.ask(f"{self._label}: its serial number?", str)
        return Identity(model="read off by the operator", serial=serial)

    def read(self) -> MassReading:
        mass_g, line = self._operator.ask(
            f"{self._label}: what does the balance show? (such as 12.3456 g)",
            lambda answer: parse_quantity(answer, "mass", "g"),
        )
        return MassReading(self._link.now_ns(), mass_g, True, line)

    def zero(self) -> None:
        self._operator.ask(f"{self._label}: set the balance to zero, then answer done", parse_done)

    def close(self) -> None:
        self._operator.close()
