"""Images of other ranges at the window: shown and predicted alike, noise in their own values."""

from dataclasses import replace

import dicom_sources as made
import numpy as np
import pydicom
import pytest
from clicks import click, drained, idle, loaded
from helpers import disc_image
from pydicom.pixels import apply_modality_lut, apply_voi_lut
from roles import role

from napari_segadv.data.presentation import Presentation, lut_points
from napari_segadv.data.scan import Scan
from napari_segadv.viewer.layers.convert import image_tuple

HEADER = "window of the header"


def film(bits=12, inverted=False, signed=False):
    """The disc image as a film of so many bits, its window in the header."""
    scale = (2**bits - 1) / 255 / 2
    offset = -(2 ** (bits - 2)) if signed else 2 ** (bits - 3)
    kind = np.int16 if signed else np.uint16
    brightness = 255 - disc_image() if inverted else disc_image()
    values = (brightness.astype(np.float64) * scale + offset).round().astype(kind)
    shown = Presentation.between(offset, offset + 255 * scale, HEADER)
    return replace(Scan.from_array(values), presentation=shown.inverted if inverted else shown)


def added(window, scan, name="film"):
    data, keywords, _ = image_tuple(scan, name)
    return window.add_image(data, **keywords)


def on_screen(window, layer, qtbot):
    """The canvas as grey levels, at the middle of each pixel of an image."""
    # The window has its size only now.
    drained(qtbot)
    window.fit_to_view()
    shot = window.screenshot(canvas_only=True, flash=False)[..., 0].astype(float)
    canvas, zoom = np.array(shot.shape), window.scene.camera.zoom
    middle = np.array(window.scene.camera.center[-2:])
    rows, columns = layer.data.shape
    worlds = (
        [layer.data_to_world((n, 0))[0] for n in range(rows)],
        [layer.data_to_world((0, n))[1] for n in range(columns)],
    )
    places = [
        (canvas[axis] / 2 + (np.array(world) - middle[axis]) * zoom).astype(int)
        for axis, world in enumerate(worlds)
    ]
    return shot[np.ix_(*places)]


@pytest.mark.parametrize("bits", [10, 12, 14, 16])
@pytest.mark.parametrize("inverted", [False, True])
@pytest.mark.parametrize("signed", [False, True])
def test_a_film_is_shown_as_its_header_says(window, qtbot, bits, inverted, signed):
    scan = film(bits, inverted, signed)
    shot, wanted = on_screen(window, added(window, scan), qtbot), scan.presentation(scan.array)
    assert np.corrcoef(shot.ravel(), wanted.ravel())[0, 1] > 0.999
    assert np.abs(shot / 255 - wanted).max() < 0.02


def test_a_lookup_table_is_shown_on_the_screen(window, qtbot):
    table = np.round(255 / (1 + np.exp(-np.linspace(-6, 6, 4096))))
    scan = replace(film(), presentation=Presentation(*lut_points(0, table), "VOI LUT"))
    shot, wanted = on_screen(window, added(window, scan), qtbot), scan.presentation(scan.array)
    assert np.corrcoef(shot.ravel(), wanted.ravel())[0, 1] > 0.999
    assert np.abs(shot / 255 - wanted).max() < 0.02


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
@pytest.mark.parametrize("bits", [8, 10, 12, 14, 16])
@pytest.mark.parametrize("signed", [False, True])
def test_the_screen_shows_what_pydicom_renders(window, qtbot, tmp_path, photometric, bits, signed):
    most = 2**bits - 1
    stored = (disc_image().astype(np.float64) / 255 * most).round().astype(int)
    if signed:
        stored = stored - 2 ** (bits - 1)
    kind = f"{'' if signed else 'u'}int{8 if bits == 8 else 16}"
    middle = (stored.max() + stored.min()) / 2
    facts = {"WindowCenter": f"{middle:.1f}", "WindowWidth": f"{most * 0.6:.1f}"}
    path = made.xray(tmp_path / "dx.dcm", stored.astype(kind), bits, photometric, **facts)
    (layer,) = window.open(path, plugin="napari-segadv")
    ds = pydicom.dcmread(path)
    rendered = apply_voi_lut(apply_modality_lut(ds.pixel_array, ds), ds).astype(np.float64)
    if photometric == "MONOCHROME1":
        rendered = -rendered
    shot = on_screen(window, layer, qtbot)
    assert np.corrcoef(shot.ravel(), rendered.ravel())[0, 1] > 0.999


@pytest.fixture
def seeing(panel, qtbot, band_victim):
    """The panel with a victim of bytes."""
    return loaded(qtbot, panel, band_victim)


def predicted(window, panel, qtbot):
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)
    return np.array(role(window, "prediction (clean)").data)


def test_the_panel_says_what_the_model_sees_and_lets_choose(window, seeing, qtbot):
    about, present = seeing.victim_section.about, seeing.victim_section.present
    seeing.image.value = window.add_image(disc_image(), name="bytes")
    as_bytes = predicted(window, seeing, qtbot)
    assert "sees" not in about.text()

    scan = film()
    seeing.image.value = layer = added(window, scan)
    assert seeing.controller.victims.window(layer) == scan.presentation.limits
    assert (predicted(window, seeing, qtbot) == as_bytes).mean() > 0.99
    assert HEADER in about.text()

    present.value = "none"
    assert (predicted(window, seeing, qtbot) == as_bytes).mean() < 0.99
    assert "sees" not in about.text()

    present.value = "screen"
    layer.contrast_limits = scan.presentation.limits
    assert (predicted(window, seeing, qtbot) == as_bytes).mean() > 0.99
    assert "chosen window" in about.text()


def test_a_run_keeps_the_films_own_values(window, seeing, qtbot):
    scan = film(12, inverted=True)
    seeing.image.value = layer = added(window, scan)
    idle(qtbot, seeing.controller)
    seeing.controller.attack(layer, "pgd", {"steps": 2}, None)
    idle(qtbot, seeing.controller)
    example = seeing.controller.runs.current.example
    assert example.record["presentation"]["source"] == HEADER
    assert example.record["presentation"]["inverted"]
    assert example.adversarial.storage == scan.storage
    shown = role(window, "adversarial")
    assert shown.colormap.name == layer.colormap.name == "gray_r"
    assert tuple(shown.contrast_limits) == tuple(layer.contrast_limits)


def test_the_note_belongs_to_the_image_model_and_choice(window, seeing, qtbot):
    about, present = seeing.victim_section.about, seeing.victim_section.present
    plain = window.add_image(disc_image(), name="bytes")
    seeing.image.value = layer = added(window, film())
    predicted(window, seeing, qtbot)
    assert HEADER in about.text()
    seeing.image.value = plain
    assert HEADER not in about.text()
    seeing.image.value = layer
    assert HEADER in about.text()
    present.value = "none"
    assert HEADER not in about.text()


def test_the_budget_follows_the_window_on_the_screen(window, seeing, qtbot):
    seeing.image.value = layer = added(window, film())
    seeing.victim_section.present.value = "screen"
    share = seeing.attack_section.budget.share
    layer.contrast_limits = (500, 1500)
    before = share.text()
    layer.contrast_limits = (500, 3500)
    assert share.text() != before
    assert seeing.controller.victims.window(layer) == (500, 3500)


@pytest.mark.parametrize("choice", ["header", "percentiles", "screen", "auto"])
def test_an_inverted_film_is_never_seen_as_a_negative(window, seeing, qtbot, choice):
    seeing.image.value = window.add_image(disc_image(), name="bytes")
    as_bytes = predicted(window, seeing, qtbot)
    seeing.image.value = added(window, film(12, inverted=True))
    seeing.victim_section.present.value = choice
    assert (predicted(window, seeing, qtbot) == as_bytes).mean() > 0.9
