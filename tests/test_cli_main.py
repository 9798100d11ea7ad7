"""The entry of the command line: its help is light, complete and without empty defaults."""

from __future__ import annotations

import subprocess
import sys

import pytest

from tfmkit.cli import main
from tfmkit.cli import simulate as simulate_command
from tfmkit.cli.main import COMMANDS
from tfmkit.simulate import CELL_FAMILIES, PATCH_FAMILIES

HEAVY = {"numpy", "scipy", "sklearn", "pandas", "torch", "matplotlib"}


def help_of(*arguments, capsys):
    """Return the help text of a command."""
    with pytest.raises(SystemExit) as stop:
        main([*arguments, "--help"])
    assert stop.value.code == 0
    return " ".join(capsys.readouterr().out.split())


def loaded_by(*arguments):
    """Return the packages that a fresh Python has imported after a help text."""
    program = "import sys; from tfmkit.cli import main\ntry: main(sys.argv[1:])\nexcept SystemExit: print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=True)
    return {name.partition(".")[0] for name in done.stdout.splitlines()[-1].split()}


def test_help_imports_no_command():
    loaded = loaded_by("--help")
    assert "argparse" in loaded
    assert not loaded & HEAVY


@pytest.mark.parametrize("command", COMMANDS)
def test_help_of_a_command_imports_no_more_than_numpy(command):
    loaded = loaded_by(command, "--help")
    assert "argparse" in loaded
    assert not loaded & HEAVY - {"numpy"}


def test_simulate_offers_every_family():
    assert tuple(CELL_FAMILIES) == simulate_command.CELLS
    assert tuple(PATCH_FAMILIES) == simulate_command.PATCHES


def test_help_lists_every_command(capsys):
    text = help_of(capsys=capsys)
    assert all(name in text and line in text for name, line in COMMANDS.items())


@pytest.mark.parametrize("command", COMMANDS)
def test_help_names_defaults_that_exist(command, capsys):
    text = help_of(command, capsys=capsys)
    assert "None" not in text
    assert "default: [])" not in text
    assert len(text) > 200


def test_options_before_the_command_and_unknown_commands_are_refused(capsys):
    for arguments in ([], ["magic"], ["--magic", "report"]):
        with pytest.raises(SystemExit) as stop:
            main(arguments)
        assert stop.value.code == 2
    assert "usage: tfmkit" in capsys.readouterr().err
