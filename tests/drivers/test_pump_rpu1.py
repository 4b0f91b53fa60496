"""RPU/1: the document's worked exchanges, the exchange rules, and damage of every kind."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.pump_rpu1 import Rpu1Pump
from rig.drivers.rpu1_programs import format_program, parse_program
from rig.drivers.rpu1_replies import parse_identity, parse_limits, parse_log_page, parse_status
from rig.drivers.rpu1_wire import format_request, forms, parse_keys, parse_line
from rig.errors import DeviceError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import Identity, Prescription, PumpAlarm, PumpEvent, PumpLimits

IDENTITY = (
    "OK MAKER=Infusion%20Rig MODEL=RPU-Sim SERIAL=SIM-0001 FW=1.0 PROTO=1 LEVEL=2"  # as in the fixtures
)
STATUS = (
    "OK MODE=SC RUN=0 SRC=BASAL RATE=0 LEFT=0 DELIV=41666 RES=19958334 BATT=2950 ERI=2190 ALARMS=0400 STOPT=0 "
    "UP=7240 CLK=820922420 LOG=8"
)


# --- the worked exchanges of the document ---------------------------------------------------------------------------


def test_every_request_of_the_document_is_spelled_as_there(rpu1_story):
    requests = [line for line, sound in rpu1_story if line.startswith(b">") and sound]
    assert len(requests) > 40
    for line in requests:
        address, sequence, request = line[2:-7].decode().split(" ", 2)
        assert format_request(int(address, 16), int(sequence, 16), request) == line


def test_every_reply_of_the_document_is_sound(rpu1_story):
    replies = [line for line, _ in rpu1_story if not line.startswith(b">")]
    assert len(replies) > 40
    for line in replies:
        assert parse_line(line).raw == line


def test_the_damaged_line_of_the_document_is_one(rpu1_story):
    (damaged,) = (line for line, sound in rpu1_story if not sound)
    assert format_request(1, 0x32, "GET REQ") != damaged


def test_vectors_of_the_crc():
    assert format_request(1, 0x2B, "GET STATUS") == b"> 01 2B GET STATUS*E0C3\r\n"
    assert format_request(1, 0x2A, "SET MODE=SC RATE=20833") == b"> 01 2A SET MODE=SC RATE=20833*70BC\r\n"


def replies_to(story, request):
    """The replies that follow a request in the document."""
    lines = [line for line, _ in story]
    return [
        parse_line(lines[i + 1])
        for i, line in enumerate(lines)
        if request in line and lines[i + 1][:1] == b"<"
    ]


def test_values_of_the_document(rpu1_story):
    assert parse_identity(replies_to(rpu1_story, b" ID*")[0]) == Identity(
        "Infusion Rig", "RPU-Sim", "SIM-0001", "1.0"
    )
    assert parse_limits(replies_to(rpu1_story, b"ID LIMITS")[0]) == PumpLimits(
        2000, 1_000_000, 1, 2_000_000, 1, 86_400, 40_000_000
    )
    staged, programs = replies_to(rpu1_story, b"GET STAGED"), replies_to(rpu1_story, b"GET PROGRAM*")
    assert parse_program(staged[0]) == Prescription("continuous", rate_nl_h=20833)
    assert [parse_program(line) for line in programs] == [
        Prescription("continuous", rate_nl_h=20833),
        Prescription("bolus", bolus_nl=50000, bolus_duration_s=300),
    ]
    states = [parse_status(line, 77) for line in replies_to(rpu1_story, b"GET STATUS")]
    assert [(state.mode, state.running, state.rate_nl_h, state.delivered_nl) for state in states] == [
        ("stop", False, 0, 0),
        ("continuous", True, 20833, 20833),
        ("continuous", False, 0, 41666),
        ("bolus", True, 600000, 79165),
    ]
    assert states[2].alarms == (PumpAlarm("motor_stall", critical=True),)
    assert (states[2].t_ns, states[2].clock_s, states[2].battery_mv, states[2].reservoir_nl) == (
        77,
        820922420,
        2950,
        19958334,
    )
    events, more = parse_log_page(replies_to(rpu1_story, b"LOG FROM=4")[0], 4)
    assert events == [
        PumpEvent(4, 820915212, "PROG", {"MODE": "SC", "RATE": "20833", "CONC": "0"}),
        PumpEvent(5, 820915212, "START", {"RATE": "20833"}),
    ]
    assert not more


# --- the class, on scripted exchanges -------------------------------------------------------------------------------


@pytest.fixture
def repeat(rpu1_talk, rpu1_line):
    """A pump whose first request after ID is answered by ``first``, and is then repeated and answered soundly."""

    def make(request, first, second):
        pump, link = rpu1_talk((request, first))
        line = rpu1_line(f"> 01 01 {request}")
        link.exchanges.append((line, second if isinstance(second, bytes) else rpu1_line(f"< 01 01 {second}")))
        return pump, link

    return make


def test_identify(rpu1_talk):
    pump, _ = rpu1_talk(identified=False)
    pump, _ = rpu1_talk(("ID", IDENTITY), identified=False)
    assert pump.identify() == Identity("Infusion Rig", "RPU-Sim", "SIM-0001", "1.0")


def test_the_first_request_of_a_session_is_always_id(rpu1_talk):
    pump, link = rpu1_talk(("ID", IDENTITY), ("GET STATUS", STATUS), identified=False)
    state = pump.interrogate()
    assert state.delivered_nl == 41666
    assert state.t_ns == link.t_ns
    assert state.raw.startswith(b"< 01 01 OK MODE=SC")


def test_sequence_number_wraps(rpu1_talk):
    pump, link = rpu1_talk(*[("GET STATUS", STATUS)] * 255)
    for _ in range(255):
        pump.interrogate()
    assert format_request(1, 255, "X")[5:7] == b"FF"
    link.exchanges.append((format_request(1, 0, "GET STATUS"), b""))
    link.exchanges.append((format_request(1, 0, "GET STATUS"), b""))
    with pytest.raises(LinkTimeout):
        pump.interrogate()


@pytest.mark.parametrize(
    ("prescription", "program", "staged"),
    [
        (Prescription("continuous", rate_nl_h=20833), "MODE=SC RATE=20833", "MODE=SC RATE=20833 CONC=0"),
        (Prescription("minimum"), "MODE=MIN", "MODE=MIN RATE=250 CONC=0"),
        (Prescription("stop"), "MODE=STOP", "MODE=STOP"),
        (
            Prescription("bolus", bolus_nl=50000, bolus_duration_s=300),
            "MODE=SB VOL=50000 DUR=300",
            "MODE=SB VOL=50000 DUR=300 CONC=0",
        ),
    ],
)
def test_program_is_staged_read_back_and_committed_and_read_back(rpu1_talk, prescription, program, staged):
    mode = staged.split()[0]
    then = " THEN=STOP" if mode == "MODE=SB" else ""
    pump, _ = rpu1_talk(
        (f"SET {program}", "OK TOKEN=5C1E EXP=600"),
        ("GET STAGED", f"OK {staged}"),
        ("COMMIT TOKEN=5C1E", f"OK {mode} DELIV=0 LOG=4"),
        ("GET PROGRAM", f"OK {staged}{then}"),
    )
    pump.program(prescription)
    assert pump.read_back() == prescription


def test_nothing_is_committed_when_the_pump_staged_something_else(rpu1_talk):
    pump, _ = rpu1_talk(
        ("SET MODE=SC RATE=20833", "OK TOKEN=5C1E EXP=600"), ("GET STAGED", "OK MODE=SC RATE=208330 CONC=0")
    )
    with pytest.raises(DeviceError, match="nothing was committed"):
        pump.program(Prescription("continuous", rate_nl_h=20833))


def test_a_refused_commit_is_not_tried_again(rpu1_talk):
    pump, _ = rpu1_talk(
        ("SET MODE=SB VOL=50000 DUR=300", "OK TOKEN=A07B EXP=600"),
        ("GET STAGED", "OK MODE=SB VOL=50000 DUR=300 CONC=0"),
        ("COMMIT TOKEN=A07B", "ERR 0A ID=MOTOR_STALL"),
    )
    with pytest.raises(DeviceError, match=r"blocking alarm is on \(code 0A, ID MOTOR_STALL\)") as caught:
        pump.program(Prescription("bolus", bolus_nl=50000, bolus_duration_s=300))
    assert caught.value.code == "0A"
    assert caught.value.sent.startswith(b"> 01 03 COMMIT TOKEN=A07B*")
    assert caught.value.received.startswith(b"< 01 03 ERR 0A")
    assert caught.value.address == "script://device"


@pytest.mark.parametrize(
    "prescription",
    [
        Prescription("continuous", rate_nl_h=1999),
        Prescription("continuous", rate_nl_h=1_000_001),
        Prescription("continuous", rate_nl_h=-20833),
        Prescription("continuous", rate_nl_h=20833.5),  # type: ignore[arg-type]
        Prescription("continuous"),
        Prescription("bolus", bolus_nl=0, bolus_duration_s=60),
        Prescription("bolus", bolus_nl=2_000_001, bolus_duration_s=60),
        Prescription("bolus", bolus_nl=1000, bolus_duration_s=0),
        Prescription("bolus", bolus_nl=1000, bolus_duration_s=86_401),
    ],
)
def test_what_rpu1_cannot_express_is_refused_before_a_byte_is_sent(rpu1_talk, prescription):
    pump, _ = rpu1_talk()
    with pytest.raises(LimitRefused, match="nothing was sent"):
        pump.program(prescription)


def test_whole_number_written_as_float_is_sent_as_integer():
    assert format_program(Prescription("continuous", rate_nl_h=20833.0)) == ["MODE=SC RATE=20833"]  # type: ignore[arg-type]


def test_stop_takes_two_steps(rpu1_talk):
    pump, _ = rpu1_talk(("STOP", "OK TOKEN=E832 EXP=60"), ("STOP TOKEN=E832", "OK MODE=STOP DELIV=82499"))
    pump.stop("end of case")


def test_a_stop_that_does_not_stop_is_an_error(rpu1_talk):
    pump, _ = rpu1_talk(("STOP", "OK TOKEN=E832 EXP=60"), ("STOP TOKEN=E832", "OK MODE=SC DELIV=82499"))
    with pytest.raises(ProtocolError, match="MODE=SC is not possible"):
        pump.stop("end of case")


def test_refill(rpu1_talk):
    pump, _ = rpu1_talk(("REFILL VOL=20000000", "OK VOL=20000000 LOW=2000000 OLD=40000000"))
    pump.set_reservoir(20_000_000)
    for volume_nl in (-1, 40_000_001):
        with pytest.raises(LimitRefused, match="nothing was sent"):
            pump.set_reservoir(volume_nl)


def test_log_is_read_page_by_page(rpu1_talk):
    pump, _ = rpu1_talk(
        ("LOG FROM=3", "OK FIRST=1 LAST=5 N=2 MORE=1 R1=3:10:PROG:MODE/STOP R2=4:11:STOP:CAUSE/PROG"),
        ("LOG FROM=5", "OK FIRST=1 LAST=5 N=1 MORE=0 R1=5:12:BATT:STATE/ERI,MV/2599"),
        ("LOG FROM=6", "OK FIRST=1 LAST=5 N=0 MORE=0"),
    )
    events = pump.events_since(2)
    assert [event.number for event in events] == [3, 4, 5]
    assert events[2] == PumpEvent(5, 12, "BATT", {"STATE": "ERI", "MV": "2599"})
    assert pump.events_since(5) == []


def test_overwritten_log_records_are_seen_as_a_gap(rpu1_talk):
    pump, _ = rpu1_talk(("LOG FROM=0", "OK FIRST=500 LAST=500 N=1 MORE=0 R1=500:10:STOP:CAUSE/CMD"))
    assert [event.number for event in pump.events_since(-1)] == [500]


@pytest.mark.parametrize(
    "page",
    [
        "N=2 MORE=0 R1=3:10:STOP:CAUSE/CMD",
        "N=1 MORE=0 R1=4:10:STOP:CAUSE/CMD",
        "N=2 MORE=0 R1=3:10:STOP:CAUSE/CMD R2=5:10:STOP:CAUSE/CMD",
        "N=1 MORE=0 R1=3:10:STOP:CAUSE",
        "N=1 MORE=0 R1=3:10:STOP:CAUSE/CMD,",
        "N=1 MORE=0 R1=3:10:STOP",
        "N=1 MORE=0 R1=x:10:STOP:CAUSE/CMD",
        "N=0 MORE=1",
        "N=3 MORE=0",
    ],
)
def test_log_that_does_not_hang_together(rpu1_talk, page):
    pump, _ = rpu1_talk(("LOG FROM=3", f"OK FIRST=1 LAST=9 {page}"))
    with pytest.raises(ProtocolError):
        pump.events_since(2)


# --- exchange rules (section 3) -------------------------------------------------------------------------------------


def test_lost_reply_is_asked_for_once_more_with_the_identical_line(repeat):
    pump, _ = repeat("GET STATUS", b"", STATUS)
    assert pump.interrogate().delivered_nl == 41666


def test_damaged_reply_is_asked_for_once_more(repeat):
    pump, _ = repeat("GET STATUS", b"< 01 01 OK MODE=SC RUN=1*0000\r\n", STATUS)
    assert pump.interrogate().running is False


def test_damaged_request_is_sent_once_more(repeat):
    pump, _ = repeat("GET STATUS", "ERR 09", STATUS)
    assert pump.interrogate().delivered_nl == 41666


def test_second_silence_is_the_end(repeat):
    pump, link = repeat("GET STATUS", b"", b"")
    before_ns = link.t_ns
    with pytest.raises(LinkTimeout):
        pump.interrogate()
    assert 2.0 <= (link.t_ns - before_ns) / 1e9 < 2.1


def test_second_damage_is_the_end_and_shows_the_bytes(repeat):
    pump, _ = repeat("GET STATUS", b"", b"< 01 01 OK MODE=SC*0000\r\n< 01 01 OK MO")
    with pytest.raises(ProtocolError, match="only damaged or foreign lines") as caught:
        pump.interrogate()
    assert caught.value.received == b"< 01 01 OK MODE=SC*0000\r\n< 01 01 OK MO"
    assert caught.value.sent.startswith(b"> 01 01 GET STATUS*")


def test_request_damaged_twice_is_refused_by_the_device(repeat):
    pump, _ = repeat("GET STATUS", "ERR 09", "ERR 09")
    with pytest.raises(DeviceError, match="arrived damaged") as caught:
        pump.interrogate()
    assert caught.value.code == "09"


def test_other_lines_before_the_reply_are_passed_over(rpu1_talk, rpu1_line):
    pump, _ = rpu1_talk(
        (
            "GET STATUS",
            [
                b"\r\n",
                rpu1_line("< 01 00 " + IDENTITY),  # late reply to the request before
                rpu1_line("< 07 01 OK MODE=STOP"),  # another device
                rpu1_line("! 07 00 ALARM ID=MOTOR_STALL CLASS=CRIT STATE=ON T=1 LOG=1"),
                b"<<<\xff\xfe\n",
                STATUS,
            ],
        )
    )
    assert pump.interrogate().delivered_nl == 41666
    assert not pump.notices


def test_alarm_lines_are_kept_once_each(rpu1_talk, rpu1_line):
    on = rpu1_line("! 01 00 ALARM ID=MOTOR_STALL CLASS=CRIT STATE=ON T=820922412 LOG=7")
    off = rpu1_line("! 01 01 ALARM ID=MOTOR_STALL CLASS=CRIT STATE=OFF T=820923012 LOG=12")
    pump, _ = rpu1_talk(("GET STATUS", [on, on, STATUS]), ("GET STATUS", [off, STATUS]))
    pump.interrogate()
    pump.interrogate()
    assert [(notice.keys["ID"], notice.keys["STATE"]) for notice in pump.notices] == [
        ("MOTOR_STALL", "ON"),
        ("MOTOR_STALL", "OFF"),
    ]


def test_after_an_error_the_next_request_has_a_new_sequence_number(rpu1_talk):
    pump, _ = rpu1_talk(("GET STATUS", "ERR 02"), ("GET STATUS", STATUS))
    with pytest.raises(DeviceError):
        pump.interrogate()
    assert pump.interrogate().delivered_nl == 41666


@pytest.mark.parametrize("address", [0, 1, 0x7F, 0xFE])
def test_each_pump_of_a_bus_answers_to_its_address(scripted, rpu1_line, address):
    link = scripted((rpu1_line(f"> {address:02X} 00 ID"), rpu1_line(f"< {address:02X} 00 {IDENTITY}")))
    assert Rpu1Pump(link, address).identify().serial == "SIM-0001"


# --- replies that the document does not allow -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("RUN=0", "RUN=2"),
        ("RUN=0", "RUN=00"),
        ("DELIV=41666", "DELIV=041666"),
        ("DELIV=41666", "DELIV=281474976710656"),
        ("DELIV=41666", "DELIV=4.1666"),
        ("DELIV=41666", "DELIV=-1"),
        ("RATE=0", "RATE=1200001"),
        ("RES=19958334", "RES=40000001"),
        ("MODE=SC", "MODE=sc"),
        ("MODE=SC", "MODE=HOLD"),
        ("SRC=BASAL", "SRC=BOLUS"),
        ("ALARMS=0400", "ALARMS=400"),
        ("ALARMS=0400", "ALARMS=8000"),
        ("ALARMS=0400", "ALARMS=0008"),
        ("RUN=0 SRC=BASAL", "SRC=BASAL RUN=0"),
        (" LEFT=0", ""),
        (" LOG=8", ""),
    ],
)
def test_status_that_cannot_be(rpu1_talk, old, new):
    assert old in STATUS
    bad = STATUS.replace(old, new)
    pump, _ = rpu1_talk(("GET STATUS", bad))
    with pytest.raises(ProtocolError) as caught:
        pump.interrogate()
    assert caught.value.sent.startswith(b"> 01 01 GET STATUS")
    assert caught.value.received.startswith(b"< 01 01 OK")


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (" LOG=8", " LOG=8 LOG=8"),
        ("RUN=0", "RUN=+0"),
        ("RUN=0", "run=0"),
        ("RUN=0", "RUN="),
        ("RUN=0", "RUN=0 "),
    ],
)
def test_reply_against_the_grammar_counts_as_damaged_whatever_its_crc(repeat, old, new):
    pump, _ = repeat("GET STATUS", b"", STATUS.replace(old, new))
    with pytest.raises(ProtocolError, match="damaged or foreign"):
        pump.interrogate()


def test_further_keys_after_the_last_are_ignored(rpu1_talk):
    pump, _ = rpu1_talk(("GET STATUS", STATUS + " TEMP=37"))
    assert pump.interrogate().delivered_nl == 41666


@pytest.mark.parametrize("identity", [IDENTITY.replace("PROTO=1", "PROTO=2"), IDENTITY.replace("%20", "%FF")])
def test_identity_that_cannot_be(rpu1_talk, identity):
    pump, _ = rpu1_talk(("ID", identity), identified=False)
    with pytest.raises(ProtocolError):
        pump.identify()


def test_every_single_damaged_byte_is_noticed(rpu1_story):
    """All 255 other values at every byte of every reply: CRC-16 finds each, whatever else the line then looks like."""
    for line in {line for line, _ in rpu1_story if not line.startswith(b">")}:
        for index in range(len(line)):
            for wrong in range(256):
                if wrong == line[index]:
                    continue
                with pytest.raises(ProtocolError):
                    parse_line(line[:index] + bytes((wrong,)) + line[index + 1 :])


def test_every_truncation_is_noticed(rpu1_story):
    for line in {line for line, _ in rpu1_story if not line.startswith(b">")}:
        for count in range(len(line)):
            with pytest.raises(ProtocolError):
                parse_line(line[:count])
        if count := line.find(b"OK"):
            for start in range(1, count):
                with pytest.raises(ProtocolError):
                    parse_line(line[start:])


def test_line_beyond_256_bytes_is_refused(rpu1_line):
    longest = rpu1_line("< 01 00 OK K=" + "1" * (256 - 13 - 7))
    assert len(longest) == 256
    assert parse_line(longest).keys["K"][0] == "1"
    with pytest.raises(ProtocolError):
        parse_line(rpu1_line("< 01 00 OK K=" + "1" * (256 - 13 - 6)))


@given(st.binary(max_size=300))
def test_arbitrary_bytes_are_no_line(data):
    with pytest.raises(ProtocolError):
        parse_line(data)


@given(
    text=st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=200),
    address=st.integers(0, 254),
)
def test_right_crc_over_any_text_gives_a_line_or_a_typed_error(rpu1_line, text, address):
    line = rpu1_line(f"< {address:02X} 11 OK {text}")
    try:
        parsed = parse_line(line)
    except ProtocolError:
        return
    assert parsed.address == address
    assert "".join(f" {key}={value}" for key, value in parsed.keys.items()) == f" {text}"


@given(value=st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=20))
def test_a_number_is_read_as_python_reads_it_or_not_at_all(rpu1_line, value):
    try:
        numbers, _ = parse_keys(parse_line(rpu1_line(f"< 01 11 OK N={value}")), forms("N", range(2**48)))
    except ProtocolError:
        return
    assert str(int(value)) == value
    assert numbers == {"N": int(value)}
