"""A pump that does not deliver what it was told is stopped in the middle of its case; that is an error, and flagged."""

from __future__ import annotations

import pytest

from rig.bench.interlock import BenchLimits

NEXT = "until the bench is opened anew this unit takes no dose"


@pytest.fixture
def stopped(open_scene):
    """A unit that delivers half too much, beside one that is well, on a bench that allows 0.05 mL of disagreement."""
    scene = open_scene(units=2)
    for interlock in scene.bench.interlocks.values():
        interlock.limits = BenchLimits(disagreement_max_nl=50_000, density_g_ml=0.9933)
    scene.channel.fluid.rate_error = 0.5
    scene.carry_out("flow")
    return scene


def test_its_case_ends_as_an_error_flagged_and_counted_and_the_other_unit_goes_on(stopped):
    ended, message = stopped.ended()
    assert ended == "error"
    assert "further apart than disagreement_max, 0.05 mL" in message
    assert "the pump was put in its safe state" in message
    assert stopped.channel.pump.unit.mode == "STOP"
    assert [flag["name"] for flag in stopped.journal("flag")] == ["interlock"]
    (account,) = stopped.journal("interlock")
    assert account["weighed_nl"] > account["commanded_most_nl"] + 50_000

    assert stopped.ended("SIM-0002") == ("completed", "")
    (account,) = stopped.journal("interlock", "SIM-0002")
    assert abs(account["weighed_nl"] - account["commanded_most_nl"]) < 50_000


def test_the_next_case_delivers_nothing_on_it(stopped):
    delivered_nl = stopped.channel.pump.unit.delivered_nl
    stopped.carry_out("doses")
    ended, message = stopped.ended()
    assert (ended, NEXT in message) == ("error", True)
    assert stopped.channel.pump.unit.delivered_nl == delivered_nl
    assert stopped.ended("SIM-0002") == ("completed", "")
