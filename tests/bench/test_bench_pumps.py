"""Each bench pump's driver with its simulated pump: written apart from the same manuals, they understand each other."""

from __future__ import annotations

import pytest

from rig.clock import ns_from_s
from rig.clock.virtual import VirtualClock
from rig.drivers.pump_alaris import AlarisPump
from rig.drivers.pump_fresenius import FreseniusPump
from rig.drivers.pump_harvard_chain import HarvardChainPump
from rig.drivers.pump_harvard_ultra import HarvardUltraPump
from rig.drivers.pump_new_era import NewEraPump
from rig.readings import Prescription
from rig.sim.bench_pumps.alaris import SimulatedAlaris
from rig.sim.bench_pumps.fresenius import SimulatedFresenius
from rig.sim.bench_pumps.harvard_chain import PHD_2000, SimulatedHarvardChain
from rig.sim.bench_pumps.harvard_ultra import SimulatedHarvardUltra
from rig.sim.bench_pumps.new_era import SimulatedNewEra
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath
from rig.transport.sim_link import SimLink

SYRINGE = {"syringe_diameter_mm": 20.0}
PUMPS = {
    "new era": (SimulatedNewEra, {"address": 2}, NewEraPump, 2, SYRINGE),
    "new era, safe": (SimulatedNewEra, {"address": 2}, NewEraPump, 2, SYRINGE | {"safe": True}),
    "ultra": (SimulatedHarvardUltra, {}, HarvardUltraPump, 0, SYRINGE),
    "ultra, pump 12": (SimulatedHarvardUltra, {"address": 12}, HarvardUltraPump, 12, SYRINGE),
    "pump 11": (SimulatedHarvardChain, {"address": 3}, HarvardChainPump, 3, SYRINGE),
    "phd 2000": (SimulatedHarvardChain, {"dialect": PHD_2000}, HarvardChainPump, 0, SYRINGE | {"volumes_in_ml": True}),
    "alaris": (SimulatedAlaris, {}, AlarisPump, None, {}),
    "fresenius": (SimulatedFresenius, {"module": 1}, FreseniusPump, 1, {}),
    "fresenius, alone": (SimulatedFresenius, {"module": None}, FreseniusPump, 0, {}),
}  # fmt: skip
DOSING = [name for name in PUMPS if "fresenius" not in name]


class Stand:
    """A pump, its driver, its fluid."""

    def __init__(self, name):
        simulated, settings, driver, address, options = PUMPS[name]
        self.clock = VirtualClock()
        self.fluid = FluidPath(self.clock, Peristaltic())
        self.device = simulated(self.clock, self.fluid, capacity_nl=50e6, **settings)
        link = SimLink("sim://pump", self.clock, lambda *_: None, self.device)
        self.pump = driver(link, **options) if address is None else driver(link, address, **options)

    def wait(self, seconds):
        """As the procedures do: the pump hears from the rig as often as it must."""
        every_s = getattr(self.pump, "refresh_every_s", seconds)
        end_ns = self.clock.now_ns() + ns_from_s(seconds)
        while (left_ns := end_ns - self.clock.now_ns()) > 0:
            self.clock.sleep_s(min(every_s, left_ns / 1e9))
            if hasattr(self.pump, "refresh"):
                self.pump.refresh()

    @property
    def flowed_nl(self):
        return self.fluid.displaced_nl([self.clock.now_ns()])[0]


@pytest.mark.parametrize("name", DOSING)
def test_a_continuous_delivery(name):
    stand = Stand(name)
    pump, wanted = stand.pump, Prescription("continuous", rate_nl_h=1_500_000)
    pump.identify()
    assert not pump.interrogate().running
    pump.program(wanted)
    assert pump.read_back() == wanted
    stand.wait(1200)
    state = pump.interrogate()
    assert (state.mode, state.running, state.rate_nl_h) == ("continuous", True, 1_500_000)
    assert state.delivered_nl == pytest.approx(500_000, abs=2000)
    assert stand.flowed_nl == pytest.approx(500_000, abs=2000)
    pump.stop("the end")
    before = stand.flowed_nl
    stand.wait(600)
    assert stand.flowed_nl == before
    assert not pump.interrogate().running


@pytest.mark.parametrize("name", [name for name in DOSING if name != "alaris"])
def test_a_bolus_ends_by_itself_and_is_counted_on(name):
    stand = Stand(name)
    stand.pump.identify()
    for number in (1, 2):
        stand.pump.program(Prescription("bolus", bolus_nl=500_000, bolus_duration_s=360))
        stand.wait(300)
        assert stand.pump.interrogate().running
        stand.wait(100)
        state = stand.pump.interrogate()
        assert (state.running, state.delivered_nl) == (False, number * 500_000)
        assert stand.flowed_nl == pytest.approx(number * 500_000, abs=1)


@pytest.mark.parametrize("name", DOSING)
def test_a_held_motor_is_seen(name):
    stand = Stand(name)
    stand.pump.program(Prescription("continuous", rate_nl_h=10_000_000))
    stand.wait(60)
    assert stand.pump.interrogate().running
    stand.device.drive.jammed = True
    stand.wait(60)
    first = stand.pump.interrogate()
    stand.wait(60)
    second = stand.pump.interrogate()
    assert second.delivered_nl == first.delivered_nl
    if name != "alaris":  # its subset knows no alarm
        assert first.alarms or not first.running
        assert not second.running


@pytest.mark.parametrize("name", ["fresenius", "fresenius, alone"])
def test_what_the_user_starts_at_the_keys_is_watched_and_paused(name):
    stand = Stand(name)
    stand.pump.identify()
    stand.device.infusion.start(36e6)
    stand.wait(100)
    state = stand.pump.interrogate()
    assert (state.running, state.rate_nl_h) == (True, 36_000_000)
    assert state.delivered_nl == pytest.approx(1_000_000, abs=5000)
    stand.pump.stop("the end")
    assert not stand.pump.interrogate().running
    assert stand.device.drive.rate_nl_h == 0
