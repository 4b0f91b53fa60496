"""What is appended is read back to the bit, is on the disk when it counts, and nothing is built upon a failure."""

import hashlib
import json
import math
import os
import signal
import subprocess
import sys
import threading
import time

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.errors import IntegrityError
from rig.record.journal import Journal
from rig.record.journal_reader import read_journal

any_text = st.text(st.characters(exclude_categories=()))
plain = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | any_text
)
values = st.recursive(plain, lambda inner: st.lists(inner) | st.dictionaries(any_text, inner), max_leaves=10)
names = any_text.filter(lambda name: name not in {"seq", "t_ns", "kind", "prev", "durable"})


def with_pairs_joined(value):
    """Two surrogates that make one character are that character to every reader of JSON."""
    if isinstance(value, str):
        return value.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")
    if isinstance(value, list):
        return [with_pairs_joined(item) for item in value]
    if isinstance(value, dict):
        return {with_pairs_joined(key): with_pairs_joined(item) for key, item in value.items()}
    return value


def exactly(value):
    """Tells 1 from 1.0 from True, and 0.0 from -0.0."""
    return repr(value)


def in_order(value):
    if isinstance(value, dict):
        return {key: in_order(value[key]) for key in sorted(value)}
    return [in_order(item) for item in value] if isinstance(value, list) else value


@given(records=st.lists(st.tuples(any_text, st.dictionaries(names, values, max_size=4)), max_size=5))
def test_what_is_appended_is_read_back(tmp_path_factory, records):
    path = tmp_path_factory.mktemp("journal") / "journal.jsonl"
    journal = Journal.create(path, lambda: 7)
    for kind, fields in records:
        journal.append(kind, **fields)
    journal.close()
    contents = read_journal(path)
    assert contents.problems == ()
    assert contents.head == journal.head
    assert path.read_bytes().count(b"\n") == len(records)
    for number, ((kind, fields), record) in enumerate(zip(records, contents.records, strict=True)):
        del record["prev"]
        expected = {**fields, "seq": number, "t_ns": 7, "kind": kind}
        assert exactly(in_order(record)) == exactly(in_order(with_pairs_joined(expected)))


def test_a_line_is_canonical_json_and_holds_the_hash_of_the_line_before(journal):
    journal.append("note", text="µ\x00\n\u2028", z=1, a=[0.1, 1e22])
    journal.append("note", text="\udc80")
    journal.append("end")
    first, second, third, rest = journal.path.read_bytes().split(b"\n")
    assert first.decode() == (
        '{"a":[0.1,1e+22],"kind":"note","prev":"'
        + "0" * 64
        + '","seq":0,"t_ns":0,"text":"µ\\u0000\\n\u2028","z":1}'
    )
    assert json.loads(second)["prev"] == hashlib.sha256(first).hexdigest()
    assert b'"text":"\\udc80"' in second
    assert json.loads(third)["prev"] == hashlib.sha256(second).hexdigest()
    assert journal.head == hashlib.sha256(third).hexdigest()
    assert rest == b""


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("wrap", [lambda x: x, lambda x: [1.0, x], lambda x: {"deep": [{"er": x}]}])
def test_a_number_that_is_not_finite_is_refused_by_name_and_the_journal_goes_on(journal, number, wrap):
    journal.append("note", text="before")
    with pytest.raises(IntegrityError, match=r"record 1 \(mass\): 'mass_g' .*not finite"):
        journal.append("mass", unit="A", mass_g=wrap(number))
    assert journal.append("note", text="after") == 1
    contents = read_journal(journal.path)
    assert [record["kind"] for record in contents.records] == ["note", "note"]
    assert contents.problems == ()


@pytest.mark.parametrize(
    ("field", "named"),
    [
        ((1, 2), "'value' is a tuple"),
        (b"raw", "'value' is a bytes"),
        (np.int64(1), "'value' is a int64"),
        (np.bool_(True), "'value' is a bool"),
        ([1, {"x": {3}}], r"'value'\.x is a set"),
        ({1: 2}, "the key 1"),
        pytest.param(10**5000, "digit", id="huge"),
    ],
)
def test_what_would_not_be_read_back_as_it_is_is_refused(journal, field, named):
    with pytest.raises(IntegrityError, match=named):
        journal.append("note", value=field)
    assert journal.path.read_bytes() == b""
    assert journal.append("note") == 0


def test_a_float_of_numpy_is_written_as_its_value(journal):
    journal.append("note", value=np.float64(0.1), values=[np.float64(0.3)])
    record = read_journal(journal.path).records[0]
    assert (record["value"], record["values"]) == (0.1, [0.3])


@pytest.mark.parametrize("name", ["seq", "t_ns", "prev", "kind"])
def test_the_journals_own_fields_cannot_be_given(journal, name):
    with pytest.raises(IntegrityError, match=name):
        journal.append("note", **{name: 1})


def test_a_value_that_holds_itself_is_refused(journal):
    endless = []
    endless.append(endless)
    with pytest.raises(IntegrityError, match="nested too deeply"):
        journal.append("note", value=endless)
    assert journal.append("note") == 0


def test_an_existing_journal_is_never_written_over(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_bytes(b"old evidence")
    with pytest.raises(IntegrityError, match=r"journal\.jsonl"):
        Journal.create(path, lambda: 0)
    assert path.read_bytes() == b"old evidence"


def test_threads_append_side_by_side(journal):
    seqs = [[] for _ in range(8)]

    def write(mine):
        for number in range(300):
            mine.append(journal.append("note", durable=number % 50 == 0, number=number))

    threads = [threading.Thread(target=write, args=(mine,)) for mine in seqs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(seq for mine in seqs for seq in mine) == list(range(2400))
    contents = read_journal(journal.path)
    assert contents.problems == ()
    times = [record["t_ns"] for record in contents.records]
    assert times == sorted(times)
    for mine in seqs:
        assert [contents.records[seq]["number"] for seq in mine] == list(range(300))


def test_a_record_is_in_the_file_when_append_returns(journal):
    for number in range(5):
        journal.append("note", number=number)
        assert len(read_journal(journal.path).records) == number + 1


def test_closed_is_closed(journal):
    journal.append("note")
    journal.close()
    journal.close()
    with pytest.raises(IntegrityError, match="closed"):
        journal.append("note")
    assert len(read_journal(journal.path).records) == 1


def test_a_loss_elsewhere_ends_the_journal(journal):
    journal.append("note")
    journal.refuse_because("the wire log is lost")
    for _ in range(2):
        with pytest.raises(IntegrityError, match="the wire log is lost"):
            journal.append("note")
    with pytest.raises(IntegrityError, match="the wire log is lost"):
        journal.sync()
    assert len(read_journal(journal.path).records) == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="this system has no /dev/full")  # noqa: PTH110
def test_a_full_disk_is_told_and_nothing_is_taken_after_it(tmp_path):
    journal = Journal(os.open("/dev/full", os.O_WRONLY), tmp_path / "journal.jsonl", lambda: 0)
    with pytest.raises(IntegrityError, match=r"record 0 \(mass\) cannot be written: No space left"):
        journal.append("mass", mass_g=1.0)
    for durable in (False, True):
        with pytest.raises(IntegrityError, match="no further record"):
            journal.append("note", durable=durable)
    assert (journal.count, journal.head) == (0, "0" * 64)
    journal.close()


@pytest.fixture
def on_pipe(tmp_path):
    """A journal on a pipe: it can be written, but a sync of it really fails. With the pipe's reading end."""
    if os.name == "nt":
        pytest.skip("pipes differ here")
    reading, writing = os.pipe()
    yield Journal(writing, tmp_path / "journal.jsonl", lambda: 0), reading
    os.close(reading)


def test_a_failed_sync_is_told_at_once_for_a_durable_record_and_nothing_is_taken_after_it(on_pipe):
    journal, reading = on_pipe
    with pytest.raises(IntegrityError, match="cannot be brought to the disk"):
        journal.append("note", durable=True, text="first")
    for durable in (False, True):
        with pytest.raises(IntegrityError, match="no further record"):
            journal.append("note", durable=durable, text="second")
    with pytest.raises(IntegrityError, match="no further record"):
        journal.sync()
    journal.close()
    assert os.read(reading, 10_000).count(b"\n") == 1


def test_records_that_are_not_durable_are_synced_soon_by_themselves(on_pipe):
    journal, reading = on_pipe
    journal.append("note", text="first")
    with pytest.raises(IntegrityError, match="cannot be brought to the disk"):  # noqa: PT012
        for _ in range(200):
            time.sleep(0.01)
            journal.append("note", text="more")
    journal.close()
    assert 1 < os.read(reading, 60_000).count(b"\n") < 100


def test_a_failed_sync_nobody_heard_of_is_told_at_the_close(on_pipe):
    journal, _ = on_pipe
    journal.append("note")
    with pytest.raises(IntegrityError, match="cannot be brought to the disk"):
        journal.close()
    journal.close()


def test_a_write_that_was_interrupted_ends_the_journal(on_pipe):
    journal, _ = on_pipe

    def interrupt(number, frame):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):  # more than a pipe holds, so the write waits
            journal.append("note", text="x" * 1_000_000)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    with pytest.raises(IntegrityError, match="interrupted"):
        journal.append("note")
    journal.close()


FILL = """
import resource, sys
from pathlib import Path
from rig.errors import IntegrityError
from rig.record.journal import Journal
resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, 10_000))
journal = Journal.create(Path(sys.argv[1]), lambda: 0)
acknowledged = 0
try:
    while True:
        journal.append("note", text="x" * 300)
        acknowledged += 1
except IntegrityError as error:
    print(acknowledged, error)
refused = 0
for durable in (False, True, False):
    try:
        journal.append("note", durable=durable)
    except IntegrityError:
        refused += 1
journal.close()
print(refused)
"""


@pytest.mark.skipif(os.name == "nt", reason="Windows has no limit on the size of a file")
def test_a_file_that_may_not_grow_keeps_every_acknowledged_record_and_names_its_torn_tail(tmp_path):
    path = tmp_path / "journal.jsonl"
    done = subprocess.run([sys.executable, "-c", FILL, str(path)], capture_output=True, text=True, check=True)
    first, refused = done.stdout.splitlines()
    acknowledged = int(first.split()[0])
    assert f"record {acknowledged} (note) cannot be written" in first
    assert int(refused) == 3
    contents = read_journal(path)
    assert len(contents.records) == acknowledged > 10
    assert path.stat().st_size == 10_000
    (problem,) = contents.problems
    assert problem.startswith(f"journal.jsonl: record {acknowledged}, byte ")
    assert "torn tail" in problem


WRITE = """
import itertools, sys
from pathlib import Path
from rig.record.journal import Journal
journal = Journal.create(Path(sys.argv[1]), lambda: 0)
for number in itertools.count():
    seq = journal.append("note", durable=number % 3 == 0, text="x" * (number % 500))
    sys.stdout.write(f"{seq}\\n")
    sys.stdout.flush()
"""


@pytest.mark.parametrize("wanted", [1, 30, 301, 1502])
def test_every_acknowledged_record_survives_the_killing_of_the_process(tmp_path, wanted):
    path = tmp_path / "journal.jsonl"
    with subprocess.Popen([sys.executable, "-c", WRITE, str(path)], stdout=subprocess.PIPE) as child:
        acknowledged = [child.stdout.readline() for _ in range(wanted)]
        child.kill()
        acknowledged += child.stdout.readlines()
    whole = [int(line) for line in acknowledged if line.endswith(b"\n")]
    assert whole == list(range(len(whole)))
    contents = read_journal(path)
    assert len(contents.records) >= len(whole) >= wanted
    assert all("torn tail" in problem for problem in contents.problems)
