"""No message names an option of the command line, or a section of experiment.toml, that does not exist."""

from __future__ import annotations

import argparse
import ast
import re
from importlib import import_module
from pathlib import Path

import pytest

import tfmkit
from tfmkit.batch.config import Config
from tfmkit.cli.main import COMMANDS
from tfmkit.doubts import OPTIONS, SIGNS

PACKAGE = sorted(Path(tfmkit.__file__).parent.rglob("*.py"))
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z-]*")
SECTION = re.compile(r"\b(\w+)(?: = (?:\S+))? in \[(\w+)\]")
# Options of other programs.
FOREIGN = {"--help", "--version"}


def options_of(command):
    """All options of a command."""
    parser = argparse.ArgumentParser()
    import_module(f"tfmkit.cli.{command}").add_arguments(parser)
    return {option for action in parser._actions for option in action.option_strings}


def texts(node):
    """All texts inside a node, pieces of f-strings joined."""
    for part in ast.walk(node):
        if isinstance(part, ast.JoinedStr):
            yield "".join(str(value.value) if isinstance(value, ast.Constant) else "{}" for value in part.values)
        elif isinstance(part, ast.Constant) and isinstance(part.value, str):
            yield part.value


def messages():
    """All messages of errors in the package, and the sentences of doubts, with the place of each."""
    for path in PACKAGE:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Raise) and node.exc is not None:
                yield from ((f"{path.name}:{node.lineno}", text) for text in texts(node.exc))
    for reader, words in OPTIONS.items():
        yield from ((f"doubts for {reader}", word) for word in words.values())
    yield from (("doubts", sign.sentence) for sign in SIGNS)


@pytest.fixture(scope="module")
def options():
    return {command: options_of(command) for command in COMMANDS}


def test_messages_name_options_that_exist(options):
    known = set().union(*options.values()) | FOREIGN
    named = [(place, flag) for place, text in messages() for flag in FLAG.findall(text)]
    assert len(named) > 20
    assert [(place, flag) for place, flag in named if flag not in known] == []


@pytest.mark.parametrize("command", ["displacement", "traction"])
def test_doubts_name_options_of_the_command_that_says_them(options, command):
    for words in OPTIONS[command].values():
        other = re.search(r"`tfmkit (\w+)", words)
        assert set(FLAG.findall(words)) <= options[other[1] if other else command]


def test_messages_name_keys_that_exist():
    named = [(place, *found) for place, text in messages() for found in SECTION.findall(text)]
    assert len(named) > 5
    for place, key, section in named:
        model = Config.model_fields[section].annotation
        free = model.model_config.get("extra") == "allow"
        assert free or key in model.model_fields, f"{place}: {key} in [{section}]"
