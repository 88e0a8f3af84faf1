"""NRRD and MetaImage: values and geometry as ITK takes them, in every encoding."""

import bz2
import gzip
import zlib

import numpy as np
import pytest
import SimpleITK as sitk

from napari_segadv import io
from napari_segadv.errors import SegadvError

ARRAY = np.random.default_rng(0).integers(0, 120, (4, 5, 6)).astype(np.int16)
C, S = 0.8, 0.6
TURN = (C, -S, 0, S, C, 0, 0, 0, 1)
FLIPS = (0, 0, -1, 1, 0, 0, 0, -1, 0)
NRRD = {
    "type": "short",
    "dimension": "3",
    "space": "left-posterior-superior",
    "sizes": "6 5 4",
    "space directions": "(1.5,0,0) (0,2,0) (0,0,3)",
    "kinds": "domain domain domain",
    "endian": "little",
    "encoding": "raw",
    "space origin": "(9,8,-7)",
}
META = {
    "ObjectType": "Image",
    "NDims": "3",
    "BinaryData": "True",
    "BinaryDataByteOrderMSB": "False",
    "TransformMatrix": "1 0 0 0 1 0 0 0 1",
    "Offset": "9 8 -7",
    "ElementSpacing": "1.5 2 3",
    "DimSize": "6 5 4",
    "ElementType": "MET_SHORT",
    "ElementDataFile": "LOCAL",
}


def itk_image(array=ARRAY, direction=TURN, vector=False):
    image = sitk.GetImageFromArray(array, isVector=vector)
    ndim = image.GetDimension()
    image.SetSpacing((1.5, 2.0, 3.0)[:ndim])
    image.SetOrigin((9.0, 8.0, -7.0)[:ndim])
    if ndim == 3:
        image.SetDirection(direction)
    return image


def nrrd(path, data=None, **changes):
    """Write a NRRD file; a field whose value is None is left out."""
    fields = {**NRRD, **{name.replace("_", " "): value for name, value in changes.items()}}
    lines = [f"{name}: {value}" for name, value in fields.items() if value is not None]
    text = "\n".join(["NRRD0004", *lines]) + "\n\n"
    path.write_bytes(text.encode() + (ARRAY.tobytes() if data is None else data))
    return path


def meta(path, data=None, **changes):
    """Write a MetaImage file; a field whose value is None is left out, ElementDataFile is last."""
    fields = {**META, **changes}
    fields["ElementDataFile"] = fields.pop("ElementDataFile")
    lines = [f"{name} = {value}" for name, value in fields.items() if value is not None]
    text = "\n".join(lines) + "\n"
    path.write_bytes(text.encode() + (ARRAY.tobytes() if data is None else data))
    return path


def same_as_itk(path):
    """Compare what we read with what ITK reads; return the scan."""
    scan, image = io.read(path), sitk.ReadImage(str(path))
    np.testing.assert_array_equal(scan.array, sitk.GetArrayFromImage(image))
    ndim = image.GetDimension()
    direction = np.array(image.GetDirection()).reshape(ndim, ndim)[::-1, ::-1]
    np.testing.assert_allclose(scan.grid.direction, direction, atol=1e-5)
    np.testing.assert_allclose(scan.grid.spacing, image.GetSpacing()[::-1], rtol=1e-6)
    np.testing.assert_allclose(scan.grid.origin, image.GetOrigin()[::-1], rtol=1e-6)
    return scan


@pytest.mark.parametrize("direction", [TURN, FLIPS])
@pytest.mark.parametrize("packed", [False, True])
@pytest.mark.parametrize("ending", [".nrrd", ".nhdr", ".mha", ".mhd"])
@pytest.mark.parametrize("dtype", ["u1", "i1", "i2", "u2", "i4", "u4", "i8", "u8", "f4", "f8"])
def test_what_itk_writes(tmp_path, direction, packed, ending, dtype):
    path = tmp_path / f"v{ending}"
    sitk.WriteImage(itk_image(ARRAY.astype(dtype), direction), str(path), packed)
    scan = same_as_itk(path)
    assert scan.storage.dtype == np.dtype(dtype).name
    assert len(scan.meta.get("files", [path])) == (2 if ending in (".nhdr", ".mhd") else 1)


@pytest.mark.parametrize("ending", [".nrrd", ".mha"])
def test_slices_and_colours(tmp_path, ending):
    path = tmp_path / f"v{ending}"
    sitk.WriteImage(itk_image(ARRAY[0]), str(path))
    assert same_as_itk(path).grid.ndim == 2
    rgb = np.random.default_rng(1).integers(0, 255, (4, 5, 6, 3)).astype(np.uint8)
    sitk.WriteImage(itk_image(rgb, vector=True), str(path))
    scan = same_as_itk(path)
    assert scan.colour
    io.save(scan, tmp_path / f"w{ending}")
    np.testing.assert_array_equal(same_as_itk(tmp_path / f"w{ending}").array, rgb)
    sitk.WriteImage(itk_image(rgb.astype(np.float32), vector=True), str(path))
    with pytest.raises(SegadvError, match="3 values per pixel"):
        io.read(path)
    series = sitk.JoinSeries([itk_image()] * 2)
    sitk.WriteImage(series, str(path))
    with pytest.raises(SegadvError, match="has 4 dimensions"):
        io.read(path)


@pytest.mark.parametrize("ending", [".nrrd", ".nhdr", ".mha", ".mhd"])
def test_what_we_write_is_what_itk_reads(tmp_path, ending):
    sitk.WriteImage(itk_image(), str(tmp_path / "v.nii.gz"))
    scan = io.read(tmp_path / "v.nii.gz")
    io.save(scan, tmp_path / f"v{ending}")
    assert same_as_itk(tmp_path / f"v{ending}").same_as(scan)


TEXT = " ".join(map(str, ARRAY.ravel())).encode()
ENCODED = {
    "raw": ARRAY.tobytes(),
    "gzip": gzip.compress(ARRAY.tobytes()),
    "gz": gzip.compress(ARRAY.tobytes()[:100]) + gzip.compress(ARRAY.tobytes()[100:]),
    "bzip2": bz2.compress(ARRAY.tobytes()),
    "ascii": TEXT,
    "text": TEXT.replace(b" ", b"\n"),
    "txt": TEXT.replace(b" ", b" \r\n ") + b"\n",
    "hex": ARRAY.tobytes().hex().encode(),
    "HEX": ARRAY.tobytes().hex(" ").upper().encode(),
}


@pytest.mark.parametrize("encoding", ENCODED)
def test_encodings_of_nrrd(tmp_path, encoding):
    data = ENCODED[encoding]
    path = nrrd(tmp_path / "v.nrrd", data, encoding=encoding)
    np.testing.assert_array_equal(io.read(path).array, ARRAY)
    (tmp_path / "d.raw").write_bytes(data)
    path = nrrd(tmp_path / "v.nhdr", b"", encoding=encoding, data_file="d.raw")
    scan = io.read(path)
    np.testing.assert_array_equal(scan.array, ARRAY)
    assert scan.meta["files"] == [str(path), str(tmp_path / "d.raw")]


@pytest.mark.parametrize("encoding", ENCODED)
@pytest.mark.parametrize("cut", [1, 30, 0.5])
def test_encodings_that_end_too_early(tmp_path, encoding, cut):
    data = ENCODED[encoding]
    cut = int(cut * len(data)) if cut < 1 else cut
    if TEXT[:20].split()[0] in data[:4]:
        cut += 3  # a number less, not only a digit
    path = nrrd(tmp_path / "v.nrrd", data.rstrip()[:-cut], encoding=encoding)
    with pytest.raises(SegadvError, match="is the file complete|complete and of the type|damaged"):
        io.read(path)


def test_big_endian(tmp_path):
    data = ARRAY.astype(">i2").tobytes()
    assert io.read(nrrd(tmp_path / "v.nrrd", data, endian="big")).array.dtype.isnative
    same_as_itk(nrrd(tmp_path / "v.nrrd", data, endian="big"))
    same_as_itk(meta(tmp_path / "v.mha", data, BinaryDataByteOrderMSB="True"))
    same_as_itk(meta(tmp_path / "w.mha", data, BinaryDataByteOrderMSB=None, ElementByteOrderMSB=1))


@pytest.mark.parametrize("space", ["left-posterior-superior", "right-anterior-superior", "LPS"])
@pytest.mark.parametrize("second", ["RAS", "left-anterior-superior", "LAS"])
def test_spaces(tmp_path, space, second):
    for name in (space, second):
        same_as_itk(nrrd(tmp_path / "v.nrrd", space=name))


def test_a_nrrd_without_directions(tmp_path):
    plain = {"space": None, "space_directions": None, "space_origin": None, "kinds": None}
    scan = io.read(nrrd(tmp_path / "v.nrrd", **plain, spacings="1.5 2 nan"))
    assert scan.grid.spacing == (1.0, 2.0, 1.5)
    assert any("1 mm is assumed" in note for note in scan.notes)
    scan = io.read(nrrd(tmp_path / "v.nrrd", **plain, spacings="1.5 2 3"))
    assert scan.grid.spacing == (3.0, 2.0, 1.5)
    assert any("how it lies" in note for note in scan.notes)
    scan = io.read(nrrd(tmp_path / "v.nrrd", **plain))
    assert scan.grid.spacing == (1.0, 1.0, 1.0)


@pytest.mark.parametrize("centers", [None, "cell cell cell", "node node node"])
@pytest.mark.parametrize("step", ["1.5", "-1.5"])
def test_edges_and_negative_spacings_as_by_itk(tmp_path, centers, step):
    plain = {"space": None, "space_directions": None, "space_origin": None}
    fields = {"spacings": f"{step} 2 3", "centerings": centers}
    same_as_itk(nrrd(tmp_path / "v.nrrd", **plain, **fields))
    same_as_itk(nrrd(tmp_path / "v.nrrd", **plain, **fields, axis_mins="4 5 6"))
    same_as_itk(meta(tmp_path / "v.mha", ElementSpacing=f"{step} 2 3"))


def test_units_of_length(tmp_path):
    scan = io.read(nrrd(tmp_path / "v.nrrd", space_units='"cm" "cm" "cm"'))
    assert scan.grid.spacing == (30.0, 20.0, 15.0)
    scan = io.read(nrrd(tmp_path / "v.nrrd", space_units='"um" "um" "um"'))
    assert scan.grid.spacing == pytest.approx((0.003, 0.002, 0.0015))
    scan = io.read(nrrd(tmp_path / "v.nrrd", space_units='"ell" "ell" "ell"'))
    assert any("unknown" in note for note in scan.notes)
    scan = io.read(meta(tmp_path / "v.mha", DistanceUnits="um"))
    assert scan.grid.spacing == pytest.approx((0.003, 0.002, 0.0015))
    assert any("lengths are in um" in note for note in scan.notes)
    scan = io.read(meta(tmp_path / "v.mha", DistanceUnits="ell"))
    assert any("unit of length (ell) is unknown: mm is assumed" in note for note in scan.notes)


LAYERS = np.stack([ARRAY, ARRAY + 1], -1)


@pytest.mark.parametrize("kind", ["list", "vector", "time", "???", "complex"])
def test_several_values_of_a_pixel_are_refused(tmp_path, kind):
    path = nrrd(
        tmp_path / "v.nrrd",
        LAYERS.tobytes(),
        dimension="4",
        sizes="2 6 5 4",
        kinds=f"{kind} domain domain domain",
        space_directions="none (1.5,0,0) (0,2,0) (0,0,3)",
    )
    with pytest.raises(SegadvError, match="2 values per pixel|2 points in time|complex"):
        io.read(path)


def test_one_of_several_values_is_chosen(tmp_path):
    path = nrrd(
        tmp_path / "v.nrrd",
        LAYERS.tobytes(),
        dimension="4",
        sizes="2 6 5 4",
        kinds="time domain domain domain",
        space_directions="none (1.5,0,0) (0,2,0) (0,0,3)",
    )
    np.testing.assert_array_equal(io.read(f"{path}::2").array, ARRAY + 1)
    path = meta(tmp_path / "v.mha", LAYERS.tobytes(), ElementNumberOfChannels=2)
    np.testing.assert_array_equal(io.read(f"{path}::2").array, ARRAY + 1)
    for which in ("0", "3", "x"):
        with pytest.raises(SegadvError, match=f"holds no number {which}; choose 1 to 2"):
            io.read(f"{path}::{which}")
    with pytest.raises(SegadvError, match="holds one image"):
        io.read(f"{meta(tmp_path / 'w.mha')}::1")


def test_an_axis_of_length_1_is_none(tmp_path):
    path = nrrd(
        tmp_path / "v.nrrd",
        dimension="4",
        sizes="1 6 5 4",
        kinds="list domain domain domain",
        space_directions="none (1.5,0,0) (0,2,0) (0,0,3)",
    )
    np.testing.assert_array_equal(io.read(path).array, ARRAY)
    path = meta(
        tmp_path / "v.mha",
        NDims="4",
        DimSize="6 5 4 1",
        ElementSpacing="1.5 2 3 1",
        Offset="9 8 -7 0",
        TransformMatrix="1 0 0 0 0 1 0 0 0 0 1 0 0 0 0 1",
    )
    np.testing.assert_array_equal(io.read(path).array, ARRAY)
    assert io.read(path).grid.origin == (-7.0, 8.0, 9.0)


def test_several_data_files(tmp_path):
    for n, plane in enumerate(ARRAY):
        (tmp_path / f"s{n:02d}.raw").write_bytes(plane.tobytes())
    names = [f"s{n:02d}.raw" for n in range(4)]
    for path in (
        nrrd(tmp_path / "a.nhdr", b"", data_file="s%02d.raw 0 3 1"),
        meta(tmp_path / "b.mhd", b"", ElementDataFile="s%02d.raw 0 3 1"),
        meta(tmp_path / "c.mhd", "\n".join(names).encode(), ElementDataFile="LIST"),
    ):
        scan = io.read(path)
        np.testing.assert_array_equal(scan.array, ARRAY)
        assert len(scan.meta["files"]) == 5
    listed = "data file: LIST\n" + "\n".join(names)
    path = nrrd(tmp_path / "d.nhdr", b"")
    path.write_text(path.read_text().rstrip("\n") + "\n" + listed)
    np.testing.assert_array_equal(io.read(path).array, ARRAY)


@pytest.mark.parametrize("skip", [0, 7, -1])
def test_bytes_before_the_numbers(tmp_path, skip):
    before = skip if skip >= 0 else 30
    (tmp_path / "d.raw").write_bytes(b"x" * before + ARRAY.tobytes())
    for path in (
        nrrd(tmp_path / "a.nhdr", b"", data_file="d.raw", byte_skip=skip),
        meta(tmp_path / "b.mhd", b"", ElementDataFile="d.raw", HeaderSize=skip),
    ):
        np.testing.assert_array_equal(io.read(path).array, ARRAY)


def test_metaimage_by_text_and_by_zlib(tmp_path):
    scan = io.read(meta(tmp_path / "a.mha", TEXT, BinaryData="False"))
    np.testing.assert_array_equal(scan.array, ARRAY)
    packed = zlib.compress(ARRAY.tobytes())
    path = tmp_path / "b.mha"
    same_as_itk(meta(path, packed, CompressedData="True", CompressedDataSize=len(packed)))
    same_as_itk(meta(tmp_path / "c.mha", ElementSpacing=None, ElementSize="1.5 2 3"))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"type": "block"}, "type"),
        ({"type": None}, "type"),
        ({"dimension": "4"}, "dimension"),
        ({"dimension": "x"}, "dimension"),
        ({"sizes": "6 5 -4"}, "sizes"),
        ({"sizes": "6 5 1e9"}, "sizes"),
        ({"sizes": "99999999 99999999 99999999"}, "ends before its image"),
        ({"encoding": "zrl"}, "encoding"),
        ({"endian": None}, "endian"),
        ({"kinds": "domain domain"}, "kinds"),
        ({"space_directions": "(1,0,0) (0,1,0)"}, "space directions"),
        ({"space_directions": "(1,0,0) (0,1,x) (0,0,1)"}, "space directions"),
        ({"space_directions": "(1,0,0) (0,1) (0,0,1)"}, "space directions"),
        ({"space_directions": "(1,0,0) (1,0,0) (0,0,1)"}, "right angles"),
        ({"space_directions": "(1,0,0) (0,0,0) (0,0,1)"}, "length 0"),
        ({"space_directions": "(1,0,0) (0,inf,0) (0,0,1)"}, "NaN or infinity"),
        ({"space_directions": "(1,0,0) (0.3,1,0) (0,0,1)"}, "a shear"),
        ({"space_origin": "(nan,0,0)"}, "space origin|NaN"),
        ({"space_origin": "(0,0)"}, "space origin"),
        ({"byte_skip": "-3"}, "byte skip"),
        ({"line_skip": "-3"}, "line skip"),
        ({"data_file": "../x.raw"}, "outside its folder"),
        ({"data_file": "x%d%d.raw 0 3 1"}, "makes no sense"),
        ({"data_file": "x%d.raw 3 0 1"}, "makes no sense"),
        ({"data_file": "x%d.raw 0 9999999 1"}, "makes no sense"),
        ({"data_file": "none.raw"}, "is missing"),
    ],
)
def test_a_nrrd_that_contradicts_itself(tmp_path, changes, says):
    with pytest.raises(SegadvError, match=says):
        io.read(nrrd(tmp_path / "v.nrrd", **changes))


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"NDims": "4"}, "ndims"),
        ({"NDims": None, "DimSize": None}, "does not begin as a MetaImage"),
        ({"DimSize": "6 5 0"}, "dimsize"),
        ({"DimSize": "6 5 99999999999"}, "ends before its image"),
        ({"ElementType": "MET_BLOB"}, "elementtype"),
        ({"ElementSpacing": "1 2"}, "elementspacing"),
        ({"ElementSpacing": "1 2 x"}, "elementspacing"),
        ({"ElementSpacing": "1 0 2"}, "length 0"),
        ({"TransformMatrix": "1 0 0 0.3 1 0 0 0 1"}, "a shear"),
        ({"TransformMatrix": "1 0 0"}, "transformmatrix"),
        ({"Offset": "nan 0 0"}, "NaN"),
        ({"HeaderSize": "12"}, "headersize"),
        ({"ElementNumberOfChannels": "0"}, "elementnumberofchannels"),
        ({"ElementNumberOfChannels": "x"}, "elementnumberofchannels"),
        ({"ElementDataFile": "/etc/hostname"}, "outside its folder"),
        ({"ElementDataFile": "missing.raw"}, "is missing"),
        ({"ElementDataFile": "LIST"}, "lists|data file"),
        ({"CompressedData": "True"}, "no valid stream"),
        ({"BinaryData": "False"}, "damaged"),
    ],
)
def test_a_metaimage_that_contradicts_itself(tmp_path, changes, says):
    with pytest.raises(SegadvError, match=says):
        io.read(meta(tmp_path / "v.mha", **changes))


def test_a_slope_of_metaimage_is_told(tmp_path):
    scan = same_as_itk(meta(tmp_path / "v.mha", ElementToIntensityFunctionSlope="2"))
    assert any("slope" in note for note in scan.notes)


@pytest.mark.parametrize("name", ["v.nrrd", "v.nhdr"])
@pytest.mark.parametrize("extra", ["", "database:=true\n", "# data: none\n", "data file:=x\n"])
def test_a_header_without_an_end_is_refused(tmp_path, name, extra):
    path = nrrd(tmp_path / name, b"")
    text = path.read_text().replace("NRRD0004\n", f"NRRD0004\n{extra}")
    path.write_text(text.rstrip("\n") + "\n")
    with pytest.raises(SegadvError, match="its header does not end"):
        io.read(path)


@pytest.mark.parametrize("field", ["data file", "datafile", "Data File"])
def test_a_header_that_names_its_data_file_needs_no_end(tmp_path, field):
    path = nrrd(tmp_path / "v.nrrd", b"")
    (tmp_path / "v.raw").write_bytes(ARRAY.tobytes())
    path.write_text(path.read_text().rstrip("\n") + f"\n{field}: v.raw\n")
    np.testing.assert_array_equal(io.read(path).array, ARRAY)


@pytest.mark.parametrize("sign", [" = ", ": ", " : ", ":", "="])
@pytest.mark.parametrize("every", [1, 2])
def test_fields_of_metaimage_end_at_an_equals_sign_or_a_colon(tmp_path, sign, every):
    """ITK takes either, also both in one header, and the first one of a line."""
    path = tmp_path / "a.mha"
    sitk.WriteImage(itk_image(), path)
    head, _, data = path.read_bytes().partition(b"ElementDataFile = LOCAL\n")
    lines = ["Comment = a: b = c", *head.decode().splitlines(), "ElementDataFile = LOCAL"]
    for number in range(0, len(lines), every):
        lines[number] = lines[number].replace(" = ", sign, 1)
    path.write_bytes(("\n".join(lines) + "\n").encode() + data)
    same_as_itk(path)
