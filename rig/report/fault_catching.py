"""Which faults of pumps and instruments the plan was shown to catch: evidence that the method can fail."""

from __future__ import annotations

from rig.record.proof_file import content_sha256, proof_of
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
        "each. A fault is caught when the outcome is not PASS. Of a fault of the pump that was not, the "
        "simulated world itself says whether more or less arrived than the plan accepts: then it escaped. A fault "
        "of an instrument may be borne, by a correction or by the limits; it must not hide a fault of the pump."
    )
    parts: list[Block] = [blocks.paragraph(told), blocks.paragraph(_basis(sources, proof), "note")]
    faults = proof.get("faults") or []
    tried = [fault for fault in faults if fault.get("tried")]
    columns = ["Of", "Fault", "State", "Smallest caught", "Outcome", "Caught by"]
    widths = [0.8, 2.2, 0.9, 1.1, 1.1, 2.2]
    parts.append(
        blocks.table("Faults held against the plan", columns, [_row(fault) for fault in tried], widths)
    )
    parts += _by_requirement(proof)
    if others := [str(fault.get("name")) for fault in faults if not fault.get("tried")]:
        parts.append(
            blocks.paragraph(
                f"Not tried, as the plan judges nothing that they break: {', '.join(others)}.", "note"
            )
        )
    return [blocks.section("faults", "What this plan catches", parts)]


def _by_requirement(proof: Results) -> list[Block]:
    """For each requirement the faults that made a criterion for it fail."""
    requirements = proof.get("requirements") or []
    if not requirements:
        return []
    columns = ["Requirement", "Made to fail by", "Smaller than the limit, or noticed without a FAIL"]
    rows = [
        [
            blocks.text(f"{entry.get('id')} {entry.get('title') or ''}".strip()),
            blocks.text(", ".join(entry.get("caught") or []) or "none: not shown to be verified"),
            blocks.text(", ".join(entry.get("not_caught") or [])),
        ]
        for entry in requirements
    ]
    return [
        blocks.table(
            "Requirements and the faults caught by a criterion for them", columns, rows, [1.6, 2.6, 1.8]
        )
    ]


def _basis(sources: Sources, proof: Results) -> str:
    """On which plan and bench it rests, and whether that plan is the one of this run."""
    plan, bench = proof.get("plan") or {}, proof.get("bench") or {}
    words = f"Found with revision {plan.get('revision')} on bench {bench.get('id')}. "
    words += f"The healthy unit: {proof.get('healthy')}."
    kept = content_sha256((sources.run.path / "plan.toml").read_text(encoding="utf-8"))
    if plan.get("content_sha256") != kept:
        words += " The plan of this run does not say the same: the table may not hold for it."
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
        blocks.text(
            " - ".join(part for part in (str(fault.get("state") or ""), fault.get("escape")) if part)
        ),
        blocks.text(size),
        blocks.verdict(fault.get("outcome")),
        blocks.text(", ".join(by[:MOST_CRITERIA]) + more),
    ]
