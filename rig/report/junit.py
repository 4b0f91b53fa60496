"""JUnit XML of one run, for servers that collect test results: a suite a case and unit, a test case a criterion."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

from rig.record.durable_files import write_atomically
from rig.report.plain_text import visible

PROPERTIES = ("value", "unit", "expanded_uncertainty", "coverage_factor", "limit", "verdict", "margin")


def write_junit(results: dict[str, Any], path: Path) -> None:
    """Write ``exports/junit.xml`` from the results. Verdicts other than PASS are failures, ERROR and ABORTED errors."""
    root = ET.Element("testsuites", name=visible(results["run_id"]))
    for case in results["cases"]:
        root.append(_suite(case, results))
    path.parent.mkdir(exist_ok=True)
    ET.indent(root)
    write_atomically(path, ET.tostring(root, encoding="utf-8", xml_declaration=True) + b"\n")


def _suite(case: dict[str, Any], results: dict[str, Any]) -> ET.Element:
    name = f"{results['plan']['id']}.{case['id']}.{case['unit']}"
    entries = [_entry(criterion, name, case) for criterion in case["criteria"]]
    failed = sum(entry.find("failure") is not None for entry in entries)
    broken = sum(entry.find("error") is not None for entry in entries)
    counts = {"tests": len(entries), "failures": failed, "errors": broken}
    suite = ET.Element(
        "testsuite", {"name": visible(name)} | {key: str(count) for key, count in counts.items()}
    )
    properties = ET.SubElement(suite, "properties")
    told = {"run_id": results["run_id"], "rehearsal": results["rehearsal"]}
    for key, value in told.items():
        ET.SubElement(properties, "property", name=key, value=visible(str(value)))
    for requirement in case["requirements"]:
        ET.SubElement(properties, "property", name="requirement", value=visible(requirement))
    suite.extend(entries)
    return suite


def _entry(criterion: dict[str, Any], suite_name: str, case: dict[str, Any]) -> ET.Element:
    entry = ET.Element("testcase", classname=visible(suite_name), name=visible(criterion["name"]))
    properties = ET.SubElement(entry, "properties")
    for key in PROPERTIES:
        ET.SubElement(properties, "property", name=key, value=visible(str(criterion[key])))
    if criterion["verdict"] in ("ERROR", "ABORTED"):
        ET.SubElement(entry, "error", message=visible(case["message"] or criterion["verdict"]))
    elif criterion["verdict"] == "SKIPPED":
        ET.SubElement(entry, "skipped")
    elif criterion["verdict"] != "PASS":
        ET.SubElement(entry, "failure", message=visible(f"{criterion['verdict']}: {criterion['reason']}"))
    return entry
