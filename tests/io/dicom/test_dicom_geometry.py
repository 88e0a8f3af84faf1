"""Where DICOM slices and frames lie, held against SimpleITK, and what is refused."""

import numpy as np
import pydicom
import pytest
import SimpleITK as sitk
from dicoms import ENHANCED_CT, enhanced, image, item, save, slices

from napari_segadv import io
from napari_segadv.data.scan import Grid
from napari_segadv.errors import SegadvError

RNG = np.random.default_rng(5)
VOLUME = RNG.integers(0, 3000, (6, 12, 10)).astype(np.uint16)
CORONAL = (1.0, 0.0, 0.0, 0.0, 0.0, -1.0)
SAGITTAL = (0.0, 1.0, 0.0, 0.0, 0.0, -1.0)
OBLIQUE = (0.8660254, 0.5, 0.0, -0.4330127, 0.75, 0.5)
DIAGONAL = (1.0, 0.0, 0.0, 0.0, 0.7071068, -0.7071068)


def by_itk(folder):
    reader = sitk.ImageSeriesReader()
    reader.SetFileNames(reader.GetGDCMSeriesFileNames(str(folder)))
    found = reader.Execute()
    direction = np.array(found.GetDirection()).reshape(3, 3)[::-1, ::-1]
    grid = Grid(
        found.GetSize()[::-1],
        found.GetSpacing()[::-1],
        found.GetOrigin()[::-1],
        np.ascontiguousarray(direction),
    )
    return sitk.GetArrayFromImage(found), grid


@pytest.mark.parametrize("orientation", [(1, 0, 0, 0, 1, 0), CORONAL, SAGITTAL, OBLIQUE], ids=str)
@pytest.mark.parametrize("step", [2.5, -2.5])
def test_a_series_lies_where_itk_has_it(tmp_path, orientation, step):
    slices(tmp_path, VOLUME, orientation=tuple(map(float, orientation)), step=step)
    scan = io.read(tmp_path)
    array, grid = by_itk(tmp_path)
    np.testing.assert_array_equal(scan.array, array)
    assert scan.grid.same_as(grid)
    assert scan.grid.physical


def test_positions_that_are_rounded(tmp_path):
    files = slices(tmp_path, VOLUME, step=0.625)
    for file in files:
        ds = pydicom.dcmread(file)
        ds.ImagePositionPatient = [round(float(mm), 1) for mm in ds.ImagePositionPatient]
        save(ds, file)
    assert io.read(tmp_path).grid.spacing[0] == pytest.approx(0.62, abs=0.01)


@pytest.mark.parametrize(
    ("skip", "says"),
    [
        ((3,), "its slices are 2.5 mm apart, but 5 mm between 002.dcm and 004.dcm"),
        ((1, 2), "its slices are 2.5 mm apart, but 7.5 mm between 000.dcm and 003.dcm"),
    ],
)
def test_missing_slices_are_refused(tmp_path, skip, says):
    files = slices(tmp_path, VOLUME)
    for n in skip:
        files[n].unlink()
    for path in (tmp_path, files[-1]):
        with pytest.raises(SegadvError) as refusal:
            io.read(path)
        assert says in str(refusal.value)
    assert io.read(f"{files[-1]}::file").array.shape == (12, 10)


def test_two_slices_at_one_position_are_refused(tmp_path):
    files = slices(tmp_path, VOLUME)
    (tmp_path / "copy.dcm").write_bytes(files[2].read_bytes())
    with pytest.raises(SegadvError, match=r"002.dcm and copy.dcm lie at one position"):
        io.read(tmp_path)


def test_slices_that_are_uneven_are_refused(tmp_path):
    files = slices(tmp_path, VOLUME)
    for n in (3, 4, 5):
        ds = pydicom.dcmread(files[n])
        ds.ImagePositionPatient[2] += 0.9 * (n - 2)
        save(ds, files[n])
    with pytest.raises(SegadvError, match=r"its slices are 3.4 mm apart, but 2.5 mm between"):
        io.read(tmp_path)


def test_slices_of_another_orientation_are_refused(tmp_path):
    files = slices(tmp_path, VOLUME)
    ds = pydicom.dcmread(files[5])
    ds.ImageOrientationPatient = list(CORONAL)
    save(ds, files[5])
    with pytest.raises(SegadvError) as refusal:
        io.read(tmp_path)
    assert "2 = CT, series 1, 1 image of 12 x 10, coronal, unlike the rest of its" in str(
        refusal.value
    )
    with pytest.raises(SegadvError, match="its series holds slices that do not fit together"):
        io.read(files[0])
    assert io.read(f"{tmp_path}::1").array.shape == (5, 12, 10)


def tilted(folder, degrees=15.0, shape=(9, 40, 30)):
    """A slanted bright column in a phantom whose slices are shifted as by a tilted gantry."""
    turned = np.radians(degrees)
    orientation = (1.0, 0.0, 0.0, 0.0, float(np.cos(turned)), float(-np.sin(turned)))
    normal = np.cross(orientation[:3], orientation[3:])
    # The table moves along z: the step has a part along the normal and one along the columns.
    along = 4.0 * normal[2]
    aside = np.array([0.0, 0.0, 4.0]) - along * normal
    z, y, x = np.mgrid[tuple(slice(n) for n in shape)]
    column, row = np.array(orientation[3:]), np.array(orientation[:3])
    places = x[..., None] * row + y[..., None] * column + z[..., None] * (along * normal + aside)
    values = 1000 + 20 * places @ np.array([1.0, 2.0, 3.0])
    volume = np.rint(values).astype(np.uint16)
    files = slices(
        folder, volume, orientation=orientation, origin=(0.0, 0.0, 0.0), step=along,
        shear=aside, spacing=(1.0, 1.0),
    )  # fmt: skip
    return volume, files


def test_a_tilted_gantry_is_refused_by_name(tmp_path):
    _, files = tilted(tmp_path)
    for path in (tmp_path, files[3]):
        with pytest.raises(SegadvError) as refusal:
            io.read(path)
        assert "its gantry was tilted by 15.0 degrees" in str(refusal.value)
        assert f"{path}::straighten to have the slices resampled" in str(refusal.value)
    assert io.read(f"{files[3]}::file").grid.ndim == 2


def test_a_tilted_gantry_is_resampled_on_request(tmp_path):
    _, files = tilted(tmp_path)
    scan = io.read(f"{tmp_path}::straighten")
    assert scan.meta["straightened"] == pytest.approx(15.0, abs=0.01)
    assert any("resampled to right angles by SimpleITK" in note for note in scan.notes)
    # The phantom's values say where a voxel lies: x + 2 y + 3 z, 20 a mm.
    index = np.stack(np.mgrid[tuple(slice(n) for n in scan.array.shape)], -1).reshape(-1, 3)
    world = index @ (scan.grid.direction * scan.grid.spacing).T + np.array(scan.grid.origin)
    wanted = 1000 - 1024 + 20 * (world @ [3.0, 2.0, 1.0]).reshape(scan.array.shape)
    inside = scan.array > scan.array.min()
    assert inside.mean() > 0.6
    off = np.abs(scan.array - wanted)[inside]
    # Rounded twice; at its rim the phantom meets what no slice covers.
    assert np.percentile(off, 97) < 1
    np.testing.assert_array_equal(io.read(f"{files[0]}::straighten").array, scan.array)


def test_straight_slices_are_not_straightened(tmp_path):
    slices(tmp_path, VOLUME)
    with pytest.raises(SegadvError, match="its slices are not tilted; remove straighten"):
        io.read(f"{tmp_path}::straighten")


def test_a_single_oblique_slice_is_an_image(tmp_path):
    (file,) = slices(tmp_path, VOLUME[:1], modality="MR", orientation=OBLIQUE)
    scan = io.read(file)
    assert scan.grid.shape == (12, 10)
    assert scan.grid.spacing == (0.8, 0.7)
    np.testing.assert_array_equal(io.read(tmp_path).array, scan.array)


@pytest.mark.parametrize("orientation", [CORONAL, SAGITTAL, OBLIQUE, DIAGONAL])
@pytest.mark.parametrize("flipped", [False, True])
def test_a_mask_of_one_slice_lies_on_it_however_its_rows_are_stored(tmp_path, orientation, flipped):
    (file,) = slices(tmp_path / "dicom", VOLUME[:1], modality="MR", orientation=orientation)
    scan, placed = io.read(file), sitk.ReadImage(file)
    labels = np.zeros((1, 12, 10), np.uint8)
    labels[0, 1:3, 2:9] = 1
    image = sitk.GetImageFromArray(labels)
    image.CopyInformation(placed)
    if flipped:
        # ITK turns the origin and the direction with the rows.
        image = sitk.Flip(image, [False, True, False])
    for name in ("m.nrrd", "m.nii.gz"):
        sitk.WriteImage(image, tmp_path / name)
        np.testing.assert_array_equal(
            io.read_mask(tmp_path / name, scan.grid).array, labels[0], err_msg=name
        )


@pytest.mark.parametrize(
    ("elements", "spacing", "note"),
    [
        ({"PixelSpacing": [0.2, 0.3]}, (0.2, 0.3), ""),
        ({"ImagerPixelSpacing": [0.2, 0.3]}, (0.2, 0.3), "at the detector"),
        (
            {"PixelSpacing": [0.1, 0.15], "ImagerPixelSpacing": [0.2, 0.3]},
            (0.1, 0.15),
            "the calibrated one (PixelSpacing)",
        ),
        (
            {"ImagerPixelSpacing": [0.2, 0.3], "EstimatedRadiographicMagnificationFactor": "1.25"},
            (0.16, 0.24),
            "divided by the magnification that the header estimates (1.25)",
        ),
        ({"NominalScannedPixelSpacing": [0.2, 0.3]}, (0.2, 0.3), "of the scanned film"),
        ({"PixelSpacing": [0, 0], "ImagerPixelSpacing": [0.2, 0.3]}, (0.2, 0.3), "at the detector"),
    ],
)
@pytest.mark.parametrize("modality", ["DX", "MG", "CR"])
def test_spacing_of_projections(tmp_path, modality, elements, spacing, note):
    scan = io.read(save(image(VOLUME[0], modality, 12, **elements), tmp_path / "x.dcm"))
    np.testing.assert_allclose(scan.grid.spacing, spacing)
    assert scan.grid.physical
    assert [n for n in scan.notes if "spacing" in n] == [n for n in scan.notes if note in n]
    assert not note or any(note in n for n in scan.notes)


def test_a_projection_without_spacing_has_no_geometry(tmp_path):
    assert not io.read(save(image(VOLUME[0], "DX", 12), tmp_path / "x.dcm")).grid.physical


@pytest.mark.parametrize("sop_class", [ENHANCED_CT, "1.2.840.10008.5.1.4.1.1.4.1"])
def test_an_enhanced_image_is_sorted_and_rescaled(tmp_path, sop_class):
    order = [3, 0, 5, 1, 4, 2]
    slopes = [(1.0 + z, -3.0 * z) for z in range(6)]
    ds = enhanced(VOLUME, order, slopes, sop_class)
    path = save(ds, tmp_path / "x.dcm")
    scan = io.read(path)
    wanted = VOLUME * np.arange(1.0, 7)[:, None, None] - 3.0 * np.arange(6)[:, None, None]
    np.testing.assert_array_equal(scan.array, wanted)
    np.testing.assert_allclose(scan.grid.spacing, (3.0, 0.8, 0.7))
    np.testing.assert_allclose(scan.grid.origin, (5.0, 20.0, -10.0))
    assert scan.meta["frames"] == (1, 3, 5, 0, 4, 2)
    assert scan.presentation.limits == (300.0, 699.0)
    np.testing.assert_array_equal(io.read(tmp_path).array, scan.array)


def test_an_enhanced_image_with_one_rescale_keeps_its_type(tmp_path):
    path = save(enhanced(VOLUME, slopes=[(1, -1024)] * 6), tmp_path / "x.dcm")
    scan = io.read(path)
    assert scan.array.dtype == np.int16
    np.testing.assert_array_equal(scan.array, VOLUME.astype(int) - 1024)


def test_an_enhanced_image_of_two_echoes_is_a_choice(tmp_path):
    both = np.concatenate([VOLUME, VOLUME[::-1] + 1])
    ds = enhanced(both)
    for n, frame in enumerate(ds.PerFrameFunctionalGroupsSequence):
        frame.PlanePositionSequence[0].ImagePositionPatient[2] = 5.0 + 3.0 * (n % 6)
        frame.MREchoSequence = item(EffectiveEchoTime=10.0 if n < 6 else 30.0)
    path = save(ds, tmp_path / "x.dcm")
    with pytest.raises(SegadvError, match=r"1 = .*echo time 10.0.*2 = .*echo time 30.0"):
        io.read(path)
    np.testing.assert_array_equal(io.read(f"{path}::2").array, both[6:])


def test_enhanced_images_of_one_frame_each_are_a_volume(tmp_path):
    uid = pydicom.uid.generate_uid()
    for z in range(6):
        ds = enhanced(VOLUME, [z], SeriesInstanceUID=uid, StudyInstanceUID=uid)
        ds.InstanceNumber = z + 1
        save(ds, tmp_path / f"{z}.dcm")
    np.testing.assert_array_equal(io.read(tmp_path / "3.dcm").array, VOLUME)


@pytest.mark.parametrize("modality", ["US", "XA"])
def test_frames_without_a_place_are_a_choice(tmp_path, modality):
    path = save(image(VOLUME, modality, 12, PixelSpacing=[0.3, 0.4]), tmp_path / "film.dcm")
    with pytest.raises(SegadvError) as refusal:
        io.read(path)
    assert str(refusal.value) == (
        f"{path}: holds 6 frames without a place of their own; choose one, {path}::1 to {path}::6"
    )
    scan = io.read(f"{path}::3")
    np.testing.assert_array_equal(scan.array, VOLUME[2])
    assert scan.grid.spacing == (0.3, 0.4)
    with pytest.raises(SegadvError, match="holds 6 frames, not one called 7; choose one"):
        io.read(f"{path}::7")
