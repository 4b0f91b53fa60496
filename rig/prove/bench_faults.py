"""Faults of bench infusion pumps, and of the instruments that watch a pump."""

from __future__ import annotations

from rig.prove.fault import DELIVERY, Fault, Injury, has, is_bench_pump, sets
from rig.sim.build import SimulatedChannel
from rig.sim.wire.line import NS_PER_S

S_PER_MIN = 60.0
LINE_VALVE = 101  # channel of the simulated board of valves


def _jam(*, silent: bool) -> Injury:
    """The motor is held for some minutes."""

    def inject(channel: SimulatedChannel, minutes: float) -> None:
        drive = channel.pump.drive
        drive.silent = silent
        drive.jam_at(drive.clock.now_ns(), round(minutes * S_PER_MIN * NS_PER_S))

    return inject


BENCH_PUMP_FAULTS = tuple(
    Fault(name, words, "pump", unit, sizes, inject, breaks, later=later, fits=is_bench_pump)
    for name, words, unit, sizes, inject, breaks, later in (
        ("jammed motor", "stands still for a while, and says so", "min", (0.1, 1.0, 5.0, 20.0, 120.0),
         _jam(silent=False), DELIVERY | {"alarms"}, True),
        ("silent jam", "stands still for a while, and never notices", "min", (0.1, 1.0, 5.0, 20.0, 120.0),
         _jam(silent=True), DELIVERY, True),
        ("late occlusion alarm", "alarms at a higher pressure", "kPa", (70.0, 85.0, 95.0, 120.0, 145.0),
         sets("pump.drive.occlusion_kpa"), frozenset({"time_to_alarm", "alarm_pressure"}), False),
        ("nervous occlusion alarm", "alarms at a lower pressure", "kPa", (5.0,), sets("pump.drive.occlusion_kpa"),
         frozenset({"alarm_pressure"}), False),
        ("no occlusion alarm", "never alarms", "", (1.0,), sets("pump.drive.silent"),
         frozenset({"time_to_alarm", "alarm_pressure"}), False),
    )
)  # fmt: skip


def _bump(channel: SimulatedChannel, milligrams: float) -> None:
    channel.balance.disturb(milligrams / 1000)


def _unplug(role: str) -> Injury:
    def inject(channel: SimulatedChannel, _size: float) -> None:
        device = channel.devices[role]
        device.line.unplugged = True  # type: ignore[attr-defined]  # every simulated instrument has a line

    return inject


def _measures(channel: SimulatedChannel, percent: float) -> None:
    meter = channel.devices["current"].input  # type: ignore[attr-defined]
    true = meter.load
    meter.load = lambda: (1 + percent / 100) * true()


def _reads_less(channel: SimulatedChannel, kilopascals: float) -> None:
    channel.devices["pressure"].error_kpa = -kilopascals  # type: ignore[attr-defined]


MORE, LESS = ("over-infusion", "soft line", "free flow"), ("under-infusion", "reverse flow")


def _line_valve_sticks(channel: SimulatedChannel, _size: float) -> None:
    channel.devices["valves"].stuck = {LINE_VALVE}  # type: ignore[attr-defined]


INSTRUMENT_FAULTS = tuple(
    Fault(name, words, "instrument", unit, sizes, inject, later=later, fits=has(role), role=role, hides=hides)
    for role, name, words, unit, sizes, inject, later, hides in (
        ("balance", "balance reads too much", "sensitivity of the balance", "%", (0.01, 0.1, 1.0, 5.0, 15.0),
         sets("balance.sensitivity_error", 0.01), False, LESS),
        ("balance", "balance reads too little", "sensitivity of the balance", "%", (0.01, 0.1, 1.0, 5.0, 15.0),
         sets("balance.sensitivity_error", -0.01), False, MORE),
        ("balance", "balance drifts", "zero point walks, in 24 h", "mg", (0.1, 1.0, 10.0, 100.0),
         sets("balance.drift.sd_24h_g", 0.001), False, MORE),
        ("balance", "balance bumped", "a step of its zero point", "mg", (0.1, 1.0, 10.0, 100.0), _bump, True, LESS),
        ("balance", "balance stuck", "shows the same for ever", "", (1.0,), sets("balance.stuck"), True, MORE),
        ("balance", "balance unplugged", "its cable falls out", "", (1.0,), _unplug("balance"), True, MORE),
        ("balance", "evaporation", "the vessel is left open", "mg/h", (0.1, 1.0, 10.0),
         sets("fluid.evaporation_g_h", 0.001), False, MORE),
        ("flow", "sensor reads too little", "gain of the flow sensor", "%", (5.0, 20.0, 50.0),
         sets("flow.gain_error", -0.01), False, MORE),
        ("flow", "sensor unplugged", "its cable falls out", "", (1.0,), _unplug("flow"), True, MORE),
        ("pressure", "pressure reads too little", "zero point of the transmitter", "kPa", (1.0, 10.0, 40.0),
         _reads_less, False, ("late occlusion alarm",)),
        ("pressure", "pressure unplugged", "its cable falls out", "", (1.0,), _unplug("pressure"), True,
         ("late occlusion alarm",)),
        ("current", "meter reads too little", "gain of the current meter", "%", (1.0, 10.0, 50.0),
         lambda channel, percent: _measures(channel, -percent), False, ("draws at rest",)),
        ("current", "meter unplugged", "its cable falls out", "", (1.0,), _unplug("current"), True,
         ("draws at rest",)),
        ("valves", "line valve sticks", "the valve that closes the line stays open", "", (1.0,), _line_valve_sticks,
         False, ("free flow", "reverse flow", "no occlusion alarm")),
    )
)  # fmt: skip
