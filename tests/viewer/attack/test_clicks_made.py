"""Clicks that are made on the canvas, which an interactive model is shown."""

import json

import numpy as np
import pytest
from clicks import click, drained, idle, move
from interactive import canvas, click_on, deepedit, guided, nuclick, on_screen, opened
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QFileDialog

import napari_segadv as sa
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.errors import SegadvError
from napari_segadv.viewer.controller.clicks import FLAT_ONLY, SINGLE
from napari_segadv.viewer.layers.names import CLEAN, CLICKS
from napari_segadv.viewer.layers.task_view import UNTARGETED

CLICKS_MADE = {"dim": [[9, 18, 16], [8, 16, 18]], "background": [[3, 5, 39]]}


def make(window, qtbot, panel, image, clicks):
    """Real clicks on structures, one after the other."""
    section = panel.clicks_section
    if not section.add_button.isChecked():
        click(qtbot, section.add_button)
    kinds = [kind.name for kind in panel.controller.clicks.kinds]
    for name, points in clicks.items():
        section.structure.value = kinds.index(name)
        for point in points:
            click_on(window, qtbot, image, point)


def predicted(qtbot, panel):
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)
    return panel.controller.shown(CLEAN).data


def test_clicks_on_a_flipped_volume_are_those_of_the_file(window, panel, qtbot, tmp_path):
    model, place = deepedit(tmp_path)
    image = opened(window, qtbot, panel, model, place)
    section = panel.clicks_section
    assert section.clicking.isVisible()
    assert section.text.text() == "none"
    without = predicted(qtbot, panel)
    make(window, qtbot, panel, image, CLICKS_MADE)
    assert panel.controller.clicks.on(image) == CLICKS_MADE
    assert section.text.text() == (
        "dim 2, background 1; changed since the prediction: press Predict"
    )
    layer = panel.controller.shown(CLICKS)
    assert str(layer) == f"{image} / clicks"
    found = predicted(qtbot, panel)
    assert section.text.text() == "dim 2, background 1"
    by_file = sa.load_victim(guided(tmp_path, model, CLICKS_MADE)).predict(sa.read(place))
    np.testing.assert_array_equal(found, by_file.array)
    assert (found != without).any()


def run(qtbot, panel, steps=2):
    """A short untargeted attack by the panel's own button."""
    panel.target.value = UNTARGETED
    panel.attack_section.form.editors["steps"].value = steps
    assert panel.missing.text() == ""
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    return panel.controller.example


def test_a_model_that_needs_clicks_says_so(window, panel, qtbot, tmp_path, monkeypatch):
    model, place = nuclick(tmp_path)
    image = opened(window, qtbot, panel, model, place)
    section = panel.clicks_section
    # All clicks are of one kind, so there is nothing to choose.
    assert not section.structure.isVisible()
    for button in (panel.run_button, panel.victim_section.predict_button):
        assert not button.isEnabled()
    assert panel.missing.text() == "press Add clicks, then click on Nuclei"
    with pytest.raises(SegadvError, match="press Add clicks"):
        panel.controller.victims.predict(image)
    make(window, qtbot, panel, image, {"": [[20, 30], [17, 17]]})
    assert panel.victim_section.predict_button.isEnabled()
    assert section.text.text() == "2 clicks"
    click(qtbot, section.undo_button)
    assert panel.controller.clicks.on(image) == {"": [[20, 30]]}
    example = run(qtbot, panel)
    assert example.record["victim"]["shown"] == {"points": {"": [[20, 30]]}}
    by_file = sa.load_victim(guided(tmp_path, model, [[20, 30]]))
    expected = sa.craft(
        sa.read(place),
        by_file,
        sa.attacks.get(example.record["method"])(**example.record["parameters"]),
        seed=example.record["seed"],
        device="cpu",
    )
    np.testing.assert_array_equal(example.adversarial.array, expected.adversarial.array)
    assert example.measures == expected.measures
    # The record alone makes the same image again.
    folder = example.save(tmp_path / "result")
    assert sa.repeat(folder).lines == ("the same image, bit for bit",)
    saved = tmp_path / "clicks.json"
    monkeypatch.setattr(QFileDialog, "getSaveFileName", lambda *a, **k: (str(saved), ""))
    click(qtbot, section.save_button)
    assert json.loads(saved.read_text()) == {"model": "Zoo", "points": [[20, 30]]}
    assert str(saved) in panel.status.text()
    again = sa.load_victim(saved).predict(sa.read(place))
    np.testing.assert_array_equal(again.array, example.prediction_clean.array)


def test_clicks_stay_with_their_image(window, panel, qtbot, tmp_path):
    model, place = nuclick(tmp_path)
    first = opened(window, qtbot, panel, model, place)
    make(window, qtbot, panel, first, {"": [[20, 30]]})
    second = opened(window, qtbot, panel, model, place)
    assert not panel.run_button.isEnabled()
    assert panel.clicks_section.text.text() == "none"
    assert not panel.clicks_section.add_button.isChecked()
    panel.image.value = first
    assert panel.clicks_section.text.text() == "1 click"
    assert panel.controller.shown(CLICKS, second) is None
    # A layer that is renamed or removed is the image's no more, and that is seen.
    panel.controller.shown(CLICKS).name = "mine"
    assert not panel.run_button.isEnabled()
    assert panel.clicks_section.text.text() == "none"


def test_clicks_are_edited_with_the_tools_of_napari(window, panel, qtbot, tmp_path):
    model, place = deepedit(tmp_path)
    image = opened(window, qtbot, panel, model, place)
    make(window, qtbot, panel, image, CLICKS_MADE)
    layer, clicks = panel.controller.shown(CLICKS), panel.controller.clicks
    layer.mode = "select"
    assert not panel.clicks_section.add_button.isChecked()
    # A click that is selected says what the next ones lie on.
    layer.selected_data = {0}
    assert panel.clicks_section.structure.currentText() == "dim"
    layer.remove_selected()
    assert clicks.on(image) == {"dim": [[8, 16, 18]], "background": [[3, 5, 39]]}
    # The structure is changed in the features table; the colour follows with the mouse.
    layer.features.loc[0, "structure"] = "bright"
    layer.events.features()
    assert clicks.on(image) == {"bright": [[8, 16, 18]], "background": [[3, 5, 39]]}
    shade = next(kind.colour for kind in clicks.kinds if kind.name == "bright")
    np.testing.assert_allclose(layer.face_color[0, :3], shade, atol=1e-3)
    assert [symbol.value for symbol in layer.symbol] == ["disc", "cross"]
    layer.features.loc[0, "structure"] = "liver"
    layer.events.features()
    assert panel.missing.text() == "the model takes no clicks on liver: change or delete them"
    layer.features.loc[0, "structure"] = "dim"
    layer.data = [[8, 99, 18], [3, 5, 39]]
    assert panel.missing.text() == "a click lies outside the image, at 8, 99, 18"
    assert not panel.victim_section.predict_button.isEnabled()


def test_a_click_in_3d_is_taken_back(window, panel, qtbot, tmp_path):
    model, place = deepedit(tmp_path)
    image = opened(window, qtbot, panel, model, place)
    click(qtbot, panel.clicks_section.add_button)
    window.dims.ndisplay = 3
    drained(qtbot)
    native = canvas(window).native
    at = native.rect().center()
    move(qtbot, native, at)
    qtbot.mousePress(native, Qt.LeftButton, pos=at)
    qtbot.mouseRelease(native, Qt.LeftButton, pos=at)
    qtbot.waitUntil(lambda: FLAT_ONLY in panel.status.text())
    drained(qtbot)
    assert panel.controller.clicks.on(image) == {}
    window.dims.ndisplay = 2
    click_on(window, qtbot, image, [9, 18, 16])
    assert list(panel.controller.clicks.on(image).values()) == [[[9, 18, 16]]]


def test_the_next_click_after_a_prediction_is_a_click(window, panel, qtbot, tmp_path):
    model, place = deepedit(tmp_path)
    image = opened(window, qtbot, panel, model, place)
    make(window, qtbot, panel, image, {"dim": [[9, 18, 16]]})
    # In no colour but the structure's: napari selects what was just added.
    assert not panel.controller.shown(CLICKS).selected_data
    predicted(qtbot, panel)
    assert panel.clicks_section.add_button.isChecked()
    click_on(window, qtbot, image, [8, 16, 18])
    assert panel.controller.clicks.on(image) == {"dim": [[9, 18, 16], [8, 16, 18]]}
    assert "changed since the prediction" in panel.clicks_section.text.text()
    click(qtbot, panel.clicks_section.add_button)
    click_on(window, qtbot, image, [7, 20, 20])
    assert panel.clicks_section.text.text().startswith("dim 2;")
    # Back to what the prediction was made with.
    click(qtbot, panel.clicks_section.undo_button)
    assert panel.clicks_section.text.text() == "dim 1"


@pytest.mark.parametrize("order", [(0, 1, 2), (1, 0, 2), (2, 0, 1)])
def test_clicks_in_every_plane(window, panel, qtbot, tmp_path, order):
    model, place = deepedit(tmp_path)
    image = opened(window, qtbot, panel, model, place)
    window.dims.order = order
    window.fit_to_view()
    make(window, qtbot, panel, image, {"bright": [[5, 27, 31], [12, 30, 33]]})
    assert panel.controller.clicks.on(image) == {"bright": [[5, 27, 31], [12, 30, 33]]}


@pytest.mark.parametrize("flip", [1.0, -1.0])
def test_a_click_lies_in_the_slice_that_is_shown(window, panel, qtbot, tmp_path, flip):
    """Half-way between two slices, where thinner slices of another image stop the slider."""
    model, _ = deepedit(tmp_path)
    rng = np.random.default_rng(0)
    array = rng.normal(0, 30, (18, 40, 44)).astype(np.int16)
    place = tmp_path / "thick.nii.gz"
    grid = Grid(array.shape, (2.0, 1.0, 1.0), (3.0, 0.0, 0.0), np.diag([flip, 1.0, 1.0]))
    sa.io.save(Scan(array, grid, "HU", Storage("int16")), place)
    window.add_image(np.zeros((80, 8, 8)), scale=(0.5, 1, 1), translate=(-40, 0, 0), name="thin")
    image = opened(window, qtbot, panel, model, place)
    click(qtbot, panel.clicks_section.add_button)
    for number in range(10):
        world = 3.0 + flip * (2 * number + 1)
        window.dims.set_point(0, world)
        drained(qtbot)
        seen = int(np.flatnonzero((array == np.asarray(image._data_view)).all((1, 2)))[0])
        at = QPoint(*np.rint(on_screen(window, (world, 20, 21))).astype(int).tolist())
        native = canvas(window).native
        move(qtbot, native, at)
        qtbot.mouseClick(native, Qt.LeftButton, pos=at)
        drained(qtbot)
        assert panel.controller.clicks.on(image)["dim"][-1] == [seen, 20, 21]
        # It stays in sight.
        assert len(panel.controller.shown(CLICKS)._view_data)


def test_clicks_of_a_file_can_be_added_to(window, panel, qtbot, tmp_path):
    model, place = deepedit(tmp_path)
    scan = sa.read(place)
    world = (scan.grid.affine @ [9, 18, 16, 1])[:3][::-1].tolist()
    path = guided(tmp_path, model, {"dim": [world]}, coordinates="lps")
    image = opened(window, qtbot, panel, path, place)
    section, clicks = panel.clicks_section, panel.controller.clicks
    assert section.text.text() == "those of the model's file"
    of_file = np.array(predicted(qtbot, panel))
    click(qtbot, section.add_button)
    assert clicks.on(image) == {"dim": [[9, 18, 16]]}
    assert section.text.text() == "dim 1"
    make(window, qtbot, panel, image, {"background": [[3, 5, 39]]})
    assert "changed" in section.text.text()
    both = sa.load_victim(guided(tmp_path / "..", model, {**CLICKS_MADE, "dim": [[9, 18, 16]]}))
    np.testing.assert_array_equal(predicted(qtbot, panel), both.predict(scan).array)
    click(qtbot, section.undo_button)
    np.testing.assert_array_equal(predicted(qtbot, panel), of_file)
    # Without the last one, none: the file's are no longer shown either.
    click(qtbot, section.undo_button)
    without = sa.load_victim(model).predict(scan)
    np.testing.assert_array_equal(predicted(qtbot, panel), without.array)
    # By a script, in another slice than the one that is shown.
    section.structure.value = 0
    clicks.layer(image).add([9, 18, 16])
    clicks.write(image, tmp_path / "saved.json")
    assert json.loads((tmp_path / "saved.json").read_text()) == {
        "model": "Zoo",
        "points": {"dim": [[9, 18, 16]]},
    }


def test_a_model_of_single_images_takes_no_clicks_on_a_volume(window, panel, qtbot, tmp_path):
    model, place = nuclick(tmp_path)
    opened(window, qtbot, panel, model, place)
    slices = np.random.default_rng(0).integers(0, 255, (4, 48, 64, 3)).astype(np.uint8)
    window.add_image(slices, rgb=True, name="slices")
    drained(qtbot)
    assert not panel.clicks_section.add_button.isEnabled()
    assert panel.clicks_section.text.text() == SINGLE
    assert panel.missing.text() == SINGLE
    assert not panel.run_button.isEnabled()
