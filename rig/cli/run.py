"""``rig run``: a child pytest with the rig's plugin, and a verdict table at the end."""

from __future__ import annotations

import argparse
import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from types import FrameType
from typing import Any

from rig.cli.arguments import explain
from rig.errors import (
    EXIT_ABORTED,
    EXIT_ALL_PASS,
    EXIT_NOT_ALL_PASS,
    EXIT_RIG_FAILED,
    DefinitionError,
    Where,
)
from rig.run.signals import heard_signals, signals_waiting

PYTEST_USAGE_ERROR = 4
PYTEST_NOTHING_SELECTED = 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("plans", metavar="PLAN", nargs="+", type=Path, help="plan file (*.plan.toml)")
    parser.add_argument("--bench", metavar="FILE", required=True, type=Path, help="bench file (*.bench.toml)")
    parser.add_argument(
        "--runs",
        metavar="DIR",
        default=Path("runs"),
        type=Path,
        help="where run folders are made (default: runs)",
    )
    parser.add_argument(
        "-k",
        metavar="EXPR",
        dest="select",
        help='only these: words in names of cases, units, criteria, as in "bolus and not SIM-0002"',
    )
    parser.add_argument("--operator", metavar="NAME", help="who is named in the record (default: login name)")
    parser.add_argument(
        "--quarantine",
        metavar="FILE",
        type=Path,
        help="known failures (TOML): failures in table and report all the same, but not in the exit status",
    )
    parser.add_argument(
        "--summary",
        metavar="FILE",
        type=Path,
        help="add the runs in Markdown to this file, such as $GITHUB_STEP_SUMMARY",
    )
    parser.add_argument("--json", action="store_true", help="print the results as JSON on standard output")
    explain(
        parser,
        (
            "Each plan becomes a run with a folder of its own: its record, its report, its "
            "verdicts. Ctrl-C once ends it in order: pumps go to their safe state, and what was "
            "measured is kept."
        ),
        example="rig run test_plans/flow_accuracy.plan.toml --bench fixtures/simulated.bench.toml",
        status=(
            "0 all PASS (or in quarantine), 1 some verdict is not PASS, 2 aborted, 3 the rig "
            "failed, 4 bad input, or another run holds the bench: nothing was sent"
        ),
    )


def run(args: argparse.Namespace) -> int:
    from rig.cli.check import checked
    from rig.definitions.quarantine_file import load_quarantine

    with _Heard() as heard:
        _check_options(args)
        _, _, warnings = checked(args.plans, args.bench, "pytest carries it out: pytest FILE --bench BENCH")
        if args.quarantine is not None:
            load_quarantine(args.quarantine)
        for warning in warnings:
            print(f"warning: {warning}", file=sys.stderr)
        with tempfile.TemporaryDirectory() as scratch, as_file(files("rig.run") / "pytest.ini") as ini:
            summary_file = Path(scratch) / "summary.json"
            status = heard.wait_for(_pytest_command(args, ini, summary_file))
            summary = json.loads(summary_file.read_text(encoding="utf-8")) if summary_file.exists() else {}
    runs = [(Path(folder), _results(Path(folder))) for folder in summary.get("folders", [])]
    exit_status = _exit_status(status, summary, [results for _, results in runs])
    if args.summary is not None:
        _add_summary(args.summary, [results for _, results in runs], exit_status, summary.get("errors", []))
    for trouble in [*summary.get("errors", []), *summary.get("quarantine", [])]:
        print(f"rig run: {trouble}", file=sys.stderr)
    if not summary and exit_status == EXIT_RIG_FAILED:
        print(f"rig run: the run ended early, pytest's exit status is {status}", file=sys.stderr)
    with _output_that_may_be_gone():
        _tell(args, runs, exit_status)
    return exit_status


def _add_summary(path: Path, runs: list[dict[str, Any]], exit_status: int, errors: list[str]) -> None:
    """At the end of what is in the file already. A rig that came to no run at all is one notice."""
    from rig.report.summary import notice, summary_of

    texts = [summary_of(results) for results in runs]
    if not runs or (errors and exit_status == EXIT_RIG_FAILED):
        texts.insert(0, notice(exit_status, errors))
    try:
        with path.open("a", encoding="utf-8") as file:
            file.write("\n".join(texts))
    except OSError as error:
        print(f"rig run: {path}: no summary could be written: {error.strerror or error}", file=sys.stderr)


def _tell(args: argparse.Namespace, runs: list[tuple[Path, dict[str, Any]]], exit_status: int) -> None:
    if args.json:
        listed = [{"folder": str(folder), **results} for folder, results in runs]
        print(json.dumps({"exit_status": exit_status, "runs": listed}, indent=1))
    else:
        from rig.cli.verdict_table import print_verdicts

        for folder, results in runs:
            print_verdicts(folder, results)


@contextmanager
def _output_that_may_be_gone() -> Iterator[None]:
    """A terminal or pipe that nobody reads any more does not change how the run ended."""
    try:
        yield
        sys.stdout.flush()
    except OSError:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115  # for the flush at exit


def _check_options(args: argparse.Namespace) -> None:
    if args.select is not None and not args.select.strip():
        raise DefinitionError(
            "nothing is asked for", Where(key="-k"), "'rig run' without -k carries all cases out"
        )
    if args.operator is not None and not (args.operator.strip() and args.operator.isprintable()):
        raise DefinitionError("this is no name", Where(key="--operator"), "letters, digits, spaces")


def _pytest_command(args: argparse.Namespace, ini: Path, summary: Path) -> list[str]:
    """What is the user's is joined to its option or absolute: it may begin with a dash or an @."""
    command = [sys.executable, "-P", "-m", "pytest", *(str(plan.absolute()) for plan in args.plans)]
    command += [f"--bench={args.bench}", f"--runs={args.runs}", f"--rig-summary={summary}"]
    command += [f"--operator={args.operator}"] if args.operator else []
    command += [f"--quarantine={args.quarantine}"] if args.quarantine else []
    command += [f"-k{args.select}"] if args.select else []
    command += ["-c", str(ini), f"--rootdir={Path.cwd()}", "--noconftest", "--capture=no", "--assert=plain"]
    command += ["-p", "rig.pytest_plugin", "-p", "no:cacheprovider", "-p", "no:terminal"]
    # It collects garbage five times over at the end, for warnings that nobody would be shown; Python itself tells them.
    command += ["-p", "no:unraisableexception"]
    return command


def _environment() -> dict[str, str]:
    """Ours, without what would change a run behind its record: other plugins, other options."""
    ours = {
        key: value for key, value in os.environ.items() if key not in ("PYTEST_ADDOPTS", "PYTEST_PLUGINS")
    }
    return ours | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"}


class _Heard:
    """Signals to this process, from the first line of the command on: kept until there is a child, then passed on.

    It is the child that has to bring the pumps to rest. None is left to Python to raise as KeyboardInterrupt wherever
    it is: raised in the middle of an import it can be swallowed, and the run would begin all the same.
    """

    def __init__(self) -> None:
        self._child: subprocess.Popen[bytes] | None = None
        self._early: list[int] = []

    def __enter__(self) -> _Heard:
        self._before = {number: signal.signal(number, self._hear) for number in heard_signals()}
        return self

    def __exit__(self, *raised: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._child is None:
            self._early.append(number)
        elif os.name == "posix":  # a console of Windows gives its Ctrl-C to every process on it
            self._child.send_signal(number)

    def wait_for(self, command: list[str]) -> int:
        """Run the child to its end. Raises KeyboardInterrupt, and starts nothing, if a signal came before."""
        if self._early:
            raise KeyboardInterrupt
        with signals_waiting():
            # Its standard input says nothing, and ends when this process does, however that comes about.
            child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=sys.stderr, env=_environment())
        self._child = child
        try:
            for number in self._early:  # came in between
                self._hear(number, None)
            return child.wait()
        finally:
            if child.stdin is not None:
                child.stdin.close()


def _results(folder: Path) -> dict[str, Any]:
    results: dict[str, Any] = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    return results


def _exit_status(pytest_status: int, summary: dict[str, Any], runs: list[dict[str, Any]]) -> int:
    if "exit_status" in summary:
        return int(summary["exit_status"])
    if pytest_status == PYTEST_NOTHING_SELECTED:
        raise DefinitionError(
            "no criterion matches this", Where(key="-k"), "names of cases, units and criteria do"
        )
    if pytest_status == PYTEST_USAGE_ERROR:
        hint = 'if it is -k: words with and, or, not and brackets, as in -k "bolus and not SIM-0002"'
        raise DefinitionError("no run was begun, for the reason above", hint=hint)
    outcomes = {results["outcome"] for results in runs}
    if "ABORTED" in outcomes or pytest_status == EXIT_ABORTED:
        return EXIT_ABORTED
    cases = {case["outcome"] for results in runs for case in results["cases"]}
    if not runs or "ERROR" in outcomes | cases:
        return EXIT_RIG_FAILED
    from rig.judge.quarantine import all_fine

    is_fine = all(all_fine(results) for results in runs) and not summary.get("quarantine")
    return EXIT_ALL_PASS if is_fine else EXIT_NOT_ALL_PASS
