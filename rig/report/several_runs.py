"""The summary over several runs as plain data, laid out by the same templates as the report of one."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rig.definitions.report_file import ReportFile
from rig.record.durable_files import write_atomically
from rig.report import blocks, several_records, several_sections, wording
from rig.report.blocks import Block
from rig.report.document import numbered
from rig.report.numbers import instant, utc
from rig.report.own_layout import letterhead, own_sections
from rig.report.page import html_page
from rig.report.paper import pdf_pages
from rig.report.several_records import plan_of
from rig.report.several_sections import by_firmware, value_of
from rig.report.several_sources import OneRun, Results, SummarySources, read_summary_sources
from rig.report.what_went_wrong import cut

MOST_WRONG = 24  # lines on what went wrong; the tables hold all
RULE = (
    "Every run counts whose record is whole, sealed and unaltered; none is left out for its result. For each case on "
    "each unit with each firmware, the worst of all decided outcomes is the verdict: no PASS makes good a FAIL. "
    "Only what was never decided (INCONCLUSIVE, ERROR, ABORTED) is made good by a run that was."
)


@dataclass(frozen=True)
class Summary:
    """What was made. ``left_out``: why a run does not count, by its id."""

    files: tuple[Path, ...]
    outcome: str
    left_out: dict[str, str]


def build_summary(
    paths: Sequence[Path], into: Path, settings: ReportFile, paper: str | None = None
) -> Summary:
    """``summary.html``, ``summary.pdf`` and ``summary.json`` of these runs in ``into``, which must be there.

    The same runs give the same bytes, in whatever order they are named. Raises DefinitionError, IntegrityError.
    """
    sources = read_summary_sources(paths)
    content = summary_document(sources, settings)
    content["paper"] = paper or content["paper"]
    told = {
        **sources.found,
        "summary_id": sources.identity,
        "rehearsal": sources.rehearsal,
        "runs": [
            {"run_id": run.run_id, "manifest_sha256": run.manifest_sha256, "left_out": run.left_out}
            for run in sources.runs
        ],
        "missing": list(sources.missing),
    }
    made = {
        "summary.html": html_page(content).encode(),
        "summary.pdf": pdf_pages(content),
        "summary.json": json.dumps(told, ensure_ascii=False, indent=1).encode() + b"\n",
    }
    for name, data in made.items():
        write_atomically(into / name, data)
    left_out = {run.run_id: run.left_out for run in sources.runs if run.left_out}
    return Summary(tuple(into / name for name in made), str(sources.found["outcome"]), left_out)


def summary_document(sources: SummarySources, settings: ReportFile) -> dict[str, Any]:
    """Title, identification, first page and numbered sections (as document.py makes them of one run)."""
    sections = [
        *own_sections(settings, "first"),
        several_records.runs(sources),
        several_sections.by_unit(sources),
        *several_sections.criteria(sources),
        several_sections.repeated(sources),
        *several_sections.populations(sources),
        several_sections.untested(sources),
        several_records.instruments(sources),
        *own_sections(settings, "last"),
        several_records.signatures(sources),
    ]
    numbered(sections)
    date = utc(sources.started_utc)
    return {
        "title": "Verification summary over several runs",
        "run_id": sources.identity,
        "plan": f"{len(sources.counted)} of {len(sources.runs)} runs counted",
        **letterhead(settings),
        "rehearsal": sources.rehearsal,
        "date": [date.year, date.month, date.day, date.hour, date.minute, date.second]
        if date
        else [1970, 1, 1, 0, 0, 0],
        "front": _front(sources),
        "sections": sections,
        "end": blocks.paragraph(f"End of summary {sources.identity}", "end"),
    }


def _front(sources: SummarySources) -> list[Block]:
    found, counted = sources.found, sources.counted
    page: list[Block] = []
    if sources.rehearsal:
        words = "Simulated instruments took part in every run. Nothing in this summary is evidence about a real pump."
        page.append(blocks.banner("REHEARSAL", words, "rehearsal"))
    plans = dict.fromkeys(f"{plan_of(run)['id']} rev. {plan_of(run)['revision']}" for run in counted)
    benches = dict.fromkeys(str(run.results["bench"]["id"]) for run in counted)
    units = dict.fromkeys(unit["serial"] for unit in found["units"])
    firmware = dict.fromkeys(unit["firmware"] for unit in found["units"])
    left_out = len(sources.runs) - len(counted)
    page.append(
        blocks.facts(
            [
                ("Verdict over all", blocks.verdict(found["outcome"])),
                ("Summary", blocks.code(sources.identity)),
                (
                    "Runs",
                    blocks.text(
                        f"{len(sources.runs)}, of which {left_out} do not count"
                        if left_out
                        else len(sources.runs)
                    ),
                ),
                ("Test plans", blocks.text(wording.listed(list(plans), 20))),
                ("Benches", blocks.text(wording.listed(list(benches), 20))),
                ("Units under test", blocks.text(f"{len(units)}: {wording.listed(list(units), 30)}")),
                ("Firmware", blocks.text(wording.listed(list(firmware), 12))),
                ("Carried out", blocks.text(_span(counted))),
                ("Rule", blocks.text(RULE)),
            ]
        )
    )
    page += by_firmware(found)
    groups = _what_went_wrong(sources)
    inner = (
        [blocks.faults(groups)]
        if groups
        else [blocks.paragraph("Nothing: every case is PASS, every run counts.")]
    )
    page.append(blocks.section("faults", "What went wrong", inner, level=3))
    return page


def _span(counted: list[OneRun]) -> str:
    if not counted:
        return "nothing"
    last = counted[-1].results
    ended = max(instant(str(run.results["started_utc"]), run.results["finished_s"]) for run in counted)
    return f"{instant(str(counted[0].results['started_utc']), 0.0)} to {ended}" if last else ""


def _what_went_wrong(sources: SummarySources) -> list[tuple[str, list[str]]]:
    """By unit, after what is wrong with runs; what is said of several cases of a run is said once."""
    groups: dict[str, list[str]] = {}
    about = [f"{run.run_id} does not count: {run.left_out}" for run in sources.runs if run.left_out]
    if about or sources.missing:
        groups["Runs"] = [*about, *sources.missing]
    cases_of: dict[tuple[str, str, str], list[str]] = {}
    for run in sources.counted:
        for case in run.results["cases"]:
            if case["outcome"] != "PASS":
                where = f"{plan_of(run)['id']}, run …{run.run_id[-6:]}"
                cases_of.setdefault((str(case["unit"]), where, _why(case)), []).append(str(case["id"]))
    for (unit, where, words), cases in sorted(cases_of.items(), key=lambda item: item[0][0]):
        groups.setdefault(unit, []).append(f"{wording.listed(cases)} ({where}): {words}")
    each = max(2, MOST_WRONG // max(1, len(groups)))
    return [(name, cut(lines, each)) for name, lines in groups.items()]


def _why(case: Results) -> str:
    if case["ended"] != "completed":
        return f"{case['outcome']}, {wording.ended(str(case['ended']), str(case['message']))}"
    failing = [each for each in case["criteria"] if each["verdict"] != "PASS"]
    words = [
        f"{wording.criterion(each['name'])} {value_of(each)} (limit {each['limit']})" for each in failing
    ]
    return (
        f"{case['outcome'].replace('_', ' ')}, {wording.listed(words, 4)}" if words else str(case["outcome"])
    )
