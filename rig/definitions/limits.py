"""Limits as people write them, and the criteria they belong to.

Four forms: ``within 14.5 %`` (the same to both sides of zero), ``between -10 % and 15 %``, ``at most 2 %``,
``at least 95 %``. The limits themselves still belong to the accepted interval.
"""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import Literal

from rig.errors import DefinitionError
from rig.quantities import KINDS, parse

Form = Literal["within", "between", "at most", "at least"]
ALL_FORMS: tuple[Form, ...] = ("within", "between", "at most", "at least")

_EXAMPLES: dict[Form, str] = {
    "within": "within 14.5 %",
    "between": "between -10 % and 15 %",
    "at most": "at most 2 %",
    "at least": "at least 95 %",
}
_FORMS: dict[Form, re.Pattern[str]] = {
    "within": re.compile(r"within (.+)"),
    "between": re.compile(r"between (.+) and (.+)"),
    "at most": re.compile(r"at most (.+)"),
    "at least": re.compile(r"at least (.+)"),
}


@dataclass(frozen=True)
class Limit:
    """The accepted interval ``low`` to ``high`` (None: open) in ``unit``; ``text`` as written."""

    low: float | None
    high: float | None
    unit: str
    text: str


@dataclass(frozen=True)
class Criterion:
    """One thing a case is judged by: ``quantity``, for the observation window ``window_s`` if it has one.

    ``name`` tells the criteria of a case apart: ``mean_error``, ``trumpet_930_min``.
    """

    name: str
    quantity: str
    window_s: float | None
    limit: Limit


NO_ALARMS = Limit(None, 0.0, "", "none")  # number of alarms during the case


def never(word: str) -> Limit:
    """None of what must never be is accepted; ``word`` is what the plan says for it, such as "respected"."""
    return Limit(None, 0.0, "", word)


def parse_limit(text: str, kind: str = "percent", forms: tuple[Form, ...] = ALL_FORMS) -> Limit:
    """Read a limit. Raises DefinitionError, without a place, for another form or an empty interval."""
    unit = KINDS[kind].canonical
    for form in forms:
        match = _FORMS[form].fullmatch(text)
        if match is None:
            continue
        values = [parse(written, kind) for written in match.groups()]
        if form == "within":
            if values[0] <= 0:
                raise DefinitionError(
                    f"'{text}' accepts nothing", hint="'within' is followed by a positive number"
                )
            return Limit(-values[0], values[0], unit, text)
        if form == "between":
            if values[0] >= values[1]:
                raise DefinitionError(f"'{text}' accepts nothing", hint="the lower limit is written first")
            return Limit(values[0], values[1], unit, text)
        return Limit(None, values[0], unit, text) if form == "at most" else Limit(values[0], None, unit, text)
    written_as = ", ".join(f"'{_EXAMPLES[form]}'" for form in forms)
    raise DefinitionError(
        f"'{text}' is not a limit that can stand here", hint=f"limits are written {written_as}"
    )


def limit_on(text: str, unit: str) -> tuple[Limit, float]:
    """A limit on values that are stated in ``unit``, and the factor from that to the limit's own unit.

    Raises DefinitionError, without a place, for an unknown unit and a limit on another kind of quantity.
    """
    problem: DefinitionError | None = None
    for kind in kinds_of(unit):
        try:
            return parse_limit(text, kind), float(KINDS[kind].units[unit])
        except DefinitionError as error:
            problem = problem or error
    assert problem is not None
    raise problem


def kinds_of(unit: str) -> list[str]:
    """The kinds of quantity that can be stated in ``unit``. Raises DefinitionError, without a place, if none can."""
    kinds = [kind for kind, known in KINDS.items() if unit in known.units]
    if not kinds:
        every = sorted({known for kind in KINDS.values() for known in kind.units})
        close = difflib.get_close_matches(unit, every, n=3) or ["mL", "mL/h", "%", "s"]
        raise DefinitionError(f"the unit '{unit}' is unknown", hint=f"such as {', '.join(close)}")
    return kinds


def trumpet_name(window_s: float) -> str:
    """Name of the trumpet criterion of one window: ``trumpet_930_min``, or in seconds: ``trumpet_45_s``."""
    if window_s % 60 == 0:
        return f"trumpet_{window_s / 60:.0f}_min"
    return f"trumpet_{window_s:.12g}_s"
