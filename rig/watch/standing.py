"""Where a run stands, from its records as they come: what is told to a page, to a terminal and in notices.

Everything here can go into JSON as it is. Times are seconds of the run's clock. Texts are as somebody wrote them, made
visible (:func:`rig.report.plain_text.visible`): a page or a terminal prints them, and nothing in them is obeyed.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any

from rig.report import wording
from rig.report.plain_text import visible

Record = dict[str, Any]
Level = str  # "info", "good", "doubt", "bad"
NS_PER_S = 1e9
EVENTS_KEPT = 1000
LONGEST = 300  # characters of one text
VERDICT_LEVELS = {"PASS": "good", "CONDITIONAL_PASS": "doubt", "INCONCLUSIVE": "doubt"}


def text(value: object) -> str:
    """Somebody's words, on one line, with nothing hidden in them."""
    return visible(value, LONGEST)


@dataclass
class Standing:
    """``changed`` names what is other than when it was last cleared: "run", "units". ``new_events`` likewise."""

    run: dict[str, Any] = field(default_factory=lambda: {"state": "opening", "rehearsal": False})
    units: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=EVENTS_KEPT))
    new_events: list[dict[str, Any]] = field(default_factory=list)
    changed: set[str] = field(default_factory=set)
    last_s: float = 0.0
    bench_id: str = ""
    zero_utc_s: float | None = None  # run time 0 on the clock of the day; None in virtual time

    def take(self, record: Record) -> None:
        """One record. Raises LookupError, TypeError, ValueError for one that lacks what it must have."""
        self.last_s = max(self.last_s, record["t_ns"] / NS_PER_S)
        method = getattr(self, f"_{record['kind']}", None)
        if method is not None:
            method(record)

    def begun(self) -> dict[str, float]:
        """Cases that were begun, with when the first unit began."""
        found: dict[str, float] = {}
        for unit in self.units.values():
            for case, began_s in unit["begun"].items():
                found[case] = min(began_s, found.get(case, began_s))
        return found

    def _event(self, record: Record, level: Level, words: str) -> None:
        told = {
            "seq": record["seq"],
            "kind": record["kind"],
            "t_s": record["t_ns"] / NS_PER_S,
            "unit": text(record.get("unit", "")),
            "case": text(record.get("case", "")),
            "level": level,
            "text": text(words),
        }
        self.events.append(told)
        self.new_events.append(told)

    def _of_unit(self, record: Record) -> dict[str, Any]:
        serial = text(record["unit"])
        self.changed.add("units")
        if serial not in self.units:
            self.units[serial] = {
                "serial": serial, "model": "", "case": "", "procedure": "", "step": "", "begun": {}, "ended": {},
                "step_from_s": None, "step_planned_s": None, "mode": "", "running": None, "rate_ml_h": None,
                "delivered_ml": None, "reservoir_ml": None, "battery_v": None, "alarms": [], "verdicts": [],
            }  # fmt: skip
        return self.units[serial]

    # What each kind of record says

    def _run_opened(self, record: Record) -> None:
        zero = record.get("zero")
        self.zero_utc_s = zero["utc_ns"] / NS_PER_S if zero else None
        plan, bench = record["plan"], record["bench"]
        self.run |= {
            "state": "running",
            "id": text(record["run_id"]),
            "plan": text(plan["id"]),
            "revision": text(plan["revision"]),
            "title": text(plan["title"]),
            "bench": text(bench["id"]),
            "site": text(bench["site"]),
            "operator": text(record["operator"]),
            "started_utc": text(record["started_utc"]),
            "clock": record["clock"],
            "rehearsal": bool(record["rehearsal"]),
            "rehearsal_because": [text(why) for why in record["rehearsal_because"]],
            "zero_utc_s": self.zero_utc_s,
            "outcome": "",
            "reason": "",
        }
        self.bench_id = str(bench["id"])
        self.changed.add("run")
        self._event(record, "info", f"run opened by {record['operator']}")

    def _resumed(self, record: Record) -> None:
        if zero := record.get("zero"):
            self.zero_utc_s = self.run["zero_utc_s"] = zero["utc_ns"] / NS_PER_S
        self.run |= {"state": "running", "outcome": "", "reason": ""}
        self.changed.add("run")
        self._event(record, "doubt", f"taken up again by {record['operator']}: {record['message']}")

    def _recovered(self, record: Record) -> None:
        self._event(record, "doubt", record["words"])

    def _instrument(self, record: Record) -> None:
        identity = record["identity"]
        if record["role"] == "pump":
            self._of_unit(record)["model"] = text(identity.get("model") or "")
        told = ", ".join(
            part for part in (identity.get("maker"), identity.get("model"), identity.get("serial")) if part
        )
        simulated = " (simulated)" if record["simulated"] else ""
        self._event(record, "info", f"{wording.role(record['role'])}: {told}{simulated}")

    def _case_started(self, record: Record) -> None:
        unit = self._of_unit(record)
        case = text(record["case"])
        unit |= {
            "case": case,
            "procedure": wording.procedure(record["procedure"]),
            "step": "",
            "step_from_s": None,
        }
        unit["begun"][case] = record["t_ns"] / NS_PER_S
        unit["ended"].pop(case, None)
        again = f" again: {record['again']}" if record.get("again") else ""
        self._event(record, "info", f"case begins{again}")

    def _step(self, record: Record) -> None:
        unit = self._of_unit(record)
        unit["step"] = text(wording.plain(record["name"]))
        unit["step_from_s"] = record["t_ns"] / NS_PER_S
        unit["step_planned_s"] = record["planned_s"] or None
        self._event(record, "info", f"step: {wording.plain(record['name'])}")

    def _case_finished(self, record: Record) -> None:
        unit = self._of_unit(record)
        unit["ended"][text(record["case"])] = record["ended"]
        unit |= {"step": "", "step_from_s": None, "step_planned_s": None}
        level = "info" if record["ended"] == "completed" else "bad"
        self._event(record, level, wording.ended(record["ended"], record["message"]))

    def _read_back(self, record: Record) -> None:
        read = record["read"]
        told = [f"{read.get('mode', 'stop')}"]
        if read.get("rate_nl_h"):
            told.append(f"{read['rate_nl_h'] / 1e6:.6g} mL/h")
        if read.get("bolus_nl"):
            told.append(f"{read['bolus_nl'] / 1e6:.6g} mL in {read.get('bolus_duration_s', 0)} s")
        same = "confirms" if read == record["commanded"] else "has NOT what was commanded"
        self._event(record, "info" if same == "confirms" else "bad", f"pump {same}: {', '.join(told)}")

    def _pump_state(self, record: Record) -> None:
        unit = self._of_unit(record)
        reservoir, battery = record.get("reservoir_nl"), record.get("battery_mv")
        unit |= {
            "mode": text(record["mode"]),
            "running": bool(record["running"]),
            "rate_ml_h": record["rate_nl_h"] / 1e6,
            "delivered_ml": record["delivered_nl"] / 1e6,
            "reservoir_ml": None if reservoir is None else reservoir / 1e6,
            "battery_v": None if battery is None else battery / 1000,
        }

    def _alarm(self, record: Record) -> None:
        unit = self._of_unit(record)
        name = text(wording.alarm(record["name"]))
        on = record["state"] == "on"
        unit["alarms"] = [alarm for alarm in unit["alarms"] if alarm["name"] != name]
        if on:
            unit["alarms"].append(
                {"name": name, "critical": bool(record["critical"]), "since_s": record["t_ns"] / NS_PER_S}
            )
        level = ("bad" if record["critical"] else "doubt") if on else "info"
        self._event(record, level, f"alarm {'ON' if on else 'off'}: {name}")

    def _flag(self, record: Record) -> None:
        self._event(record, "doubt", record["message"])

    def _note(self, record: Record) -> None:
        self._event(record, "info", record["text"])

    def _asked(self, record: Record) -> None:
        self._event(record, "doubt", f"asked: {record['question']}")

    def _answered(self, record: Record) -> None:
        self._event(record, "info", f"answered by {record['by']}: {record['answer']}")

    def _dose(self, record: Record) -> None:
        weighed_mg = (record["after_g"] - record["before_g"]) * 1000
        commanded = f"{record['commanded_ml']:.6g} mL commanded"
        self._event(record, "info", f"bolus {record['index'] + 1}: {commanded}, {weighed_mg:.5g} mg weighed")

    def _patient_request(self, record: Record) -> None:
        self._event(record, "info", f"patient's button: {record['refused'].replace('_', ' ') or 'granted'}")

    def _pump_event(self, record: Record) -> None:
        told = f"pump's log: {wording.event(record['code'])}"
        arguments = wording.arguments(record["arguments"])
        self._event(record, "info", f"{told} ({arguments})" if arguments else told)

    def _clock_step(self, record: Record) -> None:
        self._event(record, "doubt", f"the clock of the day jumped by {record['step_ns'] / NS_PER_S:+.3g} s")

    def _disk_full(self, record: Record) -> None:
        self._event(record, "bad", "the disk is full: the reserve was given back")

    def _verdict(self, record: Record) -> None:
        unit = self._of_unit(record)
        told = verdict_row(
            record["case"], record | {"unit": record.get("unit_of_value")}, record["criterion"]
        )
        unit["verdicts"] = [
            row for row in unit["verdicts"] if (row["case"], row["name"]) != (told["case"], told["name"])
        ] + [told]
        if told["verdict"] != "PASS":
            words = f"{told['title']}: {told['verdict'].replace('_', ' ')} (limit {told['limit']})"
            self._event(record, VERDICT_LEVELS.get(told["verdict"], "bad"), words)

    def _run_closed(self, record: Record) -> None:
        self.run |= {"state": "closed", "outcome": record["outcome"], "reason": text(record["reason"])}
        self.changed.add("run")
        good = record["outcome"] == "COMPLETED"
        self._event(
            record, "info" if good else "bad", f"run {record['outcome'].lower()} {record['reason']}".strip()
        )


def verdict_row(case: str, found: dict[str, Any], name: str) -> dict[str, Any]:
    """One criterion with its verdict, of a record or of results: ``verdict``, ``value``, ``expanded_uncertainty`` …"""
    return {
        "case": text(case),
        "name": text(name),
        "title": text(wording.criterion(name)),
        "verdict": found["verdict"],
        "value": found["value"],
        "expanded_uncertainty": found["expanded_uncertainty"],
        "unit": text(found["unit"] or ""),
        "limit": text(found["limit"]),
        "reason": text(found["reason"] or ""),
    }
