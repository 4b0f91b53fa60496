import math

import numpy as np
import pytest

from rig.analysis.monte_carlo import drawn_deviations, numerical_tolerance, propagate
from rig.analysis.uncertainty import Budget, Component


def four(distribution, last_u=1.0):
    """The additive examples of JCGM 101:2008, 9.2: Y = X1 + X2 + X3 + X4."""
    units = (1.0, 1.0, 1.0, last_u)
    return Budget(
        0.0,
        "1",
        tuple(
            Component(f"x{i}", "", 0.0, "1", u, 1.0, distribution=distribution) for i, u in enumerate(units)
        ),
    )


def test_four_normal_inputs_are_validated():
    found = propagate(four("normal"))

    assert (found.low, found.high) == (pytest.approx(-3.92, abs=0.02), pytest.approx(3.92, abs=0.02))
    assert found.standard_uncertainty == pytest.approx(2.0, abs=0.01)
    assert found.tolerance == 0.05
    assert found.validated
    assert found.warning == ""


def test_four_equal_rectangular_inputs_are_validated_to_two_digits():
    # 9.2.3: the interval is ± 3.88 against ± 3.92; the tolerance is 0.05.
    found = propagate(four("rectangular"))

    assert (found.low, found.high) == (pytest.approx(-3.88, abs=0.02), pytest.approx(3.88, abs=0.02))
    assert found.high_difference == pytest.approx(0.04, abs=0.02)
    assert found.validated


def test_one_dominating_rectangular_input_is_not():
    # 9.2.4: a standard uncertainty of 10 beside three of 1; ± 17.0 against ± 19.9, tolerance 0.5.
    found = propagate(four("rectangular", 10.0))

    assert found.standard_uncertainty == pytest.approx(10.1, abs=0.1)
    assert (found.low, found.high) == (pytest.approx(-17.0, abs=0.1), pytest.approx(17.0, abs=0.1))
    assert found.high_difference == pytest.approx(19.9 - 17.0, abs=0.1)
    assert found.tolerance == 0.5
    assert not found.validated
    assert "the budget's differs by 2." in found.warning


def test_a_curved_model_is_not_what_its_linear_form_says():
    # Y = X² at X = 0 ± 1: the linear form has no uncertainty from X, and the mean of Y is 1.
    budget = Budget(
        0.0, "1", (Component("x", "", 0.0, "1", 1.0, 0.0), Component("e", "", 0.0, "1", 0.1, 1.0))
    )

    found = propagate(budget, lambda inputs: inputs[0] ** 2 + inputs[1])

    assert found.value == pytest.approx(1.0, abs=0.02)
    assert not found.validated


def test_a_model_is_given_the_inputs_in_the_order_of_the_budget():
    density = Component("density", "", 2.0, "g/mL", 0.001, -2.0)
    budget = Budget(4.0, "mL", (Component("mass", "", 8.0, "g", 0.08, 0.5), density))

    linear, curved = propagate(budget), propagate(budget, lambda inputs: inputs[0] / inputs[1])

    assert curved.value == pytest.approx(4.0, abs=1e-3)
    assert curved.standard_uncertainty == pytest.approx(budget.combined_standard_uncertainty, rel=0.02)
    assert linear.standard_uncertainty == pytest.approx(budget.combined_standard_uncertainty, rel=0.02)
    assert curved.validated


def test_few_degrees_of_freedom_widen_the_draws():
    # One component with 4 degrees of freedom: t itself, so that the interval is that of the budget.
    budget = Budget(10.0, "mL", (Component("a", "", 10.0, "mL", 0.5, 1.0, 4.0),))

    found = propagate(budget)

    assert found.high - 10.0 == pytest.approx(2.7764 * 0.5, abs=0.02)
    assert found.standard_uncertainty == pytest.approx(0.5 * math.sqrt(2.0), abs=0.02)  # sqrt(4 / (4 - 2))


def test_the_same_seed_draws_the_same_and_another_differs():
    budget = four("normal")

    assert propagate(budget) == propagate(budget)
    assert propagate(budget, seed=1) != propagate(budget)


def test_too_few_trials_are_said_to_be_too_few():
    found = propagate(four("normal"), digits=4, most_trials=20_000)

    assert (found.trials, found.settled, found.validated) == (20_000, False, False)
    assert found.warning == "20000 trials are too few to tell whether the interval is right to 0.0005"


@pytest.mark.parametrize(
    ("distribution", "kurtosis", "furthest"),
    [
        ("normal", 3.0, math.inf),
        ("rectangular", 1.8, math.sqrt(3)),
        ("triangular", 2.4, math.sqrt(6)),
        ("arc sine", 1.5, math.sqrt(2)),
    ],
)
def test_distributions_have_their_width_and_shape(distribution, kurtosis, furthest):
    component = Component("x", "", 5.0, "g", 0.2, distribution=distribution)

    drawn = drawn_deviations(component, 200_000, np.random.default_rng(2)) / 0.2

    assert drawn.mean() == pytest.approx(0.0, abs=0.01)
    assert drawn.std() == pytest.approx(1.0, abs=0.01)
    assert np.mean(drawn**4) == pytest.approx(kurtosis, rel=0.03)
    assert np.abs(drawn).max() <= furthest + 1e-12
    if math.isfinite(furthest):
        assert np.abs(drawn).max() > 0.98 * furthest


@pytest.mark.parametrize(
    ("u", "digits", "tolerance"),
    [
        (1.03, 2, 0.05),
        (0.00035, 2, 5e-6),
        (10.1, 2, 0.5),
        (2.0, 1, 0.5),
        (0.0996, 2, 0.005),
        (0.0994, 2, 0.0005),
    ],
)
def test_tolerance_of_an_uncertainty(u, digits, tolerance):
    # 7.9.2: 0.000 35 is 35e-5, so half of 1e-5; 0.0996 is 10e-2 to two digits, 0.0994 is 99e-3.
    assert numerical_tolerance(u, digits) == pytest.approx(tolerance)


def test_what_cannot_be_propagated_is_refused():
    unknown = Budget(0.0, "1", (Component("x", "", 0.0, "1", 1.0, distribution="guessed"),))
    with pytest.raises(ValueError, match="'x': no draws of a distribution 'guessed'"):
        propagate(unknown)
    with pytest.raises(ValueError, match="no uncertainty to propagate"):
        propagate(Budget(0.0, "1", (Component("x", "", 0.0, "1", 0.0),)))
    with pytest.raises(ValueError, match="is no propagation"):
        propagate(four("normal"), digits=0)
    with pytest.raises(ValueError, match="is no propagation"):
        propagate(four("normal"), most_trials=19_999)
    with pytest.raises(ValueError, match="no significant digits"):
        numerical_tolerance(0.0)


def test_at_the_most_trials_ends_known_to_the_tolerance_are_enough():
    # Two standard errors of an end are 5.3 u / sqrt(trials): 1.0e-4 and 4.7e-5, against a tolerance of 5e-5.
    one = Budget(0.0, "mL", (Component("x", "", 0.0, "mL", 0.0062, 1.0),))

    few, enough = propagate(one, most_trials=100_000), propagate(one, most_trials=500_000)

    assert (few.settled, few.validated) == (False, False)
    assert enough.tolerance == 5e-5
    assert enough.settled
    assert enough.validated
