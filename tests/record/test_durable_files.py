"""What is on the disk when: syncs before names, names before words, and no descriptor left open."""

from __future__ import annotations

import errno
import os
import stat
import sys
from pathlib import Path

import pytest

from rig.errors import IntegrityError
from rig.record import durable_files, reserve
from rig.record.durable_files import (
    FULL,
    sync_data,
    sync_file,
    sync_folder,
    write_all,
    write_atomically,
    write_new,
)
from rig.record.journal import Journal
from rig.record.reserve import Reserve
from rig.record.torn_tail import CHUNK, set_torn_tail_aside

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="looks at descriptors in /proc")


def name_of(descriptor):
    return Path(f"/proc/self/fd/{descriptor}").readlink().name


def names_in(folder):
    return {path.name for path in folder.iterdir()}


@pytest.fixture
def calls(monkeypatch):
    """What the system was asked for, in order: (call, file)."""
    seen = []

    def watch(name, names):
        real = getattr(os, name)

        def call(*arguments, **options):
            result = real(*arguments, **options)
            seen.append((name, names(*arguments)))
            return result

        monkeypatch.setattr(os, name, call)

    watch("fsync", name_of)
    watch("write", lambda descriptor, _: name_of(descriptor))
    watch("replace", lambda old, new: f"{Path(old).name} {Path(new).name}")
    return seen


@pytest.fixture(autouse=True)
def nothing_left_open():
    before = names_in(Path("/proc/self/fd"))
    yield
    assert names_in(Path("/proc/self/fd")) == before


def test_a_whole_file_is_on_the_disk_before_it_has_its_name_and_the_name_after(tmp_path, calls):
    (tmp_path / "there").mkdir()
    write_atomically(tmp_path / "there" / "file", b"new")
    assert calls == [
        ("write", "file.unfinished"),
        ("fsync", "file.unfinished"),
        ("replace", "file.unfinished file"),
        ("fsync", "there"),
    ]
    assert (tmp_path / "there" / "file").read_bytes() == b"new"
    assert stat.S_IMODE((tmp_path / "there" / "file").stat().st_mode) == 0o600
    assert names_in(tmp_path / "there") == {"file"}


def test_it_takes_the_place_of_what_a_crash_left_unfinished(tmp_path):
    (tmp_path / "file").write_bytes(b"old")
    (tmp_path / "file.unfinished").write_bytes(b"something longer")
    write_atomically(tmp_path / "file", b"new")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_where_it_cannot_be_written_the_old_file_stays_and_why_is_told(tmp_path, monkeypatch):
    (tmp_path / "file").write_bytes(b"old")
    with pytest.raises(IntegrityError, match=r"file: cannot be written: No such file"):
        write_atomically(tmp_path / "missing" / "file", b"new")

    def full(descriptor, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(os, "write", full)
    with pytest.raises(IntegrityError, match=r"file: cannot be written: No space left"):
        write_atomically(tmp_path / "file", b"new")
    monkeypatch.undo()
    assert (tmp_path / "file").read_bytes() == b"old"
    assert names_in(tmp_path) == {"file"}


def test_a_new_file_is_on_the_disk_and_never_takes_the_place_of_another(tmp_path, calls):
    write_new(tmp_path / "file", b"new")
    assert calls == [("write", "file"), ("fsync", "file")]
    assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
    with pytest.raises(FileExistsError):
        write_new(tmp_path / "file", b"newer")
    assert (tmp_path / "file").read_bytes() == b"new"


def test_a_closed_file_and_a_folder_are_brought_to_the_disk(tmp_path, calls):
    (tmp_path / "file").write_bytes(b"")
    sync_file(tmp_path / "file")
    sync_folder(tmp_path)
    assert calls == [("fsync", "file"), ("fsync", tmp_path.name)]


def test_where_there_is_a_cheaper_sync_of_the_data_it_is_used():
    assert sync_data is os.fdatasync


def test_a_share_of_the_disk_that_is_used_up_is_a_full_disk():
    assert frozenset({errno.ENOSPC, errno.EDQUOT}) == FULL


class Small:
    """A spare whose giving back makes room."""

    def __init__(self):
        self.released, self.times = False, 0

    def release(self):
        self.times += 1
        self.released = True


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EIO])
def test_the_spare_is_given_back_to_a_full_disk_only_and_once(tmp_path, monkeypatch, error):
    spare, write, failures = Small(), os.write, [error]

    def fail_first(descriptor, data):
        if failures:
            raise OSError(failures.pop(), "x")
        return write(descriptor, data[:2])  # in pieces, as a system may

    monkeypatch.setattr(os, "write", fail_first)
    descriptor = os.open(tmp_path / "file", os.O_WRONLY | os.O_CREAT)
    try:
        if error == errno.EIO:
            with pytest.raises(OSError, match="x"):
                write_all(descriptor, b"12345", spare)
            assert spare.times == 0
        else:
            write_all(descriptor, b"12345", spare)
            assert (tmp_path / "file").read_bytes() == b"12345"
            failures.append(error)
            with pytest.raises(OSError, match="x"):
                write_all(descriptor, b"6", spare)
            assert spare.times == 1
        failures.append(error)
        with pytest.raises(OSError, match="x"):
            write_all(descriptor, b"6")
    finally:
        os.close(descriptor)


def test_a_new_journal_has_its_name_on_the_disk(tmp_path, calls):
    Journal.create(tmp_path / "journal.jsonl", lambda: 0).close()
    assert ("fsync", tmp_path.name) in calls


def test_a_torn_tail_is_on_the_disk_elsewhere_before_the_journal_is_cut_and_the_cut_after(
    tmp_path, calls, monkeypatch
):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"one\ntw")
    sizes, fsync = [], os.fsync

    def sized(descriptor):
        fsync(descriptor)
        sizes.append(path.stat().st_size)

    monkeypatch.setattr(os, "fsync", sized)
    aside = set_torn_tail_aside(path)
    assert [call for call in calls if call[0] == "fsync"] == [
        ("fsync", "journal.jsonl.torn-at-4.unfinished"),
        ("fsync", tmp_path.name),
        ("fsync", "journal.jsonl"),
        ("fsync", tmp_path.name),
    ]
    assert sizes == [6, 6, 4, 4]
    assert aside.read_bytes() == b"tw"


def test_tails_are_numbered_from_two(tmp_path):
    path = tmp_path / "journal.jsonl"
    for tail, name in ((b"a", "4"), (b"b", "4-2"), (b"c", "4-3")):
        path.write_bytes(b"one\n" + tail)
        assert set_torn_tail_aside(path).name == f"journal.jsonl.torn-at-{name}"


@pytest.mark.parametrize("head", [b"", b"\n", b"one\n"])
@pytest.mark.parametrize("length", [1, CHUNK - 1, CHUNK, CHUNK + 1, 2 * CHUNK, 3 * CHUNK])
def test_the_last_newline_is_found_wherever_it_lies(tmp_path, head, length):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(head + b"x" * length)
    aside = set_torn_tail_aside(path)
    assert path.read_bytes() == head
    assert aside.name.endswith(f"torn-at-{len(head)}")
    assert aside.stat().st_size == length
    path.write_bytes(b"")
    assert set_torn_tail_aside(path) is None


def test_a_tail_that_cannot_be_set_aside_says_why(tmp_path):
    with pytest.raises(IntegrityError, match=r"its torn tail cannot be set aside: No such file"):
        set_torn_tail_aside(tmp_path / "journal.jsonl")


# The reserve


@pytest.mark.parametrize("by_system", [True, False])
def test_the_reserve_takes_its_room_to_the_byte_and_gives_it_back(tmp_path, calls, monkeypatch, by_system):
    if not by_system:
        monkeypatch.delattr(os, "posix_fallocate")
    told = []
    kept = Reserve(tmp_path / "reserve", told.append)
    assert kept.path.stat().st_size == 4 * 1024 * 1024 == reserve.RESERVE_BYTES
    assert kept.path.stat().st_blocks * 512 >= reserve.RESERVE_BYTES  # room, not a hole
    assert stat.S_IMODE(kept.path.stat().st_mode) == 0o600
    assert calls[-1] == ("fsync", "reserve")
    del calls[:]
    kept.release()
    kept.release()
    kept.remove()
    assert (kept.released, told, list(tmp_path.iterdir())) == (True, ["the disk is full"], [])
    assert calls == [("fsync", tmp_path.name)]


def test_a_reserve_that_somebody_removed_is_given_back_all_the_same(tmp_path, calls):
    told = []
    kept = Reserve(tmp_path / "reserve", told.append, 1000)
    kept.path.unlink()
    kept.release()
    assert told == ["the disk is full"]
    assert calls[-1] == ("fsync", tmp_path.name)


def test_windows_is_not_asked_to_sync_a_folder(tmp_path, calls, monkeypatch):
    monkeypatch.setattr(durable_files.os, "name", "nt")
    sync_folder(tmp_path)
    monkeypatch.undo()
    assert calls == []
