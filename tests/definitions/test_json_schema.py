"""The schemas for editors: every shipped file names its own and meets it."""

from __future__ import annotations

import json
import re
import tomllib
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, FormatChecker

from rig.definitions.cases import PROCEDURES
from rig.definitions.json_schema import SCHEMAS, as_json

ROOT = Path(__file__).parents[2]
SHIPPED = {
    "plan": sorted((ROOT / "test_plans").glob("*.plan.toml")),
    "bench": sorted((ROOT / "fixtures").glob("*.bench.toml")),
    "pump": sorted((ROOT / "fixtures/pumps").glob("*.toml")),
}


@pytest.mark.parametrize(
    "path", [path for paths in SHIPPED.values() for path in paths], ids=lambda path: path.name
)
def test_a_shipped_file_names_its_schema_and_meets_it(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    kind = next(kind for kind, paths in SHIPPED.items() if path in paths)
    named = re.match(r"#:schema (\S+)\n", text)
    assert named is not None
    assert named[1] == f"./{kind}.schema.json"
    schema = json.loads((path.parent / named[1]).read_text(encoding="utf-8"))
    validator = Draft7Validator(schema, format_checker=FormatChecker())
    assert [error.message for error in validator.iter_errors(as_json(tomllib.loads(text)))] == []


@pytest.mark.parametrize("kind", SCHEMAS)
def test_it_is_a_schema_and_every_key_is_explained(kind: str) -> None:
    schema = SCHEMAS[kind]()
    Draft7Validator.check_schema(schema)
    keys = [
        (table, key, of_key)
        for table, tells in schema["$defs"].items()
        for key, of_key in tells["properties"].items()
    ]
    unexplained = [
        f"{table}.{key}" for table, key, of_key in keys if "description" not in of_key and key != "procedure"
    ]
    assert keys
    assert unexplained == []


def test_an_editor_is_offered_every_key_of_every_procedure() -> None:
    """Taplo checks by "if" and "then", but completes only from "properties"."""
    case = SCHEMAS["plan"]()["properties"]["case"]["items"]
    for model in PROCEDURES.values():
        assert {field.alias or name for name, field in model.model_fields.items()} <= case[
            "properties"
        ].keys()
    assert {"mean_error", "time_to_alarm", "share_inside"} <= case["properties"]["accept"][
        "properties"
    ].keys()
    assert case["properties"]["procedure"]["enum"] == list(PROCEDURES)
