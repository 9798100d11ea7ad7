"""Parts of the report: numbers as text, which frames are shown, maps and pictures."""

from __future__ import annotations

import base64
import io
import re
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from batch_images import settings, write_position
from hypothesis import given
from hypothesis import strategies as st
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from numpy.testing import assert_allclose, assert_array_equal
from PIL import Image

from tfmkit.batch import run
from tfmkit.methods import DISPLACEMENT, TRACTION
from tfmkit.metrics import displacement_residual
from tfmkit.plotting import longest_arrow, robust_maximum
from tfmkit.report.citing import error_bars, references
from tfmkit.report.frames import Tops, choose_items, group_items, load_maps
from tfmkit.report.names import visible
from tfmkit.report.overview import setting_rows, time_unit
from tfmkit.report.panels import around_peak, draw_panels
from tfmkit.report.pictures import embed_figure, overlay_beads
from tfmkit.units import format_number, readable_unit

SIZES = st.floats(1e-20, 1e12)


def pixels(uri):
    """Return the pixels of a picture in a page."""
    with Image.open(io.BytesIO(base64.b64decode(uri.split(",")[1]))) as picture:
        return np.asarray(picture.convert("RGB"))


def as_float(text):
    """Read a number that has a sign of its own."""
    return float(text.replace("\N{MINUS SIGN}", "-"))


@pytest.mark.parametrize(
    ("value", "std", "text"),
    [
        (12.345, 0.4, "12.3 ± 0.4"),
        (12.345, 0.14, "12.35 ± 0.14"),
        (-1503.2, 2.6, "\N{MINUS SIGN}1503 ± 3"),
        (12345.0, 380.0, "12300 ± 400"),
        (1.0123, 0.0096, "1.012 ± 0.010"),
        (-0.01, 2.5, "0 ± 2"),
        (0.0, 0.0, "0"),
        (66.4321, np.nan, "66.4"),
        (-0.01234, np.nan, "\N{MINUS SIGN}0.0123"),
        (np.nan, 1.0, "\N{EN DASH}"),
    ],
)
def test_numbers_end_where_their_error_bars_do(value, std, text):
    assert format_number(value, std) == text


@given(SIZES, st.sampled_from([-1, 1]), st.floats(1e-6, 10))
def test_text_of_a_number_is_within_its_error_bar(size, sign, share):
    value, std = sign * size, share * size
    first, second = (as_float(part) for part in format_number(value, std).split(" ± "))
    assert abs(first - value) <= 0.51 * std
    assert second == pytest.approx(std, rel=0.26)
    assert as_float(format_number(value)) == pytest.approx(value, rel=0.0051)


@given(st.lists(SIZES, min_size=1, max_size=9))
def test_middle_value_reads_well_in_its_unit(sizes):
    unit = readable_unit([*sizes, 0.0, np.nan], "J")
    middle = np.median(sizes) * unit.factor
    assert unit.name[-1] == "J"
    # Smaller than the smallest prefix, and larger than the largest, numbers get longer.
    assert 1 - 1e-9 <= middle < 1000 * (1 + 1e-9) or unit.name in ("aJ", "GJ")


def test_units_of_nothing_and_of_micrometres():
    assert readable_unit([0.0, np.nan], "N").name == "N"
    unit = readable_unit([-1.5e-12], "N·µm", 1e6)
    assert (unit.name, -1.5e-12 * unit.factor) == ("µN·µm", pytest.approx(-1.5))


@given(st.lists(st.one_of(st.just(np.nan), st.floats(0, 2)), min_size=1, max_size=40), st.integers(0, 45))
def test_frames_in_full_are_spread_and_hold_the_worst(residuals, n_full):
    keys = [f"key_{number:02}" for number in range(len(residuals))]
    table = pd.DataFrame({"item": keys, "displacement_residual": residuals})
    # The second cell of a frame has less of everything.
    chosen = choose_items(pd.concat([table, table.assign(displacement_residual=-1.0)]), n_full)
    assert len(chosen) == min(n_full, len(keys))
    assert chosen == sorted(set(chosen))
    if chosen and not np.isnan(residuals).all():
        assert any(residuals[keys.index(key)] == np.nanmax(residuals) for key in chosen)
    if n_full > 2:
        assert {keys[0], keys[-1]} <= set(chosen)
        places = [keys.index(key) for key in chosen]
        assert max(np.diff(places), default=0) <= 2 * np.ceil((len(keys) - 1) / (n_full - 1))


def test_frames_in_doubt_are_shown_and_come_first():
    keys = [f"key_{number:02}" for number in range(30)]
    table = pd.DataFrame({"item": keys, "displacement_residual": 0.1, "condition": ["a"] * 20 + ["b"] * 10})
    doubtful = {"key_07", "key_23"}
    chosen = choose_items(table, 6, doubtful)
    assert doubtful < set(chosen)
    assert len(chosen) == 6
    assert {"key_00", "key_29"} <= set(chosen)
    assert len(choose_items(table, 6, set(keys[3:25]))) == 6
    groups = group_items(table, chosen, doubtful)
    assert [title for title, _ in groups] == ["In doubt", "a", "b"]
    assert groups[0][1] == doubtful
    assert set().union(*(members for _, members in groups)) == set(chosen)
    assert group_items(table.drop(columns="condition"), chosen, set()) == [("", set(chosen))]
    assert [title for title, _ in group_items(table.drop(columns="condition"), chosen, doubtful)] == [
        "In doubt", "Not in doubt",
    ]  # fmt: skip


def test_time_is_counted_in_readable_units():
    steps = (0.5, 30.0, 90.0, 36000.0, 0.0, np.nan)
    units = [time_unit(pd.DataFrame({"time_s": [0.0, 0.0, step, 2 * step]})) for step in steps]
    assert [unit and unit.name for unit in units] == ["s", "s", "min", "h", None, None]
    assert 36000 * units[3].factor == pytest.approx(10)


def test_characters_that_act_on_others_are_spelled_out():
    assert visible("a\u202eb\u2066c\x00\x1b[1m\x85\udcff") == r"a\u202eb\u2066c\x00\x1b[1m\x85\udcff"
    kept = "\u05d0\u05d1 <b> caf\u00e9 \u5b54 \U0001f469\u200d\U0001f52c\n\t"
    assert visible(kept) == kept


@given(st.text())
def test_names_can_always_be_stored_and_turn_nothing(name):
    shown = visible(name)
    shown.encode("utf-8")
    assert not set(shown) & set("\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\x00\x1b\r")
    assert visible(shown) == shown


def test_settings_become_lines():
    lines = list(setting_rows({"gel": {"young": 1.0, "layer": {"top": None}}, "run": {"names": [1, 2], "more": {}}}))
    assert lines == [
        ("gel", "young", "1.0"), ("gel", "layer.top", "\N{EN DASH}"), ("run", "names", "[1, 2]"),
        ("run", "more", "\N{EN DASH}"),
    ]  # fmt: skip


def test_references_are_those_of_the_methods():
    config = {
        "input": {"displacement": None},
        "gel": {"thickness": 30.0, "depth": 0.0},
        "displacement": {"name": "piv"},
        "traction": {"name": "DeepTFM"},
    }
    keys = {each.key for each in references(config)}
    assert {"Lucas1981", "Wang2021", "delAlamo2007"} <= keys
    assert keys.isdisjoint({"Lord2020", "Tambe2013"})
    files = {**config, "input": {"displacement": "*.txt"}, "traction": {"name": "FTTC"}}
    sheets = {**files, "monolayer": {"estimator": "BayesianStress"}}
    assert "Lucas1981" not in {each.key for each in references(files)}
    assert {"Butler2002", "Nier2016", "Lord2020"} <= {each.key for each in references(sheets, compared=True)}


def test_a_paper_is_a_line_and_an_entry():
    methods = (*DISPLACEMENT.values(), *TRACTION.values())
    papers = {paper.key: paper for method in methods for paper in method.references}
    line = "Y.-l. Wang, Y.-C. Lin, Traction force microscopy by deep learning, Biophys. J. 120, 3079-3090 (2021)."
    assert papers["Wang2021"].text.replace("\N{EN DASH}", "-") == line
    assert "B. Sabass et al., High resolution" in papers["Sabass2008"].text
    assert "author = {B. D. Lucas and T. Kanade}" in papers["Lucas1981"].bibtex
    assert "doi" not in papers["Lucas1981"].bibtex
    assert all(re.fullmatch(r"10\.\d{4}/\S+", paper.doi) for paper in papers.values() if paper.doi)
    assert sum(not paper.doi for paper in papers.values()) == 1
    for paper in papers.values():
        assert paper.bibtex.count("{") == paper.bibtex.count("}")


def test_every_method_is_cited():
    assert all(method.references for method in (*DISPLACEMENT.values(), *TRACTION.values()))
    assert all(method.error_bars for method in TRACTION.values())


@pytest.mark.parametrize(
    ("name", "samples", "text"),
    [
        ("FTTCCV", 32, "over 32 draws of noise"),
        ("FTTCCV", 32, "also holds the bias"),
        ("BayesianFTTC", 8, "draws of the posterior"),
        ("DeepTFM", 2, "the network expects"),
        ("FTTC", 1, "no error bars"),
    ],
)
def test_error_bars_are_explained(name, samples, text):
    assert text in error_bars({"run": {"samples": samples}, "traction": {"name": name}})


def test_beads_at_rest_are_white_and_moved_ones_coloured():
    relaxed, deformed = np.zeros((2, 400, 200), dtype=np.uint8)
    relaxed[:, :100], deformed[:, 50:150] = 255, 255
    picture = overlay_beads(relaxed, deformed)
    expected = [(255, 0, 255), (255, 255, 255), (0, 255, 0), (0, 0, 0)]
    assert [tuple(picture[200, column].tolist()) for column in (20, 70, 120, 180)] == expected


def test_figures_keep_their_size_and_few_colours():
    figure = Figure(figsize=(3.5, 2.0))
    figure.patches.append(Rectangle((0, 0), 0.01, 0.02, color="#ffd92f", transform=figure.transFigure))
    whole, fewer = embed_figure(figure), embed_figure(figure, colors=16)
    assert whole[1:] == fewer[1:] == (360, 206)
    assert pixels(whole[0]).shape == pixels(fewer[0]).shape == (364, 637, 3)
    # A rare colour stays.
    assert_array_equal(pixels(fewer[0])[-2, 2], (255, 217, 47))


@pytest.fixture(scope="module")
def item(tmp_path_factory):
    """Results of one frame without masks, on a thin gel."""
    folder = tmp_path_factory.mktemp("images")
    write_position(folder / "p", n_frames=1)
    config = settings(folder, gel={"thickness": 20.0}, run={"samples": 0})
    results = run(config, results=folder / "results")
    (item,) = results.items()
    return item, results.settings["config"]["gel"]


def test_maps_are_the_results_in_micrometres(item):
    result, gel = item
    fields, maps = result.fields(), load_maps(*item, in_pixels=False)
    assert_allclose(maps.displacement, 0.2 * np.stack([fields["ux_px"], fields["uy_px"]]))
    assert_allclose(maps.traction, np.stack([fields["tx_Pa"], fields["ty_Pa"]]))
    assert (maps.spacing, maps.unit, maps.std, maps.cells) == (pytest.approx(1.6), "µm", None, None)
    layer = {"young": gel["young"], "poisson": gel["poisson"], "thickness": 20.0, "spacing": 1.6}
    share = maps.share(maps.misfit)
    assert share == pytest.approx(displacement_residual(maps.displacement[None], maps.traction[None], **layer))
    pixels = load_maps(*item, in_pixels=True)
    assert pixels.share(pixels.misfit) == pytest.approx(share)
    # The residual is the sum of its parts, and the fit takes something away.
    assert (maps.misfit <= maps.far + maps.rest + 1e-12).all()
    assert maps.share(maps.rest) < share


def test_colour_bars_hold_all_frames(item):
    maps = load_maps(*item, in_pixels=False)
    tops = Tops(displacement=100.0, traction=0.5).widened(maps)
    arrows = longest_arrow([maps.traction]), longest_arrow([maps.displacement])
    assert tops == Tops(100.0, robust_maximum(maps.misfit), robust_maximum(np.hypot(*maps.traction)), None, *arrows)


def test_colour_bars_ignore_vectors_that_were_filled_in(item):
    maps = load_maps(*item, in_pixels=False)
    wild, flags = maps.traction.copy(), np.zeros_like(maps.flags)
    wild[:, 4:7, 4:7], flags[4:7, 4:7] = 1e6, 1
    tops = Tops().widened(replace(maps, traction=wild, flags=flags))
    assert 0 < tops.traction < 1e6
    assert 0 < tops.pull < 1e6
    # A frame without any measured vector has only filled ones to show.
    assert Tops().widened(replace(maps, traction=wild, flags=np.ones_like(flags))).traction > 1e6


def test_stress_in_sheets_has_one_scale(item):
    maps = load_maps(*item, in_pixels=False)
    stress = np.full((3, *maps.flags.shape), np.nan)
    stress[:, 3:9, 3:9] = np.array([3e-3, 1e-3, 0.0])[:, None, None]
    first = Tops().widened(replace(maps, stress=stress))
    assert first.stress == pytest.approx(2e-3)
    assert first.widened(replace(maps, stress=stress / 2)).stress == pytest.approx(2e-3)
    assert Tops().widened(maps).stress is None


def test_panels_say_what_they_show(item):
    result, _ = item
    maps = load_maps(*item, in_pixels=False)
    panels = {panel.title: panel for panel in draw_panels(result, maps, Tops().widened(maps), "risk")}
    # Neither error bars of the traction nor masks nor lambdas to choose from: what is not known is not drawn.
    displacement = ["Displacement", "Error bar of the displacement"]
    residual = ["Residual", "Residual: far forces and drift", "Residual: the rest"]
    assert list(panels) == ["Beads", *displacement, "Traction", "Traction vectors", *residual, "Quality of vectors"]
    sizes = {name: (panel.width, panel.height) for name, panel in panels.items() if panel.shape == "map"}
    assert len(set(sizes.values())) == 1
    images = {(panel.width, panel.height) for panel in panels.values() if panel.shape == "image"}
    assert len(images) == 1
    assert {height for _, height in images} == {height for _, height in sizes.values()}
    share = re.search(r"measured ([\d.]+) %", panels["Quality of vectors"].alt)
    assert float(share[1]) == pytest.approx(100 * (maps.flags == 0).mean(), rel=0.01)
    for title, part in zip(residual, (maps.misfit, maps.far, maps.rest), strict=True):
        assert f"{100 * maps.share(part):.3g} %" in panels[title].note


def test_enlarged_beads_are_those_that_move_most():
    displacement = np.zeros((2, 40, 20))
    displacement[0, 30, 0] = 1.0
    # The place is 3/4 down and at the left border, where the part stays inside the image.
    assert around_peak(displacement, (512, 256)) == (slice(326, 454), slice(0, 64))
    assert around_peak(displacement, (512, 100)) == (slice(326, 454), slice(0, 25))
    assert around_peak(displacement, (90, 60)) == (slice(0, 90), slice(0, 60))
