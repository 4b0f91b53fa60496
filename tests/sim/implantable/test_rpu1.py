"""The pump on its line: order of checks, repeats, damaged lines, notices, alarms, resets."""

from __future__ import annotations

import re

import pytest

DAY_S = 86_400


@pytest.mark.parametrize(
    ("request_text", "reply"),
    [
        # 1 grammar
        ("GET  STATUS", "ERR 01"), ("get STATUS", "ERR 01"), ("GET STATUS ", "ERR 01"), ("GET A B", "ERR 01"),
        ("SET MODE=", "ERR 01"), ("SET MODE=SC RATE=1+1", "ERR 01"), ("LOG =5", "ERR 01"), ("LOG FROM=%2", "ERR 01"),
        ("LOG FROM=1 STATUS", "ERR 01"), ("A234567890123456X", "ERR 01"),
        # 2 verb and word
        ("FOO", "ERR 02"), ("GET", "ERR 02"),
        ("GET ALL", "ERR 02"), ("ID STATUS", "ERR 02"), ("PTM", "ERR 02"), ("STOP NOW", "ERR 02"),
        ("FOO BAR=1 BAR=2", "ERR 02"),
        # 3 form
        ("SET", "ERR 01 KEY=MODE"), ("SET MODE=TURBO", "ERR 02 KEY=MODE"),
        ("SET RATE=5000", "ERR 01 KEY=MODE"),
        # 4 keys, left to right
        ("SET MODE=STOP RATE=5000", "ERR 02 KEY=RATE"), ("SET RATE=5000 MODE=SC RATE=x", "ERR 01 KEY=RATE"),
        ("SET MODE=SC RATE=05000", "ERR 01 KEY=RATE"), ("SET MODE=SC RATE=-1", "ERR 01 KEY=RATE"),
        ("SET MODE=SC RATE=1999", "ERR 03 KEY=RATE"), ("SET MODE=SC RATE=1000001", "ERR 03 KEY=RATE"),
        ("SET MODE=SC RATE=9999999999999999", "ERR 01 KEY=RATE"), ("SET MODE=SC CONC=4294967296", "ERR 03 KEY=CONC"),
        ("SET MODE=SC MODE=SC RATE=2000", "ERR 01 KEY=MODE"), ("GET STATUS GROUP=1", "ERR 02 KEY=GROUP"),
        ("COMMIT TOKEN=12aB", "ERR 01 KEY=TOKEN"), ("COMMIT TOKEN=123", "ERR 01 KEY=TOKEN"),
        ("ALARM ACK ID=FIRE", "ERR 02 KEY=ID"), ("ID X=1", "ERR 02 KEY=X"), ("STOP TOKEN=12", "ERR 01 KEY=TOKEN"),
        ("REFILL VOL=40000001", "ERR 03 KEY=VOL"), ("REFILL VOL=1 LOW=10000001", "ERR 03 KEY=LOW"),
        # 5 required keys in table order
        ("SET MODE=SC", "ERR 01 KEY=RATE"), ("SET MODE=SB DUR=5", "ERR 01 KEY=VOL"), ("SET MODE=SB", "ERR 01 KEY=VOL"),
        ("COMMIT", "ERR 01 KEY=TOKEN"), ("LOG", "ERR 01 KEY=FROM"), ("ALARM ACK", "ERR 01 KEY=ID"),
        # 6 rules between keys: 1.2 ml/h at most
        ("SET MODE=SB VOL=1001 DUR=3", "ERR 03 KEY=VOL"), ("SET MODE=SB VOL=334 DUR=1", "ERR 03 KEY=VOL"),
        # 7 state
        ("COMMIT TOKEN=1234", "ERR 05"), ("STOP TOKEN=1234", "ERR 05"), ("GET STAGED", "ERR 04"),
        ("ALARM ACK ID=ERI", "ERR 04"),
    ],
)  # fmt: skip
def test_the_first_failed_check_gives_the_reply_and_nothing_changes(host, request_text, reply):
    before = host.pairs("GET STATUS")
    assert host.ask(request_text) == reply
    assert host.pairs("GET STATUS") == before


def test_step_one_works_on_every_allowed_value(host):
    for text in ("MODE=SC RATE=2000", "RATE=1000000 CONC=4294967295 MODE=SC", "MODE=SB VOL=1 DUR=86400",
                 "MODE=SB VOL=1000 DUR=3", "MODE=MIN", "MODE=STOP"):  # fmt: skip
        assert host.pairs(f"SET {text}")["EXP"] == "600"
    assert host.ask("GET STAGED") == "OK MODE=STOP"


def test_identity_and_limits(host, pump):
    assert host.ask("ID") == (
        "OK MAKER=infusion-rig%20sim MODEL=RPU-Sim SERIAL=SIM-0001 FW=1.0 PROTO=1 LEVEL=2"
    )
    pump.maker = "Pümpe/5"
    assert "MAKER=P%C3%BCmpe%2F5 " in host.ask("ID")
    assert host.ask("ID LIMITS").startswith(
        "OK RMIN=2000 RMAX=1000000 MIN=250 BMIN=1 BMAX=2000000 BRMAX=1200000 "
    )


def test_a_repeat_is_answered_from_memory_and_not_carried_out_again(host, crc_line):
    token = host.pairs("SET MODE=SC RATE=20833")["TOKEN"]
    line = host.line(f"COMMIT TOKEN={token}")
    reply = host.talk.ask(line)
    host.at(3600)
    assert host.talk.ask(line) == reply
    broken = line[:-4] + b"0" + line[-3:]
    assert b"ERR 09" in host.talk.ask(broken if broken != line else line[:-4] + b"1" + line[-3:])
    assert host.talk.ask(line) == reply  # ERR 09 left the memory as it was
    same_number = crc_line(">", f"01 {host.sequence:02X} GET RES")
    assert b" OK RES=" in host.talk.ask(same_number)  # another text is another request
    assert b"ERR 05" in host.talk.ask(line)
    assert host.talk.ask(line) == host.talk.ask(line)
    assert [record for record in host.log() if record.startswith("PROG")] == [
        "PROG:MODE/SC,RATE/20833,CONC/0"
    ]


@pytest.mark.parametrize(
    "line",
    [
        b"", b"\r\n\r\n", b"noise\r\n", b"< 01 05 OK*0000\r\n", b"! 01 05 ALARM*0000\r\n", b"> 1 05 ID*0000\r\n",
        b"> 0a 05 ID*0000\r\n", b">  01 05 ID*0000\r\n", b"> 01 05\r\n", b"> FF 05 ID*0000\r\n",
        b"> 01 05 " + b"A" * 250 + b"*0000\r\n",
    ],
)  # fmt: skip
def test_lines_that_are_not_for_it_are_ignored(host, line):
    assert host.talk.ask(line) == b""
    assert host.pairs("GET STATUS")["MODE"] == "STOP"


@pytest.mark.parametrize("damage", ["lower", "short", "byte", "tab", "high", "no star"])
def test_damaged_lines_are_answered_with_09(host, crc_line, damage):
    good = crc_line(">", "01 75 ID LIMITS")
    bad = {
        "lower": good[:-6] + good[-6:].lower(),
        "short": good[:-3] + b"\r\n",
        "byte": good.replace(b"LIMITS", b"LIMITZ"),
        "tab": good.replace(b"LIM", b"LI\t"),
        "high": good.replace(b"LIM", b"LI\xcd"),
        "no star": good.replace(b"*", b"+"),
    }[damage]
    assert bad != good
    assert host.talk.ask(bad) == crc_line("<", "01 75 ERR 09")


def test_a_line_of_256_bytes_is_read_and_one_of_257_is_not(host, crc_line):
    filler = "A" * (256 - len(crc_line(">", "01 01 LOG FROM=")))
    assert len(crc_line(">", f"01 01 LOG FROM={filler}")) == 256
    assert b"ERR 01 KEY=FROM" in host.talk.ask(crc_line(">", f"01 01 LOG FROM={filler}"))
    assert host.talk.ask(crc_line(">", f"01 01 LOG FROM={filler}A")) == b""


def test_a_partial_line_is_gone_after_half_a_second(host, clock):
    line = host.line("GET RES")
    host.talk.send(line[:10])
    clock.sleep_s(0.4)
    assert b" OK RES=" in host.talk.ask(line[10:])
    line = host.line("GET RES")
    host.talk.send(line[:10])
    clock.sleep_s(0.6)
    assert host.talk.ask(line[10:]) == b""
    assert b" OK RES=" in host.talk.ask(line)


def test_several_requests_are_answered_in_order_and_take_their_time(host):
    lines = [host.line("ID"), host.line("GET RES"), host.line("BATT")]
    host.talk.send(b"".join(lines))
    assert [data[5:7] for _, data in host.talk.arrived] == [b"01", b"02", b"03"]
    times = [t_ns for t_ns, _ in host.talk.arrived]
    assert times == sorted(times)
    first = len(b"".join(lines)) + len(host.talk.arrived[0][1])
    assert times[0] == pytest.approx((first * 10 / 115_200 + 0.005) * 1e9, rel=1e-6)


def test_tokens_expire_are_used_up_and_replaced(host):
    old = host.pairs("SET MODE=SC RATE=20833")["TOKEN"]
    new = host.pairs("SET MODE=SC RATE=30000")["TOKEN"]
    assert old != new
    assert host.ask(f"COMMIT TOKEN={old}") == "ERR 05"
    assert host.ask(f"COMMIT TOKEN={new}").startswith("OK MODE=SC DELIV=0 ")
    assert host.ask(f"COMMIT TOKEN={new}") == "ERR 05"
    assert host.ask("GET STAGED") == "ERR 04"
    late = host.pairs("SET MODE=SC RATE=40000")["TOKEN"]
    host.at(600)
    assert host.ask(f"COMMIT TOKEN={late}") == "ERR 05"
    assert host.ask("GET STAGED") == "ERR 04"
    late = host.pairs("STOP")["TOKEN"]
    host.at(660)
    assert host.ask(f"STOP TOKEN={late}") == "ERR 05"
    staged = host.pairs("SET MODE=SC RATE=50000")["TOKEN"]
    assert host.ask(f"STOP TOKEN={staged}") == "ERR 05"
    assert host.stop().startswith("OK MODE=STOP DELIV=")
    assert host.ask(f"COMMIT TOKEN={staged}") == "ERR 05"  # a confirmed STOP voids it


def test_a_bolus_replaces_the_basal_rate_and_adds_exactly_its_volume(host, fluid, clock):
    host.deliver("MODE=SC RATE=20833")
    host.at(1000)
    before = int(host.pairs("GET STATUS")["DELIV"])
    assert host.deliver("MODE=SB VOL=49999 DUR=301").startswith("OK MODE=SB ")
    host.at(1100)
    status = host.pairs("GET STATUS")
    assert (status["MODE"], status["SRC"], status["RATE"], status["LEFT"]) == ("SB", "SB", "597994", "201")
    assert host.ask("GET PROGRAM") == "OK MODE=SB VOL=49999 DUR=301 CONC=0 THEN=SC"
    assert fluid.rate_nl_h == pytest.approx(49_999 * 3600 / 301)
    assert host.deliver("MODE=SB VOL=50000 DUR=300") == "ERR 06 LEFT=201"
    assert host.deliver("MODE=SC RATE=2000") == "ERR 06 LEFT=201"
    host.at(1301)
    status = host.pairs("GET STATUS")
    assert (status["MODE"], status["SRC"], status["LEFT"]) == ("SC", "BASAL", "0")
    assert int(status["DELIV"]) in (before + 49_999, before + 50_000)
    assert host.log()[3:] == [
        "BOLUS_REQ:SRC/SB,VOL/49999,DUR/301", "PROG:MODE/SB,VOL/49999,DUR/301,CONC/0", "BOLUS_GRANT:SRC/SB",
        "BOLUS_REQ:SRC/SB,VOL/50000,DUR/300", "BOLUS_DENY:SRC/SB,CAUSE/BUSY",
        "BOLUS_END:SRC/SB,VOL/49999,GOT/49999,CAUSE/DONE",
    ]  # fmt: skip


def test_a_bolus_slower_than_the_basal_rate_is_refused_at_the_commit(host):
    host.deliver("MODE=SC RATE=20833")
    token = host.pairs("SET MODE=SB VOL=20832 DUR=3600")["TOKEN"]
    assert host.ask(f"COMMIT TOKEN={token}") == "ERR 03 KEY=VOL"
    host.stop()
    assert host.deliver("MODE=SB VOL=20832 DUR=3600").startswith("OK ")


def test_minimum_and_stop_programs(host):
    assert host.deliver("MODE=MIN CONC=5").startswith("OK MODE=MIN ")
    assert host.ask("GET PROGRAM") == "OK MODE=MIN RATE=250 CONC=5"
    host.at(3600)
    assert host.pairs("GET STATUS")["DELIV"] == "250"
    assert host.deliver("MODE=STOP").startswith("OK MODE=STOP DELIV=250 ")
    assert host.ask("GET PROGRAM") == "OK MODE=STOP"
    assert host.log()[-2:] == ["PROG:MODE/STOP", "STOP:CAUSE/PROG"]
    assert host.deliver("MODE=STOP").startswith("OK MODE=STOP ")
    assert host.log()[-1] == "PROG:MODE/STOP"  # it was stopped already


def test_stopping_a_stopped_pump_changes_and_logs_nothing(host):
    host.at(100)
    last = host.pairs("GET STATUS")["LOG"]
    assert host.stop() == "OK MODE=STOP DELIV=0"
    status = host.pairs("GET STATUS")
    assert (status["LOG"], status["STOPT"]) == (last, "100")


def test_a_stall_within_the_notice_time_passes_unnoticed_and_is_lost(host, unit, fluid):
    host.deliver("MODE=SC RATE=360000")  # 100 nl/s
    unit.hold_rotor(1000 * 10**9, 50 * 10**9)
    host.at(2000)
    assert host.notices == []
    assert host.pairs("GET STATUS")["DELIV"] == "195000"
    assert fluid.displaced_nl([2000 * 10**9])[0] == pytest.approx(195_000, abs=50)


def test_a_stall_is_noticed_told_once_and_recovers(host, unit):
    host.deliver("MODE=SC RATE=360000")
    unit.hold_rotor(1000 * 10**9, 600 * 10**9)
    host.at(1059)
    assert host.pairs("GET STATUS")["RUN"] == "1"
    host.at(1061)
    assert host.notices == ["ALARM ID=MOTOR_STALL CLASS=CRIT STATE=ON T=1060 LOG=5"]
    status = host.pairs("GET STATUS")
    assert [status[key] for key in ("MODE", "RUN", "SRC", "RATE", "ALARMS")] == [
        "SC",
        "0",
        "BASAL",
        "0",
        "0400",
    ]
    assert host.deliver("MODE=SC RATE=5000") == "ERR 0A ID=MOTOR_STALL"
    host.at(1700)
    assert host.notices[1:] == ["ALARM ID=MOTOR_STALL CLASS=CRIT STATE=OFF T=1600 LOG=7"]
    assert host.pairs("GET STATUS")["DELIV"] == "110000"
    assert host.log(4) == [
        "STALL_ON:DELIV/100000", "ALARM_ON:ID/MOTOR_STALL", "STALL_RECOVER:DELIV/100000", "ALARM_OFF:ID/MOTOR_STALL",
    ]  # fmt: skip


def test_a_bolus_runs_out_during_a_stall_and_nothing_is_made_up(host, unit):
    host.deliver("MODE=SB VOL=10000 DUR=100")
    unit.hold_rotor(30 * 10**9, None)
    host.at(99)
    assert host.pairs("GET STATUS")["ALARMS"] == "0400"
    host.at(101)
    status = host.pairs("GET STATUS")
    assert [status[key] for key in ("MODE", "ALARMS", "DELIV")] == ["STOP", "0000", "3000"]
    assert host.log(5) == [
        "STALL_ON:DELIV/3000", "ALARM_ON:ID/MOTOR_STALL",
        "BOLUS_END:SRC/SB,VOL/10000,GOT/3000,CAUSE/DONE", "ALARM_OFF:ID/MOTOR_STALL",
    ]  # fmt: skip


def test_low_then_empty_reservoir_by_belief_not_by_fluid(host, fluid):
    fluid.rate_error = 0.25
    host.ask("REFILL VOL=100000 LOW=20000")
    host.deliver("MODE=SC RATE=36000")  # 10 nl/s
    host.at(7999)
    assert host.notices == []
    assert fluid.flow_nl_s([8000 * 10**9 + 1])[0] == 0.0  # it is really empty
    host.at(8001)
    assert host.notices == ["ALARM ID=LOW_RESERVOIR CLASS=NONCRIT STATE=ON T=8000 LOG=5"]
    assert host.pairs("ALARM LIST") == {"ON": "0001", "ACK": "0000", "TONE": "SINGLE", "IDS": "LOW_RESERVOIR"}
    host.at(10_001)
    assert host.notices[1:] == ["ALARM ID=EMPTY_RESERVOIR CLASS=CRIT STATE=ON T=10000 LOG=6"]
    status = host.pairs("GET STATUS")
    assert [status[key] for key in ("MODE", "DELIV", "RES", "ALARMS")] == ["STOP", "100000", "0", "0101"]
    assert host.log(6) == ["ALARM_ON:ID/EMPTY_RESERVOIR", "STOP:CAUSE/EMPTY"]
    assert host.deliver("MODE=SC RATE=5000") == "ERR 0A ID=EMPTY_RESERVOIR"
    assert host.pairs("ALARM ACK ID=EMPTY_RESERVOIR") == {
        "ID": "EMPTY_RESERVOIR",
        "ON": "0101",
        "ACK": "0100",
    }
    assert host.pairs("ALARM LIST")["TONE"] == "SINGLE"
    assert host.ask("REFILL VOL=40000000") == "OK VOL=40000000 LOW=20000 OLD=0"
    assert host.pairs("ALARM LIST") == {"ON": "0000", "ACK": "0000", "TONE": "NONE", "IDS": "NONE"}
    assert host.pairs("GET STATUS")["MODE"] == "STOP"  # never by itself
    assert host.log(9) == ["REFILL:VOL/40000000,LOW/20000,OLD/0", "ALARM_OFF:ID/LOW_RESERVOIR",
                           "ALARM_OFF:ID/EMPTY_RESERVOIR"]  # fmt: skip


def test_an_empty_reservoir_ends_a_bolus(host):
    host.ask("REFILL VOL=5000 LOW=0")
    host.deliver("MODE=SB VOL=10000 DUR=100")
    host.at(60)
    assert host.log(6) == [
        "ALARM_ON:ID/EMPTY_RESERVOIR", "BOLUS_END:SRC/SB,VOL/10000,GOT/5000,CAUSE/ALARM", "STOP:CAUSE/EMPTY",
    ]  # fmt: skip


def test_48_hours_stopped(host):
    host.at(2 * DAY_S - 1)
    assert host.pairs("GET STATUS")["ALARMS"] == "0000"
    host.at(2 * DAY_S + 1)
    assert host.notices == [f"ALARM ID=STOPPED_48H CLASS=CRIT STATE=ON T={2 * DAY_S} LOG=2"]
    host.deliver("MODE=SC RATE=5000")
    assert host.pairs("GET STATUS")["ALARMS"] == "0000"
    assert host.log(2) == ["ALARM_ON:ID/STOPPED_48H", "PROG:MODE/SC,RATE/5000,CONC/0", "START:RATE/5000",
                           "ALARM_OFF:ID/STOPPED_48H"]  # fmt: skip


def test_battery_from_good_to_replacement_to_end_of_service(host, unit):
    unit.battery.eri_days = 10
    host.deliver("MODE=SC RATE=2000")
    host.at(5 * DAY_S)
    assert host.ask("BATT") == "OK MV=2949 ERI=5 EOS=95 ERIMV=2600 EOSMV=2400 STATE=OK"
    host.at(10 * DAY_S + 1)
    assert host.notices == [f"ALARM ID=ERI CLASS=NONCRIT STATE=ON T={10 * DAY_S} LOG=5"]
    assert host.ask("BATT") == "OK MV=2948 ERI=0 EOS=90 ERIMV=2600 EOSMV=2400 STATE=ERI"
    host.at(100 * DAY_S + 1)
    assert "END_OF_SERVICE" in host.notices[1]
    assert host.pairs("GET STATUS")["MODE"] == "STOP"
    assert host.log(6) == ["BATT:STATE/EOS,MV/2934", "ALARM_ON:ID/END_OF_SERVICE", "STOP:CAUSE/EOS"]
    assert host.deliver("MODE=SC RATE=2000") == "ERR 0A ID=END_OF_SERVICE"


def test_a_low_battery_is_noticed_at_once_and_by_its_droop(host, unit):
    unit.battery.droop_mv_day = 100.0
    unit.battery.start_mv = 2950.0
    host.at(4 * DAY_S)
    assert "ERI" in host.notices[-1] or "ERI" in str(host.notices)
    unit.battery.start_mv = 2700.0  # 2300 by now
    assert host.pairs("BATT")["STATE"] == "EOS"


def test_lost_program_memory(host, unit):
    host.deliver("MODE=SC RATE=20833")
    host.at(3600)
    unit.damage_memory("PROG")
    assert host.ask("GET PROGRAM") == "ERR 0B AREA=PROG"
    assert host.log(4) == ["MEMERR:AREA/PROG,FATAL/1", "ALARM_ON:ID/MEMORY_FAILURE", "STOP:CAUSE/MEM"]
    assert host.deliver("MODE=SB VOL=50000 DUR=300") == "ERR 0B AREA=PROG"
    assert host.log(7)[-1] == "BOLUS_DENY:SRC/SB,CAUSE/MEMORY"
    assert host.deliver("MODE=SC RATE=20833").startswith("OK ")
    assert host.pairs("ALARM LIST")["IDS"] == "NONE"
    unit.damage_memory("LOG")
    assert host.pairs("ALARM LIST")["IDS"] == "MEMORY_WARNING"
    assert host.ask("ALARM ACK ID=MEMORY_WARNING") == "OK ID=MEMORY_WARNING ON=0000 ACK=0000"
    assert host.pairs("GET STATUS")["RUN"] == "1"


def test_a_failed_write_check_leaves_the_active_program(host, unit):
    host.deliver("MODE=SC RATE=20833")
    unit.write_check_fails = True
    assert host.deliver("MODE=SC RATE=5000") == "ERR 0B AREA=PROG"
    assert host.ask("GET PROGRAM") == "OK MODE=SC RATE=20833 CONC=0"


@pytest.mark.parametrize("keep", [True, False])
def test_a_reset_is_silent_and_the_basal_program_resumes_if_kept(host, unit, fluid, keep):
    host.ask("CLK T=1000")
    host.deliver("MODE=SC RATE=36000")
    host.deliver("MODE=SB VOL=10000 DUR=100")
    host.at(50)
    line = host.line("GET STATUS")
    assert b" OK " in host.talk.ask(line)
    unit.reset("WATCHDOG", keep_program=keep)
    host.talk.at(50.5)
    assert host.talk.ask(line) == b""
    assert fluid.flow_nl_s([50_900_000_000])[0] == 0.0
    host.at(52)
    status = host.pairs("GET STATUS")
    assert (status["UP"], status["CLK"], status["DELIV"]) == ("1", "1052", "5010" if keep else "5000")
    assert status["MODE"] == ("SC" if keep else "STOP")
    kept = [
        "RESET:CAUSE/WATCHDOG,KEEP/1",
        "BOLUS_END:SRC/SB,VOL/10000,GOT/5000,CAUSE/RESET",
        "START:RATE/36000",
    ]
    lost = ["RESET:CAUSE/WATCHDOG,KEEP/0", "MEMERR:AREA/PROG,FATAL/1", "ALARM_ON:ID/MEMORY_FAILURE",
            "BOLUS_END:SRC/SB,VOL/10000,GOT/5000,CAUSE/RESET", "STOP:CAUSE/MEM"]  # fmt: skip
    assert host.log(8) == (kept if keep else lost)
    assert host.notices == ([] if keep else ["ALARM ID=MEMORY_FAILURE CLASS=CRIT STATE=ON T=1051 LOG=10"])


def test_a_reset_in_the_middle_of_everything_does_not_hang_the_world(host, unit):
    host.deliver("MODE=SB VOL=10000 DUR=100")
    host.at(99.5)
    unit.reset()  # the bolus would end during it
    host.at(200)
    assert host.pairs("GET STATUS")["MODE"] == "STOP"
    assert host.log(5) == ["RESET:CAUSE/POWER,KEEP/1", "BOLUS_END:SRC/SB,VOL/10000,GOT/9950,CAUSE/RESET",
                           "STOP:CAUSE/RESET"]  # fmt: skip


def test_the_log_is_a_ring_and_is_read_from_anywhere(host):
    for _ in range(600):
        host.ask("CLK T=5")
        host.ask("REFILL VOL=40000000")
    pairs = host.pairs("LOG FROM=0")
    assert (pairs["FIRST"], pairs["LAST"], pairs["N"], pairs["MORE"]) == ("202", "1201", "2", "1")
    assert pairs["R1"].startswith("202:")
    assert host.ask("LOG FROM=1201").startswith("OK FIRST=202 LAST=1201 N=1 MORE=0 R1=1201:")
    assert host.ask("LOG FROM=1202") == "OK FIRST=202 LAST=1201 N=0 MORE=0"
    assert host.ask("LOG FROM=4294967295") == "OK FIRST=202 LAST=1201 N=0 MORE=0"
    assert len(host.log(0)) == 1000


def test_notices_wait_until_the_line_is_quiet(host, unit):
    unit.stall_notice_s = 0.0
    host.deliver("MODE=SC RATE=36000")
    host.at(10)
    line = host.line("GET STATUS")
    host.talk.send(line[:5])
    unit.rotor_held = True  # the alarm comes up while a request is half received
    host.talk.at(10.1)
    assert host.talk.take() == b""
    host.talk.send(line[5:])
    answer = host.talk.take()
    assert answer.startswith(b"< 01")
    assert b"ALARMS=0400" in answer
    assert answer.count(b"\n") == 1
    host.talk.at(10.6)
    ((t_ns, data),) = host.talk.arrived
    assert data.startswith(b"! 01 00 ALARM ID=MOTOR_STALL")
    assert t_ns > 10.12e9


def test_notices_count_and_come_once_each(host, unit):
    host.deliver("MODE=SC RATE=36000")
    unit.stall_notice_s = 0.0
    for second in range(1, 6):
        host.talk.at(second)
        unit.rotor_held = not unit.rotor_held
    host.talk.at(10)
    lines = host.talk.take().splitlines()
    notices = [line for line in lines if line.startswith(b"!")]
    assert [line[5:7] for line in notices] == [b"00", b"01", b"02", b"03", b"04"]
    assert [re.search(rb"STATE=(\w+)", line)[1] for line in notices] == [b"ON", b"OFF", b"ON", b"OFF", b"ON"]


def test_a_silent_pump_goes_on_delivering(host, pump):
    host.deliver("MODE=SC RATE=36000")
    pump.silent = True
    assert host.talk.ask(host.line("ID")) == b""
    pump.silent = False
    host.at(100)
    assert host.pairs("GET STATUS")["DELIV"] == "1000"


def test_a_stuck_counter_and_a_drifting_clock(host, unit, fluid):
    unit.own_clock.drift_ppm = 1000.0
    host.ask("CLK T=0")
    host.deliver("MODE=SC RATE=36000")
    host.at(100)
    unit.counter_stuck = True
    host.at(10_000)
    status = host.pairs("GET STATUS")
    assert (status["DELIV"], status["CLK"], status["UP"]) == ("1000", "10010", "10000")
    assert fluid.displaced_nl([10_000 * 10**9])[0] == pytest.approx(100_000, abs=50)
