"""Keller pressure transmitter (Series 30 and 40: 33X, 35X, 36X W, ...) on the Keller bus.

Manual: Description of the Communication protocol for Series 30 and Series 40 (class.group 5.20, 5.21), sections 3
(frames, exceptions) and 5 (functions). Wire format: RS-485, 9600 baud 8N1, several transmitters on a line::

    ADR FN DATA... CRCH CRCL           both ways; CRC-16/MODBUS over all before it, high byte first
    ADR FN|80 CODE CRCH CRCL           exception
    ADR 30                      ->     CLASS GROUP YEAR WEEK BUF STAT       F48, first after power-up
    ADR 45                      ->     serial number, u32                   F69
    ADR 49 CHANNEL              ->     value, float; STAT                   F73: channel 1 pressure in bar, 4 its °C
    01 49 01 50 D6              ->     01 49 3F 81 B2 2D 00 D7 84           1.01325 bar

Numbers are big-endian. Most RS-485 converters give back what is sent through them: whether this one does is learnt at
F48, whose reply cannot be taken for its echo. Until F48 a transmitter answers every function with exception 32; so does
one whose power was interrupted, which is told once as a DeviceError: the next call begins with F48 again.
"""

from __future__ import annotations

import math
import struct

from rig.clock import NS_PER_S
from rig.errors import DefinitionError, DeviceError, ExchangeError, LinkError, ProtocolError
from rig.readings import ChannelReading, Identity
from rig.transport import Link

REPLY_WITHIN_NS = NS_PER_S
ADDRESSES = range(1, 251)
ANY_ADDRESS = 250  # "transparent": whoever is alone on the line

INITIALISE, SERIAL_NUMBER, READ_CHANNEL = 48, 69, 73
DATA_LENGTHS = {INITIALISE: 6, SERIAL_NUMBER: 4, READ_CHANNEL: 5}
EXCEPTION_LENGTH = 5
EXCEPTIONS = {
    1: "the function is not implemented",
    2: "a parameter is wrong",
    3: "the data are wrong",
    32: "it was not initialised: its power was interrupted",
}

PRESSURE, SENSOR_TEMPERATURE = 1, 4  # P1, TOB1
TEMPERATURES = (3, 4, 5)  # T, TOB1, TOB2
POWER_UP = 1 << 7  # bits of STAT; bit n otherwise: channel n has no valid value
KPA_PER_BAR = 100.0
PRESSURE_LIMIT_BAR, TEMPERATURE_LIMIT_C = 2000.0, 500.0


def crc16(data: bytes) -> int:
    """CRC-16/MODBUS: polynomial 8005 reflected, preset FFFF."""
    crc = 0xFFFF
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ 0xA001 if crc & 1 else crc >> 1
    return crc


def format_request(address: int, function: int, data: bytes = b"") -> bytes:
    content = bytes((address, function)) + data
    return content + crc16(content).to_bytes(2, "big")


def parse_reply(frame: bytes, address: int, function: int) -> bytes:
    """The data of a reply. Raises DeviceError for an exception, ProtocolError."""
    if len(frame) < EXCEPTION_LENGTH or crc16(frame[:-2]).to_bytes(2, "big") != frame[-2:]:
        raise ProtocolError("damaged: the checksum is wrong", received=frame)
    if frame[0] != address and not (address == ANY_ADDRESS and frame[0] in ADDRESSES):
        raise ProtocolError(f"a reply of device {frame[0]}", received=frame)
    if frame[1] == function | 0x80 and len(frame) == EXCEPTION_LENGTH:
        meaning = EXCEPTIONS.get(frame[2], "unknown exception")
        raise DeviceError(f"the transmitter refused: {meaning}", code=str(frame[2]), received=frame)
    if frame[1] != function or len(frame) != DATA_LENGTHS[function] + 4:
        raise ProtocolError(f"a reply to function {frame[1]}, or of the wrong length", received=frame)
    return frame[2:-2]


def parse_value(data: bytes, channel: int) -> float:
    """The value of a channel. Raises DeviceError when its status says that it is none, ProtocolError."""
    value, status = struct.unpack(">fB", data)
    if status & (1 << channel | POWER_UP):
        what = "is still starting" if status & POWER_UP else f"has no valid value of channel {channel}"
        raise DeviceError(f"the transmitter {what} (status {status:02X})", code=f"status {status:02X}")
    limit = PRESSURE_LIMIT_BAR if channel == PRESSURE else TEMPERATURE_LIMIT_C
    if not math.isfinite(value) or abs(value) > limit:
        raise ProtocolError(f"channel {channel} cannot be {value}")
    return float(value)


class KellerPressure:
    """One transmitter. Several may share a line, each with its own ``address``.

    ``temperature_channel``: 3 for a temperature sensor of its own, 4 and 5 for those of the pressure sensors.
    """

    ROLE = "pressure"
    DEFAULT_BAUD = 9600

    def __init__(
        self, link: Link, address: int = 1, *, temperature_channel: int = SENSOR_TEMPERATURE
    ) -> None:
        if address not in ADDRESSES:
            raise DefinitionError(
                f"device {address} is no address of the Keller bus", hint="1 to 249, or 250 for any"
            )
        if temperature_channel not in TEMPERATURES:
            raise DefinitionError(f"channel {temperature_channel} is no temperature", hint="3, 4 or 5")
        self._link, self._address, self._temperature_channel = link, address, temperature_channel
        self._echoes: bool | None = None  # what the converter does; None: not known yet
        self._initialised = False

    def identify(self) -> Identity:
        """The transmitter does not tell its maker; class and group stand for the model."""
        with self._link.alone():
            kind = self._initialise()
            (serial,) = struct.unpack(">I", self._ask(SERIAL_NUMBER)[0])
        return Identity(
            model=f"{kind[0]}.{kind[1]:02}", serial=str(serial), firmware=f"{kind[2]:02}.{kind[3]:02}"
        )

    def read(self) -> ChannelReading:
        with self._link.alone():
            if not self._initialised:
                self._initialise()
            pressure_bar, first = self._value(PRESSURE)
            t_ns = self._link.now_ns()
            temperature_c, second = self._value(self._temperature_channel)
        values = {"line_pressure_kpa": pressure_bar * KPA_PER_BAR, "line_temperature_c": temperature_c}
        return ChannelReading(t_ns, values, first + second)

    def close(self) -> None:
        self._link.close()

    def _initialise(self) -> bytes:
        self._initialised, self._echoes = False, None
        data, _ = self._ask(INITIALISE)
        self._initialised = True
        return data

    def _value(self, channel: int) -> tuple[float, bytes]:
        data, frame = self._ask(READ_CHANNEL, bytes((channel,)))
        try:
            return parse_value(data, channel), frame
        except ExchangeError as error:
            error.address, error.received = self._link.address, frame
            raise

    def _ask(self, function: int, data: bytes = b"") -> tuple[bytes, bytes]:
        """The data of the reply, and the whole reply."""
        sent = format_request(self._address, function, data)
        self._link.discard_input()
        deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
        self._link.write(sent)
        try:
            frame = self._receive(sent, DATA_LENGTHS[function] + 4, deadline_ns)
            return parse_reply(frame, self._address, function), frame
        except ExchangeError as error:
            self._initialised = False  # begin anew, also with the question whether the converter echoes
            error.address, error.sent = self._link.address, sent
            raise

    def _receive(self, sent: bytes, length: int, deadline_ns: int) -> bytes:
        """The frame after the echo, if there is one."""
        frame = b""
        try:
            if self._echoes is not False:
                frame = self._link.read_exactly(len(sent), deadline_ns)
                if self._echoes is None:
                    self._echoes = frame == sent
                elif frame != sent:
                    raise ProtocolError("the echo is not what was sent", received=frame)
                frame = b"" if self._echoes else frame
            frame += self._link.read_exactly(EXCEPTION_LENGTH - len(frame), deadline_ns)
            if not frame[1] & 0x80:
                frame += self._link.read_exactly(length - len(frame), deadline_ns)
        except LinkError as error:
            error.received = frame + error.received
            raise
        return frame
