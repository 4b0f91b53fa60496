"""``rig verify``: are records whole and unaltered, who sealed and signed them, is a run missing?"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS, EXIT_NOT_ALL_PASS, DefinitionError, Where

if TYPE_CHECKING:
    from rig.record.verify import Examined

NOT_TOLD = "not in --trusted: whose key it is, is not checked"
NOT_LOOKED_AT = "its signature is not checked without --authorities"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "paths",
        metavar="RUN",
        nargs="*",
        type=Path,
        help="run folder; or a folder of them, which are also held against each other",
    )
    parser.add_argument(
        "--trusted",
        metavar="PEM",
        type=Path,
        help="public key, or folder of such: a seal or signature by any other key is a finding",
    )
    parser.add_argument(
        "--authorities",
        metavar="PEM",
        type=Path,
        help="certificates of time-stamp authorities: a time stamp that leads to none of them is a finding",
    )
    parser.add_argument("--json", action="store_true", help="print what was found as JSON")
    parser.add_argument(
        "--script", action="store_true", help="print a small program that checks the same without this one"
    )
    explain(
        parser,
        example="rig verify runs/NAME --trusted keys/bench.pem",
        status="0 sound, 1 not sound, or a run is missing; 4 no run there",
    )


def run(args: argparse.Namespace) -> int:
    from rig.record.keys import trusted_keys
    from rig.record.layout import check_is_run_folder, is_run_folder
    from rig.record.run_folder import run_folders_in
    from rig.record.time_stamp import library, read_authorities
    from rig.record.verify import examine_run
    from rig.record.verify_runs import Together, verify_together

    if args.script:
        print((files("rig.shipped.reports") / "verify_run.py").read_text(encoding="utf-8"), end="")
        return EXIT_ALL_PASS
    if not args.paths:
        raise DefinitionError(
            "no run is named", Where(key="RUN"), "rig verify runs/NAME, or rig verify runs for all"
        )
    trusted = trusted_keys(args.trusted) if args.trusted is not None else None
    authorities = None
    if args.authorities is not None:
        library()
        authorities = read_authorities(args.authorities)
    single = [path for path in args.paths if is_run_folder(path)]
    together, examined = Together(), []
    for path in args.paths:
        if path in single:
            examined.append(examine_run(path, trusted, authorities))
            continue
        if not path.is_dir() or not (folders := run_folders_in(path)):
            check_is_run_folder(path)
        runs = [examine_run(folder, trusted, authorities) for folder in folders]
        found = verify_together(runs)
        together.findings += found.findings
        together.remarks += found.remarks
        examined += runs
    sound = not together.findings and not any(each.findings for each in examined)
    if args.json:
        print(json.dumps(_as_json(sound, examined, together.findings, together.remarks), indent=1))
    else:
        for each in examined:
            _tell(each, trusted)
        for finding in together.findings:
            print(finding)
        for remark in together.remarks:
            print(f"remark: {remark}")
        if together.findings:
            print(f"NOT ALL THERE, {len(together.findings)} findings")
    return EXIT_ALL_PASS if sound else EXIT_NOT_ALL_PASS


def _tell(each: Examined, trusted: Mapping[str, str] | None) -> None:
    for finding in each.findings:
        print(finding)
    if each.findings:
        print(f"{each.path}: NOT SOUND, {len(each.findings)} findings")
        return
    seal = seal_of(each)
    print(f"{each.path}: sound")
    print(f"  {seal['kind']}, {seal['outcome']}; sealed {seal['sealed_utc']} by bench '{seal['bench']}'")
    print(f"  key {seal['key_id']} ({_known(seal['key_id'], trusted)})")
    for signature in each.signatures:
        because = f": {signature.reason}" if signature.reason else ""
        print(f"  {signature.meaning} signed {signature.signed_utc} by {signature.name}{because}")
        print(f"  key {signature.key_id} ({_known(signature.key_id, trusted)})")
    for stamp in each.time_stamps:
        checked = "authority trusted" if stamp.is_checked else NOT_LOOKED_AT
        print(f"  time stamp {stamp.utc} of {stamp.authority} ({checked})")


def _known(key_id: str, trusted: Mapping[str, str] | None) -> str:
    return trusted[key_id] if trusted is not None else NOT_TOLD


def seal_of(each: Examined) -> dict[str, Any]:
    """What the seal of a sound run says."""
    from rig.record.attestation import read_attestation

    signed = read_attestation(each.path)
    told = {name: signed.predicate.get(name) for name in ("kind", "run_id", "outcome", "sealed_utc")}
    bench = signed.predicate.get("bench")
    return told | {"bench": bench.get("id") if isinstance(bench, dict) else None, "key_id": signed.key_id}


def _as_json(
    sound: bool, examined: list[Examined], findings: list[Any], remarks: list[Any]
) -> dict[str, Any]:
    return {
        "sound": sound,
        "runs": [
            {
                "path": str(each.path),
                "sound": not each.findings,
                "findings": [vars(finding) for finding in each.findings],
                "seal": None if each.findings else seal_of(each),
                "signatures": [signature.as_json() for signature in each.signatures],
                "time_stamps": [vars(stamp) for stamp in each.time_stamps],
            }
            for each in examined
        ],
        "findings": [vars(finding) for finding in findings],
        "remarks": [vars(remark) for remark in remarks],
    }
