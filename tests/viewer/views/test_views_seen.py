"""Three planes at once, turned as in a reading room: seen in screenshots of a real window."""

import numpy as np
import pytest
from clicks import drained
from controls import notices
from helpers import disc_image
from three_planes import (
    BACK,
    HEAD,
    LEFT,
    LETTERS,
    STORED,
    bench_of,
    native,
    opened,
    patient,
    picture,
    seen_at,
    settled,
    show,
)

from napari_segadv.common.screen import untagged
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.views.glass import LETTER_INK


def sides(grey, above=None, below=None, right=None):
    """What lies above, below and right of the middle of a picture does."""
    if above:
        assert seen_at(grey, above)[0] < -5
    if below:
        assert seen_at(grey, below)[0] > 5
    if right:
        assert seen_at(grey, right)[1] > 5


@pytest.mark.parametrize("how", STORED)
def test_the_head_is_up_and_left_is_on_the_right(window, qtbot, how):
    bench = bench_of(window, qtbot)
    show(window, patient(how))
    panes = opened(window, qtbot, bench)
    (own,) = {"axial", "coronal", "sagittal"} - panes.keys()
    views = {name: (picture(window, pane), pane.glass) for name, pane in panes.items()}
    views[own] = picture(window), bench.glass
    sides(views["axial"][0], below=BACK, right=LEFT)
    sides(views["coronal"][0], above=HEAD, right=LEFT)
    sides(views["sagittal"][0], above=HEAD, right=BACK)
    for name, (_, glass) in views.items():
        assert glass.letters == LETTERS[name]
        assert glass.place.startswith(name)


def test_the_letters_stand_at_the_edges_of_every_view(window, qtbot):
    bench = bench_of(window, qtbot)
    show(window, patient())
    for pane in (None, *opened(window, qtbot, bench).values()):
        widget = native(window, pane)
        image = widget.grab().toImage()
        wide, high = image.width(), image.height()
        wanted = np.array(LETTER_INK.getRgb()[:3])

        def inked(left, top, right, bottom, image=image, wanted=wanted):
            pixels = [
                image.pixelColor(x, y).getRgb()[:3]
                for x in range(left, right)
                for y in range(top, bottom)
            ]
            return (np.abs(np.array(pixels) - wanted).max(axis=1) < 40).sum()

        middle = wide // 2, high // 2
        assert inked(middle[0] - 15, 0, middle[0] + 15, 30) > 5
        assert inked(middle[0] - 15, high - 30, middle[0] + 15, high) > 5
        assert inked(0, middle[1] - 15, 30, middle[1] + 15) > 5
        assert inked(wide - 30, middle[1] - 15, wide, middle[1] + 15) > 5


def test_millimetres_are_as_long_in_every_direction(window, qtbot):
    bench = bench_of(window, qtbot)
    show(window, patient(spacing=(4.0, 1.0, 1.0)))
    panes = opened(window, qtbot, bench)
    found = np.argwhere(np.abs(picture(window, panes["coronal"]) - 255) < 12)
    high, wide = np.ptp(found, axis=0)
    # The mark is 6 slices of 4 mm high and 6 pixels of 1 mm wide.
    assert 3.3 < high / wide < 4.7


def test_images_are_smooth_and_labels_are_not(window, qtbot):
    bench = bench_of(window, qtbot)
    image = show(window, patient())
    panes = opened(window, qtbot, bench)
    assert image.interpolation2d == "linear"
    for pane in panes.values():
        assert pane.twin(image).interpolation2d == "linear"
        assert len(np.unique(picture(window, pane))) > 20
    image.visible = False
    mine = np.zeros(image.data.shape, np.uint8)
    mine[8:16, 10:20, 12:24] = 1
    window.add_labels(mine, name="mine", affine=image.affine, opacity=1.0)
    settled(window, qtbot, bench)
    for pane in panes.values():
        assert len(np.unique(picture(window, pane))) == 2
    bench.toggle_views()
    assert image.interpolation2d == "nearest"


def test_what_is_changed_on_a_layer_is_seen_in_every_view(window, qtbot):
    bench = bench_of(window, qtbot)
    scan = patient()
    image = show(window, scan)
    panes = opened(window, qtbot, bench)
    coronal = panes["coronal"]
    image.contrast_limits = (-100, 2000)
    settled(window, qtbot, bench)
    assert seen_at(picture(window, coronal), LEFT, (-100, 2000))[1] > 5
    image.contrast_limits, image.opacity = (-100, 1000), 0.5
    settled(window, qtbot, bench)
    assert 100 < picture(window, coronal).max() < 160
    image.opacity, image.visible = 1.0, False
    settled(window, qtbot, bench)
    assert picture(window, coronal).max() == 0
    image.visible, image.colormap = True, "green"
    settled(window, qtbot, bench)
    assert picture(window, coronal).max() == 0
    image.colormap = "gray"
    # New layers come too, in the viewer's order, and those that go are gone.
    bright = window.add_image(np.full(image.data.shape, 900.0), name="bright", affine=image.affine)
    bright.contrast_limits = (0, 900)
    # Another image: opened, it is the chosen one, which hides the patient.
    image.visible = True
    settled(window, qtbot, bench)
    assert (picture(window, coronal) > 250).mean() > 0.3
    window.layers.move(1, 0)
    settled(window, qtbot, bench)
    assert (picture(window, coronal) > 250).mean() < 0.2
    window.layers.remove(bright)
    qtbot.waitUntil(lambda: len(coronal.model.layers) == 1)


def test_a_refresh_shows_new_pixels_and_a_scroll_slices_only_one_view(window, qtbot):
    bench = bench_of(window, qtbot)
    image = show(window, patient())
    panes = opened(window, qtbot, bench)
    coronal = panes["coronal"].twin(image)
    drawn_anew = []
    note = drawn_anew.append
    coronal.events.set_data.connect(note)
    window.dims.set_point(0, window.dims.point[0] + 2.0)
    drained(qtbot)
    assert drawn_anew == []
    image.data = np.full_like(image.data, 300)
    drained(qtbot)
    assert drawn_anew
    assert np.shares_memory(coronal.data, image.data)
    assert (coronal._slice.image.raw == 300).all()


def test_two_dimensional_images_have_nothing_more_to_show(window, qtbot):
    bench = bench_of(window, qtbot)
    with notices() as told:
        bench.bar.orthogonal.click()
        assert "open an image first" in told[-1][1]
        window.add_image(disc_image(), name="film <b>")
        bench.bar.orthogonal.click()
    assert (
        told[-1][1]
        == f"{untagged('film <b>')} is a single image: there are no other planes to show"
    )
    assert not bench.views.shown
    assert not bench.bar.orthogonal.isChecked()


def test_a_film_that_is_chosen_while_the_views_are_open_is_said_to_be_single(window, qtbot):
    bench = bench_of(window, qtbot)
    volume = show(window, patient())
    panes = opened(window, qtbot, bench)
    film = window.add_image(disc_image(), name="film")
    for pane in panes.values():
        assert pane.glass.note.startswith("film is a single image")
        assert pane.twin(film) is None
    assert bench.glass.letters == ("", "", "", "")
    Controller.of(window).choose(volume)
    assert [pane.glass.note for pane in panes.values()] == ["", ""]


def test_a_volume_without_directions_has_no_letters(window, qtbot):
    bench = bench_of(window, qtbot)
    window.add_image(np.random.default_rng(0).random((11, 20, 30)), name="stack")
    assert opened(window, qtbot, bench).keys() == {"row", "column"}
    assert bench.glass.letters == ("", "", "", "")
    assert bench.glass.place == "slice 5"
