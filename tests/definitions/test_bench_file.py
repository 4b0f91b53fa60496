"""A sound bench comes out as it was written, with the profiles it names."""

from __future__ import annotations

import datetime
from collections.abc import Callable
from pathlib import Path

import pytest

from rig.definitions.bench_file import BenchFile, bench_from_folder, load_bench
from rig.definitions.instruments import SimulatedUnit
from rig.errors import DefinitionError


@pytest.fixture
def bench(write: Callable[..., dict[str, Path]]) -> BenchFile:
    return load_bench(write()["bench"])


def test_the_head(bench: BenchFile) -> None:
    assert (bench.id, bench.site, bench.fluid, bench.seed) == ("small-bench", "", "water", 7)
    assert (bench.air_temperature_c, bench.air_pressure_hpa, bench.air_humidity_pct) == (22.0, 1013.25, 50.0)
    assert (bench.air_temperature_u_k, bench.air_pressure_u_hpa, bench.air_humidity_u_pct) == (
        1.0,
        10.0,
        10.0,
    )
    assert (bench.fluid_temperature_c, bench.fluid_temperature_u_k) == (37.0, 0.5)
    assert (bench.rate_max_ml_h, bench.volume_max_ml) == (1.1, 39.0)


def test_a_unit(bench: BenchFile) -> None:
    unit = bench.unit("SN1")
    assert (unit.outlet_diameter_mm, unit.vessel_diameter_mm) == (1.0, 30.0)
    assert unit.reservoir_ml == 40.0, "full unless said"
    assert unit.profile.rate_min_ml_h == 0.002
    assert unit.profile.safe_state == "stop"
    assert [item.role for item in unit.instruments] == ["pump", "balance", "flow"]


def test_the_figures_of_instruments(bench: BenchFile) -> None:
    unit = bench.unit("SN1")
    assert unit.balance is not None
    assert unit.flow is not None
    assert unit.balance.accuracy == {
        "resolution_g": 1e-5,
        "repeatability_g": 2e-5,
        "linearity_g": 5e-5,
        "drift_24h_g": 1e-4,
    }
    assert unit.flow.accuracy == {
        "full_scale_ml_h": 1.8,
        "accuracy_of_value_pct": 10.0,
        "accuracy_of_full_scale_pct": 0.5,
    }
    assert unit.pump.accuracy == {}
    assert unit.balance.calibrated_until == datetime.date(2099, 12, 31)
    assert unit.pump.calibrated_until is None


def test_simulated_errors(bench: BenchFile) -> None:
    simulated = bench.unit("SN1").simulated
    assert simulated is not None
    assert simulated.rate_error_pct == 3.0
    assert bench.unit("SN2").simulated == SimulatedUnit(), "perfect unless said"
    assert bench.is_in_process


def real(text: str) -> str:
    """The same bench at real addresses."""
    for number, address in enumerate(
        ["sim://SN1/pump", "sim://SN1/balance", "sim://SN1/flow", "sim://SN2/pump"]
    ):
        text = text.replace(address, f"serial:///dev/ttyUSB{number}?baud=9600")
    return text.replace('[unit.simulated]\nrate_error = "3 %"\n', "")


def test_a_real_bench_is_not_simulated(
    spoil: Callable[..., str], write: Callable[..., dict[str, Path]]
) -> None:
    bench = load_bench(write(bench=real(spoil("bench", "", "")))["bench"])
    assert not bench.is_in_process
    assert [item.is_simulated for unit in bench.units for item in unit.instruments] == [False] * 4
    assert bench.units[0].simulated is None


def test_a_simulated_instrument_at_a_real_address(
    spoil: Callable[..., str], write: Callable[..., dict[str, Path]]
) -> None:
    text = real(
        spoil(
            "bench",
            '[unit.pump]\ndriver = "pump_rpu1"',
            '[unit.pump]\nsimulated = true\ndriver = "pump_rpu1"',
        )
    )
    bench = load_bench(write(bench=text)["bench"])
    assert [item.is_simulated for item in bench.units[0].instruments] == [True, False, False]
    assert bench.units[0].simulated == SimulatedUnit()
    assert not bench.is_in_process


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("serial:///dev/ttyUSB9", "serial:///dev/ttyUSB9?baud=9600"),
        ("serial:///dev/ttyUSB9", "visa://ASRL/dev/ttyUSB9::INSTR"),
        ("serial://COM3", "serial://com3?baud=9600"),
        ("socket://10.0.0.1:4305", "visa://TCPIP::10.0.0.1::4305::SOCKET"),
    ],
)
def test_the_same_port_in_other_words(
    one: str, other: str, spoil: Callable[..., str], write: Callable[..., dict[str, Path]]
) -> None:
    text = real(spoil("bench", "", ""))
    text = text.replace("serial:///dev/ttyUSB1?baud=9600", one).replace(
        "serial:///dev/ttyUSB3?baud=9600", other
    )
    with pytest.raises(DefinitionError, match="is taken by SN1's balance"):
        load_bench(write(bench=text)["bench"])


def test_through_pyvisa_is_in_process_too_and_the_same_port(
    spoil: Callable[..., str], write: Callable[..., dict[str, Path]]
) -> None:
    text = spoil("bench", "", "").replace("sim://SN1/flow", "sim+visa://SN1/flow")
    bench = load_bench(write(bench=text)["bench"])
    assert bench.is_in_process
    assert bench.units[0].flow is not None
    assert bench.units[0].flow.is_simulated
    with pytest.raises(DefinitionError, match="is taken by SN1's balance"):
        load_bench(write(bench=text.replace("SN1/flow", "SN1/balance"))["bench"])


def test_two_numbered_devices_share_a_line(
    spoil: Callable[..., str], write: Callable[..., dict[str, Path]]
) -> None:
    text = real(spoil("bench", "", "")).replace("ttyUSB3", "ttyUSB0")
    numbered = text.replace('driver = "pump_rpu1"\n', 'driver = "pump_rpu1"\ndevice = 1\n')
    with pytest.raises(DefinitionError, match="is taken by SN1's pump"):
        load_bench(write(bench=numbered)["bench"])
    numbered = numbered.replace('{ driver = "pump_rpu1"', '{ device = 2, driver = "pump_rpu1"')
    bench = load_bench(write(bench=numbered)["bench"])
    assert [unit.pump.device for unit in bench.units] == [1, 2]


def test_a_run_folder_gives_the_same_bench(bench: BenchFile, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    (folder / "pumps").mkdir(parents=True)
    (folder / "bench.toml").write_bytes(
        bench.source.text.replace("pumps/small.toml", "../elsewhere/small.toml").encode()
    )
    for name, text in bench.profiles.items():
        (folder / "pumps" / name).write_text(text, encoding="utf-8")
    assert bench_from_folder(folder) == bench


def test_two_profiles_of_the_same_file_name(
    spoil: Callable[..., str], write: Callable[..., dict[str, Path]], tmp_path: Path
) -> None:
    text = spoil("bench", "pumps/small.toml", "other/small.toml")
    paths = write(bench=text)
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "small.toml").write_text(
        paths["profile"].read_text(encoding="utf-8"), encoding="utf-8"
    )
    with pytest.raises(DefinitionError, match=r"the file name 'small\.toml'"):
        load_bench(paths["bench"])


def test_places_for_those_who_open_the_bench(bench: BenchFile) -> None:
    where = bench.source.where("SN1", "balance", "driver")
    assert where.key == "unit.SN1.balance.driver"
    assert bench.source.text.splitlines()[(where.line or 0) - 1] == 'driver = "balance_mt_sics"'
    assert bench.source.where("SN2", "pump", "address").line == len(bench.source.text.splitlines())
