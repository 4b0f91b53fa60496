"""Requirement sets in five formats: the same content from each, and what is wrong with a file told with its place."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

from rig.definitions.plan_file import load_plan
from rig.definitions.requirements import load_requirements
from rig.definitions.requirements.limits_in_words import as_limit, limits_in
from rig.errors import DefinitionError, Where

SETS = Path(__file__).parents[2] / "data/requirements"
NAMES = ["infusion.csv", "infusion.reqif", "doorstop", "infusion.sdoc", "needs.json"]
HERE = Where("x.plan.toml", key="plan.requirements", line=3)


def load(folder: Path, *names: str):
    return load_requirements(names, folder, HERE)


def refusal(folder: Path, *names: str) -> DefinitionError:
    with pytest.raises(DefinitionError) as caught:
        load(folder, *names)
    return caught.value


@pytest.fixture
def refused(tmp_path: Path):
    """What is said of a set with this name and content: (line, text)."""

    def write(name: str, content: str | bytes) -> tuple[int | None, str]:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        error = refusal(tmp_path, name)
        assert error.where.file == str(path)
        return error.where.line, str(error)

    return write


@pytest.mark.parametrize("name", NAMES)
def test_every_format_says_the_same(name: str) -> None:
    (expected,), (found,) = load(SETS, "infusion.csv"), load(SETS, name)
    assert [each.id for each in found.requirements] == [f"INF-{number:03d}" for number in range(1, 13)]
    for one, other in zip(found.requirements, expected.requirements, strict=True):
        assert (one.id, one.content) == (other.id, other.content)
    assert [(each.id, each.title) for each in found.hazards] == [
        (each.id, each.title) for each in expected.hazards
    ]
    first = found.requirements[0]
    assert (first.limit, first.quantity) == ("within 5 %", "flow_accuracy.mean_error")
    assert first.hazards == ("HAZ-001", "HAZ-002")


@pytest.mark.parametrize("name", NAMES)
def test_a_requirement_knows_where_it_stands(name: str) -> None:
    (found,) = load(SETS, name)
    for requirement in found.requirements:
        assert requirement.where.file is not None
        lines = Path(requirement.where.file).read_text("utf-8").splitlines()
        near = lines[requirement.where.line - 1 : requirement.where.line + 10]
        assert requirement.id in "\n".join(near) or requirement.id in Path(requirement.where.file).name
        assert requirement.source.split(":")[0] in found.files


def test_the_sets_of_a_plan_are_read_with_it(tmp_path: Path) -> None:
    shutil.copytree(SETS, tmp_path / "plans")
    plan = load_plan(tmp_path / "plans/infusion.plan.toml")
    assert [len(found.requirements) for found in plan.requirements] == [12]
    (tmp_path / "plans/infusion.csv").unlink()
    with pytest.raises(DefinitionError, match=r"infusion.plan.toml:7, key 'plan.requirements': there is no"):
        load_plan(tmp_path / "plans/infusion.plan.toml")


@pytest.mark.parametrize(
    "name", ["../up.csv", "/etc/passwd.csv", "sub/../../up.csv", "a\\b.csv", "linked.csv"]
)
def test_nothing_outside_the_folder_of_the_plan_is_read(tmp_path: Path, name: str) -> None:
    (tmp_path / "up.csv").write_text("id,title\nA-1,x\n")
    folder = tmp_path / "plans"
    (folder / "sub").mkdir(parents=True)
    (folder / "linked.csv").symlink_to(tmp_path / "up.csv")
    error = refusal(folder, name)
    assert "leads out of the folder of the plan" in str(error)
    assert error.where == HERE


def test_a_link_within_a_doorstop_folder_leads_nowhere_either(tmp_path: Path) -> None:
    shutil.copytree(SETS / "doorstop", tmp_path / "plans/doorstop")
    (tmp_path / "secret.yml").write_text("text: secret\n")
    (tmp_path / "plans/doorstop/req/INF-020.yml").symlink_to(tmp_path / "secret.yml")
    assert "INF-020.yml' leads out" in str(refusal(tmp_path / "plans", "doorstop"))


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("set.docx", "is in no known format"),
        ("set.reqifz", "is packed"),
        ("empty", "there is no document of Doorstop"),
    ],
)
def test_what_is_no_requirement_set(tmp_path: Path, name: str, told: str) -> None:
    (tmp_path / "empty").mkdir()
    assert told in str(refusal(tmp_path, name))


def test_one_id_in_two_sets(tmp_path: Path) -> None:
    for name in ("a.csv", "b.csv"):
        (tmp_path / name).write_text("id,title\nA-1,x\n")
    error = refusal(tmp_path, "a.csv", "b.csv")
    assert (error.where.line, "taken by a.csv:2" in str(error)) == (2, True)


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        ("title,text\nx,y\n", 1, "no column has the ids"),
        ("id,title,Title\nA-1,x,y\n", 1, "two columns are headed 'title'"),
        ("id,title\n\nA-1,x\nA-1,y\n", 4, "the id 'A-1' is taken by set.csv:3"),
        ("id,title\nA 1,x\n", 2, "cannot be an id"),
        ("id,title\n,x\n", 2, "this line has no id"),
        ("id,title\nA-1,x,y\n", 2, "3 cells under 2 headings"),
        ('id,title\nA-1,"x\n', 2, "cannot be split into cells"),
        (b"id,title\nA-1,\xff\n", 2, "is not UTF-8"),
        (b"PK\x03\x04", None, "a workbook"),
        ("id,type\nH-1,hazard\n", None, "there is no requirement in it"),
    ],
)
def test_a_wrong_csv(refused, content, line, told: str) -> None:
    found_line, text = refused("set.csv", content)
    assert told in text
    assert found_line == line


def test_csv_as_spreadsheets_save_it(tmp_path: Path) -> None:
    text = '\ufeffID;Requirement;Remark\r\n# old\r\nA-1;"two\r\nlines";=1+1\r\n;;\r\nA-2;x;\r\n'
    (tmp_path / "set.csv").write_text(text, "utf-8", newline="")
    ((first, second),) = [found.requirements for found in load(tmp_path, "set.csv")]
    assert (first.text.split(), first.attributes) == (["two", "lines"], (("remark", "=1+1"),))
    assert (first.where.line, second.where.line) == (3, 6)


BOMB = """<?xml version="1.0"?>
<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>
<REQ-IF xmlns="http://www.omg.org/spec/ReqIF/20110401/reqif.xsd">&b;</REQ-IF>"""
OUTSIDE = """<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]>
<REQ-IF xmlns="http://www.omg.org/spec/ReqIF/20110401/reqif.xsd">&a;</REQ-IF>"""


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        (BOMB, 2, "document type declaration is not let in"),
        (OUTSIDE, 1, "document type declaration is not let in"),
        ("<REQ-IF/>", 1, "this is no ReqIF"),
        ("<a>\n<b>\n</a>", 3, "not XML: mismatched tag"),
        ('<?xml version="1.0" encoding="strange"?><a/>', None, "this is not XML"),
        ("<a>" * 300 + "</a>" * 300, 1, "more than 200 elements within each other"),
        ("", 1, "this is not XML"),
    ],
)
def test_a_wrong_reqif(refused, content, line, told: str) -> None:
    found_line, text = refused("set.reqif", content)
    assert told in text
    assert found_line == line


def test_reqif_without_an_id_attribute_goes_by_its_long_names(tmp_path: Path) -> None:
    text = (SETS / "infusion.reqif").read_text("utf-8").replace("ReqIF.ForeignID", "Something.Else")
    text = text.replace('IDENTIFIER="object-5"', 'IDENTIFIER="object-5" LONG-NAME="REQ-5"')
    (tmp_path / "set.xml").write_text(text, "utf-8")
    (found,) = load(tmp_path, "set.xml")
    assert [each.id for each in found.requirements][:2] == ["REQ-5", "object-6"]


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        ("text: |\n  x\n bad", 3, "this is not YAML"),
        ("text: &a x\nref: *a\n", 2, "a reference ('*') is not let in"),
        ("text: x\ntext: y\n", 2, "the key 'text' is there twice"),
        ("- x\n", None, "this is no item of Doorstop"),
        ("!!python/object/apply:os.system ['true']\n", None, "this is no item of Doorstop"),
        ("text: " + "[" * 100 + "]" * 100, 1, "nested too deeply"),
    ],
)
def test_a_wrong_doorstop_item(tmp_path: Path, content: str, line: int | None, told: str) -> None:
    (tmp_path / "reqs").mkdir()
    (tmp_path / "reqs/.doorstop.yml").write_text("settings:\n  prefix: A\n")
    (tmp_path / "reqs/A-1.yml").write_text(content)
    error = refusal(tmp_path, "reqs")
    assert told in str(error)
    assert (error.where.file, error.where.line) == (str(tmp_path / "reqs/A-1.yml"), line)


def test_doorstop_items_in_markdown_are_not_read(tmp_path: Path) -> None:
    (tmp_path / "reqs").mkdir()
    (tmp_path / "reqs/.doorstop.yml").write_text("settings:\n  prefix: A\n  itemformat: markdown\n")
    (tmp_path / "reqs/A-1.yml").write_text("text: x\n")
    assert "the items are not in YAML" in str(refusal(tmp_path, "reqs"))


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        ("id,title\n", 1, "this is no document of StrictDoc"),
        ("[DOCUMENT]\nTITLE: x\n\n[REQUIREMENT]\nUID: A-1\nSTATEMENT: >>>\nno end\n", 6, "does not end"),
        ("[DOCUMENT]\nTITLE: x\n\n[REQUIREMENT]\nUID: A-1\nno field\n", 6, "this is no field: 'no field'"),
        ("[DOCUMENT]\nTITLE: x\n\n[REQUIREMENT]\nUID: A-1\nUID: A-2\n", 6, "the field UID is there twice"),
        ("[DOCUMENT]\nTITLE: x\n", None, "there is no requirement in it"),
    ],
)
def test_a_wrong_strictdoc(refused, content: str, line: int | None, told: str) -> None:
    found_line, text = refused("set.sdoc", content)
    assert told in text
    assert found_line == line


@pytest.mark.parametrize(
    ("content", "line", "told"),
    [
        ('{\n"a": }', 2, "this is not JSON"),
        ('{"needs": []}', None, "this is no needs.json"),
        ('{"a": 1, "a": 2}', None, "'a' is there twice in one table"),
        ("[" * 100_000, None, "cannot be read as JSON"),
        (
            json.dumps({"current_version": "1", "versions": {"1": {"needs": {"A-1": {"id": "A-2"}}}}}),
            1,
            "no table with this id",
        ),
    ],
)
def test_wrong_needs(refused, content: str, line: int | None, told: str) -> None:
    found_line, text = refused("needs.json", content)
    assert told in text
    assert found_line == line


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("shall be within ±14.5% of the set rate", ["within 14.5 %"]),
        ("± 2 µL", ["within 2 uL"]),
        ("between -10 % and 15 %", ["between -10 % and 15 %"]),
        ("not more than 5 mL/h, and at least 2 mL/h", ["at most 5 mL/h", "at least 2 mL/h"]),
        ("none", ["none"]),
        ("none of them; within 3 days; at least 3 things; within -5 %", []),
    ],
)
def test_limits_in_prose(text: str, limits: list[str]) -> None:
    assert limits_in(text) == limits


def test_within_a_time_is_a_last_moment() -> None:
    within_s, within_pct = as_limit("within 30 s"), as_limit("within 5 %")
    assert within_s is not None
    assert within_pct is not None
    assert (within_s.low, within_s.high, within_pct.low, within_pct.high) == (None, 30.0, -5.0, 5.0)
    assert as_limit("within 30 s", "%") is None
