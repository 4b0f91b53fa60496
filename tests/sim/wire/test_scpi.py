"""SCPI as an instrument understands it: headers, messages, status, error queue, both dialects, and a real client."""

from __future__ import annotations

import numpy as np
import pytest

from rig.sim.auxiliaries.current_keithley_dmm6500 import SimulatedDmm6500
from rig.sim.auxiliaries.current_keysight_34465a import SimulatedKeysight34465A
from rig.sim.auxiliaries.supply_keithley_2450 import SimulatedKeithley2450
from rig.sim.auxiliaries.valves_scpi import SimulatedSwitchUnit
from rig.sim.wire.scpi import divided, spelled

CLIENT = """
import json, sys
import pyvisa
host, port = sys.argv[1].removeprefix("socket://").split(":")
meter = pyvisa.ResourceManager("@py").open_resource(f"TCPIP::{host}::{port}::SOCKET", open_timeout=5000)
meter.timeout, meter.read_termination = 5000, "\\n"
said = [meter.query("*IDN?")]
for line in sys.argv[2:]:
    if "?" in line:
        said.append(meter.query(line))
    else:
        meter.write(line)  # pyvisa ends it with CR LF
print(json.dumps(said))
"""


def fixed(current_a):
    return lambda: current_a


@pytest.fixture
def keysight(clock, talk_to):
    meter = SimulatedKeysight34465A(clock, fixed(12.5e-6), np.random.default_rng(1))
    return Asked(clock, talk_to(meter), meter)


@pytest.fixture
def keithley(clock, talk_to):
    meter = SimulatedDmm6500(clock, fixed(12.5e-6), np.random.default_rng(1))
    return Asked(clock, talk_to(meter), meter)


@pytest.fixture
def source(clock, talk_to):
    meter = SimulatedKeithley2450(clock, fixed(12.5e-6), np.random.default_rng(1))
    return Asked(clock, talk_to(meter), meter)


@pytest.fixture
def switches(clock, talk_to):
    unit = SimulatedSwitchUnit(clock)
    return Asked(clock, talk_to(unit), unit)


class Asked:
    """Send a message, wait until it is surely answered, tell the answer."""

    def __init__(self, clock, talk, device):
        self.clock, self.talk, self.device = clock, talk, device

    def __call__(self, message, end="\n", wait_s=10):
        self.talk.send((message + end).encode())
        self.clock.sleep_s(wait_s)
        return self.talk.take().decode().removesuffix("\n")


@pytest.mark.parametrize("header", [
    ":SENSE:CURRENT:DC:RANGE", ":SENS:CURR:DC:RANG", ":CURR:RANG", ":CURRENT:RANGE:UPPER", ":SENS1:CURR:RANG:UPP",
])  # fmt: skip
def test_long_and_short_forms_and_what_may_be_left_out(header):
    assert spelled("[:SENSe#]:CURRent[:DC]:RANGe[:UPPer]").fullmatch(header)


@pytest.mark.parametrize(
    "header", [":SENSO:CURR:RANG", ":CURRE:RANG", ":CURR:RANGES", ":SENS2:CURR:RANG", "CURR:RANG"]
)
def test_other_lengths_are_other_words(header):
    assert not spelled("[:SENSe#]:CURRent[:DC]:RANGe[:UPPer]").fullmatch(header)


def test_dividers_in_quotes_and_lists_divide_nothing():
    assert divided('FUNC "A;B";*OPC?', ";") == ['FUNC "A;B"', "*OPC?"]
    assert divided("(@101,102), 'x,y' ,3", ",") == ["(@101,102)", "'x,y'", "3"]


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_either_end_of_a_line(keysight, end):
    assert keysight("*OPC?", end) == "1"


def test_a_message_of_several_units_gets_one_line(keysight):
    assert (
        keysight("CONF:CURR:DC 1E-3;*OPC?;:SENS:CURR:NPLC 1;NPLC?;RANG?")
        == "1;+1.00000000E+00;+1.00000000E-03"
    )
    assert keysight("SYST:ERR?") == '+0,"No error"'


def test_the_path_stays_behind_a_semicolon_and_goes_with_a_colon(keysight):
    assert keysight("SENS:CURR:RANG 1E-4;NPLC 10;:SAMP:COUN 3;*WAI;COUN?") == "+3"
    assert keysight("SENS:CURR:RANG 1E-4;SAMP:COUN 3") == ""
    assert keysight("SYST:ERR?") == '-113,"Undefined header"'


def test_the_error_queue_of_keysight(keysight):
    for message in (
        "VOLTS?",
        "SENS:CURR:RANG 11",
        "SENS:CURR:RANG abc",
        "SAMP:COUN",
        "CONF:CURR:DC 1 parsec",
    ):
        keysight(message)
    assert [keysight("SYSTem:ERRor:NEXT?") for _ in range(6)] == [
        '-113,"Undefined header"', '-222,"Data out of range"', '-104,"Data type error"', '-109,"Missing parameter"',
        '-104,"Data type error"', '+0,"No error"',
    ]  # fmt: skip


def test_the_error_queue_of_keithley(keithley):
    keithley.clock.sleep_until_ns(3_723_250_000_000)
    keithley(":SENS:CURR:RANG 11")
    keithley(":NONSENSE 1")
    assert keithley(":SYST:ERR:COUN?") == "2"
    assert keithley(":SYST:ERR?") == '-222,"Parameter data out of range;1;2026/01/01 01:02:03.250"'
    assert keithley(":SYST:ERR?").startswith('-113,"Undefined header;1;2026/01/01 01:02:13')
    assert keithley(":SYST:ERR?") == '0,"No error;0;0 0"'


def test_a_full_queue_says_so(keysight):
    for _ in range(25):
        keysight("NONSENSE", wait_s=0)
    told = [keysight("SYST:ERR?") for _ in range(21)]
    assert told[:19] == ['-113,"Undefined header"'] * 19
    assert told[19:] == ['-350,"Error queue overflow"', '+0,"No error"']


def test_a_command_error_ends_the_message_and_an_execution_error_does_not(keysight):
    assert keysight("NONSENSE;*OPC?") == ""
    assert keysight("SENS:CURR:RANG 11;*OPC?") == "1"


def test_a_question_interrupted(keysight):
    keysight("CONF:CURR:DC 1E-3")
    keysight("READ?", wait_s=0.1)  # takes 0.2 s
    assert keysight("*OPC?") == "1", "the answer to READ? is thrown away"
    assert keysight("*ESR?") == "+132"  # query error, and power was switched on
    assert keysight("SYST:ERR?") == '-410,"Query INTERRUPTED"'


def test_reading_what_was_not_asked(keysight):
    keysight.device.address_to_talk()
    assert keysight("SYST:ERR?") == '-420,"Query UNTERMINATED"'


def test_events_and_status_byte(keithley):
    assert keithley("*ESR?") == "128"
    assert keithley("*ESR?;*STB?") == "0;0"
    keithley("*ESE 32;*SRE 32;:NONSENSE")
    assert keithley("*STB?") == "100"  # error queue, event summary, service
    assert keithley("*ESR?;*ESE?") == "32;32"
    keithley("*CLS;*OPC")
    assert keithley("*STB?;*ESR?") == "0;1"


def test_keysight_reads_currents(keysight):
    keysight("*RST;*CLS")
    assert keysight("SENS:FUNC?") == '"VOLT"'
    assert keysight("READ?") == "+0.00000000E+00"
    assert float(keysight("MEAS:CURR:DC? DEF,DEF")) == pytest.approx(12.5e-6, abs=1e-8)
    keysight('CONF:CURR:DC 1E-5;:SENS:FUNC "CURR:DC"')
    assert keysight("READ?") == "+9.90000000E+37", "12.5 uA are more than 120 % of 10 uA"
    keysight("CONF:CURR:DC 1E-3;:SAMP:COUN 3")
    assert len(keysight("READ?").split(",")) == 3
    assert keysight("DATA:POIN?") == "+3"
    block = keysight("R? 2")
    assert block.startswith("#231+1.2")
    assert len(block) == 4 + 31
    assert keysight("DATA:POIN?") == "+1"


def test_keysights_triggers(keysight):
    keysight("CONF:CURR:DC 1E-3;:TRIG:SOUR BUS")
    assert keysight("READ?") == ""
    keysight("INIT")
    keysight("INIT")
    assert keysight("FETC?") == ""
    keysight("*TRG")
    assert float(keysight("FETC?")) == pytest.approx(12.5e-6, abs=1e-8)
    assert [keysight("SYST:ERR?")[:4] for _ in range(3)] == ["-214", "-213", "-230"]


@pytest.mark.parametrize(
    ("asked", "set_to"), [("0.3", "+1.00000000E+00"), ("10", "+1.00000000E+01"), ("MAX", "+1.00000000E+02")]
)
def test_settings_become_the_next_possible(keysight, asked, set_to):
    keysight(f"SENS:CURR:NPLC {asked}")
    assert keysight("SENS:CURR:NPLC?") == set_to


@pytest.mark.parametrize(
    ("asked", "range_a"), [("1e-6", 1e-6), ("5 UA", 1e-5), ("2MA", 1e-2), ("4", 10.0), ("DEF", 1.0)]
)
def test_the_range_that_holds_it(keysight, asked, range_a):
    keysight(f"SENS:CURR:RANG {asked}")
    assert float(keysight("SENS:CURR:RANG?")) == range_a


def test_keithley_reads_currents(keithley):
    keithley(':SENS:FUNC "CURR:DC";:SENS:CURR:RANG 1e-05;:SENS:CURR:NPLC 10')
    assert keithley(":SENS:FUNC?;:SENS:CURR:RANG?;NPLC?") == '"CURR:DC";1E-05;10'
    assert keithley(":READ?") == "9.900000E+37"
    keithley(":SENS:CURR:RANG 1e-4;:TRAC:CLE;:SENS:COUN 3")
    assert float(keithley(':READ? "defbuffer1",READ')) == pytest.approx(12.5e-6, abs=1e-9)
    told = keithley(':TRAC:DATA? 1,3,"defbuffer1",READ,REL').split(",")
    assert len(told) == 6
    assert told[1] == "0.000000"
    assert keithley(":TRAC:ACT?") == "3"
    assert keithley(":FETC?").startswith("1.2")
    keithley(":TRAC:DATA? 1,9")
    assert keithley(":SYST:ERR?").startswith("-222")


def test_a_meter_set_to_tsp_refuses_scpi(keithley):
    keithley("*LANG TSP")
    assert keithley("*LANG?") == "TSP"
    assert keithley(":READ?") == ""
    keithley("*LANG SCPI")
    assert keithley(":SYST:ERR?").startswith("-285")


def test_the_source_meter_keeps_what_it_is_told(source):
    source(':SOUR:FUNC VOLT;:SOUR:VOLT:LEV 3.0;ILIM 1e-3;:SENS:FUNC "CURR";:OUTP ON')
    assert source(":SOUR:VOLT?;:SOUR:VOLT:ILIM?;:OUTP?;:SOUR:FUNC?") == "3;0.001;1;VOLT"
    volts, amperes = source(':READ? "defbuffer1",SOUR,READ').split(",")
    assert (float(volts), float(amperes)) == (3.0, pytest.approx(12.5e-6, abs=1e-9))
    assert source(":SOUR:VOLT:ILIM:TRIP?") == "0"
    source(":SOUR:VOLT:ILIM 5e-6")
    assert source(":SOURce1:VOLTage:ILIMit:LEVel:TRIPped?") == "1"
    volts, amperes = source(':READ? "defbuffer1",SOUR,READ').split(",")
    assert (float(volts), float(amperes)) == (pytest.approx(1.2), pytest.approx(5e-6, abs=1e-9))
    source("*RST")
    assert source(":OUTP:STAT?;:SOUR:VOLT:LEV?") == "0;0"
    source(":SOUR:VOLT 211")
    assert source(":SYST:ERR?").startswith("-222")


def test_relays(switches):
    moved = []
    switches.device.moved = lambda channel, closed: moved.append((channel, closed))
    switches("ROUT:CLOS (@101,103:105)")
    assert switches("ROUT:CLOS? (@101:105);:ROUTe:OPEN? (@102)") == "1,0,1,1,1;1"
    switches("ROUT:OPEN (@104)")
    assert switches.device.closed == {101, 103, 105}
    assert moved == [(101, True), (103, True), (104, True), (105, True), (104, False)]
    for message in ("ROUT:CLOS (@901)", "ROUT:CLOS (@121)", "ROUT:CLOS 101", "ROUT:CLOS (@101,999)"):
        switches(message)
    assert [switches("SYST:ERR?").split(",")[0] for _ in range(5)] == ["+111", "+112", "-102", "+111", "+0"]
    assert switches("ROUT:CLOS? (@101)") == "1"
    switches("*RST")
    assert not switches.device.closed


@pytest.fixture
def over_tcp(on_tcp, run_client):
    """Somebody else's client in a process of its own asks over TCP: the identity, then all that is asked."""

    def ask(make, *lines):
        return run_client(CLIENT, on_tcp(make).address, *lines)

    return ask


def test_pyvisa_reads_the_keysight_meter(over_tcp):
    said = over_tcp(
        lambda clock: SimulatedKeysight34465A(clock, fixed(12.5e-6), np.random.default_rng(1)),
        "*RST", "CONF:CURR:DC 1e-3", "SENS:CURR:DC:NPLC 1", "READ?", "CONF?", "SYST:ERR?",
    )  # fmt: skip
    assert said[0] == "Keysight Technologies (simulated),34465A,SIM-34465A,A.03.03-03.15-03.03-00.52-05-02"
    assert float(said[1]) == pytest.approx(12.5e-6, abs=1e-8)
    assert said[2:] == ['"CURR +1.000000E-03,+3.000000E-10"', '+0,"No error"']


def test_pyvisa_sets_the_keithleys(over_tcp):
    said = over_tcp(
        lambda clock: SimulatedKeithley2450(clock, fixed(12.5e-6), np.random.default_rng(1)),
        "*RST", ":SOUR:VOLT 2.8", ":SOUR:VOLT:ILIM 1e-3", ":OUTP ON", ':READ? "defbuffer1",SOUR,READ', ":SYST:ERR?",
    )  # fmt: skip
    assert said[1].startswith("2.800000E+00,1.2")
    assert said[2] == '0,"No error;0;0 0"'
    said = over_tcp(
        lambda clock: SimulatedDmm6500(clock, fixed(12.5e-6), np.random.default_rng(1)),
        "*LANG?", ':SENS:FUNC "CURR:DC"', ":SENS:CURR:RANG 1e-4", ":SENS:CURR:NPLC 1", ":READ?",
    )  # fmt: skip
    assert said[1] == "SCPI"
    assert float(said[2]) == pytest.approx(12.5e-6, abs=1e-9)


def test_pyvisa_switches_relays(over_tcp):
    said = over_tcp(SimulatedSwitchUnit, "ROUT:CLOS (@101)", "ROUT:CLOS? (@101,102)", "SYST:ERR?")
    assert said[1:] == ["1,0", '+0,"No error"']
