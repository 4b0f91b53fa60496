"""Typical mistakes, and the words that answer each: what is wrong, where, and what to do about it.

The messages stand here whole, so that a change of one is seen. ``N``: a line number; ``...``: a list that goes on.
"""

from __future__ import annotations

import re

import pytest

from rig.cli import main

PLAN, BENCH, PUMP = (
    "test_plans/smoke.plan.toml",
    "fixtures/simulated.bench.toml",
    "fixtures/pumps/reference-40ml.toml",
)
CHECK = f"check {PLAN} --bench {BENCH}"

# The mistake: the command line, what is spoiled in which file (old, new), the answer.
MISTAKES = {
    "a command misspelt": (
        f"chek {PLAN}",
        None,
        "rig: there is no command 'chek' (did you mean 'check'?)",
    ),
    "an option misspelt": (
        f"run {PLAN} --benhc {BENCH}",
        None,
        "rig: rig run has no option '--benhc' (did you mean '--bench'?)",
    ),
    "the bench forgotten": (
        f"run {PLAN}",
        None,
        "rig run: the following arguments are required: --bench (rig run --help tells more)",
    ),
    "the name of the bench forgotten": (
        f"run {PLAN} --bench",
        None,
        "rig run: argument --bench: expected one argument (rig run --help tells more)",
    ),
    "a plan misspelt": (
        f"check test_plans/smok.plan.toml --bench {BENCH}",
        None,
        "rig check: test_plans/smok.plan.toml: there is no such file (did you mean "
        "'test_plans/smoke.plan.toml'?)",
    ),
    "a bench misspelt": (
        f"check {PLAN} --bench fixtures/simulatd.bench.toml",
        None,
        "rig check: fixtures/simulatd.bench.toml: there is no such file (did you mean "
        "'fixtures/simulated.bench.toml'?)",
    ),
    "plan and bench exchanged": (
        f"check {BENCH} --bench {PLAN}",
        None,
        "rig check: 2 problems\n"
        "  test_plans/smoke.plan.toml, key '--bench': this is a plan (it takes a bench file)\n"
        "  fixtures/simulated.bench.toml: this is a bench, not a plan (give it with --bench)",
    ),
    "a file that is no plan": (
        f"check {PUMP} --bench {BENCH}",
        None,
        "rig check: fixtures/pumps/reference-40ml.toml: a plan file's name ends in .plan.toml (name "
        "it 'reference-40ml.plan.toml')",
    ),
    "a decimal comma": (
        CHECK,
        (PLAN, 'rate = "24 mL/day"', 'rate = "24,0 mL/day"'),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'rate': '24,0 mL/day' has a "
        "comma; a decimal point is written '.', and thousands are not grouped (a flow rate is "
        "written like '1.5 mL/h'; units: mL/day, ...)",
    ),
    "a small l": (
        CHECK,
        (PLAN, 'rate = "24 mL/day"', 'rate = "24 ml/day"'),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'rate': '24 ml/day' has the "
        "unknown unit 'ml/day' (did you mean 'mL/day'? a flow rate is written like '1.5 mL/h'; "
        "units: mL/day, ...)",
    ),
    "a unit of ones own": (
        CHECK,
        (PLAN, 'rate = "24 mL/day"', 'rate = "1 mL/hr"'),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'rate': '1 mL/hr' has the unknown "
        "unit 'mL/hr' (did you mean 'mL/h'? a flow rate is written like '1.5 mL/h'; units: mL/day, "
        "...)",
    ),
    "no space": (
        CHECK,
        (PLAN, 'rate = "24 mL/day"', 'rate = "24mL/day"'),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'rate': '24mL/day' has no space "
        "between number and unit (a flow rate is written like '1.5 mL/h'; units: mL/day, ...)",
    ),
    "a volume for a rate": (
        CHECK,
        (PLAN, 'rate = "24 mL/day"', 'rate = "24 mL"'),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'rate': '24 mL' is a volume; here "
        "a flow rate is needed (a flow rate is written like '1.5 mL/h'; units: mL/day, ...)",
    ),
    "no quotes": (
        CHECK,
        (PLAN, 'rate = "24 mL/day"', "rate = 24 mL/day"),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'rate': this is not TOML: rate = "
        '24 mL/day (a quantity stands in quotes with its unit: rate = "0.5 mL/day")',
    ),
    "a bare number": (
        CHECK,
        (PLAN, 'rate = "24 mL/day"', "rate = 24"),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'rate': a flow rate with its "
        'unit, in quotes, is needed here, not 24 (such as "1.5 mL/h")',
    ),
    "per hour for per day": (
        CHECK,
        (PLAN, 'rate = "24 mL/day"', 'rate = "24 mL/h"'),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'rate': 24 mL/h is above the pump's "
        "highest rate, 1 mL/h (fixtures/pumps/reference-40ml.toml:N, key 'pump.rate_max') (is it per "
        "hour or per day?)",
    ),
    "a key misspelt": (
        CHECK,
        (PLAN, 'settle = "20 s"', 'setle = "20 s"'),
        "rig check: 2 problems\n"
        "  test_plans/smoke.plan.toml:N, case 'fast', key 'settle': the key 'settle' is missing "
        '(time the flow settles before it is sampled: settle = "6 h")\n'
        "  test_plans/smoke.plan.toml:N, case 'fast', key 'setle': the key 'setle' is unknown (did "
        "you mean 'settle'?)",
    ),
    "a key forgotten": (
        CHECK,
        (PLAN, 'settle = "20 s"\n', ""),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'settle': the key 'settle' is "
        'missing (time the flow settles before it is sampled: settle = "6 h")',
    ),
    "a procedure misspelt": (
        CHECK,
        (PLAN, '"flow_accuracy"', '"flow_acuracy"'),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'procedure': the procedure "
        "'flow_acuracy' is unknown (did you mean 'flow_accuracy'? known: flow_accuracy, ...)",
    ),
    "a criterion misspelt": (
        CHECK,
        (PLAN, "mean_error", "meen_error"),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'accept.meen_error': the key "
        "'meen_error' is unknown (did you mean 'mean_error'?)",
    ),
    "a limit without its word": (
        CHECK,
        (PLAN, '"within 20 %"', '"20 %"'),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'accept.mean_error': '20 %' is "
        "not a limit that can stand here (limits are written 'within 14.5 %', 'between -10 % and 15 "
        "%', 'at most 2 %', 'at least 95 %')",
    ),
    "a window that does not fit": (
        CHECK,
        (PLAN, 'windows = ["60 s"]', 'windows = ["42 s"]'),
        "rig check: test_plans/smoke.plan.toml:N, case 'fast', key 'windows': window of 42 s: it is "
        "no whole multiple of the sample interval of 5 s (change the window or the samples)",
    ),
    "a driver misspelt": (
        CHECK,
        (BENCH, '"balance_mt_sics"', '"balance_mt_sisc"'),
        "rig check: fixtures/simulated.bench.toml:N, key 'unit.SIM-0001.balance.driver': there is no "
        "driver 'balance_mt_sisc' (did you mean 'balance_mt_sics'?)",
    ),
    "a driver for another instrument": (
        CHECK,
        (BENCH, '"balance_mt_sics"', '"pump_rpu1"'),
        "rig check: fixtures/simulated.bench.toml:N, key 'unit.SIM-0001.balance.driver': driver "
        "'pump_rpu1' drives a pump, not a balance (there are balance_manual, balance_mt_sics, "
        "balance_sartorius_sbi)",
    ),
    "a profile misspelt": (
        CHECK,
        (BENCH, "pumps/reference-40ml.toml", "pumps/reference-40.toml"),
        "rig check: fixtures/simulated.bench.toml:N, key 'unit.SIM-0001.profile': the pump profile "
        "'pumps/reference-40.toml' cannot be used: there is no such file (looked for "
        "fixtures/pumps/reference-40.toml; did you mean 'fixtures/pumps/reference-40ml.toml'?)",
    ),
    "a date in quotes": (
        CHECK,
        (BENCH, "2099-12-31", '"2099-12-31"'),
        "rig check: fixtures/simulated.bench.toml:N, key 'unit.SIM-0001.balance.calibrated_until': a "
        "date is needed here, not '2099-12-31' (write it without quotes: 2027-03-01)",
    ),
    "a serial number twice": (
        CHECK,
        (BENCH, 'serial = "SIM-0002"', 'serial = "SIM-0001"'),
        "rig check: fixtures/simulated.bench.toml:N, key 'unit.SIM-0001.serial': the serial "
        "'SIM-0001' is taken by the unit on line N (give each its own; small and capital letters "
        "count as equal)",
    ),
    "a real instrument among simulated ones": (
        CHECK,
        (BENCH, '"sim://SIM-0001/pump"', '"serial:///dev/ttyUSB0"'),
        "rig check: fixtures/simulated.bench.toml:N, key 'unit.SIM-0001.pump.address': on a bench "
        "with sim:// addresses all instruments must be at sim:// addresses (or serve the simulated "
        "ones with 'rig sim', and write the addresses it prints)",
    ),
    "a file for a run": (
        f"report {PLAN}",
        None,
        "rig report: test_plans/smoke.plan.toml: this is a file, no run folder (a run folder lies in "
        "runs/, such as runs/20260109T203000Z-flow-accuracy-line-3-4b0bdb)",
    ),
    "no run named": (
        "verify",
        None,
        "rig verify: key 'RUN': no run is named (rig verify runs/NAME, or rig verify runs for all)",
    ),
    "a quantity without unit": (
        "analyze log.csv --rate 150 --density 1_g/mL",
        None,
        "rig analyze: key '--rate': '150' has no unit (a flow rate is written like '1.5 mL/h'; "
        "units: mL/day, ...)",
    ),
    "one plan too many": (
        f"prove {PLAN} {PLAN} --bench {BENCH}",
        None,
        "rig: rig prove does not take 'test_plans/smoke.plan.toml' (rig prove --help tells what it takes)",
    ),
    "a requirement set left behind": (
        CHECK,
        (PLAN, '"requirements.csv"', '"requirement.csv"'),
        "rig check: test_plans/smoke.plan.toml:N, key 'plan.requirements': there is no requirement set "
        "'requirement.csv' beside this file (looked for test_plans/requirement.csv: put it there, or leave the "
        "key out)",
    ),
    "a port that cannot be": (
        "watch --port 99999",
        None,
        "rig watch: key '--port': there is no port 99999 (0 to 65535, 0: any free one)",
    ),
    "an unknown word": (
        "schema plans",
        None,
        "rig schema: argument kind: invalid choice: 'plans' (choose from 'plan', 'bench', 'pump') "
        "(rig schema --help tells more)",
    ),
}


@pytest.fixture(scope="module")
def workspace(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mistakes") / "workspace"
    assert main(["init", str(folder)]) == 0
    return folder


@pytest.mark.parametrize("mistake", MISTAKES)
def test_the_answer_says_what_is_wrong_and_what_to_do(mistake, workspace, monkeypatch, capsys):
    line, spoiled, answer = MISTAKES[mistake]
    monkeypatch.chdir(workspace)
    if spoiled is not None:
        name, old, new = spoiled
        sound = (workspace / name).read_text(encoding="utf-8")
        assert old in sound
        (workspace / name).write_text(sound.replace(old, new, 1), encoding="utf-8")
    capsys.readouterr()
    try:
        status = main([word.replace("_", " ") if word.startswith("1_") else word for word in line.split()])
    except SystemExit as end:  # argparse's own refusals
        status = end.code
    finally:
        if spoiled is not None:
            (workspace / name).write_text(sound, encoding="utf-8")
    told = capsys.readouterr()
    assert status == 4
    assert told.out == ""
    assert (
        plain(told.err[told.err.index("rig: " if "rig: " in told.err[:5] else f"rig {line.split()[0]}: ") :])
        == answer
    )


def plain(message: str) -> str:
    """Without what may change: line numbers, and the rest of long lists."""
    message = re.sub(r"toml:\d+", "toml:N", re.sub(r"line \d+", "line N", message.rstrip("\n")))
    message = re.sub(r"units: mL/day, [^)]*\)", "units: mL/day, ...)", message)
    return re.sub(r"known: flow_accuracy, [^)]*\)", "known: flow_accuracy, ...)", message)
