"""rig selftest: passes a sound installation, and notices one that is not."""

from __future__ import annotations

import json
import math
import os
from dataclasses import replace
from pathlib import Path

import pytest

from rig.cli import main, selftest, worked_cases


def told_by(capfd, *arguments):
    status = main(["selftest", "--json", *map(str, arguments)])
    told = json.loads(capfd.readouterr().out)
    return status, told, {check["name"]: check for check in told["checks"]}


def test_a_sound_installation_leaves_a_record_that_can_be_signed(tmp_path, capfd, monkeypatch):
    monkeypatch.setenv("INFUSION_RIG_KEYS", str(tmp_path / "keys"))
    status, told, checks = told_by(capfd, "--runs", tmp_path / "runs")
    assert status == 0, checks
    assert told["good"] is True
    assert "FAIL (must be FAIL)" in checks["injected error of SIM-0002"]["told"]
    record = Path(told["record"])
    plan = (record / "plan.toml").read_text(encoding="utf-8")
    assert "each in the version tested" in plan
    assert "Worked numeric cases: 8. None of these failed." in plan
    for arguments in (("--new-key", "A. Miller"), (record, "--name", "A. Miller", "--meaning", "review")):
        reader, writer = os.pipe()
        os.write(writer, b"a long enough passphrase\n")
        os.close(writer)
        assert main(["sign", *map(str, arguments), "--passphrase-fd", str(reader)]) == 0
        os.close(reader)
    assert main(["verify", str(record)]) == 0
    assert "review signed" in capfd.readouterr().out


def test_other_versions_and_wrong_numbers_are_noticed(monkeypatch):
    monkeypatch.setattr(selftest, "tested_versions", lambda: {"numpy": "0.1", "no-such-package": "1.0"})
    (check,) = selftest._version_checks(any_version=False)
    assert not check.good
    assert "(tested: 0.1)" in check.told
    assert "no-such-package not installed" in check.told
    (accepted,) = selftest._version_checks(any_version=True)
    assert accepted.good
    assert accepted.told == check.told  # told all the same
    wrong = [replace(case, compute=lambda: 1.001) for case in worked_cases.worked_cases()]
    monkeypatch.setattr(
        worked_cases, "worked_cases", lambda: [*wrong, replace(wrong[0], compute=lambda: math.nan)]
    )
    checks = list(selftest._numeric_checks())
    assert len(checks) == 9
    assert not any(check.good for check in checks)
    assert "Failed: " in selftest._purpose([accepted, *checks])


@pytest.mark.parametrize(
    ("value", "expanded", "verdict", "good"),
    [
        (3.01, 0.02, "FAIL", True),
        (3.03, 0.02, "FAIL", False),  # found with an error beyond its uncertainty
        (3.01, 0.02, "PASS", False),
        (None, None, "INCONCLUSIVE", False),
    ],
)
def test_an_injected_error_must_be_found_and_judged(value, expanded, verdict, good):
    told = {"value": value, "expanded_uncertainty": expanded, "verdict": verdict}
    assert selftest._found_error("SIM-0002", told).good is good
