"""A run that is killed anywhere, taken up again, and killed again meanwhile: nothing lost, nothing dosed twice.

In virtual time, where the simulated pump and balance live on while "the process" is dead: from the moment of its death
no record is written and no byte is sent, whatever handlers still run. The long version (marker ``campaign``) has 200
trials.
"""

from __future__ import annotations

import hashlib
import os
import random
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

import rig.record.attestation
import rig.record.manifest
import rig.record.run_folder
import rig.report
import rig.run.resumed_run
from rig.errors import IntegrityError
from rig.record.journal import Journal
from rig.record.layout import MANIFEST
from rig.record.load_run import load_run
from rig.record.verify import verify_run
from rig.run.gap import Gap
from rig.run.resume import close, resume
from rig.run.resumed_run import ResumedRun, may_be_delivering

FEW, MANY = 3, 200
PLAN = """
[plan]
id = "test"
revision = "A"
title = "Test"
reference_temperature = "37 degC"

[[case]]
id = "flow"
procedure = "flow_accuracy"
title = "Flow"
verifies = ["SRS-000"]
rate = "12 mL/day"
relax = "1 min"
blank = "16 min"
settle = "4 min"
sample = { every = "2 min", for = "30 min" }
flow_every = "10 s"
windows = ["2 min", "30 min"]
accept = { mean_error = "within 50 %", alarms = "none" }

[[case]]
id = "doses"
procedure = "bolus"
title = "Doses"
verifies = ["SRS-000"]
bolus = "50 uL"
bolus_duration = "5 min"
count = 3
interval = "15 min"
settle = "5 min"
relax = "1 min"
blank = "16 min"
flow_every = "10 s"
accept = { mean_error = "within 50 %", alarms = "none" }
"""


class Killed(BaseException):
    """The process is dead."""


@dataclass
class Death:
    """Comes at the ``left``-th act from now; None: not at all. ``torn``: in the middle of a record."""

    left: int | None = None
    torn: bool = False
    dead: bool = False
    acts: int = 0
    guard: Callable[[], None] | None = None  # what it does at once

    def act(self) -> None:
        self.acts += 1
        if self.left is not None:
            self.left -= 1
            if self.left <= 0:
                self.come()
        if self.dead:
            raise Killed

    def come(self) -> None:
        """From now on nothing is written and nothing is sent; the guard, if it lives, stops the pump."""
        if not self.dead and self.guard is not None:
            self.guard()
        self.dead = True

    def revive(
        self, left: int | None = None, torn: bool = False, guard: Callable[[], None] | None = None
    ) -> None:
        self.left, self.torn, self.guard, self.dead, self.acts = left, torn, guard, False, 0


@dataclass
class Mortal:
    """A scene whose process can die."""

    scene: Any
    death: Death
    word: bool = False
    asked: list[str] = field(default_factory=list)

    @property
    def path(self) -> Path:
        return self.scene.run.path

    def begin(self) -> None:
        """Carry the plan out as a run does."""
        try:
            for case in self.scene.run.plan.cases:
                self.scene.run.carry_out(case, ["SIM-0001"])
            self.scene.run.close()
        except (Killed, IntegrityError):
            self.died(self.scene.run)

    def take_up(self) -> dict[str, Any] | None:
        """Go on as ``rig resume`` does; the results, or None if it was killed."""
        record, run = load_run(self.path), None
        try:
            if (self.path / MANIFEST).exists():
                return resume(self.path, "somebody", (), self.answer)
            if record.closed is not None:
                return close(self.path, "somebody")
            run = ResumedRun(record, self.scene.run.plan, self.scene.bench, "somebody")
            run.record_gap()
            run.meet_instruments()
            for case, serials in run.cases():
                run.go_on(case, serials, self.answer)
            return run.close()
        except (Killed, IntegrityError):
            self.died(run)
            return None

    def answer(self, question: str) -> bool:
        self.asked.append(question)
        return self.word

    def died(self, run: Any) -> None:
        assert self.death.dead
        self.death.revive()
        if run is not None:
            run._detach()
            run.folder.journal.close()

    def guard_stops(self) -> None:
        self.scene.channel.pump.unit.stop()

    def codes(self, code: str) -> list[dict[str, Any]]:
        return [
            dict(record.arguments)
            for record in self.scene.channel.pump.unit.events.kept
            if record.code == code
        ]

    def hashes(self) -> dict[str, str]:
        files = sorted(path for path in self.path.rglob("*") if path.is_file())
        return {str(path): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


@pytest.fixture
def mortal(open_scene, monkeypatch) -> Callable[[], Mortal]:
    """Make one; every record, file and byte to an instrument is an act at which death may come."""
    death = Death()
    write = Journal._write

    def mortal_write(self: Journal, kind: str, line: bytes) -> int:
        try:
            death.act()
        except Killed:
            if death.torn:
                death.torn = False
                os.write(self._descriptor, line[: len(line) // 2])
            raise
        seq = write(self, kind, line)
        death.act()
        return seq

    monkeypatch.setattr(Journal, "_write", mortal_write)
    for module in (rig.record.run_folder, rig.record.manifest, rig.record.attestation):
        put = module.write_atomically

        def mortal_put(path: Path, *rest: Any, put: Callable = put) -> None:
            if death.left == 1:
                path.with_name(path.name + ".unfinished").write_bytes(b"half")
            death.act()
            put(path, *rest)
            death.act()

        monkeypatch.setattr(module, "write_atomically", mortal_put)

    def light_report(run_folder: Path, *rest: Any) -> None:
        """In place of a report, which takes a second to typeset."""
        (run_folder / ".report.html.part").write_text("half")
        death.act()
        (run_folder / ".report.html.part").replace(run_folder / "report.html")

    monkeypatch.setattr(rig.report, "build_report", light_report)

    def make() -> Mortal:
        scene = open_scene(plan=PLAN)
        for device in (scene.channel.pump, scene.channel.balance, scene.channel.flow):
            hear = device.receive

            def receive(data: bytes, hear: Callable = hear) -> None:
                death.act()
                hear(data)

            monkeypatch.setattr(device, "receive", receive)
        zero_ns = scene.run._started_ns
        monkeypatch.setattr(
            rig.run.resumed_run,
            "gap_until_now",
            lambda _record, last_ns: Gap(last_ns, scene.clock.now_ns() - zero_ns, "for a while"),
        )
        death.revive()
        return Mortal(scene, death)

    return make


def killed_at(mortal: Mortal, seen: Callable[[Any], bool], guarded: bool = False) -> None:
    """Begin the run, and kill it as soon as something is true of the simulated pump or the clock."""
    scene = mortal.scene
    mortal.death.revive(guard=mortal.guard_stops if guarded else None)

    def look() -> None:
        if seen(scene):
            mortal.death.come()
        else:
            scene.at(1, look)

    scene.at(1, look)
    mortal.begin()


def case_of(results: dict[str, Any], case_id: str) -> dict[str, Any]:
    return next(case for case in results["cases"] if case["id"] == case_id)


def minutes(start: float) -> Callable[[Any], bool]:
    return lambda scene: scene.clock.now_ns() > start * 60e9


def test_sampling_goes_on_if_the_pump_never_stopped(mortal):
    mortal = mortal()
    killed_at(mortal, minutes(32))
    assert may_be_delivering(load_run(mortal.path)) == ["SIM-0001"]
    mortal.scene.clock.sleep_s(300)
    results = mortal.take_up()
    case = case_of(results, "flow")
    assert (case["ended"], case["outcome"], results["outcome"]) == ("completed", "PASS", "PASS")
    mean = next(criterion for criterion in case["criteria"] if criterion["name"] == "mean_error")
    assert abs(mean["value"]) <= mean["expanded_uncertainty"]
    flags = {flag["name"]: flag for flag in case["flags"]}
    assert flags["interrupted"]["kind"] == "measurement"
    assert flags["interrupted"]["end_s"] - flags["interrupted"]["start_s"] >= 300
    assert "balance readings are missing" in flags["balance_gap"]["message"]
    assert len([program for program in mortal.codes("PROG") if program["MODE"] == "SC"]) == 1
    assert "interrupted" not in {flag["name"] for flag in case_of(results, "doses")["flags"]}
    assert verify_run(mortal.path) == []


@pytest.mark.parametrize("word", [False, True])
def test_sampling_begins_again_only_on_the_operators_word_if_the_guard_stopped_the_pump(mortal, word):
    mortal = mortal()
    mortal.word = word
    killed_at(mortal, minutes(32), guarded=True)
    results = mortal.take_up()
    case = case_of(results, "flow")
    assert len(mortal.asked) == 1
    assert "the pump was stopped meanwhile" in mortal.asked[0]
    assert case["outcome"] == ("PASS" if word else "ERROR")
    assert len([program for program in mortal.codes("PROG") if program["MODE"] == "SC"]) == 1 + word
    assert case_of(results, "doses")["outcome"] == "PASS"  # the others are carried out all the same
    if not word:
        assert "it cannot go on: the pump was stopped meanwhile" in case["message"]
        assert "not begun again" in (mortal.path / "exports" / "junit.xml").read_text("utf-8")


def test_a_pump_that_stood_for_a_while_and_runs_again_is_found_out(mortal):
    mortal = mortal()
    killed_at(mortal, minutes(32))
    mortal.scene.channel.pump.unit.rotor_held = True
    mortal.scene.clock.sleep_s(400)
    mortal.scene.channel.pump.unit.rotor_held = False
    mortal.scene.clock.sleep_s(100)
    case = case_of(mortal.take_up(), "flow")
    assert case["outcome"] == "ERROR"
    assert "it cannot go on: the pump's log tells of STALL_ON" in case["message"]


def test_before_anything_was_delivered_it_begins_again_by_itself(mortal):
    mortal = mortal()
    killed_at(mortal, minutes(8))
    results = mortal.take_up()
    assert (results["outcome"], mortal.asked) == ("PASS", [])
    assert len([record for record in load_run(mortal.path).cases if record.case == "flow"]) == 2


@pytest.mark.parametrize("step", ["relax_after", "blank_after"])
def test_the_blank_afterwards_goes_on(mortal, step):
    mortal = mortal()
    killed_at(mortal, minutes(51.5 if step == "relax_after" else 60), guarded=True)
    assert load_run(mortal.path).cases[-1].steps[-1].name == step
    mortal.scene.clock.sleep_s(120)
    results = mortal.take_up()
    assert (results["outcome"], mortal.asked) == ("PASS", [])


def in_bolus(number: int) -> Callable[[Any], bool]:
    """While it is given."""

    def seen(scene: Any) -> bool:
        unit = scene.channel.pump.unit
        return (
            unit.source == "SB" and sum(record.code == "BOLUS_GRANT" for record in unit.events.kept) == number
        )

    return seen


def test_a_bolus_that_was_given_whole_is_weighed_late_and_not_given_again(mortal):
    mortal = mortal()
    killed_at(mortal, in_bolus(2))
    mortal.scene.clock.sleep_s(600)
    results = mortal.take_up()
    case = case_of(results, "doses")
    assert (case["ended"], case["outcome"]) == ("completed", "PASS")
    assert len(case["doses"]) == len(mortal.codes("BOLUS_GRANT")) == 3
    assert all(abs(dose["deviation_pct"]) <= dose["expanded_uncertainty_pct"] for dose in case["doses"])
    assert "dose_disturbed" not in {
        flag["name"] for flag in case["flags"]
    }  # the sensor did not see all of it


def test_a_bolus_that_was_cut_short_is_neither_weighed_nor_given_again(mortal):
    mortal = mortal()
    killed_at(mortal, in_bolus(2), guarded=True)
    case = case_of(mortal.take_up(), "doses")
    assert len(mortal.codes("BOLUS_GRANT")) == 3
    assert (case["ended"], case["outcome"]) == ("completed", "INCONCLUSIVE")
    assert "2 of 3 boluses were weighed" in case["criteria"][0]["reason"]


def test_a_run_that_is_sealed_is_left_alone(mortal):
    mortal = mortal()
    mortal.begin()
    before = mortal.hashes()
    assert mortal.take_up()["outcome"] == "PASS"
    assert mortal.hashes() == before


def test_closing_as_it_lies_asks_no_instrument(mortal):
    mortal = mortal()
    killed_at(mortal, minutes(32))
    sent = mortal.death.acts
    mortal.death.revive()
    results = close(mortal.path, "somebody")
    assert results["outcome"] == "ABORTED"
    case = case_of(results, "flow")
    assert case["outcome"] == "ERROR"
    assert "closed without going on; no instrument was asked" in case["message"]
    assert verify_run(mortal.path) == []
    assert (mortal.path / "exports" / "junit.xml").exists()
    assert sent >= 0


@pytest.mark.parametrize("count", [FEW, pytest.param(MANY, marks=pytest.mark.campaign)])
def test_killed_anywhere_and_again_while_it_is_taken_up(mortal, count):
    told: dict[str, int] = {}
    for trial in range(count):
        rng = random.Random(f"crash {trial}")
        subject = mortal()
        guard = subject.guard_stops if rng.random() < 0.4 else None
        subject.death.revive(rng.randint(1, 1400), rng.random() < 0.3, guard)
        subject.begin()
        results, attempts = None, 0
        while results is None:
            subject.scene.clock.sleep_s(rng.uniform(0, 900))
            dies = attempts < 3 and rng.random() < 0.8
            early = rng.random() < 0.5  # while it is taken up; or later on, up to its seal
            left = rng.randint(1, 60 if early else 1400) if dies else None
            subject.death.revive(left, rng.random() < 0.3, guard)
            results, attempts = subject.take_up(), attempts + 1
            subject.death.revive()
        where = f"trial {trial}, {attempts} attempts"
        assert verify_run(subject.path) == [], where
        assert len(subject.codes("BOLUS_GRANT")) <= 3, where
        assert len([program for program in subject.codes("PROG") if program["MODE"] == "SC"]) <= 1, where
        assert subject.scene.channel.pump.unit.mode == "STOP", where
        assert [case["id"] for case in results["cases"]] == ["flow", "doses"], where
        for case in results["cases"]:
            check(case, where)
            told[f"{case['id']} {case['outcome']}"] = told.get(f"{case['id']} {case['outcome']}", 0) + 1
        before = subject.hashes()
        assert subject.take_up() == results, where
        assert subject.hashes() == before, where
        subject.scene.run.folder.journal.close()
    print(told)


def check(case: dict[str, Any], where: str) -> None:
    """PASS as undisturbed, with the true error inside; or no verdict, and why."""
    assert case["outcome"] in ("PASS", "INCONCLUSIVE", "ERROR"), where
    if case["outcome"] == "PASS":
        mean = next(criterion for criterion in case["criteria"] if criterion["name"] == "mean_error")
        assert abs(mean["value"]) <= 1.5 * mean["expanded_uncertainty"], where
    elif case["outcome"] == "ERROR":
        assert "interrupted, and it cannot go on" in case["message"], where
    else:
        assert any(criterion["reason"] for criterion in case["criteria"]), where
