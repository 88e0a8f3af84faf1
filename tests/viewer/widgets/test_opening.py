"""Images that are dropped on a window with our panel: read by us, without a question."""

import dicom_sources as made
import numpy as np
import pytest
from clicks import drained
from helpers import disc_image
from napari.settings import get_settings
from PIL import Image as Picture
from qtpy.QtWidgets import QApplication, QDialog

from napari_segadv import io
from napari_segadv.data.scan import Scan
from napari_segadv.viewer.layers.convert import scan_of


def dropped(window, qtbot, path):
    """Drop a file on the window, as napari's canvas does it; return its layer."""
    before = set(window.layers)
    window.window._qt_viewer._qt_open([str(path)], stack=False)
    drained(qtbot)
    assert not [
        w for w in QApplication.topLevelWidgets() if isinstance(w, QDialog) and w.isVisible()
    ]
    (layer,) = set(window.layers) - before
    return layer


def grey_png(path):
    Picture.fromarray(disc_image()).convert("RGB").save(path)


def rotated_jpeg(path):
    picture = Picture.fromarray(np.dstack([disc_image(), disc_image()[::-1], disc_image()]))
    exif = Picture.Exif()
    exif[0x0112] = 6
    picture.save(path, exif=exif, quality=95)


FILES = {
    "grey.png": lambda path: Picture.fromarray(disc_image()).save(path),
    "rgb.png": grey_png,
    "turned.jpg": rotated_jpeg,
    "wide.tif": lambda path: io.save(Scan.from_array(disc_image().astype(np.uint16) * 16), path),
    "ct.nii.gz": lambda path: io.save(
        Scan.from_array(np.arange(4 * 6 * 8, dtype=np.int16).reshape(4, 6, 8), (3.0, 1.0, 0.5)),
        path,
    ),
    "dx.dcm": lambda path: made.xray(path, made.stored_volume((1, 40, 50))[0]),
}


@pytest.mark.parametrize("name", FILES)
def test_what_is_dropped_is_read_by_us(window, panel, qtbot, tmp_path, name):
    FILES[name](tmp_path / name)
    layer = dropped(window, qtbot, tmp_path / name)
    scan, read = scan_of(layer), io.read(tmp_path / name)
    assert scan.path == tmp_path / name
    np.testing.assert_array_equal(layer.data, read.array)
    assert layer.rgb == read.colour
    if not read.colour:
        assert tuple(layer.contrast_limits) == read.shown.limits
    np.testing.assert_allclose(scan.grid.spacing, read.grid.spacing)


def test_what_was_open_before_the_panel_is_read_again(window, qtbot, tmp_path):
    grey_png(tmp_path / "x.png")
    (layer,) = window.open(tmp_path / "x.png", plugin="napari")
    assert layer.rgb
    window.window.add_plugin_dock_widget("napari-segadv", "Runs")
    drained(qtbot)
    (layer,) = window.layers
    assert not layer.rgb
    assert scan_of(layer).path == tmp_path / "x.png"


def test_what_we_can_not_read_stays_as_napari_has_it(window, panel, qtbot, tmp_path):
    pages = [Picture.fromarray(disc_image()), Picture.fromarray(disc_image()[::-1])]
    pages[0].save(tmp_path / "pages.gif", save_all=True, append_images=pages[1:])
    layer = dropped(window, qtbot, tmp_path / "pages.gif")
    assert layer in window.layers


def test_a_users_choice_of_reader_stays(window, qtbot):
    chosen = {"*.nii": "napari"}
    get_settings().plugins.extension2reader = dict(chosen)
    window.window.add_plugin_dock_widget("napari-segadv", "Runs")
    found = get_settings().plugins.extension2reader
    assert found["*.nii"] == "napari"
    assert found["*.nrrd"] == "napari-segadv"


def test_pixels_and_contrast_that_were_changed_before_stay(window, qtbot, tmp_path):
    FILES["grey.png"](tmp_path / "a.png")
    FILES["grey.png"](tmp_path / "b.png")
    (changed,) = window.open(tmp_path / "a.png", plugin="napari")
    (dimmed,) = window.open(tmp_path / "b.png", plugin="napari")
    changed.data = changed.data[::-1]
    dimmed.contrast_limits = (20, 90)
    window.window.add_plugin_dock_widget("napari-segadv", "Runs")
    drained(qtbot)
    np.testing.assert_array_equal(changed.data, disc_image()[::-1])
    assert scan_of(dimmed).path == tmp_path / "b.png"
    assert tuple(dimmed.contrast_limits) == (20, 90)
