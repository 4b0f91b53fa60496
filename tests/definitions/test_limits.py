"""The four forms of a limit."""

from __future__ import annotations

import pytest

from rig.definitions.limits import Limit, parse_limit, trumpet_name
from rig.errors import DefinitionError


@pytest.mark.parametrize(
    ("text", "low", "high"),
    [
        ("within 14.5 %", -14.5, 14.5),
        ("between -10 % and 15 %", -10.0, 15.0),
        ("between 85 % and 115 %", 85.0, 115.0),
        ("at most 2 %", None, 2.0),
        ("at most -2 %", None, -2.0),
        ("at least 95 %", 95.0, None),
    ],
)
def test_forms(text: str, low: float | None, high: float | None) -> None:
    assert parse_limit(text) == Limit(low, high, "%", text)


def test_a_limit_of_another_kind() -> None:
    assert parse_limit("within 50 uL", "volume") == Limit(-0.05, 0.05, "mL", "within 50 uL")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("14.5 %", "not a limit that can stand here"),
        ("Within 14.5 %", "not a limit that can stand here"),
        ("within  14.5 %", "exactly one space"),
        ("within 14,5 %", "a decimal point"),
        ("within 14.5", "no unit"),
        ("within 14.5 mL", "is a volume; here a percentage is needed"),
        ("within 0 %", "accepts nothing"),
        ("within -1 %", "accepts nothing"),
        ("between 5 % and 5 %", "accepts nothing"),
        ("between 5 % and -5 %", "accepts nothing"),
        ("between -5 %", "not a limit that can stand here"),
        ("at most nan %", "not a number"),
        ("< 5 %", "not a limit that can stand here"),
        ("", "not a limit that can stand here"),
    ],
)
def test_refused(text: str, said: str) -> None:
    with pytest.raises(DefinitionError) as refused:
        parse_limit(text)
    assert said in str(refused.value)


def test_only_the_forms_that_are_allowed() -> None:
    with pytest.raises(DefinitionError, match=r"limits are written 'at least 95 %'\)"):
        parse_limit("within 5 %", forms=("at least",))


@pytest.mark.parametrize(
    ("window_s", "name"),
    [(55800.0, "trumpet_930_min"), (60.0, "trumpet_1_min"), (45.0, "trumpet_45_s"), (0.5, "trumpet_0.5_s")],
)
def test_names_of_windows(window_s: float, name: str) -> None:
    assert trumpet_name(window_s) == name
