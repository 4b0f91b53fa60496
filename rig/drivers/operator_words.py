"""What manual instruments share: a question to the operator, and what may be answered."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from rig.clock import ns_from_s
from rig.errors import DefinitionError, DeviceError, ExchangeError, ProtocolError
from rig.quantities import parse
from rig.transport import Link

T = TypeVar("T")

ANSWER_LIMIT = 1024  # bytes
TRIES = 5  # an answer that is not understood is asked for again, with what is wrong with it
REFUSED = ("no", "n", "cannot", "can't", "impossible", "stop")
DONE = ("done", "yes", "y", "ok")


def parse_answer(line: bytes) -> tuple[str, str]:
    """Who answered, and what. Raises ProtocolError."""
    try:
        name, tab, answer = line.decode("utf-8").removesuffix("\n").partition("\t")
    except UnicodeDecodeError as error:
        raise ProtocolError("not a text", received=line) from error
    if not line.endswith(b"\n") or not (name and tab and answer):
        raise ProtocolError("not a name and an answer", received=line)
    return name, answer


def parse_quantity(answer: str, kind: str, unit: str) -> float:
    """A number with its unit, in ``unit``. Raises DefinitionError in words for the operator."""
    return parse(answer, kind, unit)


def parse_done(answer: str) -> None:
    """That something was done. Raises DeviceError when the operator says it cannot be, DefinitionError."""
    if answer.lower() in REFUSED:
        raise DeviceError(f"the operator answered '{answer}'", code="operator")
    if answer.lower() not in DONE:
        raise DefinitionError(f"'{answer}' is no answer here", hint="answer done, or no if it cannot be done")


class Operator:
    """Asks the person at the link; an answer that is not understood is asked for again."""

    def __init__(self, link: Link, answer_within_s: float) -> None:
        self._link, self._within_ns = link, ns_from_s(answer_within_s)

    def ask(self, question: str, parse_text: Callable[[str], T]) -> tuple[T, bytes]:
        """What was answered, parsed, and the answer as it came: name, tab, text.

        Raises LinkTimeout (nobody answered in time), DeviceError (the operator says it cannot be done, or no answer was
        understood), LinkLost, ProtocolError.
        """
        text, line = question, b""
        with self._link.alone():
            for _ in range(TRIES):
                sent = f"{text}\n".encode()
                self._link.discard_input()
                deadline_ns = self._link.now_ns() + self._within_ns
                self._link.write(sent)
                line = self._link.read_until(b"\n", deadline_ns, ANSWER_LIMIT)
                try:
                    return parse_text(parse_answer(line)[1]), line
                except DefinitionError as misread:
                    text = f"{misread.message}{f' ({misread.hint})' if misread.hint else ''}. {question}"
                except ExchangeError as error:
                    error.address, error.sent, error.received = self._link.address, sent, line
                    raise
        raise DeviceError(
            f"none of {TRIES} answers was understood",
            code="operator",
            address=self._link.address,
            received=line,
        )

    def close(self) -> None:
        self._link.close()
