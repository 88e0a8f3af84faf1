"""What a file claims is checked: its checksums, its size, where its data lie, and what it is."""

import bz2
import gzip
import os
import socket
import zlib
from contextlib import suppress
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest
import SimpleITK as sitk
from PIL import Image

from napari_segadv import io
from napari_segadv.errors import SegadvError
from napari_segadv.io import integrity
from napari_segadv.results.session.files import kept_inside

ARRAY = np.random.default_rng(0).integers(0, 120, (8, 20, 24)).astype(np.int16)
NRRD = "NRRD0004\ntype: short\ndimension: 3\nsizes: 24 20 8\nendian: little\nencoding: {encoding}\n"
META = "NDims = 3\nDimSize = 24 20 8\nElementType = MET_SHORT\n"


def packed_files(folder: Path) -> list[Path]:
    """One file of each compressed kind."""
    nib.save(nib.Nifti1Image(ARRAY.T, np.diag([1.0, 2, 3, 1])), folder / "a.nii.gz")
    raw = ARRAY.tobytes()
    for encoding, data in (("gzip", gzip.compress(raw)), ("bzip2", bz2.compress(raw))):
        head = NRRD.format(encoding=encoding) + "\n"
        (folder / f"{encoding}.nrrd").write_bytes(head.encode() + data)
    head = META + "CompressedData = True\nElementDataFile = LOCAL\n"
    (folder / "c.mha").write_bytes(head.encode() + zlib.compress(raw))
    Image.fromarray(ARRAY[0].astype(np.uint8)).save(folder / "d.png")
    grey = ARRAY[0].astype(np.uint8)
    Image.fromarray(grey).save(folder / "e.tif", compression="tiff_adobe_deflate")
    return sorted(folder.iterdir())


def test_a_flipped_bit_in_compressed_data_is_noticed_or_changes_nothing(tmp_path):
    """As gunzip, which knows no checksum of a member's header: name, time and system."""
    rng = np.random.default_rng(0)
    for path in packed_files(tmp_path):
        whole = path.read_bytes()
        good = io.read(path)
        start = len(whole) // 10 if path.suffix != ".tif" else 8
        end = len(whole) - 8 if path.suffix not in (".png", ".tif") else len(whole) - 200
        for place in rng.integers(start, end, 60):
            blob = bytearray(whole)
            blob[place] ^= 1 << int(rng.integers(8))
            path.write_bytes(blob)
            with suppress(SegadvError):
                found = io.read(path)
                assert path.suffix == ".tif" or found.same_as(good), f"{path.name} at {place}"
                np.testing.assert_array_equal(found.array, good.array)


def test_every_bit_of_a_checksum_counts(tmp_path):
    for path in packed_files(tmp_path)[:1]:
        whole = path.read_bytes()
        for bit in range(64):
            blob = bytearray(whole)
            blob[-8 + bit // 8] ^= 1 << bit % 8
            path.write_bytes(blob)
            with pytest.raises(SegadvError, match="do not match their checksum"):
                io.read(path)


def test_all_members_of_a_gzip_file_are_read(tmp_path):
    nib.save(nib.Nifti1Image(ARRAY.T, np.eye(4)), tmp_path / "a.nii")
    raw = (tmp_path / "a.nii").read_bytes()
    parts = b"".join(gzip.compress(raw[n : n + 1000]) for n in range(0, len(raw), 1000))
    (tmp_path / "a.nii.gz").write_bytes(parts + bytes(512))
    np.testing.assert_array_equal(io.read(tmp_path / "a.nii.gz").array, ARRAY)
    (tmp_path / "b.nii.gz").write_bytes(parts + b"rubbish")
    scan = io.read(tmp_path / "b.nii.gz")
    assert any("Bytes behind" in note for note in scan.notes)
    (tmp_path / "c.nii.gz").write_bytes(parts[:-4])
    with pytest.raises(SegadvError, match="complete"):
        io.read(tmp_path / "c.nii.gz")


def test_a_compressed_file_whose_name_does_not_say_so(tmp_path):
    nib.save(nib.Nifti1Image(ARRAY.T, np.eye(4)), tmp_path / "a.nii.gz")
    (tmp_path / "a.nii.gz").rename(tmp_path / "a.nii")
    np.testing.assert_array_equal(io.read(tmp_path / "a.nii").array, ARRAY)
    nib.save(nib.Nifti1Image(ARRAY.T, np.eye(4)), tmp_path / "b.nii")
    (tmp_path / "b.nii").rename(tmp_path / "b.nii.gz")
    np.testing.assert_array_equal(io.read(tmp_path / "b.nii.gz").array, ARRAY)


def outside(folder: Path) -> Path:
    """Make a folder `in` beside a data file that must not be read; return that folder."""
    (folder / "in" / "sub").mkdir(parents=True)
    for place in (folder, folder / "in" / "sub"):
        (place / "secret.raw").write_bytes(ARRAY.tobytes())
    return folder / "in"


SPELLINGS = [
    "../secret.raw",
    "sub/../../secret.raw",
    "./../secret.raw",
    "..\\secret.raw",
    "{folder}/secret.raw",
    "//{folder}/secret.raw",
    "file://{folder}/secret.raw",
    "~/secret.raw",
    "C:\\secret.raw",
    "\\\\host\\share\\secret.raw",
    "link.raw",
    "linked/secret.raw",
    "/dev/zero",
    "/proc/self/mem",
    "../secret%03d.raw 0 0 1",
    "../secre%c.raw 0 0 1",
]
HEADERS = {
    "a.nhdr": NRRD.format(encoding="raw") + "data file: {name}\n",
    "b.nhdr": NRRD.format(encoding="raw") + "datafile: {name}\n",
    "c.nrrd": NRRD.format(encoding="raw") + "Data File:{name}\n\n",
    "d.nhdr": NRRD.format(encoding="raw") + "data file: LIST\n{name}\n",
    "e.nhdr": NRRD.format(encoding="raw") + "data file: LIST 3\n{name}\n",
    "f.nhdr": NRRD.format(encoding="raw").replace("\n", "\r\n") + "data file: {name}\r\n",
    "a.mhd": META + "ElementDataFile = {name}\n",
    "b.mhd": META + "ElementDataFile={name}",
    "c.mha": META + "ElementDataFile = {name}\n",
    "d.mhd": META + "ElementDataFile = LIST\n{name}\n",
    "e.mhd": META + "ElementDataFile = LIST 3\n{name}\n",
    "f.mhd": META + "elementdatafile : x\nElementDataFile\t=\t{name}\n",
}


@pytest.mark.parametrize("header", HEADERS)
@pytest.mark.parametrize("spelling", SPELLINGS)
def test_pixels_outside_the_folder_are_never_read(tmp_path, header, spelling):
    folder = outside(tmp_path)
    (folder / "link.raw").symlink_to(tmp_path / "secret.raw")
    (folder / "linked").symlink_to(tmp_path)
    name = spelling.format(folder=tmp_path)
    (folder / header).write_text(HEADERS[header].format(name=name))
    with pytest.raises(SegadvError) as caught:
        io.read(folder / header)
    assert "\n" not in str(caught.value)
    if "%" not in spelling and header != "f.mhd":
        assert "outside its folder" in str(caught.value)
    with pytest.raises(SegadvError):
        io.files_of(folder / header)
    with pytest.raises(SegadvError):
        kept_inside(folder / header, folder)


@pytest.mark.parametrize("header", HEADERS)
def test_pixels_in_a_folder_below_are_read_but_not_by_a_session(tmp_path, header):
    folder = outside(tmp_path)
    (folder / header).write_text(HEADERS[header].format(name="sub/secret.raw"))
    if header != "f.mhd":
        np.testing.assert_array_equal(io.read(folder / header).array, ARRAY)
    with pytest.raises(SegadvError, match="another file|is missing"):
        kept_inside(folder / header, folder)


def test_a_pair_whose_pixels_are_a_link(tmp_path):
    folder = outside(tmp_path)
    nib.save(nib.Nifti1Pair(ARRAY.T, np.eye(4)), tmp_path / "v.img")
    (tmp_path / "v.hdr").rename(folder / "v.hdr")
    (folder / "v.img").symlink_to(tmp_path / "v.img")
    with pytest.raises(SegadvError, match="outside its folder"):
        io.read(folder / "v.hdr")


ENDINGS = [".nii", ".nii.gz", ".nrrd", ".nhdr", ".mha", ".mhd", ".png", ".jpg", ".tif", ".hdr"]


@pytest.mark.parametrize("ending", ENDINGS)
@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder", "link", "empty"])
def test_what_is_no_file(tmp_path, monkeypatch, ending, kind):
    path = tmp_path / f"a{ending}"
    monkeypatch.chdir(tmp_path)  # the name of a socket is short
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as server:
            server.bind(path.name)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "link":
        path.symlink_to(path)
    else:
        path.touch()
    with pytest.raises(SegadvError) as caught:
        io.read(path)
    assert str(caught.value).startswith(f"{path}: ")
    assert "\n" not in str(caught.value)


def test_data_files_that_are_no_files(tmp_path):
    os.mkfifo(tmp_path / "p.raw")
    (tmp_path / "d.raw").mkdir()
    for name in ("p.raw", "d.raw"):
        for header in HEADERS:
            (tmp_path / header).write_text(HEADERS[header].format(name=name))
            with pytest.raises(SegadvError):
                io.read(tmp_path / header)


@pytest.mark.parametrize("kind", ["a.nii", "b.nrrd", "c.mha", "d.png", "e.jpg", "f.tif"])
def test_an_image_that_does_not_fit_into_memory(tmp_path, monkeypatch, kind):
    path = tmp_path / kind
    flat = path.suffix in (".png", ".jpg", ".tif")
    array = ARRAY[0].astype(np.uint8) if flat else ARRAY
    if path.suffix in (".png", ".jpg"):
        Image.fromarray(array).save(path)
    else:
        sitk.WriteImage(sitk.GetImageFromArray(array), str(path))
    io.read(path)
    monkeypatch.setattr(integrity, "available", lambda: 200)
    with pytest.raises(SegadvError, match=r"needs .* GB of memory, but only .* GB are free"):
        io.read(path)


def test_a_memory_error_is_one_line(tmp_path, monkeypatch):
    sitk.WriteImage(sitk.GetImageFromArray(ARRAY), str(tmp_path / "a.nii"))

    def none(*_, **__):
        raise MemoryError

    monkeypatch.setattr(np, "empty", none)
    with pytest.raises(SegadvError, match="needs more memory than there is"):
        io.read(tmp_path / "a.nii")
