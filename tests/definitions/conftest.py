"""Small sound files to spoil, one fault at a time."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

PLAN = """\
[plan]
id = "small"
revision = "A"
title = "A small plan"
reference_temperature = "37 degC"

[[case]]
id = "slow"
procedure = "flow_accuracy"
title = "Slow"
verifies = ["SRS-017"]
rationale = "The slowest rate."
rate = "0.048 mL/day"
relax = "30 min"
settle = "6 h"
blank = "4 h"
sample = { every = "15 min", for = "26 h" }
flow_every = "1 s"
windows = ["15 min", "60 min"]
[case.accept]
mean_error = "within 14.5 %"
alarms = "none"
[case.accept.trumpet]
"930 min" = "within 20 %"

[[case]]
id = "doses"
procedure = "bolus"
verifies = ["SRS-031"]
bolus = "50 uL"
bolus_duration = "5 min"
count = 25
interval = "15 min"
settle = "5 min"
blank = "4 h"
inside = "within 10 %"
accept = { mean_error = "within 14.5 %", single_dose = "within 20 %", share_inside = "at least 95 %" }
"""

BENCH = """\
[bench]
id = "small-bench"
fluid_temperature = "37 degC"
air_temperature = "22 degC"
rate_max = "1.1 mL/h"
volume_max = "39 mL"
seed = 7

[[unit]]
serial = "SN1"
profile = "pumps/small.toml"
outlet_diameter = "1 mm"
vessel_diameter = "30 mm"
[unit.pump]
driver = "pump_rpu1"
address = "sim://SN1/pump"
[unit.balance]
driver = "balance_mt_sics"
address = "sim://SN1/balance"
calibrated_until = 2099-12-31
resolution = "0.01 mg"
repeatability = "0.02 mg"
linearity = "0.05 mg"
drift_24h = "0.1 mg"
[unit.flow]
driver = "flow_sensirion_scc1"
address = "sim://SN1/flow"
calibrated_until = 2099-12-31
full_scale = "30 uL/min"
accuracy_of_value = "10 %"
accuracy_of_full_scale = "0.5 %"
[unit.simulated]
rate_error = "3 %"

[[unit]]
serial = "SN2"
profile = "pumps/small.toml"
pump = { driver = "pump_rpu1", address = "sim://SN2/pump" }
"""

PROFILE = """\
[pump]
model = "Small"
maker = "Somebody"
mechanism = "peristaltic"
rate_min = "0.048 mL/day"
rate_max = "24 mL/day"
rate_step = "1 nL/h"
bolus_min = "10 uL"
bolus_max = "2 mL"
bolus_rate_max = "1.2 mL/h"
reservoir = "40 mL"
low_reservoir = "2 mL"
accuracy = "14.5 %"
safe_state = "stop"
"""


def edit(text: str, old: str, new: str) -> str:
    """The text with its first ``old`` made ``new``; it must be there."""
    assert old in text, f"not in the sound file: {old}"
    return text.replace(old, new, 1)


@pytest.fixture
def spoil() -> Callable[[str, str, str], str]:
    """The sound "plan", "bench" or "profile" with one text replaced by another."""
    sound = {"plan": PLAN, "bench": BENCH, "profile": PROFILE}
    return lambda kind, old, new: edit(sound[kind], old, new)


@pytest.fixture
def write(tmp_path: Path) -> Callable[..., dict[str, Path]]:
    """Write the three files, sound but for the texts given; returns their paths."""

    def write_files(plan: str = PLAN, bench: str = BENCH, profile: str = PROFILE) -> dict[str, Path]:
        paths = {
            "plan": tmp_path / "small.plan.toml",
            "bench": tmp_path / "small.bench.toml",
            "profile": tmp_path / "pumps" / "small.toml",
        }
        paths["profile"].parent.mkdir(exist_ok=True)
        for kind, text in (("plan", plan), ("bench", bench), ("profile", profile)):
            paths[kind].write_text(text, encoding="utf-8")
        return paths

    return write_files


@pytest.fixture
def balance_on_both(spoil: Callable[[str, str, str], str]) -> str:
    """The sound bench with a balance for the second unit too, so that every procedure can be carried out."""
    return spoil("bench", 'address = "sim://SN2/pump" }\n', 'address = "sim://SN2/pump" }\n') + (
        "[unit.balance]\n"
        'driver = "balance_mt_sics"\naddress = "sim://SN2/balance"\ncalibrated_until = 2099-12-31\n'
        'resolution = "0.01 mg"\nrepeatability = "0.02 mg"\nlinearity = "0.05 mg"\ndrift_24h = "0.1 mg"\n'
    )
