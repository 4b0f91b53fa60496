"""Judges a disturbance: whether the pump told, recovered and kept its program, and what it delivered beside."""

from __future__ import annotations

from dataclasses import replace

from rig.definitions.bench_file import BenchFile, UnitFile
from rig.definitions.cases import DisturbanceCase
from rig.judge.findings import NS_PER_S, Findings, doubted_intervals
from rig.judge.moments import first_alarm, for_good, never_seen, time_budget
from rig.judge.portions import furthest, in_results, weighed_portion
from rig.judge.pump_clock import put_clock_drift
from rig.judge.weighing import (
    NotMeasuredError,
    the_step,
    weigh_blanks,
)
from rig.judge.witnesses import logged_events, stall_flags
from rig.record.case_data import CaseData

S_PER_H = 3600.0
STALL = frozenset({"motor_stall"})
LOGGED = {"magnet": ("STALL_ON", "STALL_RECOVER"), "power": ("RESET",), "reset": ("RESET",), "nothing": ()}
PROGRAM_NOT_TOLD = "program_not_told"  # a flag of the record


def find_disturbance(
    data: CaseData, case: DisturbanceCase, unit: UnitFile, bench: BenchFile, reference_temperature_c: float
) -> Findings:
    """Everything that the record of one disturbance shows."""
    found = Findings(
        set={
            "rate_ml_h": case.rate_ml_h,
            "deed": case.deed,
            "after_s": case.after_s,
            "deed_for_s": case.deed_for_s,
            "blank_s": case.blank_s,
            "reference_temperature_c": reference_temperature_c,
        }
    )
    try:
        done, undone = the_step(data, "disturbed"), the_step(data, "recovering")
        recovered = the_step(data, "resettle")
        found.flags += [
            flag
            for flag in stall_flags(data)
            if case.deed != "magnet" or not done.start_ns <= flag.start_ns <= recovered.start_ns
        ]
        _told(found, data, (done.start_ns, undone.end_ns))
        _recovered(found, data, (undone.start_ns, undone.end_ns))
        _kept(found, data, case)
        _logged(found, data, case, (done.start_ns, undone.end_ns))
        put_clock_drift(found, data)
        _weigh(found, data, case, unit, bench, reference_temperature_c)
    except NotMeasuredError as reason:
        found.unmeasured = str(reason)
    return found


def _told(found: Findings, data: CaseData, span_ns: tuple[int, int]) -> None:
    """From the deed to the alarm of a stalled motor."""
    seen = first_alarm(data, span_ns, STALL)
    if seen is None:
        found.values["time_to_alarm"] = never_seen(10**9 * NS_PER_S, "no alarm of a stalled motor came")
    else:
        found.put("time_to_alarm", time_budget(span_ns[0], seen[1]))


def _recovered(found: Findings, data: CaseData, span_ns: tuple[int, int]) -> None:
    """From the end of the deed until the pump says, from then on, that it runs and that no motor stands."""
    seen = for_good(data, span_ns, lambda state: bool(state["running"]) and not STALL & set(state["alarms"]))
    if seen is None:
        words = "at the end of the time it was watched it did not run"
        found.values["recovery"] = never_seen(10**9 * NS_PER_S, words)
    else:
        found.put("recovery", time_budget(span_ns[0], seen))


def _kept(found: Findings, data: CaseData, case: DisturbanceCase) -> None:
    """The program the pump says it has, after it recovered."""
    if untold := [str(flag["message"]) for flag in data.flags if flag["name"] == PROGRAM_NOT_TOLD]:
        found.counted["program"] = (1, untold[0])
        return
    after = data.read_back
    if after is None or int(after["t_ns"]) < the_step(data, "recovering").start_ns:
        raise NotMeasuredError("the program was not read back after the disturbance")
    active, commanded = after["read"], after["commanded"]
    is_right = active == commanded if case.accept.program != "stopped" else active["mode"] == "stop"
    words = "" if is_right else f"the pump says its program is {active}, it was {commanded}"
    found.counted["program"] = (int(not is_right), words)


def _logged(found: Findings, data: CaseData, case: DisturbanceCase, span_ns: tuple[int, int]) -> None:
    """What belongs in the pump's own log."""
    codes = [
        event.code
        for event in logged_events(data)
        if event.t_ns is not None and span_ns[0] - 2 * NS_PER_S <= event.t_ns <= span_ns[1] + 2 * NS_PER_S
    ]
    missing = [code for code in LOGGED[case.deed] if code not in codes]
    found.counted["log"] = (len(missing), f"not in the pump's log: {', '.join(missing)}" if missing else "")


def _weigh(
    found: Findings, data: CaseData, case: DisturbanceCase, unit: UnitFile, bench: BenchFile,
    reference_temperature_c: float,
) -> None:  # fmt: skip
    """The delivery before the deed and after the recovery, each against the rate; the worse of both counts."""
    weighing, evaporation = weigh_blanks(found, data, unit, bench, reference_temperature_c)
    portions = []
    for name, step_name in (("before", "sample"), ("after", "resumed")):
        step = the_step(data, step_name)
        inside = [int(t) for t in data.mass.t_ns.tolist() if step.start_ns <= t <= step.end_ns]
        if len(inside) < 2:
            raise NotMeasuredError(f"{name} the disturbance there are fewer than two weighings")
        span = (inside[0], inside[-1])
        portions.append(weighed_portion(data, name, span, lambda a, b: case.rate_ml_h * (b - a) / NS_PER_S / S_PER_H,
                                        evaporation, weighing))  # fmt: skip
    value = furthest(portions, doubted_intervals(found.flags))
    if value is not None:
        worst = max(portions, key=lambda portion: abs(portion.error.value))
        found.put("mean_error", worst.error, replace(value, reason=f"{value.reason} the disturbance"))
    found.portions = in_results(portions)
