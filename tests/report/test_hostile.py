"""Hostile text from people, files and instruments, in a real run: it stays text in everything that is handed over."""

from __future__ import annotations

import csv
import io
import json
import tempfile
import unicodedata
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pypdf
import pytest

from rig.cli.verdict_table import print_verdicts
from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.report.plain_text import visible
from rig.run.session import Session
from rig.sim.implantable.rpu1 import SimulatedPump
from rig.sim.implantable.rpu1_lines import string_value
from rig.sim.implantable.words import RequestDenied

ROOT = Path(__file__).parents[2]
TEXTS = {
    "html": '<script>alert(1)</script><img src=x onerror=alert(2)>&amp;"><b>',
    "typst": '#panic("x") #import "@preview/a:1": b ]] $x^2$ *bold* _it_ @ref <label> // /* `raw` = h',
    "template": "{{ 7*7 }} {% raw %} ${7*7} %(x)s {0}",
    "formula": '=HYPERLINK("http://x","y")+cmd|\'/c calc\'!A0',
    "markdown": "| a | b |\n|-|-|\n[x](javascript:alert(1)) ![y](http://z) # h ~~s~~ \\ ``` ```",
    "control": "bell\x07 null\x00 escape\x1b[31m\x1b]0;title\x07 back\x08 \x9b31m \x85 line\u2028end",
    "direction": "\u202egnp.exe\u202c \u2066iso\u2069 \u200fmark \u200bzero\ufeff",
    "ten kB": "0123456789 " * 930,
    "one word": "y" * 10_000,
    "scripts": "液体 ポンプ 🚰 e\u0301 ﷽",
}


def may_be_in_a_file(text: str) -> str:
    """What plan and bench take: they refuse control characters and more than one line themselves."""
    return "".join(letter if letter.isprintable() or ord(letter) > 0x9F else " " for letter in text)


def toml(text: str) -> str:
    return json.dumps(may_be_in_a_file(text), ensure_ascii=False)


@pytest.fixture
def run_folder(text: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A real run in which everybody says ``text``: one pump does what it is told, one refuses with these words."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "pumps").mkdir()
    (tmp_path / "pumps/reference-40ml.toml").write_bytes(
        (ROOT / "fixtures/pumps/reference-40ml.toml").read_bytes()
    )
    plan = (ROOT / "tests/data/short.plan.toml").read_text("utf-8")
    title = next(line for line in plan.splitlines() if line.startswith("title"))
    plan = plan.replace(title, f"title = {toml(text)}\npurpose = {toml(text)}\nsample_size = {toml(text)}", 1)
    title = [line for line in plan.splitlines() if line.startswith("title")][-1]
    plan = plan.replace(title, f"title = {toml(text)}\nrationale = {toml(text)}")
    (tmp_path / "hostile.plan.toml").write_text(plan, "utf-8")
    bench = (ROOT / "fixtures/simulated.bench.toml").read_text("utf-8")
    site = next(line for line in bench.splitlines() if line.startswith("site"))
    bench = bench.replace(site, f"site = {toml(text)}\nfluid_lot = {toml(text)}", 1)
    bench = bench.replace('set_lot = "SIM-LOT-A"', f"set_lot = {toml(text)}").replace(
        '"SIM-CAL-B0001"', toml(text)
    )
    (tmp_path / "hostile.bench.toml").write_text(bench, "utf-8")
    wire = string_value(text[:30])
    made = SimulatedPump.__init__

    def init(self: SimulatedPump, *args: Any, **named: Any) -> None:
        made(self, *args, **named)
        self.maker = text[:30]
        if self.serial == "SIM-0002":
            self._verbs["SET"] = refuse

    def refuse(word: str, values: dict[str, str]) -> Any:
        raise RequestDenied("07", KEY=wire)

    monkeypatch.setattr(SimulatedPump, "__init__", init)
    serials = ["SIM-0001", "SIM-0002"]
    plan_read = load_plan(tmp_path / "hostile.plan.toml")
    session = Session(
        load_bench(tmp_path / "hostile.bench.toml"), tmp_path / "runs", text, serials, planned=None
    )
    for serial in serials:
        session.result(plan_read, plan_read.cases[0], serial, serials)
    session.finish()
    ((folder, _),) = session.closed
    return folder


class Page(HTMLParser):
    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: set[str] = set()
        self.attributes: set[str] = set()
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data: str) -> None:
        self.text += data


def squeezed(text: str) -> str:
    return "".join(text.replace("\u200b", "").split())


def unseen(text: str) -> set[str]:
    """Characters that a reader does not see, or that a terminal obeys."""
    return {letter for letter in text if unicodedata.category(letter) in ("Cc", "Cf", "Zl", "Zp")} - {
        "\n",
        "\r",
    }


@pytest.mark.parametrize("text", TEXTS.values(), ids=TEXTS.keys())
def test_hostile_text_stays_text(text: str, run_folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    results = json.loads((run_folder / "results.json").read_text("utf-8"))
    assert results["operator"] == text
    assert {unit["outcome"] for unit in results["units"]} == {"PASS", "ERROR", "SKIPPED"}
    told = squeezed(visible(text))[:200]

    html = (run_folder / "report.html").read_text("utf-8")
    shown = Page(html)
    assert told in squeezed(shown.text)
    assert not shown.tags & {"script", "img", "iframe", "object", "link"}
    assert not [name for name in shown.attributes if name.startswith("on")]
    assert unseen(html) == set()

    paper = squeezed(
        "".join(sheet.extract_text() for sheet in pypdf.PdfReader(run_folder / "report.pdf").pages)
    )
    assert f"Endofreport{results['run_id']}" in paper
    if text.isascii():
        assert squeezed(visible(text))[:60] in paper

    table = list(
        csv.DictReader(io.StringIO((run_folder / "exports/results.csv").read_text("utf-8"), newline=""))
    )
    cells = [cell for row in table for cell in row.values() if cell]
    assert all(not cell.startswith(("=", "+", "@", "\t")) for cell in cells)
    assert all(not cell.startswith("-") or float(cell) < 0 for cell in cells)
    assert unseen((run_folder / "exports/results.csv").read_text("utf-8")) == set()

    junit = ET.parse(run_folder / "exports/junit.xml").getroot()
    assert sum(1 for _ in junit.iter("testcase")) == 2 * len(results["cases"][0]["criteria"])
    for path in (run_folder / "exports").glob("*.md"):
        markdown = path.read_text("utf-8")
        assert unseen(markdown) == set()
        assert "<script" not in markdown
    for path in [*(run_folder / "exports").glob("*.json"), run_folder / "ro-crate-metadata.json"]:
        json.loads(path.read_text("utf-8"))

    print_verdicts(run_folder, results)
    assert unseen(capsys.readouterr().out) == set()
