"""What a run is said to be, against what it really was; and what is told to terminals, desktops and other computers."""

from __future__ import annotations

import http.server
import json
import os
import stat
import threading
from pathlib import Path

import pytest

from rig.watch.live import Live
from rig.watch.notices import Notices
from rig.watch.so_far import judged_so_far
from rig.watch.terminal import drawn, seen
from rig.watch.watched_run import WatchedRun

PLAN = """
[plan]
id = "short"
revision = "A"
title = "Short"
reference_temperature = "37 degC"

[[case]]
id = "flow"
procedure = "flow_accuracy"
verifies = ["SRS-000"]
rate = "1 mL/day"
relax = "10 min"
blank = "1 h"
settle = "15 min"
sample = { every = "15 min", for = "4 h" }
flow_every = "10 s"
windows = ["60 min"]
accept = { mean_error = "within 2 %", alarms = "none" }
"""
HOSTILE = "<b>[red]\x1b[2J\u202e" + "A" * 10_000


@pytest.fixture(scope="module")
def ended(shared_home):
    """A whole run in virtual time, of three units of which the second delivers 3 % too much."""
    plan = shared_home.path / "short.plan.toml"
    plan.write_text(PLAN, "utf-8")
    bench = Path(__file__).resolve().parents[2] / "fixtures/simulated.bench.toml"
    done = shared_home.rig("run", plan, "--bench", bench, "--runs", shared_home.runs, "--operator", "Ada")
    assert done.returncode == 1, done.stderr
    (folder,) = shared_home.runs.iterdir()
    return folder


def watched(folder):
    run = WatchedRun(folder)
    while run.take_in():
        continue
    run.take_in()
    return run


def test_where_a_finished_run_stands_is_what_its_results_say(ended):
    results = json.loads((ended / "results.json").read_text("utf-8"))
    told = watched(ended).whole()
    run = told["run"]
    assert (run["state"], run["outcome"], run["trouble"]) == ("closed", "COMPLETED", "")
    assert (run["plan"], run["operator"], run["rehearsal"]) == ("short", "Ada", True)
    assert [unit["serial"] for unit in told["units"]] == [unit["serial"] for unit in results["units"]]
    for unit in told["units"]:
        (case,) = [case for case in results["cases"] if case["unit"] == unit["serial"]]
        assert {row["name"]: (row["verdict"], row["value"]) for row in unit["verdicts"]} == {
            row["name"]: (row["verdict"], row["value"]) for row in case["criteria"]
        }
        assert unit["ended"] == {"flow": "completed"}
    assert run["run_ends_s"] == pytest.approx(results["finished_s"], rel=0.01)


def test_curves_hold_every_reading_of_the_samples(ended):
    from rig.record.samples import samples_frame

    run, frame = watched(ended), samples_frame(ended)
    end_s = run.standing.last_s + 1
    channels = {(told["serial"], told["title"]): told["number"] for told in run.whole()["channels"]}
    for unit in ("SIM-0001", "SIM-0002"):
        rows = frame[(frame.unit == unit) & (frame.source == "flow")]
        number = channels[unit, "flow sensor"]
        _, least, greatest = run.curves([number], 0.0, end_s, 50)["curves"][str(number)]
        assert (min(least), max(greatest)) == pytest.approx((rows.flow_ml_h.min(), rows.flow_ml_h.max()))
        number = channels[unit, "weighed"]
        _, _, greatest = run.curves([number], 0.0, end_s, 50)["curves"][str(number)]
        assert greatest[-1] == pytest.approx(4.25 / 24 * (1.03 if unit == "SIM-0002" else 1.0), rel=0.05)


def test_a_criterion_so_far_is_near_what_it_will_be(ended, tmp_path):
    results = json.loads((ended / "results.json").read_text("utf-8"))
    lines = (ended / "journal.jsonl").read_bytes().splitlines(keepends=True)
    last = max(index for index, line in enumerate(lines) if b'"name":"relax_after"' in line)
    first = min(index for index, line in enumerate(lines) if b'"name":"relax_after"' in line)
    for name in ("plan.toml", "bench.toml", "pumps"):
        (tmp_path / name).symlink_to(ended / name)
    (tmp_path / "journal.jsonl").write_bytes(b"".join(lines[:first]))
    assert last > first
    rows = {row["serial"]: row for row in judged_so_far(tmp_path) if row["name"] == "mean_error"}
    for case in results["cases"]:
        final = next(row["value"] for row in case["criteria"] if row["name"] == "mean_error")
        assert rows[case["unit"]]["value"] == pytest.approx(final, abs=0.3)


def text_of(live):
    from rich.console import Console

    console = Console(width=160, force_terminal=False, highlight=False)
    with console.capture() as captured:
        console.print(drawn(seen(live)))
    return captured.get()


def test_the_terminal_tells_the_same(ended):
    live = Live(ended.parent)
    live.start()
    try:
        told = text_of(live)
    finally:
        live.close()
    for words in (
        "short A on simulated",
        "REHEARSAL",
        "CLOSED COMPLETED",
        "SIM-0002",
        "FAIL",
        "within 2 %",
        "mean error A",
    ):
        assert words in told


def test_hostile_text_is_text_in_the_terminal(home):
    run = home.grow(HOSTILE)
    run.append("note", text=HOSTILE)
    told = home.rig("watch", home.runs, "--terminal").stdout
    assert "<b>[red]⟨U+001B⟩[2J⟨U+202E⟩AAA" in told
    assert "\x1b" not in told
    assert "\u202e" not in told
    assert "A" * 400 not in told.replace("\n", "").replace(" ", "")


def test_without_runs_and_without_a_folder_it_says_so(home):
    assert "no run yet" in home.rig("watch", home.path / "nowhere", "--terminal").stdout


class Elsewhere(http.server.BaseHTTPRequestHandler):
    def do_POST(self):  # the library's name
        self.server.told.append(json.loads(self.rfile.read(int(self.headers["content-length"]))))
        self.send_response(204)
        self.end_headers()

    def log_message(self, *arguments):
        pass


@pytest.fixture
def elsewhere():
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Elsewhere) as server:
        server.told = []
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def test_notices_tell_what_fails_and_ends_but_not_what_was_before(home, elsewhere, eventually):
    run = home.grow()
    run.append("alarm", name="low_reservoir", critical=True, state="on")
    home.watch("--webhook", f"http://127.0.0.1:{elsewhere.server_port}/hook")
    run.append("alarm", name="motor_stall", critical=True, state="on")
    (notice,) = eventually(lambda: list(elsewhere.told))
    assert (notice["kind"], notice["run"], notice["unit"]) == ("failed", run.name, "SN-0001 flow")
    assert notice["words"] == "alarm ON: motor stall"
    run.append("run_closed", outcome="ABORTED", reason="stopped by Ada")
    eventually(lambda: any(told["kind"] == "ended" for told in elsewhere.told))
    ended = [told for told in elsewhere.told if told["kind"] == "ended"]
    assert "aborted stopped by Ada" in ended[0]["words"]


def test_a_desktop_is_told_and_a_computer_that_is_not_there_harms_nothing(tmp_path, monkeypatch):
    program, heard = tmp_path / "notify-send", tmp_path / "heard"
    program.write_text(f'#!/bin/sh\nfor each; do echo "$each"; done >> {heard}\n', "utf-8")
    program.chmod(stat.S_IRWXU)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=os.pathsep)
    complaints = []
    notices = Notices(True, "http://127.0.0.1:1/", complaints.append)
    event = {
        "level": "bad",
        "kind": "alarm",
        "unit": "SN-1",
        "case": "flow",
        "text": "-x $(touch /tmp/acted)",
    }
    notices.of_run("run-1", {"events": [event, {**event, "level": "info"}]})
    notices.close()
    assert heard.read_text("utf-8").splitlines()[-1] == "SN-1 flow -x $(touch /tmp/acted)"
    assert len(complaints) == 1
