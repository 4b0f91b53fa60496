"""Whether a class can be a driver at all: found without a line, from its attributes and signatures."""

from __future__ import annotations

import inspect
import re
from collections.abc import Iterator
from typing import Any

from rig import capabilities
from rig.bench.options import UNITS
from rig.transport.address import BAUDS

CAPABILITY_OF_ROLE: dict[str, type] = {
    "pump": capabilities.InfusionPump,
    "balance": capabilities.Balance,
    "flow": capabilities.FlowSensor,
    "pressure": capabilities.Monitor,
    "current": capabilities.Monitor,
    "environment": capabilities.Monitor,
    "supply": capabilities.PowerSupply,
    "bath": capabilities.Thermostat,
    "valves": capabilities.Valves,
}
OPTION_TYPES = (bool, int, str, float)


def class_faults(driver: type[Any]) -> list[str]:
    """What is wrong with ``driver`` as a class, in words; empty if nothing is."""
    return [*_attribute_faults(driver), *_constructor_faults(driver), *_method_faults(driver)]


def _attribute_faults(driver: type[Any]) -> Iterator[str]:
    role = getattr(driver, "ROLE", None)
    if role not in CAPABILITY_OF_ROLE:
        yield f"ROLE is {role!r}: it must be one of {', '.join(CAPABILITY_OF_ROLE)}"
    baud = getattr(driver, "DEFAULT_BAUD", None)
    if baud not in BAUDS:
        yield f"DEFAULT_BAUD is {baud!r}: it must be one of {', '.join(str(known) for known in BAUDS)}"
    framing = getattr(driver, "DEFAULT_FRAMING", "8N1")
    if not (isinstance(framing, str) and re.fullmatch("[78][NEO][12]", framing)):
        yield f"DEFAULT_FRAMING is {framing!r}: it must be bits, parity and stop bits, such as '8N1' or '7E1'"
    firmware = getattr(driver, "FIRMWARE", ())
    if not (isinstance(firmware, tuple) and all(isinstance(version, str) for version in firmware)):
        yield f"FIRMWARE is {firmware!r}: it must be a tuple of the versions, as texts, that it was tried with"


def _constructor_faults(driver: type[Any]) -> Iterator[str]:
    parameters = list(inspect.signature(driver, eval_str=True).parameters.values())
    if not parameters or parameters[0].kind is not parameters[0].POSITIONAL_OR_KEYWORD:
        yield "it is not made with its link: the first argument of __init__ must be 'link'"
    for place, parameter in enumerate(parameters[1:]):
        if parameter.kind is parameter.KEYWORD_ONLY:
            yield from _option_faults(parameter)
        elif place or parameter.name != "address":
            yield (
                f"argument '{parameter.name}' of __init__: only 'link' and 'address' may stand before the '*', "
                "everything else is an option and must be keyword-only"
            )
        elif parameter.annotation is not int or parameter.default is parameter.empty:
            yield "argument 'address' of __init__ must be an int with a default"


def _option_faults(option: inspect.Parameter) -> Iterator[str]:
    if option.annotation not in OPTION_TYPES:
        yield f"option '{option.name}' is of type {option.annotation!r}: it must be bool, int, str or float"
    elif option.annotation is float and not option.name.endswith(tuple(UNITS)):
        yield (
            f"option '{option.name}' has an unknown unit: the name of a float must end in its unit, "
            f"one of {', '.join(UNITS)}"
        )


def _method_faults(driver: type[Any]) -> Iterator[str]:
    role = getattr(driver, "ROLE", None)
    if role not in CAPABILITY_OF_ROLE:
        return
    capability = CAPABILITY_OF_ROLE[role]
    for name, wanted in inspect.getmembers(capability, inspect.isfunction):
        if name.startswith("_"):
            continue
        words = [each for each in inspect.signature(wanted).parameters if each != "self"]
        call = f"{name}({', '.join(words)})"
        if not callable(getattr(driver, name, None)):
            yield f"{call} is missing: a {role} must have it ({capability.__name__} in rig.capabilities)"
            continue
        offered = list(inspect.signature(getattr(driver, name)).parameters.values())[1:]
        extra = offered[len(words) :]
        if [each.name for each in offered[: len(words)]] != words or any(
            each.default is each.empty for each in extra
        ):
            own = ", ".join(each.name for each in offered)
            yield f"{name}({own}) has other arguments than {call} of {capability.__name__}"
    if hasattr(driver, "refresh") != hasattr(driver, "refresh_every_s") and not _sets(
        driver, "refresh_every_s"
    ):
        yield "refresh() and refresh_every_s belong together: one of them is missing"


def _sets(driver: type[Any], attribute: str) -> bool:
    """Whether its __init__ sets the attribute."""
    return attribute in getattr(driver.__init__, "__code__", _sets.__code__).co_names
