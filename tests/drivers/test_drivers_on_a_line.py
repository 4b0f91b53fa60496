"""Each driver on a pseudo-terminal, with the plug pulled after each byte of the instrument's reply."""

from __future__ import annotations

import os
import threading
import tty

import pytest

from rig.clock.wall import WallClock
from rig.drivers.balance_mt_sics import MtSicsBalance
from rig.drivers.balance_sartorius_sbi import SartoriusSbiBalance
from rig.drivers.bath_julabo import JulaboBath
from rig.drivers.current_keysight_34465a import Keysight34465A
from rig.drivers.environment_vaisala_ptu300 import VaisalaPtu300
from rig.drivers.flow_bronkhorst_propar import BronkhorstPropar
from rig.drivers.flow_sensirion_scc1 import SensirionScc1
from rig.drivers.pump_alaris import AlarisPump
from rig.drivers.pump_fresenius import FreseniusPump
from rig.drivers.pump_harvard_chain import HarvardChainPump
from rig.drivers.pump_harvard_ultra import HarvardUltraPump
from rig.drivers.pump_new_era import NewEraPump
from rig.drivers.pump_rpu1 import Rpu1Pump
from rig.drivers.valves_gpio_serial import GpioSerialValves
from rig.errors import LinkLost
from rig.transport.open import open_link


def in_session(pump, flag):
    """A pump whose session is open already, so that one exchange is the whole of it."""
    setattr(pump, flag, True)
    return pump


EXCHANGES = {
    "pump new era": (
        lambda link: (
            in_session(NewEraPump(link, syringe_diameter_mm=14.43), "_session_open").identify().model
        ),
        b"0VER\r",
        b"\x0200SNE1000V3.923\x03",
        "NE1000",
    ),
    "pump harvard ultra": (
        lambda link: (
            in_session(HarvardUltraPump(link, syringe_diameter_mm=14.43), "_polled").identify().model
        ),
        b"version\r\n",
        b"\n11 ELITE\r\n:\x11",
        "11 ELITE",
    ),
    "pump harvard chain": (
        lambda link: HarvardChainPump(link, 3, syringe_diameter_mm=14.43).identify().firmware,
        b"03VER\r",
        b"\r\n33V2.0\r\n03:",
        "2.0",
    ),
    "pump fresenius": (
        lambda link: in_session(FreseniusPump(link, 1), "_session_open").identify().model,
        b"\x021LF;b9F\x03",
        b"\x06\x021C;bX96\x03",
        "X",
    ),
    "pump alaris": (
        lambda link: AlarisPump(link).identify().serial,
        b"!INST_SERIALNO|457D\r",
        b"!INST_SERIALNO^8002-51740|050B\r",
        "8002-51740",
    ),
    "bath": (
        lambda link: JulaboBath(link).identify().firmware,
        b"version\r",
        b"CORIO CD 2.3\r\n",
        "CORIO CD 2.3",
    ),
    "current": (
        lambda link: Keysight34465A(link).identify().serial,
        b"*CLS\n*IDN?\n",
        b"Keysight Technologies,34465A,MY54500123,A.02.14\n",
        "MY54500123",
    ),
    "environment": (
        lambda link: VaisalaPtu300(link).read().values["air_pressure_hpa"],
        b"SEND\r",
        b"SEND\r\nP= 1013.2 hPa T= 31.1 'C RH= 38.3 %RH\r\n",
        1013.2,
    ),
    "valves": (
        lambda link: GpioSerialValves(link).is_on(0),
        b"relay read 0\r",
        b"relay read 0\n\ron\n\r>",
        True,
    ),
    "pump": (
        lambda link: Rpu1Pump(link).identify().serial,
        "> 01 00 ID",
        "< 01 00 OK MAKER=A MODEL=B SERIAL=C-1 FW=1 PROTO=1 LEVEL=1",
        "C-1",
    ),
    "balance sbi": (
        lambda link: SartoriusSbiBalance(link).read().mass_g,
        b"\x1bP\r\n",
        b"N     +  12.3456 g  \r\n",
        12.3456,
    ),
    "balance": (lambda link: MtSicsBalance(link).read().mass_g, b"SI\r\n", b"S S    12.3456 g\r\n", 12.3456),
    "flow propar": (
        lambda link: BronkhorstPropar(link, 3).start(1.0),
        b":0703040160017F07\r\n",
        b":0C0302016007" + b"ml/h   ".hex().upper().encode() + b"\r\n",
        None,
    ),
    "flow propar binary": (
        lambda link: BronkhorstPropar(link, 16, binary=True).start(1.0),
        bytes.fromhex("10 02 01 10 10 06 04 01 60 01 7F 07 10 03"),
        bytes.fromhex("10 02 01 10 10 0B 02 01 60 07") + b"ml/h   " + bytes.fromhex("10 03"),
        None,
    ),
    "flow": (
        lambda link: SensirionScc1(link).stop(),
        bytes.fromhex("7E 00 34 00 CB 7E"),
        bytes.fromhex("7E 00 34 00 00 CB 7E"),
        None,
    ),
}


@pytest.fixture(params=sorted(EXCHANGES))
def exchange(request, rpu1_line):
    """Ask, the bytes that must then be sent, the reply, and what it says."""
    ask, sent, reply, value = EXCHANGES[request.param]
    if isinstance(sent, str):
        sent, reply = rpu1_line(sent), rpu1_line(reply)
    return ask, sent, reply, value


def ask_over_pty(exchange, count):
    """Carry out the exchange with only the first ``count`` bytes of the reply, after which the plug is pulled."""
    ask, sent, reply, _ = exchange
    master, slave = os.openpty()
    tty.setraw(slave)
    done = threading.Event()

    def instrument():
        heard = b""
        while len(heard) < len(sent):
            heard += os.read(master, 100)
        assert heard == sent
        os.write(master, reply[:count])
        if count == len(reply):
            done.wait(5)
        os.close(slave)
        os.close(master)

    link = open_link(f"serial://{os.ttyname(slave)}", WallClock(), lambda t_ns, direction, data: None)
    thread = threading.Thread(target=instrument)
    thread.start()
    try:
        return ask(link)
    finally:
        done.set()
        thread.join()
        link.close()


def test_whole_reply(exchange):
    *_, reply, value = exchange
    assert ask_over_pty(exchange, len(reply)) == value


def test_unplugged_after_each_byte(exchange):
    for count in range(len(exchange[2])):
        with pytest.raises(LinkLost):
            ask_over_pty(exchange, count)
