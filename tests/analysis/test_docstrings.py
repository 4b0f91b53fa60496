"""Every public name of the analysis says what it takes and gives: shapes, units, errors, source of its formula."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from types import FunctionType
from typing import Any

import pytest

import rig.analysis

# Detectors rest on no published formula: each finding says its evidence.
DETECTORS = re.compile(r"log_\w+|departures|steadiness")
MODULES = [
    importlib.import_module(f"rig.analysis.{found.name}")
    for found in pkgutil.iter_modules(rig.analysis.__path__)
]
UNITS = r"_(s|ns|g|ml|ml_h|g_h|g_s|g_s2|pct|c|k|kpa|hpa|mm|ppm|kg_m3|g_ml|ug_ml|ml_g|ml_kpa|h)$"
SAID_UNIT = r"\b(units?|shares?|probability|no unit|in standard|in s|mL|g/h|mL/h|g/s|kg/m³)\b|%"
SHAPE = r"\bshapes?\b|\(n,\)|\(m,\)|n \+ 1"
SOURCE = r"\b(1[89]|20)\d\d\b|\b(IEC|ISO|GUM|JCGM|ILAC|EURAMET|OIML)\b"


def public() -> Iterator[tuple[str, str, Any]]:
    """Name, docstring of the module and object, of every public function, class, method and property."""
    for module in MODULES:
        for name, item in vars(module).items():
            if name.startswith("_") or getattr(item, "__module__", None) != module.__name__:
                continue
            yield f"{module.__name__.removeprefix('rig.analysis.')}.{name}", module.__doc__ or "", item
            for part, found in vars(item).items() if inspect.isclass(item) else ():
                method = found.fget if isinstance(found, property) else getattr(found, "__func__", found)
                if isinstance(method, FunctionType) and not part.startswith("_"):
                    yield (
                        f"{module.__name__.removeprefix('rig.analysis.')}.{name}.{part}",
                        module.__doc__ or "",
                        method,
                    )


NAMES = [pytest.param(module_doc, item, id=name) for name, module_doc, item in public()]
FUNCTIONS = [found for found in NAMES if isinstance(found.values[1], FunctionType)]


def parameters(function: FunctionType) -> dict[str, str]:
    """Annotations of its parameters, as they are written."""
    signature = inspect.signature(function)
    return {
        name: str(each.annotation)
        for name, each in signature.parameters.items()
        if name not in ("self", "cls")
    }


def test_the_functions_are_found() -> None:
    found = {name for name, _, _ in public()}

    assert {"tolerance.two_sided_factor", "trumpet.trumpet", "monte_carlo.propagate"} <= found
    assert {"uncertainty.Budget.expanded_uncertainty", "uncertainty.Budget"} <= found


@pytest.mark.parametrize(("module_doc", "item"), NAMES)
def test_it_has_a_docstring_and_a_source(module_doc: str, item: Any) -> None:
    assert inspect.getdoc(item)
    if not DETECTORS.fullmatch(item.__module__.removeprefix("rig.analysis.")):
        assert re.search(SOURCE, module_doc + inspect.getdoc(item))


@pytest.mark.parametrize(("module_doc", "item"), FUNCTIONS)
def test_it_says_the_shapes_and_units_of_what_it_takes(module_doc: str, item: FunctionType) -> None:
    said = inspect.getdoc(item) or ""
    taken = parameters(item)
    if any(re.search(r"Floats|NDArray|Bools", annotation) for annotation in taken.values()):
        assert re.search(SHAPE, said), "of arrays the shapes are not said"
    plain = [
        name
        for name, annotation in taken.items()
        if re.search(r"\bfloat\b|Floats", annotation) and not re.search(UNITS, name)
    ]
    assert not plain or re.search(SAID_UNIT, said), f"the unit of {', '.join(plain)} is not said"


@pytest.mark.parametrize(("module_doc", "item"), FUNCTIONS)
def test_it_says_what_it_raises(module_doc: str, item: FunctionType) -> None:
    if re.search(r"^\s+raise ", inspect.getsource(item), re.MULTILINE):
        assert re.search(r"\bRaises (\w+Error)", inspect.getdoc(item) or "")
