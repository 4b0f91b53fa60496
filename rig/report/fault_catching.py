"""Which faults of pumps and instruments the plan was shown to catch: evidence that the method can fail."""

from __future__ import annotations

from rig.record.proof_file import proof_of
from rig.report import blocks
from rig.report.blocks import Block, Cell
from rig.report.numbers import number
from rig.report.sources import Results, Sources

MOST_CRITERIA = 3


def fault_catching(sources: Sources) -> list[Block]:
    """The section, if a proof lies in the run folder; else nothing."""
    proof = proof_of(sources.run.path)
    if proof is None:
        return []
    told = (
        "Before, the plan was carried out in simulation on a healthy unit and on units with one fault "
        "each. A fault of the pump is caught when the outcome is not PASS; smaller ones lie inside what "
        "the plan allows. A fault of an instrument may pass where the correction or the limits bear it."
    )
    parts: list[Block] = [blocks.paragraph(told), blocks.paragraph(_basis(sources, proof), "note")]
    rows = [_row(fault) for fault in proof.get("faults") or []]
    columns = ["Of", "Fault", "Smallest caught", "Outcome", "Caught by"]
    parts.append(blocks.table("Faults held against the plan", columns, rows, [0.8, 2.4, 1.2, 1.1, 2.4]))
    return [blocks.section("faults", "What this plan catches", parts)]


def _basis(sources: Sources, proof: Results) -> str:
    """On which plan and bench it rests, and whether that plan is the one of this run."""
    plan, bench = proof.get("plan") or {}, proof.get("bench") or {}
    words = f"Found with revision {plan.get('revision')} on bench {bench.get('id')}. "
    words += f"The healthy unit: {proof.get('healthy')}."
    if plan.get("sha256") != (sources.results.get("plan") or {}).get("sha256"):
        words += " The plan of this run is not the same file: the table may not hold for it."
    return words


def _row(fault: Results) -> list[Cell]:
    smallest, unit = fault.get("smallest_caught"), str(fault.get("unit") or "")
    tried = [entry["size"] for entry in fault.get("tried") or []]
    if smallest is None:
        size = "no" if not unit else f"not up to {number(max(tried, default=0), unit)}"
    else:
        size = "yes" if not unit else number(smallest, unit)
    by = [str(name) for name in fault.get("caught_by") or []]
    more = f" and {len(by) - MOST_CRITERIA} more" if len(by) > MOST_CRITERIA else ""
    return [
        blocks.text(fault.get("of")),
        blocks.text(f"{fault.get('name')}: {fault.get('words')}"),
        blocks.text(size),
        blocks.verdict(fault.get("outcome")),
        blocks.text(", ".join(by[:MOST_CRITERIA]) + more),
    ]
