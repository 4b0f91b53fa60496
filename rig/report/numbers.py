"""Numbers as people read them: as many digits as the uncertainty bears, always with their unit."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from math import floor, isfinite, log10

MINUS = "−"
NONE = "–"  # no value
SMALLER = (  # unit, below which value, times what, in which unit; the first that fits
    ("g", 1e-3, 1e6, "µg"),
    ("g", 0.1, 1e3, "mg"),
    ("g/h", 1e-3, 1e6, "µg/h"),
    ("g/h", 0.1, 1e3, "mg/h"),
    ("mL", 0.1, 1e3, "µL"),
    ("mL/h", 0.01, 1e3, "µL/h"),
)
SPELLED = {
    "degC": "°C",
    "uL": "µL",
    "ug": "µg",
    "ug/h": "µg/h",
    "ug/day": "µg/day",
    "ug/mL": "µg/mL",
    "1": "",
}


def _fixed(value: float, exponent: int, signed: bool = False) -> str:
    """``value`` rounded at 10**exponent, without scientific notation."""
    quantum = Decimal(1).scaleb(min(exponent, 0))
    rounded = Decimal(repr(value)).quantize(Decimal(1).scaleb(exponent), ROUND_HALF_EVEN)
    rounded = rounded.quantize(quantum)
    text = f"{abs(rounded):f}"
    if rounded == 0:
        return text
    return (MINUS if rounded < 0 else "+" if signed else "") + text


def _leading(value: float) -> int:
    return floor(log10(abs(value)))


def spelled(unit: str | None) -> str:
    """The unit as printed ("degC" is °C)."""
    return SPELLED.get(unit or "", unit or "")


def joined(number: str, unit: str | None) -> str:
    """Number and unit with a space that does not break."""
    name = spelled(unit)
    return f"{number}\u00a0{name}" if name else number


def exponent_of(uncertainty: float | None, value: float, digits: int = 4) -> int:
    """The power of ten to round at: two significant digits of the uncertainty, else ``digits`` of the value."""
    if uncertainty is not None and isfinite(uncertainty) and uncertainty > 0:
        exponent = _leading(uncertainty) - 1
        # 0.0996 rounds up to 0.10, which has two digits one place further left
        if Decimal(repr(uncertainty)).quantize(Decimal(1).scaleb(exponent), ROUND_HALF_EVEN) >= Decimal(
            100
        ).scaleb(exponent):
            exponent += 1
        return exponent
    return _leading(value) - digits + 1 if value else 0


def number(value: float | None, unit: str | None = None, digits: int = 4, signed: bool = False) -> str:
    """``value`` to so many significant digits, with its unit; very large and very small ones as powers of ten."""
    if value is None or not isfinite(value):
        return NONE if value is None else joined("not finite", "")
    if value == round(value) and abs(value) < 1e7:
        return joined(_fixed(float(value), 0, signed), unit)
    if _awkward(value):
        exponent = _leading(value)
        mantissa = _bare(_fixed(value / 10.0**exponent, 1 - digits, signed))
        return joined(f"{mantissa} × 10{_raised(exponent)}", unit)
    return joined(_bare(_fixed(value, exponent_of(None, value, digits), signed)), unit)


def _awkward(value: float) -> bool:
    """Too small or too large to be read without a power of ten."""
    return value != 0 and not -4 <= _leading(value) < 7


def _bare(text: str) -> str:
    """ "0.500" -> "0.5": these digits say nothing."""
    return text.rstrip("0").rstrip(".") if "." in text else text


def handy(value: float | None, uncertainty: float | None, unit: str | None) -> tuple[float, str]:
    """A factor and a unit in which a mass, a volume or a rate is a handy number: 20.3 µg/h, not 0.0000203 g/h."""
    largest = max(abs(number) for number in (value or 0.0, uncertainty or 0.0) if isfinite(number))
    for name, least, factor, smaller in SMALLER:
        if unit == name and 0 < largest < least:
            return factor, smaller
    return 1.0, unit or ""


def _raised(exponent: int) -> str:
    return str(exponent).translate(str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"))


def measured(value: float | None, uncertainty: float | None, unit: str | None, signed: bool = False) -> str:
    """``value`` rounded to the uncertainty's two significant digits, with its unit."""
    if value is None or not isfinite(value) or not uncertainty or not isfinite(uncertainty):
        return number(value, unit, signed=signed)
    return joined(_fixed(value, exponent_of(uncertainty, value), signed), unit)


def spread(uncertainty: float | None, unit: str | None) -> str:
    """An uncertainty to two significant digits, with its unit."""
    if uncertainty is None or not isfinite(uncertainty) or uncertainty == 0:
        return NONE if uncertainty is None else number(uncertainty, unit)
    if _awkward(uncertainty):
        exponent = _leading(uncertainty)
        return joined(f"{_fixed(uncertainty / 10.0**exponent, -1)} × 10{_raised(exponent)}", unit)
    return joined(_fixed(uncertainty, exponent_of(uncertainty, uncertainty)), unit)


def plus_minus(value: float | None, uncertainty: float | None, unit: str | None, signed: bool = False) -> str:
    """ "+3.02 ± 0.41 %"; without an uncertainty just the value."""
    factor, unit = handy(value, uncertainty, unit)
    value = None if value is None else value * factor
    if value is None or not uncertainty:
        return measured(value, uncertainty, unit, signed)
    uncertainty *= factor
    exponent = exponent_of(uncertainty, value)
    return f"{_fixed(value, exponent, signed)} ± {joined(_fixed(uncertainty, exponent), unit)}"


def probability(value: float | None) -> str:
    """A probability in percent, never rounded to nothing."""
    if value is None:
        return NONE
    percent = 100 * value
    if percent < 0.01:
        return joined("< 0.01", "%")
    return number(percent, "%", digits=2)


def duration(seconds: float | None) -> str:
    """ "37 h 12 min", "90 s", "25 min"; exact where it is short."""
    if seconds is None:
        return NONE
    sign = MINUS if seconds < 0 else ""
    seconds = abs(seconds)
    if seconds < 120:
        text = f"{seconds:.3f}".rstrip("0").rstrip(".") if seconds < 10 else f"{seconds:.0f}"
        return f"{sign}{text}\u00a0s"
    minutes = round(seconds / 60)
    hours, minutes = divmod(minutes, 60)
    if not hours:
        whole = divmod(round(seconds), 60)
        return f"{sign}{whole[0]}\u00a0min" + (f"\u00a0{whole[1]}\u00a0s" if whole[1] else "")
    return f"{sign}{hours}\u00a0h" + (f"\u00a0{minutes}\u00a0min" if minutes else "")


def instant(started_utc: str, since_start_s: float | None) -> str:
    """ "2026-11-21 06:15:00 UTC", so many seconds after the start of the run."""
    began = utc(started_utc)
    if began is None or since_start_s is None:
        return NONE
    try:
        return f"{began + timedelta(seconds=since_start_s):%Y-%m-%d %H:%M:%S} UTC"
    except OverflowError:
        return NONE


def utc(text: str) -> datetime | None:
    """An ISO 8601 instant, in UTC; None if it is none."""
    try:
        parsed = datetime.fromisoformat(text)
    except (TypeError, ValueError):
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)
