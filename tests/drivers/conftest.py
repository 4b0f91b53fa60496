"""Scripted exchanges, and what every driver is asked on bad lines."""

from __future__ import annotations

import runpy
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from rig.drivers import driver_class
from rig.drivers.pump_rpu1 import Rpu1Pump
from rig.testing import ScriptedLink, Talk
from rig.transport import Link

TALKS = {
    name: talks
    for path in sorted(Path(__file__).parent.glob("talks_*.py"))
    for name, talks in runpy.run_path(str(path))["TALKS"].items()
}


@pytest.fixture(scope="session")
def all_talks() -> dict[str, tuple[list[Talk], dict[str, Any]]]:
    """Sound exchanges with each driver, and what it is made with, by its name (and a variant of it)."""
    return TALKS


@pytest.fixture(params=TALKS)
def driver_with_talks(request: pytest.FixtureRequest) -> tuple[Callable[[Link], Any], list[Talk]]:
    """How a driver is made with its link, and its talks; once for each driver."""
    talks, options = TALKS[request.param]
    driver = driver_class(request.param.split()[0])
    return (lambda link: driver(link, **options)), talks


@pytest.fixture
def scripted() -> Iterator[Callable[..., ScriptedLink]]:
    """Make a scripted link from (expected, reply) pairs; its script must be over at the end of the test."""
    links: list[ScriptedLink] = []

    def make(*exchanges: tuple[bytes, bytes]) -> ScriptedLink:
        links.append(ScriptedLink(*exchanges))
        return links[-1]

    yield make
    for link in links:
        link.finish()


def crc16_bit_by_bit(text: bytes) -> int:
    """CRC-16/CCITT-FALSE from its definition, so that the tests do not share the driver's way to it."""
    crc = 0xFFFF
    for byte in text:
        crc ^= byte << 8
        for _ in range(8):
            crc = (crc << 1) ^ 0x1021 if crc & 0x8000 else crc << 1
        crc &= 0xFFFF
    return crc


@pytest.fixture(scope="session")
def rpu1_line() -> Callable[[str], bytes]:
    """Make a line of RPU/1 from marker and text: "> 01 2B GET STATUS"."""

    def make(marked: str) -> bytes:
        assert crc16_bit_by_bit(b"123456789") == 0x29B1
        return f"{marked}*{crc16_bit_by_bit(marked[2:].encode('ascii')):04X}\r\n".encode("ascii")

    return make


@pytest.fixture(scope="session")
def rpu1_story() -> list[tuple[bytes, bool]]:
    """The worked exchanges of the RPU/1 document, CR LF added: each line, and whether it is sound."""
    text = (Path(__file__).parents[2] / "docs/reference/rpu-1.md").read_text(encoding="utf-8")
    block = text.split("```rpu1\n")[1].split("```")[0]
    lines, sound = [], True
    for line in block.splitlines():
        if line.startswith("#"):
            sound = line != "# damaged"
        else:
            lines.append((line.encode("ascii") + b"\r\n", sound))
            sound = True
    return lines


@pytest.fixture
def rpu1_talk(scripted, rpu1_line):
    """A pump (address 01) with its session open, and the exchanges that must follow: (request, reply or lines)."""

    def make(*exchanges, identified=True, level=2):
        identity = "OK MAKER=Infusion%20Rig MODEL=RPU-Sim SERIAL=SIM-0001 FW=1.0 PROTO=1 LEVEL="
        script = [("ID", f"{identity}{level}")] if identified else []
        pairs = []
        for sequence, (request, replies) in enumerate([*script, *exchanges]):
            heard = b""
            for reply in (replies,) if isinstance(replies, (str, bytes)) else replies:
                prefix = f"< 01 {sequence:02X} "
                heard += reply if isinstance(reply, bytes) else rpu1_line(prefix + reply)
            pairs.append((rpu1_line(f"> 01 {sequence:02X} {request}"), heard))
        link = scripted(*pairs)
        pump = Rpu1Pump(link)
        if identified:
            pump.identify()
        return pump, link

    return make
