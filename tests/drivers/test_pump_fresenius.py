"""The infupy-compatible subset of Fresenius: frames, what comes by itself, pausing, damage."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.fresenius_wire import format_frame, parse_frame, parse_text, parse_variable
from rig.drivers.pump_fresenius import FreseniusPump
from rig.errors import DeviceError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity, Prescription, PumpAlarm

STX, ETX, ENQ, ACK, DC4, NAK = (bytes([code]) for code in (2, 3, 5, 6, 0x14, 0x15))
RATE = bytes.fromhex("02 31 43 3B 64 30 30 31 39 32 32 03")


def frame(text):
    total = sum(text.encode())
    return STX + text.encode() + b"%02X" % (255 - total % 256) + ETX


@pytest.fixture
def talk(scripted):
    """Module 1 with its session open, and what must follow: (command, message) or (bytes, bytes)."""

    def make(*exchanges, address=1, opened=True):
        prefix = f"{address or ''}"
        pairs = []
        for sent, reply in exchanges:
            if isinstance(sent, bytes):
                pairs.append((sent, reply))
            else:
                pairs += [(frame(prefix + sent), ACK + frame(prefix + reply)), (ACK, b"")]
        link = scripted(*pairs)
        pump = FreseniusPump(link, address)
        pump._session_open = opened
        return pump, link

    return make


QUIET = (("LE;a", "C;a0000"), ("LE;e", "C;e0000"))


def state(rate, volume):
    return (("LE;d", f"C;d{rate:04X}"), *QUIET, ("LE;r", f"C;r{volume:08X}"))


# --- frames ---------------------------------------------------------------------------------------------------------


def test_worked_exchange():
    assert format_frame("1LE;d") == bytes.fromhex("02 31 4C 45 3B 64 39 45 03")
    message = parse_frame(RATE)
    assert (message.address, message.kind, message.data) == (1, "C", "d0019")
    assert parse_variable(message, "d") == 25


@pytest.mark.parametrize("data", ["d0019", "r", "rXYZ", "r-001", "", "r000000001"])
def test_what_is_no_volume(data):
    with pytest.raises(ProtocolError):
        parse_variable(parse_frame(frame(f"1C;{data}")), "r")


# --- the session ----------------------------------------------------------------------------------------------------


def test_a_module_is_opened_through_its_base(talk):
    pump, _ = talk(
        (frame("0DC"), ACK + frame("0C")), (ACK, b""), ("DC", "C"), ("LF;b", "C;bAGILIA"), opened=False
    )
    assert pump.identify() == Identity("", "AGILIA", "", "")


def test_a_base_that_is_open_already_may_refuse(talk):
    pump, _ = talk(
        (frame("0DC"), ACK + frame("0I;02")), (ACK, b""), ("DC", "C"), ("LF;b", "C;bM"), opened=False
    )
    assert pump.identify().model == "M"


def test_a_pump_of_its_own_has_no_digit(talk):
    pump, _ = talk(("DC", "C"), ("LF;b", "C;bM"), address=0, opened=False)
    assert pump.identify().model == "M"


def test_a_lost_session_is_told_and_opened_by_the_next_call(talk):
    pump, _ = talk(
        ("LE;d", "I;1E"), (frame("0DC"), ACK + frame("0C")), (ACK, b""), ("DC", "C"), ("LE;d", "C;d0019")
    )
    with pytest.raises(DeviceError, match="no session with the module is open") as caught:
        pump.refresh()
    assert (caught.value.code, caught.value.sent) == ("1E", frame("1LE;d"))
    pump.refresh()


# --- what comes by itself -------------------------------------------------------------------------------------------


def test_keep_alive_is_answered_before_during_and_inside_a_reply(talk):
    pump, link = talk(
        (DC4, b""), (frame("1LE;d"), ACK + ENQ), (DC4, RATE[:4] + ENQ), (DC4, RATE[4:]), (ACK, b"")
    )
    link.unasked = ENQ + ENQ
    pump.refresh()


def test_a_spontaneous_message_is_acknowledged_by_its_own_frame(talk):
    pump, _ = talk(
        (frame("1LE;d"), ACK + frame("1E;a0004")), (ACK, b""), (frame("1E"), frame("2M;d1")),
        (ACK, b""), (frame("2M"), RATE), (ACK, b""),
    )  # fmt: skip
    pump.refresh()


def test_a_spontaneous_message_between_exchanges_is_acknowledged_too(talk):
    pump, link = talk((ACK, b""), (frame("1E"), b""), ("LE;d", "C;d0019"))
    link.unasked = frame("1E;a0004") + b"noise" + frame("1C;d0000")
    pump.refresh()


# --- states, pausing, programs --------------------------------------------------------------------------------------


def test_rate_and_volume_in_their_steps(talk):
    pump, link = talk(*state(25, 1234))
    seen = pump.interrogate()
    assert (seen.mode, seen.running, seen.rate_nl_h, seen.delivered_nl) == (
        "continuous",
        True,
        2_500_000,
        1_234_000,
    )
    assert (seen.reservoir_nl, seen.battery_mv, seen.alarms, seen.t_ns) == (None, None, (), link.t_ns)


def test_alarms_as_the_pump_tells_them(talk):
    pump, _ = talk(("LE;d", "C;d0000"), ("LE;a", "C;a000C"), ("LE;e", "I;0A"), ("LE;r", "C;r0"))
    seen = pump.interrogate()
    assert seen.alarms == (PumpAlarm("alarm_000c", critical=True),)
    assert (seen.mode, seen.running) == ("stop", False)


def test_a_paused_pump_stands_until_its_volume_grows(talk):
    pump, _ = talk(
        ("MO;2", "C"), ("PO", "C"), ("LE;r", "C;r00FF"), *state(25, 255), *state(25, 255), *state(25, 256)
    )
    pump.stop("test")
    assert pump.interrogate().mode == "stop"
    assert pump.read_back() == Prescription("stop")
    assert pump.read_back() == Prescription("continuous", rate_nl_h=2_500_000)


@pytest.mark.parametrize("control", ["C", "I;06"])
def test_stop_takes_control_first(talk, control):
    pump, _ = talk(("MO;2", control), ("PO", "C"), ("LE;r", "C;r00FF"))
    pump.stop("test")


def test_pause_is_tried_although_control_was_refused_and_its_refusal_is_told(talk):
    pump, _ = talk(("MO;2", "I;05"), ("PO", "I;02"))
    with pytest.raises(DeviceError, match="not possible in this mode") as caught:
        pump.stop("test")
    assert caught.value.code == "02"


def test_a_pause_refused_while_the_pump_runs_is_no_stop(talk):
    pump, _ = talk(("MO;2", "C"), ("PO", "I;03"), *state(25, 255))
    with pytest.raises(DeviceError, match="not possible in this state"):
        pump.stop("test")


def test_a_pause_refused_by_a_pump_that_stands_is_one(talk):
    again = (("MO;2", "I;06"), ("PO", "I;03"), *state(25, 255), ("LE;r", "C;r00FF"))
    pump, _ = talk(("MO;2", "C"), ("PO", "C"), ("LE;r", "C;r00FF"), *again)
    pump.stop("test")
    pump.stop("again")


def test_no_dose_is_ever_sent_because_nothing_public_says_how(scripted):
    pump = FreseniusPump(scripted(), 1)
    for prescription in (Prescription("continuous", rate_nl_h=100_000), Prescription("minimum"),
                         Prescription("bolus", bolus_nl=1000, bolus_duration_s=60)):  # fmt: skip
        with pytest.raises(LimitRefused, match="not public"):
            pump.program(prescription)
    with pytest.raises(LimitRefused):
        pump.set_reservoir(1)
    assert pump.events_since(0) == []
    assert pump.limits().rate_max_nl_h == 0


def test_programmed_to_stop(talk):
    pump, _ = talk(("MO;2", "C"), ("PO", "C"), ("LE;r", "C;r00FF"))
    pump.program(Prescription("stop"))


# --- damage ---------------------------------------------------------------------------------------------------------


def test_a_damaged_reply_is_asked_for_again_by_the_protocol_itself(talk):
    damaged = RATE.replace(b"19", b"18")
    pump, _ = talk((frame("1LE;d"), ACK + damaged), (NAK + b"2", RATE), (ACK, b""))
    pump.refresh()


def test_only_damaged_and_foreign_frames_until_the_deadline(talk):
    pump, link = talk(
        (frame("1LE;d"), ACK + RATE.replace(b"19", b"18")), (NAK + b"2", frame("2C;d0019")), (ACK, b"")
    )
    before_ns = link.t_ns
    with pytest.raises(LinkTimeout) as caught:
        pump.refresh()
    assert caught.value.received.endswith(frame("2C;d0019"))
    assert link.t_ns - before_ns < 1.1e9


def test_a_line_that_never_falls_silent(talk):
    pump, _ = talk((frame("1LE;d"), b"x" * 1000))
    with pytest.raises(ProtocolError, match="only damaged or foreign frames"):
        pump.refresh()


def test_the_pump_does_not_take_a_frame(talk):
    pump, _ = talk((frame("1LE;d"), NAK + b"6"))
    with pytest.raises(DeviceError, match="receiver not ready") as caught:
        pump.refresh()
    assert (caught.value.code, caught.value.received) == ("NAK 36", NAK + b"6")


def test_reply_cut_at_each_byte_is_no_value(talk):
    whole = ACK + RATE
    for count in range(len(whole)):
        pump, _ = talk((frame("1LE;d"), whole[:count]))
        with pytest.raises(LinkTimeout) as caught:
            pump.refresh()
        assert caught.value.received == whole[:count]


@given(st.sampled_from(["1C;d0019", "C;r00FF", "1I;03", "8E;a1", "C"]), st.data())
def test_a_changed_or_lost_byte_is_always_seen(text, data):
    whole = frame(text)
    index = data.draw(st.integers(0, len(whole) - 1))
    wrong = data.draw(st.integers(1, 255))
    changed = whole[:index] + bytes([whole[index] ^ wrong]) + whole[index + 1 :]
    for damaged in (changed, whole[:index] + whole[index + 1 :], whole[:index], whole[index + 1 :]):
        with pytest.raises(ProtocolError):
            parse_frame(damaged)


@given(st.binary(max_size=30) | st.from_regex(r"\A[0-9]?[CIEM](;[ -~]{0,9})?\Z").map(frame))
def test_arbitrary_bytes_are_a_typed_error_or_a_sound_frame(data):
    try:
        message = parse_frame(data)
    except ProtocolError:
        return
    assert data == frame(f"{data[1:-3].decode()}")
    for parse in (parse_variable, parse_text):
        try:
            parse(message, "d")
        except ProtocolError:
            continue
