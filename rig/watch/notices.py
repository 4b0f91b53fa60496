"""Tells somebody who does not look when a run ends, fails or asks: on this desktop, or a computer elsewhere.

A webhook gets a POST with JSON: ``kind`` ("ended", "failed", "asks"), ``run``, ``unit``, ``words``, ``at_utc``. One
that does not answer within :data:`WITHIN_S` is told on standard error, and not tried again with the same notice.
"""

from __future__ import annotations

import json
import queue
import shutil
import subprocess
import sys
import threading
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from rig.transport.prompts import Prompt
from rig.watch.standing import text

WITHIN_S = 10.0
TITLES = {"ended": "Run ended", "failed": "Run: something failed", "asks": "The bench asks"}

Notice = dict[str, str]


def desktop_command(notice: Notice) -> list[str] | None:
    """How this desktop is told; None where it cannot be."""
    program = shutil.which("notify-send")
    if program is None:
        return None
    urgency = "normal" if notice["kind"] == "ended" else "critical"
    body = " ".join(part for part in (notice["unit"], notice["words"]) if part)
    return [program, "--app-name=infusion-rig", f"--urgency={urgency}", "--", TITLES[notice["kind"]], body]


def _on_standard_error(words: str) -> None:
    sys.stderr.write(f"rig watch: {words}\n")


class Notices:
    """Works in a thread of its own: whoever notices does not wait."""

    def __init__(self, desktop: bool, webhook: str, complain: Callable[[str], None] | None = None) -> None:
        self._desktop, self._webhook = desktop, webhook
        self._complain = complain or _on_standard_error
        self._notices: queue.SimpleQueue[Notice | None] = queue.SimpleQueue()
        self._thread = threading.Thread(target=self._work, name="notices", daemon=True)
        self._thread.start()

    def of_run(self, name: str, message: dict[str, Any]) -> None:
        """What of the news of a run somebody must know."""
        for event in message.get("events", ()):
            if event["kind"] == "run_closed":
                self._put("ended", name, event["text"])
            elif event["level"] == "bad":
                self._put("failed", name, event["text"], f"{event['unit']} {event['case']}".strip())
        run = message.get("run", {})
        if run.get("state") in ("left", "guard", "damaged"):
            self._put("failed", name, run["words"])

    def of_prompts(self, prompts: list[Prompt]) -> None:
        """Questions that are new."""
        for prompt in prompts:
            self._put("asks", "", prompt.question)

    def close(self) -> None:
        """What is waiting is told first."""
        self._notices.put(None)
        self._thread.join(WITHIN_S)

    def _put(self, kind: str, run: str, words: str, unit: str = "") -> None:
        at_utc = datetime.now(UTC).isoformat(timespec="seconds")
        self._notices.put({"kind": kind, "run": run, "unit": unit, "words": text(words), "at_utc": at_utc})

    def _work(self) -> None:
        while (notice := self._notices.get()) is not None:
            try:
                if self._desktop and (command := desktop_command(notice)) is not None:
                    subprocess.run(command, check=False, timeout=WITHIN_S, capture_output=True)
                if self._webhook:
                    self._post(notice)
            except (OSError, ValueError, subprocess.TimeoutExpired) as error:
                self._complain(f"a notice was not delivered: {error}")

    def _post(self, notice: Notice) -> None:
        request = urllib.request.Request(  # the address is the user's own
            self._webhook, json.dumps(notice).encode(), {"Content-Type": "application/json"}, method="POST"
        )
        with urllib.request.urlopen(request, timeout=WITHIN_S):
            pass
