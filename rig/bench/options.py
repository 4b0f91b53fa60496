"""What a bench file tells a driver besides its address: the keyword-only arguments of its class."""

from __future__ import annotations

import inspect
from difflib import get_close_matches
from typing import Any

from rig.definitions.instruments import InstrumentFile
from rig.errors import DefinitionError
from rig.quantities import parse

# A float's name ends in its unit, by which its kind is known: ``syringe_diameter_mm``.
UNITS = {
    "_ml_h": ("rate", "mL/h"),
    "_ml": ("volume", "mL"),
    "_mm": ("length", "mm"),
    "_kpa": ("pressure", "kPa"),
    "_c": ("temperature", "degC"),
    "_s": ("duration", "s"),
    "_v": ("voltage", "V"),
    "_a": ("current", "A"),
}


def driver_arguments(driver: type[Any], file: InstrumentFile) -> dict[str, Any]:
    """The keyword arguments with which ``driver`` is made. Raises DefinitionError, place to be added by the caller."""
    wanted = {
        name: parameter
        for name, parameter in inspect.signature(driver, eval_str=True).parameters.items()
        if parameter.kind is parameter.KEYWORD_ONLY
    }
    keys = {_key(name, parameter.annotation): name for name, parameter in wanted.items()}
    for key in file.options:
        if key not in keys:
            close = get_close_matches(key, keys, n=1)
            known = f"its options are {', '.join(keys)}" if keys else "it has none"
            hint = f"did you mean '{close[0]}'?" if close else known
            raise DefinitionError(f"driver '{file.driver}' has no option '{key}'", hint=hint)
    arguments: dict[str, Any] = {}
    for key, name in keys.items():
        if key in file.options:
            arguments[name] = _value(key, name, wanted[name].annotation, file.options[key])
        elif wanted[name].default is inspect.Parameter.empty:
            example = _example(key, name, wanted[name].annotation)
            raise DefinitionError(
                f"driver '{file.driver}' must know '{key}'", hint=f"add options = {{ {key} = {example} }}"
            )
    return arguments


def _unit(name: str, annotation: Any) -> tuple[str, str] | None:
    if annotation is not float:
        return None
    return next((kind for suffix, kind in UNITS.items() if name.endswith(suffix)), None)


def _key(name: str, annotation: Any) -> str:
    """As the bench file writes it: a quantity carries its unit in the value, not in the key."""
    if _unit(name, annotation) is None:
        return name
    return next(name.removesuffix(suffix) for suffix in UNITS if name.endswith(suffix))


def _value(key: str, name: str, annotation: Any, value: bool | int | str) -> Any:
    if (unit := _unit(name, annotation)) is not None:
        if not isinstance(value, str):
            raise DefinitionError(
                f"the option '{key}' is a {unit[0]} with its unit, in quotes", hint=f'such as "1.5 {unit[1]}"'
            )
        return parse(value, *unit)
    if type(value) is not annotation:
        kind = {bool: "true or false", int: "a whole number", str: "a text"}.get(annotation, "something else")
        raise DefinitionError(f"the option '{key}' is {kind}, not {value!r}")
    return value


def _example(key: str, name: str, annotation: Any) -> str:
    unit = _unit(name, annotation)
    return f'"1.5 {unit[1]}"' if unit is not None else {bool: "true", int: "1"}.get(annotation, '"..."')
