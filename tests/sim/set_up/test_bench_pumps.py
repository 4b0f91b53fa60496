"""Bench pumps as the bench file sets them up: address, dialect, syringe, stall, and what the balance sees of them."""

from __future__ import annotations

import re

import pytest

from rig.definitions.bench_file import load_bench
from rig.sim.bench_pumps.drive import InfusionDrive
from rig.sim.build import simulate
from rig.sim.fluid.mechanisms import mechanism_named

OPTIONS = 'options = { syringe_diameter = "20 mm" }'
VOLUMES_IN_ML = 'options = { syringe_diameter = "20 mm", volumes_in_ml = true }'
PUMPS = [
    ('driver = "pump_new_era", device = 2, ' + OPTIONS, b"2VER\r", b"\x0202A?R\x03"),
    (
        'driver = "pump_harvard_ultra", device = 12, ' + OPTIONS,
        b"12:ver\r",
        b"\n12:PHD ULTRA simulated 1.0.0\r\n12:",
    ),
    ('driver = "pump_harvard_chain", device = 3, ' + OPTIONS, b"3VER\r", b"\r\nSIM11V1.00\r\n03:"),
    ('driver = "pump_harvard_chain", ' + VOLUMES_IN_ML, b"0VER\r", b"\r\nPHDSIM1.00\r\r\n0:"),
    ('driver = "pump_fresenius", device = 4', b"\x020DC48\x03", b"\x06\x020C8C\x03"),
    ('driver = "pump_fresenius"', b"\x02DC78\x03", b"\x06\x02CBC\x03"),
    ('driver = "pump_alaris"', b"!INST_SERIALNO|457D\r", b"!INST_SERIALNO^SIM-0001|832A\r"),
]


@pytest.mark.parametrize(("pump", "asked", "told"), PUMPS)
def test_each_driver_has_its_simulated_pump(bench_of, clock, talk_to, pump, asked, told):
    unit = simulate(bench_of('stall_at = "10 s"\nstall_for = "5 s"', pump=pump), clock).units["SIM-0001"]
    assert talk_to(unit.pump).ask(asked) == told
    drive: InfusionDrive = unit.pump.drive
    assert drive.capacity_nl == 40e6
    assert drive.near_end_nl == 2e6
    jammed = []
    for _ in range(4):
        jammed.append(drive.jammed)
        clock.sleep_s(4)
    assert jammed == [False, False, False, True]
    assert not drive.jammed


def test_the_balance_sees_the_error_of_a_bench_pump(bench_of, clock, talk_to):
    bench = bench_of('rate_error = "5 %"', pump=PUMPS[0][0])
    unit = simulate(bench, clock).units["SIM-0001"]
    pump, balance = talk_to(unit.pump), talk_to(unit.balance)
    for command in (b"2\r", b"2DIA20\r", b"2RAT10MH\r", b"2RUN\r"):  # the first hears the alarm of power-up
        pump.send(command)
    clock.sleep_s(3600)
    assert pump.ask(b"2DIS\r") == b"\x0202II10.00W0.000ML\x03"
    shown = float(re.fullmatch(rb"S [SD] +([0-9.]+) g\r\n", balance.ask(b"SI\r\n"))[1])
    assert shown == pytest.approx(
        10.5 * 0.9933290, rel=0.003
    )  # the immersed outlet and the air shift it a little


@pytest.mark.parametrize("kind", ["peristaltic", "valve", "piston", "syringe", "gas"])
def test_the_profile_says_how_it_pulses(bench_of, clock, tmp_path, kind):
    bench_of('ripple = "20 %"\nripple_volume = "250 nL"')
    profile = tmp_path / "pumps" / "pump.toml"
    profile.write_text(profile.read_text().replace("peristaltic", kind))
    unit = simulate(load_bench(tmp_path / "test.bench.toml"), clock).units["SIM-0001"]
    assert unit.fluid.mechanism == mechanism_named(kind, 0.2, 250)
