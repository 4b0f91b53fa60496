"""What is said of a broken journal, word for word: a reader acts on it."""

import hashlib
import json

import pytest

from rig.errors import IntegrityError
from rig.record.journal_reader import MOST_PROBLEMS, JournalReader, Problem, read_journal


@pytest.fixture
def said(tmp_path):
    path = tmp_path / "journal.jsonl"

    def said(lines, expected_head=None):
        path.write_bytes(b"".join(line + b"\n" for line in lines))
        reader = JournalReader(path, expected_head)
        list(reader)
        return [(problem.record, problem.message) for problem in reader.problems]

    return said


@pytest.fixture
def lines(small_journal):
    return small_journal.splitlines()


def changed(line, **fields):
    return json.dumps(json.loads(line) | fields, sort_keys=True, separators=(",", ":")).encode()


def test_a_first_record_that_follows_another_is_altered_also_when_it_is_the_only_one(said, lines):
    message = "altered: it does not follow the record before, nor the record after it"
    assert said([changed(lines[0], prev="1" * 64)]) == [(0, message)]


def test_a_record_that_neither_follows_nor_is_followed(said, lines):
    lines[2] = changed(lines[2], prev="1" * 64)
    assert said(lines) == [(2, "altered: it does not follow the record before, nor the record after it")]


def test_when_nobody_confirms_the_last_record_either_of_two_was_altered(said, lines):
    lines[-1] = changed(lines[-1], prev="1" * 64)
    last = len(lines) - 1
    assert said(lines) == [
        (last - 1, f"altered, or record {last} after it was: they do not follow each other")
    ]
    head = hashlib.sha256(lines[-1]).hexdigest()
    assert said(lines, head) == [
        (last - 1, f"altered: record {last} was written after other bytes than these")
    ]
    assert said(lines, "2" * 64) == [
        (last, "altered: it does not follow the record before, nor the record after it")
    ]


def test_records_that_are_missing_are_counted(said, lines):
    assert said(lines[:1] + lines[2:]) == [(2, "record 1 is missing before it")]
    assert said(lines[:1] + lines[3:]) == [(3, "records 1 to 2 are missing before it")]
    assert said(lines[2:]) == [(2, "records 0 to 1 are missing before it")]


def test_a_doubled_one_and_a_wrong_number(said, lines):
    assert said([*lines[:3], lines[1], *lines[3:]]) == [
        (1, "out of order or doubled: record 3 should be here")
    ]
    lines[2] = changed(lines[2], seq=7)
    assert said(lines) == [(2, "altered: it follows record 1 but calls itself 7")]


def test_a_line_that_is_no_record(said, lines):
    def so_is(line):
        [(record, message), *_] = said([lines[0], line, *lines[2:]])
        assert record == 1
        return message

    assert so_is(b"7") == "not a record: not a JSON object"
    assert so_is(lines[1].replace(b'{"', b'{"a":NaN,"', 1)) == "not a record: NaN is no number"
    assert so_is(changed(lines[1], seq="1")) == "not a record: 'seq' is missing or of the wrong kind"
    assert so_is(changed(lines[1], t_ns=True)) == "not a record: 't_ns' is missing or of the wrong kind"
    assert so_is(changed(lines[1], kind=None)) == "not a record: 'kind' is missing or of the wrong kind"
    assert so_is(changed(lines[1], prev=1)) == "not a record: 'prev' is missing or of the wrong kind"


def test_many_breaks_are_listed_up_to_a_number_and_the_rest_counted(said, lines):
    found = said([b"no record"] * (MOST_PROBLEMS + 3))
    assert [record for record, _ in found] == [*range(MOST_PROBLEMS), None]
    assert found[-1][1] == "3 more breaks after these"
    assert len(said([b"no record"] * MOST_PROBLEMS)) == MOST_PROBLEMS == 20


def test_a_torn_tail_is_named_with_the_record_that_it_would_have_been(tmp_path, small_journal):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(small_journal + b'{"half')
    reader = JournalReader(path)
    records = list(reader)
    [problem] = reader.problems
    words = "torn tail of 6 bytes, of a record that was never completed, set aside"
    assert problem == Problem(words, len(records), len(small_journal))
    assert not reader.breaks
    assert str(problem) == f"record {len(records)}, byte {len(small_journal)}: {words}"
    assert read_journal(path).problems == (f"journal.jsonl: {problem}",)
    path.write_bytes(b'{"half')
    assert read_journal(path).problems[0].startswith("journal.jsonl: record 0, byte 0: torn tail of 6 bytes")


def test_where_the_last_sound_record_begins(tmp_path, small_journal):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(small_journal)
    reader = JournalReader(path)
    assert reader.last_byte == 0
    list(reader)
    assert reader.last_byte == small_journal.rindex(b"\n", 0, -1) + 1
    assert reader.head == hashlib.sha256(small_journal.splitlines()[-1]).hexdigest()


def test_a_file_that_cannot_be_read_says_why(tmp_path):
    with pytest.raises(IntegrityError, match=r"journal\.jsonl: cannot be read: No such file"):
        read_journal(tmp_path / "journal.jsonl")
