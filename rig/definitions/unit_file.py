"""The units of a bench file: each ``[[unit]]`` is a pump under test and what watches it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated

from pydantic import Field, InstanceOf, WithJsonSchema

from rig.definitions.fields import (
    Ident,
    LengthMm,
    LineOfText,
    Percent,
    TemperatureDifferenceK,
    Truth,
    VolumeMl,
    VolumeOrNoneMl,
)
from rig.definitions.instruments import (
    SHARED,
    Auxiliaries,
    BalanceInstrument,
    FlowInstrument,
    InstrumentFile,
    PumpInstrument,
    SimulatedUnit,
)
from rig.definitions.pump_profile import PumpProfile, load_profile
from rig.definitions.tables import Contradiction, Problems, read_table
from rig.definitions.toml_lines import KeyPath
from rig.definitions.toml_source import TomlSource
from rig.definitions.written import one_of, shown, whole
from rig.errors import DefinitionError


class UnitFile(Auxiliaries):
    """``[[unit]]``: a pump under test and what watches it.

    The outlet is submerged if ``outlet_diameter_mm`` and ``vessel_diameter_mm`` are given (the tube displaces
    water as the level rises), else it is not.
    """

    serial: Ident = Field(description="serial number of the pump unit", examples=['"SN0042"'])
    profile: Annotated[InstanceOf[PumpProfile], WithJsonSchema({"type": "string"})] = Field(
        description="file with the claims of the pump model", examples=['"pumps/reference-40ml.toml"']
    )
    reservoir_written_ml: VolumeMl | None = Field(
        None, alias="reservoir", description="fill at the start", examples=['"40 mL"']
    )
    set_lot: LineOfText | None = Field(None, description="lot of the set or catheter")
    catheter: LineOfText | None = Field(None, description="type of the catheter")
    production_equivalent: Truth | None = Field(None, description="true if built as in production")
    outlet_diameter_mm: LengthMm | None = Field(
        None,
        alias="outlet_diameter",
        description="outer diameter of the submerged outlet",
        examples=['"1 mm"'],
    )
    vessel_diameter_mm: LengthMm | None = Field(
        None, alias="vessel_diameter", description="inner diameter of the vessel", examples=['"30 mm"']
    )
    dead_volume_ml: VolumeOrNoneMl = Field(
        0.0,
        alias="dead_volume",
        description="fluid in pump and tube that expands as it warms",
        examples=['"0.2 mL"'],
    )
    dead_volume_swing_k: TemperatureDifferenceK = Field(
        0.0,
        alias="dead_volume_swing",
        description="how far its temperature swings to either side",
        examples=['"0.1 K"'],
    )
    evaporation_variation_pct: Percent = Field(
        0.0,
        alias="evaporation_variation",
        description="how far evaporation swings to either side of its mean",
        examples=['"5 %"'],
    )
    pump: PumpInstrument = Field(
        description="the pump's own link",
        examples=['{ driver = "pump_rpu1", address = "serial:///dev/ttyUSB0" }'],
    )
    balance: BalanceInstrument | None = Field(
        None, description="the balance that weighs what this unit delivers"
    )
    flow: FlowInstrument | None = Field(None, description="the flow sensor in its line")
    safe_channel: Annotated[int, whole(0, 8999)] | None = Field(
        None,
        description="channel of its valves that diverts its flow, or cuts its power, where that is its safe state",
        examples=["3"],
    )
    safe_when: Annotated[str, one_of("on", "off")] = Field(
        "on", description="how this channel is then", examples=['"on"']
    )
    simulated_written: SimulatedUnit | None = Field(
        None, alias="simulated", description="what its simulated instruments get wrong"
    )

    @property
    def reservoir_ml(self) -> float:
        """Fill at the start: as written, else a full reservoir."""
        return self.profile.reservoir_ml if self.reservoir_written_ml is None else self.reservoir_written_ml

    @property
    def safe_on(self) -> bool:
        """Whether ``safe_channel`` is switched on to be safe."""
        return self.safe_when == "on"

    @property
    def simulated(self) -> SimulatedUnit | None:
        """Errors and faults of the simulated instruments; None if none is simulated."""
        if self.simulated_written is None and any(item.is_simulated for item in self.instruments):
            return SimulatedUnit()
        return self.simulated_written

    @property
    def instruments(self) -> tuple[InstrumentFile, ...]:
        """Its own, as far as present: pump, balance, flow sensor, and what stands beside them."""
        first = (item for item in (self.pump, self.balance, self.flow) if item is not None)
        return (*first, *self.auxiliaries)

    def contradictions(self) -> Iterator[Contradiction]:
        """An outlet thinner than its vessel; a fill that the reservoir holds; a stall that begins."""
        if (self.outlet_diameter_mm is None) != (self.vessel_diameter_mm is None):
            given = "outlet_diameter" if self.vessel_diameter_mm is None else "vessel_diameter"
            yield (
                (given,),
                "a submerged outlet needs both outlet_diameter and vessel_diameter",
                "or leave both out",
            )
        elif (
            self.outlet_diameter_mm
            and self.vessel_diameter_mm
            and self.outlet_diameter_mm >= self.vessel_diameter_mm
        ):
            yield (
                ("outlet_diameter",),
                "the outlet does not go into the vessel",
                "compare it with vessel_diameter",
            )
        if self.reservoir_ml > self.profile.reservoir_ml:
            hint = f"the profile says {self.profile.reservoir_ml:g} mL"
            yield ("reservoir",), f"{self.reservoir_ml:g} mL do not go into the reservoir", hint
        if self.simulated_written is not None:
            if self.simulated_written.stall_for_s is not None and self.simulated_written.stall_at_s is None:
                yield ("simulated", "stall_for"), "a stall needs 'stall_at' too", 'such as stall_at = "40 h"'
            if not any(item.is_simulated for item in self.instruments):
                hint = "give an instrument an address that begins with sim://, or simulated = true"
                yield ("simulated",), "no instrument of this unit is simulated", hint


class Units:
    """Reads the units of a bench, each profile once, and refuses what two of them cannot share."""

    def __init__(self, source: TomlSource, profile_path: Callable[[str], Path], problems: Problems) -> None:
        self.source, self.profile_path, self.problems = source, profile_path, problems
        self.profiles: dict[Path, PumpProfile | None] = {}

    def read(self, items: list[object], shared: Auxiliaries) -> tuple[UnitFile, ...]:
        """All units; ``shared`` is what stands on the bench beside them."""
        found = [
            (index, unit) for index, item in enumerate(items) if (unit := self.unit(index, item)) is not None
        ]
        self.refuse_same_serials(items)
        instruments: list[tuple[KeyPath, str, InstrumentFile]] = [
            (("unit", index, item.role), f"{unit.serial}'s {item.role}", item)
            for index, unit in found
            for item in unit.instruments
        ]
        instruments += [
            (("shared", item.role), f"the shared {item.role}", item) for item in shared.auxiliaries
        ]
        self.refuse_same_addresses(instruments)
        self.refuse_mixed_worlds(instruments)
        for index, unit in found:
            self.refuse_safe_state_without_means(("unit", index), unit, shared)
        return tuple(unit for _, unit in found)

    def unit(self, index: int, item: object) -> UnitFile | None:
        path: KeyPath = ("unit", index)
        if not isinstance(item, dict):
            self.problems.add(
                path, f"a table is needed here, not {shown(item)}", "a unit begins with [[unit]]"
            )
            return None
        filled = dict(item)
        told: tuple[KeyPath, ...] = ()
        if isinstance(name := item.get("profile"), str):
            profile = self.profile(name, (*path, "profile"))
            filled["profile"] = profile
            told = (("profile",),) if profile is None else ()
        return read_table(UnitFile, filled, path, self.problems, told)

    def profile(self, name: str, path: KeyPath) -> PumpProfile | None:
        """The profile that a unit names; None, and entries in the problems, if it cannot be used."""
        file = self.profile_path(name)
        if file.parts.count("..") > self.source.path.parent.parts.count(".."):
            self.problems.add(path, f"the path '{name}' leads out of the folder of this file", "put it there")
            return None
        if file in self.profiles:
            if self.profiles[file] is None:
                self.problems.add(path, f"the pump profile '{name}' is wrong", "see there")
            return self.profiles[file]
        same_name = [other for other in self.profiles if other.name == file.name]
        if same_name:
            hint = "a run keeps them by file name; rename one"
            self.problems.add(path, f"two pump profiles have the file name '{file.name}'", hint)
        self.profiles[file] = None
        try:
            self.profiles[file] = load_profile(file)
        except DefinitionError as error:
            about_file = error.where.line is None and error.where.key is None
            said = f": {error.message}" if about_file else ""
            hint = f"looked for {file}{'; ' + error.hint if error.hint.startswith('did you') else ''}"
            self.problems.add(path, f"the pump profile '{name}' cannot be used{said}", hint)
            if not about_file:
                self.problems.found.extend(error.problems)
        return self.profiles[file]

    def refuse_same_serials(self, items: list[object]) -> None:
        """A serial names a unit in files, results and messages; small and capital letters count as equal."""
        first_line: dict[str, int | None] = {}
        for index, item in enumerate(items):
            serial = item.get("serial") if isinstance(item, dict) else None
            if not isinstance(serial, str):
                continue
            if serial.lower() == SHARED:
                message = f"the serial '{serial}' means what all units of a bench share"
                self.problems.add(("unit", index, "serial"), message, "write the pump's own serial number")
            elif serial.lower() in first_line:
                message = f"the serial '{serial}' is taken by the unit on line {first_line[serial.lower()]}"
                self.problems.add(
                    ("unit", index, "serial"),
                    message,
                    "give each its own; small and capital letters count as equal",
                )
            else:
                first_line[serial.lower()] = self.source.line_of("unit", index)

    def refuse_safe_state_without_means(self, path: KeyPath, unit: UnitFile, shared: Auxiliaries) -> None:
        """A flow is diverted by a valve, power cut by a relay or the supply: they must be on the bench."""
        state = unit.profile.safe_state
        roles = {item.role for item in (*unit.instruments, *shared.auxiliaries)}
        if unit.safe_channel is not None and "valves" not in roles:
            self.problems.add((*path, "safe_channel"), "neither this unit nor the bench has valves", "")
        elif state == "divert" and unit.safe_channel is None:
            hint = "say which channel of its valves does it: safe_channel = 1"
            self.problems.add(path, "by its profile this pump's flow is diverted to be safe", hint)
        elif state == "power off" and unit.safe_channel is None and "supply" not in roles:
            hint = "add its supply, or say which channel of its valves cuts it: safe_channel = 1"
            self.problems.add(path, "by its profile this pump's power is cut to be safe", hint)

    def refuse_same_addresses(self, instruments: list[tuple[KeyPath, str, InstrumentFile]]) -> None:
        """Two instruments share a port only as numbered devices of the same driver's line."""
        first: dict[tuple[str, int | None], str] = {}
        for path, name, item in instruments:
            if item.is_asked_of_operator:  # one person may read off several
                continue
            for (port, device), who in first.items():
                if port != item.port or (item.device is not None and device not in (None, item.device)):
                    continue
                message = f"the address '{item.address}' is taken by {who}"
                hint = "give instruments that share a line each its own 'device' number"
                self.problems.add((*path, "address"), message, hint)
                break
            first.setdefault((item.port, item.device), name)

    def refuse_mixed_worlds(self, instruments: list[tuple[KeyPath, str, InstrumentFile]]) -> None:
        """Instruments at ``sim:`` addresses live in virtual time, which no real instrument does."""
        if not any(item.is_in_process for _, _, item in instruments):
            return
        for path, _, item in instruments:
            if not item.is_in_process:
                message = "on a bench with sim:// addresses all instruments must be at sim:// addresses"
                hint = "or serve the simulated ones with 'rig sim', and write the addresses it prints"
                self.problems.add((*path, "address"), message, hint)
