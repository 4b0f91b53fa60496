"""Sensirion liquid flow sensor (SF06 family: SLF3x, LD20) on an SCC1 serial cable, speaking SHDLC.

Sources: Sensirion's public SHDLC and SCC1 drivers and the SLF3x data sheet. Wire format: 115200 baud 8N1, integers
big-endian, in the frames of shdlc_wire.py.

The cable samples by itself into a buffer that command 36 empties: u32 lost bytes, u16 bytes remaining, u16 number of
signals (3), then flow, temperature and flags as 16-bit words. Bytes (not samples) as in Sensirion's own driver.

Sample times: sample k (from 0) is stamped start + k x the interval that the cable says it uses, on the host's
clock at the start; lost samples are counted. When a reply was lost on the way, its samples are gone from the buffer
too: their number is then found from the clock.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from rig.clock import NS_PER_S
from rig.drivers.shdlc_wire import ERRORS, FLAG, FRAME_LIMIT, format_frame, parse_frame
from rig.errors import DefinitionError, DeviceError, ExchangeError, LimitRefused, LinkTimeout, ProtocolError
from rig.readings import FlowBlock, Identity
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = NS_PER_S
LIQUIDS = {"water": 0x3608, "isopropanol": 0x3615}  # measure command of each calibration
SF06 = 3  # sensor type with signals flow, temperature, flags
SAMPLE_BYTES, WORDS = 6, np.dtype(">i2")

UNITS = {0x0843: "nl/min", 0x0844: "ul/min", 0x0845: "ml/min", 0x0854: "ul/h"}
PRODUCTS = {  # product number without its last two digits
    "070302": "SLF3S-1300F",
    "070303": "SLF3S-0600F",
    "070304": "SLF3C-1300F",
    "070305": "SLF3S-4000B",
    "070102": "LD20-2600B",
    "070103": "LD20-0600L",
}


def parse_numbers(form: str, data: bytes) -> tuple[int, ...]:
    """Big-endian integers as ``struct`` spells them, filling ``data`` exactly. Raises ProtocolError."""
    numbers = _numbers(form)
    if len(data) != numbers.size:
        raise ProtocolError(f"{len(data)} bytes of data instead of {numbers.size}", received=data)
    return numbers.unpack(data)


@cache
def _numbers(form: str) -> struct.Struct:
    return struct.Struct(f">{form}")


def parse_text(data: bytes) -> str:
    """Printable ASCII, ended by NUL. Raises ProtocolError."""
    text = data.rstrip(b"\0").decode("latin-1")
    if not (text.isascii() and text.isprintable()):
        raise ProtocolError("not a text", received=data)
    return text


def parse_nothing(data: bytes) -> None:
    """The data of a reply that has none. Raises ProtocolError."""
    parse_numbers("", data)


def parse_sensor_type(data: bytes) -> None:
    """That the sensor is one whose signals this file knows. Raises ProtocolError."""
    (kind,) = parse_numbers("B", data)
    if kind != SF06:
        raise ProtocolError(f"sensor type {kind} is not of the SF06 family (type {SF06})", received=data)


def parse_scale(data: bytes) -> tuple[int, str]:
    """Counts per unit, and the unit. Raises ProtocolError."""
    scale, unit, _ = parse_numbers("HHH", data)
    if scale == 0 or unit not in UNITS:
        raise ProtocolError(f"scale {scale} with unit {unit:04X} is unknown", received=data)
    return scale, UNITS[unit]


def parse_interval_ns(data: bytes) -> int:
    """The interval of the measurement that runs. Raises ProtocolError."""
    (interval_ms,) = parse_numbers("H", data)
    if interval_ms == 0:
        raise ProtocolError("interval 0 leaves the sample times open", received=data)
    return interval_ms * NS_PER_S // 1000


@dataclass
class Page:
    """One reply of the buffer: samples lost before it, samples (rows of flow, temperature, flags), bytes left."""

    lost: int
    samples: NDArray[np.int16]
    remaining: int


def parse_page(data: bytes) -> Page:
    """The data of a reply to command 36; an empty one says that there is nothing yet. Raises ProtocolError."""
    if not data:
        return Page(0, np.empty((0, 3), np.int16), 0)
    lost_bytes, remaining, signals = parse_numbers("IHH", data[:8])
    if signals != 3 or (len(data) - 8) % SAMPLE_BYTES or (remaining and len(data) == 8):
        raise ProtocolError("not a page of flow, temperature and flags", received=data)
    samples = np.frombuffer(data, WORDS, offset=8).reshape(-1, 3).astype(np.int16)
    return Page(-(-lost_bytes // SAMPLE_BYTES), samples, remaining)


class SensirionScc1:
    """One sensor on its cable."""

    ROLE = "flow"
    DEFAULT_BAUD = 115200

    def __init__(self, link: Link, address: int = 0, *, liquid: str = "water") -> None:
        """``liquid``: which of the sensor's calibrations is used. Raises DefinitionError for another."""
        if liquid not in LIQUIDS:
            raise DefinitionError(f"there is no liquid '{liquid}'", hint=f"one of {', '.join(LIQUIDS)}")
        self._link, self._address, self._measure = link, address, LIQUIDS[liquid]
        self._interval_ns = 0  # 0: not started
        self._start_ns = self._emptied_ns = 0
        self._count = 0  # samples handed out or lost since the start
        self._pages: list[Page] = []  # received, not yet handed out
        self._gap_at: int | None = None  # which of them follows a reply that was lost
        self._lost = 0  # samples lost before the next to come

    def identify(self) -> Identity:
        """The cable's name, serial number and firmware; the model also names the sensor that is plugged in."""
        name, serial = (self._ask(0xD0, parse_text, bytes((part,))) for part in (0x01, 0x03))
        version = self._ask(0xD1, lambda data: parse_numbers("7B", data))
        product = self._ask(0x50, parse_text)
        sensor = f"{PRODUCTS.get(product[:6], product[:8])} {product[8:]}"
        return Identity(model=f"{name} with {sensor}", serial=serial, firmware=f"{version[0]}.{version[1]}")

    def start(self, interval_s: float) -> None:
        """Begin sampling; what an earlier measurement left in the buffer is thrown away."""
        interval_ms = round(interval_s * 1000)
        if not 1 <= interval_ms <= 65535 or abs(interval_ms - interval_s * 1000) > 1e-6:
            raise LimitRefused(
                f"interval {interval_s} s is not 1 ms to 65.535 s in whole ms; nothing was sent"
            )
        self._ask(0x24, parse_sensor_type)
        self._scale, self._unit = self._ask(0x53, parse_scale, struct.pack(">H", self._measure))
        self.stop()
        with suppress(DeviceError):  # some answer "no measurement was started"
            self._empty_buffer()
        self._ask(0x33, parse_nothing, struct.pack(">HH", interval_ms, self._measure))
        self._start_ns = self._emptied_ns = self._link.now_ns()
        self._interval_ns = self._ask(0x33, parse_interval_ns)
        self._count, self._lost, self._pages, self._gap_at = 0, 0, [], None

    def read_buffer(self) -> list[FlowBlock]:
        if not self._interval_ns:
            raise DeviceError(ERRORS[0x24], code="24", address=self._link.address)
        try:
            self._empty_buffer()
        except (LinkTimeout, ProtocolError):
            self._gap_at = len(self._pages) if self._gap_at is None else self._gap_at
            raise
        self._count_what_a_lost_reply_held()
        pages, self._pages, self._emptied_ns = self._pages, [], self._link.now_ns()
        blocks = []
        for page in pages:
            self._lost += page.lost
            if len(page.samples):
                blocks.append(self._block(page.samples))
        return blocks

    def stop(self) -> None:
        """End sampling. None running is as good."""
        try:
            self._ask(0x34, parse_nothing)
        except DeviceError as error:
            if error.code != "24":
                raise

    def close(self) -> None:
        self._link.close()

    def _empty_buffer(self) -> None:
        self._pages.append(self._ask(0x36, parse_page, bytes((SF06,))))
        while self._pages[-1].remaining:
            self._pages.append(self._ask(0x36, parse_page, bytes((SF06,))))

    def _count_what_a_lost_reply_held(self) -> None:
        if self._gap_at is not None:
            due = (self._link.now_ns() - self._emptied_ns) // self._interval_ns
            here = sum(page.lost + len(page.samples) for page in self._pages)
            self._pages[self._gap_at].lost += max(0, due - here)
            self._gap_at = None

    def _block(self, samples: NDArray[np.int16]) -> FlowBlock:
        lost, self._lost = self._lost, 0
        before = self._count + lost
        self._count = before + len(samples)
        return FlowBlock(
            first_t_ns=self._start_ns + before * self._interval_ns,
            interval_ns=self._interval_ns,
            flow_counts=samples[:, 0],
            temperature_counts=samples[:, 1],
            flags=samples[:, 2].astype(np.uint16),
            flow_scale=float(self._scale),
            flow_unit=self._unit,
            lost=lost,
        )

    def _ask(self, command: int, parse: Callable[[bytes], T], data: bytes = b"") -> T:
        """One command and the data of its reply, parsed."""
        sent = format_frame(self._address, command, data)
        with self._link.alone():
            self._link.discard_input()
            deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
            self._link.write(sent)
            frame = self._link.read_exactly(1, deadline_ns)
            if frame[0] == FLAG:
                frame += self._link.read_until(bytes((FLAG,)), deadline_ns, FRAME_LIMIT)
        try:
            return parse(parse_frame(frame, self._address, command))
        except ExchangeError as error:
            error.address, error.sent, error.received = self._link.address, sent, frame
            raise
