"""Simulated pressure transmitter with the Keller bus (KELLER, Description of the Communication protocol for Series 30
and 40, class.group 5.20 and 5.21, sections 3 and 5).

Frames ``ADR FN DATA... CRCH CRCL``, numbers big-endian, CRC-16/MODBUS with the high byte first; exception ``ADR FN|80
CODE``. F48 identifies and must come first after power-up (else 32); F66 address, F69 serial number, F73 a channel as
a float (bar, °C), F74 as an integer (Pa, 0.01 °C; pressures in steps of 10 Pa), F95 zero points. Exceptions: 1 no
such function (or, F95, power-up mode), 2 no such channel or command, 3 length of the message, 4 (F74) no valid value,
32. Address 250 reaches every transmitter. Wrong CRC and other addresses get no answer. ``echo``: the converter gives
back what is sent through it.

Active are P1 and TOB1 (its temperature); another channel is told as not a number with its bit in STAT. Pressure is
against air, from :mod:`rig.sim.fluid.path`; the temperature is the fluid's.

From memory, to be confirmed: that a broken channel's float is not a number, that F66 passes over addresses beyond 249.

NOT modelled: MODBUS, F30 to F33 and F100 (coefficients and configuration), CH0, T and P2, noise and resolution of the
float, temperature errors of the pressure, 115200 baud, how long silence must be between two frames (50 ms part them
here).
"""

from __future__ import annotations

import math
import struct
from collections.abc import Callable

from rig.sim.wire.line import NS_PER_S, SerialLine, WorldClock

ANY, HIGHEST = 250, 249  # address that reaches each, highest that can be given
GAP_NS = NS_PER_S // 20
P1, TOB1 = 1, 4
POWER_UP = 0x80  # bit of STAT
LENGTHS = {48: (0,), 66: (1,), 69: (0,), 73: (1,), 74: (1,), 95: (1, 5)}  # bytes of data by function
BAR_PER_KPA = 0.01


class _Refused(Exception):
    def __init__(self, code: int) -> None:
        super().__init__(code)
        self.code = code


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS: polynomial A001 (reflected), from FFFF."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0xA001 if crc & 1 else 0)
    return crc


def framed(data: bytes) -> bytes:
    return data + crc16(data).to_bytes(2, "big")


class SimulatedKeller:
    """A transmitter on its line. Plain attributes: ``pressure_kpa`` and ``temperature_c`` (what is there, as
    functions), ``address``, ``serial`` (a number), ``version`` (class, group, year, week), ``zero_kpa`` (what is
    taken off), ``error_kpa`` (what the sensor adds), ``broken`` (channels that fail), ``powering_up``,
    ``processing_s``, ``silent``; faults of the line, and the converter's echo, in ``line``.
    :meth:`interrupt_power` makes it wait for F48 again.
    """

    def __init__(
        self,
        clock: WorldClock,
        pressure_kpa: Callable[[], float],
        temperature_c: Callable[[], float],
        *,
        serial: int = 1,
        address: int = 1,
        echo: bool = False,
        baud: int = 9600,
    ) -> None:
        self.clock, self.line = clock, SerialLine(clock, baud)
        self.pressure_kpa, self.temperature_c = pressure_kpa, temperature_c
        self.serial, self.address = serial, address
        self.line.echo = echo
        self.version = (5, 20, 12, 28)
        self.zero_kpa = self.error_kpa = 0.0
        self.broken: set[int] = set()
        self.powering_up = self.silent = False
        self.processing_s = 0.004
        self._initialised = False
        self._input, self._heard_ns = b"", clock.now_ns()
        self._functions: dict[int, Callable[[bytes], bytes]] = {
            48: self._initialise, 66: self._set_address, 69: lambda _: self.serial.to_bytes(4, "big"),
            73: self._float, 74: self._integer, 95: self._set_zero,
        }  # fmt: skip

    def interrupt_power(self) -> None:
        self._initialised = False

    # Frames in, frames out

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        now_ns = self.clock.now_ns()
        data = self.line.heard(data)
        if now_ns - self._heard_ns > GAP_NS:
            self._input = b""
        self._heard_ns = now_ns
        self._input += data
        if len(self._input) >= 4 and framed(self._input[:-2]) == self._input:
            frame, self._input = self._input[:-2], b""
            if frame[0] in (self.address, ANY) and not self.silent:
                self.line.answer(framed(frame[:1] + self._answer(frame[1], frame[2:])), self.processing_s)

    def _answer(self, function: int, data: bytes) -> bytes:
        try:
            if function not in self._functions:
                raise _Refused(1)
            if not self._initialised and function != 48:
                raise _Refused(32)
            if len(data) not in LENGTHS[function]:
                raise _Refused(3)
            return bytes([function]) + self._functions[function](data)
        except _Refused as refused:
            return bytes([function | 0x80, refused.code])

    # Functions

    def _initialise(self, _data: bytes) -> bytes:
        was_initialised, self._initialised = self._initialised, True
        return bytes([*self.version, 10, int(was_initialised)])

    def _set_address(self, data: bytes) -> bytes:
        if 1 <= data[0] <= HIGHEST:
            self.address = data[0]
        return bytes([self.address])

    def _float(self, data: bytes) -> bytes:
        return struct.pack(">fB", self._value(data[0]), self._status())

    def _integer(self, data: bytes) -> bytes:
        value = self._value(data[0])
        if not math.isfinite(value):
            raise _Refused(4)
        steps = 100 * value if data[0] == TOB1 else 1e4 * value  # a step is 10 Pa
        return struct.pack(">iB", round(steps) * (1 if data[0] == TOB1 else 10), self._status())

    def _set_zero(self, data: bytes) -> bytes:
        """CMD 0: the pressure now reads 0, or the value given; CMD 1: the zero point of the factory."""
        if self.powering_up:
            raise _Refused(1)
        if data[0] == 0:
            wanted_bar = struct.unpack(">f", data[1:])[0] if data[1:] else 0.0
            self.zero_kpa = self.pressure_kpa() + self.error_kpa - wanted_bar / BAR_PER_KPA
        elif data[0] == 1:
            self.zero_kpa = 0.0
        else:
            raise _Refused(2)
        return bytes([0])

    def _value(self, channel: int) -> float:
        if channel > 5:
            raise _Refused(2)
        if channel in self.broken or channel not in (P1, TOB1):
            return math.nan
        if channel == TOB1:
            return self.temperature_c()
        return (self.pressure_kpa() + self.error_kpa - self.zero_kpa) * BAR_PER_KPA

    def _status(self) -> int:
        failing = sum(1 << channel for channel in sorted(self.broken))
        return failing | (POWER_UP if self.powering_up else 0)
