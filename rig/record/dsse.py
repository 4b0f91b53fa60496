"""A signed statement: in-toto Statement v1 in a DSSE v1 envelope, Ed25519, in one spelling only.

DSSE (github.com/secure-systems-lab/dsse, protocol.md) signs the bytes ``DSSEv1 <len> <type> <len> <payload>``. The
envelope and the statement within are canonical JSON (keys sorted, no spaces, ASCII), the envelope ended by a newline,
so that no byte of such a file can change unseen, not even one that no signature covers.
"""

from __future__ import annotations

import base64
import hashlib
import json
from dataclasses import dataclass
from typing import Any

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from rig.errors import IntegrityError
from rig.record.keys import is_signed_by, key_id
from rig.record.layout import MANIFEST

PAYLOAD_TYPE = "application/vnd.in-toto+json"
STATEMENT = "https://in-toto.io/Statement/v1"


@dataclass(frozen=True)
class Signed:
    """An envelope, read but not yet held against a key."""

    predicate_type: str
    predicate: dict[str, Any]
    manifest_sha256: str  # of the one subject, manifest.json
    key_id: str
    signature: bytes
    payload: bytes

    def is_by(self, public: Ed25519PublicKey) -> bool:
        """Whether this key, and the one that is named, made the signature."""
        return key_id(public) == self.key_id and is_signed_by(
            public, self.signature, _signed_bytes(self.payload)
        )


def sign(manifest: bytes, predicate_type: str, predicate: dict[str, Any], key: Ed25519PrivateKey) -> bytes:
    """The envelope of a statement about a manifest, as it lies in its file."""
    statement = {
        "_type": STATEMENT,
        "subject": [{"name": MANIFEST, "digest": {"sha256": hashlib.sha256(manifest).hexdigest()}}],
        "predicateType": predicate_type,
        "predicate": predicate,
    }
    payload = _spelled(statement)
    signature = key.sign(_signed_bytes(payload))
    return _envelope(payload, key_id(key.public_key()), signature)


def read_signed(content: bytes) -> Signed:
    """Raises IntegrityError if this is not exactly an envelope as :func:`sign` writes it; the file is not named."""
    try:
        envelope = json.loads(content.decode("ascii"))
        (entry,) = envelope["signatures"]
        payload = base64.b64decode(envelope["payload"], validate=True)
        signature = base64.b64decode(entry["sig"], validate=True)
        statement = json.loads(payload.decode("ascii"))
        (subject,) = statement["subject"]
        signed = Signed(
            predicate_type=statement["predicateType"],
            predicate=dict(statement["predicate"]),
            manifest_sha256=subject["digest"]["sha256"],
            key_id=entry["keyid"],
            signature=signature,
            payload=payload,
        )
        known = (
            envelope["payloadType"] == PAYLOAD_TYPE
            and statement["_type"] == STATEMENT
            and subject["name"] == MANIFEST
        )
        again = _envelope(payload, signed.key_id, signature), _spelled(statement)
    except (ValueError, TypeError, LookupError, AttributeError, RecursionError) as error:
        raise IntegrityError(f"damaged: {error}") from error
    if not known:
        raise IntegrityError("altered: of another kind than this program writes")
    if again != (content, payload):
        pairs = enumerate(zip(content, again[0], strict=False))
        byte = next((i for i, (a, b) in pairs if a != b), min(len(content), len(again[0])))
        raise IntegrityError(f"altered: byte {byte} is not as it was written")
    return signed


def _signed_bytes(payload: bytes) -> bytes:
    return b"DSSEv1 %d %s %d %s" % (len(PAYLOAD_TYPE), PAYLOAD_TYPE.encode(), len(payload), payload)


def _envelope(payload: bytes, by: str, signature: bytes) -> bytes:
    envelope = {
        "payload": base64.b64encode(payload).decode(),
        "payloadType": PAYLOAD_TYPE,
        "signatures": [{"keyid": by, "sig": base64.b64encode(signature).decode()}],
    }
    return _spelled(envelope) + b"\n"


def _spelled(content: object) -> bytes:
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()
