"""``rig verify``: is the record whole and unaltered?"""

from __future__ import annotations

import argparse
from pathlib import Path

from rig.errors import EXIT_ALL_PASS, EXIT_NOT_ALL_PASS


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="run folder")


def run(args: argparse.Namespace) -> int:
    from rig.record.layout import check_is_run_folder
    from rig.record.verify import verify_run

    check_is_run_folder(args.run_folder)
    findings = verify_run(args.run_folder)
    for finding in findings:
        print(finding)
    if findings:
        print(f"{args.run_folder}: NOT SOUND, {len(findings)} findings")
        return EXIT_NOT_ALL_PASS
    print(f"{args.run_folder}: sound")
    return EXIT_ALL_PASS
