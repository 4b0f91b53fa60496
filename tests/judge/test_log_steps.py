"""The pump's log beside what it was told: what is missing, too much, and at the wrong time."""

from __future__ import annotations

import numpy as np
import pytest

from rig.judge.log_steps import Entry, entries_of_commands, log_breaches, side_by_side
from rig.judge.witnesses import LoggedEvent
from rig.record.case_data import CaseData, FlowSeries, MassSeries

NS, CLOCK_S = 10**9, 820_000_000
NONE, NO = np.zeros(0), np.zeros(0, dtype=bool)
TIMES = np.zeros(0, dtype=np.int64)


def case_of(logged, commands=(), clocks=()):
    """``logged``: (seconds of the run, code, arguments) of each entry of the pump's log."""
    return CaseData(
        "case", "SN1", "endurance", 0, 1000 * NS, "completed", "", (),
        MassSeries(TIMES, NONE, NO), FlowSeries(TIMES, NONE, NONE, NO, NO), (), None,
        pump_states=({"t_ns": 0, "clock_s": CLOCK_S},),
        pump_events=tuple({"clock_s": CLOCK_S + t_s, "code": code, "arguments": args} for t_s, code, args in logged),
        pump_clocks=clocks,
        commands=commands,
    )  # fmt: skip


EXPECTED = [
    Entry("REFILL", {"VOL": "40"}, 10 * NS),
    Entry("PROG", {"RATE": "7"}, 20 * NS),
    Entry("START", {}, 20 * NS),
    Entry("STOP", {"CAUSE": "CMD"}, 500 * NS),
]
SOUND = [(10, "REFILL", {"VOL": "40", "LOW": "2"}), (20, "PROG", {"RATE": "7"}), (20, "START", {"RATE": "7"}),
         (500, "STOP", {"CAUSE": "CMD"})]  # fmt: skip


def test_a_sound_log_and_what_is_no_ones_command():
    battery, alarm = (30, "BATT", {}), (40, "ALARM_ON", {"ID": "LOW_RESERVOIR"})
    early, late = (1, "PROG", {}), (900, "PROG", {})
    logged = [early, *SOUND[:3], battery, alarm, *SOUND[3:], late]
    assert log_breaches(case_of(logged), EXPECTED, (8 * NS, 500 * NS)) == []


@pytest.mark.parametrize(
    ("logged", "said"),
    [
        (SOUND[1:], ["REFILL VOL/40 is missing"]),
        ([*SOUND[:2], *SOUND[3:]], ["START is missing"]),
        (
            [*SOUND[:3], (300, "RESET", {"CAUSE": "POWER"}), *SOUND[3:]],
            ["RESET CAUSE/POWER: nothing led to it"],
        ),
        (
            [SOUND[0], *SOUND[1:3], *SOUND[1:]],
            ["PROG RATE/7: nothing led to it", "START RATE/7: nothing led"],
        ),
        (
            [(10, "REFILL", {"VOL": "39"}), *SOUND[1:]],
            ["REFILL VOL/40 is missing", "REFILL VOL/39: nothing led"],
        ),
        ([*SOUND[:3], (400, "STOP", {"CAUSE": "CMD"})], ["STOP CAUSE/CMD is logged at 0 h 06 min 40 s"]),
    ],
)
def test_each_difference_is_told_once(logged, said):
    breaches = log_breaches(case_of(logged), EXPECTED, (0, 500 * NS))
    assert len(breaches) == len(said), breaches
    for words in said:
        assert any(words in breach for breach in breaches), breaches


def test_as_many_as_possible_stand_beside_their_like():
    logged = [LoggedEvent({"code": code, "arguments": {}}, 0) for code in ("B", "A", "B", "C")]
    pairs = side_by_side([Entry("A"), Entry("B"), Entry("C")], logged)
    assert [(e and e.code, v and v.code) for e, v in pairs] == [
        (None, "B"),
        ("A", "A"),
        ("B", "B"),
        ("C", "C"),
    ]


def test_what_commands_leave_in_the_log():
    commands = (
        {"command": "refill", "sent_t_ns": 20, "arguments": {"volume_nl": 40, "low_nl": 2}},
        {"command": "program", "sent_t_ns": 30, "arguments": {"rate_nl_h": 7}},
        {"command": "bridge", "sent_t_ns": 40,
         "arguments": {"old_ng_ml": 5, "new_ng_ml": 6, "residual_nl": 9, "duration_s": 60}},
    )  # fmt: skip
    data = case_of([], commands, ({"clock_s": 99, "set_t_ns": 10},))
    told = [(entry.words, entry.t_ns) for entry in entries_of_commands(data, {"bridge": 60.0})]
    assert told == [
        ("CLOCK NEW/99", 10),
        ("REFILL VOL/40", 20),
        ("PROG RATE/7", 30),
        ("START", 30),
        ("BOLUS_REQ SRC/BRIDGE", 40),
        ("PROG MODE/BRIDGE OLD/5 NEW/6", 40),
        ("BOLUS_GRANT SRC/BRIDGE", 40),
        ("BOLUS_END SRC/BRIDGE CAUSE/DONE", 40 + 60 * NS),
    ]
