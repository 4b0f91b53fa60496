"""The verdict on one criterion of one case, from what was found in its record."""

from __future__ import annotations

from dataclasses import replace

from rig.analysis.decision import Outcome, worst
from rig.definitions.limits import Criterion
from rig.judge.findings import Findings, Result, Value
from rig.judge.verdicts import ACCEPTED, verdict_on, without_value
from rig.judge.weighing import FLOW_WHILE_STOPPED
from rig.judge.witnesses import alarms_seen
from rig.record.case_data import CaseData

EVAPORATION = "evaporation rate"  # the component of a budget that tells a value by weighing

# How a case ended, if not by completing: what becomes of its criteria.
ENDED = {
    "refused": Outcome.INCONCLUSIVE,
    "error": Outcome.ERROR,
    "unfinished": Outcome.ERROR,
    "aborted": Outcome.ABORTED,
    "skipped": Outcome.SKIPPED,
}


def judge_criterion(criterion: Criterion, data: CaseData, found: Findings, closed_in_blanks: bool) -> Result:
    """Its entry in results.json. ``closed_in_blanks``: no fluid could flow back while evaporation was weighed."""
    if data.ended != "completed":
        reason = data.message or f"the case ended otherwise than by completing: {data.ended}"
        return without_value(criterion, ENDED.get(data.ended, Outcome.ERROR), reason)
    if criterion.quantity == "alarms":
        return _no_alarms(criterion, data)
    if criterion.name in found.counted:
        return _counted(criterion, *found.counted[criterion.name])
    if (value := found.values.get(criterion.name)) is None:
        return without_value(criterion, Outcome.INCONCLUSIVE, found.unmeasured or "it was not measured")
    return (
        _weighed_verdict(criterion, value, found, closed_in_blanks)
        if _is_weighed(criterion, found)
        else verdict_on(criterion, value)
    )


def _weighed_verdict(criterion: Criterion, value: Value, found: Findings, closed_in_blanks: bool) -> Result:
    """INCONCLUSIVE by a balance out of calibration, or where only the correction for evaporation makes it good; FAIL
    where blanks hold a flow that was corrected away.
    """
    expired = [flag.message for flag in found.flags if flag.name == "calibration_expired"]
    if expired:
        value = replace(value, undecided="; ".join(expired))
    result = verdict_on(criterion, value)
    if result["verdict"] in ACCEPTED and not closed_in_blanks:
        value = replace(value, undecided=_by_correction_alone(criterion, value, found))
        result = verdict_on(criterion, value) if value.undecided else result
    if flowing := [flag.message for flag in found.flags if flag.name == FLOW_WHILE_STOPPED]:
        reason = "; ".join(part for part in (*flowing, result["reason"]) if part)
        return {**result, "verdict": worst([result["verdict"], Outcome.FAIL]), "reason": reason}
    return result


def _by_correction_alone(criterion: Criterion, value: Value, found: Findings) -> str:
    """Why nothing is decided, if the verdict without the correction for evaporation is not a good one, too; else "".

    In a blank with the line open, what flows back into the pump looks like evaporation, and is corrected away.
    """
    for budget in found.compared.get(criterion.name) or (found.budgets.get(criterion.name),):
        parts = budget.components if budget is not None else ()
        corrected = sum(part.value * part.sensitivity for part in parts if part.name == EVAPORATION)
        uncorrected = (value.value if budget is None else budget.value) - corrected
        plain = verdict_on(criterion, replace(value, value=uncorrected, without=None))
        if plain["verdict"] not in ACCEPTED:
            return (
                f"without the correction for evaporation it is {uncorrected:.4g} {value.unit}, {plain['verdict']}: "
                "with the line open in the blanks, flow back into the pump would look the same. Cover the vessel, or "
                "close the line with a valve (line_valve)"
            )
    return ""


def _is_weighed(criterion: Criterion, found: Findings) -> bool:
    """Whether the value rests on the balance, and so on the blanks."""
    budget = found.budgets.get(criterion.name)
    by_budget = budget is not None and any(part.name == EVAPORATION for part in budget.components)
    return by_budget or criterion.quantity == "share_inside"


def _no_alarms(criterion: Criterion, data: CaseData) -> Result:
    """FAIL if any alarm was on during the case, with its name and time."""
    alarms = alarms_seen(data)
    return _counted(criterion, len(alarms), "; ".join(alarm.in_words(data.started_ns) for alarm in alarms))


def _counted(criterion: Criterion, count: int, words: str) -> Result:
    """FAIL if what must never be was seen at all."""
    result = without_value(criterion, Outcome.FAIL if count else Outcome.PASS, words)
    return {**result, "value": count, "margin": -count}
