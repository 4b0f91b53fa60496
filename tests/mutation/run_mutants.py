"""Mutation testing of the code on which safety, evidence and verdicts rest: ``make campaign-mutants``.

    python tests/mutation/run_mutants.py [MODULE...] [--fresh] [--quick]

For every mutant of a module its tests run until one fails. What is found goes to ``build/mutants/`` and is not tried
again until the module changes, or, for a survivor, its tests; docs/reference/mutation.md is written from all that is
there. Survivors that were read and change nothing a caller can see are in equivalent.toml, with the reason.
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
SURVIVED_ALL = "survived the slow tests too"
SLOW_LIMIT_S = 300.0
HEAD = """# Mutation testing

Written by `make campaign-mutants`. Each mutant is one small change to the code (`tests/mutation/mutations.py` lists
them: a bound, an operator, a number, a condition, a call that is left out); the tests of its module
(`tests/mutation/modules.toml`) run until one fails. Then the mutant is killed. One that hangs them, beyond thirty times
their usual time and 15 s, counts as killed too. What nobody notices has survived: a hole in the tests, or a change that
changes nothing. Survivors that were read and found to change nothing a caller could see are counted apart, with the
reason below. Texts for people are not mutated.

| module | mutants | killed | timed out | survived | of these change nothing | score of all | without those |
|---|---|---|---|---|---|---|---|
"""
SURVIVED_HEAD = """
## What survived

"""
EQUIVALENT_HEAD = """
## Survivors that change nothing

"""


class Module:
    """One module and what is known of its mutants."""

    def __init__(self, told: dict[str, Any], equivalents: list[dict[str, str]]) -> None:
        self.path, self.quick, self.slow = told["path"], told["quick"], told.get("slow", [])
        self.name = self.path.removesuffix(".py").replace("/", ".")
        self.mutable = Mutable(REPOSITORY / self.path)
        self.reasons = {
            (each["at"], each["was"], each["now"]): each["reason"]
            for each in equivalents
            if each["module"] == self.path
        }
        self._file = FOUND / f"{self.name}.jsonl"
        self._covered = FOUND / f"{self.name}.covered.json"
        self.source = _hash([self.path])
        self.tests = _hash([*self.quick, *self.slow])
        self.outcomes: dict[int, str] = {}

    def recall(self, *, whatever_tests: bool = False) -> None:
        """What was found for this source: kills for good, survivals as long as the tests are the same, or for the page.

        A survivor of earlier tests counts as one there until it is tried again.
        """
        if self._file.exists():
            for line in self._file.read_text("utf-8").splitlines():
                each = json.loads(line)
                if each["source"] == self.source and (
                    each["outcome"] in (KILLED, TIMED_OUT) or each["tests"] == self.tests or whatever_tests
                ):
                    self.outcomes[each["number"]] = each["outcome"]

    def tell(self, mutant: Mutant, outcome: str | None) -> None:
        """Write it down at once; None: not tried yet."""
        if outcome is None:
            return
        self.outcomes[mutant.number] = outcome
        told = {"source": self.source, "tests": self.tests, "number": mutant.number, "outcome": outcome}
        with self._file.open("a", encoding="utf-8") as file:
            file.write(json.dumps(told) + "\n")

    def try_all(self, *, slow: bool) -> None:
        """First with the quick tests, in forks; then what those forks cannot try; then with the slow tests."""
        covered = self._coverage() if self.untried else {}

        def in_a_child() -> int:
            to_file(FOUND / f"{self.name}.log")
            within = [mutant for mutant in self.untried if mutant.scope]
            return in_functions(self.quick, self.name, self.mutable, within, covered, self.tell)

        if any(mutant.scope for mutant in self.untried):
            forked(in_a_child)
            self.recall()
        limit_s = 60 + 30 * sum(each["s"] for each in covered.values())
        for mutant in self.untried:
            self.tell(mutant, loaded(self.quick, self.name, self.mutable, mutant, covered, limit_s))
        if slow and self.slow:
            for mutant in self.survivors:
                if self.outcomes[mutant.number] == SURVIVED and not self.reason(mutant):
                    outcome = loaded(self.slow, self.name, self.mutable, mutant, None, SLOW_LIMIT_S)
                    self.tell(mutant, SURVIVED_ALL if outcome == SURVIVED else outcome)
        for mutant in self.survivors:
            print(f"{self.path}: {mutant}", flush=True)

    @property
    def untried(self) -> list[Mutant]:
        return [mutant for mutant in self.mutable.mutants if mutant.number not in self.outcomes]

    def _coverage(self) -> Any:
        key = f"{self.source} {self.tests}"
        if self._covered.exists():
            known = json.loads(self._covered.read_text("utf-8"))
            if known.get("of") == key:
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
        """Why it changes nothing; "" for one that does, or was not read."""
        return self.reasons.get((mutant.at, mutant.was, mutant.now), "")

    @property
    def label(self) -> str:
        """Its path, and how far it got."""
        tried = f" ({len(self.untried)} more not tried yet)" if self.untried else ""
        return f"`{self.path}`{tried}"

    @property
    def survivors(self) -> list[Mutant]:
        alive = (SURVIVED, SURVIVED_ALL)
        return [mutant for mutant in self.mutable.mutants if self.outcomes.get(mutant.number) in alive]

    @property
    def counts(self) -> list[int]:
        """Mutants, killed, timed out, survived, of these equivalent."""
        found = Counter(self.outcomes.values())
        equivalent = sum(bool(self.reason(mutant)) for mutant in self.survivors)
        return [found.total(), found[KILLED], found[TIMED_OUT], len(self.survivors), equivalent]


def row(name: str, counts: list[int]) -> str:
    """A line of the table, with both scores."""
    count, killed, timed_out, _, equivalent = counts
    scores = [
        f"{100 * (killed + timed_out) / total:.1f} %" if total else "–"
        for total in (count, count - equivalent)
    ]
    return f"| {' | '.join(map(str, [name, *counts, *scores]))} |"


def write_page(known: list[Module]) -> None:
    """From all modules of which any mutant was tried."""
    known = [module for module in known if module.outcomes]
    total = [sum(column) for column in zip(*(module.counts for module in known), strict=True)]
    lines = [row(module.label, module.counts) for module in known] + [row("**together**", total)]
    survived, equivalent = [], []
    for module in known:
        for mutant in module.survivors:
            told = f"- `{module.path}`, line {mutant.line}: {_code(mutant.was)} became {_code(mutant.now)}"
            if reason := module.reason(mutant):
                equivalent.append(f"{told}. {reason}")
            else:
                survived.append(told)
    text = HEAD + "\n".join(lines) + "\n"
    text += SURVIVED_HEAD + "\n".join(survived) + "\n" if survived else ""
    text += EQUIVALENT_HEAD + "\n".join(equivalent) + "\n" if equivalent else ""
    PAGE.write_text(text, encoding="utf-8")


def _code(text: str) -> str:
    return f"`{text}`" if text else "nothing"


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
        print(row(module.path, module.counts), flush=True)
    known = modules()
    for module in known:
        module.recall(whatever_tests=True)
    write_page(known)
    return 0


if __name__ == "__main__":
    sys.exit(main())
