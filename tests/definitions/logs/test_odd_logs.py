"""Logs as other people's programs write them: read as they are meant, or refused with what to do."""

from __future__ import annotations

import re

import numpy as np
import pytest

from rig.definitions.logs.balance_log import LogUnits, log_from_bytes
from rig.errors import DefinitionError

MASS_G = [3.0, 3.085, 3.17, 3.254, 3.34]
CLOCK = [f"09:{58 + i:02d}:00" if i < 2 else f"10:{i - 2:02d}:00" for i in range(5)]


def rows(header: str, cells, end: str = "\n") -> str:
    return (
        end.join([header, *(cell.format(i=i, g=g, mg=1000 * g, clock=CLOCK[i]) for i, g, cell in cells)])
        + end
    )


def each(cell: str):
    return [(i, g, cell) for i, g in enumerate(MASS_G)]


READ = {
    "seconds and mg": "Time (s);Weight (mg)\n" + "".join(f"{60 * i};{1000 * g:.0f}\n" for i, g in enumerate(MASS_G)),
    "kg in brackets": "t [min],m [kg]\n" + "".join(f"{i},{g / 1000:.6f}\n" for i, g in enumerate(MASS_G)),
    "clock times": rows("Time,Weight (g)", each("{clock},{g}")),
    "over midnight": "Time,Weight (g)\n23:58:00,3.0\n23:59:00,3.085\n00:00:00,3.17\n00:01:00,3.254\n00:02:00,3.34\n",
    "date and time with a zone": rows("Timestamp,Weight_g", each("2026-03-01T{clock}+01:00,{g}")),
    "date and time with a space": rows("Timestamp;Weight_g", each("2026-03-01 {clock};{g}")),
    "summer time begins, zone stated": "Timestamp,Weight_g\n2026-03-29T01:58:00+01:00,3.0\n"
    "2026-03-29T01:59:00+01:00,3.085\n2026-03-29T03:00:00+02:00,3.17\n2026-03-29T03:01:00+02:00,3.254\n"
    "2026-03-29T03:02:00+02:00,3.34\n",
    "unit behind each weight": rows("Time (min),Weight", each("{i},{g} g")),
    "as a balance prints it": rows("Time (min),Weight", each("{i},S S     {g} g")),
    "signs apart": rows("Time (min),Weight", each("{i},+  {g} g")),
    "a column of units": rows("Time (min),Weight,Unit", each("{i},{mg},mg")),
    "a column of marks": rows("Time (min),Stable,Weight (g)", each("{i},S,{g}")),
    "a column of pumps called unit": rows("Time (min),Unit,Weight (g)", each("{i},SN0001,{g}")),
    "numbered": rows("No.,Time (min),Weight (g)", each("{i},{i},{g}")),
    "quoted": rows('"Time (min)","Weight (g)"', each('"{i}","{g}"')),
    "exponents": rows("Time (min),Weight (g)", each("{i},{g:.4e}")),
    "tabs, carriage returns": rows("Time (min)\tWeight (g)", each("{i}\t{g}"), end="\r\n"),
    "comments between": rows("# balance 2\n\nTime (min),Weight (g)", each("{i},{g}")).replace("\n2,", "\n# lunch\n2,"),
    "lines end in a separator": rows("Time (min),Weight (g),", each("{i},{g},")),
    "days of a spreadsheet": "Time (day),Weight (g)\n"
    + "".join(f"{46082 + i / 1440:.8f},{g}\n" for i, g in enumerate(MASS_G)),
}  # fmt: skip


@pytest.mark.parametrize("what", READ)
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16"])
def test_read_as_meant(what: str, encoding: str) -> None:
    log = log_from_bytes(READ[what].encode(encoding), "log.csv")

    np.testing.assert_allclose(log.t_s - log.t_s[0], 60.0 * np.arange(5), atol=1e-3)
    np.testing.assert_allclose(log.mass_g, MASS_G, rtol=1e-12)
    assert log.assumed == ()


REFUSED = {
    "ounces": (rows("Time (min),Weight (oz)", each("{i},{g}")), "'oz' is no unit of weight"),
    "decimal commas": ("Zeit (min);Gewicht (g)\n0;3,0\n1;3,1\n2;3,2\n", "'3,0' has a decimal comma (write '3.0'"),
    "decimal commas in commas": ("Time (min),Weight (g)\n0,3,0\n1,3,1\n2,3,2\n", "decimal commas?"),
    "one decimal comma": ('Time (min),Weight (g)\n0,3.0\n1,"3,1"\n2,3.2\n', ":3, key 'Weight (g)': '3,1' has a"),
    "thousands": ("Time (min);Weight (mg)\n0;3,000.5\n1;3,085.5\n2;3,170.5\n", "'3,000.5' is no plain decimal number"),
    "thousands by spaces": ("Time (min);Weight (mg)\n0;3 000\n1;3 085\n2;3 170\n", "'3 000' is no plain decimal"),
    "thousands that look decimal": ("Time (min);Weight (mg)\n0;3,000\n1;3,085\n2;3,170\n", "has a decimal comma"),
    "the unit changes in a column": (
        "Time (min),Weight,Unit\n0,3.0,g\n1,3085,mg\n2,3.2,g\n",
        ":3, key 'Weight': the weight is in 'mg' here and in 'g'",
    ),
    "the unit changes behind the number": (
        "Time (min),Weight\n0,3.0 g\n1,3085 mg\n2,3.2 g\n", ":3, key 'Weight': the weight is in 'mg' here and in 'g'",
    ),
    "the unit behind is not the header's": (
        "Time (min),Weight (mg)\n0,3.0 g\n1,3.1 g\n2,3.2 g\n",
        "in 'g' here and in 'mg'",
    ),
    "an unknown unit behind": ("Time (min),Weight\n0,3.0 g\n1,3.1 ct\n2,3.2 g\n", "'ct' is no unit of weight"),
    "two balances side by side": ("Time (min),W1 (g),W2 (g)\n0,3,4\n1,4,5\n2,5,6\n", "2 columns could be weight"),
    "two dates": ("Date,Time,Weight (g)\n2026-03-01,09:00:00,3\n", "2 columns could be time"),
    "month or day first": ("Timestamp,Weight_g\n03/01/2026 09:00:00,3\n", "no clock time that can be read"),
    "morning or evening": ("Time,Weight (g)\n09:00:00 AM,3\n", "no clock time that can be read"),
    "hours or minutes": ("Time,Weight (g)\n09:00,3\n09:01,4\n", "no clock time that can be read"),
    "overload": ("Time (min),Weight (g)\n0,3\n1,------\n2,4\n", ":3, key 'Weight (g)': '------' is no plain decimal"),
    "no header": ("0,3\n1,4\n2,5\n", "there is no header"),
    "notes above": ("Balance: XPR\nTime (min),Weight (g)\n0,3\n", "lines above the header begin with '#'"),
    "a footer": ("Time (min),Weight (g)\n0,3\n1,4\n2,5\nEnd of log\n", ":5: the line has 1 cell"),
    "a second header": ("Time (min),Weight (g)\n0,3\n1,4\nTime (min),Weight (g)\n2,5\n", ":4, key 'Time (min)'"),
    "summer time ends": (
        "Timestamp,Weight_g\n2026-10-25 02:59:00,3\n2026-10-25 02:00:00,3.1\n2026-10-25 02:01:00,3.2\n",
        ":3, key 'Timestamp': time runs back by 3540 s",
    ),
    "seconds cut off": ("Time (min),Weight (g)\n0,3\n0,3.1\n1,3.2\n1,3.3\n", "the time stamp of line 2 again"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_refused_with_the_reason(what: str) -> None:
    text, said = REFUSED[what]
    with pytest.raises(DefinitionError, match=re.escape(said)):
        log_from_bytes(text.encode(), "log.csv")


def test_two_balances_in_the_rows_of_one_file_are_not_mixed() -> None:
    text = "Time (min),Balance,Weight (g)\n" + "".join(
        f"{i},A,{g}\n{i},B,{50 + g}\n" for i, g in enumerate(MASS_G)
    )
    with pytest.raises(DefinitionError, match="again, with another weight"):
        log_from_bytes(text.encode(), "log.csv", LogUnits(weight_column="Weight (g)"))


def test_readings_marked_as_not_stable_are_told() -> None:
    text = "Time (min),Weight\n0,S S 3.0 g\n1,S D 3.1 g\n2,S S 3.2 g\n"
    log = log_from_bytes(text.encode(), "log.csv")
    assert log.mass_g.tolist() == [3.0, 3.1, 3.2]
    assert "1 weight marked as not stable, used as the rest" in log.notes
    assert "unit of weight from the weights: g" in log.notes
