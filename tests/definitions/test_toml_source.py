"""Files that are no readable TOML at all, and places in those that are."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import pytest

from rig.definitions.bench_file import load_bench
from rig.definitions.plan_file import load_plan
from rig.definitions.pump_profile import load_profile
from rig.definitions.toml_source import LARGEST_FILE, TomlSource, read_source
from rig.errors import DefinitionError, Where

TEXT = '[plan]\nid = "p"\n\n[[case]]\nid = "c"\nsample = { every = "1 s" }\n\n[[unit]]\nserial = "SN1"\n[unit.pump]\n'


@pytest.mark.parametrize("load", [load_plan, load_bench, load_profile])
@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "the file is empty"),
        (b" \n\t\n", "the file is empty"),
        (b"\x7fELF\x02\x01\x01\x00\x00\x00", "binary"),
        ('[plan]\nid = "p"\n'.encode("utf-16"), "UTF-16"),
        ('[plan]\nid = "p"\n'.encode("utf-16-be"), "binary"),
        ('[plan]\ntitle = "für"\n'.encode("latin-1"), "byte 0xfc is not UTF-8"),
        (b"x" * (LARGEST_FILE + 1), "larger than 1000 kB"),
        (b"Time (min),Weight (g)\n0,1.5\n", "not TOML"),
        (b'{"plan": {"id": "p"}}', "not TOML"),
        (b"[" * 5000, "not TOML"),
        (b"a = " + b"[" * 5000, "not TOML"),
        (b"# only a comment\n", "is missing"),
    ],
)
def test_no_definition_at_all(load: object, content: bytes, said: str, tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(content)
    with pytest.raises(DefinitionError) as refused:
        load(file)  # type: ignore[operator]
    assert str(file) in str(refused.value)
    assert said in str(refused.value)


def test_not_utf8_names_the_line(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    file.write_bytes(b'[plan]\ntitle = "f\xfcr"\n')
    with pytest.raises(DefinitionError) as refused:
        read_source(file)
    assert refused.value.where == Where(str(file), line=2)


def test_no_file(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match=r"nowhere\.toml: there is no such file"):
        read_source(tmp_path / "nowhere.toml")


def test_a_folder(tmp_path: Path) -> None:
    with pytest.raises(DefinitionError, match="this is a folder"):
        read_source(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes here")
def test_a_named_pipe_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(DefinitionError, match="not a regular file"):
        read_source(tmp_path / "pipe")


def test_a_name_that_no_file_can_have() -> None:
    with pytest.raises(DefinitionError):
        read_source("x\0y")


def test_the_hash_is_of_the_bytes(tmp_path: Path) -> None:
    file = tmp_path / "x.toml"
    content = b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode()
    file.write_bytes(content)
    source = read_source(file)
    assert source.sha256 == hashlib.sha256(content).hexdigest()
    assert source.data["plan"] == {"id": "p"}
    assert source.line_of("case", 0, "sample", "every") == 6


@pytest.fixture
def source(tmp_path: Path) -> TomlSource:
    file = tmp_path / "x.toml"
    file.write_text(TEXT, encoding="utf-8")
    return read_source(file)


@pytest.mark.parametrize(
    ("item", "keys", "case", "key", "line"),
    [
        (None, ("plan", "id"), None, "plan.id", 2),
        (None, ("plan", "title"), None, "plan.title", 1),
        ("c", (), "c", None, 4),
        ("c", ("sample", "every"), "c", "sample.every", 6),
        ("c", ("blank",), "c", "blank", 4),
        ("c", ("accept", "trumpet", "930 min"), "c", 'accept.trumpet."930 min"', 4),
        ("SN1", ("pump", "driver"), None, "unit.SN1.pump.driver", 10),
        ("SN1", (), None, "unit.SN1", 8),
        ("nobody", ("pump",), None, "pump", None),
    ],
)
def test_places(
    source: TomlSource,
    item: str | None,
    keys: tuple[str, ...],
    case: str | None,
    key: str | None,
    line: int | None,
) -> None:
    assert source.where(item, *keys) == Where(str(source.path), case, key, line)
