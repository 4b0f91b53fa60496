"""Steps of the clock of the day are recorded; slewing and time itself are not steps."""

import pytest

from rig.record.clock_watch import ClockWatch
from rig.record.journal import Journal
from rig.record.journal_reader import read_journal

S = 1_000_000_000
YEAR = 365 * 86_400


class Clocks:
    """A monotonic clock, and one of the day that is set."""

    def __init__(self):
        self.now, self.offset = 0, 1_795_000_000 * S

    def utc(self):
        return self.now + self.offset

    def watch(self):
        return ClockWatch(self.utc, lambda: self.now)


@pytest.mark.parametrize("step_s", [1, -1, 3600, -3600, YEAR, -YEAR])
def test_a_step_is_told_once(step_s):
    clocks = Clocks()
    watch = clocks.watch()
    clocks.now += 60 * S
    assert watch.step() is None
    clocks.offset += step_s * S
    assert watch.step() == (step_s * S, clocks.utc())
    assert watch.step() is None


def test_slewing_is_no_step_however_long_it_lasts():
    clocks = Clocks()
    watch = clocks.watch()
    for _ in range(1000):
        clocks.now += 600 * S
        clocks.offset += 600 * S * 500 // 1_000_000  # 500 ppm
        assert watch.step() is None


def test_it_stands_in_the_journal_before_the_record_that_noticed_it(tmp_path):
    clocks = Clocks()
    journal = Journal.create(tmp_path / "j.jsonl", lambda: clocks.now, watch=clocks.watch())
    journal.append("note", text="before")
    clocks.now += 7
    clocks.offset -= 3600 * S
    assert journal.append("note", durable=True, text="after") == 2
    journal.close()
    contents = read_journal(journal.path)
    assert contents.problems == ()
    assert [record["kind"] for record in contents.records] == ["note", "clock_step", "note"]
    assert contents.records[1]["step_ns"] == -3600 * S
    assert [record["t_ns"] for record in contents.records] == [0, 7, 7]


def test_half_a_second_is_a_step_and_a_little_less_is_none():
    clocks = Clocks()
    watch = clocks.watch()
    clocks.offset += S // 2 - 1
    assert watch.step() is None
    clocks.offset += S // 2
    assert watch.step() == (S // 2, clocks.utc())


def test_a_clock_that_runs_off_by_more_than_slewing_is_stepping():
    clocks = Clocks()
    watch = clocks.watch()
    clocks.now += 1000 * S
    clocks.offset += int(1.4 * S)  # half a second, and a thousandth of the time
    assert watch.step() is None
    clocks.now += 1000 * S
    clocks.offset += int(1.6 * S)
    assert watch.step() == (int(1.6 * S), clocks.utc())
