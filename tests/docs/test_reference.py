"""The tables of the reference are those of the code, and of a real run."""

from __future__ import annotations

import importlib.util
import json
import re
import tomllib
from collections import defaultdict
from pathlib import Path

import pytest

from rig import errors
from rig.analysis.capability import capability
from rig.cli import COMMANDS
from rig.definitions.cases import PROCEDURES
from rig.definitions.cases.bolus import BolusAccept
from rig.definitions.cases.flow_accuracy import FlowAccuracyAccept
from rig.drivers import DRIVERS
from rig.readings import ChannelReading, MassReading, PatientBolusReply, PumpAlarm, PumpState
from rig.record.case_recorder import CaseRecorder, Stated
from rig.record.clock_watch import ClockStep
from rig.record.journal import RESERVED, Journal
from rig.run.asking import RecordedAsking

ROOT = Path(__file__).resolve().parents[2]
TICKED = re.compile(r"`([^`]+)`")


@pytest.fixture(scope="module")
def make_reference():
    spec = importlib.util.spec_from_file_location("make_reference", ROOT / "docs/make_reference.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(text):
    """Cells of all table rows."""
    found = re.findall(r"^\| (.+) \|$", text, re.MULTILINE)
    return [[cell.strip() for cell in row.split(" | ")] for row in found]


def section(page, heading):
    return re.split(r"^## ", page.text.split(f"\n## {heading}\n", 1)[1], maxsplit=1, flags=re.MULTILINE)[0]


def test_generated_tables_are_as_the_code_has_them(make_reference):
    assert list(make_reference.stale()) == [], "run: python docs/make_reference.py"


def test_every_generated_table_stands_somewhere(make_reference, pages):
    used = {
        name for page in pages.values() for name in re.findall(r"<!-- generated: ([a-z0-9-]+) -->", page.text)
    }
    assert used == set(make_reference.BLOCKS)


def test_a_stale_table_is_noticed(make_reference):
    text = "<!-- generated: sample -->\n| old |\n<!-- end -->\n"
    renewed = make_reference.renewed(text)
    assert renewed != text
    assert "`every`" in renewed
    assert make_reference.renewed(renewed) == renewed


def test_the_analysis_page_has_every_public_name_with_its_docstring(make_reference, pages):
    page = pages["docs/reference/analysis.md"]
    headings = set(re.findall(r"^### (\w+)$", page.text, re.MULTILINE))
    assert {"two_sided_factor", "propagate", "trumpet", "Budget", "Outcome", "analyze_log"} <= headings
    shown = make_reference.analysis_reference()
    assert "measuring_time_s(\n    wanted_pct: float,\n    rate_ml_h: float," in shown
    assert "- `drift_g(duration_s: float) -> float`: Standard deviation of the zero point's walk" in shown
    assert "rule: Rule = Rule.FOUR_OUTCOMES" in shown


def test_a_changed_docstring_makes_the_analysis_page_stale(make_reference, pages, monkeypatch):
    text = pages["docs/reference/analysis.md"].text
    assert make_reference.renewed(text) == text
    monkeypatch.setattr(capability, "__doc__", "Something else.\n\nRaises ``KeyError`` for a_b * c.")
    renewed = make_reference.renewed(text)
    assert "Something else.\n\nRaises `KeyError` for a\\_b \\* c." in renewed
    assert make_reference.renewed(renewed) == renewed


def test_commands_and_exit_statuses(pages):
    text = pages["docs/reference/commands.md"].text
    assert re.findall(r"^## rig (\w+)$", text, re.MULTILINE) == list(COMMANDS)
    told = [
        row[0]
        for row in rows(section(pages["docs/reference/commands.md"], "Exit status"))
        if row[0].isdigit()
    ]
    known = [value for name, value in vars(errors).items() if name.startswith("EXIT_")]
    assert told == [str(value) for value in sorted(known)]


@pytest.fixture(scope="module")
def journal_fields(main_job, tmp_path_factory):
    """Fields of every kind of record: of the main job, and of what only a bad run has."""
    fields = defaultdict(set)
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    journal = Journal.create(path, lambda: 0)
    recorder = CaseRecorder(journal, "case", "unit", 0)
    alarm = PumpAlarm("motor_stall", critical=True)
    recorder.pump_state(PumpState(0, "stop", False, 0, 0, 0, 0, (alarm,)))
    recorder.flag("name", "message", 0, 1)
    recorder.note("text")
    recorder.pump_clock(0, 0)
    recorder.patient_request(PatientBolusReply(""), 0)
    recorder.command("prime", 0, volume_nl=1)
    recorder.channels("environment", ChannelReading(0, {"air_temperature_c": 20.0}))
    recorder.mass(MassReading(0, 0.0, True, b"S S"))
    journal.append("clock_step", **ClockStep(0, 0)._asdict())
    journal.append("disk_full")
    journal.append(
        "case_started", case="case", unit="unit", procedure="bolus", again="on the operator's word"
    )
    recorder.measured(Stated("name", 1.0, "mL", 0.1, 2.0, None))
    recorder.failed_assertion("message")
    journal.append("python_files", files=[])
    journal.append("quarantine", file="known.toml", sha256="", entries=[])
    journal.append("recovered", words="the pump was stopped")
    asking = RecordedAsking(lambda *_: None, journal, "unit", "pump")
    asking(0, ">", b"done?\n")
    asking(0, "<", b"Ada\tdone\n")
    journal.close()
    for file in (path, *(folder / "journal.jsonl" for folder in main_job[1].values())):
        for line in file.read_text(encoding="utf-8").splitlines():
            record = json.loads(line)
            fields[record["kind"]] |= record.keys() - RESERVED
    return fields


def test_kinds_of_record(pages, journal_fields):
    told = {}
    for kind, cell in (
        row for row in rows(section(pages["docs/reference/run-folder.md"], "journal.jsonl")) if len(row) == 2
    ):
        if cell.startswith(("`", "no fields")):
            told[TICKED.match(kind)[1]] = set(TICKED.findall(re.sub(r"\{.*?\}", "", cell))) - {"null"}
    assert told == journal_fields


def test_files_of_a_run_folder(pages, main_job):
    text = pages["docs/reference/run-folder.md"].text
    for folder in main_job[1].values():
        for path in folder.iterdir():
            assert path.name in text, f"{path.name} is not told"


def keys_at(value, path):
    """Keys of all objects at a path like ``cases[].budgets.*``."""
    for part in filter(None, path.replace("[]", ".[]").split(".")):
        if part == "[]":
            value = [item for each in value for item in each]
        elif part == "*":
            value = [item for each in value for item in each.values()]
        else:
            value = [each[part] for each in value]
    return {frozenset(each) for each in value}


def test_schema_of_results(pages, main_job):
    results = [
        json.loads((folder / "results.json").read_text(encoding="utf-8")) for folder in main_job[1].values()
    ]
    top = set()
    for row in rows(section(pages["docs/reference/run-folder.md"], "results.json")):
        names = TICKED.findall(row[0])
        top |= {name.removesuffix("[]") for name in names if "." not in name}
        path, told = (
            (names or [""])[0],
            {name.removesuffix("[]") for name in TICKED.findall(row[1])} - {"null"},
        )
        by_name = path.endswith(("measurements", "budgets"))
        if "[]" in path and told:
            for keys in keys_at(results, path + (".*" if by_name else "")):
                assert keys == told, path
    assert keys_at(results, "") == {frozenset(top)}


def test_criteria_and_procedures(pages, main_job):
    page = pages["docs/reference/criteria-and-procedures.md"]
    headings = set(re.findall(r"^## (.+)$", page.text, re.MULTILINE))
    assert headings >= {*FlowAccuracyAccept.model_fields, *BolusAccept.model_fields}
    assert {f"Procedure {name}" for name in PROCEDURES} <= headings
    told = TICKED.findall(section(page, "Procedure flow_accuracy"))
    lines = (main_job[1]["flow-accuracy"] / "journal.jsonl").read_text(encoding="utf-8").splitlines()
    steps = [record["name"] for record in map(json.loads, lines) if record["kind"] == "step"]
    assert [name for name in told if name in steps] == list(dict.fromkeys(steps))


def test_flags(pages):
    told = {
        name
        for row in rows(section(pages["docs/reference/criteria-and-procedures.md"], "Flags"))
        for name in TICKED.findall(row[0])
    }
    source = "".join(path.read_text(encoding="utf-8") for path in sorted((ROOT / "rig/judge").glob("*.py")))
    raised = set(re.findall(r'Flag\(\s*"([a-z_]+)"', source))
    assert raised <= told
    made_up = {"calibration_of_flow_expired"}  # its name is put together
    assert all(f'"{name}"' in source for name in told - made_up)


def test_every_driver_has_a_row_and_no_row_claims_hardware(pages):
    page = pages["docs/reference/instruments.md"]
    table = {
        TICKED.findall(row[4])[0]: row[6]
        for row in rows(page.text)
        if len(row) == 7 and row[4].startswith("`")
    }
    assert table.keys() == DRIVERS.keys()
    for status in table.values():
        claims = re.findall(r"\*([a-z-]+)\*", status)
        assert claims
        assert set(claims) <= {"scripted", "simulated", "counterpart-verified"}


def test_rooms_are_those_of_the_import_contract(pages):
    drawing = next(block for block in pages["docs/explanation.md"].blocks if "pytest_plugin" in block.body)
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"][
        "contracts"
    ]
    layers = [
        {name.strip().removeprefix("rig.") for name in layer.split("|")} for layer in contracts[0]["layers"]
    ]
    rooms = set().union(*layers)
    drawn = [{word for word in line[:40].split() if word in rooms} for line in drawing.body.splitlines()]
    assert drawn == layers
