"""Generated plans and commands above a limit, and slips of units: no byte that doses reaches the simulated pump.

The limits of the bench are far below what the pump itself would take, so that it is the rig that must refuse. The long
version (marker ``campaign``) has 20,000.
"""

from __future__ import annotations

import random
import re
from collections import Counter
from collections.abc import Callable
from fractions import Fraction

import pytest

from rig.definitions.check import check_plan_on_bench
from rig.definitions.plan_file import Plan, plan_from_text
from rig.errors import DefinitionError, LimitRefused
from rig.quantities import nl_from_ml, nl_h_from_ml_h
from rig.readings import Bridge, FlexStep, PatientBolus, Prescription

FEW, MANY = 300, 20_000
RATE, BOLUS, VOLUME = 100_000, 300_000, 10_000_000  # the limits in nl/h and nl
LIMITS = 'rate_max = "0.1 mL/h"\nbolus_max = "0.3 mL"\nvolume_max = "10 mL"'
DOSES = re.compile(rb"SET (?!MODE=STOP)|COMMIT|PTM (SET|ACTIVATE)|PRIME|BRIDGE")

PLAN = """
[plan]
id = "slip"
revision = "A"
title = "A slip"
reference_temperature = "37 degC"

[[case]]
id = "case"
title = "A slip"
verifies = ["SRS-000"]
relax = "1 min"
blank = "1 min"
accept = {{ mean_error = "within 50 %" }}
{case}
"""
FLOW = """procedure = "flow_accuracy"
{rate}
settle = "{settle}"
sample = {{ every = "15 min", for = "{lasts}" }}
"""
BOLUSES = """procedure = "bolus"
bolus = "{bolus}"
bolus_duration = "{duration}"
interval = "8 h"
settle = "1 min"
count = {count}
"""


def flow(rate: str, lasts: str = "26 h") -> str:
    line = rate if "\n" in rate else f'rate = "{rate}"'
    return PLAN.format(case=FLOW.format(rate=line, settle="15 min", lasts=lasts))


def boluses(bolus: str, duration: str, count: int = 2) -> str:
    return PLAN.format(case=BOLUSES.format(bolus=bolus, duration=duration, count=count))


def dose(rate: str, concentration: str) -> str:
    return flow(f'dose = "{rate}"\ndrug = {{ name = "baclofen", concentration = "{concentration}" }}')


def number(rng: random.Random, low: float, high: float) -> str:
    return f"{rng.uniform(low, high):.{rng.randint(2, 4)}f}"


# Slips: from what was meant (and is allowed) to what was written. Each is above a limit, or no quantity at all.
SLIPS: dict[str, Callable[[random.Random], str]] = {
    "mL/h for mL/day": lambda rng: flow(f"{number(rng, 0.12, 2.3)} mL/h"),
    "mL/h for uL/h": lambda rng: flow(f"{number(rng, 2, 99)} mL/h"),
    "uL/h for nL/h": lambda rng: flow(f"{rng.randint(2_000, 99_000)} uL/h"),
    "mL/min for mL/h": lambda rng: flow(f"{number(rng, 0.01, 0.09)} mL/min"),
    "a lost decimal point": lambda rng: flow(f"{number(rng, 0.3, 2.3).replace('.', '').lstrip('0')} mL/day"),
    "a key too often": lambda rng: flow(f"{rng.randint(1, 9)}{rng.randint(10, 99)} mL/day"),
    "an exponent": lambda rng: flow(f"{number(rng, 0.1, 2)}e{rng.randint(2, 9)} mL/day"),
    "a decimal comma": lambda rng: flow(f"{number(rng, 0.1, 2.3).replace('.', ',')} mL/day"),
    "ML for mL": lambda rng: flow(f"{number(rng, 0.1, 2.3)} ML/day"),
    "mg for ug": lambda rng: dose(f"{rng.randint(30, 900)} mg/day", "2000 ug/mL"),
    "g for ug": lambda rng: dose(f"{rng.randint(30, 900)} g/day", "2000 ug/mL"),
    "h for day of a dose": lambda rng: dose(f"{rng.randint(250, 900)} ug/h", "2000 ug/mL"),
    "ng/mL for ug/mL": lambda rng: dose(f"{rng.randint(100, 900)} ug/day", f"{rng.randint(5, 40)} ng/mL"),
    "ug/mL for mg/mL": lambda rng: dose(f"{rng.randint(100, 900)} ug/day", f"{rng.randint(2, 9)} ug/mL"),
    "a bolus in mL for uL": lambda rng: boluses(f"{rng.randint(1, 300)} mL", "4 h"),
    "a bolus in L for mL": lambda rng: boluses(f"{number(rng, 0.05, 0.3)} L", "4 h"),
    "a bolus in uL for nL": lambda rng: boluses(f"{rng.randint(1_000, 90_000)} uL", "4 h"),
    "s for min": lambda rng: boluses(f"{rng.randint(50, 300)} uL", f"{rng.randint(60, 240)} s"),
    "too many boluses": lambda rng: boluses("300 uL", "4 h", rng.randint(34, 1000)),
    "day for h": lambda rng: flow("2.3 mL/day", f"{rng.randint(5, 99)} day"),
}


def beyond(rng: random.Random, limit: int) -> int:
    """A number above a limit: by one, by a little, or by powers of ten."""
    by = rng.choice([lambda: 1, lambda: rng.randint(2, 1000), lambda: int(limit * (10 ** rng.uniform(0, 6)))])
    return limit + by()


def too_fast(rng: random.Random) -> tuple[int, int]:
    """A bolus that is small enough, in a time that is too short for it."""
    volume_nl = rng.randint(1_000, BOLUS)
    longest_s = int(Fraction(volume_nl * 3600, RATE) - Fraction(1, 10**9))
    return volume_nl, rng.randint(0, max(0, longest_s))


def flex(rng: random.Random) -> Prescription:
    steps = [FlexStep(60 * index, rng.randint(2_000, RATE)) for index in range(rng.randint(1, 13))]
    worst = rng.randrange(len(steps))
    steps[worst] = FlexStep(steps[worst].start_min, beyond(rng, RATE))
    groups = [(FlexStep(0, 2_000),) for _ in range(rng.randint(0, 6))]
    groups.insert(rng.randint(0, len(groups)), tuple(steps))
    days = tuple(rng.randint(1, len(groups)) for _ in range(7))
    return Prescription("flex", days=days, groups=tuple(groups))


def periodic(rng: random.Random, volume_nl: int, duration_s: int) -> Prescription:
    return Prescription(
        "periodic",
        bolus_nl=volume_nl,
        bolus_duration_s=duration_s,
        interval_s=duration_s + rng.randint(0, 9_999),
    )


# Commands of a plan that is written in Python, or of a procedure gone wrong.
COMMANDS: dict[str, Callable] = {
    "rate": lambda pump, rng: pump.program(Prescription("continuous", rate_nl_h=beyond(rng, RATE))),
    "bolus too large": lambda pump, rng: pump.program(
        Prescription("bolus", bolus_nl=beyond(rng, BOLUS), bolus_duration_s=86_400)
    ),
    "bolus too fast": lambda pump, rng: pump.program(Prescription("bolus", 0, *too_fast(rng))),
    "periodic too large": lambda pump, rng: pump.program(periodic(rng, beyond(rng, BOLUS), 86_400)),
    "periodic too fast": lambda pump, rng: pump.program(periodic(rng, *too_fast(rng))),
    "flex": lambda pump, rng: pump.program(flex(rng)),
    "patient too large": lambda pump, rng: pump.set_patient_bolus(
        PatientBolus(bool(rng.randint(0, 1)), beyond(rng, BOLUS), 86_400, 3_600, rng.randint(1, 9))
    ),
    "patient too fast": lambda pump, rng: pump.set_patient_bolus(
        PatientBolus(True, *too_fast(rng), 3_600, 3)
    ),
    "prime too large": lambda pump, rng: pump.prime(beyond(rng, BOLUS), rng.randint(2_000, RATE)),
    "prime too fast": lambda pump, rng: pump.prime(rng.randint(1, BOLUS), beyond(rng, RATE)),
    "bridge too large": lambda pump, rng: pump.bridge(Bridge(1, 2, beyond(rng, BOLUS), 604_800)),
    "bridge too fast": lambda pump, rng: pump.bridge(Bridge(1, 2, *too_fast(rng))),
}


def program_of(plan: Plan) -> Prescription:
    """What its procedure would tell the pump."""
    case = plan.cases[0]
    if case.procedure == "bolus":
        return Prescription("bolus", 0, nl_from_ml(case.bolus_ml), round(case.bolus_duration_s))
    return Prescription("continuous", rate_nl_h=nl_h_from_ml_h(case.rate_ml_h))


def refused(guarded, kind: str, rng: random.Random) -> str:
    """Try it; who refused it, or "" if nobody did."""
    if kind in COMMANDS:
        try:
            COMMANDS[kind](guarded.pump, rng)
        except LimitRefused:
            return "interlock"
        return ""
    try:
        plan = plan_from_text(SLIPS[kind](rng), "slip.plan.toml")
    except DefinitionError:
        return "plan: no such quantity"
    if kind not in ("too many boluses", "day for h"):  # of those every single command is allowed
        try:
            guarded.pump.program(program_of(plan))
        except LimitRefused:
            pass
        else:
            return ""
    try:
        check_plan_on_bench(plan, guarded.bench.file)
    except DefinitionError:
        return "check and interlock"
    return ""


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.campaign)])
def test_nothing_above_a_limit_and_no_slip_reaches_the_pump(open_guarded, count):
    guarded = open_guarded(LIMITS)
    guarded.received.clear()
    kinds = [*SLIPS, *COMMANDS]
    told: Counter[tuple[str, str]] = Counter()
    for trial in range(count):
        kind = kinds[trial % len(kinds)]
        who = refused(guarded, kind, random.Random(f"interlock {trial}"))
        assert who, f"trial {trial}, {kind}: nobody refused it"
        assert not DOSES.search(guarded.received), f"trial {trial}, {kind}: {bytes(guarded.received)!r}"
        told[kind, who] += 1
    assert not guarded.received  # no byte at all, not even a question
    assert guarded.channel.pump.unit.mode == "STOP"
    for (kind, who), times in sorted(told.items()):
        print(f"{kind:24} {who:24} {times}")


def test_what_was_meant_gets_through(open_guarded):
    """The campaign's own check: without the slip the same plans and commands are let through."""
    guarded = open_guarded(LIMITS)
    for text in (
        flow("1.5 mL/day"),
        dose("200 ug/day", "2000 ug/mL"),
        boluses("50 uL", "60 min"),
    ):
        plan = plan_from_text(text, "meant.plan.toml")
        check_plan_on_bench(plan, guarded.bench.file)
        guarded.received.clear()
        guarded.pump.stop("the next")
        guarded.pump.program(program_of(plan))
        assert DOSES.search(guarded.received)
