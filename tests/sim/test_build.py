"""The whole simulated channel: an injected error comes out of the balance; the same bench gives the same bytes."""

from __future__ import annotations

import re

import pytest

from rig.clock.virtual import VirtualClock
from rig.sim.build import simulate

NOISY = """
evaporation = "20 ug/h"
compliance_time = "5 s"
ripple = "30 %"
ripple_volume = "250 nL"
balance_noise = "0.015 mg"
balance_drift_24h = "0.05 mg"
flow_noise = "5 nL/min"
temperature_swing = "0.1 K"
"""
START_SENSOR = bytes.fromhex("7E00330400643608267E")  # every 100 ms, water
READ_SENSOR = bytes.fromhex("7E00360103C57E")


def start_pump(talk, crc_line, rate_nl_h):
    reply = talk.ask(crc_line(">", f"01 01 SET MODE=SC RATE={rate_nl_h}"))
    token = re.search(rb"TOKEN=(....)", reply)[1].decode()
    assert b" OK MODE=SC " in talk.ask(crc_line(">", f"01 02 COMMIT TOKEN={token}"))


def weigh_g(talk):
    reply = talk.ask(b"SI\r\n")
    match = re.fullmatch(rb"S [SD] +(-?[0-9.]+) g\r\n", reply)
    assert match, reply
    return float(match[1])


@pytest.mark.parametrize(("written", "expected"), [("3 %", 3.0), ("-1 %", -1.0), ("16 %", 16.0)])
@pytest.mark.parametrize("rate_nl_h", [2_000, 20_833, 1_000_000])
def test_an_injected_pump_error_comes_out_of_a_correct_evaluation(
    bench_of, clock, talk_to, crc_line, written, expected, rate_nl_h
):
    unit = simulate(bench_of(NOISY + f'rate_error = "{written}"'), clock).units["SIM-0001"]
    pump, balance = talk_to(unit.pump), talk_to(unit.balance)
    start_pump(pump, crc_line, rate_nl_h)
    balance.at(3600)
    first = weigh_g(balance)
    balance.at(3600 + 30 * 3600)
    last = weigh_g(balance)
    # written out anew: immersed outlet 1 in 30 mm, air at 20 degC, 1013.25 hPa, 50 %; water at 37 degC
    indicated = (last - first) * (1 - (1 / 30) ** 2)
    air, water = 1.1992943e-3, 0.9933290
    volume_ml = (indicated * (1 - air / 8.0) / (1 - air / water) + 30 * 20e-6) / water
    error_pct = 100 * (volume_ml / (30 * rate_nl_h * 1e-6) - 1)
    weighing_pct = 100 * 0.1e-3 / (30 * rate_nl_h * 1e-6)  # noise, drift and waves of evaporation
    assert error_pct == pytest.approx(expected, abs=0.01 + 2 * weighing_pct)


def conversation(bench, crc_line, *, other_unit_busy):
    """An hour with the first unit; everything its instruments said, with the times."""
    clock = VirtualClock()
    world = simulate(bench, clock)
    said = []
    for role in ("pump", "balance", "flow"):
        world.port("SIM-0001", role).attach(lambda t_ns, data, role=role: said.append((role, t_ns, data)))
    unit, other = world.units["SIM-0001"], world.units["SIM-0002"]
    unit.pump.receive(crc_line(">", "01 01 SET MODE=SC RATE=500000"))
    token = re.search(rb"TOKEN=(....)", said[-1][2])[1].decode()
    unit.pump.receive(crc_line(">", f"01 02 COMMIT TOKEN={token}"))
    unit.flow.receive(START_SENSOR)
    other.flow.receive(START_SENSOR)
    for minute in range(1, 60):
        clock.sleep_until_ns(minute * 60 * 10**9)
        for _ in range(7 if other_unit_busy else 0):
            other.balance.receive(b"SI\r\n")
            other.flow.receive(READ_SENSOR)
            clock.sleep_s(0.2)
        clock.sleep_until_ns((minute * 60 + 10) * 10**9)
        unit.balance.receive(b"SI\r\n")
        for _ in range(16):
            unit.flow.receive(READ_SENSOR)
    return said


def test_the_same_seed_gives_the_same_bytes_and_other_units_change_nothing(bench_of, crc_line):
    bench = bench_of(NOISY, NOISY)
    once = conversation(bench, crc_line, other_unit_busy=False)
    assert conversation(bench, crc_line, other_unit_busy=False) == once
    assert conversation(bench, crc_line, other_unit_busy=True) == once
    other_seed = conversation(bench_of(NOISY, NOISY, seed=2), crc_line, other_unit_busy=False)
    assert other_seed != once


def test_units_differ_though_their_files_are_alike(bench_of, clock, talk_to):
    world = simulate(bench_of(NOISY, NOISY), clock)
    clock.sleep_s(3600)
    talks = [talk_to(world.port(serial, "balance")) for serial in ("SIM-0001", "SIM-0002")]
    readings = []
    for _ in range(20):
        clock.sleep_s(1)
        readings.append([weigh_g(talk) for talk in talks])
    assert len({left - right for left, right in readings}) > 3


def test_identities_begin_with_sim_and_expected_serials_are_kept(bench_of, clock, tmp_path):
    bench = bench_of("", "")
    text = (tmp_path / "test.bench.toml").read_text()
    text = text.replace('serial = "SIM-0002"', 'serial = "SN0042"').replace(
        'address = "sim://SIM-0002/balance"', 'address = "sim://SIM-0002/balance"\nserial = "SIM-X9"'
    )
    (tmp_path / "test.bench.toml").write_text(text)
    from rig.definitions.bench_file import load_bench

    del bench
    units = simulate(load_bench(tmp_path / "test.bench.toml"), clock).units
    assert [units["SIM-0001"].pump.serial, units["SIM-0001"].balance.serial] == ["SIM-0001", "SIM-0001-B"]
    assert [units["SN0042"].pump.serial, units["SN0042"].balance.serial] == ["SIM-SN0042", "SIM-X9"]
    assert units["SN0042"].flow.serial == "SIM-SN0042-F"


def test_an_instrument_that_is_not_there_has_no_port(world):
    with pytest.raises(KeyError):
        world.port("SIM-0001", "thermostat")
    del world.units["SIM-0001"].devices["flow"]
    with pytest.raises(KeyError):
        world.port("SIM-0001", "flow")


def test_a_stall_in_the_bench_file_stops_the_fluid_and_is_told(bench_of, clock, talk_to, crc_line):
    unit = simulate(bench_of('stall_at = "2 h"\nstall_for = "30 min"'), clock).units["SIM-0001"]
    pump = talk_to(unit.pump)
    start_pump(pump, crc_line, 100_000)
    pump.at(2 * 3600 - 1)
    assert unit.fluid.flow_nl_s([clock.now_ns()])[0] > 0
    pump.take()
    pump.at(2 * 3600 + 59)
    assert unit.fluid.flow_nl_s([clock.now_ns()])[0] == 0
    assert pump.take() == b""
    pump.at(2 * 3600 + 61)
    assert b"ID=MOTOR_STALL CLASS=CRIT STATE=ON" in pump.take()
    assert b"DELIV=200000 " in pump.ask(crc_line(">", "01 03 GET STATUS"))
    pump.at(3 * 3600)
    assert b"ID=MOTOR_STALL CLASS=CRIT STATE=OFF" in pump.take()
    assert b"DELIV=250000 " in pump.ask(crc_line(">", "01 04 GET STATUS"))
