"""``rig resume``: goes on with a run whose process was killed, or closes it as it lies."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from rig.cli.arguments import explain
from rig.errors import EXIT_ABORTED, EXIT_ALL_PASS, EXIT_NOT_ALL_PASS, EXIT_RIG_FAILED

STATUS = {"PASS": EXIT_ALL_PASS, "ABORTED": EXIT_ABORTED, "ERROR": EXIT_RIG_FAILED}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("run_folder", metavar="RUN", type=Path, help="run folder, such as runs/NAME")
    parser.add_argument(
        "--repeat",
        metavar="CASE",
        action="append",
        default=[],
        help="this case may begin again, and deliver again, if it cannot go on; can be given several times",
    )
    parser.add_argument(
        "--close",
        action="store_true",
        help="do not go on: judge and seal what there is; no instrument is asked",
    )
    parser.add_argument("--operator", metavar="NAME", help="who is named in the record (default: login name)")
    explain(
        parser,
        (
            "What was finished is kept. An interrupted case goes on only where the pump itself "
            "shows that nothing was lost."
        ),
        example="rig resume runs/NAME",
        status="as of rig run: 0 all PASS, 1 not so, 2 aborted, 3 the rig failed, 4 bad input",
    )


def run(args: argparse.Namespace) -> int:
    from rig.cli.verdict_table import print_verdicts
    from rig.record.layout import check_is_run_folder
    from rig.run.resume import close, resume

    check_is_run_folder(args.run_folder)
    operator = args.operator or _login()
    results = (
        close(args.run_folder, operator)
        if args.close
        else resume(args.run_folder, operator, args.repeat, _ask)
    )
    print_verdicts(args.run_folder, results)
    if any(case["outcome"] == "ERROR" for case in results["cases"]) and results["outcome"] != "ABORTED":
        return EXIT_RIG_FAILED
    return STATUS.get(results["outcome"], EXIT_NOT_ALL_PASS)


def _ask(question: str) -> bool:
    """The operator's word. Where nobody sits at a terminal, the answer is no."""
    if not sys.stdin.isatty():
        print(f"{question}; it is not begun again (--repeat would)", file=sys.stderr)
        return False
    print(
        f"{question}.\nBegin it again? It will deliver again what it delivers. Type yes, or nothing: ", end=""
    )
    try:
        return input().strip() == "yes"
    except EOFError:  # Ctrl-D: nothing was typed
        return False


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return "unknown"
