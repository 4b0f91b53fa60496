"""Both ways: every number in the report is one of the results or of the record it quotes, and no result is missing.

Strict by construction: whatever is not a result is one of the named exceptions below, each with its reason.
"""

from __future__ import annotations

import bisect
import json
import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from rig.definitions.bench_file import bench_from_folder
from rig.report import wording
from rig.report.plain_text import visible

RAISED = str.maketrans("⁻⁰¹²³⁴⁵⁶⁷⁸⁹", "-0123456789")
NUMBER = re.compile(r"(?<![\w.])(?P<mantissa>\d+(?:\.\d+)?)(?:\s×\s10(?P<power>[⁻⁰¹²³⁴⁵⁶⁷⁸⁹]+))?")
FACTORS = (
    1.0,
    1e3,
    1e-3,
    1e6,
    1e-6,
    100.0,
    24.0,
    24e3,
    1 / 60,
    1 / 3600,
)  # handy units, shares in %, rates a day
# Not results: what they are, and how they are told from the rest.
EXCEPTIONS = {
    "a standard, its edition and clause": r"(?:IEC|ISO(?:/IEC)?|ILAC|JCGM|CFR)[ -]*G?\d[\d:./-]*(?:,? 201[.\d]+)?"
    r"(?: (?:to|and) (?:201\.)?[.\d]+)?|201\.12[.\d]+(?: (?:to|and) [.\d]+)?",
    "a publication": r"(?:Tanaka et al\.|Clopper and Pearson) \d{4}|\(GUM\)|Metrologia \d+",
    "a hash": r"\b[0-9a-f]{64}\b",
    "an instant, checked for itself": r"\d{4}-\d\d-\d\d(?:[ T]\d\d:\d\d:\d\d)?",
    "a duration, checked for itself": r"\b\d+\s(?:h\s\d+\smin|h|min\s\d+\ss|min|s)\b",
    "which interval a coverage probability names": r"(?:about |at )?95\s%(?: coverage| from)?",
    "a repetition of the guard-band rule": r"below 4 the case",
    "how often a pump is asked": r"once a minute",
    "trials of the Monte Carlo method": r"\d+ trials",
    "the temperature for which the density formula was evaluated": r"\d+\.\d+\skg/m³ at \d+\s°C",
}


class Texts(HTMLParser):
    """The text of each element that holds text itself, headings and figures left out; and the exact numbers."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.texts: list[str] = []
        self.exact: set[float] = set()
        self._silent = 0
        self._number = 0
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._silent += tag in ("style", "svg", "nav", "header", "title")
        self._number += "number" in (dict(attrs).get("class") or "").split()
        if tag in ("td", "th", "p", "li", "dd", "dt", "caption", "h1", "h2", "h3", "h4", "figcaption", "div"):
            self.texts.append("")
        if tag == "data":
            self.exact.add(float(dict(attrs)["value"] or "nan"))

    def handle_endtag(self, tag: str) -> None:
        self._silent -= tag in ("style", "svg", "nav", "header", "title")
        if tag == "span" and self._number:
            self._number -= 1

    def handle_data(self, data: str) -> None:
        if self._silent or self._number:  # section numbers are none of the results
            return
        if not self.texts:
            self.texts.append("")
        self.texts[-1] += data


class Known:
    """Numbers and texts of the results, and of the plan, the bench and the record that the report quotes."""

    def __init__(self, folder: Path, results: dict[str, Any]) -> None:
        self.results = results
        numbers = [
            abs(float(x)) for x in leaves(results) if isinstance(x, int | float) and not isinstance(x, bool)
        ]
        quoted = [str(x) for x in leaves(results) if isinstance(x, str)]
        for name in (
            "plan.toml",
            "bench.toml",
            *(f"pumps/{path.name}" for path in (folder / "pumps").iterdir()),
        ):
            quoted.append((folder / name).read_text("utf-8"))
        lines = (folder / "journal.jsonl").read_text("utf-8").splitlines()
        records = [json.loads(line) for line in lines]
        kept = (
            "run_opened",
            "instrument",
            "read_back",
            "note",
            "pump_event",
            "alarm",
            "case_finished",
            "flag",
        )
        quoted += [
            str(x)
            for record in records
            if record["kind"] in kept
            for x in leaves(record)
            if isinstance(x, str)
        ]
        for record in records:
            if record["kind"] == "read_back":
                numbers += [float(x) for x in leaves(record) if isinstance(x, int | float)]
            if record["kind"] == "pump_state":
                numbers.append(record["battery_mv"])
        bench = bench_from_folder(folder)
        numbers += [bench.air_temperature_c, bench.air_pressure_hpa, bench.air_humidity_pct]
        self.quoted = {found for text in quoted for found in re.findall(r"\d+(?:\.\d+)?", text)}
        counts = [len(results["cases"]), len(results["units"]), *counted(results)]
        temperatures: dict[str, list[float]] = {}
        for record in records:
            if record["kind"] == "flow":
                read = [value / record["temperature_scale"] for value in record["temperature"]]
                temperatures.setdefault(record["unit"], []).extend(read)
        for read in temperatures.values():
            numbers += [len(read), min(read), max(read), float(np.mean(np.array(read)))]
        numbers += counts
        self.sorted = sorted(number * factor for number in numbers for factor in FACTORS)

    def has(self, found: re.Match[str]) -> bool:
        """Whether some known number, in some unit, rounds to this one."""
        if found["power"] is None and found["mantissa"] in self.quoted:
            return True
        low, high = span(found)
        place = bisect.bisect_left(self.sorted, low)
        return place < len(self.sorted) and self.sorted[place] <= high


def span(found: re.Match[str]) -> tuple[float, float]:
    """Between which numbers one lies that was rounded to this."""
    mantissa, power = found["mantissa"], int((found["power"] or "⁰").translate(RAISED))
    decimals = len(mantissa.partition(".")[2])
    if "." not in mantissa:  # 50300 is 50280 to three digits, as two at least are always told
        decimals = -min(len(mantissa) - len(mantissa.rstrip("0")), max(0, len(mantissa) - 2))
    value, half = float(mantissa) * 10.0**power, 0.5 * 10.0 ** (power - decimals) * (1 + 1e-6)
    return value - half, value + half


def leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, list):
        for item in value:
            yield from leaves(item)
    else:
        yield value


def counted(results: dict[str, Any]) -> list[int]:
    """What the report counts: criteria of a case, entries of a pump's log, cases that read back."""
    counts = [len(case["criteria"]) for case in results["cases"]]
    counts.append(sum(event["source"] == "pump" for case in results["cases"] for event in case["events"]))
    routine = {"PROG", "START", "STOP", "BOLUS_REQ", "BOLUS_GRANT", "BOLUS_END", "CLOCK"}
    counts.append(sum(event["code"] in routine for case in results["cases"] for event in case["events"]))
    counts += range(len({case["id"] for case in results["cases"]}) + 1)
    counts.append(sum(len(unit["instruments"]) for unit in results["units"]))
    return counts


def strangers(texts: list[str], known: Known) -> list[str]:
    """Numbers in the texts that are neither known nor a named exception."""
    found = []
    for text in texts:
        bare = text
        for pattern in EXCEPTIONS.values():
            bare = re.sub(pattern, " ", bare)
        found += [
            f"{each[0]} in {text.strip()[:120]!r}" for each in NUMBER.finditer(bare) if not known.has(each)
        ]
    return found


@pytest.fixture(scope="module")
def shown(faulty_run: Path) -> Texts:
    return Texts((faulty_run / "report.html").read_text("utf-8"))


@pytest.fixture(scope="module")
def results(faulty_run: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((faulty_run / "results.json").read_text("utf-8"))
    return found


def test_every_number_in_the_report_is_in_the_results_or_the_record(
    shown: Texts, results: dict[str, Any], faulty_run: Path
) -> None:
    assert strangers(shown.texts, Known(faulty_run, results)) == []
    numbers = sum(len(NUMBER.findall(text)) for text in shown.texts)
    assert numbers > 2000


def inexact(shown: Texts, results: dict[str, Any], folder: Path) -> list[float]:
    """Numbers that the page calls exact, and that are neither a result nor written in plan or bench."""
    exact = {float(x) for x in leaves(results) if isinstance(x, int | float) and not isinstance(x, bool)}
    bench = bench_from_folder(folder)
    stated = {
        float(value)
        for unit in bench.units
        for file in (unit.balance, unit.flow)
        if file is not None
        for value in file.accuracy.values()
    }
    stated |= {unit.reservoir_ml for unit in bench.units}
    known = Known(folder, results)
    return sorted(x for x in shown.exact - exact - stated if abs(x) not in known.sorted)


def test_exact_numbers_behind_the_text_are_those_of_the_results(
    shown: Texts, results: dict[str, Any], faulty_run: Path
) -> None:
    assert inexact(shown, results, faulty_run) == []


def test_the_walk_finds_a_number_that_was_changed(
    shown: Texts, results: dict[str, Any], faulty_run: Path
) -> None:
    known = Known(faulty_run, results)
    told = [text for text in shown.texts if "±" in text and "%" in text]
    assert len(told) > 30
    found = 0
    for text in told:
        wrong = re.sub(r"(\d)\.(\d\d)", lambda m: f"{m[1]}.{(int(m[2]) + 37) % 100:02}7", text, count=1)
        found += bool(strangers([wrong], known)) if wrong != text else 0
    assert found > 0.8 * sum("." in text for text in told)


def test_instants_are_those_of_the_results(shown: Texts, results: dict[str, Any]) -> None:
    zero = datetime.fromisoformat(results["started_utc"])
    moments = {
        f"{zero + timedelta(seconds=x):%Y-%m-%d %H:%M:%S}"
        for x in leaves(results)
        if isinstance(x, float | int) and not isinstance(x, bool) and 0 <= x < 1e7
    }
    told = {found for text in shown.texts for found in re.findall(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", text)}
    assert told
    # an alarm begins when the pump's own log says so, to the second of its clock
    near = {
        f"{datetime.fromisoformat(m) + timedelta(seconds=d):%Y-%m-%d %H:%M:%S}"
        for m in moments
        for d in (-1, 0, 1)
    }
    assert told <= near


# Fields that need not be told, with the reason; a star stands for any name or index.
NOT_TOLD = {
    "schema": "of the file, not of the run",
    "clock": "told as 'of simulated time'",
    "rehearsal": "told by the banner",
    "plan.file": "its content is told by its hash",
    "bench.file": "its content is told by its hash",
    "units.*.instruments.*.simulated": "told in words",
    "units.*.instruments.*.calibration_valid": "told in words",
    "units.*.instruments.*.role": "told in words",
    "cases.*.procedure": "told in words",
    "cases.*.ended": "told in words",
    "cases.*.set.*": "told with the settings of the method, as the plan has them",
    "cases.*.started_s": "told as an instant",
    "cases.*.finished_s": "told as a duration",
    "cases.*.events.*": "routine entries are counted, alarms told in words; all are in journal.jsonl",
    "cases.*.flags.*.kind": "told by the effect",
    "cases.*.flags.*.start_s": "told as a duration into the case",
    "cases.*.flags.*.end_s": "told as a duration into the case",
    "cases.*.criteria.*.limit_low": "told by the limit in words",
    "cases.*.criteria.*.limit_high": "told by the limit in words",
    "cases.*.trumpet.*.left_out": "told only where windows were left out",
    "cases.*.trumpet.*.window_s": "told in minutes",
    "cases.*.budgets.*.monte_carlo.agrees": "told in words",
    "cases.*.budgets.trumpet_*.monte_carlo.*": "told for the mean error; where it differs, a flag says so",
    "cases.*.budgets.trumpet_*.value": "that of whichever extreme is less certain; the extremes are told",
    "cases.*.budgets.*.components.*": "told in full for the mean error, by contributions for the rest",
    "cases.*.doses.*.index": "told from 1",
    "cases.*.doses.*.started_s": "in the record",
    "cases.*.doses.*.commanded_ml": "the same for all, told with the settings",
    "cases.*.doses.*.expanded_uncertainty_*": "that of the furthest single bolus is told",
    "population.intervals.*.fits": "told in words",
    "population.intervals.*.limit_*": "told by the limit in words",
    "requirements.*.quantity": "told by the criterion",
    "requirements.*.source": "told by the name of the set",
    "requirements.*.sha256": "the hash of the whole set is told",
    "requirements.*": "those that no case verifies are named only",
    "trace.*": "what one plan leaves untested is told in one sentence",
    "finished_s": "told as an instant and a duration",
    "started_utc": "told as an instant",
}


def fields(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    if isinstance(value, dict):
        for key, item in value.items():
            yield from fields(item, (*path, key))
    elif isinstance(value, list):
        for place, item in enumerate(value):
            yield from fields(item, (*path, str(place)))
    elif value not in (None, "", True, False):
        yield path, value


def need_not_be_told(path: tuple[str, ...]) -> bool:
    from fnmatch import fnmatchcase

    return any(fnmatchcase(".".join(path), pattern) for pattern in NOT_TOLD)


def untold(shown: Texts, results: dict[str, Any]) -> tuple[list[str], int]:
    """Results that a reader needs and does not find, and how many were looked for."""
    text = " ".join(shown.texts)
    squeezed = "".join(text.split())
    told = np.array(
        [span(found) for found in NUMBER.finditer(text) if len(found["mantissa"].strip("0.")) > 1]
    )
    missing, seen = [], 0
    for path, value in fields(results):
        if need_not_be_told(path):
            continue
        seen += 1
        if isinstance(value, str):
            there = any("".join(visible(words).split()) in squeezed for words in spellings(value))
        else:
            there = value in shown.exact or is_told(abs(value), told)
        if not there:
            missing.append(f"{'.'.join(path)} = {value!r}")
    return missing, seen


def spellings(value: str) -> tuple[str, ...]:
    """How the report may spell an identifier or a unit."""
    return (
        value,
        value.replace("_", " "),
        wording.criterion(value),
        value.replace("ug", "µg").replace("deg", "°"),
    )


def test_every_result_a_reader_needs_is_in_the_report(shown: Texts, results: dict[str, Any]) -> None:
    missing, seen = untold(shown, results)
    assert missing == []
    assert seen > 1200


def is_told(value: float, told: NDArray[np.float64]) -> bool:
    """Whether a number in the text, of two digits or more, is this one rounded, in some unit."""
    return any(
        bool(((told[:, 0] <= value * factor) & (value * factor <= told[:, 1])).any()) for factor in FACTORS
    )
