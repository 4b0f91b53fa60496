"""Flagged data is never deleted: verdicts are computed with and without it, and are none if they would flip."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

from rig.record.case_data import FlowSeries

Judged = Callable[..., dict]
NS, H = 10**9, 3600.0
STARTED_S = 7200.0
SAMPLE_S = 0.5 * H + 4 * H + 1 * H + 2  # into the case


def criterion(result: dict, name: str) -> dict:
    return next(entry for entry in result["criteria"] if entry["name"] == name)


def ns(t_s: float | np.ndarray) -> np.ndarray:
    return np.round((STARTED_S + np.asarray(t_s)) * NS).astype(np.int64)


def with_bubble(made: SimpleNamespace, world: dict, lasts_s: float) -> dict:
    """Air at the sensor for a while, 10 h into the analysis period."""
    flow = made.steady(made.World(**world)).flow
    air = (flow.t_ns >= ns(SAMPLE_S + 10 * H)) & (flow.t_ns < ns(SAMPLE_S + 10 * H + lasts_s))
    return {"flow": replace(flow, air=air)}


def with_unstable_blank(made: SimpleNamespace, world: dict, count: int, off_g: float) -> dict:
    """So many readings of the first blank are unstable, and one of them shows something else."""
    mass = made.steady(made.World(**world)).mass
    stable, mass_g = mass.stable.copy(), mass.mass_g.copy()
    stable[10 : 10 + count] = False
    mass_g[10 : 10 + count] += off_g
    return {"mass": replace(mass, stable=stable, mass_g=mass_g)}


STILL = (SAMPLE_S + 20 * H, SAMPLE_S + 22 * H)
# What is wrong, the flag, whether the mean error (limit 5 %) would be judged otherwise without the data.
SCENES = {
    "a bump of 40 mg": ({"bump": (SAMPLE_S + 10 * H, 0.040)}, "balance_disturbed", True),
    "a bump of 5.5 mg": ({"bump": (SAMPLE_S + 10 * H, 0.0055)}, "balance_disturbed", False),
    "a pump off, and a bump that hides it": (
        {"error_pct": 7.0, "bump": (SAMPLE_S + 10 * H, -0.040)},
        "balance_disturbed",
        True,
    ),
    "a display that stood still at the end": (
        {"stuck_s": (SAMPLE_S + 20 * H, SAMPLE_S + 26.2 * H)},
        "balance_flat",
        True,
    ),
    "a display that stood still and caught up": ({"stuck_s": STILL}, "balance_flat", False),
    "a flow that rises, on both sides of the limit": ({"trend_pct": 8.0}, "not_stationary", True),
    "a flow that rises within the limit": ({"trend_pct": 5.0}, "not_stationary", False),
}


@pytest.mark.parametrize("scene", SCENES)
def test_a_verdict_that_hangs_on_flagged_data_is_none(judged: Judged, scene: str) -> None:
    world, name, flips = SCENES[scene]
    result = judged("steady", **world)
    mean = criterion(result, "mean_error")
    flagged = [flag for flag in result["flags"] if flag["name"] == name]

    assert flagged
    assert {flag["kind"] for flag in flagged} == {"measurement"}
    assert mean["value"] is not None  # never deleted
    if flips:
        assert mean["verdict"] == "INCONCLUSIVE"
        assert "flagged data" in mean["reason"]
        assert all("mean_error" in flag["effect"] for flag in flagged)
    else:
        assert mean["verdict"] == "PASS"


def test_a_bubble_puts_what_was_weighed_meanwhile_in_doubt(judged: Judged, made: SimpleNamespace) -> None:
    short = judged("steady", changes=with_bubble(made, {}, 600.0))
    assert [(flag["name"], flag["kind"]) for flag in short["flags"]] == [("air_in_line", "measurement")]
    assert short["outcome"] == "PASS"
    assert short["flags"][0]["effect"] == "none: the verdicts are the same without these data"

    # 40 mg too much were weighed while the sensor was blind: no other witness, and without them it passes
    world = {"bump": (SAMPLE_S + 10 * H + 300, 0.040)}
    blind = judged("steady", **world, changes=with_bubble(made, world, 900.0))
    assert [flag["name"] for flag in blind["flags"]] == ["air_in_line"]
    assert criterion(blind, "mean_error")["verdict"] == "INCONCLUSIVE"
    assert "FAIL with them, PASS without" in criterion(blind, "mean_error")["reason"]


@pytest.mark.parametrize(
    ("count", "off_g", "verdict"),
    [(5, 0.0, "PASS"), (5, 0.015, "INCONCLUSIVE"), (6, 0.0, "PASS"), (3, 0.0, "PASS")],
)
def test_unstable_readings_of_a_blank(
    judged: Judged, made: SimpleNamespace, count: int, off_g: float, verdict: str
) -> None:
    changes = with_unstable_blank(made, {}, count, off_g)
    result = judged("steady", changes=changes)
    names = [flag["name"] for flag in result["flags"]]

    assert ("unstable_readings" in names) == (count > 3)  # a fifth of 17
    assert criterion(result, "mean_error")["verdict"] == verdict


def test_without_a_stable_reading_in_a_blank_nothing_is_left(judged: Judged, made: SimpleNamespace) -> None:
    mass = made.steady(made.World()).mass
    stable = mass.stable.copy()
    stable[:15] = False
    result = judged("steady", changes={"mass": replace(mass, stable=stable)})

    assert criterion(result, "mean_error")["verdict"] == "INCONCLUSIVE"
    assert "nothing is left" in criterion(result, "mean_error")["reason"]
    assert criterion(result, "claimed_delivery")["verdict"] == "PASS"  # not weighed


def dose_flow(doses: tuple, errors_pct: np.ndarray) -> FlowSeries:
    """The sensor sees each of these doses, a sample every 10 s, and nothing between."""
    t_ns = np.arange(doses[0].weighed_before_t_ns, doses[-1].weighed_after_t_ns, 10 * NS, dtype=np.int64)
    flow = np.zeros(len(t_ns))
    for dose, error_pct in zip(doses, errors_pct, strict=True):
        during = (t_ns >= dose.started_t_ns) & (t_ns < dose.started_t_ns + 300 * NS)
        flow[during] = 0.6 * (1 + error_pct / 100)
    nothing = np.zeros(len(t_ns), bool)
    return FlowSeries(t_ns, flow, np.full(len(t_ns), 36.5), nothing, nothing)


def test_a_dose_that_only_the_balance_saw_is_in_doubt(judged: Judged, made: SimpleNamespace) -> None:
    errors = np.zeros(25)
    data = made.doses(made.World())
    errors[7] = 30.0
    world = {"dose_error_pct": tuple(errors)}
    both = judged("doses", **world, changes={"flow": dose_flow(data.doses, errors)})
    alone = judged("doses", **world, changes={"flow": dose_flow(data.doses, np.zeros(25))})

    assert both["flags"] == []  # the pump's
    assert criterion(both, "single_dose")["verdict"] == "FAIL"
    assert [(flag["name"], flag["kind"]) for flag in alone["flags"]] == [("dose_disturbed", "measurement")]
    assert "bolus 8" in alone["flags"][0]["message"]
    assert criterion(alone, "single_dose")["verdict"] == "INCONCLUSIVE"
    assert criterion(alone, "mean_error")["verdict"] == "PASS"  # the same without
    assert criterion(alone, "share_inside")["verdict"] == "PASS"
    assert alone["doses"][7]["deviation_pct"] == pytest.approx(30, abs=0.5)  # never deleted


def test_a_share_that_hangs_on_doses_in_doubt_is_none(judged: Judged, made: SimpleNamespace) -> None:
    errors = np.zeros(25)
    errors[[3, 11]] = 12.0  # 92 % inside
    data = made.doses(made.World())
    result = judged(
        "doses",
        dose_error_pct=tuple(errors),
        changes={"flow": dose_flow(data.doses, np.where(errors, -9, 0))},
    )

    assert [flag["name"] for flag in result["flags"]] == ["dose_disturbed"] * 2
    assert criterion(result, "share_inside")["value"] == pytest.approx(92)
    assert criterion(result, "share_inside")["verdict"] == "INCONCLUSIVE"


def test_a_display_that_showed_no_dose_is_in_doubt(judged: Judged) -> None:
    still = tuple(-100.0 if index in (5, 6, 7) else 0.0 for index in range(25))
    result = judged("doses", dose_error_pct=still, noise_g=0.0, drift_24h_g=0.0, evaporation_g_h=0.0)

    assert [flag["name"] for flag in result["flags"]] == ["balance_flat"]
    assert {criterion(result, name)["verdict"] for name in ("mean_error", "single_dose", "share_inside")} == {
        "INCONCLUSIVE"
    }
