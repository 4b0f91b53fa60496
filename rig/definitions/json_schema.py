"""JSON Schemas of the files people write, for editors: made from the same models that read the files.

A schema says less than the loader: what is wrong between two values, or with another file, only ``rig check`` finds.
"""

from __future__ import annotations

import datetime
import tomllib
from collections.abc import Callable
from typing import Any

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue, models_json_schema
from pydantic_core import core_schema

from rig.definitions.bench_file import BenchTable
from rig.definitions.cases import PROCEDURES
from rig.definitions.instruments import Auxiliaries
from rig.definitions.plan_file import PlanTable
from rig.definitions.pump_profile import PumpTable
from rig.definitions.tables import Table
from rig.definitions.unit_file import UnitFile
from rig.definitions.written import JsonSchema

DRAFT = "http://json-schema.org/draft-07/schema#"  # the one that Taplo, and so VS Code, understands


def as_json(value: Any) -> Any:
    """TOML's values as editors hold them against a schema: dates and times are texts."""
    if isinstance(value, dict):
        return {key: as_json(item) for key, item in value.items()}
    if isinstance(value, list):
        return [as_json(item) for item in value]
    return value.isoformat() if isinstance(value, datetime.date | datetime.time) else value


class _OfTables(GenerateJsonSchema):
    """As pydantic makes it, but in TOML's terms: no null, no default in a unit of ours, examples as values."""

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return self.generate_inner(schema["schema"])

    def field_title_should_be_set(self, schema: Any) -> bool:
        return False

    def model_schema(self, schema: core_schema.ModelSchema) -> JsonSchemaValue:
        made = super().model_schema(schema)
        for key in ("title", "description"):  # of the class, for those who read the code
            made.pop(key, None)
        for of_key in made["properties"].values():
            if "examples" in of_key:
                examples = (tomllib.loads(f"value = {text}")["value"] for text in of_key["examples"])
                of_key["examples"] = [as_json(example) for example in examples]
        return made


def _file(title: str, properties: JsonSchema, needed: list[str], *models: type[Table]) -> JsonSchema:
    """Schema of a file with these tables; ``models`` are the tables that it refers to."""
    _, made = models_json_schema([(model, "validation") for model in models], schema_generator=_OfTables)
    # Those that kept a title are objects of ours, read from something written that has a schema of its own.
    tables = {name: table for name, table in made["$defs"].items() if "title" not in table}
    return {
        "$schema": DRAFT,
        "title": title,
        "type": "object",
        "properties": properties,
        "required": needed,
        "additionalProperties": False,
        "$defs": tables,
    }


def _ref(model: type[Table]) -> JsonSchema:
    return {"$ref": f"#/$defs/{model.__name__}"}


def _offered(defined: JsonSchema, tables: list[JsonSchema]) -> JsonSchema:
    """All keys of these tables, with what each is and no constraint.

    An editor checks by "if" and "then" but offers only what stands in "properties".
    """
    keys: JsonSchema = {}
    for table in tables:
        for key, of_key in table["properties"].items():
            told = {name: of_key[name] for name in ("description", "examples") if name in of_key}
            inner = [defined[of_key["$ref"].rsplit("/", 1)[1]]] if "$ref" in of_key else []
            more = _offered(defined, inner) if inner else {}
            known = keys.setdefault(key, told)
            if more:
                known["properties"] = known.get("properties", {}) | more
    return keys


def _plan() -> JsonSchema:
    properties: JsonSchema = {"plan": _ref(PlanTable)}
    schema = _file("test plan", properties, ["plan", "case"], PlanTable, *PROCEDURES.values())
    defined = schema["$defs"]
    offered = _offered(defined, [defined[model.__name__] for model in PROCEDURES.values()])
    chain: JsonSchema = {}
    for name, model in reversed(PROCEDURES.items()):
        this = {"if": {"properties": {"procedure": {"const": name}}}, "then": _ref(model)}
        chain = this | ({"else": chain} if chain else {})
    procedure = {"enum": list(PROCEDURES), "description": "how it is carried out"}
    case = {
        "type": "object",
        "properties": offered | {"procedure": procedure},
        "required": ["procedure"],
        **chain,
    }
    properties["case"] = {"type": "array", "minItems": 1, "items": case}
    return schema


def _bench() -> JsonSchema:
    unit = {"type": "array", "minItems": 1, "items": _ref(UnitFile)}
    properties = {"bench": _ref(BenchTable), "unit": unit, "shared": _ref(Auxiliaries)}
    return _file("bench", properties, ["bench", "unit"], BenchTable, UnitFile, Auxiliaries)


def _pump() -> JsonSchema:
    return _file("pump profile", {"pump": _ref(PumpTable)}, ["pump"], PumpTable)


SCHEMAS: dict[str, Callable[[], JsonSchema]] = {"plan": _plan, "bench": _bench, "pump": _pump}
