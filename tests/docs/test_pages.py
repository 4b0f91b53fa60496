"""Links lead somewhere, commands have the options they are shown with, files that are shown can be read."""

from __future__ import annotations

import argparse
import importlib
import re
import shlex
import tomllib
from pathlib import Path

from rig.cli import COMMANDS
from rig.definitions.plan_file import plan_from_text

ROOT = Path(__file__).resolve().parents[2]
LINK = re.compile(r"\]\((?!https?:)([^)#\s]*)(#[^)\s]+)?\)")
SHELLS = ("console", "sh", "powershell", "yaml")
RIG = r"(?:\S*[/\\])?rig ([a-z]+)\b(.*)$"


def anchors(text):
    headings = re.findall(
        r"^#+ (.+)$", re.sub(r"^```.*?^```$", "", text, flags=re.DOTALL | re.MULTILINE), re.MULTILINE
    )
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def test_links_lead_somewhere(page):
    for target, anchor in LINK.findall(page.text):
        path = (page.path.parent / target).resolve() if target else page.path
        assert path.exists(), f"{target} is not there"
        if anchor:
            assert anchor[1:] in anchors(path.read_text(encoding="utf-8")), f"{target} has no {anchor}"


def test_commands_have_the_options_they_are_shown_with(page):
    for block in page.blocks:
        prompt = r"^\$ " if block.info == "console" else "^"
        for name, rest in re.findall(prompt + RIG, block.body, re.MULTILINE) if block.info in SHELLS else ():
            assert name in COMMANDS, f"there is no command 'rig {name}'"
            parser = argparse.ArgumentParser(prog=f"rig {name}", exit_on_error=False)
            importlib.import_module(f"rig.cli.{name}").add_arguments(parser)
            words = shlex.split(re.split(" [<>] ", rest)[0], comments=True)
            parser.parse_args(words)


def test_toml_that_is_shown_can_be_read(page):
    for block in page.blocks:
        if block.info == "toml":
            content = tomllib.loads(block.body)
            if "plan" in content:
                assert plan_from_text(block.body, page.path.name).cases


def test_every_page_of_the_docs_is_linked_from_another(pages):
    linked = set()
    for page in pages.values():
        linked |= {(page.path.parent / target).resolve() for target, _ in LINK.findall(page.text) if target}
    for page in pages.values():
        in_listed_folder = page.path.parent.name == "decisions"
        assert page.path in linked or in_listed_folder or page.path.name in ("README.md", "CONTRIBUTING.md")


def test_sections_of_the_report_are_named_as_the_report_names_them(pages):
    """By title: numbers shift when a section comes between."""
    told = next(page.text for page in pages.values() if page.path.name == "read-a-report.md")
    table = told.partition("| question | section |")[2].partition("\n\n")[0].splitlines()[2:]
    cells = [row.split("|")[2].split(":")[0].split(".")[0] for row in table]
    named = [title.strip() for cell in cells for title in cell.split(";")]
    code = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "rig/report").glob("*.py"))
    for title in named:
        assert f'"{title}"' in code, f"the report has no section '{title}'"
    assert len(named) >= 10
