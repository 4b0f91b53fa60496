"""The whole report as plain data, in the order a reader expects."""

from __future__ import annotations

from typing import Any

from rig.report import blocks, drawing
from rig.report.apparatus import apparatus
from rig.report.budgets import budgets
from rig.report.case_results import results
from rig.report.closing import not_tested, signatures, software_and_files
from rig.report.fault_catching import fault_catching
from rig.report.front import front
from rig.report.happenings import environment, happenings
from rig.report.method import acceptance, method
from rig.report.numbers import utc
from rig.report.own_layout import letterhead, own_sections
from rig.report.plain_text import visible
from rig.report.sample_size import sample_size
from rig.report.sources import Sources
from rig.report.traceability import traceability


def document(sources: Sources) -> dict[str, Any]:
    """Title, identification, date of the run, first page and numbered sections."""
    plan = sources.results.get("plan") or {}
    with drawing.style():
        sections = [
            *own_sections(sources.settings, "first"),
            apparatus(sources),
            method(sources),
            acceptance(sources),
            *sample_size(sources),
            results(sources),
            traceability(sources),
            *fault_catching(sources),
            happenings(sources),
            environment(sources),
            budgets(sources),
            not_tested(sources),
            software_and_files(sources),
            *own_sections(sources.settings, "last"),
            signatures(sources),
        ]
    numbered(sections)
    started = utc(str(sources.results.get("started_utc") or ""))
    return {
        "title": visible(
            f"Verification report: {plan.get('title') or plan.get('id') or 'no plan named'}", 300
        ),
        "run_id": visible(sources.run_id, 120),
        "plan": visible(f"{plan.get('id')} rev. {plan.get('revision')}", 80),
        **letterhead(sources.settings),
        "rehearsal": bool(sources.results.get("rehearsal")),
        "date": [started.year, started.month, started.day, started.hour, started.minute, started.second]
        if started
        else [1970, 1, 1, 0, 0, 0],
        "front": front(sources),
        "sections": sections,
        "end": blocks.paragraph(f"End of report {sources.run_id}", "end"),
    }


def numbered(sections: list[blocks.Block]) -> None:
    """Give sections and sub-sections their numbers."""
    for first, section in enumerate(sections, 1):
        section["number"] = str(first)
        inner = [block for block in section["blocks"] if block["kind"] == "section"]
        for second, below in enumerate(inner, 1):
            below["number"] = f"{first}.{second}"
