"""Addresses are checked to the letter before anything is opened."""

from __future__ import annotations

import pytest

from rig.errors import DefinitionError
from rig.transport.address import Framing, check_address, parse_address


@pytest.mark.parametrize(
    ("text", "kind", "place"),
    [
        ("serial:///dev/ttyUSB0", "serial", "/dev/ttyUSB0"),
        ("serial:///dev/serial/by-id/usb-FTDI_FT232R-if00", "serial", "/dev/serial/by-id/usb-FTDI_FT232R-if00"),
        ("serial://COM3?baud=9600", "serial", "COM3"),
        ("socket://balance.lab:8001", "socket", "balance.lab:8001"),
        ("socket://[::1]:8001", "socket", "[::1]:8001"),
        ("visa://ASRL/dev/pts/3::INSTR?baud=9600", "visa", "ASRL/dev/pts/3::INSTR"),
        ("visa://ASRL3::INSTR", "visa", "ASRL3::INSTR"),
        ("visa://TCPIP::192.168.0.20::8001::SOCKET", "visa", "TCPIP::192.168.0.20::8001::SOCKET"),
        ("visa://TCPIP0::localhost::5025::SOCKET", "visa", "TCPIP0::localhost::5025::SOCKET"),
        ("sim://SN0001/balance", "sim", "SN0001/balance"),
        ("sim://SN0001/balance?baud=1200&bits=7&parity=O", "sim", "SN0001/balance"),
        ("rfc2217://server:4001?baud=1200", "rfc2217", "server:4001"),
    ],
)  # fmt: skip
def test_good_addresses(text, kind, place):
    address = parse_address(text)
    assert (address.kind, address.place) == (kind, place)


def test_what_is_not_written_is_the_drivers_default():
    seven_even = Framing(2400, 7, "E", 2)
    assert parse_address("serial:///dev/ttyS0").framing(seven_even) == seven_even
    written = parse_address("serial:///dev/ttyS0?baud=19200&parity=O").framing(seven_even)
    assert written == Framing(19200, 7, "O", 2)
    assert str(written) == "19200 baud 7O2"


def test_framing_of_an_older_balance():
    written = parse_address("serial:///dev/ttyS0?baud=1200&bits=7&parity=O&handshake=rtscts")
    assert written.framing(Framing()) == Framing(1200, 7, "O", 1, "rtscts")
    assert str(written.framing(Framing())) == "1200 baud 7O1 rtscts"
    assert parse_address("serial:///dev/ttyS0?handshake=none").framing(Framing()) == Framing()


def test_host_and_port():
    address = parse_address("socket://[fe80::1]:65535")
    assert (address.host, address.tcp_port) == ("fe80::1", 65535)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no '://'"),
        ("/dev/ttyUSB0", "no '://'"),
        ("serial:/dev/ttyUSB0", "no '://'"),
        ("usb:///dev/ttyUSB0", "begins with 'usb://'"),
        ("SERIAL:///dev/ttyUSB0", "begins with 'SERIAL://'"),
        ("serial://", "names no serial port"),
        ("serial:///", "names no serial port"),
        ("serial://dev/ttyUSB0", "three slashes"),
        ("serial://COM0", "names no serial port"),
        ("serial:///dev/tty USB0", "contains a space"),
        ("serial:///dev/ttyµ", "outside ASCII"),
        ("serial:///dev/ttyUSB0?", "unknown option ''"),
        ("serial:///dev/ttyUSB0?speed=9600", "unknown option 'speed'"),
        ("serial:///dev/ttyUSB0?baud=9600&baud=9600", "stands twice"),
        ("serial:///dev/ttyUSB0?baud=9601", "'baud=9601'"),
        ("serial:///dev/ttyUSB0?baud=-9600", "'baud=-9600'"),
        ("serial:///dev/ttyUSB0?baud", "'baud='"),
        ("serial:///dev/ttyUSB0?parity=n", "'parity=n'"),
        ("serial:///dev/ttyUSB0?bits=9", "'bits=9'"),
        ("serial:///dev/ttyUSB0?stop=1.5", "'stop=1.5'"),
        ("serial:///dev/ttyUSB0?handshake=cts", "one of none, xonxoff, rtscts"),
        ("visa://ASRL3::INSTR?handshake=xonxoff", "use serial://"),
        ("socket://host:8001?handshake=none", "only a serial line has"),
        ("socket://host", "not host:port"),
        ("socket://:8001", "not host:port"),
        ("socket://host:", "not host:port"),
        ("socket://host:80a", "not host:port"),
        ("socket://host:0", "not one of 1 to 65535"),
        ("socket://host:65536", "not one of 1 to 65535"),
        ("socket://host:8001?baud=9600", "only a serial line has"),
        ("socket://host:8001/path", "not host:port"),
        ("visa://GPIB0::12::INSTR", "not a VISA resource that the rig can use"),
        ("visa://USB0::0x1234::0x5678::SN::INSTR", "not a VISA resource"),
        ("visa://ASRL/dev/ttyUSB0", "not a VISA resource"),
        ("visa://TCPIP::host::99999::SOCKET", "not one of 1 to 65535"),
        ("visa://TCPIP::host::8001::SOCKET?baud=9600", "only a serial line has"),
        ("sim://", "names no simulated instrument"),
        ("sim:pump", "no '://'"),
        ("sim+visa://SN1/pump?baud=9600", "only a serial line has"),
        ("rfc2217://host", "rfc2217://host:8001"),
        ("rfc2217://host:4001?speed=9600", "unknown option"),
    ],
)
def test_bad_addresses_are_refused_with_a_reason(text, says):
    with pytest.raises(DefinitionError) as caught:
        check_address(text)
    assert says in str(caught.value)
