"""The sections of a summary on what several runs found."""

from __future__ import annotations

from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import plus_minus
from rig.report.sample_size import interval_table, percent
from rig.report.several_records import listed_or_none, plan_in_words, plan_of
from rig.report.several_sources import Results, SummarySources

FIRMWARE_A_TABLE, UNITS_A_TABLE = 3, 5


def by_firmware(found: Results) -> list[Block]:
    """Rows: requirements. Columns: what they demand, by what verified, each firmware version, all together."""
    if not found["requirements"]:
        return [blocks.paragraph("No case that counts names a requirement.")]
    firmware = sorted({name for each in found["requirements"] for name in each["by_firmware"]})
    tables = []
    for start in range(0, len(firmware), FIRMWARE_A_TABLE):
        shown = firmware[start : start + FIRMWARE_A_TABLE]
        rows = [
            [
                blocks.strong(each["id"]),
                blocks.text(each["title"]),
                blocks.text(
                    "; ".join(f"{plan}: {', '.join(cases)}" for plan, cases in each["cases"].items())
                ),
                *_verdicts(each, "by_firmware", shown),
            ]
            for each in found["requirements"]
        ]
        columns = [
            "Requirement",
            "What it demands",
            "Verified by",
            *[f"Firmware {name}" for name in shown],
            "All",
        ]
        widths = [1.1, 1.6, 1.8, *[1.3] * len(shown), 1.3]
        tables.append(blocks.table("Verdict by requirement and firmware", columns, rows, widths, whole=24))
    return tables


def _verdicts(each: Results, key: str, names: list[str]) -> list[Cell]:
    found = each[key]
    shown = [blocks.verdict(found[name]) if name in found else blocks.text("not tested") for name in names]
    return [*shown, blocks.verdict(each["verdict"])]


def value_of(criterion: Results) -> str:
    """The value of a criterion with its expanded uncertainty."""
    value, unit = criterion["value"], criterion["unit"]
    if value is None:
        return "not measured"
    return plus_minus(
        value, criterion["expanded_uncertainty"], unit, wording.signed(unit, str(criterion["name"]))
    )


def by_unit(sources: SummarySources) -> Block:
    """A verdict a unit, and by requirement."""
    rows = [
        [
            blocks.strong(unit["serial"]),
            blocks.text(unit["firmware"]),
            blocks.plain_number(len(unit["runs"])),
            blocks.verdict(unit["verdict"]),
        ]
        for unit in sources.found["units"]
    ]
    parts = [
        blocks.table(
            "Units", ["Serial number", "Firmware", "Runs", "Verdict"], rows, [1.4, 1.2, 0.6, 1.4], "llrl"
        )
    ]
    serials = list(dict.fromkeys(unit["serial"] for unit in sources.found["units"]))
    required = sources.found["requirements"]
    for start in range(0, len(serials) if required else 0, UNITS_A_TABLE):
        shown = serials[start : start + UNITS_A_TABLE]
        lines = [[blocks.strong(each["id"]), *_verdicts(each, "by_unit", shown)] for each in required]
        columns = ["Requirement", *shown, "All units"]
        widths = [1.1, *[1.3] * (len(shown) + 1)]
        parts.append(blocks.table("Verdict by requirement and unit", columns, lines, widths, small=True))
    return blocks.section("units", "Units", parts)


def criteria(sources: SummarySources) -> list[Block]:
    """Every criterion of every case in every run that counts: nothing is averaged."""
    by_plan: dict[str, list[list[Cell]]] = {}
    for run in sources.counted:
        for case in run.results["cases"]:
            for criterion in case["criteria"]:
                by_plan.setdefault(plan_in_words(run), []).append(
                    [
                        blocks.text(case["id"]),
                        blocks.text(wording.criterion(str(criterion["name"]))),
                        blocks.strong(case["unit"]),
                        blocks.written(value_of(criterion), criterion["value"]),
                        blocks.text(wording.limit(criterion["limit"])),
                        blocks.verdict(criterion["verdict"]),
                        blocks.code(run.run_id[-6:]),
                    ]
                )
    if not by_plan:
        return []
    columns = ["Case", "Criterion", "Unit", "Value ± U", "Limit", "Verdict", "Run …"]
    tables = [
        blocks.table(
            f"{plan}: every criterion in every run (a run by the end of its name)",
            columns,
            sorted(rows, key=lambda row: (row[0]["text"], row[1]["text"], row[2]["text"])),
            [1.3, 1.5, 1.1, 1.5, 1.2, 1.5, 0.7],
            "lllrlll",
            small=True,
        )
        for plan, rows in by_plan.items()
    ]
    return [blocks.section("criteria", "Results of all runs", tables)]


def repeated(sources: SummarySources) -> Block:
    """What was carried out more than once, and what did not come to its end."""
    rows = [
        [
            blocks.strong(each["unit"]),
            blocks.text(f"{each['plan']}: {each['case']}"),
            blocks.text("; ".join(_once(once) for once in each["times"])),
            blocks.verdict(each["verdict"]),
        ]
        for each in sources.found["repeated"]
    ]
    parts: list[Block] = [
        blocks.paragraph("No case was carried out more than once on a unit with the same firmware.")
    ]
    if rows:
        title = "Carried out more than once on the same unit with the same firmware, in order of time"
        parts = [blocks.table(title, ["Unit", "Case", "Outcomes", "Verdict"], rows, [1.0, 1.6, 3.2, 1.4])]
    early = [
        f"{case['unit']}, {plan_of(run)['id']}: {case['id']}, {run.run_id}: "
        f"{wording.ended(str(case['ended']), str(case['message']))}."
        for run in sources.counted
        for case in run.results["cases"]
        if case["ended"] != "completed"
    ]
    title, none = "Aborted, refused and broken off", "None: every case ran to its end."
    parts.append(listed_or_none("early", title, early, none))
    return blocks.section("repeated", "Repeated and aborted", parts)


def _once(once: Results) -> str:
    return f"{once['outcome'].replace('_', ' ')} (rev. {once['revision']}, {once['run'][-6:]})"


def populations(sources: SummarySources) -> list[Block]:
    """What the units of each firmware say of others."""
    parts: list[Block] = []
    for place, each in enumerate(sources.found["populations"], 1):
        confidence = percent(each["confidence"])
        told = f"{each['units_decided']} of {each['units']} units were decided, {each['units_failed']} did not pass."
        if each["reliability_shown"] is not None:
            shown = percent(each["reliability_shown"])
            told += f" Shown: at least {shown} of all units pass, with {confidence} confidence."
        inner = [blocks.paragraph(told)]
        plans = dict.fromkeys((i["plan"], i["revision"]) for i in each["intervals"])
        for plan, revision in plans:
            inner.append(
                blocks.paragraph(f"{plan} revision {revision}, the first completed run of each unit:")
            )
            inner.append(
                interval_table(
                    [i for i in each["intervals"] if (i["plan"], i["revision"]) == (plan, revision)]
                )
            )
        if not plans:
            inner.append(
                blocks.paragraph("Fewer than three units were measured: no tolerance interval.", "note")
            )
        parts.append(blocks.section(f"population-{place}", f"Firmware {each['firmware']}", inner, level=2))
    if not parts:
        return []
    coverage = percent(sources.found["populations"][0]["coverage"])
    note = (
        f"A tolerance interval holds at least {coverage} of all units with the stated confidence, if the units are a "
        "random sample of a normal population (ISO 16269-6:2014, exact factors). Reliability after Clopper and Pearson "
        "1934. Units of different firmware, and values of different revisions of a plan, are never mixed."
    )
    return [
        blocks.section("population", "What the units say of others", [*parts, blocks.paragraph(note, "note")])
    ]


def untested(sources: SummarySources) -> Block:
    """Requirements that no case verifies."""
    untested = sources.found["untested"]
    words = f"No case in these runs verifies {wording.listed(untested, 400)} of the requirement sets the runs kept."
    if not untested:
        words = "Every requirement of the sets that the runs kept is verified by some case."
    more = "What each plan does not test stands in the reports of its runs."
    return blocks.section(
        "not-tested", "What was not tested", [blocks.paragraph(words), blocks.paragraph(more)]
    )
