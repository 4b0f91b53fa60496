"""Programs of RPU/1: staged, read back and committed; the keys of every one, both ways."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rig.drivers.rpu1_programs import format_program, parse_group, parse_program
from rig.drivers.rpu1_wire import parse_line
from rig.errors import DeviceError, LimitRefused, ProtocolError
from rig.readings import FlexStep, Prescription

FLEX = Prescription(
    "flex",
    days=(1, 1, 1, 1, 1, 2, 2),
    groups=(
        (FlexStep(0, 20833), FlexStep(480, 41667), FlexStep(1320, 20833)),
        (FlexStep(0, 20833),),
    ),
    concentration_ng_ml=500_000,
)
PERIODIC = Prescription("periodic", bolus_nl=10_000, bolus_duration_s=60, interval_s=3600)
GROUP_1, GROUP_2 = "STEPS=0:20833,480:41667,1320:20833", "STEPS=0:20833"


def test_document_24_flex_is_staged_as_there(rpu1_story):
    requests = [line[8:-7].decode() for line, _ in rpu1_story if line.startswith(b"> 01 4")]
    assert [f"SET {words}" for words in format_program(FLEX)] == requests[6:9]


def test_document_25_group_of_a_flex_program(rpu1_story):
    (reply,) = (line for line, _ in rpu1_story if line.startswith(b"< 01 4B "))
    assert parse_group(parse_line(reply), 1) == FLEX.groups[0]


PROGRAMS = [
    (PERIODIC, ["MODE=PB VOL=10000 DUR=60 INT=3600"], "MODE=PB VOL=10000 DUR=60 INT=3600 CONC=0"),
    (
        replace(PERIODIC, concentration_ng_ml=7),
        ["MODE=PB VOL=10000 DUR=60 INT=3600 CONC=7"],
        "MODE=PB VOL=10000 DUR=60 INT=3600 CONC=7",
    ),
    (Prescription("minimum", concentration_ng_ml=9), ["MODE=MIN CONC=9"], "MODE=MIN RATE=250 CONC=9"),
    (
        Prescription("continuous", rate_nl_h=2000, concentration_ng_ml=2**32 - 1),
        ["MODE=SC RATE=2000 CONC=4294967295"],
        "MODE=SC RATE=2000 CONC=4294967295",
    ),
]


@pytest.mark.parametrize(("prescription", "words", "staged"), PROGRAMS)
def test_program(rpu1_talk, prescription, words, staged):
    mode = staged.split(" ")[0]
    pump, _ = rpu1_talk(
        *((f"SET {step}", f"OK TOKEN=000{n} EXP=600") for n, step in enumerate(words)),
        ("GET STAGED", f"OK {staged}"),
        (f"COMMIT TOKEN=000{len(words) - 1}", f"OK {mode} DELIV=0 LOG=4"),
        ("GET PROGRAM", f"OK {staged}"),
    )
    pump.program(prescription)
    assert pump.read_back() == prescription


def flex_exchanges(second_group=GROUP_2):
    groups = "MODE=FLEX MAP=1111122 CONC=500000 GROUPS=1,2"
    return [
        ("SET MODE=FLEX MAP=1111122 CONC=500000", "OK TOKEN=7F20 EXP=600"),
        (f"SET MODE=FLEX GROUP=1 {GROUP_1}", "OK TOKEN=7F21 EXP=600"),
        (f"SET MODE=FLEX GROUP=2 {GROUP_2}", "OK TOKEN=7F22 EXP=600"),
        ("GET STAGED", f"OK {groups}"),
        ("GET STAGED GROUP=1", f"OK GROUP=1 {GROUP_1}"),
        ("GET STAGED GROUP=2", f"OK GROUP=2 {second_group}"),
    ]


def test_flex_schedule_is_staged_group_by_group_read_back_and_committed_once(rpu1_talk):
    pump, _ = rpu1_talk(
        *flex_exchanges(),
        ("COMMIT TOKEN=7F22", "OK MODE=FLEX DELIV=182499 LOG=21"),
        ("GET PROGRAM", "OK MODE=FLEX MAP=1111122 CONC=500000 GROUPS=1,2"),
        ("GET PROGRAM GROUP=1", f"OK GROUP=1 {GROUP_1}"),
        ("GET PROGRAM GROUP=2", f"OK GROUP=2 {GROUP_2}"),
    )
    pump.program(FLEX)
    assert pump.read_back() == FLEX


def test_one_wrong_rate_in_the_last_group_and_nothing_is_committed(rpu1_talk):
    pump, _ = rpu1_talk(*flex_exchanges("STEPS=0:20834"))
    with pytest.raises(DeviceError, match="nothing was committed"):
        pump.program(FLEX)


def test_groups_need_not_be_numbered_without_gaps(rpu1_talk):
    steps = FLEX.groups[1]
    prescription = Prescription("flex", days=(7, 7, 7, 3, 7, 7, 7), groups=((), (), steps, (), (), (), steps))
    assert format_program(prescription)[1:] == [
        "MODE=FLEX GROUP=3 STEPS=0:20833",
        "MODE=FLEX GROUP=7 STEPS=0:20833",
    ]
    pump, _ = rpu1_talk(
        ("GET PROGRAM", "OK MODE=FLEX MAP=7773777 CONC=0 GROUPS=3,7"),
        ("GET PROGRAM GROUP=3", "OK GROUP=3 STEPS=0:20833"),
        ("GET PROGRAM GROUP=7", "OK GROUP=7 STEPS=0:20833"),
    )
    assert pump.read_back() == prescription


def test_a_commit_that_names_another_mode_is_an_error(rpu1_talk):
    pump, _ = rpu1_talk(
        ("SET MODE=MIN", "OK TOKEN=5C1E EXP=600"),
        ("GET STAGED", "OK MODE=MIN RATE=250 CONC=0"),
        ("COMMIT TOKEN=5C1E", "OK MODE=SC DELIV=0 LOG=4"),
    )
    with pytest.raises(ProtocolError, match="MODE=SC is not possible"):
        pump.program(Prescription("minimum"))


thirteen = tuple(FlexStep(100 * n, 2000 + n) for n in range(13))


def group_1(*steps):
    return replace(FLEX, groups=(steps, FLEX.groups[1]))


@pytest.mark.parametrize(
    "prescription",
    [
        replace(PERIODIC, interval_s=599),
        replace(PERIODIC, interval_s=604_801),
        replace(PERIODIC, bolus_duration_s=3601),  # longer than the interval
        replace(PERIODIC, bolus_nl=20_001),  # 1 200 060 nl/h
        replace(PERIODIC, concentration_ng_ml=2**32),
        replace(PERIODIC, concentration_ng_ml=-1),
        replace(PERIODIC, rate_nl_h=2000),
        Prescription("stop", concentration_ng_ml=1),
        Prescription("minimum", rate_nl_h=250),
        Prescription("bolus", bolus_nl=50_000, bolus_duration_s=149),
        replace(FLEX, days=(1,) * 6),
        replace(FLEX, days=(1,) * 7),  # nobody needs group 2
        replace(FLEX, days=(0, 1, 1, 1, 1, 2, 2)),
        replace(FLEX, days=(1, 2, 3, 4, 5, 6, 8)),
        replace(FLEX, days=(1, 1, 1, 1, 1, 2, 3)),  # no group 3
        replace(FLEX, days=()),
        replace(FLEX, groups=()),
        replace(FLEX, groups=(*FLEX.groups, ())),
        group_1(),
        group_1(FlexStep(1, 20833)),
        group_1(FlexStep(0, 20833), FlexStep(0, 20834)),
        group_1(FlexStep(0, 20833), FlexStep(20, 20834), FlexStep(10, 20833)),
        group_1(FlexStep(0, 20833), FlexStep(1440, 20834)),
        group_1(FlexStep(0, 1999)),
        group_1(FlexStep(0, 1_000_001)),
        group_1(FlexStep(0, 20833), FlexStep(30.5, 20833)),
        group_1(*thirteen, FlexStep(1439, 2000)),
    ],
)
def test_what_rpu1_cannot_express_is_refused_before_a_byte_is_sent(rpu1_talk, prescription):
    pump, _ = rpu1_talk()
    with pytest.raises(LimitRefused, match="nothing was sent"):
        pump.program(prescription)


def test_longest_request_fits_a_line():
    steps = (FlexStep(0, 1_000_000), *(FlexStep(1427 + n, 1_000_000) for n in range(1, 13)))
    words = format_program(Prescription("flex", days=(7,) * 7, groups=((),) * 6 + (steps,)))
    assert len("> FE FF SET *0000\r\n" + words[1]) <= 256


@pytest.mark.parametrize(
    "keys",
    [
        "MODE=FLEX MAP=1111122 CONC=0 GROUPS=1",
        "MODE=FLEX MAP=1111122 CONC=0 GROUPS=2,1",
        "MODE=FLEX MAP=1111122 CONC=0 GROUPS=1,2,3",
        "MODE=FLEX MAP=1111122 CONC=0 GROUPS=NONE",
        "MODE=FLEX MAP=1111128 CONC=0 GROUPS=1,2,8",
        "MODE=FLEX MAP=111112 CONC=0 GROUPS=1,2",
        "MODE=FLEX CONC=0 MAP=1111122 GROUPS=1,2",
        "MODE=PB VOL=10000 DUR=60 CONC=0",
        "MODE=PB VOL=10000 DUR=60 INT=599 CONC=0",
        "MODE=PB VOL=10000 DUR=60 INT=600 CONC=4294967296",
        "MODE=MIN RATE=251 CONC=0",
        "MODE=PTM",
        "RUN=0",
    ],
)
def test_program_that_cannot_be(rpu1_line, keys):
    with pytest.raises(ProtocolError):
        parse_program(parse_line(rpu1_line(f"< 01 00 OK {keys}")))


@pytest.mark.parametrize(
    "keys",
    [
        f"GROUP=2 {GROUP_1}",
        "GROUP=1 STEPS=1:20833",
        "GROUP=1 STEPS=0:20833,0:20833",
        "GROUP=1 STEPS=0:20833,1440:20833",
        "GROUP=1 STEPS=0:020833",
        "GROUP=1 STEPS=00:20833",
        "GROUP=1 STEPS=0:1999",
        "GROUP=1 STEPS=0:20833,",
        "GROUP=1 STEPS=0-20833",
        "GROUP=1 STEPS=NONE",
        "GROUP=1",
        "GROUP=1 STEPS=" + ",".join(f"{n}:2000" for n in range(14)),
    ],
)
def test_group_that_cannot_be(rpu1_line, keys):
    with pytest.raises(ProtocolError):
        parse_group(parse_line(rpu1_line(f"< 01 00 OK {keys}")), 1)


@st.composite
def prescriptions(draw):
    """Any prescription that RPU/1 can express."""
    concentration = draw(st.integers(0, 2**32 - 1))
    mode = draw(st.sampled_from(["minimum", "continuous", "bolus", "periodic", "flex"]))
    if mode == "minimum":
        return Prescription(mode, concentration_ng_ml=concentration)
    if mode == "continuous":
        return Prescription(
            mode, rate_nl_h=draw(st.integers(2000, 1_000_000)), concentration_ng_ml=concentration
        )
    if mode == "flex":
        days = tuple(draw(st.lists(st.integers(1, 7), min_size=7, max_size=7)))
        groups = tuple(draw(steps()) if n in days else () for n in range(1, max(days) + 1))
        return Prescription(mode, days=days, groups=groups, concentration_ng_ml=concentration)
    duration = draw(st.integers(1, 86_400))
    volume = draw(st.integers(1, min(2_000_000, 1_200_000 * duration // 3600)))
    interval = draw(st.integers(max(600, duration), 604_800)) if mode == "periodic" else 0
    return Prescription(
        mode,
        bolus_nl=volume,
        bolus_duration_s=duration,
        interval_s=interval,
        concentration_ng_ml=concentration,
    )


@st.composite
def steps(draw):
    starts = [0, *sorted(draw(st.sets(st.integers(1, 1439), max_size=12)))]
    return tuple(FlexStep(start, draw(st.integers(2000, 1_000_000))) for start in starts)


@given(prescription=prescriptions())
def test_every_prescription_comes_back_as_it_went(rpu1_line, prescription):
    """A pump that repeats the keys of SET, in the order of its tables, has them understood as they were meant."""
    first, *groups = format_program(prescription)
    keys = dict(pair.split("=") for pair in first.split(" "))
    keys.setdefault("CONC", "0")
    keys |= {"RATE": "250"} if keys["MODE"] == "MIN" else {}
    keys |= {"GROUPS": ",".join(group.split("GROUP=")[1][0] for group in groups)} if groups else {}
    order = ("MODE", "MAP", "RATE", "VOL", "DUR", "INT", "CONC", "GROUPS")
    said = " ".join(f"{key}={keys[key]}" for key in order if key in keys)
    read = parse_program(parse_line(rpu1_line(f"< 01 00 OK {said}")))
    assert replace(read, groups=prescription.groups) == prescription
    for words in groups:
        line = parse_line(rpu1_line(f"< 01 00 OK {words.removeprefix('MODE=FLEX ')}"))
        number = int(line.keys["GROUP"])
        assert parse_group(line, number) == prescription.groups[number - 1]
