"""A pytest plugin: how long an item takes on the average, in µs, without the first (it may carry something out)."""

import time

ENDS: list[float] = []


def pytest_runtest_logfinish() -> None:
    ENDS.append(time.perf_counter())


def pytest_terminal_summary(terminalreporter) -> None:
    if len(ENDS) > 1:
        terminalreporter.write_line(f"item_clock {(ENDS[-1] - ENDS[0]) / (len(ENDS) - 1) * 1e6:.1f}")
