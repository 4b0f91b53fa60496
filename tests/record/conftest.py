"""A small run with all that a real one records, and the tools to damage it."""

import hashlib
import itertools
import json
from datetime import UTC, datetime

import pytest

from rig.record.bench_history import BenchHistory
from rig.record.journal import Journal
from rig.record.keys import bench_key, key_id, spelled
from rig.record.load_run import load_run
from rig.record.run_folder import RunFolder

PLAN = 'title = "Abgabe µL"\n'
BENCH = 'id = "line-3"\r\n'
S = 1_000_000_000


def ticking(step_ns=S):
    count = itertools.count()
    return lambda: next(count) * step_ns


@pytest.fixture
def now_ns():
    """A clock that goes on by one second each time it is asked."""
    return ticking()


@pytest.fixture
def journal(tmp_path, now_ns):
    journal = Journal.create(tmp_path / "journal.jsonl", now_ns)
    yield journal
    journal.close()


@pytest.fixture
def small_journal(tmp_path):
    """The bytes of a journal of six records, one of them rich."""
    path = tmp_path / "small" / "journal.jsonl"
    path.parent.mkdir()
    journal = Journal.create(path, ticking())
    for number in range(3):
        journal.append("mass", mass_g=number / 10, stable=True, raw="S S  0.1 g\r\n")
    journal.append("note", text="größer\n {}", parts=[1, None, {"a": -0.0}])
    journal.append("mass", mass_g=1e-9, stable=False, raw="")
    journal.append("run_closed", outcome="COMPLETED", reason="")
    journal.close()
    return path.read_bytes()


def fill(folder, with_flow=True, rehearsal=False):
    """The records of two units, one of which did not finish."""
    journal = folder.journal
    public = bench_key("line-3").public_key()
    previous = BenchHistory("line-3").open_run(folder.run_id, rehearsal, folder.path)
    for unit in ("SIM1", "SIM2"):
        sink = folder.wire_sink(unit, "pump")
        sink(0, ">", b"\x02ID?\r")
        sink(5 * S, "<", bytes(range(256)))
    journal.append(
        "run_opened",
        durable=True,
        run_id=folder.run_id,
        rehearsal=rehearsal,
        bench_key={"id": key_id(public), "public": spelled(public)},
        previous_run=previous.as_previous() if previous else None,
        plan={"id": "p", "sha256": hashlib.sha256(PLAN.encode()).hexdigest()},
        bench={"id": "line-3", "sha256": hashlib.sha256(BENCH.encode()).hexdigest()},
    )
    for unit in ("SIM1", "SIM2"):
        journal.append("instrument", unit=unit, role="pump", driver="d", address="sim://", simulated=True)
        journal.append("limits", unit=unit, rate_min_nl_h=2000)
    for unit in ("SIM1", "SIM2"):
        journal.append("case_started", case="low", unit=unit, procedure="flow_accuracy", durable=True)
    for step in ("identify", "blank_before"):
        for unit in ("SIM1", "SIM2"):
            journal.append("step", case="low", unit=unit, name=step, planned_s=1.0)
            for number in range(3):
                received_ns = (7 + 8 * (step != "identify") + number) * S
                reading = {"mass_g": number * 0.1, "stable": number != 1, "raw": "S S 0.1 g"}
                journal.append("mass", case="low", unit=unit, received_ns=received_ns, **reading)
    if with_flow:
        for block in range(2):
            journal.append("flow", case="low", unit="SIM1", first_t_ns=(20 + 5 * block) * S, interval_ns=S,
                           flow=[130, -13, 26], temperature=[4000, 4100, 4200], flags=[0, 1, 2] if block else 0,
                           scale=13.0, temperature_scale=200.0, unit_of_flow="ul/min", lost=2 * block)  # fmt: skip
    journal.append("read_back", case="low", unit="SIM1", commanded={"mode": "stop"}, read={"mode": "stop"})
    journal.append("dose", case="low", unit="SIM1", index=0, commanded_ml=0.05, before_g=1.0, after_g=1.05,
                   started_t_ns=1, ended_t_ns=2, weighed_before_t_ns=0, weighed_after_t_ns=3)  # fmt: skip
    journal.append("pump_state", case="low", unit="SIM1", mode="stop", running=False, alarms=[])
    journal.append("pump_event", case="low", unit="SIM1", number=1, clock_s=3, code="START", arguments={})
    journal.append("alarm", case="low", unit="SIM1", name="motor_stall", critical=True, state="on")
    journal.append("flag", case="low", unit="SIM1", name="gap", message="lost", start_t_ns=0, end_t_ns=S)
    journal.append("note", case="low", unit="SIM1", text="touched")
    journal.append("note", text="of the run")
    journal.append("case_finished", case="low", unit="SIM1", ended="completed", message="", durable=True)
    journal.append("verdict", case="low", unit="SIM1", criterion="mean_error", verdict="PASS")


@pytest.fixture
def make_run(tmp_path):
    """make_run(name) -> RunFolder still open; filled with records."""

    def make(run_id="20261121T061500Z-p-line-3-3f2a91", runs="runs", **choices):
        folder = RunFolder.create(
            tmp_path / runs, run_id, PLAN, BENCH, {"acme.toml": "model = 1\n"}, ticking()
        )
        fill(folder, **choices)
        return folder

    return make


@pytest.fixture
def close_and_seal():
    def close(folder, outcome="PASS"):
        folder.journal.append("run_closed", durable=True, outcome="COMPLETED", reason="")
        folder.journal.close()
        folder.write_results({"run_id": folder.run_id, "outcome": outcome})
        (folder.path / "report.html").write_text("<html>report</html>", encoding="utf-8")
        (folder.path / "report.pdf").write_bytes(b"%PDF-1.7 report")
        (folder.path / "exports" / "junit.xml").write_text("<testsuites/>", encoding="utf-8")
        seal_folder(folder)
        return folder.path

    return close


@pytest.fixture
def seal():
    """Seal a folder as its bench does."""
    return seal_folder


def seal_folder(folder):
    folder.seal(load_run(folder.path), bench_key("line-3"), BenchHistory("line-3"))


@pytest.fixture(autouse=True)
def keys(tmp_path, monkeypatch):
    """Keys and histories of this test alone."""
    folder = tmp_path / "keys"
    monkeypatch.setenv("INFUSION_RIG_KEYS", str(folder))
    return folder


@pytest.fixture
def sealed(make_run, close_and_seal):
    """The path of a sealed run."""
    return close_and_seal(make_run())


@pytest.fixture
def chained():
    """Lines of records chained anew, as a forger or another run would have them."""

    def chain(records):
        prev, lines = "0" * 64, []
        for record in records:
            line = json.dumps(
                {**record, "prev": prev}, sort_keys=True, separators=(",", ":"), ensure_ascii=False
            )
            prev = hashlib.sha256(line.encode()).hexdigest()
            lines.append(line.encode() + b"\n")
        return b"".join(lines)

    return chain


@pytest.fixture
def started_utc():
    return datetime(2026, 11, 21, 6, 15, tzinfo=UTC)
