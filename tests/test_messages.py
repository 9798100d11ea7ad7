"""No message names an option, a key or an argument that the reader of the message does not have."""

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

PACKAGE = Path(tfmkit.__file__).parent
FLAG = re.compile(r"(?<![\w-])--[a-z][a-z0-9-]*")
SECTION = re.compile(r"\b(\w+)(?: = (?:\S+))? in \[(\w+)\]")
# A message asks for an argument by its name: give z, length_unit='um', leave spacing out.
ASKED = re.compile(r"\bgive ([a-z]\w*)|\b(\w+)='|\bleave (\w+) out|\bExpected (\w+) for")
ARGUMENTS = {"z", "channel", "position", "pixel_size", "interval", "spacing", "length_unit", "interpolate"}
# Options of every command.
COMMON = {"--help", "--version"}
# The commands that show the messages of the rooms below them. The first row that fits counts.
SHOWN_BY = (
    ("io/images", ("displacement", "traction", "batch")),
    ("io/fields", ("traction", "batch")),
    ("displacement", ("displacement", "batch")),
    ("quantities.py", ("traction", "batch")),
    ("batch", ("batch",)),
)
# Where only some of these commands can meet a message.
FEWER = {
    # Traction reads images for their looks: the scale is not needed, and one file is not beside another.
    ("io/images", "pixel_size"): ("displacement", "batch"),
}


def options_of(command):
    """All options of a command."""
    parser = argparse.ArgumentParser()
    import_module(f"tfmkit.cli.{command}").add_arguments(parser)
    return {option for action in parser._actions for option in action.option_strings}


@pytest.fixture(scope="module")
def options():
    return {command: options_of(command) for command in COMMANDS}


def silent(tree):
    """The texts of a file that nobody sees: docstrings, and pieces of longer texts."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr):
            yield id(node.value)
        elif isinstance(node, ast.JoinedStr):
            yield from map(id, node.values)


def texts(path):
    """All texts of a file that can be shown, with their lines; pieces of f-strings are joined."""
    tree = ast.parse(path.read_text())
    hidden = set(silent(tree))
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = (str(part.value) if isinstance(part, ast.Constant) else "{}" for part in node.values)
            yield node.lineno, "".join(parts)
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in hidden:
            yield node.lineno, node.value


def messages():
    """All texts of the package but bare names of options: errors, warnings, remarks, doubts, prints and helps."""
    for path in sorted(PACKAGE.rglob("*.py")):
        room = path.relative_to(PACKAGE).as_posix()
        yield from ((room, line, text) for line, text in texts(path) if not FLAG.fullmatch(text))


def readers(room, name=""):
    """The commands that can show a message of a room, and the room's name in the table."""
    if room.startswith("cli/"):
        command = room.removeprefix("cli/").removesuffix(".py").partition("_")[0]
        return (command,) if command in COMMANDS else ()
    found = next((place for place, _ in SHOWN_BY if room.startswith(place)), None)
    return FEWER.get((found, name), dict(SHOWN_BY).get(found, ()))


def has(command, flag, options):
    """Whether a command takes an option; a batch has it as a key of experiment.toml."""
    if flag in options[command] | COMMON:
        return True
    key = flag.removeprefix("--").replace("-", "_")
    sections = Config.model_fields.values() if command == "batch" else ()
    return any(key in getattr(section.annotation, "model_fields", {}) for section in sections)


def test_the_texts_are_found():
    found = [text for _, _, text in messages()]
    for part in ("may be exchanged", "is a JPEG, whose noise", "is left out: ", "results in ", "interpolate=True ("):
        assert any(part in text for text in found), part


def test_every_option_exists_for_those_who_see_its_name(options):
    known = set().union(*options.values()) | COMMON
    named = 0
    for room, line, text in messages():
        for found in FLAG.finditer(text):
            named += 1
            # A text may send its reader to another command.
            other = re.search(r"`tfmkit (\w+)[^`]*$", text[: found.start()])
            wanted = (other[1],) if other else readers(room)
            assert found[0] in known, f"{room}:{line}: {found[0]}"
            missing = [command for command in wanted if not has(command, found[0], options)]
            assert not missing, f"{room}:{line}: {found[0]} is unknown to {missing}"
    assert named > 25


def test_every_argument_that_is_asked_for_is_an_option_or_a_key(options):
    asked = set()
    for room, line, text in messages():
        for name in ARGUMENTS.intersection(*[[word for groups in ASKED.findall(text) for word in groups]]):
            asked.add(name)
            flag = "--" + name.replace("_", "-")
            missing = [command for command in readers(room, name) if not has(command, flag, options)]
            assert not missing, f"{room}:{line}: {name} is unknown to {missing}"
    assert {"z", "channel", "position", "pixel_size", "spacing", "length_unit"} <= asked


@pytest.mark.parametrize("command", ["displacement", "traction"])
def test_doubts_name_options_of_the_command_that_says_them(options, command):
    for words in OPTIONS[command].values():
        other = re.search(r"`tfmkit (\w+)", words)
        assert set(FLAG.findall(words)) <= options[other[1] if other else command]


def test_sentences_of_doubts_name_options_by_their_reader_only():
    assert not [sign.number for sign in SIGNS if FLAG.search(sign.sentence) or SECTION.search(sign.sentence)]


def test_messages_name_keys_that_exist():
    named = [(room, *found) for room, _, text in messages() for found in SECTION.findall(text)]
    assert len(named) > 5
    for room, key, section in named:
        model = Config.model_fields[section].annotation
        free = model.model_config.get("extra") == "allow"
        assert free or key in model.model_fields, f"{room}: {key} in [{section}]"
