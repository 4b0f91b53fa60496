"""The balance on its line, against the texts of the manuals, and its display."""

from __future__ import annotations

import itertools
import re

import numpy as np
import pytest

from rig.sim.balances.mt_sics import SimulatedBalance
from rig.sim.balances.weighing import Linearity, ZeroDrift


@pytest.fixture
def balance(clock, pan):
    no_drift = ZeroDrift(0.0, np.random.default_rng(2))
    return SimulatedBalance(
        clock, pan, np.random.default_rng(1), no_drift, serial="SIM-B1", resolution_g=0.0001
    )


@pytest.fixture
def talk(talk_to, balance):
    return talk_to(balance)


def test_the_worked_exchange(talk, pan):
    pan.mass_g = 12.3456
    assert talk.ask(b"SI\r\n") == b"S S    12.3456 g\r\n"


@pytest.mark.parametrize(
    ("resolution_g", "mass_g", "text"),
    [
        (0.01, 100.0, b"S S     100.00 g\r\n"),  # the manual's
        (0.00001, -0.00123, b"S S   -0.00123 g\r\n"),
        (0.001, -1e-9, b"S S      0.000 g\r\n"),
        (0.0005, 1.23461, b"S S     1.2345 g\r\n"),
        (1.0, 7.4, b"S S          7 g\r\n"),
    ],
)
def test_values_stand_right_justified_in_ten_characters(talk, pan, balance, resolution_g, mass_g, text):
    balance.resolution_g, pan.mass_g = resolution_g, mass_g
    assert talk.ask(b"S\r\n") == text


def test_a_changing_load_is_dynamic_and_s_waits_until_its_time_out(talk, pan, clock):
    pan.slope_g_s = 0.01
    clock.sleep_s(10)
    assert talk.ask(b"SI\r\n") == b"S D     0.1000 g\r\n"
    assert talk.ask(b"S\r\n") == b""
    assert talk.ask(b"SI\r\n") == b"S I\r\n"  # it is waiting
    clock.sleep_s(39)
    assert talk.take() == b""
    clock.sleep_s(2)
    assert talk.take() == b"S I\r\n"


def test_s_answers_when_the_load_has_settled_and_cancel_ends_the_wait(talk, pan, clock):
    pan.slope_g_s = 0.01
    talk.ask(b"S\r\n")
    clock.sleep_s(5)
    pan.mass_g, pan.slope_g_s = 3.0, 0.0
    clock.sleep_s(0.2)
    assert talk.take() == b"S S     3.0000 g\r\n"
    pan.slope_g_s = 0.01
    assert talk.ask(b"S\r\n") == b""
    assert talk.ask(b"@\r\n") == b'I4 A "SIM-B1"\r\n'
    clock.sleep_s(100)
    assert talk.take() == b""


def test_identity(talk):
    assert talk.ask(b"I1\r\n").startswith(b'I1 A "')
    assert talk.ask(b"I2\r\n") == b'I2 A "infusion-rig simulated MT-SICS balance 220.0000 g"\r\n'
    assert talk.ask(b"I3\r\n").startswith(b'I3 A "')
    assert talk.ask(b"I4\r\n") == b'I4 A "SIM-B1"\r\n'
    assert talk.ask(b"I10\r\n") == b'I10 A ""\r\n'
    assert talk.ask(b'I10 "Line 3"\r\n') == b"I10 A\r\n"
    assert talk.ask(b"I10\r\n") == b'I10 A "Line 3"\r\n'
    assert talk.ask(b"I10 x\r\n") == b"I10 L\r\n"


def test_the_list_of_commands_is_what_it_can_do(talk):
    lines = talk.ask(b"I0\r\n").decode().splitlines()
    assert all(line.startswith("I0 B ") for line in lines[:-1])
    assert lines[-1].startswith("I0 A ")
    named = [re.fullmatch(r'I0 [AB] ([0-3]) "(.+)"', line)[2] for line in lines]
    assert {"@", "S", "SI", "SIR", "Z", "ZI", "T", "TI", "TA", "TAC"} <= set(named)
    for name in named:
        assert talk.ask(name.encode() + b"\r\n") != b"ES\r\n"
        talk.ask(b"@\r\n")


@pytest.mark.parametrize(
    "text", [b"si", b"SX", b"S I", b"", b" SI", b"\xff\xfe", b"SI 5", b"TA 5", b"UPD x", b"WS"]
)
def test_wrong_lines_are_answered_with_an_error(talk, text):
    assert talk.ask(text + b"\r\n") in (b"ES\r\n", b"S L\r\n", b"TA L\r\n", b"UPD L\r\n", b"WS L\r\n")


def test_zero_and_tare(talk, pan):
    pan.mass_g = 1.5
    assert talk.ask(b"Z\r\n") == b"Z A\r\n"
    assert talk.ask(b"SI\r\n") == b"S S     0.0000 g\r\n"
    pan.mass_g = 51.5
    talk.clock.sleep_s(1)
    assert talk.ask(b"Z\r\n") == b"Z +\r\n"  # beyond 2 % of 220 g
    assert talk.ask(b"T\r\n") == b"T S    50.0000 g\r\n"
    assert talk.ask(b"TA\r\n") == b"TA A    50.0000 g\r\n"
    pan.mass_g = 53.0
    talk.clock.sleep_s(1)
    assert talk.ask(b"SI\r\n") == b"S S     1.5000 g\r\n"
    assert talk.ask(b"TAC\r\n") == b"TAC A\r\n"
    assert talk.ask(b"SI\r\n") == b"S S    51.5000 g\r\n"
    assert talk.ask(b"TA 1.5 g\r\n") == b"TA A     1.5000 g\r\n"
    assert talk.ask(b"TI\r\n") == b"TI S    51.5000 g\r\n"
    assert talk.ask(b"ZI\r\n") == b"ZI +\r\n"


def test_zero_waits_for_stability_but_zi_does_not(talk, pan, clock):
    pan.slope_g_s = 0.01
    clock.sleep_s(1)
    assert talk.ask(b"ZI\r\n") == b"ZI D\r\n"
    assert talk.ask(b"Z\r\n") == b""
    clock.sleep_s(41)
    assert talk.take() == b"Z I\r\n"


def test_overload_and_underload(talk, pan):
    pan.mass_g = 220.01
    assert talk.ask(b"SI\r\n") == b"S +\r\n"
    pan.mass_g = -120.0
    talk.clock.sleep_s(1)
    assert talk.ask(b"SI\r\n") == b"S -\r\n"


def test_sir_repeats_until_another_command_of_its_kind(talk, clock):
    talk.send(b"SIR\r\n")
    clock.sleep_s(1.05)
    assert talk.take().count(b"S S     0.0000 g\r\n") == 11
    assert talk.ask(b"I4\r\n") == b'I4 A "SIM-B1"\r\n'
    clock.sleep_s(1)
    assert talk.take().count(b"\r\n") == 10
    talk.ask(b"SI\r\n")
    clock.sleep_s(1)
    assert talk.take() == b""


def test_snr_tells_changes_only(talk, pan, clock):
    assert talk.ask(b"SNR\r\n") == b"S S     0.0000 g\r\n"
    clock.sleep_s(5)
    assert talk.take() == b""
    pan.mass_g = 2.0
    clock.sleep_s(5)
    assert talk.take() == b"S S     2.0000 g\r\n"


def test_internal_adjustment_takes_its_time_and_puts_the_sensitivity_right(talk, balance, pan, clock):
    pan.mass_g, balance.sensitivity_error = 100.0, 1e-4
    assert talk.ask(b"SI\r\n") == b"S S   100.0100 g\r\n"
    assert talk.ask(b"C3\r\n") == b"C3 B\r\n"
    assert talk.ask(b"SI\r\n") == b"S I\r\n"
    clock.sleep_s(121)
    assert talk.take() == b"C3 A\r\n"
    assert talk.ask(b"SI\r\n") == b"S S   100.0000 g\r\n"


def test_answers_take_the_time_of_9600_baud(talk):
    talk.send(b"SI\r\n")
    (t_ns, data), *_ = talk.arrived
    # 4 bytes there, 5 ms of thought, 18 bytes back
    assert len(data) == 18
    assert t_ns == pytest.approx((22 * 10 / 9600 + 0.005) * 1e9, rel=1e-6)


def test_lines_in_pieces_and_several_at_once(talk):
    assert talk.ask(b"S") + talk.ask(b"I\r") == b""
    assert talk.ask(b"\nI4\r\nSI\r\n") == b'S S     0.0000 g\r\nI4 A "SIM-B1"\r\nS S     0.0000 g\r\n'


def test_a_bump_shifts_the_zero_for_good_and_unsettles(talk, balance, clock):
    balance.disturb(0.015)
    assert talk.ask(b"SI\r\n") == b"S D     0.0000 g\r\n"
    clock.sleep_s(10)
    assert talk.ask(b"SI\r\n") == b"S S     0.0150 g\r\n"


def test_a_stuck_balance_shows_the_last_value(talk, balance, pan, clock):
    pan.mass_g = 1.0
    talk.ask(b"SI\r\n")
    balance.stuck = True
    pan.mass_g = 2.0
    clock.sleep_s(1)
    assert talk.ask(b"SI\r\n") == b"S S     1.0000 g\r\n"


def test_repeatability_is_as_set_and_one_update_has_one_value(talk, balance, clock):
    balance.noise_g, balance.resolution_g = 0.002, 0.00001
    values = []
    for _ in range(2000):
        clock.sleep_s(0.1)
        text = talk.ask(b"SI\r\n")
        assert talk.ask(b"SI\r\n") == text
        values.append(float(text.split()[2]))
    assert np.std(values) == pytest.approx(0.002, rel=0.1)
    assert abs(np.mean(values)) < 0.0002


def test_zero_drift_is_a_random_walk_whoever_looks():
    day_ns = 86_400 * 10**9
    ends = [ZeroDrift(0.1, np.random.default_rng(seed)).at_g(day_ns) for seed in range(400)]
    assert np.std(ends) == pytest.approx(0.1, rel=0.12)
    often, once = (ZeroDrift(0.1, np.random.default_rng(7)) for _ in range(2))
    seen = [often.at_g(t_ns) for t_ns in range(0, day_ns, 7 * 10**9)]
    assert once.at_g(day_ns) == often.at_g(day_ns)
    assert max(abs(a - b) for a, b in itertools.pairwise(seen)) < 0.01


@pytest.mark.parametrize(("fault", "value"), [("drop", 1), ("truncate", 1), ("corrupt", 1), ("duplicate", 1)])
def test_faults_of_the_line_spoil_as_many_answers_as_said(talk, balance, fault, value):
    good = b"S S     0.0000 g\r\n"
    setattr(balance.line, fault, value)
    spoiled = talk.ask(b"SI\r\n")
    assert spoiled != good
    assert len(spoiled) == {"drop": 0, "truncate": 9, "corrupt": 18, "duplicate": 36}[fault]
    assert talk.ask(b"SI\r\n") == good


def test_an_unplugged_line_says_so(talk, balance):
    balance.line.unplugged = True
    with pytest.raises(OSError, match="unplugged"):
        talk.send(b"SI\r\n")
    assert talk.take() == b""


def test_linearity_stays_within_its_half_width_and_takes_every_value_equally_often(balance, pan):
    bent = Linearity(half_width_g=0.0002, period_g=0.013, phase=0.4)
    deviations = np.array([bent.at_g(load_g) for load_g in np.linspace(0.0, 0.013, 2001)])
    assert np.abs(deviations).max() == pytest.approx(0.0002, rel=1e-2)
    assert np.quantile(deviations, [0.25, 0.5, 0.75]) == pytest.approx([-0.0001, 0.0, 0.0001], abs=2e-6)

    pan.mass_g, balance.linearity = 10.0, Linearity(half_width_g=0.0002, period_g=4.0)  # half a period above
    assert balance.net_g() == pytest.approx(9.9998, abs=1e-9)
