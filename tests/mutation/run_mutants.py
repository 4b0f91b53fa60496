"""Mutation testing of the code on which safety, evidence and verdicts rest: ``make campaign-mutants``.

    python tests/mutation/run_mutants.py [MODULE...] [--fresh]

For every mutant of a module its tests run until one fails. What is found goes to ``build/mutants/`` and is not tried
again until module or tests change; docs/reference/mutation.md is written from it. Survivors that were read and change
nothing a caller can see are in equivalent.toml, with the reason.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import sys
import tomllib
from collections import Counter
from pathlib import Path
from typing import Any

REPOSITORY = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(Path(__file__).parent))

from forked import KILLED, SURVIVED, TIMED_OUT, forked, in_functions, loaded, to_file, trace  # noqa: E402
from mutations import Mutable, Mutant  # noqa: E402

FOUND = REPOSITORY / "build" / "mutants"
PAGE = REPOSITORY / "docs" / "reference" / "mutation.md"
SLOW_LIMIT_S = 120.0


class Module:
    """One module and what is known of its mutants."""

    def __init__(self, told: dict[str, Any], equivalents: list[dict[str, str]]) -> None:
        self.path, self.quick, self.slow = told["path"], told["quick"], told.get("slow", [])
        self.quick = [f for f in self.quick if (REPOSITORY / f).exists()]
        self.name = self.path.removesuffix(".py").replace("/", ".")
        self.mutable = Mutable(REPOSITORY / self.path)
        self.reasons = {
            (each["scope"], each["was"], each["now"]): each["reason"]
            for each in equivalents
            if each["module"] == self.path
        }
        self._file = FOUND / f"{self.name}.jsonl"
        self._covered = FOUND / f"{self.name}.covered.json"
        self.source = _hash([self.path])
        self.tests = _hash([*self.quick, *self.slow])
        self.outcomes: dict[int, str] = {}

    def recall(self) -> None:
        """What was found for this source: kills for good, survivals as long as the tests are the same."""
        if self._file.exists():
            for line in self._file.read_text("utf-8").splitlines():
                each = json.loads(line)
                if each["source"] == self.source and (
                    each["outcome"] != SURVIVED or each["tests"] == self.tests
                ):
                    self.outcomes[each["number"]] = each["outcome"]

    def tell(self, mutant: Mutant, outcome: str) -> None:
        self.outcomes[mutant.number] = outcome
        told = {"source": self.source, "tests": self.tests, "number": mutant.number, "outcome": outcome}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")
        if outcome == SURVIVED:
            print(f"{self.path}: {mutant}", flush=True)

    def try_all(self, *, slow: bool) -> None:
        open_ones = [mutant for mutant in self.mutable.mutants if mutant.number not in self.outcomes]
        if not open_ones:
            return
        covered = self._coverage()
        to_load: list[Mutant] = [mutant for mutant in open_ones if not mutant.scope]
        survived: list[Mutant] = []

        def told(mutant: Mutant, outcome: str | None) -> None:
            if outcome is None:
                to_load.append(mutant)
            elif outcome == SURVIVED and self.slow and slow:
                survived.append(mutant)
            else:
                self.tell(mutant, outcome)

        results = FOUND / f"{self.name}.{os.getpid()}.results"
        results.touch()

        def in_a_child() -> int:
            with results.open("a", encoding="utf-8") as file:

                def tell(mutant: Mutant, outcome: str | None) -> None:
                    file.write(json.dumps([mutant.number, outcome]) + "\n")
                    file.flush()

                to_file(FOUND / f"{self.name}.log")
                within = [mutant for mutant in open_ones if mutant.scope]
                return in_functions(self.quick, self.name, self.mutable, within, covered, tell)

        forked(in_a_child)
        by_number = {mutant.number: mutant for mutant in open_ones}
        for line in results.read_text("utf-8").splitlines():
            number, outcome = json.loads(line)
            told(by_number[number], outcome)
        results.unlink()
        limit_s = 30 + 10 * sum(each["s"] for each in covered.values())
        for mutant in to_load:
            told(mutant, loaded(self.quick, self.name, self.mutable, mutant, covered, limit_s))
        for mutant in survived:
            self.tell(mutant, loaded(self.slow, self.name, self.mutable, mutant, None, SLOW_LIMIT_S))

    def _coverage(self) -> Any:
        key = f"{self.source} {self.tests}"
        if self._covered.exists():
            known = json.loads(self._covered.read_text("utf-8"))
            if known["of"] == key:
                return known["tests"]
        print(f"{self.path}: its tests, unmutated", flush=True)
        status, seconds = forked(lambda: trace(self.quick, str(self.mutable.path), self._covered))
        if status != 0:
            raise SystemExit(f"{self.path}: its tests fail without a mutant (status {status}): {self.quick}")
        tests = json.loads(self._covered.read_text("utf-8"))
        self._covered.write_text(json.dumps({"of": key, "tests": tests}), encoding="utf-8")
        print(f"{self.path}: {len(tests)} tests, {seconds:.1f} s", flush=True)
        return tests

    def reason(self, mutant: Mutant) -> str:
        return self.reasons.get((mutant.scope, mutant.was, mutant.now), "")

    def row(self) -> str:
        counted = Counter(self.outcomes.values())
        survivors = [m for m in self.mutable.mutants if self.outcomes.get(m.number) == SURVIVED]
        equivalent = sum(bool(self.reason(mutant)) for mutant in survivors)
        return _row(
            f"`{self.path}`",
            len(self.outcomes),
            counted[KILLED],
            counted[TIMED_OUT],
            counted[SURVIVED],
            equivalent,
        )


def _row(name: str, count: int, killed: int, timed_out: int, survived: int, equivalent: int) -> str:
    ended = killed + timed_out
    scores = [f"{100 * ended / total:.1f} %" if total else "–" for total in (count, count - equivalent)]
    cells = [name, count, killed, timed_out, survived, equivalent, *scores]
    return f"| {' | '.join(map(str, cells))} |"


def _hash(paths: list[str]) -> str:
    digest = hashlib.sha256()
    for path in paths:
        digest.update((REPOSITORY / path).read_bytes())
    return digest.hexdigest()[:16]


def modules() -> list[Module]:
    here = Path(__file__).parent
    equivalents = tomllib.loads((here / "equivalent.toml").read_text("utf-8")).get("mutant", [])
    told = tomllib.loads((here / "modules.toml").read_text("utf-8"))["module"]
    return [Module(each, equivalents) for each in told]


def main() -> int:
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("module", nargs="*", help="only these, by path")
    arguments.add_argument("--fresh", action="store_true", help="forget what was found for them")
    arguments.add_argument("--quick", action="store_true", help="without the tests that start processes")
    chosen = arguments.parse_args()
    os.chdir(REPOSITORY)
    FOUND.mkdir(parents=True, exist_ok=True)
    import hypothesis  # noqa: F401
    import numpy  # noqa: F401
    import pandas  # noqa: F401
    import pyarrow.parquet  # noqa: F401
    import pydantic  # noqa: F401
    import scipy.stats  # noqa: F401

    for module in modules():
        if chosen.module and module.path not in chosen.module:
            continue
        if not chosen.fresh:
            module.recall()
        module.try_all(slow=not chosen.quick)
        print(module.row(), flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
