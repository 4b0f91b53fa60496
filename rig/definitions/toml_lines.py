"""On which line does each key of a TOML text stand? The standard parser does not say.

This scanner reads just enough TOML to find keys. It judges nothing: where it does not understand, it stops
and tells what it has found so far; the standard parser decides what is valid.
"""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass, field

KeyPath = tuple[str | int, ...]  # ("case", 0, "sample", "every"); integers are positions in a list

_BLANK = re.compile(r"(?:[ \t\r\n]|#[^\n]*)*")
_BARE_KEY = re.compile(r"[A-Za-z0-9_-]+")
_BASIC_STRING = re.compile(r'"(?:[^"\\\n]|\\.)*"')
_LITERAL_STRING = re.compile(r"'[^'\n]*'")
_LONG_BASIC_STRING = re.compile(r'"""(?:[^\\]|\\[\s\S])*?"""(?:"{0,2})')
_LONG_LITERAL_STRING = re.compile(r"'''[\s\S]*?'''(?:'{0,2})")
_PLAIN_VALUE = re.compile(r"[^,\]}\n#]+")
_DEEPEST = 60


class _Lost(Exception):
    """The text is not TOML here."""


@dataclass
class TomlLines:
    """What was found.

    ``names``: the id of each [[case]], the serial of each [[unit]]. ``twice``: the first key that is given a
    second time, its line, and the line where it was given first. ``lost_in``: the statement that was not understood.
    """

    lines: dict[KeyPath, int] = field(default_factory=dict)
    names: dict[KeyPath, str] = field(default_factory=dict)
    twice: tuple[KeyPath, int, int] | None = None
    lost_in: KeyPath | None = None


def find_lines(text: str) -> TomlLines:
    """Lines (from 1) of every key, table and list item of a TOML text, as far as it could be understood."""
    scanner = _Scanner(text)
    with contextlib.suppress(_Lost):
        scanner.document()
    return scanner.found


class _Scanner:
    def __init__(self, text: str) -> None:
        self.text, self.at, self.found = text, 0, TomlLines()
        self.counts: dict[KeyPath, int] = {}  # number of tables so far in each array of tables
        self.stated: set[KeyPath] = set()  # keys with a value, tables with a header

    def document(self) -> None:
        table: KeyPath = ()
        while True:
            self.skip(_BLANK)
            if self.at >= len(self.text):
                return
            if self.text.startswith("[[", self.at):
                table = self.array_header()
            elif self.text.startswith("[", self.at):
                table = self.header()
            else:
                self.statement(table, 0)
                self.skip(re.compile(r"[ \t\r]*(#[^\n]*)?"))
                if self.at < len(self.text) and self.text[self.at] != "\n":
                    raise _Lost

    def skip(self, pattern: re.Pattern[str]) -> str:
        match = pattern.match(self.text, self.at)
        if match is None:
            raise _Lost
        self.at = match.end()
        return match.group()

    def take(self, mark: str) -> None:
        if not self.text.startswith(mark, self.at):
            raise _Lost
        self.at += len(mark)

    def line(self) -> int:
        return self.text.count("\n", 0, self.at) + 1

    def state(self, path: KeyPath, line: int) -> None:
        """``path`` gets its value or header here."""
        if path in self.stated and self.found.twice is None:
            self.found.twice = (path, line, self.found.lines[path])
        self.stated.add(path)
        self.found.lines.setdefault(path, line)

    def array_header(self) -> KeyPath:
        line = self.line()
        self.take("[[")
        keys = self.keys()
        array = (*self.resolve(keys[:-1], line), keys[-1])
        self.take("]]")
        index = self.counts.get(array, 0)
        self.counts[array] = index + 1
        self.found.lines.setdefault(array, line)
        self.found.lines[(*array, index)] = line
        return (*array, index)

    def header(self) -> KeyPath:
        line = self.line()
        self.take("[")
        keys = self.keys()
        table = (*self.resolve(keys[:-1], line), keys[-1])
        self.take("]")
        self.state(table, line)
        return table

    def resolve(self, keys: list[str], line: int) -> KeyPath:
        """The path that a header's keys mean: a key of an array of tables means its last table so far."""
        path: KeyPath = ()
        for key in keys:
            path = (*path, key)
            self.found.lines.setdefault(path, line)
            if path in self.counts:
                path = (*path, self.counts[path] - 1)
        return path

    def keys(self) -> list[str]:
        """A dotted key."""
        keys = []
        while True:
            self.skip(re.compile(r"[ \t]*"))
            if self.text.startswith('"', self.at):
                keys.append(self.skip(_BASIC_STRING)[1:-1])
            elif self.text.startswith("'", self.at):
                keys.append(self.skip(_LITERAL_STRING)[1:-1])
            else:
                keys.append(self.skip(_BARE_KEY))
            self.skip(re.compile(r"[ \t]*"))
            if not self.text.startswith(".", self.at):
                return keys
            self.at += 1

    def statement(self, table: KeyPath, depth: int) -> None:
        """``key = value``."""
        line = self.line()
        keys = self.keys()
        for length in range(1, len(keys)):
            self.found.lines.setdefault((*table, *keys[:length]), line)
        path = (*table, *keys)
        self.state(path, line)
        self.found.lost_in = path
        self.take("=")
        self.skip(re.compile(r"[ \t]*"))
        start = self.at
        self.value(path, depth)
        if len(path) == 3 and path[::2] in (("case", "id"), ("unit", "serial")):
            self.found.names[path[:2]] = self.text[start : self.at].strip().strip("\"'")
        self.found.lost_in = None

    def value(self, path: KeyPath, depth: int) -> None:
        if depth > _DEEPEST:
            raise _Lost
        if self.text.startswith('"""', self.at):
            self.skip(_LONG_BASIC_STRING)
        elif self.text.startswith("'''", self.at):
            self.skip(_LONG_LITERAL_STRING)
        elif self.text.startswith('"', self.at):
            self.skip(_BASIC_STRING)
        elif self.text.startswith("'", self.at):
            self.skip(_LITERAL_STRING)
        elif self.text.startswith("[", self.at):
            self.list_items(path, depth)
        elif self.text.startswith("{", self.at):
            self.inline_table(path, depth)
        else:
            self.skip(_PLAIN_VALUE)

    def list_items(self, path: KeyPath, depth: int) -> None:
        self.take("[")
        index = 0
        while True:
            self.skip(_BLANK)
            if self.text.startswith("]", self.at):
                self.at += 1
                return
            self.found.lines[(*path, index)] = self.line()
            self.value((*path, index), depth + 1)
            index += 1
            self.skip(_BLANK)
            if not self.text.startswith("]", self.at):
                self.take(",")

    def inline_table(self, path: KeyPath, depth: int) -> None:
        self.take("{")
        while True:
            self.skip(_BLANK)
            if self.text.startswith("}", self.at):
                self.at += 1
                return
            self.statement(path, depth + 1)
            self.skip(_BLANK)
            if not self.text.startswith("}", self.at):
                self.take(",")
