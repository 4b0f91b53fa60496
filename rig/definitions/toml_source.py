"""A TOML file read once: its hash, its data, and the line of every key, so that messages can say where."""

from __future__ import annotations

import hashlib
import re
import tomllib
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rig.definitions.toml_lines import KeyPath, TomlLines, find_lines
from rig.definitions.user_file import read_user_file
from rig.errors import DefinitionError, Where

LARGEST_FILE = 1_000_000  # bytes; a plan or bench is a few thousand
_ITEM_NAMES = {"case": "id", "unit": "serial"}  # arrays of tables, and the key each item is known by


@dataclass(frozen=True)
class TomlSource:
    """One file as it was read. ``path`` as the user gave it; ``sha256`` of its bytes, in hex."""

    path: Path
    text: str
    sha256: str
    data: Mapping[str, Any]
    lines: Mapping[KeyPath, int]

    @property
    def name(self) -> str:
        """The file as messages name it."""
        return str(self.path)

    def line_of(self, *path: str | int) -> int | None:
        """Line (from 1) of a key, such as ``line_of("case", 0, "sample", "every")``.

        A key that is not in the file gets the line of the nearest table around it; None if there is none.
        """
        return _line_of(self.lines, path)

    def place(self, path: KeyPath) -> Where:
        """The place of a key path as messages show it: file, case (in a plan), key, line."""
        return _place(self.name, self.lines, self._name_of, path)

    def where(self, item: str | None, *keys: str) -> Where:
        """The place of a key in the case with id ``item``, the unit with serial ``item``, or (None) the file.

        ``bench.source.where("SN0042", "balance", "driver")``, ``plan.source.where("lowest", "rate")``.
        """
        if item is None:
            return self.place(keys)
        for array in _ITEM_NAMES:
            items = self.data.get(array)
            for index in range(len(items) if isinstance(items, list) else 0):
                if self._name_of(array, index) == item:
                    return self.place((array, index, *keys))
        return Where(self.name, key=dotted(keys) or None)

    def _name_of(self, array: str, index: int) -> str:
        try:
            name = self.data[array][index][_ITEM_NAMES[array]]
        except (LookupError, TypeError):
            name = None
        return name if isinstance(name, str) and name else f"#{index + 1}"


def read_source(path: Path | str) -> TomlSource:
    """Read a TOML file.

    Raises DefinitionError (file, and line where it can be known) if it is missing, no regular file, too
    large, empty, binary, not UTF-8, not TOML, or gives a key twice.
    """
    path = Path(path)
    content = read_user_file(path, LARGEST_FILE, "is it a definition?")
    return source_from_bytes(content, path)


def source_from_bytes(content: bytes, path: Path) -> TomlSource:
    """As :func:`read_source`, from the file's bytes."""
    where = Where(str(path))
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise DefinitionError("the file is in UTF-16", where, "save it as UTF-8")
    if b"\0" in content:
        raise DefinitionError("the file is binary, not text", where)
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        line = content.count(b"\n", 0, problem.start) + 1
        said = f"byte {content[problem.start]:#04x} is not UTF-8"
        raise DefinitionError(said, Where(str(path), line=line), "save the file as UTF-8") from None
    if not text.strip():
        raise DefinitionError("the file is empty", where)
    return TomlSource(path, text, hashlib.sha256(content).hexdigest(), *_parse(text, path))


def dotted(path: KeyPath) -> str:
    """A key path as a user would write it; positions in a list are left out: ``accept.trumpet."930 min"``."""
    keys = [part for part in path if isinstance(part, str)]
    return ".".join(key if re.fullmatch(r"[\w.#-]+", key) else f'"{key}"' for key in keys)


def _line_of(lines: Mapping[KeyPath, int], path: KeyPath) -> int | None:
    for length in range(len(path), 0, -1):
        if path[:length] in lines:
            return lines[path[:length]]
    return None


def _place(
    file: str, lines: Mapping[KeyPath, int], name_of: Callable[[str, int], str], path: KeyPath
) -> Where:
    """The place of a key path: a case is named by its id, a unit by its serial as part of the key."""
    case, key = None, path
    if len(path) > 1 and path[0] in _ITEM_NAMES and isinstance(path[1], int):
        name = name_of(str(path[0]), path[1])
        case, key = (name, path[2:]) if path[0] == "case" else (None, (path[0], name, *path[2:]))
    return Where(file, case, dotted(key) or None, _line_of(lines, path))


def _parse(text: str, path: Path) -> tuple[dict[str, Any], dict[KeyPath, int]]:
    """TOML's data and the lines of its keys."""
    found = find_lines(text)
    try:
        return tomllib.loads(text), found.lines
    except (tomllib.TOMLDecodeError, RecursionError) as problem:
        said = str(problem)
    if found.twice is not None:
        key_path, line, first_line = found.twice
        where = replace(_place_in_broken(found, path, key_path), line=line)
        raise DefinitionError(f"this is given twice, first on line {first_line}", where, "keep one of them")
    at_line = re.search(r"\(at line ([0-9]+), column [0-9]+\)", said)
    line = int(at_line.group(1)) if at_line else text.rstrip().count("\n") + 1
    key_path = next((key for key, at in found.lines.items() if at == line), _table_before(found, line))
    if found.lost_in is not None and re.match("Unclosed|Unterminated|Illegal|Expected", said):
        key_path, line = found.lost_in, found.lines[found.lost_in]  # noticed later, but it begins here
    written = text.splitlines()[line - 1].strip() if line <= len(text.splitlines()) else ""
    where = replace(_place_in_broken(found, path, key_path), line=line)
    single = re.search(r"^[ \t]*\[(case|unit)\]", text, re.MULTILINE)
    if single and re.match("Cannot", said):
        where = Where(str(path), None, single.group(1), text.count("\n", 0, single.start(1)) + 1)
        hint = f"write [[{single.group(1)}]]"
        raise DefinitionError(f"a {single.group(1)} is written with double brackets", where, hint)
    raise DefinitionError(f"this is not TOML: {written}", where, _syntax_hint(written, said))


def _place_in_broken(found: TomlLines, path: Path, key_path: KeyPath) -> Where:
    """The place of a key in a text that is not TOML, by what was understood of it."""
    names = found.names
    return _place(str(path), found.lines, lambda array, i: names.get((array, i), f"#{i + 1}"), key_path)


def _table_before(found: TomlLines, line: int) -> KeyPath:
    """The case or unit in which a line stands, as far as can be told."""
    items = [key for key, at in found.lines.items() if len(key) == 2 and key[0] in _ITEM_NAMES and at <= line]
    return next((key for key in reversed(items) if isinstance(key[1], int)), ())


def _syntax_hint(written: str, said: str) -> str:
    if re.match(r"[\w.-]+\s*=\s*(#.*)?$", written):
        return "there is no value after '='"
    if re.search(r"=\s*[-+]?[0-9.,]+\s*[A-Za-z%]", written) or re.search(r"=\s*[-+]?[0-9]+,[0-9]", written):
        return 'a quantity stands in quotes with its unit: rate = "0.5 mL/day"'
    if re.search(r"=\s*[^\s\"'\[{0-9+-]", written) and not re.search(r"=\s*(true|false|inf|nan)\b", written):
        return 'a text stands in quotes: id = "lowest-rate"'
    parser_says = said.split(" (at ", maxsplit=1)[0]
    return "the parser says: " + parser_says[:1].lower() + parser_says[1:]
