"""A simulated P40 for benches without hardware: its end of the telemetry, written apart from the driver.

Not modelled: alarms but the empty reservoir, the battery, the patient's button.
"""

from __future__ import annotations

from collections.abc import Callable
from zlib import crc32

from rig.sim.bench_pumps.drive import InfusionDrive
from rig.sim.place import Place
from rig.sim.wire.line import NS_PER_S, SerialLine

RANGES = {"RATE": (2_000, 1_000_000), "BOLUS": (1_000, 2_000_000), "TIME": (1, 86_400)}


def p40(place: Place) -> SimulatedP40:
    """As the bench file says."""
    return SimulatedP40(place)


class SimulatedP40:
    """Plain attributes: ``serial``, ``battery_mv``; faults of the line in ``line``, of the motor in ``drive``."""

    def __init__(self, place: Place) -> None:
        self.clock, self.fluid = place.clock, place.fluid
        self.line = SerialLine(place.clock, 38_400)
        self.drive = InfusionDrive(place.clock, place.fluid)
        self.drive.happened = self._happened
        self.serial, self.battery_mv = place.serial(), 2950
        self.fill_nl = round(place.fluid.reservoir_nl)
        self.active, self.staged = {"MODE": "STOP"}, {"MODE": "STOP"}
        self.log: list[tuple[int, str]] = []
        self._before_nl = 0.0
        self._input = b""

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        self._input += self.line.heard(data)
        *lines, self._input = self._input.split(b"\n")
        for line in lines:
            text, _, crc = line.decode("latin-1").rpartition(" ")
            if crc == f"{crc32(text.encode('latin-1')):08X}":
                self._obey(text)

    def _obey(self, text: str) -> None:
        number, _, command = text.partition(" ")
        verb, *words = command.split(" ")
        keys = dict(word.split("=", 1) for word in words if "=" in word)
        answers = {"WHO": self._who, "RANGE": self._range, "STATE": self._state, "LOAD": self._load,
                   "LOADED": lambda _: self._program(self.staged), "PROGRAM": lambda _: self._program(self.active),
                   "GO": self._go, "STOP": self._stop, "EVENTS": self._events, "FILL": self._fill}  # fmt: skip
        said = answers.get(verb, lambda _: "NO 1")(keys)
        reply = f"{number} {said}"
        self.line.answer(f"{reply} {crc32(reply.encode()):08X}\n".encode(), 0.01)

    def _who(self, _keys: dict[str, str]) -> str:
        return f"OK MODEL=P40 SERIAL={self.serial} FW=2.1"

    def _range(self, _keys: dict[str, str]) -> str:
        return (
            "OK "
            + " ".join(f"{name}={low}-{high}" for name, (low, high) in RANGES.items())
            + " FILL=40000000"
        )

    def _state(self, _keys: dict[str, str]) -> str:
        given = round(self.drive.infused_nl)
        left = max(0, self.fill_nl - given)
        return (
            f"OK MODE={self.active['MODE']} RATE={round(self.drive.rate_nl_h)} GIVEN={given} FILL={left} "
            f"BATT={self.battery_mv} ALARMS={'-' if left else 'EMPTY_RESERVOIR'}"
        )

    def _load(self, keys: dict[str, str]) -> str:
        for name, value in keys.items():
            low, high = RANGES[name]
            if not value.isdecimal() or not low <= int(value) <= high:
                return "NO 2"
        self.staged = {"MODE": "RATE" if "RATE" in keys else "BOLUS", **keys}
        return "OK"

    def _program(self, program: dict[str, str]) -> str:
        return "OK " + " ".join(
            f"{name}={program.get(name, 0)}" for name in ("MODE", "RATE", "BOLUS", "TIME")
        )

    def _go(self, _keys: dict[str, str]) -> str:
        if self.staged["MODE"] == "STOP":
            return "NO 3"
        self.active, self.staged = self.staged, {"MODE": "STOP"}
        if self.active["MODE"] == "RATE":
            self.drive.run(int(self.active["RATE"]))
        else:
            volume_nl, duration_s = int(self.active["BOLUS"]), int(self.active["TIME"])
            self.drive.run(volume_nl / duration_s * 3600, volume_nl=volume_nl)
        self._note("START")
        return "OK"

    def _stop(self, _keys: dict[str, str]) -> str:
        self.drive.stop()
        self.active = {"MODE": "STOP"}
        self._note("STOP")
        return "OK"

    def _happened(self, what: str) -> None:
        if what == "target":
            self.active = {"MODE": "STOP"}
            self._note("BOLUS_END")

    def _note(self, code: str) -> None:
        self.log.append((self.clock.now_ns() // NS_PER_S, code))

    def _events(self, keys: dict[str, str]) -> str:
        first = int(keys["FROM"])
        entries = [
            f"{number}:{at_s}:{code}" for number, (at_s, code) in enumerate(self.log, 1) if number >= first
        ]
        return f"OK LIST={','.join(entries[:8]) or '-'}"

    def _fill(self, keys: dict[str, str]) -> str:
        self.fill_nl = int(keys["N"]) + round(self.drive.infused_nl)
        self.fluid.reservoir_nl = int(keys["N"])
        return "OK"
