"""Doubts: each sign has a sentence, its limit, and remedies that its reader has."""

from __future__ import annotations

import csv
import string

import numpy as np
import pytest
import tifffile

from tfmkit.cli import main
from tfmkit.doubts import OPTIONS, SIGNS, displacement_fraction, find_doubts, join_doubts, woven
from tfmkit.mechanics import contraction
from tfmkit.noise.draw import add_noise
from tfmkit.simulate import BeadSimulator, CellSimulator

PAIRS = [
    (sign, reader)
    for sign in SIGNS
    for reader, options in OPTIONS.items()
    # `tfmkit displacement` has neither gel nor method, and no result whose sentence names them.
    if {name for _, name, _, _ in string.Formatter().parse(sign.sentence)} & {*OPTIONS["python"]} <= {*options}
]


# For each number a result that is believed, and one that is not.
LIMITS = {
    "quality_median": (0.51, 0.49), "replaced_fraction": (0.24, 0.26), "peak_replaced_fraction": (0.34, 0.36),
    "excluded_fraction": (0.49, 0.51), "drift_fraction": (0.24, 0.26), "displacement_fraction": (0.24, 0.26),
    "woven": (2.9, 3.1), "misfit_turned": (0.66, 0.64), "misfit_other_poisson": (0.81, 0.79), "foreign": (0.0, 1.0),
    "contraction": (0.29, 0.31), "net_force_fraction": (0.49, 0.51), "displacement_residual": (0.79, 0.81),
    "max_traction_Pa": (9e4, 1.1e5), "strain_energy_J": (9e-10, 1.1e-9),
}  # fmt: skip


def test_limits_of_all_signs():
    assert set(LIMITS) == {sign.number for sign in SIGNS}
    for name, (believed, doubted) in LIMITS.items():
        counts = [len(find_doubts({name: value, "misfit": 7.0})) for value in (believed, doubted)]
        assert counts == [0, 1], name


def beyond(sign):
    """Return numbers that are in doubt by one sign only."""
    return {sign.number: sign.limit * (1.01 if sign.above else 0.99), "misfit": 7.0}


@pytest.mark.parametrize(("sign", "reader"), PAIRS, ids=[f"{sign.number}-{reader}" for sign, reader in PAIRS])
def test_every_sign_has_one_sentence_for_every_reader(sign, reader):
    (sentence,) = find_doubts(beyond(sign), reader)
    assert "{" not in sentence
    assert "; " not in sentence
    assert find_doubts({sign.number: sign.limit, "misfit": 7.0}, reader) == ()


def test_numbers_that_are_not_known_are_not_judged():
    assert find_doubts({"foreign": None, "replaced_fraction": np.nan, "lam": 1e9}) == ()


def test_sentences_stand_in_the_order_of_the_signs():
    found = find_doubts({"foreign": 1, "misfit": 7.0, "replaced_fraction": 0.9})
    assert ["90%" in found[0], "7 times" in found[1]] == [True, True]
    assert join_doubts(found).split("; ") == list(found)


def test_unknown_reader_is_refused():
    with pytest.raises(ValueError, match="reader"):
        find_doubts({}, "nobody")


def test_contraction_tells_pulling_from_pushing():
    y, x = np.mgrid[-8:9, -8:9].astype(float)
    outwards = np.stack([x, y])[None]
    assert contraction(outwards) == pytest.approx(1)
    assert contraction(-3 * outwards) == pytest.approx(-1)
    assert contraction(0 * outwards) == 0
    cell = CellSimulator("adhesion", shape=64, random_state=0).sample(1).traction
    pair = np.concatenate([cell, -cell], axis=3)
    half = np.arange(128) < np.full((64, 1), 64)
    assert contraction(pair, mask=half) == pytest.approx(contraction(cell))
    assert contraction(pair, mask=~half) == pytest.approx(-contraction(cell))
    # Noise beside the cell does not hide that it seems to push.
    noise = np.random.default_rng(0).normal(0, 0.02 * np.abs(cell).max(), cell.shape)
    assert contraction(-cell + noise) > 0.5
    cells = CellSimulator("adhesion", shape=64, random_state=0).sample(8)
    assert (contraction(cells.traction) < -0.3).all()


def test_woven_patterns_are_told_from_noise():
    cells = CellSimulator("adhesion", shape=64, random_state=0).sample(4)
    noisy = add_noise(cells.noise_free_displacement, 0.05, unit="rms", random_state=0)
    assert (woven(cells.noise_free_displacement) < 1.5).all()
    assert (woven(noisy) < 2).all()
    size = np.sqrt(np.square(noisy).mean(axis=(1, 2, 3), keepdims=True))
    alternating = 0.05 * size * (-1.0) ** np.arange(64)
    for pattern in (alternating, alternating.swapaxes(2, 3), alternating * (-1.0) ** np.arange(64)[:, None]):
        assert (woven(noisy + pattern) > 4).all()
    (sentence,) = find_doubts({"woven": 5.0})
    assert "woven pattern" in sentence
    assert np.isnan(woven(np.zeros((2, 2, 64, 64)))).all()
    assert np.isnan(woven(noisy[:, :, :8])).all()


def test_displacement_is_measured_by_the_longer_side():
    field = np.zeros((2, 2, 4, 10))
    field[1, :, 2, 2] = 3, 4
    np.testing.assert_allclose(displacement_fraction(field, 2.0), [0, 0.25])


def doubts_in(folder):
    """Return the column of a summary."""
    with (folder / "summary.csv").open(newline="") as lines:
        return [row["doubts"] for row in csv.DictReader(lines)]


def test_commands_say_their_doubts_and_write_them_down(tmp_path, capsys):
    relaxed, deformed = BeadSimulator(96, peak=2.0, spacing=8, random_state=0).sample().pairs[0]
    elsewhere = BeadSimulator(96, peak=2.0, spacing=8, random_state=99).sample().pairs[0, 1]
    tifffile.imwrite(tmp_path / "relaxed.tif", relaxed)
    tifffile.imwrite(tmp_path / "deformed.tif", np.stack([deformed, elsewhere]), metadata={"axes": "TYX"})
    measure = ["displacement", str(tmp_path / "relaxed.tif"), str(tmp_path / "deformed.tif"), "--spacing", "8"]
    assert main([*measure, "-o", str(tmp_path / "u")]) == 0
    said = capsys.readouterr().err
    assert "frame 2: in doubt, the two images match by" in said
    assert "--relaxed-frame" in said
    assert "frame 1" not in said
    good, strange = doubts_in(tmp_path / "u")
    assert good == ""
    assert "another field of view" in strange

    gel = ["--young", "8000", "--poisson", "0.4"]
    assert main(["traction", str(tmp_path / "u" / "displacement.npz"), *gel, "-o", str(tmp_path / "t")]) == 0
    said = capsys.readouterr().err
    assert "frame 2: in doubt" in said
    assert "`tfmkit displacement --rotation`" in said
    assert doubts_in(tmp_path / "t")[0] == ""


def test_exchanged_images_are_in_doubt(tmp_path, capsys):
    cells = CellSimulator("adhesion", shape=64, random_state=0).sample()
    for sign in (1, -1):
        np.save(tmp_path / "u.npy", sign * cells.displacement)
        gel = ["--young", "8000", "--poisson", "0.5", "--spacing", "8"]
        assert main(["traction", str(tmp_path / "u.npy"), *gel]) == 0
        assert ("exchanged" in capsys.readouterr().err) == (sign < 0)


def test_a_network_says_that_a_field_is_foreign(tmp_path, capsys):
    cells = CellSimulator("adhesion", shape=64, random_state=0).sample()
    np.save(tmp_path / "u.npy", cells.displacement[:, ::-1])
    gel = ["--young", "8000", "--poisson", "0.5", "--spacing", "8", "--method", "DeepTFM"]
    assert main(["traction", str(tmp_path / "u.npy"), *gel]) == 0
    assert "the network leaves" in capsys.readouterr().err
