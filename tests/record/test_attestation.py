"""The bench's signature on the seal: what it says, and that nobody else can make it say so."""

import base64
import hashlib
import json
import shutil

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rig.errors import IntegrityError
from rig.record.attestation import SEAL, attest, read_attestation
from rig.record.dsse import read_signed, sign
from rig.record.journal_reader import JournalReader
from rig.record.keys import bench_key, key_id, public_key, spelled
from rig.record.manifest import read_manifest
from rig.record.verify import verify_run

NAME = "attestation.dsse.json"


def opened(path):
    return next(iter(JournalReader(path / "journal.jsonl")))


def test_it_says_what_record_and_results_say(sealed):
    signed = read_attestation(sealed)
    manifest = read_manifest(sealed / "manifest.json")
    predicate = signed.predicate
    assert (predicate["kind"], predicate["outcome"]) == ("EVIDENCE", "PASS")
    assert (predicate["head"], predicate["records"]) == (manifest.head, manifest.records)
    assert predicate["run_id"] == sealed.name
    assert predicate["previous_run"] is None
    assert signed.manifest_sha256 == hashlib.sha256((sealed / "manifest.json").read_bytes()).hexdigest()
    assert signed.key_id == key_id(bench_key("line-3").public_key())


def test_a_rehearsal_is_sealed_as_a_rehearsal(make_run, close_and_seal):
    path = close_and_seal(make_run(rehearsal=True))
    assert read_attestation(path).predicate["kind"] == "REHEARSAL"
    assert verify_run(path) == []


def test_it_is_a_dsse_envelope_of_an_in_toto_statement_that_others_can_check(sealed):
    """By the two specifications alone, without the code under test."""
    envelope = json.loads((sealed / NAME).read_bytes())
    payload = base64.b64decode(envelope["payload"])
    kind = envelope["payloadType"]
    pae = f"DSSEv1 {len(kind)} {kind} {len(payload)} ".encode() + payload
    (signature,) = envelope["signatures"]
    public_key(opened(sealed)["bench_key"]["public"]).verify(base64.b64decode(signature["sig"]), pae)
    statement = json.loads(payload)
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert kind == "application/vnd.in-toto+json"
    assert statement["subject"][0]["name"] == "manifest.json"
    assert statement.keys() == {"_type", "subject", "predicateType", "predicate"}


def test_a_seal_is_signed_once(sealed):
    with pytest.raises(IntegrityError, match="signed already"):
        attest(sealed, opened(sealed), bench_key("line-3"), None)


def messages(path, trusted=None):
    return [f.message for f in verify_run(path, trusted) if f.file == NAME]


def test_a_signature_taken_away_is_named(sealed):
    (sealed / NAME).unlink()
    assert [f.file for f in verify_run(sealed)] == [NAME]
    assert "missing" in messages(sealed)[0]


def test_the_signature_of_another_run_is_named(make_run, close_and_seal):
    one = close_and_seal(make_run("20261121T061500Z-p-line-3-000001"))
    other = close_and_seal(make_run("20261121T061500Z-p-line-3-000002"))
    shutil.copy(other / NAME, one / NAME)
    assert messages(one) == ["signed for another manifest.json than this one"]


@pytest.mark.parametrize(
    ("name", "value"), [("kind", "REHEARSAL"), ("outcome", "FAIL"), ("head", "0" * 64), ("previous_run", {})]
)
def test_a_statement_that_says_otherwise_is_named_even_when_the_bench_signed_it(sealed, name, value):
    predicate = read_attestation(sealed).predicate | {name: value}
    manifest = (sealed / "manifest.json").read_bytes()
    (sealed / NAME).write_bytes(sign(manifest, SEAL, predicate, bench_key("line-3")))
    assert messages(sealed) == [f"its '{name}' is not that of the record"]


def test_the_signature_of_another_key_is_named(sealed):
    predicate = read_attestation(sealed).predicate
    manifest = (sealed / "manifest.json").read_bytes()
    (sealed / NAME).write_bytes(sign(manifest, SEAL, predicate, Ed25519PrivateKey.generate()))
    assert messages(sealed) == ["altered, or signed by another key than the bench's in the journal"]


def test_a_folder_made_anew_with_a_key_of_ones_own_is_sound_but_not_trusted(
    sealed, chained, close_and_seal, make_run
):
    trusted = {read_attestation(sealed).key_id: "line-3.pem"}
    assert verify_run(sealed, trusted) == []
    forger = Ed25519PrivateKey.generate()
    records = list(JournalReader(sealed / "journal.jsonl"))
    public = forger.public_key()
    records[0]["bench_key"] = {"id": key_id(public), "public": spelled(public)}
    (sealed / "journal.jsonl").write_bytes(chained(records))
    for name in ("manifest.json", NAME):
        (sealed / name).unlink()
    from rig.record.manifest import seal

    seal(sealed)
    from datetime import UTC, datetime

    attest(sealed, opened(sealed), forger, datetime.now(UTC))
    assert verify_run(sealed) == []
    assert messages(sealed, trusted) == [f"signed by a key that is not trusted: {key_id(public)}"]


def test_a_journal_that_names_no_key_cannot_be_checked(make_run, close_and_seal, chained):
    path = close_and_seal(make_run())
    records = list(JournalReader(path / "journal.jsonl"))
    del records[0]["bench_key"]
    (path / "journal.jsonl").write_bytes(chained(records))
    assert any("does not tell the key" in message for message in messages(path))


def test_every_bit_of_an_envelope_counts(sealed):
    content = (sealed / NAME).read_bytes()
    signed = read_signed(content)
    public = bench_key("line-3").public_key()
    assert signed.is_by(public)
    flipped = bytearray(content)
    for byte in range(len(content)):
        flipped[byte] ^= 1 << byte % 8
        try:
            found = read_signed(bytes(flipped))
        except IntegrityError:
            found = None
        assert found is None or not found.is_by(public), byte
        flipped[byte] = content[byte]


@pytest.mark.parametrize("content", [b"", b"{}", b"[]", b"null", b"\xff", b"[" * 50_000, b'{"payload":1}'])
def test_what_is_no_envelope_is_an_integrity_error(content):
    with pytest.raises(IntegrityError, match="damaged"):
        read_signed(content)


def test_another_spelling_is_named_with_its_byte(sealed):
    content = (sealed / NAME).read_bytes()
    with pytest.raises(IntegrityError, match="byte 1 "):
        read_signed(b"{ " + content[1:])
    with pytest.raises(IntegrityError, match=f"byte {len(content)} "):
        read_signed(content + b"\n")
