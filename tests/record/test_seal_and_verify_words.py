"""What is said of a run folder that is not whole, word for word; and what is on the disk before its seal."""

from __future__ import annotations

import json
import os
import stat
import sys
from pathlib import Path

import pytest

from rig.errors import IntegrityError
from rig.record import manifest as manifest_module
from rig.record import verify as verify_module
from rig.record.journal_reader import FIRST_PREV
from rig.record.layout import DAMAGED
from rig.record.manifest import FileEntry, Manifest, files_in, read_manifest, seal, sealed_names
from rig.record.verify import examine_run, verify_run


def said(path):
    return [str(finding) for finding in verify_run(path)]


def told_of(path, file):
    return [finding.message for finding in verify_run(path) if finding.file == file]


def reseal(path, **changed):
    """The manifest as somebody would write it who knows its form."""
    entries = {entry.path: entry for entry in read_manifest(path / "manifest.json").files}
    data = {"files": tuple(entries.values())} | changed
    manifest = read_manifest(path / "manifest.json")
    made = Manifest(
        data.get("run_id", manifest.run_id), manifest.records, manifest.head, tuple(data["files"])
    )
    (path / "manifest.json").write_bytes(made.to_bytes())
    return made


# verify


def test_a_file_that_was_cut_or_has_grown_is_told_with_the_byte(sealed):
    report = sealed / "report.pdf"
    content = report.read_bytes()
    report.write_bytes(content[:5])
    assert said(sealed) == [f"report.pdf, byte 5: cut short: 5 bytes, {len(content)} when the run was sealed"]
    report.write_bytes(content + b"xyz")
    assert said(sealed) == [
        f"report.pdf, byte {len(content)}: grown: {len(content) + 3} bytes, "
        f"{len(content)} when the run was sealed"
    ]
    report.write_bytes(content[:-1] + b"?")
    assert said(sealed) == ["report.pdf: altered: its SHA-256 is not the one of when the run was sealed"]


def test_a_manifest_that_is_damaged_is_named_once(sealed):
    (sealed / "manifest.json").write_bytes(b"{")
    [first, *_] = told_of(sealed, "manifest.json")
    assert first.startswith("damaged: ")
    assert first.endswith("; no file can be checked against it")


def test_a_missing_journal_is_told_beside_a_damaged_seal(sealed):
    (sealed / "manifest.json").write_bytes(b"{")
    (sealed / "journal.jsonl").unlink()
    assert told_of(sealed, "journal.jsonl") == ["missing"]


def test_a_missing_seal_is_told(sealed):
    (sealed / "manifest.json").unlink()
    assert told_of(sealed, "manifest.json") == [
        "missing: this run was never sealed, or its seal was taken away"
    ]


def test_with_the_seal_a_missing_journal_is_missing_once(sealed):
    (sealed / "journal.jsonl").unlink()
    assert told_of(sealed, "journal.jsonl") == ["missing: it was there when the run was sealed"]


def test_a_run_closed_as_damaged_says_why_and_from_which_record_on(sealed):
    (sealed / "manifest.json").unlink()
    note = sealed / DAMAGED
    note.write_text(json.dumps({"reason": "a sync failed", "records": 7}))
    assert "journal.jsonl, record 7: closed as damaged: a sync failed" in said(sealed)
    note.write_text("{")
    [message] = told_of(sealed, DAMAGED)
    assert message.startswith("cannot be read: ")
    note.unlink()
    assert told_of(sealed, DAMAGED) == []


def test_a_seal_that_does_not_name_the_journal_is_altered(sealed):
    entries = [
        entry for entry in read_manifest(sealed / "manifest.json").files if entry.path != "journal.jsonl"
    ]
    reseal(sealed, files=entries)
    assert "altered: it does not name journal.jsonl" in told_of(sealed, "manifest.json")


def test_a_file_that_may_not_be_read_is_told(sealed, monkeypatch):
    def refuse(path):
        raise PermissionError(13, "Permission denied", str(path))

    monkeypatch.setattr(verify_module, "sha256_of", refuse)
    assert told_of(sealed, "report.pdf") == ["cannot be read: Permission denied"]


def test_a_file_that_cannot_be_read_is_told(sealed):
    """A folder in its place: what stands there is no file."""
    (sealed / "report.pdf").unlink()
    (sealed / "report.pdf").mkdir()
    (sealed / "report.pdf" / "within").write_bytes(b"")
    assert told_of(sealed, "report.pdf") == ["missing: it was there when the run was sealed"]


def test_a_journal_without_its_opening_says_so(sealed, chained):
    records = [json.loads(line) for line in (sealed / "journal.jsonl").read_bytes().splitlines()]
    records[0]["kind"] = "note"
    (sealed / "journal.jsonl").write_bytes(chained(records))
    assert "no run_opened among its sound records" in told_of(sealed, "journal.jsonl")


def test_results_are_missed_once_sealed_or_not(sealed):
    (sealed / "results.json").unlink()
    assert told_of(sealed, "results.json") == ["missing: it was there when the run was sealed"]
    (sealed / "manifest.json").unlink()
    assert told_of(sealed, "results.json") == ["missing: this run was never judged"]


def test_a_seal_without_results_has_not_been_judged(make_run):
    folder = make_run()
    folder.journal.append("run_closed", durable=True, outcome="COMPLETED", reason="")
    folder.journal.close()
    seal(folder.path)
    assert told_of(folder.path, "results.json") == ["missing: this run was never judged"]


@pytest.mark.parametrize("name", ["plan", "bench"])
def test_another_plan_or_bench_than_the_journal_tells_is_named(sealed, name):
    (sealed / "manifest.json").unlink()
    (sealed / f"{name}.toml").write_text("id = 1\n")
    words = "not the file that the journal says this run was made with"
    assert told_of(sealed, f"{name}.toml") == [words]


def test_one_definition_that_is_gone_hides_not_the_other(sealed):
    (sealed / "manifest.json").unlink()
    (sealed / "plan.toml").unlink()
    (sealed / "bench.toml").write_text("id = 1\n")
    assert told_of(sealed, "bench.toml") == ["not the file that the journal says this run was made with"]


def test_whose_key_the_journal_names(sealed, make_run, close_and_seal):
    named = json.loads((sealed / "journal.jsonl").read_bytes().splitlines()[0]).get("bench_key")
    assert examine_run(sealed).bench_key_id == (named["id"] if named else "")
    (sealed / "journal.jsonl").unlink()
    assert examine_run(sealed).bench_key_id == ""


# seal


def test_a_seal_returns_what_it_wrote(make_run):
    folder = make_run()
    folder.journal.close()
    manifest = seal(folder.path)
    assert manifest == read_manifest(folder.path / "manifest.json")
    assert (manifest.run_id, manifest.records) == (folder.run_id, folder.journal.count)
    assert manifest.head == folder.journal.head != FIRST_PREV
    assert [entry.path for entry in manifest.files] == sorted(sealed_names(folder.path))
    with pytest.raises(IntegrityError, match=r"manifest\.json: this run is sealed already"):
        seal(folder.path)


def test_a_run_that_never_opened_is_called_by_its_folder(tmp_path):
    (tmp_path / "r7").mkdir()
    (tmp_path / "r7" / "journal.jsonl").write_bytes(b"")
    assert seal(tmp_path / "r7").run_id == "r7"


@pytest.mark.skipif(sys.platform != "linux", reason="looks at descriptors in /proc")
def test_every_file_and_folder_is_on_the_disk_before_the_manifest(make_run, monkeypatch):
    folder = make_run()
    folder.journal.close()
    synced, real = [], os.fsync

    def fsync(descriptor):
        real(descriptor)
        path = Path(f"/proc/self/fd/{descriptor}").readlink()
        synced.append(path.relative_to(folder.path).as_posix() if path != folder.path else ".")

    monkeypatch.setattr(os, "fsync", fsync)
    seal(folder.path)
    before = synced[: synced.index("manifest.json.unfinished")]
    folders = {".", "wire", "exports", "pumps"} & {path.name for path in folder.path.iterdir()} | {"."}
    assert {*sealed_names(folder.path), *folders} <= set(before)


def test_a_broken_chain_or_a_link_is_not_sealed(make_run, tmp_path):
    folder = make_run()
    folder.journal.close()
    (tmp_path / "outside.txt").write_bytes(b"")
    (folder.path / "elsewhere").symlink_to(tmp_path / "outside.txt")
    with pytest.raises(IntegrityError, match=r"not sealed: .*elsewhere: is a link, not a file"):
        seal(folder.path)
    (folder.path / "elsewhere").unlink()
    journal = folder.path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"seq":1', b'"seq":9', 1))
    with pytest.raises(IntegrityError, match="not sealed: record 1"):
        seal(folder.path)
    assert not (folder.path / "manifest.json").exists()


def test_a_file_that_goes_while_it_is_sealed_is_told(make_run, monkeypatch):
    folder = make_run()
    folder.journal.close()
    monkeypatch.setattr(manifest_module, "sealed_names", lambda _: ["gone.txt"])
    with pytest.raises(IntegrityError, match=r"not sealed: .*gone\.txt: No such file or directory$"):
        seal(folder.path)


def test_a_manifest_has_one_spelling(sealed):
    content = (sealed / "manifest.json").read_bytes()
    manifest = Manifest("rün", 1, "a" * 64, (FileEntry("b", 2, "c" * 64),))
    text = manifest.to_bytes().decode("ascii")
    assert text.startswith('{\n "files": [\n  {\n   "path": "b",\n   "sha256": "')
    assert list(json.loads(text)) == ["files", "head", "records", "run_id", "schema", "self_sha256"]
    assert text.endswith("}\n")
    assert '"r\\u00fcn"' in text
    assert stat.S_IMODE((sealed / "manifest.json").stat().st_mode) == 0o600
    (sealed / "manifest.json").write_bytes(content.replace(b"{", b"{ ", 1))
    with pytest.raises(IntegrityError, match=r"manifest\.json: altered: byte 1 is not as a seal writes it"):
        read_manifest(sealed / "manifest.json")
    (sealed / "manifest.json").write_bytes(content + b"\n")
    with pytest.raises(IntegrityError, match=f"altered: byte {len(content)} is not as a seal writes it"):
        read_manifest(sealed / "manifest.json")


def test_a_manifest_that_is_not_its_own_says_in_which_way(sealed, tmp_path):
    path = sealed / "manifest.json"
    content = path.read_bytes()
    path.write_bytes(content.replace(b'"records": ', b'"records": 1', 1))
    with pytest.raises(IntegrityError, match="altered: its content is not the one it was sealed with"):
        read_manifest(path)
    path.write_bytes(content.replace(b"infusion-rig/manifest/1", b"infusion-rig/manifest/2"))
    with pytest.raises(IntegrityError, match="of the unknown form 'infusion-rig/manifest/2'"):
        read_manifest(path)
    with pytest.raises(IntegrityError, match=r"manifest\.json: cannot be read: No such file"):
        read_manifest(tmp_path / "manifest.json")


def test_links_to_folders_are_named_and_not_followed(sealed, tmp_path):
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "secret").write_bytes(b"")
    (sealed / "link").symlink_to(tmp_path / "outside")
    assert "link" in set(files_in(sealed))
    assert "link/secret" not in set(files_in(sealed))
