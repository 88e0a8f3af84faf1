"""Writers that do not report a full disk: a file that can't be read back replaces nothing."""

from dataclasses import replace

import numpy as np
import pytest

from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.io import images, itk

GRID = Grid((6, 20, 24), (2.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
VOLUMES = (".nii.gz", ".nii", ".nrrd", ".mha", ".tif")


def noise(seed=0, dtype="uint8") -> Scan:
    """A volume of noise, which compression hardly shrinks."""
    array = np.random.default_rng(seed).integers(0, 250, GRID.shape).astype(dtype)
    return Scan(array, GRID, "grey level", Storage(dtype))


@pytest.fixture
def full_disk(monkeypatch):
    """Make writers keep half of each file whose name ends so, without an error."""
    find = images.format_of

    def lossy(path, ending):
        form = find(path)

        def write(stored, grid, place, scan):
            form.write(stored, grid, place, scan)
            for written in place.parent.glob(f"*{ending}"):
                with written.open("r+b") as file:
                    file.truncate(file.seek(0, 2) // 2)

        return replace(form, write=write)

    return lambda ending="": monkeypatch.setattr(images, "format_of", lambda p: lossy(p, ending))


def refused(save, *arguments):
    with pytest.raises(SegadvError) as caught:
        save(*arguments)
    text = str(caught.value)
    assert text.startswith(f"{arguments[1]}: ")
    assert "\n" not in text
    assert ".segadv" not in text, "the message names the temporary folder"


@pytest.mark.parametrize("ending", VOLUMES)
@pytest.mark.parametrize("there", [True, False])
def test_an_image_of_which_half_was_written(tmp_path, full_disk, capfd, ending, there):
    path = tmp_path / f"v{ending}"
    if there:
        io.save(noise(), path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    full_disk()
    refused(io.save, noise(seed=1), path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before
    assert capfd.readouterr() == ("", "")
    if there:
        np.testing.assert_array_equal(io.read(path).array, noise().array)


@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_photograph_of_which_half_was_written(tmp_path, full_disk, ending):
    path = tmp_path / f"p{ending}"
    first, second = (Scan.from_array(noise(seed).array[0]) for seed in range(2))
    io.save(first, path)
    before = path.read_bytes()
    full_disk()
    refused(io.save, second, path)
    assert path.read_bytes() == before
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@pytest.mark.parametrize("ending", [".nii.gz", ".nii"])
def test_a_mask_and_an_array_of_which_half_was_written(tmp_path, full_disk, ending):
    path = tmp_path / f"m{ending}"
    full_disk()
    refused(io.save_mask, Mask(noise().array, GRID), path)
    refused(io.save_array, noise().array, path, noise())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("ending", [".mhd", ".nhdr"])
def test_a_header_whose_pixels_are_not_all_there(tmp_path, full_disk, ending):
    path = tmp_path / f"v{ending}"
    io.save(noise(), path)
    before = {p.name: p.read_bytes() for p in tmp_path.iterdir()}
    assert len(before) == 2
    full_disk("raw*")
    refused(io.save, noise(seed=1), path)
    assert {p.name: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize("ending", VOLUMES)
def test_the_true_reason_is_told(tmp_path, full_disk, ending):
    full_disk()
    with pytest.raises(SegadvError, match=r"read back after writing \((.+)\); make room") as caught:
        io.save(noise(), tmp_path / f"v{ending}")
    assert "ends before its image" in str(caught.value)


@pytest.mark.parametrize("ending", [".seg.nrrd", ".mha"])
def test_what_itk_can_not_write_is_said_of_the_file_itself(tmp_path, monkeypatch, ending):
    def full(*_, **__):
        raise RuntimeError("Exception in WriteImage:\nsitk::ERROR: there is no room")

    monkeypatch.setattr(itk.sitk, "WriteImage", full)
    path = tmp_path / f"m{ending}"
    with pytest.raises(SegadvError) as caught:
        io.save_mask(Mask(noise().array, GRID), path)
    assert str(caught.value) == f"{path}: can't be written (there is no room); name another file"
