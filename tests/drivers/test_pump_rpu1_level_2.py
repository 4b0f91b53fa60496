"""Level 2 of RPU/1: schedules, boluses of patient, priming and bridge, upkeep, reset; what each refuses."""

from __future__ import annotations

import inspect
from dataclasses import replace

import pytest

from rig.capabilities import TherapyPump
from rig.drivers.pump_rpu1 import Rpu1Pump
from rig.drivers.rpu1_replies import (
    REFUSALS,
    parse_battery,
    parse_level,
    parse_log_page,
    parse_patient_reply,
    parse_status,
)
from rig.drivers.rpu1_wire import exactly, parse_keys, parse_line
from rig.errors import DefinitionError, DeviceError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import (
    Battery,
    Bridge,
    FlexStep,
    PatientBolus,
    PatientBolusReply,
    Prescription,
    PumpEvent,
)

IDENTITY = "OK MAKER=Infusion%20Rig MODEL=RPU-Sim SERIAL=SIM-0001 FW=1.0 PROTO=1 LEVEL=2"
BRIDGE = Bridge(old_ng_ml=500_000, new_ng_ml=2_000_000, residual_nl=200_000, duration_s=3600)
PATIENT = PatientBolus(True, 10_000, 60, 14_400, 4)


def test_the_driver_has_every_word_of_a_therapy_pump(scripted):
    assert isinstance(Rpu1Pump(scripted()), TherapyPump)
    for name, method in inspect.getmembers(TherapyPump, inspect.isfunction):
        if not name.startswith("_"):
            offered = inspect.signature(getattr(Rpu1Pump, name))
            assert list(inspect.signature(method).parameters) == list(offered.parameters), name


@pytest.mark.parametrize("address", [-1, 0xFF, 256])
def test_no_pump_has_such_an_address(scripted, address):
    with pytest.raises(DefinitionError, match="no address of RPU/1"):
        Rpu1Pump(scripted(), address)


# --- the worked exchanges of the document, asked for by the driver ---------------------------------------------------


@pytest.fixture
def story(rpu1_story, scripted):
    """A pump that is asked from one request of the document on: what it sends must be what stands there."""

    def make(first, count, address=1):
        lines = [line for line, sound in rpu1_story if sound]
        start = next(i for i, line in enumerate(lines) if line.startswith(first))
        pairs = []
        for line in lines[start:]:
            if line.startswith(b">"):
                pairs.append((line, b""))
            elif pairs:
                pairs[-1] = (pairs[-1][0], pairs[-1][1] + line)
        pump = Rpu1Pump(scripted(*pairs[:count]), address)
        pump._session.level = 2  # the session of the document is open by then
        pump._session._sequence = int(first[5:7], 16) - 1
        return pump

    return make


def test_document_3_clock(story):
    story(b"> 01 28 ", 1).set_clock(820_915_200)


def test_document_4_refill(story):
    story(b"> 01 29 ", 1).refill(20_000_000, 2_000_000)


def test_document_17_acknowledge(story):
    story(b"> 01 37 ", 1).acknowledge_alarm("motor_stall")


def test_document_22_battery(story):
    assert story(b"> 01 43 ", 1).battery() == Battery(2949, 2190, 2280, "OK")


def test_document_23_prime(story):
    story(b"> 01 44 ", 2).prime(100_000, 1_000_000)


def test_document_26_patient_bolus(story):
    pump = story(b"> 01 4C ", 3)
    pump.set_patient_bolus(PATIENT)
    granted, refused = pump.request_patient_bolus(), pump.request_patient_bolus()
    assert (granted.refused, granted.left_s) == ("", 60)
    assert granted.raw.startswith(b"< 01 4D OK LEFT=60")
    assert (refused.refused, refused.left_s) == ("locked_out", 14_280)


def test_document_states(rpu1_story):
    states = [
        parse_status(parse_line(line), 0)
        for line, _ in rpu1_story
        if b" OK MODE" in line and b"STOPT" in line
    ]
    assert [(s.source, s.bolus_left_s, s.stopped_s, s.up_s) for s in states] == [
        ("none", 0, 31, 31),
        ("program", 0, 0, 3632),
        ("program", 0, 0, 7240),
        ("bolus", 200, 0, 11532),
    ]


# --- boluses ---------------------------------------------------------------------------------------------------------


def test_bridge_takes_two_steps(rpu1_talk):
    pump, _ = rpu1_talk(
        ("BRIDGE OLD=500000 NEW=2000000 VOL=200000 DUR=3600", "OK TOKEN=0B67 EXP=60"),
        ("BRIDGE TOKEN=0B67", "OK LEFT=3600 DELIV=0 LOG=9"),
    )
    pump.bridge(BRIDGE)


@pytest.mark.parametrize(
    ("verb", "code"), [("PRIME", "06 LEFT=20"), ("BRIDGE", "04"), ("PRIME", "03 KEY=RATE")]
)
def test_refused_prime_and_bridge(rpu1_talk, verb, code):
    words = {"PRIME": "VOL=100 RATE=2000", "BRIDGE": "OLD=0 NEW=1 VOL=1 DUR=60"}[verb]
    pump, _ = rpu1_talk((f"{verb} {words}", "OK TOKEN=0B67 EXP=60"), (f"{verb} TOKEN=0B67", f"ERR {code}"))
    with pytest.raises(DeviceError) as caught:
        pump.prime(100, 2000) if verb == "PRIME" else pump.bridge(Bridge(0, 1, 1, 60))
    assert caught.value.code == code[:2]


@pytest.mark.parametrize(
    "ask",
    [
        lambda pump: pump.prime(0, 2000),
        lambda pump: pump.prime(1_000_001, 2000),
        lambda pump: pump.prime(1, 1999),
        lambda pump: pump.prime(1, 1_000_001),
        lambda pump: pump.bridge(replace(BRIDGE, old_ng_ml=-1)),
        lambda pump: pump.bridge(replace(BRIDGE, new_ng_ml=2**32)),
        lambda pump: pump.bridge(replace(BRIDGE, residual_nl=1_000_001)),
        lambda pump: pump.bridge(replace(BRIDGE, duration_s=59)),
        lambda pump: pump.bridge(replace(BRIDGE, duration_s=604_801)),
        lambda pump: pump.bridge(replace(BRIDGE, duration_s=599)),  # 1 202 003 nl/h
        lambda pump: pump.set_patient_bolus(replace(PATIENT, bolus_nl=0)),
        lambda pump: pump.set_patient_bolus(replace(PATIENT, bolus_nl=20_001)),
        lambda pump: pump.set_patient_bolus(replace(PATIENT, lockout_s=599)),
        lambda pump: pump.set_patient_bolus(replace(PATIENT, lockout_s=86_401)),
        lambda pump: pump.set_patient_bolus(replace(PATIENT, max_per_day=0)),
        lambda pump: pump.set_patient_bolus(replace(PATIENT, max_per_day=101)),
        lambda pump: pump.set_patient_bolus(PatientBolus(enabled=True)),
        lambda pump: pump.refill(40_000_001, 0),
        lambda pump: pump.refill(0, 10_000_001),
        lambda pump: pump.set_clock(2**32),
        lambda pump: pump.set_clock(-1),
        lambda pump: pump.acknowledge_alarm("fire"),
        lambda pump: pump.acknowledge_alarm("MOTOR_STALL"),
    ],
)
def test_values_beyond_the_widest_limits_send_nothing(rpu1_talk, ask):
    pump, _ = rpu1_talk()
    with pytest.raises(LimitRefused, match="nothing was sent"):
        ask(pump)


def test_patient_bolus_is_read(rpu1_talk):
    pump, _ = rpu1_talk(("GET PTM", "OK EN=1 VOL=10000 DUR=60 LOCK=14400 MAX=4 LEFT=14280 COUNT=1"))
    assert pump.patient_bolus() == PATIENT


def test_patient_bolus_is_switched_off_with_what_it_had(rpu1_talk):
    pump, _ = rpu1_talk(
        ("GET PTM", "OK EN=1 VOL=10000 DUR=60 LOCK=14400 MAX=4 LEFT=0 COUNT=0"),
        ("PTM SET EN=0 VOL=10000 DUR=60 LOCK=14400 MAX=4", "OK EN=0 VOL=10000 DUR=60 LOCK=14400 MAX=4"),
    )
    pump.set_patient_bolus(PatientBolus(enabled=False))


def test_patient_bolus_that_the_pump_understood_otherwise(rpu1_talk):
    pump, _ = rpu1_talk(
        ("PTM SET EN=1 VOL=10000 DUR=60 LOCK=14400 MAX=4", "OK EN=1 VOL=10000 DUR=60 LOCK=14400 MAX=40")
    )
    with pytest.raises(ProtocolError, match="MAX=40 is not possible"):
        pump.set_patient_bolus(PATIENT)


@pytest.mark.parametrize(
    ("reply", "refused", "left_s"),
    [
        ("ERR 06 LEFT=20", "busy", 20),
        ("ERR 07 LEFT=14280", "locked_out", 14_280),
        ("ERR 08 LEFT=5", "daily_maximum", 5),
        ("ERR 0A ID=MOTOR_STALL", "alarm", None),
    ],
)
def test_refused_patient(rpu1_talk, reply, refused, left_s):
    pump, _ = rpu1_talk(("PTM ACTIVATE", reply))
    answer = pump.request_patient_bolus()
    assert replace(answer, raw=b"") == PatientBolusReply(refused, left_s)
    assert answer.raw.startswith(b"< 01 01 ERR")


@pytest.mark.parametrize(
    ("reply", "enabled", "refused"),
    [("ERR 04", 0, "off"), ("ERR 04", 1, "other"), ("ERR 03 KEY=VOL", 1, "other")],
)
def test_refusal_that_may_mean_several_things(rpu1_talk, reply, enabled, refused):
    ptm = f"OK EN={enabled} VOL=10000 DUR=60 LOCK=14400 MAX=4 LEFT=0 COUNT=0"
    pump, _ = rpu1_talk(("PTM ACTIVATE", reply), ("GET PTM", ptm))
    assert pump.request_patient_bolus().refused == refused


@pytest.mark.parametrize("reply", ["ERR 07", "ERR 08 LEFT=x", "ERR 06 ID=ERI", "OK LEFT=60", "OK"])
def test_patient_reply_that_cannot_be(rpu1_talk, reply):
    pump, _ = rpu1_talk(("PTM ACTIVATE", reply))
    with pytest.raises(ProtocolError) as caught:
        pump.request_patient_bolus()
    assert caught.value.sent.startswith(b"> 01 01 PTM ACTIVATE*")
    assert caught.value.received.startswith(b"< 01 01 ")


@pytest.mark.parametrize("code", ["01", "02", "05", "0B", "0C"])
def test_other_errors_are_no_refusal_of_a_patient(rpu1_talk, code):
    pump, _ = rpu1_talk(("PTM ACTIVATE", f"ERR {code}"))
    with pytest.raises(DeviceError) as caught:
        pump.request_patient_bolus()
    assert caught.value.code == code


def test_the_button_is_pressed_again_only_by_the_identical_line(rpu1_talk, rpu1_line):
    pump, link = rpu1_talk(("PTM ACTIVATE", b""))
    line = rpu1_line("> 01 01 PTM ACTIVATE")
    link.exchanges.append((line, rpu1_line("< 01 01 OK LEFT=60 DELIV=1 LOG=2")))
    assert pump.request_patient_bolus().refused == ""
    link.exchanges += [(rpu1_line("> 01 02 PTM ACTIVATE"), b"")] * 2
    with pytest.raises(LinkTimeout):
        pump.request_patient_bolus()


def test_every_code_of_a_refused_patient_has_its_word(rpu1_line):
    words = {
        parse_patient_reply(parse_line(rpu1_line(f"< 01 00 ERR {code} LEFT=1"))).refused for code in REFUSALS
    }
    assert words == {"locked_out", "daily_maximum", "busy", "alarm", "other"}


# --- upkeep ----------------------------------------------------------------------------------------------------------


def test_clock_is_read(rpu1_talk):
    pump, _ = rpu1_talk(("CLK", "OK T=820915200"))
    assert pump.clock() == 820_915_200


def test_clock_that_was_set_to_something_else(rpu1_talk):
    pump, _ = rpu1_talk(("CLK T=5", "OK OLD=4 T=6"))
    with pytest.raises(ProtocolError, match="T=6 is not possible"):
        pump.set_clock(5)


def test_refill_that_was_understood_otherwise(rpu1_talk):
    pump, _ = rpu1_talk(("REFILL VOL=20000000 LOW=0", "OK VOL=20000000 LOW=1 OLD=0"))
    with pytest.raises(ProtocolError, match="LOW=1 is not possible"):
        pump.refill(20_000_000, 0)


@pytest.mark.parametrize(("critical", "kind"), [(True, "DUAL"), (False, "SINGLE")])
def test_tone(rpu1_talk, critical, kind):
    pump, _ = rpu1_talk((f"ALARM TONE KIND={kind}", f"OK KIND={kind}"))
    pump.sound_alarm(critical)


@pytest.mark.parametrize(
    ("name", "reply"),
    [
        ("motor_stall", "OK ID=MOTOR_STALL ON=0400 ACK=0400"),
        ("memory_warning", "OK ID=MEMORY_WARNING ON=0000 ACK=0000"),  # acknowledged, it turns off
    ],
)
def test_acknowledged(rpu1_talk, name, reply):
    pump, _ = rpu1_talk((f"ALARM ACK ID={name.upper()}", reply))
    pump.acknowledge_alarm(name)


@pytest.mark.parametrize(
    "reply",
    [
        "OK ID=MOTOR_STALL ON=0400 ACK=0000",
        "OK ID=ERI ON=0402 ACK=0402",
        "OK ID=MOTOR_STALL ON=0408 ACK=0400",
        "OK ID=MOTOR_STALL",
    ],
)
def test_not_acknowledged(rpu1_talk, reply):
    pump, _ = rpu1_talk(("ALARM ACK ID=MOTOR_STALL", reply))
    with pytest.raises(ProtocolError):
        pump.acknowledge_alarm("motor_stall")


@pytest.mark.parametrize(
    "keys",
    [
        "MV=2949 ERI=2190 EOS=2280 ERIMV=2600 EOSMV=2400 STATE=LOW",
        "MV=65536 ERI=0 EOS=90 ERIMV=1 EOSMV=1 STATE=ERI",
    ],
)
def test_battery_that_cannot_be(rpu1_line, keys):
    with pytest.raises(ProtocolError):
        parse_battery(parse_line(rpu1_line(f"< 01 00 OK {keys}")))


def test_records_of_level_2_in_the_log(rpu1_line):
    page = (
        "OK FIRST=1 LAST=30 N=2 MORE=1 R1=24:820927260:BOLUS_REQ:SRC/PTM,VOL/10000,DUR/60 "
        "R2=25:820927260:PROG:MODE/FLEX,MAP/1111122,CONC/500000"
    )
    events, more = parse_log_page(parse_line(rpu1_line(f"< 01 00 {page}")), 24)
    assert more
    assert events == [
        PumpEvent(24, 820_927_260, "BOLUS_REQ", {"SRC": "PTM", "VOL": "10000", "DUR": "60"}),
        PumpEvent(25, 820_927_260, "PROG", {"MODE": "FLEX", "MAP": "1111122", "CONC": "500000"}),
    ]


def test_exactly_wants_each_word(rpu1_line):
    reply = parse_line(rpu1_line("< 01 00 OK EN=1 VOL=10.00 MORE=1"))
    assert parse_keys(reply, exactly("EN=1 VOL=10.00"))[1] == {"EN": "1", "VOL": "10.00"}
    with pytest.raises(ProtocolError):
        parse_keys(reply, exactly("EN=1 VOL=10x00"))


# --- reset -----------------------------------------------------------------------------------------------------------


def test_restart_takes_two_steps_waits_and_opens_a_new_session(rpu1_talk, rpu1_line):
    noise = b"\x00\xff\r\n" + rpu1_line("! 01 00 ALARM ID=MOTOR_STALL CLASS=CRIT STATE=OFF T=1 LOG=1")
    pump, link = rpu1_talk(
        ("RST", "OK TOKEN=0B68 EXP=60"), ("RST TOKEN=0B68", ["OK DELIV=7", noise]), ("ID", IDENTITY)
    )
    before_ns = link.t_ns
    pump.restart()
    assert 2.0 <= (link.t_ns - before_ns) / 1e9 < 2.1
    assert [notice.keys["STATE"] for notice in pump.notices] == ["OFF"]


@pytest.mark.parametrize("reply", [b"", "ERR 09"])
def test_confirmation_of_a_reset_is_not_repeated(rpu1_talk, rpu1_line, reply):
    pump, link = rpu1_talk(("RST", "OK TOKEN=0B68 EXP=60"), ("RST TOKEN=0B68", reply))
    with pytest.raises((LinkTimeout, DeviceError)):
        pump.restart()
    link.exchanges += [
        (rpu1_line("> 01 03 ID"), rpu1_line(f"< 01 03 {IDENTITY}")),
        (rpu1_line("> 01 04 CLK"), rpu1_line("< 01 04 OK T=1")),
    ]
    assert pump.clock() == 1


# --- a pump of level 1 -----------------------------------------------------------------------------------------------

LEVEL_2_ONLY = {
    "flex": lambda pump: pump.program(Prescription("flex", days=(1,) * 7, groups=((FlexStep(0, 2000),),))),
    "periodic": lambda pump: pump.program(Prescription("periodic", 0, 1000, 60, 600)),
    "set_patient_bolus": lambda pump: pump.set_patient_bolus(PATIENT),
    "switch off patient bolus": lambda pump: pump.set_patient_bolus(PatientBolus(enabled=False)),
    "patient_bolus": lambda pump: pump.patient_bolus(),
    "request_patient_bolus": lambda pump: pump.request_patient_bolus(),
    "prime": lambda pump: pump.prime(1, 2000),
    "bridge": lambda pump: pump.bridge(BRIDGE),
    "sound_alarm": lambda pump: pump.sound_alarm(True),
    "restart": lambda pump: pump.restart(),
}


@pytest.mark.parametrize("what", LEVEL_2_ONLY)
@pytest.mark.parametrize("identified", [True, False])
def test_a_pump_of_level_1_is_not_asked_for_level_2(rpu1_talk, what, identified):
    exchanges = [] if identified else [("ID", IDENTITY.replace("LEVEL=2", "LEVEL=1"))]
    pump, _ = rpu1_talk(*exchanges, identified=identified, level=1)
    with pytest.raises(LimitRefused, match="this pump speaks level 1 only; nothing was sent"):
        LEVEL_2_ONLY[what](pump)


def test_level_is_read(rpu1_line):
    assert parse_level(parse_line(rpu1_line(f"< 01 00 {IDENTITY}"))) == 2
    with pytest.raises(ProtocolError):
        parse_level(parse_line(rpu1_line(f"< 01 00 {IDENTITY}".replace("LEVEL=2", "LEVEL=3"))))


def test_upkeep_is_of_level_1(rpu1_talk):
    pump, _ = rpu1_talk(
        ("CLK", "OK T=1"),
        ("BATT", "OK MV=2400 ERI=0 EOS=90 ERIMV=2600 EOSMV=2400 STATE=ERI"),
        ("REFILL VOL=1 LOW=0", "OK VOL=1 LOW=0 OLD=2"),
        level=1,
    )
    assert pump.clock() == 1
    assert pump.battery() == Battery(2400, 0, 90, "ERI")
    pump.refill(1, 0)
