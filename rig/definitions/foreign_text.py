"""A table or document from elsewhere as text: its bytes read once, checked, and split into cells with their lines."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path

from rig.definitions.user_file import read_user_file
from rig.errors import DefinitionError, Where

LARGEST_FILE = 200_000_000  # bytes; a reading a second for a month is a tenth of it
SEPARATORS = {";": "semicolon", "\t": "tab", ",": "comma"}


def read_log_bytes(path: Path) -> bytes:
    """A file's bytes. Raises DefinitionError if it is missing, a folder, unreadable or too large."""
    return read_user_file(path, LARGEST_FILE)


def text_of(content: bytes, name: str) -> str:
    """The text: UTF-8 with or without a mark in front, or UTF-16 with one.

    Raises DefinitionError for anything else, or nothing.
    """
    where = Where(name)
    if content.startswith((b"\xff\xfe", b"\xfe\xff")):
        content = _from_utf_16(content, where)
    if content.startswith(b"PK\x03\x04"):
        raise DefinitionError("the file is a workbook or archive, not text", where, "save the sheet as CSV")
    strange = re.search(rb"[\x00-\x08\x0b-\x0c\x0e-\x1f\x7f]", content)
    if strange:
        said = f"the file is binary, not text: byte {content[strange.start()]:#04x}"
        raise DefinitionError(said, Where(name, line=_line_of(content, strange.start())))
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        said = f"byte {content[problem.start]:#04x} is not UTF-8"
        place = Where(name, line=_line_of(content, problem.start))
        raise DefinitionError(said, place, "save the file as UTF-8") from None
    if not text.strip():
        raise DefinitionError("the file is empty", where)
    return text


def _from_utf_16(content: bytes, where: Where) -> bytes:
    try:
        return content.decode("utf-16").encode()
    except UnicodeDecodeError as problem:
        said = f"the file begins as UTF-16, but byte {problem.start} and what follows is not"
        raise DefinitionError(said, where, "save it as CSV in UTF-8") from None


Body = list[tuple[int, list[str]]]  # line, cells


class LogRows:
    """A text split into cells: ``header``, and ``body``: each row below it with its line in the file (from 1).

    Lines that begin with '#' are passed over, empty lines above the header only. ``notes`` says how many.
    """

    def __init__(self, text: str, name: str) -> None:
        self.notes: list[str] = []
        lines = re.split(r"\r\n|\n|\r", text)
        first = 0
        while first < len(lines) and (not lines[first].strip() or lines[first].lstrip().startswith("#")):
            first += 1
        stated = re.fullmatch(r'"?sep=(.)"?', lines[first]) if first < len(lines) else None
        if stated:  # a line that spreadsheets write
            first += 1
        if first >= len(lines) or not any(line.strip() for line in lines[first:]):
            raise DefinitionError("there is no header and no reading", Where(name))
        if first:
            self.notes.append(f"{first} line{'s' if first > 1 else ''} above the header not read")
        self.header_line = first + 1
        self.separator = stated[1] if stated else _separator(lines[first])
        if self.separator not in SEPARATORS:
            said = f"the separator '{self.separator}' is not known"
            raise DefinitionError(said, Where(name, line=first), "comma, semicolon or tab")
        cells = list(self._cells("\n".join(lines[first:]), first, name))
        while len(cells) > 1 and not any(cells[-1][1]):
            cells.pop()
        self.header = cells[0][1]
        while len(self.header) > 1 and not self.header[-1]:
            self.header.pop()  # a separator at the end of every line
        self.body: Body = [row for row in cells[1:] if not row[1] or not row[1][0].startswith("#")]
        comments = len(cells) - 1 - len(self.body)
        if comments:
            self.notes.append(f"{comments} line{'s' if comments > 1 else ''} of comment not read")

    def _cells(self, text: str, above: int, name: str) -> Iterator[tuple[int, list[str]]]:
        reader = csv.reader(io.StringIO(text, newline=""), delimiter=self.separator, strict=True)
        try:
            for row in reader:
                yield above + reader.line_num, [cell.strip() for cell in row]
        except csv.Error as problem:
            place = Where(name, line=above + reader.line_num)
            raise DefinitionError(f"the line cannot be split into cells: {problem}", place) from None


def _separator(header: str) -> str:
    """The separator that splits the header; a comma within brackets or quotes does not count."""
    bare = re.sub(r'"[^"]*"|\([^)]*\)|\[[^\]]*\]', "", header)
    return max(SEPARATORS, key=bare.count)


def _line_of(content: bytes, place: int) -> int:
    return content.count(b"\n", 0, place) + 1
