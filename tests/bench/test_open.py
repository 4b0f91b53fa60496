"""Opening a bench sends nothing, opens only what is asked for, and leaves nothing open when it fails."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from rig.bench.open import check_instruments, clock_for, open_bench
from rig.clock.virtual import VirtualClock
from rig.clock.wall import WallClock
from rig.definitions.bench_file import BenchFile, load_bench
from rig.errors import DefinitionError, LinkLost

PROFILE = Path(__file__).resolve().parents[2] / "fixtures" / "pumps" / "reference-40ml.toml"
UNIT = """
[[unit]]
serial = "{serial}"
profile = "{profile}"
pump = {{ driver = "pump_rpu1", address = "{address}" }}
"""


def bench_of(folder: Path, **addresses: str) -> BenchFile:
    units = [
        UNIT.format(serial=serial, profile=PROFILE, address=address) for serial, address in addresses.items()
    ]
    path = folder / "some.bench.toml"
    path.write_text('[bench]\nid = "some"\n' + "".join(units), encoding="utf-8")
    return load_bench(path)


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listening:
        listening.settimeout(10)
        yield listening


def address(server: socket.socket) -> str:
    return f"socket://127.0.0.1:{server.getsockname()[1]}"


def test_only_the_units_that_are_needed_are_opened_and_nothing_is_sent(tmp_path, server):
    bench = bench_of(tmp_path, A=address(server), B="serial:///dev/does-not-exist")
    with open_bench(bench, WallClock(), ["A"]) as opened:
        assert [unit.serial for unit in opened.units] == ["A"]
        line, _ = server.accept()
        with pytest.raises(DefinitionError, match="no unit 'B' is open"):
            opened.unit("B")
    with line:
        line.settimeout(10)
        assert line.recv(100) == b""  # closed, and not a byte before


def test_what_was_opened_is_closed_again_when_another_instrument_is_missing(tmp_path, server):
    bench = bench_of(tmp_path, A=address(server), B="serial:///dev/does-not-exist")
    with pytest.raises(LinkLost, match="does-not-exist"):
        open_bench(bench, WallClock())
    line, _ = server.accept()
    with line:
        line.settimeout(10)
        assert line.recv(100) == b""


def test_time_is_virtual_only_where_all_instruments_are_in_this_process(tmp_path):
    assert isinstance(clock_for(bench_of(tmp_path, A="sim://A", B="sim://B")), VirtualClock)
    assert isinstance(clock_for(bench_of(tmp_path, A="socket://127.0.0.1:9")), WallClock)


def test_all_wrong_addresses_and_drivers_are_named_with_their_lines(tmp_path):
    bench = bench_of(tmp_path, A="serial://dev/ttyUSB0", B="socket://127.0.0.1:0", C="serial:///dev/ttyUSB0")
    with pytest.raises(DefinitionError) as refused:
        check_instruments(bench)
    assert [str(problem.where).split(", ")[-1] for problem in refused.value.problems] == [
        "key 'unit.A.pump.address'",
        "key 'unit.B.pump.address'",
    ]
    assert all(problem.where.line is not None for problem in refused.value.problems)


def test_a_wrong_option_is_refused_with_its_place_before_anything_is_opened(tmp_path):
    bench = bench_of(tmp_path, A="sim://A")
    text = bench.source.text.replace("}", ', options = { colour = "red" } }')
    bench.source.path.write_text(text, encoding="utf-8")
    with pytest.raises(DefinitionError, match="no option 'colour'") as refused:
        check_instruments(load_bench(bench.source.path))
    assert refused.value.where.line == 7


SHARED_BATH = """
[shared.bath]
driver = "balance_mt_sics"
address = "sim://bath"
"""


def test_what_units_share_stands_in_a_table_of_its_own(tmp_path):
    bench = bench_of(tmp_path, A="sim://A", B="sim://B")
    bench.source.path.write_text(bench.source.text + SHARED_BATH, encoding="utf-8")
    again = load_bench(bench.source.path)
    assert [(owner, file.role) for owner, file in again.instruments] == [
        ("A", "pump"),
        ("B", "pump"),
        ("bench", "bath"),
    ]
    with pytest.raises(DefinitionError, match="drives a balance, not a bath") as refused:
        check_instruments(again)
    assert refused.value.where.key == "shared.bath.driver"


def test_a_shared_instrument_may_not_take_the_address_of_a_units_own(tmp_path):
    bench = bench_of(tmp_path, A="sim://bath")
    bench.source.path.write_text(bench.source.text + SHARED_BATH, encoding="utf-8")
    with pytest.raises(DefinitionError, match="taken by A's pump"):
        load_bench(bench.source.path)
