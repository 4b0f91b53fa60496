"""Orders carried out, in this process, on pumps and switches at real lines: what is told, tried again and given up."""

from __future__ import annotations

import socket
import threading
import time

import pytest

from rig.clock.wall import WallClock
from rig.drivers.opening import open_driver
from rig.guard.making_safe import make_safe
from rig.guard.orders import InstrumentOrders, Orders, PumpOrders
from rig.readings import Prescription

RATE_NL_H = 500_000
NOWHERE = InstrumentOrders("pump_rpu1", "serial:///nonexistent/port", None, {})


def pump_orders(serial, instrument, safe_state="stop", switches=None, channel=None, safe_on=True):
    return PumpOrders(serial, instrument, safe_state, switches or {}, channel, safe_on, watched=True)


def on_line(port, driver="pump_rpu1", **arguments):
    return InstrumentOrders(driver, port, None, arguments)


@pytest.fixture
def pump_line(served):
    """The line of a pump that delivers."""
    address = f"serial://{served.bench.parent}/pump"
    driver = open_driver("pump_rpu1", address, None, {}, WallClock(), lambda *_: None)
    driver.program(Prescription("continuous", rate_nl_h=RATE_NL_H))
    driver.close()
    assert served.delivers
    return on_line(address)


@pytest.fixture
def told():
    return []


@pytest.fixture
def made_safe(told):
    def make(*pumps, give_up_s=0.0, clock=None):
        return make_safe(pumps, "a fire", clock or WallClock(), give_up_s, lambda *what: told.append(what))

    return make


class Waited(WallClock):
    """A clock that goes on only when somebody waits, however slow the machine is; its pauses."""

    def __init__(self, *pauses_s):
        super().__init__()
        self.pauses_s = [*pauses_s]

    def now_ns(self):
        return round(sum(self.pauses_s) * 1e9)

    def sleep_s(self, seconds):
        self.pauses_s.append(seconds)


class RelayModule:
    """A relay module at a TCP port: echoes what it is told, and says how its relays are."""

    def __init__(self):
        self.on, self.clients = {}, 0
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"socket://127.0.0.1:{self._listener.getsockname()[1]}"
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self.clients += 1
            with client, client.makefile("rwb") as line:
                while word := b"".join(iter(lambda line=line: line.read(1).strip(b"\r"), b"")):
                    line.write(word + b"\n\r" + self._answer(word.decode()) + b">")
                    line.flush()
            self.clients -= 1

    def _answer(self, word):
        match word.split():
            case ["relay", "read", number]:
                return b"on\n\r" if self.on.get(int(number)) else b"off\n\r"
            case ["relay", state, number]:
                self.on[int(number)] = state == "on"
        return b""

    def close(self):
        self._listener.close()


@pytest.fixture
def relays():
    module = RelayModule()
    yield module
    module.close()


def test_a_pump_at_its_line_is_stopped_and_what_it_said_is_told(served, pump_line, made_safe, told):
    assert made_safe(pump_orders("SN1", pump_line)) == []
    assert not served.delivers
    [(kind, fields)] = told
    assert kind == "pump_safe"
    assert (fields["unit"], fields["safe_state"], fields["attempts"]) == ("SN1", "stop", 1)
    assert 0 < fields["after_ms"] < 10_000
    assert fields["after_ms"] == round(fields["after_ms"], 1)
    assert fields["pump"].keys() == {"mode", "running", "rate_nl_h", "delivered_nl"}
    assert (fields["pump"]["mode"], fields["pump"]["running"]) == ("stop", False)
    assert made_safe(pump_orders("SN1", pump_line)) == []  # its port was let go


def test_how_long_it_took_counts_from_the_order(served, pump_line, made_safe, told):
    assert made_safe(pump_orders("SN1", pump_line), clock=Waited(3600.0)) == []
    assert told[0][1]["after_ms"] == 0.0


def test_the_minimum_rate_is_commanded_where_it_is_the_safe_state(served, pump_line, made_safe, told):
    assert made_safe(pump_orders("SN1", pump_line, "minimum")) == []
    assert served.pump.unit.mode == "MIN"
    assert (told[0][1]["safe_state"], told[0][1]["pump"]["mode"]) == ("minimum", "minimum")


def test_it_is_tried_until_the_time_is_over_and_a_new_reason_is_told_once(made_safe, told):
    clock = Waited()
    assert made_safe(pump_orders("SN1", NOWHERE), give_up_s=4.046, clock=clock) == ["SN1"]
    # at once again, since the port of a killed run is free a moment later; then more and more seldom
    assert clock.pauses_s == [
        0.002,
        0.004,
        0.008,
        0.016,
        0.032,
        0.064,
        0.128,
        0.256,
        0.512,
        1.0,
        1.0,
        1.0,
        1.0,
    ]
    assert [kind for kind, _ in told] == ["pump_not_safe_yet", "pump_unsafe"]
    (_, first), (_, last) = told
    assert first["unit"] == last["unit"] == "SN1"
    assert "/nonexistent/port" in first["because"]
    assert last["because"] == first["because"]
    assert last["attempts"] == 14
    assert last["hint"] == "go and look at this pump"


def test_without_patience_there_is_one_attempt(made_safe, told):
    assert made_safe(pump_orders("SN1", NOWHERE)) == ["SN1"]
    assert told[-1][1]["attempts"] == 1


def test_one_that_cannot_be_reached_keeps_no_other_waiting(served, pump_line, made_safe, told):
    pumps = [
        pump_orders("SN1", NOWHERE),
        pump_orders("SN2", pump_line),
        pump_orders("SN3", NOWHERE),
    ]
    assert made_safe(*pumps) == ["SN1", "SN3"]
    assert not served.delivers
    assert sorted((kind, fields["unit"]) for kind, fields in told) == [
        ("pump_not_safe_yet", "SN1"),
        ("pump_not_safe_yet", "SN3"),
        ("pump_safe", "SN2"),
        ("pump_unsafe", "SN1"),
        ("pump_unsafe", "SN3"),
    ]


def test_a_pump_worked_by_a_person_is_given_up_at_once_with_the_hint_to_go(made_safe, told):
    by_hand = InstrumentOrders("pump_manual", "operator:", None, {"what": "nothing that the driver takes"})
    assert made_safe(pump_orders("SN1", by_hand), give_up_s=60.0) == ["SN1"]
    assert [kind for kind, _ in told] == ["pump_not_safe_yet", "pump_unsafe"]
    assert told[-1][1]["attempts"] == 1
    assert told[-1][1]["hint"] == "a person works this pump: go and stop it"


def test_a_mistake_in_a_driver_is_told_by_its_kind_and_tried_again(pump_line, made_safe, told):
    wrong = InstrumentOrders(pump_line.driver, pump_line.address, None, {"nonsense": 1})
    assert made_safe(pump_orders("SN1", wrong), give_up_s=0.006, clock=Waited()) == ["SN1"]
    assert told[0][1]["because"].startswith("TypeError: ")
    assert told[-1][1]["attempts"] == 3  # at 0, 2 and 6 ms: to the very end


@pytest.mark.parametrize("safe_on", [True, False])
def test_a_valve_is_switched_whether_or_not_the_pump_is_there(relays, made_safe, told, safe_on):
    switches = {"valves": on_line(relays.address, "valves_gpio_serial")}
    assert made_safe(pump_orders("SN1", NOWHERE, "divert", switches, 3, safe_on)) == []
    assert relays.on == {3: safe_on}
    until = time.monotonic() + 20
    while relays.clients and time.monotonic() < until:
        time.sleep(0.005)
    assert relays.clients == 0  # its line was let go
    assert (told[0][0], told[0][1]["safe_state"], told[0][1]["pump"]) == ("pump_safe", "divert", None)


def test_a_relay_that_cuts_the_power_is_left_alone_for_a_pump_that_stops(
    served, relays, pump_line, made_safe
):
    switches = {"valves": on_line(relays.address, "valves_gpio_serial")}
    assert made_safe(pump_orders("SN1", pump_line, "stop", switches, 3)) == []
    assert relays.on == {}
    assert not served.delivers


def test_a_valve_that_is_gone_is_told(relays, made_safe, told):
    relays.close()
    gone = {"valves": InstrumentOrders("valves_gpio_serial", "serial:///nonexistent/board", None, {})}
    assert made_safe(pump_orders("SN1", NOWHERE, "divert", gone, 3)) == ["SN1"]
    assert "/nonexistent/board" in told[0][1]["because"]


def test_orders_come_out_of_their_line_as_they_went_in():
    relay = InstrumentOrders("valves_gpio_serial", "serial:///dev/ttyS1", 2, {"answer_within_s": 1.5})
    pumps = (
        PumpOrders("SN1", relay, "divert", {"valves": relay}, 3, False, watched=True, taken_over=True),
        PumpOrders("SN2", NOWHERE, "stop", {}, None, True, watched=False),
    )
    orders = Orders("line-3", "/var/tmp/locks", "/runs", 4711, 2.5, pumps)
    line = orders.to_line()
    assert line.endswith(b"\n")
    assert line.count(b"\n") == 1
    assert Orders.from_line(line) == orders
    assert str(orders.lock_folder_path) == "/var/tmp/locks"


def test_orders_of_before_know_no_pump_that_is_taken_over():
    assert PumpOrders("SN1", NOWHERE, "stop", {}, None, True, watched=True).taken_over is False
