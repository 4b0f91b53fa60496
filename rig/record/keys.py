"""Ed25519 keys: one a bench, which seals, and one a person, who signs; and the folder of this user where they lie.

The bench's key has no passphrase: runs end at night. Whoever can read its file can seal as the bench. A person's key
is encrypted (PKCS #8) with a passphrase that only the person knows.
"""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
    load_der_public_key,
    load_pem_private_key,
    load_pem_public_key,
)

from rig.errors import DefinitionError, IntegrityError, Where
from rig.record.durable_files import sync_folder, write_new
from rig.record.lock import file_stem

VARIABLE = "INFUSION_RIG_KEYS"
SHORTEST_PASSPHRASE = 8


def keys_folder() -> Path:
    """The folder named by the environment variable INFUSION_RIG_KEYS, else one of this user."""
    if named := os.environ.get(VARIABLE):
        return Path(named)
    if os.name == "nt":
        return Path(os.environ.get("APPDATA") or Path.home()) / "infusion-rig" / "keys"
    return Path(os.environ.get("XDG_CONFIG_HOME") or Path.home() / ".config") / "infusion-rig" / "keys"


def bench_key(bench_id: str, folder: Path | None = None) -> Ed25519PrivateKey:
    """The key of a bench, made when it is first needed. Raises IntegrityError if it cannot be made, read or trusted."""
    path = (folder or keys_folder()) / f"bench-{file_stem(bench_id)}.pem"
    try:
        if not path.exists():
            _make_folder(path.parent)
            _write_key(path, Ed25519PrivateKey.generate(), NoEncryption())
    except OSError as error:
        hint = f"set {VARIABLE} to a folder that can be written"
        raise IntegrityError(
            f"{path}: the key of bench '{bench_id}' cannot be made: {error.strerror} ({hint})"
        ) from error
    return _read_key(path, None)


def make_person_key(name: str, passphrase: str, folder: Path | None = None) -> tuple[Path, Path]:
    """A new key of a person: paths of the encrypted private key and of the public one, to be handed to the firm.

    Raises DefinitionError for a name that has a key, or a passphrase of fewer than 8 characters.
    """
    if not (name.strip() and name.isprintable()):
        raise DefinitionError("this is no name", Where(key="--new-key"), "as it shall stand in reports")
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise DefinitionError(f"the passphrase is shorter than {SHORTEST_PASSPHRASE} characters")
    path = person_key_path(name, folder)
    public = path.with_suffix(".pub.pem")
    try:
        _make_folder(path.parent)
        key = Ed25519PrivateKey.generate()
        _write_key(path, key, BestAvailableEncryption(passphrase.encode()))
        write_new(public, key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    except FileExistsError:
        raise DefinitionError(f"there is a key of '{name}' already", Where(str(path))) from None
    except OSError as error:
        raise IntegrityError(f"{path}: cannot be written: {error.strerror or error}") from error
    return path, public


def person_key_path(name: str, folder: Path | None = None) -> Path:
    """Where the key of a person lies."""
    return (folder or keys_folder()) / "people" / f"{file_stem(name)}.pem"


def person_key(name: str, passphrase: str, folder: Path | None = None) -> Ed25519PrivateKey:
    """Raises DefinitionError if there is none, or this is not its passphrase."""
    path = person_key_path(name, folder)
    if not path.exists():
        hint = f"rig sign --new-key '{name}' makes one"
        raise DefinitionError(f"there is no key of '{name}'", Where(str(path)), hint)
    return _read_key(path, passphrase.encode())


def _make_folder(path: Path) -> None:
    path.mkdir(mode=0o700, parents=True, exist_ok=True)


def _write_key(path: Path, key: Ed25519PrivateKey, encryption: KeySerializationEncryption) -> None:
    write_new(path, key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, encryption))
    sync_folder(path.parent)


def _read_key(path: Path, passphrase: bytes | None) -> Ed25519PrivateKey:
    try:
        if os.name == "posix":
            _refuse_open_to_others(path)
        content = path.read_bytes()
    except OSError as error:
        raise IntegrityError(f"{path}: cannot be read: {error.strerror or error}") from error
    try:
        key = load_pem_private_key(content, passphrase or None)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if passphrase is not None:
            raise DefinitionError("this is not the passphrase of the key", Where(str(path))) from None
        raise IntegrityError(f"{path}: damaged, or no private key without passphrase") from None
    if not isinstance(key, Ed25519PrivateKey):
        raise IntegrityError(f"{path}: a key of another kind than Ed25519")
    return key


def _refuse_open_to_others(path: Path) -> None:
    if path.stat().st_mode & 0o077:
        raise IntegrityError(f"{path}: others can read this key; chmod 600, and think whether one did")
    if path.parent.stat().st_mode & 0o022:
        raise IntegrityError(f"{path.parent}: others can put keys into this folder; chmod 700")


def key_id(public: Ed25519PublicKey) -> str:
    """SHA-256 (hex) of the key as SubjectPublicKeyInfo in DER, as ``openssl pkey -pubin -outform DER | sha256sum``."""
    return hashlib.sha256(_der(public)).hexdigest()


def spelled(public: Ed25519PublicKey) -> str:
    """The key as it stands in records: base64 of its SubjectPublicKeyInfo in DER."""
    return base64.b64encode(_der(public)).decode()


def public_key(text: object) -> Ed25519PublicKey | None:
    """The key that :func:`spelled` wrote; None if it is none, or spelled otherwise."""
    try:
        key = load_der_public_key(base64.b64decode(str(text), validate=True))
    except (ValueError, UnsupportedAlgorithm):
        return None
    return key if isinstance(key, Ed25519PublicKey) and spelled(key) == text else None


def is_signed_by(public: Ed25519PublicKey, signature: bytes, data: bytes) -> bool:
    """Whether this is the key's signature of these bytes."""
    try:
        public.verify(signature, data)
    except InvalidSignature:
        return False
    return True


def trusted_keys(path: Path) -> dict[str, str]:
    """Key ids with the names of their files: a public key in PEM, or a folder of such (``*.pem``).

    Raises DefinitionError if there is none.
    """
    files = sorted(path.glob("*.pem")) if path.is_dir() else [path]
    found = {}
    for file in files:
        try:
            key = load_pem_public_key(file.read_bytes())
        except (OSError, ValueError, UnsupportedAlgorithm):
            raise DefinitionError("this is no public key in PEM", Where(str(file))) from None
        if not isinstance(key, Ed25519PublicKey):
            raise DefinitionError("this is a key of another kind than Ed25519", Where(str(file)))
        found[key_id(key)] = file.name
    if not found:
        raise DefinitionError("there is no public key (*.pem) in this folder", Where(str(path)))
    return found


def _der(public: Ed25519PublicKey) -> bytes:
    return public.public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
