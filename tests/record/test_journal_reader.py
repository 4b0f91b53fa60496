"""An exact prefix of what was written is given, and what is wrong with the rest is named: record and byte."""

import hashlib
import itertools
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import IntegrityError
from rig.record import journal_reader
from rig.record.journal_reader import Chain, JournalReader, follow_chain, read_journal


@pytest.fixture
def read(tmp_path):
    path = tmp_path / "journal.jsonl"

    def read(content, expected_head=None):
        path.write_bytes(content)
        reader = JournalReader(path, expected_head)
        records = list(reader)
        if (
            expected_head is None
        ):  # who follows the chain alone finds the same, whatever was done to the bytes
            chain = follow_chain(path)
            first = records[0] if records else {}
            assert (chain.first, chain.count, chain.head) == (first, reader.count, reader.head)
            assert chain.broken == (str(reader.problems[0]) if reader.breaks else "")
        return records, reader

    return read


@pytest.fixture
def original(small_journal, read):
    return read(small_journal)[0]


def test_an_untouched_journal_is_read_whole(small_journal, read):
    records, reader = read(small_journal)
    assert [record["seq"] for record in records] == list(range(6))
    assert (reader.count, reader.problems, reader.breaks) == (6, [], False)


def test_an_empty_journal_has_nothing_and_lacks_nothing(read):
    records, reader = read(b"")
    assert (records, reader.problems, reader.head) == ([], [], "0" * 64)


def test_a_missing_journal_is_an_integrity_error(tmp_path):
    with pytest.raises(IntegrityError, match="No such file"):
        read_journal(tmp_path / "journal.jsonl")


def test_truncated_at_every_byte_an_exact_prefix_is_given_and_the_rest_named(small_journal, original, read):
    for length in range(len(small_journal)):
        kept = small_journal[:length]
        records, reader = read(kept)
        whole = kept.count(b"\n")
        assert records == original[:whole]
        torn = kept[kept.rfind(b"\n") + 1 :]
        found = [(problem.record, problem.byte) for problem in reader.problems]
        assert found == ([(whole, length - len(torn))] if torn else [])
        assert not reader.breaks


def test_a_flipped_bit_in_any_byte_is_found_in_its_record_and_nothing_at_or_after_it_is_given(
    small_journal, original, read
):
    head = read(small_journal)[1].head
    starts = [0, *(i + 1 for i, byte in enumerate(small_journal) if byte == 0x0A)]
    for byte in range(len(small_journal)):
        flipped = bytearray(small_journal)
        flipped[byte] ^= 1 << byte % 8
        records, reader = read(bytes(flipped), expected_head=head)
        number = max(i for i, start in enumerate(starts) if start <= byte)
        if number == 5 and not reader.problems:
            assert reader.head != head  # the last record: only the head tells
            assert records[:5] == original[:5]
            continue
        assert records == original[:number], byte
        assert len(reader.problems) == 1 or small_journal[byte] == 0x0A or flipped[byte] == 0x0A, byte
        assert (reader.problems[0].record, reader.problems[0].byte) == (number, starts[number]), byte


def lines_of(content):
    return content.splitlines(keepends=True)


@pytest.mark.parametrize("at", range(5))
def test_a_removed_record_is_named(small_journal, original, read, at):
    lines = lines_of(small_journal)
    records, reader = read(b"".join(lines[:at] + lines[at + 1 :]))
    assert records == original[:at]
    assert [str(problem) for problem in reader.problems] == [
        f"record {at + 1}, byte {sum(map(len, lines[:at]))}: record {at} is missing before it"
    ]


@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("put", range(7))
def test_a_doubled_record_is_named(small_journal, original, read, at, put):
    lines = lines_of(small_journal)
    records, reader = read(b"".join([*lines[:put], lines[at], *lines[put:]]))
    assert records == original[: len(records)]
    assert reader.problems[0].byte == sum(map(len, lines[: put + (put == at)]))
    assert reader.problems[0].record == at
    if put > at:
        assert len(reader.problems) == 1


@pytest.mark.parametrize(("one", "other"), list(itertools.combinations(range(6), 2)))
def test_swapped_records_are_named(small_journal, original, read, one, other):
    lines = lines_of(small_journal)
    lines[one], lines[other] = lines[other], lines[one]
    records, reader = read(b"".join(lines))
    assert records == original[:one]
    assert reader.problems[0].record == other
    assert re.match(f"records? {one} ", reader.problems[0].message)
    assert one in {problem.record for problem in reader.problems}
    assert len(reader.problems) == 1 + other - one  # the later one too early, all after it too late


def test_a_record_of_another_run_with_the_right_number_is_named(small_journal, original, read, chained):
    foreign = lines_of(chained([{**record, "t_ns": record["t_ns"] + 1} for record in original]))
    lines = lines_of(small_journal)
    lines[3] = foreign[3]
    records, reader = read(b"".join(lines))
    assert records == original[:3]
    assert reader.problems[0].record == 3


def test_the_end_of_another_run_is_named(small_journal, original, read, chained):
    foreign = lines_of(chained([{**record, "t_ns": record["t_ns"] + 1} for record in original]))
    records, reader = read(b"".join([*lines_of(small_journal)[:3], *foreign[3:]]))
    assert records == original[: len(records)]
    assert len(records) in {2, 3}
    assert reader.problems[0].record in {2, 3}


def test_a_changed_number_in_a_record_rechained_by_nobody_is_named_exactly(small_journal, read):
    altered = small_journal.replace(b'"mass_g":0.1', b'"mass_g":0.2')
    records, reader = read(altered)
    assert len(records) == 1
    (problem,) = reader.problems
    begins = small_journal.index(b"\n") + 1
    assert (
        str(problem) == f"record 1, byte {begins}: altered: record 2 was written after other bytes than these"
    )


def test_at_most_twenty_breaks_are_listed_and_the_others_counted(read):
    _, reader = read(b"x\n" * 100)
    assert len(reader.problems) == 21
    assert "80 more" in str(reader.problems[-1])


HOSTILE = [
    *(b"{", b"}", b"[" * 30_000, b"NaN", b"1" * 5000, b"1e999", b"\n", b",", b"\xff", b"\r"),
    *(b'"seq":0', b'"t_ns":true', b'"prev":"', b'{"kind":"a","prev":"","seq":0,"t_ns":0}'),
]


@given(content=st.binary(max_size=400) | st.lists(st.sampled_from(HOSTILE)).map(b"".join))
def test_no_bytes_whatever_raise(tmp_path_factory, content):
    path = tmp_path_factory.getbasetemp() / "arbitrary.jsonl"
    path.write_bytes(content)
    contents = read_journal(path)
    assert contents.records == []
    assert bool(contents.problems) == bool(content)


def test_a_whole_forged_chain_reads_as_one(original, read, chained):
    """The chain alone cannot know: the seal, and the head kept elsewhere, can."""
    records, reader = read(chained([{**record, "forged": True} for record in original]))
    assert len(records) == 6
    assert reader.problems == []
    assert json.loads(json.dumps(records[0]))["forged"]


@pytest.fixture
def by_hashes_alone(monkeypatch):
    """Whoever reads record by record fails."""

    def never(*_):
        raise AssertionError("records were read")

    monkeypatch.setattr(journal_reader, "JournalReader", never)


@pytest.mark.parametrize("tail", [b"", b'{"prev":"', b"\0"])
@pytest.mark.parametrize("count", range(7))
def test_a_chain_that_holds_is_followed_by_its_hashes_alone(
    small_journal, tmp_path, by_hashes_alone, count, tail
):
    lines = small_journal.splitlines(keepends=True)[:count]
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(lines) + tail)
    head = hashlib.sha256(lines[-1][:-1]).hexdigest() if lines else "0" * 64
    assert follow_chain(path) == Chain(json.loads(lines[0]) if lines else {}, count, head)


@pytest.mark.parametrize("number", [0, 3, 5])
def test_a_line_that_is_no_record_though_its_hashes_fit_is_found_at_the_ends(small_journal, tmp_path, number):
    """In between, its bytes were written so: who could alter them could write others. The seal says which were."""
    path = tmp_path / "journal.jsonl"
    lines, digest = [], "0" * 64
    for seq, line in enumerate(small_journal.splitlines()):
        record = {**json.loads(line), "prev": digest}
        text = json.dumps(record, separators=(",", ":"))
        lines.append((text[:-1] + ",}" if seq == number else text).encode())
        digest = hashlib.sha256(lines[-1]).hexdigest()
    path.write_bytes(b"".join(line + b"\n" for line in lines))
    chain = follow_chain(path)
    assert chain.broken.startswith(f"record {number}, byte" if number in (0, 5) else "")
    assert bool(chain.broken) is (number in (0, 5))


def test_a_growing_journal_is_read_on_where_it_was_left(small_journal, tmp_path):
    lines = small_journal.splitlines(keepends=True)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(lines[:2]) + lines[2][:5])  # the third is being written
    reader = JournalReader(path)
    assert [record["seq"] for record in reader] == [0, 1]
    path.write_bytes(b"".join(lines[:4]))
    grown = JournalReader(path)
    assert [record["seq"] for record in grown] == [0, 1, 2, 3]
    path.write_bytes(small_journal)
    assert [record["seq"] for record in grown] == [4, 5]
    assert (grown.count, grown.problems) == (6, [])
    assert grown.head == hashlib.sha256(lines[5][:-1]).hexdigest()
    assert grown.last_byte == len(b"".join(lines[:5]))
    assert list(grown) == []  # nothing new
    assert (grown.count, grown.problems) == (6, [])


@pytest.mark.parametrize(
    ("after", "problem"),
    [
        ([5], "record 5, byte 0: record 4 is missing before it"),
        ([3, 4, 5], "record 3, byte 0: out of order or doubled: record 4 should be here"),
        ([], "record 4, byte 0: torn tail of 7 bytes, of a record that was never completed, set aside"),
    ],
)
def test_what_is_wrong_with_what_came_since_is_named(small_journal, tmp_path, after, problem):
    lines = small_journal.splitlines(keepends=True)
    path = tmp_path / "journal.jsonl"
    begun = b"".join(lines[:4])
    path.write_bytes(begun)
    reader = JournalReader(path)
    assert len(list(reader)) == 4
    path.write_bytes(begun + (b"".join(lines[number] for number in after) or b"torn...".ljust(7)))
    list(reader)
    assert str(reader.problems[0]) == problem.replace("byte 0", f"byte {len(begun)}")


def test_altered_bytes_before_what_came_since_are_blamed(small_journal, tmp_path):
    """The last record was given already, when a record comes that was written after other bytes."""
    lines = small_journal.splitlines(keepends=True)
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"".join(lines[:3]))
    reader = JournalReader(path)
    assert len(list(reader)) == 3
    other = json.loads(lines[3]) | {"prev": "1" * 64}
    path.write_bytes(b"".join(lines[:3]) + json.dumps(other).encode() + b"\n")
    assert list(reader) == []
    assert str(reader.problems[0]).startswith(
        f"record 2, byte {len(b''.join(lines[:2]))}: altered, or record 3"
    )


def test_a_torn_tail_breaks_no_chain_however_it_is_followed(small_journal, tmp_path, monkeypatch):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(small_journal[:-3])
    quick = follow_chain(path)
    monkeypatch.setattr(journal_reader, "_by_hashes", lambda path: None)
    assert follow_chain(path) == quick
    assert (quick.count, quick.broken) == (5, "")
