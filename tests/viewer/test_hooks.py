"""Reader, writers and samples as napari calls them."""

import dicoms
import npe2
import numpy as np
import pydicom
import pytest
from helpers import disc_image, disc_labels, write_series
from modal import answered
from qtpy.QtWidgets import QInputDialog

from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask, Scan, Storage


def series_folder(folder, count=1):
    """DICOM series in one folder."""
    stored = np.random.default_rng(0).integers(0, 2000, (4, 12, 10)).astype(np.uint16)
    for n in range(count):
        write_series(folder, stored[: 4 - n], description=f"series {n}", names=f"{n}-{{:03d}}.dcm")
    return stored.astype(int) - 1024


def test_a_nifti_dropped_on_napari(window, ct, tmp_path):
    io.save(ct, tmp_path / "ct.nii.gz")
    (layer,) = window.open(tmp_path / "ct.nii.gz", plugin="napari-segadv")
    np.testing.assert_array_equal(layer.data, ct.array)
    np.testing.assert_allclose(layer.data_to_world((1, 2, 3)), (ct.grid.affine @ [1, 2, 3, 1])[:3])
    assert tuple(layer.contrast_limits) == (-160, 240)


def test_a_label_map_dropped_on_napari(window, ct, tmp_path):
    labels = np.zeros(ct.grid.shape, np.uint8)
    labels[5:9, 5:9, 5:9] = 3
    io.save_mask(Mask(labels, ct.grid), tmp_path / "seg.nii.gz")
    (layer,) = window.open(tmp_path / "seg.nii.gz", plugin="napari-segadv")
    assert layer._type_string == "labels"
    np.testing.assert_array_equal(layer.data, labels)


def test_a_dicom_folder_dropped_on_napari(window, tmp_path):
    hu = series_folder(tmp_path / "s")
    (layer,) = window.open(tmp_path / "s", plugin="napari-segadv")
    np.testing.assert_array_equal(layer.data, hu)
    assert tuple(layer.contrast_limits) == (-160, 239)


def test_a_folder_of_several_series_asks(window, tmp_path, qtbot):
    hu = series_folder(tmp_path / "s", count=2)
    seen = []

    def choose(dialog):
        seen.extend(dialog.comboBoxItems())
        dialog.setTextValue(seen[1])
        dialog.accept()

    with answered(qtbot, QInputDialog, choose):
        (layer,) = window.open(tmp_path / "s", plugin="napari-segadv")
    assert seen == [
        "1. CT, series 1, series 0, 4 slices of 12 x 10, axial",
        "2. CT, series 1, series 1, 3 slices of 12 x 10, axial",
    ]
    np.testing.assert_array_equal(layer.data, hu[:3])


def test_a_tilted_gantry_is_offered_resampled(window, tmp_path, qtbot):
    hu = series_folder(tmp_path / "s")
    for n, file in enumerate(sorted((tmp_path / "s").iterdir())):
        ds = pydicom.dcmread(file)
        ds.ImagePositionPatient[1] += n
        ds.save_as(file)
    seen = []

    def choose(dialog):
        seen.extend(dialog.comboBoxItems())
        dialog.accept()

    with answered(qtbot, QInputDialog, choose):
        (layer,) = window.open(tmp_path / "s", plugin="napari-segadv")
    (text,) = seen
    assert text.endswith("axial, tilted by 21.8 degrees, resampled to right angles")
    assert layer.data.shape == (4, 16, 10)
    np.testing.assert_array_equal(layer.data[0, :12], hu[0])


def test_frames_of_a_film_are_asked_for(window, tmp_path, qtbot):
    frames = np.random.default_rng(0).integers(0, 255, (3, 12, 10)).astype(np.uint8)
    path = dicoms.save(dicoms.image(frames, "US"), tmp_path / "film")
    with answered(qtbot, QInputDialog, lambda dialog: dialog.accept()):
        (layer,) = window.open(path, plugin="napari-segadv")
    np.testing.assert_array_equal(layer.data, frames[0])


@pytest.mark.parametrize(
    "name", ["IM0001", "I", "17106", "1.2.840.113619.2.55.3", "CT.1.3.12.2.1107.5", "x.dcm"]
)
def test_files_without_an_ending_are_offered_to_the_reader(name):
    manager = npe2.PluginManager.instance()
    readers = {reader.plugin_name for reader in manager.iter_compatible_readers(f"/data/{name}")}
    assert "napari-segadv" in readers


def test_paths_that_are_not_ours(tmp_path):
    from napari_segadv.viewer.hooks import get_reader

    (tmp_path / "empty").mkdir()
    assert get_reader(str(tmp_path / "empty")) is None
    assert get_reader("notes.txt") is None
    assert get_reader(["a.nii.gz", "b.nii.gz"]) is not None


@pytest.mark.parametrize("key", ["chest-xray", "abdomen-ct", "fundus", "fundus-grade", "endoscopy"])
def test_samples(window, key):
    (layer,) = window.open_sample("napari-segadv", key)
    assert layer.rgb == (key in ("fundus", "fundus-grade", "endoscopy"))
    assert layer.ndim == (3 if key == "abdomen-ct" else 2)


def test_an_image_is_saved_with_its_geometry_and_type(window, ct, tmp_path):
    io.save(ct, tmp_path / "ct.nii.gz")
    (layer,) = window.open(tmp_path / "ct.nii.gz", plugin="napari-segadv")
    layer.save(str(tmp_path / "again.nii.gz"), plugin="napari-segadv")
    back = io.read(tmp_path / "again.nii.gz")
    assert back.storage.dtype == "int16"
    assert back.grid.same_as(ct.grid)
    np.testing.assert_array_equal(back.array, ct.array)


def test_painted_labels_are_saved_with_the_images_geometry(window, ct, tmp_path):
    io.save_mask(Mask(np.ones(ct.grid.shape, np.uint8), ct.grid), tmp_path / "m.nii.gz")
    (layer,) = window.open(tmp_path / "m.nii.gz", plugin="napari-segadv")
    layer.data[2, 3, 4] = 5
    layer.save(str(tmp_path / "painted.nii.gz"), plugin="napari-segadv")
    back = io.read_mask(tmp_path / "painted.nii.gz")
    assert back.array[2, 3, 4] == 5
    assert back.grid.same_as(ct.grid)


def test_layers_from_elsewhere_are_saved_too(window, tmp_path):
    image = window.add_image(disc_image(), scale=(2.0, 3.0))
    image.save(str(tmp_path / "i.nii.gz"), plugin="napari-segadv")
    assert io.read(tmp_path / "i.nii.gz").grid.spacing == (2.0, 3.0)
    labels = window.add_labels(disc_labels())
    labels.save(str(tmp_path / "l.png"), plugin="napari-segadv")
    np.testing.assert_array_equal(io.read_mask(tmp_path / "l.png").array, disc_labels())


def test_a_scaled_nifti_keeps_its_scaling(window, tmp_path):
    grid = Grid((3, 4, 5), (1.0, 1.0, 1.0), (0.0, 0.0, 0.0), np.eye(3))
    array = (np.arange(60).reshape(3, 4, 5) * 0.5).astype(np.float32)
    io.save(Scan(array, grid, "grey level", Storage("int16", 0.5)), tmp_path / "s.nii.gz")
    (layer,) = window.open(tmp_path / "s.nii.gz", plugin="napari-segadv")
    layer.save(str(tmp_path / "t.nii.gz"), plugin="napari-segadv")
    assert io.read(tmp_path / "t.nii.gz").storage == Storage("int16", 0.5)
