"""A simulated operator: reads off what stands in front of them, does as asked, and types the answer.

One for each manual instrument. The questions are those of a person's words, so keywords are what is understood. Plain
attributes: ``name``; ``thinks_s`` from the question to the answer; ``away`` (nobody answers); ``blunders``: answers
typed before the right ones, first to last. Serial numbers read off begin with SIM.

NOT modelled: tiredness, two operators, an answer to the question before.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial

from rig.definitions.instruments import BalanceInstrument
from rig.sim.balances.weighing import Pan, PhysicalBalance, ZeroDrift
from rig.sim.bench_pumps.drive import InfusionDrive
from rig.sim.fluid.densities import air_density_g_ml
from rig.sim.place import Place, Room
from rig.sim.wire.line import NS_PER_S, WorldClock

NOT_UNDERSTOOD = "I do not understand the question"
Answer = Callable[[str], str]


class SimulatedOperator:
    """Answers one question after the other."""

    def __init__(self, clock: WorldClock, answer: Answer) -> None:
        self.clock, self.answer = clock, answer
        self.name, self.thinks_s, self.away = "SIM operator", 4.0, False
        self.blunders: list[str] = []
        self._send: Callable[[int, bytes], None] = lambda _t_ns, _data: None
        self._heard = b""

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self._send = send

    def receive(self, data: bytes) -> None:
        self._heard += data
        while b"\n" in self._heard:
            question, _, self._heard = self._heard.partition(b"\n")
            if self.away:
                continue
            text = question.decode("utf-8", "replace")
            self.clock.call_at(
                self.clock.now_ns() + round(self.thinks_s * NS_PER_S), partial(self._type, text)
            )

    def _type(self, question: str) -> None:
        """What stands there is read when the answer is typed, not when the question comes."""
        answer = self.blunders.pop(0) if self.blunders else self.answer(question)
        self._send(self.clock.now_ns(), f"{self.name}\t{answer}\n".encode())


def balance(place: Place) -> SimulatedOperator:
    """In front of a balance without interface."""
    unit, room, injected = place.world.unit, place.world.room, place.world.injected
    if unit is None or not isinstance(place.file, BalanceInstrument):
        raise TypeError("a balance belongs to a unit")
    immersed = 0.0
    if unit.outlet_diameter_mm is not None and unit.vessel_diameter_mm is not None:
        immersed = unit.outlet_diameter_mm / unit.vessel_diameter_mm
    weighs = PhysicalBalance(
        place.clock,
        Pan(
            place.fluid, air_density_g_ml(room.temperature_c, room.pressure_hpa, room.humidity_pct), immersed
        ),
        place.random("balance noise"),
        ZeroDrift(injected.balance_drift_24h_g, place.random("balance drift")),
        resolution_g=place.file.resolution_g,
        noise_g=injected.balance_noise_g,
        capacity_g=220.0,
    )

    def answer(question: str) -> str:
        if "serial number" in question:
            return place.serial("-B")
        if "show" in question:
            return f"{weighs.net_g():.{weighs.decimals}f} g"
        if "zero" in question:
            return "done" if not weighs.set_zero() else "no"
        return NOT_UNDERSTOOD

    return SimulatedOperator(place.clock, answer)


def environment(place: Place) -> SimulatedOperator:
    """In front of thermometer, hygrometer and barometer."""
    room: Room = place.world.room

    def answer(question: str) -> str:
        shown = {
            "air temperature": f"{room.temperature_c:.1f} degC",
            "relative humidity": f"{room.humidity_pct:.0f} %RH",
            "air pressure": f"{room.pressure_hpa:.0f} hPa",
        }
        return next((text for words, text in shown.items() if words in question), NOT_UNDERSTOOD)

    return SimulatedOperator(place.clock, answer)


class HandWorked(SimulatedOperator):
    """At stopcocks and magnets: ``on`` holds the names of those that are on."""

    def __init__(self, clock: WorldClock) -> None:
        super().__init__(clock, self._work)
        self.on: set[str] = set()

    def _work(self, question: str) -> str:
        match = re.search(r"(?:^|\. )([^.:]+): put it (ON|OFF)", question)
        if match is None:
            return NOT_UNDERSTOOD
        (self.on.add if match[2] == "ON" else self.on.discard)(match[1])
        return "done"


def valves(place: Place) -> HandWorked:
    return HandWorked(place.clock)


class AtThePump(SimulatedOperator):
    """In front of a pump without interface: programs ``drive``, and reads its count off."""

    def __init__(self, clock: WorldClock, drive: InfusionDrive, serial: str) -> None:
        super().__init__(clock, self._work)
        self.drive, self.serial = drive, serial
        self.alarms: list[str] = []
        self._shown_ml = 0.0  # volume of the last bolus
        drive.happened = self.alarms.append

    def _work(self, question: str) -> str:
        if match := re.search(r"continuous rate of ([\d.e+-]+) mL/h", question):
            self.drive.run(float(match[1]) * 1e6)
        elif match := re.search(r"bolus of ([\d.e+-]+) mL over (\d+) s", question):
            self._shown_ml = float(match[1])
            self.drive.run(self._shown_ml * 1e6 * 3600 / int(match[2]), volume_nl=self._shown_ml * 1e6)
        elif "STOP the pump" in question:
            self.drive.stop()
        else:
            return self._read_off(question)
        return "done"

    def _read_off(self, question: str) -> str:
        alarms = dict.fromkeys(alarm for alarm in self.alarms if alarm != "target")
        shown = {
            "serial number": self.serial,
            "holds": "done",  # it has no reservoir that could be told
            "rate does": f"{self.drive.rate_nl_h / 1e6:.9g} mL/h",
            "bolus does": f"{self._shown_ml:.9g} mL",
            "delivered volume": f"{self.drive.infused_nl / 1e6:.6f} mL",
            "alarms": ", ".join(alarms) or "none",
        }
        return next((text for words, text in shown.items() if words in question), NOT_UNDERSTOOD)


def pump(place: Place) -> AtThePump:
    return AtThePump(place.clock, InfusionDrive(place.clock, place.fluid), place.serial())
