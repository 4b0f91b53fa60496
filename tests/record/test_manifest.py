"""The seal names every file, is written once, and has only one spelling."""

import hashlib
import json

import pytest

from rig.errors import IntegrityError
from rig.record.journal_reader import JournalReader
from rig.record.manifest import Manifest, read_manifest


def test_it_names_every_file_and_the_end_of_the_chain(sealed):
    manifest = read_manifest(sealed / "manifest.json")
    on_disk = {path.relative_to(sealed).as_posix() for path in sealed.rglob("*") if path.is_file()}
    assert {entry.path for entry in manifest.files} == on_disk - {"manifest.json", "attestation.dsse.json"}
    assert {"wire/SIM1-pump.log", "pumps/acme.toml", "samples.parquet", "exports/junit.xml"} <= on_disk
    for entry in manifest.files:
        content = (sealed / entry.path).read_bytes()
        assert (entry.size, entry.sha256) == (len(content), hashlib.sha256(content).hexdigest())
    reader = JournalReader(sealed / "journal.jsonl")
    assert manifest.records == len(list(reader))
    assert (manifest.head, manifest.run_id) == (reader.head, sealed.name)
    assert json.loads((sealed / "manifest.json").read_bytes())["schema"] == "infusion-rig/manifest/1"


def test_a_seal_is_never_renewed(make_run, close_and_seal, seal):
    folder = make_run()
    close_and_seal(folder)
    before = (folder.path / "manifest.json").read_bytes()
    with pytest.raises(IntegrityError, match="sealed already"):
        seal(folder)
    assert (folder.path / "manifest.json").read_bytes() == before


def test_a_broken_journal_is_not_sealed(make_run, seal):
    folder = make_run()
    folder.journal.close()
    journal = folder.path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"before_g":1.0', b'"before_g":1.1'))
    with pytest.raises(IntegrityError, match=r"not sealed: record \d+, byte \d+: altered"):
        seal(folder)
    assert not (folder.path / "manifest.json").exists()


def test_a_torn_journal_is_sealed_as_it_lies_there(make_run, seal):
    folder = make_run()
    folder.journal.close()
    with (folder.path / "journal.jsonl").open("ab") as file:
        file.write(b'{"half a rec')
    seal(folder)
    entry = next(e for e in read_manifest(folder.path / "manifest.json").files if e.path == "journal.jsonl")
    assert entry.size == (folder.path / "journal.jsonl").stat().st_size


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}",
        b"[]",
        b"null",
        b"\xff",
        b"[" * 50_000,
        b'{"files":1}',
        b'{"files":[1]}',
        b'{"files":[{"path":"a"}]}',
    ],
)
def test_what_is_no_manifest_is_an_integrity_error(tmp_path, content):
    (tmp_path / "manifest.json").write_bytes(content)
    with pytest.raises(IntegrityError, match=r"manifest\.json: damaged"):
        read_manifest(tmp_path / "manifest.json")


def test_another_spelling_of_the_same_content_is_named_with_its_byte(tmp_path):
    content = Manifest("r", 1, "0" * 64, ()).to_bytes()
    (tmp_path / "manifest.json").write_bytes(content.replace(b"\n", b"\r\n", 1))
    with pytest.raises(IntegrityError, match="byte 1 "):
        read_manifest(tmp_path / "manifest.json")
    assert (
        json.loads(content)["self_sha256"]
        == hashlib.sha256(content.replace(json.loads(content)["self_sha256"].encode(), b"")).hexdigest()
    )
    (tmp_path / "manifest.json").write_bytes(content + b" ")
    with pytest.raises(IntegrityError, match=f"byte {len(content)} "):
        read_manifest(tmp_path / "manifest.json")


def test_a_flipped_bit_in_any_byte_is_found(sealed):
    path = sealed / "manifest.json"
    content = path.read_bytes()
    flipped = bytearray(content)
    for byte in range(len(content)):
        flipped[byte] ^= 1 << byte % 8
        path.write_bytes(flipped)
        with pytest.raises(IntegrityError, match=r"manifest\.json"):
            read_manifest(path)
        flipped[byte] = content[byte]
