"""How much the live page costs while a bench works, and how soon an abort reaches the guard.

    python benchmarks/watch_load.py [--seconds 600] [--pages 8] [--aborts 200]

A process of its own writes a real record: 16 units, each with a flow sensor and three monitors, ten readings a second
of each: 64 channels. ``rig watch`` serves it to so many pages in Chromium, each in a browser of its own. Measured are

- frames in the record: all, in order, the chain sound
- processor time of the server, in percent of one core
- the main thread of each page (TaskDuration of the DevTools protocol), in percent of the time
- aborts, each as a person does it, on all pages in turn: from the click on "Abort the run" to the guard's port (the
  real one, in the writer's process; clocks of one machine), and what the dialog said to each that was and was not heard

Prints JSON. Needs Linux, playwright and Chromium.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

HZ = 10
UNITS = 16
ROLES = ("pressure", "bath", "current")
CHANNEL = {"pressure": "line_pressure_kpa", "bath": "bath_temperature_c", "current": "battery_current_a"}
BENCH = "load"
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
# On each page: when "Abort the run" was clicked (when the browser got it, not when the page found time), what the
# dialog said to it ("" if it closed), and when.
NOTE_ABORTS = """() => {
  const [dialog, words] = [document.getElementById('abort-dialog'), document.getElementById('abort-words')];
  globalThis.noted = null;
  document.getElementById('abort-sure').addEventListener('click', (event) => {
    globalThis.noted = {clicked_ms: Date.now() - performance.now() + event.timeStamp, said: null};
  }, {capture: true});
  new MutationObserver(() => {
    const {noted} = globalThis;
    if (noted === null || noted.said !== null || (dialog.open && words.textContent === '')) return;
    Object.assign(noted, {said: dialog.open ? words.textContent : '', said_ms: Date.now()});
  }).observe(dialog, {attributes: true, childList: true, characterData: true, subtree: true});
}"""
WHAT_IS_SAID = """within_ms => new Promise((resolve) => {
  const until = Date.now() + within_ms;
  const look = () => {
    if (globalThis.noted.said !== null || Date.now() > until) resolve(globalThis.noted);
    else setTimeout(look, 20);
  };
  look();
})"""
SAID_WITHIN_MS = 20_000


def write(runs: Path, seconds: float, heard: Path) -> None:
    """The writer's process: the record, and the guard's port, which notes when it heard what."""
    from datetime import UTC, datetime

    from rig.guard.control import ControlPort
    from rig.record.lock import BenchLock
    from rig.record.run_folder import RunFolder, new_run_id

    asked: list[tuple[str, float]] = []
    port = ControlPort.open(BENCH, lambda reason: asked.append((reason, time.time() * 1000)))
    lock = BenchLock(BENCH)
    lock.acquire(f"session writing to {runs}")
    zero_ns = time.monotonic_ns()

    def now_ns() -> int:
        return time.monotonic_ns() - zero_ns

    opened = datetime.now(UTC)
    run_id = new_run_id(opened, "load", BENCH)
    folder = RunFolder.create(runs, run_id, "", "", {}, now_ns, utc_ns=time.time_ns)
    journal = folder.journal
    journal.append(
        "run_opened", durable=True, run_id=run_id, started_utc=opened.isoformat(timespec="seconds"), clock="wall",
        rehearsal=True, rehearsal_because=["a benchmark"], operator="load", chosen=None,
        zero={"boot": "", "monotonic_ns": zero_ns, "utc_ns": time.time_ns() - now_ns()},
        plan={"id": "load", "revision": "A", "title": "Load"}, bench={"id": BENCH, "site": ""},
    )  # fmt: skip
    serials = [f"SN-{number:04}" for number in range(1, UNITS + 1)]
    for serial in serials:
        journal.append("case_started", durable=True, case="load", unit=serial, procedure="flow_accuracy")
        journal.append("step", durable=True, case="load", unit=serial, name="sample", planned_s=seconds)
    print(run_id, flush=True)
    late_s = 0.0
    for frame in range(round(seconds * HZ)):
        due_ns = zero_ns + round(frame * 1e9 / HZ)
        time.sleep(max(0.0, (due_ns - time.monotonic_ns()) / 1e9))
        late_s = max(late_s, (time.monotonic_ns() - due_ns) / 1e9)
        for place, serial in enumerate(serials):
            value = 1000 + place + frame % 97
            journal.append(
                "flow", case="load", unit=serial, first_t_ns=now_ns(), interval_ns=10**8, flow=[value],
                temperature=[3700], flags=0, scale=1000, temperature_scale=100, unit_of_flow="ml/h", lost=0,
            )  # fmt: skip
            for role in ROLES:
                journal.append(
                    "channels", case="load", unit=serial, role=role, values={CHANNEL[role]: value / 7}, raw="",
                    received_ns=now_ns(),
                )  # fmt: skip
    journal.close()
    sys.stdin.readline()  # the last abort was clicked
    heard.write_text(json.dumps({"asked": asked, "late_s": late_s}), "utf-8")
    lock.release()
    if port is not None:
        port.close()


def processor_s(pid: int) -> float:
    """Time that a process has had on processors, s."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def frames_in(folder: Path) -> dict[str, Any]:
    """What is in the record, read back as every reader does."""
    from rig.record.journal_reader import JournalReader

    reader = JournalReader(folder / "journal.jsonl")
    kinds = [record["kind"] for record in reader]
    return {
        "frames": kinds.count("flow") + kinds.count("channels"),
        "problems": [str(problem) for problem in reader.problems],
    }


def measure(seconds: float, pages: int, aborts: int) -> dict[str, Any]:
    from playwright.sync_api import sync_playwright

    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    with tempfile.TemporaryDirectory() as scratch, sync_playwright() as playwright:
        home = Path(scratch)
        runs, heard = home / "runs", home / "heard.json"
        runs.mkdir()
        own = {**os.environ, "TMPDIR": scratch, "INFUSION_RIG_KEYS": str(home / "keys")}
        code = "import sys; from rig.cli import main; sys.exit(main())"
        server = subprocess.Popen(
            [sys.executable, "-c", code, "watch", str(runs), "--port", "0"],
            env=own,
            stdout=subprocess.PIPE,
            text=True,
        )
        writer = None
        try:
            address = server.stdout.readline().split()[-1]  # type: ignore[union-attr]
            browser = playwright.chromium.launch(executable_path=chromium, args=FLAGS)
            opened = [
                browser.new_context(viewport={"width": 1440, "height": 900}).new_page() for _ in range(pages)
            ]
            for page in opened:
                page.goto(address)
            writer = subprocess.Popen(
                [sys.executable, __file__, "--write", str(runs), str(heard), "--seconds", str(seconds)],
                env=own, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
            )  # fmt: skip
            run_id = writer.stdout.readline().strip()  # type: ignore[union-attr]
            metrics = []
            for page in opened:
                page.wait_for_selector(f"text=SN-{UNITS:04} flow sensor")
                page.evaluate(NOTE_ABORTS)
                metrics.append(page.context.new_cdp_session(page))
                metrics[-1].send("Performance.enable")
            busy = [task_s(session) for session in metrics]
            used_s, began_s = processor_s(server.pid), time.monotonic()
            quiet_s = seconds / 2  # the first half for what looking costs, the second for aborts
            opened[0].wait_for_timeout(1000 * quiet_s)
            passed_s = time.monotonic() - began_s
            worked_s = [task_s(session) - before for session, before in zip(metrics, busy, strict=True)]
            server_pct = 100 * (processor_s(server.pid) - used_s) / passed_s
            pause_s = (seconds / 2 - 10) / max(1, aborts)
            noted = []
            for number in range(aborts):
                if time.monotonic() > began_s + seconds:
                    break  # the record is at its end
                due_s = began_s + quiet_s + number * pause_s
                opened[0].wait_for_timeout(max(1.0, 1000 * (due_s - time.monotonic())))
                noted.append(abort(opened[number % pages], number))
            writer.communicate("\n", timeout=seconds + 60)
            told = json.loads(heard.read_text("utf-8"))
            heard_ms = {int(reason.rpartition(": ")[2]): at_ms for reason, at_ms in told["asked"]}
            browser.close()
            record = frames_in(runs / run_id)
        finally:
            for process in (server, writer):
                if process is not None and process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    process.communicate(timeout=30)
    return {
        "seconds": seconds, "pages": pages, "channels": UNITS * (1 + len(ROLES)), "readings_a_second": HZ,
        "load_average": round(os.getloadavg()[0], 1), "processors": os.cpu_count(),
        "frames_expected": round(seconds * HZ) * UNITS * (1 + len(ROLES)), **record,
        "writer_latest_s": round(told["late_s"], 3),
        "server_pct_of_a_core": round(server_pct, 2),
        "page_main_thread_pct": [round(100 * each / passed_s, 2) for each in worked_s],
        "aborts_clicked": len(noted), "aborts_heard": len(heard_ms),
        "aborts": Counter(outcome(each, number in heard_ms) for number, each in enumerate(noted)),
        "click_to_guard_ms": at_parts([
            heard_ms[number] - each["clicked_ms"] for number, each in enumerate(noted) if number in heard_ms
        ]),
        "click_to_answer_ms": at_parts([
            each["said_ms"] - each["clicked_ms"] for each in noted if each["said"] is not None
        ]),
    }  # fmt: skip


def abort(page: Any, number: int) -> dict[str, Any]:
    """As a person does it: opens the dialog, types name and reason, confirms, and reads what is said."""
    page.click("#abort")
    page.fill("#abort-by", "load")
    page.fill("#abort-reason", str(number))
    page.click("#abort-sure")
    noted: dict[str, Any] = page.evaluate(WHAT_IS_SAID, SAID_WITHIN_MS)
    if page.locator("#abort-dialog").is_visible():
        page.click("#abort-cancel")
    return noted


def outcome(noted: dict[str, Any], is_heard: bool) -> str:
    """What became of an abort, and what the person was told of it."""
    said = "nothing was said" if noted["said"] is None else noted["said"] or "the dialog closed"
    return f"{'heard' if is_heard else 'NOT HEARD'}: {said}"


def at_parts(lasted_ms: list[float]) -> dict[str, float]:
    """Median, 99th percentile and greatest; nothing of nothing."""
    ordered = sorted(lasted_ms)
    parts = (("median", 0.5), ("p99", 0.99), ("greatest", 1.0))
    return {
        name: round(ordered[min(len(ordered) - 1, int(part * len(ordered)))], 1)
        for name, part in parts
        if ordered
    }


def task_s(session: Any) -> float:
    """How long the main thread of a page was at work so far, s."""
    told = {entry["name"]: entry["value"] for entry in session.send("Performance.getMetrics")["metrics"]}
    return float(told["TaskDuration"])


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=600)
    parser.add_argument("--pages", type=int, default=8)
    parser.add_argument("--aborts", type=int, default=200)
    parser.add_argument("--write", nargs=2, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.write:
        write(args.write[0], args.seconds, args.write[1])
    else:
        print(json.dumps(measure(args.seconds, args.pages, args.aborts), indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
