"""Regions of ImageJ: the frame, channel and plane that each belongs to, and bad ones beside good ones."""

from __future__ import annotations

import pytest
from roifile import ROI_TYPE, ImagejRoi, roiwrite

from tfmkit.io import read_region_set, read_regions
from tfmkit.io.images.roi import Place, place_of

SHAPE = (12, 15)
CORNERS = [[2, 3], [7, 3], [7, 9], [2, 9]]


def square(name, **place):
    """Return a small region that is bound to a place."""
    region = ImagejRoi.frompoints(CORNERS, name=name)
    for key, number in place.items():
        setattr(region, key, number)
    return region


@pytest.mark.parametrize(
    ("place", "n_channels", "expected"),
    [
        ({}, 1, Place()),
        ({"position": 3}, 1, Place(frame=2)),
        ({"position": 3}, 2, Place(frame=1, channel=0)),
        ({"position": 2, "c_position": 1, "z_position": 1, "t_position": 2}, 1, Place(1, 0, 0)),
        ({"t_position": 4}, 3, Place(frame=3)),
        ({"c_position": 2}, 3, Place(channel=1)),
        # Frames that ImageJ stores along Z.
        ({"z_position": 5}, 1, Place(4, None, 4)),
    ],
)
def test_a_region_has_a_place(place, n_channels, expected):
    region = ImagejRoi.frombytes(square("cell", **place).tobytes())
    assert place_of(region, n_channels) == expected


@pytest.mark.parametrize("key", ["position", "t_position", "z_position"])
def test_regions_belong_to_their_frames(tmp_path, key):
    numbers = {"a": 1, "b": 2, "c": 2, "d": 5}
    regions = [square("everywhere"), *(square(name, **{key: number}) for name, number in numbers.items())]
    roiwrite(tmp_path / "a.zip", regions)
    names = [read_regions(tmp_path / "a.zip", SHAPE, frame=frame)[0] for frame in range(5)]
    assert names == [
        ("everywhere", "a"),
        ("everywhere", "b", "c"),
        ("everywhere",),
        ("everywhere",),
        ("everywhere", "d"),
    ]
    assert len(read_regions(tmp_path / "a.zip", SHAPE)[0]) == 5
    roiwrite(tmp_path / "b.zip", regions[1:])
    assert read_regions(tmp_path / "b.zip", SHAPE, frame=3)[1].shape == (0, *SHAPE)


def test_a_region_of_another_channel_is_left_out_only_beside_one_of_this(tmp_path):
    roiwrite(tmp_path / "a.zip", [square("beads", c_position=1), square("cell", c_position=2), square("all")])
    assert read_region_set(tmp_path / "a.zip", SHAPE, channel=0).names == ("beads", "all")
    assert read_region_set(tmp_path / "a.zip", SHAPE, channel=2).names == ("beads", "cell", "all")
    assert [place.channel for place in read_region_set(tmp_path / "a.zip", SHAPE).places] == [0, 1, None]


@pytest.mark.parametrize("at", [0, 1, 2])
@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (ImagejRoi(roitype=ROI_TYPE.POINT, n_coordinates=1, name="bad"), "POINT"),
        (ImagejRoi(roitype=ROI_TYPE.LINE, x1=1, y1=1, x2=5, y2=5, name="bad"), "LINE"),
        (ImagejRoi(roitype=ROI_TYPE.RECT, left=30, right=40, top=8, bottom=30, name="bad"), "outside of the image"),
        (ImagejRoi(roitype=ROI_TYPE.OVAL, left=7, right=7, top=3, bottom=9, name="bad"), "its box"),
    ],
    ids=["point", "line", "outside", "empty"],
)
def test_a_bad_region_costs_itself_only(tmp_path, bad, reason, at):
    regions = [square("one"), square("two")]
    regions.insert(at, bad)
    roiwrite(tmp_path / "a.zip", regions)
    found = read_region_set(tmp_path / "a.zip", SHAPE, frame=0)
    assert found.names == ("one", "two")
    assert len(found.skipped) == 1
    assert "'bad'" in found.skipped[0]
    assert reason in found.skipped[0]
    with pytest.warns(UserWarning, match=r"a.zip: region 'bad'.*left out"):
        assert len(read_regions(tmp_path / "a.zip", SHAPE)[0]) == 2
