"""Simulated liquid flow meter that speaks propar (Bronkhorst RS232 manual 9.17.027; mini CORI-FLOW, µ-FLOW).

ASCII and binary frames, answered in the mode they came in, at the instrument's node or at 128 ("whoever is on
this line"); chained reads and writes. 32000 is 100 % of the capacity; ``measure`` reaches from -73.7 to 131 %.
The cell is that of :mod:`rig.sim.flow_meters.sensing`; a new value is there every ``update_s``.

Parameters (process/number): identification 0/0, node 0/1, init mode 0/10, channels 0/18, next node 0/3; measure
1/0, setpoint 1/1, control mode 1/4, polynomial 1/5 to 1/8, capacity 1/13 with unit 1/31, fluid 1/16 and 1/17,
alarm info 1/20; fmeasure 33/0, fsetpoint 33/3, temperature 33/7, capacity 0 % 33/22; counter 104/1 with unit
104/7; device type, model, serial number, firmware, user tag, ident number 113/1, 2, 3, 5, 6, 12; density 116/15.

From memory, to be confirmed at a real instrument: which parameters may be written; the position in a status
that is not OK; the answer ``:0104`` to a damaged ASCII line; silence at another's node; the form of 0/0; the
update rate; that a chained message with one wrong item does nothing at all.

NOT modelled: a valve (setpoint and control mode are only kept), what the polynomial does, init mode as a lock,
FLOW-BUS and other nodes behind this one, several channels, broadcasts, wink, other fluids, alarms unless set
(``alarm_info``), filters; the counter goes on while the reading is stuck or saturated, and without noise.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np

from rig.sim.flow_meters.propar_messages import (
    BAD_COMMAND,
    BAD_PARAMETER,
    BAD_PROCESS,
    BAD_TYPE,
    BAD_VALUE,
    BROADCAST,
    FLOAT,
    OK,
    READ,
    READ_ONLY,
    STATUS,
    STRING,
    U8,
    U16,
    WRITE,
    WRITE_WITH_ACK,
    Damaged,
    Frame,
    Item,
    Refused,
    Value,
    asked_items,
    encoded,
    split_frames,
    written_items,
)
from rig.sim.flow_meters.sensing import PhysicalFlowSensor
from rig.sim.fluid.path import FluidPath
from rig.sim.wire.line import NS_PER_S, SerialLine, WorldClock

ANYONE = 0x80
FULL = 32_000  # 100 %
HIGHEST, LOWEST = 41_942, -23_593
CORIFM = 28  # ident number of a Coriolis meter
COUNTER = (104, 1)
# What is only kept: its type, its first value, the highest that may be written (of a string its length).
KEPT: dict[tuple[int, int], tuple[int, Value, float]] = {
    (0, 10): (U8, 82, 255), (1, 1): (U16, 0, FULL), (1, 4): (U8, 0, 255), (1, 5): (FLOAT, 0.0, np.inf),
    (1, 6): (FLOAT, 1.0, np.inf), (1, 7): (FLOAT, 0.0, np.inf), (1, 8): (FLOAT, 0.0, np.inf),
    (33, 3): (FLOAT, 0.0, np.inf), (113, 6): (STRING, "", 16),
}  # fmt: skip
NL_MIN_PER_UNIT = {
    "nl/min": 1.0, "ul/min": 1e3, "ml/min": 1e6, "nl/h": 1 / 60, "ul/h": 1e3 / 60, "ml/h": 1e6 / 60,
}  # fmt: skip
NL_MIN_PER_MASS_UNIT = {"mg/h": 1e3 / 60, "g/h": 1e6 / 60, "mg/min": 1e3, "g/min": 1e6}  # at 1 g/mL


@dataclass(frozen=True)
class Parameter:
    kind: int
    read: Callable[[], Value]
    highest: float | None = None  # what may be written; None: nothing; of a string its length


class SimulatedPropar(PhysicalFlowSensor):
    """The meter with its line. Plain attributes: all without underscore, and those of the physical sensor.

    ``capacity`` is in ``capacity_unit`` (of volume, or of mass at the fluid's density): see :meth:`set_capacity`.
    ``kept`` holds what is written, by process and number.
    """

    def __init__(
        self,
        clock: WorldClock,
        fluid: FluidPath,
        random: np.random.Generator,
        *,
        serial: str = "SIM-F",
        noise_nl_min: float = 0.0,
        offset_nl_min: float = 0.0,
        baud: int = 38_400,
    ) -> None:
        super().__init__(clock, fluid, random)
        self.line = SerialLine(clock, baud)
        self.address = 3
        self.serial, self.model, self.firmware = serial, "infusion-rig simulated propar", "V1.00"
        self.update_s = 0.02
        self.processing_s = 0.001
        self.alarm_info = 0
        self.silent = False
        self.kept = {key: first for key, (_, first, _) in KEPT.items()}
        self._counted_nl = 0.0
        self._counted_until_ns = clock.now_ns()
        self._tick, self._seen_nl_min = -1, 0.0
        self._input = b""
        self.noise_nl_min, self.offset_nl_min = noise_nl_min, offset_nl_min
        self.set_capacity(2000.0, "ul/h")
        self._parameters = self._offered()

    def _offered(self) -> dict[tuple[int, int], Parameter]:
        def text(read: Callable[[], str]) -> Parameter:
            return Parameter(STRING, read)

        return {
            (0, 0): text(lambda: f"{chr(CORIFM)}SN{self.serial}"),
            (0, 1): Parameter(U8, lambda: self.address),
            (0, 3): Parameter(U8, lambda: 0),
            (0, 18): Parameter(U8, lambda: 1),
            (1, 0): Parameter(U16, self._measure),
            (1, 13): Parameter(FLOAT, lambda: self.capacity),
            (1, 16): Parameter(U8, lambda: 0),
            (1, 17): text(lambda: "H2O"),
            (1, 20): Parameter(U8, lambda: self.alarm_info),
            (1, 31): text(lambda: self.capacity_unit),
            (33, 0): Parameter(FLOAT, self._flow),
            (33, 7): Parameter(FLOAT, self._temperature_c),
            (33, 22): Parameter(FLOAT, lambda: 0.0),
            COUNTER: Parameter(FLOAT, self._count_ul, np.inf),
            (104, 7): text(lambda: "ul"),
            (113, 1): text(lambda: "CORIFM"),
            (113, 2): text(lambda: self.model),
            (113, 3): text(lambda: self.serial),
            (113, 5): text(lambda: self.firmware),
            (113, 12): Parameter(U8, lambda: CORIFM),
            (116, 15): Parameter(FLOAT, lambda: 1000 * self.fluid.density_g_ml),
        } | {
            key: Parameter(kind, partial(self.kept.__getitem__, key), highest)
            for key, (kind, _, highest) in KEPT.items()
        }

    # Measuring

    def set_capacity(self, capacity: float, unit: str) -> None:
        """What is 100 %; no more than 131 % of it is shown."""
        self.capacity, self.capacity_unit = capacity, unit
        self.limit_nl_min = HIGHEST / FULL * capacity * self._nl_min_per_unit()

    def _nl_min_per_unit(self) -> float:
        if self.capacity_unit in NL_MIN_PER_UNIT:
            return NL_MIN_PER_UNIT[self.capacity_unit]
        return NL_MIN_PER_MASS_UNIT[self.capacity_unit] / self.fluid.density_g_ml

    def _flow(self) -> float:
        """In units of the capacity; one value for each update."""
        tick = self.clock.now_ns() // round(self.update_s * NS_PER_S)
        if tick != self._tick:
            self._tick = tick
            t_ns = np.array([tick * round(self.update_s * NS_PER_S)])
            self._seen_nl_min = float(self.seen_nl_min(t_ns, self.limit_nl_min)[0][0])
        return self._seen_nl_min / self._nl_min_per_unit()

    def _measure(self) -> int:
        """32000 is 100 %; beyond 41942 it stands for a negative flow: 65535 less its size."""
        count = min(max(round(self._flow() / self.capacity * FULL), LOWEST), HIGHEST)
        return count if count >= 0 else 0xFFFF + count

    def _temperature_c(self) -> float:
        return float(self.fluid.temperature_at_c([self.clock.now_ns()])[0])

    def catch_up(self) -> None:
        """Count what has passed, before the cell is changed or the counter is asked for."""
        now_ns = self.clock.now_ns()
        if now_ns > self._counted_until_ns and not (self.air and self.air_blinds):
            then_nl, now_nl = self.fluid.delivered_nl([self._counted_until_ns, now_ns])
            minutes = (now_ns - self._counted_until_ns) / NS_PER_S / 60
            self._counted_nl += (now_nl - then_nl) * (1 + self.gain_error) + self.offset_nl_min * minutes
        self._counted_until_ns = now_ns

    def _count_ul(self) -> float:
        self.catch_up()
        return self._counted_nl / 1000

    # Messages

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        frames, self._input = split_frames(self._input + data)
        for frame in frames:
            answer = self._answered(frame)
            if answer and not self.silent:
                self.line.answer(answer, self.processing_s)

    def _answered(self, frame: Frame) -> bytes:
        is_damaged = not frame.data
        if frame.node not in (self.address, ANYONE) and not (is_damaged and frame.sequence is None):
            return b""
        if is_damaged:
            return frame.error()
        command = frame.data[0]
        try:
            if command == READ:
                content = bytes([WRITE]) + b"".join([self._told(item) for item in asked_items(frame.data)])
            elif command in (WRITE_WITH_ACK, WRITE, BROADCAST):
                self._write(list(written_items(frame.data)))
                content = bytes([STATUS, OK, len(frame.data)])
            else:
                raise Refused(BAD_COMMAND, 0)
        except Damaged:
            return frame.error()
        except Refused as refused:
            content = bytes([STATUS, refused.status, refused.position])
        if command in (WRITE, BROADCAST):
            return b""
        return Frame(frame.sequence, frame.node, content).encoded()

    def _offer(self, item: Item) -> Parameter:
        offered = self._parameters.get((item.process, item.parameter))
        if offered is None:
            is_known = any(process == item.process for process, _ in self._parameters)
            raise Refused(BAD_PARAMETER if is_known else BAD_PROCESS, item.position)
        if offered.kind != item.kind:
            raise Refused(BAD_TYPE, item.position)
        return offered

    def _told(self, item: Item) -> bytes:
        return item.echo + encoded(item.kind, self._offer(item).read(), item.length)

    def _write(self, items: list[Item]) -> None:
        """All of them, or none."""
        for item in items:
            highest = self._offer(item).highest
            if highest is None:
                raise Refused(READ_ONLY, item.position)
            size = len(item.value) if isinstance(item.value, str) else item.value
            if not size <= highest:
                raise Refused(BAD_VALUE, item.position)
        for item in items:
            if (item.process, item.parameter) == COUNTER:
                self.catch_up()
                self._counted_nl = 1000 * float(item.value)
            else:
                self.kept[item.process, item.parameter] = item.value
