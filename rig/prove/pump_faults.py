"""Faults of pumps of whatever kind: of what they deliver, and of what they count."""

from __future__ import annotations

from fractions import Fraction

from rig.prove.fault import DELIVERY, Fault, has_channel, is_bench_pump, is_implantable, sets
from rig.sim.build import SimulatedChannel
from rig.sim.fluid.mechanisms import LeadScrew
from rig.sim.fluid.path import NL_PER_ML

HIGHER, LOWER, CHAMBER = 103, 104, 105  # channels of the simulated board of valves
PERCENTS = (1.0, 2.0, 3.0, 5.0, 8.0, 12.0, 16.0, 20.0, 25.0, 35.0, 50.0)
DECADES_NL_H = (30.0, 100.0, 300.0, 1000.0, 3000.0, 10_000.0, 30_000.0, 100_000.0, 1e6, 1e7)
FILLING = frozenset({"low_alarm_volume", "refill_discrepancy"})


def _factor(channel: SimulatedChannel, factor: float) -> None:
    channel.fluid.rate_error = factor - 1


def _sticks(channel: SimulatedChannel, microlitres: float) -> None:
    channel.fluid.mechanism = LeadScrew(stiction=0.9, slip_nl=1000 * microlitres)


def _miscounts(channel: SimulatedChannel, percent: float) -> None:
    channel.pump.unit.count.gain = 1 + Fraction(percent) / 100


def _keeps_back(channel: SimulatedChannel, millilitres: float) -> None:
    channel.fluid.unusable_nl = millilitres * NL_PER_ML
    channel.fluid.reservoir_nl = max(0.0, channel.fluid.reservoir_nl)


def _softer(channel: SimulatedChannel, factor: float) -> None:
    channel.fluid.compliance_nl_kpa *= factor


PUMP_FAULTS = (
    Fault("over-infusion", "delivers more than programmed", "pump", "%", PERCENTS, sets("fluid.rate_error", 0.01),
          DELIVERY | FILLING),
    Fault("under-infusion", "delivers less than programmed", "pump", "%", PERCENTS, sets("fluid.rate_error", -0.01),
          DELIVERY | FILLING),
    Fault("wrong unit", "takes mL/day for mL/h: 24 times as much", "pump", "", (24.0,), _factor, DELIVERY),
    Fault("wrong unit back", "takes mL/h for mL/day: a 24th", "pump", "", (1 / 24,), _factor, DELIVERY),
    Fault("wear", "the drive wears: more with each mL", "pump", "% per mL",
          (0.03, 0.1, 0.3, 1.0, 3.0, 10.0, 100.0, 1e4, 1e5), sets("fluid.wear_per_ml", 0.01), DELIVERY | {"drift"}),
    Fault("tiring", "the drive tires: less with each mL", "pump", "% per mL", (0.03, 0.1, 0.3, 1.0),
          sets("fluid.wear_per_ml", -0.01), frozenset({"drift"})),
    Fault("free flow", "flows past the drive, stopped or not", "pump", "nL/h", DECADES_NL_H,
          sets("fluid.free_flow_nl_h"), DELIVERY | {"flow_at_rest"}),
    Fault("reverse flow", "flows back past the drive", "pump", "nL/h", DECADES_NL_H,
          sets("fluid.free_flow_nl_h", -1.0), DELIVERY | {"flow_at_rest"}),
    Fault("siphon", "flows past the drive by its head, either way", "pump", "nL/h per kPa",
          (3.0, 10.0, 30.0, 100.0, 1000.0, 10_000.0), sets("fluid.siphon_nl_h_kpa"), frozenset({"flow_at_rest"}),
          in_cases=has_channel(HIGHER, LOWER)),
    Fault("leak", "a part is lost before the outlet", "pump", "%", PERCENTS, sets("fluid.leak", 0.01), DELIVERY),
    Fault("disconnection", "tubing comes off", "pump", "", (1.0,), sets("fluid.leak"), DELIVERY, later=True),
    Fault("uneven flow", "sticks and slips", "pump", "uL",
          (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0), _sticks, frozenset({"trumpet"})),
    Fault("warm drift", "delivers more when it is warmer", "pump", "% per K", (0.5, 1.0, 2.0, 4.0, 8.0, 16.0),
          sets("fluid.per_k", 0.01), DELIVERY,
          in_cases=lambda case: getattr(case, "bath_temperature_c", None) is not None),
    Fault("soft drive", "delivers less against pressure", "pump", "% per kPa", (0.1, 0.3, 1.0, 1.5, 3.0, 6.0),
          sets("fluid.per_kpa", 0.01), DELIVERY, in_cases=has_channel(HIGHER, LOWER)),
    Fault("thin air", "delivers more when the air is thinner", "pump", "% per kPa", (0.1, 0.3, 0.6, 1.0, 2.0),
          sets("fluid.per_thinner_air_kpa", 0.01), DELIVERY, in_cases=has_channel(CHAMBER)),
    Fault("keeps back", "does not get its reservoir empty", "pump", "mL", (0.2, 0.5, 0.8, 1.2, 2.0, 5.0), _keeps_back,
          frozenset({"residual_volume", "empty_alarm_delay"})),
    Fault("soft line", "syringe and tubing take up more", "pump", "times", (1.2, 1.5, 2.0, 4.0), _softer,
          frozenset({"released_volume"})),
    Fault("stuck counter", "its delivered volume stands still", "pump", "", (1.0,), sets("pump.unit.counter_stuck"),
          frozenset({"claimed_delivery"}), fits=is_implantable),
    Fault("stuck counter", "its delivered volume stands still", "pump", "", (1.0,), sets("pump.drive.counter_stuck"),
          frozenset({"claimed_delivery"}), fits=is_bench_pump),
    Fault("miscounting", "counts more than its drive passes", "pump", "%", (0.1, 0.3, 0.8, 1.2, 3.0, 10.0), _miscounts,
          frozenset({"claimed_delivery", "refill_discrepancy"}), fits=is_implantable),
)  # fmt: skip
