"""Simulated analytical balance that speaks MT-SICS (Mettler-Toledo reference manuals 11780711 and 30324923).

Commands: @ I0 I1 I2 I3 I4 I10 I11 S SI SIR SIU SIRU SNR Z ZI T TI TA TAC C3 M28 WS UPD PWR; ASCII lines
ended CR LF. Errors: ``ES`` unknown command or wrong syntax, ``<id> L`` wrong parameter, ``<id> I`` not
executable now.

The display: air buoyancy and immersed outlet (see :class:`Pan`), zero drift (random walk), repeatability,
settling after a disturbance, resolution. A disturbance, or a load that changes by more than
``stable_digits`` in a second, makes the reading dynamic.

NOT modelled: linearity and sensitivity errors unless set (``sensitivity_error``), temperature drift, the
filter's delay, tilt, ``ET``, parity and handshake, units other than g, keys and menus, weight limits in
``SNR``'s argument other than in g, the argument of ``I0`` lists of optional packages. ``I1``, ``M28``,
``UPD`` and ``PWR`` answers follow the manual's form from memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rig.sim.fluid import DAY_S, FluidPath
from rig.sim.line import NS_PER_S, SerialLine, WorldClock

DRIFT_STEP_S = 60


@dataclass
class Pan:
    """What the load cell feels of the vessel.

    apparent mass = m (1 - air/water) / (1 - air/8.0) / (1 - (outlet/vessel)^2): weighed in air against
    steel weights (OIML R 111-1, 8 g/mL); a tube that dips into the vessel displaces the more water the
    higher it stands.
    """

    fluid: FluidPath
    air_density_g_ml: float = 0.0012
    outlet_to_vessel: float = 0.0  # ratio of diameters; 0 = not immersed

    def apparent_g(self, t_ns: int) -> float:
        air, water = self.air_density_g_ml, self.fluid.density_g_ml
        buoyancy = (1 - air / water) / (1 - air / 8.0)
        return float(self.fluid.vessel_g(t_ns)[0]) * buoyancy / (1 - self.outlet_to_vessel**2)

    def rate_g_s(self, t_ns: int) -> float:
        """About how fast the load changes."""
        return float(self.fluid.flow_nl_s(t_ns)[0]) * 1e-6


class ZeroDrift:
    """A random walk with standard deviation ``sd_24h_g`` after 24 h, whoever looks at it and when."""

    def __init__(self, sd_24h_g: float, random: np.random.Generator) -> None:
        self.sd_24h_g, self._random = sd_24h_g, random
        self._walk = np.zeros(1)  # in steps of sd 1, each DRIFT_STEP_S

    def at_g(self, t_ns: int) -> float:
        position = t_ns / (DRIFT_STEP_S * NS_PER_S)
        step = int(position)
        while step + 1 >= len(self._walk):
            walk = self._walk[-1] + np.cumsum(self._random.standard_normal(1440))
            self._walk = np.concatenate((self._walk, walk))
        here, there = self._walk[step], self._walk[step + 1]
        size = self.sd_24h_g * math.sqrt(DRIFT_STEP_S / DAY_S)
        return float(size * (here + (there - here) * (position - step)))


class SimulatedBalance:
    """A balance with one host. Plain attributes: all without underscore; ``stuck`` freezes the display."""

    def __init__(
        self,
        clock: WorldClock,
        pan: Pan,
        random: np.random.Generator,
        drift: ZeroDrift,
        *,
        serial: str = "SIM-B",
        resolution_g: float = 0.00001,
        noise_g: float = 0.0,
        capacity_g: float = 220.0,
        baud: int = 9600,
    ) -> None:
        self.clock, self.pan, self.drift = clock, pan, drift
        self.line = SerialLine(clock, baud)
        self.serial, self.balance_id = serial, ""
        self.model = "infusion-rig simulated MT-SICS balance"
        self.firmware = "1.00"
        self.resolution_g, self.noise_g, self.capacity_g = resolution_g, noise_g, capacity_g
        self.zero_range_g = 0.02 * capacity_g  # Z beyond it: "Z +" (the usual 2 % of the capacity)
        self.sensitivity_error = 0.0
        self.update_s = 0.1
        self.processing_s = 0.005
        self.settling_s = 0.8  # time constant after a disturbance
        self.stable_digits = 5.0
        self.stability_timeout_s = 40.0
        self.adjustment_s = 120.0
        self.temperature_c = 20.0
        self.stuck = False
        self.offset_g = 0.0
        self.tare_g = 0.0
        self._zero_g = 0.0
        self._random = random
        self._disturbed: tuple[int, float] | None = None  # when, by how much
        self._tick, self._displayed_g = -1, 0.0
        self._buffer = b""
        self._waiting = ""  # a command that waits for a stable reading, or C3
        self._task = 0  # number of the waiting or repeating command; changes when it is over
        self._repeating = False
        self._commands: dict[str, tuple[int, Callable[[list[str]], None]]] = {
            "@": (0, self._cancel), "I0": (0, self._list_commands), "I1": (0, self._level),
            "I2": (0, self._data), "I3": (0, self._software), "I4": (0, self._serial_number),
            "S": (0, self._stable), "SI": (0, self._immediate), "SIR": (0, self._repeat), "Z": (0, self._zero),
            "ZI": (0, self._zero_now), "T": (1, self._tare), "TI": (1, self._tare_now),
            "TA": (1, self._tare_value), "TAC": (1, self._tare_clear),
            "SIU": (2, self._immediate), "SIRU": (2, self._repeat), "SNR": (2, self._on_change),
            "I10": (2, self._identification), "I11": (2, self._type), "C3": (2, self._adjust),
            "M28": (2, self._temperature), "WS": (2, self._draft_shield), "UPD": (2, self._update_rate),
            "PWR": (2, self._power),
        }  # fmt: skip

    # The load cell

    def disturb(self, step_g: float) -> None:
        """A bump: the zero shifts by ``step_g`` for good, and the reading takes a while to show it."""
        self._disturbed = (self.clock.now_ns(), step_g)
        self.offset_g += step_g

    def gross_g(self) -> float:
        """What the load cell shows now, noise included; one value for each update."""
        tick = self.clock.now_ns() // round(self.update_s * NS_PER_S)
        if self.stuck or tick == self._tick:
            return self._displayed_g
        self._tick = tick
        t_ns = tick * round(self.update_s * NS_PER_S)
        load = self.pan.apparent_g(t_ns) * (1 + self.sensitivity_error) + self.offset_g
        if self._disturbed is not None:
            since_s = max(0.0, (t_ns - self._disturbed[0]) / NS_PER_S)
            load -= self._disturbed[1] * math.exp(-since_s / self.settling_s)
        noise = self.noise_g * float(self._random.standard_normal())
        self._displayed_g = load + self.drift.at_g(t_ns) + noise
        return self._displayed_g

    def is_stable(self) -> bool:
        now_ns = self.clock.now_ns()
        if self._disturbed is not None and now_ns - self._disturbed[0] < 5 * self.settling_s * NS_PER_S:
            return False
        return abs(self.pan.rate_g_s(now_ns)) <= self.stable_digits * self.resolution_g or self.stuck

    def _net_g(self) -> float:
        return round((self.gross_g() - self._zero_g - self.tare_g) / self.resolution_g) * self.resolution_g

    # Lines

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        self.line.heard(data)
        *lines, self._buffer = (self._buffer + data).split(b"\n")
        self._buffer = self._buffer[-256:]
        for line in lines:
            self._execute(line.rstrip(b"\r").decode("latin-1"))

    def _say(self, text: str) -> None:
        self.line.answer(text.encode("latin-1") + b"\r\n", self.processing_s)

    def _execute(self, text: str) -> None:
        name, *rest = text.split(" ", 1)
        arguments = rest[0].split(" ") if rest else []
        if name not in self._commands:
            self._say("ES")
        elif self._waiting and name != "@":
            self._say(f"{self._reply_id(name)} I")  # busy with another command
        else:
            if self._repeating and name[0] in "S@":  # SIR goes on until one of these
                self._repeating, self._task = False, self._task + 1
            self._commands[name][1](arguments)

    @staticmethod
    def _reply_id(name: str) -> str:
        return "S" if name in ("S", "SI", "SIR", "SIU", "SIRU", "SNR") else name

    def _weight(self, identity: str, value_g: float, *, stable: bool) -> str:
        decimals = max(0, -math.floor(math.log10(self.resolution_g) + 1e-9))
        return f"{identity} {'S' if stable else 'D'} {value_g + 0.0:10.{decimals}f} g"

    def _reading(self) -> str:
        gross = self.gross_g() - self._zero_g
        if gross > self.capacity_g:
            return "S +"
        if gross < -self.capacity_g / 2:
            return "S -"
        return self._weight("S", self._net_g(), stable=self.is_stable())

    # Waiting and repeating

    def _when_stable(self, name: str, act: Callable[[], None]) -> None:
        """Do ``act`` at the first stable reading, or answer I at the time-out."""
        self._task += 1
        self._waiting = name
        task = self._task
        limit_ns = self.clock.now_ns() + round(self.stability_timeout_s * NS_PER_S)

        def look() -> None:
            if task != self._task:
                return
            if self.is_stable():
                self._waiting = ""
                act()
            elif self.clock.now_ns() >= limit_ns:
                self._waiting = ""
                self._say(f"{name} I")
            else:
                self._later(self.update_s, look)

        look()

    def _every_update(self, act: Callable[[], None]) -> None:
        self._task += 1
        self._repeating = True
        task = self._task

        def again() -> None:
            if task == self._task:
                act()
                self._later(self.update_s, again)

        again()

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        self.clock.call_at(self.clock.now_ns() + round(seconds * NS_PER_S), act)

    # Commands

    def _cancel(self, arguments: list[str]) -> None:
        self._waiting, self._repeating, self._task = "", False, self._task + 1
        self._serial_number(arguments)

    def _list_commands(self, _arguments: list[str]) -> None:
        names = sorted(self._commands.items(), key=lambda item: (item[1][0], item[0]))
        for index, (name, (level, _)) in enumerate(names):
            self._say(f'I0 {"A" if index == len(names) - 1 else "B"} {level} "{name}"')

    def _level(self, _arguments: list[str]) -> None:
        self._say('I1 A "012" "2.30" "2.22" "2.33" ""')

    def _data(self, _arguments: list[str]) -> None:
        decimals = max(0, -math.floor(math.log10(self.resolution_g) + 1e-9))
        self._say(f'I2 A "{self.model} {self.capacity_g:.{decimals}f} g"')

    def _software(self, _arguments: list[str]) -> None:
        self._say(f'I3 A "{self.firmware} 0.0.0.0"')

    def _serial_number(self, _arguments: list[str]) -> None:
        self._say(f'I4 A "{self.serial}"')

    def _identification(self, arguments: list[str]) -> None:
        if not arguments:
            self._say(f'I10 A "{self.balance_id}"')
            return
        text = " ".join(arguments)
        if len(text) < 2 or text[0] != '"' or text[-1] != '"' or len(text) > 22:
            self._say("I10 L")
            return
        self.balance_id = text[1:-1]
        self._say("I10 A")

    def _type(self, _arguments: list[str]) -> None:
        self._say('I11 A "simulated"')

    def _stable(self, arguments: list[str]) -> None:
        if arguments:
            self._say("S L")
        else:
            self._when_stable("S", lambda: self._say(self._reading()))

    def _immediate(self, arguments: list[str]) -> None:
        self._say("S L" if arguments else self._reading())

    def _repeat(self, _arguments: list[str]) -> None:
        self._every_update(lambda: self._say(self._reading()))

    def _on_change(self, arguments: list[str]) -> None:
        try:
            threshold_g = float(arguments[0]) if arguments else 30 * self.resolution_g
        except ValueError:
            self._say("S L")
            return
        last_g = math.inf

        def look() -> None:
            nonlocal last_g
            if self.is_stable() and abs(self._net_g() - last_g) >= threshold_g:
                last_g = self._net_g()
                self._say(self._reading())

        self._every_update(look)

    def _set_zero(self) -> str:
        gross = self.gross_g()
        if abs(gross) > self.zero_range_g:
            return "+" if gross > 0 else "-"
        self._zero_g, self.tare_g = gross, 0.0
        return ""

    def _zero(self, _arguments: list[str]) -> None:
        self._when_stable("Z", lambda: self._say(f"Z {self._set_zero() or 'A'}"))

    def _zero_now(self, _arguments: list[str]) -> None:
        self._say(f"ZI {self._set_zero() or ('S' if self.is_stable() else 'D')}")

    def _set_tare(self, name: str) -> None:
        net = self.gross_g() - self._zero_g
        if not 0 <= net + self.resolution_g <= self.capacity_g:
            self._say(f"{name} {'+' if net > 0 else '-'}")
            return
        self.tare_g = net
        self._say(self._weight(name, net, stable=self.is_stable()))

    def _tare(self, _arguments: list[str]) -> None:
        self._when_stable("T", lambda: self._set_tare("T"))

    def _tare_now(self, _arguments: list[str]) -> None:
        self._set_tare("TI")

    def _tare_value(self, arguments: list[str]) -> None:
        if arguments:
            try:
                value_g = float(arguments[0])
            except ValueError:
                value_g = math.nan
            if len(arguments) != 2 or arguments[1] != "g" or not 0 <= value_g <= self.capacity_g:
                self._say("TA L")
                return
            self.tare_g = value_g
        self._say(self._weight("TA", self.tare_g, stable=True).replace("TA S", "TA A", 1))

    def _tare_clear(self, _arguments: list[str]) -> None:
        self.tare_g = 0.0
        self._say("TAC A")

    def _adjust(self, _arguments: list[str]) -> None:
        """Internal adjustment: takes minutes, puts the sensitivity right."""
        self._task += 1
        self._waiting = "C3"
        task = self._task
        self._say("C3 B")

        def finish() -> None:
            if task == self._task:
                self._waiting, self.sensitivity_error = "", 0.0
                self._say("C3 A")

        self._later(self.adjustment_s, finish)

    def _temperature(self, _arguments: list[str]) -> None:
        self._say(f"M28 A 1 {self.temperature_c:.1f}")

    def _update_rate(self, arguments: list[str]) -> None:
        if not arguments:
            self._say(f"UPD A {1 / self.update_s:.3f}")
            return
        try:
            rate_hz = float(arguments[0])
        except ValueError:
            rate_hz = math.nan
        if not 0.1 <= rate_hz <= 92:
            self._say("UPD L")
            return
        self.update_s = 1 / rate_hz
        self._say("UPD A")

    def _draft_shield(self, arguments: list[str]) -> None:
        self._say("WS A" if arguments and arguments[0] in ("0", "1", "2", "3") else "WS L")

    def _power(self, arguments: list[str]) -> None:
        self._say("PWR A" if arguments and arguments[0] in ("0", "1") else "PWR L")
