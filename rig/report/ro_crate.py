"""ro-crate-metadata.json: what the files of a run folder are, who made them and from what, for archives.

Source: RO-Crate 1.1 (https://w3id.org/ro/crate/1.1). Sizes and hashes stand in manifest.json, which is made after it.
"""

from __future__ import annotations

import mimetypes
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

from rig.record.layout import ATTESTATION, MANIFEST, SAMPLES
from rig.record.manifest import sealed_names
from rig.report.numbers import utc

Results = dict[str, Any]
Entity = dict[str, Any]
NAME = "ro-crate-metadata.json"
VERSION = "https://w3id.org/ro/crate/1.1"
MADE_LATER = (SAMPLES, MANIFEST, ATTESTATION)  # at the seal, which follows
GIVEN = (
    "plan.toml",
    "bench.toml",
    "pumps/",
    "requirements/",
    "python/",
    "quarantine.toml",
    "reports/",
    "proof.json",
)  # not made by the run
KINDS = {
    "plan.toml": "Test plan",
    "bench.toml": "Bench: instruments, addresses, calibration",
    "quarantine.toml": "Known failures, owners, expiry",
    "journal.jsonl": "Hash-chained record of everything that happened",
    "results.json": "Results and verdicts",
    "report.html": "Verification report",
    "report.pdf": "Verification report on paper",
    "samples.parquet": "Weighings, flow samples and monitors as a table",
    "manifest.json": "Seal: size and SHA-256 of every file",
    "attestation.dsse.json": "Signature of the bench on the seal",
}
MEDIA = {
    ".toml": "application/toml",
    ".jsonl": "application/jsonl",
    ".parquet": "application/vnd.apache.parquet",
    ".log": "text/plain",
}


def ro_crate(run_folder: Path, results: Results) -> Results:
    """The metadata of the crate that a run folder is, JSON-able."""
    names = sorted({*sealed_names(run_folder), *MADE_LATER} - {NAME, "reserve.tmp"})
    plan, software = results["plan"], results["software"]
    began = utc(str(results["started_utc"]))
    ended = None if began is None else began + timedelta(seconds=round(results["finished_s"]))
    rehearsal = " (REHEARSAL: simulated instruments took part)" if results["rehearsal"] else ""
    root: Entity = {
        "@id": "./",
        "@type": "Dataset",
        "name": f"{plan['title'] or plan['id']}, run {results['run_id']}{rehearsal}",
        "description": f"Run of test plan {plan['id']} revision {plan['revision']} on bench "
        f"{results['bench']['id']}: {results['outcome']}{rehearsal}",
        "identifier": results["run_id"],
        "datePublished": None if ended is None else ended.date().isoformat(),
        "license": "The record belongs to the laboratory that made it; no licence is granted by this file.",
        "hasPart": [_to(name) for name in names],
        "mentions": [_to("#run")],
    }
    action: Entity = {
        "@id": "#run",
        "@type": "CreateAction",
        "name": f"Run {results['run_id']}",
        "startTime": None if began is None else began.isoformat(),
        "endTime": None if ended is None else ended.isoformat(),
        "agent": _to("#operator"),
        "instrument": [_to("#infusion-rig"), *[_to(f"#unit-{n}") for n, _ in enumerate(results["units"], 1)]],
        "object": [_to(name) for name in names if name.startswith(GIVEN)],
        "result": [_to(name) for name in names if not name.startswith(GIVEN)],
        "description": f"Outcome {results['outcome']}",
    }
    rig: Entity = {
        "@id": "#infusion-rig",
        "@type": "SoftwareApplication",
        "name": "infusion-rig",
        "version": software.get("infusion-rig"),
        "softwareRequirements": [
            f"{name} {value}" for name, value in software.items() if name != "infusion-rig"
        ],
    }
    described: Entity = {
        "@id": NAME,
        "@type": "CreativeWork",
        "conformsTo": _to(VERSION),
        "about": _to("./"),
    }
    operator = {"@id": "#operator", "@type": "Person", "name": results["operator"] or "not stated"}
    units = [_unit(place, unit) for place, unit in enumerate(results["units"], 1)]
    graph = [described, root, action, rig, operator, *units, *[_file(name) for name in names]]
    return {"@context": f"{VERSION}/context", "@graph": [_without_nothing(entity) for entity in graph]}


def _to(name: str) -> Entity:
    """A reference; file names as URIs spell them."""
    return {"@id": name if name.startswith(("#", "https:")) else quote(name)}


def _file(name: str) -> Entity:
    suffix = Path(name).suffix
    media = MEDIA.get(suffix) or mimetypes.types_map.get(suffix, "application/octet-stream")
    return {**_to(name), "@type": "File", "name": KINDS.get(name, name), "encodingFormat": media}


def _unit(place: int, unit: Results) -> Entity:
    return {
        "@id": f"#unit-{place}",
        "@type": "IndividualProduct",
        "name": f"Pump unit {unit['serial']}",
        "serialNumber": unit["serial"],
        "model": unit["model"],
        "manufacturer": unit["maker"],
        "version": unit["firmware"],
        "description": f"Outcome {unit['outcome']}",
    }


def _without_nothing(entity: Entity) -> Entity:
    return {name: value for name, value in entity.items() if value is not None}
