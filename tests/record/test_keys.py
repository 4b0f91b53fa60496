"""Keys are made once, readable by their owner alone, and refused when they are not."""

import os
import stat
import subprocess

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from rig.errors import DefinitionError, IntegrityError
from rig.record.keys import (
    bench_key,
    is_signed_by,
    key_id,
    keys_folder,
    make_person_key,
    person_key,
    public_key,
    spelled,
    trusted_keys,
)

posix = pytest.mark.skipif(os.name == "nt", reason="Windows has other rights")


def mode(path):
    return stat.S_IMODE(path.stat().st_mode)


def test_a_bench_keeps_its_key_and_has_one_of_its_own(keys):
    first = key_id(bench_key("line-3").public_key())
    assert key_id(bench_key("line-3").public_key()) == first
    assert key_id(bench_key("Line-3").public_key()) != first
    assert len(list(keys.glob("bench-*.pem"))) == 2


@posix
def test_keys_are_their_owners_alone(keys):
    bench_key("line-3")
    make_person_key("Ann Example", "long enough")
    assert mode(keys) == mode(keys / "people") == 0o700
    assert {mode(path) for path in keys.rglob("*.pem")} == {0o600}


@posix
def test_a_key_that_others_can_read_or_replace_is_refused(keys):
    bench_key("line-3")
    (path,) = keys.glob("*.pem")
    path.chmod(0o640)
    with pytest.raises(IntegrityError, match="others can read this key"):
        bench_key("line-3")
    path.chmod(0o600)
    keys.chmod(0o770)
    with pytest.raises(IntegrityError, match="others can put keys"):
        bench_key("line-3")


def test_what_is_no_key_is_refused(keys):
    bench_key("line-3")
    (path,) = keys.glob("*.pem")
    path.write_bytes(b"-----BEGIN PRIVATE KEY-----\n")
    with pytest.raises(IntegrityError, match="damaged"):
        bench_key("line-3")


def test_a_place_where_no_key_can_be_made_is_told_with_what_to_do(keys):
    keys.write_text("a file")
    with pytest.raises(IntegrityError, match="set INFUSION_RIG_KEYS"):
        bench_key("line-3")


def test_without_the_variable_keys_lie_in_the_users_own_folder(monkeypatch):
    monkeypatch.delenv("INFUSION_RIG_KEYS")
    monkeypatch.setenv("XDG_CONFIG_HOME", "/home/somebody/.config")
    monkeypatch.setenv("APPDATA", "/home/somebody/.config")
    assert keys_folder().as_posix() == "/home/somebody/.config/infusion-rig/keys"


def test_a_persons_key_opens_with_its_passphrase_only(keys):
    private, public = make_person_key("Ann Example", "long enough")
    assert b"ENCRYPTED" in private.read_bytes()
    key = person_key("Ann Example", "long enough")
    assert trusted_keys(public) == {key_id(key.public_key()): public.name}
    for wrong in ("long enougH", ""):
        with pytest.raises(DefinitionError, match="not the passphrase"):
            person_key("Ann Example", wrong)
    with pytest.raises(DefinitionError, match="no key of 'Ann'"):
        person_key("Ann", "long enough")


@pytest.mark.parametrize(
    ("name", "passphrase", "told"),
    [("Ann", "short", "shorter"), ("", "long enough", "no name"), ("A\nB", "long enough", "no name")],
)
def test_keys_that_are_not_made(name, passphrase, told):
    with pytest.raises(DefinitionError, match=told):
        make_person_key(name, passphrase)


def test_a_key_is_never_replaced():
    private, _ = make_person_key("Ann", "long enough")
    before = private.read_bytes()
    with pytest.raises(DefinitionError, match="already"):
        make_person_key("Ann", "another passphrase")
    assert private.read_bytes() == before


def test_a_public_key_has_one_spelling():
    key = Ed25519PrivateKey.generate()
    text = spelled(key.public_key())
    again = public_key(text)
    assert again is not None
    assert key_id(again) == key_id(key.public_key())
    of_another_kind = "MCowBQYDC2VwAyEA6ghhHfvlbtpd5Et0RDejaIUJyLqnFtPIFfYSBMjQWeo="
    for other in (of_another_kind, text + "=", text[:-2], text + "\n", "", None, 7, "AAAA"):
        assert public_key(other) is None
    assert is_signed_by(again, key.sign(b"data"), b"data")
    assert not is_signed_by(again, key.sign(b"data"), b"Data")


def test_the_id_of_a_key_is_what_openssl_says(tmp_path):
    try:
        subprocess.run(["openssl", "version"], capture_output=True, check=True)
    except (OSError, subprocess.CalledProcessError):
        pytest.skip("no openssl here")
    key = Ed25519PrivateKey.generate().public_key()
    (tmp_path / "key.pem").write_bytes(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    command = f"openssl pkey -pubin -in {tmp_path / 'key.pem'} -outform DER | openssl sha256 -r"
    told = subprocess.run(["sh", "-c", command], capture_output=True, text=True, check=True).stdout
    assert told.split()[0] == key_id(key)


def test_what_is_no_public_key_is_bad_input(tmp_path):
    with pytest.raises(DefinitionError, match=r"no public key \(\*\.pem\) in this folder"):
        trusted_keys(tmp_path)
    (tmp_path / "a.pem").write_text("x")
    with pytest.raises(DefinitionError, match="no public key in PEM"):
        trusted_keys(tmp_path)
