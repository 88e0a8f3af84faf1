"""What napari offers of the plugin: files that it opens and saves, samples, and menus."""

import shutil

import npe2
import numpy as np
import pytest
import SimpleITK as sitk
from clicks import idle
from helpers import disc_image, disc_labels, write_series
from napari.layers import Image, Labels
from panels import PANELS

from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.io.itk import image_of
from napari_segadv.samples import DEMO_SEED, phantom
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple, mask_tuple, scan_of
from napari_segadv.viewer.layers.places import placed_like, same_place
from napari_segadv.viewer.workbench.panel import TITLE as WORKBENCH

PLUGIN, TITLE = "napari-segadv", "Adversarial attacks on segmentation"
SHAPE = (4, 12, 10)
GRID = Grid(SHAPE, (2.5, 0.8, 0.7), (5.0, 20.0, -10.0), np.eye(3))
VOLUMES = ("*.nii", "*.nii.gz", "*.nrrd", "*.nhdr", "*.mha", "*.mhd", "*.hdr")
SERIES = ("*.dcm", "*.dicom", "*.ima")
# Names of DICOM files without an ending: on discs, and UIDs.
NAMES = ("I", "IM000001", "A0000000000000Z", "1.2.840.113619.2.55.3.17")
# What each ending can hold.
ENDINGS = {".nii.gz": 3, ".nii": 3, ".nrrd": 3, ".mha": 3, ".png": 2, ".tif": 2}


def contributed():
    npe2.PluginManager.instance().discover()
    return npe2.PluginManager.instance().get_manifest(PLUGIN).contributions


def stored():
    return np.random.default_rng(0).integers(0, 2000, SHAPE).astype(np.uint16)


def write(folder, pattern):
    """A file of a kind; its intensities are those of `stored` less 1024."""
    ending = pattern.removeprefix("*")
    if pattern in SERIES:
        return write_series(folder, stored(), names="{:03d}" + ending)[2]
    hu = stored().astype(np.int16) - 1024
    sitk.WriteImage(image_of(hu, GRID), str(folder / f"v{ending}"))
    return folder / f"v{ending}"


def test_every_pattern_and_ending_is_tried_here():
    (reader,) = contributed().readers
    endings = [pattern for pattern in reader.filename_patterns if "[" not in pattern]
    assert sorted(endings) == sorted((*VOLUMES, *SERIES))
    *single, together = contributed().writers
    for writer in single:
        assert sorted(writer.filename_extensions) == sorted((*ENDINGS, ".dcm"))
    # Tried in layers/test_structure_layers.py; no other format holds a map for each structure.
    assert together.filename_extensions == [".nii.gz"]


@pytest.mark.parametrize("pattern", [*VOLUMES, *SERIES])
def test_a_file_of_each_kind_is_opened_by_its_name(make_napari_viewer, tmp_path, pattern):
    viewer = make_napari_viewer()
    # napari asks the reader only where a pattern of its fits the name.
    (layer,) = viewer.open(write(tmp_path, pattern), plugin=PLUGIN)
    assert isinstance(layer, Image)
    np.testing.assert_array_equal(layer.data, stored().astype(int) - 1024)
    for index in ((0, 0, 0), (3, 2, 7)):
        np.testing.assert_allclose(layer.data_to_world(index), (GRID.affine @ [*index, 1])[:3])
    assert scan_of(layer).units == "HU"
    assert scan_of(layer).grid.same_as(GRID)


@pytest.mark.parametrize("name", NAMES)
def test_dicom_without_an_ending_is_opened(make_napari_viewer, tmp_path, name):
    made = write_series(tmp_path, stored(), names="{:03d}.dcm")[2]
    # A single slice, so that its neighbours need no such names.
    lone = tmp_path / "lone" / name
    lone.parent.mkdir()
    shutil.copy(made, lone)
    viewer = make_napari_viewer()
    (layer,) = viewer.open(lone, plugin=PLUGIN)
    np.testing.assert_array_equal(np.squeeze(layer.data), stored()[2].astype(int) - 1024)


@pytest.mark.parametrize(("ending", "dims"), ENDINGS.items())
def test_images_and_labels_are_saved_with_each_ending(make_napari_viewer, tmp_path, ending, dims):
    viewer = make_napari_viewer()
    if dims == 3:
        grid = Grid(SHAPE, (2.5, 0.8, 0.7), (5.0, 20.0, -10.0), np.diag([1.0, -1.0, -1.0]))
        scan = Scan(stored().astype(np.int16) - 1024, grid, "HU", Storage("int16"))
        labels = np.zeros(SHAPE, np.uint8)
        labels[1:3, 3:9, 2:8] = 2
    else:
        scan, labels = Scan.from_array(disc_image()), disc_labels()
    data, keywords, _ = image_tuple(scan, "image")
    image = viewer.add_image(data, **keywords)
    data, keywords, _ = mask_tuple(Mask(labels, scan.grid), "labels")
    mask = viewer.add_labels(data, **keywords)
    for layer, read, reopened in ((image, io.read, Image), (mask, io.read_mask, Labels)):
        path = tmp_path / f"{layer.name}{ending}"
        assert layer.save(str(path), plugin=PLUGIN) == [str(path)]
        back = read(path)
        np.testing.assert_array_equal(back.array, layer.data)
        assert back.array.dtype == layer.data.dtype
        assert back.grid.same_as(scan.grid)
        if dims == 3:
            (again,) = viewer.open(path, plugin=PLUGIN)
            assert isinstance(again, reopened)
            np.testing.assert_array_equal(again.data, layer.data)


def test_what_lies_on_a_series_is_saved_as_dicom(make_napari_viewer, tmp_path, band_victim):
    """File > Save of an adversarial image: a derived series that lies on the clean one."""
    viewer = make_napari_viewer()
    write_series(tmp_path / "clean", stored())
    (clean,) = viewer.open(tmp_path / "clean", plugin=PLUGIN)
    adversarial = viewer.add_image(clean.data + 3, name="x", **placed_like(clean))
    labels = np.zeros(SHAPE, np.uint8)
    labels[1:3, 3:9, 2:8] = 2
    painted = viewer.add_labels(labels, **placed_like(clean))
    painted.features = {"index": [0, 1, 2], "class": ["background", "liver", "spleen"]}
    (folder,) = adversarial.save(str(tmp_path / "x.dcm"), plugin=PLUGIN)
    assert folder == str(tmp_path / "x")
    (path,) = painted.save(str(tmp_path / "seg.dcm"), plugin=PLUGIN)
    (again,) = viewer.open(folder, plugin=PLUGIN)
    np.testing.assert_array_equal(again.data, adversarial.data)
    assert same_place(again, clean)
    mask = io.read_mask(path, scan_of(clean).grid)
    np.testing.assert_array_equal(mask.array, labels)
    assert mask.classes[2] == "spleen"
    with pytest.raises(SegadvError, match="lies on no open image that was read from DICOM"):
        viewer.add_image(np.zeros((3, 4, 5))).save(str(tmp_path / "no.dcm"), plugin=PLUGIN)


def menu_of(menu, title):
    """A menu within another one, as it is when it is opened."""
    menu.aboutToShow.emit()
    return next(a.menu() for a in menu.actions() if a.text() == title and a.menu() is not None)


def test_every_entry_of_the_plugins_menu_docks_its_panel(window, qtbot):
    menu = menu_of(window.window.plugins_menu, TITLE)
    menu.aboutToShow.emit()
    actions = {action.text(): action for action in menu.actions()}
    assert actions.keys() == {WORKBENCH, *PANELS}
    declared = {w.display_name: w.command for w in contributed().widgets}
    assert next(iter(declared)) == WORKBENCH
    # The workbench last, since it takes all others.
    for action in [*map(actions.get, PANELS), actions[WORKBENCH]]:
        action.trigger()
        panel = window.window.dock_widgets[f"{action.text()} ({TITLE})"]
        qtbot.waitUntil(panel.isVisible)
        command = contributed().commands
        made = next(c.python_name for c in command if c.id == declared[action.text()])
        assert made == f"{type(panel).__module__}:{type(panel).__name__}"
    idle(qtbot, Controller.of(window))


def test_every_sample_of_the_file_menu_is_the_phantom_of_its_name(make_napari_viewer):
    viewer = make_napari_viewer()
    menu = menu_of(menu_of(viewer.window.file_menu, "Open Sample"), TITLE)
    menu.aboutToShow.emit()
    actions = {action.text(): action for action in menu.actions()}
    samples = {sample.display_name: sample.key for sample in contributed().sample_data}
    assert actions.keys() == samples.keys()
    for title, key in samples.items():
        actions[title].trigger()
        layer, (scan, _) = viewer.layers[-1], phantom(key, DEMO_SEED)
        np.testing.assert_array_equal(layer.data, scan.array)
        assert layer.data.dtype == scan.array.dtype
        assert layer.name == scan.meta["title"]
        assert scan_of(layer).same_as(scan)
        assert scan_of(layer).units == scan.units
    assert len(viewer.layers) == len(samples)


def test_with_two_patients_open_nothing_is_saved_under_the_other_name(make_napari_viewer, tmp_path):
    viewer = make_napari_viewer()
    for name in ("a", "b"):
        write_series(tmp_path / name, stored())
    first, second = (viewer.open(tmp_path / name, plugin=PLUGIN)[0] for name in ("a", "b"))
    unknown = viewer.add_image(second.data + 3, **placed_like(second))
    with pytest.raises(SegadvError, match="lies on several open DICOM images"):
        unknown.save(str(tmp_path / "no.dcm"), plugin=PLUGIN)
    # A layer that knows its image is saved as a part of it.
    own = scan_of(second)
    data, keywords, _ = image_tuple(own.derived_from(own))
    adversarial = viewer.add_image(data, **keywords)
    (folder,) = adversarial.save(str(tmp_path / "x.dcm"), plugin=PLUGIN)
    assert io.read(folder).meta["series"] != scan_of(first).meta["series"]
    second.affine = np.eye(4)
    with pytest.raises(SegadvError, match="lies on"):
        second.save(str(tmp_path / "moved.dcm"), plugin=PLUGIN)
