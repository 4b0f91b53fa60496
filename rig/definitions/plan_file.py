"""Plan files: what is tested. ``[plan]`` and any number of ``[[case]]``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import Field

from rig.definitions.cases import PROCEDURES, Case
from rig.definitions.cases.common import CommonCase
from rig.definitions.cases.python import PYTHON, PythonCase
from rig.definitions.fields import Ident, Kinds, LineOfText, Paths, ShareOfUnitsPct, TemperatureC, Text, Truth
from rig.definitions.requirements import load_requirements
from rig.definitions.requirements.requirement_set import RequirementSet
from rig.definitions.tables import Problems, Table, check_keys, read_table
from rig.definitions.toml_lines import KeyPath
from rig.definitions.toml_source import TomlSource, read_source, source_from_bytes
from rig.definitions.written import shown
from rig.errors import DefinitionError, did_you_mean

USUAL_REFERENCE_TEMPERATURE_C = 20.0


RUN_FOLDER_REQUIREMENTS = "requirements"  # folder in a run folder
# A run folder also has the plans that were made from Python files; nobody writes such cases.
WITH_PYTHON: dict[str, type[CommonCase]] = {**PROCEDURES, PYTHON: PythonCase}


class PlanTable(Table):
    """``[plan]``"""

    id: Ident = Field(description="short name of the plan", examples=['"flow-accuracy"'])
    revision: Ident = Field(description="revision of the plan", examples=['"A"'])
    title: LineOfText = Field(description="what the plan verifies", examples=['"Flow accuracy"'])
    purpose: Text = Field("", description="why, in a few sentences")
    requirements: Paths = Field(
        (),
        description="requirement sets that `verifies` refers to, in the folder of this file or below",
        examples=['"requirements.csv"'],
    )
    reference_temperature_c: TemperatureC = Field(
        USUAL_REFERENCE_TEMPERATURE_C,
        alias="reference_temperature",
        description="temperature at which volumes are stated",
        examples=['"37 degC"'],
    )
    pumps: Kinds = Field(
        (),
        description="kinds of pump it is for, as `kind` of their profiles; elsewhere `pytest` on a folder skips it",
        examples=['["implantable"]'],
    )
    unattended: Truth = Field(False, description="nobody is near while it runs", examples=["true"])
    sample_size: Text = Field(
        "", description="why so many units are tested: the rationale of the sample size"
    )
    reliability_pct: ShareOfUnitsPct | None = Field(
        None,
        alias="reliability",
        description="share of all units that shall meet the criteria",
        examples=['"90 %"'],
    )
    confidence_pct: ShareOfUnitsPct = Field(
        95.0, alias="confidence", description="confidence of what is said of other units", examples=['"95 %"']
    )


@dataclass(frozen=True)
class Plan:
    """A whole plan. ``reference_temperature_c``: temperature for which volumes are stated (20 if unsaid).

    ``requirements``: the sets it names, read. ``pumps``: kinds it is for (empty: any). ``python_files``: of a Python
    plan, its source, by name.
    """

    id: str
    revision: str
    title: str
    purpose: str
    reference_temperature_c: float
    unattended: bool
    sample_size: str
    reliability_pct: float | None
    confidence_pct: float
    cases: tuple[Case, ...]
    source: TomlSource = field(repr=False, compare=False)
    requirements: tuple[RequirementSet, ...] = field(default=(), repr=False, compare=False)
    pumps: tuple[str, ...] = ()
    python_files: Mapping[str, bytes] = field(default_factory=dict, repr=False, compare=False)

    def case(self, case_id: str) -> Case:
        """The case with this id. Raises KeyError."""
        return {case.id: case for case in self.cases}[case_id]


def load_plan(path: Path | str) -> Plan:
    """Read and check a plan file and the requirement sets it names (relative to it).

    Raises DefinitionError with every problem found.
    """
    source = read_source(path)
    return plan_from_source(source, source.path.parent)


def plan_from_folder(run_folder: Path) -> Plan:
    """The plan of a run as its folder keeps it: ``plan.toml`` and the requirement sets in ``requirements/``."""
    source = read_source(run_folder / "plan.toml")
    return plan_from_source(source, run_folder / RUN_FOLDER_REQUIREMENTS, WITH_PYTHON)


def plan_from_text(text: str, name: str) -> Plan:
    """As :func:`load_plan`, from a text; ``name`` stands for the file in messages."""
    source = source_from_bytes(text.encode("utf-8"), Path(name))
    return plan_from_source(source, source.path.parent)


def plan_from_source(
    source: TomlSource, requirements_in: Path, procedures: Mapping[str, type[CommonCase]] = PROCEDURES
) -> Plan:
    """The plan in a source already read; its requirement sets lie in ``requirements_in``. Raises DefinitionError."""
    problems = Problems(source)
    check_keys(source.data, ("plan", "case"), (), problems)
    header = None
    if "plan" in source.data:
        header = read_table(PlanTable, source.data["plan"], ("plan",), problems)
    else:
        problems.add((), "the table [plan] is missing", 'it begins a plan: [plan], then id = "..."')
    cases = _cases(source.data.get("case"), procedures, problems)
    sets = _requirements(header, requirements_in, problems)
    problems.raise_if_any()
    if header is None:
        raise AssertionError("a plan without header was let through")
    return Plan(
        header.id,
        header.revision,
        header.title,
        header.purpose,
        header.reference_temperature_c,
        header.unattended,
        header.sample_size,
        header.reliability_pct,
        header.confidence_pct,
        cases,
        source,
        sets,
        header.pumps,
    )


def _requirements(header: PlanTable | None, folder: Path, problems: Problems) -> tuple[RequirementSet, ...]:
    if header is None or not header.requirements:
        return ()
    try:
        named_at = problems.source.where(None, "plan", "requirements")
        return load_requirements(header.requirements, folder, named_at)
    except DefinitionError as error:
        problems.found.extend(error.problems)
        return ()


def _cases(items: object, procedures: Mapping[str, type[CommonCase]], problems: Problems) -> tuple[Case, ...]:
    if isinstance(items, dict):
        problems.add(("case",), "a case is written with double brackets", "write [[case]]")
        return ()
    if not isinstance(items, list) or not items:
        problems.add(("case",), "there is no case in this plan", "a case begins with [[case]]")
        return ()
    cases: list[Case] = []
    first_with: dict[str, int | None] = {}
    for index, item in enumerate(items):
        path: KeyPath = ("case", index)
        case = _case(item, path, procedures, problems)
        if case is not None:
            cases.append(case)
        name = item.get("id") if isinstance(item, dict) else None
        if isinstance(name, str) and name.lower() in first_with:
            message = f"the id '{name}' is taken by the case on line {first_with[name.lower()]}"
            problems.add(
                (*path, "id"), message, "give each case its own id; small and capital letters count as equal"
            )
        elif isinstance(name, str):
            first_with[name.lower()] = problems.source.line_of(*path)
    return tuple(cases)


def _case(
    item: object, path: KeyPath, procedures: Mapping[str, type[CommonCase]], problems: Problems
) -> Case | None:
    if not isinstance(item, dict):
        problems.add(path, f"a table is needed here, not {shown(item)}", "a case begins with [[case]]")
        return None
    known = ", ".join(procedures)
    if "procedure" not in item:
        problems.add((*path, "procedure"), "the key 'procedure' is missing", f"one of: {known}")
        return None
    name = item["procedure"]
    if not isinstance(name, str) or name not in procedures:
        hint = f"{did_you_mean(str(name), procedures)} known: {known}".strip()
        problems.add((*path, "procedure"), f"the procedure {shown(name)} is unknown", hint)
        return None
    return read_table(procedures[name], item, path, problems)
