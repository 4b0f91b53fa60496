"""Which case verifies which requirement, with the verdict on it; what does not meet; what changed since the run before.

Made from results.json alone, which the run made from the requirement sets kept in its folder.
"""

from __future__ import annotations

from rig.judge.trace import Gap
from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.sources import Results, Sources

LONGEST_TEXT = 400  # characters of one requirement in a table; all of it is in the requirement set

# How each gap is told, in the order of the report. Of the whole set one plan tests a part only.
TOLD = {
    Gap.UNKNOWN: "Tests without a requirement",
    Gap.IDLE: "Cases that verify nothing",
    Gap.CONTRADICTION: "Contradictory limits",
    Gap.UNTESTED_LIMIT: "Limits that are not tested",
    Gap.UNCONTROLLED: "Hazards without a control",
    Gap.UNKNOWN_HAZARD: "Hazards that are not listed",
}


def requirements_of(sources: Sources) -> dict[str, Results]:
    """The requirements in the results, by id; none for a run of an older version."""
    return {str(each["id"]): each for each in sources.results.get("requirements") or []}


def has_set(sources: Sources) -> bool:
    """Whether the plan names a requirement set."""
    return bool(sources.plan.requirements)


def traceability(sources: Sources) -> Block:
    """The section: matrix, gaps, changes."""
    if not has_set(sources):
        words = "The plan names no requirement set: its cases name requirements, but nothing says what these demand."
        return blocks.section("traceability", "Traceability", [blocks.paragraph(words)])
    known = requirements_of(sources)
    parts = [_matrix(sources, [each for each in known.values() if each["cases"]])]
    untested = [str(each["id"]) for each in known.values() if not each["cases"]]
    if untested:
        parts.append(
            blocks.paragraph(
                f"No case of this plan verifies {wording.listed(untested, 200)} of the same set."
            )
        )
    names = wording.listed([found.name for found in sources.plan.requirements])
    parts.append(
        blocks.paragraph(
            f"Read from {names}, kept in the folder requirements/ of the run. The verdict is the worst of all criteria "
            "of the cases that verify the requirement, on all units that took part.",
            "note",
        )
    )
    parts += [_gaps(sources), _changes(sources)]
    return blocks.section("traceability", "Traceability", parts)


def _matrix(sources: Sources, verified: list[Results]) -> Block:
    rows: list[list[Cell]] = []
    for each in verified:
        title, text = str(each["title"]), str(each["text"])
        demands = f"{title}: {text}" if title and text else title or text or "not in the requirement set"
        cut = demands if len(demands) <= LONGEST_TEXT else f"{demands[:LONGEST_TEXT]} …"
        rows.append(
            [
                blocks.strong(each["id"]),
                blocks.text(cut),
                blocks.text(wording.limit(each["limit"])),
                blocks.text(", ".join(each["cases"])),
                blocks.text(", ".join(each["hazards"])),
                blocks.verdict(each["verdict"]) if each["verdict"] else blocks.text("not tested"),
            ]
        )
    return blocks.table(
        "Traceability matrix",
        ["Requirement", "What it demands", "Limit", "Verified by", "Hazards", "Verdict"],
        rows,
        [1.0, 2.7, 1.0, 1.2, 0.9, 1.1],
        small=True,
    )


def _gaps(sources: Sources) -> Block:
    found: dict[str, list[str]] = {}
    for each in sources.results.get("trace") or []:
        found.setdefault(str(each["gap"]), []).append(f"{each['about']}: {each['message']}.")
    parts: list[Block] = []
    for gap, title in TOLD.items():
        if gap in found:
            parts += [blocks.paragraph(f"{title}:"), blocks.bullets(found[gap])]
    if not parts:
        words = (
            "Nothing: every requirement a case names is in the set, no limits contradict each other, and no hazard is "
            "without a control."
        )
        parts = [blocks.paragraph(words)]
    return blocks.section("trace-gaps", "What does not meet", parts, level=2)


def _changes(sources: Sources) -> Block:
    changes = sources.results.get("requirement_changes")
    if not changes:
        parts = [blocks.paragraph("No earlier run of this plan was found that kept its requirements.")]
        return blocks.section("trace-changes", "Changes of requirements", parts, level=2)
    since = f"Since the run {changes['since']}:"
    parts = [blocks.paragraph(since)]
    lines = [f"{word}: {wording.listed(changes[key], 200)}." for key, word in _WHOLE.items() if changes[key]]
    if lines:
        parts.append(blocks.bullets(lines))
    rows = [
        [
            blocks.first_of(place, each["id"]),
            blocks.text(what["name"]),
            blocks.text(_cut(what["before"])),
            blocks.text(_cut(what["now"])),
        ]
        for each in changes["changed"]
        for place, what in enumerate(each["what"])
    ]
    if rows:
        columns = ["Requirement", "What", "Before", "Now"]
        parts.append(
            blocks.table("Requirements that changed", columns, rows, [1.0, 0.8, 2.2, 2.2], small=True)
        )
    if not rows and not lines:
        parts = [blocks.paragraph(f"Since the run {changes['since']} no requirement changed.")]
    return blocks.section("trace-changes", "Changes of requirements", parts, level=2)


_WHOLE = {"added": "New", "removed": "No longer there"}


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]} …"
