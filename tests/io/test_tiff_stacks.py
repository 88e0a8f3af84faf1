"""TIFF stacks: what tifffile, ImageJ and OME describe is read whole, or refused; never a part."""

import numpy as np
import pytest
import tifffile

from napari_segadv import io
from napari_segadv.errors import SegadvError

RNG = np.random.default_rng(0)
VOLUME = RNG.integers(0, 900, (5, 40, 52)).astype(np.uint16)
OME = '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">{}</OME>'
PIXELS = (
    '<Image ID="Image:{0}"><Pixels ID="Pixels:{0}" DimensionOrder="XYZCT" Type="uint16" '
    'SizeX="52" SizeY="40" SizeZ="{1}" SizeC="1" SizeT="1"></Pixels></Image>'
)
CLAIMS = {
    "tifffile": '{"shape": [5, 40, 52]}',
    "old tifffile": "shape=(5, 40, 52)",
    "ome": OME.format(PIXELS.format(0, 5)),
    "ome prefix": OME.format(PIXELS.format(0, 5)).replace("<Pixels", "<ome:Pixels"),
    "two of ome": OME.format(PIXELS.format(0, 2) + PIXELS.format(1, 3)),
    "imagej": "ImageJ=1.53\nimages=5\nslices=5\n",
}


def pages(path, arrays, text=None, **options):
    """Write pages of which the first has a description."""
    with tifffile.TiffWriter(path) as tif:
        for number, array in enumerate(arrays):
            description = text if number == 0 else None
            tif.write(array, description=description, metadata=None, **options)


def same(path, expected):
    found = io.read(path)
    np.testing.assert_array_equal(found.array, expected)
    return found


@pytest.mark.parametrize("kind", ["uint8", "uint16", "int16", "float32"])
@pytest.mark.parametrize(
    "options", [{}, {"byteorder": ">"}, {"rowsperstrip": 7}, {"bigtiff": True}]
)
def test_a_stack_that_tifffile_truncates_to_one_page(tmp_path, kind, options):
    volume = (VOLUME % 200).astype(kind)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, volume, truncate=True, photometric="minisblack", **options)
    same(path, volume)
    for number in range(5):
        same(f"{path}::{number + 1}", volume[number])
    np.testing.assert_array_equal(io.read_mask(path).array, volume)
    blob = path.read_bytes()
    path.write_bytes(blob[: len(blob) - volume[0].nbytes])
    with pytest.raises(SegadvError, match="ends before its image"):
        io.read(path)


def test_a_truncated_stack_of_colours(tmp_path):
    colours = RNG.integers(0, 255, (5, 40, 52, 3)).astype(np.uint8)
    tifffile.imwrite(tmp_path / "a.tif", colours, truncate=True, photometric="rgb")
    assert same(tmp_path / "a.tif", colours).colour
    apart = np.ascontiguousarray(np.moveaxis(colours, -1, 1))
    options = {"photometric": "rgb", "planarconfig": "separate"}
    tifffile.imwrite(tmp_path / "b.tif", apart, truncate=True, **options)
    with pytest.raises(SegadvError, match="holds 5 volumes"):
        io.read(tmp_path / "b.tif")


def test_a_stack_of_bits_that_says_it_is_truncated(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VOLUME > 400, truncate=True)  # it has its pages
    np.testing.assert_array_equal(io.read_mask(tmp_path / "a.tif").array, VOLUME > 400)


@pytest.mark.parametrize("claim", CLAIMS)
@pytest.mark.parametrize("held", [1, 3])
def test_fewer_pages_than_are_described(tmp_path, claim, held):
    path = tmp_path / "a.tif"
    pages(path, VOLUME[:held], CLAIMS[claim], photometric="minisblack")
    wanted = "ends before its image" if (claim, held) == ("imagej", 1) else "describes 5 images"
    wanted = "holds 2 images in 3 pages" if (claim, held) == ("two of ome", 3) else wanted
    for read_it in (io.read, io.read_mask):
        with pytest.raises(SegadvError, match=wanted) as caught:
            read_it(path)
        assert "\n" not in str(caught.value)
    same(f"{path}::{held}", VOLUME[held - 1])


@pytest.mark.parametrize("claim", CLAIMS)
def test_as_many_pages_as_are_described(tmp_path, claim):
    path = tmp_path / "a.tif"
    pages(path, VOLUME, CLAIMS[claim], photometric="minisblack")
    if claim == "two of ome":
        with pytest.raises(SegadvError, match="holds 2 images in 5 pages"):
            io.read(path)
        return
    same(path, VOLUME)


def test_three_slices_that_tifffile_takes_for_colours_are_told(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", VOLUME[:3].astype(np.uint8))
    assert "read as colours" in io.read(tmp_path / "a.tif").notes[0]
    tifffile.imwrite(tmp_path / "b.tif", VOLUME[:3], photometric="minisblack")
    assert same(tmp_path / "b.tif", VOLUME[:3]).notes == ()


def test_two_stacks_in_one_file(tmp_path):
    path = tmp_path / "a.tif"
    for number in range(2):
        tifffile.imwrite(path, VOLUME + number, append=number > 0, photometric="minisblack")
    with pytest.raises(SegadvError, match="holds 2 stacks, of 5 and 5 pages"):
        io.read(path)
    same(f"{path}::6", VOLUME[0] + 1)
    path.unlink()
    for slice_ in VOLUME:  # slices that are appended one by one are a volume
        tifffile.imwrite(path, slice_, append=path.exists())
    same(path, VOLUME)


def test_a_volume_in_one_page(tmp_path):
    options = {"photometric": "minisblack", "volumetric": True, "tile": (16, 16, 16)}
    tifffile.imwrite(tmp_path / "a.tif", VOLUME, **options)
    with pytest.raises(SegadvError, match="holds a volume in one page; save a page for each"):
        io.read(tmp_path / "a.tif")


def test_planes_of_metamorph(tmp_path):
    extra = [(33629, 5, 3, (1, 1) * 3, True)]
    tifffile.imwrite(tmp_path / "a.tif", VOLUME[0], extratags=extra, metadata=None)
    with pytest.raises(SegadvError, match=r"describes 3 images \(MetaMorph\)"):
        io.read(tmp_path / "a.tif")


def test_smaller_steps_of_a_pyramid_are_left_out_and_other_hidden_pages_refused(tmp_path):
    path = tmp_path / "a.tif"
    for hidden, reduced in ((VOLUME[0, ::2, ::2], True), (VOLUME[1], False), (VOLUME[1], True)):
        with tifffile.TiffWriter(path) as tif:
            tif.write(VOLUME[0], subifds=1, metadata=None)
            tif.write(hidden, subfiletype=int(reduced), metadata=None)
        if hidden.shape == (40, 52):
            with pytest.raises(SegadvError, match=r"second image of 52 x 40 .*SubIFD"):
                io.read(path)
        else:
            same(path, VOLUME[0])


def test_thumbnails_alone_are_pages(tmp_path):
    pages(tmp_path / "a.tif", VOLUME, subfiletype=1)
    same(tmp_path / "a.tif", VOLUME)


def test_images_behind_the_only_page_are_told(tmp_path):
    path = tmp_path / "a.tif"
    big = RNG.integers(0, 900, (200, 200)).astype(np.uint16)
    tifffile.imwrite(path, big, metadata=None)
    assert same(path, big).notes == ()
    path.write_bytes(path.read_bytes() + 4 * big.tobytes())
    assert "320000 bytes behind its image are ignored" in same(path, big).notes[0]


def imagej(path, array, *lines, **options):
    shape = array.shape[:-2] or (1,)
    text = "\n".join(["ImageJ=1.54f", f"images={shape[0]}", f"slices={shape[0]}", *lines, ""])
    pages(path, array.reshape(-1, *array.shape[-2:]), text, **options)


SIGNED = ("cf=0", "c0=-32768.0", "c1=1.0", "vunit=Gray Value")


@pytest.mark.parametrize("shape", [(40, 52), (5, 40, 52)])
def test_signed_numbers_of_imagej(tmp_path, shape):
    values = RNG.integers(-1000, 3000, shape).astype(np.int16)
    path = tmp_path / "a.tif"
    imagej(path, (values.astype(int) + 32768).astype(np.uint16), *SIGNED)
    scan = same(path, values)
    assert scan.array.dtype == np.int16
    assert "x -32768" in scan.notes[0]
    io.save(scan, tmp_path / "b.tif")
    assert io.read(tmp_path / "b.tif").same_as(scan)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "b.tif"), values)
    labels = RNG.integers(0, 4, shape)
    path.unlink()
    imagej(path, (labels + 32768).astype(np.uint16), *SIGNED)
    np.testing.assert_array_equal(io.read_mask(path).array, labels)


@pytest.mark.parametrize(
    ("kind", "lines", "expected", "dtype"),
    [
        ("uint8", ("cf=0", "c0=-10", "c1=0.5"), lambda x: x * 0.5 - 10, np.float32),
        ("uint16", ("cf=0", "c0=0", "c1=1"), lambda x: x, np.uint16),
        ("uint16", ("cf=20", "c0=5", "c1=2"), lambda x: x, np.uint16),
        ("uint16", ("cf=0", "c0=-1024", "c1=1"), lambda x: x - 1024.0, np.int32),
        ("uint8", ("cf=0", "c0=-1024", "c1=1"), lambda x: x - 1024.0, np.int16),
        ("uint16", ("cf=0", "c0=x", "c1=1"), lambda x: x, np.uint16),
        ("float32", SIGNED, lambda x: x, np.float32),
    ],
)
def test_calibrations_of_imagej(tmp_path, kind, lines, expected, dtype):
    array = (VOLUME[0] % 200).astype(kind)
    imagej(tmp_path / "a.tif", array, *lines)
    scan = same(tmp_path / "a.tif", expected(array))
    assert scan.array.dtype == dtype
    io.save(scan, tmp_path / "b.tif")
    assert io.read(tmp_path / "b.tif").same_as(scan)


@pytest.mark.parametrize(
    ("lines", "photometric"),
    [(("cf=1", "c0=1", "c1=2", "c2=3"), "minisblack"), (("cf=21",), "minisblack"), (SIGNED, None)],
)
def test_calibrations_that_are_left_out_are_told(tmp_path, lines, photometric):
    imagej(tmp_path / "a.tif", VOLUME[0], *lines, photometric=photometric or "miniswhite")
    scan = same(tmp_path / "a.tif", VOLUME[0] if photometric else 65535 - VOLUME[0])
    assert "calibration" in scan.notes[-1]


def test_class_numbers_are_not_scaled(tmp_path):
    imagej(tmp_path / "a.tif", VOLUME[0], "cf=0", "c0=0", "c1=2")
    mask = io.read_mask(tmp_path / "a.tif")
    np.testing.assert_array_equal(mask.array, VOLUME[0])
    assert "left out" in mask.notes[0]


@pytest.mark.parametrize("planar", ["separate", "contig"])
@pytest.mark.parametrize("count", [1, 2])
def test_several_grey_values_in_a_pixel_are_chosen(tmp_path, planar, count):
    planes = VOLUME[:3]
    stored = planes if planar == "separate" else np.ascontiguousarray(np.moveaxis(planes, 0, -1))
    path = tmp_path / "a.tif"
    extra = {"extrasamples": ["unspecified"] * 2} if planar == "contig" else {}
    arrays = [stored + number for number in range(count)]
    pages(path, arrays, photometric="minisblack", planarconfig=planar, **extra)
    with pytest.raises(SegadvError, match=r"3 values per pixel; choose one by a.tif::1 to ::3, or"):
        io.read(path)
    wanted = [np.stack([plane, plane + 1]) if count == 2 else plane for plane in planes]
    for number in range(3):
        same(f"{path}::{number + 1}", wanted[number])
        np.testing.assert_array_equal(io.read_mask(f"{path}::{number + 1}").array, wanted[number])
    scan = io.read(f"{path}::channels")
    assert scan.channels == 3
    np.testing.assert_array_equal(scan.array, np.stack(wanted, -1))
    for part, number in zip(scan.parts, "123", strict=True):
        assert io.read(part.meta["place"]).same_as(part)
        assert part.meta["place"] == f"{path}::{number}"
    with pytest.raises(SegadvError, match="holds no number 4; choose 1 to 3"):
        io.read(f"{path}::4")


def test_several_values_in_one_of_several_pages(tmp_path):
    path = tmp_path / "a.tif"
    options = {"photometric": "minisblack", "planarconfig": "separate", "metadata": None}
    tifffile.imwrite(path, VOLUME[:3], **options)
    tifffile.imwrite(path, VOLUME[0], append=True, metadata=None)
    with pytest.raises(SegadvError, match="page 1 has 3 values per pixel; save it as a file"):
        io.read(f"{path}::1")
    same(f"{path}::2", VOLUME[0])
