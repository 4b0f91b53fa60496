"""Simulated syringe pump behind a base, or alone, as the public package infupy 2022.1.11 speaks to Fresenius pumps.

This is an *infupy-compatible subset*, nothing more: the maker's document is under licence and was not read. What
infupy does not show is this simulator's own, and marked so below; nothing here says what a Fresenius pump does.

``STX [address] text CC ETX``, CC = FF less the sum of address and text, two hex digits; address 0 is the base, 1 to
8 a module, none a pump that stands alone. A sound frame is acknowledged (06) and answered ``[address]C[;data]`` or
``[address]I;NN``; a damaged one gets NAK (15) and a code. The host acknowledges answers; upon NAK they are sent
again. ``E`` frames are sent unasked, again every second until the host echoes their head. In silence the pump
sends ENQ (05) and hears DC4 (14).

Commands: DC FC (connect, disconnect), MO;1|2 (by hand, by computer), LE (rate d, volume r, alarm a, error e, mode m,
bolus rate k and volume s; of the base: modules b, their number i), LF;b (type), LP (drug), LN (identity), DE AE
(unasked values on, off), PR (rate), PO (pause), PB (bolus), PV (volume limit), PP (pressure limit), RV (reset
volume), SI (silence). Rates are tenths of a ml/h, volumes thousandths of a ml, in hex.

The simulator's own: the arguments of PR, PB, PV and PP (the same hex numbers, ``PB;rate;volume``); PR starts the
infusion, too; the widths of hex numbers; the bits of a (1 stall or occlusion, 2 near end, 4 end), the numbers of m;
SI clears an alarm; LN tells the serial number; all times. NOT modelled: all other commands (answered ``I;01``),
adjustable values (DM AM LM), what a pressure limit does, several modules on one base, parity.
"""

from __future__ import annotations

import math
from collections.abc import Callable

from rig.sim.bench_pumps.drive import InfusionDrive
from rig.sim.bench_pumps.infusion import Infusion
from rig.sim.fluid.path import FluidPath
from rig.sim.wire.line import NS_PER_S, SerialLine, WorldClock

STX, ETX, ENQ, ACK, DC4, NAK = 0x02, 0x03, 0x05, 0x06, 0x14, 0x15
LONGEST = 80
TENTH_NL_H, THOUSANDTH_NL = 1e5, 1e3
BY_HAND, BY_COMPUTER = 1, 2
ALARM_BITS = {"stall": 1, "occlusion": 1, "near_end": 2, "end": 4}
NEEDS_COMPUTER = ("PR", "PO", "PB", "PV", "PP")


class Refused(Exception):
    """Its text is the two digits of the application's error."""


def checksum(data: bytes) -> bytes:
    return b"%02X" % (0xFF - sum(data) % 0x100)


def frame(text: str) -> bytes:
    data = text.encode("ascii")
    return bytes([STX]) + data + checksum(data) + bytes([ETX])


class SimulatedFresenius:
    """A pump in place ``module`` of a base; with None it stands alone. Plain attributes: ``serial``, ``drug``,
    ``device_type``, ``rate_max_nl_h``, ``alarm`` (bits), ``error``, ``enquiry_s`` (silence before ENQ),
    ``lost_after_s`` (silence that ends the connection), ``processing_s``; faults of the line in ``line``, of the
    pump in ``drive``.
    """

    def __init__(
        self,
        clock: WorldClock,
        fluid: FluidPath,
        *,
        serial: str = "SIM-P",
        capacity_nl: float = math.inf,
        module: int | None = 1,
    ) -> None:
        self.clock = clock
        self.line = SerialLine(clock, 19_200, "7E1")
        self.drive = InfusionDrive(clock, fluid, capacity_nl=capacity_nl)
        self.drive.happened = self._happened
        self.infusion = Infusion(self.drive)
        self.module = "" if module is None else str(module)
        self.serial, self.drug, self.device_type = serial, "SIMULATED", "SIM"
        self.rate_max_nl_h = 1.2e9
        self.mode, self.alarm, self.error = BY_HAND, 0, 0
        self.enquiry_s, self.lost_after_s = 2.0, math.inf
        self.processing_s = 0.005
        self._connected: set[str] = set()
        self._spontaneous: dict[str, str] = {}  # letters that are told unasked, by address
        self._told: dict[str, str] = {}
        self._unacknowledged: set[str] = set()
        self._frame: bytearray | None = None
        self._is_nak = False
        self._last_frame = b""
        self._heard_ns = clock.now_ns()
        self._beat = 0
        self._commands: dict[str, Callable[[str, str], str]] = {
            "DC": self._connect, "FC": self._disconnect, "MO": self._set_mode, "LE": self._read, "LF": self._read_fixed,
            "LP": lambda _at, _words: self.drug, "LN": lambda _at, _words: self.serial,
            "DE": self._enable, "AE": self._disable, "PR": self._set_rate, "PO": self._pause, "PB": self._bolus,
            "PV": self._set_limit, "PP": self._set_pressure, "RV": self._reset_volume, "SI": self._silence,
        }  # fmt: skip

    # Frames

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        data = self.line.heard(data)
        self._heard_ns = self.clock.now_ns()
        for byte in data:
            self._hear(byte)

    def _hear(self, byte: int) -> None:
        if self._is_nak:  # the code after it
            self._is_nak = False
            self._send(self._last_frame)
        elif byte == STX:
            self._frame = bytearray()
        elif self._frame is None:
            self._is_nak = byte == NAK  # ACK and DC4 need no answer, anything else is noise
        elif byte == ETX:
            got, self._frame = bytes(self._frame), None
            self._take(got)
        elif byte < 0x20 or byte > 0x7E:
            self._refuse_frame(b"8")
        elif len(self._frame) >= LONGEST:
            self._refuse_frame(b"7")
        else:
            self._frame.append(byte)

    def _refuse_frame(self, code: bytes) -> None:
        self._frame = None
        self._send(bytes([NAK]) + code)

    def _take(self, got: bytes) -> None:
        data, got_sum = got[:-2], got[-2:]
        if len(got) < 3 or got_sum != checksum(data):
            self._refuse_frame(b"2")
            return
        text = data.decode("ascii")
        at = text[0] if text[0].isdecimal() else ""
        if at not in ("0", self.module) or (at == "0" and not self.module):
            self._refuse_frame(b"4")
            return
        name, _, words = text[len(at) :].partition(";")
        if name in ("E", "M"):  # the echo of an unasked frame
            self._unacknowledged.discard(at)
            self._send(bytes([ACK]))
            return
        try:
            self._check_connection(at, name)
            answer = self._execute(at, name, words)
            reply = f"{at}C;{answer}" if answer else f"{at}C"
        except Refused as refused:
            reply = f"{at}I;{refused}"
        self._last_frame = frame(reply)
        self._send(bytes([ACK]) + self._last_frame)
        self._tell_changes(at)

    def _send(self, data: bytes) -> None:
        self.line.answer(data, self.processing_s)

    # Connections

    def _check_connection(self, at: str, name: str) -> None:
        if self.module and at != "0" and "0" not in self._connected:
            raise Refused("0D")
        if name != "DC" and at not in self._connected:
            raise Refused("0D" if at == "0" else "1E")

    def _execute(self, at: str, name: str, words: str) -> str:
        if name not in self._commands or (at == "0" and name not in ("DC", "FC", "LE", "LF", "DE", "AE")):
            raise Refused("01")
        if name in NEEDS_COMPUTER and self.mode != BY_COMPUTER:
            raise Refused("02")
        return self._commands[name](at, words)

    def _connect(self, at: str, _words: str) -> str:
        self._connected.add(at)
        self._beat += 1
        self._live_on(self._beat)
        return ""

    def _disconnect(self, at: str, _words: str) -> str:
        gone = set(self._connected) if at == "0" else {at}
        self._connected -= gone
        for each in gone:
            self._spontaneous.pop(each, None)
        if self.module in gone:
            self.mode = BY_HAND
        return ""

    def _live_on(self, beat: int) -> None:
        """Ask in silence whether the host is there; give up when it is silent for too long."""

        def look() -> None:
            if beat != self._beat or not self._connected:
                return
            silent_s = (self.clock.now_ns() - self._heard_ns) / NS_PER_S
            if silent_s >= self.lost_after_s:
                self._disconnect("0", "")
                self._disconnect(self.module, "")
                return
            if silent_s >= self.enquiry_s:
                self._send(bytes([ENQ]))
            self._live_on(beat)

        self.clock.call_at(self.clock.now_ns() + round(self.enquiry_s * NS_PER_S), look)

    # Values

    def _value(self, at: str, letter: str) -> str:
        if at == "0":
            values = {"b": f"{1 << (int(self.module) - 1):02X}" if self.module else "00", "i": "01"}
        else:
            values = {
                "d": f"{round(self.drive.rate_nl_h / TENTH_NL_H):04X}",
                "r": f"{int(self.drive.infused_nl / THOUSANDTH_NL):06X}",
                "a": f"{self.alarm:04X}", "e": f"{self.error:04X}", "m": f"{self.mode:02X}",
                "k": f"{round(self.infusion.bolus_rate_nl_h / TENTH_NL_H):04X}",
                "s": f"{int(self.infusion.bolus_done_nl / THOUSANDTH_NL):06X}",
            }  # fmt: skip
        if letter not in values:
            raise Refused("0B")
        return letter + values[letter]

    def _read(self, at: str, words: str) -> str:
        if not words:
            raise Refused("04")
        return ";".join(self._value(at, letter) for letter in words)

    def _read_fixed(self, _at: str, words: str) -> str:
        if words != "b":
            raise Refused("0B")
        return "b" + self.device_type

    def _enable(self, at: str, words: str) -> str:
        self._read(at, words)  # refuses what it does not know
        self._spontaneous[at] = words
        self._told[at] = ""
        self._unacknowledged.discard(at)
        self._tell_every_second(at, words)
        return ""

    def _disable(self, at: str, _words: str) -> str:
        self._spontaneous.pop(at, None)
        return ""

    def _tell_changes(self, at: str) -> None:
        letters = self._spontaneous.get(at)
        if letters is None or at in self._unacknowledged:
            return
        told = self._read(at, letters)
        if told != self._told[at]:
            self._told[at] = told
            self._unacknowledged.add(at)
            self._send(frame(f"{at}E;{told}"))

    def _tell_every_second(self, at: str, letters: str) -> None:
        def tell() -> None:
            if self._spontaneous.get(at) is not letters:
                return
            if at in self._unacknowledged:
                self._send(frame(f"{at}E;{self._told[at]}"))
            self._tell_changes(at)
            self._tell_every_second(at, letters)

        self.clock.call_at(self.clock.now_ns() + NS_PER_S, tell)

    # The pump

    def _set_mode(self, _at: str, words: str) -> str:
        if words not in ("1", "2"):
            raise Refused("04")
        if int(words) == self.mode:
            raise Refused("06")
        self.mode = int(words)
        return ""

    def _set_rate(self, _at: str, words: str) -> str:
        rate_nl_h = self._in_range(hexadecimal(words) * TENTH_NL_H)
        self._refuse_in_alarm()
        self.infusion.start(rate_nl_h)
        return ""

    def _in_range(self, rate_nl_h: float) -> float:
        if not 0 < rate_nl_h <= self.rate_max_nl_h:
            raise Refused("08")
        return rate_nl_h

    def _pause(self, _at: str, _words: str) -> str:
        if not self.drive.runs:
            raise Refused("03")
        self.infusion.pause()
        return ""

    def _bolus(self, _at: str, words: str) -> str:
        rate, _, volume = words.partition(";")
        rate_nl_h, volume_nl = hexadecimal(rate) * TENTH_NL_H, hexadecimal(volume) * THOUSANDTH_NL
        self._in_range(rate_nl_h)
        if not volume_nl:
            raise Refused("08")
        self._refuse_in_alarm()
        if self.infusion.is_bolus:
            raise Refused("03")
        if volume_nl > self.drive.left_nl:
            raise Refused("15")
        self.infusion.bolus(rate_nl_h, volume_nl)
        return ""

    def _set_limit(self, _at: str, words: str) -> str:
        self.infusion.limit(hexadecimal(words) * THOUSANDTH_NL or math.inf)
        return ""

    def _set_pressure(self, _at: str, words: str) -> str:
        hexadecimal(words)  # taken, and of no effect
        return ""

    def _reset_volume(self, _at: str, _words: str) -> str:
        self.infusion.reset_volume()
        return ""

    def _silence(self, _at: str, _words: str) -> str:
        self.alarm = 0
        return ""

    def _refuse_in_alarm(self) -> None:
        if self.alarm & ~ALARM_BITS["near_end"]:
            raise Refused("12")

    def _happened(self, what: str) -> None:
        if what == "target":
            self.infusion.target_reached()
        else:
            self.alarm |= ALARM_BITS[what]
            if what != "near_end":
                self.infusion.pause()
        self._tell_changes(self.module)


def hexadecimal(text: str) -> int:
    if not text or not set(text) <= set("0123456789ABCDEF"):
        raise Refused("04")
    return int(text, 16)
