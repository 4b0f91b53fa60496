"""Reading a file that a user named."""

from __future__ import annotations

from pathlib import Path

from rig.errors import DefinitionError, Where, did_you_mean

PLAN_SUFFIX = ".plan.toml"  # needed: pytest picks plans out by their names


def near_path(path: Path) -> str:
    """The hint for a path that leads nowhere: the file of nearly that name in its folder; empty if there is none."""
    try:
        return did_you_mean(str(path), (str(beside) for beside in path.parent.iterdir() if beside.is_file()))
    except (OSError, ValueError):
        return ""


def read_user_file(path: Path, largest: int, hint_if_larger: str = "") -> bytes:
    """A file's bytes.

    Raises DefinitionError if it is missing, a folder, no regular file, unreadable, or has more than ``largest`` bytes.
    """
    where = Where(str(path))
    try:
        if path.is_dir():
            raise DefinitionError("this is a folder, not a file", where)
        if path.exists() and not path.is_file():
            raise DefinitionError("this is not a regular file", where)
        with path.open("rb") as file:
            content = file.read(largest + 1)
    except FileNotFoundError:
        hint = near_path(path) or "check the path and the folder you are in"
        raise DefinitionError("there is no such file", where, hint) from None
    except (OSError, ValueError) as problem:
        said = problem.strerror if isinstance(problem, OSError) and problem.strerror else str(problem)
        raise DefinitionError(f"the file cannot be read: {said}", where) from None
    if len(content) > largest:
        raise DefinitionError(f"the file is larger than {largest // 1000} kB", where, hint_if_larger)
    return content
