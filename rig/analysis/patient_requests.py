"""Which requests of a patient a pump should grant: lock-out and daily maximum, counted from the grants.

Source: docs/reference/rpu-1.md, section 7.2 (lock-out and count from the grant, maximum in any 86400 s); the rules of
patient-controlled infusion (IEC 60601-2-24:2012 knows them for PCA pumps).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

DAY_S = 86_400.0
SAME_S = 2.0  # a pump counts whole seconds, and a request takes a moment: at an edge either answer is right


@dataclass(frozen=True)
class Request:
    """One press of the button: when (s), and whether it was granted; ``said``: the reason of a refusal."""

    t_s: float
    granted: bool
    said: str = ""


@dataclass(frozen=True)
class Breach:
    """A request that was not answered as it should: ``rule`` "lockout", "daily_maximum" or "granted"."""

    t_s: float
    rule: str
    words: str


def breaches(
    requests: Sequence[Request], lockout_s: float, max_per_day: int, bolus_duration_s: float
) -> list[Breach]:
    """What is wrong with the answers to rising ``requests`` (times in s), judged by the grants that were really given.

    A grant within ``lockout_s`` of the last grant, one beyond ``max_per_day`` in the 24 h before it, and a refusal
    though neither forbids it and no bolus (``bolus_duration_s``) runs. Edges within SAME_S are no breach either way.
    Raises ValueError for times that do not rise.
    """
    found: list[Breach] = []
    grants: list[float] = []
    last_s = float("-inf")
    for request in requests:
        if request.t_s <= last_s:
            raise ValueError("the times of requests do not rise")
        last_s = request.t_s
        since_s = request.t_s - grants[-1] if grants else float("inf")
        in_day = [t_s for t_s in grants if request.t_s - t_s < DAY_S - SAME_S]
        in_day_at_most = [t_s for t_s in grants if request.t_s - t_s < DAY_S + SAME_S]
        if request.granted:
            if since_s < lockout_s - SAME_S:
                found.append(Breach(request.t_s, "lockout", f"granted {since_s:.0f} s after the last one"))
            if len(in_day) >= max_per_day:
                words = f"granted as number {len(in_day) + 1} within 24 h, {max_per_day} are allowed"
                found.append(Breach(request.t_s, "daily_maximum", words))
            grants.append(request.t_s)
        elif since_s > max(lockout_s, bolus_duration_s) + SAME_S and len(in_day_at_most) < max_per_day:
            said = f" ({request.said})" if request.said else ""
            found.append(Breach(request.t_s, "granted", f"refused{said} though it was allowed"))
    return found
