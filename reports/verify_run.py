#!/usr/bin/env python3
"""Checks run folders of infusion-rig without infusion-rig: verify_run.py RUN_OR_FOLDER_OF_RUNS...

Needs Python 3.11 and the library `cryptography`, nothing else; changes nothing. Each run is checked in seven steps,
in the order below. Prints what is wrong, a line each, or "sound" with the keys that sealed and signed. Exit status 0 if
all is sound, 1 if not. It cannot know whose keys these are: compare them with those the laboratory gave you.
"""

import base64
import hashlib
import json
import re
import sys
from pathlib import Path

from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives.serialization import load_der_public_key

MANIFEST, JOURNAL, RESULTS = "manifest.json", "journal.jsonl", "results.json"
ATTESTATION, SIGNATURE = "attestation.dsse.json", re.compile(r"signatures/(\d{3,})\.dsse\.json")
TIME_STAMP = re.compile(r"time_stamps/[^/]+")
MEANINGS = ("author", "review", "approval", "rejection", "correction")


class Wrong(Exception):
    """Something is not as it was sealed."""


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def canonical(value):
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode()


def spelled_manifest(content):
    return json.dumps(content, indent=1, sort_keys=True, ensure_ascii=True).encode() + b"\n"


# Step 1. The manifest is spelled as a seal spells it, and its own hash is right.
def read_manifest(run):
    path = run / MANIFEST
    if not path.is_file():
        raise Wrong(f"{MANIFEST}: missing, this run was never sealed")
    content = path.read_bytes()
    try:
        manifest = json.loads(content)
        again = dict(manifest, self_sha256="")
        again["self_sha256"] = sha256(spelled_manifest(again))
        exact = spelled_manifest(again) == content
        names = [entry["path"] for entry in manifest["files"]]
        known = (
            manifest["schema"] == "infusion-rig/manifest/1"
            and manifest.keys() == {"schema", "self_sha256", "run_id", "records", "head", "files"}
            and all(entry.keys() == {"path", "size", "sha256"} for entry in manifest["files"])
        )
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Wrong(f"{MANIFEST}: damaged: {error}") from error
    if not exact or not known:
        raise Wrong(f"{MANIFEST}: altered")
    if names != sorted(set(names)) or JOURNAL not in names:
        raise Wrong(f"{MANIFEST}: its files are not each there once and in order")
    return manifest


# Step 2. Every file is there with its size and hash, and no other.
def check_files(run, manifest):
    there = {
        path.relative_to(run).as_posix() for path in run.rglob("*") if path.is_symlink() or path.is_file()
    }
    later = {name for name in there if SIGNATURE.fullmatch(name) or TIME_STAMP.fullmatch(name)}
    entries = {entry["path"]: entry for entry in manifest["files"]}
    for name in sorted(there - later - {MANIFEST, ATTESTATION} - entries.keys()):
        yield f"{name}: foreign, it was not there when the run was sealed"
    for name, entry in entries.items():
        if name not in there:
            yield f"{name}: missing"
        elif (run / name).is_symlink():
            yield f"{name}: a link now"
        else:
            content = (run / name).read_bytes()
            if len(content) != entry["size"]:
                yield f"{name}: {len(content)} bytes, {entry['size']} when the run was sealed"
            elif sha256(content) != entry["sha256"]:
                yield f"{name}: altered"


# Step 3. Each line of the journal carries the hash of the line before; the last hash is the manifest's.
def read_journal(run, manifest):
    head, last_ns, opened, closed = "0" * 64, 0, {}, False
    lines = (run / JOURNAL).read_bytes().split(b"\n")
    if lines.pop():
        raise Wrong(f"{JOURNAL}: torn, it does not end with a whole line")
    for number, line in enumerate(lines):
        try:
            record = json.loads(line)
            follows = (record["seq"], record["prev"]) == (number, head)
            follows = follows and record["t_ns"] >= last_ns and not closed
            last_ns, kind = record["t_ns"], record["kind"]
        except (ValueError, LookupError, TypeError, RecursionError) as error:
            raise Wrong(f"{JOURNAL}, record {number}: not a record: {error}") from error
        if not follows:
            raise Wrong(f"{JOURNAL}, record {number}: it does not follow the record before it")
        opened = record if kind == "run_opened" else opened
        closed, head = closed or kind == "run_closed", sha256(line)
    if (len(lines), head) != (manifest["records"], manifest["head"]):
        raise Wrong(f"{JOURNAL}: its end is not the one that was sealed")
    if not closed or opened.get("run_id") != manifest["run_id"]:
        raise Wrong(f"{JOURNAL}: never closed, or of another run than the manifest")
    return opened


# Step 4. Plan, bench and results are those that the journal names.
def check_same_run(run, opened):
    for name in ("plan", "bench"):
        content, told = (run / f"{name}.toml").read_bytes(), (opened.get(name) or {}).get("sha256")
        if told is not None and told not in (sha256(content), sha256(b"\xef\xbb\xbf" + content)):
            raise Wrong(f"{name}.toml: not the file that the journal says this run was made with")
    results = json.loads((run / RESULTS).read_bytes())
    if results["run_id"] != opened["run_id"]:
        raise Wrong(f"{RESULTS}: of another run")
    kind = "EVIDENCE" if opened.get("rehearsal") is False else "REHEARSAL"
    return {"run_id": opened["run_id"], "kind": kind, "outcome": results.get("outcome")}


# Step 5. The bench signed this manifest; DSSE: "DSSEv1 <length> <type> <length> <payload>" is what is signed.
def read_envelope(run, name, predicate_type):
    content = (run / name).read_bytes()
    try:
        envelope = json.loads(content)
        payload = base64.b64decode(envelope["payload"], validate=True)
        (entry,) = envelope["signatures"]
        signature = base64.b64decode(entry["sig"], validate=True)
        statement = json.loads(payload)
        predicate = statement["predicate"]
        exact = {
            "payload": base64.b64encode(payload).decode(),
            "payloadType": "application/vnd.in-toto+json",
            "signatures": [{"keyid": entry["keyid"], "sig": base64.b64encode(signature).decode()}],
        }
        subject = {"name": MANIFEST, "digest": {"sha256": sha256((run / MANIFEST).read_bytes())}}
        about = {"_type": "https://in-toto.io/Statement/v1", "subject": [subject]}
        about |= {"predicateType": predicate_type, "predicate": predicate}
        whole = canonical(exact) + b"\n" == content and canonical(statement) == payload
        ours = statement == about and isinstance(predicate, dict)
    except (ValueError, LookupError, TypeError, AttributeError, RecursionError) as error:
        raise Wrong(f"{name}: damaged: {error}") from error
    if not whole or not ours:
        raise Wrong(f"{name}: altered, or signed for another manifest")
    signed = b"DSSEv1 28 application/vnd.in-toto+json %d %s" % (len(payload), payload)
    return predicate, entry["keyid"], signature, signed


def check_signed(name, public, key_id, signature, signed):
    try:
        der = base64.b64decode(public, validate=True)
        load_der_public_key(der).verify(signature, signed)
        right = sha256(der) == key_id and base64.b64encode(der).decode() == public
    except (InvalidSignature, UnsupportedAlgorithm, ValueError, TypeError, AttributeError):
        right = False
    if not right:
        raise Wrong(f"{name}: altered, or signed by another key")


def check_attestation(run, opened, manifest, of_the_run):
    if not (run / ATTESTATION).is_file():
        raise Wrong(f"{ATTESTATION}: missing, the seal was never signed")
    predicate, *how = read_envelope(run, ATTESTATION, "urn:infusion-rig:seal:1")
    check_signed(ATTESTATION, (opened.get("bench_key") or {}).get("public"), *how)
    told = of_the_run | {"records": manifest["records"], "head": manifest["head"]}
    told |= {name: opened.get(name) for name in ("plan", "bench", "previous_run")}
    for name, value in told.items():
        if predicate.get(name) != value:
            raise Wrong(f"{ATTESTATION}: its '{name}' is not that of the record")
    return f"  {told['kind']}, {told['outcome']}, sealed {predicate.get('sealed_utc')} by key {how[0]}"


# Step 6. People signed this manifest, each after the one before.
def check_signatures(run, of_the_run):
    files = {int(path.name.split(".")[0]) for path in run.glob("signatures/*.dsse.json")}
    previous, told = "", []
    for number in range(1, max(files, default=0) + 1):
        name = f"signatures/{number:03}.dsse.json"
        if not (run / name).is_file():
            raise Wrong(f"{name}: missing, there are signatures after it")
        predicate, *how = read_envelope(run, name, "urn:infusion-rig:signature:1")
        check_signed(name, predicate.get("public"), *how)
        expected = of_the_run | {"number": number, "previous": previous}
        if any(predicate.get(key) != value for key, value in expected.items()):
            raise Wrong(f"{name}: of another run, or moved, or the signature before it is another one")
        meaning = predicate.get("meaning")
        if meaning not in MEANINGS or (meaning == "approval" and of_the_run["kind"] != "EVIDENCE"):
            raise Wrong(f"{name}: void, its meaning is {meaning!r}")
        previous = sha256((run / name).read_bytes())
        told.append(
            f"  {meaning}, {predicate['signed_utc']}, {predicate['name']}, key {how[0]}: {predicate['reason']}"
        )
    return told


# Step 7. A time stamp (RFC 3161) has the name of its hash, and is about this manifest. Its signature is for openssl:
# openssl ts -verify -data manifest.json -in time_stamps/NAME.tsr -CAfile CERTIFICATES_OF_THE_AUTHORITY.pem
def check_time_stamps(run):
    digest = hashlib.sha256((run / MANIFEST).read_bytes()).digest()
    for path in sorted(run.glob("time_stamps/*")):
        content = path.read_bytes()
        if path.name != f"{sha256(content)[:32]}.tsr" or digest not in content:
            raise Wrong(f"time_stamps/{path.name}: altered, or about another {MANIFEST}")
        yield f"  time stamp {path.name}: openssl tells of when and by whom"


def check(run):
    """(findings, what a sound run says, its opening record)."""
    findings, told, opened = [], [], {}
    try:
        manifest = read_manifest(run)
        findings += check_files(run, manifest)
        opened = read_journal(run, manifest)
        of_the_run = check_same_run(run, opened)
        told = [check_attestation(run, opened, manifest, of_the_run), *check_signatures(run, of_the_run)]
        told += check_time_stamps(run)
    except Wrong as wrong:
        findings.append(str(wrong))
    except (OSError, ValueError, LookupError, AttributeError) as error:
        findings.append(f"cannot be checked further: {error}")
    return findings, told, opened


def check_chain(runs):
    """Each run names the run before it on its bench: one that is not here was taken away."""
    here = {opened["run_id"]: sha256((run / MANIFEST).read_bytes()) for run, opened in runs}
    if len(here) < len(runs):
        yield "the same run lies here twice"
    for run, opened in runs:
        before = opened.get("previous_run") or {}
        if before and before.get("run_id") not in here:
            yield f"{run.name}: the run before it, {before.get('run_id')}, is not here"
        elif before.get("manifest_sha256") not in (None, here.get(before.get("run_id"))):
            yield f"{run.name}: the run before it, {before.get('run_id')}, has another seal now"


def main(arguments):
    runs, chained, sound = [], [], bool(arguments)
    for path in map(Path, arguments):
        runs += [path] if (path / JOURNAL).exists() or not path.is_dir() else sorted(path.iterdir())
    for run in runs:
        findings, told, opened = check(run)
        print(*findings, f"{run}: {'NOT SOUND' if findings else 'sound'}", *told, sep="\n")
        sound = sound and not findings
        chained += [] if findings else [(run, opened)]
    gaps = list(check_chain(chained)) if len(runs) > 1 else []
    print(*(f"chain of runs: {gap}" for gap in gaps), sep="\n", end="\n" if gaps else "")
    return 0 if sound and not gaps else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
