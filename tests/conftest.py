"""What every test may ask for."""

from __future__ import annotations

import os
from pathlib import Path

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let the number of damaged files be chosen."""
    parser.addoption("--mutations", type=int, default=1000, help="damaged files of each kind that readers get")


@pytest.fixture(scope="session")
def measured_data() -> Path:
    """Folder of the measured data sets; skips the test where they are absent."""
    folder = Path(os.environ.get("TFMKIT_DATA", Path(__file__).parents[2] / "shared" / "data"))
    if not folder.is_dir():
        pytest.skip(f"no measured data: {folder} does not exist (set TFMKIT_DATA)")
    return folder


@pytest.fixture
def viewer(make_napari_viewer):
    """Return an open viewer of napari."""
    return make_napari_viewer(show=True)


@pytest.fixture
def window(viewer, qtbot):
    """Return the window of tfmkit on a small pair of images, after its first preview."""
    from napari_windows import window_on_pair

    made = window_on_pair(viewer, qtbot)
    yield made
    made.session.close()
