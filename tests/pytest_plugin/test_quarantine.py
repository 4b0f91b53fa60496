"""Failures in quarantine do not fail the night, are shown everywhere, and change no verdict."""

from __future__ import annotations

import json
import re

import pytest

from rig.definitions.quarantine_file import load_quarantine
from rig.errors import DefinitionError

KNOWN = """\
[[quarantine]]
criterion = "quick::fast::SIM-0002::mean_error"
owner = "Ada Brown"
reason = "ticket 4711: pump 2 delivers 3 % too much"
expires = 2099-12-31
"""


@pytest.fixture(scope="module")
def both(tmp_path_factory, quick_plan, session, rig, simulated):
    """The same night by pytest and by rig run, with the quarantine file above."""
    ended = []
    for name in ("pytest", "rig"):
        folder = tmp_path_factory.mktemp(name)
        (folder / "quick.plan.toml").write_text(quick_plan, encoding="utf-8")
        (folder / "known.toml").write_text(KNOWN, encoding="utf-8")
        (folder / "pytest.ini").write_text("[pytest]\n", encoding="utf-8")
        chosen = ("--quarantine=known.toml", "-k", "fast")
        if name == "pytest":
            ended.append(session(folder, *chosen, "--junitxml=out.xml"))
        else:
            options = ("--bench", simulated, "--summary", "summary.md")
            ended.append(rig(folder, "run", "quick.plan.toml", *options, *chosen))
    return ended


def results_of(ended):
    return json.loads((ended.runs[0] / "results.json").read_text("utf-8"))


def test_the_night_does_not_fail(both):
    assert [ended.status for ended in both] == [0, 0], both[0].text + both[1].text


def test_the_verdict_is_what_it_is(both):
    for ended in both:
        results = results_of(ended)
        assert results["outcome"] == "FAIL"
        assert ended.verdicts["fast", "SIM-0002", "mean_error"][0] == "FAIL"
        (entry,) = results["quarantine"]
        assert entry["covers"] == ["quick::fast::SIM-0002::mean_error"]
        assert entry["expired"] is False
        assert (ended.runs[0] / "quarantine.toml").read_text("utf-8") == KNOWN


def test_it_is_shown_wherever_it_can_be_read(both):
    by_pytest, by_rig = both
    assert "5 passed, 1 xfailed" in by_pytest.text.replace("3 deselected, ", "")
    assert "quarantined until 2099-12-31 (Ada Brown)" in by_pytest.text
    case = by_pytest.junit["quick.plan.toml.fast.SIM-0002::mean_error"]
    assert "quarantined until 2099-12-31" in case.find("skipped").get("message")
    assert "quarantined until 2099-12-31 (Ada Brown): quick::fast::SIM-0002::mean_error" in by_rig.text
    run = by_rig.runs[0]
    report = (run / "report.html").read_text("utf-8")
    assert "In quarantine" in report
    assert "ticket 4711" in report
    assert "quarantined until 2099-12-31; FAIL" in (run / "exports" / "junit.xml").read_text("utf-8")
    for summary in (run / "exports" / "summary.md", by_rig.folder / "summary.md"):
        text = summary.read_text("utf-8")
        assert "### quick revision A: FAIL - REHEARSAL" in text
        assert "5 PASS, 1 FAIL" in text.replace("1 FAIL, 5 PASS", "5 PASS, 1 FAIL")
        assert "| within 2 % | quarantined until 2099-12-31, Ada Brown |" in text


def test_the_record_gives_it_again(both, rig):
    run = both[1].runs[0]
    assert rig(both[1].folder, "verify", run).status == 0
    assert "identical to the sealed one" in rig(both[1].folder, "report", run).text


@pytest.mark.parametrize(
    ("written", "instead", "says"),
    [
        ("2099-12-31", "2020-01-31", "expired on 2020-01-31"),
        ("::mean_error", "::mean_eror", "matches no criterion of these plans"),
    ],
)
def test_an_expired_entry_and_one_that_matches_nothing_fail_the_night(
    folder, session, rig, simulated, written, instead, says
):
    (folder / "known.toml").write_text(KNOWN.replace(written, instead), encoding="utf-8")
    chosen = ("--quarantine=known.toml", "-k", "SIM-0001 and alarms")
    ended = session(folder, *chosen)
    assert ended.status == 1, ended.text
    assert says in ended.text
    assert "1 passed" in ended.text
    ended = rig(
        folder,
        "run",
        "quick.plan.toml",
        "--bench",
        simulated,
        "--quarantine=known.toml",
        "-k",
        "SIM-0001 and alarms",
    )
    assert ended.status == 1, ended.text
    assert says in ended.text
    assert results_of(ended)["outcome"] == "PASS"


@pytest.mark.parametrize(
    ("written", "instead", "says"),
    [
        ("quick::fast::SIM-0002::mean_error", "mean_error", "names no criterion"),
        ('owner = "Ada Brown"\n', "", "the key 'owner' is missing"),
        ("expires = 2099-12-31", 'expires = "next year"', "a date is needed here"),
        ("[[quarantine]]", "[quarantine]", "double brackets"),
        ("reason", "raeson", "did you mean 'reason'?"),
    ],
)
def test_a_malformed_file_is_refused(tmp_path, written, instead, says):
    (tmp_path / "known.toml").write_text(KNOWN.replace(written, instead), encoding="utf-8")
    with pytest.raises(DefinitionError, match=re.escape(says)):
        load_quarantine(tmp_path / "known.toml")


def test_it_is_refused_before_anything_is_sent(folder, session, rig, simulated):
    (folder / "known.toml").write_text(KNOWN.replace("owner", "onwer"), encoding="utf-8")
    ended = session(folder, "--quarantine=known.toml")
    assert ended.status == pytest.ExitCode.USAGE_ERROR
    assert "did you mean 'owner'?" in ended.text
    ended = rig(folder, "run", "quick.plan.toml", "--bench", simulated, "--quarantine=known.toml")
    assert ended.status == 4
    assert "did you mean 'owner'?" in ended.text
    assert not ended.runs
