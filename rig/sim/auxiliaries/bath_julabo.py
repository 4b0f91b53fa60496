"""Simulated bath thermostat of Julabo (operating manuals of CORIO CD, MAGIO MX, Economy FL and CF: interface
commands).

Commands end with CR, replies with LF; ``in_pv_00`` tells the temperature, ``in_sp_00`` the set point, ``in_mode_05``
whether it runs; ``out_sp_00 37.00`` and ``out_mode_05 1`` set them and are not answered; ``version``, ``status``.
``out`` commands are taken in remote control only, and what comes within 250 ms of one is lost. Whether one was taken,
only ``status`` tells: ``03 REMOTE START`` and the like, or ``-08 INVALID COMMAND``, ``-09``, ``-10``, ``-11``,
``-13`` once, or an alarm for as long as it lasts.

While it runs, the bath goes to its set point as a first-order lag of ``time_constant_s``; at rest to the room's
temperature as one of ``loss_time_s``. It is met as an operator leaves it: running, settled, in remote control.

From memory, to be confirmed at a real bath: that an error is told by ``status`` once, and that a later command in
order does not clear it.

NOT modelled: heating and cooling power, overshoot, external sensors, warning limits, control parameters, addresses of
RS-485, the handshake; the way the pumps' temperature follows the set point (it is there at once).
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from rig.sim.wire.line import NS_PER_S, SerialLine, WorldClock

PAUSE_NS = NS_PER_S // 4  # after an out command
LONGEST_COMMAND = 80
INVALID = "-08 INVALID COMMAND"
NOT_ALLOWED = "-09 COMMAND NOT ALLOWED IN CURRENT OPERATING MODE"
TOO_SMALL, TOO_LARGE = "-10 VALUE TOO SMALL", "-11 VALUE TOO LARGE"
OUTSIDE_LIMITS = "-13 VALUE EXCEEDS TEMPERATURE LIMITS"


class SimulatedJulabo:
    """A bath. Plain attributes: ``setpoint_c``, ``running``, ``remote`` (else its keys rule), ``lowest_c`` and
    ``highest_c`` (what it can do), ``low_limit_c`` and ``high_limit_c`` (what its user allows), ``time_constant_s``,
    ``loss_time_s``, ``alarm`` (such as "-01 LOW LEVEL ALARM": the bath rests), ``version``, ``processing_s``,
    ``silent``, ``warms``: told a new set point; faults of the line in ``line``.
    """

    def __init__(
        self,
        clock: WorldClock,
        room_c: Callable[[], float],
        *,
        setpoint_c: float = 20.0,
        baud: int = 4800,
    ) -> None:
        self.warms: Callable[[float], None] = lambda _temperature_c: None
        self.clock, self.line, self.room_c = clock, SerialLine(clock, baud, "7E1"), room_c
        self.version = "SIMULATED CORIO CD V 1.0"
        self.lowest_c, self.highest_c = -20.0, 150.0
        self.low_limit_c, self.high_limit_c = -20.0, 150.0
        self.time_constant_s, self.loss_time_s = 600.0, 7200.0
        self.remote, self.silent, self.processing_s = True, False, 0.02
        self._setpoint_c, self._running, self._alarm = setpoint_c, True, ""
        self._then_c, self._then_ns = setpoint_c, clock.now_ns()
        self._error = ""
        self._deaf_until_ns = -1
        self._input = ""
        self._questions: dict[str, Callable[[], str]] = {
            "version": lambda: self.version,
            "status": self._status,
            "in_pv_00": lambda: f"{self.temperature_c:.2f}",
            "in_sp_00": lambda: f"{self._setpoint_c:.2f}",
            "in_mode_05": lambda: str(int(self._running)),
        }

    # The bath

    @property
    def temperature_c(self) -> float:
        """Now."""
        heats = self._running and not self._alarm
        goal_c, tau_s = (
            (self._setpoint_c, self.time_constant_s) if heats else (self.room_c(), self.loss_time_s)
        )
        passed_s = (self.clock.now_ns() - self._then_ns) / NS_PER_S
        return goal_c + (self._then_c - goal_c) * math.exp(-passed_s / tau_s)

    @temperature_c.setter
    def temperature_c(self, temperature_c: float) -> None:
        self._then_c, self._then_ns = temperature_c, self.clock.now_ns()

    @property
    def setpoint_c(self) -> float:
        return self._setpoint_c

    @setpoint_c.setter
    def setpoint_c(self, temperature_c: float) -> None:
        self.temperature_c = self.temperature_c
        self._setpoint_c = temperature_c
        self.warms(temperature_c)

    @property
    def running(self) -> bool:
        return self._running

    @running.setter
    def running(self, running: bool) -> None:
        self.temperature_c = self.temperature_c
        self._running = running

    @property
    def alarm(self) -> str:
        return self._alarm

    @alarm.setter
    def alarm(self, text: str) -> None:
        self.temperature_c = self.temperature_c
        self._alarm = text

    # Commands in, lines out

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        *commands, self._input = (self._input + data.decode("latin-1").replace("\n", "")).split("\r")
        self._input = self._input[-LONGEST_COMMAND:]
        for command in commands:
            if self.silent or self.clock.now_ns() < self._deaf_until_ns:
                continue
            answer = self._carry_out(command.strip().lower())
            if answer is not None:
                self.line.answer(f"{answer}\r\n".encode("latin-1"), self.processing_s)

    def _carry_out(self, command: str) -> str | None:
        if command.startswith("out_"):
            self._deaf_until_ns = self.clock.now_ns() + PAUSE_NS
            self._error = self._set(command) or self._error
            return None
        if command in self._questions:
            return self._questions[command]()
        if command:
            self._error = INVALID
        return None

    def _status(self) -> str:
        if self._alarm:
            return self._alarm
        if self._error:
            error, self._error = self._error, ""
            return error
        ruled, state = ("REMOTE", 2) if self.remote else ("MANUAL", 0)
        return f"{state + self._running:02d} {ruled} {'START' if self._running else 'STOP'}"

    def _set(self, command: str) -> str:
        """Carry out an ``out`` command; what ``status`` will say of it, "" when all is well."""
        match = re.fullmatch(r"out_(sp_00|mode_05) +([+-]?\d+(?:\.\d+)?)", command)
        if match is None:
            return INVALID
        if not self.remote:
            return NOT_ALLOWED
        value, is_setpoint = float(match[2]), match[1] == "sp_00"
        low, high = (self.lowest_c, self.highest_c) if is_setpoint else (0.0, 1.0)
        if not low <= value <= high:
            return TOO_SMALL if value < low else TOO_LARGE
        if is_setpoint and not self.low_limit_c <= value <= self.high_limit_c:
            return OUTSIDE_LIMITS
        if is_setpoint:
            self.setpoint_c = round(value, 2)
        else:
            self.running = value >= 0.5
        return ""
