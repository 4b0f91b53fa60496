"""Where processes of the rig meet on this machine: the folder of this user alone, and whether another one lives."""

from __future__ import annotations

import os
import stat
import tempfile
from pathlib import Path

from rig.errors import RigError


def private_folder() -> Path:
    """It is made at the first need. Raises RigError where no private folder can be had."""
    user = str(os.getuid()) if hasattr(os, "getuid") else "own"
    folder = Path(tempfile.gettempdir()) / f"infusion-rig-{user}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise RigError(f"{folder}: {error.strerror or error}") from error
    if not stat.S_ISDIR(found.st_mode) or (
        hasattr(os, "getuid") and (found.st_uid != os.getuid() or found.st_mode & 0o077)
    ):
        raise RigError(f"{folder} is not a folder of this user alone")
    return folder


def process_lives(pid: int) -> bool:
    """Whether there is a process of that number; true where the system does not tell."""
    if os.name != "posix":
        return True  # on Windows signal 0 would end it
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # it is another user's
        return True
    return True
