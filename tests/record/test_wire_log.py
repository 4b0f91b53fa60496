"""Every byte both ways, legible, and back again; and a pump can still be stopped when the log cannot be written."""

import os
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import IntegrityError
from rig.record.journal_reader import read_journal
from rig.record.wire_log import WireLog, read_wire_log


def never(reason):
    raise AssertionError(reason)


@given(exchanges=st.lists(st.tuples(st.integers(), st.sampled_from("><"), st.binary(max_size=300))))
def test_what_is_told_is_read_back(tmp_path_factory, exchanges):
    path = tmp_path_factory.mktemp("wire") / "a-pump.log"
    log = WireLog(path, never)
    for exchange in exchanges:
        log(*exchange)
    log.close()
    assert list(read_wire_log(path)) == exchanges
    assert path.read_bytes().count(b"\n") == len(exchanges)


def test_it_can_be_read_by_eye(tmp_path):
    log = WireLog(tmp_path / "a.log", never)
    log(1500, ">", b"SI\r\n")
    log(2500, "<", b"S D \\ \x00\x7f\xff")
    log.close()
    log(3500, ">", b"after the close")
    log.close()
    assert (tmp_path / "a.log").read_text(encoding="ascii") == (
        "1500 > SI\\x0d\\x0a\n2500 < S D \\x5c \\x00\\x7f\\xff\n"
    )


def test_an_existing_log_is_never_written_over(tmp_path):
    (tmp_path / "a.log").write_bytes(b"old")
    with pytest.raises(IntegrityError, match=r"a\.log"):
        WireLog(tmp_path / "a.log", never)
    assert (tmp_path / "a.log").read_bytes() == b"old"


@pytest.mark.parametrize(
    "line",
    [
        b"7 > ab",
        b"7 ? ab\n",
        b"x > ab\n",
        b"7 > a\xffb\n",
        b"7 > \\x5\n",
        b"7 > \\x5C\n",
        b"7 > a\r\n",
        b"\n",
        b"7>a\n",
    ],
)
def test_what_is_no_line_of_a_log_is_named_with_its_byte(tmp_path, line):
    (tmp_path / "a.log").write_bytes(b"1 > good\n" + line)
    with pytest.raises(IntegrityError, match=r"a\.log: line 2, byte 9"):
        list(read_wire_log(tmp_path / "a.log"))


FILL = """
import resource, sys
from pathlib import Path
from rig.errors import IntegrityError
from rig.record.run_folder import RunFolder
folder = RunFolder.create(Path(sys.argv[1]), "run", "", "", {}, lambda: 0)
resource.setrlimit(resource.RLIMIT_FSIZE, (5_000, 5_000))
sink = folder.wire_sink("SN1", "pump")
folder.journal.append("note", text="before")
for number in range(100):
    sink(number, ">", b"x" * 100)
for _ in range(2):
    try:
        folder.journal.append("note", text="after")
    except IntegrityError as error:
        print(error)
folder.journal.close()
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of a file")
def test_a_log_that_may_not_grow_stays_silent_and_ends_the_journal(tmp_path):
    done = subprocess.run(
        [sys.executable, "-c", FILL, str(tmp_path)], capture_output=True, text=True, check=True
    )
    assert (
        done.stdout.count("the wire log SN1-pump.log cannot be written: File too large; no further record")
        == 2
    )
    assert len(read_journal(tmp_path / "run" / "journal.jsonl").records) == 1
    assert (tmp_path / "run" / "wire" / "SN1-pump.log").stat().st_size == 5_000
