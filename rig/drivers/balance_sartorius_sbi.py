"""Laboratory balance speaking Sartorius SBI (Cubis, Entris II, BP and others of the maker).

Manuals: data interface sections of Cubis MSE (page 71), Entris II technical note (page 3), ME and BP 3100 (page 59).
Wire format: ASCII, 9600 baud 8N1 by default; older balances 1200 baud 7O1, some with a handshake (all four are
options of the address). Commands are ``ESC`` letter, or ``ESC`` letter digit ``_``; CR LF after them is optional::

    ESC P                  ->  N     +  12.3456 g     ID code (6), sign, value (9, to the right), space, unit (3)
    ESC P                  ->  +  12.3456 g           with the ID code switched off: 16 bytes instead of 22
    ESC V                  ->  (nothing)              zero: only a weight of nought tells that it was done
    ESC x1_ / x2_ / x3_    ->  model / serial number / software version

A blank unit means that the weight is not stable; the unit is then that of the last stable one. ``[ ]`` around the last
digit marks it as not verified. In the place of a weight may stand High, Low, Cal.Int., Err 054, OFF and others. The
balance must be set to SBI, to print without waiting for stability, and not to print by itself.

SBI has no checksum: a digit damaged into another digit, or a lost sign, is a wrong weight that no driver can see, and
so is a unit switched at the balance while it is not stable. What can be seen (length and form of the line, unit) is
checked strictly. Not read in a manual: the form of the replies to x1_, x2_ and x3_ (any printable line is taken, a
label ``SerNo.`` cut off), and how soon zero is done (60 s allowed here).
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import TypeVar

from rig.clock import NS_PER_S
from rig.errors import DeviceError, ExchangeError, LinkLost, ProtocolError
from rig.readings import Identity, MassReading
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = 3 * NS_PER_S
STABLE_WITHIN_NS = 60 * NS_PER_S
LINE_LIMIT = 256
ZERO_STEPS = 10  # a weight of at most so many of its own last digit is nought

SPECIAL_TEXTS = {
    r"High": "overload",
    r"Low": "underload, or the weighing pan is missing",
    r"Cal\. ?(Int|Ext)\.": "the balance is being adjusted",
    r"--": "the balance shows no weight",
    r"(Err|ERR) +\d+": "the balance shows an error",
    r"(APP|DIS|PRT)\. ?ERR": "the balance shows an error",
    r"OFF": "the balance is switched off",
}
WEIGHT_CODES = {
    "",
    "N",
    "N1",
    "G#",
}  # none, net, net with a tare memory, gross; others are no weight of the pan
GRAMS = {"g": Decimal(1), "kg": Decimal(1000), "mg": Decimal("0.001")}

WEIGHT = re.compile(r"([+ -])([ \d.\[]{9})([ \]])([!-~]* *)")
VALUE = re.compile(r" *(\d+(?:\.\d+)?)")
MARKED_VALUE = re.compile(r" *(\d+\.?\d*)\[(\d)")
LABEL = re.compile(r"SerNo\.\s*")


@dataclass(frozen=True)
class Weight:
    """What one line says: a value, the same counted in steps of its last digit, a unit ("" when not stable)."""

    value: Decimal
    steps: int
    unit: str
    raw: bytes


def parse_line(line: bytes) -> str:
    """What a line says, without CR LF. Raises DeviceError for a special text, ProtocolError."""
    text = line.decode("latin-1")
    if not text.endswith("\r\n") or not text[:-2].isascii() or not text[:-2].isprintable():
        raise ProtocolError("not a line of SBI", received=line)
    special = text[:-2].removeprefix("Stat  ").strip()
    for form, meaning in SPECIAL_TEXTS.items():
        if re.fullmatch(form, special) and len(line) in (16, 22):
            raise DeviceError(f"{meaning} ({special})", code=special, received=line)
    return text[:-2]


def parse_weight(line: bytes) -> Weight:
    """One weight, in a line with or without ID code. Raises DeviceError, ProtocolError (also for other units)."""
    text = parse_line(line)
    code, match = text[:-14], WEIGHT.fullmatch(text[-14:])
    if len(line) not in (16, 22) or match is None:
        raise ProtocolError("not a weight", received=line)
    if code.rstrip() not in WEIGHT_CODES or code[:1] == " ":
        raise ProtocolError(f"a line of '{code.strip()}': set the balance to weighing", received=line)
    sign, field, mark, unit = match.groups()
    value = (MARKED_VALUE if mark == "]" else VALUE).fullmatch(field)
    if value is None:
        raise ProtocolError("not a weight", received=line)
    if unit.strip() and unit.rstrip() not in GRAMS:
        raise ProtocolError(f"weight in '{unit.strip()}': set the balance to g, mg or kg", received=line)
    number = sign.strip() + "".join(value.groups())
    return Weight(Decimal(number), int(number.replace(".", "")), unit.rstrip(), line)


def parse_text(line: bytes) -> str:
    """The reply to a question such as ``x2_``. Raises DeviceError, ProtocolError (also for a weight)."""
    text = parse_line(line)
    weight = WEIGHT.fullmatch(text[-14:])
    if not text.strip() or (weight is not None and weight[1] != " "):
        raise ProtocolError("not a text", received=line)
    return LABEL.sub("", text.strip(), count=1)


class SartoriusSbiBalance:
    """One balance."""

    ROLE = "balance"
    DEFAULT_BAUD = 9600

    def __init__(self, link: Link) -> None:
        self._link = link
        self._unit = ""  # of the last stable weight

    def identify(self) -> Identity:
        """SBI does not tell the maker."""
        model, serial, firmware = (self._ask(part, parse_text) for part in ("x1_", "x2_", "x3_"))
        return Identity(model=model, serial=serial, firmware=firmware)

    def read(self) -> MassReading:
        """The weight now. The very first waits for a stable one, because only that tells the unit."""
        return self._reading(self._ask("P", parse_weight)) if self._unit else self.read_stable()

    def read_stable(self) -> MassReading:
        """The next stable weight. DeviceError when there is none in time."""
        return self._wait_for(lambda weight: True, "no stable weight in time")

    def zero(self) -> None:
        """Set zero, and weigh until a stable weight is nought. DeviceError when none is in time."""
        with self._link.alone():
            self._link.write(b"\x1bV\r\n")
        self._wait_for(lambda weight: abs(weight.steps) <= ZERO_STEPS, "the balance did not set zero in time")

    def close(self) -> None:
        self._link.close()

    def _wait_for(self, fits: Callable[[Weight], bool], complaint: str) -> MassReading:
        """Weigh until a stable weight fits."""
        deadline_ns = self._link.now_ns() + STABLE_WITHIN_NS
        while True:
            weight = self._ask("P", parse_weight)
            if weight.unit and fits(weight):
                return self._reading(weight)
            if self._link.now_ns() >= deadline_ns:
                raise DeviceError(
                    complaint,
                    code="not stable",
                    address=self._link.address,
                    sent=b"\x1bP\r\n",
                    received=weight.raw,
                )

    def _reading(self, weight: Weight) -> MassReading:
        self._unit = weight.unit or self._unit
        grams = GRAMS[self._unit]
        digit_g = float(Decimal(10) ** Decimal(weight.value.as_tuple().exponent) * grams)
        return MassReading(
            self._link.now_ns(), float(weight.value * grams), weight.unit != "", weight.raw, digit_g
        )

    def _ask(self, command: str, parse: Callable[[bytes], T]) -> T:
        """One command and its reply, parsed."""
        sent = f"\x1b{command}\r\n".encode("ascii")
        try:
            with self._link.alone():
                self._link.discard_input()
                deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
                self._link.write(sent)
                line = self._link.read_until(b"\r\n", deadline_ns, LINE_LIMIT)
            return parse(line)
        except ExchangeError as error:
            self._unit = "" if isinstance(error, LinkLost) else self._unit
            error.address, error.sent = self._link.address, sent
            raise
