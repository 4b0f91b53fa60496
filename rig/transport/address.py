"""Addresses as the bench file gives them, taken apart and checked. Nothing is opened here.

::

    serial:///dev/ttyUSB0?baud=9600&bits=8&parity=N&stop=1   a serial port (on Windows serial://COM3)
    rfc2217://192.168.0.20:4001?baud=9600                    a serial port of a server (telnet com port control)
    socket://192.168.0.20:8001                               a TCP server
    visa://ASRL/dev/ttyUSB0::INSTR?baud=9600                 a VISA serial resource
    visa://TCPIP::192.168.0.20::8001::SOCKET                 a VISA TCP resource
    operator://console                                       a person at the terminal, for manual instruments
    sim://SN0001/balance                                     a simulated instrument, in process
    sim+visa://SN0001/current                                the same through pyvisa

Of the options after ``?`` each is optional; what is not given is the driver's default. A further one,
``handshake=xonxoff`` or ``rtscts``, is not for ``visa://``, whose back end does not know it. Options of ``sim://`` are
what the simulated instrument itself is set to, which shows when it is served (rig sim).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from rig.errors import DefinitionError

Kind = Literal["serial", "rfc2217", "socket", "visa", "operator", "sim", "sim+visa"]

FORMS = "serial:///dev/ttyUSB0?baud=9600, socket://host:port, visa://ASRL/dev/ttyUSB0::INSTR, sim://name"
BAUDS = (300, 600, 1200, 2400, 4800, 9600, 19200, 38400, 57600, 115200, 230400, 460800, 921600)
OPTIONS = {  # option of a serial line: what it may be
    "baud": tuple(str(baud) for baud in BAUDS),
    "bits": ("7", "8"),
    "parity": ("N", "E", "O"),
    "stop": ("1", "2"),
    "handshake": ("none", "xonxoff", "rtscts"),
}
VISA_SERIAL = re.compile(r"ASRL(\d+|/[^\s?:]+)::INSTR")
VISA_SOCKET = re.compile(r"TCPIP\d*::([^\s:?]+)::(\d+)::SOCKET")


@dataclass(frozen=True)
class Framing:
    """How bits stand on a serial line, and how either end holds the other up."""

    baud: int = 9600
    bits: int = 8
    parity: str = "N"
    stop: int = 1
    handshake: str = "none"

    def __str__(self) -> str:
        handshake = "" if self.handshake == "none" else f" {self.handshake}"
        return f"{self.baud} baud {self.bits}{self.parity}{self.stop}{handshake}"


@dataclass(frozen=True)
class Address:
    """One address. ``place`` is the port, ``host:port``, the VISA resource name or the simulated name.

    ``host`` and ``tcp_port`` are set for ``socket`` and ``rfc2217`` only; ``options`` holds those that were written.
    """

    text: str
    kind: Kind
    place: str
    host: str = ""
    tcp_port: int = 0
    options: tuple[tuple[str, str], ...] = ()

    def framing(self, default: Framing) -> Framing:
        """The framing asked for, with ``default`` for what was not written."""
        given = dict(self.options)
        return Framing(
            baud=int(given.get("baud", default.baud)),
            bits=int(given.get("bits", default.bits)),
            parity=given.get("parity", default.parity),
            stop=int(given.get("stop", default.stop)),
            handshake=given.get("handshake", default.handshake),
        )


def check_address(text: str) -> None:
    """Raise DefinitionError unless ``text`` is an address that could be opened. Opens nothing."""
    parse_address(text)


def parse_address(text: str) -> Address:
    """Take an address apart. Raises DefinitionError, saying what is wrong and what would be right."""
    scheme, separator, rest = text.partition("://")
    if not separator:
        raise DefinitionError(f"address '{text}' has no '://'", hint=f"write for example {FORMS}")
    if re.search(r"[^\x21-\x7e]", text):
        raise DefinitionError(f"address {text!r} contains a space or a character outside ASCII")
    place, question, query = rest.partition("?")
    options = _parse_options(text, query) if question else ()
    match scheme:
        case "serial":
            return Address(text, "serial", _serial_port(text, place), options=options)
        case "rfc2217":
            host, port = _host_and_port(text, place)
            return Address(text, "rfc2217", place, host=host, tcp_port=port, options=options)
        case "socket":
            _refuse_options(text, options)
            host, port = _host_and_port(text, place)
            return Address(text, "socket", place, host=host, tcp_port=port)
        case "visa":
            return _parse_visa(text, place, options)
        case "operator":
            if rest != "console":
                raise DefinitionError(f"address '{text}' names no operator", hint="write operator://console")
            return Address(text, "operator", place)
        case "sim" | "sim+visa":
            if scheme != "sim":
                _refuse_options(text, options)
            if not place.strip("/"):
                raise DefinitionError(f"address '{text}' names no simulated instrument")
            return Address(text, "sim" if scheme == "sim" else "sim+visa", place, options=options)
        case _:
            raise DefinitionError(f"address '{text}' begins with '{scheme}://'", hint=f"known are {FORMS}")


def _serial_port(text: str, place: str) -> str:
    if re.fullmatch(r"/[^/].*|COM[1-9]\d*", place):
        return place
    hint = (
        "three slashes: serial:///dev/..."
        if place.startswith("dev/")
        else "serial:///dev/ttyUSB0, serial://COM3"
    )
    raise DefinitionError(f"address '{text}' names no serial port", hint=hint)


def _host_and_port(text: str, place: str) -> tuple[str, int]:
    match = re.fullmatch(r"(\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9_.-]+):(\d{1,5})", place)
    if match is None:
        raise DefinitionError(
            f"address '{text}' is not host:port",
            hint=f"write for example {text.partition('://')[0]}://host:8001",
        )
    return match[1].strip("[]"), _port_number(text, match[2])


def _port_number(text: str, digits: str) -> int:
    port = int(digits)
    if not 1 <= port <= 65535:
        raise DefinitionError(f"port {digits} in address '{text}' is not one of 1 to 65535")
    return port


def _parse_visa(text: str, place: str, options: tuple[tuple[str, str], ...]) -> Address:
    if VISA_SERIAL.fullmatch(place):
        if dict(options).get("handshake", "none") != "none":
            raise DefinitionError(
                f"address '{text}' asks for a handshake, which the VISA back end does not know",
                hint="use serial://",
            )
        return Address(text, "visa", place, options=options)
    if match := VISA_SOCKET.fullmatch(place):
        _refuse_options(text, options)
        _port_number(text, match[2])
        return Address(text, "visa", place)
    raise DefinitionError(
        f"'{place}' in address '{text}' is not a VISA resource that the rig can use",
        hint="ASRL<port>::INSTR and TCPIP::<host>::<port>::SOCKET are",
    )


def _parse_options(text: str, query: str) -> tuple[tuple[str, str], ...]:
    options: dict[str, str] = {}
    for part in query.split("&"):
        key, _, value = part.partition("=")
        if key not in OPTIONS:
            raise DefinitionError(
                f"unknown option '{key}' in address '{text}'", hint=f"known: {', '.join(OPTIONS)}"
            )
        if key in options:
            raise DefinitionError(f"option '{key}' stands twice in address '{text}'")
        if value not in OPTIONS[key]:
            raise DefinitionError(
                f"'{key}={value}' in address '{text}' is not possible",
                hint=f"one of {', '.join(OPTIONS[key])}",
            )
        options[key] = value
    return tuple(sorted(options.items()))


def _refuse_options(text: str, options: tuple[tuple[str, str], ...]) -> None:
    if options:
        raise DefinitionError(f"address '{text}' has '{options[0][0]}=', which only a serial line has")
