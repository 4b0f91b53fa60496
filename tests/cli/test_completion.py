"""rig completion: what the shells themselves make of the scripts."""

from __future__ import annotations

import shutil
import subprocess

import pytest

from rig.cli import COMMANDS, main

ASK = """
. "$1"
COMP_WORDS=($2); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
COMP_LINE="$2"; COMP_POINT=${#COMP_LINE}
$(complete -p rig | sed 's/.*-F \\([^ ]*\\).*/\\1/') rig "${COMP_WORDS[COMP_CWORD]}" ""
printf '%s\\n' "${COMPREPLY[@]}"
"""


@pytest.fixture
def completed(tmp_path, capsys):
    """What bash offers for a line that is begun."""
    if shutil.which("bash") is None:
        pytest.skip("no bash here")
    assert main(["completion", "bash"]) == 0
    script = tmp_path / "rig.bash"
    script.write_text(capsys.readouterr().out)

    def ask(line):
        done = subprocess.run(
            ["bash", "-c", ASK, "bash", script, line],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        return done.stdout.split()

    return ask


def test_bash_offers_commands_options_and_words(completed):
    assert completed("rig ver") == ["verify"]
    assert completed("rig run --b") == ["--bench"]
    assert set(completed("rig schema p")) == {"plan", "pump"}


def test_every_command_is_known_to_each_shell(capsys):
    for shell in ("bash", "zsh", "fish"):
        assert main(["completion", shell]) == 0
        script = capsys.readouterr().out
        assert all(name in script for name in COMMANDS)
        assert "--bench" in script or "-l bench" in script
