"""A session in real windows: painted, run, judged, saved; the same in a fresh viewer."""

import shutil
from dataclasses import replace

import numpy as np
import pytest
from clicks import click, drained, idle
from helpers import disc_image, volume_victim
from napari.layers import Image, Labels
from reopened import docked, opened, same_layers, same_runs, saved
from roles import titles
from sessions import SAGITTAL

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.boxes import Boxes
from napari_segadv.data.scan import Grid, Mask, Scan
from napari_segadv.results.verdicts import Verdict
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple, mask_tuple, scan_of
from napari_segadv.viewer.layers.names import ADVERSARIAL, TARGET
from napari_segadv.viewer.layers.places import placed_like
from napari_segadv.viewer.layers.tasks.detection import boxes_in, outlines

GRIDS = {
    "flips": Grid((20, 36, 40), (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), np.diag([1.0, -1.0, -1.0])),
    "sagittal": Grid((20, 36, 40), (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), SAGITTAL),
}


def test_painted_run_judged_saved_and_opened(
    window, qtbot, folder, weights_file, make_napari_viewer, tmp_path
):
    panel, controller = docked(window), Controller.of(window)
    io.save(Scan.from_array(disc_image()), tmp_path / "x.png")
    data, keywords, _ = image_tuple(io.read(tmp_path / "x.png"))
    layer = window.add_image(data, **keywords)
    layer.contrast_limits = (20, 180)
    controller.victims.load_victim(str(weights_file))
    idle(qtbot, controller)
    controller.victims.make_target(layer, "copy", {}, None, "cpu")
    idle(qtbot, controller)
    target = controller.shown(TARGET)
    target.mode = "paint"
    target.brush_size, target.selected_label = 9, 2
    target.paint((20, 30), 2)
    wanted = target.data.copy()
    for epsilon in (4.0, 9.0):
        controller.attack(layer, "pgd", {"epsilon": epsilon, "steps": 2}, target, "cpu")
        idle(qtbot, controller)
    first, second = controller.runs
    controller.runs.judge(first, 0, Verdict("suspicious", "ä note"))
    controller.runs.rename(second, "the second")
    controller.show_run(first)
    idle(qtbot, controller)
    other = window.add_labels(np.eye(48, 64, dtype=int) * 300, name="by hand")
    saved(qtbot, panel, folder)
    assert not list(folder.rglob("*.pt"))
    # Gone, as on another computer; the victim is there.
    (tmp_path / "x.png").unlink()

    fresh = make_napari_viewer(show=True)
    panel2 = docked(fresh)
    controller2 = opened(qtbot, panel2)
    same_runs(controller, controller2)
    same_layers(controller, controller2)
    np.testing.assert_array_equal(controller2.shown(TARGET).data, wanted)
    assert fresh.layers.selection.active is controller2.shown(TARGET)
    assert fresh.layers[-1] is controller2.shown(TARGET)
    np.testing.assert_array_equal(fresh.layers["by hand"].data, other.data)
    assert controller2.victims.victim.sha256 == controller.victims.victim.sha256
    assert controller2.victims.source == str(weights_file)
    np.testing.assert_array_equal(first.example.target.array, wanted)
    # It can be gone on with: the same run again gives the same noise.
    image = controller2.runs.current.image
    controller2.attack(image, "pgd", {"epsilon": 4.0, "steps": 2}, controller2.shown(TARGET), "cpu")
    idle(qtbot, controller2)
    *_, third = controller2.runs
    np.testing.assert_array_equal(third.example.noise, first.example.noise)
    # And be saved and opened once more.
    shutil.rmtree(folder)
    saved(qtbot, panel2, folder)
    assert len(list((folder / "images").iterdir())) == 1


@pytest.mark.parametrize("kind", GRIDS)
def test_a_volume(window, qtbot, folder, ct, make_napari_viewer, kind):
    scan = replace(ct, grid=GRIDS[kind])
    assert scan.grid.turned == (kind == "sagittal")
    panel, controller = docked(window), Controller.of(window)
    data, keywords, _ = image_tuple(scan, "ct")
    layer = window.add_image(data, **keywords)
    target = np.array(volume_victim(2).predict(scan).array)
    target[6:9] = 0
    mask = Mask(target, scan.grid, ("background", "one", "two"))
    controller.victims.show_target(layer, mask_tuple(mask, TARGET))
    controller.shown(TARGET).n_edit_dimensions = 3
    controller.shown(TARGET).paint((10, 20, 20), 2)
    painted = controller.shown(TARGET).data.copy()
    for epsilon in (10.0, 30.0):
        attack = sa.attacks.PGD(epsilon=epsilon, steps=2)
        controller.runs.add(sa.craft(scan, volume_victim(2), attack, target=painted), layer)
    first, second = controller.runs
    controller.show_run(second)
    idle(qtbot, controller)
    controller.runs.judge(second, 7, Verdict("obvious", "stripe"))
    controller.runs.judge(second, 19, Verdict("nothing seen"))
    saved(qtbot, panel, folder)
    fresh = make_napari_viewer(show=True)
    controller2 = opened(qtbot, docked(fresh))
    same_runs(controller, controller2)
    same_layers(controller, controller2)
    np.testing.assert_array_equal(controller2.shown(TARGET).data, painted)
    assert list(controller2.shown(TARGET).features["class"]) == ["background", "one", "two"]
    one, other = (c.runs.current.example.clean.grid for c in (controller, controller2))
    np.testing.assert_array_equal(one.direction, other.direction)


@pytest.fixture
def simple(window, qtbot, folder, scan2d, band_victim):
    """A saved session of one run of a plain array."""
    panel, controller = docked(window), Controller.of(window)
    layer = window.add_image(scan2d.array, name="x-ray")
    example = sa.craft(scan_of(layer), band_victim, sa.attacks.PGD(epsilon=6.0, steps=1))
    run = controller.runs.add(example, layer)
    controller.show_run(run)
    idle(qtbot, controller)
    controller.victims.show_target(
        layer, mask_tuple(Mask(np.ones(scan2d.grid.shape, np.uint8), scan2d.grid), TARGET)
    )
    saved(qtbot, panel, folder)
    return panel


def test_what_is_open_stays(window, simple, qtbot):
    panel, controller = simple, simple.controller
    image, target = controller.image, controller.shown(TARGET)
    target.data[0] = 7
    mine = window.add_image(np.random.default_rng(0).random((9, 9)), name="mine")
    controller.shown(ADVERSARIAL, image).name = "kept"
    before = [layer for layer in window.layers if isinstance(layer, Image | Labels)]
    opened(qtbot, panel)
    assert [run.name for run in controller.runs] == ["pgd 1", "pgd 2"]
    assert controller.runs.current.name == "pgd 2"
    assert mine in window.layers
    assert window.layers["kept"] in before
    assert target in window.layers
    assert target.name == "x-ray / target"
    assert (target.data[0] == 7).all()
    assert (controller.shown(TARGET).data == 1).all()
    assert titles(window).count("x-ray") == 1
    assert "x-ray [1]" in window.layers


def test_drawn_boxes_come_back_where_they_were(window, qtbot, folder, make_napari_viewer):
    panel = docked(window)
    frame = np.random.default_rng(0).integers(0, 255, (40, 60, 3), np.uint8)
    window.add_image(frame, name="other frame")
    image = window.add_image(frame[::-1], name="frame", scale=(2, 2), translate=(10, 0))
    grid, names = Grid.pixels((40, 60)), ("background", "bubbles", "blur")
    places = [[4.0, 5.0, 20.25, 30.5], [30.0, 2.0, 38.0, 9.0]]
    data, keywords, _ = outlines(Boxes.of(places, [2, 1], grid, names))
    layer = window.add_shapes(data, **keywords, **placed_like(image), name="wanted")
    window.add_shapes(data, name="without classes")
    window.add_shapes([data[0]], features={"class": [3]}, name="numbers")
    wanted = boxes_in(layer, image)
    click(qtbot, panel.files.save_button)
    idle(qtbot, panel.controller)
    assert "layer numbers: shape 1 has no class" in panel.status.text()
    other = make_napari_viewer(show=True)
    opened(qtbot, docked(other))
    assert titles(other) == ["other frame", "frame", "wanted"]
    back = other.layers["wanted"]
    assert boxes_in(back, other.layers["frame"]) == wanted
    assert set(back.features["class"]) == {"blur", "bubbles"}
    np.testing.assert_allclose(back.edge_color, layer.edge_color)
    assert not Controller.of(other).made(back)


def test_two_films_of_one_size_keep_their_own_targets_and_labels(
    window, qtbot, folder, make_napari_viewer
):
    """Nothing but the group tells whose labels they are: size and place are the same."""
    panel, controller = docked(window), Controller.of(window)
    films = {name: window.add_image(disc_image(seed=n), name=name) for n, name in enumerate("ab")}
    for number, (name, film) in enumerate(films.items(), 1):
        controller.choose(film)
        mask = Mask(np.full((48, 64), number, np.uint8), Grid.pixels((48, 64)))
        controller.victims.show_target(film, mask_tuple(mask, TARGET))
        window.add_labels(np.full((48, 64), 10 * number), name=f"lungs of {name}")
    controller.choose(films["a"])
    window.layers.move(window.layers.index(films["a"]), len(window.layers))
    saved(qtbot, panel, folder)
    fresh = make_napari_viewer(show=True)
    controller2 = opened(qtbot, docked(fresh))
    assert controller2.image is fresh.layers["a"]
    for number, name in enumerate(films, 1):
        film = fresh.layers[name]
        controller2.choose(film)
        assert (controller2.shown(TARGET).data == number).all()
        assert controller2.shown(TARGET).name == f"{name} / target"
        own = fresh.layers[f"lungs of {name}"]
        assert controller2.image_of(own) is film
        assert (own.data == 10 * number).all()
        assert [x.name for x in fresh.layers if x.visible and x.name.startswith("lungs")] == [
            own.name
        ]


def test_a_layer_that_no_file_can_hold_is_named(window, simple, qtbot, folder):
    shutil.rmtree(folder)
    window.add_image(np.zeros((2, 3, 8, 8)), name="film")
    window.add_labels(np.full((8, 8), 70_000), name="many")
    click(qtbot, simple.files.save_button)
    idle(qtbot, simple.controller)
    assert "layer many: has class numbers outside" in simple.status.text()
    assert (folder / "session.json").is_file()


def test_a_damaged_session_opens_nothing(window, simple, qtbot, folder):
    (folder / "runs" / "00" / "prediction_clean.nii.gz").unlink()
    layers, runs = list(window.layers), len(simple.controller.runs)
    opened(qtbot, simple)
    assert "prediction_clean.nii.gz: no such file" in simple.status.text()
    assert list(window.layers) == layers
    assert len(simple.controller.runs) == runs


def test_a_window_closed_while_it_opens(simple, qtbot, folder, make_napari_viewer):
    fresh = make_napari_viewer(show=True)
    panel = docked(fresh)
    panel.sessions.open(folder)
    fresh.close()
    qtbot.waitUntil(lambda: not panel.controller.jobs.busy)
    drained(qtbot)
    assert list(panel.controller.layers) == []
    assert len(panel.controller.runs) == 0
