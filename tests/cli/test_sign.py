"""``rig sign`` and ``rig verify``: what a person is shown, and what is refused."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from rig.cli import main
from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.run.session import Session

ROOT = Path(__file__).parents[2]
NAME = "Ann <b>Example</b>"


@pytest.fixture(scope="module")
def session_run(tmp_path_factory):
    home = tmp_path_factory.mktemp("signed")
    before = tempfile.tempdir, os.environ["INFUSION_RIG_KEYS"]
    tempfile.tempdir, os.environ["INFUSION_RIG_KEYS"] = str(home), str(home / "keys")
    bench = load_bench(ROOT / "fixtures/simulated.bench.toml")
    plan = load_plan(ROOT / "tests/data/short.plan.toml")
    session = Session(bench, home / "runs", "tester", ["SIM-0001"], planned=None)
    session.result(plan, plan.cases[0], "SIM-0001", ["SIM-0001"])
    session.finish()
    yield session.closed[0][0]
    tempfile.tempdir, os.environ["INFUSION_RIG_KEYS"] = before


@pytest.fixture
def passphrase():
    """passphrase(text) -> options that give it through a pipe."""

    def give(text):
        reading, writing = os.pipe()
        os.write(writing, text.encode() + b"\n")
        os.close(writing)
        opened.append(reading)
        return ["--passphrase-fd", str(reading)]

    opened = []
    yield give
    for descriptor in opened:
        os.close(descriptor)


def sign(*arguments):
    return main(["sign", *map(str, arguments)])


def test_from_the_key_to_the_report(session_run, passphrase, capsys, tmp_path):
    run = session_run
    assert sign("--new-key", NAME, *passphrase("long enough")) == 0
    made = capsys.readouterr().out
    public = Path(made.splitlines()[1].split(": ")[0])
    assert sign(run, "--meaning", "approval", "--name", NAME, *passphrase("long enough")) == 4
    assert "cannot be approved" in capsys.readouterr().err
    assert sign(run, "--meaning", "rejection", "--name", NAME, *passphrase("long enough")) == 4
    assert "needs its reason" in capsys.readouterr().err
    assert sign(run, "--meaning", "review", "--name", NAME, *passphrase("wrong one")) == 4
    assert "not the passphrase" in capsys.readouterr().err
    assert not (run / "signatures").exists()
    assert sign(run, "--meaning", "review", "--name", NAME, *passphrase("long enough")) == 0
    shown = capsys.readouterr().out
    assert "REHEARSAL" in shown
    assert f"{NAME} signs as: review" in shown
    why = "the room was 2 K too warm"
    assert (
        sign(run, "--meaning", "correction", "--reason", why, "--name", NAME, *passphrase("long enough")) == 0
    )
    capsys.readouterr()

    assert main(["verify", str(run)]) == 0
    shown = capsys.readouterr().out
    assert "sound" in shown
    assert f"by {NAME}: {why}" in shown
    assert main(["verify", "--json", str(run)]) == 0
    (told,) = json.loads(capsys.readouterr().out)["runs"]
    assert [(each["meaning"], each["name"]) for each in told["signatures"]] == [
        ("review", NAME), ("correction", NAME),
    ]  # fmt: skip
    assert told["seal"]["kind"] == "REHEARSAL"
    assert main(["verify", str(run), "--trusted", str(public)]) == 1
    assert "attestation.dsse.json: signed by a key that is not trusted" in capsys.readouterr().out

    assert main(["report", str(run), "--into", str(tmp_path)]) == 0
    assert capsys.readouterr().out.count("with the signatures that were added since") == 2
    page = (tmp_path / "report.html").read_text("utf-8")
    assert "Ann &lt;b&gt;Example" in page
    assert NAME not in page
    assert why in page
    from pypdf import PdfReader

    paper = " ".join("".join(p.extract_text() for p in PdfReader(tmp_path / "report.pdf").pages).split())
    assert "Electronic signatures on the sealed record" in paper
    assert "too warm" in paper


def test_a_record_that_is_not_sound_cannot_be_signed(session_run, passphrase, capsys):
    page = session_run / "report.html"
    content = page.read_bytes()
    page.write_bytes(content[:-1])
    try:
        assert sign(session_run, "--meaning", "author", "--name", NAME, *passphrase("long enough")) == 3
        assert "not sound and cannot be signed: report.html" in capsys.readouterr().err
    finally:
        page.write_bytes(content)


def test_a_key_asks_twice_at_the_terminal(monkeypatch, capsys, tmp_path):
    answers = iter(["long enough", "long enougH", "long enough", "long enough"])
    monkeypatch.setattr("getpass.getpass", lambda prompt: next(answers))
    assert sign("--new-key", "Bob", "--keys", tmp_path / "keys") == 4
    assert "differ" in capsys.readouterr().err
    assert not (tmp_path / "keys").exists()
    assert sign("--new-key", "Bob", "--keys", tmp_path / "keys") == 0


def test_without_a_terminal_nothing_is_asked_and_no_key_is_made(tmp_path):
    code = "import sys; from rig.cli import main; sys.exit(main())"
    ended = subprocess.run(
        [sys.executable, "-c", code, "sign", "--new-key", "Bob", "--keys", tmp_path / "keys"],
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False, start_new_session=True,
    )  # fmt: skip
    assert ended.returncode == 4
    assert "there is no terminal" in ended.stderr
    assert "--passphrase-fd N" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not (tmp_path / "keys").exists()
