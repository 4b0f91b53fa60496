"""What the pages show on a console is what happens: every ``console`` block is run, in order, in a fresh workspace."""

from __future__ import annotations

import os
import re
import shutil

import pytest

pytestmark = pytest.mark.skipif(os.name == "nt", reason="the pages show a POSIX shell")

FRAME = re.compile(r"[\s━─┏┓┡┩┳╇┴┘└┼├┤╋.=]*")
CHANGING = (
    (re.compile(r"\d{8}T\d{6}Z-([\w.%-]+?)-[0-9a-f]{6}\b"), r"RUN-\1"),
    (re.compile(r"[+-]?\d+\.\d+ ± \d+\.\d+"), "N ± N"),  # the last digits may change with the simulation
    (re.compile(r"\bin \d+\.\d+s\b"), "in N s"),
    (re.compile(r"\bbyte \d+|\b\d+ bytes|\b\d+ when"), "N bytes"),
    (re.compile(r"={3,}"), "==="),
    (re.compile(r"\s+"), " "),
)


def comparable(text):
    """Lines without frames, run names, times and digits that differ from run to run."""
    lines = []
    for line in text.splitlines():
        if line.strip() != "..." and FRAME.fullmatch(line):
            continue
        plain = line
        for pattern, instead in CHANGING:
            plain = pattern.sub(instead, plain)
        lines.append(plain.strip())
    return lines


def agrees(told, seen):
    """Whether output is as told; ``...`` alone stands for any lines, within a line for anything."""
    parts = []
    for line in comparable(told):
        inside = re.escape(line).replace(re.escape("..."), ".*?")
        parts.append(r"(?:.*\n)*?" if line == "..." else inside + r"\n")
    return re.fullmatch("".join(parts), "".join(f"{line}\n" for line in comparable(seen))) is not None


def commands_in(body):
    """(command, told output) of a console block."""
    pieces = re.split(r"^\$ (.+)\n", body, flags=re.MULTILINE)
    assert pieces[0] == "", "a console block begins with a command"
    return list(zip(pieces[1::2], pieces[2::2], strict=True))


def carry_out(directive, block, folder):
    verb, rest = directive
    if verb == "file":
        (folder / rest).parent.mkdir(parents=True, exist_ok=True)
        (folder / rest).write_text(block.body, encoding="utf-8")
    elif verb == "copy":
        source, target = rest.split()
        shutil.copyfile(folder / source, folder / target)
    elif block.info == "diff":
        name, case = re.fullmatch(r"(\S+), case (\S+)", rest).groups()
        (removed,) = re.findall(r"^-(.+)$", block.body, re.MULTILINE)
        (added,) = re.findall(r"^\+(.+)$", block.body, re.MULTILINE)
        text = (folder / name).read_text(encoding="utf-8")
        before, of_case = text.split(f'id = "{case}"')
        assert removed in of_case
        (folder / name).write_text(f'{before}id = "{case}"{of_case.replace(removed, added, 1)}', "utf-8")


def first_untruth(page, shell, folder, main_job_begun):
    """What a page tells otherwise than it happens, its blocks carried out in order; empty if nothing."""
    status = 0
    for block in page.blocks:
        for directive in block.directives:
            carry_out(directive, block, folder)
        for command, told in commands_in(block.body) if block.info == "console" else ():
            if command == "make run":
                seen, status = main_job_begun[1].result()
            else:
                seen, status = shell(command.replace("$?", str(status)), folder)
            if not agrees(told, seen):
                return f"{command}\n--- told\n{told}\n--- seen\n{seen}"
    return ""


@pytest.fixture(scope="session")
def begun(request, background, shell, new_workspace, main_job_begun):
    """The pages that are to be tested, by path, all begun."""
    pages = [
        item.callspec.params["told_page"]
        for item in request.session.items
        if "told_page" in getattr(getattr(item, "callspec", None), "params", {})
    ]
    return {
        page.path: background.submit(
            first_untruth, page, shell, new_workspace(page.path.stem), main_job_begun
        )
        for page in pages
    }


def test_console_blocks_are_true(told_page, begun):
    assert begun[told_page.path].result() == ""


@pytest.mark.parametrize(
    ("told", "seen", "same"),
    [
        ("a\n...\nz\n", "a\nb\nc\nz\n", True),
        ("a\nz\n", "a\nb\nz\n", False),
        ("PASS +3.41 ± 0.91 %\n", "PASS  +3.40 ± 0.92 %\n", True),
        ("PASS +3.41 ± 0.91 %\n", "FAIL +3.41 ± 0.91 %\n", False),
        ("wrote ...: sound\n", "wrote x: sound\n", True),
        ("a\n", "a\nb\n", False),
    ],
)
def test_the_comparison_itself(told, seen, same):
    assert agrees(told, seen) is same
