"""The drivers of the bench's other instruments and their simulated devices, written apart, in virtual time."""

from __future__ import annotations

from pathlib import Path

import pytest

import rig.sim.build
from rig.bench.open import open_bench
from rig.clock.virtual import VirtualClock
from rig.definitions.bench_file import load_bench
from rig.errors import DeviceError, LimitRefused, LinkLost, LinkTimeout, ProtocolError
from rig.readings import Prescription
from rig.sim.build import simulate

PROFILE = Path(__file__).resolve().parents[2] / "fixtures" / "pumps" / "reference-40ml.toml"
BENCH = """
[bench]
id = "others"
fluid_temperature = "37 degC"
air_temperature = "22.5 degC"
air_pressure = "1002.3 hPa"
air_humidity = "41 %RH"

[[unit]]
serial = "SIM-0001"
profile = "{profile}"
pump = {{ driver = "pump_rpu1", address = "sim://SIM-0001/pump" }}
{role} = {{ driver = "{driver}", address = "{scheme}://SIM-0001/{role}"{more} }}

[unit.simulated]
compliance_time = "2 s"
"""
ASKED_WITHIN_S = 15  # however silent: the longest time-out of these drivers, and getting back in step


class Stand:
    """One instrument beside a pump: the driver, the device behind it, the pump, and their time."""

    def __init__(self, bench, device, channel, clock):
        self.bench, self.device, self.channel, self.clock = bench, device, channel, clock
        self.driver = next(each.driver for each in bench.instruments if each.file.role != "pump")
        self.pump = bench.unit("SIM-0001").pump

    def wait(self, seconds):
        self.clock.sleep_s(seconds)

    def deliver(self, rate_nl_h):
        self.pump.program(Prescription("continuous", rate_nl_h=rate_nl_h))


@pytest.fixture(params=["sim", "sim+visa"])
def scheme(request):
    return request.param


@pytest.fixture
def stand(tmp_path, monkeypatch, scheme):
    """Open a bench with a pump and one instrument of the given driver."""
    opened = []

    def make(driver, more=""):
        world = []

        def remembered(*given):
            world.append(simulate(*given))
            return world[-1]

        monkeypatch.setattr(rig.sim.build, "simulate", remembered)
        role = driver.partition("_")[0]
        text = BENCH.format(profile=PROFILE, role=role, driver=driver, scheme=scheme, more=more)
        (tmp_path / "one.bench.toml").write_text(text)
        clock = VirtualClock()
        bench = open_bench(load_bench(tmp_path / "one.bench.toml"), clock)
        opened.append(bench)
        channel = world[0].units["SIM-0001"]
        return Stand(bench, channel.devices[role], channel, clock)

    yield make
    for bench in opened:
        bench.close()


EVERY = {
    "bath_julabo": ("bath_temperature_c", 37.0, 0.006),
    "current_keithley_dmm6500": ("battery_current_a", 15e-6, 2e-9),
    "current_keysight_34465a": ("battery_current_a", 15e-6, 2e-9),
    "environment_vaisala_ptu300": ("air_pressure_hpa", 1002.3, 0.2),
    "pressure_keller": ("line_temperature_c", 37.0, 1e-4),
}


@pytest.mark.parametrize("name", EVERY)
def test_every_monitor_tells_what_is_there(stand, name):
    channel, value, within = EVERY[name]
    one = stand(name)
    one.wait(1)
    assert one.driver.read().values[channel] == pytest.approx(value, abs=within)


@pytest.mark.parametrize("name", [*EVERY, "supply_keithley_2450", "valves_scpi", "valves_gpio_serial"])
def test_silence_costs_virtual_time_and_ends(stand, name):
    one = stand(name)
    one.driver.identify()
    before_ns = one.clock.now_ns()
    one.device.line.drop = 100
    with pytest.raises(LinkTimeout):
        one.driver.identify()
    assert 0 < one.clock.now_ns() - before_ns < ASKED_WITHIN_S * 1e9
    one.device.line.drop = 0
    one.wait(1)
    one.driver.identify()


@pytest.mark.parametrize("name", [*EVERY, "supply_keithley_2450", "valves_scpi", "valves_gpio_serial"])
def test_an_unplugged_line_is_lost_and_works_again(stand, name):
    one = stand(name)
    one.device.line.unplugged = True
    with pytest.raises(LinkLost):
        one.driver.identify()
    one.device.line.unplugged = False
    one.driver.identify()


@pytest.mark.parametrize("name", [*EVERY, "supply_keithley_2450", "valves_scpi", "valves_gpio_serial"])
def test_half_an_answer_is_no_answer(stand, name):
    one = stand(name)
    one.driver.identify()
    one.device.line.truncate = 1
    with pytest.raises((LinkTimeout, ProtocolError)):
        one.driver.identify()
    one.wait(1)
    one.driver.identify()


@pytest.mark.parametrize("name", ["current_keithley_dmm6500", "current_keysight_34465a"])
def test_the_current_follows_the_pump(stand, name):
    one = stand(name)
    idle_a = one.driver.read().values["battery_current_a"]
    one.deliver(900_000)
    running_a = one.driver.read().values["battery_current_a"]
    assert running_a - idle_a == pytest.approx(0.8e-6 * 250, rel=1e-3)  # 250 nl/s, 0.8 uC each


@pytest.mark.parametrize("name", ["current_keithley_dmm6500", "current_keysight_34465a"])
def test_a_reading_takes_its_time_and_no_more(stand, name):
    one = stand(name)
    one.driver.read()
    before_ns = one.clock.now_ns()
    one.driver.read()
    assert 0.2e9 < one.clock.now_ns() - before_ns < 0.25e9  # 10 periods of 20 ms


@pytest.mark.parametrize("name", ["current_keithley_dmm6500", "current_keysight_34465a"])
def test_overload_is_no_number(stand, name):
    one = stand(name)
    one.driver.read()
    one.device.input.load = lambda: 0.1
    with pytest.raises(DeviceError, match=r"(?i)overload|range"):
        one.driver.read()
    one.device.input.load = lambda: 1e-4
    assert one.driver.read().values["battery_current_a"] == pytest.approx(1e-4, rel=1e-3)


@pytest.mark.parametrize("name", ["current_keithley_dmm6500", "current_keysight_34465a"])
def test_a_meter_that_lost_its_settings_is_told_and_set_again(stand, name):
    """After a loss of power it measures voltage: what it tells then is never taken for a current."""
    one = stand(name)
    one.driver.read()
    one.device.preset()
    with pytest.raises(DeviceError):
        one.driver.read()
    assert one.driver.read().values["battery_current_a"] == pytest.approx(15e-6, abs=2e-9)


def test_the_supply_stands_for_the_battery(stand):
    one = stand("supply_keithley_2450")
    one.driver.set_voltage(2.8, 0.001)
    assert one.pump.battery().voltage_mv == 2950, "its output was never on"
    one.driver.switch(True)
    told = one.driver.read().values
    assert told["battery_voltage_v"] == pytest.approx(2.8)
    assert told["battery_current_a"] == pytest.approx(15e-6, abs=2e-9)
    assert one.pump.battery().voltage_mv == 2800
    one.driver.set_voltage(2.5, 0.001)
    assert one.pump.battery().state == "ERI"
    one.driver.switch(False)
    with pytest.raises(LinkTimeout):  # the pump has no power any more
        one.pump.battery()


def test_the_supply_tells_when_its_limit_holds(stand):
    one = stand("supply_keithley_2450")
    one.driver.set_voltage(2.8, 0.0001)
    one.driver.switch(True)
    one.driver.read()
    one.deliver(900_000)
    with pytest.raises(DeviceError, match=r"(?i)limit"):
        one.driver.read()


def test_the_supply_refuses_what_no_battery_has(stand):
    one = stand("supply_keithley_2450")
    with pytest.raises(LimitRefused):
        one.driver.set_voltage(12.0, 0.001)
    assert one.device.level_v == 0


def test_a_refusal_of_the_supply_is_told_with_its_number(stand):
    one = stand("supply_keithley_2450")
    one.driver.set_voltage(2.8, 0.001)
    one.device.source = "CURR"  # somebody was at its keys
    with pytest.raises(DeviceError) as refused:
        one.driver.switch(True)
    assert refused.value.code == "-221"
    assert not one.device.is_on


@pytest.mark.parametrize(("name", "channel"), [("valves_scpi", 101), ("valves_gpio_serial", 0)])
def test_a_valve_closes_the_outlet_and_the_pressure_rises(stand, name, channel):
    one = stand(name)
    fluid = one.channel.fluid
    one.deliver(360_000)  # 100 nl/s into 1000 nl/kPa, 200 nl in the tube while it flows
    one.wait(100)
    assert float(fluid.pressure_kpa([one.clock.now_ns()])[0]) == pytest.approx(0.2, rel=1e-3)
    one.driver.switch(channel, True)
    assert one.driver.is_on(channel)
    closed_ns = one.clock.now_ns()
    one.wait(100)
    opens_ns = one.clock.now_ns()
    assert float(fluid.pressure_kpa([opens_ns])[0]) == pytest.approx(10.2, rel=0.01)
    assert fluid.delivered_nl([closed_ns])[0] == fluid.delivered_nl([opens_ns])[0]
    one.driver.switch(channel, False)
    one.wait(60)
    assert float(fluid.pressure_kpa([one.clock.now_ns()])[0]) == pytest.approx(0.2, rel=1e-3)


@pytest.mark.parametrize(("name", "channel"), [("valves_scpi", 150), ("valves_gpio_serial", 20)])
def test_a_channel_that_is_not_there_is_refused(stand, name, channel):
    with pytest.raises((DeviceError, ProtocolError)):
        stand(name).driver.switch(channel, True)


def test_the_pressure_in_the_line(stand):
    one = stand("pressure_keller")
    assert one.driver.read().values["line_pressure_kpa"] == pytest.approx(0, abs=1e-6)
    one.deliver(360_000)
    one.wait(100)
    one.channel.fluid.outlet_closed = True
    one.wait(100)
    assert one.driver.read().values["line_pressure_kpa"] == pytest.approx(10.2, rel=0.01)


def test_a_converter_that_echoes(stand):
    one = stand("pressure_keller")
    one.device.line.echo = True
    assert one.driver.read().values["line_temperature_c"] == pytest.approx(37, abs=1e-4)
    one.wait(1)
    one.driver.read()


def test_power_lost_at_the_transmitter_is_told_once(stand):
    one = stand("pressure_keller")
    one.driver.read()
    one.device.interrupt_power()
    with pytest.raises(DeviceError):
        one.driver.read()
    one.driver.read()


def test_a_broken_sensor_is_no_number(stand):
    one = stand("pressure_keller")
    one.device.broken = {1}
    with pytest.raises(DeviceError):
        one.driver.read()


def test_the_transmitter_at_another_address(stand):
    one = stand("pressure_keller", ", device = 7")
    assert one.device.address == 7
    one.driver.read()
    assert one.driver.identify().serial == "1"


def test_the_bath_goes_where_it_is_sent(stand):
    one = stand("bath_julabo")
    one.driver.set_temperature(25.0)
    one.wait(600)
    assert one.driver.read().values["bath_temperature_c"] == pytest.approx(25 + 12 * 0.3679, abs=0.05)
    one.driver.switch(False)
    assert not one.device.running
    one.wait(10 * 7200)
    assert one.driver.read().values == {
        "bath_temperature_c": pytest.approx(22.5, abs=0.02),
        "bath_setpoint_c": 25.0,
    }
    one.driver.switch(True)
    assert one.device.running


def test_refusals_and_alarms_of_the_bath(stand):
    one = stand("bath_julabo")
    with pytest.raises(LimitRefused):
        one.driver.set_temperature(90.0)
    one.device.high_limit_c = 30.0
    with pytest.raises(DeviceError, match="-13"):
        one.driver.set_temperature(37.0)
    one.device.remote = False
    with pytest.raises(DeviceError):
        one.driver.set_temperature(25.0)
    one.device.alarm = "-01 LOW LEVEL ALARM"
    with pytest.raises(DeviceError, match="LOW LEVEL"):
        one.driver.read()


def test_the_air(stand):
    one = stand("environment_vaisala_ptu300")
    for echo in (True, False):
        one.device.echo = echo
        told = one.driver.read().values
        assert told["air_temperature_c"] == pytest.approx(22.5, abs=0.15)
        assert told["air_humidity_pct"] == pytest.approx(41, abs=0.5)
    one.device.failed = {"RH"}
    with pytest.raises((DeviceError, ProtocolError)):
        one.driver.read()


@pytest.mark.parametrize(
    "name",
    ["current_keithley_dmm6500", "current_keysight_34465a", "supply_keithley_2450", "valves_scpi"],
)
def test_identities_say_that_they_are_simulated(stand, name):
    identity = stand(name).driver.identify()
    assert "simulated" in identity.maker
    assert identity.serial.startswith("SIM-0001")
