"""The same plan, driver and procedures in wall time: pseudo-terminals, TCP, and pyvisa resource names.

Two benches are served by two ``rig sim``, one on pseudo-terminals and one on TCP; of each, one unit is reached by
pyserial's or the socket's address and the other through pyvisa. In further runs one unit goes away in the middle.
"""

from __future__ import annotations

from pathlib import Path

import pytest

UNITS = {"SIM-0001": 0.0, "SIM-0002": 10.0}
WAYS = {
    "pseudo-terminals": ("serial:///", "visa://ASRL/"),
    "tcp": ("socket://127.0.0.1:", "visa://TCPIP::127.0.0.1::"),
}  # beginnings of the addresses of the two units

OPTIONS = {"pseudo-terminals": (), "tcp": ("--tcp",)}  # of rig sim

pytestmark = pytest.mark.usefixtures("needs_posix")


@pytest.fixture(scope="session")
def virtual_run(new_rig, two_units, short_plan):
    """The short plan in virtual time, as the measure of the other two."""
    return new_rig("virtual").run(short_plan, two_units)


def lose_a_unit(rig, served, write_bench, short_plan, options):
    """Two `rig sim`, one for each unit; the one of SIM-0002 is killed while its pump delivers."""
    bench = write_bench(rig.home, "", "")
    quick = rig.home / "quick.plan.toml"
    text = short_plan.read_text("utf-8").replace('relax = "5 s"', 'relax = "1 s"')
    quick.write_text(text.replace('settle = "5 s"', 'settle = "1 s"'), "utf-8")
    with rig.serve(bench, *options) as stays, served.serve(bench, *options) as goes:
        text = Path(stays["bench"]).read_text("utf-8")
        for name, entry in stays["instruments"].items():
            if name.startswith("SIM-0002"):
                text = text.replace(entry["address"], goes["instruments"][name]["address"])
        both = rig.home / "both.bench.toml"
        both.write_text(text, "utf-8")
        process = rig.start_run(quick, both)
        rig.wait_for(lambda folder: '"name":"sample"' in (folder / "journal.jsonl").read_text("utf-8"))
        (sim,) = served.started
        sim.kill()
        return rig.ended(process)


@pytest.fixture(scope="module")
def runs_that_lose_a_unit(new_rig, write_bench, short_plan, side_by_side):
    return {
        way: side_by_side(lose_a_unit, new_rig("lost"), new_rig("served"), write_bench, short_plan, options)
        for way, options in OPTIONS.items()
    }


@pytest.fixture(params=WAYS)
def lost(request, runs_that_lose_a_unit):
    """The run that lost a unit, over each kind of line."""
    return runs_that_lose_a_unit[request.param].result()


@pytest.fixture(scope="module", autouse=True)
def begun_together(wall_runs, runs_that_lose_a_unit):
    """They mostly wait."""


def mean_error(ended, unit):
    criteria = ended.case("seconds", unit)["criteria"]
    return next(criterion for criterion in criteria if criterion["name"] == "mean_error")


@pytest.mark.parametrize("way", WAYS)
def test_the_run_ends_well_and_its_record_is_sound(wall_runs, new_rig, way):
    ended = wall_runs[way].result()
    assert ended.status == 0, ended.told
    assert (ended.results["outcome"], ended.results["clock"]) == ("PASS", "wall")
    rig = new_rig("verify")
    verified = rig.ended(rig.start("verify", ended.folder))
    assert verified.status == 0, verified.out + verified.told


@pytest.mark.parametrize("way", WAYS)
def test_each_unit_was_reached_as_its_bench_file_says(wall_runs, way):
    for unit, begins in zip(wall_runs[way].result().results["units"], WAYS[way], strict=True):
        assert [instrument["address"].startswith(begins) for instrument in unit["instruments"]] == [True] * 3


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("unit", UNITS)
def test_verdicts_are_those_of_virtual_time_within_the_uncertainty(wall_runs, virtual_run, way, unit):
    wall, virtual = mean_error(wall_runs[way].result(), unit), mean_error(virtual_run, unit)
    assert wall["verdict"] == virtual["verdict"] == "PASS"
    apart = abs(wall["value"] - virtual["value"])
    assert apart <= (wall["expanded_uncertainty"] ** 2 + virtual["expanded_uncertainty"] ** 2) ** 0.5
    assert abs(wall["value"] - UNITS[unit]) <= wall["expanded_uncertainty"]


@pytest.mark.parametrize("way", WAYS)
def test_it_is_a_rehearsal_since_the_instruments_say_so_themselves(wall_runs, way):
    ended = wall_runs[way].result()
    assert "simulated = true" not in (ended.folder / "bench.toml").read_text("utf-8")
    assert ended.results["rehearsal"] is True
    assert ended.results["rehearsal_because"] == ["all 6 instruments are simulated"]
    assert "REHEARSAL" in ended.out
    assert "REHEARSAL" in (ended.folder / "report.html").read_text("utf-8")


@pytest.mark.parametrize("way", WAYS)
def test_readings_come_at_the_instants_of_the_plan(wall_runs, virtual_run, way):
    def instants_s(ended, unit):
        sample_ns = next(
            line["t_ns"]
            for line in ended.journal
            if line["kind"] == "step" and line["unit"] == unit and line["name"] == "sample"
        )
        after_ns = next(
            line["t_ns"]
            for line in ended.journal
            if line["kind"] == "step" and line["unit"] == unit and line["name"] == "relax_after"
        )
        masses = [line["t_ns"] for line in ended.journal if line["kind"] == "mass" and line["unit"] == unit]
        return [(t_ns - sample_ns) / 1e9 for t_ns in masses if sample_ns <= t_ns <= after_ns]

    for unit in UNITS:
        wall, virtual = instants_s(wall_runs[way].result(), unit), instants_s(virtual_run, unit)
        assert len(wall) == len(virtual) == 11
        assert wall == pytest.approx(range(11), abs=0.5)
        assert virtual == pytest.approx(range(11), abs=0.1)


def test_a_run_that_loses_a_unit_ends_as_a_failure_of_the_rig(lost):
    assert lost.status == 3, lost.told
    assert "Traceback" not in lost.told
    assert lost.results["outcome"] == "ERROR"


def test_its_other_unit_finishes(lost):
    case = lost.case("seconds", "SIM-0001")
    assert (case["ended"], case["outcome"]) == ("completed", "PASS")


def test_its_lost_unit_is_an_error_that_a_person_understands(lost):
    case = lost.case("seconds", "SIM-0002")
    assert (case["ended"], case["outcome"]) == ("error", "ERROR")
    assert {criterion["verdict"] for criterion in case["criteria"]} == {"ERROR"}
    assert "check the cable and that the instrument is on" in case["message"]
    assert "SAFE STATE NOT CONFIRMED" in case["message"]
    assert "SAFE STATE NOT CONFIRMED" in lost.out
