import pytest

from rig.analysis.refill import refill, time_to_low_s

DAY_S = 86400.0


def test_worked_refill_to_the_last_digit():
    rate_ml_day = 0.3
    worked = refill(20.0, 45 * rate_ml_day, 5.9)

    assert time_to_low_s(20.0, 2.0, rate_ml_day / 24) / DAY_S == pytest.approx(60.0, rel=1e-14)
    assert worked.programmed_ml == 13.5
    assert worked.expected_residual_ml == 6.5
    assert worked.delivered_ml == pytest.approx(14.1, rel=1e-15)
    assert worked.accuracy_ratio_pct == pytest.approx(104.44444444444444, rel=1e-15)
    assert worked.error_pct == pytest.approx(4.444444444444442, rel=1e-12)
    assert worked.discrepancy_ml == pytest.approx(0.5999999999999996, rel=1e-15)


def test_its_uncertainty_is_that_of_both_volumes():
    assert refill(20.0, 10.0, 10.0, filled_u_ml=0.3, measured_u_ml=0.4).error_u_pct == pytest.approx(5.0)
    assert refill(20.0, 10.0, 10.0).error_u_pct == 0.0


def test_reasons_to_investigate():
    assert refill(20.0, 13.5, 5.9).reasons_to_investigate(-14.5, 14.5) == ()
    under = refill(20.0, 13.5, 8.51)
    assert under.reasons_to_investigate(-14.5, 14.5) == (
        "the residual volume is off by 2.01 mL, more than 2 mL",
        "the error of -14.89 % is outside -14.5 to +14.5 %",
    )
    over = refill(20.0, 4.0, 15.3)
    assert over.reasons_to_investigate(-14.5, 14.5) == ("the error of +17.50 % is outside -14.5 to +14.5 %",)
    assert over.reasons_to_investigate(-14.5, 20.0, investigate_ml=0.5)[0].startswith(
        "the residual volume is off by 0.7"
    )


@pytest.mark.parametrize(
    ("ask", "said"),
    [
        (lambda: refill(20.0, 0.0, 5.0), "cannot have been programmed"),
        (lambda: refill(20.0, 20.1, 5.0), "cannot have been programmed"),
        (lambda: refill(20.0, 10.0, -0.1), "residual volume of -0.1 mL"),
        (lambda: time_to_low_s(20.0, 2.0, 0.0), "rate must be positive"),
        (lambda: time_to_low_s(20.0, 21.0, 1.0), "low mark"),
    ],
)
def test_what_is_no_refill_is_refused(ask, said):
    with pytest.raises(ValueError, match=said):
        ask()


def test_an_empty_reservoir_and_one_that_was_to_be_emptied_are_refills():
    empty = refill(20.0, 20.0, 0.0)

    assert (empty.expected_residual_ml, empty.error_pct, empty.discrepancy_ml) == (0.0, 0.0, 0.0)
    assert time_to_low_s(20.0, 20.0, 0.5) == 0.0
    assert time_to_low_s(2.0, 0.0, 0.5) == 4 * 3600.0
