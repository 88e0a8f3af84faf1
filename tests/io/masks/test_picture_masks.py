"""Masks as pictures: palettes, transparency and colours never turn into other class numbers."""

import nibabel as nib
import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from helpers import write_series
from PIL import Image

from napari_segadv import io
from napari_segadv.errors import SegadvError

LABELS = np.zeros((32, 40), np.uint8)
LABELS[4:12, 4:12] = 1
LABELS[10:20, 20:30] = 2
ENDINGS = [".png", ".tif"]


def palette(path, indices, *colours):
    image = Image.fromarray(indices).convert("L")
    image.putpalette(np.resize(np.array([*colours, *[(0, 0, 0)] * (256 - len(colours))]), 768))
    image.save(path)
    return path


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("dtype", ["uint8", "uint16"])
@pytest.mark.parametrize("top", [1, 2, 100])
def test_grey_values_are_classes(tmp_path, ending, dtype, top):
    Image.fromarray(LABELS.astype(dtype) * top).save(tmp_path / f"m{ending}")
    np.testing.assert_array_equal(io.read_mask(tmp_path / f"m{ending}").array, LABELS * top)


@pytest.mark.parametrize("ending", ENDINGS)
def test_16_bits_are_kept(tmp_path, ending):
    Image.fromarray(LABELS.astype(np.uint16) * 20_000).save(tmp_path / f"m{ending}")
    found = io.read_mask(tmp_path / f"m{ending}").array
    np.testing.assert_array_equal(found, LABELS.astype(int) * 20_000)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("alpha", [None, 255, 128, 0])
def test_equal_colours_are_grey(tmp_path, ending, alpha):
    planes = [LABELS] * 3 + ([] if alpha is None else [np.full_like(LABELS, alpha)])
    Image.fromarray(np.dstack(planes)).save(tmp_path / f"m{ending}")
    np.testing.assert_array_equal(io.read_mask(tmp_path / f"m{ending}").array, LABELS)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("colours", [1, 3])
@pytest.mark.parametrize("value", [0, 255, "hidden"])
def test_a_mask_in_the_transparency_is_refused(tmp_path, ending, colours, value):
    """The picture is black or white: its alpha is the mask, so leaving it out would empty it."""
    alpha = np.where(LABELS > 0, 255, 0).astype(np.uint8)
    grey = np.full_like(LABELS, 0 if value == "hidden" else value)
    if value == "hidden":
        grey, alpha = LABELS, 255 - alpha
    Image.fromarray(np.dstack([grey] * colours + [alpha])).save(tmp_path / f"m{ending}")
    with pytest.raises(SegadvError, match="is transparent where it holds class numbers, or holds"):
        io.read_mask(tmp_path / f"m{ending}")


@pytest.mark.parametrize("ending", [".nrrd", ".mha", ".nii.gz"])
def test_a_mask_in_the_transparency_of_a_volume_is_refused(tmp_path, ending):
    volume = np.zeros((3, 32, 40, 4), np.uint8)
    volume[..., 3] = LABELS > 0
    if ending == ".nii.gz":
        kind = np.dtype([(name, "u1") for name in "RGBA"])
        array = np.ascontiguousarray(np.moveaxis(volume, 2, 0)).view(kind)[..., 0]
        nib.save(nib.Nifti1Image(array, np.eye(4)), tmp_path / "m.nii.gz")
    else:
        image = sitk.GetImageFromArray(volume, isVector=True)
        sitk.WriteImage(image, tmp_path / f"m{ending}")
    with pytest.raises(SegadvError, match="is transparent where it holds class numbers, or holds"):
        io.read_mask(tmp_path / f"m{ending}")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("clear", ["background", "nothing"])
def test_transparency_that_hides_no_class_is_left_out(tmp_path, ending, clear):
    alpha = np.where((LABELS > 0) | (clear == "nothing"), 255, 0).astype(np.uint8)
    Image.fromarray(np.dstack([LABELS] * 3 + [alpha])).save(tmp_path / f"m{ending}")
    np.testing.assert_array_equal(io.read_mask(tmp_path / f"m{ending}").array, LABELS)


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("orientation", [1, 6])
def test_turned_pages_keep_their_transparency(tmp_path, ending, orientation):
    alpha = np.where(LABELS > 0, 255, 0).astype(np.uint8)
    image = Image.fromarray(np.dstack([np.zeros_like(LABELS)] * 3 + [alpha]))
    options = {"tiffinfo": {274: orientation}} if ending == ".tif" else {}
    image.save(tmp_path / f"m{ending}", **options)
    with pytest.raises(SegadvError, match="is transparent"):
        io.read_mask(tmp_path / f"m{ending}")


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize(
    ("colours", "said"),
    [
        ([(0, 0, 0), (255, 0, 0), (0, 255, 0)], ""),
        ([(0, 0, 0), (90, 90, 90), (255, 255, 255)], ""),
        ([(0, 0, 0), (1, 1, 1), (2, 2, 2)], ""),
        ([(128, 64, 128), (255, 0, 0), (0, 255, 0)], ""),
        ([(128, 64, 128), (255, 0, 0), (0, 0, 0)], "shows 2 in black, and 0 in a colour"),
    ],
)
def test_the_indices_of_a_palette_are_the_classes(tmp_path, ending, colours, said):
    mask = io.read_mask(palette(tmp_path / f"m{ending}", LABELS, *colours))
    np.testing.assert_array_equal(mask.array, LABELS)
    assert said in "".join(mask.notes)
    assert bool(mask.notes) is bool(said)


@pytest.mark.parametrize("ending", ENDINGS)
def test_a_palette_of_greys_in_another_order_is_refused(tmp_path, ending):
    """As pngquant and others renumber: the white foreground has become 0."""
    grey = np.where(LABELS > 0, 255, 0)
    for colours in (
        [(255, 255, 255), (0, 0, 0)],
        [(127, 127, 127), (0, 0, 0), (255, 255, 255)],
    ):
        number = {colour[0]: index for index, colour in enumerate(colours)}
        indices = np.vectorize(number.get)(grey).astype(np.uint8)
        if len(colours) == 3:
            indices[0, 0] = 0
        path = palette(tmp_path / f"m{ending}", indices, *colours)
        with pytest.raises(SegadvError, match="another order of greys"):
            io.read_mask(path)
        np.testing.assert_array_equal(np.unique(io.read(path).array)[[0, -1]], [0, 255])


@pytest.mark.parametrize("ending", ENDINGS)
def test_colours_are_no_classes(tmp_path, ending):
    red = np.dstack([LABELS * 100, LABELS * 0, LABELS * 0])
    Image.fromarray(red).save(tmp_path / f"m{ending}")
    with pytest.raises(SegadvError, match="is a colour image; save class numbers as grey values"):
        io.read_mask(tmp_path / f"m{ending}")


@pytest.mark.parametrize("kind", ["CMYK", "YCbCr"])
def test_other_colours_are_no_classes_either(tmp_path, kind):
    Image.fromarray(LABELS).convert("RGB").convert(kind).save(tmp_path / "m.tif")
    with pytest.raises(SegadvError, match="is a colour image; save class numbers as grey values"):
        io.read_mask(tmp_path / "m.tif")


def test_a_palette_of_dicom_is_refused(tmp_path):
    """Its colours are read, not its indices: of inverted greys, the background would be 255."""
    write_series(tmp_path, LABELS[None].astype(np.uint16))
    (path,) = tmp_path.iterdir()
    ds = pydicom.dcmread(path)
    ds.PhotometricInterpretation = "PALETTE COLOR"
    ds.SOPClassUID = ds.file_meta.MediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.BitsAllocated, ds.BitsStored, ds.HighBit, ds.PixelRepresentation = 8, 8, 7, 0
    ds.PixelData = LABELS.tobytes()
    table = (np.arange(255, -1, -1) * 257).astype("<u2").tobytes()
    for number in (1, 2, 3):  # red, green and blue
        ds.add_new((0x28, 0x1100 + number), "US", [256, 0, 16])
        ds.add_new((0x28, 0x1200 + number), "OW", table)
    del ds.RescaleSlope, ds.RescaleIntercept
    ds.save_as(path)
    assert io.read(path).grid.shape == LABELS.shape
    with pytest.raises(SegadvError, match="holds the colours of a palette; save class numbers"):
        io.read_mask(path)
