"""``rig stamp``: a time stamp by others (RFC 3161) on the seal of a run."""

from __future__ import annotations

import argparse
from pathlib import Path

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS, DefinitionError, Where


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="sealed run folder, such as runs/NAME")
    parser.add_argument(
        "--authority",
        metavar="URL",
        help="address of the authority (default: time_stamp_authority of the run's bench)",
    )
    explain(
        parser,
        example="rig stamp runs/NAME --authority https://timestamp.example/tsr",
        status=(
            "0 stamped, 3 the authority does not answer or refuses, 4 the run is not sealed, or "
            "no authority is named"
        ),
    )


def run(args: argparse.Namespace) -> int:
    from rig.definitions.bench_file import bench_from_folder
    from rig.record.layout import check_is_run_folder
    from rig.record.time_stamp import stamp_run

    check_is_run_folder(args.run_folder)
    url = args.authority or bench_from_folder(args.run_folder).time_stamp_authority
    if not url:
        raise DefinitionError("the bench of this run names no time-stamp authority", Where(key="--authority"))
    stamp = stamp_run(args.run_folder, url)
    print(f"{args.run_folder / stamp.file}: stamped {stamp.utc} by {stamp.authority}")
    return EXIT_ALL_PASS
