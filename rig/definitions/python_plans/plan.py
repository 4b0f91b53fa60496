"""From a file of test functions to a plan: its cases are what pytest collected, its text is made here, once.

The text is what a run folder keeps as ``plan.toml`` and what is judged by, so that whoever reads a run need not run
its Python file.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from rig.definitions.cases.python import PYTHON
from rig.definitions.plan_file import WITH_PYTHON, Plan, PlanTable, plan_from_source
from rig.definitions.python_plans.functions import TestFunction, first_line
from rig.definitions.toml_source import source_from_bytes
from rig.errors import DefinitionError, Where, did_you_mean

REVISION_DIGITS = 12  # of the source's hash, where the author gives no revision


def python_plan(
    path: Path,
    header: Mapping[str, Any],
    module_doc: str,
    tests: Sequence[TestFunction],
    files: Mapping[str, bytes],
    header_line: int | None = None,
) -> Plan:
    """The plan of the Python file ``path``.

    ``header``: keys of ``[plan]`` that its author gives; an id, a revision and a title are made up for him where he
    gives none. ``files``: the source to be kept, by name. ``header_line``: where the header begins, if it is known.
    Raises DefinitionError for what a plan file could not say either, and for two tests whose cases would have one
    name.
    """
    known = {field.alias or name for name, field in PlanTable.model_fields.items()}
    if unknown := sorted(set(header) - known):
        raise DefinitionError(
            f"the mark 'plan' has no '{unknown[0]}'",
            Where(str(path), line=header_line),
            did_you_mean(unknown[0], known) or f"it takes: {', '.join(sorted(known))}",
        )
    _refuse_one_name_for_two(path, tests)
    sha256 = hashlib.sha256(b"".join(files.values())).hexdigest()
    name = path.stem.removeprefix("test_").replace("_", "-")
    usual = {
        "id": name,
        "revision": f"sha256-{sha256[:REVISION_DIGITS]}",
        "title": first_line(module_doc) or name,
    }
    tables = [("[plan]", {**usual, **header})]
    tables += [("[[case]]", _case_table(test)) for test in tests]
    text = f"# Made from {path.name}, whose source is in the folder python.\n"
    text += "".join(f"\n{head}\n{_lines(table)}" for head, table in tables)
    lines = {("plan",): header_line} | {("case", index): test.line for index, test in enumerate(tests)}
    source = replace(
        source_from_bytes(text.encode("utf-8"), path),
        lines={key: line for key, line in lines.items() if line is not None},  # those of the Python file
    )
    return replace(plan_from_source(source, path.parent, WITH_PYTHON), python_files=dict(files))


def _refuse_one_name_for_two(path: Path, tests: Sequence[TestFunction]) -> None:
    first: dict[str, TestFunction] = {}
    for test in tests:
        other = first.setdefault(test.case.lower(), test)
        if other is not test:
            message = f"the case of '{test.name}' would have the name of that of '{other.name}'"
            where = Where(str(path), test.case, line=test.line)
            raise DefinitionError(
                message, where, "names differ by more than signs, and in their first 64 letters"
            )


def _case_table(test: TestFunction) -> dict[str, Any]:
    _, _, rest = test.doc.strip().partition("\n\n")
    table = {
        "id": test.case,
        "procedure": PYTHON,
        "test": test.name,
        "title": first_line(test.doc),
        "verifies": list(test.verifies),
        "rationale": " ".join(rest.split()),
    }
    return {key: value for key, value in table.items() if value}


def _lines(table: Mapping[str, Any]) -> str:
    return "".join(f"{key} = {_toml(value)}\n" for key, value in table.items())


def _toml(value: object) -> str:
    """A text, truth or list of texts as TOML; JSON spells them alike. Anything else is refused when it is read."""
    if isinstance(value, tuple):
        value = list(value)
    return json.dumps(value, ensure_ascii=False, default=str).replace("\x7f", "\\u007f")
