"""All faults that a plan is held against.

A fault of the pump must end in a verdict that is not PASS once it is larger than the plan allows; a fault of an
instrument must never make a verdict pass that would fail without it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from rig.definitions.cases import Case
from rig.definitions.limits import Criterion
from rig.prove.bench_faults import BENCH_PUMP_FAULTS, INSTRUMENT_FAULTS
from rig.prove.fault import Fault
from rig.prove.implantable_faults import IMPLANTABLE_FAULTS
from rig.prove.pump_faults import PUMP_FAULTS
from rig.sim.build import SimulatedChannel

FAULTS = (*PUMP_FAULTS, *IMPLANTABLE_FAULTS, *BENCH_PUMP_FAULTS, *INSTRUMENT_FAULTS)


def fitting(channel: SimulatedChannel) -> tuple[Fault, ...]:
    """The faults that this simulated unit can have; of one name there is one."""
    return tuple(fault for fault in FAULTS if fault.fits(channel))


def broken_by(fault: Fault, case: Case) -> Iterator[Criterion]:
    """The criteria of a case that a large fault must not leave at PASS."""
    if fault.in_cases(case):
        for criterion in case.criteria:
            if fault.breaks & {criterion.quantity, f"{case.procedure}.{criterion.quantity}"}:
                yield criterion


def about(cases: Iterable[Case], fault: Fault) -> tuple[Case, ...]:
    """Those cases of a plan that judge what the fault breaks, or use the instrument."""
    if fault.of == "pump":
        return tuple(case for case in cases if any(True for _ in broken_by(fault, case)))
    return tuple(case for case in cases if fault.role in roles_of(case))


def roles_of(case: Case) -> set[str]:
    """Instruments that a case asks: those it needs, the flow sensor beside a balance, a meter beside a supply."""
    beside = {"balance": "flow", "supply": "current"}
    return {*case.roles, *(beside[role] for role in case.roles if role in beside)}
