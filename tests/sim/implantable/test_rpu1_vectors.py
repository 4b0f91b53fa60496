"""The worked story of docs/reference/rpu-1.md, byte for byte: all of it, and its steps 1 to 22 with level 1."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rig.sim.fluid.mechanisms import Peristaltic
from rig.sim.fluid.path import FluidPath
from rig.sim.implantable.pump import ImplantablePump
from rig.sim.implantable.rpu1 import SimulatedPump

# Time after power-on, in s, at which the story's requests stand that do something, by their seq. The commit of the
# story is at 32 s; what stands between keeps the time of the one before.
COMMIT_S = 32
TIMES_S = {
    0x26: 20, 0x29: 20, 0x2A: 25, 0x2B: 31, 0x2D: COMMIT_S, 0x2F: COMMIT_S + 3600, 0x36: COMMIT_S + 7205,
    0x38: COMMIT_S + 7208, 0x3B: COMMIT_S + 11400, 0x3D: COMMIT_S + 11500, 0x3F: COMMIT_S + 11520,
    0x44: COMMIT_S + 11560, 0x46: COMMIT_S + 11570, 0x4A: COMMIT_S + 11988, 0x4D: COMMIT_S + 12048,
    0x4E: COMMIT_S + 12168,
}  # fmt: skip
LAST_STEPS = {1: 22, 2: 26}


def story(repository):
    """(step, comments, lines) of the block of worked exchanges."""
    text = (repository / "docs/reference/rpu-1.md").read_text()
    block = re.search(r"```rpu1\n(.*?)```", text, re.S)[1]
    return [row for row in block.splitlines() if row.strip()]


@pytest.fixture
def pump(clock):
    fluid = FluidPath(clock, Peristaltic(0.2, 250.0), reservoir_nl=40e6)
    unit = ImplantablePump(clock, fluid)
    unit.stall_notice_s = 0.0
    pump = SimulatedPump(clock, unit, np.random.default_rng(1))
    pump.maker = "Infusion Rig"
    pump.tokens.next_values = [0x5C1E, 0xA07B, 0x19D4, 0xE832, 0x0B66, 0x7F20, 0x7F21, 0x7F22]
    return pump


def test_every_line_of_the_story_has_its_crc(repository, crc_line):
    damaged = False
    checked = 0
    for row in story(repository):
        if row.startswith("#"):
            damaged = row == "# damaged"
        elif not damaged:
            marker, text = row[0], row[2:-5]
            assert crc_line(marker, text).decode().rstrip() == row
            checked += 1
        else:
            damaged = False
    assert checked > 80


@pytest.mark.parametrize("level", [1, 2])
def test_the_story_of_the_specification(repository, clock, talk_to, pump, crc_line, level):
    pump.level = level
    talk = talk_to(pump)
    stall_s = COMMIT_S + 7200
    pump.unit.hold_rotor(stall_s * 10**9, 600 * 10**9)
    step, heard, compared = 0, b"", 0
    for row in story(repository):
        if row.startswith("#"):
            if number := re.match(r"# (\d+) ", row):
                step = int(number[1])
            if step > LAST_STEPS[level]:
                break
            continue
        if row.startswith(">"):
            assert heard == b"", "the device said more than the story"
            sequence = int(row[5:7], 16)
            if sequence in TIMES_S:
                talk.at(TIMES_S[sequence])
            if sequence == 0x3D:
                pump.unit.battery.start_mv = 2949.9  # the story's battery has drooped by 1 mV
            heard = talk.take() + talk.ask(row.encode() + b"\r\n")
            continue
        if row.startswith("!"):
            talk.at(stall_s + 1 if "STATE=ON" in row else stall_s + 601)
            heard += talk.take()
        expected = crc_line(row[0], row[2:-5].replace("LEVEL=2", f"LEVEL={level}"))
        assert heard.startswith(expected), (step, heard, expected)
        heard = heard[len(expected) :]
        compared += 1
    assert heard == b""
    assert compared == {1: 33, 2: 44}[level]
