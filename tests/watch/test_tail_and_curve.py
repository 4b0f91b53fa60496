"""Reading a journal while it grows, and keeping what it holds for drawing."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.record.journal import Journal
from rig.watch import curve as curve_module
from rig.watch.curve import Curve
from rig.watch.tail import AT_ONCE, JournalTail

S = 1_000_000_000


@pytest.fixture
def journal(tmp_path):
    journal = Journal.create(tmp_path / "journal.jsonl", lambda: 0)
    yield journal
    journal.close()


def test_each_record_comes_once_and_only_when_it_is_whole(journal):
    tail = JournalTail(journal.path)
    assert tail.read() == []
    journal.append("one")
    journal.append("two")
    assert [record["kind"] for record in tail.read()] == ["one", "two"]
    assert tail.read() == []
    whole = journal.path.read_bytes()
    journal.append("three")
    line = journal.path.read_bytes()[len(whole) :]
    journal.path.write_bytes(whole + line[:20])
    assert tail.read() == []
    journal.path.write_bytes(whole + line)
    assert [record["kind"] for record in tail.read()] == ["three"]
    assert tail.problem == ""


def test_a_long_record_is_read_in_steps_and_no_byte_twice(journal):
    for number in range(30_000):
        journal.append("many", number=number)
    tail, found = JournalTail(journal.path), []
    while True:
        found += [record["number"] for record in tail.read()]
        if not tail.is_behind:
            break
    assert tail.taken == tail.size
    assert found == list(range(30_000))
    assert journal.path.stat().st_size > 3 * AT_ONCE


@pytest.mark.parametrize("change", ["altered", "missing", "shorter", "no record"])
def test_a_broken_chain_is_told_and_nothing_after_it_is_given(journal, change):
    for _ in range(4):
        journal.append("note", text="as it was")
    lines = journal.path.read_bytes().splitlines(keepends=True)
    if change == "altered":
        lines[1] = lines[1].replace(b"as it was", b"as it is!")
    elif change == "missing":
        del lines[1]
    elif change == "no record":
        lines[2] = b"{}\n"
    tail = JournalTail(journal.path)
    if change == "shorter":
        tail.read()
        lines.pop()
    journal.path.write_bytes(b"".join(lines))
    assert len(tail.read()) == {"altered": 2, "missing": 1, "shorter": 0, "no record": 2}[change]
    assert tail.problem
    assert tail.read() == []


def brute(readings, from_ns, to_ns, buckets):
    found = {}
    for t_ns, value in readings:
        if from_ns <= t_ns < to_ns:
            found.setdefault((t_ns - from_ns) * buckets // (to_ns - from_ns), []).append(value)
    return found


@given(
    st.lists(st.tuples(st.integers(1, 3 * S), st.floats(-1e6, 1e6)), min_size=1, max_size=300),
    st.integers(1, 40),
)
@settings(max_examples=60)
def test_what_is_drawn_is_least_and_greatest_of_each_bucket(steps, buckets):
    curve, readings, t_ns = Curve(), [], 0
    for step, value in steps:
        t_ns += step
        readings.append((t_ns, value))
        curve.add(t_ns, value)
    drawn = curve.drawn(0, t_ns + 1, buckets)
    expected = brute(readings, 0, t_ns + 1, buckets)
    assert drawn.number.tolist() == sorted(expected)
    assert drawn.least.tolist() == [min(expected[number]) for number in sorted(expected)]
    assert drawn.greatest.tolist() == [max(expected[number]) for number in sorted(expected)]


def test_of_a_long_run_a_single_high_reading_stays_seen_and_memory_stays_small(monkeypatch):
    monkeypatch.setattr(curve_module, "KEPT", 64)
    curve = Curve()
    for index in range(50_000):
        curve.add(index * S, 100.0 if index == 777 else 1.0)
    whole = curve.drawn(0, 50_000 * S, 40)
    assert whole.number.tolist() == list(range(40))
    assert whole.number[whole.greatest == 100.0].tolist() == [0]
    assert sum(len(level.first) for level in curve._levels) < 8 * 2 * 64
    latest = curve.drawn(49_990 * S, 50_000 * S, 10)
    assert latest.number.tolist() == list(range(10))


def test_gaps_are_where_readings_stayed_away_and_a_slower_pace_is_learned():
    curve = Curve()
    times = [*range(10), *range(20, 30), *range(40, 400, 10)]
    for t_s in times:
        curve.add(t_s * S, 0.0)
    gaps = [(start // S, end // S) for start, end in curve.gaps]
    assert gaps[:3] == [(9, 20), (29, 40), (40, 50)]  # the second at the new pace is still taken for one
    assert len(gaps) == 3


def test_a_reading_out_of_order_is_left_out():
    curve = Curve()
    for t_s in (1, 3, 2, 3, 4):
        curve.add(t_s * S, float(t_s))
    assert curve.count == 3
