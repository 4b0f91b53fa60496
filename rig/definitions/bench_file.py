"""Bench files: ``[bench]``, ``[[unit]]`` for each pump under test with its instruments, ``[shared]`` for the rest."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

from pydantic import Field

from rig.definitions.fields import (
    AirPressureHpa,
    HumidityPct,
    Ident,
    LineOfText,
    PressureDifferenceHpa,
    RateMlH,
    SilenceS,
    TemperatureC,
    TemperatureDifferenceK,
    VolumeMl,
    WebAddress,
)
from rig.definitions.instruments import SHARED, Auxiliaries, InstrumentFile
from rig.definitions.tables import Problems, Table, check_keys, read_table
from rig.definitions.toml_source import TomlSource, read_source
from rig.definitions.unit_file import UnitFile, Units
from rig.definitions.written import one_of, whole
from rig.errors import Where

__all__ = ["BenchFile", "InstrumentFile", "UnitFile", "bench_from_folder", "load_bench"]

# Where a run folder keeps a bench and its pump profiles.
RUN_FOLDER_BENCH = "bench.toml"
RUN_FOLDER_PUMPS = "pumps"

LAST_LAYERS = ("pump communication time-out", "relay watchdog", "none")


class BenchTable(Table):
    """``[bench]``. Air, with its standard uncertainties (``_u``), gives the buoyancy."""

    id: Ident = Field(description="short name of the bench", examples=['"line-3"'])
    site: LineOfText = Field("", description="where it stands")
    fluid: Annotated[str, one_of("water")] = Field("water", description="what is pumped")
    fluid_lot: LineOfText = Field(
        "", description="its grade and lot", examples=['"ISO 3696 grade 3, lot 2611-4"']
    )
    fluid_temperature_c: TemperatureC | None = Field(
        None,
        alias="fluid_temperature",
        description="temperature of the fluid in the pump",
        examples=['"37 degC"'],
    )
    fluid_temperature_u_k: TemperatureDifferenceK = Field(
        0.5, alias="fluid_temperature_u", description="its standard uncertainty"
    )
    air_temperature_c: TemperatureC = Field(
        20.0, alias="air_temperature", description="temperature of the air at the balances"
    )
    air_temperature_u_k: TemperatureDifferenceK = Field(
        1.0, alias="air_temperature_u", description="its standard uncertainty"
    )
    air_pressure_hpa: AirPressureHpa = Field(
        1013.25, alias="air_pressure", description="pressure of that air as it is, not reduced to sea level"
    )
    air_pressure_u_hpa: PressureDifferenceHpa = Field(
        10.0, alias="air_pressure_u", description="its standard uncertainty"
    )
    air_humidity_pct: HumidityPct = Field(50.0, alias="air_humidity", description="its relative humidity")
    air_humidity_u_pct: HumidityPct = Field(
        10.0, alias="air_humidity_u", description="its standard uncertainty"
    )
    rate_max_ml_h: RateMlH | None = Field(None, alias="rate_max", description="highest rate on this bench")
    bolus_max_ml: VolumeMl | None = Field(
        None, alias="bolus_max", description="largest bolus of any kind on this bench"
    )
    volume_max_ml: VolumeMl | None = Field(
        None, alias="volume_max", description="most that one unit may deliver in a run"
    )
    disagreement_max_ml: VolumeMl | None = Field(
        None,
        alias="disagreement_max",
        description="how far what was weighed may be from what was commanded, before the unit is stopped",
    )
    silence_max_s: SilenceS = Field(
        5.0,
        alias="silence_max",
        description="how long the run may be silent before the guard puts the pumps in their safe state",
    )
    if_both_die: Annotated[str, one_of(*LAST_LAYERS)] = Field(
        "none", description="what still makes the pumps safe when run and guard are both dead"
    )
    time_stamp_authority: WebAddress = Field(
        "",
        description="who is asked for an RFC 3161 time stamp on each run's seal",
        examples=['"http://tsa.example.org/tsr"'],
    )
    seed: Annotated[int, whole(0, 2**32 - 1)] = Field(1, description="seed of the simulated instruments")


@dataclass(frozen=True)
class BenchFile:
    """A whole bench. Air: °C, hPa and %RH, each with its standard uncertainty."""

    id: str
    site: str
    fluid: str
    fluid_lot: str
    fluid_temperature_c: float | None
    fluid_temperature_u_k: float
    air_temperature_c: float
    air_temperature_u_k: float
    air_pressure_hpa: float
    air_pressure_u_hpa: float
    air_humidity_pct: float
    air_humidity_u_pct: float
    rate_max_ml_h: float | None
    bolus_max_ml: float | None
    volume_max_ml: float | None
    disagreement_max_ml: float | None
    silence_max_s: float
    if_both_die: str
    time_stamp_authority: str
    seed: int
    units: tuple[UnitFile, ...]
    shared: Auxiliaries
    source: TomlSource = field(repr=False, compare=False)

    def unit(self, serial: str) -> UnitFile:
        """The unit with this serial number. Raises KeyError."""
        return {unit.serial: unit for unit in self.units}[serial]

    @property
    def instruments(self) -> Iterator[tuple[str, InstrumentFile]]:
        """Every instrument with the serial number of its unit, or :data:`SHARED`, those of units first."""
        for unit in self.units:
            yield from ((unit.serial, item) for item in unit.instruments)
        yield from ((SHARED, item) for item in self.shared.auxiliaries)

    def where(self, owner: str, role: str, *keys: str) -> Where:
        """Where an instrument of :attr:`instruments` stands in the file."""
        if owner == SHARED:
            return self.source.where(None, "shared", role, *keys)
        return self.source.where(owner, role, *keys)

    @property
    def is_in_process(self) -> bool:
        """All instruments are at ``sim:`` addresses, so that a run is carried out in virtual time."""
        return all(item.is_in_process for _, item in self.instruments)

    @property
    def profiles(self) -> dict[str, str]:
        """Text of each pump profile by its file name, as a run folder keeps them."""
        sources = (unit.profile.source for unit in self.units)
        return {source.path.name: source.text for source in sources}


def load_bench(path: Path | str) -> BenchFile:
    """Read and check a bench file and the pump profiles it names (relative to it).

    Raises DefinitionError with every problem found.
    """
    source = read_source(path)
    return _bench(source, lambda name: source.path.parent / name)


def bench_from_folder(run_folder: Path) -> BenchFile:
    """The bench of a run as its folder keeps it: ``bench.toml`` and the profiles in ``pumps/``."""
    return _bench(
        read_source(run_folder / RUN_FOLDER_BENCH),
        lambda name: run_folder / RUN_FOLDER_PUMPS / Path(name).name,
    )


def _bench(source: TomlSource, profile_path: Callable[[str], Path]) -> BenchFile:
    problems = Problems(source)
    check_keys(source.data, ("bench", "unit", "shared"), (), problems)
    table = None
    if "bench" in source.data:
        table = read_table(BenchTable, source.data["bench"], ("bench",), problems)
    else:
        problems.add((), "the table [bench] is missing", 'it begins a bench: [bench], then id = "..."')
    items = source.data.get("unit")
    if isinstance(items, dict):
        problems.add(("unit",), "a unit is written with double brackets", "write [[unit]]")
    elif not isinstance(items, list) or not items:
        problems.add(("unit",), "there is no unit on this bench", "a unit begins with [[unit]]")
    shared = read_table(Auxiliaries, source.data.get("shared", {}), ("shared",), problems) or Auxiliaries()
    units = Units(source, profile_path, problems).read(items if isinstance(items, list) else [], shared)
    problems.raise_if_any()
    if table is None:
        raise AssertionError("a bench without header was let through")
    return BenchFile(
        **{name: getattr(table, name) for name in BenchTable.model_fields},
        units=units,
        shared=shared,
        source=source,
    )
