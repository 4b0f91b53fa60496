"""What happened: timeline, flags and what they did to the result, alarms, the pump's own log, temperature."""

from __future__ import annotations

from collections.abc import Callable

from rig.report import blocks, run_figures, wording
from rig.report.blocks import Block, Cell
from rig.report.monitored import monitored
from rig.report.numbers import duration
from rig.report.sources import Results, Sources
from rig.report.what_went_wrong import alarms_of

MOST_EVENTS = 60  # of the pump's log; routine entries beyond are counted, not listed
OF_THE_RUN: dict[str, Callable[[Results], str]] = {
    "clock_step": lambda record: (
        f"the clock of the day was set by {record['step_ns'] / 1e9:+.1f} s, or the machine slept; durations are not "
        "touched by that"
    ),
    "disk_full": lambda record: "the disk was full",
    "recovered": lambda record: f"pumps had to be made safe before it began: {record['words']}",
    "resumed": lambda record: (
        f"it was taken up again by {record.get('operator') or 'nobody named'} at "
        f"{record.get('utc')}: {record.get('message')}"
    ),
}
ROUTINE = {"PROG", "START", "STOP", "BOLUS_REQ", "BOLUS_GRANT", "BOLUS_END", "CLOCK"}


def happenings(sources: Sources) -> Block:
    """The section on flags, exclusions, alarms and events."""
    parts: list[Block] = []
    if sources.run.cases and sources.serials:
        flags = {
            (str(case["id"]), str(case["unit"])): list(case.get("flags") or []) for case in sources.cases
        }
        known = [data for data in sources.run.cases if data.unit in sources.serials]
        words = "The run from start to end: a bar a case and unit, with flags, alarms and entries of the pump's log."
        parts.append(
            blocks.figures(
                [blocks.figure(run_figures.timeline(sources.serials, known, flags), words, words, wide=True)]
            )
        )
    parts += [_flags(sources), blocks.paragraph(WHO_LEFT_OUT, "note"), _repeated(sources)]
    parts += [_alarms(sources), *_events(sources), *_notes(sources)]
    return blocks.section("happenings", "Flags, exclusions, alarms and events", parts)


WHO_LEFT_OUT = (
    "Flags are set by infusion-rig, by fixed rules and without asking anybody, when the case is judged; nobody can "
    "leave out a sample or a window by hand. Each flag stands here, also where it changed nothing."
)


def _repeated(sources: Sources) -> Block:
    """Cases that ended early, and whatever was carried out a second time; the run before on the same bench."""
    items = [
        f"{case['unit']}, {case['id']}: {wording.ended(str(case['ended']), str(case.get('message') or ''))}."
        for case in sources.cases
        if case.get("ended") not in ("completed", None)
    ]
    times: dict[tuple[str, str], int] = {}
    for data in sources.run.cases:
        times[data.unit, data.case] = times.get((data.unit, data.case), 0) + 1
    items += [
        f"{unit}, {case}: carried out {count} times in this run; the results are those of the last time."
        for (unit, case), count in times.items()
        if count > 1
    ]
    if sources.run.resumptions:
        items.append(f"The run was interrupted and taken up again {len(sources.run.resumptions)} times.")
    previous = sources.run.opened.get("previous_run")
    before = (
        f"The run before on this bench: {previous['run_id']}."
        if previous
        else "No run on this bench came before."
    )
    title = "Aborted, interrupted and repeated"
    told = (
        [blocks.bullets(items)]
        if items
        else [blocks.paragraph("Every case was carried out once, to its end.")]
    )
    return blocks.section("repeated", title, [*told, blocks.paragraph(before, "note")], level=2)


def _flags(sources: Sources) -> Block:
    cases_of: dict[tuple[str, ...], list[str]] = {}  # the same said of several cases is one row
    for case in sources.cases:
        for flag in case.get("flags") or []:
            said = (flag["name"], flag.get("message"), flag.get("effect") or "none: the data were used")
            key = (str(case["unit"]), _when(case, flag), *[str(part) for part in said])
            cases_of.setdefault(key, []).append(str(case["id"]))
    rows = [
        [
            blocks.strong(unit),
            blocks.text(wording.listed(cases)),
            blocks.text(when),
            blocks.text(wording.plain(name)),
            blocks.text(message),
            blocks.text(effect),
        ]
        for (unit, when, name, message, effect), cases in cases_of.items()
    ]
    if not rows:
        return blocks.paragraph("Nothing was flagged, and no sample and no window was left out.")
    return blocks.table(
        "Flags, and what each did to the result",
        ["Unit", "Case", "Time in the case", "Flag", "What was found", "Effect"],
        rows,
        [0.9, 1.1, 1.2, 1.0, 2.5, 1.4],
    )


def _when(case: Results, flag: Results) -> str:
    start_s, end_s, began_s = flag.get("start_s"), flag.get("end_s"), case.get("started_s") or 0.0
    if start_s is None:
        return "whole case"
    told = duration(start_s - began_s)
    return told if end_s is None or end_s <= start_s else f"{told} to {duration(end_s - began_s)}"


def _alarms(sources: Sources) -> Block:
    rows: list[list[Cell]] = []
    for data in sources.run.cases:
        for alarm in alarms_of(data):
            rows.append(
                [
                    blocks.strong(data.unit),
                    blocks.text(data.case),
                    blocks.text(wording.alarm(alarm.name)),
                    *[
                        blocks.text(None if t_ns is None else sources.into_case(data, t_ns))
                        for t_ns in (alarm.logged_ns, alarm.seen_ns, alarm.over_ns)
                    ],
                    blocks.text(sources.at(alarm.start_ns / 1e9)),
                ]
            )
    if not rows:
        return blocks.paragraph("The pumps raised no alarm.")
    return blocks.table(
        "Alarms of the pumps, times after the start of the case (the pumps are asked once a minute)",
        ["Unit", "Case", "Alarm", "By the pump's log", "Seen by the rig", "Over", "Began, UTC"],
        rows,
        [1.0, 1.1, 1.2, 1.1, 1.1, 0.9, 1.7],
    )


def _events(sources: Sources) -> list[Block]:
    """The pump's log: everything that is not routine, then how many routine entries there were."""
    rows: list[list[Cell]] = []
    routine = left_out = 0
    for case in sources.cases:
        for event in case.get("events") or []:
            code = str(event["code"])
            if event.get("source") != "pump":
                continue  # what the rig saw stands in the table of alarms
            if code in ROUTINE:
                routine += 1
                continue
            if len(rows) >= MOST_EVENTS:
                left_out += 1
                continue
            rows.append(
                [
                    blocks.strong(case["unit"]),
                    blocks.text(case["id"]),
                    blocks.text(duration(event["t_s"] - (case.get("started_s") or 0.0))),
                    blocks.text(f"{wording.event(code)} ({code})"),
                    blocks.text(wording.arguments(dict(event.get("arguments") or {}))),
                ]
            )
    told = f"Entries about programming, starting, stopping and boluses: {routine}, all in journal.jsonl."
    if left_out:
        told += f" Other entries not listed above: {left_out}."
    if not rows:
        return [blocks.paragraph(f"The pumps' own logs hold nothing out of the ordinary. {told}", "note")]
    return [
        blocks.table(
            "Out of the ordinary in the pumps' own logs, times after the start of the case",
            ["Unit", "Case", "Time", "Entry", "Arguments"],
            rows,
            [1.0, 1.1, 1.0, 1.9, 2.2],
        ),
        blocks.paragraph(told, "note"),
    ]


def _notes(sources: Sources) -> list[Block]:
    notes = [
        f"{data.unit}, {data.case}, {sources.into_case(data, int(note['t_ns']))}: {note['text']}"
        for data in sources.run.cases
        for note in data.notes
    ]
    notes += [
        f"The run, {duration(record['t_ns'] / 1e9)} after its start: {OF_THE_RUN[record['kind']](record)}"
        for record in sources.run.other
        if record["kind"] in OF_THE_RUN
    ]
    if not notes:
        return []
    return [blocks.section("notes", "Notes made during the run", [blocks.bullets(notes)], level=2)]


def environment(sources: Sources) -> Block:
    """The section on temperature. Air is as the bench file states it; the liquid as the flow sensors measured it."""
    known = [data for data in sources.run.cases if data.unit in sources.serials]
    drawing = run_figures.temperature(sources.serials, known)
    parts: list[Block] = []
    if drawing is None:
        parts.append(blocks.paragraph("No instrument recorded the temperature of the liquid in this run."))
    else:
        words = "Temperature of the liquid at the flow sensors. Band: least to greatest sample; line: mean."
        parts.append(blocks.figures([blocks.figure(drawing, words, words, wide=True)]))
        rows = []
        for serial in sources.serials:
            seen = [
                data.flow.temperature_c
                for data in known
                if data.unit == serial and data.flow.temperature_c.size
            ]
            if seen:
                low, high = min(float(part.min()) for part in seen), max(float(part.max()) for part in seen)
                total = sum(part.size for part in seen)
                mean = sum(float(part.sum()) for part in seen) / total
                rows.append(
                    [
                        blocks.strong(serial),
                        *[blocks.plain_number(value, "°C") for value in (low, mean, high)],
                        blocks.plain_number(total, digits=12),
                    ]
                )
        parts.append(
            blocks.table(
                "Temperature of the liquid at the flow sensors",
                ["Unit", "Least", "Mean", "Greatest", "Samples"],
                rows,
                None,
                "lrrrr",
            )
        )
    parts += monitored(sources, known)
    return blocks.section("environment", "Environment", parts)
