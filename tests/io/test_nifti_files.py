"""NIfTI and Analyze: values and geometry as nibabel takes them, and written back as they were."""

import struct
from dataclasses import replace
from itertools import product
from pathlib import Path

import nibabel as nib
import numpy as np
import pytest

from napari_segadv import io
from napari_segadv.errors import SegadvError
from napari_segadv.io.geometry import as_stored

LPS = np.diag([-1.0, -1.0, 1.0, 1.0])
SHIFT = np.array([[-3.0, 0, 0, 12], [0, -2, 0, 7], [0, 0, 1.5, -4], [0, 0, 0, 1]])
# x to anterior, y to superior, z to the right.
TURNED = np.array([[0.0, 0, 2, 5], [1.5, 0, 0, -6], [0, 3, 0, 7], [0, 0, 0, 1]])
C, S = np.cos(0.3), np.sin(0.3)
OBLIQUE = np.array([[C, -S, 0, 1], [S, C, 0, 2], [0, 0, 1, 3], [0, 0, 0, 1]]) @ np.diag(
    [0.7, 0.8, 2.5, 1]
)
AFFINES = {"shift": SHIFT, "turned": TURNED, "oblique": OBLIQUE}


def numbers(shape=(5, 6, 7), dtype="int16"):
    array = np.random.default_rng(0).integers(0, 120, shape)
    return array.astype(dtype)


def make(path: Path, array, affine=SHIFT, kind=nib.Nifti1Image, **header) -> Path:
    """Write a file by nibabel, and then set header fields that nibabel would refuse or change."""
    image = kind(array, affine)
    nib.save(image, path)
    patch(path, **header)
    return path


def patch(path: Path, **fields) -> None:
    """Change fields of the header of an uncompressed file."""
    if fields:
        blob = path.read_bytes()
        kind = nib.Nifti2Header if blob[4:8] == b"n+2\0" else nib.Nifti1Header
        length = kind.template_dtype.itemsize
        header = kind(blob[:length], check=False)
        for name, value in fields.items():
            header[name] = value
        path.write_bytes(header.binaryblock + blob[length:])


def world(scan) -> np.ndarray:
    """The affine of a scan's grid as nibabel has it."""
    affine = np.eye(4)
    affine[:3, :3] = scan.grid.affine[:3, :3][::-1, ::-1]
    affine[:3, 3] = scan.grid.affine[:3, 3][::-1]
    return LPS @ affine


def same_as_nibabel(path: Path, atol=1e-4):
    """Compare what we read with what nibabel reads; return the scan."""
    scan, image = io.read(path), nib.load(path)
    np.testing.assert_array_equal(scan.array, np.squeeze(image.get_fdata()).T)
    np.testing.assert_allclose(world(scan), image.affine, atol=atol)
    return scan


@pytest.mark.parametrize("name", AFFINES)
@pytest.mark.parametrize("ending", [".nii", ".nii.gz", ".img", ".hdr"])
@pytest.mark.parametrize("second", [False, True])
def test_versions_pairs_and_orientations(tmp_path, name, ending, second):
    pair = ending in (".img", ".hdr")
    kinds = (nib.Nifti1Pair, nib.Nifti2Pair) if pair else (nib.Nifti1Image, nib.Nifti2Image)
    path = make(tmp_path / f"v{ending}", numbers(), AFFINES[name], kinds[second])
    scan = same_as_nibabel(path)
    assert len(scan.meta.get("files", [path])) == (2 if pair else 1)


@pytest.mark.parametrize(
    ("dtype", "order"),
    product(
        [
            "uint8",
            "int8",
            "int16",
            "uint16",
            "int32",
            "uint32",
            "int64",
            "uint64",
            "float32",
            "float64",
        ],
        "<>",
    ),
)
def test_types_in_both_byte_orders(tmp_path, dtype, order):
    array = numbers(dtype=dtype)
    header = nib.Nifti1Header(endianness=order)
    header.set_data_dtype(dtype)
    nib.save(nib.Nifti1Image(array, SHIFT, header), tmp_path / "v.nii")
    scan = same_as_nibabel(tmp_path / "v.nii")
    assert (scan.array.dtype, scan.storage.dtype) == (dtype, dtype)
    assert scan.array.dtype.isnative


SCALINGS = [
    *[(0, 0), (0, -1024), (np.nan, np.nan), (np.nan, -5), (np.inf, 0), (1, 0), (2, -1024)],
    *[(0.5, 0), (0.1, 3.7), (-1, 0), (-0.25, 100)],
]


@pytest.mark.parametrize("scaling", SCALINGS)
@pytest.mark.parametrize("dtype", ["uint8", "int16", "uint16", "int32", "float32"])
def test_slopes_as_nibabel_takes_them(tmp_path, scaling, dtype):
    path = make(tmp_path / "v.nii", numbers(dtype=dtype))
    patch(path, scl_slope=scaling[0], scl_inter=scaling[1])
    scan = same_as_nibabel(path)
    io.save(scan, tmp_path / "again.nii.gz")
    again = io.read(tmp_path / "again.nii.gz")
    np.testing.assert_array_equal(again.array, scan.array)
    assert again.storage == scan.storage


def test_a_slope_without_an_intercept_is_refused_as_by_nibabel(tmp_path):
    path = make(tmp_path / "v.nii", numbers(), scl_slope=2.0, scl_inter=np.nan)
    with pytest.raises(nib.spatialimages.HeaderDataError):
        nib.load(path)
    with pytest.raises(SegadvError, match="intercept"):
        io.read(path)


def both(path: Path, q, q_code: int, s, s_code: int) -> Path:
    image = nib.Nifti1Image(numbers(), None)
    image.set_qform(q, q_code)
    image.set_sform(s, s_code)
    nib.save(image, path)
    return path


@pytest.mark.parametrize(("q_code", "s_code"), product((0, 1, 2), (0, 1, 2, 4)))
def test_which_of_two_forms_counts_and_both_codes_stay(tmp_path, q_code, s_code):
    path = both(tmp_path / "v.nii", SHIFT, q_code, TURNED, s_code)
    scan = same_as_nibabel(path)
    assert any("sform and qform" in note for note in scan.notes) is bool(q_code and s_code)
    io.save(scan, tmp_path / "again.nii.gz")
    again = same_as_nibabel(tmp_path / "again.nii.gz")
    assert again.grid.same_as(scan.grid)
    header = nib.load(tmp_path / "again.nii.gz").header
    codes = int(header["qform_code"]), int(header["sform_code"])
    assert codes == (q_code, s_code)


def test_pixdim_is_ignored_beside_an_sform(tmp_path):
    image = nib.Nifti1Image(numbers(), None)
    image.set_sform(SHIFT, 1)
    image.set_qform(None, 0)
    nib.save(image, tmp_path / "v.nii")
    patch(tmp_path / "v.nii", pixdim=[1, 1, 1, 1, 1, 1, 1, 1])
    assert same_as_nibabel(tmp_path / "v.nii").grid.spacing == pytest.approx((1.5, 2.0, 3.0))


@pytest.mark.parametrize("s_code", [0, 2])
def test_a_sheared_sform_is_refused_whatever_the_qform_says(tmp_path, s_code):
    shear = SHIFT @ np.array([[1, 0.2, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]])
    path = both(tmp_path / "v.nii", SHIFT, 1, shear, s_code)
    if not s_code:
        assert same_as_nibabel(path).grid.spacing == pytest.approx((1.5, 2.0, 3.0))
        return
    with pytest.raises(SegadvError, match=r"right angles \(.* degrees: a shear"):
        io.read(path)


@pytest.mark.parametrize("name", AFFINES)
def test_an_affine_comes_back_bit_by_bit(tmp_path, name):
    """Whatever a grid makes of it; which of a network's pixels are exactly 0 can depend on it."""
    path = make(tmp_path / "a.nii", numbers(), AFFINES[name])
    scan = io.read(path)
    held = nib.load(path).affine
    assert np.array_equal(as_stored(scan), held)
    io.save(scan, tmp_path / "b.nii.gz")
    assert np.array_equal(nib.load(tmp_path / "b.nii.gz").affine, held)
    # An image that was moved lies where its grid says.
    moved = replace(scan, grid=replace(scan.grid, origin=(1.0, 2.0, 3.0)))
    assert as_stored(moved) is None
    io.save(moved, tmp_path / "c.nii.gz")
    np.testing.assert_allclose(nib.load(tmp_path / "c.nii.gz").affine[:3, 3], [-3, -2, 1])


@pytest.mark.parametrize("size", [1e-5, 3e-4, 9e-4])
def test_axes_off_by_rounding_are_accepted(tmp_path, size):
    affine = OBLIQUE.copy()
    affine[0, 1] += size * affine[1, 1]
    scan = same_as_nibabel(make(tmp_path / "v.nii", numbers(), affine), atol=2e-3)
    gram = scan.grid.direction.T @ scan.grid.direction
    np.testing.assert_allclose(gram, np.eye(3), atol=1e-3)
    io.save(scan, tmp_path / "w.nii.gz")
    assert io.read(tmp_path / "w.nii.gz").grid.same_as(scan.grid)


@pytest.mark.parametrize(("code", "factor"), [(0, 1), (1, 1000), (2, 1), (3, 0.001), (9, 1000)])
def test_units_of_length(tmp_path, code, factor):
    affine = SHIFT.copy()
    affine[:3] /= factor
    scan = io.read(make(tmp_path / "v.nii", numbers(), affine, xyzt_units=code))
    np.testing.assert_allclose(world(scan), SHIFT, rtol=1e-5)
    assert bool(scan.notes) is (factor != 1)
    io.save(scan, tmp_path / "w.nii")
    np.testing.assert_allclose(nib.load(tmp_path / "w.nii").affine, SHIFT, rtol=1e-5)


@pytest.mark.parametrize("shape", [(5, 6), (5, 6, 1), (5, 6, 7, 1), (5, 6, 7, 1, 1)])
def test_dimensions_of_length_1(tmp_path, shape):
    scan = same_as_nibabel_any(make(tmp_path / "v.nii", numbers(shape)))
    assert scan.grid.ndim == min(3, len(shape))


def same_as_nibabel_any(path: Path):
    scan, image = io.read(path), nib.load(path)
    expected = np.asarray(image.dataobj)
    np.testing.assert_array_equal(scan.array, expected.T.reshape(scan.grid.shape))
    return scan


@pytest.mark.parametrize("affine", [SHIFT, OBLIQUE], ids=["shift", "oblique"])
def test_a_slice_keeps_its_place_when_it_is_written(tmp_path, affine):
    scan = io.read(make(tmp_path / "v.nii", numbers((5, 6)), affine))
    io.save(scan, tmp_path / "w.nii.gz")
    np.testing.assert_allclose(nib.load(tmp_path / "w.nii.gz").affine, affine, atol=1e-5)
    assert io.read(tmp_path / "w.nii.gz").grid.same_as(scan.grid)


@pytest.mark.parametrize(
    ("shape", "says"),
    [
        ((5,), "one dimension"),
        ((5, 6, 7, 2), "4 dimensions .* 2 volumes"),
        ((5, 6, 7, 2, 3), "5 dimensions .* 2 volumes of 3 values"),
        ((5, 6, 7, 1, 1, 2), "6 dimensions"),
        ((5, 6, 7, 1, 2), "2 values per pixel"),
        ((5, 6, 7, 1, 7), "7 values per pixel"),
    ],
)
def test_what_is_no_volume_is_refused(tmp_path, shape, says):
    with pytest.raises(SegadvError, match=says):
        io.read(make(tmp_path / "v.nii", numbers(shape)))


@pytest.mark.parametrize("ending", [".nii", ".nii.gz"])
def test_a_volume_is_chosen_of_several(tmp_path, ending):
    array = numbers((5, 6, 7, 3))
    path = make(tmp_path / f"v{ending}", array)
    for n in range(3):
        np.testing.assert_array_equal(io.read(f"{path}::{n + 1}").array, array[..., n].T)
    with pytest.raises(SegadvError, match=r"3 volumes, .*; choose one by v\.nii.*::1 to ::3"):
        io.read(path)
    with pytest.raises(SegadvError, match="holds no number 4"):
        io.read(f"{path}::4")
    field = make(tmp_path / f"f{ending}", numbers((5, 6, 7, 1, 2)))
    np.testing.assert_array_equal(
        io.read(f"{field}::2").array, numbers((5, 6, 7, 1, 2))[..., 0, 1].T
    )
    with pytest.raises(SegadvError, match="holds one image"):
        io.read(f"{make(tmp_path / f'w{ending}', numbers())}::1")


@pytest.mark.parametrize("dtype", [nib.nifti1.data_type_codes.dtype[c] for c in (128, 2304)])
@pytest.mark.parametrize("flat", [False, True])
def test_colours(tmp_path, dtype, flat):
    shape = (5, 6) if flat else (5, 6, 7)
    array = np.zeros(shape, dtype)
    rng = np.random.default_rng(1)
    for name in dtype.names:
        array[name] = rng.integers(0, 255, shape)
    scan = io.read(make(tmp_path / "v.nii", array))
    expected = np.stack([array[name].T for name in "RGB"], -1)
    np.testing.assert_array_equal(scan.array, expected)
    assert scan.colour
    io.save(scan, tmp_path / "w.nii.gz")
    again = io.read(tmp_path / "w.nii.gz")
    np.testing.assert_array_equal(again.array, expected)
    assert nib.load(tmp_path / "w.nii.gz").header.get_data_dtype().names == ("R", "G", "B")


def test_equal_channels_are_grey(tmp_path):
    array = np.zeros((5, 6, 7), nib.nifti1.data_type_codes.dtype[128])
    for name in "RGB":
        array[name] = numbers()
    scan = io.read(make(tmp_path / "v.nii", array))
    assert not scan.colour
    np.testing.assert_array_equal(scan.array, numbers().T)


def test_a_displacement_is_no_colour(tmp_path):
    path = make(tmp_path / "v.nii", numbers((5, 6, 7, 1, 3), "float32"), intent_code=1007)
    with pytest.raises(SegadvError, match="3 values per pixel"):
        io.read(path)


@pytest.mark.parametrize(
    ("code", "says"),
    [(32, "complex"), (1792, "complex"), (1536, "128-bit"), (1, "single bits"), (0, "unknown")],
)
def test_other_numbers_are_named(tmp_path, code, says):
    with pytest.raises(SegadvError, match=f"holds .*{says}.*not intensities"):
        io.read(make(tmp_path / "v.nii", numbers(), datatype=code))


@pytest.mark.parametrize("units", [2, 3], ids=["mm", "micrometres"])
def test_a_qform_of_another_place_stays_as_it_was(tmp_path, units):
    """As after a registration: programs that go by the qform show the written image there too."""
    scanner = OBLIQUE.copy()
    scanner[:3, 3] += (40.0, -31.0, 12.0)
    image = nib.Nifti1Image(numbers(), OBLIQUE)
    image.set_qform(scanner, 1)
    image.set_sform(OBLIQUE, 2)
    image.header["xyzt_units"] = units
    nib.save(image, tmp_path / "v.nii.gz")
    scan = io.read(tmp_path / "v.nii.gz")
    assert any("mm apart; the sform is used" in note for note in scan.notes)
    io.save(replace(scan, array=scan.array + np.int16(1)), tmp_path / "w.nii.gz")
    header, factor = nib.load(tmp_path / "w.nii.gz").header, 1.0 if units == 2 else 1e-3
    assert (int(header["qform_code"]), int(header["sform_code"])) == (1, 2)
    scanner[:3] *= factor
    np.testing.assert_allclose(header.get_qform(), scanner, rtol=1e-4, atol=1e-5)
    assert io.read(tmp_path / "w.nii.gz").grid.same_as(scan.grid)
    # What lies elsewhere by now has one place.
    grid = replace(scan.grid, origin=tuple(o + 1 for o in scan.grid.origin))
    io.save(replace(scan, grid=grid), tmp_path / "u.nii.gz")
    moved = nib.load(tmp_path / "u.nii.gz").header
    np.testing.assert_allclose(moved.get_qform(), moved.get_sform(), rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("edited", ["", "1", "x y", "99 99", "0 0"])
def test_a_place_that_the_codes_can_not_give_is_written_all_the_same(tmp_path, edited):
    scan = io.read(make(tmp_path / "v.nii", numbers(), OBLIQUE))
    scan = replace(scan, meta={**scan.meta, "nifti_codes": edited})
    io.save(scan, tmp_path / "w.nii")
    assert io.read(tmp_path / "w.nii").grid.same_as(scan.grid)


def test_cal_min_and_cal_max_are_how_it_is_shown(tmp_path):
    path = make(tmp_path / "v.nii", numbers(), cal_min=20, cal_max=90)
    shown = io.read(path).presentation
    assert shown.limits == (20, 90)
    io.save(io.read(path), tmp_path / "w.nii.gz")
    assert io.read(tmp_path / "w.nii.gz").presentation == shown
    assert io.read(make(tmp_path / "u.nii", numbers())).presentation is None


def test_a_file_of_version_2_stays_one(tmp_path):
    scan = io.read(make(tmp_path / "v.nii", numbers(), kind=nib.Nifti2Image))
    io.save(scan, tmp_path / "w.nii")
    assert isinstance(nib.load(tmp_path / "w.nii"), nib.Nifti2Image)


def test_extensions_lie_before_the_pixels(tmp_path):
    image = nib.Nifti1Image(numbers(), SHIFT)
    image.header.extensions.append(nib.nifti1.Nifti1Extension(6, b"a comment" * 40))
    nib.save(image, tmp_path / "v.nii")
    same_as_nibabel(tmp_path / "v.nii")


@pytest.mark.parametrize("kind", [nib.AnalyzeImage, nib.Spm99AnalyzeImage, nib.Spm2AnalyzeImage])
def test_analyze(tmp_path, kind):
    affine = np.diag([-3.0, 2, 1.5, 1])
    nib.save(kind(numbers(), affine), tmp_path / "v.hdr")
    scan, image = io.read(tmp_path / "v.img"), nib.Spm2AnalyzeImage.load(tmp_path / "v.hdr")
    np.testing.assert_array_equal(scan.array, image.get_fdata().T)
    np.testing.assert_allclose(world(scan), image.affine, atol=1e-5)
    assert any("left" in note or ".mat" in note for note in scan.notes)


def test_half_a_pair(tmp_path):
    make(tmp_path / "v.img", numbers(), kind=nib.Nifti1Pair)
    (tmp_path / "v.img").rename(tmp_path / "w.img")
    for name in ("v.hdr", "w.img"):
        with pytest.raises(SegadvError, match="the other is missing"):
            io.read(tmp_path / name)


@pytest.mark.parametrize(
    ("fields", "says"),
    [
        ({"dim": [3, 5, 6, -7, 1, 1, 1, 1]}, "impossible size"),
        ({"dim": [0, 5, 6, 7, 1, 1, 1, 1]}, "size|header is invalid"),
        ({"dim": [9, 5, 6, 7, 1, 1, 1, 1]}, "size|header is invalid"),
        ({"datatype": 4242}, "unknown type"),
        ({"srow_x": [np.nan, 0, 0, 0]}, "NaN"),
        ({"srow_x": [0, 0, 0, 0]}, "length 0"),
        ({"pixdim": [1, 0, 1, 1, 1, 1, 1, 1], "sform_code": 0}, "size 0"),
        ({"vox_offset": -352}, "header is invalid"),
        ({"vox_offset": np.nan}, "header is invalid"),
        ({"vox_offset": 1e30}, "header is invalid"),
        ({"vox_offset": 4000}, "ends before its image"),
        ({"quatern_b": 5, "qform_code": 1, "sform_code": 0}, "header is invalid"),
        ({"dim": [3, 32000, 32000, 32000, 1, 1, 1, 1]}, "ends before its image"),
    ],
)
def test_a_header_that_contradicts_itself(tmp_path, fields, says):
    path = make(tmp_path / "v.nii", numbers(), **fields)
    with pytest.raises(SegadvError, match=says) as caught:
        io.read(path)
    assert "\n" not in str(caught.value)


def test_the_case_of_a_slope_of_0(tmp_path):
    path = make(tmp_path / "v.nii", numbers())
    blob = bytearray(path.read_bytes())
    struct.pack_into("<ff", blob, 112, 0.0, -1024.0)
    path.write_bytes(blob)
    np.testing.assert_array_equal(io.read(path).array, numbers().T)


def test_full_memory_is_no_fault_of_an_analyze_header(tmp_path, monkeypatch):
    nib.save(nib.Spm2AnalyzeImage(numbers(), np.eye(4)), tmp_path / "v.hdr")
    monkeypatch.setattr(nib.Spm2AnalyzeImage, "from_file_map", lambda _: bytes(1 << 62))
    with pytest.raises(SegadvError, match="v.hdr: needs more memory than there is"):
        io.read(tmp_path / "v.hdr")
