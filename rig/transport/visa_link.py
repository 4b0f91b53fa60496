"""``visa://``: a VISA resource through pyvisa and its pure Python back end.

Raw bytes only: no termination character in either direction, and never asking for more than is there, because a
read that times out loses what had come. Each call is a short slice, so the injected clock's deadline and an abort
are kept.
"""

from __future__ import annotations

import errno
import os
import select
import socket
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rig.clock import Clock
from rig.errors import LinkLost, LinkTimeout
from rig.transport import WireSink
from rig.transport.address import Address, Framing
from rig.transport.buffered_link import BufferedLink
from rig.transport.serial_link import is_pseudo_terminal

if TYPE_CHECKING:
    from pyvisa.resources import MessageBasedResource

SLICE_MS = 50
OPEN_WITHIN_MS = 5000
PARITIES = {"N": 0, "O": 1, "E": 2}  # VI_ASRL_PAR_NONE, _ODD, _EVEN
STOP_BITS = {1: 10, 2: 20}  # VI_ASRL_STOP_ONE, _TWO


class VisaLink(BufferedLink):
    """One open VISA session."""

    def __init__(self, address: str, clock: Clock, sink: WireSink, resource: MessageBasedResource) -> None:
        super().__init__(address, clock, sink)
        self._resource = resource
        self._session: Any = resource.visalib.sessions[resource.session]  # type: ignore[attr-defined]

    def _receive(self, deadline_ns: int) -> bytes:
        from pyvisa.constants import StatusCode
        from pyvisa.errors import VisaIOError

        while True:
            try:
                waiting = self._waiting()
                if waiting or self._clock.now_ns() < deadline_ns:
                    return self._logged(self._resource.read_bytes(max(1, waiting)))
            except VisaIOError as error:
                if error.error_code != StatusCode.error_timeout:
                    raise self._lost(str(error)) from error
            except (OSError, TypeError) as error:  # pyserial's errors come through as they are
                raise self._lost(str(error)) from error
            if self._closed_by_peer():
                raise self._lost("the other end has closed it")
            self._clock.raise_if_aborted()
            if self._clock.now_ns() >= deadline_ns:
                return b""

    def _waiting(self) -> int:
        """How many bytes are there; a socket only tells whether there are any."""
        interface = self._session.interface
        if isinstance(interface, socket.socket):
            return len(select.select([interface], [], [], 0)[0])
        return int(interface.in_waiting)

    def _closed_by_peer(self) -> bool:
        """pyvisa-py takes a closed TCP connection for a silent one; ask the socket itself."""
        connection = self._session.interface
        if not isinstance(connection, socket.socket):
            return False
        readable, _, _ = select.select([connection], [], [], 0)
        return bool(readable) and connection.recv(1, socket.MSG_PEEK) == b""

    def _send(self, data: bytes) -> None:
        from pyvisa.constants import StatusCode
        from pyvisa.errors import VisaIOError

        try:
            self._resource.write_raw(data)
        except VisaIOError as error:
            if error.error_code == StatusCode.error_timeout:
                raise LinkTimeout(
                    "the line takes no bytes (handshake?)", address=self.address, sent=self._sent
                ) from error
            raise self._lost(str(error)) from error
        except OSError as error:
            raise self._lost(str(error)) from error

    def _release(self) -> None:
        self._resource.close()


def open_visa(address: Address, clock: Clock, sink: WireSink, default: Framing) -> VisaLink:
    """Open the resource and set everything explicitly. Raises LinkLost when it cannot be had."""
    import pyvisa

    framing = address.framing(default)
    note = ""
    try:
        resource: Any = pyvisa.ResourceManager("@py").open_resource(
            address.place, open_timeout=OPEN_WITHIN_MS
        )
    except (
        Exception
    ) as error:  # pyvisa-py raises what lies below it: OSError, SerialException, bare Exception
        raise _not_there(address, error) from error
    try:
        resource.timeout = SLICE_MS
        if address.place.startswith("ASRL"):
            port = address.place.removeprefix("ASRL").removesuffix("::INSTR")
            if (framing.bits, framing.parity) != (8, "N") and is_pseudo_terminal(port):
                note = f"{port} is a pseudo-terminal: framing {framing} is not emulated, 8N1 used"
                framing = replace(framing, bits=8, parity="N")
            _set_serial(resource, framing)
        else:
            _check_connected(resource)
    except Exception as error:
        resource.close()
        raise _not_there(address, error) from error
    link = VisaLink(address.text, clock, sink, resource)
    link.note = note
    return link


def _set_serial(resource: Any, framing: Framing) -> None:
    from pyvisa.constants import SerialTermination

    resource.baud_rate = framing.baud
    if framing.bits != 8:
        resource.data_bits = framing.bits
    if framing.parity != "N":
        resource.parity = PARITIES[framing.parity]
    if framing.stop != 1:
        resource.stop_bits = STOP_BITS[framing.stop]
    resource.end_input = SerialTermination.none  # raw bytes in
    resource.read_termination = None
    resource.write_termination = ""


def _check_connected(resource: Any) -> None:
    """pyvisa-py returns a session for a refused connection as well; the socket knows better."""
    connection: socket.socket = resource.visalib.sessions[resource.session].interface
    if number := connection.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
        raise OSError(number, os.strerror(number))


def _not_there(address: Address, error: Exception) -> LinkLost:
    held = getattr(error, "errno", None) in {errno.EBUSY, errno.EAGAIN}
    what = "is held by another program" if held else "cannot be opened"
    return LinkLost(
        f"{address.place} {what} ({error}): check that the instrument is plugged in and on, "
        "that the resource name is right, and that you may use the port (group dialout on Linux)",
        address=address.text,
    )
