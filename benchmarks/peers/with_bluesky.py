"""bluesky's RunEngine: so many trigger-and-read steps of a detector in memory; prints steps a second."""

import json
import sys
import tempfile
import time

import bluesky.plan_stubs as bps
import bluesky.preprocessors as bpp
from bluesky import RunEngine


class Balance:
    """As little as bluesky asks of a detector that is read at once."""

    name, parent = "mass", None

    def read(self):
        return {"mass": {"value": 12.3456, "timestamp": time.time()}}

    def describe(self):
        return {"mass": {"source": "memory", "dtype": "number", "shape": []}}

    def read_configuration(self):
        return {}

    def describe_configuration(self):
        return {}


def main(count: int) -> None:
    detector = Balance()

    @bpp.run_decorator()
    def steps():
        for _ in range(count):
            yield from bps.trigger_and_read([detector])

    with tempfile.TemporaryFile("w", buffering=1) as file:
        engine = RunEngine({})
        engine.subscribe(lambda name, document: print(json.dumps([name, document]), file=file))
        start = time.perf_counter()
        engine(steps())
        print(count / (time.perf_counter() - start))


main(int(sys.argv[1]))
