"""Two units whose pumps stand on one line, and whose balances share another: a run does not mix them up."""

from __future__ import annotations

import re

import pytest

pytestmark = pytest.mark.usefixtures("needs_posix")


@pytest.fixture(scope="module")
def shared_bench(two_units, tmp_path_factory):
    """The bench with two units; each pump is told by its number on the line."""
    text = two_units.read_text("utf-8").replace('id = "small"', 'id = "shared"')
    for number in (1, 2):
        own = f'address = "sim://SIM-000{number}/pump"'
        text = text.replace(own, f'address = "sim://bus/pumps", device = {number}')
    path = tmp_path_factory.mktemp("shared") / "shared.bench.toml"
    path.write_text(text, "utf-8")
    return path


def test_short_plan_with_both_pumps_on_one_pseudo_terminal(new_rig, shared_bench, short_plan):
    rig = new_rig("shared-line")
    with rig.serve(shared_bench) as told:
        pumps = [told["instruments"][f"SIM-000{number}/pump"]["address"] for number in (1, 2)]
        assert pumps[0] == pumps[1]
        ended = rig.run(short_plan, told["bench"])
    assert ended.status == 0, ended.told
    assert (
        ended.case("seconds", "SIM-0001")["outcome"] == ended.case("seconds", "SIM-0002")["outcome"] == "PASS"
    )
    errors = [
        ended.case("seconds", f"SIM-000{number}")["measurements"]["mean_error"]["value"] for number in (1, 2)
    ]
    assert errors[1] - errors[0] == pytest.approx(10, abs=5), "what is injected into the second unit only"
    for number in (1, 2):
        said = (ended.folder / "wire" / f"SIM-000{number}-pump.log").read_text("utf-8")
        assert set(re.findall(r"< (\d\d) [0-9A-F]{2} ", said)) == {f"0{number}"}
