"""Harvard "Ultra" pumps: replies with and without address, prompts that come by themselves, programs read back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.harvard_wire import parse_ultra
from rig.drivers.pump_harvard_ultra import (
    HarvardUltraPump,
    parse_diameter,
    parse_rate,
    parse_rate_limits,
    parse_target,
    parse_version,
    parse_volume,
)
from rig.errors import DefinitionError, DeviceError, ExchangeError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity, Prescription, PumpAlarm

CONTINUOUS = Prescription("continuous", rate_nl_h=20_833)
BOLUS = Prescription("bolus", bolus_nl=500_000, bolus_duration_s=300)
NONE = "Target volume not set"


def said(*lines_and_prompt):
    *lines, prompt = lines_and_prompt
    return "".join(f"\n{line}\r" for line in lines).encode() + f"\n{prompt}\x11".encode()


@pytest.fixture
def talk(scripted):
    """A pump that is polled already, and the exchanges that must follow: (command, line(s) and prompt)."""

    def make(*exchanges, address=0, polled=True):
        prefix = f"{address}:" if address else ""
        script = [] if polled else [("poll on", (":",))]
        pairs = []
        for command, reply in [*script, *exchanges]:
            heard = reply if isinstance(reply, bytes) else said(*reply[:-1], f"{address or ''}{reply[-1]}")
            pairs.append((f"{prefix}{command}\r\n".encode(), heard))
        link = scripted(*pairs)
        pump = HarvardUltraPump(link, address, syringe_diameter_mm=14.43)
        pump._polled = polled
        return pump, link

    return make


STOP = (("stp", (":",)), ("ivolume", ("12.5 ul", ":")))
SET = (
    *STOP,
    ("load qs i", (":",)),
    ("diameter", ("14.4300 mm", ":")),
    ("cttime", (":",)),
    ("ctvolume", (":",)),
)
TO_CONTINUOUS = (
    *SET, ("irate 20.833 ul/hr", (":",)),
    ("diameter", ("14.4300 mm", ":")), ("irate", ("20.833 ul/hr", ":")), ("tvolume", (NONE, ":")),
)  # fmt: skip
TO_BOLUS = (
    *SET, ("irate 6000 ul/hr", (":",)), ("ivolume", ("12.5 ul", ":")), ("civolume", (":",)),
    ("tvolume 500 ul", (":",)),
    ("diameter", ("14.43 mm", ":")), ("irate", ("6 ml/hr", ":")), ("tvolume", ("0.5 ml", ":")),
)  # fmt: skip


# --- replies --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", [":", ">", "<", "*", "T*", ">*", "<*"])
def test_every_prompt_with_and_without_address(prompt):
    for address, before in ((0, ""), (0, "00"), (7, "7"), (7, "07"), (12, "12")):
        reply = parse_ultra(said("3.2 ul/min", before + prompt), address)
        assert (reply.lines, reply.prompt) == (("3.2 ul/min",), prompt)
    assert parse_ultra(said("12:T*"), 12).prompt == "T*"
    assert parse_ultra(said("00:*"), 0).prompt == "*"


def test_lines_may_carry_the_address_too():
    assert parse_ultra(said("12:3.2 ul/min", "12>"), 12).lines == ("3.2 ul/min",)
    with pytest.raises(ProtocolError, match="a line of pump 11, not 12"):
        parse_ultra(said("11:3.2 ul/min", "12>"), 12)
    with pytest.raises(ProtocolError, match="no prompt of pump 12"):
        parse_ultra(said("3.2 ul/min", ">"), 12)


def test_values_with_their_units():
    assert parse_rate(parse_ultra(said("3.2 ul/min", ":"), 0)) == 192_000
    assert parse_rate(parse_ultra(said("1.5 ml/hr", ":"), 0)) == 1_500_000
    assert parse_volume(parse_ultra(said("12.5 ul", ":"), 0)) == 12_500
    assert parse_volume(parse_ultra(said("250 pl", ":"), 0)) * 4 == 1
    assert parse_target(parse_ultra(said(NONE, ":"), 0)) == 0
    assert parse_target(parse_ultra(said(f"{NONE}.", ":"), 0)) == 0
    assert parse_diameter(parse_ultra(said("14.4300 mm", ":"), 0)) * 100 == 1443
    low, high = parse_rate_limits(parse_ultra(said("26.4345 nl/min to 27.4488 ml/min", ":"), 0))
    assert (float(low), float(high)) == (1586.07, 1_646_928_000.0)


@pytest.mark.parametrize(
    "line", ["", "ul", "3.2", "3.2 ul", "3.2ul/", "-3.2 ul/min", "3.2.1 ul/min", ". ul/min"]
)
def test_what_is_no_rate(line):
    with pytest.raises(ProtocolError):
        parse_rate(parse_ultra(said(line, ":"), 0))


def test_version_lines():
    lines = ("PHD ULTRA 3.0.4", "Firmware:      v3.0.4", "Pump address:  0", "Serial number: D302109")
    assert parse_version(parse_ultra(said(*lines, ":"), 0)) == Identity(
        "", "PHD ULTRA 3.0.4", "D302109", "v3.0.4"
    )


@pytest.mark.parametrize(("lines", "code"), [(("Command error:", "   Unknown command"), "Command error"),
                                             (("Argument error: 9999 ul/min", "   Out of range"), "Argument error"),
                                             (("Range error: 9",), "Range error")])  # fmt: skip
def test_refusals(talk, lines, code):
    pump, _ = talk(("version", (*lines, ":")))
    with pytest.raises(DeviceError, match=f"refused: {code}") as caught:
        pump.identify()
    assert (caught.value.code, caught.value.sent, caught.value.address) == (
        code,
        b"version\r\n",
        "script://device",
    )


# --- the session ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reply", [said(":"), b"\n:", b"\r\n:"])
def test_poll_on_may_or_may_not_be_followed_by_xon(talk, reply):
    pump, _ = talk(("poll on", reply), ("version", ("11 ELITE", ":")))
    pump._polled = False
    assert pump.identify().model == "11 ELITE"


def test_silence_at_the_first_command_is_silence(talk):
    pump, _ = talk(("poll on", b""))
    pump._polled = False
    with pytest.raises(LinkTimeout):
        pump.identify()


def test_a_prompt_that_comes_by_itself_is_no_answer(talk):
    pump, _ = talk(("version", said("T*") + said("11 ELITE", "T*")))
    assert pump.identify().model == "11 ELITE"


def test_address_stands_before_command_and_prompt(talk):
    pump, _ = talk(("irate lim", ("1 ul/hr to 2 ml/hr", ":")), address=12, polled=False)
    limits = pump.limits()
    assert (limits.rate_min_nl_h, limits.rate_max_nl_h) == (1000, 2_000_000)


# --- stopping, programs, states -------------------------------------------------------------------------------------


@pytest.mark.parametrize("prompt", [":", "T*", "*", "<*", ">*"])
def test_stop_is_confirmed_by_a_motor_that_stands(talk, prompt):
    pump, _ = talk(("stp", (prompt,)), ("ivolume", ("12.5 ul", prompt)))
    pump.stop("test")


@pytest.mark.parametrize("prompt", [">", "<"])
def test_stop_is_not_believed_while_the_motor_turns(talk, prompt):
    pump, _ = talk(("stp", (":",)), ("ivolume", ("12.5 ul", prompt)))
    with pytest.raises(DeviceError, match="does not stop"):
        pump.stop("test")


def test_continuous_program(talk):
    pump, _ = talk(
        *TO_CONTINUOUS, ("irun", (">",)), ("irate", ("20.833 ul/hr", ">")), ("tvolume", (NONE, ">"))
    )
    pump.program(CONTINUOUS)
    assert pump.read_back() == CONTINUOUS


def test_bolus_program_begins_a_count_of_its_own_and_the_volume_delivered_goes_on(talk):
    state = (("irate", ("6 ml/hr", ">")), ("tvolume", ("0.5 ml", ">")), ("ivolume", ("100 ul", ">")))
    pump, link = talk(*TO_BOLUS, ("irun", (">",)), *state, *state[:2])
    pump.program(BOLUS)
    seen = pump.interrogate()
    assert (seen.mode, seen.running, seen.rate_nl_h, seen.delivered_nl) == ("bolus", True, 6_000_000, 112_500)
    assert (seen.reservoir_nl, seen.battery_mv, seen.t_ns) == (None, None, link.t_ns)
    assert pump.read_back() == BOLUS


def test_another_syringe_is_told_to_the_pump(talk):
    steps = list(TO_CONTINUOUS)
    index = steps.index(("diameter", ("14.4300 mm", ":")))
    steps[index : index + 1] = [("diameter", ("4.61 mm", ":")), ("diameter 14.43", (":",))]
    pump, _ = talk(*steps, ("irun", (">",)))
    pump.program(CONTINUOUS)


@pytest.mark.parametrize(("question", "other"), [("diameter", "4.61 mm"), ("irate", "20.833 ml/hr"),
                                                 ("irate", "20.83 ul/hr"), ("tvolume", "0.5 ml")])  # fmt: skip
def test_nothing_runs_when_the_pump_holds_something_else(talk, question, other):
    """Scripted without irun: sending it would fail the test."""
    last = max(i for i, step in enumerate(TO_CONTINUOUS) if step[0] == question)
    pump, _ = talk(*[(c, (other, ":")) if i == last else (c, r) for i, (c, r) in enumerate(TO_CONTINUOUS)])
    with pytest.raises(DeviceError, match="it was not started"):
        pump.program(CONTINUOUS)


@pytest.mark.parametrize("prompt", ["<", "*", ":"])
def test_a_program_that_does_not_begin_is_stopped(talk, prompt):
    pump, _ = talk(*TO_CONTINUOUS, ("irun", (prompt,)), *STOP)
    with pytest.raises(DeviceError, match="did not begin to infuse"):
        pump.program(CONTINUOUS)


def test_a_refused_setting_ends_the_programming(talk):
    pump, _ = talk(*SET, ("irate 20.833 ul/hr", ("Argument error: 20.833", "  Out of range", ":")))
    with pytest.raises(DeviceError, match="Out of range"):
        pump.program(CONTINUOUS)


def test_a_text_in_the_place_of_a_prompt_is_no_consent(talk):
    pump, _ = talk(("stp", ("3.2 ul/min", ":")))
    with pytest.raises(ProtocolError, match="in the place of a prompt"):
        pump.stop("test")


@pytest.mark.parametrize(("prompt", "mode", "running", "alarms"), [
    (">", "continuous", True, ()), ("<", "withdrawing", True, ()), (":", "stop", False, ()), ("T*", "stop", False, ()),
    ("*", "stop", False, (PumpAlarm("motor_stall", critical=True),)),
    (">*", "stop", False, (PumpAlarm("limit_switch", critical=True),)),
])  # fmt: skip
def test_states(talk, prompt, mode, running, alarms):
    pump, _ = talk(
        ("irate", ("3 ul/min", prompt)), ("tvolume", (NONE, prompt)), ("ivolume", ("1 ul", prompt))
    )
    state = pump.interrogate()
    assert (state.mode, state.running, state.alarms, state.delivered_nl) == (mode, running, alarms, 1000)
    assert state.rate_nl_h == (180_000 if prompt == ">" else 0)


def test_programmed_to_stop(talk):
    pump, _ = talk(*STOP, ("irate", ("3 ul/min", ":")), ("tvolume", (NONE, ":")))
    pump.program(Prescription("stop"))
    assert pump.read_back() == Prescription("stop")


@pytest.mark.parametrize(
    ("prescription", "why"),
    [
        (
            Prescription("continuous", rate_nl_h=1_234_567),
            "1234567 nl/h exactly: the nearest possible is 1234566;",
        ),
        (Prescription("minimum"), "no mode 'minimum'"),
        (Prescription("flex"), "no mode 'flex'"),
        (Prescription("continuous"), "is none"),
    ],
)
def test_what_the_pump_cannot_be_told_is_refused_before_a_byte_is_sent(scripted, prescription, why):
    """1234.567 ul/hr has 7 digits; 20.5761 ul/min has 6."""
    with pytest.raises(LimitRefused, match=f"{why}.*nothing was sent"):
        HarvardUltraPump(scripted(), syringe_diameter_mm=14.43).program(prescription)


def test_no_reservoir_no_log_no_impossible_syringe(scripted):
    pump = HarvardUltraPump(scripted(), syringe_diameter_mm=14.43)
    assert pump.events_since(0) == []
    with pytest.raises(LimitRefused):
        pump.set_reservoir(1)
    with pytest.raises(DefinitionError):
        HarvardUltraPump(scripted(), syringe_diameter_mm=-1.0)


# --- damage ---------------------------------------------------------------------------------------------------------


def test_reply_cut_at_each_byte_is_no_value(talk):
    whole = said("12.5 ul", ":")
    for count in range(len(whole)):
        pump, _ = talk(("irate", ("3 ul/min", ":")), ("tvolume", (NONE, ":")), ("ivolume", whole[:count]))
        with pytest.raises(LinkTimeout) as caught:
            pump.interrogate()
        assert caught.value.received == whole[:count]


def test_reply_that_lost_its_beginning_is_no_value():
    whole = said("12.5 ul", ":")
    for count in range(1, 8):
        with pytest.raises(ProtocolError):
            parse_ultra(whole[count:], 0)


@given(st.binary(max_size=40).map(lambda data: data + b"\x11") | st.binary(max_size=40))
def test_arbitrary_bytes_are_a_typed_error_or_a_sound_reply(data):
    try:
        reply = parse_ultra(data, 0)
    except (ProtocolError, DeviceError):
        return
    assert reply.prompt in {":", ">", "<", "*", "T*", ">*", "<*"}
    for value in (parse_rate, parse_volume, parse_target, parse_diameter, parse_rate_limits):
        try:
            value(reply)
        except ExchangeError:
            continue


@given(st.from_regex(r"\A[ -~]{0,20}\Z"))
def test_a_line_is_a_rate_only_with_all_its_digits_and_a_unit(line):
    try:
        rate = parse_rate(parse_ultra(said(line, ":"), 0))
    except ExchangeError:
        return
    assert rate >= 0
    assert line.strip().rpartition(" ")[2].lstrip("0123456789.") in {
        f"{volume}/{time}"
        for volume in ("pl", "nl", "ul", "ml")
        for time in ("h", "hr", "m", "min", "s", "sec")
    }
