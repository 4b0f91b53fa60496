"""Several runs taken together, from their results alone: a verdict per requirement that no repetition can better.

The rule, for each case of a plan on each unit with each firmware: everything that was decided counts, and the worst
of it is the verdict; only what was never decided (INCONCLUSIVE, ERROR, ABORTED) is made good by a run that was.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from rig.analysis.decision import Outcome, worst
from rig.judge.population import UNDECIDED, USUAL_COVERAGE, intervals, units_counted

Result = dict[str, Any]
SCHEMA = "infusion-rig/summary/1"
NOT_KNOWN = "not known"


@dataclass(frozen=True)
class OnUnit:
    """One case of one plan on one unit with one firmware, in every run that carried it out, in order of time."""

    plan: str
    case: str
    unit: str
    firmware: str
    found: tuple[tuple[str, str, Result], ...]  # run id, revision of the plan, entry of ``cases``

    @property
    def verdict(self) -> Outcome:
        """The worst of what was decided; of what was not, if nothing was."""
        outcomes = [Outcome(case["outcome"]) for _, _, case in self.found]
        return worst([each for each in outcomes if each not in UNDECIDED] or outcomes)

    @property
    def first_completed(self) -> Result | None:
        """The first that was carried out to its end: what stands for the unit in statistics."""
        return next((case for _, _, case in self.found if case["ended"] == "completed"), None)


def together(results: Iterable[Result]) -> Result:
    """The summary of these runs, JSON-able: ``requirements``, ``units``, ``repeated``, ``populations``, ``untested``.

    ``results`` are whole results.json, in any order; who calls this leaves out what does not count.
    """
    ordered = sorted(results, key=lambda each: (str(each["started_utc"]), str(each["run_id"])))
    carried_out = cases_on_units(ordered)
    known = _known_requirements(ordered)
    verified: dict[str, list[OnUnit]] = {}
    for each in carried_out:
        for requirement in dict.fromkeys(r for _, _, case in each.found for r in case["requirements"]):
            verified.setdefault(requirement, []).append(each)
    requirements = [
        _requirement(name, known.get(name) or {}, found) for name, found in sorted(verified.items())
    ]
    return {
        "schema": SCHEMA,
        "outcome": worst([each.verdict for each in carried_out] or [Outcome.SKIPPED]),
        "requirements": requirements,
        "untested": sorted(set(known) - set(verified)),
        "units": _units(carried_out),
        "repeated": [_repetition(each) for each in carried_out if len(each.found) > 1],
        "populations": _populations(carried_out, ordered),
    }


def cases_on_units(ordered: Sequence[Result]) -> list[OnUnit]:
    """Every case of every plan on every unit with each firmware, with all that was found; in order of first time."""
    found: dict[tuple[str, str, str, str], list[tuple[str, str, Result]]] = {}
    for results in ordered:
        plan = results["plan"]
        firmware = {unit["serial"]: str(unit["firmware"] or NOT_KNOWN) for unit in results["units"]}
        for case in results["cases"]:
            key = (plan["id"], case["id"], case["unit"], firmware.get(case["unit"], NOT_KNOWN))
            found.setdefault(key, []).append((results["run_id"], plan["revision"], case))
    return [OnUnit(*key, tuple(entries)) for key, entries in found.items()]


def _known_requirements(ordered: Sequence[Result]) -> dict[str, Result]:
    """Of every set that a run kept; of one that several runs have, the latest."""
    return {each["id"]: each for results in ordered for each in results.get("requirements") or []}


def _requirement(name: str, known: Result, found: list[OnUnit]) -> Result:
    return {
        "id": name,
        "title": known.get("title") or "",
        "verdict": worst([each.verdict for each in found]),
        "by_firmware": {
            firmware: worst([each.verdict for each in found if each.firmware == firmware])
            for firmware in sorted({each.firmware for each in found})
        },
        "by_unit": {
            unit: worst([each.verdict for each in found if each.unit == unit])
            for unit in dict.fromkeys(each.unit for each in found)
        },
        "cases": {
            plan: list(dict.fromkeys(each.case for each in found if each.plan == plan))
            for plan in dict.fromkeys(each.plan for each in found)
        },
    }


def _units(carried_out: list[OnUnit]) -> list[Result]:
    keys = dict.fromkeys((each.unit, each.firmware) for each in carried_out)
    return [
        {
            "serial": unit,
            "firmware": firmware,
            "verdict": worst(
                [each.verdict for each in carried_out if (each.unit, each.firmware) == (unit, firmware)]
            ),
            "runs": list(
                dict.fromkeys(
                    run
                    for each in carried_out
                    if (each.unit, each.firmware) == (unit, firmware)
                    for run, _, _ in each.found
                )
            ),
        }
        for unit, firmware in keys
    ]


def _repetition(each: OnUnit) -> Result:
    return {
        "plan": each.plan,
        "case": each.case,
        "unit": each.unit,
        "firmware": each.firmware,
        "verdict": each.verdict,
        "times": [
            {"run": run, "revision": revision, "outcome": case["outcome"], "message": case["message"]}
            for run, revision, case in each.found
        ],
    }


def _populations(carried_out: list[OnUnit], ordered: Sequence[Result]) -> list[Result]:
    """Units of each firmware as a sample of all: reliability shown over all plans, tolerance intervals by plan."""
    stated = [results["population"] for results in ordered if results.get("population")]
    coverage = max((each["coverage"] for each in stated), default=USUAL_COVERAGE)
    confidence = max((each["confidence"] for each in stated), default=0.95)
    found = []
    for firmware in sorted({each.firmware for each in carried_out}):
        of_firmware = [each for each in carried_out if each.firmware == firmware]
        verdicts = [
            worst([each.verdict for each in of_firmware if each.unit == unit])
            for unit in dict.fromkeys(each.unit for each in of_firmware)
        ]
        found.append(
            {
                "firmware": firmware,
                "confidence": confidence,
                "coverage": coverage,
                **units_counted(verdicts, confidence),
                "intervals": _intervals(of_firmware, coverage, confidence),
            }
        )
    return found


def _intervals(of_firmware: list[OnUnit], coverage: float, confidence: float) -> list[Result]:
    """By plan and revision, since another revision may measure another thing; the first completed run of each unit."""
    groups: dict[tuple[str, str], list[Result]] = {}
    for each in of_firmware:
        revisions = {id(case): revision for _, revision, case in each.found}
        if (case := each.first_completed) is not None:
            groups.setdefault((each.plan, revisions[id(case)]), []).append(case)
    return [
        {"plan": plan, "revision": revision, **interval}
        for (plan, revision), cases in groups.items()
        for interval in intervals(cases, coverage, confidence)
    ]
