"""Python plans that are read, not run: what is wrong with one, and what only running it would tell, is said."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from rig.definitions.python_plans.source import load_any_plan, load_python_plan
from rig.errors import DefinitionError

SOUND = '''\
"""Sound."""
import pytest

pytestmark = pytest.mark.plan(id="sound", revision="A", requirements="needs.csv")


@pytest.mark.verifies("SRS-1")
@pytest.mark.parametrize("rate", [1, 2])
def test_sound(pump, rate):
    pass
'''
# what is written instead of what, and what is said of it
MISTAKES = {
    "unknown key": ('revision="A"', 'revison="A"', ":4: the mark 'plan' has no 'revison' (did you mean 'revision'?)"),
    "no id": ('id="sound"', 'id="a b"', ":4, key 'plan.id': 'a b' cannot be a name"),
    "no such set": ("needs.csv", "need.csv", ":4, key 'plan.requirements': there is no requirement set 'need.csv'"),
    "computed header": ('id="sound"', "id=NAME + '1'", ":4: what 'NAME + '1'' is cannot be read without running"),
    "unpacked header": ('id="sound"', "**HEADER", ":4: what 'HEADER' is cannot be read"),
    "without names": ("plan(id=", 'plan("sound", title=', ":4, key 'plan': the mark 'plan' takes names only"),
    "plan at a test": ("@pytest.mark.verifies", "@pytest.mark.plan(id='b')\n@pytest.mark.verifies", ":7, key 'plan': "),
    "misspelt mark": ("mark.verifies", "mark.verify", ":7: the rig knows no mark 'verify' (did you mean 'verifies'?"),
    "a list of ids": ('"SRS-1"', '["SRS-1"]', ":7, key 'verifies': the mark 'verifies' takes each id as a text"),
    "no ids": ('verifies("SRS-1")', "verifies", ":7, key 'verifies': the mark 'verifies' takes ids"),
    "id that is none": ('"SRS-1"', '"SRS 1"', ":9, case 'sound-1', key 'verifies': 'SRS 1' cannot be a name"),
    "computed id": ('"SRS-1"', "f'SRS-{1}'", ":7: what 'f'SRS-{1}'' is cannot be read without running the file"),
    "imported id": ('"SRS-1"', "SRS_1", ":7: what 'SRS_1' is cannot be read without running the file (write the"),
    "own decorator": ("@pytest.mark.verifies", "@srs", ":7: what 'srs('SRS-1')' is cannot be read"),
    "computed values": ("[1, 2]", "rates()", ":8: what 'rates()' is cannot be read"),
    "computed value": ("[1, 2]", "[1, RATE]", ":8: what 'RATE' is cannot be read"),
    "what to write": ("[1, 2]", "[1, RATE]", '(give each case its name: ids=["low", "high"])'),
    "too few names": ("[1, 2]", "[1, 2], ids=['a']", ":8, key 'parametrize': there are 1 names for 2 sets"),
    "computed names": ("[1, 2]", "[1, 2], ids=str", ":8: what 'str' is cannot be read"),
    "no such argument": ("rate):", "rates):", ":9: 'test_sound' has no argument 'rate', which parametrize gives"),
    "minus": ("[1, 2]", "[1, -1]", ":9, case 'sound-1': the case of 'test_sound[-1]' would have the name of that of"),
    "names that are none": ('"rate"', "3", ":8, key 'parametrize': the names are no texts"),
    "no value": ("[1, 2]", "[]", ":8, key 'parametrize': there is no value"),
    "values for none": ('"rate"', '"rate, b"', ":8, key 'parametrize': of rate, b, 1 have a value in"),
    "no values": (', [1, 2]', "", ":8, key 'parametrize': it takes names and values"),
    "cases of one name": ("[1, 2]", "['a b', 'a-b']", ":9, case 'sound-a-b': the case of 'test_sound[a-b]' would"),
    "misspelt fixture": ("(pump,", "(pmup,", ":9: the fixture 'pmup' is neither in this file nor in a conftest.py"),
    "misspelt beside": ("(pump,", "(pump, reocrd,", ":9: the fixture 'reocrd' is neither"),
    "what it may be": ("(pump,", "(pmup,", "(did you mean 'pump'?)"),
    "no case": ("(pump,", "(tmp_path,", "test_sound.py: no test function asks for a fixture of the rig"),
    "not Python": ("(pump,", "(pump", ":9: this is not Python"),
    "nul": ("Sound.", "\0", "this is not Python"),
}  # fmt: skip
MORE = {
    "twice": ("def test_sound(unit):\n    pass\n", ":12: 'test_sound' stands on line 9 too"),
    "twice, a class": ("class test_sound:\n    pass\n", ":12: 'test_sound' stands on line 9 too"),
    "sometimes": ("if UNIX:\n    def test_more(pump):\n        pass\n", ":13: whether 'test_more' is a test cannot"),
    "from elsewhere": ("from other import test_more\n", ":12: whether 'test_more' is a test cannot be read"),
    "all from elsewhere": ("from other import *\n", ":12: what '*' brings cannot be read"),
    "made": ("test_more = make(1)\n", ":12: whether 'test_more' is a test cannot be read"),
    "marks set later": ("test_sound.pytestmark = marks\n", ":12: whether 'test_sound' is a test cannot be read"),
    "imported value": (
        "from other import RATE as R\n@pytest.mark.parametrize('r', [\n    R,\n])\ndef test_more(pump, r): ...\n",
        ":14: what 'other.RATE' is cannot be read without running the file",
    ),
    "inherited": ("class TestMore(Others):\n    pass\n", ":12: which tests 'TestMore' inherits cannot be read"),
    "marks changed": ("pytestmark = other()\n", ":12: what 'other()' is cannot be read"),
    "marks added": ("pytestmark += [1]\n", ":12, key 'pytestmark': 'pytestmark' is computed here"),
    "hook": ("def pytest_generate_tests(metafunc):\n    pass\n", ":12: 'pytest_generate_tests' makes and names cases"),
    "fixture with params": (
        "@pytest.fixture(params=[1, 2])\ndef size(unit): ...\ndef test_more(size): ...\n",
        ":13: the fixture 'size' has params, which make cases that are not read",
    ),
    "changed list": (
        "SIZES = [1]\nSIZES.append(2)\n@pytest.mark.parametrize('size', SIZES)\ndef test_more(pump, size): ...\n",
        ":14: what 'SIZES' is cannot be read",
    ),
    "thousands": (
        "".join(f"@pytest.mark.parametrize('x{n}', range(100))\n" for n in range(4))
        + "def test_more(pump, x0, x1, x2, x3): ...\n",
        ":16: 'test_more' is more than 10000 cases",
    ),
}  # fmt: skip


@pytest.fixture
def write(tmp_path: Path):
    """The file with this text, beside a requirement set."""
    (tmp_path / "needs.csv").write_text("id,title\nSRS-1,One\n", encoding="utf-8")
    (tmp_path / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")

    def written(text: str) -> Path:
        path = tmp_path / "test_sound.py"
        path.write_text(text, encoding="utf-8")
        return path

    return written


def test_a_sound_one_is_read_and_not_run(write) -> None:
    plan = load_any_plan(write(SOUND + "raise SystemExit('this was run')\n"))
    assert [(case.id, case.verifies) for case in plan.cases] == [
        ("sound-1", ("SRS-1",)),
        ("sound-2", ("SRS-1",)),
    ]
    assert [str(plan.source.where(case.id)) for case in plan.cases] == [
        f"{plan.source.path}:9, case 'sound-1'",
        f"{plan.source.path}:9, case 'sound-2'",
    ]


@pytest.mark.parametrize("name", MISTAKES)
def test_a_mistake_is_told_with_its_place(write, name: str) -> None:
    old, new, says = MISTAKES[name]
    assert SOUND.count(old) == 1
    with pytest.raises(DefinitionError, match=re.escape(says)):
        load_python_plan(write(SOUND.replace(old, new)))


@pytest.mark.parametrize("name", MORE)
def test_what_only_running_it_would_tell_is_refused(write, name: str) -> None:
    more, says = MORE[name]
    with pytest.raises(DefinitionError, match=re.escape(says)):
        load_python_plan(write(f"{SOUND}\n{more}"))


def test_all_mistakes_are_told_at_once(write) -> None:
    text = SOUND.replace('"SRS-1"', "SRS_1") + "\ndef test_more(pmup):\n    pass\n"
    with pytest.raises(DefinitionError) as told:
        load_python_plan(write(text))
    assert [problem.where.line for problem in told.value.problems] == [7, 12]


def test_a_conftest_is_read_too(write, tmp_path: Path) -> None:
    path = write(SOUND.replace("(pump,", "(dressed,"))
    conftest = tmp_path / "conftest.py"
    conftest.write_text("import pytest\n@pytest.fixture\ndef dressed(pump):\n    raise SystemExit('run')\n")
    assert len(load_python_plan(path).cases) == 2
    conftest.write_text("def")
    with pytest.raises(DefinitionError, match=r"conftest\.py:1: this is not Python"):
        load_python_plan(path)


def test_names_that_stand_for_each_other_end(write) -> None:
    head = "A = B\nB = A\n"
    with pytest.raises(DefinitionError, match="cannot be read without running the file"):
        load_python_plan(write(head + SOUND.replace('"SRS-1"', "A")))
    nested = "N0 = [1]\n" + "".join(f"N{n} = [N{n - 1}, N{n - 1}]\n" for n in range(1, 60))
    with pytest.raises(DefinitionError, match="cannot be read without running the file"):
        load_python_plan(write(nested + SOUND.replace('"SRS-1"', "N59")))
    deep = "N0 = [1]\n" + "".join(f"N{n} = [N{n - 1}]\n" for n in range(1, 3000))
    with pytest.raises(DefinitionError, match=r"so deep in each other|takes each id as a text"):
        load_python_plan(write(deep + SOUND.replace('"SRS-1"', "N2999")))


def test_no_file_is_told(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="there is no such file"):
        load_any_plan(tmp_path / "test_none.py")
