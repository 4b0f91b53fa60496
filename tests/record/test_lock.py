"""A bench has one holder at a time, the next one is told who, and the dead hold nothing."""

import os
import stat
import subprocess
import sys
import threading

import pytest

from rig.errors import BenchBusy, RigError
from rig.record.lock import BenchLock, locks_folder

HOLD = """
import sys
from pathlib import Path
from rig.record.lock import BenchLock
lock = BenchLock("line-3", Path(sys.argv[1]))
lock.acquire(note="run folder /data/runs/r1")
print("held", flush=True)
sys.stdin.read()
"""


@pytest.fixture
def holder(tmp_path):
    """Another process that holds line-3."""
    with subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as child:
        assert child.stdout.readline() == "held\n"
        yield child
        child.kill()


def test_a_held_bench_is_refused_and_its_holder_named(holder, tmp_path):
    with pytest.raises(BenchBusy) as refused:
        BenchLock("line-3", tmp_path).acquire()
    told = str(refused.value)
    assert "bench 'line-3'" in told
    assert f"process {holder.pid}" in told
    assert "run folder /data/runs/r1" in told
    assert "since 20" in told
    assert "nothing was sent" in told


def test_another_bench_is_free(holder, tmp_path):
    with BenchLock("line-4", tmp_path), BenchLock("Line-3", tmp_path), BenchLock("line/3", tmp_path):
        pass


def test_the_dead_hold_nothing(holder, tmp_path):
    holder.kill()
    holder.wait()
    lock = BenchLock("line-3", tmp_path)
    lock.acquire(note="the next")
    with pytest.raises(BenchBusy, match=rf"process {os.getpid()}.*the next"):
        BenchLock("line-3", tmp_path).acquire()
    lock.release()


def test_within_one_process_too_and_again_after_the_release(tmp_path):
    first, second = BenchLock("b", tmp_path), BenchLock("b", tmp_path)
    with first:
        for lock in (first, second):
            with pytest.raises(BenchBusy):
                lock.acquire()
    with second:
        pass
    second.release()


def test_it_is_let_go_when_its_block_fails(tmp_path):
    with pytest.raises(ValueError, match="broken"), BenchLock("b", tmp_path):
        raise ValueError("broken")
    with BenchLock("b", tmp_path):
        pass


def test_another_thread_may_release_it(tmp_path):
    lock = BenchLock("b", tmp_path)
    lock.acquire()
    thread = threading.Thread(target=lock.release)
    thread.start()
    thread.join()
    with BenchLock("b", tmp_path):
        pass


def test_without_a_readable_note_the_bench_is_busy_all_the_same(holder, tmp_path):
    for path in tmp_path.glob("*.holder.json"):
        path.write_text("[]")
    with pytest.raises(BenchBusy, match="by whom is not known"):
        BenchLock("line-3", tmp_path).acquire()


@pytest.mark.skipif(os.name == "nt", reason="permissions differ there")
def test_every_user_of_the_machine_can_ask(tmp_path):
    folder = tmp_path / "locks"
    with BenchLock("b", folder):
        assert stat.S_IMODE(folder.stat().st_mode) == 0o777
        modes = [stat.S_IMODE(lock_file.stat().st_mode) for lock_file in folder.glob("*.lock")]
        assert modes == [0o666] * 2


def test_a_place_that_can_hold_no_lock_is_told(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(RigError, match="cannot be locked"):
        BenchLock("b", tmp_path / "file").acquire()


def test_all_runs_of_a_machine_look_in_one_place():
    assert locks_folder().name == "infusion-rig-locks"


CLAIM = """
import os, sys, time
from pathlib import Path
from rig.errors import BenchBusy
from rig.record.lock import BenchLock
folder = Path(sys.argv[1])
held = 0
print("ready", flush=True)
sys.stdin.readline()
for _ in range(100):
    lock = BenchLock("b", folder / "locks")
    try:
        lock.acquire()
    except BenchBusy:
        time.sleep(0.001)
        continue
    marker = os.open(folder / "marker", os.O_CREAT | os.O_EXCL)  # fails if another holds the bench too
    held += 1
    os.close(marker)
    os.unlink(folder / "marker")
    lock.release()
print(held)
"""


def test_many_claim_and_never_two_hold(tmp_path):
    claimants = [
        subprocess.Popen(
            [sys.executable, "-c", CLAIM, str(tmp_path)],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        )
        for _ in range(6)
    ]  # fmt: skip
    for claimant in claimants:
        assert claimant.stdout.readline() == "ready\n"
    ended = []
    for claimant in claimants:
        claimant.stdin.write("go\n")
        claimant.stdin.flush()
    for claimant in claimants:
        ended.append(claimant.communicate(timeout=60))
    assert [errors for _, errors in ended] == [""] * 6
    assert [claimant.returncode for claimant in claimants] == [0] * 6
    assert sum(int(held) for held, _ in ended) > 6
    with BenchLock("b", tmp_path / "locks"):
        pass
