"""The default in a docstring is the default of the signature, for every public function, class and method."""

from __future__ import annotations

import ast
import importlib
import inspect
import math
import pkgutil
import re
from collections.abc import Callable, Iterator
from typing import Any

import tfmkit

SECTION = re.compile(r"^(Parameters|Attributes)\n-+\n(.*?)(?=^\S[^\n]*\n-{3,}\n|\Z)", re.MULTILINE | re.DOTALL)
ENTRY = re.compile(r"^(\*{0,2}\w+(?:, \w+)*) : (.+?)$", re.MULTILINE)
DEFAULT = re.compile(r"default=(.+)$")


def members() -> Iterator[tuple[str, Callable[..., Any], str]]:
    """Yield the name, the signature's owner and the docstring of all that is public."""
    for info in pkgutil.walk_packages(tfmkit.__path__, "tfmkit.", onerror=lambda _: None):
        if any(part.startswith("_") for part in info.name.split(".")):
            continue
        try:
            module = importlib.import_module(info.name)
        except ModuleNotFoundError as error:
            if (error.name or "").startswith("tfmkit"):
                raise
            continue  # a window needs packages that are not installed everywhere
        for name, value in vars(module).items():
            if name.startswith("_") or getattr(value, "__module__", "") != info.name or not callable(value):
                continue
            yield f"{info.name}.{name}", value, inspect.getdoc(value) or ""
            if inspect.isclass(value):
                methods = [(n, m) for n, m in vars(value).items() if not n.startswith("_")]
                for method, part in methods:
                    function = getattr(part, "__func__", part)
                    if inspect.isfunction(function):
                        yield f"{info.name}.{name}.{method}", function, inspect.getdoc(function) or ""


def parameters_of(owner: Callable[..., Any]) -> dict[str, inspect.Parameter]:
    try:
        return dict(inspect.signature(owner).parameters)
    except (TypeError, ValueError):
        return {}


def differences(owner: Callable[..., Any], doc: str) -> Iterator[str]:
    """Yield every documented default that is not the default of the signature."""
    parameters = parameters_of(owner)
    entries = [(title, *entry) for title, section in SECTION.findall(doc) for entry in ENTRY.findall(section)]
    for title, names, kind in entries:
        written = DEFAULT.search(kind)
        for name in names.split(", "):
            if name not in parameters or parameters[name].kind is inspect.Parameter.VAR_KEYWORD:
                continue
            true = parameters[name].default
            if "optional" in kind and true is not None:
                yield f"{name} is optional, but its default is {true!r}, not None"
            elif written is None and title == "Parameters" and true not in (inspect.Parameter.empty, None):
                yield f"{name} has the default {true!r}, which is not documented"
            elif written is not None and not same(written[1], true):
                yield f"{name}: default={written[1]} in the docstring, {true!r} in the signature"


def same(written: str, true: Any) -> bool:
    """Compare a default as it is written with its value."""
    written = written.removeprefix("np.")
    if isinstance(true, float):
        return math.isclose(float(written), true) or (math.isnan(float(written)) and math.isnan(true))
    try:
        return bool(ast.literal_eval(written) == true)
    except ValueError:
        return written == "slice(None)" or written.rpartition(".")[2] == getattr(true, "__name__", None)


def test_documented_defaults_are_those_of_the_signatures() -> None:
    everything = list(members())
    found = [f"{name}: {text}" for name, owner, doc in everything for text in differences(owner, doc)]
    assert not found
    assert sum("default=" in doc for _, _, doc in everything) > 100


def test_a_changed_default_is_seen() -> None:
    def function(a: int = 2, b: str = "x", c: float | None = None, d: float = 1.0) -> None:
        """Do nothing.

        Parameters
        ----------
        a : int, default=1
            One.
        b : {"x", "y"}, default="x"
            Two.
        c, d : float, optional
            Three.
        """

    found = list(differences(function, inspect.getdoc(function) or ""))
    assert found == [
        "a: default=1 in the docstring, 2 in the signature",
        "d is optional, but its default is 1.0, not None",
    ]
