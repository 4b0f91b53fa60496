"""Each fault of the simulated pump, and what it looks like from outside."""

from __future__ import annotations

import math

import pytest

from rig.sim.implantable.patient import PatientBolus
from rig.sim.implantable.program import Program
from rig.sim.implantable.words import RequestDenied

S = 10**9
DAY_S = 86_400


@pytest.fixture
def moved_nl(clock, fluid):
    """What really left the pump."""
    return lambda: float(fluid.displaced_nl([clock.now_ns()])[0])


@pytest.mark.parametrize("rate_error", [-0.2, 0.15])
def test_over_and_under_infusion_are_in_the_fluid_and_not_in_the_count(host, fluid, moved_nl, rate_error):
    fluid.rate_error = rate_error
    host.deliver("MODE=SC RATE=36000")
    host.at(3600)
    assert host.pairs("GET STATUS")["DELIV"] == "36000"
    assert moved_nl() == pytest.approx(36_000 * (1 + rate_error), abs=20)


def test_a_tube_that_wears_delivers_more_and_more(host, fluid, moved_nl):
    fluid.wear_per_ml = 0.005
    host.deliver("MODE=SC RATE=20833")
    by_day = []
    for day in range(1, 41):
        before = moved_nl()
        host.at(day * DAY_S)
        by_day.append(moved_nl() - before)
    assert by_day[0] == pytest.approx(499_992 * 1.00125, abs=50)
    assert by_day[39] == pytest.approx(499_992 * 1.09874, abs=50)
    assert host.pairs("GET STATUS")["DELIV"] == str(499_992 * 40)


def test_free_flow_goes_on_while_the_pump_stands(host, fluid, moved_nl):
    fluid.free_flow_nl_h = 5_000.0
    host.at(3600)
    assert (host.pairs("GET STATUS")["DELIV"], moved_nl()) == ("0", pytest.approx(5_000.0))


def test_a_stall_that_is_never_noticed(host, unit, moved_nl):
    unit.stall_notice_s = math.inf
    host.deliver("MODE=SC RATE=36000")
    unit.hold_rotor(100 * S, None)
    host.at(10 * DAY_S)
    status = host.pairs("GET STATUS")
    assert [status[key] for key in ("RUN", "RATE", "ALARMS", "DELIV")] == ["1", "36000", "0000", "1000"]
    assert moved_nl() == pytest.approx(1_000, abs=20)
    assert host.notices == []


def test_a_late_alarm_comes_late_with_all_that_follows(host, unit):
    unit.alarms.late_s = {"LOW_RESERVOIR": 3600.0, "EMPTY_RESERVOIR": 1800.0}
    host.ask("REFILL VOL=36000 LOW=18000")
    host.deliver("MODE=SC RATE=36000")
    host.at(1800 + 3590)
    assert host.pairs("GET STATUS")["ALARMS"] == "0000"
    assert host.pairs("GET STATUS")["MODE"] == "SC"  # it has been empty for half an hour
    host.at(1800 + 3601)
    assert host.notices == [
        "ALARM ID=LOW_RESERVOIR CLASS=NONCRIT STATE=ON T=5400 LOG=5",
        "ALARM ID=EMPTY_RESERVOIR CLASS=CRIT STATE=ON T=5400 LOG=6",
    ]
    assert host.pairs("GET STATUS")["MODE"] == "STOP"


def test_a_late_alarm_whose_reason_goes_does_not_come(host, unit):
    unit.alarms.late_s = {"LOW_RESERVOIR": 3600.0}
    host.ask("REFILL VOL=36000 LOW=18000")
    host.deliver("MODE=SC RATE=36000")
    host.at(2000)
    host.ask("REFILL VOL=40000000")
    host.at(100_000)
    assert host.notices == []
    host.ask("REFILL VOL=17000")
    host.at(101_000)
    assert host.notices == []  # late by an hour again


def test_a_silent_alarm_is_on_without_tone_or_line(host, unit):
    unit.alarms.silent = {"LOW_RESERVOIR"}
    host.ask("REFILL VOL=1000 LOW=18000")
    host.at(10)
    assert host.notices == []
    assert host.pairs("ALARM LIST") == {"ON": "0001", "ACK": "0000", "TONE": "NONE", "IDS": "LOW_RESERVOIR"}
    assert unit.sounds == "NONE"


def test_a_missing_alarm_never_comes_and_a_pump_that_knows_no_empty_goes_on(host, unit, fluid, moved_nl):
    unit.alarms.missing = {"EMPTY_RESERVOIR"}
    host.ask("REFILL VOL=10000 LOW=0")
    host.deliver("MODE=SC RATE=36000")
    host.at(DAY_S)
    status = host.pairs("GET STATUS")
    assert [status[key] for key in ("MODE", "RUN", "RES", "ALARMS", "DELIV")] == [
        "SC", "1", "0", "0000", str(24 * 36_000),
    ]  # fmt: skip
    assert moved_nl() == pytest.approx(10_000, abs=0.1)


def test_an_ignored_lock_out_and_an_ignored_maximum(host, unit):
    host.deliver("MODE=SC RATE=5000")
    host.ask("PTM SET EN=1 VOL=10000 DUR=60 LOCK=14400 MAX=2")
    unit.patient.lockout_ignored = True
    replies = []
    for minute in range(4):
        host.at(100 * minute)
        replies.append(host.ask("PTM ACTIVATE")[:6])
        unit.patient.maximum_ignored = minute >= 2
    assert replies == ["OK LEF", "OK LEF", "ERR 08", "OK LEF"]
    assert host.pairs("GET PTM")["COUNT"] == "3"


def test_boluses_denied_though_they_are_allowed(host, unit, moved_nl):
    host.deliver("MODE=SC RATE=5000")
    host.ask("PTM SET EN=1 VOL=10000 DUR=60 LOCK=600 MAX=2")
    unit.denies_boluses = True
    assert host.ask("PTM ACTIVATE") == "ERR 07 LEFT=60"
    assert host.deliver("MODE=SB VOL=10000 DUR=60") == "ERR 06 LEFT=60"
    assert host.log()[-1] == "BOLUS_DENY:SRC/SB,CAUSE/BUSY"
    assert host.pairs("GET PTM")["COUNT"] == "0"
    unit.denies_boluses = False
    assert host.ask("PTM ACTIVATE").startswith("OK ")


def test_a_log_that_lies(host, unit, moved_nl):
    unit.events.omits = {"BOLUS_DENY", "ALARM_ON"}
    unit.events.claims = {"BOLUS_END": {"GOT": 10_000, "CAUSE": "DONE"}}
    host.deliver("MODE=SC RATE=5000")
    host.deliver("MODE=SB VOL=10000 DUR=100")
    assert host.deliver("MODE=SB VOL=10000 DUR=100").startswith("ERR 06")
    host.at(50)
    host.stop()
    assert moved_nl() == pytest.approx(5_000, abs=20)
    host.ask("REFILL VOL=1000")
    host.at(60)
    assert host.log(6) == [
        "BOLUS_GRANT:SRC/SB", "BOLUS_REQ:SRC/SB,VOL/10000,DUR/100",
        "BOLUS_END:SRC/SB,VOL/10000,GOT/10000,CAUSE/DONE", "STOP:CAUSE/CMD", "REFILL:VOL/1000,LOW/2000000,OLD/39995000",
    ]  # fmt: skip
    assert host.notices == ["ALARM ID=LOW_RESERVOIR CLASS=NONCRIT STATE=ON T=50 LOG=10"]


def test_a_reset_that_loses_the_program_and_says_nothing(host, unit):
    unit.alarms.missing = {"MEMORY_FAILURE"}
    unit.events.omits = {"MEMERR", "RESET"}
    host.deliver("MODE=SC RATE=5000")
    host.at(100)
    unit.reset("WATCHDOG", keep_program=False)
    host.at(102)
    status = host.pairs("GET STATUS")
    assert [status[key] for key in ("MODE", "RUN", "ALARMS", "UP")] == ["STOP", "0", "0000", "1"]


def test_a_battery_that_droops_until_the_pump_stops(host, unit):
    unit.battery.droop_mv_day = 5.0
    host.deliver("MODE=SC RATE=5000")
    host.at(100 * DAY_S)
    assert host.pairs("BATT")["STATE"] == "ERI"
    host.at(111 * DAY_S)
    assert host.pairs("BATT")["STATE"] == "EOS"
    assert host.pairs("GET STATUS")["MODE"] == "STOP"


def test_telemetry_out_damaged_and_doubled(host, pump):
    pump.silent = True
    assert host.ask("ID") is None
    pump.silent = False
    pump.line.corrupt = 1
    damaged = host.talk.ask(host.line("GET RES"))
    good = host.talk.ask(host.crc_line(">", f"01 {host.sequence:02X} GET RES"))  # the repeat
    assert sum(one != other for one, other in zip(damaged, good, strict=True)) == 1
    pump.line.duplicate = 1
    twice = host.talk.ask(host.line("GET RES"))
    assert twice[: len(twice) // 2] == twice[len(twice) // 2 :]


def test_a_patient_bolus_during_a_stall_is_refused_and_put_on_record(unit, clock):
    unit.commit(Program("SC", rate=5_000))
    unit.set_patient_bolus(PatientBolus(1, 10_000, 60, 600, 2))
    unit.rotor_held = True
    clock.sleep_s(61)
    with pytest.raises(RequestDenied) as denied:
        unit.press_button()
    assert denied.value.pairs == {"ID": "MOTOR_STALL"}
    assert [record.code for record in unit.log][-2:] == ["BOLUS_REQ", "BOLUS_DENY"]
