"""One file a device family: the host's end of each wire protocol.

A driver is a class with ``ROLE`` ("pump", "balance", "flow", "pressure", ...) and ``DEFAULT_BAUD`` that is made with
its link and fulfils a capability of :mod:`rig.capabilities`. Packages of others add theirs under the entry-point
group ``rig.drivers`` (``name = "package.module:Class"``); a name of the rig's own cannot be taken.
"""

from __future__ import annotations

from importlib import import_module
from importlib.metadata import entry_points
from typing import Any

from rig.errors import DefinitionError, did_you_mean

ENTRY_POINT_GROUP = "rig.drivers"
DRIVERS = {
    "balance_manual": "rig.drivers.balance_manual:ManualBalance",
    "balance_mt_sics": "rig.drivers.balance_mt_sics:MtSicsBalance",
    "balance_sartorius_sbi": "rig.drivers.balance_sartorius_sbi:SartoriusSbiBalance",
    "bath_julabo": "rig.drivers.bath_julabo:JulaboBath",
    "current_keithley_dmm6500": "rig.drivers.current_keithley_dmm6500:KeithleyDmm6500",
    "current_keysight_34465a": "rig.drivers.current_keysight_34465a:Keysight34465A",
    "environment_manual": "rig.drivers.environment_manual:ManualEnvironment",
    "environment_vaisala_ptu300": "rig.drivers.environment_vaisala_ptu300:VaisalaPtu300",
    "flow_bronkhorst_propar": "rig.drivers.flow_bronkhorst_propar:BronkhorstPropar",
    "flow_sensirion_scc1": "rig.drivers.flow_sensirion_scc1:SensirionScc1",
    "pressure_keller": "rig.drivers.pressure_keller:KellerPressure",
    "pump_alaris": "rig.drivers.pump_alaris:AlarisPump",
    "pump_fresenius": "rig.drivers.pump_fresenius:FreseniusPump",
    "pump_harvard_chain": "rig.drivers.pump_harvard_chain:HarvardChainPump",
    "pump_harvard_ultra": "rig.drivers.pump_harvard_ultra:HarvardUltraPump",
    "pump_manual": "rig.drivers.pump_manual:ManualPump",
    "pump_new_era": "rig.drivers.pump_new_era:NewEraPump",
    "pump_rpu1": "rig.drivers.pump_rpu1:Rpu1Pump",
    "supply_keithley_2450": "rig.drivers.supply_keithley_2450:Keithley2450",
    "valves_gpio_serial": "rig.drivers.valves_gpio_serial:GpioSerialValves",
    "valves_manual": "rig.drivers.valves_manual:ManualValves",
    "valves_scpi": "rig.drivers.valves_scpi:ScpiValves",
}


def driver_places() -> dict[str, str]:
    """Every driver there is, by name: where its class is ("module:Class"). Loads none."""
    others = {point.name: point.value for point in entry_points(group=ENTRY_POINT_GROUP)}
    return dict(sorted({**others, **DRIVERS}.items()))


def driver_class(name: str) -> type[Any]:
    """The class of a driver, loaded now. Raises DefinitionError for a name that nobody offers."""
    places = driver_places()
    if name not in places:
        hint = did_you_mean(name, places) or f"there are {', '.join(places)}"
        raise DefinitionError(f"there is no driver '{name}'", hint=hint)
    module, _, attribute = places[name].partition(":")
    try:
        found: type[Any] = getattr(import_module(module), attribute)
    except (ImportError, AttributeError) as error:  # somebody else's package is broken
        raise DefinitionError(f"driver '{name}' cannot be loaded from '{places[name]}': {error}") from error
    return found
