"""pyvisa in virtual time: its own resources, time-outs that cost no waiting, and links at ``sim+visa://`` addresses."""

from __future__ import annotations

import gc

import pytest
import pyvisa
from pyvisa.constants import StatusCode
from pyvisa.errors import VisaIOError
from pyvisa.highlevel import VisaLibraryBase
from pyvisa.resources import MessageBasedResource

from rig.clock import NS_PER_S
from rig.clock.virtual import VirtualClock
from rig.errors import Aborted, DefinitionError, LinkLost, LinkTimeout
from rig.transport.open import open_link
from rig.transport.visa_virtual import virtual_visa

NAME = "TCPIP::meter::5025::SOCKET"
NS_PER_MS = NS_PER_S // 1000


class Meter:
    """Answers ``*IDN?`` at once, ``READ?`` after three seconds, nothing else; sends what a test makes it send."""

    def __init__(self, clock):
        self.clock, self.heard, self.unplugged = clock, b"", False

    def attach(self, send):
        self.send = send

    def receive(self, data):
        if self.unplugged:
            raise OSError("cable pulled")
        self.heard += data
        if b"*IDN?" in data:
            self.send(self.clock.now_ns() + NS_PER_MS, b"maker,model,SIM,1\n")
        elif b"READ?" in data:
            self.send(self.clock.now_ns() + 3 * NS_PER_S, b"+1.5E-05\n")


@pytest.fixture
def virtual():
    return VirtualClock()


@pytest.fixture
def meter(virtual):
    return Meter(virtual)


@pytest.fixture
def manager(virtual, meter):
    manager = pyvisa.ResourceManager(virtual_visa(virtual, {NAME: meter}))
    yield manager
    manager.close()


@pytest.fixture
def resource(manager):
    resource = manager.open_resource(NAME, read_termination="\n", write_termination="\n")
    resource.timeout = 2000
    return resource


@pytest.fixture
def link(virtual, wire, meter):
    link = open_link("sim+visa://SIM-0001/current", virtual, wire, meter)
    yield link
    link.close()


def test_a_query_through_pyvisas_own_resource(resource, meter, virtual):
    assert resource.query("*IDN?") == "maker,model,SIM,1"
    assert meter.heard == b"*IDN?\n"
    assert virtual.now_ns() == NS_PER_MS
    assert resource.query_ascii_values("*IDN?", converter="s")[2] == "SIM"


def test_a_silent_instrument_costs_its_time_out_of_virtual_time_and_none_of_the_walls(resource, virtual):
    resource.timeout = 3_600_000
    with pytest.raises(VisaIOError) as timed_out:
        resource.query("NONSENSE?")
    assert timed_out.value.error_code == StatusCode.error_timeout
    assert virtual.now_ns() == 3600 * NS_PER_S


def test_what_came_too_late_is_there_for_the_next_read(resource, virtual):
    with pytest.raises(VisaIOError):
        resource.query("READ?")
    assert virtual.now_ns() == 2 * NS_PER_S
    assert resource.read() == "+1.5E-05"
    assert virtual.now_ns() == 3 * NS_PER_S


def test_half_a_line_stays_until_the_rest_comes(resource, meter, virtual):
    meter.send(0, b"one\ntw")
    meter.send(5 * NS_PER_S, b"o\n")
    assert resource.read() == "one"
    with pytest.raises(VisaIOError):
        resource.read()
    resource.timeout = None  # without end
    assert resource.read() == "two"
    meter.send(0, b"abcdef")
    assert [resource.read_bytes(2), resource.read_bytes(4)] == [b"ab", b"cdef"]


def test_clearing_throws_away_what_had_come(resource, meter):
    meter.send(0, b"old\n")
    resource.clear()
    assert resource.query("*IDN?").startswith("maker")


def test_resources_by_name(manager):
    assert manager.list_resources("?*::SOCKET") == (NAME,)
    assert manager.open_resource("TCPIP0::meter::5025::SOCKET") is not None
    with pytest.raises(VisaIOError) as refused:
        manager.open_resource("TCPIP::other::5025::SOCKET")
    assert refused.value.error_code == StatusCode.error_resource_not_found
    with pytest.raises(VisaIOError) as refused:
        manager.open_resource("TCPIP::too::many::parts::5025::SOCKET", resource_pyclass=MessageBasedResource)
    assert refused.value.error_code == StatusCode.error_invalid_resource_name


def test_what_a_stream_has_not_is_refused(resource):
    with pytest.raises(VisaIOError) as refused:
        resource.get_visa_attribute(pyvisa.constants.VI_ATTR_ASRL_BAUD)
    assert refused.value.error_code == StatusCode.error_nonsupported_attribute


def test_a_link_reads_to_its_deadline(link, virtual, wire):
    link.write(b"*IDN?\n")
    assert link.read_until(b"\n", 10 * NS_PER_S) == b"maker,model,SIM,1\n"
    assert virtual.now_ns() == NS_PER_MS, "to the nanosecond"
    link.write(b"silence\n")
    with pytest.raises(LinkTimeout):
        link.read_until(b"\n", 60 * NS_PER_S)
    assert 60 * NS_PER_S <= virtual.now_ns() <= 60 * NS_PER_S + 50 * NS_PER_MS
    assert wire.bytes(">") == b"*IDN?\nsilence\n"
    assert wire.bytes("<") == b"maker,model,SIM,1\n"


def test_a_link_discards_what_came_unasked(link, meter, virtual):
    meter.send(0, b"unasked")
    assert link.discard_input() == b"unasked"
    assert link.discard_input() == b""
    assert virtual.now_ns() == 0


def test_an_unplugged_link_is_lost_and_works_again(link, meter, virtual):
    meter.unplugged = True
    with pytest.raises(LinkLost, match="cable pulled"):
        link.write(b"*IDN?\n")
    meter.unplugged = False
    link.write(b"*IDN?\n")
    assert link.read_until(b"\n", NS_PER_S).startswith(b"maker")
    link.close()
    with pytest.raises(LinkLost, match="closed"):
        link.write(b"x")


def test_an_abort_ends_a_wait_in_pyvisa(link, virtual):
    def task():
        link.write(b"READ?\n")
        virtual.abort("operator")
        with pytest.raises(Aborted):
            link.read_until(b"\n", 10 * NS_PER_S)
        link.write(b"*IDN?\n")
        return link.read_until(b"\n", virtual.now_ns() + NS_PER_S)

    assert virtual.run_all([task]) == [b"maker,model,SIM,1\n"]


def test_two_units_side_by_side(virtual, wire):
    def talk(serial):
        def task():
            link = open_link(f"sim+visa://{serial}/current", virtual, wire, Meter(virtual))
            for _ in range(20):
                link.write(b"READ?\n")
                assert link.read_until(b"\n", virtual.now_ns() + 10 * NS_PER_S) == b"+1.5E-05\n"
            link.close()
            return virtual.now_ns()

        return task

    assert virtual.run_all([talk("SIM-0001"), talk("SIM-0002")]) == [60 * NS_PER_S] * 2


def test_closed_links_leave_nothing_behind(virtual, wire):
    gc.collect()
    before = len(VisaLibraryBase._registry)
    for _ in range(5):
        open_link("sim+visa://SIM-0001/current", virtual, wire, Meter(virtual)).close()
    gc.collect()
    assert len(VisaLibraryBase._registry) <= before


def test_such_an_address_needs_virtual_time_and_an_instrument(virtual, clock, wire, meter):
    with pytest.raises(DefinitionError, match="no simulated instrument of this bench"):
        open_link("sim+visa://SIM-0001/current", virtual, wire)
    with pytest.raises(DefinitionError, match="needs virtual time"):
        open_link("sim+visa://SIM-0001/current", clock, wire, meter)
    with pytest.raises(DefinitionError, match="only a serial line has"):
        open_link("sim+visa://SIM-0001/current?baud=9600", virtual, wire, meter)
