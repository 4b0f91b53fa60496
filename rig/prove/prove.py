"""Holds a plan against faults, in child processes: for each the smallest size that is caught."""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import replace
from pathlib import Path

from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import BenchFile, load_bench
from rig.definitions.plan_file import load_plan
from rig.errors import DefinitionError
from rig.prove.fault import Fault
from rig.prove.faults import about, fitting
from rig.prove.proof import Proof, Proven, judged_by, verifying
from rig.prove.trying import Trial, Tried
from rig.sim.build import simulate

PROCESSES = 2


def check_can_prove(bench: BenchFile) -> None:
    """Only in this process can pumps be injured. Raises DefinitionError for a bench with real lines."""
    if not bench.is_in_process:
        raise DefinitionError(
            "faults can be put into simulated instruments only",
            bench.source.where(None, "bench"),
            "give a bench whose addresses all begin with sim://",
        )


def faults_for(bench: BenchFile) -> tuple[Fault, ...]:
    """The faults that the first unit of this bench can have."""
    return fitting(simulate(bench, VirtualClock()).units[bench.units[0].serial])


def smallest_caught(trial: Trial, fault: Fault, moment_ns: int) -> tuple[Tried, ...]:
    """Look for the smallest size that is caught: the largest first, then by halving. What was tried, by rising size.

    Only cases that are about the fault are carried out, and of a smaller size only those that caught the largest. A
    fault that begins later needs all, for what is late depends on what was before.
    """
    tried: dict[int, Tried] = {}
    low, high = 0, (largest := len(fault.sizes) - 1)
    cases = tuple(trial.plan.cases) if fault.later else about(trial.plan.cases, fault)

    def is_caught(place: int) -> bool:
        if place not in tried:
            injured = (fault, fault.sizes[place])
            tried[place] = trial.injured([injured], moment_ns, cases, whole=place == largest)
        return tried[place].is_caught

    if is_caught(high):
        if not fault.later:
            catching = {missed.case for missed in tried[high].missed}
            cases = tuple(case for case in cases if case.id in catching) or cases
        while low < high:
            middle = (low + high) // 2
            low, high = (low, middle) if is_caught(middle) else (middle + 1, high)
        is_caught(low)
    return tuple(tried[place] for place in sorted(tried))


def prove(
    plan_path: Path,
    bench_path: Path,
    only: Sequence[str] = (),
    told: Callable[[int, int], object] = lambda done, of: None,
) -> Proof:
    """The plan against all faults, or ``only`` those named; ``told``: how many of how many are done.

    Raises DefinitionError for files that are wrong, a bench with real lines, an unknown fault.
    """
    plan, bench = load_plan(plan_path), load_bench(bench_path)
    check_can_prove(bench)
    faults = faults_for(bench)
    names = [fault.name for fault in faults if about(plan.cases, fault)]
    if unknown := [name for name in only if name not in names]:
        message = f"no such fault for this plan on this bench: {', '.join(unknown)}"
        raise DefinitionError(message, hint=f"there are {', '.join(names)}")
    chosen = [fault for fault in faults if not only or fault.name in only]
    found = {fault.name: Proven(fault, judged_by(plan.cases, fault)) for fault in chosen}
    healthy = Trial(plan, bench).healthy()
    tested = [name for name in found if name in names] if healthy.tried.outcome == "PASS" else []
    with ProcessPoolExecutor(
        min(PROCESSES, os.cpu_count() or 1), multiprocessing.get_context("spawn")
    ) as pool:
        work = (plan_path, bench_path, healthy.moment_ns)
        jobs = {pool.submit(_smallest_caught, *work, name): name for name in tested}
        for done, job in enumerate(as_completed(jobs)):
            name = jobs[job]
            found[name] = replace(found[name], tried=job.result())
            told(done + 1, len(tested))
        hiding = {name: pool.submit(_injured, *work, False, *both) for name, both in _that_could_hide(found)}
        for name, pair in hiding.items():
            found[name] = replace(found[name], hidden=pair.result())
        proof = Proof(plan, bench, healthy.tried, tuple(found.values()), not only)
        once_more = [
            (
                name,
                pool.submit(
                    _injured, plan_path, bench_path, moment_ns, True, (name, found[name].fault.sizes[-1])
                ),
            )
            for name, case in dict.fromkeys(that_could_prove_more(proof))
            if (moment_ns := healthy.moments_ns.get(case, healthy.moment_ns)) != healthy.moment_ns
        ]
        for name, largest in once_more:
            found[name] = replace(found[name], again=(*found[name].again, largest.result()))
    return replace(proof, proven=tuple(found.values()))


def _that_could_hide(found: dict[str, Proven]) -> Iterator[tuple[str, list[tuple[str, float]]]]:
    """Faults of instruments that were borne, with their size; each with the fault it could hide, at its largest."""
    for name, each in found.items():
        borne = [tried.size for tried in each.tried if not tried.is_caught]
        others = [
            found[hidden].fault for hidden in each.fault.hides if hidden in found and found[hidden].smallest
        ]
        if borne and others:
            yield name, [(name, borne[-1]), (others[0].name, others[0].sizes[-1])]


def that_could_prove_more(proof: Proof) -> Iterator[tuple[str, str]]:
    """Where a requirement has no fault yet that was caught: faults that begin later, and the case that verifies it."""
    for requirement in proof.covered if proof.is_whole else ():
        cases = dict.fromkeys(case.id for case, _ in verifying(proof.plan, requirement.id))
        for case in cases if not requirement.caught else ():
            for each in proof.proven:
                if each.tried and each.fault.later and each.fault.name in requirement.not_caught:
                    yield each.fault.name, case


# In child processes: faults hold functions, which do not travel; names do.


def _named(bench: BenchFile, name: str) -> Fault:
    return next(fault for fault in faults_for(bench) if fault.name == name)


def _smallest_caught(plan_path: Path, bench_path: Path, moment_ns: int, name: str) -> tuple[Tried, ...]:
    plan, bench = load_plan(plan_path), load_bench(bench_path)
    return smallest_caught(Trial(plan, bench), _named(bench, name), moment_ns)


def _injured(
    plan_path: Path, bench_path: Path, moment_ns: int, whole: bool, *injured: tuple[str, float]
) -> Tried:
    plan, bench = load_plan(plan_path), load_bench(bench_path)
    faults = [(_named(bench, name), size) for name, size in injured]
    return Trial(plan, bench).injured(faults, moment_ns, plan.cases, whole=whole)
