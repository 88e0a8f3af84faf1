"""Level and width in the Compare panel: small numbers, halves, colours, and the number keys."""

import numpy as np
import pytest
from clicks import click
from compare_window import press, show
from helpers import disc_image
from qtpy.QtCore import Qt


@pytest.fixture
def section(window):
    """The panel's part for the window."""
    panel = window.window.add_plugin_dock_widget("napari-segadv", "Compare")[1]
    return panel.window_section


def typed(qtbot, box, text):
    """Real keys into a box, and Enter."""
    box.setFocus()
    box.selectAll()
    qtbot.keyClicks(box, text)
    qtbot.keyClick(box, Qt.Key_Return)


def test_small_numbers_are_shown_and_kept(window, section, qtbot):
    image = window.add_image(disc_image() * np.float32(4e-7), name="small")
    image.contrast_limits = (2e-5, 8e-5)
    assert section.level.value() == pytest.approx(5e-5, rel=1e-3)
    assert section.width_box.value() == pytest.approx(6e-5, rel=1e-3)
    typed(qtbot, section.width_box, "0.00004")
    np.testing.assert_allclose(image.contrast_limits, (3e-5, 7e-5), rtol=1e-3)
    typed(qtbot, section.level, "0.00006")
    np.testing.assert_allclose(image.contrast_limits, (4e-5, 8e-5), rtol=1e-3)
    assert section.level.value() == pytest.approx(6e-5, rel=1e-3)
    assert section.width_box.value() == pytest.approx(4e-5, rel=1e-3)


@pytest.mark.parametrize("limits", [(1.23e-5, 9.87e-5), (1.0e-4, 1.01e-4), (-3.3e-4, 7.1e-4)])
def test_what_is_typed_into_one_box_leaves_the_other(window, section, qtbot, limits):
    image = window.add_image(disc_image() * np.float32(4e-7), name="small")
    image.contrast_limits = limits
    low, high = limits
    width, level = high - low, (low + high) / 2
    for box in (section.level, section.width_box):
        # The very same again.
        typed(qtbot, box, box.text())
        np.testing.assert_allclose(image.contrast_limits, limits, atol=0.01 * width)
    typed(qtbot, section.width_box, f"{2 * width:.9f}")
    expected = (level - width, level + width)
    np.testing.assert_allclose(image.contrast_limits, expected, atol=0.02 * width)


def test_a_level_between_two_numbers_is_shown_as_it_is(window, section, qtbot, flat):
    image, adversarial = show(window, flat)
    assert section.level.text() == "127.5"
    assert section.level.value() == 127.5
    assert section.width_box.value() == 255
    typed(qtbot, section.width_box, "100")
    for layer in (image, adversarial):
        assert tuple(layer.contrast_limits) == (77.5, 177.5)
    assert section.level.text() == "127.5"


def test_a_colour_image_has_no_numbers(window, section, qtbot):
    grey = window.add_image(disc_image(), name="grey")
    colour = window.add_image(np.dstack([disc_image()] * 3), rgb=True, name="colour")
    for layer, shown in ((colour, False), (grey, True), (colour, False)):
        window.layers.selection.active = layer
        for box, text in ((section.level, "127.5"), (section.width_box, "255.0")):
            assert box.text() == (text if shown else "")
            assert box.isEnabled() == shown
    assert section.note.isVisible()


def test_of_an_x_ray_the_numbers_stay_the_labels_own(window, section, qtbot, flat):
    image, adversarial = show(window, flat)
    labels = window.add_labels(np.zeros((48, 64), np.uint8), name="mine")
    image.contrast_limits = (40, 90)
    window.layers.selection.active = labels
    # napari's own keys: erase, paint, fill, pick, pan and zoom.
    keys = {"1": "erase", "2": "paint", "4": "fill", "5": "pick", "6": "pan_zoom"}
    for key, mode in keys.items():
        press(qtbot, window, getattr(Qt, f"Key_{key}"))
        assert labels.mode == mode
    assert tuple(image.contrast_limits) == (40, 90)
    press(qtbot, window, Qt.Key_7)
    assert labels.mode == "pan_zoom"
    for layer in (image, adversarial):
        assert tuple(layer.contrast_limits) == (0, 255)


def test_of_a_ct_they_are_the_windows_and_come_back_after_it(window, section, qtbot, deep, flat):
    volume, _ = show(window, deep)
    labels = window.add_labels(np.zeros(volume.data.shape, np.uint8), name="mine")
    window.layers.selection.active = labels
    press(qtbot, window, Qt.Key_2)
    assert labels.mode == "pan_zoom"
    assert tuple(volume.contrast_limits) == (-160, 240)
    show(window, flat)
    labels = window.add_labels(np.zeros((48, 64), np.uint8), name="mine")
    window.layers.selection.active = labels
    press(qtbot, window, Qt.Key_2)
    assert labels.mode == "paint"
    assert tuple(volume.contrast_limits) == (-160, 240)
    click(qtbot, section.buttons[7])
    assert tuple(volume.contrast_limits) == (-160, 240)
