"""``reports/report.toml``: a firm's own paper size, name, logo, header and sections in its reports. All is data."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

from pydantic import Field

from rig.definitions.fields import LineOfText, Text
from rig.definitions.tables import Contradiction, Problems, Table, check_keys, read_table
from rig.definitions.toml_source import read_source
from rig.definitions.user_file import read_user_file
from rig.definitions.written import one_of
from rig.errors import DefinitionError, Where

REPORT_FILE = "report.toml"
LARGEST_LOGO = 200_000  # bytes; it stands in every report
LOGOS = (".svg", ".png")
PAPERS = ("a4", "letter")


class ReportTable(Table):
    """``[report]``"""

    paper: Annotated[str, one_of(*PAPERS)] = Field("a4", description="size of the pages")
    organisation: LineOfText = Field(
        "", description="who issues the report, on its first page", examples=['"Acme Medical, laboratory 3"']
    )
    header: LineOfText = Field(
        "", description="on every page, such as the number of the document", examples=['"VER-0815 rev. 2"']
    )
    logo: LineOfText = Field(
        "", description="SVG or PNG file in the same folder, at most 200 kB", examples=['"logo.svg"']
    )

    def contradictions(self) -> Iterator[Contradiction]:
        """A logo is a plain file name: no path leaves the folder."""
        if not self.logo:
            return
        if "/" in self.logo or "\\" in self.logo or self.logo.startswith("."):
            yield ("logo",), f"'{self.logo}' is no plain file name", "put the file beside report.toml"
        elif not self.logo.lower().endswith(LOGOS):
            yield ("logo",), f"'{self.logo}' is neither an SVG nor a PNG file", ""


class SectionTable(Table):
    """``[[section]]``: paragraphs are parted by empty lines; lines that begin with ``- `` are a list."""

    title: LineOfText = Field(description="its heading", examples=['"Scope"'])
    text: Text = Field(description="what stands in it, plain text")
    place: Annotated[str, one_of("first", "last")] = Field(
        "first", description="before the section on units and instruments, or after all but the signatures"
    )


@dataclass(frozen=True)
class ReportFile:
    """A firm's settings. ``logo``: its bytes and file name, or None."""

    paper: str = "a4"
    organisation: str = ""
    header: str = ""
    logo: tuple[str, bytes] | None = None
    sections: tuple[SectionTable, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()  # all that was read, by file name


def load_report_file(folder: Path) -> ReportFile:
    """The settings in ``folder``; what is shipped where there is no ``report.toml``.

    Raises DefinitionError with every problem found.
    """
    path = folder / REPORT_FILE
    if not path.exists():
        return ReportFile()
    source = read_source(path)
    problems = Problems(source)
    check_keys(source.data, ("report", "section"), (), problems)
    table = read_table(ReportTable, source.data.get("report", {}), ("report",), problems)
    items = source.data.get("section", [])
    if not isinstance(items, list):
        problems.add(("section",), "a section is written with double brackets", "write [[section]]")
        items = []
    sections = [read_table(SectionTable, item, ("section", n), problems) for n, item in enumerate(items)]
    logo = None
    if table is not None and table.logo:
        try:
            logo = (table.logo, _logo(folder / table.logo))
        except DefinitionError as error:
            problems.add(("report", "logo"), error.message, error.hint)
    problems.raise_if_any()
    if table is None:
        raise AssertionError("report settings without a table were let through")
    files = ((REPORT_FILE, source.text.encode()), *((logo,) if logo else ()))
    whole = tuple(section for section in sections if section is not None)
    return ReportFile(table.paper, table.organisation, table.header, logo, whole, files)


def _logo(path: Path) -> bytes:
    """A link is refused: it may lead out of the folder."""
    if path.is_symlink():
        raise DefinitionError("the logo is a link", Where(str(path)), "put the file itself there")
    content = read_user_file(path, LARGEST_LOGO)
    if path.suffix.lower() == ".png" and not content.startswith(b"\x89PNG\r\n\x1a\n"):
        raise DefinitionError("this is no PNG file", Where(str(path)))
    if path.suffix.lower() == ".svg":
        try:
            text = content.decode("utf-8")
        except UnicodeDecodeError:
            text = ""
        if "<svg" not in text:
            raise DefinitionError("this is no SVG file in UTF-8", Where(str(path)))
    return content
