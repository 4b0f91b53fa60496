"""Older Harvard pumps: the two ways of a reply, units, prompts, programs read back, damage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.harvard_wire import parse_chain, parse_number
from rig.drivers.pump_harvard_chain import HarvardChainPump, parse_range, parse_version
from rig.errors import DefinitionError, DeviceError, ExchangeError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity, Prescription, PumpAlarm

CONTINUOUS = Prescription("continuous", rate_nl_h=20_833)
BOLUS = Prescription("bolus", bolus_nl=500_000, bolus_duration_s=300)


def pump_11(address, data, prompt):
    return (f"\r\n{data}" if data else "").encode() + f"\r\n{address:02d}{prompt}".encode()


def phd_2000(address, data, prompt):
    """One CR too many, no leading zero."""
    return (f"\r\n{data}\r" if data else "").encode() + f"\r\n{address}{prompt}".encode()


@pytest.fixture
def talk(scripted):
    """A pump, and the exchanges that must follow: (command, data, prompt), or (command, bytes)."""

    def make(*exchanges, address=3, way=pump_11, **options):
        pairs = []
        for command, *reply in exchanges:
            heard = reply[0] if isinstance(reply[0], bytes) else way(address, *reply)
            pairs.append((f"{address:02d}{command}\r".encode(), heard))
        link = scripted(*pairs)
        return HarvardChainPump(link, address, **{"syringe_diameter_mm": 14.43, **options}), link

    return make


STOP = (("STP", "", ":"), ("VOL", "12.5", ":"))
TO_CONTINUOUS = (
    *STOP, ("DIA", "14.43", ":"), ("ULH20.833", "", ":"), ("CLT", "", ":"),
    ("DIA", "14.43", ":"), ("RNG", "UL/H", ":"), ("RAT", "20.833", ":"), ("TAR", "0", ":"),
)  # fmt: skip
TO_BOLUS = (
    *STOP, ("DIA", "14.43", ":"), ("ULH6000", "", ":"), ("VOL", "12.5", ":"), ("CLV", "", ":"), ("MLT500", "", ":"),
    ("DIA", "14.43", ":"), ("RNG", "UL/H", ":"), ("RAT", "6000.0", ":"), ("TAR", "500.0", ":"),
)  # fmt: skip


# --- replies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", [":", ">", "<", "*"])
@pytest.mark.parametrize("way", [pump_11, phd_2000])
def test_both_ways_of_a_reply(way, prompt):
    """A PHD 2000 omits the leading zero and sends one CR too many."""
    assert parse_chain(way(3, "  20.833", prompt), 3).text == "20.833"
    assert parse_chain(way(3, "", prompt), 3).prompt == prompt
    assert parse_chain(way(42, "", prompt), 42).lines == ()


def test_foreign_replies():
    for way in (pump_11, phd_2000):
        with pytest.raises(ProtocolError, match="not a reply of pump 4"):
            parse_chain(way(3, "20.833", ":"), 4)


@pytest.mark.parametrize(
    ("text", "unit"), [("UL/H", "ULH"), ("ML/H", "MLH"), ("ul/min", "ULM"), ("ML/M", "MLM")]
)
def test_units_of_a_rate(text, unit):
    assert parse_range(parse_chain(pump_11(3, text, ":"), 3)) == unit


def test_version():
    assert parse_version(parse_chain(pump_11(3, "33V2.0", ":"), 3)) == Identity("", "33", "", "2.0")
    assert parse_version(parse_chain(pump_11(3, "PHD1.2a", ":"), 3)) == Identity("", "PHD", "", "1.2a")
    assert parse_version(parse_chain(pump_11(3, "ABC", ":"), 3)) == Identity("", "ABC", "", "")


@pytest.mark.parametrize(("data", "meaning"), [("?", "unknown command"), ("NA", "not possible now"),
                                               ("OOR", "out of range")])  # fmt: skip
def test_refusals(talk, data, meaning):
    pump, _ = talk(("VER", data, ":"))
    with pytest.raises(DeviceError, match=meaning) as caught:
        pump.identify()
    assert (caught.value.code, caught.value.sent, caught.value.address) == (
        data,
        b"03VER\r",
        "script://device",
    )


# --- stopping, programs, states -------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [pump_11, phd_2000])
def test_continuous_program(talk, way):
    back = (("VOL", "12.5", ">"), ("RNG", "UL/H", ">"), ("RAT", "20.833", ">"), ("TAR", "0", ">"))
    pump, _ = talk(*TO_CONTINUOUS, ("RUN", "", ">"), *back, way=way)
    pump.program(CONTINUOUS)
    assert pump.read_back() == CONTINUOUS


def test_bolus_program_begins_a_count_of_its_own_and_the_volume_delivered_goes_on(talk):
    asked = (("RNG", "UL/H", ">"), ("RAT", "6000", ">"), ("TAR", "500", ">"))
    pump, link = talk(*TO_BOLUS, ("RUN", "", ">"), ("VOL", "100", ">"), *asked, ("VOL", "101", ">"), *asked)
    pump.program(BOLUS)
    state = pump.interrogate()
    assert (state.mode, state.running, state.rate_nl_h, state.delivered_nl) == (
        "bolus",
        True,
        6_000_000,
        112_500,
    )
    assert (state.reservoir_nl, state.battery_mv, state.t_ns) == (None, None, link.t_ns)
    assert pump.read_back() == BOLUS


def test_volumes_of_a_phd_2000_are_in_ml(talk):
    steps = [
        (c.replace("MLT500", "MLT0.5"), {"500.0": "0.5000", "12.5": "0.0125"}.get(d, d), p)
        for c, d, p in TO_BOLUS
    ]
    state = (("VOL", "0.1", ">"), ("RNG", "UL/H", ">"), ("RAT", "6000", ">"), ("TAR", "0.5", ">"))
    pump, _ = talk(*steps, ("RUN", "", ">"), *state, way=phd_2000, volumes_in_ml=True)
    pump.program(BOLUS)
    assert pump.interrogate().delivered_nl == 112_500


def test_a_pump_that_does_not_know_rng_has_the_unit_set_last(talk):
    steps = [(c, "?" if c == "RNG" else d, p) for c, d, p in TO_CONTINUOUS]
    pump, _ = talk(*steps, ("RUN", "", ">"))
    pump.program(CONTINUOUS)


def test_the_unit_of_a_rate_is_never_guessed(talk):
    pump, _ = talk(("VOL", "1", ">"), ("RNG", "?", ">"))
    with pytest.raises(DeviceError, match="unknown command"):
        pump.interrogate()


@pytest.mark.parametrize(
    ("question", "other"), [("DIA", "9.53"), ("RNG", "ML/H"), ("RAT", "20.83"), ("TAR", "1")]
)
def test_nothing_runs_when_the_pump_holds_something_else(talk, question, other):
    """Scripted without RUN: sending it would fail the test."""
    last = max(i for i, step in enumerate(TO_CONTINUOUS) if step[0] == question)
    pump, _ = talk(*[(c, other, p) if i == last else (c, d, p) for i, (c, d, p) in enumerate(TO_CONTINUOUS)])
    with pytest.raises(DeviceError, match="it was not started"):
        pump.program(CONTINUOUS)


def test_another_syringe_is_told_to_the_pump(talk):
    steps = list(TO_CONTINUOUS)
    steps[2:3] = [("DIA", "9.53", ":"), ("MMD14.43", "", ":")]
    pump, _ = talk(*steps, ("RUN", "", ">"))
    pump.program(CONTINUOUS)


@pytest.mark.parametrize("prompt", ["<", "*", ":"])
def test_a_pump_that_begins_to_withdraw_or_does_not_begin_is_stopped(talk, prompt):
    pump, _ = talk(*TO_CONTINUOUS, ("RUN", "", prompt), *STOP)
    with pytest.raises(DeviceError, match="did not begin to infuse"):
        pump.program(CONTINUOUS)


def test_star_after_stp_of_a_phd_2000_is_a_stop_and_no_stall(talk):
    pump, _ = talk(
        ("STP", "", "*"), ("VOL", "0.1", "*"), ("VOL", "0.1", "*"), way=phd_2000, volumes_in_ml=True
    )
    pump.stop("test")
    state = pump.interrogate()
    assert (state.mode, state.running, state.alarms) == ("stop", False, ())


def test_star_without_stp_is_a_stall(talk):
    pump, _ = talk(("VOL", "0.1", "*"))
    state = pump.interrogate()
    assert (state.mode, state.running, state.rate_nl_h) == ("stop", False, 0)
    assert state.alarms == (PumpAlarm("motor_stall", critical=True),)


@pytest.mark.parametrize("prompt", [">", "<"])
def test_stop_is_not_believed_while_the_motor_turns(talk, prompt):
    pump, _ = talk(("STP", "", ":"), ("VOL", "1", prompt))
    with pytest.raises(DeviceError, match="does not stop"):
        pump.stop("test")


def test_withdrawing_is_a_mode_of_its_own(talk):
    pump, _ = talk(("VOL", "1", "<"), ("RNG", "ML/H", "<"), ("RAT", "2", "<"))
    state = pump.interrogate()
    assert (state.mode, state.running, state.rate_nl_h) == ("withdrawing", True, 2_000_000)


def test_programmed_to_stop(talk):
    pump, _ = talk(*STOP, ("VOL", "1", ":"))
    pump.program(Prescription("stop"))
    assert pump.read_back() == Prescription("stop")


def test_a_text_in_the_place_of_a_prompt_and_none_in_that_of_an_answer(talk):
    pump, _ = talk(("STP", "20.833", ":"))
    with pytest.raises(ProtocolError, match="in the place of a prompt"):
        pump.stop("test")
    pump, _ = talk(("VOL", "", ":"))
    with pytest.raises(ProtocolError, match="no answer to the question"):
        pump.interrogate()


@pytest.mark.parametrize("prescription", [Prescription("continuous", rate_nl_h=1_234_567), Prescription("minimum"),
                                          Prescription("flex"), Prescription("continuous")])  # fmt: skip
def test_what_the_pump_cannot_be_told_is_refused_before_a_byte_is_sent(scripted, prescription):
    with pytest.raises(LimitRefused, match="nothing was sent"):
        HarvardChainPump(scripted(), syringe_diameter_mm=14.43).program(prescription)


def test_no_reservoir_no_log_no_impossible_syringe(scripted):
    pump = HarvardChainPump(scripted(), syringe_diameter_mm=14.43)
    assert pump.events_since(0) == []
    assert pump.limits().bolus_min_nl == 1
    with pytest.raises(LimitRefused):
        pump.set_reservoir(1)
    with pytest.raises(DefinitionError):
        HarvardChainPump(scripted(), syringe_diameter_mm=0.0)


# --- damage ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("way", [pump_11, phd_2000])
def test_reply_cut_at_each_byte_is_no_value(talk, way):
    whole = way(3, "12.5", ":")
    for count in range(len(whole)):
        pump, _ = talk(("VOL", whole[:count]))
        with pytest.raises(LinkTimeout) as caught:
            pump.interrogate()
        assert caught.value.received == whole[:count]


def test_a_line_that_never_falls_silent(talk):
    pump, link = talk(("VOL", b"\r\n" + b"9" * 78))
    with pytest.raises(ProtocolError, match="80 bytes without a prompt"):
        pump.interrogate()
    assert link.t_ns < 10**9


@given(
    st.binary(max_size=20) | st.from_regex(rb"\A\r?\r\n[ -~]{0,8}\r?\r\n[0-9]{1,3}[:><*]\Z"),
    st.integers(0, 99),
)
def test_arbitrary_bytes_are_a_typed_error_or_a_sound_reply(data, address):
    try:
        reply = parse_chain(data, address)
    except (ProtocolError, DeviceError):
        return
    assert reply.prompt in {":", ">", "<", "*"}
    assert data.endswith(f"{address}{reply.prompt}".encode())
    for value in (parse_number, parse_range, parse_version):
        try:
            value(reply)
        except ExchangeError:
            continue


@given(st.data())
def test_lost_and_doubled_bytes_never_change_the_number_silently_beyond_its_digits(data):
    """Without a checksum a lost digit cannot be seen; a lost end, address or prompt can."""
    whole = pump_11(3, "20.833", ":")
    index = data.draw(st.sampled_from([i for i in range(len(whole)) if not 2 <= i < 8]))
    damaged = whole[:index] + whole[index + 1 :]
    try:
        reply = parse_chain(damaged, 3)
    except ProtocolError:
        return
    assert reply.text == "20.833"
