"""The same facts in a terminal, for those without a browser: the newest run, drawn anew twice a second."""

from __future__ import annotations

import json
import signal
import sys
import threading
from types import FrameType
from typing import Any

from rich.console import Console, Group
from rich.live import Live as Screen
from rich.table import Table
from rich.text import Text

from rig.watch.live import TICK_S, Listener, Live

STYLES = {"info": "", "good": "green", "doubt": "yellow", "bad": "bold red"}
EVENTS_SHOWN = 12
Message = dict[str, Any]


def show(live: Live) -> None:
    """Until a signal comes. Where standard output is no terminal the state is printed once."""
    console = Console(highlight=False)
    ended = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()

    for name in ("SIGINT", "SIGTERM"):
        signal.signal(getattr(signal, name), end)
    if not sys.stdout.isatty():
        live.catch_up()
        console.print(drawn(seen(live)))
        return
    with Screen(drawn(seen(live)), console=console, auto_refresh=False, screen=True) as screen:
        while not ended.wait(TICK_S):
            screen.update(drawn(seen(live)), refresh=True)


def seen(live: Live) -> dict[str, Message]:
    """The messages a page would get first, by type: ``runs``, ``prompts`` and, if there is a run, ``run``."""
    told: dict[str, Message] = {}

    def keep(body: bytes) -> None:
        message = json.loads(body)
        told[message["type"]] = message

    listener = Listener(keep)
    live.listen(listener)
    try:
        live.watch(listener, None)
    except LookupError:
        return told
    finally:
        live.leave(listener)
    return told


def drawn(told: dict[str, Message]) -> Group:
    """The whole screen."""
    parts: list[Any] = [
        Text(f"the operator is asked: {prompt['question']}", "bold yellow")
        for prompt in told["prompts"]["open"]
    ]
    if "run" not in told:
        return Group(*parts, Text("no run yet"))
    message = told["run"]
    run = message["run"]
    return Group(*_head(run, message), *parts, _units(message), *_verdicts(message), *_events(message))


def _head(run: Message, message: Message) -> list[Text]:
    title = Text(f"{run.get('plan', '?')} {run.get('revision', '')} on {run.get('bench', '?')}", "bold")
    if run.get("rehearsal"):
        title.append("  REHEARSAL", "bold magenta")
    title.append(
        f"  {run['state'].upper()} {run.get('outcome', '')} {run.get('reason', '')}".rstrip(), "bold"
    )
    left_s = None if run["run_ends_s"] is None else run["run_ends_s"] - message["t_s"]
    lines = [title, Text(f"{run['name']}   begun {_span(message['t_s'])} ago, {_left(left_s)}")]
    if run["words"]:
        lines.append(Text(run["words"], "yellow"))
    if run["trouble"]:
        lines.append(Text(run["trouble"], "bold red"))
    return lines


def _units(message: Message) -> Table:
    table = Table(header_style="bold")
    for heading in ("unit", "case", "step", "left", "pump", "delivered", "alarms"):
        table.add_column(heading, overflow="fold")
    for unit in message["units"]:
        planned_s = unit["step_planned_s"]
        left_s = planned_s and unit["step_from_s"] + planned_s - message["t_s"]
        alarms = Text(", ".join(alarm["name"].upper() for alarm in unit["alarms"]), "bold red")
        table.add_row(
            Text(unit["serial"]),
            Text(unit["case"]),
            Text(unit["step"]),
            Text(_left(left_s) if planned_s else ""),
            Text(_pump(unit)),
            Text("" if unit["delivered_ml"] is None else f"{unit['delivered_ml']:.5g} mL"),
            alarms,
        )
    return table


def _pump(unit: Message) -> str:
    if unit["running"] is None:
        return ""
    return f"delivers {unit['rate_ml_h']:.4g} mL/h" if unit["running"] else "stopped"


def _verdicts(message: Message) -> list[Table]:
    """What is decided, and what the criteria of the case that goes on are so far."""
    rows = [(unit["serial"], row, "") for unit in message["units"] for row in unit["verdicts"]]
    rows += [(row["serial"], row, " so far") for row in message["so_far"]]
    if not rows:
        return []
    table = Table(header_style="bold")
    for heading in ("unit", "case", "criterion", "verdict", "value", "limit"):
        table.add_column(heading, overflow="fold")
    for serial, row, so_far in rows:
        verdict = row["verdict"].replace("_", " ")
        style = (
            ""
            if so_far
            else STYLES[{"PASS": "good", "FAIL": "bad", "ERROR": "bad"}.get(row["verdict"], "doubt")]
        )
        table.add_row(
            *map(Text, (serial, row["case"], row["title"])),
            Text(verdict + so_far, style),
            _value(row),
            Text(row["limit"]),
        )
    return [table]


def _value(row: Message) -> Text:
    if row["value"] is None:
        return Text("")
    spread = "" if row["expanded_uncertainty"] is None else f" ± {row['expanded_uncertainty']:.2g}"
    return Text(f"{row['value']:+.3g}{spread} {row['unit']}")


def _events(message: Message) -> list[Text]:
    return [
        Text(f"{_span(event['t_s']):>10}  ", "dim")
        .append(f"{event['unit']} {event['case']}".strip(), "bold")
        .append(f"  {event['text']}", STYLES[event["level"]])
        for event in message["events"][-EVENTS_SHOWN:]
    ]


def _left(seconds: float | None) -> str:
    if seconds is None:
        return ""
    return f"{_span(seconds)} left" if seconds >= 0 else f"{_span(-seconds)} over the plan"


def _span(seconds: float) -> str:
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02} min" if hours else f"{minutes} min {rest:02} s"
