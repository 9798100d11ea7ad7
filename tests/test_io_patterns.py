"""Which image belongs to which position and frame."""

from __future__ import annotations

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tfmkit.io import find_images, match_images
from tfmkit.io.images.patterns import _read, _steps

DEFORMED = "pos{position}/deformed_{frame}.tif"
RELAXED = "pos{position}/relaxed.tif"


@pytest.fixture
def folder(tmp_path):
    """Return three positions of three frames and one relaxed image each."""
    for position in (1, 2, 10):
        (tmp_path / f"pos{position}").mkdir()
        (tmp_path / f"pos{position}" / "relaxed.tif").touch()
        for frame in ("01", "02", "10"):
            (tmp_path / f"pos{position}" / f"deformed_{frame}.tif").touch()
            (tmp_path / f"pos{position}" / f"._deformed_{frame}.tif").touch()
    (tmp_path / "notes.txt").touch()
    return tmp_path


def test_numbers_sort_as_numbers(folder):
    found = find_images(folder, DEFORMED)
    assert [tuple(fields.values()) for fields, _ in found] == [
        (position, frame) for position in ("1", "2", "10") for frame in ("01", "02", "10")
    ]
    assert found[-1][1] == folder / "pos10" / "deformed_10.tif"
    assert find_images(folder, "notes.txt") == [({}, folder / "notes.txt")]


def test_numbers_within_names_sort_as_numbers(tmp_path):
    for name in ("well B2", "well B10", "well A3"):
        (tmp_path / f"{name}.tif").touch()
    names = [fields["well"] for fields, _ in find_images(tmp_path, "{well}.tif")]
    assert names == ["well A3", "well B2", "well B10"]


def test_the_same_placeholder_is_the_same_text(tmp_path):
    (tmp_path / "a").mkdir()
    for name in ("a_a_1.tif", "b_b_1.tif", "a_b_1.tif"):
        (tmp_path / "a" / name).touch()
    found = find_images(tmp_path, "{position}/{position}_{position}_{frame}.tif")
    assert found == [({"position": "a", "frame": "1"}, tmp_path / "a" / "a_a_1.tif")]


def test_names_that_can_be_read_in_two_ways(tmp_path):
    (tmp_path / "cell_a_12.tif").touch()
    with pytest.raises(ValueError, match="one way to read cell_a_12.tif.*position cell, frame a_12.*:d"):
        find_images(tmp_path, "{position}_{frame}.tif")
    assert find_images(tmp_path, "{position}_{frame:d}.tif")[0][0] == {"position": "cell_a", "frame": "12"}


@pytest.mark.parametrize(
    "pattern",
    [
        *("../{a}.tif", "a/../../{b}", "/etc/{a}", "{a}//b", "", "./{a}", "a\\{b}"),
        *("{a}{b}.tif", "{}.tif", "{a", "a}", "{a b}.tif", "{a:x}.tif", "*/{a}.tif", "{__import__('os')}"),
    ],
)
def test_refuses_patterns(tmp_path, pattern):
    with pytest.raises(ValueError, match="Expected"):
        find_images(tmp_path, pattern)


def test_says_what_was_looked_for(folder):
    with pytest.raises(FileNotFoundError, match=r"pos\{position\}/moved_\{frame\}.tif"):
        find_images(folder, "pos{position}/moved_{frame}.tif")
    with pytest.raises(FileNotFoundError, match="No such folder"):
        find_images(folder / "none", DEFORMED)


def test_duplicates(folder):
    (folder / "pos1" / "deformed_1.tif").touch()
    with pytest.raises(ValueError, match=r"position 1, frame 0?1, got .*deformed_0?1.tif and .*deformed_0?1.tif"):
        find_images(folder, DEFORMED)


def test_one_relaxed_image_serves_all_frames(folder):
    items = match_images(folder, {"deformed": DEFORMED, "relaxed": RELAXED})
    assert len(items) == 9
    fields, files = items[5]
    assert fields == {"position": "2", "frame": "10"}
    assert files == {"deformed": folder / "pos2" / "deformed_10.tif", "relaxed": folder / "pos2" / "relaxed.tif"}


def test_frames_match_as_numbers(folder):
    (folder / "cells").mkdir()
    for position in (1, 2, 10):
        for frame in (1, 2, 10):
            (folder / "cells" / f"{frame}_{position}.tif").touch()
    roles = {"deformed": DEFORMED, "relaxed": RELAXED, "cell": "cells/{frame}_{position}.tif"}
    items = match_images(folder, roles)
    for place, position, frame in ((0, 1, 1), (-2, 10, 2)):
        assert {role: items[place][1][role] for role in ("relaxed", "cell")} == {
            "relaxed": folder / f"pos{position}" / "relaxed.tif",
            "cell": folder / "cells" / f"{frame}_{position}.tif",
        }


def test_names_what_lacks_a_partner(folder):
    (folder / "pos2" / "relaxed.tif").unlink()
    with pytest.raises(ValueError, match="pos2/deformed_01.tif has no relaxed image; .*deformed_02.tif") as caught:
        match_images(folder, {"deformed": DEFORMED, "relaxed": RELAXED})
    assert "pos1" not in str(caught.value)
    for frame in ("01", "02", "10"):
        (folder / "pos10" / f"deformed_{frame}.tif").unlink()
    with pytest.raises(ValueError, match="pos10/relaxed.tif has no deformed image"):
        match_images(folder, {"deformed": DEFORMED, "relaxed": RELAXED})


def test_other_roles_have_no_placeholders_of_their_own(folder):
    with pytest.raises(ValueError, match="placeholders of pos.*relaxed.*in the pattern of deformed"):
        match_images(folder, {"relaxed": RELAXED, "deformed": DEFORMED})
    with pytest.raises(ValueError, match="at least one"):
        match_images(folder, {})


def regular(part, known, more):
    """Return a part of a pattern as a regular expression, which backtracks."""
    seen, pieces = set(), []
    for number, piece in enumerate(re.split(r"\{([^{}]*)\}", part)):
        name, _, digits = piece.partition(":")
        if number % 2 == 0 or name in known:
            pieces.append(re.escape(known[name] if number % 2 else piece))
        else:
            pieces.append(f"(?P={name})" if name in seen else f"(?P<{name}>{'[0-9]' if digits else '.'}{more})")
            seen.add(name)
    return "".join(pieces)


@settings(max_examples=300)
@given(
    steps=st.lists(
        st.tuples(st.sampled_from("abcd"), st.sampled_from(["", ":d"]), st.sampled_from(["_", "x", "1", "_x"]))
    ),
    first=st.sampled_from(["", "x", "1"]),
    name=st.text("x_1a2.", max_size=14),
    known=st.sampled_from([{}, {"a": "1"}, {"a": "_1"}]),
)
def test_names_are_read_as_by_regular_expressions(steps, first, name, known):
    part = first + "".join(f"{{{placeholder}{digits}}}{text}" for placeholder, digits, text in steps)
    for more, longest in (("+?", False), ("+", True)):
        found = re.fullmatch(regular(part, known, more), name)
        assert _read(_steps(part, known), name, longest=longest) == (found and found.groupdict())


@pytest.mark.parametrize("name", ["_" * 240, "a_" * 120, "_" * 240 + ".tif.tiff"])
def test_six_placeholders_are_read_without_going_back(tmp_path, name):
    (tmp_path / name).touch()
    # A regular expression tries billions of ways.
    with pytest.raises(FileNotFoundError, match="No file"):
        find_images(tmp_path, "{a}_{b}_{c}_{d}_{e}_{f}.tif")
