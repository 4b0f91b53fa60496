"""Replies of Harvard Apparatus syringe pumps: lines of text, then a prompt that says what the motor does.

::

    LF 3.2 ul/min CR LF :        "Ultra" set (PHD Ultra guide 5419-002, pages 83 to 88; Pump 33 DDS guide, page 48);
    LF 12:3.2 ul/min CR LF 12>   address with a non-zero one; XON (11) follows each prompt after the command poll on
    CR LF 20.833 CR LF 00:       pump chain of the older ones (Pump 33 guide 5390-001, pages 17 to 20), address always
    CR LF 20.833 CR CR LF 3>     a PHD 2000 there: one CR too many, no leading zero

Neither has a checksum: a digit damaged into another digit cannot be seen.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction

from rig.drivers.pump_numbers import NUMBER
from rig.errors import DeviceError, ProtocolError

XON = b"\x11"
INFUSING, WITHDRAWING, STALLED = ">", "<", "*"
PUMPING = (INFUSING, WITHDRAWING)
ULTRA_ALARMS = {"*": "motor_stall", ">*": "limit_switch", "<*": "limit_switch"}

VOLUMES = {"pl": Fraction(1, 1000), "nl": Fraction(1), "ul": Fraction(10**3), "ml": Fraction(10**6)}
PER_HOUR = {"hr": 1, "h": 1, "min": 60, "m": 60, "sec": 3600, "s": 3600}
RATES = {f"{volume}/{time}": nl * n for volume, nl in VOLUMES.items() for time, n in PER_HOUR.items()}

PROMPT = r"T\*|[><]?\*|[:><]"
ULTRA_PROMPT = re.compile(rf"(?:(\d{{1,2}}):?(?=.))?({PROMPT})")
ULTRA_PREFIX = re.compile(rf"(\d{{1,2}})(?:{PROMPT})")
ULTRA_ERROR = re.compile(r"([A-Za-z]+ error):? *(.*)")
CHAIN_REPLY = re.compile(r"\r+\n(?:([ -~]*)\r+\n)?(\d{1,2})([:><*])")
CHAIN_ERRORS = {"?": "unknown command", "NA": "not possible now", "OOR": "out of range"}


@dataclass(frozen=True)
class Reply:
    """What a pump said: its lines without address, and its prompt without address."""

    lines: tuple[str, ...]
    prompt: str
    raw: bytes

    @property
    def text(self) -> str:
        """The one line of the answer to a question. Raises ProtocolError when there are more or none."""
        if len(self.lines) != 1:
            raise ProtocolError("not one line", received=self.raw)
        return self.lines[0]


def parse_ultra(raw: bytes, address: int) -> Reply:
    """One reply of the "Ultra" set, XON included. Raises DeviceError for a refusal, ProtocolError."""
    parts = raw.decode("latin-1").removesuffix("\x11").replace("\r", "").split("\n")
    if not raw.endswith(XON) or parts[0] or not all(part.isascii() and part.isprintable() for part in parts):
        raise ProtocolError("not a reply that ends in a prompt", received=raw)
    match = ULTRA_PROMPT.fullmatch(parts[-1])
    if match is None or int(match[1] or 0) != address:
        raise ProtocolError(f"'{parts[-1]}' is no prompt of pump {address}", received=raw)
    lines = tuple(_without_address(part, address, raw) for part in parts[1:-1] if part)
    if lines and (error := ULTRA_ERROR.match(lines[0])):
        text = " ".join(" ".join((error[2], *lines[1:])).split())
        raise DeviceError(f"the pump refused: {error[1]} {text}".rstrip(), code=error[1], received=raw)
    return Reply(lines, match[2], raw)


def _without_address(line: str, address: int, raw: bytes) -> str:
    prefix = ULTRA_PREFIX.match(line)
    if prefix is None:
        return line.strip()
    if int(prefix[1]) != address:
        raise ProtocolError(f"a line of pump {prefix[1]}, not {address}", received=raw)
    return line[prefix.end() :].strip()


def parse_chain(raw: bytes, address: int) -> Reply:
    """One reply of the older pump chain, prompt included. Raises DeviceError for a refusal, ProtocolError."""
    match = CHAIN_REPLY.fullmatch(raw.decode("latin-1"))
    if match is None or int(match[2]) != address:
        raise ProtocolError(f"not a reply of pump {address}", received=raw)
    text = (match[1] or "").strip()
    if text in CHAIN_ERRORS:
        raise DeviceError(f"the pump refused: {CHAIN_ERRORS[text]} ({text})", code=text, received=raw)
    return Reply((text,) if text else (), match[3], raw)


def parse_number(reply: Reply) -> Fraction:
    """A number without unit. Raises ProtocolError."""
    if not NUMBER.fullmatch(reply.text):
        raise ProtocolError(f"'{reply.text}' is no number", received=reply.raw)
    return Fraction(reply.text.rstrip("."))


def parse_prompt(reply: Reply) -> Reply:
    """A prompt and nothing else. Raises ProtocolError."""
    if reply.lines:
        raise ProtocolError("a text in the place of a prompt", received=reply.raw)
    return reply
