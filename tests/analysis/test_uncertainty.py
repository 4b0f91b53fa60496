import math

import GTC
import pytest
import uncertainties
from hypothesis import given, settings
from hypothesis import strategies as st

from rig.analysis.uncertainty import Budget, Component, coverage_factor, distribution_function

# Q = dI / T 3600 Z + q_evap in mL/h: estimate, standard uncertainty, degrees of freedom.
INPUTS = {
    "dI": (1.6652, 6e-05, 11),
    "T": (1200.0, 0.02, 50),
    "Z": (1.00282, 5e-05, 50),
    "q_evap": (0.004, 0.001, 9),
}
SENSITIVITIES = {"dI": 3.00846, "T": -0.00417473966, "Z": 4.9956000000000005, "q_evap": 1.0}
CONTRIBUTIONS = {"dI": 0.00018050759999999999, "T": 8.349479320000001e-05, "Z": 0.00024978, "q_evap": 0.001}


def budget() -> Budget:
    components = tuple(
        Component(name, "worked example", value, "", u, SENSITIVITIES[name], degrees)
        for name, (value, u, degrees) in INPUTS.items()
    )
    return Budget(5.013687591999999, "mL/h", components)


def test_worked_budget_to_the_last_digit() -> None:
    worked = budget()

    for component in worked.components:
        assert component.contribution == pytest.approx(CONTRIBUTIONS[component.name], rel=1e-14)
    assert worked.combined_standard_uncertainty == pytest.approx(0.0010497354059710812, rel=1e-14)
    assert worked.effective_degrees_of_freedom == pytest.approx(10.911315262753321, rel=1e-13)
    assert worked.coverage_factor == pytest.approx(2.228138851986274, rel=1e-12)
    assert worked.expanded_uncertainty == pytest.approx(0.00233895624234975, rel=1e-12)


def test_agrees_with_gtc() -> None:
    di, t, z, evaporation = (GTC.ureal(value, u, degrees) for value, u, degrees in INPUTS.values())
    flow = di / t * 3600 * z + evaporation

    assert budget().value == pytest.approx(flow.x, abs=1e-9)
    assert budget().combined_standard_uncertainty == pytest.approx(flow.u, abs=1e-9)
    assert budget().effective_degrees_of_freedom == pytest.approx(flow.df, abs=1e-9)
    assert budget().coverage_factor == pytest.approx(GTC.rp.k_factor(math.floor(flow.df)), abs=1e-9)


def test_agrees_with_uncertainties() -> None:
    di, t, z, evaporation = (uncertainties.ufloat(value, u) for value, u, _ in INPUTS.values())
    flow = di / t * 3600 * z + evaporation

    assert budget().combined_standard_uncertainty == pytest.approx(flow.std_dev, abs=1e-9)


def test_without_finite_degrees_of_freedom_the_normal_quantile_holds() -> None:
    stated = Budget(1.0, "g", (Component("a", "", 1.0, "g", 3.0), Component("b", "", 1.0, "g", 4.0)))

    assert stated.combined_standard_uncertainty == 5.0
    assert math.isinf(stated.effective_degrees_of_freedom)
    assert stated.coverage_factor == pytest.approx(1.959963984540054, abs=1e-12)


@pytest.mark.parametrize(
    ("degrees", "expected"),
    [(1, 12.706204736), (1.99, 12.706204736), (0.4, 12.706204736), (10.99, 2.228138852)],
)
def test_degrees_of_freedom_are_rounded_down_but_not_below_one(degrees: float, expected: float) -> None:
    assert coverage_factor(degrees) == pytest.approx(expected, abs=1e-8)


@pytest.mark.parametrize("confidence", [0.0, 1.0, 95.0])
def test_a_confidence_that_is_none_is_refused(confidence: float) -> None:
    with pytest.raises(ValueError, match="not between 0 and 1"):
        coverage_factor(10, confidence)


def test_distribution_function() -> None:
    assert distribution_function(-2.1) == pytest.approx(0.017864420562816546, abs=1e-15)
    assert distribution_function(-2.228138851986274, 10) == pytest.approx(0.025, abs=1e-12)


@settings(max_examples=80)
@given(
    lines=st.lists(
        st.tuples(
            st.floats(-100.0, 100.0),
            st.floats(1e-6, 10.0),
            st.floats(-50.0, 50.0).filter(lambda sensitivity: abs(sensitivity) > 1e-3),
            st.one_of(st.just(math.inf), st.floats(1.0, 200.0)),
        ),
        min_size=1,
        max_size=12,
    )
)
def test_any_budget_agrees_with_gtc_and_with_uncertainties(
    lines: list[tuple[float, float, float, float]],
) -> None:
    ours = Budget(0.0, "%", tuple(Component("", "", x, "", u, c, df) for x, u, c, df in lines))

    by_gtc = sum(c * GTC.ureal(x, u, df) for x, u, c, df in lines)
    by_uncertainties = sum(c * uncertainties.ufloat(x, u) for x, u, c, _ in lines)

    assert ours.combined_standard_uncertainty == pytest.approx(by_gtc.u, rel=1e-9)
    assert ours.combined_standard_uncertainty == pytest.approx(by_uncertainties.std_dev, rel=1e-9)
    if math.isinf(by_gtc.df):
        # GTC calls any number of degrees of freedom above a million infinite.
        assert ours.effective_degrees_of_freedom > 1e6
    else:
        assert ours.effective_degrees_of_freedom == pytest.approx(by_gtc.df, rel=1e-9)
    assert ours.expanded_uncertainty == ours.coverage_factor * ours.combined_standard_uncertainty
