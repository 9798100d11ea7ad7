"""Make the calibration that comes with the weights, and measure which design of it holds on families it has not seen.

    python -m benchmarks.deep_calibration --keep --measured FOLDER

FOLDER holds fields of `tfmkit train fields` with a seed of their own, which join the calibration; those of FOLDER/test
are tested, as "... in images". The weights "images" serve such fields alone, and no others calibrate them.
Calibration cells have a seed of their own; intervals are then tested on the cells of `deep.py`: as the network gives
them, under one common factor, and under the correction of `tfmkit.deep.calibration`, each once with all families in the
calibration and once without the family that is tested. The table goes to `deep_calibration.csv`.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.ndimage import maximum_filter
from sklearn.utils import Bunch
from tqdm.auto import tqdm

from benchmarks.command import study_parser
from benchmarks.deep import KINDS
from benchmarks.families import FAMILIES, LEVELS, family_fields
from benchmarks.saving import write_table
from tfmkit.deep import DeepTFM, packaged_weights, read_weights, write_weights
from tfmkit.deep.calibration import COVERAGE, Calibration, fit_calibration
from tfmkit.deep.misfit import smooth_misfit
from tfmkit.deep.pretraining.measured import field_files, read_fields
from tfmkit.simulate import add_noise

WEIGHTS = ("default", "small", "images")
SEEDS = {"calibration": 77, "test": 2021}
CALIBRATION_LEVELS = (0.0, 0.02, 0.04, 0.1, 0.2, 0.3)
CALIBRATION_WIDTHS = (0.0, 0.75, 1.5)
ALL_FAMILIES = (*FAMILIES, "cell on pixels")
IN_IMAGES = "in images"
# A pixel of a measured field is near traction if one of so many pixels around it holds this part of the largest length.
NEAR, NEAR_LENGTH = 5, 0.02


def predictions(model: DeepTFM, part: str, n_fields: int, levels: Any, widths: Any) -> list[Bunch]:
    """Return what the network gives on every family, noise level and correlation, one Bunch each."""
    groups = []
    for family in tqdm(ALL_FAMILIES, desc=part):
        fields = family_fields(family, n_fields, seed=SEEDS[part])
        for level, width in ((noise, width) for noise in levels for width in (widths if noise else (0.0,))):
            displacement = add_noise(
                fields.noise_free_displacement, level, unit="rms", correlation=width, random_state=SEEDS[part]
            )
            traction, half_width = model.evaluate(displacement)
            misfit = smooth_misfit(displacement, traction / model.young, model.gel_)
            groups.append(
                Bunch(
                    family=family, noise=level, correlation=width, traction=traction, half_width=half_width,
                    truth=fields.traction, inside=fields.mask, misfit=misfit,
                )
            )  # fmt: skip
    return groups


def measured_predictions(name: str, folder: Path) -> list[Bunch]:
    """Return what the network gives on measured fields, one Bunch for each; intervals are to hold near traction."""
    groups = []
    for path in field_files(folder):
        fields, header = read_fields(path)
        model = DeepTFM.from_pretrained(name, poisson=header["poisson"])
        displacement, truth = fields["displacement"].astype(np.float32), model.young * fields["traction"].astype(float)
        noise = fields["noise"].astype(np.float32) if model.knows_noise() else None
        traction, half_width = model.evaluate(displacement, noise)
        misfit = smooth_misfit(displacement, traction / model.young, model.gel_)
        length = np.hypot(truth[:, 0], truth[:, 1])
        inside = maximum_filter(length, (0, NEAR, NEAR)) > NEAR_LENGTH * length.max(axis=(1, 2), keepdims=True)
        for number, kind in enumerate(header["fields"]):
            one = slice(number, number + 1)
            groups.append(
                Bunch(
                    family=f"{kind['family']} {IN_IMAGES}", noise=np.nan, correlation=np.nan, traction=traction[one],
                    half_width=half_width[one], truth=truth[one], inside=inside[one], misfit=misfit[one],
                )
            )  # fmt: skip
    return groups


def calibrated_on(groups: list[Bunch]) -> Calibration:
    """Return the calibration that these fields teach."""
    names = ("traction", "half_width", "truth", "inside", "misfit")
    # Fields one by one: those of different groups may have different grids.
    return fit_calibration(*([field for group in groups for field in group[name]] for name in names))


def common_factor(groups: list[Bunch]) -> float:
    """Return the one factor with which 90 % of the intervals inside cells hold."""
    return float(np.quantile(np.concatenate([_ratio(group)[_inside(group)] for group in groups]), COVERAGE))


def coverage(group: Bunch, factor: Any) -> float:
    """Return the part of the pixels inside cells whose interval holds."""
    return float((_ratio(group) <= factor)[_inside(group)].mean())


def study(name: str, n_fields: int, *, keep: bool, measured: Path | None) -> pd.DataFrame:
    """Calibrate one network, test the calibration and its rivals, and keep it with the weights if asked to."""
    path = packaged_weights()[name]
    model = DeepTFM.from_pretrained(name)
    seen, tested = [], []
    if not model.knows_noise():
        seen += predictions(model, "calibration", n_fields, CALIBRATION_LEVELS, CALIBRATION_WIDTHS)
        tested += predictions(model, "test", n_fields, LEVELS, tuple(KINDS.values()))
    if measured is not None:
        seen += measured_predictions(name, measured)
        tested += measured_predictions(name, measured / "test")
    everything = calibrated_on(seen)
    if keep:
        write_weights(path, read_weights(path)._replace(calibration=everything), half=True)
    return compare_designs(name, seen, tested, everything)


def compare_designs(name: str, seen: list[Bunch], tested: list[Bunch], everything: Calibration) -> pd.DataFrame:
    """Return how often intervals hold under each design, and how many fields count as foreign."""
    rows, factor = [], common_factor(seen)
    for family in sorted({str(group.family).split()[0] for group in seen}):
        others = [group for group in seen if not _is(group, family)]
        left_out, other_factor = calibrated_on(others), common_factor(others)
        for group in (group for group in tested if _is(group, family)):
            raw = (group.traction, group.half_width)
            designs = {
                "none": coverage(group, 1.0),
                "common factor": coverage(group, factor),
                "common factor, family left out": coverage(group, other_factor),
                "local": coverage(group, everything.factor(*raw)),
                "local, family left out": coverage(group, left_out.factor(*raw)),
            }
            where = {"weights": name, "family": group.family, "noise": group.noise, "correlation": group.correlation}
            flagged = float((group.misfit > left_out.misfit_limit).mean())
            rows += [where | {"design": key, "coverage": held, "foreign": flagged} for key, held in designs.items()]
    kinds = ["weights", "family", "noise", "correlation", "design"]
    return pd.DataFrame(rows).groupby(kinds, sort=False, dropna=False).mean().reset_index()


def _ratio(group: Bunch) -> NDArray[Any]:
    return np.abs(group.traction - group.truth) / group.half_width


def _inside(group: Bunch) -> NDArray[Any]:
    return np.broadcast_to(group.inside[:, None], group.truth.shape)


def _is(group: Bunch, family: str) -> bool:
    # Cells on and off the pixels are one family.
    return str(group.family).split()[0] == family


def main() -> None:
    """Calibrate and write the table."""
    parser = study_parser("deep_calibration", __doc__, fields=6)
    parser.add_argument("--weights", nargs="+", choices=WEIGHTS, default=WEIGHTS[:2], help="names of the weights")
    parser.add_argument("--measured", type=Path, metavar="FOLDER", help="measured fields that join the calibration")
    parser.add_argument("--keep", action="store_true", help="write the calibration beside the packaged weights")
    options = parser.parse_args()
    if "images" in options.weights and options.measured is None:
        parser.error("the weights images need --measured FOLDER")
    table = pd.concat(
        [study(name, options.fields, keep=options.keep, measured=options.measured) for name in options.weights]
    )
    held = table.groupby(["weights", "design"], sort=False).coverage
    within = held.agg(lambda part: part.between(0.87, 0.93).mean())
    write_table(table, "deep_calibration", options, **SEEDS)
    print(pd.DataFrame({"least": held.min(), "most": held.max(), "within 87-93 %": within}).round(3).to_string())


if __name__ == "__main__":
    main()
