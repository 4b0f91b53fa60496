"""The report as its readers get it: HTML and PDF of made-up runs, sound and faulty, whole and broken off."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pypdf
import pytest

from rig.errors import IntegrityError
from rig.record.journal import Journal
from rig.report.build import build_report

MakeRun = Callable[..., Path]
Edit = Callable[[Path, Callable[[dict[str, Any]], None]], None]
RUN_ID = "20261121T061500Z-flow-accuracy-simulated-3f2a"


class Page(HTMLParser):
    """The text of a page, its tags, and the exact numbers it carries."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.pieces: list[str] = []
        self._silent = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        self._silent += tag == "style"

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag == "style"

    def handle_data(self, data: str) -> None:
        if not self._silent:
            self.pieces.append(data)

    @property
    def text(self) -> str:
        return " ".join("".join(self.pieces).split())

    @property
    def exact(self) -> set[float]:
        return {float(attrs["value"] or "nan") for tag, attrs in self.tags if tag == "data"}


def page(path: Path) -> Page:
    return Page(path.read_text("utf-8"))


def pdf_pages(path: Path) -> list[str]:
    return [text.extract_text().replace("\u200b", "") for text in pypdf.PdfReader(path).pages]


def squeezed(text: str) -> str:
    """Without any white space: the PDF breaks lines where it likes."""
    return "".join(text.split())


def results_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text("utf-8"))
    return found


def test_every_number_and_verdict_of_the_criteria_is_in_the_html(faulty_run: Path) -> None:
    folder = faulty_run
    shown = page(folder / "report.html")
    exact, text = shown.exact, shown.text.replace("\u00a0", " ")
    seen = 0
    for case in results_of(folder)["cases"]:
        for criterion in case["criteria"]:
            assert criterion["verdict"].replace("_", " ") in text
            for name in (
                "value",
                "expanded_uncertainty",
                "coverage_factor",
                "margin",
                "probability_of_wrong_decision",
            ):
                if criterion[name] is not None:
                    assert criterion[name] in exact, (case["id"], criterion["name"], name)
                    seen += 1
        for point in case["trumpet"]:
            assert {point["error_max_pct"], point["error_min_pct"], point["count"]} <= exact
        for dose in case["doses"]:
            assert {dose["volume_ml"], dose["deviation_pct"]} <= exact
        for measurement in case["measurements"].values():
            assert measurement["value"] in exact
        for budget in case["budgets"].values():
            assert budget["combined_standard_uncertainty"] in exact
            assert all(part["contribution"] in exact for part in budget["components"])
    assert seen > 80


def test_identity_instruments_and_hashes_are_in_html_and_pdf(make_run: MakeRun, short_plan: str) -> None:
    folder = make_run(plan_text=short_plan)
    html, pdf = build_report(folder)
    results, journal = results_of(folder), (folder / "journal.jsonl").read_bytes()
    wanted = [results["plan"]["title"], results["bench"]["site"], "A. Tester", "2026-11-21 06:15:00 UTC"]
    for unit in results["units"]:
        for instrument in unit["instruments"]:
            wanted += [instrument["serial"], instrument["address"], instrument["driver"]]
            wanted += [instrument[name] for name in ("certificate", "calibrated_until") if instrument[name]]
    wanted += [hashlib.sha256(journal.splitlines()[-1]).hexdigest()]
    wanted += ["only: IEC 60601-2-24:2012, 201.12.1.102", "only: The shortest that shows everything."]
    wanted += ["(labelled ±14.5 %)"]
    in_html, in_pdf = squeezed(page(html).text), squeezed("".join(pdf_pages(pdf)))
    for text in wanted:
        assert squeezed(text) in in_html
        assert squeezed(text) in in_pdf


def test_rehearsal_identification_and_page_number_on_every_page(faulty_run: Path) -> None:
    html, pdf = faulty_run / "report.html", faulty_run / "report.pdf"
    pages = pdf_pages(pdf)
    assert len(pages) > 8
    for number, text in enumerate(pages, 1):
        assert "REHEARSAL" in text
        assert squeezed(RUN_ID) in squeezed(text)
        assert f"page {number} of {len(pages)}" in " ".join(text.split())
    assert f"End of report {RUN_ID}" in " ".join(pages[-1].split())
    assert "REHEARSAL" in page(html).text
    assert page(html).text.endswith(f"End of report {RUN_ID}")


def test_evidence_is_not_called_a_rehearsal_and_can_be_signed(make_run: MakeRun, short_plan: str) -> None:
    html, pdf = build_report(make_run(plan_text=short_plan, rehearsal=False))
    text = page(html).text
    assert "REHEARSAL" not in text
    assert "REHEARSAL" not in "".join(pdf_pages(pdf))
    assert "reviewed" in text
    assert "approved" in text


def test_the_first_page_names_the_three_faults(faulty_run: Path) -> None:
    html, pdf = faulty_run / "report.html", faulty_run / "report.pdf"
    first = " ".join(pdf_pages(pdf)[0].split())
    assert "mean error A +15.9" in first.replace("\u00a0", " ") or "mean error A +16" in first.replace(
        "\u00a0", " "
    )
    assert "delivers too much" in first
    assert re.search(r"typical-rate: motor stall at 17.h.*delivery stopped", first)
    assert "refused before it began: the calibration of the balance expired on 2025-06-30" in first
    assert "motor stall" in page(html).text


def test_a_run_without_fault_says_so(make_run: MakeRun) -> None:
    html, _ = build_report(make_run("sound"))
    assert "every criterion is PASS" in page(html).text


def test_two_builds_are_the_same_bytes(make_run: MakeRun, short_plan: str) -> None:
    folder = make_run(plan_text=short_plan)
    html, pdf = build_report(folder)
    before = html.read_bytes(), pdf.read_bytes()
    html, pdf = build_report(folder)
    assert (html.read_bytes(), pdf.read_bytes()) == before
    assert sorted(path.name for path in folder.iterdir() if path.name.startswith(".")) == []


def test_the_html_fetches_nothing_and_runs_nothing(make_run: MakeRun, short_plan: str) -> None:
    html, _ = build_report(make_run(plan_text=short_plan))
    tags = page(html).tags
    assert not {tag for tag, _ in tags} & {"script", "link", "iframe", "object", "img"}
    for tag, attrs in tags:
        for name in ("src", "href", "xlink:href", "action"):
            assert (attrs.get(name) or "#").startswith("#"), (tag, attrs)
    ids = [attrs["id"] for _, attrs in tags if attrs.get("id")]
    assert len(ids) == len(set(ids))


def test_the_pdf_is_tagged_archival_and_has_its_fonts(make_run: MakeRun, short_plan: str) -> None:
    _, pdf = build_report(make_run(plan_text=short_plan))
    reader = pypdf.PdfReader(pdf)
    assert reader.trailer["/Root"]["/MarkInfo"]["/Marked"]
    metadata = reader.trailer["/Root"]["/Metadata"].get_data().decode("utf-8")
    assert "<pdfaid:part>2</pdfaid:part>" in metadata
    assert "<pdfaid:conformance>A</pdfaid:conformance>" in metadata
    assert "<pdfuaid:part>1</pdfuaid:part>" in metadata
    assert reader.metadata is not None
    assert reader.metadata.creation_date is not None
    assert reader.metadata.creation_date.isoformat().startswith("2026-11-21T06:15:00")


HOSTILE = [
    "<script>alert(1)</script><b>&amp;",
    ']#panic(1) #import "x" *bold* _it_ $x^2$ @ref <label> \\ // /* `raw` = heading',
    "{{ 7*7 }} {% raw %} ${7*7} $\\frac{1}{2}$",
    '=HYPERLINK("http://x")',
    "bell\x07 null\x00 escape\x1b[31m",
    "right\u202eto left\u200f and \u2066isolate",
    "液体 ポンプ 🚰",
    "y" * 2048,
    "word " * 400,
]


def test_hostile_text_stays_text_everywhere(make_run: MakeRun, edit_results: Edit, short_plan: str) -> None:
    all_of_it = " | ".join(HOSTILE)
    folder = make_run(plan_text=short_plan, operator=all_of_it, note=HOSTILE[1])

    def poison(results: dict[str, Any]) -> None:
        results["bench"]["site"] = results["plan"]["title"] = HOSTILE[0]
        for unit, text in zip(results["units"], HOSTILE, strict=False):
            unit["maker"] = text
            unit["instruments"][1].update(model=text, serial=text, firmware=text, address=text)
        results["cases"][0].update(title=HOSTILE[1], message=HOSTILE[7], rationale=HOSTILE[2])
        results["cases"][0]["criteria"][0].update(reason=HOSTILE[8], verdict="INCONCLUSIVE", limit=HOSTILE[1])
        for text in HOSTILE:
            flag = {"name": text, "message": text, "start_s": 1.0, "end_s": 9.0, "effect": text}
            results["cases"][0]["flags"].append(flag)
            event = {"t_s": 1.0, "source": "pump", "code": text, "arguments": {text: text}, "text": text}
            results["cases"][0]["events"].append(event)
            results["software"][text] = text
        results["rehearsal_because"] = HOSTILE

    edit_results(folder, poison)
    html, pdf = build_report(folder)
    on_page, on_paper = squeezed(page(html).text), squeezed("".join(pdf_pages(pdf)))
    for text in HOSTILE:
        if text.isprintable():
            assert squeezed(text) in on_page
    for text in HOSTILE[:4]:
        assert squeezed(text)[:20] in on_paper
    for hidden in ("⟨U+0007⟩", "⟨U+0000⟩", "⟨U+001B⟩", "⟨U+202E⟩", "⟨U+200F⟩", "⟨U+2066⟩"):
        assert hidden in on_page
        assert hidden in on_paper
    assert "⟨U+6DB2⟩" in on_paper
    shown = html.read_text("utf-8")
    assert "<script" not in shown
    assert not set(shown) & set("\x00\x07\x1b\u202e\u200f\u2066")


def test_hostile_serial_numbers_and_cases_in_figures(
    make_run: MakeRun, edit_results: Edit, short_plan: str
) -> None:
    folder = make_run(plan_text=short_plan)
    nasty = "$\\frac{1}{0}$ 液 <x>"
    old = results_of(folder)["units"][0]["serial"]
    journal = folder / "journal.jsonl"
    text = (folder / "results.json").read_text("utf-8")
    (folder / "results.json").write_text(text.replace(json.dumps(old), json.dumps(nasty)), "utf-8")
    rechain(journal, old, nasty)
    html, pdf = build_report(folder)
    assert "$\\frac{1}{0}$ 液 <x>" in page(html).text
    assert "⟨U+6DB2⟩" in "".join(pdf_pages(pdf))


def rechain(journal: Path, old: str, new: str) -> None:
    """The same journal with another unit's name, its chain made whole again."""
    head, lines = "0" * 64, []
    for seq, line in enumerate(journal.read_text("utf-8").splitlines()):
        record = json.loads(line)
        record.update(prev=head, seq=seq)
        if record.get("unit") == old:
            record["unit"] = new
        whole = json.dumps(record, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
        head = hashlib.sha256(whole.encode()).hexdigest()
        lines.append(whole)
    journal.write_text("\n".join(lines) + "\n", "utf-8")


def test_a_case_that_ended_by_an_error_or_an_abort(make_run: MakeRun, short_plan: str) -> None:
    broken = {
        ("only", "SIM-0001"): "the balance does not answer: sent b'SI\\r\\n', received nothing",
        ("only", "SIM-0002"): "aborted by Ctrl-C",
    }
    html, pdf = build_report(make_run(plan_text=short_plan, broken=broken))
    text, first = page(html).text, " ".join(pdf_pages(pdf)[0].split())
    assert "ended by an error of the rig: the balance does not answer" in text
    assert "aborted by Ctrl-C" in first
    assert "somebody pressed Ctrl-C" in first
    assert "ERROR" in text
    assert "ABORTED" in text


def test_nothing_measured_still_gives_a_report(
    make_run: MakeRun, edit_results: Edit, short_plan: str
) -> None:
    folder = make_run(plan_text=short_plan, cases=False)
    html, pdf = build_report(folder)
    assert "No case was carried out" in page(html).text
    assert "End of report" in pdf_pages(pdf)[-1]
    edit_results(folder, lambda results: results.update(units=[], cases=[], finished_s=0.0))
    html, pdf = build_report(folder)
    assert "End of report" in pdf_pages(pdf)[-1]


def test_every_unit_refused(make_run: MakeRun, short_plan: str) -> None:
    refused = ("SIM-1001", "SIM-1002", "SIM-1003")
    html, _ = build_report(make_run("faulty", plan_text=short_plan, refused=refused))
    text = page(html).text
    assert "Nothing was weighed in this case" in text
    assert "INCONCLUSIVE" in text


def test_a_run_that_never_ended_says_so_on_the_first_page(make_run: MakeRun, short_plan: str) -> None:
    _, pdf = build_report(make_run(plan_text=short_plan, closed=False))
    assert "no closing entry" in " ".join(pdf_pages(pdf)[0].split())


def test_a_case_carried_out_twice_is_told_on_the_first_page(make_run: MakeRun, short_plan: str) -> None:
    folder = make_run(plan_text=short_plan)
    journal = folder / "journal.jsonl"
    lines = journal.read_text("utf-8").splitlines()
    begun = [line for line in lines if '"unit":"SIM-0001"' in line and '"case":"only"' in line]
    journal.write_text("\n".join([*lines[:-1], *begun, lines[-1]]) + "\n", "utf-8")
    rechain(journal, "", "")
    html, pdf = build_report(folder)
    assert "carried out 2 times in this run" in " ".join(pdf_pages(pdf)[0].split())
    assert "carried out 2 times in this run" in page(html).text


def test_results_that_cannot_be_read_are_refused_in_words(make_run: MakeRun, short_plan: str) -> None:
    folder = make_run(plan_text=short_plan)
    (folder / "results.json").write_text("{", "utf-8")
    with pytest.raises(IntegrityError, match="cannot be read as JSON"):
        build_report(folder)
    (folder / "results.json").write_text('{"schema": "something else"}', "utf-8")
    with pytest.raises(IntegrityError, match="schema"):
        build_report(folder)
    assert not (folder / "report.html").exists()


def test_a_step_of_the_clock_stands_in_the_report(make_run, short_plan):
    folder = make_run(plan_text=short_plan)
    journal = Journal.reopen(folder / "journal.jsonl", lambda: 10**16)
    journal.append("clock_step", step_ns=-3_600_000_000_000, utc_ns=0)
    journal.append("disk_full")
    journal.close()
    build_report(folder)
    page = (folder / "report.html").read_text("utf-8")
    assert "the clock of the day was set by -3600.0 s" in page
    assert "the disk was full" in page
