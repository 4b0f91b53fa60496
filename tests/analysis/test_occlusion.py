import numpy as np
import pytest

from rig.analysis.occlusion import expected_occlusion, occlusion


@pytest.mark.parametrize(("rate_ml_h", "t_alarm_s"), [(0.1, 1080.0), (1.0, 108.0), (5.0, 21.6), (25.0, 4.32)])
def test_worked_expectations_to_the_last_digit(rate_ml_h, t_alarm_s):
    worked = expected_occlusion(rate_ml_h, 0.0005, 60.0)

    assert worked.time_to_alarm_s == pytest.approx(t_alarm_s, rel=1e-14)
    assert worked.released_ml * 1000 == pytest.approx(30.0, rel=1e-14)


def series(every_s=1.0):
    """5 mL/h into 0.0005 mL/kPa from 10 s on, 12 kPa before; the pump stops at 40 s, the line is opened at 60 s."""
    t_s = np.arange(0.0, 71.0, every_s)
    rise = 5.0 / 3600 / 0.0005 * np.clip(t_s - 10.0, 0.0, 30.0)
    return t_s, 12.0 + np.where(t_s > 60.0, 0.0, rise)


def test_a_series_of_the_model_gives_back_the_model():
    t_s, pressure = series()

    found = occlusion(t_s, pressure, closed_s=10.0, alarm_s=31.6, opened_s=60.0, rate_ml_h=5.0)

    assert found.time_to_alarm_s == pytest.approx(21.6)
    assert found.alarm_kpa == pytest.approx(60.0)
    assert found.highest_kpa == pytest.approx(250.0 / 3)
    assert found.compliance_ml_kpa == pytest.approx(0.0005)
    assert found.released_ml == pytest.approx(0.0005 * 250 / 3)


def test_pressures_outside_the_closed_time_do_not_count():
    t_s, pressure = series()
    pressure[t_s < 10.0] = 500.0
    pressure[t_s > 60.0] = 900.0

    found = occlusion(t_s, pressure, 10.0, 31.6, 60.0, 5.0)

    assert found.highest_kpa == pytest.approx(250.0 / 3)
    assert found.compliance_ml_kpa == pytest.approx(0.0005)


def test_the_highest_pressure_may_lie_between_readings():
    t_s, pressure = np.array([0.0, 10.0, 20.0, 40.0]), np.array([0.0, 10.0, 20.0, 60.0])

    found = occlusion(t_s, pressure, 0.0, 10.0, 30.0, 5.0)

    assert found.highest_kpa == pytest.approx(40.0)


def test_a_pressure_that_does_not_rise_has_no_compliance():
    t_s = np.arange(10.0)

    found = occlusion(t_s, np.full(10, 3.0), 1.0, 5.0, 9.0, 5.0)

    assert (found.compliance_ml_kpa, found.released_ml, found.alarm_kpa) == (None, None, 0.0)


@pytest.mark.parametrize(
    ("closed_s", "alarm_s", "opened_s", "rate_ml_h", "said"),
    [
        (30.0, 30.0, 60.0, 5.0, "is closed, then"),
        (10.0, 61.0, 60.0, 5.0, "is closed, then"),
        (10.0, 31.6, 60.0, 0.0, "rate is positive"),
        (-1.0, 31.6, 60.0, 5.0, "was not read"),
        (10.0, 31.6, 71.0, 5.0, "was not read"),
        (10.2, 11.2, 60.0, 5.0, "fewer than two"),
    ],
)
def test_what_is_no_occlusion_is_refused(closed_s, alarm_s, opened_s, rate_ml_h, said):
    with pytest.raises(ValueError, match=said):
        occlusion(*series(), closed_s, alarm_s, opened_s, rate_ml_h)


def test_no_expectation_without_rate_compliance_and_pressure():
    for arguments in ((0.0, 0.1, 1.0), (1.0, 0.0, 1.0), (1.0, 0.1, 0.0)):
        with pytest.raises(ValueError, match="must be positive"):
            expected_occlusion(*arguments)
