"""One criterion as a pytest item: this project's beside plain pytest and the hardware-test frameworks.

All hold one number against two limits and record it. What is counted is the mean time of an item, without the first
(which carries the case out). In the frameworks' own environments, with the store of files that each offers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

from benchmarks.findings import HERE, Finding, in_turn, main, peer_python, run_python, scratch
from benchmarks.workspace import make_workspace

PEERS = HERE / "peers"
TARGET = "≤ 2 × plain pytest"
HARDPY_SETTINGS = 'tests_name = "items"\n\n[database]\nstorage_type = "json"\n'
OPTIONS = {"plain": [], "testerkit": ["--data-dir", "results"], "hardpy": ["--hardpy-pt", "--rootdir", "."]}
WINDOWS = ", ".join(f'"{minutes} min" = "within 90 %"' for minutes in range(1, 13))


def pytest_items(python: Path | str, folder: Path, *arguments: str, **environment: str) -> float:
    """Microseconds an item."""
    command = ["-m", "pytest", "-q", "-p", "item_clock", "-p", "no:cacheprovider", *arguments]
    printed = run_python(python, command, folder, PYTHONPATH=str(PEERS), **environment)
    return float(next(line for line in printed.splitlines() if line.startswith("item_clock")).split()[1])


def ours(folder: Path, units: int) -> float:
    """All units' criteria of one short case; microseconds an item."""
    with scratch() as here:
        plan, bench = make_workspace(here / "workspace", units, 1.0, 60.0, 10.0)
        plan.write_text(
            plan.read_text().replace('"60 min" = "within 20 %"', WINDOWS).replace("14.5 %", "90 %")
        )
        return pytest_items(sys.executable, plan.parent, plan.name, "--bench", bench.name)


def with_pytest(folder: Path, peer: str, count: int) -> float:
    """Microseconds an item of one of the frameworks that are pytest plugins, or of plain pytest."""
    there = folder / peer
    there.mkdir(exist_ok=True)
    (there / "test_items.py").write_text(
        (PEERS / f"items_{peer}.py").read_text().replace("COUNT", str(count))
    )
    (there / "pytest.ini").write_text("[pytest]\n")
    (there / "hardpy.toml").write_text(HARDPY_SETTINGS)
    python = sys.executable if peer == "plain" else peer_python(peer)
    assert python is not None
    plain = ["-p", "no:infusion_rig"] if peer == "plain" else []
    return pytest_items(python, there, *OPTIONS[peer], *plain, "test_items.py", ITEMS=str(count))


def with_openhtf(folder: Path, count: int) -> float:
    python = peer_python("openhtf")
    assert python is not None
    return float(run_python(python, [str(PEERS / "with_openhtf.py"), str(count), "."], folder).split()[-1])


def measure(rounds: int, tiny: bool) -> list[Finding]:
    units, count = (1, 15) if tiny else (16, 240)
    with scratch() as folder:
        competitors: dict[str, Callable[[], float]] = {
            "ours": partial(ours, folder, units),
            "plain": partial(with_pytest, folder, "plain", count),
        }
        for peer in ("testerkit", "hardpy"):
            if peer_python(peer) is not None:
                competitors[peer] = partial(with_pytest, folder, peer, max(count // 4, 5))
        if peer_python("openhtf") is not None:
            competitors["openhtf"] = partial(with_openhtf, folder, max(count // 4, 5))
        found = in_turn(competitors, rounds)
    mine, ratio = found.pop("ours"), 0.0
    plain = found.pop("plain")
    ratio = mine / plain
    told = ", ".join(f"{peer} {value:.0f} µs" for peer, value in found.items()) or "none is installed"
    fastest = min(found.values(), default=None)
    return [
        Finding("one criterion as a pytest item", f"{mine:.0f} µs", f"plain pytest {plain:.0f} µs",
                f"{ratio:.2f} × plain pytest", TARGET, ratio <= 2),
        Finding("the same", f"{mine:.0f} µs", told, "-" if fastest is None else f"{mine / fastest:.2f} of the fastest",
                "below all hardware-test peers", None if fastest is None else mine < fastest),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
