"""Every shipped plan on a healthy simulated pump of each kind that it fits: four ways to pulse, one result.

All of them in `make campaign`; in each run of the tests one plan a kind.
"""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from rig.definitions.bench_file import BenchFile, load_bench
from rig.definitions.plan_file import load_plan
from rig.prove.trying import Trial

ROOT = Path(__file__).parents[2]
PLANS = {path.name.removesuffix(".plan.toml"): path for path in (ROOT / "test_plans").glob("*.plan.toml")}
# Of each kind the part of the flow that pulses, and what comes at once: of an implanted pump, of one at the bedside.
KINDS = {
    "peristaltic": (("20 %", "250 nL"), ("10 %", "100 uL")),
    "valve": (("100 %", "1 uL"), None),
    "piston": (("100 %", "2 uL"), ("100 %", "50 uL")),
    "syringe": (None, ("5 %", "5 uL")),
}
NO_SYRINGE = "the reservoir of an implanted pump is no syringe"
NOT_PROGRAMMED = "a pump driven by gas has no rate that could be set from the bedside"
COARSE = "strokes of 50 uL are coarser than the plan's observation windows: infusion_ambulatory is for these"
NO_BAG = "a syringe does not hold what the plan delivers: infusion and occlusion are for these"
# Plans of bedside pumps, and what does not fit them; all others are of implanted pumps.
BEDSIDE = {
    "infusion": {"valve": NOT_PROGRAMMED, "piston": COARSE},
    "occlusion": {"valve": NOT_PROGRAMMED},
    "infusion_volumetric": {"valve": NOT_PROGRAMMED, "syringe": NO_BAG},
    "infusion_ambulatory": {"valve": NOT_PROGRAMMED, "syringe": NO_BAG},
}
IMPLANTED = {"syringe": NO_SYRINGE}


def unfit(plan: str, kind: str) -> str:
    """Why a kind of pump does not fit a plan; "" if it does."""
    return BEDSIDE.get(plan, IMPLANTED).get(kind, "")


def bench_of(plan: str, kind: str, folder: Path) -> BenchFile:
    """The bench the plan names, with a pump of another kind on it."""
    (name,) = set(re.findall(r"--bench fixtures/(\w+\.bench\.toml)", PLANS[plan].read_text("utf-8")))
    shutil.copytree(ROOT / "fixtures", folder, dirs_exist_ok=True)
    pulses = KINDS[kind][plan in BEDSIDE]
    assert pulses is not None
    for profile in (folder / "pumps").glob("*.toml"):
        text = re.sub(
            r'^mechanism = "\w+"', f'mechanism = "{kind}"', profile.read_text("utf-8"), flags=re.MULTILINE
        )
        profile.write_text(text, encoding="utf-8")
    text = (folder / name).read_text("utf-8")
    for key, value in zip(("ripple", "ripple_volume"), pulses, strict=True):
        text, count = re.subn(rf'^{key} = "[^"]+"', f'{key} = "{value}"', text, flags=re.MULTILINE)
        assert count
    (folder / name).write_text(text, encoding="utf-8")
    return load_bench(folder / name)


FITTING = [(plan, kind) for plan in sorted(PLANS) for kind in KINDS if not unfit(plan, kind)]
ALWAYS = {
    ("periodic_bolus", "peristaltic"),
    ("nightly", "valve"),
    ("patient_bolus", "piston"),
    ("occlusion", "syringe"),
}


@pytest.mark.parametrize(
    ("plan", "kind"),
    [pytest.param(*pair, marks=() if pair in ALWAYS else pytest.mark.campaign) for pair in FITTING],
)
def test_a_healthy_pump_passes(plan: str, kind: str, tmp_path: Path) -> None:
    bench = bench_of(plan, kind, tmp_path / "fixtures")
    assert bench.units[0].profile.mechanism == kind
    tried = Trial(load_plan(PLANS[plan]), bench).healthy().tried
    assert (tried.outcome, tried.missed, tried.overlooked, tried.message) == ("PASS", (), "", "")


def test_each_plan_fits_at_least_one_kind_and_each_kind_a_plan() -> None:
    assert {plan for plan, _ in FITTING} == set(PLANS)
    assert {kind for _, kind in FITTING} == set(KINDS)
    assert set(BEDSIDE) <= set(PLANS)
