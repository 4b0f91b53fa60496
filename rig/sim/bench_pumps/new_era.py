"""Simulated New Era NE-1000 syringe pump (manual, publication 1200-01, chapter 10; the NE-500, NE-1600 and NE-4000
speak the same), basic and safe mode.

``[address] command [data]`` is answered with ``address status [data]``: two digits, one letter (``S`` stopped,
``P`` paused, ``I`` infusing, ``W`` withdrawing, ``T`` timed pause, ``U`` waiting for the user, ``X`` purging) or
``A?`` and an alarm (``R`` reset, ``S`` stalled, ``T`` time-out of the safe mode, ``E`` program error, ``O`` rate
of a phase out of range). ``*`` instead of an address speaks to every pump. An alarm is told once, in the answer to
any valid command, *which is not executed*; so is the reset after power-up. In the safe mode an alarm is also
sent unasked, which does not clear it; ``SAFn`` with n > 0 arms a time-out that every valid packet starts anew. A
safe packet is understood in the basic mode as well; the answer is in the mode that holds after the command, that
to SAF in the mode it asks for even if an alarm swallowed it (nesp-lib 2.0.0 counts on that; no manual says it).

A number has at most four digits and three decimals; it is told with four. Commands: DIA PHN FUN RAT VOL DIR RUN
PUR STP DIS CLD SAF ADR VER LN AL PF BP BUZ OUT IN and none (status).

From memory, to be confirmed at a real pump: a damaged packet is answered ``?COM`` in the current mode; a stall or
a time-out resets the program; CLD, DIA, VOL, PHN and FUN are ``?NA`` while it runs; a command that is not known
does not acknowledge an alarm; PHN, FUN and SAF tell numbers without leading zeros; a line in the basic mode is
ignored while the safe mode is on; the safe time-out is armed by the packet that sets it.

NOT modelled: commands of the keypad and memory (LOC, ROM, TRG, DIN, EV ..), a change of baud rate, command bursts
to a network, ``?IGN``, the reciprocating modes; a serial number (the protocol tells none). Phases: see
:mod:`rig.sim.bench_pumps.new_era_program`; frames: :mod:`rig.sim.bench_pumps.new_era_frames`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable

from rig.sim.bench_pumps.drive import InfusionDrive
from rig.sim.bench_pumps.new_era_frames import Ear, line_reply, packet
from rig.sim.bench_pumps.new_era_program import (
    COUNTED_FUNCTIONS,
    PHASES,
    PLAIN_FUNCTIONS,
    RATES_NL_H,
    VOLUMES_NL,
    WAYS,
    PumpingProgram,
)
from rig.sim.bench_pumps.new_era_words import CommandRefused, four_digits, number, whole
from rig.sim.fluid.path import FluidPath
from rig.sim.wire.line import NS_PER_S, SerialLine, WorldClock

NARROWEST_MM, WIDEST_MM = 0.1, 50.0
SMALL_SYRINGE_MM = 14.0  # up to it volumes are in microlitres
ADDRESSED = re.compile(r"(\*|[0-9]{1,2})?([A-Z]*)(.*)")
COUNTER_END = 9999.0
SWITCHES = ("LN", "AL", "PF", "BP")
INPUTS = {"2": 1, "3": 1, "4": 1, "6": 1}  # pins of the TTL connector, pulled up


class SimulatedNewEra:
    """A pump with one host. Plain attributes: ``address``, ``version``, ``alarm`` (letter of the one not yet
    acknowledged, or empty), ``safe_s`` (0: basic mode), ``switches``, ``outputs``, ``inputs``, ``processing_s``;
    faults of the line in ``line``, of the pump in ``drive``, a loss of power by :meth:`interrupt_power`.
    """

    def __init__(
        self, clock: WorldClock, fluid: FluidPath, *, capacity_nl: float = math.inf, address: int = 0
    ) -> None:
        self.clock = clock
        self.line = SerialLine(clock, 19_200)
        self.drive = InfusionDrive(clock, fluid, capacity_nl=capacity_nl)
        self.drive.happened = self._happened
        self.program = PumpingProgram(clock, self.drive, self._raise_alarm)
        self.address, self.version = address, "NE1000V3.923"
        self.alarm, self.safe_s = "R", 0
        self.switches = dict.fromkeys(SWITCHES, 0)
        self.outputs, self.inputs = {"5": 0}, dict(INPUTS)
        self.processing_s = 0.01
        self._ear = Ear()
        self._sign_of_life = 0
        self._commands: dict[str, Callable[[str], str]] = {
            "": self._status, "DIA": self._dia, "PHN": self._phn, "FUN": self._fun, "RAT": self._rat, "VOL": self._vol,
            "DIR": self._dir, "RUN": self._run, "PUR": self._pur, "STP": self._stp, "DIS": self._dis,
            "CLD": self._cld, "SAF": self._saf, "ADR": self._adr, "VER": lambda _data: self.version,
            "BUZ": self._buz, "OUT": self._out, "IN": self._in,
            **{name: self._switch(name) for name in SWITCHES},
        }  # fmt: skip

    def interrupt_power(self) -> None:
        """Off and on again: settings stay, the program is stopped, and the reset is an alarm."""
        self._sign_of_life += 1
        self.program.reset()
        self._raise_alarm("R")

    # Frames

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        for heard in self._ear.hear(data, self.clock.now_ns()):
            if heard.text is None:
                self._say(self._status_letter() + "?COM", bool(self.safe_s))
            elif heard.is_packet or not self.safe_s:
                self._obey(heard.text, heard.is_packet)

    def _obey(self, text: str, is_packet: bool) -> None:
        parts = ADDRESSED.fullmatch(text)
        if parts is None or (parts[1] != "*" and int(parts[1] or 0) != self.address):
            return
        name, data = parts[2], parts[3]
        while name and name not in self._commands:  # "RUN" is RUN, "DIRINF" is DIR with INF
            name, data = name[:-1], name[-1] + data
        is_known = bool(name) or not data
        is_safe = bool(self.safe_s)
        if self.alarm:
            if name == "SAF" and data.isdecimal():
                is_safe = int(data) > 0
            reply = f"A?{self.alarm}" + ("" if is_known else "?")
            if is_known:
                self.alarm = ""
        else:
            reply = self._execute(name, data) if is_known else self._status_letter() + "?"
            is_safe = bool(self.safe_s)
        if is_packet:
            self._hear_sign_of_life()
        self._say(reply, is_safe)

    def _execute(self, name: str, data: str) -> str:
        try:
            answer = self._commands[name](data)
        except CommandRefused as refused:
            answer = f"?{refused}"
        letter = self._status_letter()
        self.alarm = ""  # what the command itself brought about is told with its answer
        return letter + answer

    def _status_letter(self) -> str:
        return f"A?{self.alarm}" if self.alarm else self.program.status

    def _say(self, text: str, is_safe: bool) -> None:
        reply = f"{self.address:02}{text}"
        self.line.answer(packet(reply) if is_safe else line_reply(reply), self.processing_s)

    # Alarms

    def _happened(self, what: str) -> None:
        if what == "target":
            self.program.target_reached()
        elif what != "near_end":
            self.program.reset()
            self._raise_alarm("S")

    def _raise_alarm(self, letter: str) -> None:
        self.alarm = letter
        if self.safe_s:
            self._say(f"A?{letter}", True)

    def _hear_sign_of_life(self) -> None:
        self._sign_of_life += 1
        if self.safe_s:
            number = self._sign_of_life

            def over() -> None:
                if number == self._sign_of_life and self.safe_s:
                    self.program.reset()
                    self._raise_alarm("T")

            self.clock.call_at(self.clock.now_ns() + self.safe_s * NS_PER_S, over)

    # Commands (manual, 10.4): without data they ask, with data they set

    def _status(self, _data: str) -> str:
        return ""

    def _dia(self, data: str) -> str:
        if not data:
            return four_digits(self.drive.diameter_mm)
        diameter_mm = number(data)
        self._only_when_stopped()
        if not NARROWEST_MM <= diameter_mm <= WIDEST_MM:
            raise CommandRefused("OOR")
        self.drive.diameter_mm = diameter_mm
        self.program.volume_unit = "UL" if diameter_mm <= SMALL_SYRINGE_MM else "ML"
        self.drive.clear()
        return ""

    def _phn(self, data: str) -> str:
        if not data:
            return str(self.program.selected + 1)
        self._only_when_stopped()
        self.program.selected = whole(data, 1, PHASES) - 1
        return ""

    def _fun(self, data: str) -> str:
        phase = self.program.phase
        if not data:
            return phase.function + (str(phase.number) if phase.function in COUNTED_FUNCTIONS else "")
        self._only_when_stopped()
        function, rest = data[:3], data[3:]
        if function in COUNTED_FUNCTIONS:
            least = 1 if function == "JMP" else 0
            self.program.change(function=function, number=whole(rest, least, COUNTED_FUNCTIONS[function]))
        elif function in PLAIN_FUNCTIONS and not rest:
            self.program.change(function=function)
        else:
            raise CommandRefused("")
        return ""

    def _rat(self, data: str) -> str:
        program = self.program
        unit = program.phase.rate_unit
        if not data:
            rate = program.rate_nl_h / RATES_NL_H[unit] if self._pumps_selected() else program.phase.rate
            return four_digits(rate) + unit
        if data[-2:] in RATES_NL_H:
            data, unit = data[:-2], data[-2:]
            if program.runs:
                raise CommandRefused("NA")
        rate = number(data)
        if not program.in_range(rate * RATES_NL_H[unit]):
            raise CommandRefused("OOR")
        if self._pumps_selected():
            program.change_rate(rate * RATES_NL_H[unit])
        elif program.runs:
            raise CommandRefused("NA")
        else:
            program.change(rate=rate, rate_unit=unit)
            if program.status == "P" and program.running == program.selected:
                program.rate_nl_h = program.phase.rate_nl_h
        return ""

    def _vol(self, data: str) -> str:
        if not data:
            return four_digits(self.program.phase.volume) + self.program.volume_unit
        if data in VOLUMES_NL:
            self._only_when_stopped()
            self.program.volume_unit = data
        else:
            volume = number(data)
            self._only_when_stopped()
            self.program.change(volume=volume)
        return ""

    def _dir(self, data: str) -> str:
        program = self.program
        if not data:
            return program.phase.direction
        if data == "REV":
            data = "WDR" if program.phase.direction == "INF" else "INF"
        if data not in (*WAYS, "STK"):
            raise CommandRefused("")
        if self._pumps_selected() and data != "STK" and math.isinf(self.drive.to_go_nl):
            program.turn_to(data)
        else:
            self._only_when_stopped()
            program.change(direction=data)
        return ""

    def _run(self, data: str) -> str:
        index = whole(data, 1, PHASES) - 1 if data else 0
        if self.program.runs and self.program.status != "U":
            raise CommandRefused("NA")
        if not data and self.program.status in "PU":
            self.program.go_on()
        else:
            self.program.start(index)
        return ""

    def _pur(self, data: str) -> str:
        if data:
            raise CommandRefused("")
        self._only_when_stopped()
        self.program.purge()
        return ""

    def _stp(self, data: str) -> str:
        if data:
            raise CommandRefused("")
        if self.program.status == "S":
            raise CommandRefused("NA")
        if self.program.status in "PXU":
            self.program.reset()
        else:
            self.program.pause()
        return ""

    def _dis(self, data: str) -> str:
        if data:
            raise CommandRefused("")
        unit_nl = VOLUMES_NL[self.program.volume_unit]
        volumes = (self.drive.infused_nl / unit_nl, self.drive.withdrawn_nl / unit_nl)
        infused, withdrawn = (four_digits(volume % COUNTER_END) for volume in volumes)
        return f"I{infused}W{withdrawn}{self.program.volume_unit}"

    def _cld(self, data: str) -> str:
        if data not in WAYS:
            raise CommandRefused("")
        self._only_when_stopped()
        self.drive.clear(WAYS[data])
        return ""

    def _saf(self, data: str) -> str:
        if not data:
            return str(self.safe_s)
        self.safe_s = whole(data, 0, 255)
        self._sign_of_life += 1
        return ""

    def _adr(self, data: str) -> str:
        if not data:
            return f"{self.address:02}"
        self.address = whole(data, 0, 99)
        return ""

    def _switch(self, name: str) -> Callable[[str], str]:
        def switch(data: str) -> str:
            if not data:
                return str(self.switches[name])
            self.switches[name] = whole(data, 0, 1)
            return ""

        return switch

    def _buz(self, data: str) -> str:
        if not data:
            return "0"
        if whole(data[:1], 0, 1):
            self.program.beeps += whole(data[1:], 0, 99) if data[1:] else 1
        return ""

    def _out(self, data: str) -> str:
        if data[:1] not in self.outputs:
            raise CommandRefused("OOR")
        self.outputs[data[0]] = whole(data[1:], 0, 1)
        return ""

    def _in(self, data: str) -> str:
        if data not in self.inputs:
            raise CommandRefused("OOR")
        return str(self.inputs[data])

    def _only_when_stopped(self) -> None:
        if self.program.runs:
            raise CommandRefused("NA")

    def _pumps_selected(self) -> bool:
        return self.program.status in "IW" and self.program.running == self.program.selected
