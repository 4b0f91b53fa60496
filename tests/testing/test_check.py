"""The conformance kit tells in words what is wrong: a sound driver of others, spoiled in one way at a time."""

from __future__ import annotations

import re
import runpy
from dataclasses import replace
from pathlib import Path

import pytest

from rig.errors import LinkLost, LinkTimeout
from rig.testing import BadLine, DriverFaults, ScriptedLink, check_driver, class_faults, driver_faults

ACME = Path(__file__).parents[1] / "data" / "acme_pump"
SOURCE = (ACME / "acme_pump" / "driver.py").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def talks():
    return {talk.name: talk for talk in runpy.run_path(str(ACME / "tests" / "talks.py"))["TALKS"]}


@pytest.fixture
def spoiled(tmp_path):
    """The driver with pieces of its source replaced."""

    def make(*changes):
        text = SOURCE
        for old, new in changes:
            assert text.count(old) >= 1, old
            text = text.replace(old, new)
        (tmp_path / "driver.py").write_text(text, encoding="utf-8")
        return runpy.run_path(str(tmp_path / "driver.py"))["AcmeP40"]

    return make


def test_the_sound_driver_passes(spoiled, talks):
    check_driver(spoiled(), list(talks.values()), frames=1)


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        (
            [("    def read_back(self)", "    def readback(self)")],
            r"read_back\(\) is missing: a pump must have",
        ),
        (
            [("def stop(self, reason: str)", "def stop(self)")],
            r"stop\(\) has other arguments than stop\(reason\)",
        ),
        (
            [("def events_since(self, number: int)", "def events_since(self, number: int, most: int)")],
            r"events_since\(number, most\) has other arguments",
        ),
        ([('    ROLE = "pump"\n', "")], "ROLE is None: it must be one of pump, balance"),
        ([('    ROLE = "pump"\n', '    ROLE = "pumps"\n')], "ROLE is 'pumps'"),
        ([("    DEFAULT_BAUD = 38400\n", "")], "DEFAULT_BAUD is None: it must be one of 300"),
        ([("    DEFAULT_BAUD = 38400\n", "    DEFAULT_BAUD = 38000\n")], "DEFAULT_BAUD is 38000"),
        (
            [("    DEFAULT_BAUD = 38400\n", '    DEFAULT_BAUD = 38400\n    DEFAULT_FRAMING = "8-N-1"\n')],
            "DEFAULT_FRAMING is '8-N-1'",
        ),
        ([('FIRMWARE = ("2.1",)', 'FIRMWARE = "2.1"')], "FIRMWARE is '2.1': it must be a tuple"),
        ([("reply_within_s", "reply_within")], "option 'reply_within' has an unknown unit.*one of _ml_h"),
        (
            [("reply_within_s: float = 1.0", "reply_within_s: bytes = b''")],
            "option 'reply_within_s' is of type",
        ),
        (
            [("link: Link, *, reply", "link: Link, reply")],
            "'reply_within_s' of __init__: only 'link' and 'address'",
        ),
        (
            [("link: Link, *,", "link: Link, address: int, *,")],
            "'address' of __init__ must be an int with a default",
        ),
        (
            [("    def close(self)", "    def refresh(self) -> None: ...\n\n    def close(self)")],
            r"refresh\(\) and refresh_every_s belong together",
        ),
    ],
)
def test_faults_of_the_class(spoiled, changes, said):
    (fault,) = class_faults(spoiled(*changes))
    assert re.search(said, fault), fault


NO_CRC = ("match is None or crc32(line[:-10]) != int(match[4], 16)", "match is None")
TIMEOUT = """                        heard += error.received
                        raise
"""
SPOILED = {
    "state: a hurt reply gives a wrong value of": [NO_CRC],
    "state: it raises ValueError, which is no error of rig.errors": [
        NO_CRC,
        (
            """    if not NUMBER.fullmatch(text):
        raise ProtocolError(f"'{text}' is no number")
""",
            "",
        ),
    ],
    "identity: it hangs: it looks at the silent line for ever": [
        (TIMEOUT, "                        continue\n")
    ],
    "identity: it takes longer than its 1 s and 10 %": [("round(reply_within_s", "round(3 * reply_within_s")],
    "state: its ProtocolError does not say what was sent": [
        (
            "error.address, error.sent, error.received = self._link.address, sent, heard or error.received",
            "pass",
        ),
    ],
    "events: a reply that was cut off is taken for a wrong value": [
        NO_CRC,
        ("([ -~]*) ([0-9A-F]{8})\\n", "([ -~]*?)(?: ([0-9A-F]{8}))?\\n"),
        (TIMEOUT, '                        line = heard = error.received + b"\\n"\n'),
    ],
    "program: it repeats by itself what doses": [
        (
            """        self._ask("GO", parse_words)
""",
            """        try:
            self._ask("GO", parse_words)
        except LinkTimeout:
            self._ask("GO", parse_words)
""",
        ),
    ],
    "state: it raises LinkTimeout instead of LinkLost when the plug is pulled": [
        (
            "self._met = False  # it may be another pump when the line is back\n            raise",
            'self._met = False\n            raise LinkTimeout("gone", address=self._link.address, sent=sent) from None',
        ),
    ],
    "state: after LinkLost it does not begin its session anew": [
        ("self._met = False  # it may", "pass  # it may")
    ],
    "state: afterwards, on a sound line, it raises AttributeError": [
        ("self._met = False  # it may", "self._link = None  # it may"),
    ],
    "state: it gives a value although the plug was pulled": [
        (
            "self._met = False  # it may be another pump when the line is back\n            raise",
            'return parse("MODE=STOP RATE=0 GIVEN=0 FILL=0 BATT=0 ALARMS=-" if command == "STATE" else SAID)',
        ),
        ("T = TypeVar", 'SAID = "MODEL=P40 SERIAL=P40-0007 FW=2.1"\nT = TypeVar'),
    ],
    "state: it raises ProtocolError instead of LinkLost": [
        (
            "self._met = False  # it may be another pump when the line is back\n            raise",
            'self._met = False\n            raise ProtocolError("?", address=self._link.address, sent=sent) from None',
        ),
    ],
    "read back: its DeviceError does not name the address": [
        (
            "if number == self._number:",
            'if number != self._number:\n                        raise DeviceError("late", code="0")\n'
            "                    if True:",
        ),
        (
            "error.address, error.sent, error.received = self._link.address, sent, heard or error.received",
            "pass",
        ),
    ],
}


@pytest.mark.parametrize("said", SPOILED)
def test_faults_on_bad_lines(spoiled, talks, said):
    driver = spoiled(*SPOILED[said])
    faults = driver_faults(driver, [talks[said.partition(":")[0]]], frames=1)
    assert any(fault.startswith(said) for fault in faults), "\n".join(faults)
    assert all("times, first with" in fault for fault in faults)


def test_all_faults_stand_in_one_error(spoiled, talks):
    with pytest.raises(
        DriverFaults, match=r"AcmeP40 is not fit.*\n- ROLE is None.*\n- DEFAULT_BAUD"
    ) as caught:
        check_driver(
            spoiled(('    ROLE = "pump"\n', ""), ("    DEFAULT_BAUD = 38400\n", "")), list(talks.values())
        )
    assert len(caught.value.faults) == 2


def test_talks_that_are_wrong_themselves(spoiled, talks):
    (no_talks,) = driver_faults(spoiled(), [])
    assert no_talks.startswith("no talks were given")
    for talk, said in (
        (replace(talks["identity"], truth="P40-0008"), "the sound exchange does not give the truth"),
        (replace(talks["identity"], replies={}), "the sound exchange fails with LinkTimeout"),
        (
            replace(talks["identity"], ask=lambda pump: pump.no_such()),
            "the sound exchange fails with AttributeError",
        ),
    ):
        faults = driver_faults(spoiled(), [talk], frames=1)
        assert faults[0].startswith(f"identity: {said}")


def test_what_cannot_be_told_is_excluded_field_by_field(spoiled, talks):
    spoiled_driver = spoiled(NO_CRC)
    told = driver_faults(spoiled_driver, [talks["state"]], frames=1)
    assert any("wrong value of given" in fault for fault in told)
    untold = replace(talks["state"], untold=dict.fromkeys(talks["state"].truth, "no checksum"))
    assert not any("wrong value" in fault for fault in driver_faults(spoiled_driver, [untold], frames=1))


def test_equal_seeds_give_equal_words(spoiled, talks):
    driver = spoiled(NO_CRC)
    first, second = (driver_faults(driver, [talks["state"]], frames=1, seed=3) for _ in range(2))
    assert first == second


# --- the two lines --------------------------------------------------------------------------------------------------


def test_scripted_link_knows_what_must_be_sent_and_read():
    link = ScriptedLink((b"?", b"12"))
    with pytest.raises(AssertionError, match=r"sent b'!', expected b'\?'"):
        ScriptedLink((b"?", b"12")).write(b"!")
    link.write(b"?")
    assert link.read_exactly(1, link.now_ns() + 1) == b"1"
    with pytest.raises(AssertionError, match="left unread: b'2'"):
        link.finish()
    with pytest.raises(LinkTimeout):
        link.read_until(b"\n", link.now_ns() + 10)
    link.finish()
    with pytest.raises(AssertionError, match="expected nothing more"):
        link.write(b"?")
    with pytest.raises(AssertionError, match="never sent"):
        ScriptedLink((b"?", b"")).finish()


def test_bad_line_passes_time_only_in_waiting_and_loses_what_is_unplugged():
    line = BadLine({b"?": b"!"})
    line.hurts = {1: [(1_000_000, b"a"), (2_000_000, None)]}
    line.write(b"?")
    assert line.t_ns == 0
    assert line.read_exactly(1, 10_000_000) == b"!"
    line.write(b"?")
    with pytest.raises(LinkLost) as caught:
        line.read_exactly(2, line.t_ns + 10_000_000)
    assert caught.value.received == b"a"
    with pytest.raises(LinkLost):
        line.write(b"?")
    line.replug()
    line.write(b"?")
    assert line.read_exactly(1, line.t_ns + 10_000_000) == b"!"
