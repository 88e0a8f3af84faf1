"""Masks behind a compression that changes numbers: artefacts would be classes, so refused."""

import numpy as np
import pydicom
import pytest
import tifffile
from helpers import write_series
from PIL import Image, features

from napari_segadv import io
from napari_segadv.errors import SegadvError
from napari_segadv.io.structures import read_structures

LABELS = np.zeros((64, 64), np.uint8)
LABELS[8:40, 8:40] = 1
LABELS[30:60, 30:60] = 2
REFUSED = "can change class numbers; save the mask as PNG"


def refused(path):
    for read_it in (io.read_mask, read_structures):
        with pytest.raises(SegadvError, match=REFUSED) as caught:
            read_it(path)
        assert str(caught.value).startswith(f"{path}: ")
        assert "\n" not in str(caught.value)


@pytest.mark.parametrize("top", [1, 127])
@pytest.mark.parametrize("name", ["m.jpg", "m.jpeg", "m.png", "m.tif"])
@pytest.mark.parametrize("quality", [60, 100])
@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_jpeg_under_every_name(tmp_path, top, name, quality, mode):
    Image.fromarray(LABELS * top).convert(mode).save(tmp_path / name, "JPEG", quality=quality)
    refused(tmp_path / name)
    assert io.read(tmp_path / name).grid.shape == (64, 64)


def test_even_a_jpeg_of_one_class(tmp_path):
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(tmp_path / "m.jpg")
    refused(tmp_path / "m.jpg")


@pytest.mark.parametrize("mode", ["L", "RGB"])
def test_pages_of_jpeg(tmp_path, mode):
    image = Image.fromarray(LABELS).convert(mode)
    image.save(tmp_path / "m.tif", compression="jpeg", quality=90)
    refused(tmp_path / "m.tif")
    image.save(tmp_path / "n.tif", compression="jpeg", save_all=True, append_images=[image] * 2)
    refused(tmp_path / "n.tif")


@pytest.mark.parametrize("code", [6, 7, 33003, 33004, 33005, 34712, 34887, 34892, 50001, 50002])
def test_pages_of_other_compressions_that_change_numbers(tmp_path, code):
    tifffile.imwrite(tmp_path / "m.tif", LABELS)
    blob = bytearray((tmp_path / "m.tif").read_bytes())
    with tifffile.TiffFile(tmp_path / "m.tif") as tif:
        offset = tif.pages.first.tags[259].valueoffset
    blob[offset : offset + 2] = code.to_bytes(2, "little")
    (tmp_path / "m.tif").write_bytes(blob)
    refused(tmp_path / "m.tif")


@pytest.mark.parametrize("lossless", [False, True])
def test_webp(tmp_path, lossless):
    if not features.check("webp"):
        pytest.skip("Pillow has no WebP here")
    Image.fromarray(LABELS).convert("RGB").save(tmp_path / "m.png", "WEBP", lossless=lossless)
    refused(tmp_path / "m.png")


def test_dicom_that_says_it_was_lossy(tmp_path):
    write_series(tmp_path / "s", LABELS[None].astype(np.uint16) + 1024)
    (path,) = (tmp_path / "s").iterdir()
    np.testing.assert_array_equal(io.read_mask(path).array, LABELS)
    ds = pydicom.dcmread(path)
    for said in ("00", "01"):
        ds.LossyImageCompression = said
        ds.save_as(path)
        if said == "01":
            refused(path)
        else:
            np.testing.assert_array_equal(io.read_mask(path).array, LABELS)
    assert io.read(path).grid.shape == (64, 64)


@pytest.mark.parametrize("syntax", ["50", "91"])
def test_dicom_of_a_lossy_transfer_syntax(tmp_path, syntax):
    kind = {"50": "JPEG", "91": "JPEG2000"}[syntax]
    Image.fromarray(LABELS * 100).save(tmp_path / "frame", kind)
    write_series(tmp_path / "s", LABELS[None].astype(np.uint16))
    (path,) = (tmp_path / "s").iterdir()
    ds = pydicom.dcmread(path)
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = 8, 8, 7
    ds.RescaleSlope, ds.RescaleIntercept = "1", "0"
    ds.file_meta.TransferSyntaxUID = f"1.2.840.10008.1.2.4.{syntax}"
    ds.PixelData = pydicom.encaps.encapsulate([(tmp_path / "frame").read_bytes()])
    ds["PixelData"].VR, ds["PixelData"].is_undefined_length = "OB", True
    ds.save_as(path)
    refused(path)
    assert io.read(path).grid.shape == (64, 64)


@pytest.mark.parametrize("name", ["m.png", "m.tif"])
@pytest.mark.parametrize("compression", ["tiff_deflate", "tiff_lzw", "packbits", None])
def test_what_loses_nothing_is_read(tmp_path, name, compression):
    Image.fromarray(LABELS).save(tmp_path / name, compression=compression)
    np.testing.assert_array_equal(io.read_mask(tmp_path / name).array, LABELS)
