"""PNG, JPEG and TIFF: values as Pillow and tifffile give them, upright, black being 0."""

import struct
import zlib
from itertools import product

import numpy as np
import pytest
import SimpleITK as sitk
import tifffile
from PIL import Image, ImageOps

from napari_segadv import io
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.io import images

RNG = np.random.default_rng(0)
GREY = RNG.integers(0, 255, (40, 52)).astype(np.uint8)
COLOUR = RNG.integers(0, 255, (40, 52, 3)).astype(np.uint8)
ALPHA = RNG.integers(0, 255, (40, 52, 1)).astype(np.uint8)
DEEP = RNG.integers(0, 65535, (40, 52)).astype(np.uint16)
DEEP_COLOUR = RNG.integers(0, 65535, (40, 52, 3)).astype(np.uint16)


ADAM7 = [(0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2)]
ADAM7 += [(0, 1, 1, 2)]


def png(path, array, bits, kind, *chunks):
    """Write a PNG file by hand, of packed rows (y, bytes)."""
    rows = b"".join(b"\0" + row.tobytes() for row in array)
    height, width = array.shape[0], array.shape[1] * array.itemsize * 8
    width //= bits * {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}[kind]
    parts = [(b"IHDR", struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)), *chunks]
    parts += [(b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    blob = b"\x89PNG\r\n\x1a\n"
    for name, data in parts:
        blob += struct.pack(">I", len(data)) + name + data
        blob += struct.pack(">I", zlib.crc32(name + data))
    path.write_bytes(blob)
    return path


def packed(array, bits):
    """Pack small numbers into bytes, a row at a time."""
    spread = (array[..., None] >> np.arange(bits)[::-1]) & 1
    return np.packbits(spread.reshape(len(array), -1).astype(np.uint8), axis=1)


def reads(path, expected, dtype=None, colour=False):
    scan = io.read(path)
    np.testing.assert_array_equal(scan.array, expected)
    assert scan.array.dtype == (dtype or expected.dtype)
    assert scan.colour is colour
    assert not scan.grid.physical
    return scan


@pytest.mark.parametrize("orientation", range(10))
@pytest.mark.parametrize("ending", [".jpg", ".png", ".tif"])
@pytest.mark.parametrize("colour", [False, True])
def test_every_orientation_is_turned_upright(tmp_path, orientation, ending, colour):
    exif = Image.Exif()
    exif[274] = orientation
    array = COLOUR if colour else GREY
    path = tmp_path / f"a{ending}"
    if ending == ".tif":
        extra = [(274, "H", 1, orientation, True)]
        tifffile.imwrite(path, array, extratags=extra, photometric="rgb" if colour else None)
    else:
        Image.fromarray(array).save(path, exif=exif)
    # Pillow misreads a plain TIFF file that it turns.
    again = tmp_path / "expected.png"
    Image.fromarray(array).save(again, exif=exif)
    with Image.open(path if ending == ".jpg" else again) as image:
        expected = np.array(ImageOps.exif_transpose(image))
    scan = reads(path, expected, colour=colour)
    assert bool(scan.notes) is (2 <= orientation <= 8)
    io.save(scan, tmp_path / "again.png")
    reads(tmp_path / "again.png", expected, colour=colour)


@pytest.mark.parametrize("ending", [".png", ".tif", ".jpg"])
def test_grey_in_every_disguise(tmp_path, ending):
    path = tmp_path / f"a{ending}"
    modes = ["L", "RGB"] if ending == ".jpg" else ["L", "RGB", "RGBA", "LA", "P"]
    for mode in modes:
        Image.fromarray(GREY).convert(mode).save(path, **({"quality": 100} if mode else {}))
        with Image.open(path) as image:
            expected = np.array(image.convert("L"))
        reads(path, expected)


def test_alpha_is_left_out(tmp_path):
    for array in (np.dstack([GREY, ALPHA]), np.dstack([COLOUR, ALPHA])):
        Image.fromarray(array).save(tmp_path / "a.png")
        expected = array[..., 0] if array.shape[-1] == 2 else array[..., :3]
        scan = reads(tmp_path / "a.png", expected, colour=expected.ndim == 3)
        assert scan.notes == ("Its alpha channel is left out.",)


def test_png_with_16_bits_keeps_them(tmp_path):
    path = tmp_path / "a.png"
    big = DEEP.astype(">u2")
    reads(png(path, big, 16, 0), DEEP)
    pair = np.dstack([big, big[::-1]]).astype(">u2").reshape(40, -1)
    reads(png(path, pair, 16, 4), DEEP)
    deep = DEEP_COLOUR.astype(">u2")
    reads(png(path, deep.reshape(40, -1), 16, 2), DEEP_COLOUR, colour=True)
    four = np.dstack([deep, big]).astype(">u2").reshape(40, -1)
    reads(png(path, four, 16, 6), DEEP_COLOUR, colour=True)


@pytest.mark.parametrize("bits", [1, 2, 4])
def test_png_with_few_bits(tmp_path, bits):
    few = RNG.integers(0, 1 << bits, (40, 48)).astype(np.uint8)
    path = png(tmp_path / "a.png", packed(few, bits), bits, 0)
    reads(path, few * (255 // ((1 << bits) - 1)))
    np.testing.assert_array_equal(io.read_mask(path).array, few)


@pytest.mark.parametrize("bits", [1, 8, 16])
@pytest.mark.parametrize("shape", [(40, 51), (3, 2), (1, 1), (5, 1), (1, 9)])
def test_an_interlaced_png(tmp_path, bits, shape):
    array = RNG.integers(0, 1 << bits, shape).astype(np.uint16 if bits == 16 else np.uint8)
    array.flat[0] ^= 1  # two values at least, where there are two pixels
    rows = b""
    for x, y, dx, dy in ADAM7:
        part = array[y::dy, x::dx]
        if part.size:
            data = part.astype(">u2").view(np.uint8) if bits == 16 else packed(part, bits)
            rows += b"".join(b"\0" + row.tobytes() for row in data)
    head = struct.pack(">IIBBBBB", *shape[::-1], bits, 0, 0, 0, 1)
    parts = (b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    blob = b"".join(
        struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        for name, data in parts
    )
    (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + blob)
    np.testing.assert_array_equal(io.read_mask(tmp_path / "a.png").array, array)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("ending", [".png", ".tif"])
def test_a_palette_gives_colours_to_images_and_classes_to_masks(tmp_path, bits, ending):
    most = 1 << bits
    few = RNG.integers(0, min(most, 7), (40, 48)).astype(np.uint8)
    table = RNG.integers(0, 255, (most, 3)).astype(np.uint8)
    path = tmp_path / f"a{ending}"
    if ending == ".png":
        png(path, packed(few, bits), bits, 3, (b"PLTE", table.tobytes()), (b"tRNS", b"\0\7"))
    else:
        image = Image.fromarray(few, "L") if bits == 8 else Image.fromarray(few)
        image.putpalette(np.resize(table, (256, 3)).tobytes())
        image.save(path)
    reads(path, table[few], colour=True)
    np.testing.assert_array_equal(io.read_mask(path).array, few)


def test_a_palette_of_greys_is_grey(tmp_path):
    table = np.repeat(np.arange(255, -1, -1, dtype=np.uint8)[:, None], 3, 1)
    path = png(tmp_path / "a.png", GREY, 8, 3, (b"PLTE", table.tobytes()))
    reads(path, 255 - GREY)


def test_cmyk(tmp_path):
    Image.fromarray(COLOUR).convert("CMYK").save(tmp_path / "a.jpg", quality=100)
    with Image.open(tmp_path / "a.jpg") as image:
        expected = np.array(image.convert("RGB"))
    assert "CMYK" in reads(tmp_path / "a.jpg", expected, colour=True).notes[0]
    Image.fromarray(COLOUR).convert("CMYK").save(tmp_path / "a.tif")
    with Image.open(tmp_path / "a.tif") as image:
        expected = np.array(image.convert("RGB")).astype(int)
    scan = io.read(tmp_path / "a.tif")
    assert np.abs(scan.array.astype(int) - expected).max() <= 1
    assert "CMYK" in scan.notes[0]


def test_a_name_may_be_wrong_about_the_kind(tmp_path):
    Image.fromarray(GREY).save(tmp_path / "a.jpg", quality=100)
    expected = io.read(tmp_path / "a.jpg").array
    (tmp_path / "a.jpg").rename(tmp_path / "a.png")
    reads(tmp_path / "a.png", expected)
    Image.fromarray(GREY).save(tmp_path / "b.gif")
    (tmp_path / "b.gif").rename(tmp_path / "b.png")
    with pytest.raises(SegadvError, match="is a GIF file; convert it"):
        io.read(tmp_path / "b.png")


KINDS = [
    "uint8",
    "int8",
    "uint16",
    "int16",
    "uint32",
    "int32",
    "uint64",
    "int64",
    "float16",
    "float32",
    "float64",
]
LAYOUTS = {
    "strips": {"rowsperstrip": 7},
    "tiles": {"tile": (16, 32)},
    "deflate": {"compression": "zlib", "rowsperstrip": 9},
    "deflated tiles": {"compression": "zlib", "tile": (32, 16)},
    "big": {"bigtiff": True},
    "motorola": {"byteorder": ">", "compression": "zlib"},
}


@pytest.mark.parametrize(("kind", "layout"), product(KINDS, LAYOUTS))
def test_tiff_of_every_type_and_layout(tmp_path, kind, layout):
    options = LAYOUTS[layout]
    array = GREY.astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="minisblack", **options)
    reads(tmp_path / "a.tif", array)
    if kind in ("uint8", "uint16", "float32"):
        array = COLOUR.astype(kind)
        tifffile.imwrite(tmp_path / "b.tif", array, photometric="rgb", **options)
        reads(tmp_path / "b.tif", array, colour=True)
        apart = np.ascontiguousarray(np.moveaxis(array, -1, 0))
        options = {**options, "planarconfig": "separate"}
        tifffile.imwrite(tmp_path / "c.tif", apart, photometric="rgb", **options)
        reads(tmp_path / "c.tif", array, colour=True)


@pytest.mark.parametrize("kind", ["uint8", "int16", "uint16", "uint32", "float16", "float32"])
@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("colour", [False, True])
def test_predictors(tmp_path, kind, order, colour):
    array = (COLOUR if colour else GREY).astype(kind)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, array, byteorder=order, compression="zlib", predictor=False)
    if array.dtype.kind != "f":
        tifffile.imwrite(path, array, byteorder=order, compression="zlib", predictor=2)
    else:
        by_float_predictor(path, array, order)
        if kind == "float32" and order == "<" and not colour:
            with Image.open(path) as image:
                np.testing.assert_array_equal(np.array(image), array)
    reads(path, array, colour=colour)


def by_float_predictor(path, array, order):
    """Write floats by predictor 3, which tifffile writes only with other packages."""
    size = array.dtype.itemsize
    raw = array.astype(array.dtype.newbyteorder(">")).reshape(len(array), -1)
    lines = raw.view(np.uint8).reshape(len(array), -1, size)
    lines = lines.transpose(0, 2, 1).reshape(len(array), -1, array[0, 0].size)
    diff = np.diff(lines, axis=1, prepend=np.zeros_like(lines[:, :1]))
    data = zlib.compress(diff.astype(np.uint8).tobytes())
    samples = array[0, 0].size
    tags = {262: 2 if samples == 3 else 1, 277: samples, 259: 8, 317: 3, 339: 3}
    by_hand(path, data, array.shape[1], len(array), size * 8, tags, order)


@pytest.mark.parametrize("compression", ["tiff_lzw", "jpeg", "tiff_deflate", "packbits", None])
@pytest.mark.parametrize("mode", ["L", "RGB", "I;16", "CMYK"])
def test_what_pillow_writes(tmp_path, compression, mode):
    image = Image.fromarray(DEEP) if mode == "I;16" else Image.fromarray(COLOUR).convert(mode)
    if compression == "jpeg" and mode == "I;16":
        return
    image.save(tmp_path / "a.tif", compression=compression)
    with Image.open(tmp_path / "a.tif") as again:
        expected = np.array(again if mode != "CMYK" else again.convert("RGB"))
    found = io.read(tmp_path / "a.tif").array
    assert np.abs(found.astype(int) - expected.astype(int)).max() <= (mode == "CMYK")


@pytest.mark.parametrize("colour", [False, True])
def test_lzw_with_16_bits_and_a_predictor(tmp_path, colour):
    array = DEEP_COLOUR if colour else DEEP
    image = sitk.GetImageFromArray(array, isVector=colour)
    writer = sitk.ImageFileWriter()
    writer.SetFileName(str(tmp_path / "a.tif"))
    writer.SetCompressor("LZW")
    writer.UseCompressionOn()
    writer.Execute(image)
    with tifffile.TiffFile(tmp_path / "a.tif") as tif:
        assert tif.pages.first.compression == 5
    reads(tmp_path / "a.tif", array, colour=colour)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_page_of_jpeg_is_turned_once(tmp_path, orientation):
    smooth = np.add.outer(np.arange(40) * 2, np.arange(52)).astype(np.uint8)
    exif = Image.Exif()
    exif[274] = orientation
    Image.fromarray(smooth).save(tmp_path / "a.png", exif=exif)
    tags = {274: orientation}
    Image.fromarray(smooth).save(tmp_path / "a.tif", compression="jpeg", quality=100, tiffinfo=tags)
    found, expected = (io.read(tmp_path / f"a{ending}").array for ending in (".tif", ".png"))
    assert np.abs(found.astype(int) - expected).max() < 4


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4", "tiff_lzw", None])
@pytest.mark.parametrize("inverted", [False, True])
def test_single_bits(tmp_path, compression, inverted):
    bits = GREY > 128
    tags = {262: 0} if inverted else {}
    Image.fromarray(bits).save(tmp_path / "a.tif", compression=compression, tiffinfo=tags)
    with Image.open(tmp_path / "a.tif") as image:
        expected = np.array(image)
    reads(tmp_path / "a.tif", expected.astype(np.uint8) * 255)
    # tifffile can't unpack all of these by itself, but what it finds is what libtiff does.
    Image.fromarray(bits).save(tmp_path / "plain.tif", tiffinfo=tags)
    stored = tifffile.imread(tmp_path / "plain.tif")
    np.testing.assert_array_equal(stored, ~expected if inverted else expected)
    np.testing.assert_array_equal(io.read_mask(tmp_path / "a.tif").array, stored)


@pytest.mark.parametrize("kind", ["bool", *"BHIQbhiqefd"])
@pytest.mark.parametrize("photometric", [None, "minisblack", "miniswhite"])
@pytest.mark.parametrize("layout", ["strips", "tiles", "deflate", "motorola"])
@pytest.mark.parametrize("shape", [(40, 52), (5, 40, 52)])
def test_class_numbers_are_those_that_tifffile_reads(tmp_path, kind, photometric, layout, shape):
    """tifffile says of truth values that white is 0, and ImageJ of masks with an inverting LUT."""
    if kind == "bool" and layout == "tiles":
        return  # tifffile writes no tiles of bits
    labels = np.zeros(shape, kind)
    labels[..., 8:20, 10:30] = 1
    for top in (1, 255) if kind in "BHIQhiqfd" else (1,):
        wanted = labels * np.array(top).astype(kind)
        options = {"photometric": photometric, **LAYOUTS[layout]}
        tifffile.imwrite(tmp_path / "m.tif", wanted, **options)
        found = io.read_mask(tmp_path / "m.tif")
        np.testing.assert_array_equal(found.array, wanted)
        white = photometric == "miniswhite" or (kind == "bool" and photometric is None)
        assert bool(found.notes) is white


@pytest.mark.parametrize("bits", [1, 2, 4, 6, 10, 12, 14])
@pytest.mark.parametrize("kind", [0, 1, 3])
def test_packed_class_numbers_are_those_stored(tmp_path, bits, kind):
    array = RNG.integers(0, 1 << bits, (40, 51)).astype(np.uint16 if bits > 8 else np.uint8)
    by_hand(tmp_path / "a.tif", packed(array, bits).tobytes(), 51, 40, bits, {262: kind})
    np.testing.assert_array_equal(io.read_mask(tmp_path / "a.tif").array, array)


@pytest.mark.parametrize("kind", ["uint8", "uint16", "uint32"])
def test_white_is_zero(tmp_path, kind):
    array = GREY.astype(kind)
    tifffile.imwrite(tmp_path / "a.tif", array, photometric="miniswhite")
    scan = reads(tmp_path / "a.tif", np.iinfo(kind).max - array)
    assert "black is 0" in scan.notes[0]
    io.save(scan, tmp_path / "b.tif")
    reads(tmp_path / "b.tif", scan.array)


@pytest.mark.parametrize("bits", [2, 4, 6, 10, 12, 14])
@pytest.mark.parametrize("white", [False, True])
def test_packed_whole_numbers(tmp_path, bits, white):
    array = RNG.integers(0, 1 << bits, (40, 51)).astype(np.uint16 if bits > 8 else np.uint8)
    rows = packed(array, bits).tobytes()
    by_hand(tmp_path / "a.tif", rows, 51, 40, bits, {262: 0 if white else 1})
    top = (1 << bits) - 1
    values = top - array if white else array
    scan = io.read(tmp_path / "a.tif")
    np.testing.assert_array_equal(scan.array, values * (255 // top if bits < 8 else 1))


def by_hand(path, data, width, height, bits, tags, order="<"):
    """Write a TIFF file of one strip."""
    tags = {256: width, 257: height, 258: bits, 259: 1, 277: 1, 278: height, **tags}
    start = 8 + 2 + (len(tags) + 2) * 12 + 4
    tags = sorted({**tags, 273: start, 279: len(data)}.items())
    entries = b"".join(struct.pack(f"{order}HHII", tag, 4, 1, value) for tag, value in tags)
    head = struct.pack(f"{order}2sHIH", b"II" if order == "<" else b"MM", 42, 8, len(tags))
    path.write_bytes(head + entries + bytes(4) + data)


def pages(path, *arrays, **options):
    for number, array in enumerate(arrays):
        tifffile.imwrite(path, array, append=number > 0, metadata=None, **options)
    return path


def test_pages_of_one_size_are_a_volume(tmp_path):
    volume = RNG.integers(0, 99, (5, 40, 52)).astype(np.int16)
    path = pages(tmp_path / "a.tif", *volume)
    reads(path, volume)
    reads(f"{path}::3", volume[2])
    io.save(io.read(path), tmp_path / "b.tif")
    reads(tmp_path / "b.tif", volume)
    tifffile.imwrite(tmp_path / "c.tif", volume)
    reads(tmp_path / "c.tif", volume)


def test_pages_of_several_sizes_are_chosen(tmp_path):
    path = pages(tmp_path / "a.tif", GREY[::2, ::2], GREY)
    with pytest.raises(SegadvError, match=r"2 pages that do not belong together .*::1 to ::2"):
        io.read(path)
    reads(f"{path}::2", GREY)
    for wrong in ("0", "3", "x", "-1", "1.0", "²"):
        with pytest.raises(SegadvError, match="holds no number"):
            io.read(f"{path}::{wrong}")


def test_a_thumbnail_is_no_page(tmp_path):
    path = pages(tmp_path / "a.tif", GREY)
    tifffile.imwrite(path, GREY[::4, ::4], append=True, subfiletype=1, metadata=None)
    reads(path, GREY)


@pytest.mark.parametrize("axes", ["ZYX", "CYX", "TYX", "ZCYX", "TZCYX"])
@pytest.mark.parametrize("kind", ["imagej", "ome"])
def test_channels_and_points_in_time_are_no_slices(tmp_path, axes, kind):
    volume = RNG.integers(0, 99, (2,) * (len(axes) - 2) + (40, 52)).astype(np.uint16)
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, volume, **{kind: True}, metadata={"axes": axes})
    if axes == "ZYX":
        reads(path, volume)
        return
    with pytest.raises(SegadvError, match="holds 2 (channels|points)"):
        io.read(path)


def test_a_stack_of_tifffile_with_four_dimensions(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((2, 3, 40, 52), np.uint8) + GREY)
    with pytest.raises(SegadvError, match="holds 2 volumes"):
        io.read(tmp_path / "a.tif")


def test_images_that_imagej_writes_in_one_block(tmp_path):
    volume = RNG.integers(0, 99, (5, 40, 52)).astype(">u2")
    text = "ImageJ=1.53\nimages=5\nslices=5\n"
    path = tmp_path / "a.tif"
    tifffile.imwrite(path, volume[0], description=text, metadata=None, byteorder=">")
    with tifffile.TiffFile(path) as tif:
        start = tif.pages.first.dataoffsets[0]
    blob = path.read_bytes()[:start]
    path.write_bytes(blob + volume.tobytes())
    reads(path, volume.astype(np.uint16))
    path.write_bytes(blob + volume[:4].tobytes())
    with pytest.raises(SegadvError, match="ends before its image"):
        io.read(path)


def test_a_file_that_points_to_others_reads_only_itself(tmp_path):
    ome = (
        '<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06">'
        '<Image ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint8" SizeX="52" '
        'SizeY="40" SizeZ="1" SizeC="1" SizeT="1"><TiffData IFD="0" PlaneCount="1">'
        '<UUID FileName="../secret.tif">urn:uuid:1</UUID></TiffData></Pixels></Image></OME>'
    )
    (tmp_path / "in").mkdir()
    tifffile.imwrite(tmp_path / "secret.tif", 255 - GREY)
    tifffile.imwrite(tmp_path / "in" / "a.tif", GREY, description=ome, metadata=None)
    reads(tmp_path / "in" / "a.tif", GREY)


def test_grey_with_other_values_is_refused(tmp_path):
    two = np.dstack([GREY, GREY])
    options = {"photometric": "minisblack", "planarconfig": "contig"}
    tifffile.imwrite(tmp_path / "a.tif", two, extrasamples=["unspecified"], **options)
    with pytest.raises(SegadvError, match="2 values per pixel"):
        io.read(tmp_path / "a.tif")
    tifffile.imwrite(tmp_path / "b.tif", two, extrasamples=["unassalpha"], **options)
    reads(tmp_path / "b.tif", GREY)


def test_kinds_of_colour_that_are_no_rgb(tmp_path):
    for kind in ("cielab", "icclab", "cfa"):
        tifffile.imwrite(tmp_path / "a.tif", COLOUR if kind != "cfa" else GREY, photometric=kind)
        with pytest.raises(SegadvError, match="holds .*; convert it to grey or RGB"):
            io.read(tmp_path / "a.tif")


def test_complex_numbers(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", GREY.astype(np.complex64))
    with pytest.raises(SegadvError, match="complex"):
        io.read(tmp_path / "a.tif")


@pytest.mark.parametrize("kind", ["float16", "float32", "uint8", "uint16", "int16"])
@pytest.mark.parametrize("colour", [False, True])
def test_tiff_comes_back_as_it_was(tmp_path, kind, colour):
    scan = Scan.from_array((COLOUR if colour else GREY).astype(kind), colour=colour)
    io.save(scan, tmp_path / "a.tif")
    assert io.read(tmp_path / "a.tif").same_as(scan)
    np.testing.assert_array_equal(tifffile.imread(tmp_path / "a.tif"), scan.array)


def test_arrays_of_components_in_tiff(tmp_path):
    scan = Scan.from_array(GREY)
    noise = RNG.normal(size=(40, 52, 2)).astype(np.float32)
    io.save_array(noise, tmp_path / "n.tif", scan)
    np.testing.assert_array_equal(images.read_array(tmp_path / "n.tif", noise.shape), noise)


def test_png_refuses_what_it_can_not_hold(tmp_path):
    with pytest.raises(SegadvError, match="whole numbers from 0 to 65535"):
        io.save(Scan.from_array(GREY.astype(np.float32)), tmp_path / "a.png")
    assert list(tmp_path.iterdir()) == []
