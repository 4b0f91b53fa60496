"""``rig sim``: the simulated instruments of a bench behind ports that any client can open."""

from __future__ import annotations

import contextlib
import json
import math
import os
import selectors
import shutil
import signal
import socket
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import FrameType
from typing import IO, Any, Literal

from rig.definitions.bench_file import BenchFile, load_bench
from rig.errors import DefinitionError, Where
from rig.sim.build import simulate
from rig.sim.served.bench import served_bench_text
from rig.sim.served.paced import PacedClock
from rig.sim.served.ports import Heard, PseudoTerminal, Rfc2217Server, ServedPort, TcpServer, connect
from rig.sim.wire.joined import Joined

Way = Literal["pty", "tcp", "rfc2217"]


def serve(
    bench_path: Path | str, *, way: Way = "pty", speed: float = 1.0, stdin: IO[str], stdout: IO[str]
) -> None:
    """Serve every simulated instrument of a bench until ``stdin`` closes, or SIGINT or SIGTERM comes.

    Instruments that the bench file gives the same port (each with its number, ``device``) share one here too.

    The first line on ``stdout`` is JSON: ``instruments`` (by "serial/role": ``driver``, ``address``) and
    ``bench``, the path of a bench file like the given one, with these addresses and ``simulated = true``. It
    lies, with the links to the pseudo-terminals, in a folder that goes at the end.

    Raises DefinitionError: bench wrong, nothing simulated on it, no such speed, no pseudo-terminals here.
    """
    bench = load_bench(bench_path)
    names = [(owner, each.role) for owner, each in bench.instruments if each.is_simulated]
    if not names:
        raise DefinitionError("no instrument of this bench is simulated", Where(str(bench_path)))
    if not (math.isfinite(speed) and speed > 0):
        raise DefinitionError(
            f"a speed of {speed:g} is not possible", hint="1 is real time, 60 a minute a second"
        )
    if way == "pty" and os.name != "posix":
        raise DefinitionError("there are no pseudo-terminals on this system", hint="use --tcp or --rfc2217")
    folder = Path(tempfile.mkdtemp(prefix="rig-sim-"))
    ports: dict[tuple[str, str], ServedPort] = {}
    selector = selectors.DefaultSelector()
    try:
        clock = PacedClock(speed)
        world = simulate(bench, clock)
        for together in _sharing(bench, names):
            devices: list[Any] = [world.port(*name) for name in together]
            make = _opener(way, selector, folder / "-".join(together[0]))
            lines = [device.line for device in devices]
            served = connect(clock, devices[0] if len(devices) == 1 else Joined(devices), lines, make)
            ports |= dict.fromkeys(together, served)
        with _until_the_end(selector, stdin) as ended:
            _announce(bench, ports, folder, stdout)
            while not ended():
                clock.advance()
                for key, _ in selector.select(clock.seconds_to_next()):
                    key.data()
    finally:
        for port in ports.values():
            port.close()
        selector.close()
        shutil.rmtree(folder, ignore_errors=True)


def _sharing(bench: BenchFile, names: list[tuple[str, str]]) -> list[list[tuple[str, str]]]:
    """The instruments, those together that stand on one line."""
    lines: dict[str, list[tuple[str, str]]] = {}
    for owner, instrument in bench.instruments:
        if (owner, instrument.role) in names:
            lines.setdefault(instrument.port, []).append((owner, instrument.role))
    return list(lines.values())


def _opener(way: Way, selector: selectors.BaseSelector, link: Path) -> Callable[[Heard], ServedPort]:
    if way == "pty":
        return lambda heard: PseudoTerminal(selector, link, heard)
    server = Rfc2217Server if way == "rfc2217" else TcpServer
    return lambda heard: server(selector, heard)


def _announce(
    bench: BenchFile, ports: dict[tuple[str, str], ServedPort], folder: Path, stdout: IO[str]
) -> None:
    set_to = {(owner, each.role): each.address.partition("?")[2] for owner, each in bench.instruments}
    addresses = {name: port.address for name, port in ports.items()}
    for name, address in addresses.items():
        if set_to[name] and not address.startswith("socket"):
            addresses[name] = f"{address}?{set_to[name]}"
    served = folder / "served.bench.toml"
    served.write_text(served_bench_text(bench, addresses), encoding="utf-8")
    drivers = {(owner, each.role): each.driver for owner, each in bench.instruments}
    instruments = {
        f"{serial}/{role}": {"driver": drivers[serial, role], "address": address}
        for (serial, role), address in addresses.items()
    }
    stdout.write(json.dumps({"instruments": instruments, "bench": str(served)}) + "\n")
    stdout.flush()


@contextlib.contextmanager
def _until_the_end(selector: selectors.BaseSelector, stdin: IO[str]) -> Iterator[Callable[[], bool]]:
    """Wake ``selector`` when ``stdin`` closes or a signal comes; the function says whether one has."""
    bell, ringer = socket.socketpair()
    bell.setblocking(False)
    over = threading.Event()

    def end() -> None:
        over.set()
        with contextlib.suppress(OSError):  # it had ended anyway
            ringer.send(b"\0")

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        end()

    def watch_stdin() -> None:
        with contextlib.suppress(OSError, ValueError):
            while os.read(stdin.fileno(), 4096):  # not stdin.read: its lock must be free at exit
                pass
        end()

    signals = (signal.SIGINT, signal.SIGTERM) if threading.current_thread() is threading.main_thread() else ()
    before = {number: signal.signal(number, on_signal) for number in signals}
    selector.register(bell, selectors.EVENT_READ, lambda: None)
    threading.Thread(target=watch_stdin, name="stdin", daemon=True).start()
    try:
        yield over.is_set
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        selector.unregister(bell)
        bell.close()
        ringer.close()
