"""Clicks in sessions and saved runs: what is opened again is shown to the model again."""

import json

import numpy as np
import pytest
from clicks import click, drained, idle
from interactive import NAMES, click_on, deepedit, guided, opened
from reopened import docked, saved
from reopened import opened as reopened

import napari_segadv as sa
from napari_segadv.errors import SegadvError
from napari_segadv.results.session.folder import open_session
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.keeping.unsaved import Unsaved
from napari_segadv.viewer.layers.names import AFTER, CLEAN, CLICKS

MADE = {"dim": [[9, 18, 16]], "background": [[3, 5, 39]]}


def clicked(window, qtbot, panel, folder):
    """Real clicks on a CT, and a run of a model that is shown them."""
    model, place = deepedit(folder)
    image = opened(window, qtbot, panel, model, place)
    click(qtbot, panel.clicks_section.add_button)
    for number, name in enumerate(NAMES[1:] + NAMES[:1]):
        for point in MADE.get(name, ()):
            panel.clicks_section.structure.value = number
            click_on(window, qtbot, image, point)
    assert panel.controller.clicks.on(image) == MADE
    panel.controller.attack(image, "fgsm", {"epsilon": 40.0}, None, "cpu")
    idle(qtbot, panel.controller)
    return image, model, place


def test_a_session_keeps_the_clicks(window, panel, qtbot, folder, tmp_path, make_napari_viewer):
    unsaved = Unsaved(panel.controller)
    image, model, _ = clicked(window, qtbot, panel, tmp_path)
    assert unsaved.sentence() == f"1 run and your clicks on {image}"
    panel.controller.session_saved.connect(unsaved.saved)
    saved(qtbot, docked(window), folder)
    assert unsaved.sentence() == ""
    fresh = make_napari_viewer(show=True)
    _, attack = fresh.window.add_plugin_dock_widget("napari-segadv", "Adversarial attack")
    idle(qtbot, Controller.of(fresh))
    controller = reopened(qtbot, docked(fresh))
    assert controller.victims.source == str(model)
    assert controller.clicks.on(controller.image) == MADE
    layer = controller.shown(CLICKS)
    shades = {kind.name: kind.colour for kind in controller.clicks.kinds}
    np.testing.assert_allclose(layer.face_color[0, :3], shades["dim"], atol=1e-3)
    assert attack.clicks_section.text.text() == "dim 1, background 1"
    before = np.array(controller.shown(CLEAN).data)
    controller.victims.predict(controller.image)
    idle(qtbot, controller)
    np.testing.assert_array_equal(controller.shown(CLEAN).data, before)
    # One click more: the prediction that is shown is of another model now.
    layer.add([8, 16, 18])
    assert "changed since the prediction" in attack.clicks_section.text.text()
    controller.attack(controller.image, "fgsm", {"epsilon": 40.0}, None, "cpu")
    idle(qtbot, controller)
    assert "changed" not in attack.clicks_section.text.text()
    # An earlier run shows what was predicted with its own clicks.
    controller.show_run(next(iter(controller.runs)))
    idle(qtbot, controller)
    assert "changed since the prediction" in attack.clicks_section.text.text()


def test_a_saved_run_brings_its_clicks(window, panel, qtbot, tmp_path, make_napari_viewer):
    _, model, place = clicked(window, qtbot, panel, tmp_path)
    example = panel.controller.example
    assert example.record["victim"]["shown"] == {"points": MADE}
    result = example.save(tmp_path / "result")
    fresh = make_napari_viewer(show=True)
    runs = docked(fresh)
    runs.sessions.open_result(result)
    idle(qtbot, runs.controller)
    drained(qtbot)
    idle(qtbot, runs.controller)
    assert runs.controller.shown(AFTER) is not None
    assert runs.controller.clicks.on(runs.controller.image) == MADE
    # The same prediction from the record, in the viewer, and from a file of these clicks.
    runs.controller.victims.load_victim(str(model))
    idle(qtbot, runs.controller)
    runs.controller.victims.predict(runs.controller.image)
    idle(qtbot, runs.controller)
    by_file = sa.load_victim(guided(tmp_path, model, MADE)).predict(sa.read(place))
    np.testing.assert_array_equal(runs.controller.shown(CLEAN).data, by_file.array)
    np.testing.assert_array_equal(example.prediction_clean.array, by_file.array)
    assert sa.repeat(result).lines == ("the same image, bit for bit",)
    record = json.loads((result / "result.json").read_text())
    record["victim"]["shown"] = {"points": {"liver": [[1, 2, 3]]}}
    (result / "result.json").write_text(json.dumps(record))
    with pytest.raises(SegadvError, match="takes no clicks on liver"):
        sa.repeat(result)


ODD = {
    "no numbers": {"dim": [["a", 1, 2]]},
    "two dimensions": {"dim": [[1, 2]]},
    "no list": {"dim": 3},
    "too many": {"dim": [[1, 2, 3]] * 1001},
}


def test_a_damaged_session_is_refused_in_a_line(window, panel, qtbot, folder, tmp_path):
    clicked(window, qtbot, panel, tmp_path)
    saved(qtbot, docked(window), folder)
    content = json.loads((folder / "session.json").read_text())
    assert content["clicks"] == [{"points": MADE, "image": 0}]
    for points in ODD.values():
        content["clicks"][0]["points"] = points
        (folder / "session.json").write_text(json.dumps(content))
        with pytest.raises(SegadvError, match="clicks 0") as error:
            open_session(folder)
        assert "\n" not in str(error.value)
