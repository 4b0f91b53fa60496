"""Every shipped plan held against every fault: `rig prove --keep` for each, then the page that sums it up.

A plan is proved anew when plan, bench or the catalogue of faults has changed since its proof was written beside it; so
a campaign that was broken off goes on where it was.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from rig.definitions.bench_file import load_bench
from rig.prove.proof import as_json
from rig.prove.prove import faults_for, prove
from rig.record.proof_file import content_sha256, keep_beside, proof_beside

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/reference/fault-catching.md"
PLANS = sorted((ROOT / "test_plans").glob("*.plan.toml"))


def bench_of(plan: Path) -> Path:
    """The bench that the head of the plan names."""
    return ROOT / re.findall(r"--bench (fixtures/\w+\.bench\.toml)", plan.read_text("utf-8"))[0]


def kept(plan: Path) -> dict[str, Any] | None:
    """The proof beside a plan."""
    path = proof_beside(plan)
    return json.loads(path.read_text("utf-8")) if path.exists() else None


def is_of_today(proof: dict[str, Any], plan: Path) -> bool:
    """Whether plan, bench and faults are what they were when it was written."""
    bench = bench_of(plan)
    names = [fault.name for fault in faults_for(load_bench(bench))]
    return (
        proof["plan"]["content_sha256"] == content_sha256(plan.read_text("utf-8"))
        and proof["bench"]["content_sha256"] == content_sha256(bench.read_text("utf-8"))
        and [fault["name"] for fault in proof["faults"]] == names
    )


@pytest.mark.campaign
@pytest.mark.parametrize("plan", PLANS, ids=lambda plan: plan.name.split(".")[0])
def test_no_fault_escapes_and_each_requirement_has_one_that_is_caught(plan: Path) -> None:
    proof = kept(plan)
    if proof is None or not is_of_today(proof, plan):
        proof = as_json(prove(plan, bench_of(plan)))
        keep_beside(plan, proof)
        PAGE.write_text(page(), encoding="utf-8")
    assert proof["holds"], [fault for fault in proof["faults"] if fault["escape"]]


def test_the_page_is_that_of_the_proofs() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: make campaign-prove"


@pytest.mark.parametrize(
    "plan", [plan for plan in PLANS if proof_beside(plan).exists()], ids=lambda plan: plan.name
)
def test_what_is_shipped_holds(plan: Path) -> None:
    proof = kept(plan)
    assert proof is not None
    assert (proof["healthy"], proof["holds"]) == ("PASS", True)
    assert all(requirement["caught"] for requirement in proof["requirements"])
    assert not [fault["name"] for fault in proof["faults"] if fault["escape"]]


# The page


def page() -> str:
    """Markdown of all proofs that are there."""
    found = [(plan, proof) for plan in PLANS if (proof := kept(plan)) is not None]
    missing = [plan.name for plan in PLANS if kept(plan) is None]
    lines = [HEAD, *map(_summary, found), ""]
    if missing:
        lines += [f"Not yet proved: {', '.join(f'`{name}`' for name in missing)}.", ""]
    for plan, proof in found:
        lines += _section(plan, proof)
    return "\n".join(lines).rstrip() + "\n"


def _summary(found: tuple[Path, dict[str, Any]]) -> str:
    plan, proof = found
    of_pump = [fault for fault in proof["faults"] if fault["of"] == "pump" and fault["tried"]]
    states = [fault["state"] for fault in of_pump]
    caught = sum(1 for requirement in proof["requirements"] if requirement["caught"])
    return (
        f"| `{plan.name}` {proof['plan']['revision']} | {proof['bench']['id']} | {proof['healthy']} | "
        f"{states.count('caught')} of {len(states)} | {states.count('inside the limits')} | "
        f"{states.count('escaped')} | {caught} of {len(proof['requirements'])} |"
    )


def _section(plan: Path, proof: dict[str, Any]) -> Iterator[str]:
    yield f"## {plan.name.removesuffix('.plan.toml')}"
    yield ""
    yield "| requirement | made to fail by |"
    yield "|---|---|"
    for requirement in proof["requirements"]:
        yield f"| {requirement['id']} {requirement['title']} | {', '.join(requirement['caught']) or '**none**'} |"
    yield ""
    yield "| of | fault | smallest caught | outcome | caught by |"
    yield "|---|---|---:|---|---|"
    for fault in proof["faults"]:
        if fault["tried"]:
            names = ", ".join(
                name.replace("|", "/").replace("_", "\\_")[:60] for name in fault["caught_by"][:2]
            )
            outcome = _escaped(fault["outcome"] if fault["state"] == "caught" else fault["state"])
            yield f"| {fault['of']} | {fault['name']}: {fault['words']} | {_size(fault)} | {outcome} | {names} |"
    yield ""


def _escaped(text: str) -> str:
    return text.replace("|", "/").replace("_", "\\_").replace("<", "&lt;")


def _size(fault: dict[str, Any]) -> str:
    if not fault["unit"]:
        return "–" if fault["smallest_caught"] is None else "yes"
    if fault["smallest_caught"] is None:
        return f"not up to {fault['tried'][-1]['size']:g} {fault['unit']}"
    return f"{fault['smallest_caught']:g} {fault['unit']}"


HEAD = """# Which faults the shipped plans catch

Written by `make campaign-prove` (`tests/campaigns/test_fault_catching.py`), from what `rig prove --keep` left beside
each plan; not edited by hand.

Each plan is carried out in virtual time on a healthy simulated unit, then with one fault after another put into it.
*Caught*: the outcome is not PASS. Of a fault of the pump that was not caught, the simulated world itself says whether
what arrived in the vessel lay *inside the limits*; if not, or if it breaks what is no matter of volume, it *escaped*.
A fault of an instrument may be *borne*; the largest that is borne is tried again together with a fault of the pump that
it could hide. What lies between the smallest size caught and the one tried below it is not known. What a plan judges
nothing of is not tried. What happens once, a stall or a reset, happens in the middle of the plan's longest delivery.

By requirement: faults of the pump that made a criterion *for that requirement* FAIL. Where none did, what happens once
is tried again in the middle of a case that verifies it.

| plan, revision | bench | healthy | faults of the pump caught | inside the limits | escaped | requirements with one |
|---|---|---|---:|---:|---:|---:|"""
