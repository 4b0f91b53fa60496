"""The line scanner against the standard parser: the same keys, each on its line."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.definitions.toml_lines import KeyPath, find_lines

ODD = '''\
# a comment with [brackets] and = signs
title = "a # that is no comment"   # and one that is
long = """
[not.a.table]
key = "not a key"
quote \\""" inside
"""
raw = \'\'\'
x = [1, 2
\'\'\'
"quoted key" = 1
a.b.c = 1
a.b.d = { e = 1, "f g" = [ { h = 1 }, { h = 2 } ] }
when = 2027-03-01 10:00:00

[table]
list = [
  "one",   # comment, with comma
  "two",
  [ "three" ],
]
empty = []
nothing = {}

[table.below]
k = 'literal \\'

[[case]]
id = "first"
[case.accept]
x = 1
[case.accept."930 min"]
y = 2
[[case]]
id = "second"
inline = { a = { b = 1 } }
[[case.part]]
n = 1
[[case.part]]
n = 2
'''


def paths_of(data: object, path: KeyPath = ()) -> Iterator[KeyPath]:
    """Every key path of parsed TOML, with positions in lists."""
    if path:
        yield path
    if isinstance(data, dict):
        for key, value in data.items():
            yield from paths_of(value, (*path, key))
    elif isinstance(data, list):
        for index, value in enumerate(data):
            yield from paths_of(value, (*path, index))


def test_the_keys_are_those_of_the_parser() -> None:
    found = find_lines(ODD)
    assert set(found.lines) == set(paths_of(tomllib.loads(ODD)))
    assert found.twice is None
    assert found.lost_in is None
    assert found.names == {("case", 0): "first", ("case", 1): "second"}


@pytest.mark.parametrize(
    ("path", "begins"),
    [
        (("title",), "title"),
        (("quoted key",), '"quoted key"'),
        (("a",), "a.b.c"),
        (("a", "b", "d", "f g", 1, "h"), "a.b.d"),
        (("table",), "[table]"),
        (("table", "list", 1), '  "two"'),
        (("table", "list", 2, 0), "  [ "),
        (("case", 0, "accept", "930 min"), "[case.accept."),
        (("case", 1), "[[case]]"),
        (("case", 1, "inline", "a", "b"), "inline"),
    ],
)
def test_lines(path: KeyPath, begins: str) -> None:
    assert ODD.splitlines()[find_lines(ODD).lines[path] - 1].startswith(begins)


def test_the_second_of_two_items() -> None:
    lines = ODD.splitlines()
    found = find_lines(ODD).lines
    assert lines[found[("case", 1, "part", 1, "n")] - 1] == "n = 2"
    assert lines[found[("case", 0, "id")] - 1] == 'id = "first"'
    assert lines[found[("case", 1, "id")] - 1] == 'id = "second"'


@pytest.mark.parametrize("folder", ["fixtures", "test_plans", "tests/data"])
def test_every_definition_of_this_project(folder: str) -> None:
    files = sorted((Path(__file__).parents[2] / folder).rglob("*.toml"))
    assert files
    for file in files:
        text = file.read_text(encoding="utf-8")
        assert set(find_lines(text).lines) == set(paths_of(tomllib.loads(text))), file


KEYS = st.text("abc_-", min_size=1, max_size=3)
VALUES = st.recursive(
    st.sampled_from(["1", "true", "2027-03-01", '"x # y"', "'a = b'", "-1.5e3", '"""\nz = 1\n"""']),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3).map(lambda items: "[" + ", ".join(items) + "]"),
        st.lists(inner, max_size=3).map(lambda items: "[\n " + ",  # c\n ".join(items) + "\n]"),
        st.dictionaries(KEYS, inner, max_size=3).map(
            lambda items: "{" + ", ".join(f"{k} = {v}" for k, v in items.items() if "\n" not in v) + "}"
        ),
    ),
    max_leaves=6,
)
HEADERS = st.one_of(
    st.lists(KEYS, min_size=1, max_size=3).map(lambda keys: f"[{'.'.join(keys)}]"),
    st.lists(KEYS, min_size=1, max_size=2).map(lambda keys: f"[[{'.'.join(keys)}]]"),
    st.tuples(st.lists(KEYS, min_size=1, max_size=2), VALUES).map(lambda kv: f"{'.'.join(kv[0])} = {kv[1]}"),
)


@given(st.lists(HEADERS, max_size=12))
def test_any_toml(lines: list[str]) -> None:
    text = "\n".join(lines)
    found = find_lines(text)
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert set(found.lines) == set(paths_of(data))
    assert found.twice is None


@given(st.text("[]{}=\"'.,#\n a1", max_size=40))
def test_any_text_ends(text: str) -> None:
    assert all(1 <= line <= text.count("\n") + 1 for line in find_lines(text).lines.values())


@pytest.mark.parametrize(
    ("text", "path", "line", "first"),
    [
        ("a = 1\nb = 2\na = 3\n", ("a",), 3, 1),
        ("[t]\nx = 1\n[u]\n[t]\n", ("t",), 4, 1),
        ("[[case]]\nid = 'x'\nid = 'y'\n", ("case", 0, "id"), 3, 2),
        ("a = { b = 1, b = 2 }\n", ("a", "b"), 1, 1),
    ],
)
def test_the_first_key_given_twice(text: str, path: KeyPath, line: int, first: int) -> None:
    with pytest.raises(tomllib.TOMLDecodeError):
        tomllib.loads(text)
    assert find_lines(text).twice == (path, line, first)


def test_where_it_stopped() -> None:
    assert find_lines("a = 1\nb = [1, 2\nc = 3\n").lost_in == ("b",)
