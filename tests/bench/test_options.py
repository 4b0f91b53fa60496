"""What a bench file tells a driver besides its address becomes the keyword arguments of its class, or is refused."""

from __future__ import annotations

import pytest

from rig.bench.options import driver_arguments
from rig.definitions.instruments import PumpInstrument
from rig.errors import DefinitionError


class SyringePump:
    """Has one option of each kind."""

    def __init__(
        self, link: object, address: int = 0, *, syringe_diameter_mm: float, safe: bool = False,
        time_out: int = 5, label: str = "", limit_ml_h: float = 10.0,
    ) -> None:  # fmt: skip
        self.address = address


def told(**options: bool | int | str) -> PumpInstrument:
    return PumpInstrument(driver="pump_syringe", address="sim://A", options=options)


def test_a_quantity_carries_its_unit_in_the_value():
    arguments = driver_arguments(SyringePump, told(syringe_diameter="1.443 cm", limit="240 mL/day"))
    assert arguments == {"syringe_diameter_mm": pytest.approx(14.43), "limit_ml_h": 10.0}


def test_plain_options_are_passed_as_they_are():
    arguments = driver_arguments(
        SyringePump, told(syringe_diameter="14.43 mm", safe=True, time_out=7, label="left")
    )
    assert arguments == {"syringe_diameter_mm": 14.43, "safe": True, "time_out": 7, "label": "left"}


@pytest.mark.parametrize(
    ("options", "message", "hint"),
    [
        ({}, "must know 'syringe_diameter'", 'add options = { syringe_diameter = "1.5 mm" }'),
        ({"syringe_diametre": "14 mm"}, "no option 'syringe_diametre'", "did you mean 'syringe_diameter'?"),
        ({"syringe_diameter": "14"}, "14", ""),
        ({"syringe_diameter": "14 mL"}, "mL", ""),
        ({"syringe_diameter": 14}, "a length with its unit", 'such as "1.5 mm"'),
        ({"syringe_diameter": "14 mm", "safe": 1}, "'safe' is true or false, not 1", ""),
        ({"syringe_diameter": "14 mm", "time_out": True}, "'time_out' is a whole number, not True", ""),
    ],
)
def test_a_wrong_option_is_refused(options, message, hint):
    with pytest.raises(DefinitionError, match=message) as refused:
        driver_arguments(SyringePump, told(**options))
    assert hint in refused.value.hint


def test_a_driver_without_options_says_so():
    class Plain:
        def __init__(self, link: object) -> None: ...

    with pytest.raises(DefinitionError, match="no option 'safe'") as refused:
        driver_arguments(Plain, told(safe=True))
    assert refused.value.hint == "it has none"
