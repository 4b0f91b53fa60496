"""``rig sign``: a person's electronic signature on a sealed run, and the keys for it."""

from __future__ import annotations

import argparse
import os
from pathlib import Path

from rig.cli.arguments import explain
from rig.cli.unseen import typed_unseen
from rig.errors import EXIT_ALL_PASS, DefinitionError, IntegrityError, Where

MEANINGS = ("author", "review", "approval", "rejection", "correction")
LONGEST_PASSPHRASE = 4096
BY_DESCRIPTOR = "--passphrase-fd N reads it from a file descriptor"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "run_folder", metavar="RUN", nargs="?", type=Path, help="sealed run folder, such as runs/NAME"
    )
    parser.add_argument("--meaning", choices=MEANINGS, help="what the signature means")
    parser.add_argument(
        "--name", metavar="NAME", help="who signs, as printed; there must be a key of this name"
    )
    parser.add_argument("--reason", metavar="TEXT", default="", help="needed for rejection and correction")
    parser.add_argument("--new-key", metavar="NAME", help="make a key for this person instead")
    parser.add_argument(
        "--keys",
        metavar="DIR",
        type=Path,
        help="folder of keys (default: the one that INFUSION_RIG_KEYS names, else this user's)",
    )
    parser.add_argument(
        "--passphrase-fd",
        metavar="N",
        type=int,
        help="read the passphrase from this file descriptor, not from the terminal",
    )
    explain(
        parser,
        "A person makes a key once, with --new-key; each signature asks for its passphrase.",
        example='rig sign runs/NAME --name "Ann Example" --meaning review',
        status=(
            "0 signed, 3 the record is not sound, 4 refused: no such key, wrong passphrase, no "
            "reason, or the approval of a rehearsal"
        ),
    )


def run(args: argparse.Namespace) -> int:
    if args.new_key is not None:
        return _make_key(args)
    for option, value in (("RUN", args.run_folder), ("--meaning", args.meaning), ("--name", args.name)):
        if value is None:
            hint = 'such as: rig sign runs/NAME --name "Ann Example" --meaning review'
            raise DefinitionError("this is needed to sign a run", Where(key=option), hint)
    from rig.record.attestation import kind_of, outcome_of
    from rig.record.keys import person_key
    from rig.record.signatures import check_may_sign, sign_run
    from rig.record.verify import examine_run

    examined = examine_run(args.run_folder)
    if examined.findings or examined.opened is None:
        raise IntegrityError(
            f"the record is not sound and cannot be signed: {examined.findings[0]} "
            f"({len(examined.findings)} findings in all, 'rig verify' lists them)"
        )
    opened = examined.opened
    check_may_sign(opened, args.meaning, args.reason)
    print(f"{kind_of(opened)} {opened['run_id']}, outcome {outcome_of(args.run_folder)}")
    print(f"{args.name} signs as: {args.meaning}" + (f", because: {args.reason}" if args.reason else ""))
    key = person_key(args.name, _passphrase(args, f"Passphrase of {args.name}: "), args.keys)
    signature = sign_run(args.run_folder, opened, args.meaning, args.name, key, args.reason)
    print(f"{args.run_folder / signature.file}: signed {signature.signed_utc}, key {signature.key_id}")
    return EXIT_ALL_PASS


def _make_key(args: argparse.Namespace) -> int:
    from rig.record.keys import make_person_key

    passphrase = _passphrase(args, f"New passphrase of {args.new_key}: ")
    if args.passphrase_fd is None and typed_unseen("Once more: ", BY_DESCRIPTOR) != passphrase:
        raise DefinitionError("the two passphrases differ; no key was made")
    private, public = make_person_key(args.new_key, passphrase, args.keys)
    print(f"{private}: private key, encrypted")
    print(f"{public}: public key, for those who verify")
    return EXIT_ALL_PASS


def _passphrase(args: argparse.Namespace, prompt: str) -> str:
    if args.passphrase_fd is None:
        return typed_unseen(prompt, BY_DESCRIPTOR)
    try:
        given = os.read(args.passphrase_fd, LONGEST_PASSPHRASE)
        return given.decode().splitlines()[0]
    except (OSError, ValueError, IndexError) as error:
        where = Where(key="--passphrase-fd")
        raise DefinitionError(f"no passphrase can be read from it: {error}", where) from None
