"""The stream of simulated fields and the resumable loop."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from torch.nn import functional

from tfmkit.deep.files import read_tensors
from tfmkit.deep.pretraining import cells as cells_module
from tfmkit.deep.pretraining import fourier_unet, priors, stream
from tfmkit.deep.pretraining.drawing import Draw
from tfmkit.deep.pretraining.fourier_unet import Recipe, train
from tfmkit.deep.pretraining.holes import fill_batch
from tfmkit.deep.pretraining.raster import DISC, GAUSS, HERTZ, PatchTable, draw_patches
from tfmkit.deep.pretraining.stream import FieldStream, noise, observe
from tfmkit.deep.training_state import FILE_NAME
from tfmkit.gel import Gel
from tfmkit.gel.closed_forms import disc_displacement, hertz_displacement
from tfmkit.gel.operator import convolve
from tfmkit.holes import fill
from tfmkit.simulate.patches import Patches, rasterise
from tfmkit.simulate.placement import net_force_share


@pytest.fixture
def cells():
    generator = torch.Generator().manual_seed(0)
    radii = 0.45 + 0.05 * torch.rand(5, 360, generator=generator)
    return radii, torch.rand(5, 360, generator=generator)


@pytest.fixture
def draw():
    return Draw(torch.Generator().manual_seed(0))


@pytest.fixture
def small_grids(monkeypatch):
    monkeypatch.setattr(stream, "SHAPES", ((16, 16), (18, 24)))


def one_patch(**change):
    values = {"y": 8.0, "x": 9.0, "a": 3.0, "b": 3.0, "angle": 0.0, "profile": DISC, "tx": 2.0, "ty": -1.0} | change
    return PatchTable(**{name: torch.tensor([[float(value)]]) for name, value in values.items()})


def test_numbers_are_drawn_from_their_distributions(draw):
    lengths = draw.log_uniform(0.1, 10.0, 20_000).numpy()
    assert [lengths.min(), np.median(lengths), lengths.max()] == pytest.approx([0.1, 1.0, 10.0], rel=0.06)
    used = draw.present(2, 7, 5_000, 9).sum(1).numpy()
    assert set(used) == {2, 3, 4, 5, 6, 7}
    # Log-uniform up to just below 8: as many from 2 to 3 as from 4 to 7.
    assert np.mean(used < 4) == pytest.approx(0.5, abs=0.03)
    # The sum of k exponential numbers over k has the mean 1 and the variance 1 / k.
    strength = draw.gamma(4, 20_000).numpy()
    assert strength.mean() == pytest.approx(1, abs=0.02)
    assert strength.var() == pytest.approx(0.25, abs=0.02)


def test_smoothed_noise_is_as_correlated_as_its_gaussian():
    # White noise under a Gaussian of s px agrees with itself d px away by exp(-d^2 / 4 s^2).
    white = torch.randn(2, 2, 200, 160, generator=torch.Generator().manual_seed(0))
    for length in (1.0, 2.0):
        field = stream.smoothed(white, torch.full((2, 1, 1, 1), length))
        assert field.square().mean((1, 2, 3)).tolist() == pytest.approx([1, 1])
        for axis in (2, 3):
            agreement = (field * field.roll(2, axis)).mean()
            assert float(agreement) == pytest.approx(np.exp(-4 / (4 * length**2)), abs=0.05)


@pytest.mark.parametrize(("profile", "name"), [(DISC, "uniform"), (HERTZ, "hertz"), (GAUSS, "gaussian")])
def test_patches_are_drawn_as_the_simulators_draw_them(profile, name):
    # Two fields of three patches, one of which reaches across the border; pixel (0, 0) begins at 0 here, and has its
    # middle there in the simulators.
    rng = np.random.default_rng(0)
    y, x, a = rng.uniform(2, 22, (2, 3)), rng.uniform(2, 26, (2, 3)), rng.uniform(1.0, 4.0, (2, 3))
    b, angle = a * rng.uniform(0.4, 1, (2, 3)), rng.uniform(0, 2 * np.pi, (2, 3))
    tx, ty = rng.normal(size=(2, 2, 3))
    y[0, 0] = 0.5
    table = (y, x, a, b, angle, np.full_like(y, profile), tx, ty)
    torches = draw_patches(PatchTable(*(torch.as_tensor(part, dtype=torch.float32) for part in table)), (24, 28), 3)
    columns = [np.stack(pair, axis=-1).reshape(6, 2) for pair in ((x - 0.5, y - 0.5), (a, b), (tx, ty))]
    patches = Patches(np.repeat([0, 1], 3), columns[0], columns[1], angle.ravel(), columns[2])
    expected, _ = rasterise(patches, name, 2, (24, 28), 12)
    error = functional.avg_pool2d(torches, 3).numpy() - expected
    assert np.linalg.norm(error) < 0.01 * np.linalg.norm(expected)


def test_disc_covers_its_area_and_carries_its_traction():
    field = draw_patches(one_patch(), (16, 20), 3)
    assert field.shape == (1, 2, 48, 60)
    assert field[0, 0].max() == pytest.approx(2.0)
    assert field[0, 0].sum().item() / 9 == pytest.approx(2 * torch.pi * 9, rel=0.01)
    assert torch.allclose(field[0, 1], -field[0, 0] / 2)


def test_hertz_patch_has_the_volume_of_half_an_ellipsoid():
    field = draw_patches(one_patch(profile=HERTZ), (16, 20), 3)
    assert field[0, 0].sum().item() / 9 == pytest.approx(2 * 2 / 3 * torch.pi * 9, rel=0.01)


def test_patch_lies_where_it_is_put():
    field = draw_patches(one_patch(a=2.0, b=1.0), (16, 20), 3)[0, 0]
    rows, columns = (torch.arange(n) for n in field.shape)
    assert ((field.sum(1) * rows).sum() / field.sum()).item() == pytest.approx(8 * 3 - 0.5, abs=0.02)
    assert ((field.sum(0) * columns).sum() / field.sum()).item() == pytest.approx(9 * 3 - 0.5, abs=0.02)


def test_patch_across_the_border_leaves_only_its_inner_part():
    field = draw_patches(one_patch(y=0.0, x=10.0), (16, 20), 3)[0, 0]
    assert field.sum().item() / 9 == pytest.approx(2 * torch.pi * 9 / 2, rel=0.05)
    assert field[24:].abs().max() == 0


@pytest.mark.parametrize(("profile", "volume"), [(DISC, torch.pi), (HERTZ, 2 / 3 * torch.pi)])
def test_narrow_patches_have_their_volume_wherever_they_lie(profile, volume):
    for shift in (0.0, 0.11, 0.23):
        patch = one_patch(y=8 + shift, x=9 - shift, a=0.7, b=0.7, profile=profile)
        total = draw_patches(patch, (16, 20), 3)[0, 0].sum().item() / 9
        assert total == pytest.approx(2 * volume * 0.49, rel=0.01)


@pytest.mark.parametrize(
    ("profile", "closed_form", "bar"), [(HERTZ, hertz_displacement, 0.006), (DISC, disc_displacement, 0.01)]
)
def test_displacement_of_narrow_patches_is_that_of_the_closed_form(profile, closed_form, bar):
    patch = one_patch(y=8.3, x=9.1, a=1.04, b=1.04, profile=profile)
    fine, curved = draw_patches(patch, (16, 20), 3), torch.tensor([True])
    y, x = np.mgrid[:16, :20] + 0.5
    exact = closed_form(x - 9.1, y - 8.3, 1.04, (2.0, -1.0), 0.45)
    error, plain = (
        np.linalg.norm(observe(fine, Gel(poisson=0.45), 0, flag)[0][0].numpy() - exact) / np.linalg.norm(exact)
        for flag in (curved, ~curved)
    )
    assert error < bar
    assert error < 0.7 * plain


def test_holes_are_filled_as_the_filter_fills_them(draw):
    smooth = draw.normal(2, 2, 24, 30).cumsum(-1).cumsum(-2)
    missing = draw.uniform(0, 1, 2, 1, 24, 30) < 0.2
    filled = fill_batch(smooth, missing)
    expected = np.stack([fill(f, m) for f, m in zip(smooth.numpy(), missing[:, 0].numpy(), strict=True)])
    error = filled - torch.as_tensor(expected)
    assert error.norm() < 1e-3 * smooth.norm()
    assert torch.equal(filled[:, :, ~missing[0, 0]][0], smooth[:, :, ~missing[0, 0]][0])


def test_some_fields_lose_vectors(cells, small_grids):
    plain, holed = (FieldStream(cells, seed=3, pixels=4096, missing=share).chunk(5) for share in (0.0, 1.0))
    assert torch.equal(plain.traction != 0, holed.traction != 0)
    assert not torch.allclose(plain.displacement, holed.displacement)


@pytest.mark.parametrize("family", sorted(stream.FAMILIES))
def test_every_family_makes_finite_traction(cells, draw, family):
    source = FieldStream(cells, seed=0, pixels=1)
    field = source._family(draw, family, 4, (40, 48))
    assert field.shape == (4, 2, 120, 144)
    assert torch.isfinite(field).all()
    assert (field.square().sum((1, 2, 3)) > 0).all()


def test_adhesion_cells_pull_without_net_force(draw):
    field = draw_patches(priors.adhesion_cells(draw, 6, (64, 64)), (64, 64), 2)
    size = field.square().sum(1).sqrt().sum((1, 2))
    inner = field[size > 0]
    assert (inner.sum((2, 3)).norm(dim=1) < 0.35 * size).all()


def test_observe_is_the_open_operator_on_the_fine_grid(draw):
    traction = draw.normal(1, 2, 16, 16)
    fine = traction.repeat_interleave(3, -1).repeat_interleave(3, -2)
    displacement, mean = observe(fine, Gel(poisson=0.3), 0, torch.tensor([False]))
    assert torch.allclose(mean, traction, atol=1e-6)
    assert torch.allclose(displacement, convolve(traction, Gel(poisson=0.3)), atol=1e-5)


def test_noise_has_stated_levels(draw):
    field = torch.ones(400, 2, 16, 16)
    level = noise(draw, field).square().mean((1, 2, 3)).sqrt()
    assert 0.05 < (level == 0).float().mean() < 0.3
    assert level.median() < 0.1
    assert level.max() < 1.5


def test_chunk_depends_on_seed_and_number_alone(cells, small_grids):
    first = FieldStream(cells, seed=3, pixels=4096).chunk(5)
    again = FieldStream(cells, seed=3, pixels=4096).chunk(5)
    other = FieldStream(cells, seed=4, pixels=4096).chunk(5)
    assert torch.equal(first.displacement, again.displacement)
    assert first.displacement.shape != other.displacement.shape or not torch.equal(
        first.displacement, other.displacement
    )
    assert torch.allclose(first.displacement.square().mean((1, 2, 3)), torch.ones(len(first.displacement)), atol=1e-4)


def test_left_out_family_takes_its_profile_along(cells):
    source = FieldStream(cells, seed=0, pixels=1, leave_out=("disc", "cell"))
    assert set(source.weights) == {"adhesion", "hertz", "blob", "smooth"}
    assert DISC not in source.profiles


TINY = Recipe(widths=(4, 6), blocks=1, steps=2, n_updates=6, pixels=8 * 256, chunk=2)


def test_killed_training_goes_on_to_the_same_weights(cells, small_grids, tmp_path, monkeypatch):
    whole = train(TINY, cells, tmp_path / "whole", device="cpu", save_every=0)

    class KilledError(Exception):
        pass

    learn = fourier_unet.FourierTraining.learn

    def die_at_five(state, batch):
        if state.update == 5:
            raise KilledError
        return learn(state, batch)

    monkeypatch.setattr(fourier_unet.FourierTraining, "learn", die_at_five)
    with pytest.raises(KilledError):
        train(TINY, cells, tmp_path / "killed", device="cpu", save_every=0)
    monkeypatch.setattr(fourier_unet.FourierTraining, "learn", learn)
    resumed = train(TINY, cells, tmp_path / "killed", device="cpu", save_every=0)
    for a, b in zip(whole.parameters(), resumed.parameters(), strict=True):
        assert torch.equal(a, b)


def test_the_state_of_another_recipe_is_refused(cells, small_grids, tmp_path):
    train(TINY, cells, tmp_path, device="cpu")
    with pytest.raises(ValueError, match="differs in lr"):
        train(replace(TINY, lr=1e-4), cells, tmp_path, device="cpu")


def test_the_state_of_a_recipe_does_not_name_its_defaults(cells, small_grids, tmp_path):
    # So a training goes on after the recipe has got another part that keeps its default.
    train(TINY, cells, tmp_path, device="cpu")
    _, header = read_tensors(tmp_path / FILE_NAME)
    assert header["training"] == {"widths": [4, 6], "blocks": 1, "n_updates": 6, "pixels": 2048, "chunk": 2}
    with pytest.raises(ValueError, match="differs in start"):
        train(replace(TINY, start="abc"), cells, tmp_path, device="cpu")


def test_a_broken_state_is_refused(cells, tmp_path):
    (tmp_path / FILE_NAME).write_bytes(b"no weights")
    with pytest.raises(ValueError, match="cannot be read"):
        train(TINY, cells, tmp_path, device="cpu")


def test_training_cells_pull_and_are_of_unit_size():
    radii, magnitudes = cells_module.training_cells(60, seed=0)
    again, _ = cells_module.training_cells(60, seed=0)
    assert torch.equal(radii, again)
    assert radii.shape == magnitudes.shape
    assert len(radii) > 30
    theta = torch.arange(360) * torch.pi / 180
    sides = [radii * theta.cos(), radii * theta.sin()]
    longest = torch.stack([side.amax(1) - side.amin(1) for side in sides]).amax(0)
    assert torch.allclose(longest, torch.ones(len(radii)), atol=1e-5)
    assert (magnitudes >= 0).all()
    assert torch.allclose(magnitudes.amax(1), torch.ones(len(magnitudes)))
    # All but the 9 with random borders are as near to balance as the simulator's.
    assert (net_force_share(magnitudes[:-9].numpy()) < 0.1 + 1e-5).all()


def test_traction_and_displacement_of_a_chunk_have_one_scale(cells, small_grids):
    # Displacement has an RMS of 1, and what the traction moves is that displacement, but for noise.
    source, slopes = FieldStream(cells, seed=0, pixels=16 * 16 * 6), []
    for number in range(6):
        batch = source.chunk(number)
        assert torch.allclose(batch.displacement.square().mean((1, 2, 3)), torch.ones(len(batch.displacement)))
        moved = convolve(batch.traction, batch.gel)
        slopes += ((moved * batch.displacement).sum((1, 2, 3)) / moved.square().sum((1, 2, 3))).tolist()
    assert np.median(slopes) == pytest.approx(1, abs=0.1)


def test_beads_lie_below_the_surface_only_where_the_recipe_says_so(cells, small_grids):
    surface, deep = (FieldStream(cells, seed=3, pixels=1024, depth=depth) for depth in (0.0, 1.5))
    gels = [deep.clean(number)[0].gel for number in range(60)]
    depths = np.array([gel.depth for gel in gels])
    assert depths.max() <= 1.5
    assert 0 < (depths > 0).mean() < 0.3
    assert 0 < np.mean([gel.thickness < np.inf for gel in gels]) < 0.4
    number = int(np.argmax(depths))
    assert surface.clean(number)[0].gel == replace(gels[number], depth=0.0)
    # Deep beads move less, and the fine detail of the traction least of all.
    one, other = (source.clean(number)[0] for source in (surface, deep))
    assert torch.equal(one.traction, other.traction)
    assert (other.displacement.square().sum((1, 2, 3)) < one.displacement.square().sum((1, 2, 3))).all()


def test_a_loss_of_displacement_sees_a_net_force_that_one_of_traction_hardly_sees():
    rng = torch.Generator().manual_seed(0)
    truth = torch.randn(1, 2, 32, 32, generator=rng)
    white, push = torch.randn(1, 2, 32, 32, generator=rng), torch.ones(1, 2, 32, 32)
    gel = Gel(poisson=0.45)
    found = [float(fourier_unet._displacement_loss(truth + 0.1 * error, truth, gel)) for error in (white, push)]
    # The quarter power of the ratio of squares; the white error is as large in traction.
    exact = [(convolve(0.1 * e, gel).norm() / convolve(truth, gel).norm()) ** 0.5 for e in (white, push)]
    np.testing.assert_allclose(found, [min(float(value), 1) for value in exact], rtol=1e-3)
    assert found[1] > 2 * found[0]
