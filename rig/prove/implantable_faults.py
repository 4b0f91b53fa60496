"""Faults of the firmware, the battery and the rotor of an implantable pump."""

from __future__ import annotations

from rig.prove.fault import DELIVERY, Fault, Injury, is_implantable, sets
from rig.sim.build import SimulatedChannel
from rig.sim.wire.line import NS_PER_S

S_PER_H = 3600.0
ALARMS = frozenset({"alarms"})
LOGS = frozenset({"priming.log", "refill_cycle.log", "endurance.log"})
STANDING_H = (0.01, 0.1, 0.5, 2.0, 8.0, 48.0, 240.0)


def _stall(channel: SimulatedChannel, hours: float) -> None:
    now_ns = channel.fluid.clock.now_ns()
    channel.pump.unit.hold_rotor(now_ns, round(hours * S_PER_H * NS_PER_S))


def _silent_stall(channel: SimulatedChannel, hours: float) -> None:
    channel.pump.unit.stall_notice_s = float("inf")
    _stall(channel, hours)


def _resets(*, keep_program: bool, silent: bool = False) -> Injury:
    def inject(channel: SimulatedChannel, _size: float) -> None:
        if silent:
            channel.pump.unit.alarms.missing |= {"MEMORY_FAILURE"}
        channel.pump.unit.reset("WATCHDOG" if keep_program else "POWER", keep_program=keep_program)

    return inject


def _late(alarm: str, unit_s: float) -> Injury:
    def inject(channel: SimulatedChannel, size: float) -> None:
        channel.pump.unit.alarms.late_s[alarm] = size * unit_s

    return inject


def _missing(alarm: str) -> Injury:
    def inject(channel: SimulatedChannel, _size: float) -> None:
        channel.pump.unit.alarms.missing.add(alarm)

    return inject


def _omits(code: str) -> Injury:
    def inject(channel: SimulatedChannel, _size: float) -> None:
        channel.pump.unit.events.omits |= {code}

    return inject


def _lower_limit(name: str) -> Injury:
    def inject(channel: SimulatedChannel, millivolts: float) -> None:
        battery = channel.pump.unit.battery
        setattr(battery, name, getattr(battery, name) - round(millivolts))

    return inject


def _resumes_with_less(channel: SimulatedChannel, percent: float) -> None:
    channel.pump.unit.resumes_at = 1 - percent / 100


def _stops_early(channel: SimulatedChannel, days: float) -> None:
    channel.pump.unit.battery.eri_to_eos_days -= round(days)


def _draws(channel: SimulatedChannel, microampere: float) -> None:
    channel.pump.unit.battery.idle_a += microampere * 1e-6


def _hungry(channel: SimulatedChannel, factor: float) -> None:
    channel.pump.unit.battery.motor_c_nl *= factor


def _of(*breaks: str) -> frozenset[str]:
    return frozenset(breaks)


CLOCK_SET_IN_VAIN = Fault(
    "clock set in vain", "its schedule does not follow when its clock is set", "pump", "", (1.0,),
    sets("pump.unit.schedule_ignores_clock"), _of("step_volume"),
    in_cases=lambda case: getattr(case, "clock_change", None) is not None, fits=is_implantable,
)  # fmt: skip
IMPLANTABLE_FAULTS = (CLOCK_SET_IN_VAIN, *(
    Fault(name, words, "pump", unit, sizes, inject, breaks, later=later, fits=is_implantable)
    for name, words, unit, sizes, inject, breaks, later in (
        # The rotor
        ("motor stall", "stands still for a while, and says so", "h", STANDING_H, _stall, DELIVERY | ALARMS, True),
        ("silent stall", "stands still for a while, and never notices", "h", STANDING_H, _silent_stall, DELIVERY,
         True),
        ("late stall alarm", "notices late that its rotor stands", "s", (70.0, 100.0, 150.0, 600.0, 3600.0),
         sets("pump.unit.stall_notice_s"), _of("disturbance.time_to_alarm"), False),
        ("no stall alarm", "never says that its rotor stands", "", (1.0,), _missing("MOTOR_STALL"),
         _of("disturbance.time_to_alarm"), False),
        ("stays stalled", "does not go on when its rotor can turn again", "", (1.0,), sets("pump.unit.stays_stalled"),
         _of("disturbance.recovery"), False),
        ("stall not in the log", "leaves the stall out of its log", "", (1.0,), _omits("STALL_ON"),
         _of("disturbance.log"), False),
        # Resets
        ("program lost", "forgets its program at a reset, and says so", "", (1.0,), _resets(keep_program=False),
         DELIVERY | ALARMS | LOGS, True),
        ("program lost in silence", "forgets its program at a reset, and never says so", "", (1.0,),
         _resets(keep_program=False, silent=True), DELIVERY | LOGS, True),
        ("reset", "a reset that keeps its program", "", (1.0,), _resets(keep_program=True), LOGS, True),
        ("forgets with its power", "has no program when its power is back", "", (1.0,),
         sets("pump.unit.loses_program"), _of("disturbance.program", "disturbance.recovery"), False),
        ("resumes at another rate", "goes on with less when its power is back", "%", (2.0, 5.0, 20.0, 50.0),
         _resumes_with_less, _of("disturbance.program"), False),
        ("goes on after a reset", "delivers after a reset by command", "", (1.0,),
         sets("pump.unit.keeps_after_command"), _of("disturbance.program"), False),
        ("reset not in the log", "leaves resets out of its log", "", (1.0,), _omits("RESET"), _of("disturbance.log"),
         False),
        # Clock and schedule
        ("clock drift", "its clock runs fast", "ppm", (20.0, 80.0, 120.0, 700.0, 7000.0, 40_000.0, 170_000.0),
         sets("pump.unit.own_clock.drift_ppm"),
         _of("clock_drift", "step_volume", "day_volume"), False),
        ("hours of another day", "keeps the hours of the day after", "", (86_400.0,), sets("pump.unit.schedule_off_s"),
         _of("day_volume", "step_volume", "endurance.rates"), False),
        ("schedule off", "its schedule is ahead of its clock", "min", (5.0, 15.0, 60.0, 240.0),
         sets("pump.unit.schedule_off_s", 60.0), _of("step_volume", "endurance.rates"), False),
        # Boluses
        ("ignored lock-out", "grants the patient as soon as asked", "", (1.0,),
         sets("pump.unit.patient.lockout_ignored"), _of("lockout"), False),
        ("short lock-out", "its lock-out is over too early", "s", (30.0, 90.0, 600.0, 3000.0),
         sets("pump.unit.patient.lockout_short_s"), _of("lockout"), False),
        ("ignored maximum", "grants the patient too often", "", (1.0,), sets("pump.unit.patient.maximum_ignored"),
         _of("daily_maximum"), False),
        ("denied boluses", "denies boluses that are allowed", "", (1.0,), sets("pump.unit.denies_boluses"),
         _of("requests_granted", "single_dose", "bolus.mean_error", "prime_volume"), False),
        ("lying log", "leaves denied requests out of its log", "", (1.0,), _omits("BOLUS_DENY"),
         _of("patient_bolus.log"), False),
        ("no way back", "stands after priming or a bridge", "", (1.0,), sets("pump.unit.forgets_program"),
         _of("resumed"), False),
        # Reservoir
        ("late low alarm", "the low-reservoir alarm comes late", "h", (1.0, 8.0, 24.0, 48.0, 96.0),
         _late("LOW_RESERVOIR", S_PER_H), _of("low_alarm_volume"), False),
        ("no low alarm", "the low-reservoir alarm never comes", "", (1.0,), _missing("LOW_RESERVOIR"),
         _of("low_alarm_volume"), False),
        ("late empty alarm", "the alarm of the empty reservoir comes late", "h", (12.0, 48.0, 76.0, 88.0),
         _late("EMPTY_RESERVOIR", S_PER_H), _of("empty_alarm_delay"), False),
        ("no empty alarm", "runs empty, and never says so", "", (1.0,), _missing("EMPTY_RESERVOIR"),
         _of("empty_alarm_delay"), False),
        # Battery
        ("draws at rest", "its electronics draw too much", "uA", (3.0, 6.0, 20.0, 100.0),
         _draws, _of("current_stopped", "life"), False),
        ("hungry motor", "its motor draws too much", "times", (1.2, 1.5, 2.0, 4.0, 8.0), _hungry,
         _of("current_running", "life"), False),
        ("late replacement indicator", "comes at a lower voltage", "mV", (30.0, 60.0, 120.0, 180.0),
         _lower_limit("eri_threshold_mv"), _of("replacement_voltage"), False),
        ("no replacement indicator", "never comes", "", (1.0,), _missing("ERI"),
         _of("replacement_voltage", "service_after_replacement"), False),
        ("late end of service", "comes at a lower voltage", "mV", (30.0, 60.0, 120.0, 200.0),
         _lower_limit("eos_threshold_mv"), _of("end_voltage"), False),
        ("stops early", "ends its service too soon after the indicator", "day", (1.0, 2.0, 5.0, 30.0), _stops_early,
         _of("service_after_replacement"), False),
    )
))  # fmt: skip
