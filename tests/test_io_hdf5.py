"""MATLAB 7.3 files that point elsewhere, hold themselves, or claim too much."""

from __future__ import annotations

import h5py
import numpy as np
import pytest

from tfmkit.io.fields.mat import load_mat


def external_storage(file, secret):
    file.create_dataset("d", (4, 4), dtype="f8", external=[(str(secret), 0, 128)])


def external_link(file, secret):
    file["d"] = h5py.ExternalLink(str(secret), "/d")


def virtual(file, secret):
    layout = h5py.VirtualLayout((4, 4), dtype="f8")
    layout[:] = h5py.VirtualSource(str(secret), "d", (4, 4))
    file.create_virtual_dataset("d", layout)


def inside_a_struct(file, secret):
    file.create_group("input_data")["d"] = h5py.ExternalLink(str(secret), "/d")


@pytest.mark.parametrize("write", [external_storage, external_link, virtual, inside_a_struct])
def test_files_that_point_to_others_are_refused(tmp_path, write):
    secret = tmp_path / "secret"
    with h5py.File(secret, "w") as file:
        file["d"] = np.ones((4, 4))
    with h5py.File(tmp_path / "a.mat", "w", userblock_size=512) as file:
        write(file, secret)
    with pytest.raises(ValueError, match=r"a\.mat.*(lies in another file|is a link)"):
        load_mat(tmp_path / "a.mat")


def test_groups_linked_in_circles_end(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        group = file.create_group("g")
        for _ in range(40):
            inner = group.create_group("a")
            group["b"] = inner
            group = inner
        group["c"] = file["g"]
    with pytest.raises(ValueError, match="holds itself"):
        load_mat(tmp_path / "a.mat")


def test_variables_share_one_limit(tmp_path):
    with h5py.File(tmp_path / "a.mat", "w") as file:
        for number in range(8):
            file.create_dataset(f"v{number}", (2**21,), dtype="f8", chunks=True)
    with pytest.raises(ValueError, match="claims 16777216 bytes, more than is left of the 67108864"):
        load_mat(tmp_path / "a.mat")
