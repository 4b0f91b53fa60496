"""Requirements from CSV: a line of headings, then one line an item. Separator, encoding and comments as in logs."""

from __future__ import annotations

import csv
import io
from pathlib import Path

from rig.definitions.foreign_text import SEPARATORS, text_of
from rig.definitions.requirements.requirement_set import NAMES, Item, plain_name, told
from rig.errors import DefinitionError, Where


def items_of_csv(content: bytes, path: Path, inside: str) -> list[Item]:
    """The items of a table. Empty lines and lines that begin with '#' are passed over.

    Raises DefinitionError with file and line for what is no table, has no column of ids, or a row without id.
    """
    rows = _rows(text_of(content, str(path)), path)
    if not rows:
        raise DefinitionError("there is no line of headings", Where(str(path)))
    header_line, header = rows[0]
    names = [plain_name(name) for name in header]
    if not set(names) & set(NAMES["id"]):
        hint = f"call one of: {', '.join(NAMES['id'])}; headings here: {', '.join(header)[:200]}"
        raise DefinitionError("no column has the ids", Where(str(path), line=header_line), hint)
    twice = next((name for index, name in enumerate(names) if name and name in names[:index]), None)
    if twice is not None:
        raise DefinitionError(f"two columns are headed {twice!r}", Where(str(path), line=header_line))
    items = []
    for line, cells in rows[1:]:
        where = Where(str(path), line=line)
        if len(cells) > len(names) and any(cells[len(names) :]):
            message = f"{len(cells)} cells under {len(names)} headings"
            raise DefinitionError(message, where, "a cell with the separator in it stands in double quotes")
        attributes = {name: cell for name, cell in zip(names, cells, strict=False) if name}
        if not told(attributes, "id"):
            raise DefinitionError("this line has no id", where)
        kind = told(attributes, "kind")
        items.append(Item(told(attributes, "id"), kind, attributes, (), where, f"{inside}:{line}"))
    return items


def _rows(text: str, path: Path) -> list[tuple[int, list[str]]]:
    """Rows with the line each begins on."""
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter=max(SEPARATORS, key=first.count), strict=True
    )
    rows, begins = [], 1
    try:
        for row in reader:
            cells = [cell.strip() for cell in row]
            if any(cells) and not cells[0].startswith("#"):
                rows.append((begins, cells))
            begins = reader.line_num + 1
    except csv.Error as problem:
        place = Where(str(path), line=begins)
        raise DefinitionError(f"the line cannot be split into cells: {problem}", place) from None
    return rows
