"""Request and response on one pseudo-terminal: a weighing from an MT-SICS balance, decoded by the driver."""

from __future__ import annotations

import os
import subprocess
import sys
import time
import tty
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from benchmarks.findings import Finding, clean_environment, in_turn, main

REQUEST, REPLY = b"SI\r\n", b"S S    12.3456 g\r\n"

RESPONDER = f"""
import os, sys
line = int(sys.argv[1])
while True:
    asked = os.read(line, 256)
    if not asked:
        break
    for _ in range(asked.count(b"\\n")):
        os.write(line, {REPLY!r})
"""


@contextmanager
def answering_port() -> Iterator[str]:
    """A pseudo-terminal with a process at its other end that answers every line."""
    master, slave = os.openpty()
    tty.setraw(slave)
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", RESPONDER, str(master)], pass_fds=[master], env=clean_environment()
    )
    try:
        yield os.ttyname(slave)
    finally:
        child.kill()
        child.wait()
        os.close(master)
        os.close(slave)


def per_exchange(exchange: Callable[[], object], count: int) -> float:
    """Microseconds of one exchange."""
    exchange()
    start = time.perf_counter()
    for _ in range(count):
        exchange()
    return (time.perf_counter() - start) / count * 1e6


def measure(rounds: int, tiny: bool) -> list[Finding]:
    import pyvisa
    import serial

    from rig.clock.wall import WallClock
    from rig.drivers.balance_mt_sics import MtSicsBalance
    from rig.transport.open import open_link

    # Many short turns: what a pseudo-terminal costs depends on where the scheduler has put its other end.
    count, turns = (20, 1) if tiny else (600, 5 * rounds)
    with answering_port() as raw_port, answering_port() as our_port, answering_port() as line_port, \
            answering_port() as visa_port:  # fmt: skip
        raw = os.open(raw_port, os.O_RDWR | os.O_NOCTTY)
        balance = MtSicsBalance(open_link(f"serial://{our_port}?baud=9600", WallClock(), lambda *_: None))
        line = serial.Serial(line_port, timeout=1)
        visa = pyvisa.ResourceManager("@py").open_resource(
            f"ASRL{visa_port}::INSTR", read_termination="\r\n", write_termination="\r\n"
        )

        def raw_exchange() -> None:
            os.write(raw, REQUEST)
            received = b""
            while not received.endswith(b"\n"):
                received += os.read(raw, 256)

        def readline() -> None:
            line.write(REQUEST)
            line.readline()

        assert balance.read().mass_g == 12.3456
        found = in_turn(
            {
                "ours": lambda: per_exchange(balance.read, count),
                "raw": lambda: per_exchange(raw_exchange, count),
                "readline": lambda: per_exchange(readline, count),
                "pyvisa-py": lambda: per_exchange(lambda: visa.query("SI"), max(count // 10, 5)),
            },
            turns,
        )
        os.close(raw)
        balance.close()
        line.close()
        visa.close()
    of_raw, over_visa = found["raw"] / found["ours"], found["pyvisa-py"] / found["ours"]
    ours = f"{found['ours']:.1f} µs"
    return [
        Finding(
            "request/response on one pty, decoded by the driver", ours,
            f"raw `os.read`/`os.write` {found['raw']:.1f} µs, pyserial `readline` {found['readline']:.1f} µs",
            f"{of_raw:.2f} of raw", "≥ 0.65 of raw", of_raw >= 0.65,
        ),
        Finding(
            "the same", ours, f"pyvisa-py {found['pyvisa-py']:.0f} µs",
            f"{over_visa:.1f} × pyvisa-py", "≥ 4 × pyvisa-py", over_visa >= 4,
        ),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
