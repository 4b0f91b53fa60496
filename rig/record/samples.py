"""samples.parquet: every balance reading, flow sample and monitored value of a run in one table, made from the journal.

Columns: ``case``, ``unit``, ``source`` ("balance", "flow" or the role of a monitor), ``step`` (the step of the case
at that time, null before the first), ``t_ns`` (since the run's start); for the balance ``mass_g``, ``stable``; for the
flow sensor ``flow_ml_h``, ``temperature_c``, ``air``, ``high``; for a monitor ``channel`` (it ends in its unit) and
``value``. What a source does not tell is null. Rows stand in the order of the cases, of each the balance first.

Pages carry checksums. Nothing but the samples goes in, no time and no run id: equal samples give equal bytes.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from rig.errors import IntegrityError
from rig.record.case_data import CaseData, RunRecord
from rig.record.durable_files import write_atomically
from rig.record.layout import SAMPLES

if TYPE_CHECKING:
    import pandas as pd

ROWS_PER_GROUP = 1 << 20


def write_samples(run: RunRecord) -> Path:
    """Write samples.parquet into the run's folder. Raises IntegrityError."""
    path = run.path / SAMPLES
    write_atomically(path, samples_bytes(run))
    return path


def samples_frame(run_path: Path) -> pd.DataFrame:
    """samples.parquet of a run as a table; page checksums are checked.

    ``case``, ``unit``, ``source``, ``step`` are categories, ``stable``, ``air``, ``high`` nullable booleans.
    Raises IntegrityError if the file is missing or damaged.
    """
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    path = Path(run_path) / SAMPLES
    try:
        table = pq.read_table(path, page_checksum_verification=True)
    except (OSError, pa.ArrowException) as error:
        raise IntegrityError(f"{path}: cannot be read: {error}") from error
    frame: pd.DataFrame = table.to_pandas(types_mapper={pa.bool_(): pd.BooleanDtype()}.get)
    return frame


def samples_bytes(run: RunRecord) -> bytes:
    """The Parquet file's bytes."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    word = pa.dictionary(pa.int32(), pa.string())
    schema = pa.schema(
        [
            *((name, word) for name in ("case", "unit", "source", "step")),
            ("t_ns", pa.int64()),
            ("mass_g", pa.float64()),
            ("stable", pa.bool_()),
            ("flow_ml_h", pa.float64()),
            ("temperature_c", pa.float64()),
            ("air", pa.bool_()),
            ("high", pa.bool_()),
            ("channel", word),
            ("value", pa.float64()),
        ]
    )
    buffer = pa.BufferOutputStream()
    with pq.ParquetWriter(
        buffer,
        schema,
        compression="zstd",
        # A sensor's counts are few different numbers, and its samples come at even times: a byte a sample.
        use_dictionary=["case", "unit", "source", "step", "channel", "flow_ml_h", "temperature_c"],
        column_encoding={"t_ns": "DELTA_BINARY_PACKED"},
        write_page_checksum=True,
    ) as writer:
        for case in run.cases:
            for words, columns in _series(case):
                rows = len(columns["t_ns"])
                if not rows:
                    continue
                constant = {"case": case.case, "unit": case.unit, **words}
                arrays = {
                    **{name: _words(np.zeros(rows, np.int32), [text]) for name, text in constant.items()},
                    "step": _steps(case, columns["t_ns"]),
                    **{name: _array(values) for name, values in columns.items()},
                }
                table = pa.table(
                    [arrays.get(field.name, pa.nulls(rows, field.type)) for field in schema], schema=schema
                )
                writer.write_table(table, row_group_size=ROWS_PER_GROUP)
    content: bytes = buffer.getvalue().to_pybytes()
    return content


def _series(case: CaseData) -> list[tuple[dict[str, str], dict[str, NDArray[Any]]]]:
    """Each source's constant words, and its columns."""
    mass, flow = case.mass, case.flow
    return [
        ({"source": "balance"}, {"t_ns": mass.t_ns, "mass_g": mass.mass_g, "stable": mass.stable}),
        (
            {"source": "flow"},
            {
                "t_ns": flow.t_ns,
                "flow_ml_h": flow.flow_ml_h,
                "temperature_c": flow.temperature_c,
                "air": flow.air,
                "high": flow.high,
            },
        ),
        *(
            (
                {"source": series.role, "channel": series.channel},
                {"t_ns": series.t_ns, "value": series.values},
            )
            for series in case.channels
        ),
    ]


def _steps(case: CaseData, t_ns: NDArray[np.int64]) -> Any:
    """The step in force at each time, as a dictionary array; null before the first step."""
    starts = np.array([step.start_ns for step in case.steps], dtype=np.int64)
    names = list(dict.fromkeys(step.name for step in case.steps))
    number_of_step = np.array([names.index(step.name) for step in case.steps], dtype=np.int32)
    position = np.searchsorted(starts, t_ns, side="right") - 1
    is_known = position >= 0
    indices = np.zeros(len(t_ns), np.int32)
    indices[is_known] = number_of_step[position[is_known]]
    return _words(indices, names, is_known)


# pyarrow.array would do all this, and import pandas to see whether it is given any.


def _words(indices: NDArray[np.int32], words: list[str], is_known: NDArray[np.bool_] | None = None) -> Any:
    """A dictionary array; null where a word is not known."""
    import pyarrow as pa

    spelled = [word.encode() for word in words]
    ends = np.cumsum([0, *map(len, spelled)], dtype=np.int32)
    buffers = [None, pa.py_buffer(ends), pa.py_buffer(b"".join(spelled))]
    dictionary = pa.Array.from_buffers(pa.string(), len(words), buffers)
    return pa.DictionaryArray.from_arrays(_array(indices, is_known), dictionary)


def _array(values: NDArray[Any], is_known: NDArray[np.bool_] | None = None) -> Any:
    """Integers, floats or booleans; null where one is not known."""
    import pyarrow as pa

    validity = None if is_known is None or is_known.all() else _bits(is_known)
    content = _bits(values) if values.dtype == np.bool_ else pa.py_buffer(np.ascontiguousarray(values))
    return pa.Array.from_buffers(pa.from_numpy_dtype(values.dtype), len(values), [validity, content])


def _bits(flags: NDArray[np.bool_]) -> Any:
    import pyarrow as pa

    return pa.py_buffer(np.packbits(flags, bitorder="little"))
