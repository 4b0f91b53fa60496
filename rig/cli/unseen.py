"""Passwords and passphrases, typed at a terminal without being shown."""

from __future__ import annotations

import getpass
import warnings

from rig.errors import DefinitionError, Where


def typed_unseen(prompt: str, otherwise: str) -> str:
    """What was typed. Raises DefinitionError where it would be seen or nobody types; ``otherwise``: what to do then."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", getpass.GetPassWarning)
        try:
            return getpass.getpass(prompt)
        except (getpass.GetPassWarning, EOFError):
            what = "there is no terminal on which it could be typed unseen, or nothing was typed"
            raise DefinitionError(what, Where(key=prompt.strip().rstrip(":")), otherwise) from None
