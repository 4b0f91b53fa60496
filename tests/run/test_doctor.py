"""`rig doctor` on simulated instruments behind real ports: what is fit, what is not, and that nothing is moved."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest

from rig.bench.doctor import of_pump
from rig.clock.virtual import VirtualClock
from rig.readings import PumpAlarm, PumpState

RIG = [sys.executable, "-c", "import sys; from rig.cli import main; sys.exit(main())"]


def doctor(bench: Path, rig, *more: str) -> tuple[int, str, str]:
    ended = subprocess.run(
        [*RIG, "doctor", "--bench", str(bench), *more],
        capture_output=True, text=True, timeout=60, env=rig.environment(), check=False,
    )  # fmt: skip
    return ended.returncode, ended.stdout, ended.stderr


@pytest.fixture(scope="module")
def served(new_rig, two_units):
    rig = new_rig("doctor")
    with rig.serve(two_units, "--tcp") as told:
        yield rig, Path(told["bench"])


def test_a_bench_that_is_well_is_told_with_who_everybody_is(served):
    rig, bench = served
    status, out, err = doctor(bench, rig, "--json")
    examined = json.loads(out)
    assert (status, err) == (0, "")
    assert [(each["owner"], each["role"]) for each in examined] == [
        (serial, role) for serial in ("SIM-0001", "SIM-0002") for role in ("pump", "balance", "flow")
    ]
    pump = examined[0]
    assert "RPU-Sim, SIM-0001" in pump["told"]
    assert "(simulated)" in pump["told"]
    assert "delivered 0 mL" in pump["findings"][0]["words"]
    assert "its clock is" in " ".join(found["words"] for found in pump["findings"])  # it was never set
    assert pump["level"] == "doubt"
    assert examined[1]["level"] == "good"


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ('resolution = "0.01 mg"', 'resolution = "0.001 mg"', "its last digit is 1e-05 g"),
        ("calibrated_until = 2099-12-31", "calibrated_until = 2025-01-01", "expired on 2025-01-01"),
        ('[unit.balance]\ndriver = "balance_mt_sics"', '[unit.balance]\nserial = "B1"\ndriver = "balance_mt_sics"',
         "the bench file says 'B1'"),
    ],
)  # fmt: skip
def test_what_would_spoil_a_run_is_bad_and_the_others_are_still_examined(served, tmp_path, old, new, told):
    rig, bench = served
    text = bench.read_text("utf-8")
    assert old in text
    changed = tmp_path / "changed.bench.toml"
    changed.write_text(text.replace(old, new, 1), encoding="utf-8")
    status, out, _ = doctor(changed, rig)
    assert status == 3
    assert told in out
    assert "6 instruments of bench" in out
    assert "1 bad" in out
    assert "no fluid was moved" in out


def test_an_instrument_that_is_not_there_is_bad_with_what_to_do(served, tmp_path):
    rig, bench = served
    lines = bench.read_text("utf-8").splitlines()
    at = next(index for index, line in enumerate(lines) if line.startswith("address"))
    lines[at] = 'address = "serial:///dev/does-not-exist"'
    changed = tmp_path / "changed.bench.toml"
    changed.write_text("\n".join(lines), encoding="utf-8")
    status, out, _ = doctor(changed, rig)
    assert status == 3
    assert "/dev/does-not-exist is not there: plug the instrument in" in out


def test_a_pump_that_delivers_is_told():
    state = PumpState(
        0, "continuous", True, 20_833, 5_000, 39_000_000, 2950, (PumpAlarm("motor_stall", True),)
    )
    found = list(of_pump(state, VirtualClock(), datetime(2026, 11, 21)))
    assert [(each.level, each.words) for each in found[1:]] == [
        ("doubt", "it is delivering now, 0.020833 mL/h"),
        ("bad", "alarm motor_stall is on"),
    ]
