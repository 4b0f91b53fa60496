"""How many units, why so many, and what they say of all others."""

from __future__ import annotations

from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import joined, number
from rig.report.sources import Results, Sources


def sample_size(sources: Sources) -> list[Block]:
    """The section; nothing for a run of an older version, whose results do not hold it."""
    found = sources.results.get("population")
    if not found:
        return []
    parts = [blocks.paragraph(_rationale(found)), blocks.facts(_counts(found)), *_intervals(found)]
    return [blocks.section("sample-size", "Sample size, and what it says of other units", parts)]


def _rationale(found: Results) -> str:
    told = str(found["rationale"])
    return told or "The plan gives no rationale for the number of units."


def _counts(found: Results) -> list[tuple[str, Cell]]:
    confidence, asked = percent(found["confidence"]), found["reliability_asked"]
    pairs = [
        ("Units in the run", blocks.plain_number(found["units"])),
        (
            "Decided",
            blocks.text(f"{found['units_decided']}, of which {found['units_failed']} did not pass"),
        ),
        ("Confidence", blocks.written(confidence, found["confidence"])),
    ]
    if found["reliability_shown"] is not None:
        shown = (
            f"at least {percent(found['reliability_shown'])} of all units pass, with {confidence} confidence"
        )
        pairs.append(("Shown", blocks.written(shown, found["reliability_shown"])))
    if asked is not None:
        reached = found["reliability_shown"] is not None and found["reliability_shown"] >= asked
        words = f"{percent(asked)}, which takes {found['units_needed']} units without a failure: "
        words += "shown" if reached else "NOT SHOWN by this run alone"
        pairs.append(("Reliability asked for", blocks.strong(words)))
    return pairs


def in_short(found: Results | None) -> str:
    """One line for the first page."""
    if not found or found["reliability_shown"] is None:
        return ""
    passed = found["units_decided"] - found["units_failed"]
    told = f"{passed} of {found['units_decided']} that were decided"
    shown = f"{percent(found['reliability_shown'])} of all units pass, with {percent(found['confidence'])} confidence"
    return f"{told}, which shows that at least {shown}" if passed else told


def _intervals(found: Results) -> list[Block]:
    if not found["intervals"]:
        words = "Tolerance intervals over units need at least three measured units: there are none."
        return [blocks.paragraph(words, "note")]
    coverage, confidence = percent(found["coverage"]), percent(found["confidence"])
    note = (
        f"Between the bounds lie at least {coverage} of all units with {confidence} confidence, if these units are a "
        "random sample of a normal population, which so few cannot show (ISO 16269-6:2014, exact factor k: mean ± k·s; "
        "one-sided where the criterion has one limit). The measuring uncertainty is part of the spread s; what all "
        "units have in common, such as one balance, is not."
    )
    return [interval_table(found["intervals"]), blocks.paragraph(note, "note")]


def interval_table(intervals: list[Results]) -> Block:
    """Tolerance intervals, a row each; also for the summary of several runs."""
    rows: list[list[Cell]] = []
    before = None
    for each in intervals:
        rows.append(
            [
                blocks.first_of(int(each["case"] == before), each["case"]),
                blocks.text(wording.criterion(str(each["criterion"]))),
                blocks.plain_number(each["count"]),
                *_numbers(each),
                blocks.text(wording.limit(each["limit"])),
                blocks.text("inside" if each["fits"] else "not inside"),
            ]
        )
        before = each["case"]
    return blocks.table(
        "Tolerance intervals over the units",
        ["Case", "Criterion", "n", "Mean", "s", "k", "From", "To", "Limit", "Interval"],
        rows,
        [1.1, 1.45, 0.3, 1.15, 1.0, 0.6, 1.15, 1.15, 1.1, 0.85],
        "llrrrrrrll",
        small=True,
    )


def _numbers(each: Results) -> list[Cell]:
    """Mean, spread, factor and ends; small numbers as powers of ten, since s may be far below what is measured."""
    unit = each["unit"]
    ends = [
        blocks.written("unbounded")
        if each[end] is None
        else blocks.plain_number(each[end], unit, digits=3, signed=True)
        for end in ("low", "high")
    ]
    return [
        blocks.plain_number(each["mean"], unit, digits=3, signed=True),
        blocks.uncertainty(each["standard_deviation"], unit),
        blocks.plain_number(each["factor"], digits=4),
        *ends,
    ]


def percent(share: float) -> str:
    """A share of 1 in percent."""
    return joined(number(100 * share, digits=4), "%")
