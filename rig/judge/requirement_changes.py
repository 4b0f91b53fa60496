"""What became of requirements from one run of a plan to the next."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rig.definitions.requirements.requirement_set import Requirement, RequirementSet

LONGEST_TEXT = 2000  # characters of an old or new text that are kept in the record


def requirement_changes(
    since: str, before: Sequence[RequirementSet], now: Sequence[RequirementSet]
) -> dict[str, Any]:
    """``since`` (id of the earlier run), ids ``added`` and ``removed``, and ``changed``: ``id`` and ``what``.

    ``what`` has for each part that changed its name, and the texts ``before`` and ``now``. JSON-able.
    """
    old, new = _by_id(before), _by_id(now)
    return {
        "since": since,
        "added": [name for name in new if name not in old],
        "removed": [name for name in old if name not in new],
        "changed": [
            {"id": name, "what": _what(old[name], new[name])}
            for name in new
            if name in old and old[name].sha256 != new[name].sha256
        ],
    }


def _by_id(sets: Sequence[RequirementSet]) -> dict[str, Requirement]:
    return {requirement.id: requirement for found in sets for requirement in found.requirements}


def _what(before: Requirement, now: Requirement) -> list[dict[str, str]]:
    old, new = before.content, now.content
    return [
        {"name": name, "before": old.get(name, "")[:LONGEST_TEXT], "now": new.get(name, "")[:LONGEST_TEXT]}
        for name in dict.fromkeys([*new, *old])
        if old.get(name, "") != new.get(name, "")
    ]
