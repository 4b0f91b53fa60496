"""One fault a file: each is refused with a message that names file, case, key and line, and says what to do."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path

import pytest
from jsonschema import Draft7Validator, FormatChecker

from rig.definitions.bench_file import load_bench
from rig.definitions.check import check_plan_on_bench
from rig.definitions.json_schema import SCHEMAS, as_json
from rig.definitions.plan_file import load_plan
from rig.definitions.pump_profile import load_profile
from rig.errors import DefinitionError

HERE = "  # <-"  # stands in the spoiled text on the line that the message must name

# old text, new text, case, key, a part of the message
PLAN_FAULTS = {
    "decimal comma": ('"0.048 mL/day"', '"0,048 mL/day"' + HERE, "slow", "rate", "'.'"),
    "not a number": ('"0.048 mL/day"', '"nan mL/day"' + HERE, "slow", "rate", "not a number"),
    "infinite": ('"0.048 mL/day"', '"inf mL/day"' + HERE, "slow", "rate", "not a number"),
    "negative rate": ('"0.048 mL/day"', '"-0.048 mL/day"' + HERE, "slow", "rate", "more than 0"),
    "zero rate": ('"0.048 mL/day"', '"0 mL/day"' + HERE, "slow", "rate", "more than 0"),
    "underflow": ('"0.048 mL/day"', '"1e-30000 mL/day"' + HERE, "slow", "rate", "beyond"),
    "megalitre": ('"0.048 mL/day"', '"0.048 ML/day"' + HERE, "slow", "rate", "did you mean 'mL/day'?"),
    "small l": ('"0.048 mL/day"', '"0.048 ml/d"' + HERE, "slow", "rate", "did you mean 'mL/day'?"),
    "micro sign": ('bolus = "50 uL"', 'bolus = "50 µL"' + HERE, "doses", "bolus", "did you mean 'uL'?"),
    "fraction": ('bolus = "50 uL"', 'bolus = "1/2 mL"' + HERE, "doses", "bolus", "decimal number"),
    "no space": ('bolus = "50 uL"', 'bolus = "50uL"' + HERE, "doses", "bolus", "no space"),
    "two spaces": ('bolus = "50 uL"', 'bolus = "50  uL"' + HERE, "doses", "bolus", "exactly one space"),
    "no unit": ('bolus = "50 uL"', 'bolus = "50"' + HERE, "doses", "bolus", "no unit"),
    "unknown unit": ('bolus = "50 uL"', 'bolus = "50 drops"' + HERE, "doses", "bolus", "unknown unit"),
    "number without unit": ('bolus = "50 uL"', "bolus = 50" + HERE, "doses", "bolus", "in quotes, is needed"),
    "toml nan": ('"0.048 mL/day"', "nan" + HERE, "slow", "rate", "in quotes, is needed"),
    "volume for a rate": ('"0.048 mL/day"', '"0.048 mL"' + HERE, "slow", "rate", "is a volume"),
    "rate for a duration": ('settle = "6 h"', 'settle = "6 mL/h"' + HERE, "slow", "settle", "is a flow rate"),
    "unknown key": ('settle = "6 h"', 'setle = "6 h"' + HERE, "slow", "setle", "did you mean 'settle'?"),
    "unknown key in a table": ("for =", "four =", "slow", "sample.four", "did you mean 'for'?"),
    "missing key": ('blank = "4 h"\nsample', "sample", "slow", "blank", "is missing"),
    "missing accept": (
        'accept = { mean_error = "within 14.5 %", single_dose = "within 20 %", share_inside = "at least 95 %" }',
        "",
        "doses",
        "accept",
        "is missing",
    ),
    "unknown procedure": (
        '"flow_accuracy"',
        '"flow_accurracy"' + HERE,
        "slow",
        "procedure",
        "did you mean 'flow_accuracy'?",
    ),
    "no procedure": ('procedure = "bolus"', "", "doses", "procedure", "is missing"),
    "procedure not a text": ('"flow_accuracy"', "3" + HERE, "slow", "procedure", "unknown"),
    "window no multiple": ('"60 min"]', '"40 min"]' + HERE, "slow", "windows", "no whole multiple"),
    "window too long": ('"60 min"]', '"27 h"]' + HERE, "slow", "windows", "longer than the analysis"),
    "window twice": ('"60 min"]', '"15 min"]' + HERE, "slow", "windows", "twice"),
    "no window": ('["15 min", "60 min"]', "[]" + HERE, "slow", "windows", "no observation window"),
    "windows not a list": ('["15 min", "60 min"]', '"15 min"' + HERE, "slow", "windows", "a list is needed"),
    "trumpet no multiple": (
        '"930 min" = ',
        '"931 min" = ',
        "slow",
        'accept.trumpet."931 min"',
        "no whole multiple",
    ),
    "trumpet twice": (
        '"930 min" = "within 20 %"',
        '"930 min" = "within 20 %"\n"15.5 h" = "within 10 %"' + HERE,
        "slow",
        'accept.trumpet."15.5 h"',
        "same window as '930 min'",
    ),
    "trumpet of a volume": (
        '"930 min" = ',
        '"930 mL" = ',
        "slow",
        'accept.trumpet."930 mL"',
        "is a volume",
    ),
    "period no multiple": ('for = "26 h"', 'for = "26.1 h"', "slow", "sample.for", "no whole multiple"),
    "period shorter than interval": (
        'for = "26 h"',
        'for = "5 min"',
        "slow",
        "sample.for",
        "no whole multiple",
    ),
    "too many samples": ('every = "15 min"', 'every = "1 ms"', "slow", "sample.every", "more than 1000000"),
    "settling no multiple": (
        'settle = "6 h"',
        'settle = "10 min"' + HERE,
        "slow",
        "settle",
        "whole multiple",
    ),
    "no blank": ('blank = "4 h"', 'blank = "0 h"' + HERE, "slow", "blank", "more than 0"),
    "rate and dose": (
        'rate = "0.048 mL/day"',
        'rate = "0.048 mL/day"\ndose = "96 ug/day"'
        + HERE
        + '\ndrug = { name = "x", concentration = "2 mg/mL" }',
        "slow",
        "dose",
        "both",
    ),
    "neither rate nor dose": ('rate = "0.048 mL/day"\n', "", "slow", None, "neither 'rate' nor 'dose'"),
    "dose without drug": (
        'rate = "0.048 mL/day"',
        'dose = "96 ug/day"' + HERE,
        "slow",
        "dose",
        "needs the drug",
    ),
    "drug without concentration": (
        'rate = "0.048 mL/day"',
        'dose = "96 ug/day"\ndrug = { name = "baclofen" }' + HERE,
        "slow",
        "drug.concentration",
        "is missing",
    ),
    "unknown criterion": (
        "mean_error =",
        "mean_eror =",
        "slow",
        "accept.mean_eror",
        "did you mean 'mean_error'?",
    ),
    "criterion of another procedure": (
        'alarms = "none"',
        'share_inside = "at least 95 %"' + HERE,
        "slow",
        "accept.share_inside",
        "unknown",
    ),
    "limit without form": (
        '"within 14.5 %"',
        '"14.5 %"' + HERE,
        "slow",
        "accept.mean_error",
        "'at most 2 %'",
    ),
    "plus-minus limit": (
        '"within 14.5 %"',
        '"±14.5 %"' + HERE,
        "slow",
        "accept.mean_error",
        "'within 14.5 %'",
    ),
    "limit of another unit": (
        '"within 14.5 %"',
        '"within 14.5 mL"' + HERE,
        "slow",
        "accept.mean_error",
        "is a volume",
    ),
    "negative within": (
        '"within 14.5 %"',
        '"within -14.5 %"' + HERE,
        "slow",
        "accept.mean_error",
        "accepts nothing",
    ),
    "limits the wrong way round": (
        '"within 14.5 %"',
        '"between 15 % and -10 %"' + HERE,
        "slow",
        "accept.mean_error",
        "accepts nothing",
    ),
    "limit a number": ('"within 14.5 %"', "14.5" + HERE, "slow", "accept.mean_error", "a limit, in quotes"),
    "share above 100 %": (
        '"at least 95 %"',
        '"at least 105 %"',
        "doses",
        "accept.share_inside",
        "never decide",
    ),
    "share at most": ('"at least 95 %"', '"at most 95 %"', "doses", "accept.share_inside", "can stand here"),
    "some alarms": ('alarms = "none"', 'alarms = "few"' + HERE, "slow", "accept.alarms", 'write "none"'),
    "inside of nothing": (
        'inside = "within 10 %"\naccept = { mean_error = "within 14.5 %", single_dose = "within 20 %", ',
        "accept = { ",
        "doses",
        "accept.share_inside",
        "inside of what?",
    ),
    "inside for nothing": (
        ', share_inside = "at least 95 %"',
        "",
        "doses",
        "inside",
        "used by the criterion share_inside",
    ),
    "empty accept": (
        'accept = { mean_error = "within 14.5 %", single_dose = "within 20 %", share_inside = "at least 95 %" }',
        "accept = {}" + HERE,
        "doses",
        "accept",
        "nothing is accepted",
    ),
    "accept a text": (
        'accept = { mean_error = "within 14.5 %", single_dose = "within 20 %", share_inside = "at least 95 %" }',
        'accept = "all"' + HERE,
        "doses",
        "accept",
        "a table is needed here",
    ),
    "interval too short": ('interval = "15 min"', 'interval = "10 min"' + HERE, "doses", "interval", "600 s"),
    "no bolus": ("count = 25", "count = 0" + HERE, "doses", "count", "from 1 to 1000"),
    "half a bolus": ("count = 25", "count = 2.5" + HERE, "doses", "count", "whole number"),
    "true boluses": ("count = 25", "count = true" + HERE, "doses", "count", "not true"),
    "half a second": ('"5 min"', '"300.5 s"' + HERE, "doses", "bolus_duration", "whole seconds"),
    "id with a slash": ('id = "slow"', 'id = "slow/er"' + HERE, "slow/er", "id", "cannot be a name"),
    "id upwards": ('id = "slow"', 'id = "../x"' + HERE, "../x", "id", "cannot be a name"),
    "empty id": ('id = "slow"', 'id = ""' + HERE, "#1", "id", "cannot be a name"),
    "id a number": ('id = "slow"', "id = 5" + HERE, "#1", "id", "a name in quotes"),
    "id twice": ('id = "doses"', 'id = "SLOW"' + HERE, "SLOW", "id", "taken by the case on line 7"),
    "requirement twice": ('["SRS-017"]', '["SRS-017", "SRS-017"]' + HERE, "slow", "verifies", "twice"),
    "control character": ('"Slow"', '"Slow\\u0007"' + HERE, "slow", "title", "control character"),
    "empty title": ('"Slow"', '" "' + HERE, "slow", "title", "is empty"),
    "too warm": ('"37 degC"', '"37.5e1 degC"' + HERE, None, "plan.reference_temperature", "more than 40"),
    "kelvin": ('"37 degC"', '"310 K"' + HERE, None, "plan.reference_temperature", "temperature difference"),
    "unknown key of plan": ("revision =", "version =", None, "plan.version", "did you mean 'revision'?"),
    "unknown table": ("[plan]\n", "[plans]\n", None, "plans", "did you mean 'plan'?"),
    "single brackets": ('[[case]]\nid = "slow"', '[case]\nid = "slow"', None, "case", "write [[case]]"),
    "key twice": (
        'settle = "6 h"',
        'settle = "6 h"\nrate = "1 mL/h"' + HERE,
        "slow",
        "rate",
        "given twice, first on line 13",
    ),
    "key twice inline": (
        'every = "15 min"',
        'every = "15 min", every = "1 h"',
        "slow",
        "sample.every",
        "given twice",
    ),
    "table twice": ("[case.accept.trumpet]", "[plan]" + HERE, None, "plan", "given twice, first on line 1"),
    "rate without quotes": (
        '"0.048 mL/day"',
        "0.048 mL/day" + HERE,
        "slow",
        "rate",
        "a quantity stands in quotes",
    ),
    "id without quotes": ('id = "slow"', "id = slow" + HERE, "slow", "id", "a text stands in quotes"),
    "no value": ('settle = "6 h"', "settle =" + HERE, "slow", "settle", "no value after"),
    "colon for equals": ('settle = "6 h"', 'settle: "6 h"' + HERE, "slow", "settle", "not TOML"),
    "unclosed list": ('["SRS-017"]', '["SRS-017"' + HERE, "slow", "verifies", "not TOML"),
}

BENCH_FAULTS = {
    "no serial": ('serial = "SN2"\n', "", "unit.#2.serial", "is missing"),
    "no profile": ('profile = "pumps/small.toml"\n', "", "unit.SN1.profile", "is missing"),
    "profile not there": (
        '"pumps/small.toml"',
        '"pumps/smal.toml"' + HERE,
        "unit.SN1.profile",
        "there is no such file",
    ),
    "profile elsewhere": (
        '"pumps/small.toml"',
        '"pumps/../../small.toml"' + HERE,
        "unit.SN1.profile",
        "leads out of the folder",
    ),
    "profile a folder": ('"pumps/small.toml"', '"pumps"' + HERE, "unit.SN1.profile", "a folder"),
    "profile a number": ('"pumps/small.toml"', "40" + HERE, "unit.SN1.profile", "cannot stand here"),
    "no pump": (
        'pump = { driver = "pump_rpu1", address = "sim://SN2/pump" }',
        "",
        "unit.SN2.pump",
        "is missing",
    ),
    "pump a text": (
        'pump = { driver = "pump_rpu1", address = "sim://SN2/pump" }',
        'pump = "pump_rpu1"' + HERE,
        "unit.SN2.pump",
        "a table is needed here",
    ),
    "no address": ('address = "sim://SN1/pump"\n', "", "unit.SN1.pump.address", "is missing"),
    "same address": (
        '"sim://SN2/pump"',
        '"sim://SN1/balance"',
        "unit.SN2.pump.address",
        "is taken by SN1's balance",
    ),
    "same address otherwise spelled": (
        '"sim://SN2/pump"',
        '"sim://SN1/balance?x=1"',
        "unit.SN2.pump.address",
        "'device' number",
    ),
    "real and simulated": (
        '"sim://SN2/pump"',
        '"serial:///dev/ttyUSB0"',
        "unit.SN2.pump.address",
        "all instruments must be at sim:// addresses",
    ),
    "serial twice": (
        'serial = "SN2"',
        'serial = "sn1"' + HERE,
        "unit.sn1.serial",
        "taken by the unit on line 9",
    ),
    "serial with a slash": (
        'serial = "SN2"',
        'serial = "S/2"' + HERE,
        'unit."S/2".serial',
        "cannot be a name",
    ),
    "bad date": (
        "calibrated_until = 2099-12-31",
        'calibrated_until = "2099-12-31"' + HERE,
        "unit.SN1.balance.calibrated_until",
        "without quotes: 2027-03-01",
    ),
    "date with time": (
        "calibrated_until = 2099-12-31",
        "calibrated_until = 2099-12-31 10:00:00" + HERE,
        "unit.SN1.balance.calibrated_until",
        "without a time of day",
    ),
    "no such day": (
        "calibrated_until = 2099-12-31",
        "calibrated_until = 2099-02-31" + HERE,
        "unit.SN1.balance.calibrated_until",
        "not TOML",
    ),
    "resolution missing": (
        'resolution = "0.01 mg"\n',
        "",
        "unit.SN1.balance.resolution",
        'resolution = "0.01 mg"',
    ),
    "resolution a volume": (
        'resolution = "0.01 mg"',
        'resolution = "0.01 mL"' + HERE,
        "unit.SN1.balance.resolution",
        "is a volume; here a mass is needed",
    ),
    "negative repeatability": (
        'repeatability = "0.02 mg"',
        'repeatability = "-0.02 mg"' + HERE,
        "unit.SN1.balance.repeatability",
        "must not be less than 0",
    ),
    "unknown key of a balance": (
        "linearity =",
        "linarity =",
        "unit.SN1.balance.linarity",
        "did you mean 'linearity'?",
    ),
    "accuracy above 100 %": (
        'accuracy_of_value = "10 %"',
        'accuracy_of_value = "110 %"' + HERE,
        "unit.SN1.flow.accuracy_of_value",
        "must not be more than 100",
    ),
    "half an outlet": (
        'vessel_diameter = "30 mm"\n',
        "",
        "unit.SN1.outlet_diameter",
        "both outlet_diameter and vessel_diameter",
    ),
    "outlet too thick": (
        'outlet_diameter = "1 mm"',
        'outlet_diameter = "3 cm"' + HERE,
        "unit.SN1.outlet_diameter",
        "does not go into the vessel",
    ),
    "too much in the reservoir": (
        'outlet_diameter = "1 mm"',
        'reservoir = "41 mL"' + HERE + '\noutlet_diameter = "1 mm"',
        "unit.SN1.reservoir",
        "do not go into the reservoir",
    ),
    "unknown simulated error": (
        "rate_error =",
        "rate_eror =",
        "unit.SN1.simulated.rate_eror",
        "did you mean 'rate_error'?",
    ),
    "stall without beginning": (
        'rate_error = "3 %"',
        'stall_for = "5 h"' + HERE,
        "unit.SN1.simulated.stall_for",
        "'stall_at' too",
    ),
    "unknown fluid": (
        "seed = 7",
        'fluid = "saline"' + HERE,
        "bench.fluid",
        'write "water"',
    ),
    "seed a text": ("seed = 7", 'seed = "7"' + HERE, "bench.seed", "a whole number is needed"),
    "air on the moon": ("seed = 7", 'air_pressure = "3 hPa"' + HERE, "bench.air_pressure", "less than 500"),
    "simulated not true or false": (
        'address = "sim://SN1/pump"',
        'address = "sim://SN1/pump"\nsimulated = "yes"' + HERE,
        "unit.SN1.pump.simulated",
        "true or false",
    ),
    "unit with single brackets": (
        '[[unit]]\nserial = "SN2"',
        '[unit]\nserial = "SN2"',
        "unit",
        "write [[unit]]",
    ),
}

PROFILE_FAULTS = {
    "rates the wrong way round": (
        'rate_min = "0.048',
        'rate_min = "48',
        "pump.rate_min",
        "not below the highest",
    ),
    "accuracy missing": ('accuracy = "14.5 %"\n', "", "pump.accuracy", "is missing"),
    "accuracy a number": ('accuracy = "14.5 %"', "accuracy = 14.5" + HERE, "pump.accuracy", "in quotes"),
    "unknown mechanism": ('"peristaltic"', '"magic"' + HERE, "pump.mechanism", 'write "peristaltic" or'),
    "unknown safe state": ('"stop"', '"safe"' + HERE, "pump.safe_state", 'write "stop" or "minimum"'),
    "alarm always on": (
        'low_reservoir = "2 mL"',
        'low_reservoir = "50 mL"' + HERE,
        "pump.low_reservoir",
        "full reservoir",
    ),
    "boluses the wrong way round": (
        'bolus_min = "10 uL"',
        'bolus_min = "3 mL"' + HERE,
        "pump.bolus_min",
        "not below",
    ),
}

# What only plan and bench together show: file spoiled, old text, new text, case, key, a part of the message.
CHECK_FAULTS = {
    "rate above the pump's": ("plan", '"0.048 mL/day"', '"2 mL/h"' + HERE, "slow", "rate", "highest rate, 1 mL/h"),
    "per hour for per day": ("plan", '"0.048 mL/day"', '"24 mL/h"' + HERE, "slow", "rate", "per hour or per day?"),
    "rate below the pump's": ("plan", '"0.048 mL/day"', '"0.047 mL/day"' + HERE, "slow", "rate", "lowest rate"),
    "dose above the pump's": (
        "plan",
        'rate = "0.048 mL/day"',
        'dose = "60 mg/day"' + HERE + '\ndrug = { name = "baclofen", concentration = "2000 ug/mL" }',
        "slow",
        "dose",
        "highest rate",
    ),
    "rate above the bench's": ("bench", '"1.1 mL/h"', '"1 uL/h"', "slow", "rate", "more than the bench allows"),
    "more than the bench allows": ("bench", '"39 mL"', '"0.05 mL"', "slow", "sample", "more than the bench allows"),
    "more than the reservoir": (
        "bench",
        'outlet_diameter = "1 mm"',
        'reservoir = "50 uL"\noutlet_diameter = "1 mm"',
        "slow",
        "sample",
        "unit 'SN1' is filled with 0.05 mL",
    ),
    "bolus too small": ("plan", '"50 uL"', '"5 uL"' + HERE, "doses", "bolus", "smallest bolus, 0.01 mL"),
    "bolus too large": ("plan", '"50 uL"', '"5 mL"' + HERE, "doses", "bolus", "largest bolus, 2 mL"),
    "bolus too fast": ("plan", '"5 min"', '"1 min"' + HERE, "doses", "bolus_duration", "highest rate of a bolus"),
    "no balance": ("bench", "[[unit]]", "[[unit]]", "slow", "procedure", "needs a balance, and unit 'SN2' has none"),
}  # fmt: skip


def test_the_files_are_sound_before_they_are_spoiled(
    write: Callable[..., dict[str, Path]], balance_on_both: str
) -> None:
    paths = write(bench=balance_on_both)
    assert check_plan_on_bench(load_plan(paths["plan"]), load_bench(paths["bench"])) != []


@pytest.mark.parametrize("fault", PLAN_FAULTS)
def test_a_broken_plan(fault: str, spoil: Callable[..., str], write: Callable[..., dict[str, Path]]) -> None:
    old, new, case, key, said = PLAN_FAULTS[fault]
    text = spoil("plan", old, new)
    path = write(plan=text)["plan"]
    with pytest.raises(DefinitionError) as refused:
        load_plan(path)
    assert_told(refused.value, path, text, case, key, said)


@pytest.mark.parametrize("fault", BENCH_FAULTS)
def test_a_broken_bench(fault: str, spoil: Callable[..., str], write: Callable[..., dict[str, Path]]) -> None:
    old, new, key, said = BENCH_FAULTS[fault]
    text = spoil("bench", old, new)
    path = write(bench=text)["bench"]
    with pytest.raises(DefinitionError) as refused:
        load_bench(path)
    assert_told(refused.value, path, text, None, key, said)


@pytest.mark.parametrize("fault", PROFILE_FAULTS)
def test_a_broken_profile(
    fault: str, spoil: Callable[..., str], write: Callable[..., dict[str, Path]]
) -> None:
    old, new, key, said = PROFILE_FAULTS[fault]
    text = spoil("profile", old, new)
    paths = write(profile=text)
    with pytest.raises(DefinitionError) as refused:
        load_profile(paths["profile"])
    assert_told(refused.value, paths["profile"], text, None, key, said)
    with pytest.raises(DefinitionError) as refused_bench:
        load_bench(paths["bench"])
    assert str(paths["profile"]) in str(refused_bench.value)
    assert "unit.SN1.profile" in str(refused_bench.value)


@pytest.mark.parametrize("fault", CHECK_FAULTS)
def test_a_plan_that_does_not_fit_the_bench(
    fault: str, spoil: Callable[..., str], write: Callable[..., dict[str, Path]], balance_on_both: str
) -> None:
    kind, old, new, case, key, said = CHECK_FAULTS[fault]
    texts = {kind: spoil(kind, old, new)}
    if kind == "bench":
        texts["bench"] += "" if fault == "no balance" else balance_on_both.split('"sim://SN2/pump" }\n')[1]
    else:
        texts["bench"] = balance_on_both
    paths = write(**texts)
    plan, bench = load_plan(paths["plan"]), load_bench(paths["bench"])
    with pytest.raises(DefinitionError) as refused:
        check_plan_on_bench(plan, bench)
    assert_told(refused.value, paths["plan"], plan.source.text, case, key, said)


def assert_told(
    error: DefinitionError, path: Path, text: str, case: str | None, key: str | None, said: str
) -> None:
    """Exactly what and where: among the problems there is one with this place and these words."""
    told = str(error)
    found = [problem for problem in error.problems if said in str(problem)]
    assert found, told
    where = found[0].where
    assert (where.file, where.case, where.key) == (str(path), case, key), told
    lines = text.splitlines()
    assert where.line is not None, told
    if HERE in text:
        assert where.line == 1 + next(number for number, line in enumerate(lines) if HERE in line), told
    elif key is not None and "is missing" not in told:
        assert key.split(".")[-1].strip('"') in lines[where.line - 1], told
    for jargon in ("pydantic", "Input should", "Field required", "Extra inputs", "type=", "ctx", "Traceback"):
        assert jargon not in told
    assert str(path) in told


# What a schema cannot say: what is wrong between two values or places, or with another file; what numbers mean.
NOT_BY_SCHEMA = {
    "zero rate",
    "underflow",
    "window no multiple",
    "window too long",
    "no window",
    "trumpet no multiple",
    "trumpet twice",
    "trumpet of a volume",
    "period no multiple",
    "period shorter than interval",
    "too many samples",
    "settling no multiple",
    "no blank",
    "rate and dose",
    "neither rate nor dose",
    "dose without drug",
    "negative within",
    "limits the wrong way round",
    "share above 100 %",
    "inside of nothing",
    "inside for nothing",
    "empty accept",
    "interval too short",
    "half a second",
    "id twice",
    "control character",
    "too warm",
    "profile not there",
    "profile elsewhere",
    "profile a folder",
    "same address",
    "same address otherwise spelled",
    "real and simulated",
    "serial twice",
    "bad date",
    "accuracy above 100 %",
    "half an outlet",
    "outlet too thick",
    "too much in the reservoir",
    "stall without beginning",
    "air on the moon",
    "rates the wrong way round",
    "alarm always on",
    "boluses the wrong way round",
}


@pytest.mark.parametrize(
    ("kind", "name", "old", "new"),
    [
        (kind, name, *fault[:2])
        for kind, faults in (("plan", PLAN_FAULTS), ("bench", BENCH_FAULTS), ("profile", PROFILE_FAULTS))
        for name, fault in faults.items()
        if "not TOML" not in fault[-1]
    ],
)
def test_an_editor_marks_what_a_schema_can_say(
    kind: str, name: str, old: str, new: str, spoil: Callable[[str, str, str], str]
) -> None:
    schema = SCHEMAS["pump" if kind == "profile" else kind]()
    sound = as_json(tomllib.loads(spoil(kind, "", "")))
    try:
        spoiled = as_json(tomllib.loads(spoil(kind, old, new)))
    except tomllib.TOMLDecodeError:
        return  # an editor marks that without a schema
    validator = Draft7Validator(schema, format_checker=FormatChecker())
    assert validator.is_valid(sound)
    assert validator.is_valid(spoiled) == (name in NOT_BY_SCHEMA)
