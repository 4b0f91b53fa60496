"""A signature belongs to one run as it was sealed; what is done to it is found."""

import json
import shutil
from datetime import UTC, datetime

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from rig.errors import DefinitionError
from rig.record.dsse import read_signed, sign
from rig.record.journal_reader import JournalReader
from rig.record.keys import key_id
from rig.record.signatures import SIGNATURE, read_signatures, sign_run
from rig.record.verify import verify_run

AT = datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
ANN, BOB = Ed25519PrivateKey.generate(), Ed25519PrivateKey.generate()


def opened(path):
    return next(iter(JournalReader(path / "journal.jsonl")))


@pytest.fixture
def signed(sealed):
    sign_run(sealed, opened(sealed), "author", "Ann Example", ANN, signed_at=AT)
    sign_run(sealed, opened(sealed), "review", "Bob Beispiel µ", BOB, signed_at=AT)
    sign_run(sealed, opened(sealed), "approval", "Ann Example", ANN, signed_at=AT)
    return sealed


def found(path):
    return [(finding.file, finding.message) for finding in verify_run(path)]


def test_name_time_and_meaning_stand_in_the_signed_bytes(signed):
    assert verify_run(signed) == []
    (first, second, third) = read_signatures(signed, opened(signed))
    assert (first.meaning, second.meaning, third.meaning) == ("author", "review", "approval")
    assert (second.name, second.signed_utc) == ("Bob Beispiel µ", "2026-11-22T09:30:00+00:00")
    assert second.key_id == key_id(BOB.public_key())
    payload = read_signed((signed / second.file).read_bytes()).payload
    told = json.loads(payload)["predicate"]
    assert (told["name"], told["meaning"], told["outcome"]) == ("Bob Beispiel µ", "review", "PASS")


def test_signing_changes_nothing_that_was_sealed(sealed):
    before = {path: path.read_bytes() for path in sealed.rglob("*") if path.is_file()}
    sign_run(sealed, opened(sealed), "author", "Ann", ANN)
    assert {path: path.read_bytes() for path in before} == before


def test_a_rehearsal_cannot_be_approved(make_run, close_and_seal):
    path = close_and_seal(make_run(rehearsal=True))
    with pytest.raises(DefinitionError, match="cannot be approved"):
        sign_run(path, opened(path), "approval", "Ann", ANN)
    sign_run(path, opened(path), "review", "Ann", ANN)
    predicate = read_signed((path / "signatures/001.dsse.json").read_bytes()).predicate
    assert predicate["kind"] == "REHEARSAL"
    forged = sign((path / "manifest.json").read_bytes(), SIGNATURE, predicate | {"meaning": "approval"}, ANN)
    (path / "signatures/001.dsse.json").write_bytes(forged)
    assert found(path) == [("signatures/001.dsse.json", "void: a rehearsal cannot be approved")]


@pytest.mark.parametrize("meaning", ["rejection", "correction"])
def test_some_meanings_need_their_reason(sealed, meaning):
    for reason in ("", "  ", "two\nlines"):
        with pytest.raises(DefinitionError, match="reason"):
            sign_run(sealed, opened(sealed), meaning, "Ann", ANN, reason)
    told = sign_run(sealed, opened(sealed), meaning, "Ann", ANN, "the tube was kinked")
    assert (told.reason, told.trouble) == ("the tube was kinked", "")


def test_a_signature_cannot_be_moved_to_another_run(signed, make_run, close_and_seal):
    other = close_and_seal(make_run("20261121T061500Z-p-line-3-000002"))
    shutil.copytree(signed / "signatures", other / "signatures")
    assert {message for _, message in found(other)} == {"signed for another manifest.json than this one"}


def test_a_signature_taken_away_or_put_elsewhere_is_named(signed):
    second = signed / "signatures/002.dsse.json"
    content = second.read_bytes()
    second.unlink()
    assert found(signed)[0] == ("signatures/002.dsse.json", "missing: there are signatures after it")
    shutil.copy(signed / "signatures/001.dsse.json", second)
    assert found(signed)[0] == (
        "signatures/002.dsse.json",
        "moved: it was signed under another number",
    )
    second.write_bytes(content)
    (signed / "signatures/004.dsse.json").write_bytes(content)
    assert [file for file, _ in found(signed)] == ["signatures/004.dsse.json"]


@pytest.mark.parametrize("name", ["signatures/1.dsse.json", "signatures/notes.txt", "signatures/000x"])
def test_other_files_among_the_signatures_are_foreign(signed, name):
    (signed / name).write_bytes(b"")
    assert [(file, message[:7]) for file, message in found(signed)] == [(name, "foreign")]


def test_what_a_signature_says_of_the_run_must_be_so(sealed):
    told = sign_run(sealed, opened(sealed), "author", "Ann", ANN)
    predicate = read_signed((sealed / told.file).read_bytes()).predicate
    manifest = (sealed / "manifest.json").read_bytes()
    for name, value in (("outcome", "FAIL"), ("meaning", "praise"), ("run_id", "x"), ("name", None)):
        (sealed / told.file).write_bytes(sign(manifest, SIGNATURE, predicate | {name: value}, ANN))
        assert [file for file, _ in found(sealed)] == [told.file], name
    (sealed / told.file).write_bytes(sign(manifest, SIGNATURE, predicate, BOB))
    assert found(sealed) == [(told.file, "altered: it does not match its own key")]


def test_a_signer_who_is_not_trusted_is_named(signed):
    bench = opened(signed)["bench_key"]["id"]
    trusted = {bench: "line-3", key_id(ANN.public_key()): "ann"}
    assert [(f.file, f.message) for f in verify_run(signed, trusted)] == [
        ("signatures/002.dsse.json", f"signed by a key that is not trusted: {key_id(BOB.public_key())}")
    ]
