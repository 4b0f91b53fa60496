"""The journal of any run, as arrays: finished, going on, torn or broken."""

import itertools

import numpy as np
import pytest

from rig.errors import DefinitionError, IntegrityError
from rig.readings import FlowBlock
from rig.record.case_data import Step
from rig.record.case_recorder import CaseRecorder
from rig.record.load_run import RunReading, load_run
from rig.record.samples import samples_frame, write_samples

S = 1_000_000_000


def test_a_finished_run(sealed):
    run = load_run(sealed)
    assert run.problems == ()
    assert run.opened["run_id"] == sealed.name
    assert run.closed["outcome"] == "COMPLETED"
    assert [record["unit"] for record in run.instruments] == ["SIM1", "SIM2"]
    assert [record["kind"] for record in run.other] == ["limits", "limits", "note"]
    assert [record["verdict"] for record in run.verdicts] == ["PASS"]
    assert len(run.head) == 64
    assert [(case.case, case.unit, case.ended) for case in run.cases] == [
        ("low", "SIM1", "completed"),
        ("low", "SIM2", "unfinished"),
    ]


def test_one_case_of_it(sealed):
    case = load_run(sealed).case("low", "SIM1")
    assert (case.procedure, case.message) == ("flow_accuracy", "")
    assert case.steps == (Step("identify", 7 * S, 15 * S), Step("blank_before", 15 * S, case.finished_ns))
    assert case.mass.t_ns.tolist() == [7 * S, 8 * S, 9 * S, 15 * S, 16 * S, 17 * S]
    assert case.mass.mass_g.tolist() == [0.0, 0.1, 0.2] * 2
    assert case.mass.stable.tolist() == [True, False, True] * 2
    assert case.flow.t_ns.tolist() == [20 * S, 21 * S, 22 * S, 25 * S, 26 * S, 27 * S]
    assert case.flow.flow_ml_h.tolist() == [0.6, -0.06, 0.12] * 2  # 10, -1, 2 µL/min
    assert case.flow.temperature_c.tolist() == [20.0, 20.5, 21.0] * 2
    assert case.flow.air.tolist() == [False] * 4 + [True, False]
    assert case.flow.high.tolist() == [False] * 5 + [True]
    assert case.flow.gaps == ((23 * S, 25 * S),)
    assert (case.doses[0].index, case.doses[0].after_g) == (0, 1.05)
    assert case.read_back["commanded"] == {"mode": "stop"}
    kinds = (case.pump_states, case.pump_events, case.alarms, case.flags, case.notes)
    assert [[record["kind"] for record in records] for records in kinds] == [
        ["pump_state"], ["pump_event"], ["alarm"], ["flag"], ["note"],
    ]  # fmt: skip


def test_a_case_that_did_not_finish_ends_with_its_last_record(sealed):
    case = load_run(sealed).case("low", "SIM2")
    assert case.flow.t_ns.size == case.flow.air.size == 0
    assert case.finished_ns == case.steps[-1].end_ns > case.steps[-1].start_ns
    assert case.read_back is None


@pytest.mark.parametrize(
    ("unit", "counts", "scale", "ml_h"),
    [
        ("ul/min", 1000, 10.0, 6.0),
        ("nl/min", 1000, 1.0, 0.06),
        ("ml/min", 5, 500.0, 0.6),
        ("ul/h", 250, 1.0, 0.25),
        ("ml/h", 3, 2.0, 1.5),
        ("nl/min", 20_000_000_000, 1000.0, 1200.0),  # more than 32 bits
    ],
)
def test_flow_is_in_ml_h_whatever_the_sensor_counts(tmp_path, chained, unit, counts, scale, ml_h):
    flow = {"case": "c", "unit": "u", "first_t_ns": 0, "interval_ns": 1, "flow": [counts], "temperature": [1],
            "flags": 0, "scale": scale, "temperature_scale": 1.0, "unit_of_flow": unit, "lost": 0}  # fmt: skip
    started = {"case": "c", "unit": "u", "procedure": "p"}
    (tmp_path / "journal.jsonl").write_bytes(
        chained([
            {"seq": 0, "t_ns": 0, "kind": "case_started", **started},
            {"seq": 1, "t_ns": 1, "kind": "flow", **flow},
        ])
    )  # fmt: skip
    assert load_run(tmp_path).cases[0].flow.flow_ml_h.tolist() == [ml_h]


@pytest.mark.parametrize("dtype", [np.int16, np.uint16, np.int64])
def test_flow_of_any_width_of_integer_is_recorded_and_read(make_run, dtype):
    folder = make_run(with_flow=False)
    largest = min(np.iinfo(dtype).max, 10**15)
    block = FlowBlock(
        S, S, np.array([largest, 0], dtype), np.array([5, 6], dtype), np.zeros(2, np.uint16), 100.0, "ml/h"
    )
    CaseRecorder(folder.journal, "low", "SIM1", started_ns=0).flow(block)
    folder.journal.close()
    flow = load_run(folder.path).case("low", "SIM1").flow
    assert flow.flow_ml_h.tolist() == [largest / 100.0, 0.0]
    write_samples(load_run(folder.path))
    frame = samples_frame(folder.path)
    assert frame[frame.source == "flow"].flow_ml_h.tolist() == flow.flow_ml_h.tolist()


def test_a_run_that_goes_on_can_be_read(make_run):
    folder = make_run()
    run = load_run(folder.path)
    assert run.problems == ()
    assert run.closed is None
    folder.journal.append("case_finished", case="low", unit="SIM2", ended="aborted", message="Ctrl-C")
    case = load_run(folder.path).case("low", "SIM2")
    assert (case.ended, case.message) == ("aborted", "Ctrl-C")
    folder.journal.close()


def test_a_run_torn_at_any_byte_is_a_prefix_of_the_whole(make_run, tmp_path):
    folder = make_run()
    folder.journal.close()
    content = (folder.path / "journal.jsonl").read_bytes()
    whole = load_run(folder.path)
    torn = tmp_path / "torn"
    torn.mkdir()
    for length in range(0, len(content), 7):
        (torn / "journal.jsonl").write_bytes(content[:length])
        run = load_run(torn)
        assert bool(run.problems) == (not content[:length].endswith(b"\n") or length == 0)
        for case, full in itertools.product(run.cases, whole.cases):
            if case.unit == full.unit:
                count = case.mass.t_ns.size
                assert np.array_equal(case.mass.mass_g, full.mass.mass_g[:count])
                assert np.array_equal(case.flow.flow_ml_h, full.flow.flow_ml_h[: case.flow.t_ns.size])
                assert case.doses == full.doses[: len(case.doses)]


def test_a_break_in_the_chain_is_told_and_nothing_after_it_is_used(make_run):
    folder = make_run()
    folder.journal.close()
    journal = folder.path / "journal.jsonl"
    journal.write_bytes(journal.read_bytes().replace(b'"before_g":1.0', b'"before_g":1.1'))
    run = load_run(folder.path)
    assert run.cases[0].doses == ()
    assert run.verdicts == ()
    assert len(run.problems) == 1
    assert "altered" in run.problems[0]


def test_a_case_carried_out_twice_is_told_twice(make_run):
    folder = make_run()
    folder.journal.append("case_started", case="low", unit="SIM1", procedure="flow_accuracy")
    folder.journal.append("mass", case="low", unit="SIM1", mass_g=9.0, stable=True, raw="", received_ns=99)
    folder.journal.close()
    first, _, again = load_run(folder.path).cases
    assert (first.ended, again.ended) == ("completed", "unfinished")
    assert again.mass.mass_g.tolist() == [9.0]
    assert first.mass.mass_g.size == 6


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("mass", {"mass_g": "heavy", "stable": True, "received_ns": 1}),
        ("mass", {"mass_g": 1.0, "stable": True, "received_ns": 1 << 64}),
        ("mass", {"mass_g": True, "stable": True, "received_ns": 1}),
        ("mass", {"stable": True}),
        ("case_started", {}),
        ("case_finished", {"ended": "completed"}),
        ("flow", {"flow": [1]}),
        ("dose", {"index": 1}),
        ("step", {}),
    ],
)
def test_a_record_that_lacks_what_it_must_have_is_named(make_run, kind, fields):
    folder = make_run()
    number = folder.journal.append(kind, case="low", unit="SIM2", **fields)
    folder.journal.close()
    with pytest.raises(IntegrityError, match=rf"journal\.jsonl: record {number} \({kind}\)"):
        load_run(folder.path)


def test_what_is_no_run_folder_is_bad_input(tmp_path):
    with pytest.raises(DefinitionError, match="no run folder"):
        load_run(tmp_path)


def grown(path, lines):
    """A folder whose journal has so many lines so far, and what adds some."""
    path.mkdir()
    (path / "journal.jsonl").write_bytes(b"")

    def grow(count):
        with (path / "journal.jsonl").open("ab") as file:
            file.writelines(lines[:count])
        del lines[:count]

    return grow


def test_read_piece_by_piece_it_is_the_same_as_at_once(sealed, tmp_path):
    lines = (sealed / "journal.jsonl").read_bytes().splitlines(keepends=True)
    grow = grown(tmp_path / "grown", lines)
    grow(1)
    reading = RunReading(tmp_path / "grown")
    for count in itertools.cycle((1, 2, 5)):
        record, at_once = reading.read_on(), load_run(tmp_path / "grown")
        assert (record.head, record.problems) == (at_once.head, at_once.problems)
        assert [str(case) for case in record.cases] == [str(case) for case in at_once.cases]
        assert (record.other, record.verdicts) == (at_once.other, at_once.verdicts)
        if not lines:
            break
        grow(count)
    assert record.closed is not None
    assert record.cases[0] is reading.read_on().cases[0]


@pytest.mark.parametrize("torn", [False, True])
def test_what_does_not_follow_what_was_read_before_is_found(sealed, tmp_path, torn):
    lines = (sealed / "journal.jsonl").read_bytes().splitlines(keepends=True)
    lines[6] = lines[6][:-9] if torn else lines[6].replace(b'"prev":"', b'"prev":"f', 1)
    grow = grown(tmp_path / "grown", lines[:7])
    grow(6)
    reading = RunReading(tmp_path / "grown")
    head = reading.read_on().head
    grow(1)
    record = reading.read_on()
    assert record.head == head
    assert ("torn tail" if torn else "record 5, byte") in record.problems[0]


def test_scale_of_zero_is_told(tmp_path, chained):
    flow = {"case": "c", "unit": "u", "first_t_ns": 0, "interval_ns": 1, "flow": [1], "temperature": [1],
            "flags": 0, "scale": 0.0, "temperature_scale": 1.0, "unit_of_flow": "ml/h", "lost": 0}  # fmt: skip
    started = {"case": "c", "unit": "u", "procedure": "p"}
    (tmp_path / "journal.jsonl").write_bytes(
        chained([
            {"seq": 0, "t_ns": 0, "kind": "case_started", **started},
            {"seq": 1, "t_ns": 1, "kind": "flow", **flow},
        ])
    )  # fmt: skip
    with pytest.raises(IntegrityError, match="record 1 \\(flow\\): ValueError a scale is 0"):
        load_run(tmp_path)
