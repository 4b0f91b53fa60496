"""The sections of a summary on the runs themselves: which there are, with what they were made, who signs."""

from __future__ import annotations

from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import NONE, instant
from rig.report.several_sources import OneRun, Results, SummarySources

IDENTITY = ("model", "serial", "certificate", "calibrated_until")  # of an instrument


def plan_of(run: OneRun) -> Results:
    """Id, revision and title of the plan of a run that counts."""
    plan: Results = run.results["plan"]
    return plan


def runs(sources: SummarySources) -> Block:
    """All runs, those that do not count, those that are missing, and the seals."""
    left_out = [
        f"{run.run_id} (folder {run.folder}): {run.left_out}." for run in sources.runs if run.left_out
    ]
    return blocks.section(
        "runs",
        "Runs",
        [
            _all_runs(sources),
            listed_or_none(
                "left-out", "Runs that do not count", left_out, "None: each record is whole and unaltered."
            ),
            listed_or_none(
                "missing",
                "Runs that are missing",
                list(sources.missing),
                "None, as far as the runs tell of each other.",
            ),
            _seals(sources),
        ],
    )


def _all_runs(sources: SummarySources) -> Block:
    rows: list[list[Cell]] = []
    for run in sources.runs:
        told = [blocks.text(None)] * 4
        if run.results:
            told = [
                blocks.text(f"{plan_in_words(run)} on {run.results['bench']['id']}"),
                blocks.text(instant(str(run.results["started_utc"]), 0.0)),
                blocks.text(run.results["operator"] or "not stated"),
                blocks.verdict(run.results["outcome"]),
            ]
        signed = [f"{each.meaning}: {each.name}" for each in run.signatures if not each.trouble]
        rows.append([blocks.code(run.run_id), *told, blocks.text("; ".join(signed) or "no")])
    columns = ["Run", "Plan and bench", "Started", "By", "Outcome", "Signed"]
    title = "All runs that were given, in order of time"
    return blocks.table(title, columns, rows, [2.2, 1.6, 1.1, 0.9, 1.4, 1.2], small=True)


def plan_in_words(run: OneRun) -> str:
    """Id and revision of its plan."""
    return f"{plan_of(run)['id']} rev. {plan_of(run)['revision']}"


def listed_or_none(name: str, title: str, items: list[str], none: str) -> Block:
    """A list under a heading of its own, or the sentence that there is nothing."""
    told = blocks.bullets(items) if items else blocks.paragraph(none)
    return blocks.section(name, title, [told], level=2)


def _seals(sources: SummarySources) -> Block:
    rows = [[blocks.code(run.run_id), blocks.code(run.manifest_sha256 or "no seal")] for run in sources.runs]
    title = "Seals this summary rests on, SHA-256 of manifest.json"
    return blocks.table(title, ["Run", "SHA-256"], rows, [1.3, 2.0], small=True)


def instruments(sources: SummarySources) -> Block:
    """Instruments with their calibration, and versions of software."""
    rows: dict[tuple[str, ...], list[str]] = {}
    versions: dict[str, list[str]] = {}
    for run in sources.counted:
        results = run.results
        for instrument in [
            *(i for unit in results["units"] for i in unit["instruments"]),
            *results["shared_instruments"],
        ]:
            if instrument["role"] != "pump":
                valid = {False: "EXPIRED", True: "valid"}.get(instrument["calibration_valid"], "not stated")
                told = [instrument[name] for name in IDENTITY]
                key = tuple(str(part or NONE) for part in (wording.role(instrument["role"]), *told, valid))
                rows.setdefault(key, []).append(run.run_id[-6:])
        for name, version in results["software"].items():
            versions.setdefault(f"{name} {version}", []).append(run.run_id[-6:])
    shown = [
        [*map(blocks.text, key), blocks.text(_which(runs, sources))] for key, runs in sorted(rows.items())
    ]
    columns = ["Part", "Model", "Serial", "Certificate", "Calibrated until", "On the day", "Runs"]
    table = blocks.table("Instruments", columns, shown, [0.9, 1.9, 1.1, 1.1, 0.9, 0.7, 1.2], small=True)
    software = [
        [blocks.text(name), blocks.text(_which(runs, sources))] for name, runs in sorted(versions.items())
    ]
    parts = [
        table,
        blocks.table("Software", ["Software and version", "Runs"], software, [2.0, 1.6], small=True),
    ]
    return blocks.section("instruments", "Instruments and software", parts)


def _which(runs: list[str], sources: SummarySources) -> str:
    different = list(dict.fromkeys(runs))
    return "all" if len(different) == len(sources.counted) else ", ".join(different)


def signatures(sources: SummarySources) -> Block:
    """Room to sign; a rehearsal has none."""
    if sources.rehearsal:
        return blocks.section(
            "signatures", "Signatures", [blocks.paragraph("A rehearsal cannot be approved.")]
        )
    rows = [[blocks.text(each), *[blocks.text(" ")] * 3] for each in ("made", "reviewed", "approved")]
    table = blocks.table("", ["Meaning", "Name", "Date", "Signature"], rows, [1.0, 1.6, 1.0, 2.0])
    note = blocks.paragraph("Electronic signatures belong to the runs: see there.", "note")
    return blocks.section("signatures", "Signatures", [note, table])
