"""A torn tail is set aside byte for byte; a journal is continued after it, or not at all."""

import random

import pytest

from rig.errors import IntegrityError
from rig.record.journal import Journal
from rig.record.journal_reader import read_journal
from rig.record.torn_tail import set_torn_tail_aside


def test_a_cut_anywhere_is_continued_and_loses_nothing(small_journal, tmp_path):
    for length in range(0, len(small_journal) + 1, 17):
        path = tmp_path / f"{length}" / "journal.jsonl"
        path.parent.mkdir()
        path.write_bytes(small_journal[:length])
        whole = small_journal[:length].count(b"\n")
        journal = Journal.reopen(path, lambda: 10**15)
        assert journal.count == whole
        journal.append("note", durable=True, text="goes on")
        journal.close()
        contents = read_journal(path)
        assert (len(contents.records), contents.problems) == (whole + 1, ())
        kept = small_journal[: small_journal[:length].rfind(b"\n") + 1]
        aside = path.with_name(f"journal.jsonl.torn-at-{len(kept)}")
        assert path.read_bytes().startswith(kept)
        assert (aside.read_bytes() if aside.exists() else b"") == small_journal[len(kept) : length]


def test_a_long_tail_is_found(tmp_path):
    path = tmp_path / "journal.jsonl"
    tail = random.Random(1).randbytes(200_000).replace(b"\n", b"x")
    path.write_bytes(b"one\n" + tail)
    assert set_torn_tail_aside(path).read_bytes() == tail
    assert path.read_bytes() == b"one\n"
    assert set_torn_tail_aside(path) is None


def test_interrupted_and_done_again_it_comes_to_the_same(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"one\ntw")
    (tmp_path / "journal.jsonl.torn-at-4").write_bytes(b"tw")  # as after a crash before the cut
    assert set_torn_tail_aside(path).read_bytes() == b"tw"


def test_a_second_tail_at_the_same_byte_lies_beside_the_first(tmp_path):
    path = tmp_path / "journal.jsonl"
    for tail in (b"tw", b"other", b"two"):  # the first record after a recovery may be torn as well
        path.write_bytes(b"one\n" + tail)
        assert set_torn_tail_aside(path).read_bytes() == tail
        assert path.read_bytes() == b"one\n"
    assert len(list(tmp_path.glob("journal.jsonl.torn-at-4*"))) == 3


def test_a_broken_or_missing_journal_is_not_continued(small_journal, tmp_path):
    path = tmp_path / "journal.jsonl"
    with pytest.raises(IntegrityError, match="cannot be set aside"):
        Journal.reopen(path, lambda: 0)
    path.write_bytes(small_journal.replace(b'"stable":true', b'"stable":null', 1))
    with pytest.raises(IntegrityError, match="not continued: record 0, byte 0: altered"):
        Journal.reopen(path, lambda: 0)
