"""Images of several channels: read from their files, on one grid, each as it is alone."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from napari_segadv import io, read
from napari_segadv.data.scan import SHARES, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.io.cases import check_alike
from napari_segadv.io.channels import cases_in

SHAPE = (4, 12, 14)


def channel(seed=0, dtype="int16", spacing=(3.0, 0.9, 0.8), shape=SHAPE) -> Scan:
    values = np.random.default_rng(seed).uniform(0, 900, shape).astype(dtype)
    return Scan.from_array(values, spacing)


def save(folder, *names, **kind) -> list:
    """Save an image of its own for each name; return their paths."""
    paths = [folder / name for name in names]
    for seed, path in enumerate(paths):
        io.save(channel(seed, **kind), path)
    return paths


def test_several_files_are_one_image(tmp_path):
    io.save(channel(0), tmp_path / "flair.nii.gz")
    io.save(channel(1, "float32"), tmp_path / "t1.nrrd")
    paths = [tmp_path / "flair.nii.gz", str(tmp_path / "t1.nrrd")]
    scan = read(paths)
    assert (scan.channels, scan.multichannel, scan.colour) == (2, True, False)
    assert scan.units == SHARES
    assert scan.channel_names == ("flair", "t1")
    assert scan.name == "flair.nii.gz + t1.nrrd"
    assert scan.array.dtype == "float32"
    assert [part.storage.dtype for part in scan.parts] == ["int16", "float32"]
    for number, path in enumerate(paths):
        assert scan.parts[number].same_as(read(path))
        np.testing.assert_array_equal(scan.array[..., number], read(path).array)
    assert scan.same_as(read(paths))
    assert not scan.same_as(read(paths[::-1]))
    assert read(paths[:1]).same_as(read(paths[0]))


def test_a_folder_named_as_for_nnunet(tmp_path):
    paths = save(tmp_path, "a_0000.nii.gz", "a_0001.nii.gz")
    (tmp_path / "notes.txt").write_text("")
    found = read(tmp_path)
    assert found.same_as(read(paths))
    assert read(tmp_path / "a").same_as(found)
    others = save(tmp_path, "b_0000.nii.gz", "b_0001.nii.gz")
    assert read(f"{tmp_path}::b").same_as(read(others))
    with pytest.raises(SegadvError, match="holds 2 cases; choose one: .*::a, .*::b"):
        read(tmp_path)
    with pytest.raises(SegadvError, match="holds no case c; choose one: .*::a, .*::b"):
        read(f"{tmp_path}::c")
    with pytest.raises(SegadvError, match="c: no such file or folder"):
        read(tmp_path / "c")
    # A file that is named is that file.
    assert not read(paths[0]).multichannel


@pytest.mark.parametrize("endings", [(".nii.gz",) * 3, (".nrrd", ".mha", ".nii"), (".png",) * 3])
def test_the_files_that_are_taken_for_channels_are_told(tmp_path, endings):
    flat = endings[0] == ".png"
    kind = {"dtype": "uint8", "spacing": None, "shape": (12, 14)} if flat else {}
    names = [f"a_{number:04d}{ending}" for number, ending in enumerate(endings)]
    save(tmp_path, *names, **kind)
    found = read(tmp_path / "a")
    assert found.notes[-1] == f"Its 3 channels are the files {', '.join(names)}."
    assert read(f"{tmp_path}::a").notes == found.notes
    if not flat:
        assert read(tmp_path).notes == found.notes


@pytest.mark.parametrize("ending", [".png", ".tif", ".jpg"])
@pytest.mark.parametrize("count", [1, 2, 10, 16])
def test_photographs_are_channels_only_if_the_case_is_named(tmp_path, ending, count):
    """Ten X-rays of ten patients, or frames: nothing in them says that they belong together."""
    values = np.random.default_rng(0).integers(0, 255, (count, 12, 14)).astype(np.uint8)
    paths = [tmp_path / f"patient_{number:04d}{ending}" for number in range(count)]
    for array, path in zip(values, paths, strict=True):
        Image.fromarray(array).save(path)
    if count == 1:
        assert read(tmp_path).same_as(read(paths[0]))
        return
    with pytest.raises(SegadvError, match=f"its {count} files patient_0000") as caught:
        read(tmp_path)
    assert f"{tmp_path}::patient for one image" in str(caught.value)
    for place in (f"{tmp_path}::patient", tmp_path / "patient"):
        assert read(place).same_as(read(paths))


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("a_0000.nii.gz", "a_0002.nii.gz"), "no channel 0001 of a, but a_0002.nii.gz"),
        (("a_0001.nii.gz", "a_0002.nii.gz"), "no channel 0000 of a, but a_0001.nii.gz"),
        (("a_0000.nii.gz", "a_0000.nrrd"), "is a second file of channel 0000"),
    ],
)
def test_a_channel_that_is_missing_or_twice_there(tmp_path, names, message):
    save(tmp_path, *names)
    with pytest.raises(SegadvError, match=message):
        read(tmp_path)


def test_frames_of_a_film_are_no_channels(tmp_path):
    for number in range(20):
        (tmp_path / f"frame_{number:04d}.png").write_bytes(b"")
    assert cases_in(tmp_path) == ()
    with pytest.raises(SegadvError, match="no DICOM series in this folder"):
        read(tmp_path)


def test_a_case_of_one_channel_is_a_plain_image(tmp_path):
    (path,) = save(tmp_path, "a_0000.nii.gz")
    assert read(tmp_path).same_as(read(path))


@pytest.mark.parametrize("dtype", ["int16", "uint8", "float32"])
@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_file_of_several_volumes_or_values(tmp_path, dtype, count):
    """A fourth axis, a vector of NIfTI and one of NRRD: nothing is taken for a colour."""
    parts = [channel(seed, "uint8" if dtype == "uint8" else dtype).array for seed in range(count)]
    four = np.stack([part.transpose() for part in parts], axis=-1)
    nib.save(nib.Nifti1Image(four, np.diag([0.8, 0.9, 3.0, 1.0])), tmp_path / "time.nii.gz")
    for name in ("vector.nii.gz", "vector.nrrd", "vector.mha"):
        image = sitk.GetImageFromArray(np.stack(parts, axis=-1), isVector=True)
        sitk.WriteImage(image, tmp_path / name)
    for path in sorted(tmp_path.iterdir()):
        scan = read(f"{path}::channels")
        assert scan.channels == count
        assert not scan.colour
        for number, values in enumerate(parts, start=1):
            np.testing.assert_array_equal(scan.array[..., number - 1], values)
            assert scan.parts[number - 1].same_as(read(f"{path}::{number}"))
    with pytest.raises(SegadvError, match=r"in time or channels .*time.nii.gz::channels"):
        read(tmp_path / "time.nii.gz")


def test_one_volume_has_no_channels(tmp_path):
    (path,) = save(tmp_path, "a.nii.gz")
    with pytest.raises(SegadvError, match="holds one image; remove ::channels"):
        read(f"{path}::channels")


@pytest.mark.parametrize(
    ("other", "message"),
    [
        (channel(shape=(4, 12, 13)), "other: .* than first .4 x 12 x 13 pixels instead of"),
        (channel(spacing=(3.0, 0.9, 0.9)), "other: lies on another grid than first .another place"),
        (channel(spacing=None), "other: lies on another grid than first .another place"),
        (Scan.from_array(np.zeros((*SHAPE, 3), np.uint8), (3, 0.9, 0.8), colour=True), "in colour"),
        (Scan.of_parts([channel(), channel(1)]), "of several channels"),
        (Scan.from_array(np.full(SHAPE, 2**53 + 1), (3.0, 0.9, 0.8)), "can't be held by float64"),
    ],
)
def test_what_is_not_a_channel_of_an_image_is_refused(other, message):
    first = channel(dtype="float64")
    object.__setattr__(first, "meta", {"title": "first"})
    object.__setattr__(other, "meta", {"title": "other"})
    with pytest.raises(SegadvError, match=message):
        Scan.of_parts([first, other])


def test_no_channel_is_no_image(tmp_path):
    with pytest.raises(SegadvError, match="at least one channel"):
        read([])
    with pytest.raises(SegadvError, match="can't hold 2 channels"):
        io.save(Scan.of_parts([channel(), channel(1)]), tmp_path / "a.nii.gz")


def test_images_of_as_many_channels_are_of_one_kind_if_their_units_are():
    one, two = Scan.of_parts([channel(), channel(1)]), Scan.of_parts([channel(2), channel(3)])
    check_alike([one, two])
    hounsfield = replace(channel(3), units="HU")
    for other in (channel(), Scan.of_parts([channel(), hounsfield])):
        with pytest.raises(SegadvError, match="differs from .* in its channels"):
            check_alike([one, other])
