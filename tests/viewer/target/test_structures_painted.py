"""Overlapping structures in a real window: each painted on its own layer, with the mouse."""

import numpy as np
import pytest
from clicks import click, drag, drained, idle, loaded
from compare_window import canvas, on_canvas
from controls import pick
from designing import applied, started, still
from helpers import disc_image
from napari.layers import Labels
from overlaps import NESTED, nested
from qtpy.QtCore import QPoint, Qt

from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.names import AFTER, CLEAN, ERASED, TARGET
from napari_segadv.viewer.layers.structure_layers import members, numbers_in
from napari_segadv.viewer.runs.sessions import Sessions

WHOLE, CORE, ENHANCING = 1, 2, 4


@pytest.fixture
def band_victim():
    """What the panels of this file attack."""
    return nested()


@pytest.fixture
def target(window, designing, qtbot):
    """The layers of a target that is the prediction, in the structures' order."""
    return members(started(qtbot, designing))


def pixel(window, place):
    return QPoint(*map(round, on_canvas(window, place)))


def painted(window, qtbot, start, end):
    drag(qtbot, canvas(window), pixel(window, start), pixel(window, end))
    qtbot.mouseRelease(canvas(window), Qt.LeftButton, pos=pixel(window, end))


def changed(target, before):
    """The structures that differ from what they were."""
    return [name for name, x, y in zip(NESTED, target, before, strict=True) if (x.data != y).any()]


def copies(target):
    return [layer.data.copy() for layer in target]


def test_the_brush_paints_the_structure_that_is_chosen_in_the_panel(
    window, designing, target, qtbot
):
    before = copies(target)
    pick(qtbot, designing.structure, "core")
    click(qtbot, designing.brush_button)
    assert window.layers.selection.active is target[1]
    painted(window, qtbot, (8, 8), (8, 24))
    assert changed(target, before) == ["core"]
    assert target[1].data[8, 8:25].all()
    # Another structure, with the same brush.
    pick(qtbot, designing.structure, "enhancing")
    painted(window, qtbot, (40, 8), (40, 24))
    assert changed(target, before) == ["core", "enhancing"]
    # Ctrl-Z takes back the last strokes, whichever layers they were on.
    for left in (["core"], []):
        qtbot.keyClick(canvas(window), Qt.Key_Z, Qt.ControlModifier)
        assert changed(target, before) == left
    click(qtbot, designing.redo_button)
    assert changed(target, before) == ["core"]
    told = designing.distance.text
    qtbot.waitUntil(lambda: "core" in told() and "enhancing" not in told())


def test_the_panel_follows_the_layer_that_is_chosen_in_naparis_list(
    window, designing, target, qtbot
):
    before = copies(target)
    window.layers.selection.active = target[2]
    assert designing.structure.value == ENHANCING
    assert designing.structure.currentText() == "enhancing"
    target[2].mode = "erase"
    middle = np.argwhere(target[2].data).mean(0)
    painted(window, qtbot, middle, middle + 2)
    assert changed(target, before) == ["enhancing"]
    assert target[2].data.sum() < before[2].sum()
    # What is gone is hatched, and nothing else.
    drained(qtbot)
    hatch = designing.controller.shown(ERASED).data
    gone = hatch._lost((slice(None), slice(None)))
    assert set(np.unique(gone)) == {0, ENHANCING}
    assert window.layers.index(designing.controller.shown(ERASED)) < min(
        window.layers.index(layer) for layer in target
    )


def test_shapes_swap_and_undo_by_the_buttons(designing, target, qtbot):
    before = copies(target)
    # None gives its pixels up to another.
    given_up = designing.change.left_behind
    assert [given_up.itemData(n) for n in range(given_up.count())] == [0, None]
    applied(qtbot, designing, "erase", CORE)
    assert changed(target, before) == ["core"]
    click(qtbot, designing.undo_button)
    applied(qtbot, designing, "swap", WHOLE, to=ENHANCING)
    np.testing.assert_array_equal(target[0].data, before[2])
    np.testing.assert_array_equal(target[2].data, before[0])
    click(qtbot, designing.undo_button)
    assert changed(target, before) == []
    applied(qtbot, designing, "heart", ENHANCING)
    assert changed(target, before) == ["enhancing"]


def test_the_mouse_drags_the_structure_that_is_chosen(window, designing, target, qtbot):
    before = copies(target)
    pick(qtbot, designing.structure, "core")
    click(qtbot, designing.drag_button)
    # Chosen while dragging is on.
    pick(qtbot, designing.structure, "enhancing")
    assert designing.drag.on
    middle = np.argwhere(before[2]).mean(0)
    drag(qtbot, canvas(window), pixel(window, middle), pixel(window, middle + 5))
    assert changed(target, before) == ["enhancing"]
    qtbot.mouseRelease(canvas(window), Qt.LeftButton, pos=pixel(window, middle + 5))
    still(qtbot, designing)
    assert changed(target, before) == ["enhancing"]
    moved = np.argwhere(target[2].data).mean(0) - middle
    np.testing.assert_allclose(moved, 5, atol=1)
    click(qtbot, designing.undo_button)
    assert changed(target, before) == []


def test_a_click_picks_a_part_of_the_chosen_structure(window, designing, target, qtbot):
    part = designing.part
    middle = np.argwhere(target[2].data).mean(0)
    for chosen, name in ((CORE, "core"), (ENHANCING, "enhancing")):
        designing.structure.value = chosen
        click(qtbot, part.button)
        qtbot.mouseClick(canvas(window), Qt.LeftButton, pos=pixel(window, middle))
        qtbot.waitUntil(lambda: part.chosen is not None and not part._latest.busy)
        assert part.chosen.part.label == chosen
        assert part.text.text().startswith(name)
        click(qtbot, part.whole_button)
    before = copies(target)
    designing.structure.value = WHOLE
    click(qtbot, part.button)
    qtbot.mouseClick(canvas(window), Qt.LeftButton, pos=pixel(window, middle))
    qtbot.waitUntil(lambda: part.chosen is not None and not part._latest.busy)
    applied(qtbot, designing, "erase", WHOLE)
    # The other disc stays, and so do the structures within.
    assert changed(target, before) == ["whole"]
    assert 0 < target[0].data.sum() < before[0].sum()


@pytest.fixture
def attacking(window, panel, qtbot):
    """The attack panel with an image, the victim and its prediction."""
    window.add_image(disc_image(), name="mri")
    loaded(qtbot, panel, nested())
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)
    return panel


def test_from_the_attack_panel_to_a_session_and_back(
    window, attacking, qtbot, make_napari_viewer, tmp_path
):
    panel, controller = attacking, attacking.controller
    section = panel.target_section
    pick(qtbot, section.structure, "enhancing")
    section.shape.value = "erase"
    click(qtbot, section.button)
    idle(qtbot, controller)
    target = members(controller.shown(TARGET))
    # The layer of the structure that was chosen is painted next.
    assert window.layers.selection.active is target[2]
    assert not target[2].data.any()
    assert panel.target.value is target[0]
    assert [name for name in panel.target.choices if isinstance(name, Labels)] == [target[0]]
    target[1].mode = "paint"
    target[1].brush_size = 3
    window.layers.selection.active = target[1]
    painted(window, qtbot, (8, 8), (8, 14))
    wanted = numbers_in(target[0])
    assert (wanted[8, 9:14] == CORE).all()
    panel.attack_section.form.editors["steps"].value = 3
    click(qtbot, panel.run_button)
    idle(qtbot, controller)
    np.testing.assert_array_equal(controller.example.target.array, wanted)
    assert controller.shown(AFTER) is not None
    assert window.layers[-3:] == [target[0], target[1], target[2]]
    # Who was painting goes on with the same layer.
    assert window.layers.selection.active is target[1]
    Sessions(controller).save(tmp_path / "s")
    idle(qtbot, controller)

    fresh = make_napari_viewer(show=True)
    opened = Controller.of(fresh)
    opened.victims.victim = nested()
    Sessions(opened).open(tmp_path / "s")
    idle(qtbot, opened)
    drained(qtbot)
    idle(qtbot, opened)
    again = members(opened.shown(TARGET))
    assert [layer.name for layer in again] == [layer.name for layer in target]
    np.testing.assert_array_equal(numbers_in(again[0]), wanted)
    assert fresh.layers[-3:] == again
    np.testing.assert_array_equal(opened.shown(CLEAN).data, controller.shown(CLEAN).data)
    again[1].paint((2, 2), 1)
    assert numbers_in(again[0])[2, 2] == CORE
    again[0].undo()
    np.testing.assert_array_equal(numbers_in(again[0]), wanted)


@pytest.mark.parametrize("ndisplay", [2, 3])
def test_compared_as_contours_the_layers_of_the_target_step_aside(
    window, attacking, compare, qtbot, ndisplay
):
    controller, image = attacking.controller, attacking.controller.image
    controller.victims.make_target(image, "erase", {"label": CORE})
    idle(qtbot, controller)
    target = members(controller.shown(TARGET))
    controller.attack(image, "pgd", {"epsilon": 9.0, "steps": 2}, target[0])
    idle(qtbot, controller)
    seen = [layer.visible for layer in target]
    colours = [layer.colormap for layer in target]
    window.dims.ndisplay = ndisplay
    compare.toggle_contours()
    drained(qtbot)
    # In 3-D they are filled in the target's colour; in 2-D lines take their place.
    assert [layer.visible for layer in target] == [ndisplay == 3] * 3
    compare.toggle_contours()
    drained(qtbot)
    assert [layer.visible for layer in target] == seen
    assert all(x.colormap is y for x, y in zip(target, colours, strict=True))
