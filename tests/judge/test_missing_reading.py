"""One reading that never came spoils the windows it ends or begins, and no others."""

from dataclasses import replace
from pathlib import Path

import numpy as np

from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.judge.case_result import judge_case
from rig.record.load_run import load_run
from rig.run.session import Session

ROOT = Path(__file__).parents[2]


def test_a_window_that_lost_its_readings_takes_nothing_from_the_shorter_ones(tmp_path):
    bench = load_bench(ROOT / "fixtures/simulated.bench.toml")
    plan = load_plan(ROOT / "tests/data/short.plan.toml")
    (case,) = plan.cases
    session = Session(bench, tmp_path, "tester", ["SIM-0001"], planned=None)
    session.result(plan, case, "SIM-0001", ["SIM-0001"])
    session.finish()
    ((folder, _),) = session.closed
    run = load_run(folder)
    data = run.case(case.id, "SIM-0001")

    def windows(of):
        result = judge_case(of, case, bench.unit("SIM-0001"), run, bench, plan)
        return {window["window_s"]: window["left_out"] for window in result["trumpet"]}

    assert windows(data) == {1.0: 0, 2.0: 0, 5.0: 0, 10.0: 0}
    first = int(np.argmax(data.mass.t_ns >= data.step("sample").start_ns))
    kept = np.arange(len(data.mass.t_ns)) != first
    mass = replace(
        data.mass, **{name: getattr(data.mass, name)[kept] for name in ("t_ns", "mass_g", "stable")}
    )
    assert windows(replace(data, mass=mass)) == {1.0: 1, 2.0: 1, 5.0: 1}  # 10 s is the whole period
