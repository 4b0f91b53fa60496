"""The small program that an auditor reads finds what ``rig verify`` finds."""

import ast
import random
import runpy
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rig.record.journal_reader import JournalReader
from rig.record.manifest import files_in
from rig.record.signatures import sign_run
from rig.record.verify import verify_run

SCRIPT = Path(__file__).parents[2] / "reports" / "verify_run.py"
check = runpy.run_path(str(SCRIPT))["check"]


@pytest.fixture
def signed(sealed):
    opened = next(iter(JournalReader(sealed / "journal.jsonl")))
    for meaning in ("author", "approval"):
        sign_run(sealed, opened, meaning, "Ann", Ed25519PrivateKey.generate())
    return sealed


def test_it_is_short_and_needs_nothing_of_ours():
    text = SCRIPT.read_text("utf-8")
    assert len(text.splitlines()) <= 260
    nodes = [node for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Import | ast.ImportFrom)]
    names = {node.module if isinstance(node, ast.ImportFrom) else node.names[0].name for node in nodes}
    assert {name.split(".")[0] for name in names} - sys.stdlib_module_names == {"cryptography"}


def test_both_find_a_sound_run_sound(signed):
    findings, told, _ = check(signed)
    assert (verify_run(signed), findings) == ([], [])
    assert "EVIDENCE, PASS" in told[0]
    assert len(told) == 3


def test_both_find_whatever_is_done_to_a_run(signed):
    choose = random.Random(20261121)
    names = sorted(files_in(signed))
    for number in range(160):
        name = names[number % len(names)]
        path = signed / name
        content = path.read_bytes()
        place = choose.randrange(len(content))
        match number // len(names) % 4:
            case 0:
                path.write_bytes(content[:place])
            case 1:
                path.write_bytes(content + b"\n")
            case _:
                hurt = bytearray(content)
                hurt[place] ^= 1 << choose.randrange(8)
                path.write_bytes(hurt)
        ours, theirs = verify_run(signed), check(signed)[0]
        assert ours, name
        assert any(name in finding for finding in theirs), (name, place, theirs)
        path.write_bytes(content)
    for name in set(names) - {"signatures/002.dsse.json"}:  # the last signature may be taken away unseen
        shutil.move(signed / name, signed.parent / "away")
        assert verify_run(signed), name
        assert check(signed)[0], name
        shutil.move(signed.parent / "away", signed / name)
    (signed / "more.txt").write_text("")
    assert any("more.txt" in finding for finding in check(signed)[0])
    assert any(finding.file == "more.txt" for finding in verify_run(signed))


def test_as_a_program_it_says_so_with_its_exit_status(make_run, close_and_seal, tmp_path):
    runs = tmp_path / "runs"
    for number in range(3):
        close_and_seal(make_run(f"run-{number}"))

    def called():
        command = [sys.executable, "-I", str(SCRIPT), str(runs)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    status, out = called()
    assert (status, out.count(": sound")) == (0, 3)
    shutil.rmtree(runs / "run-1")
    status, out = called()
    assert "chain of runs: run-2: the run before it, run-1, is not here" in out
    assert status == 1
    (runs / "run-0" / "plan.toml").write_text("x")
    status, out = called()
    assert (status, "run-0: NOT SOUND" in out, "plan.toml: 1 bytes" in out) == (1, True, True)
