"""What is worth a warning when a plan meets a bench."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from rig.definitions.bench_file import load_bench
from rig.definitions.check import check_plan_on_bench
from rig.definitions.plan_file import load_plan
from rig.errors import DefinitionError

Spoil = Callable[[str, str, str], str]
Write = Callable[..., dict[str, Path]]


def warnings(write: Write, plan: str, bench: str) -> list[str]:
    paths = write(plan=plan, bench=bench)
    return check_plan_on_bench(load_plan(paths["plan"]), load_bench(paths["bench"]))


def test_a_missing_flow_sensor_is_told_once(spoil: Spoil, write: Write, balance_on_both: str) -> None:
    told = warnings(write, spoil("plan", "", ""), balance_on_both)
    assert len(told) == 1
    assert "unit.SN2': no flow sensor" in told[0]


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ('verifies = ["SRS-017"]\n', "", "case 'slow': it verifies no requirement"),
        ('"37 degC"', '"20 degC"', "volumes are stated at 20 degC, the bench's fluid is at 37 degC"),
        ('bolus = "50 uL"', 'bolus = "1.55 mL"', "the low-reservoir alarm of 'SN1' will come"),
    ],
)
def test_warnings_of_a_plan(
    old: str, new: str, said: str, spoil: Spoil, write: Write, balance_on_both: str
) -> None:
    plan = spoil("plan", old, new)
    plan = plan.replace('interval = "15 min"', 'interval = "4 h"').replace('"5 min"\ncount', '"2 h"\ncount')
    plan = plan.replace("accept = { mean", 'accept = { alarms = "none", mean')
    told = warnings(write, plan, balance_on_both)
    assert [text for text in told if said in text], told


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        (
            "calibrated_until = 2099-12-31\nresolution",
            "resolution",
            "unit.SN1.balance': it is not said until when",
        ),
        (
            'full_scale = "30 uL/min"',
            'full_scale = "1 uL/h"',
            "beyond the full scale of the flow sensor of unit 'SN1'",
        ),
    ],
)
def test_warnings_of_a_bench(
    old: str, new: str, said: str, spoil: Spoil, write: Write, balance_on_both: str
) -> None:
    assert old in balance_on_both
    told = warnings(write, spoil("plan", "", ""), balance_on_both.replace(old, new, 1))
    assert [text for text in told if said in text], told


def test_a_coarse_step_of_the_rate(spoil: Spoil, write: Write, balance_on_both: str) -> None:
    paths = write(bench=balance_on_both, profile=spoil("profile", '"1 nL/h"', '"0.3 uL/h"'))
    told = check_plan_on_bench(load_plan(paths["plan"]), load_bench(paths["bench"]))
    assert [text for text in told if "changes the rate by 5 %" in text], told


def test_the_volume_is_counted_over_all_cases(spoil: Spoil, write: Write, balance_on_both: str) -> None:
    """1.25 mL of boluses fit alone; the slow case before them makes it 1.314 mL."""
    bench = balance_on_both.replace('volume_max = "39 mL"', 'volume_max = "1.3 mL"')
    paths = write(bench=bench)
    with pytest.raises(DefinitionError) as refused:
        check_plan_on_bench(load_plan(paths["plan"]), load_bench(paths["bench"]))
    assert refused.value.where.case == "doses"
    assert "1.314 mL" in str(refused.value)


def on_real_ports(bench: str, layer: str) -> str:
    """The bench with its instruments behind TCP, and what it says of its last layer."""
    parts = bench.split("sim://SN")
    moved = "".join(f"socket://127.0.0.1:{9000 + number}#{part}" for number, part in enumerate(parts[1:]))
    text = parts[0] + re.sub(r"#[^\"]*", "", moved)
    return text.replace('[unit.simulated]\nrate_error = "3 %"\n', "").replace(
        "seed = 7\n", f"seed = 7\n{layer}"
    )


@pytest.mark.parametrize("layer", ["", 'if_both_die = "none"\n'])
def test_a_plan_is_not_left_alone_where_nothing_makes_the_pumps_safe(
    layer: str, spoil: Spoil, write: Write, balance_on_both: str
) -> None:
    plan = spoil("plan", 'revision = "A"\n', 'revision = "A"\nunattended = true\n')
    with pytest.raises(DefinitionError, match="makes the pumps safe if run and guard both die") as refused:
        warnings(write, plan, on_real_ports(balance_on_both, layer))
    assert refused.value.where.key == "plan.unattended"


@pytest.mark.parametrize("layer", ["relay watchdog", "pump communication time-out"])
def test_with_a_last_layer_or_in_a_rehearsal_it_may_be(
    layer: str, spoil: Spoil, write: Write, balance_on_both: str
) -> None:
    plan = spoil("plan", 'revision = "A"\n', 'revision = "A"\nunattended = true\n')
    warnings(write, plan, on_real_ports(balance_on_both, f'if_both_die = "{layer}"\n'))
    warnings(write, plan, balance_on_both)


@pytest.mark.parametrize(
    ("state", "keys", "said"),
    [
        ("divert", "", "this pump's flow is diverted to be safe (say which channel of its valves does it"),
        ("divert", "safe_channel = 3\n", "neither this unit nor the bench has valves"),
        ("power off", "", "this pump's power is cut to be safe (add its supply"),
    ],
)
def test_a_safe_state_that_is_switched_needs_what_switches_it(
    state: str, keys: str, said: str, spoil: Spoil, write: Write, balance_on_both: str
) -> None:
    profile = spoil("profile", 'safe_state = "stop"', f'safe_state = "{state}"')
    paths = write(
        bench=balance_on_both.replace('serial = "SN1"\n', f'serial = "SN1"\n{keys}'), profile=profile
    )
    with pytest.raises(DefinitionError) as refused:
        load_bench(paths["bench"])
    assert said in str(refused.value)
