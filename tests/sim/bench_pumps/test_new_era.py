"""The New Era pump: the manual's packets, both modes, alarms that swallow a command, and somebody else's client."""

from __future__ import annotations

from binascii import crc_hqx

import hypothesis.strategies as st
import pytest
from hypothesis import given

from rig.clock.virtual import VirtualClock
from rig.sim.bench_pumps.new_era import SimulatedNewEra
from rig.sim.bench_pumps.new_era_words import four_digits
from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath


@pytest.fixture
def fluid(clock):
    return FluidPath(clock, Peristaltic())


@pytest.fixture
def pump(clock, fluid):
    pump = SimulatedNewEra(clock, fluid, capacity_nl=50e6)
    pump.alarm = ""
    return pump


@pytest.fixture
def talk(talk_to, pump):
    return talk_to(pump)


def say(talk, command):
    """Basic mode; what stands between STX and ETX."""
    reply = talk.ask(command.encode() + b"\r")
    assert (reply[:1], reply[-1:]) == (b"\x02", b"\x03")
    return reply[1:-1].decode()


def safe(text):
    data = text.encode()
    return bytes([2, len(data) + 4]) + data + crc_hqx(data, 0).to_bytes(2, "big") + b"\x03"


def say_safe(talk, command):
    reply = talk.ask(safe(command))
    text = reply[2:-3].decode()
    assert reply == safe(text)
    return text


def flowed_ml(fluid):
    return fluid.displaced_nl([fluid.clock.now_ns()])[0] / 1e6


def test_the_manuals_packet_for_the_basic_mode_has_a_basic_answer(talk, pump):
    pump.safe_s = 5
    assert talk.ask(bytes.fromhex("02 08 53 41 46 30 55 43 03")) == b"\x0200S\x03"
    assert pump.safe_s == 0
    assert talk.ask(bytes.fromhex("02 08 53 41 46 30 55 43 03")) == b"\x0200S\x03"  # in the basic mode, too


def test_the_packet_that_opens_the_safe_mode(talk, pump):
    say(talk, "RAT 100 MH")
    say(talk, "RUN")
    assert say(talk, "STP") == "00P"
    reply = talk.ask(bytes.fromhex("02 09 30 53 41 46 34 19 29 03"))
    assert reply == bytes.fromhex("02 07 30 30 50 9A C5 03")
    assert pump.safe_s == 4


def test_a_line_may_be_typed_by_hand(talk):
    assert say(talk, " d i a 1 0 . 5 ") == "00S"
    assert say(talk, "dia") == "00S10.50"
    assert say(talk, "") == "00S"


@pytest.mark.parametrize(
    ("command", "reply"),
    [
        ("VER", "00SNE1000V3.923"), ("DIA", "00S26.59"), ("RAT", "00S0.000MH"), ("VOL", "00S0.000ML"),
        ("DIR", "00SINF"), ("DIS", "00SI0.000W0.000ML"), ("PHN", "00S1"), ("FUN", "00SRAT"), ("SAF", "00S0"),
        ("ADR", "00S00"), ("LN", "00S0"), ("AL", "00S0"), ("BP", "00S0"), ("BP1", "00S"), ("BUZ13", "00S"),
        ("IN2", "00S1"), ("OUT51", "00S"), ("STP", "00S?NA"), ("XYZ", "00S?"), ("DIA0.05", "00S?OOR"),
        ("DIA99", "00S?OOR"), ("DIA1.2.3", "00S?"), ("DIA12.345", "00S?OOR"), ("RAT0.0001MH", "00S?"),
        ("RAT9999MM", "00S?OOR"), ("RAT1XX", "00S?"), ("PHN42", "00S?OOR"), ("FUNQQQ", "00S?"),
        ("DIRUP", "00S?"), ("LN2", "00S?OOR"), ("SAF256", "00S?OOR"), ("CLD", "00S?"), ("RUN0", "00S?OOR"),
    ],
)  # fmt: skip
def test_commands_and_refusals(talk, command, reply):
    assert say(talk, command) == reply


def test_what_is_set_reads_back_with_four_digits(talk):
    for command in (
        "DIA 14.43",
        "RAT 500 UH",
        "VOL UL",
        "VOL 12.5",
        "DIR WDR",
        "PHN 2",
        "FUN PAS 10",
        "PHN 1",
    ):
        assert say(talk, command) == "00S"
    assert [say(talk, name)[3:] for name in ("DIA", "RAT", "VOL", "DIR")] == [
        "14.43",
        "500.0UH",
        "12.50UL",
        "WDR",
    ]
    assert say(talk, "DIR REV") == "00S"
    assert say(talk, "DIR") == "00SINF"
    say(talk, "PHN 2")
    assert say(talk, "FUN") == "00SPAS10"


@pytest.mark.parametrize(("diameter", "unit"), [("14", "UL"), ("14.01", "ML")])
def test_the_syringe_decides_the_unit_of_volume_and_clears_the_count(talk, pump, clock, diameter, unit):
    say(talk, "RAT 100 MH")
    say(talk, "RUN")
    clock.sleep_s(36)
    say(talk, "STP")
    assert say(talk, "DIS") == "00PI1.000W0.000ML"
    say(talk, f"DIA {diameter}")
    assert say(talk, "DIS") == f"00PI0.000W0.000{unit}"


def test_run_pause_resume_and_reset(talk, pump, clock, fluid):
    for command in ("RAT 36 MH", "VOL 2", "RUN"):
        reply = say(talk, command)
    assert reply == "00I"
    clock.sleep_s(100)
    assert say(talk, "STP") == "00P"
    clock.sleep_s(100)
    assert say(talk, "RUN") == "00I"
    assert say(talk, "RUN") == "00I?NA"
    clock.sleep_s(99)
    assert say(talk, "DIS") == "00II1.990W0.000ML"
    clock.sleep_s(2)
    assert say(talk, "") == "00S"
    assert flowed_ml(fluid) == pytest.approx(2.0)
    say(talk, "RUN")
    assert say(talk, "STP") == "00P"
    assert say(talk, "STP") == "00S"
    assert say(talk, "STP") == "00S?NA"
    assert say(talk, "CLD INF") == "00S"
    assert say(talk, "DIS") == "00SI0.000W0.000ML"


def test_the_rate_may_change_on_the_way_the_unit_may_not(talk, clock, fluid):
    for command in ("RAT 36 MH", "RUN"):
        say(talk, command)
    clock.sleep_s(100)
    assert say(talk, "RAT 1 UM") == "00I?NA"
    assert say(talk, "DIA 10") == "00I?NA"
    assert say(talk, "RAT 72") == "00I"
    assert say(talk, "RAT") == "00I72.00MH"
    clock.sleep_s(100)
    assert flowed_ml(fluid) == pytest.approx(3.0)
    assert say(talk, "DIR REV") == "00W"
    clock.sleep_s(150)
    assert flowed_ml(fluid) == pytest.approx(0.0, abs=1e-9)
    assert say(talk, "DIS") == "00WI3.000W3.000ML"
    say(talk, "STP")
    say(talk, "STP")
    assert say(talk, "RAT") == "00S36.00MH"  # what was changed on the way is not kept


def test_purging_is_at_full_speed(talk, clock, pump, fluid):
    assert say(talk, "PUR") == "00X"
    clock.sleep_s(6)
    assert flowed_ml(fluid) == pytest.approx(28.32 / 10, rel=1e-3)  # 5.1005 cm/min of 26.59 mm
    assert say(talk, "STP") == "00S"


def test_a_program_of_several_phases(talk, clock, pump, fluid):
    """Twice 1 mL at 36 mL/h with a pause of 50 s, then 1 mL back; beeps."""
    steps = [
        "PHN1", "FUNLPS", "PHN2", "FUNRAT", "RAT36MH", "VOL1", "PHN3", "FUNPAS50", "PHN4", "FUNLOP2", "PHN5", "FUNBEP",
        "PHN6", "FUNRAT", "RAT72MH", "VOL1", "DIRWDR", "PHN7", "FUNSTP", "RUN",
    ]  # fmt: skip
    for step in steps:
        assert "?" not in say(talk, step)
    seen = []
    for _ in range(40):
        seen.append((clock.now_ns() // 10**9, say(talk, "")[2:]))
        clock.sleep_s(10)
    changes = [each for before, each in zip([(0, ""), *seen], seen, strict=False) if each[1] != before[1]]
    assert changes == [(0, "I"), (100, "T"), (150, "I"), (250, "T"), (300, "W"), (350, "S")]
    assert flowed_ml(fluid) == pytest.approx(1.0)
    assert pump.program.beeps == 1


def test_a_phase_out_of_range_is_an_alarm_told_once(talk):
    assert say(talk, "RUN") == "00A?O"
    assert say(talk, "") == "00S"


def test_a_program_that_never_pumps_is_an_alarm(talk):
    for step in ("PHN1", "FUNJMP1"):
        say(talk, step)
    assert say(talk, "RUN") == "00A?E"


def test_an_alarm_swallows_the_command_and_is_told_once(talk, pump, clock, fluid):
    say(talk, "RAT 36 MH")
    say(talk, "RUN")
    pump.drive.jammed = True
    clock.sleep_s(1)
    pump.drive.jammed = False
    assert say(talk, "XYZ") == "00A?S?"  # not a command: it is not acknowledged
    assert say(talk, "RUN") == "00A?S"
    assert say(talk, "") == "00S"
    assert say(talk, "RUN") == "00I"


def test_power_up_is_an_alarm(clock, fluid, talk_to):
    pump = SimulatedNewEra(clock, fluid)
    talk = talk_to(pump)
    assert say(talk, "DIA 10") == "00A?R"
    assert say(talk, "DIA") == "00S26.59"
    say(talk, "RAT 36 MH")
    say(talk, "RUN")
    pump.interrupt_power()
    clock.sleep_s(10)
    assert say(talk, "") == "00A?R"
    assert say(talk, "RAT") == "00S36.00MH"
    assert flowed_ml(fluid) == 0


def test_the_answer_to_saf_is_in_the_mode_it_asks_for_even_if_an_alarm_swallows_it(talk, pump):
    pump.alarm = "R"
    assert talk.ask(safe("SAF4")) == safe("00A?R")
    assert pump.safe_s == 0
    assert talk.ask(safe("SAF4")) == safe("00S")
    pump.alarm = "R"
    assert talk.ask(safe("SAF0")) == b"\x0200A?R\x03"
    assert pump.safe_s == 4
    assert talk.ask(safe("SAF0")) == b"\x0200S\x03"


def test_a_full_syringe_ends_in_a_stall(talk, pump, clock, fluid):
    say(talk, "RAT 1000 MH")
    say(talk, "RUN")
    clock.sleep_s(200)
    assert say(talk, "") == "00A?S"
    assert flowed_ml(fluid) == pytest.approx(50)


def test_in_the_safe_mode_an_alarm_is_also_sent_unasked_and_stays(talk, pump, clock):
    say(talk, "RAT 36 MH")
    assert talk.ask(safe("SAF100")) == safe("00S")
    say_safe(talk, "RUN")
    pump.drive.jammed = True
    clock.sleep_s(1)
    assert talk.take() == safe("00A?S")
    assert say_safe(talk, "0") == "00A?S"
    assert say_safe(talk, "0") == "00S"


def test_the_safe_time_out_stops_the_pump_once(talk, pump, clock, fluid):
    say(talk, "RAT 36 MH")
    talk.ask(safe("SAF4"))
    say_safe(talk, "RUN")
    for _ in range(10):
        clock.sleep_s(3.9)
        assert say_safe(talk, "") == "00I"
    clock.sleep_s(100)
    assert talk.take() == safe("00A?T")
    assert flowed_ml(fluid) == pytest.approx((39 + 4) / 100)
    assert say_safe(talk, "") == "00A?T"
    assert say_safe(talk, "SAF") == "00S4"


def test_a_time_out_set_in_a_plain_line_waits_for_the_first_packet(talk, clock):
    assert talk.ask(b"SAF4\r") == safe("00S")
    clock.sleep_s(60)
    assert talk.take() == b""
    assert say_safe(talk, "") == "00S"
    clock.sleep_s(60)
    assert talk.take() == safe("00A?T")


def test_plain_lines_are_not_heard_in_the_safe_mode(talk):
    talk.ask(safe("SAF9"))
    assert talk.ask(b"RUN\r") == b""


def test_damaged_packets_and_late_bytes(talk, clock):
    good = safe("DIA")
    assert talk.ask(good[:-3] + b"\x00" + good[-2:]) == b"\x0200S?COM\x03"
    assert talk.ask(good[:-1] + b"\x04") == b"\x0200S?COM\x03"
    assert talk.ask(b"\x02\x03") == b"\x0200S?COM\x03"
    assert talk.ask(good[:4]) == b""
    clock.sleep_s(0.6)  # half a packet is forgotten
    assert talk.ask(good) == b"\x0200S26.59\x03"
    assert talk.ask(good[:4]) == b""
    clock.sleep_s(0.4)
    assert talk.ask(good[4:]) == b"\x0200S26.59\x03"


def test_addresses(talk, pump):
    assert say(talk, "*ADR 7") == "07S"
    assert talk.ask(b"DIA\r") == b""
    assert talk.ask(b"0DIA\r") == b""
    assert talk.ask(safe("8DIA")) == b""
    assert say(talk, "7DIA") == "07S26.59"
    assert say(talk, "07") == "07S"
    assert say(talk, "*") == "07S"
    assert say(talk, "7RUN1") == "07A?O"


def test_answers_take_the_time_of_19200_baud(talk):
    talk.send(b"DIA\r")
    (t_ns, data), *_ = talk.arrived
    assert t_ns == pytest.approx(((4 + len(data)) * 10 / 19_200 + 0.01) * 1e9, rel=1e-6)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (0, "0.000"),
        (0.5, "0.500"),
        (9.9999, "9.999"),
        (10, "10.00"),
        (26.59, "26.59"),
        (123.45, "123.4"),
        (9999.9, "9999."),
    ],
)
def test_numbers_have_four_digits(value, text):
    assert four_digits(value) == text


CLIENT = """
import json, sys, time, nesp_lib
port = nesp_lib.Port(sys.argv[1], 19200)
told = {}
for mode, seconds in (("safe", 1), ("basic", 0), ("safe", 1)):  # the first finds the pump just switched on
    if told:
        pump.safe_mode_timeout_s = 0  # ends its heartbeat
    pump = nesp_lib.Pump(port, address=3, model_number=1000, safe_mode_timeout_s=seconds)
    pump.syringe_diameter_mm = 26.59
    pump.pumping_direction = nesp_lib.PumpingDirection.INFUSE
    pump.pumping_rate_ml_per_min = 20.0
    pump.pumping_volume_ml = 0.1
    told[mode] = [pump.firmware_version, pump.syringe_diameter_mm, pump.pumping_rate_ml_per_min,
                  pump.pumping_volume_ml, pump.safe_mode_timeout_s]
    pump.volume_infused_clear()
    pump.run()
    told[mode] += [pump.volume_infused_ml, pump.volume_withdrawn_ml, pump.status.name]
pump.pumping_volume_ml = 5.0
pump.run(wait_while_running=False)
time.sleep(1.3)  # longer than the time-out: the heartbeat keeps it going
told["heartbeat"] = pump.status.name
try:
    pump.syringe_diameter_mm = 20.0
except nesp_lib.StateException:
    told["while it runs"] = "StateException"
pump.stop()
try:
    pump.pumping_rate_ml_per_min = 2000.0
except ValueError:
    told["too fast"] = "ValueError"
pump.safe_mode_timeout_s = 0
told["end"] = [pump.safe_mode_timeout_s, pump.status.name]
print(json.dumps(told))
"""


def test_somebody_elses_client_in_the_basic_and_in_the_safe_mode(on_pty, run_client):
    """It reads without a time-out: it runs in a process that is given a deadline."""

    def make(clock):
        return SimulatedNewEra(clock, FluidPath(clock, Peristaltic()), address=3)

    served = on_pty(make)
    told = run_client(CLIENT, served.path)
    for mode, seconds in (("basic", 0), ("safe", 1)):
        assert told[mode] == [[3, 923], 26.59, 20.0, 0.1, seconds, 0.1, 0.0, "STOPPED"]
    assert told["heartbeat"] == "INFUSING"
    assert told["while it runs"] == "StateException"
    assert told["too fast"] == "ValueError"
    assert told["end"] == [0, "PAUSED"]


@given(
    st.lists(
        st.one_of(
            st.binary(max_size=12), st.sampled_from([b"\x02", b"\r", b"RUN", b"SAF9", b"\x02\x08SAF0UC\x03"])
        ),
        max_size=20,
    )
)
def test_no_bytes_make_it_stumble(pieces):
    clock = VirtualClock()
    pump = SimulatedNewEra(clock, FluidPath(clock, Peristaltic()))
    said = []
    pump.attach(lambda _t_ns, data: said.append(data))
    for piece in pieces:
        pump.receive(piece)
    clock.sleep_s(1)
    pump.receive(b"\r\x02\x09*SAF0\x00\x00\x03" + safe("*SAF0") * 2)
    assert said[-1][:1] == b"\x02"
    assert len(said[-1]) >= 5
