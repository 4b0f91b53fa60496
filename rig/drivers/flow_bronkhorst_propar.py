"""Bronkhorst flow meter for liquids (mini CORI-FLOW, µ-FLOW) speaking propar.

Manuals: RS232 interface 9.17.027 (protocol), operational instructions 9.17.023 (parameters, section 4.20: units). Wire
format in :mod:`rig.drivers.propar_wire`; 38400 baud 8N1 by default, ASCII frames unless told otherwise. Node 1 to 120;
128 is whoever is alone on the line. Parameters, as process/number::

    33/0   fmeasure, float, in the capacity unit          113/2  model
    33/7   temperature, float, °C                         113/3  serial number
    1/0    measure, 32000 = 100 %, at most 41942          113/5  firmware
    1/31   capacity unit, 7 characters                    116/15 density, float, kg/m³

The meter has no buffer of samples: each look at it is one sample, stamped with the time of its receipt. A meter of mass
(g/h, mg/min, ...) is asked for the density in the same message, and its flow told as volume at that density; where
that is no liquid's, the sample is flagged as air. propar has no checksum: damage inside a number is a wrong number
that no driver can see; length, form and order of the answer are checked strictly.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import TypeVar

import numpy as np

from rig.clock import NS_PER_S, ns_from_s
from rig.drivers.propar_wire import (
    ASCII_LIMIT,
    BINARY_LIMIT,
    END,
    FLOAT,
    STRING,
    U16,
    Parameter,
    format_ascii,
    format_binary,
    format_read,
    is_ended,
    parse_ascii,
    parse_binary,
    parse_values,
)
from rig.errors import DefinitionError, DeviceError, ExchangeError, LimitRefused, ProtocolError
from rig.readings import FlowBlock, Identity
from rig.transport import Link

T = TypeVar("T")

REPLY_WITHIN_NS = NS_PER_S
NODES = range(1, 121)
ANY_NODE = 128

FMEASURE = Parameter(33, 0, FLOAT)
TEMPERATURE = Parameter(33, 7, FLOAT)
MEASURE = Parameter(1, 0, U16)
UNIT = Parameter(1, 31, STRING, 7)
DENSITY = Parameter(116, 15, FLOAT)
MODEL, SERIAL, FIRMWARE = (Parameter(113, number, STRING) for number in (2, 3, 5))

NL_MIN_PER_UNIT = {  # sensor type 1, liquid volume
    "l/min": 1e9,
    "l/h": 1e9 / 60,
    "ml/min": 1e6,
    "ml/h": 1e6 / 60,
    "cm3/min": 1e6,
    "mm3/s": 6e4,
    "ul/min": 1e3,
    "ul/h": 1e3 / 60,
}
UG_MIN_PER_UNIT = {  # sensor type 2, liquid mass; 1 µg is 1 nl at 1000 kg/m³
    "kg/s": 6e10,
    "kg/min": 1e9,
    "kg/h": 1e9 / 60,
    "g/s": 6e7,
    "g/min": 1e6,
    "g/h": 1e6 / 60,
    "mg/s": 6e4,
    "mg/min": 1e3,
    "mg/h": 1e3 / 60,
}
WATER_KG_M3 = 1000.0
LIQUID_FROM_KG_M3 = 500.0
MEASURE_MAX = 41942  # 131 %
COUNTS = 1000  # a nl/min, and a °C
FLOW_LIMIT_NL_MIN = 1e12
TEMPERATURE_LIMIT_C = 1000.0
AIR, HIGH = 1 << 0, 1 << 1  # bits of FlowBlock.flags


def flow_nl_min(flow: float, unit: str, density_kg_m3: float = WATER_KG_M3) -> float:
    """Volume flow from a flow in the capacity unit. Raises ProtocolError for a unit that is not a liquid's."""
    if unit in NL_MIN_PER_UNIT:
        return flow * NL_MIN_PER_UNIT[unit]
    if unit in UG_MIN_PER_UNIT:
        return flow * UG_MIN_PER_UNIT[unit] * WATER_KG_M3 / density_kg_m3
    known = ", ".join((*NL_MIN_PER_UNIT, *UG_MIN_PER_UNIT))
    raise ProtocolError(f"flow in '{unit}': set the capacity unit to one of {known}")


class BronkhorstPropar:
    """One meter. Several may share a line, each with its own ``address`` (node)."""

    ROLE = "flow"
    BUFFERED = False
    DEFAULT_BAUD = 38400

    def __init__(self, link: Link, address: int = ANY_NODE, *, binary: bool = False) -> None:
        if address not in NODES and address != ANY_NODE:
            raise DefinitionError(f"device {address} is no node of propar", hint="1 to 120, or 128 for any")
        self._link, self._address, self._binary = link, address, binary
        self._sequence = 0
        self._asked: tuple[Parameter, ...] = ()  # for one sample; empty: not started
        self._unit = ""
        self._interval_ns = 0
        self._last_ns: int | None = None  # when the last sample was received

    def identify(self) -> Identity:
        """The meter does not tell its maker."""
        return self._ask(
            (MODEL, SERIAL, FIRMWARE),
            lambda model, serial, firmware: Identity(model=model, serial=serial, firmware=firmware),
        )

    def start(self, interval_s: float) -> None:
        """Learn the unit. The meter samples only when asked: ``interval_s`` is taken for the first sample's own."""
        if not (isfinite(interval_s) and interval_s > 0):
            raise LimitRefused(f"interval {interval_s} s is no interval; nothing was sent")
        self._unit = self._ask((UNIT,), self._known_unit)
        mass = (DENSITY,) if self._unit in UG_MIN_PER_UNIT else ()
        self._asked = (FMEASURE, TEMPERATURE, MEASURE, UNIT, *mass)
        self._interval_ns, self._last_ns = ns_from_s(interval_s), None

    def read_buffer(self) -> list[FlowBlock]:
        """One sample, of now."""
        if not self._asked:
            raise DeviceError("no measurement was started", code="not started", address=self._link.address)
        block = self._ask(self._asked, self._block)
        self._last_ns = block.first_t_ns
        return [block]

    def stop(self) -> None:
        """Nothing is sent: the meter does not sample by itself."""
        self._asked = ()

    def close(self) -> None:
        self._link.close()

    def _known_unit(self, unit: str) -> str:
        flow_nl_min(0.0, unit)
        return unit

    def _block(
        self, flow: float, temperature_c: float, measure: int, unit: str, density_kg_m3: float = WATER_KG_M3
    ) -> FlowBlock:
        if unit != self._unit:
            raise DeviceError(f"the unit was '{self._unit}' at the start and is '{unit}' now", code="unit")
        liquid = density_kg_m3 >= LIQUID_FROM_KG_M3
        volume_nl_min = flow_nl_min(flow, unit, density_kg_m3 if liquid else WATER_KG_M3)
        if abs(volume_nl_min) > FLOW_LIMIT_NL_MIN or abs(temperature_c) > TEMPERATURE_LIMIT_C:
            raise ProtocolError(f"{flow} {unit} at {temperature_c} °C cannot be")
        now_ns = self._link.now_ns()
        flags = (0 if liquid else AIR) | (HIGH if measure == MEASURE_MAX else 0)
        return FlowBlock(
            first_t_ns=now_ns,
            interval_ns=self._interval_ns if self._last_ns is None else now_ns - self._last_ns,
            flow_counts=np.array([round(volume_nl_min * COUNTS)], np.int64),
            temperature_counts=np.array([round(temperature_c * COUNTS)], np.int64),
            flags=np.array([flags], np.uint16),
            flow_scale=float(COUNTS),
            flow_unit="nl/min",
            temperature_scale=float(COUNTS),
        )

    def _ask(self, parameters: tuple[Parameter, ...], parse: Callable[..., T]) -> T:
        """One question for parameters, and their values parsed."""
        self._sequence = (self._sequence + 1) % 256
        question = format_read(parameters)
        with self._link.alone():
            self._link.discard_input()
            deadline_ns = self._link.now_ns() + REPLY_WITHIN_NS
            if self._binary:
                sent = format_binary(self._sequence, self._address, question)
                self._link.write(sent)
                frame = self._receive_binary(deadline_ns)
            else:
                sent = format_ascii(self._address, question)
                self._link.write(sent)
                frame = self._link.read_until(b"\r\n", deadline_ns, ASCII_LIMIT)
        try:
            return parse(*parse_values(self._data(frame), parameters))
        except ExchangeError as error:
            error.address, error.sent, error.received = self._link.address, sent, frame
            raise

    def _receive_binary(self, deadline_ns: int) -> bytes:
        frame = self._link.read_until(END, deadline_ns, BINARY_LIMIT)
        while not is_ended(frame) and len(frame) < BINARY_LIMIT:
            frame += self._link.read_until(END, deadline_ns, BINARY_LIMIT)
        return frame

    def _data(self, frame: bytes) -> bytes:
        """The data of an answer to the last question. Raises ProtocolError."""
        sequence = self._sequence
        if self._binary:
            sequence, node, data = parse_binary(frame)
        else:
            node, data = parse_ascii(frame)
        if sequence != self._sequence or self._address not in (node, ANY_NODE):
            raise ProtocolError(f"an answer of node {node} to question {sequence}", received=frame)
        return data
