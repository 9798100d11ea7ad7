"""How many single faults in the code do the tests find?

A fault is one small change of one file of `tfmkit`: a sign, a factor, a comparison, a term, an order, a default. Faults
come from two lists. `benchmarks/faults.toml` has those that were written by hand. The others are drawn: every place
of a file where an operator or a number could be another one is a candidate, and a seed takes some. Each fault is made
in a copy of the repository, and the tests of its file run there until the first one fails. The table says of every
fault whether the tests found it, or were stopped at the limit, which decides nothing. A survivor has a verdict from
`faults.toml`: equivalent, if no result can change but by rounding, or the reason why it is left. The test that an entry
names with `by` runs before all others of its file. Faults that the table in the output folder says are found are not
made again. Rows of that table that a run does not judge stay, as do its drawn faults if none is to be drawn.

    python -m benchmarks.faults                       # all faults: about an hour
    python -m benchmarks.faults --drawn 0 --only fttc # those by hand in one room
"""

from __future__ import annotations

import argparse
import ast
import multiprocessing
import os
import shutil
import sys
import tempfile
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from benchmarks.command import ROOT, study_parser
from benchmarks.saving import write_table

LIST = Path(__file__).with_suffix(".toml")
# Libraries that a test process finds loaded already.
PRELOADED = ("hypothesis", "scipy.ndimage", "scipy.stats", "skimage.registration", "sklearn.model_selection", "skorch")
SWAPS: dict[type, type] = {
    ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult,
    ast.Lt: ast.GtE, ast.LtE: ast.Gt, ast.Gt: ast.LtE, ast.GtE: ast.Lt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
}  # fmt: skip
# Columns of the table, and those that name a fault whatever its line.
COLUMNS = ("origin", "file", "line", "old", "new", "result", "verdict")
KEY = ("file", "old", "new")
# Sizes of chunks and of caches change no result.
UNDRAWN = ("maxsize", "_CHUNK", "_BYTES", "_ROWS", "finfo", "dtype", "check_", "tiny")


class Fault(NamedTuple):
    """One change of one file: the text between two offsets becomes another one."""

    origin: str
    file: str
    line: int
    old: str
    new: str
    start: int
    by: str = ""

    @property
    def key(self) -> str:
        """Name of the fault in the list of verdicts."""
        return f"{self.file}: {self.old} -> {self.new}"


def faults_by_hand(tree: Path, entries: list[dict[str, str]]) -> Iterator[Fault]:
    """Yield the faults of the list; each old text stands once in its file."""
    for entry in entries:
        text = (tree / entry["file"]).read_text()
        if text.count(entry["old"]) != 1:
            raise ValueError(
                f"Expected {entry['old']!r} once in {entry['file']}, got {text.count(entry['old'])} times."
            )
        start = text.index(entry["old"])
        line = text.count("\n", 0, start) + 1
        yield Fault("hand", entry["file"], line, entry["old"], entry["new"], start, entry.get("by", ""))


def drawn_faults(tree: Path, file: str, n: int, rng: np.random.Generator) -> Iterator[Fault]:
    """Yield `n` faults, each in a random place of a file."""
    text = (tree / file).read_text()
    places = [place for place in _places(ast.parse(text)) if not _is_trivial(text, place[0])]
    lines = np.cumsum([0, *(len(line) for line in text.splitlines(keepends=True))])
    for index in rng.permutation(len(places))[:n].tolist():
        node, changed = places[index]
        start = int(lines[node.lineno - 1]) + node.col_offset
        old = ast.get_source_segment(text, node) or ""
        yield Fault("drawn", file, node.lineno, old, f"({ast.unparse(changed)})", start)


def _places(tree: ast.AST) -> Iterator[tuple[Any, Any]]:
    """Yield every expression that could be another one, and that other one."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, (ast.Raise, ast.JoinedStr, ast.Import, ast.ImportFrom)):
            continue
        if isinstance(node, ast.BinOp) and type(node.op) in SWAPS:
            yield node, ast.BinOp(node.left, SWAPS[type(node.op)](), node.right)
        elif isinstance(node, ast.Compare) and len(node.ops) == 1 and type(node.ops[0]) in SWAPS:
            yield node, ast.Compare(node.left, [SWAPS[type(node.ops[0])]()], node.comparators)
        elif isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.USub, ast.Not)):
            yield node, node.operand
        elif isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float)):
            yield node, ast.Constant(_other_value(node.value))
        if isinstance(node, ast.arg) or (isinstance(tree, ast.AnnAssign) and node is tree.annotation):
            continue
        yield from _places(node)


def _other_value(value: Any) -> Any:
    if isinstance(value, bool):
        return not value
    return value + 1 if isinstance(value, int) else 1.5 * value or 0.5


def _is_trivial(text: str, node: Any) -> bool:
    line = text.splitlines()[node.lineno - 1]
    return node.lineno != node.end_lineno or not line.isascii() or any(word in line for word in UNDRAWN)


def judge(fault: Fault, tests: list[str], tree: Path, limit: float) -> str:
    """Return ``"found"``, ``"survived"`` or ``"too slow"``, and leave the copy as it was."""
    path = tree / fault.file
    text = path.read_text()
    path.write_text(text[: fault.start] + fault.new + text[fault.start + len(fault.old) :])
    status = run_tests(tests, tree, limit)
    path.write_text(text)
    return {0: "survived", None: "too slow"}.get(status, "found")


def run_tests(tests: list[str], tree: Path, limit: float) -> int | None:
    """Return the status of pytest, or None where it was stopped at the limit."""
    process = multiprocessing.get_context("fork").Process(target=_run_tests, args=(tree, tests))
    process.start()
    process.join(limit)
    if process.is_alive():
        process.kill()
        process.join()
        return None
    return process.exitcode


def _run_tests(tree: Path, tests: list[str]) -> None:
    """Run tests in a copy of the repository, and exit with the status of pytest."""
    for name in [name for name in sys.modules if name.partition(".")[0] in {"tfmkit", "benchmarks", "tests"}]:
        del sys.modules[name]
    os.chdir(tree)
    sys.path.insert(0, str(tree))
    silent = os.open(os.devnull, os.O_WRONLY)
    os.dup2(silent, 1)
    os.dup2(silent, 2)
    os._exit(pytest.main(["-x", "-q", "-p", "no:cacheprovider", "--assert=plain", *tests]))


def copy_repository(folder: Path) -> Path:
    """Copy the files that tests need; compiled files would outlive a fault."""
    sys.dont_write_bytecode = True
    for name in ("tfmkit", "tests", "benchmarks"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__", "*.png", "*.npz"))
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def collect(options: argparse.Namespace, listed: dict[str, Any], tree: Path) -> list[Fault]:
    """Return all faults of the rooms that are asked for."""
    faults = list(faults_by_hand(tree, listed["fault"]))
    rng = np.random.default_rng(options.seed)
    for file, n in _share_out(list(listed["tests"]), options.drawn, tree).items():
        faults += drawn_faults(tree, file, n, rng)
    return [fault for fault in faults if options.only in fault.file]


def _share_out(files: list[str], total: int, tree: Path) -> dict[str, int]:
    """Share faults out over files in proportion to the square root of their places."""
    weights = np.sqrt([sum(1 for _ in _places(ast.parse((tree / file).read_text()))) for file in files])
    ends = np.rint(total * np.cumsum(weights) / weights.sum()).astype(int)
    return dict(zip(files, np.diff(ends, prepend=0).tolist(), strict=True))


def known_rows(path: Path) -> pd.DataFrame:
    """Return the table of an earlier run, without a row if there is none."""
    return pd.read_csv(path, keep_default_na=False) if path.exists() else pd.DataFrame(columns=[*COLUMNS])


def judge_by_rounds(fault: Fault, listed: dict[str, Any], tree: Path, limit: float) -> tuple[str, list[str]]:
    """Return how a fault is judged, and the tests that judged it."""
    tests: list[str] = []
    for tests in ([fault.by], listed["tests"][fault.file], listed["tests_of_survivors"]):
        result = judge(fault, tests, tree, limit) if any(tests) else "survived"
        if result != "survived":
            return result, tests
    return "survived", tests


def kept_rows(
    earlier: pd.DataFrame, rows: list[dict[str, Any]], listed: dict[str, Any], options: argparse.Namespace
) -> pd.DataFrame:
    """Return the rows of an earlier table that still hold, and that this run has not judged."""
    judged = {tuple(row[name] for name in KEY) for row in rows}
    standing = {tuple(entry[name] for name in KEY) for entry in listed["fault"]} - judged
    stands = np.array([key in standing for key in earlier[[*KEY]].itertuples(index=False, name=None)], dtype=bool)
    by_hand = (earlier["origin"] == "hand").to_numpy()
    return earlier[np.where(by_hand, stands, options.drawn == 0)]


def main() -> None:
    """Judge all faults and write the table."""
    parser = study_parser("faults", __doc__, seed=0)
    parser.add_argument("--drawn", type=int, default=84, help="faults that are drawn; 0 keeps those of the table")
    parser.add_argument("--only", default="", help="part of the path of the files to judge")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds for the tests of one fault (default: 300)")
    options = parser.parse_args()
    listed = tomllib.loads(LIST.read_text())
    earlier = known_rows(options.output / "faults.csv")
    found = set(earlier.loc[earlier["result"] == "found", [*KEY]].itertuples(index=False, name=None))
    for name in PRELOADED:
        __import__(name)
    rows: list[dict[str, Any]] = []
    used: set[str] = set()
    with tempfile.TemporaryDirectory() as folder:
        tree = copy_repository(Path(folder))
        for fault in collect(options, listed, tree):
            result = "found"
            if tuple(getattr(fault, name) for name in KEY) not in found:
                result, tests = judge_by_rounds(fault, listed, tree, options.limit)
                used.update(tests if result == "found" else [])
            verdict = "" if result == "found" else listed["verdict"].get(fault.key, "")
            rows.append({**fault._asdict(), "result": result, "verdict": verdict})
            print(f"{result:9} {fault.file}:{fault.line} {fault.old!r} -> {fault.new!r}", flush=True)
        check_tests(sorted(used), tree)
    table = pd.concat([pd.DataFrame(rows, columns=[*COLUMNS]), kept_rows(earlier, rows, listed, options)])
    write_table(table.sort_values("origin", ascending=False, kind="stable"), "faults", options)
    counted = table[~table["verdict"].str.startswith("equivalent")]
    print(f"{(counted['result'] == 'found').mean():.1%} of {len(counted)} faults are found.")


def check_tests(tests: list[str], tree: Path) -> None:
    """Make sure that the tests pass without a fault: otherwise they would find anything."""
    if tests and run_tests(tests, tree, 3600) != 0:
        raise RuntimeError("Expected all tests to pass without a fault, but one fails, so that no result counts.")


if __name__ == "__main__":
    main()
