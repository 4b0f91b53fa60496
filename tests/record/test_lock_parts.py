"""The two locks of a bench, taken and let go whole or not at all; and the note beside them."""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path

import pytest
from filelock import FileLock

from rig.errors import BenchBusy, RigError
from rig.record import lock as lock_module
from rig.record.lock import GUARD, RUNNER, BenchLock, file_stem, locks_folder


def test_locks_lie_where_a_restart_leaves_them_if_there_is_such_a_place(monkeypatch, tmp_path):
    monkeypatch.setattr(tempfile, "tempdir", "/tmp")
    lasting = Path("/var/tmp") if Path("/var/tmp").is_dir() else Path("/tmp")
    assert locks_folder() == lasting / "infusion-rig-locks"
    monkeypatch.setattr(Path, "is_dir", lambda path: False)
    assert locks_folder() == Path("/tmp/infusion-rig-locks")
    monkeypatch.undo()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    assert locks_folder() == tmp_path / "infusion-rig-locks"


def test_the_files_of_a_bench_can_be_read_by_people_and_kept_apart_by_machines():
    assert file_stem("line-3").startswith("line-3-")
    assert file_stem("Line 3/ä").startswith("Line_3__-")
    assert file_stem("x" * 60).startswith("x" * 40 + "-")
    assert len(file_stem("x" * 60)) == 40 + 1 + 12
    assert len({file_stem(name) for name in ("line-3", "Line-3", "line/3", "line_3")}) == 4


def test_the_parts_lie_side_by_side_and_any_user_may_ask(tmp_path):
    folder = tmp_path / "locks"
    with BenchLock("line-3", folder) as lock:
        assert isinstance(lock, BenchLock)
        names = {path.name.removeprefix(file_stem("line-3")) for path in folder.iterdir()}
        assert names >= {".runner.lock", ".guard.lock", ".holder.json"}
        assert stat.S_IMODE(folder.stat().st_mode) == 0o777
        assert {stat.S_IMODE(path.stat().st_mode) for path in folder.glob("*.lock")} == {0o666}
    assert not list(folder.glob("*.holder.json"))


def test_a_folder_that_is_there_is_left_as_it_is(tmp_path):
    tmp_path.chmod(0o750)
    with BenchLock("line-3", tmp_path / "a" / "b"):
        pass
    with BenchLock("line-3", tmp_path):
        pass
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o750


def test_the_parts_are_held_apart(tmp_path):
    runner, guard = (BenchLock("line-3", tmp_path, (part,)) for part in (RUNNER, GUARD))
    runner.acquire("the run")
    guard.acquire(None)
    for taken in (guard, runner):
        with pytest.raises(BenchBusy, match="the run"):
            BenchLock("line-3", tmp_path).acquire()
        taken.release()
    with BenchLock("line-3", tmp_path):
        pass


def test_who_gets_only_one_of_the_two_keeps_none(tmp_path):
    both = BenchLock("line-3", tmp_path)  # held on to: one that is thrown away lets go by itself
    with BenchLock("line-3", tmp_path, (GUARD,)):
        with pytest.raises(BenchBusy):
            both.acquire()
        with BenchLock("line-3", tmp_path, (RUNNER,)):  # it is free
            pass


def test_a_lock_that_fails_keeps_none_either(tmp_path, monkeypatch):
    real = FileLock.acquire

    def acquire(self, *arguments, **options):
        if self.lock_file.endswith(".guard.lock"):
            raise OSError(28, "No space left on device")
        return real(self, *arguments, **options)

    monkeypatch.setattr(FileLock, "acquire", acquire)
    lock = BenchLock("line-3", tmp_path)
    with pytest.raises(RigError, match=r"bench 'line-3' cannot be locked in .*No space left on device"):
        lock.acquire()
    monkeypatch.undo()
    with BenchLock("line-3", tmp_path):
        pass


def test_one_that_holds_a_part_cannot_take_it_again(tmp_path):
    lock = BenchLock("line-3", tmp_path)
    lock.acquire("first")
    with pytest.raises(BenchBusy):
        lock.acquire("second")
    lock._locks[0].release()  # of two, one is still held
    with pytest.raises(BenchBusy):
        lock.acquire("third")
    lock.release()
    with BenchLock("line-3", tmp_path):
        pass


def test_it_does_not_wait_for_the_other(tmp_path, monkeypatch):
    waits, real = [], FileLock.acquire

    def acquire(self, timeout=None, **options):
        waits.append(timeout)
        return real(self, timeout=timeout, **options)

    monkeypatch.setattr(FileLock, "acquire", acquire)
    with BenchLock("line-3", tmp_path):
        pass
    assert waits == [0, 0]


def test_another_thread_may_let_it_go(tmp_path):
    import threading

    lock = BenchLock("line-3", tmp_path)
    lock.acquire()
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    with BenchLock("line-3", tmp_path):
        pass


def test_the_note_says_who_and_is_told_to_who_asks(tmp_path):
    lock = BenchLock("line-3", tmp_path)
    lock.acquire()
    [file] = tmp_path.glob("*.holder.json")
    assert json.loads(file.read_text()) | {"since": ""} == {"note": "", "pid": os.getpid(), "since": ""}
    busy = f"bench 'line-3' is held by another run (process {os.getpid()}, since "
    with pytest.raises(BenchBusy) as told:
        BenchLock("line-3", tmp_path).acquire()
    assert str(told.value).startswith(busy)
    assert "+00:00); nothing was sent (wait for it, or end it with rig stop; " in str(told.value)
    lock.tell("cleaning up")
    with pytest.raises(BenchBusy, match=r", cleaning up\); nothing was sent"):
        BenchLock("line-3", tmp_path).acquire()
    file.write_text("{")
    with pytest.raises(BenchBusy, match="by whom is not known"):
        BenchLock("line-3", tmp_path).acquire()
    lock.release()
    assert not file.exists()
    lock.release()


def test_a_part_without_a_note_leaves_the_others_and_takes_it_away_only_once_it_told(tmp_path):
    runner, guard = (BenchLock("line-3", tmp_path, (part,)) for part in (RUNNER, GUARD))
    runner.acquire("the run")
    guard.acquire(None)
    guard.release()
    [file] = tmp_path.glob("*.holder.json")
    guard.acquire(None)
    guard.tell("its guard makes the pumps safe")
    runner._told = False
    runner.release()
    assert "makes the pumps safe" in file.read_text()
    guard.release()
    assert not file.exists()
    assert (RUNNER, GUARD) == (lock_module.RUNNER, lock_module.GUARD) == ("runner", "guard")
