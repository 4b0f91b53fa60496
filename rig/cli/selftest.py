"""``rig selftest``: checks this installation, and leaves a sealed run folder that can be signed and filed.

Three checks: the installed versions against those the project was tested with; worked numeric cases; and a rehearsal
on three simulated pumps with known errors, each of which must be found within its uncertainty, and one of which must
fail. What the first two found stands in the purpose of the rehearsal's plan, and so in its report and under its seal.
"""

from __future__ import annotations

import argparse
import json
import platform
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.resources import as_file, files
from pathlib import Path
from typing import Any

from rig import __version__
from rig.cli.arguments import explain
from rig.errors import EXIT_ALL_PASS, EXIT_BAD_INPUT, EXIT_NOT_ALL_PASS, DefinitionError, RigError

INJECTED_PCT = {"SIM-0001": 0.0, "SIM-0002": 3.0, "SIM-0003": -1.0}  # in the shipped simulated bench
LIMIT_PCT = 2.0
PLAN = """\
[plan]
id = "selftest"
revision = "1"
title = "Installation check: one of three simulated pumps delivers 3 % too much and must FAIL"
purpose = {purpose}
reference_temperature = "37 degC"

[[case]]
id = "known-errors"
procedure = "flow_accuracy"
title = "Three simulated pumps with known errors"
verifies = ["RIG-SELFTEST"]
rationale = "What was injected must be found within its uncertainty, and 3 % against a limit of 2 % must fail."
rate = "24 mL/day"
relax = "10 min"
blank = "30 min"
settle = "30 min"
sample = {{ every = "5 min", for = "3 h" }}
windows = ["15 min", "60 min"]
flow_every = "10 s"
accept = {{ mean_error = "within {limit:g} %", alarms = "none" }}
"""
CALL = "import sys; from rig.cli import main; sys.exit(main())"


@dataclass(frozen=True)
class Check:
    """One thing looked at. ``told``: what was found, in a few words."""

    name: str
    good: bool
    told: str


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--runs",
        metavar="DIR",
        default=Path("runs"),
        type=Path,
        help="where the record is made (default: runs)",
    )
    parser.add_argument(
        "--any-version",
        action="store_true",
        help="versions other than those the project was tested with are told, but are no reason to fail",
    )
    parser.add_argument(
        "--json", action="store_true", help="print the checks and the record's folder as JSON"
    )
    explain(
        parser,
        "The record is filed with: rig sign RUN --name NAME --meaning review.",
        example="rig selftest --runs runs",
        status="0 every check is good, 1 one is not, 4 bad input",
    )


def run(args: argparse.Namespace) -> int:
    first = [*_version_checks(args.any_version), *_numeric_checks()]
    folder = _rehearse(args.runs, first)
    checks = [*first, *_rehearsal_checks(folder)]
    failed = [check for check in checks if not check.good]
    if args.json:
        told = {"good": not failed, "record": str(folder), "checks": [asdict(check) for check in checks]}
        print(json.dumps(told, indent=1))
    else:
        for check in checks:
            print(f"{'ok  ' if check.good else 'FAIL'}  {check.name}: {check.told}")
        print(f"infusion-rig {__version__}, Python {platform.python_version()}, {platform.platform()}")
        print(f"{len(checks)} checks, {len(failed) or 'none'} failed; record {folder}")
    return EXIT_NOT_ALL_PASS if failed else EXIT_ALL_PASS


def tested_versions() -> dict[str, str]:
    """The version of each package that the project was tested with, from its lock file."""
    text = (files("rig.shipped") / "tested_versions.txt").read_text(encoding="utf-8")
    return dict(line.split("==", 1) for line in text.split())


def _version_checks(any_version: bool) -> Iterator[Check]:
    tested = tested_versions()
    other = []
    for name, wanted in tested.items():
        try:
            found = version(name)
        except PackageNotFoundError:
            found = "not installed"
        if found != wanted:
            other.append(f"{name} {found} (tested: {wanted})")
    told = "; ".join(other) or f"{len(tested)} packages, each in the version tested"
    yield Check("versions", any_version or not other, told)


def _numeric_checks() -> Iterator[Check]:
    from rig.cli.worked_cases import worked_cases

    for case in worked_cases():
        found = case.compute()
        good = abs(found - case.expected) <= case.allowed
        told = f"{found:.10g} {case.unit}".strip() + f", expected {case.expected:.10g} ({case.source})"
        yield Check(case.name, good, told)


def _purpose(checks: list[Check]) -> str:
    failed = [f"{check.name}: {check.told}" for check in checks if not check.good]
    words = [
        f"Installation check of infusion-rig {__version__}, Python {platform.python_version()}, {platform.platform()}.",
        f"Versions: {checks[0].told}.",
        f"Worked numeric cases: {len(checks) - 1}.",
        "Failed: " + "; ".join(failed) + "." if failed else "None of these failed.",
    ]
    return " ".join(words)


def _rehearse(runs: Path, checks: list[Check]) -> Path:
    """Run the plan on the shipped simulated bench: its run folder."""
    with tempfile.TemporaryDirectory() as scratch, as_file(files("rig.shipped.fixtures")) as fixtures:
        plan = Path(scratch) / "selftest.plan.toml"
        purpose = json.dumps(_purpose(checks), ensure_ascii=False)  # a TOML text, too
        plan.write_text(PLAN.format(purpose=purpose, limit=LIMIT_PCT), encoding="utf-8")
        shutil.copytree(fixtures / "pumps", Path(scratch) / "pumps")
        bench = Path(shutil.copy(fixtures / "simulated.bench.toml", scratch))
        command = [
            sys.executable,
            "-P",
            "-c",
            CALL,
            "run",
            str(plan),
            f"--bench={bench}",
            f"--runs={runs}",
            "--json",
        ]
        ended = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    try:
        (told,) = json.loads(ended.stdout)["runs"]
        return Path(told["folder"])
    except (ValueError, LookupError, TypeError):
        said = f"the rehearsal left no results, exit status {ended.returncode}; what it said stands above"
        raise (DefinitionError if ended.returncode == EXIT_BAD_INPUT else RigError)(said) from None


def _rehearsal_checks(folder: Path) -> Iterator[Check]:
    from rig.record.verify import examine_run

    findings = examine_run(folder).findings
    yield Check("record", not findings, str(findings[0]) if findings else "sound and sealed")
    results = json.loads((folder / "results.json").read_text(encoding="utf-8"))
    for case in results["cases"]:
        told = {criterion["name"]: criterion for criterion in case["criteria"]}
        yield _found_error(case["unit"], told["mean_error"])


def _found_error(serial: str, told: dict[str, Any]) -> Check:
    """Whether the injected error was found within its uncertainty, and judged as it must."""
    injected = INJECTED_PCT[serial]
    value, expanded = told["value"], told["expanded_uncertainty"]
    must = "PASS" if abs(injected) < LIMIT_PCT else "FAIL"
    good = value is not None and abs(value - injected) <= expanded and told["verdict"] == must
    shown = "no value" if value is None else f"found {value:+.3f} ± {expanded:.3f} %"
    words = f"{injected:+g} %, {shown}, {told['verdict']} (must be {must})"
    return Check(f"injected error of {serial}", good, words)
