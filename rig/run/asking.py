"""What the operator was asked and answered, into the record: instruments that a person works speak in words."""

from __future__ import annotations

from contextlib import suppress

from rig.drivers import driver_class
from rig.errors import IntegrityError
from rig.record.journal import Journal
from rig.transport import Direction, WireSink


def is_asked(driver: str) -> bool:
    """Whether a person stands between this driver and its instrument; such drivers say ``ASKS_A_PERSON``."""
    return bool(getattr(driver_class(driver), "ASKS_A_PERSON", False))


class RecordedAsking:
    """A wire sink that also writes ``asked`` and ``answered`` into the journal, once the run is opened there.

    It never raises: a person must still be told to stop a pump when the disk takes nothing more. The journal keeps its
    failure, and tells it at the next record.
    """

    def __init__(self, sink: WireSink, journal: Journal, unit: str, role: str) -> None:
        self._sink, self._journal, self._unit, self._role = sink, journal, unit, role

    def __call__(self, t_ns: int, direction: Direction, data: bytes) -> None:
        self._sink(t_ns, direction, data)
        if not self._journal.count:
            return
        text = data.decode("utf-8", "replace").removesuffix("\n")
        if direction == ">":
            kind, told = "asked", {"question": text}
        else:
            by, _, answer = text.partition("\t")
            kind, told = "answered", {"by": by, "answer": answer}
        with suppress(IntegrityError):
            self._journal.append(kind, durable=True, unit=self._unit, role=self._role, **told)
