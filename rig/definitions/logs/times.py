"""Time in a log: clock times as people and loggers write them, and the order time must have."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from itertools import pairwise

from rig.errors import DefinitionError, Where

CLOCK_UNIT = "clock"
MOST_PROBLEMS = 20  # named one by one; the rest is counted
_DAY_S = 86400
_TIME_OF_DAY = re.compile(r"([0-9]{1,3}):([0-5][0-9]):([0-5][0-9](?:\.[0-9]+)?)")
_DATE_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?(Z|[+-][0-9]{2}:[0-9]{2})?"
)


def is_clock(text: str) -> bool:
    """Whether a cell looks like a clock time or a date rather than a number (well-formed or not)."""
    return re.match(r"[0-9]{1,4}([:/.-])[0-9]{1,2}\1[0-9]{1,4}|[0-9]+:[0-9]", text) is not None


def read_clock_s(text: str, where: Where) -> float:
    """Seconds since midnight (time of day; hours may pass 24) or since 1970 (date and time).

    Raises DefinitionError for any other form: ``12:30`` could be hours and minutes or minutes and seconds.
    """
    time_of_day = _TIME_OF_DAY.fullmatch(text)
    if time_of_day:
        hours, minutes, seconds = time_of_day.groups()
        return int(hours) * 3600 + int(minutes) * 60 + float(seconds)
    if _DATE_TIME.fullmatch(text):
        try:
            moment = datetime.fromisoformat(text)
        except ValueError as problem:
            raise DefinitionError(f"'{text}' is no date and time: {problem}", where) from None
        return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
    hint = "write HH:MM:SS or YYYY-MM-DD HH:MM:SS"
    raise DefinitionError(f"'{text}' is no clock time that can be read one way only", where, hint)


def counted_from_first(t_s: list[float], notes: list[str]) -> list[float]:
    """Clock times as s since the first. A time of day that falls by more than half a day has passed midnight."""
    passed = 0
    counted: list[float] = []
    for index, t in enumerate(t_s):
        if index and t_s[0] < _DAY_S and t - t_s[index - 1] < -_DAY_S / 2:
            passed += 1
        counted.append(t + passed * _DAY_S - t_s[0])
    if passed:
        notes.append(f"the clock passes midnight {passed} time{'s' if passed > 1 else ''}")
    notes.append("clock times are counted from the first reading")
    return counted


Row = tuple[int, float, float]  # line, s, g


def rising(rows: list[Row], name: str, column: str, notes: list[str]) -> list[Row]:
    """The rows, if their time rises. A row written twice (same time, same weight) is left out and named.

    Raises DefinitionError for every other time stamp that stands still, and for every one that runs back.
    """
    kept = rows[:1]
    doubled: list[int] = []
    problems: list[DefinitionError] = []
    for before, row in pairwise(rows):
        place = Where(name, key=column, line=row[0])
        if row[1:] == before[1:]:
            doubled.append(row[0])
            continue
        if row[1] == before[1]:
            said = f"the time stamp of line {before[0]} again, with another weight"
            hint = "which reading is right cannot be told from the log"
            problems.append(DefinitionError(said, place, hint))
        elif row[1] < before[1]:
            said = f"time runs back by {before[1] - row[1]:g} s after line {before[0]}"
            problems.append(DefinitionError(said, place, "split the log there, or mend the clock"))
        kept.append(row)
    raise_all(problems, name)
    if doubled:
        shown = ", ".join(map(str, doubled[:5])) + (" …" if len(doubled) > 5 else "")
        notes.append(
            f"{len(doubled)} row{'s' if len(doubled) > 1 else ''} written twice, left out (line {shown})"
        )
    return kept


def raise_all(problems: list[DefinitionError], name: str) -> None:
    """Raise one DefinitionError with the first problems and the number of the rest; nothing if there is none."""
    if len(problems) == 1:
        raise problems[0]
    if len(problems) > MOST_PROBLEMS:
        rest = DefinitionError(f"and {len(problems) - MOST_PROBLEMS} more lines like these", Where(name))
        problems = [*problems[:MOST_PROBLEMS], rest]
    if problems:
        raise DefinitionError(f"{len(problems)} bad lines", Where(name), more=tuple(problems))
