"""The pump's own log, entry by entry, against what the pump was told and what follows of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from rig.judge.findings import NS_PER_S, Interval, time_text
from rig.judge.witnesses import LoggedEvent, logged_events
from rig.record.case_data import CaseData

# Entries that a host causes, or that no sound pump writes; alarms have criteria of their own.
COMPARED = (
    "PROG", "START", "STOP", "BOLUS_REQ", "BOLUS_GRANT", "BOLUS_DENY", "BOLUS_END", "REFILL", "CLOCK", "RESET",
    "STALL_ON", "STALL_RECOVER", "MEMERR",
)  # fmt: skip
SLACK_NS = 5 * NS_PER_S  # whole seconds of the pump's clock, two exchanges, the order within a moment


@dataclass(frozen=True)
class Entry:
    """An entry that belongs into the log: code, those arguments that are known, when (None: whenever)."""

    code: str
    arguments: Mapping[str, str] = field(default_factory=dict)
    t_ns: int | None = None

    def is_told_by(self, event: LoggedEvent) -> bool:
        """Whether an entry of the log is this one, its time apart."""
        told = event.record.get("arguments") or {}
        return event.code == self.code and all(
            told.get(name) == text for name, text in self.arguments.items()
        )

    @property
    def words(self) -> str:
        return " ".join([self.code, *(f"{name}/{text}" for name, text in self.arguments.items())])


def log_breaches(
    data: CaseData, expected: Sequence[Entry], within_ns: Interval, late_ns: int = SLACK_NS
) -> list[str]:
    """Every difference between the log and the entries expected ``within_ns``, in words: missing, too many, ill-timed.

    The two are laid side by side so that as many as possible agree in code and arguments; ``late_ns`` is how far the
    times of two that do may be apart.
    """
    logged = [
        event
        for event in logged_events(data)
        if event.code in COMPARED
        and (event.t_ns is None or within_ns[0] - SLACK_NS <= event.t_ns <= within_ns[1] + SLACK_NS)
    ]
    breaches = []
    for entry, event in side_by_side(expected, logged):
        if entry is None and event is not None:
            words = " ".join(f"{name}/{text}" for name, text in (event.record.get("arguments") or {}).items())
            breaches.append(f"{_at(data, event.t_ns)}{event.code} {words}".strip() + ": nothing led to it")
        elif entry is not None and event is None:
            breaches.append(f"{_at(data, entry.t_ns)}{entry.words} is missing")
        elif entry is not None and event is not None and _apart_ns(entry, event) > late_ns:
            breaches.append(f"{_at(data, entry.t_ns)}{entry.words} is logged at {_at(data, event.t_ns)[:-2]}")
    return breaches


def side_by_side(
    expected: Sequence[Entry], logged: Sequence[LoggedEvent]
) -> list[tuple[Entry | None, LoggedEvent | None]]:
    """Both in their order, as many as possible next to their like (longest common subsequence)."""
    rows, columns = len(expected), len(logged)
    common = [[0] * (columns + 1) for _ in range(rows + 1)]
    for i in reversed(range(rows)):
        for j in reversed(range(columns)):
            if expected[i].is_told_by(logged[j]):
                common[i][j] = 1 + common[i + 1][j + 1]
            else:
                common[i][j] = max(common[i + 1][j], common[i][j + 1])
    pairs: list[tuple[Entry | None, LoggedEvent | None]] = []
    i = j = 0
    while i < rows or j < columns:
        if i < rows and j < columns and expected[i].is_told_by(logged[j]):
            pairs.append((expected[i], logged[j]))
            i, j = i + 1, j + 1
        elif j == columns or (i < rows and common[i + 1][j] >= common[i][j + 1]):
            pairs.append((expected[i], None))
            i += 1
        else:
            pairs.append((None, logged[j]))
            j += 1
    return pairs


def entries_of_commands(data: CaseData, bolus_s: Mapping[str, float] | None = None) -> list[Entry]:
    """What the commands of a case leave in the log, by docs/reference/rpu-1.md, section 9.

    ``bolus_s``: how long a bolus of each command ("prime", "bridge") takes.
    """
    entries = [
        Entry("CLOCK", {"NEW": str(record["clock_s"])}, int(record["set_t_ns"]))
        for record in data.pump_clocks
    ]
    for record in data.commands:
        t_ns, told = int(record["sent_t_ns"]), record["arguments"]
        match record["command"]:
            case "program":
                mode = {"RATE": str(told["rate_nl_h"])} if told.get("rate_nl_h") else {"MODE": "FLEX"}
                entries += [Entry("PROG", mode, t_ns), Entry("START", {}, t_ns)]
            case "refill":
                entries.append(Entry("REFILL", {"VOL": str(told["volume_nl"])}, t_ns))
            case "prime" | "bridge" as command:
                source = {"SRC": command.upper()}
                entries += _of_bolus(source, t_ns, (bolus_s or {}).get(command, 0.0), told)
    return sorted(entries, key=lambda entry: entry.t_ns or 0)


def _of_bolus(source: dict[str, str], t_ns: int, duration_s: float, told: Mapping[str, int]) -> list[Entry]:
    end_ns = t_ns + round(duration_s * NS_PER_S)
    program = []
    if "old_ng_ml" in told:
        concentrations = {"OLD": str(told["old_ng_ml"]), "NEW": str(told["new_ng_ml"])}
        program = [Entry("PROG", {"MODE": "BRIDGE", **concentrations}, t_ns)]
    begun = [Entry("BOLUS_REQ", source, t_ns), *program, Entry("BOLUS_GRANT", source, t_ns)]
    return [*begun, Entry("BOLUS_END", {**source, "CAUSE": "DONE"}, end_ns)]


def _at(data: CaseData, t_ns: int | None) -> str:
    return "" if t_ns is None else f"{time_text(t_ns - data.started_ns)} into the case: "


def _apart_ns(entry: Entry, event: LoggedEvent) -> int:
    """How far the times of the two are apart, if both are known."""
    return 0 if entry.t_ns is None or event.t_ns is None else abs(event.t_ns - entry.t_ns)
