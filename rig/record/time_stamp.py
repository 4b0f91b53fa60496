"""Time stamps by others (RFC 3161): an authority's word that the manifest of a run was there at an instant. Optional.

Each is the authority's whole answer, as it came, in ``time_stamps/NAME.tsr``; NAME begins the SHA-256 of the file, so
that none of its bytes changes unseen, not even one that no signature covers. It can be checked by others as well:
``openssl ts -verify -data manifest.json -in time_stamps/NAME.tsr -CAfile CA.pem``. The library is needed for these
files alone, so it is an extra of the installation.
"""

from __future__ import annotations

import hashlib
import http.client
import threading
import urllib.error
import urllib.request
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING

from cryptography import x509

from rig.errors import DefinitionError, IntegrityError, LinkError, LinkTimeout, ProtocolError, Where
from rig.record.durable_files import sync_folder, write_atomically
from rig.record.layout import MANIFEST, TIME_STAMPS, time_stamp_name

if TYPE_CHECKING:
    from rfc3161_client import TimeStampResponse

ANSWER_WITHIN_S = 15.0
LONGEST_ANSWER = 64 * 1024  # bytes; usual are two to six thousand
SCHEMES = ("http://", "https://")
SHA256_OID = "2.16.840.1.101.3.4.2.1"


@dataclass(frozen=True)
class TimeStamp:
    """One file in ``time_stamps/``; ``trouble`` says why it does not count, and is empty if it does.

    ``is_checked``: its signature leads to one of the authorities that were given. Otherwise ``utc`` and ``authority``
    are what it says of itself.
    """

    file: str
    trouble: str
    utc: str = ""
    authority: str = ""
    is_checked: bool = False


def library() -> ModuleType:
    """rfc3161_client. Raises DefinitionError where it is not installed."""
    try:
        import rfc3161_client
    except ImportError:
        hint = "pip install 'infusion-rig[time-stamp]'"
        raise DefinitionError("time stamps need the library rfc3161-client", hint=hint) from None
    return rfc3161_client


def read_authorities(path: Path) -> list[x509.Certificate]:
    """Certificates of authorities that are trusted, from a PEM file. Raises DefinitionError."""
    try:
        return x509.load_pem_x509_certificates(path.read_bytes())
    except OSError as error:
        raise DefinitionError(f"cannot be read: {error.strerror or error}", Where(str(path))) from None
    except ValueError as error:
        raise DefinitionError(f"holds no certificates in PEM form: {error}", Where(str(path))) from None


def stamp_run(run_path: Path, url: str) -> TimeStamp:
    """Ask the authority at ``url`` for a time stamp on the manifest of a sealed run, and keep it.

    Raises DefinitionError for a run without seal or an address that is none, LinkError when no answer comes in
    15 s, ProtocolError for an answer that is no stamp on this manifest, IntegrityError if the disk does not take it.
    """
    rfc3161 = library()
    if not (run_path / MANIFEST).is_file():
        raise DefinitionError("only a sealed run can be stamped", Where(str(run_path)))
    manifest = (run_path / MANIFEST).read_bytes()
    sha256 = rfc3161.HashAlgorithm.SHA256
    request = rfc3161.TimestampRequestBuilder().data(manifest).hash_algorithm(sha256).build()
    content = _answer(url, request.as_bytes())
    try:
        stamp = _checked("", content, manifest, None)
        if rfc3161.decode_timestamp_response(content).tst_info.nonce != request.nonce:
            raise _NoStampError("it answers another question")
    except _NoStampError as error:
        raise ProtocolError(f"no time stamp for this run: {error}", address=url) from error
    file = run_path / time_stamp_name(content)
    try:
        file.parent.mkdir(mode=0o700, exist_ok=True)
        sync_folder(run_path)
    except OSError as error:
        raise IntegrityError(f"{file}: cannot be written: {error.strerror or error}") from error
    write_atomically(file, content)
    return replace(stamp, file=time_stamp_name(content))


def read_time_stamps(run_path: Path, authorities: Sequence[x509.Certificate] | None) -> list[TimeStamp]:
    """All time stamps of a run, each checked; its signature only where ``authorities`` are given."""
    folder = run_path / TIME_STAMPS
    files = sorted(folder.iterdir()) if folder.is_dir() else []
    manifest = (run_path / MANIFEST).read_bytes() if files and (run_path / MANIFEST).is_file() else b""
    return [_read(file, manifest, authorities) for file in files]


def _read(file: Path, manifest: bytes, authorities: Sequence[x509.Certificate] | None) -> TimeStamp:
    name = f"{TIME_STAMPS}/{file.name}"
    try:
        content = file.read_bytes()
    except OSError as error:
        return TimeStamp(name, f"cannot be read: {error.strerror or error}")
    if name != time_stamp_name(content):
        return TimeStamp(name, "altered: its name is not the beginning of its SHA-256")
    try:
        return _checked(name, content, manifest, authorities)
    except DefinitionError as error:
        return TimeStamp(name, "", authority=f"not looked at: {error}")
    except _NoStampError as error:
        return TimeStamp(name, str(error))


class _NoStampError(Exception):
    """Why an answer is no stamp on a manifest."""


def _checked(
    name: str, content: bytes, manifest: bytes, authorities: Sequence[x509.Certificate] | None
) -> TimeStamp:
    """What an answer says. Raises _NoStampError, and DefinitionError where the library is not installed."""
    library()
    try:
        response = _decoded(content)
        _check_about(response, manifest)
        if authorities is not None:
            _check_signature(response, manifest, authorities)
        utc, authority = response.tst_info.gen_time.isoformat(timespec="seconds"), _signer(response)
    except _NoStampError:
        raise
    except Exception as error:  # of many kinds: whatever the libraries stumble over is no sound answer
        told = str(error) or type(error).__name__
        raise _NoStampError(f"no sound answer of a time-stamp authority: {told}") from error
    return TimeStamp(name, "", utc, authority, authorities is not None)


def _decoded(content: bytes) -> TimeStampResponse:
    """Raises _NoStampError if it was refused, and whatever the library does for what is no answer."""
    rfc3161 = library()
    response: TimeStampResponse = rfc3161.decode_timestamp_response(content)
    if response.status != rfc3161.PKIStatus.GRANTED:
        said = "".join(f": {text}" for text in response.status_string)
        raise _NoStampError(f"the authority refused it (status {response.status}{said})")
    return response


def _check_about(response: TimeStampResponse, manifest: bytes) -> None:
    imprint = response.tst_info.message_imprint
    if imprint.hash_algorithm.dotted_string != SHA256_OID:
        raise _NoStampError(f"made with another hash than SHA-256: {imprint.hash_algorithm.dotted_string}")
    if imprint.message != hashlib.sha256(manifest).digest():
        raise _NoStampError(f"a time stamp on another {MANIFEST} than this one")


def _check_signature(
    response: TimeStampResponse, manifest: bytes, authorities: Sequence[x509.Certificate]
) -> None:
    """Certificates need to have been valid at the instant that is stamped, not to be so now."""
    rfc3161 = library()
    try:
        rfc3161.VerifierBuilder(roots=list(authorities)).build().verify_message(response, manifest)
    except (rfc3161.VerificationError, ValueError) as error:
        raise _NoStampError(f"not signed by an authority that is trusted: {error}") from error


def _signer(response: TimeStampResponse) -> str:
    """The name in the certificate that signed; "" if it is not within."""
    signers = {(info.issuer, info.serial_number) for info in response.signed_data.signer_infos}
    for der in response.signed_data.certificates:
        certificate = x509.load_der_x509_certificate(der)
        if (certificate.issuer, certificate.serial_number) in signers:
            return certificate.subject.rfc4514_string()
    return ""


def _answer(url: str, request: bytes) -> bytes:
    """What comes back, whatever its kind. A server that gives a byte now and then holds nobody up."""
    if not url.startswith(SCHEMES):
        raise DefinitionError(
            f"{url!r} is no address of an authority", hint="it begins with http:// or https://"
        )
    found: list[bytes | str] = []

    def ask() -> None:
        try:
            asked = urllib.request.Request(url, request, {"Content-Type": "application/timestamp-query"})
            with urllib.request.urlopen(asked, timeout=ANSWER_WITHIN_S) as answer:
                found.append(answer.read(LONGEST_ANSWER))
        except (OSError, ValueError, http.client.HTTPException) as error:
            found.append(str(error))
            if isinstance(error, urllib.error.HTTPError):
                error.close()

    asking = threading.Thread(target=ask, name="time stamp", daemon=True)
    asking.start()
    asking.join(ANSWER_WITHIN_S)
    if not found:
        raise LinkTimeout(f"no answer within {ANSWER_WITHIN_S:g} s", address=url)
    if not isinstance(found[0], bytes):
        raise LinkError(f"cannot be asked: {found[0]}", address=url)
    return found[0]
