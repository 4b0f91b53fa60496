"""The validation kit: every requirement of the software is verified by tests that exist."""

from __future__ import annotations

import csv
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
with (ROOT / "docs/validation/requirements.csv").open(encoding="utf-8", newline="") as _file:
    REQUIREMENTS = list(csv.DictReader(_file))


@pytest.mark.parametrize("requirement", REQUIREMENTS, ids=lambda told: told["id"])
def test_a_requirement_is_verified_by_tests_that_exist(requirement):
    named = requirement["verified by"].split()
    assert named
    for test in named:
        file, name = test.split("::")
        text = (ROOT / file).read_text(encoding="utf-8")
        assert re.search(rf"^def {name}\(", text, re.MULTILINE), f"{file} has no test {name}"


def test_ids_are_counted_without_a_gap():
    assert [told["id"] for told in REQUIREMENTS] == [f"RIG-{n:02}" for n in range(1, len(REQUIREMENTS) + 1)]


def test_the_risks_name_requirements_that_exist(pages):
    named = set(re.findall(r"RIG-(\d\d)", pages["docs/validation/intended-use.md"].text))
    assert named <= {told["id"].removeprefix("RIG-") for told in REQUIREMENTS}


def test_no_part_is_under_the_gpl(pages):
    """The table is held against the installed packages with the other generated tables."""
    text = pages["docs/validation/parts-and-licences.md"].text
    rows = re.findall(r"^\| ([\w.-]+) \| (\d[\w.]*) \| (.+) \|$", text, re.MULTILINE)
    lock = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    assert {(name, version) for name, version, _ in rows} == set(
        re.findall(r"^([\w.-]+)==(\S+)", lock, re.MULTILINE)
    )
    assert [name for name, _, licence in rows if re.search(r"GPL|General Public", licence)] == []
    assert all(licence for *_, licence in rows)
