"""How the gallery finds the pictures of an example, and the order of its pages."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import Any

from sphinx_gallery.scrapers import figure_rst

from tfmkit import datasets

OUTPUT = Path(__file__).parents[1] / "examples" / "out"
# From first steps to special questions. Examples that are not named here follow by name.
ORDER = (
    "plot_first_traction_map",
    "plot_own_beads",
    "plot_choose_lambda",
    "plot_error_bars",
    "plot_compare_estimators",
    "plot_simulate_cells",
    "plot_own_family",
    "plot_train_network",
    "plot_measured_colony",
    "plot_measured_beads",
    "plot_measured_movie",
    "plot_measured_error_bars",
    "plot_measured_two_cells",
)


def measured_data_is_at_hand() -> bool:
    """Return whether all data sets of the examples are there or can be downloaded; say so if not."""
    try:
        for name in datasets.DATASETS:
            datasets.fetch(name)
    except ConnectionError as error:
        print(f"The gallery leaves out the examples on measured data. {error}")
        return False
    return True


def subsection_order(name: str) -> tuple[int, str]:
    """Return the key by which the gallery sorts an example."""
    stem = Path(name).stem
    return (ORDER.index(stem) if stem in ORDER else len(ORDER)), stem


class SavedFigures:
    """Show the PNG files that an example saves.

    Parameters
    ----------
    folder : Path
        Folder below which examples save; it is emptied first.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: dict[Path, int] = {}
        shutil.rmtree(folder, ignore_errors=True)

    def __repr__(self) -> str:
        """Return the same text in every run, so that unchanged examples are not run again."""
        return "SavedFigures()"

    def __call__(self, _block: Any, block_vars: dict[str, Any], gallery_conf: dict[str, Any]) -> str:
        """Copy the files that are new or changed into the gallery and return the text that shows them."""
        targets = []
        for path in sorted(self.folder.rglob("*.png"), key=lambda found: found.stat().st_mtime_ns):
            changed = path.stat().st_mtime_ns
            if self.seen.get(path) != changed:
                self.seen[path] = changed
                targets.append(next(block_vars["image_path_iterator"]))
                shutil.copy(path, targets[-1])
        return figure_rst(targets, gallery_conf["src_dir"])


# One for all pages: it knows the pictures that were shown before.
_SAVED_FIGURES = SavedFigures(OUTPUT)


def _get_sg_image_scraper() -> SavedFigures:
    """Return the scraper; sphinx-gallery looks for a function of this name."""
    return _SAVED_FIGURES
