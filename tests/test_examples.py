"""The examples run as they stand and leave the figures that they promise."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = sorted((Path(__file__).parents[1] / "examples").glob("plot_*.py"))


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_example(example, tmp_path):
    subprocess.run([sys.executable, "-W", "error", str(example)], cwd=tmp_path, check=True)
    assert list(tmp_path.rglob("*.png"))
