"""A foreign log is read strictly: what is not plain is refused with file, line and column, or named."""

import re
from pathlib import Path

import numpy as np
import pytest

from rig.definitions.logs.balance_log import LogUnits, log_from_bytes, read_balance_log
from rig.errors import DefinitionError


def read(text, **units):
    return log_from_bytes(text.encode(), "log.csv", LogUnits(**units))


def refusal(text, **units) -> str:
    with pytest.raises(DefinitionError) as caught:
        read(text, **units)
    assert all(problem.where.file == "log.csv" for problem in caught.value.problems) or units
    return str(caught.value)


def body(*rows):
    return "\n".join(rows) + "\n"


@pytest.mark.parametrize(
    ("header", "time_factor_s", "mass_factor_g"),
    [
        ("Time (min),Weight (g)", 60, 1),
        ("t_s,m_mg", 1, 1e-3),
        ("elapsed time [s],Net weight [kg]", 1, 1000),
        ("min,mg", 60, 1e-3),
        ("Time/h,Mass / µg", 3600, 1e-6),
        ("Time in s,Mass in g", 1, 1),
        ("TIME (S),WEIGHT (G)", 1, 1),
        ("sample_time_s,toyA_periodic_W_g", 1, 1),
        ("t.day,scale.g", 86400, 1),
    ],
)
def test_units_stand_in_the_header(header, time_factor_s, mass_factor_g):
    if header.startswith("TIME (S)"):
        # "S" is siemens, "s" a second: a capital letter alone is not taken for a unit of time
        assert "'S' is no unit of time" in refusal(body(header, "0,1", "1,2", "2,3"))
        return
    log = read(body(header, "0,1", "1,2", "2.5,4"))
    np.testing.assert_allclose(log.t_s, np.array([0, 1, 2.5]) * time_factor_s, rtol=1e-15)
    np.testing.assert_allclose(log.mass_g, np.array([1, 2, 4]) * mass_factor_g, rtol=1e-15)
    assert log.assumed == ()


def test_a_bare_header_is_minutes_and_grams_and_says_so():
    log = read(body("Time,Weight", "0,0", "2,4.38", "4,9.64"))
    assert log.t_s.tolist() == [0, 120, 240]
    assert log.mass_g.tolist() == [0, 4.38, 9.64]
    assert log.display_step_g == 0.01
    assert ["min" in text and "--time-unit" in text for text in log.assumed] == [True, False]
    assert "'Weight' states no unit: taken as g" in log.assumed[1]
    assert "--weight-unit" in log.assumed[1]


def test_options_say_the_units_of_a_bare_header():
    log = read(body("Time,Weight", "0,0", "2,5", "4,9"), time_unit="s", weight_unit="mg")
    assert log.t_s.tolist() == [0, 2, 4]
    assert log.mass_g.tolist() == [0, 0.005, 0.009]
    assert log.assumed == ()


def test_an_option_may_not_contradict_the_header():
    said = refusal(body("Time (min),Weight", "0,0", "1,1", "2,2"), time_unit="s")
    assert "header says 'min'" in said
    assert "--time-unit says 's'" in said


@pytest.mark.parametrize("mark", [",", ";", "\t"])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("front", ["", "\ufeff", "# made by a logger\n\n", '"sep=%s"\n'])
def test_separators_line_ends_and_what_stands_above(mark, end, front):
    front = front.replace("%s", mark)
    text = front + end.join([mark.join(row) for row in (("t_s", "w_g"), ("0", "1"), ("1", "2"), ("2", "3"))])
    log = read(text + end)
    assert log.mass_g.tolist() == [1, 2, 3]
    assert log.lines.tolist() == [line + front.count("\n") for line in (2, 3, 4)]


def test_unused_columns_and_rows_written_twice_are_named():
    log = read(body("t_s,stable,w_g,temp", "0,1,1,20", "1,1,2,20", "1,1,2,20", "2,0,3,20"))
    assert log.mass_g.tolist() == [1, 2, 3]
    assert "columns not used: 'stable', 'temp'" in log.notes
    assert any("1 row written twice" in note and "line 4" in note for note in log.notes)


def test_clock_times_count_from_the_first_reading_and_pass_midnight():
    log = read(body("Time,Weight (g)", "23:59:59,1", "00:00:00,2", "00:00:01.5,3"))
    assert log.t_s.tolist() == [0, 1, 2.5]
    assert any("midnight" in note for note in log.notes)
    log = read(
        body("Timestamp;g", "2026-03-01T12:00:00+01:00;1", "2026-03-01T11:00:30Z;2", "2026-03-01 11:01:00;3")
    )
    assert log.t_s.tolist() == [0, 30, 60]


@pytest.mark.parametrize(
    ("text", "line", "column", "said"),
    [
        (body("Time;Weight", "0;0", "1;2,5", "2;3"), 3, "Weight", "'2,5' has a decimal comma"),
        (body("Time;Weight", "0;0", "1,5;2", "2;3"), 3, "Time", "'1,5' has a decimal comma"),
        (body("Time,Weight", '0,"0,5"', "1,2", "2,3"), 2, "Weight", "decimal comma"),
        (body("Time,Weight", "0,0", "1,2,5", "2,3"), 3, None, "3 cells, the header has 2 (decimal commas?"),
        (body("Time,Weight", "0,0", "1,nan", "2,3"), 3, "Weight", "'nan' is not a number"),
        (body("Time,Weight", "0,0", "1,-inf", "2,3"), 3, "Weight", "'-inf' is not a number"),
        (body("Time,Weight", "0,0", "1,#N/A", "2,3"), 3, "Weight", "is not a number"),
        (body("Time,Weight", "0,0", "1,", "2,3"), 3, "Weight", "the cell is empty"),
        (body("Time,Weight", "0,0", "", "2,3"), 3, None, "the line is empty"),
        (body("Time,Weight", "0,0", ",", "2,3"), 3, None, "the line is empty"),
        (body("Time,Weight", "0,0", "1", "2,3"), 3, None, "the line has 1 cell"),
        (
            body("Time,Weight", "0,0", "1,OVERLOAD", "2,3"),
            3,
            "Weight",
            "'OVERLOAD' is no plain decimal number",
        ),
        (body("Time,Weight", "0,0", "Time,Weight", "2,3"), 3, "Time", "'Time' is no plain"),
        (body("Time,Weight", "0,0", "1,2 g", "2,3"), 3, "Weight", "'2 g' is no plain decimal number"),
        (body("Time,Weight", "0,0", "1,1_0", "2,3"), 3, "Weight", "no plain decimal number"),
        (body("Time,Weight", "0,0", "1,٣", "2,3"), 3, "Weight", "no plain decimal number"),
        (body("Time,Weight", "0,0", "1,1e99", "2,3"), 3, "Weight", "beyond what a log can hold"),
        (body("Time,Weight", "0,0", "1,2", "1,3", "2,4"), 4, "Time", "the time stamp of line 3 again"),
        (body("Time,Weight", "0,0", "2,2", "1,3", "3,4"), 4, "Time", "time runs back by 60 s after line 3"),
        (body("Time,Weight", "12:30,0", "12:31,2", "12:32,3"), 2, "Time", "read one way only"),
        (body("Time,Weight", "0,0", "00:01:00,2", "2,3"), 3, "Time", "clock time among plain numbers"),
        (body("Time,Weight", "2026-02-30 00:00:00,0", "1,2"), 2, "Time", "no date and time"),
        (body("Time (fortnight),Weight", "0,0"), 1, "Time (fortnight)", "'fortnight' is no unit of time"),
        (body("Time,Weight (lb)", "0,0"), 1, "Weight (lb)", "'lb' is no unit of weight"),
        (body("Time,Weight (Mg)", "0,0"), 1, "Weight (Mg)", "'Mg' is no unit of weight"),
        (body("0,0", "1,2", "2,3"), 1, None, "there is no header"),
        (body("Weight", "0", "1"), 1, None, "only one column"),
        (body("Time,Colour", "0,0"), 1, None, "no column is known as weight"),
        (body("Time,W1 (g),W2 (g)", "0,0,0"), 1, None, "2 columns could be weight"),
        (body("Time,Weight"), 1, None, "no readings below the header"),
        (body("Time,Weight", "0,0", "1,1"), None, None, "only 2 readings"),
        (body("Time,Weight", '0,"0', "1,1"), 3, None, "cannot be split into cells"),
        (body("# nothing", "", "# more"), None, None, "no header and no reading"),
        ("", None, None, "the file is empty"),
        (" \n\n", None, None, "the file is empty"),
        (body("sep=|", "Time|Weight", "0|1"), 1, None, "separator '|'"),
    ],
)
def test_refused_with_file_line_and_column(text, line, column, said):
    with pytest.raises(DefinitionError, match=re.escape(said)) as caught:
        read(text)
    where = caught.value.problems[0].where
    assert (where.file, where.line, where.key) == ("log.csv", line, column)


def test_every_bad_row_is_named_and_the_flood_is_counted():
    said = refusal(body("Time,Weight", *[f"{i},x" for i in range(50)]))
    assert said.count("no plain decimal number") == 20
    assert "and 30 more lines" in said


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"\x89PNG\r\n\x1a\n\0\0", "binary"),
        (b"PK\x03\x04rest", "workbook"),
        ("Time,Weight\n0,1\n".encode("utf-16") + b"\x00", "UTF-16"),
        ("Time,Gewicht µg\n0,1\n".encode("latin-1"), "0xb5 is not UTF-8"),
        (b"Time,Weight\n0,1\n1,\x00\n", "log.csv:3: the file is binary"),
    ],
)
def test_what_is_no_text(content, said):
    with pytest.raises(DefinitionError, match=said):
        log_from_bytes(content, "log.csv")


def test_files_that_cannot_be_read(tmp_path: Path):
    with pytest.raises(DefinitionError, match="no such file"):
        read_balance_log(tmp_path / "missing.csv")
    with pytest.raises(DefinitionError, match="this is a folder"):
        read_balance_log(tmp_path)
    with pytest.raises(DefinitionError, match="cannot be read"):
        read_balance_log("a\0b.csv")


def test_columns_can_be_named():
    text = body("Time,W1 (g),W2 (g)", "0,1,4", "1,2,5", "2,3,6")
    assert read(text, weight_column="W2 (g)").mass_g.tolist() == [4, 5, 6]
    assert "is not in the header" in refusal(text, weight_column="W3")
    assert "cannot be time and weight" in refusal(text, weight_column="Time")


def test_unknown_units_in_options():
    assert "--time-unit 'fortnight' is not known" in refusal(
        body("Time,Weight", "0,1"), time_unit="fortnight"
    )
    assert "--weight-unit 'ML' is not known" in refusal(body("Time,Weight", "0,1"), weight_unit="ML")
