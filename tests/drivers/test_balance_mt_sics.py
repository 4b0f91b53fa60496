"""MT-SICS: vectors of the manual, every kind of damage, and an emulator that somebody else wrote."""

from __future__ import annotations

import asyncio
import threading

import pytest
from hypothesis import given
from hypothesis import strategies as st
from mtsics.core.state import ScaleState
from mtsics.profiles import load
from mtsics.protocol.engine import MTSICSEngine
from mtsics.transport.tcp import TCPConfig, TCPTransport

from rig.clock.wall import WallClock
from rig.drivers.balance_mt_sics import (
    MtSicsBalance,
    parse_done,
    parse_reply,
    parse_text,
    parse_weight,
)
from rig.errors import DeviceError, LinkTimeout, ProtocolError
from rig.readings import Identity
from rig.transport.open import open_link

VECTOR = b"S S    12.3456 g\r\n"

# --- parsing --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("line", "mass_g", "stable"),
    [
        (VECTOR, 12.3456, True),
        (b"S S     100.00 g\r\n", 100.0, True),
        (b"S D    -0.0001 g\r\n", -0.0001, False),
        (b"S D -12345.678 g\r\n", -12345.678, False),
        (b"S S          0 g\r\n", 0.0, True),
        (b"S S    12345.6 mg\r\n", 12.3456, True),
        (b"S S  0.0123456 kg\r\n", 12.3456, True),
    ],
)
def test_weights(line, mass_g, stable):
    assert parse_weight(line)[:2] == (mass_g, stable)


@pytest.mark.parametrize("unit", ["lb", "oz", "ct", "ozt", "GN", "dwt", "N", "pcs", "%", "G", "Kg"])
def test_weight_in_another_unit_is_refused(unit):
    with pytest.raises(ProtocolError, match=f"weight in '{unit}': set the balance to g"):
        parse_weight(f"S S    12.3456 {unit}\r\n".encode())


@pytest.mark.parametrize(
    ("line", "code"),
    [
        (b"S I\r\n", "S I"),
        (b"S +\r\n", "S +"),
        (b"S -\r\n", "S -"),
        (b"S L\r\n", "S L"),
        (b"ES\r\n", "ES"),
        (b"ET\r\n", "ET"),
        (b"EL\r\n", "EL"),
    ],
)
def test_refusals_carry_the_balances_own_code(line, code):
    with pytest.raises(DeviceError) as caught:
        parse_weight(line)
    assert caught.value.code == code
    assert caught.value.received == line


@pytest.mark.parametrize(
    "line",
    [
        b"SI S    12.3456 g\r\n",  # the reply to SI begins with S
        b"S S 12.3456 g\r\n",  # not right-justified in 10 characters
        b"S S    12,3456 g\r\n",
        b"S S    12.345. g\r\n",
        b"S S    1 .3456 g\r\n",
        b"S S 12.3456    g\r\n",
        b"S S   +12.3456 g\r\n",
        b"S S        nan g\r\n",
        b"S S    1e-3456 g\r\n",
        b"S S ---------- g\r\n",
        b"S S            g\r\n",
        b"S S    12.3456\r\n",
        b"S S    12.3456 \r\n",
        b"S S    12.3456 g g\r\n",
        b"S A    12.3456 g\r\n",
        b"T S    12.3456 g\r\n",
        b"S S    12.3456 g\n",
        b"S S    12.3456 g\r",
        b"S S    12.3456 g",
        b"\r\n",
        b"",
    ],
)
def test_what_is_no_weight(line):
    with pytest.raises(ProtocolError) as caught:
        parse_weight(line)
    assert caught.value.received == line


def test_truncated_shortened_and_doubled_at_each_byte_is_always_noticed():
    for index in range(len(VECTOR)):
        for damaged in (
            VECTOR[:index],
            VECTOR[:index] + VECTOR[index + 1 :],
            VECTOR[: index + 1] + VECTOR[index:],
        ):
            if damaged != VECTOR:
                with pytest.raises(ProtocolError):
                    parse_weight(damaged)


def test_damaged_at_each_byte_is_noticed_where_a_protocol_without_checksum_can_tell():
    """What slips through is another well-formed weight of the same length: a digit, a sign, S for D. Nothing else."""
    slipped = set()
    for index in range(len(VECTOR)):
        for wrong in set(range(256)) - {VECTOR[index]}:
            damaged = VECTOR[:index] + bytes((wrong,)) + VECTOR[index + 1 :]
            try:
                parse_weight(damaged)
            except (ProtocolError, DeviceError):
                continue
            slipped.add((index, chr(wrong)))
    status = {(2, "D")}
    into_blanks = {(6, digit) for digit in "-0123456789"}
    digits = {(index, digit) for index in (7, 8, 10, 11, 12, 13) for digit in "0123456789"}
    more = {(7, " "), (7, "-")} | {(9, digit) for digit in "0123456789"}
    original = {(index, chr(VECTOR[index])) for index in range(len(VECTOR))}
    assert slipped == (status | into_blanks | digits | more) - original


@given(
    value=st.decimals(-9999, 99999, places=4).map(str).filter(lambda text: len(text) <= 10),
    stable=st.booleans(),
)
def test_any_displayed_value_is_read_exactly(value, stable):
    line = f"S {'S' if stable else 'D'} {value:>10} g\r\n".encode()
    assert parse_weight(line)[:2] == (float(value), stable)


@given(st.binary(max_size=40))
def test_arbitrary_bytes_give_a_typed_error(data):
    for parse in (
        parse_weight,
        lambda line: parse_text(line, "I4"),
        lambda line: parse_done(line, "Z"),
    ):
        with pytest.raises((ProtocolError, DeviceError)):
            parse(data)


@given(st.text(st.characters(min_codepoint=0x20, max_codepoint=0x7E), max_size=40))
def test_arbitrary_text_after_the_name_is_passed_on_or_refused(text):
    line = f"S {text}\r\n".encode()
    try:
        assert parse_reply(line, "S") == text
    except DeviceError as error:
        assert text in {"I", "L", "+", "-"}, error  # noqa: PT017 - it must be one of these


# --- the class, on scripted exchanges -------------------------------------------------------------------------------


def test_identify_first_ends_what_was_running(scripted):
    link = scripted(
        (b"@\r\n", b'.3450 g\r\nS D     1.2346 g\r\nI4 A "B021002593"\r\n'),
        (b"I2\r\n", b'I2 A "XPR205DR Excellence 220.00090 g"\r\n'),
        (b"I4\r\n", b'I4 A "B021002593"\r\n'),
        (b"I3\r\n", b'I3 A "2.10 10.28.0.493.142"\r\n'),
    )
    link.unasked = b"S D     1.2344 g\r\nS D     1.2"
    assert MtSicsBalance(link).identify() == Identity(
        "", "XPR205DR Excellence 220.00090 g", "B021002593", "2.10 10.28.0.493.142"
    )


def test_reading(scripted):
    link = scripted((b"SI\r\n", VECTOR))
    reading = MtSicsBalance(link).read()
    assert (reading.mass_g, reading.stable, reading.raw, reading.t_ns) == (12.3456, True, VECTOR, link.t_ns)


def test_leftovers_of_an_earlier_exchange_are_never_a_reading(scripted):
    link = scripted((b"SI\r\n", VECTOR))
    link.unasked = b"S S    99.9999 g\r\n"
    assert MtSicsBalance(link).read().mass_g == 12.3456


def test_zero_and_stable_weight_wait_for_the_balance(scripted):
    link = scripted((b"Z\r\n", b"Z A\r\n"), (b"S\r\n", VECTOR), (b"S\r\n", b""))
    balance = MtSicsBalance(link)
    balance.zero()
    assert balance.read_stable().mass_g == 12.3456
    before_ns = link.t_ns
    with pytest.raises(LinkTimeout):
        balance.read_stable()
    assert link.t_ns - before_ns >= 60_000_000_000


@pytest.mark.parametrize(("reply", "says"), [(b"Z I\r\n", "not executable"), (b"Z +\r\n", "overload")])
def test_zero_that_is_refused(scripted, reply, says):
    link = scripted((b"Z\r\n", reply))
    with pytest.raises(DeviceError, match=says) as caught:
        MtSicsBalance(link).zero()
    assert (caught.value.address, caught.value.sent, caught.value.received) == (
        "script://device",
        b"Z\r\n",
        reply,
    )


@pytest.mark.parametrize("count", range(len(VECTOR)))
def test_reply_cut_at_each_byte_is_no_reading(scripted, count):
    link = scripted((b"SI\r\n", VECTOR[:count]))
    with pytest.raises(LinkTimeout) as caught:
        MtSicsBalance(link).read()
    assert caught.value.received == VECTOR[:count]


# --- an emulator that somebody else wrote ---------------------------------------------------------------------------


class EmulatorDialect:
    """mt-sics-emulator answers SI with ``SI S ...`` where the manual says ``S S ...``.

    The difference is translated here: the driver stays as strict as the manual.
    """

    def __init__(self, link):
        self._link = link

    def __getattr__(self, name):
        return getattr(self._link, name)

    def read_until(self, terminator, deadline_ns, limit=4096):
        line = self._link.read_until(terminator, deadline_ns, limit)
        return line.replace(b"SI ", b"S ", 1) if line.startswith(b"SI ") else line


@pytest.fixture
def emulator():
    """mt-sics-emulator's XS204 on a TCP port of its own: (its state, the port)."""
    state = ScaleState(config=load("mt-xs204"))
    transport = TCPTransport(MTSICSEngine(state), cfg=TCPConfig(host="127.0.0.1", port=0))
    loop = asyncio.new_event_loop()
    _, port = loop.run_until_complete(transport.start())
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    yield state, port

    async def end():
        await transport.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        await asyncio.wait(others, timeout=2) if others else None

    asyncio.run_coroutine_threadsafe(end(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


@pytest.fixture(params=["socket://127.0.0.1:{}", "visa://TCPIP::127.0.0.1::{}::SOCKET"])
def emulated(request, emulator):
    state, port = emulator
    link = open_link(request.param.format(port), WallClock(), lambda t_ns, direction, data: None)
    yield state, link
    link.close()


def test_emulator_is_read(emulated):
    state, link = emulated
    balance = MtSicsBalance(EmulatorDialect(link))
    identity = balance.identify()
    assert (identity.serial, identity.firmware) == ("B246813579", "2.30")
    for mass_g, stable in ((0.0, True), (12.3456, True), (219.9999, False)):
        state.set_weight(mass_g, stable=stable)
        reading = balance.read()
        assert (reading.mass_g, reading.stable) == (mass_g, stable)
    state.set_weight(1.5, stable=True)
    assert balance.read_stable().mass_g == 1.5
    balance.zero()
    assert balance.read().mass_g == 0.0


def test_emulator_overloaded_and_unstable(emulated):
    state, link = emulated
    balance = MtSicsBalance(EmulatorDialect(link))
    state.set_weight(500.0)
    with pytest.raises(DeviceError, match="overload"):
        balance.read()
    state.set_weight(1.0, stable=False)
    with pytest.raises(DeviceError, match="not executable"):
        balance.zero()


def test_emulator_without_translation_is_refused_as_foreign(emulated):
    _, link = emulated
    with pytest.raises(ProtocolError, match="a reply named 'SI' instead of 'S'"):
        MtSicsBalance(link).read()
