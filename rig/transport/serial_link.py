"""``serial://``: a serial port, ``rfc2217://``: that of a server. pyserial opens and sets it; on POSIX a port of this
machine is then read directly, by its descriptor.

A pseudo-terminal knows no parity and no 7-bit characters: Linux drops them silently at the first open and
refuses them (EINVAL) at a later one. There the port is used with 8N1 and the link's ``note`` says so.
"""

from __future__ import annotations

import errno
import os
import re
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from rig.clock import Clock
from rig.errors import LinkLost
from rig.transport import WireSink
from rig.transport.address import Address, Framing
from rig.transport.buffered_link import BufferedLink
from rig.transport.descriptor_link import READ_SIZE, DescriptorLink

if TYPE_CHECKING:
    import serial
    from serial.rfc2217 import Serial as RemoteSerial

READ_DESCRIPTOR = os.name == "posix"  # elsewhere pyserial reads
PORTABLE_SLICE_S = 0.05  # set once, at the opening: some drivers dislike later changes


class PosixSerialLink(DescriptorLink):
    """A port that pyserial opened; ``port`` only keeps it open."""

    def __init__(self, address: str, clock: Clock, sink: WireSink, port: serial.Serial) -> None:
        super().__init__(address, clock, sink, port.fileno())
        os.set_blocking(port.fileno(), False)
        self._port = port

    def _read_some(self) -> bytes:
        return os.read(self._descriptor, READ_SIZE)

    def _write_some(self, data: bytes) -> int:
        return os.write(self._descriptor, data)

    def _release(self) -> None:
        self._port.close()


class PortableSerialLink(BufferedLink):
    """A port read through pyserial in short slices: on Windows, and of a server."""

    def __init__(
        self, address: str, clock: Clock, sink: WireSink, port: serial.Serial | RemoteSerial
    ) -> None:
        super().__init__(address, clock, sink)
        self._port = port

    def _receive(self, deadline_ns: int) -> bytes:
        while True:
            try:
                waiting = self._port.in_waiting
                if waiting or self._clock.now_ns() < deadline_ns:
                    data = self._port.read(min(READ_SIZE, max(1, waiting)))
                    if data:
                        return self._logged(data)
            except (OSError, TypeError) as error:  # SerialException is an OSError
                raise self._lost(str(error)) from error
            self._clock.raise_if_aborted()
            if self._clock.now_ns() >= deadline_ns:
                return b""

    def _send(self, data: bytes) -> None:
        try:
            self._port.write(data)
        except OSError as error:
            raise self._lost(str(error)) from error

    def _release(self) -> None:
        connection = getattr(self._port, "_socket", None)  # of a server; pyserial forgets one that was lost
        self._port.close()
        if connection is not None:
            connection.close()


def open_serial(address: Address, clock: Clock, sink: WireSink, default: Framing) -> BufferedLink:
    """Open and set the port, for this program alone.

    Raises LinkLost when it is not there, not allowed, held by another program, or refuses the framing.
    """
    framing = address.framing(default)
    note = ""
    if (framing.bits, framing.parity) != (8, "N") and is_pseudo_terminal(address.place):
        note = f"{address.place} is a pseudo-terminal: framing {framing} is not emulated, 8N1 used"
        framing = replace(framing, bits=8, parity="N")
    port = _open_port(address, framing)
    link = (PosixSerialLink if READ_DESCRIPTOR else PortableSerialLink)(address.text, clock, sink, port)
    link.note = note
    return link


def open_rfc2217(address: Address, clock: Clock, sink: WireSink, default: Framing) -> BufferedLink:
    """Connect to the server of a serial port, and have the port set. Raises LinkLost."""
    import warnings

    import serial.rfc2217

    framing = address.framing(default)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)  # pyserial's own thread
            port = serial.rfc2217.Serial(
                f"rfc2217://{address.place}",
                baudrate=framing.baud,
                bytesize=framing.bits,
                parity=framing.parity,
                stopbits=framing.stop,
                xonxoff=framing.handshake == "xonxoff",
                rtscts=framing.handshake == "rtscts",
                timeout=PORTABLE_SLICE_S,
            )
    except (OSError, ValueError) as error:  # SerialException is an OSError
        raise LinkLost(
            f"the server of the serial port does not let us in ({error}): check host and port, that it speaks "
            "RFC 2217, and that no other program is connected",
            address=address.text,
        ) from error
    return PortableSerialLink(address.text, clock, sink, port)


def is_pseudo_terminal(port: str) -> bool:
    """Whether ``port`` is, or links to, a pseudo-terminal of Linux or macOS."""
    return re.match(r"/dev/pts/\d+$|/dev/ttys\d+$", str(Path(port).resolve())) is not None


def _open_port(address: Address, framing: Framing) -> serial.Serial:
    import serial

    try:
        return serial.Serial(
            address.place,
            baudrate=framing.baud,
            bytesize=framing.bits,
            parity=framing.parity,
            stopbits=framing.stop,
            xonxoff=framing.handshake == "xonxoff",
            rtscts=framing.handshake == "rtscts",
            timeout=PORTABLE_SLICE_S,
            write_timeout=5.0,
            exclusive=True,
        )
    except Exception as error:  # termios.error is neither an OSError nor a SerialException
        raise LinkLost(_advice(address.place, framing, error), address=address.text) from error


def _ports() -> str:
    """The serial ports that are there, for whoever wrote a name that is not."""
    from serial.tools.list_ports import comports  # only here: a port that is found needs no list

    found = [f"{port.device} ({port.description})" for port in comports()]
    return ", ".join(sorted(found)) or "it has none"


def _advice(port: str, framing: Framing, error: Exception) -> str:
    """What is wrong with the port, and what to do."""
    number = getattr(error, "errno", None)
    text = str(error)
    if number in {errno.EACCES, errno.EPERM} and os.name != "nt":
        return (
            f"no permission to open {port}: add yourself to its group "
            "(on most Linux machines 'sudo usermod -aG dialout $USER') and log in again"
        )
    if number in {errno.EAGAIN, errno.EBUSY} or "PermissionError" in text:
        return f"{port} is held by another program: close it (terminal program, another run) and try again"
    if number in {errno.ENOENT, errno.ENODEV, errno.ENXIO} or "FileNotFoundError" in text:
        return (
            f"{port} is not there: plug the instrument in, switch it on, "
            f"and compare with the ports of this machine: {_ports()}"
        )
    return f"{port} cannot be opened with {framing}: {text}"
