"""From an address to an open link."""

from __future__ import annotations

from collections.abc import Callable

from rig.clock import Clock
from rig.errors import DefinitionError
from rig.transport import Link, WirePort, WireSink
from rig.transport.address import Address, Framing, parse_address
from rig.transport.buffered_link import BufferedLink


def open_link(
    address: str,
    clock: Clock,
    sink: WireSink,
    sim_port: WirePort | None = None,
    *,
    baud: int = 9600,
    bits: int = 8,
    parity: str = "N",
    stop: int = 1,
) -> Link:
    """Open the line that ``address`` names; the keywords say what the address does not say of the framing.

    ``sim://`` and ``sim+visa://`` need ``sim_port`` and virtual time; all other lines need real time. The same port
    opened twice is one line with a lock (:mod:`rig.transport.shared_link`). Raises DefinitionError, LinkLost.
    """
    parsed = parse_address(address)
    if parsed.kind in ("sim", "sim+visa"):
        return _open_sim(parsed, clock, sink, sim_port)
    if clock.kind == "virtual":
        raise DefinitionError(f"address '{address}' is a real line, which cannot be used in virtual time")
    if parsed.kind == "operator":
        from rig.transport.operator_link import open_operator

        return open_operator(address, clock, sink)
    default = Framing(baud, bits, parity, stop)

    from rig.transport.shared_link import share

    return share(
        f"{parsed.kind}:{parsed.place}",
        parsed.framing(default),
        address,
        sink,
        _opener(parsed, clock, sink, default),
    )


def _opener(address: Address, clock: Clock, sink: WireSink, default: Framing) -> Callable[[], BufferedLink]:
    if address.kind == "serial":
        from rig.transport.serial_link import open_serial

        return lambda: open_serial(address, clock, sink, default)
    if address.kind == "rfc2217":
        from rig.transport.serial_link import open_rfc2217

        return lambda: open_rfc2217(address, clock, sink, default)
    if address.kind == "visa":
        from rig.transport.visa_link import open_visa

        return lambda: open_visa(address, clock, sink, default)
    from rig.transport.socket_link import open_socket

    return lambda: open_socket(address, clock, sink)


def _open_sim(address: Address, clock: Clock, sink: WireSink, sim_port: WirePort | None) -> Link:
    from rig.clock.virtual import VirtualClock

    if sim_port is None:
        raise DefinitionError(f"address '{address.text}' names no simulated instrument of this bench")
    if not isinstance(clock, VirtualClock):
        raise DefinitionError(f"address '{address.text}' is simulated in process, which needs virtual time")
    if address.kind == "sim":
        from rig.transport.sim_link import SimLink

        return SimLink(address.text, clock, sink, sim_port)
    from rig.transport.visa_virtual import open_virtual_visa

    return open_virtual_visa(address, clock, sink, sim_port)
