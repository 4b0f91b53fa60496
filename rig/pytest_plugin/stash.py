"""What the parts of the plugin share, in ``config.stash``, and the two ways in which a test of a pump does not pass."""

from __future__ import annotations

import getpass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from rig.definitions.bench_file import BenchFile
    from rig.definitions.plan_file import Plan
    from rig.definitions.quarantine_file import Quarantine
    from rig.run.session import Session

BENCH_FILE: pytest.StashKey[BenchFile] = pytest.StashKey()
SESSION: pytest.StashKey[Session] = pytest.StashKey()
PLANS: pytest.StashKey[dict[Path, Plan]] = pytest.StashKey()  # by file, however often pytest makes its node
CHOSEN: pytest.StashKey[dict[tuple[Path, str], list[str]]] = pytest.StashKey()  # units of each plan's case
LEFT_OUT: pytest.StashKey[list[Path]] = pytest.StashKey()  # plans not collected for want of a bench
WARNINGS: pytest.StashKey[list[str]] = pytest.StashKey()
TROUBLES: pytest.StashKey[list[str]] = pytest.StashKey()  # for `rig run`, where pytest itself is silent
PYTHON_PROBLEMS: pytest.StashKey[list[str]] = pytest.StashKey()  # with what marks of Python files say
SKIPPED_PLANS: pytest.StashKey[list[str]] = pytest.StashKey()  # file and reason, told before anything is run
QUARANTINED: pytest.StashKey[list[str]] = (
    pytest.StashKey()
)  # failures that do not fail the night, told at the end
BAD_INPUT: pytest.StashKey[bool] = pytest.StashKey()  # a plan file is wrong, or does not go with the bench
QUARANTINE: pytest.StashKey[Quarantine] = pytest.StashKey()
QUARANTINE_TROUBLES: pytest.StashKey[list[str]] = pytest.StashKey()


class VerdictFailure(Exception):
    """A criterion that did not pass: a verdict about the pump, not a defect of the rig.

    ``quarantined``: who sees to it and until when, if it does not fail the night.
    """

    def __init__(self, message: str, quarantined: str = "") -> None:
        super().__init__(message)
        self.quarantined = quarantined


class CaseError(Exception):
    """The rig could not carry the case out: an error, never a verdict."""


def is_named(config: pytest.Config, path: Path) -> bool:
    """Whether this very file stands on the command line, not only a folder it is in."""
    base = config.invocation_params.dir
    return any((base / argument.split("::")[0]).resolve() == path.resolve() for argument in config.args)


def session_of(item: pytest.Item) -> Session:
    """The session on the bench, made at the first need for just the units that are needed."""
    config = item.config
    if SESSION not in config.stash:
        from rig.run.progress import Planned
        from rig.run.session import Session
        from rig.run.signals import interrupt_on_signals

        if config.getoption("--rig-summary") is None:
            interrupt_on_signals()
        bench_file = config.stash[BENCH_FILE]
        needed = {serial for serials in config.stash[CHOSEN].values() for serial in serials}
        config.stash[SESSION] = Session(
            bench_file,
            runs_dir=Path(config.getoption("--runs")),
            operator=config.getoption("--operator") or _login(),
            serials=[unit.serial for unit in bench_file.units if unit.serial in needed],
            planned=Planned(_planned_s(config)) if config.getoption("--rig-summary") is not None else None,
            chosen=config.stash[CHOSEN],
            quarantine=config.stash.get(QUARANTINE, None),
        )
    return config.stash[SESSION]


def tell_origin(item: pytest.Item, session: Session, serial: str) -> None:
    """Properties that say which pump this is about, and which run holds the evidence."""
    pump = next(
        (each for each in session.bench.instruments if (each.unit, each.file.role) == (serial, "pump")), None
    )
    item.user_properties += [
        ("serial", serial),
        ("firmware", pump.identity.firmware if pump is not None else ""),
        ("run", session.run_id),
        ("rehearsal", session.rehearsal),
    ]


def quarantined_by(config: pytest.Config, names: list[str]) -> str:
    """Who sees to these failures, if each of them is in quarantine today; else ""."""
    from datetime import UTC, datetime

    from rig.definitions.quarantine_file import matches

    quarantine, today = config.stash.get(QUARANTINE, None), datetime.now(UTC).date()
    told = []
    for name in names:
        entry = next(
            (
                entry
                for entry in (quarantine.entries if quarantine is not None else ())
                if entry.expires >= today and matches(entry.criterion, name)
            ),
            None,
        )
        if entry is None:
            return ""
        told.append(f"quarantined until {entry.expires.isoformat()} ({entry.owner})")
    return "; ".join(dict.fromkeys(told))


def verdict_line(unit: str, verdict: dict[str, Any]) -> str:
    """One criterion as a line a person reads."""
    line = f"{unit} {verdict['name']}: {verdict['verdict']}"
    if verdict["value"] is not None:
        line += f", {verdict['value']:+.3g} {verdict['unit']}".rstrip()
    if verdict["expanded_uncertainty"] is not None:
        line += f" ± {verdict['expanded_uncertainty']:.2g} {verdict['unit']}"
    line += f", limit {verdict['limit']}"
    return f"{line} ({verdict['reason']})" if verdict.get("reason") else line


def _planned_s(config: pytest.Config) -> float:
    chosen = config.stash[CHOSEN]
    return sum(config.stash[PLANS][path].case(case_id).duration_s for path, case_id in chosen)


def _login() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a user id without a name, as in containers
        return "unknown"
