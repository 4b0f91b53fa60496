"""A sound folder has no findings; whatever is done to it is found and named."""

import dataclasses
import hashlib
import itertools
import random
import shutil

import pytest

from rig.errors import DefinitionError
from rig.record.journal_reader import JournalReader
from rig.record.manifest import FileEntry, files_in, read_manifest
from rig.record.verify import Finding, verify_run


def test_a_sealed_run_is_sound(sealed):
    assert verify_run(sealed) == []
    assert verify_run(str(sealed)) == []


def test_a_moved_run_is_sound(sealed, tmp_path):
    moved = tmp_path / "archive" / "elsewhere"
    shutil.copytree(sealed, moved)
    assert verify_run(moved) == []


def sealed_files(path):
    return sorted(files_in(path))


def test_each_missing_file_is_named(sealed):
    for name in sealed_files(sealed):
        content = (sealed / name).read_bytes()
        (sealed / name).unlink()
        found = verify_run(sealed)
        assert Finding(name, found[0].message) == found[0], name
        assert "missing" in found[0].message
        (sealed / name).write_bytes(content)
    assert verify_run(sealed) == []


@pytest.mark.parametrize(
    "name", ["notes.txt", "wire/SIM9-pump.log", "exports/.hidden", "results.json.unfinished"]
)
def test_a_foreign_file_is_named(sealed, name):
    (sealed / name).write_bytes(b"")
    assert [(finding.file, finding.message[:7]) for finding in verify_run(sealed)] == [(name, "foreign")]


def test_a_link_in_place_of_a_file_is_named(sealed, tmp_path):
    shutil.move(sealed / "report.html", tmp_path / "report.html")
    try:
        (sealed / "report.html").symlink_to(tmp_path / "report.html")
    except OSError:
        pytest.skip("links need a right here")
    assert [str(finding) for finding in verify_run(sealed)] == ["report.html: altered: a link now"]


def test_sampled_flips_anywhere_are_found_in_their_file(sealed):
    choose = random.Random(20261121)
    names = sealed_files(sealed)
    for name in itertools.islice(itertools.cycle(names), 20 * len(names)):
        content = (sealed / name).read_bytes()
        flipped = bytearray(content)
        byte = choose.randrange(len(content))
        flipped[byte] ^= 1 << choose.randrange(8)
        (sealed / name).write_bytes(flipped)
        assert name in {finding.file for finding in verify_run(sealed)}, (name, byte)
        (sealed / name).write_bytes(content)
    assert verify_run(sealed) == []


def test_damage_to_the_manifest_is_not_taken_for_damage_to_another_file(sealed):
    content = (sealed / "manifest.json").read_bytes()
    for byte in range(0, len(content), 61):
        flipped = bytearray(content)
        flipped[byte] ^= 1 << byte % 8
        (sealed / "manifest.json").write_bytes(flipped)
        (finding,) = verify_run(sealed)
        assert finding.file == "manifest.json", byte


def test_sampled_truncations_are_found_in_their_file(sealed):
    choose = random.Random(7)
    for name in sealed_files(sealed):
        content = (sealed / name).read_bytes()
        for length in {0, len(content) - 1, *(choose.randrange(len(content)) for _ in range(8))}:
            (sealed / name).write_bytes(content[:length])
            found = verify_run(sealed)
            assert name in {finding.file for finding in found}, (name, length)
            if name not in ("manifest.json", "attestation.dsse.json"):
                assert length in {finding.byte for finding in found if finding.file == name}
        (sealed / name).write_bytes(content)


def rewrite_journal(path, change):
    lines = (path / "journal.jsonl").read_bytes().splitlines(keepends=True)
    change(lines)
    (path / "journal.jsonl").write_bytes(b"".join(lines))
    return [finding for finding in verify_run(path) if finding.file == "journal.jsonl"]


def test_an_altered_record_is_named_with_its_first_byte(sealed):
    lines = (sealed / "journal.jsonl").read_bytes().splitlines(keepends=True)
    for number, line in enumerate(lines):
        altered = [*lines[:number], line.replace(b'"kind":"', b'"kind":"x'), *lines[number + 1 :]]
        (sealed / "journal.jsonl").write_bytes(b"".join(altered))
        found = [finding for finding in verify_run(sealed) if finding.record is not None]
        begins = sum(map(len, lines[:number]))
        assert [(finding.record, finding.byte) for finding in found] == [(number, begins)]


@pytest.mark.parametrize("keep", [1, 5, -1])
def test_a_cut_tail_is_named(sealed, keep):
    before = (sealed / "journal.jsonl").read_bytes().count(b"\n")
    found = rewrite_journal(sealed, lambda lines: lines.__delitem__(slice(keep, None)))
    left = keep % before
    assert any(f"{left} records, {before} when the run was sealed" in finding.message for finding in found)
    assert {finding.record for finding in found} >= {left}


def test_a_record_added_in_chain_is_named(sealed, chained):
    records = list(JournalReader(sealed / "journal.jsonl"))
    last = len(records)
    records.append({"seq": last, "t_ns": 10**15, "kind": "note", "text": "we also did this"})
    (sealed / "journal.jsonl").write_bytes(chained(records))
    found = [
        (finding.record, finding.message) for finding in verify_run(sealed) if finding.record is not None
    ]
    assert found == [(last, "it follows run_closed"), (last, "written after the run was sealed")]


def test_a_rewritten_and_rechained_record_is_found_by_the_seal(sealed, chained):
    records = list(JournalReader(sealed / "journal.jsonl"))
    for record in records:
        if record["kind"] == "verdict":
            record["verdict"] = "FAIL"
    (sealed / "journal.jsonl").write_bytes(chained(records))
    found = verify_run(sealed)
    assert {finding.file for finding in found} == {"journal.jsonl"}
    assert any("head of the chain" in finding.message for finding in found)


def test_time_that_goes_back_is_named(make_run, close_and_seal, chained):
    path = close_and_seal(make_run())
    records = list(JournalReader(path / "journal.jsonl"))
    records[4]["t_ns"] = 0
    (path / "journal.jsonl").write_bytes(chained(records))
    assert any(finding.record == 4 and "time" in finding.message for finding in verify_run(path))


def test_the_journal_and_results_of_another_run_are_named(make_run, close_and_seal):
    one = close_and_seal(make_run("20261121T061500Z-p-line-3-000001"))
    other = close_and_seal(make_run("20261121T061500Z-p-line-3-000002"))
    ours = (one / "results.json").read_bytes()
    shutil.copy(other / "results.json", one / "results.json")
    assert any(
        finding.file == "results.json" and other.name in finding.message and one.name in finding.message
        for finding in verify_run(one)
    )
    (one / "results.json").write_bytes(ours)
    shutil.copy(other / "journal.jsonl", one / "journal.jsonl")
    assert {finding.file for finding in verify_run(one)} >= {"journal.jsonl", "manifest.json", "results.json"}


def test_another_plan_than_the_journal_tells_of_is_named_even_before_the_seal(make_run):
    folder = make_run()
    folder.journal.append("run_closed", outcome="COMPLETED", reason="")
    folder.journal.close()
    folder.write_results({"run_id": folder.run_id})
    (folder.path / "plan.toml").write_text("another", encoding="utf-8")
    found = {finding.file: finding.message for finding in verify_run(folder.path)}
    assert found.keys() == {"manifest.json", "plan.toml"}
    assert "never sealed" in found["manifest.json"]


def test_a_plan_read_with_a_byte_order_mark_is_its_plan(make_run, close_and_seal, chained):
    folder = make_run()
    folder.journal.close()
    records = list(JournalReader(folder.path / "journal.jsonl"))
    content = (folder.path / "plan.toml").read_bytes()
    records[0]["plan"]["sha256"] = hashlib.sha256(b"\xef\xbb\xbf" + content).hexdigest()
    (folder.path / "journal.jsonl").write_bytes(chained(records))
    assert "plan.toml" not in {finding.file for finding in verify_run(folder.path)}


def test_a_run_that_was_never_closed_is_said_to_be_so(make_run):
    folder = make_run()
    folder.journal.close()
    found = {(finding.file, finding.message.split(":")[0]) for finding in verify_run(folder.path)}
    assert found == {
        ("manifest.json", "missing"),
        ("journal.jsonl", "this run was never closed"),
        ("results.json", "missing"),
    }


def test_a_crashed_run_with_a_torn_tail_is_told_where(make_run):
    folder = make_run()
    folder.journal.close()
    journal = folder.path / "journal.jsonl"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"kind":')
    torn = [finding for finding in verify_run(folder.path) if "torn" in finding.message]
    assert [(finding.record, finding.byte) for finding in torn] == [(whole.count(b"\n"), len(whole))]


def test_wire_logs_must_be_there_and_be_wire_logs(make_run):
    folder = make_run()
    folder.journal.close()
    (folder.path / "wire" / "SIM1-pump.log").unlink()
    with (folder.path / "wire" / "SIM2-pump.log").open("ab") as file:
        file.write(b"12 > torn")
    found = {finding.file: finding.message for finding in verify_run(folder.path)}
    assert "missing" in found["wire/SIM1-pump.log"]
    assert "line 3, byte" in found["wire/SIM2-pump.log"]


def test_a_seal_without_the_wire_log_of_an_instrument_is_not_sound(make_run, close_and_seal):
    folder = make_run()
    (folder.path / "wire" / "SIM2-pump.log").unlink()
    found = verify_run(close_and_seal(folder))
    assert [(finding.file, finding.message[:7]) for finding in found] == [("wire/SIM2-pump.log", "missing")]


def test_a_manifest_that_points_out_of_the_folder_reads_nothing_there(sealed):
    manifest = read_manifest(sealed / "manifest.json")
    (sealed.parent / "secret").write_bytes(b"x")
    outside = FileEntry("../secret", 1, hashlib.sha256(b"x").hexdigest())
    altered = dataclasses.replace(manifest, files=(outside, *manifest.files))
    (sealed / "manifest.json").write_bytes(altered.to_bytes())
    assert [(finding.file, finding.message[:7]) for finding in verify_run(sealed)] == [
        ("../secret", "missing"),
        ("attestation.dsse.json", "signed "),
    ]


def test_a_manifest_that_names_a_file_twice_is_not_sound(sealed):
    manifest = read_manifest(sealed / "manifest.json")
    altered = dataclasses.replace(manifest, files=(*manifest.files, manifest.files[0]))
    (sealed / "manifest.json").write_bytes(altered.to_bytes())
    assert [finding.file for finding in verify_run(sealed)] == ["manifest.json", "attestation.dsse.json"]


def test_results_that_cannot_be_read_are_named(sealed):
    for content in (b"", b"[]", b"\xff", b"{"):
        (sealed / "results.json").write_bytes(content)
        assert len([finding for finding in verify_run(sealed) if finding.file == "results.json"]) == 2


def test_what_is_no_run_folder_is_bad_input(tmp_path):
    with pytest.raises(DefinitionError, match="no such folder"):
        verify_run(tmp_path / "nowhere")
    with pytest.raises(DefinitionError, match="no run folder"):
        verify_run(tmp_path)


def test_a_finding_tells_file_record_and_byte():
    assert str(Finding("journal.jsonl", "altered", 7, 1200)) == "journal.jsonl, record 7, byte 1200: altered"
    assert str(Finding("report.pdf", "missing")) == "report.pdf: missing"
