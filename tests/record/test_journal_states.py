"""The journal's own state: what it counts, what it refuses after which failure, when it syncs, what it tells."""

from __future__ import annotations

import hashlib
import json
import os
import threading
import time

import pytest

from rig.errors import IntegrityError
from rig.record import journal as journal_module
from rig.record.clock_watch import ClockStep
from rig.record.journal import Journal
from rig.record.journal_reader import FIRST_PREV, read_journal

WITHIN_S = 20.0


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


@pytest.fixture
def syncs(monkeypatch, path):
    """How many records the file had at each sync; syncs that are to fail."""
    seen, failing = [], []
    real = journal_module.sync_data

    def sync_data(descriptor):
        if failing:
            raise failing[0]
        seen.append(path.read_bytes().count(b"\n"))
        real(descriptor)

    monkeypatch.setattr(journal_module, "sync_data", sync_data)
    return seen, failing


@pytest.fixture
def never_by_itself(monkeypatch):
    """No sync but one that is asked for, within the time of a test."""
    monkeypatch.setattr(journal_module, "GROUP_SYNC_S", 3600.0)


def kinds(path):
    contents = read_journal(path)
    assert contents.problems == ()
    return [record["kind"] for record in contents.records]


def test_count_and_head_follow_every_record(path):
    journal = Journal.create(path, lambda: 5)
    assert (journal.count, journal.head, journal.failure) == (0, FIRST_PREV, "")
    assert [journal.append("note", text=text) for text in "abc"] == [0, 1, 2]
    lines = path.read_bytes().splitlines()
    assert (journal.count, journal.head) == (3, hashlib.sha256(lines[-1]).hexdigest())
    journal.close()
    assert json.loads(lines[0]) == {"kind": "note", "prev": "0" * 64, "seq": 0, "t_ns": 5, "text": "a"}


def test_a_durable_record_is_on_the_disk_when_append_returns_and_another_is_not_yet(
    path, syncs, never_by_itself
):
    journal = Journal.create(path, lambda: 0)
    journal.append("note")
    journal.append("note")
    assert syncs[0] == []
    journal.append("note", durable=True)
    assert syncs[0] == [3]
    journal.append("note")
    journal.sync()
    journal.sync()
    assert syncs[0] == [3, 4]  # what is on the disk is not brought there again
    journal.close()
    assert syncs[0] == [3, 4]


def test_what_was_not_synced_is_at_the_close(path, syncs, never_by_itself):
    journal = Journal.create(path, lambda: 0)
    journal.append("note")
    journal.close()
    assert syncs[0] == [1]


def test_records_are_synced_in_groups_by_a_thread_that_keeps_no_process_alive(path, syncs):
    journal = Journal.create(path, lambda: 0)
    [thread] = [each for each in threading.enumerate() if each.name == "journal-sync"]
    assert thread.daemon
    for group in (1, 2):
        journal.append("note")
        until = time.monotonic() + WITHIN_S
        while len(syncs[0]) < group and time.monotonic() < until:
            time.sleep(0.005)
        assert syncs[0] == list(range(1, group + 1))
    time.sleep(3 * journal_module.GROUP_SYNC_S)
    assert syncs[0] == [1, 2]  # nothing new, no sync
    journal.close()
    assert not thread.is_alive()
    with pytest.raises(OSError, match="Bad file descriptor"):
        os.fstat(journal._descriptor)


def test_half_of_the_promised_tenth_of_a_second_is_left_for_the_disk():
    assert journal_module.GROUP_SYNC_S <= 0.05


def test_a_failed_sync_of_a_group_ends_the_thread_and_the_journal(path, syncs):
    journal = Journal.create(path, lambda: 0)
    syncs[1].append(OSError(5, "Input/output error"))
    journal.append("note")
    until = time.monotonic() + WITHIN_S
    while not journal.failure and time.monotonic() < until:
        time.sleep(0.005)
    words = f"{path}: cannot be brought to the disk: Input/output error; no further record is taken"
    assert journal.failure == words
    journal._flusher.join(WITHIN_S)
    assert not journal._flusher.is_alive()
    syncs[1].clear()  # a second try would succeed, though the data was dropped: it is not made
    with pytest.raises(IntegrityError) as told:
        journal.append("note")
    assert str(told.value) == words
    with pytest.raises(IntegrityError):
        journal.sync()
    journal.close()  # it was told
    assert path.read_bytes().count(b"\n") == 1


def test_a_failure_is_told_at_the_close_unless_it_was_before(path, syncs, never_by_itself):
    journal = Journal.create(path, lambda: 0)
    journal.append("note", durable=True)
    journal.refuse_because("the wire log is lost")
    with pytest.raises(IntegrityError, match="the wire log is lost; no further record is taken"):
        journal.close()
    journal.close()
    with pytest.raises(IntegrityError, match="the wire log is lost"):
        journal.append("note")


def test_only_the_first_failure_is_told(path, never_by_itself):
    journal = Journal.create(path, lambda: 0)
    journal.refuse_because("first")
    journal.refuse_because("second")
    assert journal.failure == f"{path}: first; no further record is taken"
    with pytest.raises(IntegrityError):
        journal.append("note", durable=True)
    journal.close()
    assert path.read_bytes() == b""


def test_a_closed_journal_says_that_it_is_closed(path):
    journal = Journal.create(path, lambda: 0)
    journal.close()
    with pytest.raises(IntegrityError) as told:
        journal.append("note")
    assert str(told.value) == f"{path}: closed; no further record is taken"
    assert journal.failure == ""


@pytest.fixture
def failing_write(monkeypatch):
    failures = []
    real = journal_module.write_all

    def write_all(descriptor, data, spare=None):
        if failures:
            raise failures.pop()
        real(descriptor, data, spare)

    monkeypatch.setattr(journal_module, "write_all", write_all)
    return failures


def test_a_write_that_fails_or_is_interrupted_is_the_end(path, failing_write):
    journal = Journal.create(path, lambda: 0)
    journal.append("note")
    failing_write.append(OSError(5, "Input/output error"))
    words = f"{path}: record 1 (mass) cannot be written: Input/output error; no further record is taken"
    with pytest.raises(IntegrityError) as told:
        journal.append("mass")
    assert str(told.value) == journal.failure == words
    with pytest.raises(IntegrityError):
        journal.append("note")
    assert journal.count == 1
    journal.close()
    other = Journal.create(path.with_name("other.jsonl"), lambda: 0)
    failing_write.append(KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        other.append("mass")
    assert "interrupted while record 0 (mass) was written" in other.failure
    with pytest.raises(IntegrityError, match="interrupted"):
        other.append("note")
    other.close()


def test_what_it_tells_by_itself_is_called_by_its_name_when_it_cannot_be_written(path, failing_write):
    journal = Journal.create(path, lambda: 0, watch=Steps(ClockStep(1, 2)))
    failing_write.append(OSError(5, "Input/output error"))
    with pytest.raises(IntegrityError, match=r"record 0 \(clock_step\) cannot be written"):
        journal.append("note")
    journal.close()
    spare = Given()
    spare.release()
    journal = Journal.create(path.with_name("other.jsonl"), lambda: 0, spare)
    failing_write.append(OSError(5, "Input/output error"))
    with pytest.raises(IntegrityError, match=r"record 0 \(disk_full\) cannot be written"):
        journal.append("note")
    journal.close()


class Steps:
    """A clock watch that saw these."""

    def __init__(self, *steps):
        self.steps = list(steps)

    def step(self):
        return self.steps.pop(0) if self.steps else None


class Given:
    released = False

    def release(self):
        self.released = True


def test_a_step_of_the_clock_and_a_full_disk_are_told_before_the_record_that_comes_next(path):
    spare = Given()
    watch = Steps(None, ClockStep(7, 8), None, None)
    journal = Journal.create(path, lambda: 0, spare, watch)
    assert journal.append("note") == 0
    assert journal.append("note") == 2
    spare.release()
    assert journal.append("note") == 4
    assert journal.append("note") == 5
    journal.close()
    assert kinds(path) == ["note", "clock_step", "note", "disk_full", "note", "note"]
    step = read_journal(path).records[1]
    assert (step["step_ns"], step["utc_ns"]) == (7, 8)


def test_where_nobody_watches_nothing_is_told(path):
    journal = Journal.create(path, lambda: 0)
    journal.append("note")
    journal.close()
    assert kinds(path) == ["note"]


@pytest.mark.parametrize("value", [{"a": [1.0, float("nan")]}, {"a": {"b": float("inf")}, "c": 1.0}])
def test_a_number_that_is_not_finite_is_found_however_deep(path, value):
    journal = Journal.create(path, lambda: 0)
    with pytest.raises(IntegrityError, match="'value' has a number that is not finite; not recorded"):
        journal.append("note", other=1.0, value=value)
    journal.close()


# Going on with one


def test_one_that_is_there_is_gone_on_with_after_its_last_whole_record(path):
    journal = Journal.create(path, lambda: 0)
    journal.append("note")
    journal.close()
    head = journal.head
    path.write_bytes(path.read_bytes() + b'{"torn')
    spare = Given()
    spare.release()
    again = Journal.reopen(path, lambda: 1, spare, Steps(ClockStep(1, 2)))
    assert (again.count, again.head) == (1, head)
    assert again.append("note", durable=True) == 3
    again.close()
    assert kinds(path) == ["note", "clock_step", "disk_full", "note"]
    assert [aside.read_bytes() for aside in path.parent.glob("*.torn-at-*")] == [b'{"torn']


def test_one_whose_chain_is_broken_is_not(path):
    journal = Journal.create(path, lambda: 0)
    for _ in range(3):
        journal.append("note", text="x")
    journal.close()
    broken = path.read_bytes().replace(b'"text":"x"', b'"text":"y"', 1)
    path.write_bytes(broken)
    with pytest.raises(IntegrityError, match=r"journal\.jsonl: not continued: record 0, byte 0: altered"):
        Journal.reopen(path, lambda: 0)
    assert path.read_bytes() == broken


def test_one_that_may_not_be_written_says_so(path, monkeypatch):
    Journal.create(path, lambda: 0).close()
    real = os.open

    def refuse(name, flags, *mode):
        if flags & os.O_APPEND:
            raise PermissionError(13, "Permission denied")
        return real(name, flags, *mode)

    monkeypatch.setattr(os, "open", refuse)
    with pytest.raises(IntegrityError, match=r"journal\.jsonl: cannot be written: Permission denied"):
        Journal.reopen(path, lambda: 0)
    monkeypatch.undo()
    with pytest.raises(IntegrityError, match=r"journal\.jsonl: cannot be created: File exists"):
        Journal.create(path, lambda: 0)
