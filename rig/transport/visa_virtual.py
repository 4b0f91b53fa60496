"""``sim+visa://``: a VISA library for pyvisa whose resources are simulated instruments, in virtual time.

pyvisa takes a library of its caller's own (``pyvisa.ResourceManager(library)``), so that programs written for
pyvisa's resources run unchanged, without waiting: a read that times out takes its time-out of virtual time and none
of the wall's::

    library = virtual_visa(clock, {"TCPIP::meter::5025::SOCKET": device})
    meter = pyvisa.ResourceManager(library).open_resource("TCPIP::meter::5025::SOCKET")
    meter.query("*IDN?")

Every resource is a stream of bytes, as a ``SOCKET`` is: a read ends with its count, its termination character or its
time-out, and what had come when the time was over stays for the next read. Not here: events, locks, triggers, the
status byte (service requests), serial attributes; an instrument is not told that its host wants to read.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Mapping
from typing import Any

import pyvisa
from pyvisa import constants, rname
from pyvisa.constants import ResourceAttribute, StatusCode
from pyvisa.highlevel import VisaLibraryBase
from pyvisa.typing import VISARMSession, VISASession
from pyvisa.util import LibraryPath

from rig.clock.virtual import NEVER_NS, VirtualClock
from rig.transport import WirePort, WireSink
from rig.transport.address import Address
from rig.transport.sim_link import Inbox
from rig.transport.visa_link import SLICE_MS, VisaLink

NS_PER_MS = 1_000_000
PORT = 5025  # what SCPI instruments listen on
_numbers = itertools.count(1)  # of libraries and sessions: pyvisa must tell them apart


class _Session:
    """An open resource. ``interface`` and ``in_waiting`` are where :class:`VisaLink` looks for them in pyvisa-py."""

    def __init__(self, clock: VirtualClock, name: str, port: WirePort) -> None:
        self.interface = self
        self._clock, self._port, self._inbox = clock, port, Inbox(clock, port)
        self._buffer = bytearray()
        self.attributes: dict[int, Any] = {
            ResourceAttribute.timeout_value: 2000,
            ResourceAttribute.termchar: ord("\n"),
            ResourceAttribute.termchar_enabled: constants.VI_FALSE,
            ResourceAttribute.send_end_enabled: constants.VI_TRUE,
            ResourceAttribute.resource_name: name,
            ResourceAttribute.interface_type: constants.InterfaceType.tcpip,
            ResourceAttribute.resource_class: "SOCKET",
        }

    @property
    def in_waiting(self) -> int:
        """How many bytes have come."""
        while data := self._inbox.take(0):
            self._buffer += data
        return len(self._buffer)

    def write(self, data: bytes) -> None:
        """Raises OSError when the simulated line is unplugged."""
        self._port.receive(data)

    def read(self, count: int) -> tuple[bytes, StatusCode]:
        deadline_ns = self._deadline_ns()
        while True:
            end = self._end(count)
            if end:
                data = bytes(self._buffer[:end])
                del self._buffer[:end]
                if self._stops_at(data[-1:]):
                    return data, StatusCode.success_termination_character_read
                return data, StatusCode.success_max_count_read
            data = self._inbox.take(deadline_ns)
            if not data:
                return b"", StatusCode.error_timeout
            self._buffer += data

    def clear(self) -> None:
        self._inbox.clear()
        self._buffer.clear()

    def _deadline_ns(self) -> int:
        timeout_ms = self.attributes[ResourceAttribute.timeout_value]
        if timeout_ms == constants.VI_TMO_INFINITE:
            return NEVER_NS
        return self._clock.now_ns() + int(timeout_ms) * NS_PER_MS

    def _end(self, count: int) -> int:
        """How many of the bytes that have come make up a read; 0: not enough yet."""
        found = -1
        if self.attributes[ResourceAttribute.termchar_enabled]:
            found = self._buffer.find(self.attributes[ResourceAttribute.termchar], 0, count)
        if found >= 0:
            return found + 1
        return count if len(self._buffer) >= count else 0

    def _stops_at(self, last: bytes) -> bool:
        enabled = bool(self.attributes[ResourceAttribute.termchar_enabled])
        return enabled and last == bytes([self.attributes[ResourceAttribute.termchar]])


class VirtualVisaLibrary(VisaLibraryBase):
    """Made by :func:`virtual_visa`; ``sessions`` by session number."""

    clock: VirtualClock
    ports: Mapping[str, WirePort]
    sessions: dict[int, _Session]

    @staticmethod
    def get_library_paths() -> tuple[LibraryPath, ...]:
        return ()

    def _init(self) -> None:
        self.sessions = {}

    def open_default_resource_manager(self) -> tuple[VISARMSession, StatusCode]:
        return VISARMSession(next(_numbers)), self.handle_return_value(None, StatusCode.success)

    def list_resources(self, session: VISARMSession, query: str = "?*::INSTR") -> tuple[str, ...]:
        return rname.filter(list(self.ports), query)

    def open(
        self,
        session: VISARMSession,
        resource_name: str,
        access_mode: constants.AccessModes = constants.AccessModes.no_lock,
        open_timeout: int | None = constants.VI_TMO_IMMEDIATE,
    ) -> tuple[VISASession, StatusCode]:
        known = {rname.to_canonical_name(name): port for name, port in self.ports.items()}
        try:
            name = rname.to_canonical_name(resource_name)
        except rname.InvalidResourceName:
            return VISASession(0), self.handle_return_value(None, StatusCode.error_invalid_resource_name)
        if name not in known:
            return VISASession(0), self.handle_return_value(None, StatusCode.error_resource_not_found)
        opened = VISASession(next(_numbers))
        self.sessions[opened] = _Session(self.clock, name, known[name])
        return opened, self.handle_return_value(opened, StatusCode.success)

    def close(self, session: Any) -> StatusCode:
        self.sessions.pop(session, None)
        return self.handle_return_value(None, StatusCode.success)

    def read(self, session: VISASession, count: int) -> tuple[bytes, StatusCode]:
        data, status = self.sessions[session].read(count)
        return data, self.handle_return_value(session, status)

    def write(self, session: VISASession, data: bytes) -> tuple[int, StatusCode]:
        self.sessions[session].write(bytes(data))
        return len(data), self.handle_return_value(session, StatusCode.success)

    def clear(self, session: VISASession) -> StatusCode:
        self.sessions[session].clear()
        return self.handle_return_value(session, StatusCode.success)

    def flush(self, session: VISASession, mask: constants.BufferOperation) -> StatusCode:
        return self.clear(session)

    def get_attribute(self, session: Any, attribute: Any) -> tuple[Any, StatusCode]:
        attributes = self.sessions[session].attributes
        if attribute not in attributes:
            return None, self.handle_return_value(session, StatusCode.error_nonsupported_attribute)
        return attributes[attribute], self.handle_return_value(session, StatusCode.success)

    def set_attribute(self, session: VISASession, attribute: Any, attribute_state: Any) -> StatusCode:
        if attribute not in self.sessions[session].attributes:
            return self.handle_return_value(session, StatusCode.error_nonsupported_attribute)
        self.sessions[session].attributes[attribute] = attribute_state
        return self.handle_return_value(session, StatusCode.success)

    def disable_event(self, session: VISASession, event_type: Any, mechanism: Any) -> StatusCode:
        """There are no events; pyvisa switches them off before it closes a resource."""
        return StatusCode.success

    def discard_events(self, session: VISASession, event_type: Any, mechanism: Any) -> StatusCode:
        """As :meth:`disable_event`."""
        return StatusCode.success


def virtual_visa(clock: VirtualClock, ports: Mapping[str, WirePort]) -> VirtualVisaLibrary:
    """A VISA library with these simulated instruments, by resource name (``TCPIP::name::5025::SOCKET``)."""
    library = VirtualVisaLibrary(LibraryPath(f"rig-virtual-{next(_numbers)}"))
    library.clock, library.ports = clock, ports
    return library


class VirtualVisaLink(VisaLink):
    """A link through pyvisa to a simulated instrument."""

    def _release(self) -> None:
        super()._release()
        if (manager := self._resource.visalib.resource_manager) is not None:
            manager.close()


def open_virtual_visa(
    address: Address, clock: VirtualClock, sink: WireSink, port: WirePort
) -> VirtualVisaLink:
    """Open a simulated instrument as a VISA resource."""
    name = f"TCPIP::{re.sub('[^A-Za-z0-9.-]', '.', address.place)}::{PORT}::SOCKET"
    resource: Any = pyvisa.ResourceManager(virtual_visa(clock, {name: port})).open_resource(name)
    resource.timeout = SLICE_MS
    return VirtualVisaLink(address.text, clock, sink, resource)
