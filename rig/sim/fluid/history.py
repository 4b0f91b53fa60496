"""The history of a fluid path: its segments one after the other, and where the reservoir runs dry."""

from __future__ import annotations

import bisect
import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
from numpy.typing import ArrayLike

from rig.sim.fluid.segment import Floats, Segment
from rig.sim.wire.line import NS_PER_S


class FluidHistory:
    """Segments without a gap, the newest without an end. ``dry_at_nl``: displaced volume at which nothing is left."""

    def __init__(self, first: Segment, dry_at_nl: float) -> None:
        self.dry_at_nl = dry_at_nl
        self._segments, self._starts = [first], [first.start_ns]

    def ask(self, t_ns: ArrayLike, what: Callable[[Segment, Floats], Floats]) -> Floats:
        """What the segment of each time says at it."""
        t = np.atleast_1d(np.asarray(t_ns, dtype=np.int64))
        if not len(t):
            return np.zeros(0)
        earliest_ns = latest_ns = int(t[0])
        if len(t) > 1:
            earliest_ns, latest_ns = int(t.min()), int(t.max())
        self._run_dry(latest_ns)
        first = max(bisect.bisect_right(self._starts, earliest_ns) - 1, 0)
        last = max(bisect.bisect_right(self._starts, latest_ns) - 1, 0)
        if first == last:
            segment = self._segments[first]
            return np.asarray(what(segment, segment.seconds(t)), dtype=np.float64)
        result = np.empty(len(t))
        which = np.clip(np.searchsorted(self._starts, t, side="right") - 1, 0, None)
        for index in range(first, last + 1):
            here = which == index
            segment = self._segments[index]
            result[here] = what(segment, segment.seconds(t[here]))
        return result

    def at(self, now_ns: int) -> Segment:
        """The segment that ``now_ns`` is in; what was foreseen beyond it is forgotten."""
        while len(self._segments) > 1 and self._segments[-1].start_ns > now_ns:
            self._starts.pop()  # a dry end, but something is changed before
            self._segments.pop()
        self._run_dry(now_ns)
        return self._segments[-1]

    def begin(self, segment: Segment) -> Segment:
        """From its start on this segment; its states are those that the newest has come to by then."""
        before = self._segments[-1]
        s = np.array([(segment.start_ns - before.start_ns) / NS_PER_S])
        displaced, out = float(before.displaced_nl(s)[0]), float(before.delivered_nl(s)[0])
        flow = float(before.flow_nl_s(s)[0])
        if before.tau_s != segment.tau_s or before.closed != segment.closed:
            # the stored volume stays; a rigid tube that is open cannot keep any
            stored = displaced - out
            keeps = segment.tau_s or segment.closed
            flow = stored / segment.tau_s if segment.tau_s else 0.0
            out += 0.0 if keeps else stored
        segment = replace(
            segment, v0_nl=before.passed_nl(float(s[0])), in0_nl=displaced, out0_nl=out, flow0_nl_s=flow
        )
        if segment.start_ns == before.start_ns:
            self._segments[-1] = segment
        else:
            self._segments.append(segment)
            self._starts.append(segment.start_ns)
        return segment

    def _run_dry(self, until_ns: int) -> None:
        """Where the reservoir runs dry by ``until_ns``, the newest segment ends."""
        segment = self._segments[-1]
        left_nl = self.dry_at_nl - segment.in0_nl
        low, high = 0.0, (until_ns - segment.start_ns) / NS_PER_S
        if high < 0 or not (segment.gain or segment.free_nl_s) or segment.most_displaced_nl(high) < left_nl:
            return
        if float(segment.displaced_nl(np.array([high]))[0]) - segment.in0_nl < left_nl:
            return
        for _ in range(60):
            middle = (low + high) / 2
            if float(segment.displaced_nl(np.array([middle]))[0]) - segment.in0_nl < left_nl:
                low = middle
            else:
                high = middle
        dry_ns = segment.start_ns + math.ceil(high * NS_PER_S)
        self.begin(replace(segment, start_ns=dry_ns, gain=0.0, wear_per_nl=0.0, free_nl_s=0.0))
