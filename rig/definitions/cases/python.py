"""Cases of a Python plan, each a test function: made by the pytest plugin, kept in run folders, written by nobody."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

from pydantic import Field, PrivateAttr

from rig.definitions.cases.common import Commanded, CommonCase
from rig.definitions.fields import LineOfText
from rig.definitions.limits import Criterion, never

PYTHON = "python"  # their procedure
ASSERTIONS = Criterion("assertions", "assertions", None, never("all hold"))


class PythonCase(CommonCase):
    """A test function; what it verifies beyond its assertions, and how much it delivers, is known when it has run."""

    procedure: Literal["python"]
    test: LineOfText = Field(description="the test function, as pytest names it, without its unit")

    _recorded: tuple[Criterion, ...] | None = PrivateAttr(None)

    @property
    def criteria(self) -> tuple[Criterion, ...]:
        """What the record says was verified, where it was looked up; and that the assertions hold."""
        return (*(self._recorded or ()), ASSERTIONS)

    @property
    def criteria_are_known(self) -> bool:
        """Whether its record was looked up."""
        return self._recorded is not None

    def with_recorded(self, criteria: tuple[Criterion, ...]) -> PythonCase:
        """The same case, with the criteria that its record tells."""
        case = self.model_copy()
        case._recorded = criteria
        return case

    @property
    def duration_s(self) -> float:
        """Not known beforehand."""
        return 0.0

    @property
    def volume_ml(self) -> float:
        """Not known beforehand: the interlock counts it."""
        return 0.0

    def commanded(self) -> Iterator[Commanded]:
        """Not known beforehand: the interlock holds each command against the bench's limits."""
        yield from ()
