"""Pumps to their safe states, all at once, again and again until each has confirmed it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import asdict
from typing import Any, cast

from rig.capabilities import InfusionPump, UnitUnderTest
from rig.clock import Clock
from rig.drivers.opening import open_driver
from rig.errors import RigError
from rig.guard.orders import InstrumentOrders, PumpOrders
from rig.readings import PumpState
from rig.safe_state import safety_switch, to_safe_state

FIRST_PAUSE_S, LONGEST_PAUSE_S = (
    0.002,
    1.0,
)  # between attempts; the port of a killed run is free a moment later
OPERATOR = "operator:"  # instruments that a person works

Tell = Callable[[str, dict[str, Any]], None]  # (kind, fields) of what happened; called from several threads


def make_safe(
    pumps: Sequence[PumpOrders], reason: str, clock: Clock, give_up_s: float, tell: Tell
) -> list[str]:
    """Put each pump in its safe state; the serial numbers of those that did not confirm it within ``give_up_s``.

    Tells ``pump_safe``, ``pump_not_safe_yet`` (when the reason is new) and ``pump_unsafe``.
    """
    give_up_ns = clock.now_ns() + round(give_up_s * 1e9)
    unsafe: list[str] = []

    def make_one(pump: PumpOrders) -> None:
        if not _made_safe(pump, reason, clock, give_up_ns, tell):
            unsafe.append(pump.serial)

    threads = [threading.Thread(target=make_one, args=(pump,), name=pump.serial) for pump in pumps]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return [pump.serial for pump in pumps if pump.serial in unsafe]


def _made_safe(pump: PumpOrders, reason: str, clock: Clock, give_up_ns: int, tell: Tell) -> bool:
    began_ns, attempts, pause_s, complaint = clock.now_ns(), 0, FIRST_PAUSE_S, ""
    while True:
        attempts += 1
        try:
            state = _attempt(pump, reason, clock)
        except Exception as error:  # whatever goes wrong in a driver, the next attempt is made
            what = str(error) if isinstance(error, RigError) else f"{type(error).__name__}: {error}"
            if what != complaint:
                complaint = what
                tell("pump_not_safe_yet", {"unit": pump.serial, "because": what})
            by_hand = pump.instrument.address.startswith(OPERATOR)
            if by_hand or clock.now_ns() >= give_up_ns:
                hint = "a person works this pump: go and stop it" if by_hand else "go and look at this pump"
                tell(
                    "pump_unsafe", {"unit": pump.serial, "attempts": attempts, "because": what, "hint": hint}
                )
                return False
        else:
            after_ms = round((clock.now_ns() - began_ns) / 1e6, 1)
            told = {
                "unit": pump.serial,
                "safe_state": pump.safe_state,
                "attempts": attempts,
                "after_ms": after_ms,
            }
            tell("pump_safe", told | {"pump": None if state is None else _plain(state)})
            return True
        clock.sleep_s(pause_s)
        pause_s = min(2 * pause_s, LONGEST_PAUSE_S)


def _attempt(pump: PumpOrders, reason: str, clock: Clock) -> PumpState | None:
    with ExitStack() as stack:

        def opened(orders: InstrumentOrders) -> Any:
            driver = open_driver(
                orders.driver, orders.address, orders.device, orders.arguments, clock, lambda *_: None
            )
            stack.callback(driver.close)
            return driver

        switches = {role: opened(orders) for role, orders in pump.switches.items()}
        if (switched := safety_switch(pump.safe_state, switches, pump.channel, pump.safe_on)) is not None:
            switched.switch(True)  # whether or not the pump's own line is there
            return None
        driver = cast(InfusionPump, opened(pump.instrument))
        return to_safe_state(UnitUnderTest(pump.serial, driver, None, None, pump.safe_state), reason)


def _plain(state: PumpState) -> dict[str, Any]:
    told = asdict(state)
    return {name: told[name] for name in ("mode", "running", "rate_nl_h", "delivered_nl")}
