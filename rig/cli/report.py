"""``rig report``: builds report.html and report.pdf again from the run folder alone."""

from __future__ import annotations

import argparse
from pathlib import Path

from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS, DefinitionError, IntegrityError, Where


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="run folder, such as runs/NAME")
    parser.add_argument(
        "--into", metavar="DIR", type=Path, help="where to put it (default: RUN.report beside RUN)"
    )
    parser.add_argument(
        "--paper",
        choices=("a4", "letter"),
        help="size of the pages (default: as the settings of the run say, else a4)",
    )
    explain(
        parser,
        "It is put beside the run, whose folder stays as it is, and compared with the sealed one.",
        example="rig report runs/NAME",
        status="0 built, whatever the verdicts; 3 the record is damaged, 4 this is no run folder",
    )


def run(args: argparse.Namespace) -> int:
    """The report goes beside the run, whose folder stays as it is, and is compared with the sealed one.

    A run that was killed has no results: they are judged now, from what its record holds.
    """
    from rig.record.layout import MANIFEST, check_is_run_folder
    from rig.record.verify import verify_run
    from rig.report.build import build_report

    run_folder: Path = args.run_folder
    check_is_run_folder(run_folder)
    sealed = (run_folder / MANIFEST).exists()
    into: Path = args.into or run_folder.with_name(run_folder.resolve().name + ".report")
    if into.resolve() == run_folder.resolve():
        raise DefinitionError("nothing is ever written into the folder of a run", Where(str(into)))
    if sealed and (findings := verify_run(run_folder)):
        raise IntegrityError(
            f"the sealed record is not sound, no report is built from it: {findings[0]} "
            f"({len(findings)} findings in all, 'rig verify' lists them)"
        )
    try:
        into.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DefinitionError(f"this folder cannot be made: {error.strerror}", Where(str(into))) from None
    signed = any(run_folder.glob("signatures/*"))
    for made in build_report(run_folder, into=into, paper=args.paper):
        if not sealed:
            print(made, "(the run was never sealed)")
        elif signed:
            print(made, "(with the signatures that were added since)")
        else:
            print(made, _compared(made, run_folder / made.name))
    return EXIT_ALL_PASS


def _compared(made: Path, sealed: Path) -> str:
    if not sealed.exists():
        return "(there is none in the sealed folder)"
    if made.read_bytes() == sealed.read_bytes():
        return "(identical to the sealed one)"
    return "(DIFFERS from the sealed one: made by another version of the software?)"
