"""The wire of the simulated pump: RPU/1, level 1, as docs/reference/rpu-1.md says (its sections are named
below).

Line ``> AA SS VERB [WORD] [KEY=value ...]*CCCC`` CR LF; reply ``<``, notice ``!``; CRC-16/CCITT-FALSE of
the text. What the pump itself does is in :mod:`rig.sim.implantable`.

NOT modelled: level 2 (answered with error 02), a bus with several devices, gaps inside a line.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from rig.sim.implantable import ImplantablePump
from rig.sim.line import NS_PER_S, SerialLine, WorldClock
from rig.sim.pump_words import LogRecord, Program, RequestDenied, alarm_class
from rig.sim.rpu1_lines import PREFIX, crc16, joined, line, string_value
from rig.sim.rpu1_requests import read_request

LINE_LIMIT = 256
BYTE_GAP_NS = 500_000_000  # a partial line is discarded after it
QUIET_NS = 20_000_000  # before a notice
STAGE_LIFE_S, ACTION_LIFE_S = 600, 60


@dataclass(frozen=True)
class Token:
    value: int
    until_ns: int
    purpose: str


Pairs = dict[str, object]


class SimulatedPump:
    """A pump unit on its line. Plain attributes: ``maker``, ``model``, ``serial``, ``firmware``,
    ``address``, ``silent`` (telemetry out), ``processing_s``, ``next_tokens`` (given out before the drawn
    ones); faults of the line in ``line``, of the pump in ``unit``.
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
        self.address = address
        self.processing_s = 0.005
        self.silent = False
        self.next_tokens: list[int] = []
        self._random = random
        self._input = b""
        self._overlong = False
        self._heard_ns = clock.now_ns()
        self._remembered: tuple[str, bytes] | None = None
        self._stage: Token | None = None
        self._action: Token | None = None
        self._last_token = -1
        self._notice_seq = 0
        self._notices: list[str] = []
        self._notice_due = False
        self._verbs: dict[str, Callable[[str, dict[str, str]], Pairs]] = {
            "ID": self._id, "GET": self._get, "SET": self._set, "COMMIT": self._commit,
            "STOP": self._stop, "LOG": self._log, "REFILL": self._refill, "BATT": self._batt,
            "CLK": self._clk, "ALARM": self._alarm,
        }  # fmt: skip
        unit.on_alarm = self._announce
        unit.on_reset = self._forget

    # Lines (sections 1 to 3)

    def attach(self, send: Callable[[int, bytes], None]) -> None:
        self.line.attach(send)

    def receive(self, data: bytes) -> None:
        now_ns = self.clock.now_ns()
        self.line.heard(data)
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
        self._stage = self._action = None
        self._notice_seq, self._notices = 0, []

    # Requests (section 4)

    def _answer(self, text: str) -> str:
        try:
            pairs = self._carry_out(text)
        except RequestDenied as denied:
            return f"ERR {denied.code} {joined(denied.pairs, '=', ' ')}".rstrip()
        return f"OK {joined(pairs, '=', ' ')}".rstrip()

    def _carry_out(self, text: str) -> Pairs:
        request = read_request(text, self.unit.limits)
        return self._verbs[request.verb](request.word, request.values)

    # Tokens (section 5)

    def _new_token(self, purpose: str, life_s: int) -> Token:
        value = self._last_token
        while value == self._last_token:
            value = self.next_tokens.pop(0) if self.next_tokens else int(self._random.integers(0x10000))
        self._last_token = value
        return Token(value, self.clock.now_ns() + life_s * NS_PER_S, purpose)

    def _valid(self, token: Token | None, given: str, purpose: str) -> bool:
        return (
            token is not None
            and token.purpose == purpose
            and token.value == int(given, 16)
            and self.clock.now_ns() < token.until_ns
        )

    def _expire_stage(self) -> None:
        if self._stage is not None and self.clock.now_ns() >= self._stage.until_ns:
            self._stage = self.unit.staged = None

    # Verbs (section 7)

    def _id(self, word: str, _values: dict[str, str]) -> Pairs:
        limits = self.unit.limits
        if word == "LIMITS":
            return {
                "RMIN": limits.rate_min, "RMAX": limits.rate_max, "MIN": limits.minimum_rate,
                "BMIN": limits.bolus_min, "BMAX": limits.bolus_max, "BRMAX": limits.bolus_rate_max,
                "DMIN": limits.duration_min, "DMAX": limits.duration_max, "RESMAX": limits.reservoir_max,
                "LOWMAX": limits.low_max, "PULSE": limits.pulse, "LOGCAP": limits.log_capacity,
            }  # fmt: skip
        names = {"MAKER": self.maker, "MODEL": self.model, "SERIAL": self.serial, "FW": self.firmware}
        return {key: string_value(text) for key, text in names.items()} | {"PROTO": 1, "LEVEL": 1}

    def _get(self, word: str, _values: dict[str, str]) -> Pairs:
        unit = self.unit
        if word == "STATUS":
            return {
                "MODE": unit.mode, "RUN": int(unit.running), "SRC": unit.source, "RATE": unit.rate_nl_h,
                "LEFT": unit.bolus_left_s, "DELIV": unit.delivered_nl, "RES": unit.reservoir_nl,
                "BATT": unit.battery.mv, "ERI": unit.battery.eri_left_days, "ALARMS": f"{unit.mask(unit.on):04X}",
                "STOPT": unit.stopped_s, "UP": unit.up_s, "CLK": unit.clock_s, "LOG": unit.log_last,
            }  # fmt: skip
        if word == "PROGRAM":
            if unit.memory_lost:
                raise RequestDenied("0B", AREA="PROG")
            if unit.bolus:
                return unit.bolus.program.pairs() | {"THEN": unit.basal.mode}
            return unit.basal.pairs()
        if word == "STAGED":
            self._expire_stage()
            if unit.staged is None:
                raise RequestDenied("04")
            return unit.staged.pairs()
        return {
            "RES": unit.reservoir_nl, "LOW": unit.low_nl, "FILL": unit.count.fill_nl, "FILLT": unit.count.fill_clock_s,
        }  # fmt: skip

    def _set(self, _word: str, values: dict[str, str]) -> Pairs:
        numbers = {key.lower(): int(value) for key, value in values.items() if key != "MODE"}
        program = Program(values["MODE"], **numbers)
        if program.mode == "MIN":
            program = Program("MIN", rate=self.unit.limits.minimum_rate, conc=program.conc)
        if program.mode == "SB" and program.vol * 3600 > self.unit.limits.bolus_rate_max * program.dur:
            raise RequestDenied("03", KEY="VOL")
        self.unit.staged = program
        self._stage = self._new_token("COMMIT", STAGE_LIFE_S)
        return {"TOKEN": f"{self._stage.value:04X}", "EXP": STAGE_LIFE_S}

    def _commit(self, _word: str, values: dict[str, str]) -> Pairs:
        self._expire_stage()
        program = self.unit.staged
        if program is None or not self._valid(self._stage, values["TOKEN"], "COMMIT"):
            raise RequestDenied("05")
        number = self.unit.commit(program)
        self._stage = self.unit.staged = None
        return {"MODE": program.mode, "DELIV": self.unit.delivered_nl, "LOG": number}

    def _stop(self, _word: str, values: dict[str, str]) -> Pairs:
        if "TOKEN" not in values:
            self._action = self._new_token("STOP", ACTION_LIFE_S)
            return {"TOKEN": f"{self._action.value:04X}", "EXP": ACTION_LIFE_S}
        if not self._valid(self._action, values["TOKEN"], "STOP"):
            raise RequestDenied("05")
        self._stage = self._action = None
        self.unit.stop()
        return {"MODE": "STOP", "DELIV": self.unit.delivered_nl}

    def _log(self, _word: str, values: dict[str, str]) -> Pairs:
        kept = self.unit.log
        first = kept[0].number if kept else 0
        start = max(int(values["FROM"]), first) - first
        records = [kept[index] for index in range(start, min(start + 2, len(kept)))]
        more = bool(records) and records[-1].number < self.unit.log_last
        pairs: Pairs = {"FIRST": first, "LAST": self.unit.log_last, "N": len(records), "MORE": int(more)}
        for index, record in enumerate(records, 1):
            arguments = joined(record.arguments, "/", ",")
            pairs[f"R{index}"] = f"{record.number}:{record.clock_s}:{record.code}:{arguments}"
        return pairs

    def _refill(self, _word: str, values: dict[str, str]) -> Pairs:
        volume = int(values["VOL"])
        before = self.unit.refill(volume, int(values["LOW"]) if "LOW" in values else None)
        return {"VOL": volume, "LOW": self.unit.low_nl, "OLD": before}

    def _batt(self, _word: str, _values: dict[str, str]) -> Pairs:
        unit = self.unit
        return {
            "MV": unit.battery.mv, "ERI": unit.battery.eri_left_days, "EOS": unit.battery.eos_left_days,
            "ERIMV": unit.battery.eri_threshold_mv, "EOSMV": unit.battery.eos_threshold_mv, "STATE": unit.battery.state,
        }  # fmt: skip

    def _clk(self, _word: str, values: dict[str, str]) -> Pairs:
        if "T" not in values:
            return {"T": self.unit.clock_s}
        before = self.unit.set_clock(int(values["T"]))
        return {"OLD": before, "T": int(values["T"])}

    def _alarm(self, word: str, values: dict[str, str]) -> Pairs:
        unit = self.unit
        if word == "ACK":
            unit.acknowledge(values["ID"])
        masks = {"ON": f"{unit.mask(unit.on):04X}", "ACK": f"{unit.mask(unit.acknowledged):04X}"}
        if word == "ACK":
            return {"ID": values["ID"], **masks}
        loud = {alarm_class(alarm) for alarm in unit.on - unit.acknowledged}
        tone = "DUAL" if "CRIT" in loud else "SINGLE" if loud else "NONE"
        return {**masks, "TONE": tone, "IDS": ",".join(unit.alarms_in_order()) or "NONE"}
