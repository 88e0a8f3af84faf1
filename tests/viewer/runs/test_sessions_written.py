"""Sessions that are written while somebody paints, and what becomes of odd ones when opened."""

import json
import threading

import numpy as np
import pandas as pd
import pytest
from clicks import click, idle
from helpers import PATIENCE, disc_image, disc_labels
from reopened import docked, opened, saved

from napari_segadv.results.session import folder as session
from napari_segadv.results.session.folder import open_session
from napari_segadv.results.verdicts import Verdict
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import ADVERSARIAL, TARGET
from napari_segadv.viewer.runs import kept


@pytest.fixture(params=["gathered", "written"])
def slow(request, monkeypatch):
    """A session that waits: an event that says it has begun, and one that lets it go on."""
    begun, go_on = threading.Event(), threading.Event()
    module, name = {"gathered": (kept, "scan_of"), "written": (session, "save_session")}[
        request.param
    ]
    do = getattr(module, name)

    def waiting(*given):
        begun.set()
        assert go_on.wait(PATIENCE)
        return do(*given)

    monkeypatch.setattr(module, name, waiting)
    return begun, go_on


@pytest.fixture
def attacked(window, qtbot, flat):
    """The panel with one run, which is shown beside its image."""
    panel = docked(window)
    data, keywords, _ = image_tuple(flat.clean, "xray")
    run = panel.controller.runs.add(flat, window.add_image(data, **keywords))
    panel.controller.show_run(run)
    idle(qtbot, panel.controller)
    return panel


def test_what_is_painted_and_drawn_meanwhile_is_not_of_the_session(window, qtbot, folder, slow):
    panel, (begun, go_on) = docked(window), slow
    image = window.add_image(disc_image(), name="xray")
    mine = window.add_labels(disc_labels(), name="mine")
    panel.controller.victims.show_target(image, (disc_labels(), {}, "labels"))
    target = panel.controller.shown(TARGET)
    drawn = [[5, 5], [5, 20], [15, 20], [15, 5]]
    boxes = window.add_shapes([drawn], features={"class": ["polyp"]}, name="boxes")
    click(qtbot, panel.files.save_button)
    qtbot.waitUntil(begun.is_set)
    for layer in (mine, target):
        layer.brush_size = 9
        layer.paint((5, 5), 2)
        layer.data[40:] = 1
    boxes.data = [np.array([[30, 30], [30, 40], [40, 40], [40, 30]])]
    mine.name = "renamed"
    go_on.set()
    idle(qtbot, panel.controller)
    found = open_session(folder)
    assert [one.name for one in found.labels] == ["mine", f"xray / {TARGET}"]
    for one in found.labels:
        np.testing.assert_array_equal(one.mask.array, disc_labels())
    assert found.target == 1
    (one,) = found.boxes
    # Around pixels, not through their middles.
    np.testing.assert_allclose(one.boxes.corners, [[5.5, 5.5, 15.5, 20.5]])
    # The layers keep what was painted.
    assert (mine.data[40:] == 1).all()


def test_a_verdict_given_meanwhile_is_still_to_be_saved(attacked, qtbot, folder, slow):
    begun, go_on = slow
    (run,) = attacked.controller.runs
    click(qtbot, attacked.files.save_button)
    qtbot.waitUntil(begun.is_set)
    attacked.controller.runs.judge(run, 0, Verdict("obvious"))
    go_on.set()
    idle(qtbot, attacked.controller)
    assert open_session(folder).runs[0].verdicts == {}
    assert run.verdicts == {0: Verdict("obvious")}
    assert not run.saved


def test_what_was_opened_stays_in_the_status_line(
    window, qtbot, folder, weights_file, make_napari_viewer
):
    panel, controller = docked(window), Controller.of(window)
    controller.victims.load_victim(str(weights_file))
    idle(qtbot, controller)
    image = window.add_image(disc_image(), name="xray")
    controller.attack(image, "pgd", {"steps": 1, "goal": None}, None, "cpu")
    idle(qtbot, controller)
    saved(qtbot, panel, folder)
    fresh = docked(make_napari_viewer(show=True))
    said = []
    fresh.controller.jobs.busy_changed.connect(lambda title: said.append(fresh.status.text()))
    opened(qtbot, fresh)
    assert fresh.controller.runs.current.name == "pgd 1"
    assert fresh.controller.victims.source == str(weights_file)
    assert fresh.status.text() == "session opened: 1 run, 1 image"
    # Between its last words there were others, on what was going on.
    assert any("loading" in line for line in said)


@pytest.mark.parametrize("source", ["x" * 300, f"/tmp/{'x' * 300}"], ids=["name", "path"])
def test_a_victim_whose_name_no_file_can_have_is_gone(
    attacked, qtbot, folder, make_napari_viewer, source
):
    saved(qtbot, attacked, folder)
    file = folder / "session.json"
    content = json.loads(file.read_text())
    texts = ("name", "sha256", "trust", "task")
    content["victim"] = {"source": source, "classes": [], **dict.fromkeys(texts, "data")}
    file.write_text(json.dumps(content))
    fresh = docked(make_napari_viewer(show=True))
    opened(qtbot, fresh)
    assert fresh.status.text() == (
        f"{source}: the session's model is missing; its runs can be viewed, but choose a model to "
        "make new ones"
    )
    assert fresh.controller.runs.current.name == "pgd 1"
    assert fresh.controller.shown(ADVERSARIAL) is not None


@pytest.mark.parametrize("kind", ["float64", "object"])
def test_a_table_of_classes_with_a_gap_does_not_keep_a_session_from_being_saved(
    window, qtbot, folder, kind
):
    panel = docked(window)
    window.add_image(disc_image(), name="xray")
    numbers = pd.Series([0, 1, None], dtype=kind)
    table = pd.DataFrame({"index": numbers, "class": ["background", "heart", "nobody"]})
    window.add_labels(disc_labels(), name="mine", features=table)
    saved(qtbot, panel, folder)
    (labels,) = open_session(folder).labels
    assert labels.name == "mine"
    np.testing.assert_array_equal(labels.mask.array, disc_labels())
    if kind == "object":
        assert labels.mask.classes == ("background", "heart")


def test_class_names_of_a_table_with_a_gap_are_saved(window, qtbot, folder):
    panel = docked(window)
    window.add_image(disc_image(), name="xray")
    table = pd.DataFrame({"index": [0, 1, None], "class": ["background", "heart", "nobody"]})
    window.add_labels(disc_labels(), name="mine", features=table)
    saved(qtbot, panel, folder)
    (labels,) = open_session(folder).labels
    assert labels.mask.classes == ("background", "heart")
