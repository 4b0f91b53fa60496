"""The wait for ``rig --help`` and for ``rig check`` of a plan, beside a bare interpreter and pytest's help."""

from __future__ import annotations

import sys
from pathlib import Path

from benchmarks.findings import Finding, in_turn, main, run_python, seconds
from benchmarks.workspace import REPOSITORY

RIG = Path(sys.executable).with_name("rig")


def measure(rounds: int, tiny: bool) -> list[Finding]:
    times = 1 if tiny else 5

    def started(*arguments: str) -> float:
        return min(seconds(lambda: run_python(sys.executable, arguments, REPOSITORY)) for _ in range(times))

    check = ("check", "test_plans/flow_accuracy.plan.toml", "--bench", "fixtures/simulated.bench.toml")
    started(str(RIG), "--help"), started(str(RIG), *check)  # byte code is written at the first start
    found = in_turn(
        {
            "help": lambda: started(str(RIG), "--help"),
            "check": lambda: started(str(RIG), *check),
            "bare": lambda: started("-c", "pass"),
            "pytest": lambda: started("-m", "pytest", "--help"),
        },
        rounds,
    )
    ms = {name: value * 1e3 for name, value in found.items()}
    times_bare = found["help"] / found["bare"]
    return [
        Finding("`rig --help`", f"{ms['help']:.0f} ms",
                f"bare interpreter {ms['bare']:.0f} ms, `pytest --help` {ms['pytest']:.0f} ms",
                f"{times_bare:.1f} × a bare interpreter", "≤ 5 × a bare interpreter", times_bare <= 5),
        Finding("`rig check` of a plan", f"{ms['check']:.0f} ms", f"`pytest --help` {ms['pytest']:.0f} ms",
                f"{found['check']:.2f} s", "≤ 1 s", found["check"] <= 1),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
