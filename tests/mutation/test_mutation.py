"""The campaigns' own parts: mutants are what they say, and what the lists name is still in the code."""

from __future__ import annotations

import ast
import sys
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parent
REPOSITORY = HERE.parents[1]
sys.path.insert(0, str(HERE))

from mutations import Mutable  # noqa: E402
from run_bugs import bugs, with_bug  # noqa: E402

sys.path.remove(str(HERE))

SOURCE = '''"""A docstring."""
import os
Names = dict[str, int]
LIMIT: int = 3


class Count:
    """Counts."""

    def add(self, least: int, most: int = 5) -> bool:
        """Whether it did."""
        assert least is not None
        if least < most and not self.full:
            self.sum += least
            os.sync()
            return True
        raise ValueError(f"{least + 1} is too much", "key")
'''


@pytest.fixture
def mutable(tmp_path):
    path = tmp_path / "count.py"
    path.write_text(SOURCE, encoding="utf-8")
    return Mutable(path)


def test_the_mutants_of_a_small_module(mutable):
    assert [(mutant.scope, mutant.was, mutant.now) for mutant in mutable.mutants] == [
        ("", "3", "4"),
        ("", "5", "6"),
        ("Count.add", "least < most and (not self.full)", "least < most or not self.full"),
        ("Count.add", "least < most", "least <= most"),
        ("Count.add", "least < most", "least >= most"),
        ("Count.add", "not self.full", "self.full"),
        ("Count.add", "self.sum += least", "self.sum -= least"),
        ("Count.add", "self.sum += least", "self.sum = least"),
        ("Count.add", "os.sync()", "pass"),
        ("Count.add", "True", "False"),
        ("Count.add", "raise ValueError(f'{least + 1} is too much', 'key')", "pass"),
        ("Count.add", "least + 1", "least - 1"),
        ("Count.add", "'key'", "'XXkeyXX'"),
    ]


def test_each_is_one_change_and_the_module_is_as_before_afterwards(mutable):
    before = ast.unparse(mutable.tree)
    texts = [mutable.source(mutant) for mutant in mutable.mutants]
    assert len({*texts, before}) == len(texts) + 1
    for mutant in mutable.mutants:
        mutable.code(mutant)
    assert ast.unparse(mutable.tree) == before


@pytest.mark.parametrize("bug", bugs(), ids=lambda bug: bug["name"])
def test_what_a_deliberate_bug_replaces_is_in_its_file_once(bug):
    text = (REPOSITORY / bug["file"]).read_text("utf-8")
    assert with_bug(text, bug) != text
    compile(with_bug(text, bug), bug["file"], "exec")
    assert bug["tests"]
    for test in bug["tests"]:
        assert (REPOSITORY / test.split("::")[0]).is_file()


def test_bugs_have_names_of_their_own():
    names = [bug["name"] for bug in bugs()]
    assert len(set(names)) == len(names) >= 20


def listed(name):
    return tomllib.loads((HERE / name).read_text("utf-8"))


MODULES = listed("modules.toml")["module"]


@pytest.mark.parametrize("module", MODULES, ids=lambda module: module["path"])
def test_modules_and_their_tests_are_there(module):
    for path in (module["path"], *module["quick"], *module.get("slow", [])):
        assert (REPOSITORY / path).is_file(), path


def test_every_mutant_that_was_read_and_found_to_change_nothing_is_still_one():
    mutants = {}
    for module in MODULES:
        found = Mutable(REPOSITORY / module["path"]).mutants
        mutants[module["path"]] = {(mutant.at, mutant.was, mutant.now) for mutant in found}
    for each in listed("equivalent.toml").get("mutant", []):
        assert (each["at"], each["was"], each["now"]) in mutants[each["module"]], each
        assert each["reason"].strip()
