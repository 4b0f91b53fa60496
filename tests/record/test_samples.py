"""samples.parquet holds every sample, and nothing but samples."""

import subprocess
import sys

import numpy as np
import pyarrow.parquet as pq
import pytest

from rig.errors import IntegrityError
from rig.record.load_run import load_run
from rig.record.samples import samples_bytes, samples_frame, write_samples


def test_every_sample_is_there_with_its_step(sealed):
    frame = samples_frame(sealed)
    assert frame.groupby(["unit", "source"], observed=True).size().to_dict() == {
        ("SIM1", "balance"): 6,
        ("SIM1", "flow"): 6,
        ("SIM2", "balance"): 6,
    }
    one = frame[(frame.unit == "SIM1") & (frame.source == "balance")]
    case = load_run(sealed).case("low", "SIM1")
    assert one.mass_g.tolist() == case.mass.mass_g.tolist()
    assert one.t_ns.tolist() == case.mass.t_ns.tolist()
    assert one.stable.tolist() == case.mass.stable.tolist()
    assert one.step.tolist() == ["identify"] * 3 + ["blank_before"] * 3
    assert one.flow_ml_h.isna().all()
    assert one.air.isna().all()
    flow = frame[frame.source == "flow"]
    assert flow.flow_ml_h.tolist() == case.flow.flow_ml_h.tolist()
    assert flow.temperature_c.tolist() == case.flow.temperature_c.tolist()
    assert flow.air.tolist() == case.flow.air.tolist()
    assert flow.high.tolist() == case.flow.high.tolist()
    assert flow.mass_g.isna().all()


def test_equal_samples_give_equal_bytes_whatever_the_run_is_called(make_run):
    contents = []
    for run_id in ("20261121T061500Z-p-b-000000", "20270101T000000Z-other-b-ffffff"):
        folder = make_run(run_id)
        folder.journal.close()
        contents.append(write_samples(load_run(folder.path)).read_bytes())
    assert contents[0] == contents[1]


def test_one_other_sample_gives_other_bytes(make_run):
    folder = make_run()
    before = samples_bytes(load_run(folder.path))
    folder.journal.append(
        "mass", case="low", unit="SIM2", mass_g=0.2, stable=True, raw="", received_ns=10**12
    )
    assert samples_bytes(load_run(folder.path)) != before
    folder.journal.close()


def test_a_sample_before_the_first_step_has_none(make_run):
    folder = make_run()
    folder.journal.append("case_started", case="bare", unit="SIM2", procedure="bolus")
    folder.journal.append("mass", case="bare", unit="SIM2", mass_g=1.0, stable=True, raw="", received_ns=1)
    folder.journal.close()
    write_samples(load_run(folder.path))
    frame = samples_frame(folder.path)
    assert frame[frame.case == "bare"].step.isna().tolist() == [True]


def test_a_run_without_samples_has_an_empty_table(make_run, tmp_path):
    from rig.record.run_folder import RunFolder

    folder = RunFolder.create(tmp_path, "empty", "", "", {}, lambda: 0)
    folder.journal.close()
    write_samples(load_run(folder.path))
    frame = samples_frame(folder.path)
    assert len(frame) == 0
    assert list(frame.columns) == [
        "case", "unit", "source", "step", "t_ns", "mass_g", "stable", "flow_ml_h", "temperature_c", "air", "high",
        "channel", "value",
    ]  # fmt: skip


def test_damage_in_a_page_is_found_by_its_checksum(make_run):
    folder = make_run(with_flow=False)
    generator = np.random.default_rng(1)
    for number, mass_g in enumerate(generator.random(5000).tolist()):
        folder.journal.append(
            "mass", case="low", unit="SIM2", mass_g=mass_g, stable=True, raw="", received_ns=number
        )
    folder.journal.close()
    path = write_samples(load_run(folder.path))
    content = bytearray(path.read_bytes())
    column = pq.ParquetFile(path).metadata.row_group(1).column(5)
    assert column.path_in_schema == "mass_g"
    content[column.data_page_offset + column.total_compressed_size // 2] ^= 1
    path.write_bytes(content)
    with pytest.raises(IntegrityError, match=r"(?i)samples\.parquet.*(crc|checksum)"):
        samples_frame(folder.path)


def test_a_missing_table_is_an_integrity_error(make_run):
    folder = make_run()
    folder.journal.close()
    with pytest.raises(IntegrityError, match=r"samples\.parquet"):
        samples_frame(folder.path)


def test_no_pandas_is_needed_to_write_them(make_run):
    folder = make_run()
    folder.journal.close()
    program = "import sys; from pathlib import Path; from rig.record.load_run import load_run; "
    program += "from rig.record.samples import write_samples; "
    program += "write_samples(load_run(Path(sys.argv[1]))); print('pandas' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", program, str(folder.path)], capture_output=True, text=True, check=True
    )
    assert done.stdout == "False\n"
