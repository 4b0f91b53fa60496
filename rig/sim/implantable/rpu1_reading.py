"""What the simulated pump tells when it is asked (docs/reference/rpu-1.md, sections 7.1 and 9)."""

from __future__ import annotations

from rig.sim.implantable.program import Program
from rig.sim.implantable.pump import ImplantablePump
from rig.sim.implantable.rpu1_lines import joined
from rig.sim.implantable.words import Limits, RequestDenied

Pairs = dict[str, object]


def limits(own: Limits) -> Pairs:
    return {
        "RMIN": own.rate_min, "RMAX": own.rate_max, "MIN": own.minimum_rate, "BMIN": own.bolus_min,
        "BMAX": own.bolus_max, "BRMAX": own.bolus_rate_max, "DMIN": own.duration_min, "DMAX": own.duration_max,
        "RESMAX": own.reservoir_max, "LOWMAX": own.low_max, "PULSE": own.pulse, "LOGCAP": own.log_capacity,
    }  # fmt: skip


def status(unit: ImplantablePump) -> Pairs:
    return {
        "MODE": unit.mode, "RUN": int(unit.running), "SRC": unit.source, "RATE": unit.rate_nl_h,
        "LEFT": unit.bolus_left_s, "DELIV": unit.delivered_nl, "RES": unit.reservoir_nl,
        "BATT": unit.battery.mv, "ERI": unit.battery.eri_left_days,
        "ALARMS": unit.alarms.mask(unit.alarms.on), "STOPT": unit.stopped_s, "UP": unit.up_s,
        "CLK": unit.clock_s, "LOG": unit.log_last,
    }  # fmt: skip


def active_program(unit: ImplantablePump, group: str | None) -> Pairs:
    running = unit.bolus.program if unit.bolus else None  # of a single bolus only
    if group is not None:
        return _group(running or unit.basal, group)
    if unit.memory_lost:
        raise RequestDenied("0B", AREA="PROG")
    return running.told() | {"THEN": unit.basal.mode} if running else unit.basal.told()


def staged_program(unit: ImplantablePump, group: str | None) -> Pairs:
    if unit.staged is None:
        raise RequestDenied("04")
    return unit.staged.told() if group is None else _group(unit.staged, group)


def _group(program: Program, group: str) -> Pairs:
    steps = program.groups.get(int(group))
    if steps is None:
        raise RequestDenied("04")
    return {"GROUP": group, "STEPS": ",".join(f"{minute}:{rate}" for minute, rate in steps)}


def reservoir(unit: ImplantablePump) -> Pairs:
    return {
        "RES": unit.reservoir_nl, "LOW": unit.low_nl, "FILL": unit.count.fill_nl, "FILLT": unit.count.fill_clock_s,
    }  # fmt: skip


def patient_bolus(unit: ImplantablePump) -> Pairs:
    now_ns = unit.clock.now_ns()
    left = {"LEFT": unit.patient.lockout_left_s(now_ns), "COUNT": unit.patient.count(now_ns)}
    return unit.patient.settings.pairs() | left


def battery(unit: ImplantablePump) -> Pairs:
    own = unit.battery
    return {
        "MV": own.mv, "ERI": own.eri_left_days, "EOS": own.eos_left_days, "ERIMV": own.eri_threshold_mv,
        "EOSMV": own.eos_threshold_mv, "STATE": own.state,
    }  # fmt: skip


def alarm_masks(unit: ImplantablePump) -> Pairs:
    alarms = unit.alarms
    return {"ON": alarms.mask(alarms.on), "ACK": alarms.mask(alarms.acknowledged)}


def log(unit: ImplantablePump, start: int) -> Pairs:
    """Two records at most."""
    kept = unit.log
    first = kept[0].number if kept else 0
    index = max(start, first) - first
    records = [kept[at] for at in range(index, min(index + 2, len(kept)))]
    more = bool(records) and records[-1].number < unit.log_last
    pairs: Pairs = {"FIRST": first, "LAST": unit.log_last, "N": len(records), "MORE": int(more)}
    for place, record in enumerate(records, 1):
        arguments = joined(record.arguments, "/", ",")
        pairs[f"R{place}"] = f"{record.number}:{record.clock_s}:{record.code}:{arguments}"
    return pairs
