"""Finding drivers by name, and what all of them have in common."""

from __future__ import annotations

import inspect
from importlib.metadata import EntryPoint

import pytest

import rig.drivers
from rig.drivers import DRIVERS, driver_class, driver_places
from rig.errors import DefinitionError
from rig.testing import class_faults


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_driver_fulfils_the_capability_of_its_role(name):
    driver = driver_class(name)
    assert class_faults(driver) == []
    assert name.startswith(driver.ROLE)


@pytest.mark.parametrize("name", sorted(DRIVERS))
def test_driver_gives_its_link_back(name, scripted):
    link, driver = scripted(), driver_class(name)
    required = [
        p for p in inspect.signature(driver, eval_str=True).parameters.values() if p.default is p.empty
    ]
    driver(link, **{p.name: p.annotation(14.43) for p in required[1:]}).close()
    assert link.closed


def test_unknown_driver_is_refused_with_the_nearest_name():
    with pytest.raises(DefinitionError, match=r"no driver 'pump_rpu'.*did you mean 'pump_rpu1'"):
        driver_class("pump_rpu")
    with pytest.raises(DefinitionError, match="there are balance_manual, balance_mt_sics"):
        driver_class("zzz")


@pytest.fixture
def others(monkeypatch):
    """What other packages offer."""

    def offer(**places):
        points = [EntryPoint(name, place, "rig.drivers") for name, place in places.items()]
        monkeypatch.setattr(
            rig.drivers, "entry_points", lambda group: points if group == "rig.drivers" else []
        )

    return offer


def test_drivers_of_other_packages(others):
    others(pump_acme="collections:OrderedDict", pump_rpu1="collections:deque")
    assert driver_class("pump_acme").__name__ == "OrderedDict"
    assert driver_class("pump_rpu1").__name__ == "Rpu1Pump", "the rig's own name cannot be taken"
    assert list(driver_places()) == sorted([*DRIVERS, "pump_acme"])


@pytest.mark.parametrize("place", ["no_such_package:Pump", "collections:NoSuchClass"])
def test_broken_driver_of_another_package(others, place):
    others(pump_acme=place)
    with pytest.raises(DefinitionError, match="'pump_acme' cannot be loaded"):
        driver_class("pump_acme")
