"""``rig analyze`` as a user sees it: text, JSON, exit status."""

import json

import numpy as np
import pytest

from rig.cli import main

DENSITY = 0.998


@pytest.fixture
def log(tmp_path):
    """A pump whose flow drifts down for seven hours and whose container then runs empty; a reading every 2 min."""
    rng = np.random.default_rng(9)
    flow = 150 * (1 - 0.12 * np.arange(230) / 230 + 0.015 * rng.normal(size=230))
    flow[210:227] *= np.linspace(0.97, 0.1, 17)
    flow[227:] = 0.0
    mass = np.concatenate([[0], np.cumsum(flow)]) * DENSITY / 30
    path = tmp_path / "log.csv"
    path.write_text("Time,Weight\n" + "".join(f"{2 * i},{m:.2f}\n" for i, m in enumerate(mass)))
    return path


def analyze(*arguments):
    return main(["analyze", *map(str, arguments)])


SETTINGS = ("--rate", "150 mL/h", "--density", "0.998 g/mL")
PERIOD = ("--from", "60 min", "--to", "120 min")


def test_text_tells_the_result_and_unasked_what_is_wrong(log, capsys):
    assert analyze(log, *SETTINGS, *PERIOD) == 0
    text = capsys.readouterr().out
    assert "Mean error A" in text
    assert "30 intervals of 2 min" in text
    assert "ASSUMED: column 'Time' states no unit: taken as min (to change: --time-unit" in text
    assert "DRIFT" in text
    assert "RUNNING EMPTY" in text
    assert "left out: 5 min, no whole multiple" in text
    assert max(map(len, text.splitlines()[1:])) <= 80  # the first line is the path, as long as it is


def test_json_is_the_same_as_data(log, capsys):
    assert analyze(log, *SETTINGS, *PERIOD) == 0
    text = capsys.readouterr().out
    assert analyze(log, *SETTINGS, *PERIOD, "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert f"{data['mean_error_pct']:+.3f} %" in text
    assert [hazard["name"] for hazard in data["hazards"]] == ["drift", "running_empty"]
    drift, empty = data["hazards"]
    assert drift["in_period"]
    assert not empty["in_period"]
    assert 424 * 60 <= empty["start_s"] <= 440 * 60
    assert empty["end_s"] == 454 * 60
    assert data["trumpet"][0]["count"] == 30
    for window in data["trumpet"]:
        assert f"{window['error_max_pct']:+.3f}" in text


def test_a_clean_log_says_that_nothing_was_found(tmp_path, capsys):
    path = tmp_path / "clean.csv"
    mass = 3 + 5.1 * DENSITY / 60 * np.arange(121) + 0.001 * np.random.default_rng(1).normal(size=121)
    path.write_text("t_min,W_g\n" + "".join(f"{i},{m:.4f}\n" for i, m in enumerate(mass)))
    assert analyze(path, "--rate", "5 mL/h", "--density", "0.998 g/mL") == 0
    text = capsys.readouterr().out
    assert "Nothing suspicious was found" in text
    assert "ASSUMED" not in text
    assert "+2.0" in text


def test_units_and_windows_by_option(log, capsys):
    assert analyze(log, *SETTINGS, "--time-unit", "s", "--windows", "2 s, 20 s", "--json") == 0
    data = json.loads(capsys.readouterr().out)
    assert [window["window_s"] for window in data["trumpet"]] == [2.0, 20.0]
    assert data["hazards"][-1]["name"] == "unit_slip" or "unit_slip" in {h["name"] for h in data["hazards"]}
    assert len(data["log"]["assumed"]) == 1


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate", "150", "--density", "0.998 g/mL"], "--rate"),
        (["--rate", "1,5 mL/h", "--density", "0.998 g/mL"], "--rate"),
        (["--rate", "-150 mL/h", "--density", "0.998 g/mL"], "above zero"),
        (["--rate=-150 mL/h", "--density", "0.998 g/mL"], "above zero"),
        (["--rate", "nan mL/h", "--density", "0.998 g/mL"], "--rate"),
        (["--rate", "150 mL", "--density", "0.998 g/mL"], "--rate"),
        (["--rate", "150 mL/h", "--density", "0.998"], "--density"),
        (["--rate", "150 mL/h", "--density", "998 g/mL"], "no density"),
        ([*SETTINGS, "--from", "60"], "--from"),
        ([*SETTINGS, "--from", "60 min", "--to", "30 min"], "before it begins"),
        ([*SETTINGS, "--to", "9000 min"], "not in the log"),
        ([*SETTINGS, "--windows", "5 min"], "no whole multiple of the sample interval"),
        ([*SETTINGS, "--windows", "2,4 min"], "--windows"),
        ([*SETTINGS, "--windows", ""], "--windows"),
        ([*SETTINGS, "--time-unit", "fortnight"], "--time-unit"),
        ([*SETTINGS, "--weight-column", "Mass"], "not in the header"),
    ],
)
def test_bad_settings_end_with_4_and_one_message(log, capsys, options, said):
    try:
        status = analyze(log, *options)
    except SystemExit as end:  # argparse's own refusals
        status = end.code
    captured = capsys.readouterr()
    assert status == 4
    assert captured.out == ""
    assert said in captured.err
    assert "Traceback" not in captured.err


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"Time;Weight\n0;0,0\n2;4,38\n4;9,64\n", ":2, key 'Weight': '0,0' has a decimal comma"),
        (b"Time,Weight\n0,0\n2,nan\n4,5\n", ":3, key 'Weight': 'nan' is not a number"),
        (b"Time,Weight\n0,0\n2,1\n2,2\n4,5\n", ":4, key 'Time': the time stamp of line 3 again"),
        (b"Time,Weight\n0,0\n2,1\n1,2\n4,5\n", ":4, key 'Time': time runs back"),
        (b"", "the file is empty"),
        (b"\x00\x01\x02", "binary"),
        (b"Time\n0\n1\n", "only one column"),
        (None, "no such file"),
    ],
)
def test_bad_logs_end_with_4_and_name_file_line_and_column(tmp_path, capsys, content, said):
    path = tmp_path / "bad.csv"
    if content is not None:
        path.write_bytes(content)
    assert analyze(path, *SETTINGS) == 4
    captured = capsys.readouterr()
    assert captured.out == ""
    assert said in captured.err
    assert "bad.csv" in captured.err
