"""Questions to the operator that terminal and live page may answer: the first answer counts.

A question is a file ``ID.json`` in the private folder of this user; its answer is ``ID.answer`` beside it. An answer is
made whole under another name and then linked to its place, which succeeds once: whoever asks and whoever answers agree
on which answer it was, whatever dies in between.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rig.errors import RigError
from rig.transport.private_folder import private_folder, process_lives

LONGEST = 200  # characters of a name or an answer
LIVE_PAGE = " (live page)"  # follows the name of who answered there
_ASKER = re.compile(r"(\d+)-[0-9a-f]{16}\.(?:json|answer)$")
WITHDRAWN = ""  # the name under which a question that nobody answered is closed


@dataclass(frozen=True)
class Prompt:
    """A question that stands. ``pid``: the process that asks."""

    id: str
    question: str
    asked_utc: str
    pid: int


class StandingQuestion:
    """The asking end of one question."""

    def __init__(self, question: str) -> None:
        """Put it up. Where this machine offers no private folder it stands at the terminal alone."""
        self._folder: Path | None = None
        self._id = f"{os.getpid()}-{secrets.token_hex(8)}"
        told = Prompt(self._id, question, datetime.now(UTC).isoformat(timespec="milliseconds"), os.getpid())
        with suppress(OSError, RigError):
            folder = prompts_folder()
            _put(folder, f"{self._id}.json", json.dumps(asdict(told)))
            self._folder = folder

    def answered(self) -> tuple[str, str] | None:
        """Who answered on the live page, and what; None while nobody has."""
        return None if self._folder is None else _read_answer(self._folder, self._id)

    def answer(self, by: str, answer: str) -> tuple[str, str]:
        """Answer it here; the answer that counts, which may be an earlier one of somebody else. It is over then."""
        if self._folder is None:  # over already, or it never stood anywhere else
            return by, answer
        with suppress(OSError):
            _put(self._folder, f"{self._id}.answer", json.dumps({"by": by, "answer": answer}))
        counts = _read_answer(self._folder, self._id)
        with suppress(OSError):  # the answer stays: there is never a second one
            (self._folder / f"{self._id}.json").unlink()
        self._folder = None
        return counts or (by, answer)

    def withdraw(self) -> tuple[str, str] | None:
        """Nobody waits for an answer any more; one that came in the last moment, if one did."""
        by, answer = self.answer(WITHDRAWN, "")
        return (by, answer) if by else None


def prompts_folder() -> Path:
    """Where the questions of this user lie. Raises RigError."""
    folder = private_folder() / "prompts"
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def open_prompts() -> list[Prompt]:
    """All questions of this user that wait for an answer, oldest first. What dead processes left is cleared away."""
    found = []
    try:
        files = {path.name: path for path in prompts_folder().iterdir() if _ASKER.match(path.name)}
    except (OSError, RigError):
        return []
    dead = {pid for pid in {_asker(name) for name in files} if not process_lives(pid)}
    for name, path in files.items():
        if _asker(name) in dead:
            with suppress(OSError):
                path.unlink(missing_ok=True)
        elif path.suffix == ".json" and path.with_suffix(".answer").name not in files:
            with suppress(OSError, ValueError, TypeError):
                found.append(Prompt(**json.loads(path.read_text(encoding="utf-8"))))
    return sorted(found, key=lambda prompt: (prompt.asked_utc, prompt.id))


def answer_prompt(prompt_id: str, by: str, answer: str) -> None:
    """Answer from the live page. Raises RigError: not one line of text, or who was first, or no longer asked."""
    for what, text in (("name", by), ("answer", answer)):
        if not text.strip() or len(text) > LONGEST or not text.isprintable():
            raise RigError(
                f"the {what} must be one line of at most {LONGEST} characters, without control characters"
            )
    folder = prompts_folder()
    if prompt_id not in {prompt.id for prompt in open_prompts()}:
        raise RigError(_why_not(folder, prompt_id))
    try:
        _put(folder, f"{prompt_id}.answer", json.dumps({"by": by + LIVE_PAGE, "answer": answer}))
    except FileExistsError:
        raise RigError(_why_not(folder, prompt_id)) from None
    except OSError as error:
        raise RigError(f"the answer cannot be written: {error.strerror or error}") from error


def _why_not(folder: Path, prompt_id: str) -> str:
    earlier = _read_answer(folder, prompt_id) if _ASKER.match(f"{prompt_id}.answer") else None
    return f"{earlier[0]} was first" if earlier and earlier[0] else "this is no longer asked"


def _put(folder: Path, name: str, text: str) -> None:
    """Whole or not at all, and never in place of what is there. Raises OSError, FileExistsError."""
    unfinished = folder / f".{secrets.token_hex(8)}"
    descriptor = os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        os.link(unfinished, folder / name)
    finally:
        unfinished.unlink(missing_ok=True)


def _read_answer(folder: Path, prompt_id: str) -> tuple[str, str] | None:
    try:
        told = json.loads((folder / f"{prompt_id}.answer").read_text(encoding="utf-8"))
        return str(told["by"]), str(told["answer"])
    except (OSError, ValueError, LookupError, TypeError):
        return None


def _asker(name: str) -> int:
    found = _ASKER.match(name)
    return int(found[1]) if found else 0
