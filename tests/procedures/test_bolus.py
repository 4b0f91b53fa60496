"""The boluses of a case as the record, the wire and the pump's own log show them."""

from __future__ import annotations

import pytest


@pytest.fixture
def done(scene):
    """The case carried out."""
    assert scene.carry_out("doses") is None
    assert scene.ended() == ("completed", "")
    return scene


def test_each_dose_is_weighed_before_and_after_at_the_planned_instants(done):
    doses = done.journal("dose")
    assert [dose["index"] for dose in doses] == [0, 1, 2, 3]
    first_s = doses[0]["weighed_before_t_ns"] / 1e9
    for index, dose in enumerate(doses):
        before_s, started_s, ended_s, after_s = (
            dose[name] / 1e9
            for name in ("weighed_before_t_ns", "started_t_ns", "ended_t_ns", "weighed_after_t_ns")
        )
        assert before_s == pytest.approx(first_s + index * 900, abs=0.2)
        assert started_s == pytest.approx(before_s, abs=0.2)
        assert ended_s == pytest.approx(started_s + 300, abs=0.5)
        assert after_s == pytest.approx(ended_s + 300, abs=0.5)
        assert dose["after_g"] - dose["before_g"] == pytest.approx(0.0497, abs=0.0005)


def test_the_pump_gave_as_many_boluses_as_planned_each_commanded_once(done):
    assert done.pump_log().count("BOLUS_GRANT") == 4
    assert len([text for _, text in done.sent("pump") if "COMMIT" in text]) == 4
    assert len(done.journal("read_back")) == 4
    assert done.journal("pump_state")[-1]["delivered_nl"] == pytest.approx(200_000, abs=20)


def test_the_steps_come_in_order(done):
    names = [step["name"] for step in done.journal("step")]
    assert names == [
        "identify", "relax_before", "blank_before", "sample", "relax_after", "blank_after", "safe_state",
    ]  # fmt: skip
