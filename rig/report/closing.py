"""What was not tested, by which software, from which files, and who says so."""

from __future__ import annotations

from importlib.metadata import version

from rig.definitions.cases.python import PYTHON
from rig.report import blocks, wording
from rig.report.blocks import Block
from rig.report.numbers import number
from rig.report.procedure_words import PROCEDURES
from rig.report.sources import Sources

NEVER = [
    "Drugs and their viscosity: the liquid was a simulant.",
    "Air in the line, as something done on purpose.",
    "Storage, transport, and ageing beyond the time of the run.",
]
# What the software computes by: the version of each is that of infusion-rig.
ALGORITHMS = [
    (
        "volume from balance readings",
        "buoyancy and density: Tanaka et al. 2001; air: simplified CIPM formula",
    ),
    (
        "mean error, trumpet curve",
        "IEC 60601-2-24:2012, 201.12.1.102 to 106, overlapping windows, end points",
    ),
    ("uncertainty", "JCGM 100:2008 (GUM), confirmed by JCGM 101:2008 (Monte Carlo) where drawn"),
    ("verdict", "ILAC-G8:09/2019 and JCGM 106:2012, guard band as wide as U"),
    ("two witnesses", "E_n of ISO/IEC 17043"),
    ("other units", "ISO 16269-6:2014, exact factors; Clopper and Pearson 1934"),
]


def not_tested(sources: Sources) -> Block:
    """The section: cases of the plan without result, rates and sizes outside, what no case covers."""
    early: dict[tuple[str, str], list[str]] = {}  # (how it ended, on which units) -> cases
    for case in sources.plan.cases:
        judged = {str(result["unit"]): result for result in sources.of_case(case.id)}
        missing = [serial for serial in sources.serials if serial not in judged]
        if missing or not judged:
            early.setdefault(("not carried out", wording.listed(missing) or "any unit"), []).append(case.id)
        for ended in ("refused", "aborted", "error", "unfinished"):
            units = [unit for unit, result in judged.items() if result.get("ended") == ended]
            if units:
                early.setdefault((wording.ending(ended), wording.listed(units)), []).append(case.id)
    items = [f"{units}: {wording.listed(cases)} {ended}." for (ended, units), cases in early.items()]
    procedures = {str(case.procedure) for case in sources.plan.cases}
    items += [
        f"{words.name[:1].upper()}{words.name[1:]}: the plan has no such case."
        for name, words in PROCEDURES.items()
        if name not in procedures and name != PYTHON
    ]
    if not any(getattr(case, "bath_temperature_c", None) is not None for case in sources.plan.cases):
        items.append("Other temperatures of the pump: no case sets a bath.")
    if not any(getattr(case, "channels_on", ()) for case in sources.plan.cases):
        items.append("Back pressure and other heights of the outlet: no case switches a valve for that.")
    rates = sorted({case.rate_ml_h for case in sources.plan.cases if hasattr(case, "rate_ml_h")})
    if rates:
        told = wording.listed([number(rate, "mL/h") for rate in rates], 8)
        items.append(f"Rates other than {told} were not tested.")
    items.append(
        f"{len(sources.units)} unit{'s' if len(sources.units) != 1 else ''} took part: nothing is said about "
        f"others of "
        "the same model, nor about the spread of production."
    )
    if sources.results.get("rehearsal"):
        items.append(
            "No real pump took part, or none was measured with real instruments only: this is a rehearsal."
        )
    return blocks.section("not-tested", "What was not tested", [blocks.bullets([*items, *NEVER])])


def software_and_files(sources: Sources) -> Block:
    """The section on versions, integrity of the record, and hashes."""
    rows = [
        [blocks.text(name), blocks.code(str(value))]
        for name, value in sorted((sources.results.get("software") or {}).items())
    ]
    rows.append([blocks.text("infusion-rig that made this report"), blocks.code(version("infusion-rig"))])
    parts = [
        blocks.table("Software of the run and of this report", ["Software", "Version"], rows, [1.0, 2.0])
    ]
    methods = [[blocks.text(name), blocks.text(source)] for name, source in ALGORITHMS]
    title = f"Algorithms, all of infusion-rig {version('infusion-rig')}"
    parts.append(blocks.table(title, ["What is computed", "After"], methods, [1.0, 2.4]))
    files = [[blocks.text(name), blocks.code(digest)] for name, digest in sources.hashes.items()]
    files.append([blocks.text("head of the journal's hash chain"), blocks.code(sources.run.head or "none")])
    if key := (sources.run.opened.get("bench_key") or {}).get("id"):
        files.append([blocks.text("key that seals runs of this bench"), blocks.code(key)])
    parts.append(
        blocks.table(
            "Files this report was made from, SHA-256",
            ["File in the run folder", "SHA-256"],
            files,
            [1.0, 2.4],
        )
    )
    if sources.run.problems:
        parts.append(blocks.paragraph("The record is damaged:"))
        parts.append(blocks.bullets(list(sources.run.problems)))
    parts.append(
        blocks.paragraph(
            "Each line of journal.jsonl carries the hash of the line before; the head fixes them all. This "
            "report can be "
            "made again from the run folder alone, and the same version of the software gives the same bytes.",
            "note",
        )
    )
    return blocks.section("software", "Software, record and files", parts)


def signatures(sources: Sources) -> Block:
    """The section with the electronic signatures so far, and room to sign on paper. A rehearsal has no such room."""
    parts: list[Block] = []
    if sources.signatures:
        parts += [_electronic(sources), *_corrections(sources)]
    if sources.results.get("rehearsal"):
        words = "A rehearsal is not evidence and cannot be approved."
        parts.append(blocks.paragraph(words if parts else f"{words} There is nothing to sign."))
    elif not parts:
        operator = sources.results.get("operator") or " "
        rows = [
            [blocks.text(meaning), blocks.text(name), blocks.text(" "), blocks.text(" ")]
            for meaning, name in (("carried out", operator), ("reviewed", " "), ("approved", " "))
        ]
        parts.append(blocks.paragraph("This report carries no electronic signature.", "note"))
        parts.append(blocks.table("", ["Meaning", "Name", "Date", "Signature"], rows, [1.0, 1.6, 1.0, 2.0]))
    return blocks.section("signatures", "Signatures", parts)


def _electronic(sources: Sources) -> Block:
    rows = [
        [
            blocks.strong(each.meaning or "not known"),
            blocks.text(each.name or "not known"),
            blocks.text(each.signed_utc.removesuffix("+00:00").replace("T", " ") or "not known"),
            blocks.strong(f"DOES NOT COUNT: {each.trouble}") if each.trouble else blocks.code(each.key_id),
        ]
        for each in sources.signatures
    ]
    headings = ["Meaning", "Printed name", "Signed, UTC", "Key of the signature (SHA-256)"]
    return blocks.table("Electronic signatures on the sealed record", headings, rows, [0.9, 1.3, 1.2, 2.4])


def _corrections(sources: Sources) -> list[Block]:
    told = [f"{each.meaning} by {each.name}: {each.reason}" for each in sources.signatures if each.reason]
    return [blocks.paragraph("Reasons given:"), blocks.bullets(told)] if told else []
