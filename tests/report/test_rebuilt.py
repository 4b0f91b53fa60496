"""Rebuilt from the run folder alone, elsewhere: the same bytes, no network, no hardware code; fit for archives."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import page
import pypdf
import pytest

from rig.cli import main
from rig.report.build import build_report

MakeRun = Callable[..., Path]
ELSEWHERE = """
import hashlib, socket, sys
from pathlib import Path

def no_network(*args, **kwargs):
    raise AssertionError("the report reached for the network")

socket.socket.connect = socket.create_connection = socket.getaddrinfo = no_network
from rig.report.build import build_report
from rig.report.exports import write_exports
for made in build_report(Path(sys.argv[1]), into=Path(sys.argv[2])):
    print(made.name, hashlib.sha256(made.read_bytes()).hexdigest())
hardware = ("serial", "pyvisa", "greenlet", "rig.drivers", "rig.sim", "rig.transport", "rig.bench", "rig.run")
print(*[name for name in sys.modules if name.split(".")[0] in hardware or name.startswith(hardware)])
"""


def test_another_process_zone_locale_and_folder_give_the_same_bytes(
    make_run: MakeRun, short_plan: str, tmp_path: Path
) -> None:
    folder = make_run(plan_text=short_plan)
    here = [hashlib.sha256(path.read_bytes()).hexdigest() for path in build_report(folder)]
    moved = tmp_path / "Kopie von früher"
    moved.mkdir()
    for name in ("plan.toml", "bench.toml", "journal.jsonl", "results.json"):
        shutil.copyfile(folder / name, moved / name)
    for name in ("pumps", "requirements"):
        shutil.copytree(folder / name, moved / name)
    into, style = tmp_path / "into", tmp_path / "matplotlibrc"
    into.mkdir()
    style.write_text("lines.linewidth: 9\nfont.size: 30\nsvg.fonttype: none\n", "utf-8")
    environment = os.environ | {
        "PYTHONHASHSEED": "4711",
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C",
        "LANG": "C",
        "MATPLOTLIBRC": str(style),
        "SOURCE_DATE_EPOCH": "1",
        "PYTHONPATH": str(Path(__file__).parents[2]),
    }
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, str(moved), str(into)],
        env=environment,
        cwd=into,
        check=True,
        capture_output=True,
        text=True,
    )
    html, pdf, loaded = done.stdout.splitlines()
    assert html.split() == ["report.html", here[0]]
    assert pdf.split() == ["report.pdf", here[1]]
    assert loaded == ""


def false_alarms(pdf: bytes) -> int:
    """Streams whose last byte is an end of line: the checker counts it to the keyword after it.

    Their lengths are right: after so many bytes come a line feed and ``endstream``.
    """
    alarms = 0
    for found in re.finditer(rb"/Length (\d+)[^>]*?>>\s*stream\r?\n", pdf):
        end = found.end() + int(found[1])
        assert pdf[end : end + 10] == b"\nendstream"
        alarms += pdf[end - 1 : end] in (b"\r", b"\n")
    return alarms


@pytest.mark.parametrize("profile", ["2a", "ua1"])
def test_the_pdf_passes_an_independent_checker(faulty_run: Path, profile: str) -> None:
    pdf = (faulty_run / "report.pdf").read_bytes()
    report = page.validate_pdf_bytes(pdf, profile=profile)
    failures = [f"{each.rule_id}: {each.message}" for each in report.failures]
    if false_alarms(pdf):
        failures = [each for each in failures if "STREAM-LENGTH" not in each]
    assert failures == []
    assert report.rules.total > 100


def test_the_checker_finds_a_pdf_that_is_not_archival(tmp_path: Path) -> None:
    writer = pypdf.PdfWriter()
    writer.add_blank_page(200, 200)
    writer.write(tmp_path / "bare.pdf")
    assert not page.validate_pdf(tmp_path / "bare.pdf", profile="2a").is_compliant
    assert not page.validate_pdf(tmp_path / "bare.pdf", profile="ua1").is_compliant


def structure(node: pypdf.generic.DictionaryObject, found: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """Kind and alternative text of each tag, in the order a screen reader meets them."""
    node = node.get_object()
    if isinstance(node, pypdf.generic.ArrayObject):
        for each in node:
            structure(each, found)
    elif isinstance(node, pypdf.generic.DictionaryObject):
        if "/S" in node:
            found.append((str(node["/S"]), str(node.get("/Alt", ""))))
        if "/K" in node:
            structure(node["/K"], found)
    return found


def test_tags_language_title_alternatives_and_fonts(faulty_run: Path) -> None:
    reader = pypdf.PdfReader(faulty_run / "report.pdf")
    root = reader.trailer["/Root"]
    assert root["/Lang"] == "en"
    assert root["/ViewerPreferences"]["/DisplayDocTitle"]
    assert reader.metadata is not None
    assert "Verification report" in str(reader.metadata.title)
    tags = structure(root["/StructTreeRoot"], [])
    figures = [alternative for kind, alternative in tags if kind == "/Figure"]
    assert len(figures) > 20
    assert all(len(alternative) > 20 for alternative in figures)
    headings = [int(kind[2:]) for kind, _ in tags if re.fullmatch(r"/H\d", kind)]
    assert headings[0] == 1
    assert all(below <= above + 1 for above, below in pairwise(headings))  # none is skipped
    assert [kind for kind, _ in tags].count("/Table") > 20
    for sheet in reader.pages:
        for font in (sheet["/Resources"].get("/Font") or {}).values():
            for inner in font.get_object().get("/DescendantFonts", [font]):
                assert set(inner.get_object()["/FontDescriptor"]) & {"/FontFile", "/FontFile2", "/FontFile3"}


SETTINGS = """
[report]
paper = "letter"
organisation = "Acme Médical <b>& Søn"
header = "VER-0815 #panic()"
logo = "logo.svg"

[[section]]
title = "Scope"
text = \"\"\"
The family A.

- first
- second
\"\"\"

[[section]]
title = "Distribution"
place = "last"
text = "QA"
"""
LOGO = '<svg xmlns="http://www.w3.org/2000/svg" width="90" height="30"><rect width="90" height="30"/></svg>'


def size_mm(pdf: Path) -> tuple[int, int]:
    box = pypdf.PdfReader(pdf).pages[0].mediabox
    return round(float(box.width) / 72 * 25.4), round(float(box.height) / 72 * 25.4)


def test_a_firms_paper_logo_header_and_sections(make_run: MakeRun, short_plan: str) -> None:
    folder = make_run(plan_text=short_plan)
    _, pdf = build_report(folder)
    assert size_mm(pdf) == (210, 297)
    (folder / "reports").mkdir()
    (folder / "reports/report.toml").write_text(SETTINGS, "utf-8")
    (folder / "reports/logo.svg").write_text(LOGO, "utf-8")
    html, pdf = build_report(folder)
    assert size_mm(pdf) == (216, 279)
    texts = [sheet.extract_text().replace("\u200b", "") for sheet in pypdf.PdfReader(pdf).pages]
    assert "Acme Médical <b>& Søn" in texts[0]
    assert all("VER-0815 #panic()" in text for text in texts)
    whole = "".join("".join(texts).split())  # the last time: the contents name them first
    assert whole.rindex("1Scope") < whole.rindex("2Unitsundertest") < whole.rindex("Distribution")
    shown = html.read_text("utf-8")
    assert "Acme Médical &lt;b&gt;&amp; Søn" in shown
    assert "<li>second</li>" in shown
    assert 'src="data:image/svg+xml;base64,' in shown
    assert page.validate_pdf(pdf, profile="ua1").is_compliant
    _, pdf = build_report(folder, paper="a4")
    assert size_mm(pdf) == (210, 297)


WRONG = [
    ('[report]\nlogo = "../logo.svg"', "no plain file name"),
    ('[report]\nlogo = "/etc/passwd"', "no plain file name"),
    ('[report]\nlogo = "logo.exe"', "neither an SVG nor a PNG"),
    ('[report]\nlogo = "missing.svg"', "there is no such file"),
    ('[report]\nlogo = "link.svg"', "the logo is a link"),
    ('[report]\nlogo = "fake.png"', "this is no PNG file"),
    ('[report]\npaper = "a3"', "a3"),
    ('[report]\ntemplate = "own.typ"', "template"),
    ('[[section]]\ntitle = "x"', "text"),
]


@pytest.mark.parametrize(("text", "told"), WRONG)
def test_wrong_settings_are_refused_before_anything_is_opened(
    text: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    root = Path(__file__).parents[2]
    (tmp_path / "reports").mkdir()
    (tmp_path / "reports/report.toml").write_text(text, "utf-8")
    (tmp_path / "reports/fake.png").write_bytes(b"MZ")
    (tmp_path / "secret.svg").write_text(LOGO, "utf-8")
    (tmp_path / "reports/link.svg").symlink_to(tmp_path / "secret.svg")
    monkeypatch.chdir(tmp_path)
    bench = str(root / "fixtures/simulated.bench.toml")
    assert main(["check", str(root / "tests/data/short.plan.toml"), "--bench", bench]) == 4
    assert told in capsys.readouterr().err
