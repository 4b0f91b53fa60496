"""What other programs read: CSV, OpenHTF's record and the description of the folder, from made-up runs."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rocrate.rocrate import ROCrate

from rig.report.exports import write_exports, write_ro_crate
from rig.report.openhtf import openhtf_record
from rig.report.results_csv import cell, results_csv

MakeRun = Callable[..., Path]


def results_of(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "results.json").read_text("utf-8"))
    return found


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


def test_the_csv_holds_every_criterion_and_measurement_exactly(faulty_run: Path) -> None:
    results = results_of(faulty_run)
    rows = table(results_csv(results))
    told = {(row["case"], row["unit"], row["kind"], row["name"]): row for row in rows}
    assert len(told) == len(rows)
    for case in results["cases"]:
        for criterion in case["criteria"]:
            row = told[case["id"], case["unit"], "criterion", criterion["name"]]
            assert row["verdict"] == criterion["verdict"]
            for name in ("value", "expanded_uncertainty", "margin", "limit_high"):
                assert (float(row[name]) if row[name] else None) == criterion[name]
        for name, measurement in case["measurements"].items():
            assert float(told[case["id"], case["unit"], "measurement", name]["value"]) == measurement["value"]
        for dose in case["doses"]:
            row = told[case["id"], case["unit"], "bolus", f"bolus {dose['index'] + 1}"]
            assert float(row["value"]) == dose["volume_ml"]


@pytest.mark.parametrize("begin", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "＝1+1"])
def test_text_that_a_spreadsheet_takes_for_a_formula_is_made_text(begin: str) -> None:
    assert cell(begin).startswith("'")
    assert cell("12 = 3 x 4") == "12 = 3 x 4"
    assert cell(-1.5) == "-1.5"


def test_an_openhtf_record_a_unit_with_a_phase_a_case(faulty_run: Path) -> None:
    results = results_of(faulty_run)
    record = json.loads(json.dumps(openhtf_record(results, results["units"][0])))
    # the fields of openhtf 1.6's TestRecord and PhaseRecord as its own JSON output writes them
    assert {
        "dut_id",
        "station_id",
        "start_time_millis",
        "end_time_millis",
        "outcome",
        "outcome_details",
    } < set(record)
    assert {"metadata", "phases", "subtests", "branches", "diagnosers", "diagnoses", "log_records"} < set(
        record
    )
    assert (record["dut_id"], record["station_id"], record["outcome"]) == ("SIM-1001", "faulty", "FAIL")
    cases = {case["id"]: case for case in results["cases"] if case["unit"] == "SIM-1001"}
    assert [phase["name"] for phase in record["phases"]] == list(cases)
    for phase in record["phases"]:
        assert phase["end_time_millis"] > phase["start_time_millis"]
        for criterion in cases[phase["name"]]["criteria"]:
            found = phase["measurements"][criterion["name"]]
            assert found["measured_value"] == criterion["value"]
            assert (found["outcome"] == "PASS") == (criterion["verdict"] == "PASS")


def test_openhtf_leaves_unmeasured_values_unset(faulty_run: Path) -> None:
    results = results_of(faulty_run)
    record = openhtf_record(results, results["units"][2])
    found = [each for phase in record["phases"] for each in phase["measurements"].values()]
    assert found
    assert {each["outcome"] for each in found} == {"UNSET"}
    assert record["outcome_details"][0]["code"] == "INCONCLUSIVE"


def test_the_folder_is_an_ro_crate(make_run: MakeRun, short_plan: str) -> None:
    folder = make_run(plan_text=short_plan, operator="=A. Tester\u202e")
    results = results_of(folder)
    write_exports(folder, results)
    assert (folder / "exports/openhtf-SIM-0003.json").is_file()
    (folder / "wire").mkdir()
    (folder / "wire/SN%201-pump.log").write_bytes(b"")
    write_ro_crate(folder, results)
    for name in ("samples.parquet", "manifest.json", "attestation.dsse.json"):
        (folder / name).write_bytes(b"")  # as the seal makes them
    crate = ROCrate(folder)
    assert crate.version == "1.1"
    assert results["run_id"] in crate.name
    assert "REHEARSAL" in crate.name
    there = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    told = {entity.id.replace("%25", "%") for entity in crate.data_entities}
    assert told == there - {"ro-crate-metadata.json"}
    run = crate.dereference("#run")
    assert run["agent"]["name"] == "=A. Tester\u202e"
    assert {unit["serialNumber"] for unit in run["instrument"][1:]} == {u["serial"] for u in results["units"]}
