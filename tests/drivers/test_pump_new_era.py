"""New Era pumps: the manual's packets, alarms that swallow a command, stopping, programs read back, damage."""

from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.new_era_wire import (
    format_basic,
    format_safe,
    parse_basic,
    parse_diameter,
    parse_dispensed,
    parse_rate,
    parse_safe,
    parse_volume,
)
from rig.drivers.pump_new_era import NewEraPump
from rig.errors import DefinitionError, DeviceError, ExchangeError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity, Prescription, PumpAlarm

CONTINUOUS = Prescription("continuous", rate_nl_h=20830)
BOLUS = Prescription("bolus", bolus_nl=500_000, bolus_duration_s=300)
NOT_AT_ALL = "not possible now"


def crc_from_its_definition(text):
    """CRC-16 CCITT, initial value 0, bit by bit: not the driver's way to it."""
    crc = 0
    for byte in text:
        crc ^= byte << 8
        for _ in range(8):
            crc = ((crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1) & 0xFFFF
    return crc


def safe(text):
    payload = text.encode()
    crc = crc_from_its_definition(payload).to_bytes(2, "big")
    return bytes([2, len(payload) + 4]) + payload + crc + b"\x03"


def basic(text):
    return b"\x02" + text.encode() + b"\x03"


@pytest.fixture
def talk(scripted):
    """A pump with its session open, and the exchanges that must follow: (command, reply) without address."""

    def make(*exchanges, address=0, opened=("S",), **options):
        is_safe = options.get("safe", False)
        to, sound = (safe, safe) if is_safe else (lambda text: f"{text}\r".encode(), basic)
        saf = f"SAF{int(options.get('safe_timeout_s', 60)) if is_safe else 0}"
        script = [(safe(f"{address}{saf}"), sound(f"{address:02d}{status}")) for status in opened]
        for command, reply in exchanges:
            answer = reply if isinstance(reply, bytes) else sound(f"{address:02d}{reply}")
            script.append((to(f"{address}{command}"), answer))
        link = scripted(*script)
        return NewEraPump(link, address, syringe_diameter_mm=14.43, **options), link

    return make


STOP = (("STP", "S?NA"), ("", "S"))
PHASES = (("PHN2", "S"), ("FUNSTP", "S"), ("PHN1", "S"), ("FUNRAT", "S"))
SET = (*STOP, *PHASES, ("DIA", "S14.43"), ("DIRINF", "S"))
HELD = (("PHN", "S1"), ("FUN", "SRAT"), ("DIR", "SINF"), ("DIA", "S14.43"))
TO_CONTINUOUS = (*SET, ("RAT20.83UH", "S"), ("VOL0", "S"), *HELD, ("RAT", "S20.83UH"), ("VOL", "S0.000ML"))
TO_BOLUS = (
    *SET, ("RAT6000UH", "S"), ("VOLUL", "S"), ("VOL500", "S"), *HELD, ("RAT", "S6000.UH"), ("VOL", "S500.0UL"),
)  # fmt: skip


# --- the manual's packets -------------------------------------------------------------------------------------------


def test_packets_of_the_manual():
    assert format_safe("SAF0") == bytes.fromhex("02 08 53 41 46 30 55 43 03")
    assert format_safe("0SAF4") == bytes.fromhex("02 09 30 53 41 46 34 19 29 03")
    assert parse_safe(bytes.fromhex("02 07 30 30 50 9A C5 03")).status == "P"
    assert format_basic("12RAT5MH") == b"12RAT5MH\r"


def test_values_with_their_units():
    assert parse_dispensed(parse_basic(basic("00SI0.500W0.000ML"))) == 500_000
    assert parse_dispensed(parse_basic(basic("00SI12.34W0.000UL"))) == 12_340
    assert parse_rate(parse_basic(basic("00I20.83UH"))) == 20_830
    assert parse_rate(parse_basic(basic("00I1.000MM"))) == 60_000_000
    assert parse_volume(parse_basic(basic("00I0.050ML"))) == 50_000
    assert parse_diameter(parse_basic(basic("00S14.43"))) == Fraction("14.43")


@pytest.mark.parametrize(
    "data", ["", "I0.5W0.0", "I..W0.0ML", "I0.5.0W0.0ML", "0.500ML", "I-1W0ML", "I0.5W0.0MH"]
)
def test_what_is_no_volume_dispensed(data):
    with pytest.raises(ProtocolError, match="no volume dispensed"):
        parse_dispensed(parse_basic(basic(f"00S{data}")))


# --- the session ----------------------------------------------------------------------------------------------------


def test_first_packet_is_safe_whatever_the_mode_and_is_answered_in_the_new_mode(talk):
    pump, _ = talk(("VER", "SNE1000V3.923"))
    assert pump.identify() == Identity("", "NE1000", "", "3.923")
    pump, _ = talk(("VER", "SNE1002XV3.60"), safe=True, safe_timeout_s=30.0)
    assert pump.identify() == Identity("", "NE1002X", "", "3.60")


def test_power_up_alarm_is_acknowledged_by_opening_the_session_again(talk):
    pump, _ = talk(
        ("", "S"), ("RAT", "S0.0UH"), ("VOL", "S0.0ML"), ("DIS", "SI0.0W0.0ML"), opened=("A?R", "S")
    )
    pump.refresh()
    assert pump.interrogate().alarms == (PumpAlarm("reset", critical=True),)


def test_safe_mode_asks_to_be_refreshed_three_times_in_its_time_out(talk):
    pump, _ = talk(("", "I"), safe=True, safe_timeout_s=30.0)
    assert pump.refresh_every_s == 10.0
    pump.refresh()


@pytest.mark.parametrize("options", [{"safe_timeout_s": 2.0}, {"safe_timeout_s": 30.5}, {"safe_timeout_s": 256.0},
                                     {"syringe_diameter_mm": 14.4321}, {"syringe_diameter_mm": 0.0},
                                     {"syringe_diameter_mm": -1.0}, {"address": 100}])  # fmt: skip
def test_options_that_are_not_possible(scripted, options):
    with pytest.raises(DefinitionError, match="not possible"):
        NewEraPump(scripted(), **{"syringe_diameter_mm": 14.43, **options})


# --- alarms that swallow a command ----------------------------------------------------------------------------------


def test_a_question_swallowed_by_an_alarm_is_asked_again_and_the_alarm_is_told_once(talk):
    state = (("RAT", "S20.83UH"), ("VOL", "S0.0ML"), ("DIS", "SI0.500W0.000ML"))
    pump, _ = talk(("RAT", "A?S"), *state, *state)
    first, second = pump.interrogate(), pump.interrogate()
    assert first.alarms == (PumpAlarm("motor_stall", critical=True),)
    assert (first.mode, first.running, first.rate_nl_h, first.delivered_nl) == ("stop", False, 0, 500_000)
    assert second.alarms == ()


@pytest.mark.parametrize("count", [2, 3])
def test_one_alarm_may_follow_another_but_not_for_ever(talk, count):
    pump, _ = talk(*[("", "A?T")] * count, *([("", "S")] if count < 3 else []))
    if count < 3:
        pump.refresh()
    else:
        with pytest.raises(DeviceError, match="communication_timeout"):
            pump.refresh()


def test_a_run_swallowed_by_an_alarm_is_not_sent_again(talk):
    pump, _ = talk(*TO_CONTINUOUS, ("RUN1", "A?R"))
    with pytest.raises(DeviceError, match=r"alarm \(reset\).*not sent again") as caught:
        pump.program(CONTINUOUS)
    assert (caught.value.code, caught.value.sent, caught.value.received) == (
        "A?R",
        b"0RUN1\r",
        basic("00A?R"),
    )


def test_a_setting_swallowed_by_an_alarm_is_not_sent_again(talk):
    pump, _ = talk(*STOP, ("PHN2", "A?S"))
    with pytest.raises(DeviceError, match="did not carry out 'PHN2'"):
        pump.program(CONTINUOUS)


def test_stop_swallowed_by_an_alarm_is_sent_again(talk):
    pump, _ = talk(("STP", "A?S"), ("STP", "P"), ("", "P"), ("STP", "S"), ("", "S"))
    pump.stop("test")


def test_alarm_sent_by_itself_is_thrown_away_because_the_pump_repeats_it(talk):
    pump, link = talk(("", "A?S"), ("", "S"), safe=True)
    pump._session_open = True
    link.exchanges.pop(0)
    link.unasked = safe("00A?S")
    pump.refresh()
    assert pump._alarms == ["S"]


@pytest.mark.parametrize(("data", "meaning"), [("?", "unknown command"), ("?NA", NOT_AT_ALL), ("?OOR", "out of range"),
                                               ("?COM", "arrived damaged"), ("?IGN", "a phase began"),
                                               ("?XYZ", "unknown error")])  # fmt: skip
def test_refusals(talk, data, meaning):
    pump, _ = talk(("VER", f"S{data}"))
    with pytest.raises(DeviceError, match=meaning) as caught:
        pump.identify()
    assert (caught.value.code, caught.value.address) == (data, "script://device")


# --- stopping -------------------------------------------------------------------------------------------------------


def test_first_stp_pauses_and_second_resets(talk):
    pump, _ = talk(("STP", "P"), ("", "P"), ("STP", "S"), ("", "S"))
    pump.stop("test")


@pytest.mark.parametrize("status", "TUXWI")
def test_stop_from_every_state(talk, status):
    pump, _ = talk(("STP", status), ("", "P"), ("STP", "S"), ("", "S"))
    pump.stop("test")


def test_stop_of_a_stopped_pump(talk):
    pump, _ = talk(*STOP)
    pump.stop("test")


def test_stop_is_not_believed_before_the_pump_says_it(talk):
    pump, _ = talk(*[("STP", "S"), ("", "I")] * 4)
    with pytest.raises(DeviceError, match="does not stop: its status is I"):
        pump.stop("test")


# --- programs -------------------------------------------------------------------------------------------------------


def test_continuous_program(talk):
    pump, _ = talk(*TO_CONTINUOUS, ("RUN1", "I"), ("RAT", "I20.83UH"), ("VOL", "I0.000ML"), ("", "I"))
    pump.program(CONTINUOUS)
    assert pump.read_back() == CONTINUOUS


def test_bolus_program(talk):
    pump, _ = talk(*TO_BOLUS, ("RUN1", "I"), ("RAT", "I6000.UH"), ("VOL", "I500.0UL"), ("", "I"))
    pump.program(BOLUS)
    assert pump.read_back() == BOLUS


def test_bolus_program_in_safe_mode(talk):
    pump, _ = talk(*TO_BOLUS, ("RUN1", "I"), address=7, safe=True)
    pump.program(BOLUS)


def test_another_syringe_is_told_to_the_pump(talk):
    steps = [
        (command, "S9.525") if i == 6 else (command, reply)
        for i, (command, reply) in enumerate(TO_CONTINUOUS)
    ]
    assert steps[6][0] == "DIA"
    pump, _ = talk(*steps[:7], ("DIA14.43", "S"), *steps[7:], ("RUN1", "I"))
    pump.program(CONTINUOUS)


@pytest.mark.parametrize(("command", "other"), [("PHN", "S2"), ("FUN", "SINC"), ("DIR", "SWDR"), ("DIA", "S9.525"),
                                                ("RAT", "S20.83MH"), ("VOL", "S0.500ML")])  # fmt: skip
def test_nothing_runs_when_the_pump_holds_something_else(talk, command, other):
    """Scripted without RUN1: sending it would fail the test."""
    last = max(i for i, step in enumerate(TO_CONTINUOUS) if step[0] == command)
    steps = [(c, other) if i == last else (c, r) for i, (c, r) in enumerate(TO_CONTINUOUS)]
    pump, _ = talk(*steps)
    with pytest.raises(DeviceError, match="it was not started") as caught:
        pump.program(CONTINUOUS)
    assert caught.value.code == "read-back"


def test_a_program_that_does_not_begin_is_stopped(talk):
    pump, _ = talk(*TO_CONTINUOUS, ("RUN1", "W"), ("STP", "P"), ("", "P"), ("STP", "S"), ("", "S"))
    with pytest.raises(DeviceError, match="did not begin to infuse"):
        pump.program(CONTINUOUS)


def test_programmed_to_stop(talk):
    pump, _ = talk(*STOP, ("RAT", "S20.83UH"), ("VOL", "S0.0ML"), ("", "S"))
    pump.program(Prescription("stop"))
    assert pump.read_back() == Prescription("stop")


@pytest.mark.parametrize(
    ("prescription", "why"),
    [
        (Prescription("continuous", rate_nl_h=20833), r"20833 nl/h exactly: the nearest possible is 20830;"),
        (Prescription("continuous"), "is none"),
        (Prescription("continuous", rate_nl_h=-1000), "is none"),
        (
            Prescription("bolus", bolus_nl=10_000, bolus_duration_s=59),
            "nearest possible is 610200, .* in 60 s",
        ),
        (Prescription("bolus", bolus_nl=12_345_678, bolus_duration_s=60), "nearest possible is 12350000"),
        (Prescription("bolus", bolus_nl=10_000), "takes 1 to 86400 s"),
        (Prescription("minimum"), "no mode 'minimum'"),
        (Prescription("periodic", bolus_nl=1000, bolus_duration_s=60, interval_s=600), "no mode 'periodic'"),
        (Prescription("flex"), "no mode 'flex'"),
    ],
)
def test_what_the_pump_cannot_be_told_is_refused_before_a_byte_is_sent(scripted, prescription, why):
    with pytest.raises(LimitRefused, match=why):
        NewEraPump(scripted(), syringe_diameter_mm=14.43).program(prescription)


def test_a_syringe_pump_has_no_reservoir_and_no_log(scripted):
    pump = NewEraPump(scripted(), syringe_diameter_mm=14.43)
    assert pump.events_since(0) == []
    with pytest.raises(LimitRefused, match="nothing was sent"):
        pump.set_reservoir(1)


def test_limits_are_those_of_plunger_and_syringe(scripted):
    """14.43 mm are 1.6354 cm2: times 0.004205 cm/h 6.877 uL/h, times 306.03 cm/h 500.5 mL/h."""
    limits = NewEraPump(scripted(), syringe_diameter_mm=14.43).limits()
    assert limits.rate_min_nl_h == pytest.approx(6877, rel=0.001)
    assert limits.rate_max_nl_h == pytest.approx(500.48e6, rel=0.001)


@pytest.mark.parametrize(("status", "mode", "running", "rate"), [("I", "continuous", True, 20_830),
    ("W", "withdrawing", True, 20_830), ("X", "purging", True, 0), ("P", "paused", False, 0),
    ("T", "timed_pause", False, 0), ("U", "waiting_for_trigger", False, 0), ("S", "stop", False, 0)])  # fmt: skip
def test_states(talk, status, mode, running, rate):
    pump, link = talk(
        ("RAT", f"{status}20.83UH"), ("VOL", f"{status}0.0ML"), ("DIS", f"{status}I1.234W0.000ML")
    )
    state = pump.interrogate()
    assert (state.mode, state.running, state.rate_nl_h, state.delivered_nl) == (
        mode,
        running,
        rate,
        1_234_000,
    )
    assert (state.reservoir_nl, state.battery_mv, state.clock_s, state.t_ns) == (None, None, None, link.t_ns)


# --- several on one line, damage ------------------------------------------------------------------------------------


def test_two_pumps_on_one_line_do_not_mix_replies(talk):
    first, _ = talk(("VER", "SNE1000V3.923"), address=3)
    assert first.identify().model == "NE1000"
    second, _ = talk(("VER", basic("03SNE1000V3.923")), address=4)
    with pytest.raises(ProtocolError, match="pump 3 answered, not 4"):
        second.identify()


@pytest.mark.parametrize("is_safe", [False, True])
def test_reply_cut_at_each_byte_is_no_value(talk, is_safe):
    whole = (safe if is_safe else basic)("00SNE1000V3.923")
    for count in range(len(whole)):
        pump, _ = talk(("VER", whole[:count]), safe=is_safe)
        with pytest.raises(LinkTimeout) as caught:
            pump.identify()
        assert caught.value.received == whole[:count]


@given(st.binary(max_size=40))
def test_arbitrary_bytes_are_a_typed_error_or_a_sound_reply(data):
    for parse in (parse_basic, parse_safe):
        try:
            reply = parse(data)
        except ProtocolError:
            continue
        assert reply.raw == data
        for value in (parse_rate, parse_volume, parse_dispensed, parse_diameter):
            try:
                assert value(reply) >= 0
            except ExchangeError:
                continue


@given(st.sampled_from(["00I20.83UH", "00SI0.500W0.000ML", "99A?S", "00S"]), st.data())
def test_a_damaged_safe_packet_is_never_a_value(text, data):
    """A CRC of 16 bits sees every burst of up to 16 bits; LEN and the ends are seen by themselves."""
    packet = safe(text)
    index = data.draw(st.integers(0, len(packet) - 1))
    wrong = data.draw(st.integers(1, 255))
    damaged = packet[:index] + bytes([packet[index] ^ wrong]) + packet[index + 1 :]
    for piece in (
        damaged,
        packet[:index],
        packet[:index] + packet[index + 1 :],
        packet + packet[: index + 1],
    ):
        with pytest.raises(ProtocolError):
            parse_safe(piece)


@given(st.integers(0, 99), st.sampled_from("IWSPTUX"), st.from_regex(r"\A[ -~]{0,20}\Z"))
def test_both_modes_say_the_same(address, status, text):
    payload = f"{address:02d}{status}{text}"
    for reply in (parse_basic(basic(payload)), parse_safe(safe(payload))):
        assert (reply.address, reply.alarm, reply.status, reply.data) == (address, "", status, text)
