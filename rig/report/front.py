"""The first page: what was tested on which units, with what outcome, and what went wrong."""

from __future__ import annotations

from collections.abc import Sequence

from rig.analysis.decision import Outcome, worst
from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import duration, plus_minus
from rig.report.sample_size import in_short
from rig.report.sources import Results, Sources
from rig.report.traceability import TOLD, has_set, requirements_of
from rig.report.what_went_wrong import what_went_wrong

UNITS_A_TABLE = 4  # columns of units that fit on a page
LONGEST_TITLE = 80  # characters of a requirement's title on the first page


def front(sources: Sources) -> list[Block]:
    """Identification, outcome, verdict by requirement and unit, faults."""
    results = sources.results
    page: list[Block] = []
    if results.get("rehearsal"):
        reasons = wording.listed([str(reason) for reason in results.get("rehearsal_because") or []], 12)
        page.append(
            blocks.banner(
                "REHEARSAL",
                "Simulated instruments took part. Nothing in this report is evidence about a real pump, and it cannot "
                "be approved." + (f" Why: {reasons}." if reasons else ""),
                "rehearsal",
            )
        )
    page += [_identity(sources), *_by_requirement(sources), *_mean_errors(sources)]
    return [*page, *_in_quarantine(sources), *_faults(sources)]


def _faults(sources: Sources) -> list[Block]:
    if found := what_went_wrong(sources):
        told = blocks.faults(found)
    elif sources.cases:
        told = blocks.paragraph("Nothing: every criterion is PASS, no alarm was raised, no case ended early.")
    else:
        return []
    return [blocks.section("faults", "What went wrong", [told], level=3)]


def _in_quarantine(sources: Sources) -> list[Block]:
    """Failures that somebody answers for: they stay failures, here and in the record."""
    rows: list[list[Cell]] = [
        [
            blocks.text(name.split("::", 1)[1].replace("::", " / ")),
            blocks.text(entry["owner"]),
            blocks.text(entry["reason"]),
            blocks.text(f"until {entry['expires']}"),
        ]
        for entry in sources.results.get("quarantine") or []
        for name in entry["covers"]
    ]
    if not rows:
        return []
    words = "These criteria did not pass. They were put in quarantine before the run; no verdict is changed by it."
    table = blocks.table(
        "Failures in quarantine", ["Criterion", "Owner", "Reason", "Quarantine"], rows, [2.2, 1, 2, 1]
    )
    return [blocks.section("quarantine", "In quarantine", [blocks.paragraph(words), table], level=3)]


def _identity(sources: Sources) -> Block:
    results, plan, bench = (
        sources.results,
        sources.results.get("plan") or {},
        sources.results.get("bench") or {},
    )
    finished_s = results.get("finished_s")
    software = results.get("software") or {}
    pairs: list[tuple[str, Cell]] = [
        ("Outcome of the run", blocks.verdict(results.get("outcome"))),
        ("Run and report", blocks.code(sources.run_id)),
        (
            "Test plan",
            blocks.text(
                f"{plan.get('title') or plan.get('id')} ({plan.get('id')}, revision {plan.get('revision')})"
            ),
        ),
        ("Purpose", blocks.text(getattr(sources.plan, "purpose", ""))),
        ("Bench", blocks.text(", ".join(str(part) for part in (bench.get("id"), bench.get("site")) if part))),
        ("Units under test", blocks.text(_units_in_words(sources.units))),
        (
            "Carried out",
            blocks.text(
                f"{sources.at(0.0)} to {sources.at(finished_s)}, {duration(finished_s)}"
                + (" of simulated time" if results.get("clock") == "virtual" else "")
            ),
        ),
        ("Carried out by", blocks.text(results.get("operator") or "not stated")),
        ("Units that passed", blocks.text(in_short(results.get("population")))),
        ("Signed", blocks.text(_signed(sources))),
        (
            "Software",
            blocks.text(
                f"infusion-rig {software.get('infusion-rig') or software.get('version') or ''}".strip()
            ),
        ),
    ]
    closed = sources.run.closed
    if closed is None:
        pairs.insert(
            1, ("Attention", blocks.strong("The record has no closing entry: the run did not end in order."))
        )
    elif closed.get("reason"):
        pairs.insert(1, ("Ended because", blocks.strong(closed["reason"])))
    return blocks.facts([pair for pair in pairs if pair[1]["text"] != "–"])


def _signed(sources: Sources) -> str:
    """Who signed, with the meaning; signatures that do not count are left to the section on them."""
    told = [f"{each.meaning}: {each.name}" for each in sources.signatures if not each.trouble]
    if told:
        return "; ".join(told)
    return "" if sources.results.get("rehearsal") else "not signed electronically when this report was made"


def _units_in_words(units: Sequence[Results]) -> str:
    if not units:
        return "none"
    models: dict[str, list[str]] = {}
    for unit in units:
        name = " ".join(str(part) for part in (unit.get("maker"), unit.get("model")) if part)
        models.setdefault(name or "model not known", []).append(str(unit["serial"]))
    return "; ".join(
        f"{len(serials)} × {model}: {wording.listed(serials, 12)}" for model, serials in models.items()
    )


def _mean_errors(sources: Sources) -> list[Block]:
    """How much was delivered against what was set: the figure that most readers look for, for each case and unit."""
    found: dict[tuple[str, str], Results] = {}
    for case in sources.cases:
        for criterion in case.get("criteria") or []:
            if criterion["name"] == "mean_error":
                found[str(case["id"]), str(case["unit"])] = criterion
    names = list(dict.fromkeys(name for name, _ in found))
    tables = []
    for start in range(0, len(sources.serials) if names else 0, UNITS_A_TABLE):
        shown = sources.serials[start : start + UNITS_A_TABLE]
        lines = []
        for name in names:
            of_case = [found.get((name, serial)) for serial in shown]
            limit = next(str(criterion["limit"]) for criterion in of_case if criterion is not None)
            lines.append([blocks.strong(name), blocks.text(limit), *(_mean_error(one) for one in of_case)])
        title = "Mean delivery error and its expanded uncertainty, by case and unit"
        tables.append(blocks.table(title, ["Case", "Limit", *shown], lines, [1.0, 1.5, *[1.2] * len(shown)]))
    return tables


def _mean_error(criterion: Results | None) -> Cell:
    if criterion is None or criterion["value"] is None:
        return blocks.text("not measured")
    return blocks.text(
        plus_minus(criterion["value"], criterion["expanded_uncertainty"], criterion["unit"], signed=True)
    )


def _by_requirement(sources: Sources) -> list[Block]:
    """One row a requirement: the worst verdict of the cases that verify it, for each unit."""
    rows: dict[str, list[Results]] = {}
    for case in sources.cases:
        for requirement in case.get("requirements") or ["no requirement named"]:
            rows.setdefault(str(requirement), []).append(case)
    if not rows:
        return [blocks.paragraph("No case was carried out, so there is no verdict on any requirement.")]
    tables = []
    serials, named = sources.serials, int(has_set(sources))
    for start in range(0, len(serials), UNITS_A_TABLE):
        shown = serials[start : start + UNITS_A_TABLE]
        lines = []
        for requirement, cases in rows.items():
            names = list(dict.fromkeys(str(case["id"]) for case in cases))
            line = [blocks.strong(requirement), *_demand(sources, requirement), blocks.text(", ".join(names))]
            for serial in shown:
                outcomes = [Outcome(case["outcome"]) for case in cases if case["unit"] == serial]
                line.append(blocks.verdict(worst(outcomes).value) if outcomes else blocks.text("not tested"))
            lines.append(line)
        whole: list[Cell] = [blocks.strong("all"), *[blocks.text(" ")] * named, blocks.text("all cases")]
        for serial in shown:
            unit = next(unit for unit in sources.units if unit["serial"] == serial)
            whole.append(blocks.verdict(unit.get("outcome")))
        lines.append(whole)
        tables.append(
            blocks.table(
                "Verdict by requirement and unit (the worst of the criteria)",
                ["Requirement", *["What it demands"] * named, "Verified by", *shown],
                lines,
                [1.0, *[1.6] * named, 1.5, *[1.2] * len(shown)],
            )
        )
    return [*tables, *_trace_in_short(sources)]


def _demand(sources: Sources, requirement: str) -> list[Cell]:
    """The title of a requirement, where the plan names a set."""
    if not has_set(sources):
        return []
    found = requirements_of(sources).get(requirement) or {}
    words = found.get("title") or found.get("text") or "not in the requirement set"
    return [blocks.text(words if len(words) <= LONGEST_TITLE else f"{words[:LONGEST_TITLE]} …")]


def _trace_in_short(sources: Sources) -> list[Block]:
    """One line if requirements and tests do not meet, or requirements changed; the section has the rest."""
    if not has_set(sources):
        return []
    gaps = [each for each in sources.results.get("trace") or [] if each["gap"] in TOLD]
    changes = sources.results.get("requirement_changes") or {}
    count = sum(len(changes.get(key) or []) for key in ("added", "removed", "changed"))
    words = [f"{len(gaps)} of the requirements, tests, limits and hazards do not meet"] if gaps else []
    words += [f"{count} requirements changed since the run before"] if count else []
    return [blocks.paragraph(f"{'; '.join(words)}: see Traceability.")] if words else []
