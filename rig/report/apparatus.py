"""Units under test and the instruments they were measured with."""

from __future__ import annotations

from rig.analysis.density import water_density_kg_m3
from rig.definitions.bench_file import UnitFile
from rig.report import blocks, wording
from rig.report.blocks import Block, Cell
from rig.report.numbers import joined, measured, number
from rig.report.sources import Results, Sources

UNITS_A_TABLE = 4


def apparatus(sources: Sources) -> Block:
    """The section."""
    parts = [
        _units(sources),
        *_prescriptions(sources),
        _instruments(sources),
        *_stated_accuracy(sources),
        _conditions(sources),
    ]
    return blocks.section("apparatus", "Units under test and instruments", parts)


def _unit_file(sources: Sources, serial: str) -> UnitFile | None:
    return next((unit for unit in sources.bench.units if unit.serial == serial), None)


def _units(sources: Sources) -> Block:
    rows = []
    for unit in sources.units:
        file = _unit_file(sources, str(unit["serial"]))
        rows.append(
            [
                blocks.strong(unit["serial"]),
                blocks.text(_model(unit, file)),
                blocks.text(unit.get("firmware")),
                blocks.text(_equivalence(file)),
                blocks.plain_number(getattr(file, "reservoir_ml", None), "mL"),
                blocks.text(_delivery_set(file)),
                blocks.text(_battery(sources, str(unit["serial"]))),
                blocks.text(_read_back(sources, str(unit["serial"]))),
                blocks.verdict(unit.get("outcome")),
            ]
        )
    return blocks.table(
        "Units under test",
        [
            "Serial number",
            "Maker and model",
            "Firmware",
            "Built as in production",
            "Reservoir fill",
            "Set or catheter",
            "Battery, start to end",
            "Prescription read back",
            "Outcome",
        ],
        rows,
        [1.0, 1.2, 0.85, 0.95, 0.85, 0.95, 0.9, 1.15, 1.45],
        "llllrllll",
        small=True,
    )


def _model(unit: Results, file: UnitFile | None) -> str:
    """Maker and model, with the accuracy that its profile says is on the label."""
    name = " ".join(str(part) for part in (unit.get("maker"), unit.get("model")) if part)
    return name if file is None else f"{name} (labelled ±{file.profile.accuracy_pct:g} %)"


def _equivalence(file: UnitFile | None) -> str:
    """What the bench file says; the rig cannot know."""
    told = getattr(file, "production_equivalent", None)
    return "not stated" if told is None else "yes, as stated" if told else "NO, as stated"


def _delivery_set(file: UnitFile | None) -> str:
    lot = getattr(file, "set_lot", None)
    told = [getattr(file, "catheter", None), f"lot {lot}" if lot else None]
    return ", ".join(part for part in told if part) or "not stated"


def _battery(sources: Sources, serial: str) -> str:
    """The voltage the pump itself tells, first and last."""
    told = [
        state["battery_mv"]
        for data in sources.run.cases
        if data.unit == serial
        for state in data.pump_states
        if state.get("battery_mv")
    ]
    return (
        f"{joined(number(told[0] / 1000), 'V')} to {joined(number(told[-1] / 1000), 'V')}"
        if told
        else "not told"
    )


def _read_back(sources: Sources, serial: str) -> str:
    """Whether what the pump was told is what it said was active, in each case that came so far."""
    told = [
        data.read_back for data in sources.run.cases if data.unit == serial and data.read_back is not None
    ]
    if not told:
        return "never programmed"
    alike = sum(1 for record in told if record["commanded"] == record["read"])
    return f"as commanded in {alike} of {len(told)} cases"


def _prescriptions(sources: Sources) -> list[Block]:
    """What each pump was told, and what it said was active before it delivered; the same of several units once."""
    found: dict[tuple[str, str, str], list[str]] = {}
    for data in sources.run.cases:
        if data.read_back is not None and data.unit in sources.serials:
            told, read = (wording.prescription(data.read_back[key]) for key in ("commanded", "read"))
            found.setdefault((data.case, told, read), []).append(data.unit)
    if not found:
        return []
    rows = [
        [
            blocks.strong(case),
            blocks.text(wording.listed(units, 12)),
            blocks.text(told),
            blocks.text("the same" if read == told else f"DIFFERS: {read}"),
        ]
        for (case, told, read), units in found.items()
    ]
    title = "Prescription as commanded, and as read back from the pump before the start"
    return [blocks.table(title, ["Case", "Units", "Commanded", "Read back"], rows, [1.1, 1.6, 2.6, 1.2])]


def _instruments(sources: Sources) -> Block:
    rows: list[list[Cell]] = []
    owners = [(str(unit["serial"]), unit.get("instruments") or []) for unit in sources.units]
    owners.append(("all units", sources.results.get("shared_instruments") or []))
    for owner, instruments in owners:
        for place, instrument in enumerate(instruments):
            rows.append(
                [
                    blocks.first_of(place, owner),
                    blocks.text(wording.role(str(instrument["role"]))),
                    blocks.text(
                        " ".join(
                            str(part) for part in (instrument.get("maker"), instrument.get("model")) if part
                        )
                    ),
                    blocks.text(_numbered(instrument)),
                    blocks.text(instrument.get("certificate")),
                    blocks.text(_due(instrument)),
                    blocks.code(f"{instrument.get('driver')}, {instrument.get('address')}"),
                ]
            )
    return blocks.table(
        "Instruments, as each identified itself at the start of the run",
        [
            "Unit",
            "Part",
            "Maker and model",
            "Serial, firmware",
            "Certificate",
            "Calibration due",
            "Driver and address",
        ],
        rows,
        [0.9, 0.8, 1.5, 1.1, 1.0, 1.2, 1.6],
    )


def _numbered(instrument: Results) -> str:
    serial, firmware = instrument.get("serial"), instrument.get("firmware")
    told = ", ".join(str(part) for part in (serial, firmware) if part)
    return f"{told} (simulated)" if instrument.get("simulated") else told


def _due(instrument: Results) -> str:
    due = instrument.get("calibrated_until")
    if instrument.get("role") == "pump":
        return "under test"
    if not due:
        return "not stated"
    valid = instrument.get("calibration_valid")
    return f"{due}: EXPIRED on the day of the run" if valid is False else f"{due}, valid"


def _stated_accuracy(sources: Sources) -> list[Block]:
    """The figures of balance and flow sensor that went into the uncertainty: one column a unit."""
    figures = {
        unit.serial: {
            (file.role, name): value
            for file in (unit.balance, unit.flow)
            if file is not None
            for name, value in file.accuracy.items()
        }
        for unit in sources.bench.units
    }
    names = list(dict.fromkeys(name for stated in figures.values() for name in stated))
    tables = []
    serials = list(figures)
    for start in range(0, len(serials) if names else 0, UNITS_A_TABLE):
        shown = serials[start : start + UNITS_A_TABLE]
        rows = []
        for role, name in names:
            words, suffix = _split_unit(name)
            values = [blocks.plain_number(figures[serial].get((role, name)), suffix) for serial in shown]
            rows.append([blocks.text(wording.role(role)), blocks.text(words), *values])
        tables.append(
            blocks.table(
                "Accuracy of the instruments, as stated in the bench file",
                ["Instrument", "Figure", *shown],
                rows,
                [1.0, 2.4, *[1.0] * len(shown)],
                "ll" + "r" * len(shown),
            )
        )
    return tables


def _liquid(sources: Sources) -> list[tuple[str, Cell]]:
    """Temperature in the pump, and the density that turns mass into volume."""
    fluid_c, reference_c = sources.bench.fluid_temperature_c, sources.plan.reference_temperature_c
    density = number(water_density_kg_m3(reference_c), digits=6)
    told = f"{joined(density, 'kg/m³')} at {joined(number(reference_c), '°C')} (Tanaka et al. 2001)"
    pairs = [("Its density", blocks.text(told))]
    if fluid_c is not None:
        stated = f"{joined(number(fluid_c), '°C')}, standard uncertainty "
        stated += joined(number(sources.bench.fluid_temperature_u_k, digits=2), "K")
        pairs.insert(0, ("Its temperature in the pump", blocks.text(stated)))
    return pairs


def _split_unit(name: str) -> tuple[str, str]:
    """ "drift_24h_g" -> ("drift of the zero point in 24 h (standard deviation)", "g")."""
    words = {
        "resolution_g": "resolution",
        "repeatability_g": "repeatability (standard deviation)",
        "linearity_g": "linearity (half width)",
        "sensitivity_ppm": "sensitivity",
        "drift_24h_g": "drift of the zero point in 24 h (standard deviation)",
        "accuracy_of_value_pct": "accuracy, of the value",
        "accuracy_of_full_scale_pct": "accuracy, of full scale",
        "full_scale_ml_h": "full scale",
    }
    units = {"_g": "g", "_ppm": "ppm", "_pct": "%", "_ml_h": "mL/h"}
    suffix = next((ending for ending in sorted(units, key=len, reverse=True) if name.endswith(ending)), "")
    return words.get(name, wording.plain(name.removesuffix(suffix))), units.get(suffix, "")


def _conditions(sources: Sources) -> Block:
    """What the bench file states of liquid and air, with standard uncertainties."""
    bench = sources.bench
    reference = getattr(sources.plan, "reference_temperature_c", None)
    pairs = [
        ("Liquid", blocks.text(f"{bench.fluid}, in place of a drug")),
        ("Its grade and lot", blocks.text(bench.fluid_lot or "not stated")),
        *_liquid(sources),
    ]
    for title, name, unit in (
        ("Air temperature", "air_temperature_c", "°C"),
        ("Air pressure", "air_pressure_hpa", "hPa"),
        ("Relative humidity of the air", "air_humidity_pct", "%RH"),
    ):
        value, standard = getattr(bench, name, None), getattr(bench, f"{name}_u", None)
        if value is None:
            continue
        words = measured(value, standard, "") if standard else number(value)
        told = f"{words}\u00a0{unit}" + (
            f", standard uncertainty {joined(number(standard, digits=2), unit if unit != '°C' else 'K')}"
            if standard
            else ""
        )
        pairs.append((title, blocks.text(told)))
    shown = 20.0 if reference is None else reference
    pairs.append(
        (
            "Volumes are stated at",
            blocks.text(
                joined(number(shown), "°C") + ("" if reference is not None else " (the plan states none)")
            ),
        )
    )
    return blocks.section(
        "conditions", "Liquid and air, as stated for this bench", [blocks.facts(pairs)], level=2
    )
