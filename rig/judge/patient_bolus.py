"""Judges the patient's button: each answer by the rules, the log by the answers, the delivery by the grants."""

from __future__ import annotations

from rig.analysis.patient_requests import Request, breaches
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import PatientBolusCase
from rig.judge.findings import NS_PER_S, Findings, Value, time_text
from rig.judge.portions import in_results, put_furthest, weighed_portion
from rig.judge.pump_claims import claimed_volume
from rig.judge.weighing import (
    NotMeasuredError,
    the_step,
    weigh_blanks,
)
from rig.judge.witnesses import flow_flags, logged_events, stall_flags
from rig.record.case_data import CaseData, Step

CRITERION_OF = {"lockout": "lockout", "daily_maximum": "daily_maximum", "granted": "requests_granted"}


def find_patient_bolus(
    data: CaseData, case: PatientBolusCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """Everything that the record of one case of patient boluses shows."""
    found = Findings(
        set={
            "rate_ml_h": case.rate_ml_h,
            "bolus_ml": case.bolus_ml,
            "bolus_duration_s": case.bolus_duration_s,
            "lockout_s": case.lockout_s,
            "max_per_day": case.max_per_day,
            "requests": len(case.requests_s),
            "blank_s": case.blank_s,
            "reference_temperature_c": reference_temperature_c,
        },
        flags=stall_flags(data),
    )
    try:
        step = the_step(data, "sample")
        found.flags += flow_flags(data, step)
        requests = _requests(data)
        if len(requests) < len(case.requests_s):
            raise NotMeasuredError(f"{len(requests)} of {len(case.requests_s)} requests were made")
        _count_breaches(found, data, case, requests)
        expected = _Expected(case, requests)
        found.put("claimed_delivery", claimed_volume(data, step, expected.ml))
        _weigh(found, data, unit, bench, reference_temperature_c, step, expected)
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
    return found


def _requests(data: CaseData) -> list[Request]:
    return [
        Request(int(record["asked_t_ns"]) / NS_PER_S, record["refused"] == "", str(record["refused"]))
        for record in data.patient_requests
    ]


def _count_breaches(found: Findings, data: CaseData, case: PatientBolusCase, requests: list[Request]) -> None:
    """Answers against the rules, and the pump's log against the answers."""
    started_s = data.started_ns / NS_PER_S
    seen = breaches(requests, case.lockout_s, case.max_per_day, case.bolus_duration_s)
    for rule, criterion in CRITERION_OF.items():
        words = [
            f"{time_text(round((breach.t_s - started_s) * NS_PER_S))} into the case: {breach.words}"
            for breach in seen
            if breach.rule == rule
        ]
        found.count(criterion, words)
    granted = sum(request.granted for request in requests)
    logged = {code: _logged(data, code) for code in ("BOLUS_REQ", "BOLUS_GRANT", "BOLUS_DENY")}
    wanted = {"BOLUS_REQ": len(requests), "BOLUS_GRANT": granted, "BOLUS_DENY": len(requests) - granted}
    wrong = [
        f"{logged[code]} entries {code}, {wanted[code]} belong there"
        for code in wanted
        if logged[code] != wanted[code]
    ]
    found.count("log", wrong)
    found.measurements["requests_granted"] = Value(float(granted), "")
    found.measurements["requests_denied"] = Value(float(len(requests) - granted), "")


def _logged(data: CaseData, code: str) -> int:
    """Entries of the patient's boluses in the pump's own log, of this case: it may still hold those of earlier ones."""
    return sum(
        event.code == code and (event.record.get("arguments") or {}).get("SRC") == "PTM"
        for event in logged_events(data)
    )


class _Expected:
    """The volume that should flow between two instants: the rate, and instead of it a bolus while one runs."""

    def __init__(self, case: PatientBolusCase, requests: list[Request]) -> None:
        self._rate_ml_s = case.rate_ml_h / 3600
        self._bolus_ml_s = case.bolus_ml / case.bolus_duration_s
        self._boluses = [(r.t_s, r.t_s + case.bolus_duration_s) for r in requests if r.granted]

    def ml(self, from_ns: int, to_ns: int) -> float:
        from_s, to_s = from_ns / NS_PER_S, to_ns / NS_PER_S
        bolus_s = sum(max(0.0, min(end, to_s) - max(start, from_s)) for start, end in self._boluses)
        return self._bolus_ml_s * bolus_s + self._rate_ml_s * (to_s - from_s - bolus_s)


def _weigh(
    found: Findings, data: CaseData, unit: UnitFile, bench: BenchFile, reference_temperature_c: float,
    step: Step, expected: _Expected,
) -> None:  # fmt: skip
    weighing, evaporation = weigh_blanks(found, data, unit, bench, reference_temperature_c)
    inside = [int(t_ns) for t_ns in data.mass.t_ns.tolist() if step.start_ns <= t_ns <= step.end_ns]
    if len(inside) < 2:
        raise NotMeasuredError("fewer than two weighings")
    span = (inside[0], inside[-1])
    whole = weighed_portion(data, "rate and boluses", span, expected.ml, evaporation, weighing)
    put_furthest(found, "mean_error", [whole])
    found.portions = in_results([whole])
