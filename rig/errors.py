"""Every error the rig raises on purpose.

::

    RigError                     something the user must know; never shown as a traceback
    ├── DefinitionError          a file or a command line is wrong; nothing was opened, nothing was sent
    ├── BenchBusy                another run holds the bench; nothing was sent
    ├── LimitRefused             a value beyond a limit of bench or pump; no dose was sent
    ├── InterlockTripped         more flowed than may, or two sources disagree; the pump was put in its safe state
    ├── LinkError                bytes do not get through
    │   ├── LinkTimeout          no (complete) reply before the deadline; also a TimeoutError
    │   └── LinkLost             the port is gone, or was never there
    ├── ProtocolError            a reply that the protocol does not allow (damaged, foreign, out of range)
    ├── DeviceError              the device understood and refused, with its own code
    ├── IntegrityError           a record is damaged, incomplete or was altered
    ├── NoAnswer                 the guard was asked and gave no answer: it may have heard, and may not
    └── Aborted                  somebody asked the run to end

Exit status of ``rig``: DefinitionError, BenchBusy and LimitRefused 4; Aborted 2; all others 3.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

EXIT_ALL_PASS = 0
EXIT_NOT_ALL_PASS = 1
EXIT_ABORTED = 2
EXIT_RIG_FAILED = 3
EXIT_BAD_INPUT = 4


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """The hint for a word that is not known: the nearest of those that are; empty if none is near."""
    import difflib

    by_lower = {name.lower(): name for name in known}
    close = difflib.get_close_matches(word.lower(), by_lower, n=1, cutoff=0.6)
    return f"did you mean '{by_lower[close[0]]}'?" if close else ""


class RigError(Exception):
    """Base of all. ``exit_status`` is what the command line ends with."""

    exit_status = EXIT_RIG_FAILED


@dataclass(frozen=True)
class Where:
    """A place in something the user wrote: any part may be unknown (None)."""

    file: str | None = None
    case: str | None = None
    key: str | None = None
    line: int | None = None

    def __str__(self) -> str:
        place = self.file or ""
        if self.line is not None:
            place += f":{self.line}"
        parts = [place] if place else []
        if self.case is not None:
            parts.append(f"case '{self.case}'")
        if self.key is not None:
            parts.append(f"key '{self.key}'")
        return ", ".join(parts)


class DefinitionError(RigError):
    """A plan, bench, pump profile, log or command line is wrong. Nothing was opened, nothing was sent.

    ``problems`` holds every problem found, each with its place, so that a user mends a file in one go.
    """

    exit_status = EXIT_BAD_INPUT

    def __init__(
        self, message: str, where: Where | None = None, hint: str = "", more: tuple[DefinitionError, ...] = ()
    ) -> None:
        self.message, self.where, self.hint = message, where or Where(), hint
        self.problems: tuple[DefinitionError, ...] = more or (self,)
        super().__init__(message)

    def __str__(self) -> str:
        if self.problems != (self,):
            return "\n".join(str(problem) for problem in self.problems)
        place = str(self.where)
        text = f"{place}: {self.message}" if place else self.message
        return f"{text} ({self.hint})" if self.hint else text


class BenchBusy(RigError):
    """Another run holds the bench. Nothing was sent."""

    exit_status = EXIT_BAD_INPUT


class LimitRefused(RigError):
    """A value beyond a limit of the bench or of the pump. Nothing that doses was sent."""

    exit_status = EXIT_BAD_INPUT


class InterlockTripped(RigError):
    """A unit delivered more than its bench allows, or what was weighed is not what was commanded.

    Its pump was put in its safe state; the text says whether that is confirmed.
    """


class ExchangeError(RigError):
    """Base of the errors that carry the bytes of one exchange.

    ``address`` names the link, ``sent`` what was sent last (b"" if nothing), ``received`` what came back.
    """

    def __init__(self, message: str, *, address: str = "", sent: bytes = b"", received: bytes = b"") -> None:
        self.message, self.address, self.sent, self.received = message, address, sent, received
        super().__init__(message)

    def __str__(self) -> str:
        text = f"{self.address}: {self.message}" if self.address else self.message
        if self.sent:
            text += f"; sent {self.sent!r}"
        if self.sent or self.received:
            text += f", received {self.received!r}" if self.received else ", received nothing"
        return text


class LinkError(ExchangeError):
    """Bytes do not get through."""


class LinkTimeout(LinkError, TimeoutError):
    """No complete reply before the deadline; ``received`` holds what did come."""


class LinkLost(LinkError):
    """The port is gone, or was never there."""


class ProtocolError(ExchangeError):
    """A reply that the protocol does not allow: damaged, foreign, truncated, out of range."""


class DeviceError(ExchangeError):
    """The device understood and refused. ``code`` is the device's own code, as text."""

    def __init__(
        self, message: str, *, code: str, address: str = "", sent: bytes = b"", received: bytes = b""
    ) -> None:
        self.code = code
        super().__init__(message, address=address, sent=sent, received=received)


class IntegrityError(RigError):
    """A record is damaged, incomplete or was altered. The text names file, record and byte."""


class NoAnswer(RigError):
    """The guard was asked to end the run and gave no answer: it may have heard, and may not."""


class Aborted(RigError):
    """Somebody (a signal, an operator) asked the run to end; raised once in each running task."""

    exit_status = EXIT_ABORTED
