"""The live page in a real browser. Chromium is Debian's; without it these tests are left out, but not in CI."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import tempfile
import time
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from rig.guard.control import ControlPort

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync",
]  # fmt: skip
HOSTILE = "<img src=x onerror=alert(1)>\u202egnp.exe\x07" + "A" * 10_000
SHOWN = "<img src=x onerror=alert(1)>⟨U+202E⟩gnp.exe⟨U+0007⟩AAA"
WIDE, PHONE = {"width": 1440, "height": 900}, {"width": 390, "height": 844}

if CHROMIUM is None and os.environ.get("CI"):
    raise RuntimeError("the live page cannot be tested: there is no Chromium (apt-get install chromium)")
pytestmark = [
    pytest.mark.skipif(CHROMIUM is None, reason="no Chromium here: the live page is not tried in a browser"),
    pytest.mark.skipif(os.name != "posix", reason="needs POSIX terminals and signals"),
]


@pytest.fixture(scope="module")
def browser():
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=FLAGS)
        yield browser
        browser.close()


class Tab:
    """A page that must not complain, nor ask anybody but its own server."""

    def __init__(self, place, address):
        self.page = place.new_page()
        self.page.set_default_timeout(60_000)
        self.complaints, self.outside, self.expected = [], [], ()
        self.page.on("console", lambda message: self.complain(message.type, message.text))
        self.page.on("pageerror", lambda error: self.complain("error", str(error)))
        self.page.on("request", lambda request: self.note(request.url, urlsplit(address).netloc))
        self.page.goto(address)

    def complain(self, kind, text):
        if kind in ("error", "warning") and not any(words in text for words in self.expected):
            self.complaints.append(text)

    def note(self, url, server):
        if urlsplit(url).netloc != server and not url.startswith(("data:", "blob:")):
            self.outside.append(url)

    def wait(self, selector, text=None, timeout=60_000):
        found = self.page.locator(selector, has_text=text) if text else self.page.locator(selector)
        found.first.wait_for(timeout=timeout)
        return found.first


@pytest.fixture
def open_tab(browser, new_home, shared_home):
    """A tab at the live page, in a browser of its own; at the end none may have complained or asked elsewhere.

    Tabs are closed before the servers of this test end.
    """
    tabs, places = [], []

    def opened(address, place=None, **how):
        if place is None:
            place = browser.new_context(**{"viewport": WIDE, "timezone_id": "UTC", **how})
            places.append(place)
        tabs.append(Tab(place, address))
        return tabs[-1]

    yield opened
    for place in places:
        place.close()
    for tab in tabs:
        assert tab.complaints == []
        assert tab.outside == []


@pytest.fixture(scope="module")
def bench(shared_home):
    """A bench that goes on, with everything the page can show, and a run before it."""
    past = shared_home.grow(bench="line-2")
    (past.folder / "report.html").write_text(
        "<h1>The report</h1><script>document.title = 'acted'</script>", "utf-8"
    )
    past.tell("seal")
    past.end()
    shared_home.past = past.name
    doctor = {"bench": "line-3", "at_utc": "2026-11-30T12:00:00+00:00", "examined": [
        {"owner": "SN-0001", "role": "pump", "driver": "pump_rpu1", "address": "x", "told": "Acme", "level": "bad",
         "findings": [{"level": "bad", "words": "alarm motor_stall is on"}]}]}  # fmt: skip
    (shared_home.path / "keys" / "bench-line-3.doctor.json").write_text(json.dumps(doctor), "utf-8")
    run = shared_home.grow("SN-0001", HOSTILE)
    for t_s in range(30):
        if not 10 <= t_s < 20:
            run.flow(t_s, *[1 + 0.01 * t_s] * 10)
    run.pump_state(1.0)
    run.append("mass", mass_g=1.25, stable=True, raw="S S", received_ns=29 * 10**9)
    run.append("channels", role="pressure", values={"line_pressure_kpa": 3.5}, raw="", received_ns=29 * 10**9)
    run.append(
        "channels", role="current", values={"battery_current_a": 0.002}, raw="", received_ns=29 * 10**9
    )
    run.append("alarm", name="motor_stall", critical=True, state="on")
    run.append("note", text=HOSTILE)
    run.append(
        "verdict", criterion="mean_error", verdict="FAIL", value=3.03, unit_of_value="%", expanded_uncertainty=0.07,
        coverage_factor=2.0, limit="within 2 %", limit_low=-2.0, limit_high=2.0, margin=-1.03, reason="too much",
        probability_of_wrong_decision=0.0, test_uncertainty_ratio=30.0,
    )  # fmt: skip
    shared_home.run = run
    return shared_home


@pytest.fixture(scope="module")
def watching(bench):
    return bench.watch()


def test_the_bench_at_a_glance(open_tab, watching, bench):
    tab = open_tab(watching.address)
    tab.wait("#title", "watched A on line-3")
    tab.wait("#rehearsal", "REHEARSAL")
    tab.wait("#state", "RUNNING")
    tab.wait(".unit", "CRITICAL ALARM: motor stall")
    tab.wait(".unit", "delivers 1 mL/h")
    tab.wait(".unit", "flow · sample")
    tab.wait(".unit .quiet", "left")
    tab.wait("#criteria .badge.bad", "FAIL")
    tab.wait("#criteria td", "+3.030 ± 0.070 %")
    tab.wait("#events", "alarm ON: motor stall")
    for chart in (
        "Flow in mL/h",
        "Delivered against programmed",
        "Pressure in kPa",
        "Temperature in °C",
        "Current in A",
    ):
        tab.wait("figure h3", chart)
    assert "token" not in tab.page.url
    sizes = tab.page.evaluate("performance.getEntriesByType('resource').map(e => e.decodedBodySize)")
    total = sum(sizes) + len(tab.page.content())
    assert total < 150_000


def test_hostile_text_is_text(open_tab, watching):
    tab = open_tab(watching.address)
    tab.wait("#events", SHOWN)
    tab.wait(".unit", SHOWN)
    assert tab.page.locator("img").count() == 0
    texts = tab.page.evaluate("document.body.innerText")
    assert "\u202e" not in texts
    assert "\x07" not in texts
    assert "A" * 400 not in texts


def drawn(tab, chart="Flow"):
    """Values of the first curve of a chart, None where a gap is drawn, as uPlot has them."""
    return tab.page.evaluate(
        """title => {
          const figure = [...document.querySelectorAll('figure')].find(each =>
            each.querySelector('h3').textContent.startsWith(title));
          const canvas = figure.querySelector('canvas');
          const context = canvas.getContext('2d');
          const {width, height} = canvas;
          const pixels = context.getImageData(0, 0, width, height).data;
          const columns = [];
          for (let x = 0; x < width; x += 1) {
            let blue = false;
            for (let y = 0; y < height * 0.85 && !blue; y += 1) {
              const at = 4 * (y * width + x);
              blue = pixels[at + 3] > 100 && pixels[at] < 60 && pixels[at + 2] > 120;
            }
            columns.push(blue);
          }
          return columns;
        }""",
        chart,
    )


def test_gaps_are_drawn_as_gaps_and_new_readings_come_by_themselves(open_tab, watching, bench):
    tab = open_tab(watching.address, color_scheme="light")
    tab.wait("figure h3", "Flow in mL/h")
    tab.page.wait_for_timeout(1500)
    columns = "".join("x" if blue else " " for blue in drawn(tab)).strip()
    assert re.search(r"x {20,}x", columns), columns
    bench.run.flow(time_of(bench), 7.25)
    tab.wait(".legend li", "7.25 mL/h")
    tab.wait(".unit dd", "7.25 mL/h")


def time_of(bench):
    """Now, s of the run."""
    first = json.loads((bench.run.folder / "journal.jsonl").read_bytes().split(b"\n", 1)[0])
    return time.time() - first["zero"]["utc_ns"] / 1e9


def test_zoom_and_history_by_mouse_and_by_keys(open_tab, watching):
    tab = open_tab(watching.address)
    tab.wait("figure h3", "Flow in mL/h")
    page = tab.page
    pressed = "#spans button[aria-pressed=true]"
    assert page.locator(pressed).inner_text() == "10 min"
    plot = page.locator(".plot").first
    plot.scroll_into_view_if_needed()
    box = plot.locator(".u-over").bounding_box()
    page.mouse.move(box["x"] + 60, box["y"] + 50)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 60, steps=4)
    page.mouse.up()
    assert page.locator(pressed).count() == 0
    assert page.locator("button", has_text="Live").is_enabled()
    plot.focus()
    page.keyboard.press("+")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Home")
    assert page.locator(pressed).inner_text() == "Whole run"
    page.keyboard.press("Escape")
    assert page.locator(pressed).inner_text() == "10 min"


def test_past_runs_their_reports_and_what_doctor_found(open_tab, watching, bench, browser):
    tab = open_tab(watching.address)
    tab.wait("#state", "RUNNING")
    tab.page.get_by_role("link", name="Past runs").click()
    tab.page.get_by_role("searchbox").fill("watched line-2")
    tab.wait("#found", "1 runs found")
    with tab.page.expect_popup() as popup:
        tab.page.get_by_role("link", name="report", exact=True).click()
    report = popup.value
    report.wait_for_load_state()
    assert report.locator("h1").inner_text() == "The report"
    assert report.title() != "acted"
    report.close()
    tab.page.get_by_role("button", name=f"Look at {bench.past}").click()
    tab.wait("#title", "watched A on line-2")
    tab.wait("#state", "COMPLETED")
    assert tab.page.locator("#abort").is_disabled()
    tab.page.get_by_role("link", name="Doctor").click()
    tab.wait("#examined", "alarm motor_stall is on")
    tab.wait("#examined .badge.bad", "BAD")


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_accessible_in_both_themes_and_on_a_phone(open_tab, watching, theme):
    from axe_playwright_python.sync_playwright import Axe

    tab = open_tab(watching.address, color_scheme=theme, viewport=PHONE if theme == "dark" else WIDE)
    tab.page.emulate_media(reduced_motion="reduce", color_scheme=theme)
    tab.wait("figure h3", "Flow in mL/h")
    for view in ("bench", "runs", "doctor"):
        tab.page.evaluate(f"location.hash = '{view}'")
        tab.wait(f"#view-{view}")
        tab.page.wait_for_timeout(300)
        found = Axe().run(tab.page)
        assert found.violations_count == 0, found.generate_report()
    tab.page.evaluate("location.hash = 'bench'")
    tab.page.locator("#abort").click()
    found = Axe().run(tab.page)
    assert found.violations_count == 0, found.generate_report()


def test_on_a_phone_nothing_is_wider_than_the_screen(open_tab, watching):
    tab = open_tab(watching.address, viewport=PHONE, has_touch=True, is_mobile=True)
    tab.wait("figure h3", "Flow in mL/h")
    assert tab.page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    box = tab.page.locator("#abort").bounding_box()
    assert box["height"] >= 44
    assert box["x"] + box["width"] <= PHONE["width"]
    assert box["y"] + box["height"] <= PHONE["height"]


def test_reload_second_tab_and_eight_tabs(open_tab, watching, bench, browser):
    place = browser.new_context(viewport=WIDE)
    try:
        first = open_tab(watching.address, place)
        first.wait("#state", "RUNNING")
        first.page.reload()
        first.wait("#state", "RUNNING")
        tabs = [first, *(open_tab(watching.origin + "/", place) for _ in range(7))]
        bench.run.append("note", text="all of you")
        for tab in tabs:
            tab.wait("#events", "all of you")
        # With eight connections open everything else still works: the list of runs comes over a request of its own.
        tabs[-1].page.get_by_role("link", name="Past runs").click()
        tabs[-1].wait("#runs", "line-2")
    finally:
        place.close()


def test_a_stale_stream_is_said_within_a_second_or_so_and_a_server_that_starts_again_is_found(
    open_tab, bench
):
    watching = bench.watch()
    tab = open_tab(watching.address)
    tab.expected = ("WebSocket connection to",)  # the browser's own words while there is no server
    tab.wait("#state", "RUNNING")
    tab.page.evaluate(
        """() => new MutationObserver(() => { globalThis.saidAt ??= performance.now(); })
            .observe(document.getElementById('stale'), {attributes: true, attributeFilter: ['hidden']})"""
    )
    watching.process.send_signal(signal.SIGSTOP)  # it hangs; no connection is closed
    stopped = tab.page.evaluate("performance.now()")
    tab.wait("#stale", "NO LIVE DATA")
    assert tab.page.evaluate("document.body.classList.contains('is-stale')")
    # Half a second between ticks, one of silence, a look each fifth of a second: what is more, the machine took.
    assert tab.page.evaluate("globalThis.saidAt") - stopped < 5000
    watching.process.send_signal(signal.SIGCONT)
    tab.page.locator("#stale").wait_for(state="hidden")
    watching.end(signal.SIGKILL)
    tab.wait("#stale", "NO LIVE DATA")
    bench.run.append("note", text="while nobody looked")
    again = bench.watch(port=watching.port)
    tab.page.locator("#stale").wait_for(state="hidden")
    tab.wait("#events", "while nobody looked")
    again.end()
    assert (again.process.returncode, again.told) == (0, "")


# What a person does


OPERATOR = """
import sys
from rig.clock.wall import WallClock
from rig.drivers.balance_manual import ManualBalance
from rig.transport.open import open_link
link = open_link("operator://console", WallClock(), lambda *_: None)
balance = ManualBalance(link, label=sys.argv[1], answer_within_s=60)
for _ in range(2):
    reading = balance.read()
    print("READ", reading.mass_g, reading.raw, flush=True)
balance.zero()
print("ZEROED", flush=True)
"""


@contextmanager
def asking(bench, label):
    """A manual balance on a real terminal; what is shown there, so far."""
    import pty

    pid, terminal = pty.fork()
    if pid == 0:
        os.environ.update(bench.environment)
        os.execv(sys.executable, [sys.executable, "-c", OPERATOR, label])
    shown = bytearray()

    def until(words):
        while words.encode() not in shown:
            shown.extend(os.read(terminal, 4096))

    yield until, lambda text: os.write(terminal, text.encode())
    os.close(terminal)
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)


def test_a_question_is_answered_on_the_page_once_and_by_name(open_tab, watching, bench, browser):
    place = browser.new_context(viewport=WIDE)
    tab, other = open_tab(watching.address, place), open_tab(watching.address, place)
    tab.wait("#state", "RUNNING")
    assert tab.page.locator("#prompts").is_hidden()
    with asking(bench, "Balance <b>B12</b>") as (until, type_in):
        tab.wait(".prompt", "Balance <b>B12</b>: what does the balance show?")
        other.wait(".prompt", "what does the balance show?")
        tab.page.locator("#prompts").get_by_label("Answer").fill("12,5 g")  # not understood, and asked again
        tab.page.locator("#prompts").get_by_label("Your name").fill("Grace")
        tab.page.get_by_role("button", name="Send the answer").click()
        tab.wait(".prompt", "12,5")
        tab.page.locator("#prompts").get_by_label("Answer").fill("12.5 g")
        assert tab.page.locator("#prompts").get_by_label("Your name").input_value() == "Grace"
        tab.page.get_by_role("button", name="Send the answer").click()
        until("READ 12.5 b'Grace (live page)\\t12.5 g\\n'")
        until("what does the balance show?")
        tab.wait("#asked .prompt")
        type_in("13.5 g\nAda\n")  # this time the terminal is first
        until("READ 13.5 b'Ada\\t13.5 g\\n'")
        other.wait(".prompt", "set the balance to zero")
        other.page.locator("#prompts").get_by_label("Your name").fill("Grace")
        other.page.get_by_role("button", name="Done", exact=True).click()
        until("ZEROED")
    for each in (tab, other):
        each.page.locator(".prompt").wait_for(state="detached")
    place.close()


PLAN = """
[plan]
id = "endless"
revision = "A"
title = "Longer than anybody waits"

[[case]]
id = "on-and-on"
procedure = "flow_accuracy"
verifies = ["SRS-000"]
rate = "1 mL/h"
relax = "1 s"
blank = "1 s"
settle = "1 s"
sample = { every = "1 s", for = "1 h" }
flow_every = "1 s"
windows = ["1 s"]
accept = { mean_error = "within 50 %", alarms = "none" }
"""


def test_abort_of_a_real_run_with_its_guard(open_tab, home):
    plan = home.path / "endless.plan.toml"
    plan.write_text(PLAN, "utf-8")
    bench = Path(__file__).resolve().parents[2] / "fixtures/simulated.bench.toml"
    served = home.start("sim", bench)
    told = json.loads(served.stdout.readline())
    run = home.start("run", plan, "--bench", told["bench"], "--runs", home.runs)
    try:
        tab = open_tab(home.watch().address)
        tab.wait(".unit", "on-and-on · sample", timeout=180_000)
        page = tab.page
        page.get_by_role("button", name="ABORT").click()
        page.get_by_role("button", name="Let it run").click()
        assert not page.locator("#abort-dialog").is_visible()
        page.get_by_role("button", name="ABORT").click()
        page.get_by_role("button", name="Abort the run").click()  # without a reason nothing is sent
        assert page.locator("#abort-dialog").is_visible()
        page.get_by_label("Your name").fill("Grace")
        page.get_by_label("Why").fill("tube came off")
        page.keyboard.press("Enter")
        page.locator("#abort-dialog").wait_for(state="hidden")
        tab.wait("#events", "run aborted stopped by Grace on the live page: tube came off", timeout=180_000)
        tab.wait("#state", "ABORTED", timeout=180_000)  # the report is built first
        assert page.locator("#abort").is_disabled()
        run.communicate(timeout=180)
        assert run.returncode == 2
        (folder,) = home.runs.iterdir()
        results = json.loads((folder / "results.json").read_text("utf-8"))
        assert results["outcome"] == "ABORTED"
    finally:
        for process in (run, served):
            process.kill()
            process.communicate()


def confirm_abort(page, reason):
    page.get_by_label("Your name").fill("Grace")
    page.get_by_label("Why").fill(reason)
    page.get_by_role("button", name="Abort the run").click()


def test_what_became_of_an_abort_is_always_said(open_tab, new_home, monkeypatch):
    """A server that hangs, a guard that is there, none, a newer run on another bench while the dialog is open."""
    home = new_home()
    monkeypatch.setattr(tempfile, "tempdir", str(home.path / "tmp"))
    run, watching, heard = home.grow(), home.watch(), []
    tab = open_tab(watching.address)
    tab.wait("#title", "on line-3")
    page, dialog, told = tab.page, tab.page.locator("#abort-dialog"), "#abort-told"
    page.locator("#abort").click()
    confirm_abort(page, "no guard")
    tab.wait("#abort-words", "NOT ABORTED: no run of this user on bench 'line-3' has a guard. Try again")
    page.get_by_role("button", name="Let it run").click()
    tab.wait(told, "NOT ABORTED: no run of this user")
    port = ControlPort.open("line-3", heard.append)
    try:
        watching.process.send_signal(signal.SIGSTOP)
        page.locator("#abort").click()
        confirm_abort(page, "it hangs")
        tab.wait(
            "#abort-words", "NO ANSWER YET: it is not known whether the guard of bench line-3 hears this"
        )
        assert page.get_by_role("button", name="Abort the run").is_enabled()
        assert heard == []
        watching.process.send_signal(signal.SIGCONT)
        tab.wait(told, "the guard of bench line-3 has heard it")
        assert dialog.is_hidden()
        page.locator("#abort").click()
        home.grow(bench="line-9")
        tab.wait("#title", "on line-9")  # the page goes on to the newest run, the dialog does not
        assert "on bench line-3" in page.locator("#abort-what").inner_text()
        confirm_abort(page, "the one I meant")
        tab.wait(told, "the guard of bench line-3 has heard it")
    finally:
        port.close()
    assert heard == [
        f"stopped by Grace on the live page: {reason}" for reason in ("it hangs", "the one I meant")
    ]
    assert run.bench == "line-3"


def test_a_server_that_is_slow_is_not_asked_for_more_and_more_curves(open_tab, bench):
    watching = bench.watch()
    tab = open_tab(watching.address)
    tab.wait("figure h3", "Flow in mL/h")
    tab.page.wait_for_timeout(1000)
    tab.page.evaluate(
        """() => { const send = WebSocket.prototype.send; globalThis.curves = 0;
        WebSocket.prototype.send = function (text) {
          if (text.includes('"do":"curve"')) globalThis.curves += 1;
          send.call(this, text); }; }"""
    )
    watching.process.send_signal(signal.SIGSTOP)
    try:
        tab.page.locator(".plot").first.focus()
        for key in ("+", "-", "Home", "Escape") * 5:
            tab.page.keyboard.press(key)
        assert tab.page.evaluate("globalThis.curves") <= 1
    finally:
        watching.process.send_signal(signal.SIGCONT)
    tab.page.locator("#stale").wait_for(state="hidden")
    tab.page.wait_for_timeout(500)
    assert tab.page.evaluate("globalThis.curves") <= 3  # one for all the keys, one as the run became longer


def test_login_over_tls_in_a_browser(open_tab, new_home, certificate):
    home = new_home()
    home.rig("watch", "--add-user", "Ada", input="correct horse\n")
    home.grow()
    watching = home.watch("--host", "127.0.0.1", *certificate)
    tab = open_tab(f"https://localhost:{watching.port}/", ignore_https_errors=True)
    tab.expected = ("403",)
    page = tab.page
    assert page.url.endswith("/login")
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Password").fill("wrong horse")
    page.get_by_role("button", name="Log in").click()
    tab.wait("[role=alert]", "Name or password is wrong.")
    page.get_by_label("Name").fill("Ada")
    page.get_by_label("Password").fill("correct horse")
    page.get_by_role("button", name="Log in").click()
    tab.wait("#state", "RUNNING")
    page.get_by_role("button", name="ABORT").click()
    assert page.get_by_label("Your name").input_value() == "Ada"
    assert not page.get_by_label("Your name").is_editable()
    page.get_by_role("button", name="Let it run").click()
    page.get_by_role("button", name="Log out").click()
    page.wait_for_url("**/login")
    page.goto(f"https://localhost:{watching.port}/")
    assert page.url.endswith("/login")
