"""JUnit XML of one run, for servers that collect test results: a suite a case and unit, a test case a criterion."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from rig.judge.quarantine import criterion_name, quarantined
from rig.record.durable_files import write_atomically
from rig.report.plain_text import visible

PROPERTIES = ("value", "unit", "expanded_uncertainty", "coverage_factor", "limit", "verdict", "margin")


def write_junit(results: dict[str, Any], path: Path) -> None:
    """Write ``exports/junit.xml`` from the results. Verdicts other than PASS are failures, ERROR and ABORTED errors.

    What is in quarantine counts as skipped, as far as servers are concerned, and says its verdict.
    """
    root = ET.Element("testsuites", name=visible(results["run_id"]))
    for case in results["cases"]:
        root.append(_suite(case, results))
    path.parent.mkdir(exist_ok=True)
    ET.indent(root)
    write_atomically(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _suite(case: dict[str, Any], results: dict[str, Any]) -> ET.Element:
    name = f"{results['plan']['id']}.{case['id']}.{case['unit']}"
    origin = _origin(case, results)
    entries = [_entry(criterion, name, case, origin, results) for criterion in case["criteria"]]
    counts = {"tests": len(entries)}
    for key, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        counts[key] = sum(entry.find(tag) is not None for entry in entries)
    suite = ET.Element(
        "testsuite", {"name": visible(name)} | {key: str(count) for key, count in counts.items()}
    )
    _add_properties(suite, [("run_id", results["run_id"]), *origin])
    suite.extend(entries)
    return suite


def _origin(case: dict[str, Any], results: dict[str, Any]) -> list[tuple[str, Any]]:
    """What pump, run and requirements a criterion is about: told with each, since servers show each by itself."""
    firmware = {unit["serial"]: unit["firmware"] for unit in results["units"]}
    return [
        ("run", results["run_id"]),
        ("rehearsal", results["rehearsal"]),
        ("serial", case["unit"]),
        ("firmware", firmware.get(case["unit"]) or ""),
        *(("requirement", requirement) for requirement in case["requirements"]),
    ]


def _add_properties(parent: ET.Element, told: list[tuple[str, Any]]) -> None:
    properties = ET.SubElement(parent, "properties")
    for key, value in told:
        ET.SubElement(properties, "property", name=key, value=visible(str(value)))


def _entry(
    criterion: dict[str, Any],
    suite_name: str,
    case: dict[str, Any],
    origin: list[tuple[str, Any]],
    results: dict[str, Any],
) -> ET.Element:
    entry = ET.Element("testcase", classname=visible(suite_name), name=visible(criterion["name"]))
    known = quarantined(results).get(criterion_name(results["plan"]["id"], case, criterion))
    told = [*origin, *((key, criterion[key]) for key in PROPERTIES)]
    if known is not None:
        told.append(("quarantined", f"until {known['expires']}, {known['owner']}: {known['reason']}"))
    _add_properties(entry, told)
    verdict = f"{criterion['verdict']}: {criterion['reason']}"
    if criterion["verdict"] in ("ERROR", "ABORTED"):
        ET.SubElement(entry, "error", message=visible(case["message"] or criterion["verdict"]))
    elif criterion["verdict"] == "SKIPPED":
        ET.SubElement(entry, "skipped", message=visible(case["message"]))
    elif known is not None:
        ET.SubElement(entry, "skipped", message=visible(f"quarantined until {known['expires']}; {verdict}"))
    elif criterion["verdict"] != "PASS":
        ET.SubElement(entry, "failure", message=visible(verdict))
    return entry
