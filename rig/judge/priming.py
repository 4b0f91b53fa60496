"""Judges priming and bridge: volumes by weighing, the drug that the bridge gave, and whether the program resumed."""

from __future__ import annotations

from dataclasses import dataclass

from rig.analysis.drug_dose import bridged_drug_error
from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import PrimingCase
from rig.judge.findings import NS_PER_S, Findings, Value, time_text
from rig.judge.log_steps import Entry, entries_of_commands, log_breaches
from rig.judge.portions import Portion, in_results, put_furthest, weighed_portion
from rig.judge.pump_claims import claimed_volume
from rig.judge.weighing import (
    NotMeasuredError,
    the_step,
    weigh_blanks,
)
from rig.judge.witnesses import flow_flags, stall_flags
from rig.record.case_data import CaseData, Step


def find_priming(
    data: CaseData, case: PrimingCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """Everything that the record of one priming with its bridge shows."""
    found = Findings(
        set={
            "line_ml": case.line_ml,
            "catheter_ml": case.catheter.volume_ml,
            "prime_rate_ml_h": case.prime_rate_ml_h,
            "old_ug_ml": case.old_ug_ml,
            "new_ug_ml": case.new_ug_ml,
            "bridge_duration_s": case.bridge_duration_s,
            "rate_ml_h": case.rate_ml_h,
            "blank_s": case.blank_s,
            "reference_temperature_c": reference_temperature_c,
        },
        flags=stall_flags(data),
    )
    try:
        primed, bridged, after = (the_step(data, name) for name in ("prime", "bridge", "sample"))
        found.flags += flow_flags(data, bridged)
        expected = _Expected.of(data, case)
        if case.accept.resumed:
            breaches = _not_resumed(data, case, after)
            found.counted["resumed"] = (len(breaches), "; ".join(breaches[:3]))
        if case.accept.log:
            seconds = {"prime": case.prime_s, "bridge": case.bridge_duration_s}
            stopped = Entry("STOP", {"CAUSE": "CMD"}, after.end_ns)
            expected_log = [*entries_of_commands(data, seconds), stopped]
            breaches = log_breaches(data, expected_log, (primed.start_ns, after.end_ns))
            found.count("log", breaches)
        found.put(
            "claimed_delivery", claimed_volume(data, Step("all", bridged.start_ns, after.end_ns), expected.ml)
        )
        weighing, evaporation = weigh_blanks(found, data, unit, bench, reference_temperature_c)
        portions = {
            name: weighed_portion(
                data, words, _weighed_in(data, step), expected.ml, evaporation, weighing, timed=timed
            )
            for name, words, step, timed in (
                ("prime_volume", "priming", primed, False),
                ("bridge_volume", "bridge", bridged, False),
                ("mean_error", "program after the bridge", after, True),
            )
        }
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
        return found
    _judge(found, case, portions)
    return found


def _judge(found: Findings, case: PrimingCase, portions: dict[str, Portion]) -> None:
    for name, portion in portions.items():
        put_furthest(found, name, [portion])
    bridge = portions["bridge_volume"]
    drug = bridged_drug_error(
        bridge.error, bridge.expected_ml, case.line_ml, case.old_ug_ml, case.new_ug_ml,
        case.concentration_u_pct / 100,
    )  # fmt: skip
    found.put("bridge_drug", drug)
    given_ug = case.old_ug_ml * case.line_ml * (1 + drug.value / 100)
    given_u_ug = case.old_ug_ml * case.line_ml * drug.expanded_uncertainty / 100
    found.measurements["drug_in_bridge"] = Value(given_ug, "ug", given_u_ug, drug.coverage_factor)
    found.portions = in_results(list(portions.values()))


@dataclass(frozen=True)
class _Expected:
    """What should flow: (from, to, mL/ns) of each thing the pump was told."""

    stretches: tuple[tuple[int, int, float], ...]

    @classmethod
    def of(cls, data: CaseData, case: PrimingCase) -> _Expected:
        sent = {str(record["command"]): int(record["sent_t_ns"]) for record in data.commands}
        if not {"prime", "program", "bridge"} <= sent.keys():
            raise NotMeasuredError("the bridge was not begun")
        primed_ns = sent["prime"] + round(case.prime_s * NS_PER_S)
        bridged_ns = sent["bridge"] + round(case.bridge_duration_s * NS_PER_S)
        rate = case.rate_ml_h / 3600 / NS_PER_S
        return cls(
            (
                (sent["prime"], primed_ns, case.line_ml / (primed_ns - sent["prime"])),
                (sent["program"], sent["bridge"], rate),
                (sent["bridge"], bridged_ns, case.line_ml / (bridged_ns - sent["bridge"])),
                (bridged_ns, data.finished_ns, rate),
            )
        )

    def ml(self, from_ns: int, to_ns: int) -> float:
        return sum(
            max(0, min(end, to_ns) - max(start, from_ns)) * ml_ns for start, end, ml_ns in self.stretches
        )


def _weighed_in(data: CaseData, step: Step) -> tuple[int, int]:
    inside = [int(t_ns) for t_ns in data.mass.t_ns.tolist() if step.start_ns <= t_ns <= step.end_ns]
    if len(inside) < 2:
        raise NotMeasuredError(f"fewer than two weighings in the step '{step.name}'")
    return inside[0], inside[-1]


def _not_resumed(data: CaseData, case: PrimingCase, after: Step) -> list[str]:
    """States of the pump after the bridge that are not those of its program."""
    rate_nl_h = case.prescription.rate_nl_h
    return [
        f"{time_text(int(state['t_ns']) - data.started_ns)} into the case: {state['mode']} at "
        f"{state['rate_nl_h']} nL/h, programmed are {rate_nl_h} nL/h"
        for state in data.pump_states
        if after.start_ns <= int(state["t_ns"]) < after.end_ns
        and not (state["running"] and state["mode"] == "continuous" and int(state["rate_nl_h"]) == rate_nl_h)
    ]
