"""On a full disk the reserve is given back, and everything up to then is recorded; then the run must end."""

import errno
import os

import pytest

from rig.errors import IntegrityError
from rig.record.durable_files import write_atomically
from rig.record.journal import Journal
from rig.record.journal_reader import read_journal
from rig.record.reserve import Reserve
from rig.record.verify import verify_run


class Disk:
    """So many bytes fit; removing the reserve makes room for as many more."""

    def __init__(self, monkeypatch, reserve_bytes):
        self.left, self.reserve_bytes = 10**9, reserve_bytes
        self._write, self._unlink = os.write, os.unlink
        monkeypatch.setattr(os, "write", self.write)
        monkeypatch.setattr(os, "unlink", self.unlink)

    def write(self, descriptor, data):
        if self.left <= 0:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(descriptor, bytes(data)[: self.left])
        self.left -= written
        return written

    def unlink(self, path, **how):
        self._unlink(path, **how)
        if str(path).endswith("reserve.tmp"):
            self.left += self.reserve_bytes


@pytest.fixture
def disk(monkeypatch):
    return Disk(monkeypatch, 100_000)


def test_it_takes_space_and_gives_it_back_once(tmp_path):
    told = []
    reserve = Reserve(tmp_path / "reserve.tmp", told.append, 10_000)
    assert reserve.path.stat().st_size == 10_000
    assert reserve.path.stat().st_blocks * 512 >= 10_000
    for _ in range(2):
        reserve.release()
    reserve.remove()
    assert told == ["the disk is full"]
    assert not reserve.path.exists()


def test_at_the_end_of_a_run_it_goes_silently(tmp_path):
    told = []
    reserve = Reserve(tmp_path / "reserve.tmp", told.append, 10_000)
    reserve.remove()
    assert told == []
    assert list(tmp_path.iterdir()) == []


def test_where_it_finds_no_room_nothing_is_left(tmp_path, monkeypatch):
    def no_room(descriptor, offset, size):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "posix_fallocate", no_room, raising=False)
    with pytest.raises(OSError, match="No space"):
        Reserve(tmp_path / "reserve.tmp", print, 10_000)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("left", [0, 1, 100, 250])
def test_the_record_goes_on_and_says_that_the_disk_was_full(tmp_path, disk, left):
    told = []
    reserve = Reserve(tmp_path / "reserve.tmp", told.append)
    journal = Journal.create(tmp_path / "journal.jsonl", lambda: 0, reserve)
    journal.append("note", text="before")
    disk.left = left
    for number in range(4):
        journal.append("note", durable=number == 3, text="after")
    journal.close()
    contents = read_journal(journal.path)
    kinds = [record["kind"] for record in contents.records]
    assert contents.problems == ()
    assert kinds.count("note") == 5
    assert kinds.count("disk_full") == len(told) == 1


def test_a_disk_that_is_full_again_ends_the_record(tmp_path, disk):
    disk.reserve_bytes = 300
    reserve = Reserve(tmp_path / "reserve.tmp", lambda reason: None)
    journal = Journal.create(tmp_path / "journal.jsonl", lambda: 0, reserve)
    disk.left = 0
    journal.append("note", text="x" * 60)
    with pytest.raises(IntegrityError, match="No space left on device; no further record is taken"):
        journal.append("note", text="x" * 60)
    journal.close()


@pytest.mark.parametrize("left", [0, 200, 1000, 3000])
def test_a_run_on_a_full_disk_is_closed_sealed_and_sound(make_run, close_and_seal, disk, left):
    folder = make_run()
    disk.left = left
    path = close_and_seal(folder)
    assert verify_run(path) == []
    assert folder.disk_full == (left < 300)
    assert (path / "samples.parquet").exists() != folder.disk_full
    assert not (path / "reserve.tmp").exists()


def test_a_wire_log_releases_it_too(make_run, disk):
    folder = make_run()
    disk.left = 0
    folder.wire_sink("SIM1", "pump")(1, ">", b"STOP")
    folder.journal.append("note", text="after")
    folder.journal.close()
    assert [r["kind"] for r in read_journal(folder.journal.path).records][-2:] == ["disk_full", "note"]


def test_what_could_not_be_written_whole_leaves_no_remains(tmp_path, disk):
    disk.left = 10
    with pytest.raises(IntegrityError, match="No space"):
        write_atomically(tmp_path / "report.html", b"x" * 100)
    assert list(tmp_path.iterdir()) == []
