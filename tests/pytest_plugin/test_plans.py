"""Plan files under plain pytest: the same verdicts as ``rig run``, beside ordinary tests, on one bench."""

from __future__ import annotations

import json
import re

import pytest

UNITS = ("SIM-0001", "SIM-0002", "SIM-0003")
CASES = {"fast": ("mean_error", "alarms"), "doses": ("mean_error",)}


def test_one_item_a_criterion_and_unit(whole):
    ids = [
        f"quick.plan.toml::{case}::{unit}::{name}" for case in CASES for unit in UNITS for name in CASES[case]
    ]
    told = [line.split()[:2] for line in whole.text.splitlines() if line.startswith("quick.plan.toml::")]
    assert [name for name, _ in told] == ids
    assert {tuple(line) for line in told if line[1] != "PASSED"} == {
        ("quick.plan.toml::fast::SIM-0002::mean_error", "FAILED")
    }
    assert whole.status == pytest.ExitCode.TESTS_FAILED
    assert f"infusion-rig: {'FAIL'}  runs/" in whole.text


def test_a_verdict_is_one_line_and_no_traceback(whole):
    failures = whole.text.split(" FAILURES ")[1].split(" short test summary ")[0]
    lines = [line for line in failures.splitlines() if line.strip("=_ ")]
    assert lines[0].strip("_ ") == "fast::SIM-0002::mean_error"
    assert lines[1].startswith("SIM-0002 mean_error: FAIL, +3")
    assert "limit within 2 %" in lines[1]
    assert len(lines) == 4  # those two, and where the XML file and the run folder are
    assert "Traceback" not in whole.text


def test_junit_holds_each_verdict(whole):
    assert len(whole.junit) == 9
    case = whole.junit["quick.plan.toml.fast.SIM-0002::mean_error"]
    failure = case.find("failure")
    assert failure is not None
    assert "SIM-0002 mean_error: FAIL" in (failure.text or "")
    told = {entry.get("name"): entry.get("value") for entry in case.iter("property")}
    verdict, value = whole.verdicts["fast", "SIM-0002", "mean_error"]
    assert told["verdict"] == verdict == "FAIL"
    assert float(told["value"]) == pytest.approx(value)
    assert told["limit"] == "within 2 %"
    assert (told["serial"], told["firmware"]) == ("SIM-0002", "1.0")
    assert told["requirement"] == "SRS-017"
    assert told["run"] == whole.runs[0].name
    assert sum(case.find("failure") is not None for case in whole.junit.values()) == 1


def test_rig_run_gives_the_same_verdicts_to_the_last_digit(simulated, rig, whole, folder):
    ended = rig(folder, "run", "quick.plan.toml", "--bench", simulated)
    assert ended.status == 1, ended.text
    assert ended.verdicts == whole.verdicts
    assert len(whole.verdicts) == 9


def test_a_choice_runs_only_what_it_needs(session, folder):
    ended = session(folder, "-k", "SIM-0003 and fast and mean_error")
    assert ended.status == 0, ended.text
    assert "1 passed, 8 deselected" in ended.text
    (journal,) = ended.journals
    assert {record["unit"] for record in journal if "unit" in record} == {"SIM-0003"}
    assert {record["case"] for record in journal if "case" in record} == {"fast"}
    assert {path.name.rsplit("-", 1)[0] for path in (ended.runs[0] / "wire").iterdir()} == {"SIM-0003"}


def test_chosen_by_node_ids_in_any_order_a_case_runs_once_on_all_units_at_once(session, folder):
    picked = [
        f"quick.plan.toml::{name}"
        for name in ("doses::SIM-0002::mean_error", "fast::SIM-0001::alarms", "doses::SIM-0001::mean_error")
    ]
    ended = session(folder, "-v", *picked)
    assert ended.status == 0, ended.text
    (journal,) = ended.journals
    started = [(record["case"], record["unit"]) for record in journal if record["kind"] == "case_started"]
    assert started == [("doses", "SIM-0001"), ("doses", "SIM-0002"), ("fast", "SIM-0001")]


def test_what_a_plugin_shuffles_is_put_together_again(quick_plan, session, folder):
    """Or a plan would become several runs, and a case would dose again."""
    (folder / "conftest.py").write_text(
        "def pytest_collection_modifyitems(items):\n"
        "    items.sort(key=lambda item: (item.name, item.nodeid[::-1]))\n"
    )
    (folder / "second.plan.toml").write_text(
        quick_plan.replace('id = "quick"', 'id = "second"'), encoding="utf-8"
    )
    (folder / "test_plain.py").write_text("def test_plain():\n    pass\n")
    ended = session(folder, "--collect-only", "-q")
    ids = [line for line in ended.text.splitlines() if "::" in line]
    assert len(ids) == 19
    cases = [tuple(name.split("::")[:2]) for name in ids]
    together = [case for index, case in enumerate(cases) if index == 0 or case != cases[index - 1]]
    assert len(together) == 5, together
    plans = [plan for index, (plan, _) in enumerate(together) if index == 0 or plan != together[index - 1][0]]
    assert len(plans) == 3, plans


def test_plans_and_ordinary_tests_share_the_bench(session, folder):
    (folder / "test_ordinary.py").write_text(
        "from rig.readings import Prescription\n"
        "\n"
        "def test_plain():\n"
        "    assert 1 + 1 == 2\n"
        "\n"
        "def test_the_pump_takes_a_rate(bench):\n"
        "    assert [unit.serial for unit in bench.units] == ['SIM-0001', 'SIM-0002', 'SIM-0003']\n"
        "    pump = bench.unit('SIM-0001').pump\n"
        "    assert pump.interrogate().delivered_nl > 1_000_000, 'the plan before it ran on this very pump'\n"
        "    pump.program(Prescription('continuous', rate_nl_h=500_000))\n"
        "    assert pump.interrogate().mode == 'continuous'\n"
        "\n"
        "def test_and_was_left_in_its_safe_state(bench):\n"
        "    assert bench.unit('SIM-0001').pump.interrogate().mode == 'stop'\n"
    )
    ended = session(folder, "quick.plan.toml", "test_ordinary.py", "-k", "SIM-0001 or test_")
    assert ended.status == 0, ended.text
    assert "6 passed" in ended.text
    journal, of_tests = ended.journals
    started = [(record["case"], record["unit"]) for record in of_tests if record["kind"] == "case_started"]
    assert started == [
        (case, unit) for case in ("the-pump-takes-a-rate", "and-was-left-in-its-safe-state") for unit in UNITS
    ]
    finished_ns = max(record["t_ns"] for record in journal if record["kind"] == "case_finished")
    wire = (ended.runs[0] / "wire" / "SIM-0001-pump.log").read_text("utf-8").splitlines()
    assert int(wire[-1].split()[0]) <= finished_ns, (
        "what an ordinary test sends is no part of a plan's record"
    )


def test_interrupted_in_an_ordinary_test_the_pump_is_stopped_before_the_bench_is_closed(session, folder):
    (folder / "conftest.py").write_text(
        "import rig.bench.open, rig.run.session\n"
        "safe, close = rig.run.session.to_safe_state, rig.bench.open.Bench.close\n"
        "def seen_safe(unit, reason, recorder=None):\n"
        "    safe(unit, reason, recorder)\n"
        "    print('SEEN', unit.serial, unit.pump.interrogate().mode)\n"
        "def seen_close(bench):\n"
        "    print('SEEN closed')\n"
        "    close(bench)\n"
        "rig.run.session.to_safe_state, rig.bench.open.Bench.close = seen_safe, seen_close\n"
    )
    (folder / "test_interrupted.py").write_text(
        "from rig.readings import Prescription\n"
        "def test_it(bench):\n"
        "    bench.unit('SIM-0002').pump.program(Prescription('continuous', rate_nl_h=500_000))\n"
        "    raise KeyboardInterrupt\n"
    )
    ended = session(folder, "test_interrupted.py", "-s")
    assert ended.status == pytest.ExitCode.INTERRUPTED
    seen = [line.split("SEEN ")[1] for line in ended.text.splitlines() if "SEEN " in line]
    assert seen == [f"{unit} stop" for unit in UNITS] + ["closed"]
    (run,) = ended.runs
    results = json.loads((run / "results.json").read_text("utf-8"))
    assert results["outcome"] == "ABORTED"
    assert {case["message"] for case in results["cases"]} == {"interrupted"}


def test_a_broken_line_is_an_error_and_no_verdict(session, folder):
    """A balance that stops answering in the middle: nothing can be said about the pump."""
    (folder / "conftest.py").write_text(
        "import pytest\n"
        "from rig.drivers.balance_mt_sics import MtSicsBalance\n"
        "from rig.errors import LinkLost\n"
        "read, count = MtSicsBalance.read, [0]\n"
        "def breaks(self):\n"
        "    count[0] += 1\n"
        "    if count[0] > 20:\n"
        "        raise LinkLost('the line was unplugged', address='sim://SIM-0001/balance')\n"
        "    return read(self)\n"
        "MtSicsBalance.read = breaks\n"
    )
    ended = session(folder, "-k", "SIM-0001 and fast", "--junitxml=out.xml")
    assert ended.status == 3
    assert "2 errors" in ended.text
    assert "failed" not in ended.text.splitlines()[-1]
    assert "the line was unplugged" in ended.text
    assert "Traceback" not in ended.text
    assert "rig/run" not in ended.text, "a line of our own code was shown"
    assert all(
        case.find("error") is not None and case.find("failure") is None for case in ended.junit.values()
    )


def test_plans_without_a_bench_are_left_out_and_told(session, folder):
    (folder / "test_plain.py").write_text("def test_plain():\n    pass\n")
    ended = session(folder, bench=None)
    assert ended.status == 0
    assert "1 passed" in ended.text
    assert "infusion-rig: not collected, a plan needs --bench FILE: quick.plan.toml" in ended.text


def test_a_plan_alone_without_a_bench_is_a_mistake(session, folder):
    ended = session(folder, "quick.plan.toml", bench=None)
    assert ended.status == pytest.ExitCode.USAGE_ERROR
    assert "quick.plan.toml: a plan needs a bench, add --bench FILE" in ended.text
    assert "Traceback" not in ended.text


def test_a_test_that_wants_the_bench_is_skipped_without_one(session, folder):
    (folder / "test_wants.py").write_text("def test_wants(bench):\n    pass\n")
    ended = session(folder, "test_wants.py", "-rs", bench=None)
    assert ended.status == 0
    assert "no bench: add --bench FILE" in ended.text


def test_a_broken_plan_is_told_in_one_message(quick_plan, session, folder):
    broken = quick_plan.replace('"24 mL/day"', '"24,0 mL/day"')
    (folder / "quick.plan.toml").write_text(broken, encoding="utf-8")
    ended = session(folder)
    assert ended.status == 4
    assert "quick.plan.toml:11, case 'fast', key 'rate'" in ended.text
    assert "Traceback" not in ended.text
    assert "rig/definitions" not in ended.text
    assert not ended.runs


def test_a_broken_bench_is_told_in_one_message(simulated, session, folder):
    bench = folder / "broken.bench.toml"
    bench.write_text(simulated.read_text("utf-8").replace("seed = 1 ", "seed = -1 "), encoding="utf-8")
    ended = session(folder, bench=bench)
    assert ended.status == pytest.ExitCode.USAGE_ERROR
    assert "key 'bench.seed'" in ended.text
    assert "Traceback" not in ended.text


def test_two_plans_with_one_id_are_refused(quick_plan, session, folder):
    (folder / "again.plan.toml").write_text(quick_plan, encoding="utf-8")
    ended = session(folder)
    assert ended.status == pytest.ExitCode.USAGE_ERROR
    assert "the id 'quick' is taken by the plan" in ended.text
    assert "Traceback" not in ended.text
    assert not ended.runs


def test_a_missing_instrument_is_an_error_of_each_item_in_one_line(simulated, session, folder):
    bench = folder / "real.bench.toml"
    text = simulated.read_text("utf-8").replace("sim://", "serial:///dev/does-not-exist-")
    text = re.sub(r"^\[unit\.simulated\][^[]*", "", text, flags=re.MULTILINE)
    bench.write_text(text.replace('"pumps/', f'"{simulated.parent}/pumps/'), encoding="utf-8")
    (folder / "test_wants.py").write_text("def test_wants(bench):\n    pass\n")
    ended = session(folder, "-k", "alarms or wants", bench=bench)
    assert ended.status == 3
    assert "4 errors" in ended.text
    assert "serial:///dev/does-not-exist-SIM-0001/pump" in ended.text
    assert "Traceback" not in ended.text
    assert "rig/run" not in ended.text
    assert not ended.runs


def test_an_end_by_pytest_before_all_is_done_closes_the_record_as_aborted(quick_plan, session, folder):
    too_strict = quick_plan.replace('mean_error = "within 2 %"', 'mean_error = "within 0.0001 %"')
    (folder / "quick.plan.toml").write_text(too_strict, encoding="utf-8")
    ended = session(folder, "-x")
    assert ended.status == 2, ended.text
    (run,) = ended.runs
    results = json.loads((run / "results.json").read_text("utf-8"))
    assert results["outcome"] == "ABORTED"
    closed = json.loads((run / "journal.jsonl").read_text("utf-8").splitlines()[-1])
    assert closed["reason"].startswith("ended by pytest: stopping after 1 failures")
