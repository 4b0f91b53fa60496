"""The balance that speaks SBI: lines of the manuals, commands without CR LF, and somebody else's client."""

from __future__ import annotations

import time

import numpy as np
import pytest
import sartoriusb
import serial

from rig.errors import DefinitionError
from rig.sim.balances.sartorius_sbi import SimulatedSbiBalance
from rig.sim.balances.weighing import ZeroDrift
from rig.sim.build import simulate


@pytest.fixture
def balance(clock, pan):
    no_drift = ZeroDrift(0.0, np.random.default_rng(2))
    return SimulatedSbiBalance(
        clock, pan, np.random.default_rng(1), no_drift, serial="SIM-B1", resolution_g=0.0001
    )


@pytest.fixture
def talk(talk_to, balance):
    return talk_to(balance)


def test_the_worked_exchange_needs_no_cr_lf(talk, pan):
    pan.mass_g = 12.3456
    assert talk.ask(b"\x1bP") == b"N     +  12.3456 g  \r\n"
    assert talk.ask(b"\x1bP\r\n") == b"N     +  12.3456 g  \r\n"
    assert talk.ask(b"\x1bkP_\r\n") == b"N     +  12.3456 g  \r\n"


@pytest.mark.parametrize(
    ("resolution_g", "mass_g", "line"),
    [
        (0.01, 123.56, b"+   123.56 g  \r\n"),  # the manuals'
        (0.00001, -0.00123, b"-  0.00123 g  \r\n"),
        (0.00001, 219.99999, b"+219.99999 g  \r\n"),
        (0.001, -1e-9, b"+    0.000 g  \r\n"),
        (1.0, 7.4, b"+        7 g  \r\n"),
    ],
)
def test_a_line_has_16_characters_or_22(talk, balance, pan, resolution_g, mass_g, line):
    balance.resolution_g, pan.mass_g = resolution_g, mass_g
    assert talk.ask(b"\x1bP") == b"N     " + line
    balance.characters = 16
    assert talk.ask(b"\x1bP") == line
    assert len(line) == 16


def test_the_unit_is_blank_while_the_load_changes(talk, pan, clock):
    pan.slope_g_s = 0.01
    clock.sleep_s(10)
    assert talk.ask(b"\x1bP") == b"N     +   0.1000    \r\n"


@pytest.mark.parametrize(
    ("special", "line"),
    [
        ("Err 054", b"   Err 054    \r\n"),
        ("APP.ERR", b"   APP.ERR    \r\n"),
        ("--", b"      --      \r\n"),
        ("OFF", b"     OFF      \r\n"),
    ],
)
def test_special_texts_stand_where_the_manuals_show_them(talk, balance, special, line):
    balance.special = special
    assert talk.ask(b"\x1bP") == b"Stat  " + line
    balance.characters = 16
    assert talk.ask(b"\x1bP") == line


def test_overload_and_underload(talk, pan, clock):
    pan.mass_g = 220.01
    assert talk.ask(b"\x1bP") == b"Stat       High     \r\n"
    clock.sleep_s(1)
    pan.mass_g = -120.0
    assert talk.ask(b"\x1bP") == b"Stat       Low      \r\n"


def test_a_weight_too_long_for_the_line_is_never_cut(talk, balance, pan):
    balance.resolution_g, pan.mass_g = 0.000001, 123.4
    assert talk.ask(b"\x1bP") == b"Stat       High     \r\n"


def test_identity(talk, balance):
    balance.balance_id = "LINE3"
    asked = b"".join(b"\x1bx%d_" % number for number in range(1, 6))
    assert talk.ask(asked) == b"infusion-rig simulated SBI balance\r\nSIM-B1\r\n1.00\r\n1.00\r\nLINE3\r\n"


def test_zero_and_tare_are_silent(talk, pan, clock):
    pan.mass_g = 1.5
    assert talk.ask(b"\x1bV") == b""
    assert talk.ask(b"\x1bP") == b"N     +   0.0000 g  \r\n"
    pan.mass_g = 51.5
    clock.sleep_s(1)
    assert talk.ask(b"\x1bV") == b""  # beyond 2 % of 220 g: refused, and nothing is said
    assert talk.ask(b"\x1bP") == b"N     +  50.0000 g  \r\n"
    assert talk.ask(b"\x1bU") == b""
    assert talk.ask(b"\x1bP") == b"N     +   0.0000 g  \r\n"
    pan.mass_g = 50.0
    clock.sleep_s(1)
    assert talk.ask(b"\x1bP") == b"N     -   1.5000 g  \r\n"


@pytest.mark.parametrize("mass_g", [2.0, 50.0])
def test_t_zeroes_or_tares(talk, pan, mass_g):
    pan.mass_g = mass_g
    assert talk.ask(b"\x1bT") == b""
    assert talk.ask(b"\x1bP") == b"N     +   0.0000 g  \r\n"


def test_zero_waits_for_a_stable_reading_and_s3_cancels_it(talk, pan, clock):
    for commands, shown in ((b"\x1bT\x1bs3_", 3.0), (b"\x1bT", 0.0)):
        pan.slope_g_s = 0.01
        talk.ask(commands)
        clock.sleep_s(5)
        pan.mass_g, pan.slope_g_s = 3.0, 0.0
        clock.sleep_s(0.2)
        assert talk.ask(b"\x1bP") == b"N     +%9.4f g  \r\n" % shown


def test_zero_gives_up_at_the_time_out(talk, balance, pan, clock):
    pan.slope_g_s = 0.01
    talk.ask(b"\x1bV")
    clock.sleep_s(balance.stability_timeout_s + 1)
    pan.mass_g, pan.slope_g_s = 3.0, 0.0
    clock.sleep_s(1)
    assert talk.ask(b"\x1bP") == b"N     +   3.0000 g  \r\n"


def test_internal_adjustment_shows_itself_and_puts_the_sensitivity_right(talk, balance, pan, clock):
    pan.mass_g, balance.sensitivity_error = 100.0, 1e-4
    assert talk.ask(b"\x1bP") == b"N     + 100.0100 g  \r\n"
    assert talk.ask(b"\x1bZ") == b""
    assert talk.ask(b"\x1bP") == b"Stat     Cal.Int.   \r\n"
    clock.sleep_s(121)
    assert talk.ask(b"\x1bP") == b"N     + 100.0000 g  \r\n"


def test_pieces_several_at_once_and_what_is_not_a_command(talk):
    line = b"N     +   0.0000 g  \r\n"
    assert talk.ask(b"\x1b") == b""
    assert talk.ask(b"P") == line
    assert talk.ask(b"\x1bkP_\x1bP\x1bx2_") == line + line + b"SIM-B1\r\n"
    assert talk.ask(b"P\r\nSI\r\n") == b""  # no ESC
    assert talk.ask(b"\x1b?\x1bK\x1bL\x1bM\x1bN\x1bO\x1bR\x1bQ\x1bf0_\x1bx9_\x1bp") == b""
    assert talk.ask(b"\x1bx1\r\nP\x1bx123456_P") == b""
    assert talk.ask(b"\x1b\x1bP") == line


def test_answers_take_the_time_of_9600_baud(talk):
    talk.send(b"\x1bP")
    (t_ns, data), *_ = talk.arrived
    assert t_ns == pytest.approx(((2 + len(data)) * 10 / 9600 + 0.005) * 1e9, rel=1e-6)


def test_it_weighs_what_the_other_protocol_weighs(bench_of, clock, talk_to):
    noisy = 'evaporation = "50 mg/h"\nbalance_noise = "0.05 mg"\nbalance_drift_24h = "1 mg"'
    shown = []
    for name, ask, cut in (("mt_sics", b"SI\r\n", slice(4, 14)), ("sartorius_sbi", b"\x1bP", slice(6, 16))):
        unit = simulate(bench_of(noisy, balance_driver=f"balance_{name}"), clock).units["SIM-0001"]
        talk = talk_to(unit.balance)
        shown.append((talk, ask, cut))
    for _ in range(50):
        clock.sleep_s(100)
        one, other = (float(talk.ask(ask)[cut].replace(b" ", b"")) for talk, ask, cut in shown)
        assert one == other
    assert one == pytest.approx(-50e-3 * 5000 / 3600, rel=0.08)  # it goes up and down by 5 % in a day


def test_a_simulated_balance_for_a_driver_nothing_answers_to_is_refused(bench_of, clock, tmp_path):
    bench = bench_of("", balance_driver="balance_acme")
    with pytest.raises(DefinitionError, match="balance_acme") as refused:
        simulate(bench, clock)
    assert "balance_sartorius_sbi" in refused.value.hint


def pump_to(path, crc_line, mode):
    with serial.Serial(path, 115_200, timeout=2) as port:
        port.write(crc_line(">", f"01 01 SET MODE={mode}"))
        token = port.read_until(b"\n").split(b"TOKEN=")[1][:4].decode()
        port.write(crc_line(">", f"01 02 COMMIT TOKEN={token}"))
        assert b" OK " in port.read_until(b"\n")


@pytest.mark.usefixtures("needs_pty")
def test_somebody_elses_client_reads_weights_and_identity(served, crc_line):
    _, told = served("", balance_driver="balance_sartorius_sbi", speed=600)
    instruments = told["instruments"]
    assert instruments["SIM-0001/balance"]["driver"] == "balance_sartorius_sbi"
    paths = {name: each["address"].removeprefix("serial://") for name, each in instruments.items()}
    with sartoriusb.SartoriusUsb(paths["SIM-0001/balance"], timeout=0.2) as scale:
        assert scale.measure() == sartoriusb.Measurement("N", "+0.00000", "g", True, None)
        assert scale.get(sartoriusb.CMD_INFO_SNR) == ["SIM-0001-B\r\n"]
        pump_to(paths["SIM-0001/pump"], crc_line, "SC RATE=1000000")
        time.sleep(0.2)
        moving = scale.measure()
        assert (moving.mode, moving.unit, moving.stable) == ("N", None, False)
        assert float(moving.value) > 0.02  # two minutes at 1 mL/h are 0.033 g
        pump_to(paths["SIM-0001/pump"], crc_line, "STOP")
        still = scale.measure()
        assert (still.unit, still.stable) == ("g", True)
        assert float(still.value) > float(moving.value)
        scale.send(sartoriusb.CMD_TARA)
        assert scale.measure().value == "+0.00000"
