"""``socket://host:port``: a TCP connection, to a serial server, a balance terminal, ``rig sim --tcp``."""

from __future__ import annotations

import socket

from rig.clock import Clock
from rig.errors import LinkLost
from rig.transport import WireSink
from rig.transport.address import Address
from rig.transport.descriptor_link import READ_SIZE, DescriptorLink

CONNECT_WITHIN_S = 5.0


class SocketLink(DescriptorLink):
    """One TCP connection. Where there is no ``poll``, ``select`` waits: Windows has it for sockets too."""

    def __init__(self, address: str, clock: Clock, sink: WireSink, connection: socket.socket) -> None:
        super().__init__(address, clock, sink, connection.fileno())
        self._connection = connection

    def _read_some(self) -> bytes:
        return self._connection.recv(READ_SIZE)

    def _write_some(self, data: bytes) -> int:
        return self._connection.send(data)

    def _release(self) -> None:
        self._connection.close()


def open_socket(address: Address, clock: Clock, sink: WireSink) -> SocketLink:
    """Connect. Raises LinkLost when nobody listens there."""
    try:
        connection = socket.create_connection((address.host, address.tcp_port), CONNECT_WITHIN_S)
    except OSError as error:
        raise LinkLost(
            f"cannot connect ({error.strerror or error}): check that the instrument is on, "
            "that host and port are right and that no other program is connected",
            address=address.text,
        ) from error
    connection.setblocking(False)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return SocketLink(address.text, clock, sink, connection)
