"""What a row of the table says, and how a row is measured: competitors take turns, the median of each counts."""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROUNDS = 5  # at least so many of each competitor
PEERS = HERE.parent / ".venv-bench"  # an environment for each file of peers/*.txt


@dataclass(frozen=True)
class Finding:
    """One line of the table. ``met`` is None where there is nothing to meet, or a peer could not be asked."""

    what: str
    measured: str
    beside: str
    figure: str
    target: str
    met: bool | None


Measure = Callable[[int, bool], list[Finding]]  # (rounds, tiny): tiny only shows that it runs


def in_turn(competitors: Mapping[str, Callable[[], float]], rounds: int) -> dict[str, float]:
    """The median of what each returned, over so many rounds in which each has its turn."""
    found: dict[str, list[float]] = {name: [] for name in competitors}
    names = list(competitors)
    for number in range(rounds):
        for name in names[number % len(names) :] + names[: number % len(names)]:
            found[name].append(competitors[name]())
    return {name: statistics.median(values) for name, values in found.items()}


def seconds(action: Callable[[], object]) -> float:
    """How long it takes, by the clock."""
    start = time.perf_counter()
    action()
    return time.perf_counter() - start


@contextmanager
def scratch() -> Iterator[Path]:
    """A folder on the disk of this repository (a folder for temporary files may be in memory); runs keep keys there."""
    PEERS.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory(dir=PEERS) as name:
        os.environ["INFUSION_RIG_KEYS"] = str(Path(name) / "keys")
        yield Path(name)


def clean_environment(**more: str) -> dict[str, str]:
    """That of a user: nothing that changes how Python starts, keeps its byte code, or how many threads are used."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    return kept | more


def run_python(
    python: Path | str, arguments: Sequence[str], cwd: Path | None = None, **environment: str
) -> str:
    """What a child Python prints. Raises RuntimeError with its last words if it fails."""
    done = subprocess.run(
        [str(python), *arguments],
        capture_output=True,
        text=True,
        cwd=cwd,
        env=clean_environment(**environment),
        check=False,
    )
    if done.returncode:
        raise RuntimeError(f"{' '.join(map(str, arguments))}: {(done.stderr or done.stdout)[-2000:]}")
    return done.stdout


def peer_python(name: str) -> Path | None:
    """The interpreter in which the peer is installed; None where it is not."""
    python = PEERS / name / "bin" / "python"
    return python if python.is_file() else None


def peer_figure(name: str, *arguments: str) -> float:
    """The number that ``peers/with_NAME.py`` prints last, in the peer's own environment."""
    python = peer_python(name)
    assert python is not None
    return float(run_python(python, [str(HERE / "peers" / f"with_{name}.py"), *arguments]).split()[-1])


def main(measure: Measure) -> None:
    """A row as a program of its own: prints its findings as JSON."""
    parser = argparse.ArgumentParser(description=sys.modules[measure.__module__].__doc__)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    parser.add_argument("--tiny", action="store_true", help="only show that it runs")
    chosen = parser.parse_args()
    found = measure(1 if chosen.tiny else chosen.rounds, chosen.tiny)
    print(json.dumps([asdict(finding) for finding in found], ensure_ascii=False))
