"""The bench file of a served bench: the given one, with the addresses at which its instruments are served."""

from __future__ import annotations

import copy
import json
import re
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time
from typing import Any

from rig.definitions.bench_file import BenchFile
from rig.definitions.instruments import SHARED


def served_bench_text(bench: BenchFile, addresses: Mapping[tuple[str, str], str]) -> str:
    """The TOML text; pump profiles by absolute path, so that it can lie anywhere. Comments are not kept."""
    data = copy.deepcopy(dict(bench.source.data))
    for table, unit in zip(data["unit"], bench.units, strict=True):
        table["profile"] = str(unit.profile.source.path.resolve())
        for instrument in unit.instruments:
            if (address := addresses.get((unit.serial, instrument.role))) is not None:
                table[instrument.role] |= {"address": address, "simulated": True}
    for instrument in bench.shared.auxiliaries:
        if (address := addresses.get((SHARED, instrument.role))) is not None:
            data["shared"][instrument.role] |= {"address": address, "simulated": True}
    head = f"# Served by 'rig sim' from {bench.source.name}; the addresses end with it.\n"
    return head + "\n".join(_table(data, ())) + "\n"


def _table(table: Mapping[str, Any], path: tuple[str, ...]) -> Iterator[str]:
    """Lines of a table: its own values, then its sub-tables and arrays of tables."""
    for key, value in table.items():
        if not _is_table(value) and not _is_array_of_tables(value):
            yield f"{_key(key)} = {_value(value)}"
    for key, value in table.items():
        inner = (*path, _key(key))
        if _is_table(value):
            yield f"\n[{'.'.join(inner)}]"
            yield from _table(value, inner)
        elif _is_array_of_tables(value):
            for item in value:
                yield f"\n[[{'.'.join(inner)}]]"
                yield from _table(item, inner)


def _is_table(value: object) -> bool:
    return isinstance(value, dict)


def _is_array_of_tables(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(_is_table(item) for item in value)


def _key(key: str) -> str:
    return key if re.fullmatch(r"[A-Za-z0-9_-]+", key) else _text(key)


def _text(text: str) -> str:
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")


def _value(value: object) -> str:
    if isinstance(value, str):
        return _text(value)
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, list):
        return "[" + ", ".join(_value(item) for item in value) + "]"
    if isinstance(value, dict):  # inside an array with other things
        return "{" + ", ".join(f"{_key(key)} = {_value(item)}" for key, item in value.items()) + "}"
    raise TypeError(f"TOML has no {type(value).__name__}")
