"""The wire of the simulated pump: RPU/1, levels 1 and 2, as docs/reference/rpu-1.md says (its sections are
named below).

Line ``> AA SS VERB [WORD] [KEY=value ...]*CCCC`` CR LF; reply ``<``, notice ``!``; CRC-16/CCITT-FALSE of
the text. What the pump itself does is in :mod:`rig.sim.implantable.pump`.

NOT modelled: a bus with several devices, gaps inside a line.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from rig.sim.implantable import rpu1_reading
from rig.sim.implantable.patient import PatientBolus
from rig.sim.implantable.program import Program
from rig.sim.implantable.pump import ImplantablePump
from rig.sim.implantable.rpu1_lines import PREFIX, crc16, joined, line, string_value
from rig.sim.implantable.rpu1_reading import Pairs
from rig.sim.implantable.rpu1_requests import read_request, read_steps
from rig.sim.implantable.rpu1_tokens import Tokens
from rig.sim.implantable.words import LogRecord, RequestDenied, alarm_class
from rig.sim.wire.line import SerialLine, WorldClock

LINE_LIMIT = 256
BYTE_GAP_NS = 500_000_000  # a partial line is discarded after it
QUIET_NS = 20_000_000  # before a notice


class SimulatedPump:
    """A pump unit on its line. Plain attributes: ``maker``, ``model``, ``serial``, ``firmware``, ``level`` (1
    refuses what came with 2), ``address``, ``silent`` (telemetry out), ``processing_s``; faults of the line in
    ``line``, of the pump in ``unit``.
    """

    def __init__(
        self,
        clock: WorldClock,
        unit: ImplantablePump,
        random: np.random.Generator,
        *,
        serial: str = "SIM-0001",
        address: int = 1,
        baud: int = 115_200,
    ) -> None:
        self.clock, self.unit = clock, unit
        self.line = SerialLine(clock, baud)
        self.maker, self.model, self.serial, self.firmware = "infusion-rig sim", "RPU-Sim", serial, "1.0"
        self.level = 2
        self.address = address
        self.processing_s = 0.005
        self.silent = False
        self.tokens = Tokens(clock, random)
        self._input = b""
        self._overlong = False
        self._heard_ns = clock.now_ns()
        self._remembered: tuple[str, bytes] | None = None
        self._reset_due = False
        self._notice_seq = 0
        self._notices: list[str] = []
        self._notice_due = False
        self._verbs: dict[str, Callable[[str, dict[str, str]], Pairs]] = {
            "ID": self._id, "GET": self._get, "SET": self._set, "COMMIT": self._commit,
            "STOP": self._stop, "LOG": self._log, "REFILL": self._refill, "BATT": self._batt,
            "CLK": self._clk, "ALARM": self._alarm, "PTM": self._ptm, "PRIME": self._prime,
            "BRIDGE": self._bridge, "RST": self._rst,
        }  # fmt: skip
        unit.on_alarm = self._announce
        unit.on_reset = self._forget

    # Lines (sections 1 to 3)

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        now_ns = self.clock.now_ns()
        data = self.line.heard(data)
        if self.silent or self.unit.resetting:
            return
        if now_ns - self._heard_ns > BYTE_GAP_NS:
            self._input, self._overlong = b"", False
        self._heard_ns = now_ns
        *lines, self._input = (self._input + data).split(b"\n")
        for received in lines:
            if not self._overlong and len(received) < LINE_LIMIT:
                self._execute_line(received.removesuffix(b"\r"))
            self._overlong = False
        if len(self._input) >= LINE_LIMIT:
            self._input, self._overlong = b"", True

    def _execute_line(self, received: bytes) -> None:
        prefix = PREFIX.match(received)
        if prefix is None or int(prefix[1], 16) != self.address:
            return
        name = f"{prefix[1].decode()} {prefix[2].decode()}"
        body, mark, crc = received[2:-5], received[-5:-4], received[-4:]
        printable = all(0x20 <= byte <= 0x7E for byte in received)
        if not printable or mark != b"*" or crc != b"%04X" % crc16(body):
            self._reply(line("<", f"{name} ERR 09"))
            return
        text = body.decode("ascii")
        if self._remembered is None or self._remembered[0] != text:
            self.unit.settle()
            self._remembered = (text, line("<", f"{name} {self._answer(text[6:])}"))
        self._reply(self._remembered[1])

    def _reply(self, data: bytes) -> None:
        self.line.answer(data, self.processing_s)
        if self._reset_due:
            self._reset_due = False
            self.clock.call_at(self.line.quiet_since_ns, lambda: self.unit.reset("CMD"))

    def _announce(self, alarm: str, is_on: bool, record: LogRecord) -> None:
        self._notices.append(
            f"{self.address:02X} {self._notice_seq:02X} ALARM ID={alarm} CLASS={alarm_class(alarm)} "
            f"STATE={'ON' if is_on else 'OFF'} T={record.clock_s} LOG={record.number}"
        )
        self._notice_seq = (self._notice_seq + 1) % 256
        self._send_notices()

    def _send_notices(self) -> None:
        """One at a time, each when the line has been quiet for 20 ms and no request is half received."""
        if self._notice_due or not self._notices:
            return
        quiet_ns = self.line.quiet_since_ns + QUIET_NS
        if self._input or self._overlong:
            quiet_ns = max(quiet_ns, self._heard_ns + BYTE_GAP_NS + 1)
        if quiet_ns <= self.clock.now_ns():
            text = self._notices.pop(0)
            if not self.silent:
                self.line.answer(line("!", text), 0.0)
            self._send_notices()
            return
        self._notice_due = True

        def due() -> None:
            self._notice_due = False
            if self._input and self.clock.now_ns() - self._heard_ns > BYTE_GAP_NS:
                self._input, self._overlong = b"", False
            self._send_notices()

        self.clock.call_at(quiet_ns, due)

    def _forget(self) -> None:
        """A reset: all that lives in working memory."""
        self._input, self._overlong, self._remembered = b"", False, None
        self.tokens.void()
        self._notice_seq, self._notices = 0, []

    # Requests (section 4)

    def _answer(self, text: str) -> str:
        try:
            pairs = self._carry_out(text)
        except RequestDenied as denied:
            return f"ERR {denied.code} {joined(denied.pairs, '=', ' ')}".rstrip()
        return f"OK {joined(pairs, '=', ' ')}".rstrip()

    def _carry_out(self, text: str) -> Pairs:
        if self.tokens.stage_is_over:
            self.unit.staged = None
        request = read_request(text, self.unit.limits, self.level)
        return self._verbs[request.verb](request.word, request.values)

    # Verbs (section 7)

    def _id(self, word: str, _values: dict[str, str]) -> Pairs:
        if word == "LIMITS":
            return rpu1_reading.limits(self.unit.limits)
        names = {"MAKER": self.maker, "MODEL": self.model, "SERIAL": self.serial, "FW": self.firmware}
        return {key: string_value(text) for key, text in names.items()} | {"PROTO": 1, "LEVEL": self.level}

    def _get(self, word: str, values: dict[str, str]) -> Pairs:
        if word == "PROGRAM":
            return rpu1_reading.active_program(self.unit, values.get("GROUP"))
        if word == "STAGED":
            return rpu1_reading.staged_program(self.unit, values.get("GROUP"))
        tell = {
            "STATUS": rpu1_reading.status,
            "RES": rpu1_reading.reservoir,
            "PTM": rpu1_reading.patient_bolus,
        }
        return tell[word](self.unit)

    def _set(self, _word: str, values: dict[str, str]) -> Pairs:
        if "GROUP" in values:
            group, staged = int(values["GROUP"]), self.unit.staged
            if staged is None or values["GROUP"] not in staged.week:
                raise RequestDenied("03", KEY="GROUP")
            self.unit.staged = staged.with_group(group, read_steps(values["STEPS"]))
        else:
            self.unit.staged = self._program(values)
        return self.tokens.issue("COMMIT", {})

    def _program(self, values: dict[str, str]) -> Program:
        number = {key: int(text) for key, text in values.items() if key not in ("MODE", "MAP")}
        return Program(
            values["MODE"],
            rate=self.unit.limits.minimum_rate if values["MODE"] == "MIN" else number.get("RATE", 0),
            vol=number.get("VOL", 0),
            dur=number.get("DUR", 0),
            interval=number.get("INT", 0),
            week=values.get("MAP", ""),
            conc=number.get("CONC", 0),
        )

    def _commit(self, _word: str, values: dict[str, str]) -> Pairs:
        self.tokens.check("COMMIT", values["TOKEN"])
        program = self.unit.staged
        assert program is not None  # as long as its token is valid
        number = self.unit.commit(program)
        self.tokens.use_up("COMMIT")
        self.unit.staged = None
        return {"MODE": program.mode, "DELIV": self.unit.delivered_nl, "LOG": number}

    def _stop(self, _word: str, values: dict[str, str]) -> Pairs:
        if "TOKEN" not in values:
            return self.tokens.issue("STOP", values)
        self.tokens.check("STOP", values["TOKEN"])
        self.tokens.void()
        self.unit.stop()
        return {"MODE": "STOP", "DELIV": self.unit.delivered_nl}

    def _ptm(self, word: str, values: dict[str, str]) -> Pairs:
        if word == "ACTIVATE":
            return self._granted(self.unit.press_button())
        enabled, vol, dur, lock, maximum = (int(values[key]) for key in ("EN", "VOL", "DUR", "LOCK", "MAX"))
        self.unit.set_patient_bolus(PatientBolus(enabled, vol, dur, lock, maximum))
        return self.unit.patient.settings.pairs()

    def _prime(self, _word: str, values: dict[str, str]) -> Pairs:
        if "TOKEN" not in values:
            return self.tokens.issue("PRIME", values)
        asked = self.tokens.check("PRIME", values["TOKEN"])
        number = self.unit.prime(int(asked["VOL"]), int(asked["RATE"]))
        self.tokens.use_up("PRIME")
        return self._granted(number)

    def _bridge(self, _word: str, values: dict[str, str]) -> Pairs:
        if "TOKEN" not in values:
            return self.tokens.issue("BRIDGE", values)
        asked = self.tokens.check("BRIDGE", values["TOKEN"])
        old, new, vol, dur = (int(asked[key]) for key in ("OLD", "NEW", "VOL", "DUR"))
        number = self.unit.bridge(old, new, vol, dur)
        self.tokens.use_up("BRIDGE")
        return self._granted(number)

    def _granted(self, number: int) -> Pairs:
        return {"LEFT": self.unit.bolus_left_s, "DELIV": self.unit.delivered_nl, "LOG": number}

    def _rst(self, _word: str, values: dict[str, str]) -> Pairs:
        if "TOKEN" not in values:
            return self.tokens.issue("RST", values)
        self.tokens.check("RST", values["TOKEN"])
        self.tokens.use_up("RST")
        self._reset_due = True
        return {"DELIV": self.unit.delivered_nl}

    def _log(self, _word: str, values: dict[str, str]) -> Pairs:
        return rpu1_reading.log(self.unit, int(values["FROM"]))

    def _refill(self, _word: str, values: dict[str, str]) -> Pairs:
        volume = int(values["VOL"])
        before = self.unit.refill(volume, int(values["LOW"]) if "LOW" in values else None)
        return {"VOL": volume, "LOW": self.unit.low_nl, "OLD": before}

    def _batt(self, _word: str, _values: dict[str, str]) -> Pairs:
        return rpu1_reading.battery(self.unit)

    def _clk(self, _word: str, values: dict[str, str]) -> Pairs:
        if "T" not in values:
            return {"T": self.unit.clock_s}
        before = self.unit.set_clock(int(values["T"]))
        return {"OLD": before, "T": int(values["T"])}

    def _alarm(self, word: str, values: dict[str, str]) -> Pairs:
        unit = self.unit
        if word == "TONE":
            unit.test_tone(values["KIND"])
            return {"KIND": values["KIND"]}
        if word == "ACK":
            unit.acknowledge(values["ID"])
            return {"ID": values["ID"], **rpu1_reading.alarm_masks(unit)}
        on = ",".join(unit.alarms.in_order()) or "NONE"
        return {**rpu1_reading.alarm_masks(unit), "TONE": unit.alarms.tone, "IDS": on}
