"""64 balances on pseudo-terminals, each weighed ten times a second by a thread of its own: how late, at what cost.

Lateness is from the instant at which a weighing is due to that at which its request leaves. Cost is the processor time
of the process that asks. One more process answers for all balances; "busy" means that another computes all the while.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import threading
import time
import tty
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial

from benchmarks.findings import Finding, clean_environment, main

PORTS, EVERY_S = 64, 0.1
REQUEST, REPLY = b"SI\r\n", b"S S    12.3456 g\r\n"

RESPONDER = f"""
import os, select, sys
poll = select.epoll()
for line in map(int, sys.argv[1:]):
    poll.register(line, select.EPOLLIN)
while True:
    for line, _ in poll.poll():
        if os.read(line, 256):
            os.write(line, {REPLY!r})
"""

Poll = Callable[[list[str], float], tuple[list[float], float]]  # ports, s: lateness in s, processor time in s


@contextmanager
def answering_ports(count: int) -> Iterator[list[str]]:
    """So many pseudo-terminals, answered by one process."""
    pairs = [os.openpty() for _ in range(count)]
    for _, slave in pairs:
        tty.setraw(slave)
    masters = [master for master, _ in pairs]
    child = subprocess.Popen(
        [sys.executable, "-S", "-c", RESPONDER, *map(str, masters)], pass_fds=masters, env=clean_environment()
    )
    try:
        yield [os.ttyname(slave) for _, slave in pairs]
    finally:
        child.kill()
        child.wait()
        for descriptor in (end for pair in pairs for end in pair):
            os.close(descriptor)


@contextmanager
def busy_core(busy: bool) -> Iterator[None]:
    """Another process computes."""
    child = subprocess.Popen([sys.executable, "-S", "-c", "while True: pass"]) if busy else None
    try:
        yield
    finally:
        if child is not None:
            child.kill()
            child.wait()


def ours(ports: list[str], for_s: float) -> tuple[list[float], float]:
    """Drivers and clock of this project."""
    from rig.clock.wall import WallClock
    from rig.drivers.balance_mt_sics import MtSicsBalance
    from rig.transport.open import open_link

    clock = WallClock()
    asked: list[list[int]] = [[] for _ in ports]

    def noted(index: int, t_ns: int, direction: str, data: bytes) -> None:
        if direction == ">":
            asked[index].append(t_ns)

    balances = [
        MtSicsBalance(open_link(f"serial://{port}?baud=9600", clock, partial(noted, index)))
        for index, port in enumerate(ports)
    ]
    due: list[list[int]] = [[] for _ in ports]

    def weigh(index: int) -> None:
        start_ns = clock.now_ns()
        for number in range(round(for_s / EVERY_S)):
            at_ns = start_ns + round(number * EVERY_S * 1e9)
            clock.sleep_until_ns(at_ns)
            due[index].append(at_ns)
            balances[index].read()

    before = time.process_time()
    ends = clock.run_all([partial(weigh, index) for index in range(len(ports))])
    used = time.process_time() - before
    for balance in balances:
        balance.close()
    assert ends == [None] * len(ports), ends
    late = [
        (a - d) / 1e9
        for d_list, a_list in zip(due, asked, strict=True)
        for d, a in zip(d_list, a_list, strict=True)
    ]
    return late, used


def readline(ports: list[str], for_s: float) -> tuple[list[float], float]:
    """pyserial in threads, the usual way."""
    import serial

    lines = [serial.Serial(port, timeout=1) for port in ports]
    late: list[list[float]] = [[] for _ in ports]

    def weigh(index: int) -> None:
        start = time.monotonic()
        for number in range(round(for_s / EVERY_S)):
            due = start + number * EVERY_S
            time.sleep(max(0.0, due - time.monotonic()))
            late[index].append(time.monotonic() - due)
            lines[index].write(REQUEST)
            float(lines[index].readline()[4:14])

    threads = [threading.Thread(target=weigh, args=(index,)) for index in range(len(ports))]
    before = time.process_time()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    used = time.process_time() - before
    for line in lines:
        line.close()
    return [value for values in late for value in values], used


def p99_ms(late: Sequence[float]) -> float:
    return sorted(late)[int(0.99 * (len(late) - 1))] * 1e3


def measure(rounds: int, tiny: bool) -> list[Finding]:
    count, for_s = (4, 0.3) if tiny else (PORTS, 3.0)
    late: dict[tuple[str, bool], list[float]] = {}
    share: dict[tuple[str, bool], list[float]] = {}
    ways: dict[str, Poll] = {"ours": ours, "readline": readline}
    for _ in range(rounds):
        for busy in (False, True):
            for name, poll in ways.items():
                with answering_ports(count) as ports, busy_core(busy):
                    lateness, used = poll(ports, for_s)
                late.setdefault((name, busy), []).append(p99_ms(lateness))
                share.setdefault((name, busy), []).append(100 * used / for_s)
    findings = []
    for busy, limit_ms in ((False, 5.0), (True, 10.0)):
        p99, other = (statistics.median(late[name, busy]) for name in ways)
        findings.append(
            Finding(
                f"{count} ports polled at 10 Hz, {'the other core busy' if busy else 'idle'}: start lateness, p99",
                f"{p99:.2f} ms", f"threads of pyserial `readline` {other:.2f} ms", f"{p99:.2f} ms",
                f"≤ {limit_ms:g} ms", p99 <= limit_ms,
            )
        )  # fmt: skip
    cost, other = (statistics.median(share[name, False]) for name in ways)
    findings.append(
        Finding("the same, idle: processor time", f"{cost:.1f} % of a core",
                f"threads of pyserial `readline` {other:.1f} %", f"{cost:.1f} %", "≤ 25 % of a core", cost <= 25)
    )  # fmt: skip
    return findings


if __name__ == "__main__":
    main(measure)
