"""Runs held against each other: one that is missing, doubled, replaced or foreign is named."""

import json
import shutil

import pytest

from rig.cli import main
from rig.errors import IntegrityError
from rig.record.bench_history import BenchHistory
from rig.record.run_folder import run_folders_in
from rig.record.verify import examine_run
from rig.record.verify_runs import verify_together


@pytest.fixture
def runs(make_run, close_and_seal, tmp_path):
    """A folder with four sealed runs of evidence and two rehearsals between."""
    for number in range(1, 7):
        close_and_seal(make_run(f"run-{number}", rehearsal=number in (2, 4)))
    return tmp_path / "runs"


def together(runs, keys=None):
    return verify_together([examine_run(folder) for folder in run_folders_in(runs)], keys)


def told(findings):
    return [(finding.file, finding.message.split(":")[0]) for finding in findings]


@pytest.fixture
def nowhere(tmp_path):
    """A folder without keys and histories, as an auditor has it."""
    return tmp_path / "nowhere"


def test_all_runs_are_there(runs, nowhere):
    assert together(runs) == together(runs, nowhere)
    assert (together(runs).findings, together(runs).remarks) == ([], [])


def test_each_run_names_the_one_before_of_its_kind(runs):
    before = {
        each.path.name: each.opened["previous_run"] and each.opened["previous_run"]["run_id"]
        for each in map(examine_run, run_folders_in(runs))
    }
    assert before == {
        "run-1": None, "run-3": "run-1", "run-5": "run-3", "run-6": "run-5", "run-2": None, "run-4": "run-2",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["run-1", "run-3", "run-5"])
def test_a_run_that_was_taken_away_is_missed_by_its_successor(runs, nowhere, name):
    shutil.rmtree(runs / name)
    assert told(together(runs, nowhere).findings) == told(together(runs).findings) == [(name, "missing")]


def test_the_last_run_is_missed_by_the_history(runs, nowhere):
    shutil.rmtree(runs / "run-6")
    assert told(together(runs).findings) == [("run-6", "missing")]
    assert together(runs, nowhere).findings == []  # as the page on protection says


def test_a_rehearsal_may_be_thrown_away(runs):
    shutil.rmtree(runs / "run-2")
    found = together(runs)
    assert (found.findings, told(found.remarks)) == ([], [("run-2", "missing")])


def test_a_run_that_was_never_sealed_is_missed_too(runs, make_run, close_and_seal, nowhere):
    killed = make_run("run-7")
    killed.journal.close()
    close_and_seal(make_run("run-8"))
    assert together(runs, nowhere).findings == []
    shutil.rmtree(runs / "run-7")
    assert told(together(runs, nowhere).findings) == [("run-7", "missing")]


def test_a_copy_in_the_place_of_another_run_is_named(runs, nowhere):
    shutil.rmtree(runs / "run-5")
    shutil.copytree(runs / "run-3", runs / "run-5")
    assert told(together(runs, nowhere).findings) == [("run-5", "a copy"), ("run-5", "missing")]


def test_a_run_put_back_as_it_was_before_its_seal_is_named(runs, make_run, close_and_seal, nowhere, tmp_path):
    folder = make_run("run-7")
    shutil.copytree(folder.path, tmp_path / "older")
    close_and_seal(folder)
    close_and_seal(make_run("run-8"))
    shutil.rmtree(runs / "run-7")
    shutil.copytree(tmp_path / "older", runs / "run-7")
    assert told(together(runs, nowhere).findings) == [("run-7", "replaced")]
    assert told(together(runs).findings) == [("run-7", "replaced")] * 2


def test_a_history_put_back_makes_two_successors(runs, make_run, close_and_seal, keys, nowhere):
    history = BenchHistory("line-3").path
    before = history.read_bytes()
    close_and_seal(make_run("run-7"))
    history.write_bytes(before)
    close_and_seal(make_run("run-8"))
    (finding,) = together(runs, nowhere).findings
    assert finding.file == "run-8/journal.jsonl"
    assert "it follows run run-6, as run-7 does" in finding.message
    assert ("run-7", "foreign") in told(together(runs).findings)


def test_a_history_begun_anew_is_told(runs, make_run, close_and_seal, nowhere):
    BenchHistory("line-3").path.unlink()
    close_and_seal(make_run("run-7"))
    (finding,) = together(runs, nowhere).findings
    assert "it follows no run, as run-1 does" in finding.message


def test_a_damaged_history_is_told_and_stops_the_bench(runs):
    path = BenchHistory("line-3").path
    path.write_bytes(path.read_bytes().replace(b"run-3", b"run-x"))
    assert any(finding.file == path.name for finding in together(runs).findings)
    with pytest.raises(IntegrityError, match=r"altered.*moved away, it is begun anew"):
        BenchHistory("line-3").open_run("run-9", False, runs)


def test_a_torn_history_goes_on(runs):
    history = BenchHistory("line-3")
    whole = history.path.read_bytes()
    history.path.write_bytes(whole + b'{"kind":"run_op')
    assert history.open_run("run-7", False, runs).run_id == "run-6"
    assert history.path.read_bytes().startswith(whole)
    assert [run.run_id for run in history.runs()][-1] == "run-7"
    assert len(list(history.path.parent.glob("*.torn-at-*"))) == 1


def test_runs_that_say_nonsense_of_the_run_before_break_nothing(runs, nowhere, chained):
    from rig.record.journal_reader import JournalReader

    for value in (7, {"run": 1}, [], "run-1"):
        records = list(JournalReader(runs / "run-3" / "journal.jsonl"))
        records[0]["previous_run"] = value
        (runs / "run-3" / "journal.jsonl").write_bytes(chained(records))
        together(runs, nowhere)


def test_the_command_says_which_run_is_missing(runs, capsys):
    assert main(["verify", str(runs)]) == 0
    assert capsys.readouterr().out.count(": sound") == 6
    shutil.rmtree(runs / "run-3")
    assert main(["verify", str(runs)]) == 1
    told_there = capsys.readouterr().out
    assert "run-3: missing: this bench made that run, and it is not here" in told_there
    assert "NOT ALL THERE, 1 findings" in told_there
    assert main(["verify", str(runs), "--json"]) == 1
    as_json = json.loads(capsys.readouterr().out)
    assert (as_json["sound"], as_json["findings"][0]["file"]) == (False, "run-3")
    assert main(["verify", str(runs / "run-1"), str(runs / "run-5")]) == 0
