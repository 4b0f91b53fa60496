"""What level 2 adds on the wire: forms, staging of schedules, who may do what in which state, reset, tones."""

from __future__ import annotations

import numpy as np
import pytest

from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath
from rig.sim.implantable.pump import ImplantablePump
from rig.sim.implantable.rpu1 import SimulatedPump
from rig.sim.implantable.words import Limits


def step_two(host, step_one):
    verb = step_one.split()[0]
    return host.ask(f"{verb} TOKEN={host.pairs(step_one)['TOKEN']}")


LEVEL_2_ONLY = [
    ("GET PTM", "ERR 02"), ("PTM ACTIVATE", "ERR 02"), ("PTM SET EN=1", "ERR 02"), ("PRIME VOL=1 RATE=2000", "ERR 02"),
    ("BRIDGE TOKEN=1234", "ERR 02"), ("RST", "ERR 02"), ("ALARM TONE KIND=DUAL", "ERR 02"),
    ("SET MODE=FLEX MAP=1111111", "ERR 02 KEY=MODE"), ("SET MODE=PB VOL=1", "ERR 02 KEY=MODE"),
    ("GET PROGRAM GROUP=1", "ERR 02 KEY=GROUP"), ("GET STAGED GROUP=1", "ERR 02 KEY=GROUP"),
]  # fmt: skip


@pytest.mark.parametrize(("request_text", "reply"), LEVEL_2_ONLY)
def test_a_device_of_level_1_knows_none_of_it(host, pump, request_text, reply):
    pump.level = 1
    assert host.pairs("ID")["LEVEL"] == "1"
    assert host.ask(request_text) == reply
    pump.level = 2
    assert host.ask(request_text) != reply


@pytest.mark.parametrize(
    ("request_text", "reply"),
    [
        # periodic bolus: fits into its interval, then the ceiling
        ("SET MODE=PB VOL=1 DUR=1", "ERR 01 KEY=INT"), ("SET MODE=PB VOL=1 DUR=1 INT=599", "ERR 03 KEY=INT"),
        ("SET MODE=PB VOL=1 DUR=1 INT=604801", "ERR 03 KEY=INT"),
        ("SET MODE=PB VOL=2000000 DUR=601 INT=600", "ERR 03 KEY=DUR"),
        ("SET MODE=PB VOL=200001 DUR=600 INT=600", "ERR 03 KEY=VOL"), ("SET MODE=PB RATE=1", "ERR 02 KEY=RATE"),
        # flex: which form is meant, and of what the steps are made
        ("SET MODE=FLEX", "ERR 01 KEY=GROUP"), ("SET MODE=FLEX GROUP=1", "ERR 01 KEY=STEPS"),
        ("SET MODE=FLEX MAP=1111111 GROUP=1", "ERR 02 KEY=GROUP"), ("SET MODE=FLEX CONC=1 GROUP=1", "ERR 02 KEY=CONC"),
        ("SET MODE=FLEX MAP=111111", "ERR 01 KEY=MAP"), ("SET MODE=FLEX MAP=11111118", "ERR 01 KEY=MAP"),
        ("SET MODE=FLEX MAP=1111110", "ERR 01 KEY=MAP"), ("SET MODE=FLEX GROUP=8 STEPS=0:2000", "ERR 03 KEY=GROUP"),
        ("SET MODE=FLEX GROUP=1 STEPS=0:2000", "ERR 03 KEY=GROUP"),  # nothing staged
        ("SET MODE=FLEX GROUP=1 STEPS=0", "ERR 01 KEY=STEPS"),
        ("SET MODE=FLEX GROUP=1 STEPS=0:2000,", "ERR 01 KEY=STEPS"),
        ("SET MODE=FLEX GROUP=1 STEPS=0:02000", "ERR 01 KEY=STEPS"),
        ("SET MODE=FLEX GROUP=1 STEPS=0:2000:1", "ERR 01 KEY=STEPS"),
        ("SET MODE=FLEX GROUP=1 STEPS=1:2000", "ERR 03 KEY=STEPS"),
        ("SET MODE=FLEX GROUP=1 STEPS=0:1999", "ERR 03 KEY=STEPS"),
        ("SET MODE=FLEX GROUP=1 STEPS=0:1000001", "ERR 03 KEY=STEPS"),
        ("SET MODE=FLEX GROUP=1 STEPS=0:2000,1440:2000", "ERR 03 KEY=STEPS"),
        ("SET MODE=FLEX GROUP=1 STEPS=0:2000,60:3000,60:4000", "ERR 03 KEY=STEPS"),
        ("SET MODE=FLEX GROUP=1 STEPS=" + ",".join(f"{n}:2000" for n in range(14)), "ERR 03 KEY=STEPS"),
        # patient bolus
        ("PTM SET EN=2", "ERR 01 KEY=EN"), ("PTM SET VOL=1", "ERR 01 KEY=EN"),
        ("PTM SET EN=1 VOL=1 DUR=1 LOCK=599 MAX=1", "ERR 03 KEY=LOCK"),
        ("PTM SET EN=1 VOL=1 DUR=1 LOCK=86401 MAX=1", "ERR 03 KEY=LOCK"),
        ("PTM SET EN=1 VOL=1 DUR=1 LOCK=600 MAX=101", "ERR 03 KEY=MAX"),
        ("PTM SET EN=1 VOL=1 DUR=1 LOCK=600", "ERR 01 KEY=MAX"),
        ("PTM SET EN=0 VOL=334 DUR=1 LOCK=600 MAX=1", "ERR 03 KEY=VOL"), ("PTM ACTIVATE EN=1", "ERR 02 KEY=EN"),
        # prime, bridge, reset: two steps each
        ("PRIME VOL=1000001 RATE=2000", "ERR 03 KEY=VOL"), ("PRIME VOL=1 RATE=1999", "ERR 03 KEY=RATE"),
        ("PRIME", "ERR 01 KEY=VOL"), ("PRIME VOL=1 RATE=2000 TOKEN=1234", "ERR 02 KEY=VOL"),
        ("PRIME TOKEN=1234", "ERR 05"),
        ("BRIDGE OLD=1 NEW=2 VOL=1 DUR=59", "ERR 03 KEY=DUR"),
        ("BRIDGE OLD=1 NEW=2 VOL=20001 DUR=60", "ERR 03 KEY=VOL"),
        ("BRIDGE NEW=2 VOL=1 DUR=60", "ERR 01 KEY=OLD"), ("BRIDGE TOKEN=1234", "ERR 05"),
        ("RST TOKEN=1234", "ERR 05"), ("RST NOW=1", "ERR 02 KEY=NOW"),
        ("GET PROGRAM GROUP=1", "ERR 04"), ("GET STAGED GROUP=1", "ERR 04"),
        ("GET PROGRAM GROUP=0", "ERR 03 KEY=GROUP"),
        ("ALARM TONE", "ERR 01 KEY=KIND"), ("ALARM TONE KIND=LOUD", "ERR 02 KEY=KIND"),
    ],
)  # fmt: skip
def test_the_first_failed_check_gives_the_reply_and_nothing_changes(host, request_text, reply):
    before = host.pairs("GET STATUS")
    assert host.ask(request_text) == reply
    assert host.pairs("GET STATUS") == before


def test_a_schedule_is_staged_group_by_group(host):
    host.pairs("SET MODE=SC RATE=5000")
    assert (
        host.ask("SET MODE=FLEX GROUP=1 STEPS=0:2000") == "ERR 03 KEY=GROUP"
    )  # what is staged is no schedule
    first = host.pairs("SET MODE=FLEX MAP=1112223 CONC=7")["TOKEN"]
    assert host.ask("GET STAGED") == "OK MODE=FLEX MAP=1112223 CONC=7 GROUPS=NONE"
    assert host.ask("SET MODE=FLEX GROUP=4 STEPS=0:2000") == "ERR 03 KEY=GROUP"  # not in the map
    second = host.pairs("SET MODE=FLEX GROUP=3 STEPS=0:2000,1439:3000")["TOKEN"]
    assert host.ask(f"COMMIT TOKEN={first}") == "ERR 05"
    assert host.ask(f"COMMIT TOKEN={second}") == "ERR 04"  # groups of the map are missing
    assert host.ask("GET STAGED GROUP=1") == "ERR 04"
    host.pairs("SET MODE=FLEX GROUP=1 STEPS=0:4000")
    thirteen = ",".join(f"{100 * n}:{1_000_000 - n}" for n in range(13))
    host.pairs("SET MODE=FLEX GROUP=2 STEPS=0:9999")
    token = host.pairs(f"SET MODE=FLEX GROUP=2 STEPS={thirteen}")["TOKEN"]  # replaces it
    assert host.ask("GET STAGED") == "OK MODE=FLEX MAP=1112223 CONC=7 GROUPS=1,2,3"
    assert host.ask("GET PROGRAM") == "OK MODE=STOP"
    assert host.ask(f"COMMIT TOKEN={token}").startswith("OK MODE=FLEX DELIV=0 ")
    assert host.ask("GET PROGRAM") == "OK MODE=FLEX MAP=1112223 CONC=7 GROUPS=1,2,3"
    assert host.ask("GET PROGRAM GROUP=2") == f"OK GROUP=2 STEPS={thirteen}"
    assert host.ask("GET PROGRAM GROUP=4") == "ERR 04"
    assert host.ask("GET STAGED") == "ERR 04"


def test_the_steps_of_a_schedule_are_gone_with_its_token(host):
    host.pairs("SET MODE=FLEX MAP=1111111")
    host.at(600)
    assert host.ask("SET MODE=FLEX GROUP=1 STEPS=0:2000") == "ERR 03 KEY=GROUP"
    assert host.ask("GET STAGED") == "ERR 04"


def test_programs_of_level_2_are_told_as_they_were_set(host):
    token = host.pairs("SET MODE=PB VOL=10000 DUR=300 INT=14400 CONC=5")["TOKEN"]
    assert host.ask("GET STAGED") == "OK MODE=PB VOL=10000 DUR=300 INT=14400 CONC=5"
    host.ask(f"COMMIT TOKEN={token}")
    assert host.ask("GET PROGRAM") == "OK MODE=PB VOL=10000 DUR=300 INT=14400 CONC=5"
    assert host.log(2) == [
        "PROG:MODE/PB,VOL/10000,DUR/300,INT/14400,CONC/5", "BOLUS_GRANT:SRC/PB", "START:RATE/120000",
    ]  # fmt: skip
    host.deliver("MODE=SB VOL=10000 DUR=300")
    assert host.ask("GET PROGRAM") == "OK MODE=SB VOL=10000 DUR=300 CONC=0 THEN=PB"
    assert host.pairs("GET STATUS")["MODE"] == "SB"
    assert host.ask("GET PROGRAM GROUP=1") == "ERR 04"


def test_a_limit_of_the_device_holds_for_level_2_too(clock, host_of):
    limits = Limits(rate_min=5_000, rate_max=500_000, bolus_max=1_000, bolus_rate_max=600_000)
    unit = ImplantablePump(clock, FluidPath(clock, Peristaltic()), limits)
    host = host_of(SimulatedPump(clock, unit, np.random.default_rng(1)))
    host.pairs("SET MODE=FLEX MAP=1111111")
    assert host.ask("SET MODE=FLEX GROUP=1 STEPS=0:4999") == "ERR 03 KEY=STEPS"
    assert host.ask("PRIME VOL=1 RATE=500001") == "ERR 03 KEY=RATE"
    assert host.ask("SET MODE=PB VOL=1001 DUR=60 INT=600") == "ERR 03 KEY=VOL"
    assert host.ask("PTM SET EN=1 VOL=501 DUR=3 LOCK=600 MAX=1") == "ERR 03 KEY=VOL"  # above 600 ul/h
    assert host.ask("BRIDGE OLD=1 NEW=1 VOL=10001 DUR=60") == "ERR 03 KEY=VOL"


def test_the_patients_bolus_is_told_with_its_lock_out_and_its_count(host):
    assert host.ask("GET PTM") == "OK EN=0 VOL=1 DUR=1 LOCK=86400 MAX=1 LEFT=0 COUNT=0"
    host.deliver("MODE=SC RATE=5000")
    host.ask("PTM SET EN=1 VOL=10000 DUR=60 LOCK=3600 MAX=2")
    assert host.ask("GET PTM") == "OK EN=1 VOL=10000 DUR=60 LOCK=3600 MAX=2 LEFT=0 COUNT=0"
    assert host.ask("PTM ACTIVATE").startswith("OK LEFT=60 DELIV=0 LOG=6")
    assert host.ask("GET PROGRAM") == "OK MODE=SC RATE=5000 CONC=0"
    status = host.pairs("GET STATUS")
    assert [status[key] for key in ("MODE", "SRC", "RATE", "LEFT")] == ["SC", "PTM", "600000", "60"]
    host.at(30.5)
    assert host.ask("PTM ACTIVATE") == "ERR 06 LEFT=30"
    assert host.ask("GET PTM").endswith("LEFT=3570 COUNT=1")
    host.at(3600)
    assert host.ask("PTM ACTIVATE").startswith("OK LEFT=60 ")
    host.at(7200)
    assert host.ask("PTM ACTIVATE") == "ERR 08 LEFT=79200"
    host.at(86_400)
    assert host.ask("PTM ACTIVATE").startswith("OK LEFT=60 ")
    host.at(86_500)
    host.ask("PTM SET EN=1 VOL=10000 DUR=60 LOCK=600 MAX=1")
    host.at(87_000)  # two of yesterday and today, of which one is allowed: the younger of them must grow old
    assert host.ask("PTM ACTIVATE") == f"ERR 08 LEFT={86_400 + 86_400 - 87_000}"
    assert host.log(4)[:5] == [
        "PROG:MODE/PTM,EN/1,VOL/10000,DUR/60,LOCK/3600,MAX/2", "BOLUS_REQ:SRC/PTM,VOL/10000,DUR/60",
        "BOLUS_GRANT:SRC/PTM", "BOLUS_REQ:SRC/PTM,VOL/10000,DUR/60", "BOLUS_DENY:SRC/PTM,CAUSE/BUSY",
    ]  # fmt: skip


STATES = {
    "STOPPED": lambda host, unit: None,
    "RUNNING": lambda host, unit: host.deliver("MODE=SC RATE=5000"),
    "BOLUS": lambda host, unit: (host.deliver("MODE=SC RATE=5000"), host.deliver("MODE=SB VOL=9000 DUR=900")),
    "BOLUS FROM STOPPED": lambda host, unit: step_two(host, "PRIME VOL=9000 RATE=36000"),
    "STALLED": lambda host, unit: (
        setattr(unit, "stall_notice_s", 0.0), host.deliver("MODE=SC RATE=5000"), setattr(unit, "rotor_held", True),
        host.at(1),
    ),
    "EMPTY": lambda host, unit: host.ask("REFILL VOL=0"),
    "MEMORY LOST": lambda host, unit: unit.damage_memory("PROG"),
}  # fmt: skip
REQUESTS = {
    "commit stop": lambda host: host.deliver("MODE=STOP"),
    "stop": lambda host: step_two(host, "STOP"),
    "reset": lambda host: step_two(host, "RST"),
    "commit basal": lambda host: host.deliver("MODE=PB VOL=10000 DUR=300 INT=14400"),
    "commit bolus": lambda host: host.deliver("MODE=SB VOL=9000 DUR=900"),
    "prime": lambda host: step_two(host, "PRIME VOL=1000 RATE=36000"),
    "bridge": lambda host: step_two(host, "BRIDGE OLD=1 NEW=2 VOL=1000 DUR=600"),
    "button": lambda host: host.ask("PTM ACTIVATE"),
    "program": lambda host: host.ask("GET PROGRAM"),
    "refill": lambda host: host.ask("REFILL VOL=20000000"),
}
# The table of section 5, a row a request, in the order of STATES.
WHO_MAY = {
    "commit stop": "OK OK OK OK OK OK OK",
    "stop": "OK OK OK OK OK OK OK",
    "reset": "OK OK OK OK OK OK OK",
    "commit basal": "OK OK 06 06 0A 0A OK",
    "commit bolus": "OK OK 06 06 0A 0A 0B",
    "prime": "OK OK 06 06 0A 0A 0B",
    "bridge": "04 OK 06 04 0A 04 04",
    "button": "04 OK 06 04 0A 04 04",
    "program": "OK OK OK OK OK OK 0B",
    "refill": "OK OK OK OK OK OK OK",
}


@pytest.mark.parametrize("request_name", WHO_MAY)
@pytest.mark.parametrize("state", STATES)
def test_who_may_do_what_in_which_state(host, unit, state, request_name):
    host.ask("PTM SET EN=1 VOL=10000 DUR=60 LOCK=600 MAX=4")
    STATES[state](host, unit)
    expected = WHO_MAY[request_name].split()[list(STATES).index(state)]
    reply = REQUESTS[request_name](host)
    assert reply.startswith("OK" if expected == "OK" else f"ERR {expected}")


def test_action_tokens_belong_to_their_verb_and_are_used_once(host):
    prime = host.pairs("PRIME VOL=1000 RATE=36000")
    assert prime["EXP"] == "60"
    assert host.ask(f"RST TOKEN={prime['TOKEN']}") == "ERR 05"
    assert host.ask(f"PRIME TOKEN={prime['TOKEN']}").startswith("OK LEFT=100 DELIV=0 ")
    assert host.ask(f"PRIME TOKEN={prime['TOKEN']}") == "ERR 05"
    bridge = host.pairs("BRIDGE OLD=1 NEW=2 VOL=1000 DUR=600")["TOKEN"]
    reset = host.pairs("RST")["TOKEN"]
    assert host.ask(f"BRIDGE TOKEN={bridge}") == "ERR 05"  # voided by the new one
    host.at(60)
    assert host.ask(f"RST TOKEN={reset}") == "ERR 05"


def test_a_refused_step_two_leaves_its_token_valid(host):
    host.deliver("MODE=SC RATE=36000")
    token = host.pairs("PRIME VOL=1000 RATE=35999")["TOKEN"]
    assert host.ask(f"PRIME TOKEN={token}") == "ERR 03 KEY=RATE"
    host.stop()
    assert host.ask(f"PRIME TOKEN={token}") == "ERR 05"  # the confirmed STOP voided it
    token = host.pairs("PRIME VOL=1000 RATE=35999")["TOKEN"]
    host.ask(f"PRIME TOKEN={token}")
    token = host.pairs("PRIME VOL=1000 RATE=35999")["TOKEN"]
    assert host.ask(f"PRIME TOKEN={token}").startswith("ERR 06")
    host.at(59)
    assert host.ask(f"PRIME TOKEN={token}").startswith("ERR 06")


def test_a_reset_by_command_begins_after_its_reply_and_ends_stopped(host, unit):
    host.ask("CLK T=1000")
    host.ask("PTM SET EN=1 VOL=10000 DUR=60 LOCK=600 MAX=4")
    host.deliver("MODE=SC RATE=36000")
    host.at(100)
    staged = host.pairs("SET MODE=SC RATE=2000")["TOKEN"]
    token = host.pairs("RST")["TOKEN"]
    line = host.line(f"RST TOKEN={token}")
    assert b" OK DELIV=1000*" in host.talk.ask(line)
    host.talk.at(100.5)
    assert host.talk.ask(line) == b""
    host.talk.at(102)
    status = host.pairs("GET STATUS")
    assert [status[key] for key in ("MODE", "DELIV", "UP", "CLK", "ALARMS", "STOPT")] == [
        "STOP", "1000", "0", "1102", "0000", "0",
    ]  # fmt: skip
    assert host.ask(f"COMMIT TOKEN={staged}") == "ERR 05"
    assert host.pairs("GET PTM")["EN"] == "0"
    assert host.log(6) == ["RESET:CAUSE/CMD,KEEP/0", "STOP:CAUSE/RESET"]
    unit.damage_memory("PROG")
    assert step_two(host, "RST").startswith("OK")
    host.at(104)
    assert host.pairs("ALARM LIST")["IDS"] == "NONE"
    assert host.ask("GET PROGRAM") == "OK MODE=STOP"


def test_a_test_of_the_tone_sounds_three_seconds_and_is_no_alarm(host, unit):
    assert host.ask("ALARM TONE KIND=DUAL") == "OK KIND=DUAL"
    host.at(2.9)
    assert unit.sounds == "DUAL"
    assert host.pairs("ALARM LIST")["TONE"] == "NONE"
    host.at(3.0)
    assert unit.sounds == "NONE"


def test_a_repeated_press_of_the_button_with_the_same_line_gives_one_bolus(host):
    host.deliver("MODE=SC RATE=5000")
    host.ask("PTM SET EN=1 VOL=10000 DUR=60 LOCK=600 MAX=4")
    line = host.line("PTM ACTIVATE")
    reply = host.talk.ask(line)
    host.at(61)
    assert host.talk.ask(line) == reply
    assert host.pairs("GET PTM")["COUNT"] == "1"
    assert host.pairs("GET STATUS")["SRC"] == "BASAL"


def test_no_reply_exceeds_the_longest_line(host):
    host.ask(f"CLK T={2**32 - 90_000}")
    host.pairs("SET MODE=FLEX MAP=1234567 CONC=4294967295")
    steps = ",".join(f"{0 if n == 0 else 1000 + n}:1000000" for n in range(13))
    for group in range(1, 8):
        token = host.pairs(f"SET MODE=FLEX GROUP={group} STEPS={steps}")["TOKEN"]
    host.ask(f"COMMIT TOKEN={token}")
    for text in ("GET PROGRAM", "GET PROGRAM GROUP=7", "GET STATUS", "ID LIMITS"):
        assert host.ask(text).startswith("OK ")  # the host checks the length
    for _ in range(3):
        host.ask("PTM SET EN=1 VOL=1999999 DUR=86400 LOCK=86400 MAX=100")
    assert len(host.log()) == 7
