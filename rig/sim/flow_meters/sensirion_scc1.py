"""Simulated liquid flow sensor on a Sensirion SCC1 cable (SHDLC; type SF06, Sensirion's public drivers and
data sheets).

Frame ``7E <stuffed: address command [state] length data checksum> 7E``; integers big-endian. Commands: 24
25 30 33 34 35 36 37 38 39 50 53 65 66 90 91 93 95 D0 D1 D2 D3. While measuring, a sample of flow,
temperature and flags is taken every interval, the first 15 ms after the start; command 35 gives the newest,
command 36 the buffered ones.

Assumed, because no public text says it: the cable's buffer holds ``buffer_samples`` samples of 6 bytes and
loses the oldest ones when full; "lost" and "remaining" of command 36 count bytes, as Sensirion's own driver
names them.

The cell is that of :mod:`rig.sim.flow_meters.sensing`.

NOT modelled: SF04/SF05/humidity sensors (state 4), I2C pass-through, exponential smoothing (bit 5), change
of the baud rate, heating and self test.
"""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from rig.sim.flow_meters.sensing import Foreseen, PhysicalFlowSensor
from rig.sim.flow_meters.shdlc import (
    NO_ACCESS,
    OK,
    OUT_OF_RANGE,
    UNKNOWN,
    WRONG_CHECKSUM,
    WRONG_SIZE,
    CommandFailed,
    frame,
    split_frames,
    unpack,
)
from rig.sim.fluid.path import FluidPath
from rig.sim.wire.line import NS_PER_S, SerialLine, WorldClock

NOT_MEASURING = 0x24
AIR, HIGH_FLOW = 1, 2
SF06 = 3
START_DELAY_NS = 15_000_000
SAMPLES_IN_A_FRAME = 41  # 8 + 41 x 6 = 254 bytes
MOST_FORESEEN = 4096
NL_MIN = 0x0843
LIQUIDS = (0x3608, 0x3615)  # water, isopropyl alcohol


class SimulatedFlowSensor(PhysicalFlowSensor):
    """The sensor with its cable. Plain attributes: all without underscore, and those of the physical sensor;
    ``scale`` and ``unit`` are to be set before a measurement starts.
    """

    _interval_ms: int | None = None  # as commanded; None = not measuring

    def __init__(
        self,
        clock: WorldClock,
        fluid: FluidPath,
        random: np.random.Generator,
        *,
        serial: str = "SIM-F",
        noise_nl_min: float = 0.0,
        offset_nl_min: float = 0.0,
        baud: int = 115_200,
    ) -> None:
        super().__init__(clock, fluid, random)
        self.line = SerialLine(clock, baud)
        self.address = 0
        self.serial, self.name, self.article = serial, "infusion-rig simulated SCC1", "SIM-SCC1"
        self.product_id, self.sensor_serial = 0x07020504, 0x51A0
        self.scale, self.unit, self.nl_min_per_unit = 1, NL_MIN, 1.0  # counts = scale x flow in unit
        self.sensor_type, self.i2c_address = SF06, 0x08
        self.buffer_samples = 8192
        self.reply_delay_us = 0
        self.processing_s = 0.001
        self.device_state, self.last_error = 0, 0
        self.silent = False
        self._samples = b""  # taken, not yet read by command 36
        self._lost_bytes = 0
        self._newest: bytes | None = None
        self._foreseen = Foreseen(np.empty((0, 3), np.int16), fluid.changes, {})
        self._interval_ns = 0
        self._next_ns = 0
        self._total_on, self._total = True, 0
        self._up_since_ns = clock.now_ns()
        self._awake_ns = clock.now_ns()
        self._input = b""
        self.noise_nl_min, self.offset_nl_min = noise_nl_min, offset_nl_min
        self._commands: dict[int, Callable[[bytes], bytes]] = {
            0x24: self._type, 0x25: self._i2c, 0x30: self._status, 0x33: self._start, 0x34: self._stop,
            0x35: self._last, 0x36: self._read_buffer, 0x37: self._totaliser, 0x38: self._total_value,
            0x39: self._total_reset, 0x50: self._product, 0x53: self._scale, 0x65: self._sensor_reset,
            0x66: self._sensor_reset, 0x90: self._get_address, 0x91: self._get_baud, 0x93: self._up_time,
            0x95: self._reply_delay, 0xD0: self._information, 0xD1: self._version, 0xD2: self._errors,
            0xD3: self._reset,
        }  # fmt: skip

    # Measuring

    def catch_up(self) -> None:
        """Take all samples due by now, in few goes."""
        now_ns = self.clock.now_ns()
        if self._foreseen.changes != self.fluid.changes:
            self.forget_foreseen()
        while self._interval_ms is not None and self._next_ns <= now_ns:
            due = (now_ns - self._next_ns) // self._interval_ns + 1
            if not self._foreseen.left:
                self._foresee(due)
            taken, total = self._foreseen.take(due)
            self._next_ns += self._interval_ns * (len(taken) // 6)
            if self._total_on:
                self._total += total
            self._newest = taken[-6:]
            data = self._samples + taken
            excess = max(0, len(data) - 6 * self.buffer_samples)
            self._lost_bytes += excess
            self._samples = data[excess:]

    def _foresee(self, due: int) -> None:
        """See what is due now, and while nothing changes ever more that is not due yet."""
        count = max(min(due, 100_000), min(2 * self._foreseen.due, MOST_FORESEEN))
        before = self._random.bit_generator.state
        rows = self._measured(self._next_ns + self._interval_ns * np.arange(count, dtype=np.int64))
        self._foreseen = Foreseen(rows, self.fluid.changes, before)

    def forget_foreseen(self) -> None:
        if self._foreseen.left:
            self._random.bit_generator.state = self._foreseen.before
            if self.noise_nl_min:
                self._random.standard_normal(self._foreseen.due)
        self._foreseen = Foreseen(np.empty((0, 3), np.int16), self.fluid.changes, {})

    def _measured(self, t_ns: NDArray[np.int64]) -> NDArray[np.int16]:
        """Rows of flow, temperature, flags as the sensor gives them."""
        limit = min(self.limit_nl_min, 32767 * self.nl_min_per_unit / self.scale)
        flow, is_high = self.seen_nl_min(t_ns, limit)
        flow *= self.scale / self.nl_min_per_unit
        rows = np.empty((len(t_ns), 3), dtype=np.int16)
        rows[:, 0] = np.rint(flow, out=flow)
        rows[:, 1] = np.rint(self.fluid.temperature_at_c(t_ns) * 200)
        rows[:, 2] = is_high * HIGH_FLOW + (AIR if self.air else 0)
        return rows

    # Frames

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        if self.clock.now_ns() < self._awake_ns:
            return
        contents, self._input = split_frames(self._input + data)
        for content in contents:
            self._execute(content)

    def _execute(self, content: bytes) -> None:
        if len(content) < 4 or content[0] not in (self.address, 0xFF):
            return
        address, command, length, data = content[0], content[1], content[2], content[3:-1]
        answer, state = b"", OK
        error_flag = 0x80 if self.device_state else 0  # as it was when the command came
        try:
            if ~sum(content[:-1]) & 0xFF != content[-1]:
                raise CommandFailed(WRONG_CHECKSUM)
            if length != len(data):
                raise CommandFailed(WRONG_SIZE)
            if command not in self._commands:
                raise CommandFailed(UNKNOWN)
            answer = self._commands[command](data)
        except CommandFailed as failed:
            state = self.last_error = failed.state
        if address == 0xFF or self.silent:  # all carry out a broadcast, nobody answers
            return
        reply = frame(bytes([address, command, state | error_flag, len(answer)]) + answer)
        self.line.answer(reply, self.processing_s + self.reply_delay_us / 1e6)

    # Commands: data in, data out

    def _type(self, data: bytes) -> bytes:
        if not data:
            return bytes([self.sensor_type])
        (self.sensor_type,) = unpack(">B", data)
        return b""

    def _i2c(self, data: bytes) -> bytes:
        if not data:
            return bytes([self.i2c_address])
        (self.i2c_address,) = unpack(">B", data)
        return b""

    def _status(self, data: bytes) -> bytes:
        unpack("", data)
        return bytes([0])

    def _start(self, data: bytes) -> bytes:
        if not data:
            return b"" if self._interval_ms is None else struct.pack(">H", self._interval_ms)
        interval_ms, liquid = unpack(">HH", data)
        if liquid not in LIQUIDS or self.sensor_type != SF06:
            raise CommandFailed(OUT_OF_RANGE)
        self._forget()
        self._interval_ms = interval_ms
        self._interval_ns = max(interval_ms, 1) * 1_000_000  # 0: as fast as it can
        self._next_ns = self.clock.now_ns() + START_DELAY_NS
        return b""

    def _stop(self, data: bytes) -> bytes:
        unpack("", data)
        self.catch_up()  # the buffer can still be read
        self._interval_ms = None
        return b""

    def _last(self, data: bytes) -> bytes:
        self._require_sf06(data)
        if self._interval_ms is None:
            raise CommandFailed(NOT_MEASURING)
        self.catch_up()
        newest, self._newest = self._newest, None
        return newest or b""

    def _read_buffer(self, data: bytes) -> bytes:
        self._require_sf06(data)
        if self._interval_ms is None and not self._samples:
            raise CommandFailed(NOT_MEASURING)
        self.catch_up()
        now, self._samples = self._samples[: 6 * SAMPLES_IN_A_FRAME], self._samples[6 * SAMPLES_IN_A_FRAME :]
        lost, self._lost_bytes = self._lost_bytes, 0
        return struct.pack(">IHH", lost, min(len(self._samples), 0xFFFF), 3) + now

    def _totaliser(self, data: bytes) -> bytes:
        if not data:
            return bytes([self._total_on])
        (on,) = unpack(">B", data)
        if on not in (0, 1):
            raise CommandFailed(OUT_OF_RANGE)
        self.catch_up()
        self._total_on = bool(on)
        return b""

    def _total_value(self, data: bytes) -> bytes:
        unpack("", data)
        self.catch_up()
        return struct.pack(">q", self._total)

    def _total_reset(self, data: bytes) -> bytes:
        unpack("", data)
        self.catch_up()
        self._total = 0
        return b""

    def _product(self, data: bytes) -> bytes:
        unpack("", data)
        return f"{self.product_id:08X}{self.sensor_serial:016X}".encode() + b"\0"

    def _scale(self, data: bytes) -> bytes:
        (liquid,) = unpack(">H", data)
        if liquid not in LIQUIDS:
            raise CommandFailed(OUT_OF_RANGE)
        return struct.pack(">HHH", self.scale, self.unit, 0)

    def _sensor_reset(self, data: bytes) -> bytes:
        unpack("", data)
        self._forget()
        self._interval_ms = None
        return b""

    def _get_address(self, data: bytes) -> bytes:
        if not data:
            return bytes([self.address])
        (address,) = unpack(">B", data)
        if address == 0xFF:
            raise CommandFailed(OUT_OF_RANGE)
        self.address = address
        return b""

    def _get_baud(self, data: bytes) -> bytes:
        if data:
            raise CommandFailed(NO_ACCESS)
        return struct.pack(">I", self.line.baud)

    def _up_time(self, data: bytes) -> bytes:
        unpack("", data)
        return struct.pack(">I", (self.clock.now_ns() - self._up_since_ns) // NS_PER_S)

    def _reply_delay(self, data: bytes) -> bytes:
        if not data:
            return struct.pack(">H", self.reply_delay_us)
        (self.reply_delay_us,) = unpack(">H", data)
        return b""

    def _information(self, data: bytes) -> bytes:
        (what,) = unpack(">B", data)
        texts = ["00000000", self.name, self.article, self.serial]
        if what >= len(texts):
            raise CommandFailed(OUT_OF_RANGE)
        return texts[what].encode() + b"\0"

    def _version(self, data: bytes) -> bytes:
        unpack("", data)
        return bytes([1, 9, 0, 1, 0, 1, 0])  # firmware 1.9, no debug build, hardware 1.0, protocol 1.0

    def _errors(self, data: bytes) -> bytes:
        (clear,) = unpack(">B", data)
        answer = struct.pack(">IB", self.device_state, self.last_error)
        if clear:
            self.device_state = self.last_error = 0
        return answer

    def _reset(self, data: bytes) -> bytes:
        unpack("", data)
        self._forget()
        self._interval_ms = None
        self._total, self._total_on = 0, True
        self._awake_ns = self._up_since_ns = self.clock.now_ns() + 1_000_000_000
        return b""

    def _forget(self) -> None:
        self.forget_foreseen()
        self._samples, self._lost_bytes, self._newest = b"", 0, None

    def _require_sf06(self, data: bytes) -> None:
        (sensor_type,) = unpack(">B", data)
        if sensor_type != SF06:
            raise CommandFailed(OUT_OF_RANGE)
