"""Writes the tables of ``docs/reference/*.md`` and the schemas of files from the code, so that they cannot go stale.

    python docs/make_reference.py            writes them
    python docs/make_reference.py --check    changes nothing; ends with status 1 if one is not as the code has it

What stands between ``<!-- generated: NAME -->`` and ``<!-- end -->`` is replaced; the rest is written by hand.
"""

from __future__ import annotations

import argparse
import csv
import importlib
import inspect
import math
import pkgutil
import re
import sys
import types
import typing
from collections.abc import Callable, Iterator
from enum import StrEnum
from functools import partial
from importlib.metadata import metadata
from pathlib import Path
from typing import Any

from pydantic import BeforeValidator
from pydantic.fields import FieldInfo

import rig.analysis
from rig.cli import COMMANDS
from rig.cli.schema import text_of as schema_text
from rig.definitions import written
from rig.definitions.bench_file import BenchTable
from rig.definitions.cases.battery import BatteryAccept, BatteryCase
from rig.definitions.cases.bolus import BolusAccept, BolusCase
from rig.definitions.cases.common import CommonCase, WeighedCase
from rig.definitions.cases.disturbance import DisturbanceAccept, DisturbanceCase
from rig.definitions.cases.endurance import EnduranceAccept, EnduranceCase
from rig.definitions.cases.flex_schedule import ClockChange, DayGroup, FlexAccept, FlexScheduleCase
from rig.definitions.cases.flow_accuracy import Drug, FlowAccuracyAccept, FlowAccuracyCase, Sample
from rig.definitions.cases.flow_presets import PRESETS
from rig.definitions.cases.occlusion import OcclusionAccept, OcclusionCase
from rig.definitions.cases.patient_bolus import PatientAccept, PatientBolusCase
from rig.definitions.cases.periodic_bolus import PeriodicAccept, PeriodicBolusCase
from rig.definitions.cases.priming import Catheter, PrimingAccept, PrimingCase
from rig.definitions.cases.refill_cycle import RefillAccept, RefillCycleCase
from rig.definitions.cases.still import StillAccept, StillCase
from rig.definitions.instruments import (
    Auxiliaries,
    BalanceInstrument,
    CurrentInstrument,
    FlowInstrument,
    InstrumentFile,
    PressureInstrument,
    SimulatedUnit,
)
from rig.definitions.limits import ALL_FORMS
from rig.definitions.plan_file import PlanTable
from rig.definitions.pump_profile import PumpTable
from rig.definitions.tables import Table
from rig.definitions.unit_file import UnitFile
from rig.errors import DefinitionError
from rig.quantities import KINDS, parse

ROOT = Path(__file__).parents[1]
REFERENCE = ROOT / "docs/reference"
VALIDATION = ROOT / "docs/validation"
BLOCK = re.compile(r"(<!-- generated: (?P<name>[a-z0-9-]+) -->\n).*?(<!-- end -->)", re.DOTALL)

# What it means to leave a key out, where the model's default does not say it.
LEFT_OUT = {
    (FlowAccuracyCase, "rate"): "then `dose`",
    (FlowAccuracyCase, "dose"): "then `rate`",
    (FlowAccuracyCase, "windows"): "15, 60, 150, 330, 570, 930 min, as far as they fit",
    (BolusCase, "inside"): "the limit of `single_dose`",
    (UnitFile, "reservoir"): "full",
    (UnitFile, "outlet_diameter"): "not submerged",
    (UnitFile, "vessel_diameter"): "not submerged",
    (UnitFile, "balance"): "none",
    (UnitFile, "flow"): "none",
    **{(Auxiliaries, role): "none" for role in Auxiliaries.model_fields},
    (InstrumentFile, "options"): "none",
    (UnitFile, "simulated"): "perfect instruments",
    (InstrumentFile, "device"): "that of the driver",
    (InstrumentFile, "serial"): "not compared",
    (InstrumentFile, "calibrated_until"): "not stated; `rig check` warns",
    (BenchTable, "fluid_temperature"): "not stated",
    (BenchTable, "rate_max"): "no limit but the pump's",
    (BenchTable, "bolus_max"): "no limit but the pump's",
    (BenchTable, "volume_max"): "no limit but the reservoir",
    (BenchTable, "disagreement_max"): "not looked at",
    (BenchTable, "time_stamp_authority"): "nobody is asked",
    (SimulatedUnit, "stall_at"): "never",
    (SimulatedUnit, "occlusion_pressure"): "never",
    (PressureInstrument, "accuracy"): "taken for nothing",
    (CurrentInstrument, "accuracy_of_value"): "taken for nothing",
    (WeighedCase, "line_valve"): "the line stays open",
    (WeighedCase, "channels_on"): "none",
    (WeighedCase, "bath_temperature"): "the bath stays as it is",
    (DisturbanceCase, "channel"): "the supply, or a command",
    (DisturbanceCase, "voltage"): "the supply is left alone",
    (BatteryCase, "capacity"): "no life is computed",
    (BatteryCase, "voltages"): "the voltage does not fall",
    (SimulatedUnit, "stall_for"): "for good",
}

WORDS: dict[object, str] = {
    written.read_text: "text",
    written.read_paths: "path, or list of paths",
    written.read_line: "text, one line",
    written.read_ident: "name",
    written.read_web_address: "web address",
    written.read_date: "date",
    written.read_truth: "`true` or `false`",
    written.read_date_time: "date with time of the day, no quotes",
    written.read_weekday: "weekday",
}


def _validator(annotation: object, metadata: list[Any]) -> BeforeValidator | None:
    """The validator that says what may be written; of ``X | None`` that of X."""
    for item in metadata:
        if isinstance(item, BeforeValidator):
            return item
    for part in typing.get_args(annotation):
        if typing.get_origin(part) is typing.Annotated:
            return _validator(None, list(part.__metadata__))
    return None


def _tables_in(annotation: object) -> list[type[Table]]:
    is_union = typing.get_origin(annotation) in (types.UnionType, typing.Union)
    parts = typing.get_args(annotation) if is_union else (annotation,)
    return [part for part in parts if isinstance(part, type) and issubclass(part, Table)]


def _captured(function: Any) -> dict[str, Any]:
    return dict(inspect.getclosurevars(function).nonlocals)


# Keys whose values no validator describes.
WRITTEN = {
    "profile": "path of a pump profile, from the folder of this file",
    "groups": "list of tables, see below",
    "steps": "table: a time of the day, then a rate",
    "options": "table of options of the driver",
}


def _written(key: str, field: FieldInfo) -> str:
    """What may stand behind a key, in a few words."""
    if key in WRITTEN:
        return WRITTEN[key]
    if field.annotation is dict or typing.get_origin(field.annotation) is dict:
        return "table: a window, then a limit"
    if _tables_in(field.annotation):
        return "table, see below"
    validator = _validator(field.annotation, list(field.metadata))
    if validator is None:
        raise SystemExit(f"{key}: no validator found; teach docs/make_reference.py its kind")
    return _words(validator.func)


def _words(function: Any) -> str:
    """What one validator reads, found in what it captured."""
    captured = _captured(function)
    if "read_item" in captured:
        first, comma, rest = _words(captured["read_item"]).replace(", one line", "").partition(",")
        words = f"list of {first}s{comma + ' each' if comma else ''}{rest}"
    elif "words" in captured:
        words = " or ".join(f'`"{word}"`' for word in captured["words"])
    elif "forms" in captured:
        forms = captured["forms"] or ALL_FORMS
        words = "limit" if forms == ALL_FORMS else "limit: " + " or ".join(f"`{form} …`" for form in forms)
        if captured.get("kind", "percent") != "percent":
            words += f", a {captured['kind'].replace('_', ' ')}"
    elif "kind" in captured:
        words = _quantity_words(captured)
    elif "least" in captured:
        words = f"whole number, {captured['least']} to {captured['most']}"
    else:
        words = WORDS[function]
    return words


def _quantity_words(captured: dict[str, Any]) -> str:
    unit = captured.get("unit") or KINDS[captured["kind"]].canonical
    text = captured["kind"].replace("_", " ")
    if captured.get("above") is not None:
        text += f", above {captured['above']:g} {unit}" if captured["above"] else ", above zero"
    if captured.get("least") is not None and captured.get("most") is None:
        text += f", {captured['least']:g} {unit} or more" if captured["least"] else ", zero or more"
    elif captured.get("least") is not None:
        text += f", {captured['least']:g} to {captured['most']:g} {unit}"
    elif captured.get("most") is not None:
        text += f", at most {captured['most']:g} {unit}"
    return text


def _default(model: type[Table], key: str, field: FieldInfo) -> str:
    if field.is_required():
        return "**needed**"
    for parent in model.__mro__:
        if (parent, key) in LEFT_OUT:
            return LEFT_OUT[parent, key]
    if field.default is None or field.default in ("", (), {}):
        return "–"
    if isinstance(field.default, bool):
        return f"`{str(field.default).lower()}`"
    validator = _validator(field.annotation, list(field.metadata))
    captured = _captured(validator.func) if validator is not None else {}
    if "kind" in captured:
        return f"{field.default:g} {captured.get('unit') or KINDS[captured['kind']].canonical}"
    return f"`{field.default}`" if not isinstance(field.default, str) else f'`"{field.default}"`'


def _meaning(model: type[Table], key: str, field: FieldInfo) -> str:
    if field.description is None:
        raise SystemExit(f"{model.__name__}.{key} has no description; give it one")
    return f"{field.description}, `{field.examples[0]}`" if field.examples else field.description


def keys_of(model: type[Table]) -> dict[str, FieldInfo]:
    """Keys as they stand in a file."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def table_of(model: type[Table], without: type[Table] | None = None) -> str:
    """The keys of one TOML table; those of ``without`` are told elsewhere."""
    told = set(keys_of(without)) if without else set()
    rows = ["| key | what is written | left out | what it is |", "|---|---|---|---|"]
    for key, field in keys_of(model).items():
        if key in told or key == "procedure":
            continue
        cells = (_written(key, field), _default(model, key, field), _meaning(model, key, field))
        rows.append(f"| `{key}` | " + " | ".join(cells) + " |")
    return "\n".join(rows) + "\n"


def command_table(name: str) -> str:
    """Arguments, example and exit status of one command, as its ``--help`` gives them."""
    parser = argparse.ArgumentParser(add_help=False)
    importlib.import_module(f"rig.cli.{name}").add_arguments(parser)
    rows = ["| argument | meaning |", "|---|---|"]
    for action in parser._actions:
        metavar = action.metavar or ("{" + ",".join(action.choices) + "}" if action.choices else "")
        shown = ", ".join(f"{option} {metavar}".strip() for option in action.option_strings) or str(metavar)
        needed = " (needed)" if action.option_strings and action.required else ""
        many = "…" if action.nargs == "+" else ""
        rows.append(f"| `{shown}{many}`{needed} | {action.help} |")
    example, status = (line.partition(": ") for line in (parser.epilog or "").splitlines())
    rows += ["", f"Example: `{example[2]}`", "", f"Exit status: {status[2]}."]
    return "\n".join(rows) + "\n"


def kinds_table() -> str:
    """The whitelist of units with the factor of each to the kind's own unit."""
    rows = ["| kind | canonical unit | units |", "|---|---|---|"]
    for name, kind in KINDS.items():
        units = ", ".join(f"`{unit}`" for unit in kind.units)
        rows.append(f"| {name.replace('_', ' ')} | `{kind.canonical}` | {units} |")
    return "\n".join(rows) + "\n"


REFUSED = (
    ("0,5 mL/day", "rate"), ("nan mL/h", "rate"), ("5mL/h", "rate"), ("5  mL/h", "rate"), ("1/2 mL", "volume"),
    ("5 ML", "volume"), ("5 ml", "volume"), ("5 cc", "volume"), ("1 000 mL", "volume"), (".5 mL", "volume"),
    ("5 µL", "volume"), ("5", "volume"), ("5 mL", "rate"), ("2 days", "duration"), ("+5 mL", "volume"),
)  # fmt: skip


def refused_table() -> str:
    """What is refused, with the rig's own words."""
    rows = ["| written | asked for | answer |", "|---|---|---|"]
    for text, kind in REFUSED:
        try:
            parse(text, kind)
        except DefinitionError as error:
            meant = re.match(r"did you mean '([^']+)'", error.hint)
            answer = f"{error.message}; did you mean `{meant[1]}`?" if meant else error.message
            rows.append(f"| `{text}` | {kind} | {answer} |")
        else:
            raise SystemExit(f"'{text}' is not refused any more")
    return "\n".join(rows) + "\n"


def _markdown(docstring: str) -> str:
    """A docstring as it is printed: a line a paragraph, names in code, the roles of Sphinx left out."""
    text = re.sub(r":(?:func|class|meth|mod|attr):`~?([^`]+)`", r"`\1`", docstring.replace("``", "`"))
    text = re.sub(r"(`[^`]*`)|([*_<])", lambda found: found[1] or "\\" + found[2], text)
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


def _public(owner: types.ModuleType | type) -> Iterator[tuple[str, Any]]:
    """Public functions, classes, methods and properties of a module or class, in the order they are written."""
    module = owner.__name__ if isinstance(owner, types.ModuleType) else owner.__module__
    for name, item in vars(owner).items():
        found = item.fget if isinstance(item, property) else getattr(item, "__func__", item)
        if not name.startswith("_") and getattr(found, "__module__", None) == module and callable(found):
            yield name, item


def _parameter(parameter: inspect.Parameter) -> str:
    stars = "**" if parameter.kind is parameter.VAR_KEYWORD else ""
    text = f"{stars}{parameter.name}: {parameter.annotation}"
    if parameter.default is parameter.empty:
        return text
    default = parameter.default
    return f"{text} = {f'{type(default).__name__}.{default.name}' if isinstance(default, StrEnum) else repr(default)}"


def _signature(name: str, item: Any, longest: float = 100) -> str:
    """As it is written: annotations are text, for their evaluation is postponed."""
    signature = inspect.signature(item)
    parameters = []
    for parameter in signature.parameters.values():
        if parameter.name in ("self", "cls"):
            continue
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parameters:
            parameters.append("*")
        parameters.append(_parameter(parameter))
    result = "" if isinstance(item, type) else f" -> {signature.return_annotation}"
    text = f"{name}({', '.join(parameters)}){result}"
    if len(text) <= longest:
        return text
    return "\n".join([f"{name}(", *(f"    {parameter}," for parameter in parameters), f"){result}"])


def _of_class(item: type) -> Iterator[str]:
    """The members of a class, a list item each."""
    if issubclass(item, StrEnum):
        yield "- " + ", ".join(f"`{member.name}`" for member in item)
    for name, member in _public(item):
        shown = name
        if not isinstance(member, property):
            shown = _signature(name, getattr(member, "__func__", member), math.inf)
        yield f"- `{shown}`: " + " ".join(_markdown(inspect.getdoc(member) or "").split())


def analysis_reference() -> str:
    """Every public name of ``rig.analysis`` with its docstring, by module."""
    parts = []
    for found in sorted(pkgutil.iter_modules(rig.analysis.__path__), key=lambda found: found.name):
        module = importlib.import_module(f"rig.analysis.{found.name}")
        parts += [f"## {found.name}", _markdown(inspect.getdoc(module) or "")]
        for name, item in _public(module):
            parts += [f"### {name}"]
            if not (isinstance(item, type) and issubclass(item, StrEnum)):
                parts += [f"```python\n{_signature(name, item)}\n```"]
            parts += [_markdown(inspect.getdoc(item) or "")]
            members = list(_of_class(item)) if isinstance(item, type) else []
            parts += ["\n".join(members)] if members else []
    return "\n" + "\n\n".join(parts) + "\n\n"


def presets_table() -> str:
    """The presets of the standard, as data."""
    rows = [
        "| pump | edition | interval, min | period A | period B | windows, min |",
        "|---|---|---|---|---|---|",
    ]
    for preset in PRESETS:
        windows = ", ".join(f"{window_s / 60:g}" for window_s in preset.windows_s)
        period = "the plan's"
        if preset.settle_s is not None and preset.period_s is not None:
            period = f"{preset.period_s / 3600:g} h, from {preset.settle_s / 3600:g} h after the start"
        interval = "the plan's" if preset.sample_every_s is None else f"{preset.sample_every_s / 60:g}"
        last = "as long, up to the change of the set" if preset.has_period_b else "–"
        rows.append(
            f"| {preset.name} | {preset.edition or '–'} | {interval} | {period} | {last} | {windows} |"
        )
    return "\n".join(rows) + "\n"


def own_requirements() -> str:
    """The requirements of this software with the tests that verify each."""
    rows = ["| id | the software … | verified by |", "|---|---|---|"]
    with (VALIDATION / "requirements.csv").open(encoding="utf-8", newline="") as file:
        for told in csv.DictReader(file):
            tests = "<br>".join(f"`{name}`" for name in told["verified by"].split())
            rows.append(f"| {told['id']} | {told['text']} | {tests} |")
    return "\n".join(rows) + "\n"


def licence_of(name: str) -> str:
    """The licence that a package states: its SPDX expression, or else its classifiers, or else its own words."""
    told = metadata(name)
    said = told.get("License-Expression")
    classed = [
        text.rsplit(" :: ", 1)[1]
        for text in told.get_all("Classifier") or ()
        if text.startswith("License ::")
    ]
    return said or ", ".join(classed) or (told.get("License") or "").splitlines()[0]


def parts_table() -> str:
    """What is needed at run time, with versions and licences."""
    rows = ["| package | version | licence |", "|---|---|---|"]
    for line in tested_versions().splitlines():
        name, version = line.split("==")
        rows.append(f"| {name} | {version} | {licence_of(name)} |")
    return "\n".join(rows) + "\n"


# Tables of keys: the model, and what of it is told elsewhere.
TABLES: dict[str, tuple[type[Table], type[Table] | None]] = {
    "plan": (PlanTable, None),
    "case": (CommonCase, None),
    "weighed-case": (WeighedCase, CommonCase),
    "flow-accuracy": (FlowAccuracyCase, WeighedCase), "flow-accuracy-accept": (FlowAccuracyAccept, None),
    "drug": (Drug, None), "sample": (Sample, None),
    "bolus": (BolusCase, WeighedCase), "bolus-accept": (BolusAccept, None),
    "flex-schedule": (FlexScheduleCase, WeighedCase), "flex-accept": (FlexAccept, None),
    "day-group": (DayGroup, None), "clock-change": (ClockChange, None),
    "patient-bolus": (PatientBolusCase, WeighedCase), "patient-accept": (PatientAccept, None),
    "periodic-bolus": (PeriodicBolusCase, WeighedCase), "periodic-accept": (PeriodicAccept, None),
    "priming": (PrimingCase, WeighedCase), "priming-accept": (PrimingAccept, None), "catheter": (Catheter, None),
    "refill-cycle": (RefillCycleCase, WeighedCase), "refill-accept": (RefillAccept, None),
    "endurance": (EnduranceCase, WeighedCase), "endurance-accept": (EnduranceAccept, None),
    "occlusion": (OcclusionCase, CommonCase), "occlusion-accept": (OcclusionAccept, None),
    "still": (StillCase, CommonCase), "still-accept": (StillAccept, None),
    "disturbance": (DisturbanceCase, WeighedCase), "disturbance-accept": (DisturbanceAccept, None),
    "battery": (BatteryCase, CommonCase), "battery-accept": (BatteryAccept, None),
    "bench": (BenchTable, None),
    "unit": (UnitFile, Auxiliaries), "auxiliaries": (Auxiliaries, None),
    "instrument": (InstrumentFile, None),
    "balance": (BalanceInstrument, InstrumentFile), "flow": (FlowInstrument, InstrumentFile),
    "pressure": (PressureInstrument, InstrumentFile), "current": (CurrentInstrument, InstrumentFile),
    "simulated": (SimulatedUnit, None),
    "pump": (PumpTable, None),
}  # fmt: skip
BLOCKS: dict[str, Callable[[], str]] = {
    **{name: partial(table_of, *what) for name, what in TABLES.items()},
    **{f"command-{name}": partial(command_table, name) for name in COMMANDS},
    "flow-presets": presets_table,
    "analysis": analysis_reference,
    "kinds": kinds_table,
    "refused": refused_table,
    "own-requirements": own_requirements,
    "parts": parts_table,
}


def renewed(text: str) -> str:
    """The page with its generated blocks as the code has them now."""
    return BLOCK.sub(lambda found: found[1] + BLOCKS[found["name"]]() + found[3], text)


def tested_versions() -> str:
    """What requirements.lock pins, without the hashes: for ``rig selftest``, which has only the wheel."""
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    return "".join(
        f"{name}=={version}\n" for name, version in re.findall(r"^([\w.-]+)==([^ \\]+)", lock, re.M)
    )


WHOLE: dict[Path, Callable[[], str]] = {  # schemas lie beside the files that name them
    ROOT / "test_plans/plan.schema.json": lambda: schema_text("plan"),
    ROOT / "fixtures/bench.schema.json": lambda: schema_text("bench"),
    ROOT / "fixtures/pumps/pump.schema.json": lambda: schema_text("pump"),
    ROOT / "rig/shipped/tested_versions.txt": tested_versions,
}


def stale() -> Iterator[tuple[Path, str]]:
    """Pages and files that are not as the code has them, and how they should be."""
    for page in sorted([*REFERENCE.glob("*.md"), *VALIDATION.glob("*.md")]):
        text = page.read_text(encoding="utf-8")
        if (new := renewed(text)) != text:
            yield page, new
    for path, make in WHOLE.items():
        new = make()
        if not path.exists() or path.read_text(encoding="utf-8") != new:
            yield path, new


def main(arguments: list[str]) -> int:
    found = list(stale())
    for path, new in found:
        if "--check" not in arguments:
            path.write_text(new, encoding="utf-8")
        sys.stdout.write(f"{path}: {'stale' if '--check' in arguments else 'written'}\n")
    return 1 if found and "--check" in arguments else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
