"""The pumping program of a New Era pump: 41 phases, each with function, rate, volume and direction.

Functions that run here: RAT (pump at the rate until the volume, or for good), INC and DEC (the last rate more or
less this phase's), STP, PAS n (pause n seconds; 0 waits for the user), LPS and LOP n (n times round from LPS or
the first phase), JMP n, CLD (clear volumes), BEP. NOT modelled: FIL, the functions that need an input (IF, EVN,
EVS, EVR, TRG) or drive an output (OUT), the linear ramps and memories of later firmware.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace

from rig.sim.bench_pumps.drive import INFUSE, WITHDRAW, InfusionDrive
from rig.sim.wire.line import NS_PER_S, WorldClock

PHASES = 41
RATES_NL_H = {"MM": 60e6, "MH": 1e6, "UM": 60e3, "UH": 1e3}
VOLUMES_NL = {"ML": 1e6, "UL": 1e3}
WAYS = {"INF": INFUSE, "WDR": WITHDRAW}
SLOWEST_MM_H, FASTEST_MM_H = 0.04205, 51.005 * 60  # of the plunger; manual: 0.004205 cm/h to 5.1005 cm/min
PLAIN_FUNCTIONS = ("RAT", "INC", "DEC", "STP", "CLD", "BEP", "LPS")
COUNTED_FUNCTIONS = {"PAS": 99, "LOP": 99, "JMP": PHASES}  # with a number of at most so much
MOST_AT_ONCE = 1000  # phases that take no time, one after the other: more is a program that never pumps


@dataclass(frozen=True)
class Phase:
    function: str = "STP"
    number: int = 0  # of PAS, LOP, JMP
    rate: float = 0.0
    rate_unit: str = "MH"
    volume: float = 0.0  # in the pump's unit; 0: no target
    direction: str = "INF"  # STK: as before

    @property
    def rate_nl_h(self) -> float:
        return self.rate * RATES_NL_H[self.rate_unit]


@dataclass
class PumpingProgram:
    """Runs the phases on the drive. ``status`` is the letter of the manual, ``selected`` the phase that commands
    set and ask (from 0); ``alarm`` is told a letter when the program itself cannot go on.
    """

    clock: WorldClock
    drive: InfusionDrive
    alarm: Callable[[str], None]
    volume_unit: str = "ML"
    status: str = "S"
    selected: int = 0
    beeps: int = 0
    phases: list[Phase] = field(default_factory=lambda: [Phase("RAT"), *[Phase()] * (PHASES - 1)])
    running: int = 0
    rate_nl_h: float = 0.0  # of the phase that runs; a change while it runs is not kept
    _loops: dict[int, int] = field(default_factory=dict)
    _loop_start: int = 0
    _resumes_ns: int | None = None  # when the pause ends; while paused, how long it has to go
    _turn: int = 0  # changes whenever what was planned is void

    @property
    def phase(self) -> Phase:
        return self.phases[self.selected]

    def change(self, **values: str | float) -> None:
        """Of the selected phase."""
        self.phases[self.selected] = replace(self.phase, **values)  # type: ignore[arg-type]

    @property
    def runs(self) -> bool:
        return self.status in "IWTUX"

    def in_range(self, rate_nl_h: float) -> bool:
        lowest, highest = self.drive.barrel_nl_h(SLOWEST_MM_H), self.drive.barrel_nl_h(FASTEST_MM_H)
        return lowest <= rate_nl_h <= highest

    # What commands do

    def start(self, index: int) -> None:
        self._loops.clear()
        self._loop_start = 0
        self._enter(index)

    def go_on(self) -> None:
        """After a pause, or when the user lets a waiting program go on."""
        if self.status == "U":
            self._enter(self.running + 1)
        elif self._resumes_ns is not None:
            self._pause_until(self.clock.now_ns() + self._resumes_ns)
        else:
            self._pump(self.drive.to_go_nl)

    def pause(self) -> None:
        self._turn += 1
        if self.status == "T" and self._resumes_ns is not None:
            self._resumes_ns -= self.clock.now_ns()
        self.drive.stop()
        self.status = "P"

    def reset(self) -> None:
        """Stop; the next start begins anew."""
        self._turn += 1
        self._resumes_ns = None
        self.drive.stop()
        self.status = "S"

    def purge(self) -> None:
        self.drive.run(self.drive.barrel_nl_h(FASTEST_MM_H), self._way(self.phase))
        self.status = "X"

    def turn_to(self, direction: str) -> None:
        """Change the direction while pumping (only without a target)."""
        self.change(direction=direction)
        self._pump(self.drive.to_go_nl)

    def change_rate(self, rate_nl_h: float) -> None:
        self.rate_nl_h = rate_nl_h
        self.drive.change_rate(rate_nl_h)

    def target_reached(self) -> None:
        self._enter(self.running + 1)

    # Phases

    def _enter(self, index: int) -> None:
        self._turn += 1
        self._resumes_ns = None
        for _ in range(MOST_AT_ONCE):
            if index >= PHASES or self.phases[index].function == "STP":
                self.reset()
                return
            self.running = index
            following = self._begin(index, self.phases[index])
            if following is None:
                return
            index = following
        self.reset()
        self.alarm("E")

    def _begin(self, index: int, phase: Phase) -> int | None:
        """Do what takes no time and give the phase after it; or start what takes its time, and give None."""
        match phase.function:
            case "RAT" | "INC" | "DEC":
                change = {"RAT": 0, "INC": 1, "DEC": -1}[phase.function]
                self.rate_nl_h = self.rate_nl_h + change * phase.rate_nl_h if change else phase.rate_nl_h
                if not self.in_range(self.rate_nl_h):
                    self.reset()
                    self.alarm("O")
                else:
                    target_nl = phase.volume * VOLUMES_NL[self.volume_unit]
                    self._pump(target_nl or float("inf"))
                return None
            case "PAS":
                if phase.number:
                    self._pause_until(self.clock.now_ns() + phase.number * NS_PER_S)
                else:
                    self.drive.stop()
                    self.status = "U"
                return None
            case "LOP":
                done = self._loops.get(index, 0) + 1
                self._loops[index] = done if done < phase.number else 0
                return self._loop_start if done < phase.number else index + 1
            case "JMP":
                return phase.number - 1
            case "LPS":
                self._loop_start = index + 1
            case "CLD":
                self.drive.clear()
            case "BEP":
                self.beeps += 1
        return index + 1

    def _way(self, phase: Phase) -> int:
        return WAYS.get(phase.direction, self.drive.way)

    def _pump(self, volume_nl: float) -> None:
        way = self._way(self.phases[self.running])
        self.status = "I" if way == INFUSE else "W"
        self.drive.run(self.rate_nl_h, way, volume_nl)

    def _pause_until(self, end_ns: int) -> None:
        self.drive.stop()
        self.status, self._resumes_ns = "T", end_ns
        turn = self._turn

        def over() -> None:
            if turn == self._turn:
                self._enter(self.running + 1)

        self.clock.call_at(end_ns, over)
