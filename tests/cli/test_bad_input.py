"""What a user gets wrong ends with status 4 (3: an instrument is missing), one message, no traceback, no byte sent."""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import pytest

from rig.cli import main
from rig.record.lock import BenchLock

SIMULATED = Path(__file__).resolve().parents[2] / "fixtures" / "simulated.bench.toml"
SHORT = Path(__file__).resolve().parents[1] / "data" / "short.plan.toml"
NOT_SENT = "Nothing was sent to any instrument."


@dataclass
class Told:
    """How a command ended."""

    status: int
    out: str
    err: str

    @property
    def message(self) -> list[str]:
        """The lines on standard error, without the usage that goes before argparse's and the assurance at the end."""
        lines = [line for line in self.err.splitlines() if line != NOT_SENT]
        return lines[next((i for i, line in enumerate(lines) if line.startswith("rig")), 0) :]


@pytest.fixture
def command(capfd, tmp_path, monkeypatch):
    """The command ``rig`` in this process, in a folder of its own, with locks of its own."""
    for name in ("TMPDIR", "TEMP", "TMP"):
        monkeypatch.setenv(name, str(tmp_path))
    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        capfd.readouterr()
        try:
            status = main([str(argument) for argument in arguments])
        except SystemExit as end:  # argparse's own refusals
            status = end.code
        out, err = capfd.readouterr()
        assert "Traceback" not in out + err
        return Told(status, out, err)

    return call


@pytest.fixture
def untouched(listeners, tmp_path):
    """No byte reached an instrument in this test, and no run folder was made."""
    yield
    for listener in listeners:
        assert not listener.heard
    assert not list(tmp_path.glob("runs/*"))
    assert not list(tmp_path.rglob("journal.jsonl"))


def test_the_sound_files_are_sound(command, files, untouched):
    told = command("check", files["plan"], "--bench", files["bench"])
    assert told.status == 0
    first, *cases, last = told.out.splitlines()
    assert first == "small (revision A): 2 cases on 1 unit of bench 'listening', about 54.2 h"
    assert last == "no mistake found; warnings: 1"
    assert [line.split(";")[0] for line in cases] == ["  typical: 39.0 h", "  doses: 15.2 h"]
    assert re.search(r"; mean_error to [0-9.]+ % \(ratio (over )?[0-9.]+\)$", cases[0])
    assert "single_dose to " in cases[1]
    assert len(told.message) == 0 or "no flow sensor" in told.err


def test_a_limit_that_cannot_be_decided_is_told_with_what_would_help(command, files, spoil, untouched):
    spoil("plan", 'mean_error = "within 14.5 %", alarms', 'mean_error = "within 0.2 %", alarms')
    told = command("check", files["plan"], "--bench", files["bench"])
    assert told.status == 0  # a warning
    assert "mean_error is decided weakly (ratio below 4)" in told.err
    assert re.search(r"for a ratio of 4: .*a balance [0-9.]+ times finer", told.err)


# File, what is replaced, by what; then what the message names beside the file.
FAULTS = {
    "decimal comma": (
        "plan",
        '"0.5 mL/day"',
        '"0,5 mL/day"',
        [":11", "case 'typical'", "key 'rate'", "comma"],
    ),
    "nan": ("plan", '"0.5 mL/day"', '"nan mL/day"', [":11", "case 'typical'", "key 'rate'", "nan"]),
    "infinite": ("plan", '"50 uL"', '"inf uL"', ["case 'doses'", "key 'bolus'"]),
    "negative rate": ("plan", '"0.5 mL/day"', '"-0.5 mL/day"', ["case 'typical'", "key 'rate'", "-0.5"]),
    "no rate at all": ("plan", '"0.5 mL/day"', '"0 mL/day"', ["case 'typical'", "key 'rate'"]),
    "number without unit": ("plan", '"0.5 mL/day"', "0.5", ["case 'typical'", "key 'rate'"]),
    "wrong dimension": ("plan", '"0.5 mL/day"', '"0.5 mL"', ["case 'typical'", "key 'rate'", "mL"]),
    "misspelt unit": ("plan", '"50 uL"', '"50 ul"', ["case 'doses'", "key 'bolus'", "'uL'"]),
    "unknown key": ("plan", 'settle = "4 h"', 'setle = "4 h"', ["case 'typical'", "key 'setle'", "'settle'"]),
    "duplicate key": (
        "plan",
        'blank = "4 h"\nsample',
        'settle = "4 h"\nsample',
        [":13", "'typical'", "'settle'", "twice"],
    ),
    "missing key": ("plan", 'bolus = "50 uL"\n', "", ["case 'doses'", "key 'bolus'", "missing"]),
    "text for a number": ("plan", "count = 25", 'count = "many"', ["case 'doses'", "key 'count'"]),
    "unknown procedure": ("plan", '"flow_accuracy"', '"flow_acuracy"', ["case 'typical'", "'flow_accuracy'"]),
    "too fast for the pump": (
        "plan",
        '"0.5 mL/day"',
        '"24.1 mL/day"',
        ["'typical'", "key 'rate'", "small.toml:6"],
    ),
    "too slow for the pump": (
        "plan",
        '"0.5 mL/day"',
        '"0.04 mL/day"',
        ["'typical'", "key 'rate'", "small.toml:5"],
    ),
    "too large a bolus": ("plan", '"50 uL"', '"2.1 mL"', ["case 'doses'", "key 'bolus'", "above"]),
    "more than the reservoir": (
        "plan",
        '"26 h" }',
        '"2600 h" }',
        ["case 'typical'", "key 'sample'", "40 mL"],
    ),
    "window between samples": (
        "plan",
        '"60 min"]',
        '"50 min"]',
        ["case 'typical'", "key 'windows'", "3000 s"],
    ),
    "unknown criterion": (
        "plan",
        'alarms = "none"',
        'alarm = "none"',
        ["'typical'", "accept.alarm", "'alarms'"],
    ),
    "limit without unit": ("plan", '"within 20 %"', '"within 20"', ["case 'doses'", "accept.single_dose"]),
    "one id for two cases": ("plan", 'id = "doses"', 'id = "typical"', ["key 'id'", "'typical'", "line 7"]),
    "no case": ("plan", '[[case]]\nid = "typical"', '[case]\nid = "typical"', ["[[case]]"]),
    "no TOML": ("plan", 'id = "small"', "id = small", [":2"]),
    "unclosed text": ("plan", 'title = "A small plan"', 'title = "A small plan', [":4", "plan.title"]),
    "unknown driver": ("bench", '"pump_rpu1"', '"pump_rpu2"', ["unit.SN1.pump.driver", "'pump_rpu1'"]),
    "driver of another role": (
        "bench",
        '"pump_rpu1"',
        '"balance_mt_sics"',
        ["unit.SN1.pump.driver", "balance"],
    ),
    "unknown kind of line": ("bench", '"socket://', '"gpib://', ["unit.SN1", "address", "gpib"]),
    "a day there is not": ("bench", "2099-12-31", "2099-02-30", [":17"]),
    "date as text": ("bench", "2099-12-31", '"soon"', ["unit.SN1.balance.calibrated_until"]),
    "more in it than it holds": ("bench", '"40 mL"', '"41 mL"', ["unit.SN1.reservoir", "40 mL"]),
    "unknown fluid": ("bench", "[[unit]]", 'fluid = "mercury"\n[[unit]]', ["bench.fluid", "water"]),
    "beyond the bench's rate": (
        "bench",
        '"1.1 mL/h"',
        '"0.5 mL/h"',
        ["case 'doses'", "key 'bolus_duration'"],
    ),
    "beyond the bench's volume": ("bench", '"39 mL"', '"1 mL"', ["case 'doses'", "key 'count'", "1 mL"]),
    "no such profile": ("bench", "pumps/small.toml", "pumps/large.toml", ["large.toml", "no such file"]),
    "unknown key of the pump": ("profile", "rate_step", "rate_steps", ["pump.rate_steps", "'rate_step'"]),
    "slowest beyond fastest": ("profile", '"0.048 mL/day"', '"48 mL/day"', ["pump.rate_m"]),
}


# Where one mistake shows in more than one place: a key that is unknown, so that the one that is meant is missing.
SEVERAL = {
    "unknown key": 2,
    "too large a bolus": 3,
    "more than the reservoir": 4,
    "unknown key of the pump": 3,
    "slowest beyond fastest": 2,
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_broken_file(fault, command, files, spoil, untouched):
    file, old, new, named = FAULTS[fault]
    if fault == "unknown kind of line":
        bench = files["bench"].read_text("utf-8")
        files["bench"].write_text(bench.replace(old, new, 1), "utf-8")  # stands there twice
    else:
        spoil(file, old, new)
    told = command("run", files["plan"], "--bench", files["bench"])
    assert told.status == 4
    assert told.out == ""
    assert NOT_SENT in told.err
    for text in [files[file].name, *named]:
        assert text in told.err
    problems = SEVERAL.get(fault, 1)
    assert len(told.message) == (1 if problems == 1 else 1 + problems)


CONTENTS = {
    "empty": (b"", "the file is empty"),
    "blank": (b" \n\n", "the file is empty"),
    "binary": (b"\x7fELF\x02\x01\x00\x00", "binary"),
    "in UTF-16": ('id = "x"'.encode("utf-16"), "UTF-16"),
    "in Latin-1": ('[plan]\ntitle = "Größe"\n'.encode("latin-1"), ":2"),
    "missing": (None, "no such file"),
}


@pytest.mark.parametrize("file", ["plan", "bench", "profile"])
@pytest.mark.parametrize("content", CONTENTS)
def test_a_file_that_cannot_be_read(file, content, command, files, untouched):
    data, said = CONTENTS[content]
    files[file].unlink()
    if data is not None:
        files[file].write_bytes(data)
    told = command("run", files["plan"], "--bench", files["bench"])
    assert told.status == 4
    both_named = (file, content) == ("profile", "in Latin-1")  # the bench's line, and the profile's
    assert len(told.message) == (3 if both_named else 1)
    assert files[file].name in told.err
    assert said in told.err


LOGS = {
    "decimal commas": (b"Time;Weight\n0;0,0\n2;4,38\n4;9,64\n", [":2", "key 'Weight'", "comma"]),
    "nan": (b"Time,Weight\n0,0\n2,nan\n4,5\n", [":3", "key 'Weight'", "nan"]),
    "a time twice": (b"Time,Weight\n0,0\n2,1\n2,2\n4,5\n", [":4", "key 'Time'"]),
    "time runs back": (b"Time,Weight\n0,0\n2,1\n1,2\n4,5\n", [":4", "key 'Time'"]),
    "short line": (b"Time,Weight\n0,0\n2\n4,5\n", [":3"]),
    "one column": (b"Time\n0\n1\n", ["only one column"]),
    "one reading": (b"Time,Weight\n0,0\n", ["log.csv"]),
    "empty": (b"", ["empty"]),
    "binary": (b"\x00\x01\x02", ["binary"]),
    "missing": (None, ["no such file"]),
}


@pytest.mark.parametrize("log", LOGS)
def test_a_broken_log(log, command, tmp_path):
    content, named = LOGS[log]
    path = tmp_path / "log.csv"
    if content is not None:
        path.write_bytes(content)
    told = command("analyze", path, "--rate", "150 mL/h", "--density", "0.998 g/mL")
    assert told.status == 4
    assert told.out == ""
    for text in ["log.csv", *named]:
        assert text in told.err


# Words in braces are paths of files; what the message says.
COMMAND_LINES = {
    "no command": ("", "COMMAND"),
    "unknown command": ("start {plan}", "'start'"),
    "unknown option": ("run {plan} --bench {bench} --fast", "--fast"),
    "abbreviated option": ("run {plan} --ben {bench}", "--bench"),
    "no bench": ("run {plan}", "--bench"),
    "no plan": ("run --bench {bench}", "PLAN"),
    "option without value": ("run {plan} --bench", "--bench"),
    "plan and bench exchanged": ("run {bench} --bench {plan}", "this is a plan"),
    "plan as bench": ("run {plan} --bench {plan}", "this is a plan"),
    "bench as plan": ("run {bench} --bench {bench}", "this is a bench, not a plan"),
    "a folder as plan": ("run {folder} --bench {bench}", "this is a folder"),
    "a folder as bench": ("run {plan} --bench {folder}", "this is a folder"),
    "plan that is not called one": ("run {profile} --bench {bench}", "name ends in .plan.toml"),
    "pytest's way to choose": ("run {plan}::typical --bench {bench}", "no such file"),
    "the same plan twice": ("run {plan} {plan} --bench {bench}", "given twice"),
    "nothing chosen": ("run {plan} --bench {bench} -k=", "'-k'"),
    "check without bench": ("check {plan}", "--bench"),
    "check of no plan": ("check --bench {bench}", "PLAN"),
    "report of nothing": ("report {folder}/none", "no such folder"),
    "report of a file": ("report {plan}", "this is a file, no run folder"),
    "report of another folder": ("report {folder}", "no run folder"),
    "verify of nothing": ("verify {folder}/none", "no such folder"),
    "verify of another folder": ("verify {folder}", "no run folder"),
    "verify without a run": ("verify", "no run is named"),
    "verify with keys that are none": ("verify {folder} --trusted {folder}/none.pem", "no public key"),
    "sign without a run": ("sign", "needed to sign"),
    "sign for no meaning": ("sign {folder} --name A", "needed to sign"),
    "sign for an unknown meaning": ("sign {folder} --name A --meaning praise", "invalid choice"),
    "sign of nothing": ("sign {folder}/none --name A --meaning author", "no such folder"),
    "sign with a passphrase from nowhere": ("sign --new-key A --passphrase-fd 999", "no passphrase"),
    "sim of real instruments": ("sim {bench}", "no instrument of this bench is simulated"),
    "sim of a plan": ("sim {plan}", "[bench]"),
    "sim of nothing": ("sim {folder}/none.bench.toml", "no such file"),
    "speed 0": ("sim {simulated} --speed 0", "speed of 0"),
    "speed below 0": ("sim {simulated} --speed=-1", "speed of -1"),
    "speed nan": ("sim {simulated} --speed nan", "speed of nan"),
    "speed inf": ("sim {simulated} --speed inf", "speed of inf"),
    "speed of a word": ("sim {simulated} --speed fast", "'fast'"),
    "analyze without rate": ("analyze {plan} --density 1_g/mL", "--rate"),
    "analyze a plan": ("analyze {plan} --rate 1_mL/h --density 1_g/mL", "small.plan.toml"),
}


@pytest.mark.parametrize("line", COMMAND_LINES)
def test_a_bad_command_line(line, command, files, tmp_path, untouched):
    template, said = COMMAND_LINES[line]
    paths = {**files, "folder": tmp_path, "simulated": SIMULATED}
    told = command(
        *(word.format(**paths).replace("_mL", " mL").replace("_g", " g") for word in template.split())
    )
    assert told.status == 4
    assert told.out == ""
    assert said in told.err
    assert told.err.count(NOT_SENT) <= 1


def test_an_operator_that_is_no_name(command, files, untouched):
    told = command("run", files["plan"], "--bench", files["bench"], "--operator", "A\x1b[2J")
    assert told.status == 4
    assert "--operator" in told.err


def test_two_plans_with_one_id(command, files, untouched):
    other = files["plan"].with_name("other.plan.toml")
    shutil.copy(files["plan"], other)
    told = command("run", files["plan"], other, "--bench", files["bench"])
    assert told.status == 4
    assert len(told.message) == 1
    for text in ("other.plan.toml:2", "'plan.id'", "'small'", "small.plan.toml"):
        assert text in told.err


def test_two_plans_that_together_deliver_more_than_the_bench_allows(command, files, spoil, untouched):
    spoil("bench", '"39 mL"', '"3 mL"')
    other = files["plan"].with_name("other.plan.toml")
    other.write_text(files["plan"].read_text("utf-8").replace('id = "small"', 'id = "other"'), "utf-8")
    told = command("run", files["plan"], other, "--bench", files["bench"])
    assert told.status == 4
    assert "small.bench.toml:5, key 'bench.volume_max'" in told.err
    assert "'small' 1.875 mL, 'other' 1.875 mL" in told.err


def test_two_plans_that_together_empty_the_reservoir_are_told(command, files, spoil, untouched):
    other = files["plan"].with_name("other.plan.toml")
    other.write_text(files["plan"].read_text("utf-8").replace('id = "small"', 'id = "other"'), "utf-8")
    line = ("check", files["plan"], other, "--bench", files["bench"])
    assert "the plans together" not in command(*line).err
    spoil("bench", '"40 mL"', '"5.7 mL"')
    assert "leaves 1.95 mL: the low-reservoir alarm will come" in command(*line).err
    spoil("bench", '"5.7 mL"', '"2 mL"')
    told = command(*line)
    assert told.status == 0
    assert "the reservoir is filled with 2 mL: it will run empty" in told.err
    assert "'small' 1.875 mL, 'other' 1.875 mL" in told.err


def test_a_path_that_pytest_would_take_apart(command, files, tmp_path, untouched):
    (tmp_path / "line[3]").mkdir()
    plan = shutil.copy(files["plan"], tmp_path / "line[3]")
    told = command("run", plan, "--bench", files["bench"])
    assert told.status == 4
    assert "must not hold '['" in told.err


def test_all_mistakes_of_all_files_are_told_at_once(command, files, spoil, untouched):
    spoil("plan", '"50 uL"', '"50 ul"')
    spoil("plan", '"0.5 mL/day"', '"0,5 mL/day"')
    spoil("bench", "2099-12-31", '"soon"')
    told = command("check", files["plan"], "--bench", files["bench"])
    assert told.status == 4
    assert told.message[0] == "rig check: 3 problems"
    assert [line.split(":")[0] for line in told.message[1:]] == [
        f"  {files[name]}" for name in ("bench", "plan", "plan")
    ]


def test_a_script_reads_what_was_found(command, files, spoil, untouched):
    line = ("check", files["plan"], "--bench", files["bench"], "--json")
    told = json.loads(command(*line).out)
    assert told["problems"] == []
    first = told["plans"][0]["cases"][0]
    assert (first["id"], first["duration_s"]) == ("typical", 39 * 3600)
    spoil("plan", '"50 uL"', '"50 ul"')
    refused = command(*line)
    assert refused.status == 4
    assert refused.err == ""
    (problem,) = json.loads(refused.out)["problems"]
    assert (problem["case"], problem["key"]) == ("doses", "bolus")
    assert "did you mean 'uL'?" in problem["hint"]


# From here on the plans are sound, and it is the child process that finds what is wrong.


def test_a_bench_that_another_run_holds(command, files, listeners, tmp_path, untouched):
    with BenchLock("listening", folder=tmp_path / "infusion-rig-locks") as lock:
        assert lock.bench_id == "listening"
        told = command("run", files["plan"], "--bench", files["bench"])
    assert told.status == 4
    assert told.message[-1].startswith("rig run: bench 'listening' is held by another run (process ")
    assert sum("held by another run" in line for line in told.message) == 1
    assert [listener.connections for listener in listeners] == [0, 0]


@pytest.mark.parametrize(
    ("expression", "said"), [("no-such-unit", "no criterion matches"), ("a and", "Wrong expression")]
)
def test_a_choice_of_nothing(expression, said, command, files, listeners, untouched):
    told = command("run", files["plan"], "--bench", files["bench"], "-k", expression)
    assert told.status == 4
    assert said in told.err
    assert "-k" in told.err
    assert "Nothing was sent to any instrument." in told.err
    assert [listener.connections for listener in listeners] == [0, 0]


def test_runs_that_cannot_be_written(command, files, listeners, tmp_path, untouched):
    (tmp_path / "file").write_text("no folder")
    refused = {tmp_path / "file": "there is a file", tmp_path / "file" / "runs": "there is a file"}
    if sys.platform == "linux":
        refused[Path("/proc/runs")] = "no run folder can be made here"
    if os.name == "posix" and os.geteuid() != 0:  # root may write anywhere
        (tmp_path / "read-only").mkdir(mode=0o555)
        refused[tmp_path / "read-only"] = "Permission denied"
    for folder, said in refused.items():
        told = command("run", files["plan"], "--bench", files["bench"], "--runs", folder)
        assert told.status == 4
        assert f"{folder}, key '--runs': {said}" in told.err
    assert [listener.connections for listener in listeners] == [0, 0]


def closed_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.mark.parametrize(
    "address",
    [
        "serial:///dev/does-not-exist",
        "socket://127.0.0.1:{port}",
        "visa://ASRL/dev/does-not-exist::INSTR",
        "visa://TCPIP::127.0.0.1::{port}::SOCKET",
    ],
)
def test_a_missing_instrument(address, command, files, listeners, spoil, untouched):
    """The pump, opened first, is there: not even it hears a byte when its balance is missing."""
    address = address.format(port=closed_port())
    spoil("bench", listeners[1].address, address)
    told = command("run", files["plan"], "--bench", files["bench"])
    assert told.status == 3
    assert told.out == ""
    assert told.message[-1].startswith(f"rig run: {address}: ")
    assert sum(address in line for line in told.message) == 1
    assert listeners[0].connections == 1


# And as processes, to be sure that nothing of this hangs on the tests' own process.

PROCESSES = {
    "unknown option": ("run {plan} --bench {bench} --fast", 4, "--fast"),
    "a broken plan": ("run {broken} --bench {bench}", 4, "broken.plan.toml:11, case 'typical', key 'rate'"),
    "a missing bench": ("check {plan} --bench none.bench.toml", 4, "none.bench.toml: there is no such file"),
    "a missing instrument": ("run {plan} --bench {missing}", 3, "/dev/does-not-exist"),
    "no run folder": ("verify .", 4, "this is no run folder"),
    "nothing simulated": ("sim {bench}", 4, "no instrument of this bench is simulated"),
    "a log that is none": ("analyze {plan} --rate 1mL/h --density 1", 4, "--rate"),
}


@pytest.mark.parametrize("name", PROCESSES)
def test_the_real_command(name, files, listeners, tmp_path, untouched):
    line, status, said = PROCESSES[name]
    paths = files | {"broken": tmp_path / "broken.plan.toml", "missing": tmp_path / "missing.bench.toml"}
    paths["broken"].write_text(files["plan"].read_text("utf-8").replace("0.5 mL/day", "0,5 mL/day"), "utf-8")
    bench = files["bench"].read_text("utf-8").replace(listeners[1].address, "serial:///dev/does-not-exist")
    paths["missing"].write_text(bench, "utf-8")
    rig = shutil.which("rig", path=Path(sys.executable).parent)
    assert rig is not None, "the command is not installed beside this Python"
    ended = subprocess.run(
        [rig, *(word.format(**paths) for word in line.split())],
        cwd=tmp_path,
        env={**os.environ, "TMPDIR": str(tmp_path), "TEMP": str(tmp_path)},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert ended.returncode == status
    assert ended.stdout == ""
    assert said in ended.stderr
    assert "Traceback" not in ended.stderr
