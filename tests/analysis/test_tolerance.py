"""Tolerance factors against published tables, another package, quadrature of our own, and simulation."""

import importlib
import math
import warnings

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.special import gammaincc, ndtr, ndtri

from rig.analysis.tolerance import one_sided_factor, tolerance_interval, two_sided_factor

# ISO 16269-6:2014, annex F (one sample), rounded up to four decimals: coverage, confidence, n, k.
ISO = [
    (0.90, 0.90, 2, 15.5124), (0.90, 0.90, 8, 2.7542), (0.90, 0.90, 16, 2.2537), (0.90, 0.90, 35, 1.9906),
    (0.90, 0.90, 100, 1.8232), (0.90, 0.90, 1000, 1.6947), (0.95, 0.90, 3, 6.8233), (0.95, 0.90, 30, 2.4166),
    (0.99, 0.90, 4, 6.3722), (0.99, 0.90, 28, 3.2023), (0.90, 0.95, 2, 31.0923), (0.90, 0.95, 16, 2.4486),
    (0.95, 0.95, 5, 5.0769), (0.95, 0.95, 10, 3.3935), (0.95, 0.95, 26, 2.6188), (0.95, 0.95, 90, 2.2519),
    (0.99, 0.95, 3, 12.6472), (0.99, 0.95, 100, 2.9356), (0.90, 0.99, 4, 9.4162), (0.90, 0.99, 80, 2.0282),
    (0.95, 0.99, 2, 182.7201), (0.95, 0.99, 40, 2.6836), (0.99, 0.99, 3, 28.5857), (0.99, 0.99, 70, 3.2284),
]  # fmt: skip

# 95 % coverage with 95 % confidence, exact.
EXACT_95_95 = {10: 3.3934, 15: 2.9649, 20: 2.7603, 30: 2.5549, 50: 2.3816}

# One-sided, three decimals (Montgomery and Runger, table XII): coverage, confidence, n, k.
ONE_SIDED = [
    (0.90, 0.90, 2, 10.253), (0.95, 0.90, 2, 13.090), (0.99, 0.90, 2, 18.500), (0.90, 0.95, 2, 20.581),
    (0.95, 0.95, 2, 26.260), (0.99, 0.95, 2, 37.094), (0.90, 0.99, 2, 103.029), (0.99, 0.99, 2, 185.617),
    (0.95, 0.95, 10, 2.911), (0.90, 0.90, 10, 2.066), (0.99, 0.99, 10, 5.074),
    (0.95, 0.95, 30, 2.220), (0.95, 0.95, 100, 1.927), (0.99, 0.99, 100, 2.850),
]  # fmt: skip

SHARES = (0.90, 0.95, 0.99)


@pytest.mark.parametrize(("coverage", "confidence", "count", "published"), ISO)
def test_two_sided_factors_are_those_of_the_standard(coverage, confidence, count, published):
    assert math.ceil(two_sided_factor(count, coverage, confidence) * 1e4 - 1e-6) / 1e4 == published


@pytest.mark.parametrize(("count", "factor"), EXACT_95_95.items())
def test_two_sided_factors_for_95_95(count, factor):
    assert two_sided_factor(count, 0.95, 0.95) == pytest.approx(factor, abs=5e-5)


@pytest.fixture(scope="module")
def oracle():
    """The module of two-sided intervals of toleranceinterval; at its import it leaves a file open."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("toleranceinterval.twoside"), importlib.import_module(
            "toleranceinterval.oneside"
        )


@pytest.mark.parametrize("count", range(2, 101))
def test_two_sided_factors_are_those_of_another_package(oracle, count):
    coverage, confidence = SHARES[count % 3], SHARES[count // 3 % 3]

    expected = oracle[0].normal_factor(count, coverage, confidence, method="exact")

    assert two_sided_factor(count, coverage, confidence) == pytest.approx(expected, abs=1e-7, rel=1e-9)


@pytest.mark.parametrize("count", [2, 3, 7, 30, 100])
@pytest.mark.parametrize("share", [(c, g) for c in SHARES for g in SHARES])
def test_a_two_sided_factor_has_its_confidence_by_quadrature_over_the_spread(count, share):
    # The other order of integration: for a given spread, the centres whose interval holds the coverage.
    coverage, confidence = share
    factor, nu = two_sided_factor(count, coverage, confidence), count - 1

    def centre_within(half_width):
        """Largest deviation of the centre with the coverage inside; by bisection."""
        if 2 * ndtr(half_width) - 1 < coverage:
            return 0.0
        low, high = 0.0, half_width + 10.0
        for _ in range(60):
            middle = (low + high) / 2
            enough = ndtr(middle + half_width) - ndtr(middle - half_width) >= coverage
            low, high = (middle, high) if enough else (low, middle)
        return low

    def density(log_chi2):
        chi2 = math.exp(log_chi2)
        log_density = nu / 2 * log_chi2 - chi2 / 2 - nu / 2 * math.log(2) - math.lgamma(nu / 2)
        centre = centre_within(factor * math.sqrt(chi2 / nu))
        return math.exp(log_density) * (2 * ndtr(math.sqrt(count) * centre) - 1)

    narrowest = math.log(nu * (ndtri((1 + coverage) / 2) / factor) ** 2)
    reached = quad(density, narrowest, math.log(nu + 60 + 12 * math.sqrt(nu)), epsabs=1e-8, limit=60)[0]

    assert reached == pytest.approx(confidence, abs=1e-6)


@pytest.mark.parametrize(("coverage", "confidence", "count", "published"), ONE_SIDED)
def test_one_sided_factors_are_those_of_the_table(coverage, confidence, count, published):
    assert one_sided_factor(count, coverage, confidence) == pytest.approx(published, abs=5.1e-4)


@pytest.mark.parametrize("count", range(2, 101))
def test_one_sided_factors_are_those_of_another_package_and_of_quadrature(oracle, count):
    coverage, confidence = SHARES[count % 3], SHARES[count // 3 % 3]
    values = np.array([-1.0, 1.0] + [0.0] * (count - 2))
    spread = math.sqrt(2 / (count - 1))
    factor, nu = one_sided_factor(count, coverage, confidence), count - 1

    def confident(z):
        reach = (z / math.sqrt(count) + ndtri(coverage)) / factor
        beyond = gammaincc(nu / 2, nu / 2 * reach**2) if reach > 0 else 1.0
        return math.exp(-z * z / 2) / math.sqrt(2 * math.pi) * beyond

    kink = max(-8.5, -ndtri(coverage) * math.sqrt(count))
    by_quadrature = quad(confident, -8.5, kink)[0] + quad(confident, kink, 8.5, epsabs=1e-10)[0]
    assert by_quadrature == pytest.approx(confidence, abs=1e-8)
    assert factor * spread == pytest.approx(oracle[1].normal(values, coverage, confidence)[0], rel=1e-9)


def test_intervals_hold_their_coverage_as_often_as_they_say():
    random = np.random.default_rng(7)
    samples = random.normal(3.0, 2.0, (20_000, 6))
    mean, spread = samples.mean(axis=1), samples.std(axis=1, ddof=1)
    both, one = two_sided_factor(6, 0.9, 0.95), one_sided_factor(6, 0.9, 0.95)

    inside = ndtr((mean + both * spread - 3.0) / 2.0) - ndtr((mean - both * spread - 3.0) / 2.0)
    below = ndtr((mean + one * spread - 3.0) / 2.0)

    assert np.mean(inside >= 0.9) == pytest.approx(0.95, abs=0.005)  # 3.2 standard deviations
    assert np.mean(below >= 0.9) == pytest.approx(0.95, abs=0.005)


VALUES = np.array([-1.2, 0.4, -0.7, 1.1, -2.0, 0.3, -0.9, 0.6, -1.5, 0.1])


def test_worked_interval_to_the_last_digit():
    worked = tolerance_interval(VALUES, 0.95, 0.95)

    assert worked.factor == pytest.approx(3.393429478712607, rel=1e-11)
    assert worked.low == pytest.approx(-3.8435891687142467, rel=1e-11)
    assert worked.high == pytest.approx(3.083589168714247, rel=1e-11)
    assert (worked.count, worked.mean, worked.standard_deviation) == (
        10, pytest.approx(-0.38), pytest.approx(1.0206751578135806, rel=1e-14)
    )  # fmt: skip


def test_one_sided_intervals_are_open_on_the_other_side():
    upper = tolerance_interval(VALUES, 0.95, 0.95, low=False)
    lower = tolerance_interval(VALUES, 0.95, 0.95, high=False)

    assert upper.low == -math.inf
    assert lower.high == math.inf
    assert upper.high == pytest.approx(-0.38 + one_sided_factor(10, 0.95, 0.95) * 1.0206751578135806)
    assert upper.high + lower.low == pytest.approx(2 * -0.38)


def test_many_values_need_no_more_than_the_population():
    assert two_sided_factor(1_000_000, 0.95, 0.5) == pytest.approx(1.959964, abs=2e-5)
    assert two_sided_factor(2, 0.5, 0.5) == pytest.approx(
        1.243, abs=5e-4
    )  # Meeker, Hahn and Escobar, table J.5a


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ((1, 0.95, 0.95), "1 value"),
        ((10, 1.0, 0.95), "coverage 1.0 is not between"),
        ((10, 0.95, 0.0), "confidence 0.0 is not between"),
    ],
)
def test_what_has_no_factor_is_refused(arguments, said):
    for factor in (one_sided_factor, two_sided_factor):
        with pytest.raises(ValueError, match=said):
            factor(*arguments)


def test_what_has_no_interval_is_refused():
    with pytest.raises(ValueError, match="needs a side"):
        tolerance_interval(VALUES, 0.95, 0.95, low=False, high=False)
    with pytest.raises(ValueError, match="not finite"):
        tolerance_interval(np.array([1.0, math.nan, 2.0]), 0.95, 0.95)
