"""``python -m rig.guard``: started by a run, never by hand. Orders and all else come on standard input."""

from __future__ import annotations

import sys

from rig.guard.watch import watch_over

sys.exit(watch_over(sys.stdin.buffer, sys.stdout.buffer))
