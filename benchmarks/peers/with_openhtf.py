"""OpenHTF: so many phases of one measurement each; prints how long one takes, in µs, without the first."""

import sys
import time

import openhtf as htf
from openhtf.output.callbacks import json_factory

ENDS = []


@htf.measures(htf.Measurement("mean_error").in_range(-14.5, 14.5))
def criterion(test):
    test.measurements.mean_error = 0.12
    ENDS.append(time.perf_counter())


def main(count: int, folder: str) -> None:
    phases = [criterion.with_args() for _ in range(count)]
    test = htf.Test(*[htf.PhaseOptions(name=f"criterion_{n}")(phase) for n, phase in enumerate(phases)])
    test.add_output_callbacks(json_factory.OutputToJSON(folder + "/{dut_id}.json"))
    test.execute(test_start=lambda: "SN0001")
    assert len(ENDS) == count
    print((ENDS[-1] - ENDS[0]) / (count - 1) * 1e6)


main(int(sys.argv[1]), sys.argv[2])
