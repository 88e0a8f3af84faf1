"""Images of several channels in napari: a layer for each channel, of the image and its results."""

import numpy as np
import pytest
from clicks import click, idle, loaded
from several import half, saved, victim_of

from napari_segadv import io
from napari_segadv.data.scan import SHARES, Mask, Scan
from napari_segadv.results.session.folder import open_session
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.hooks import get_reader
from napari_segadv.viewer.layers.convert import mask_tuple, scan_of
from napari_segadv.viewer.layers.names import ADVERSARIAL, NOISE, PREVIEW, of_channel
from napari_segadv.viewer.layers.task_view import UNTARGETED
from napari_segadv.viewer.reading_test.canvas import stimulus
from napari_segadv.viewer.views.readout import words
from napari_segadv.viewer.widgets.image_choice import ImageChoice

NAMES = ("case_0000", "case_0001", "case_0002")


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "images"
    place.mkdir()
    saved(place, 3)
    return place


@pytest.fixture
def controller(window):
    return Controller.of(window)


def opened(window, place):
    return window.open(place, plugin="napari-segadv")


def test_a_folder_is_one_image_with_a_layer_for_each_channel(window, controller, folder):
    layers = opened(window, str(folder))
    scan = io.read(folder)
    assert len(layers) == 3
    assert [layer.visible for layer in layers] == [True, False, False]
    for layer, part in zip(layers, scan.parts, strict=True):
        np.testing.assert_array_equal(layer.data, part.array)
        assert tuple(layer.contrast_limits) == pytest.approx(part.shown.limits)
    assert controller.images == [layers[0]]
    assert controller.image is layers[0]
    assert all(controller.image_of(layer) is layers[0] for layer in layers)
    assert scan_of(layers[0]).same_as(scan)
    assert "shows case_0000" in layers[0].name
    assert [layer.name.rpartition(" / ")[2] for layer in layers[1:]] == list(NAMES[1:])


def test_files_opened_as_a_stack_are_channels(window, controller, folder):
    paths = [str(path) for path in sorted(folder.iterdir())]
    assert get_reader(paths) is not None
    for each in get_reader(paths)(paths):
        window._add_layer_from_data(*each)
    assert scan_of(controller.image).same_as(io.read(paths))


def test_another_folder_is_not_ours(tmp_path):
    (tmp_path / "notes.txt").write_text("")
    assert get_reader(str(tmp_path)) is None


def test_layers_that_are_selected_become_channels(window, controller, folder, qtbot):
    said = []
    choice = ImageChoice(window, controller, said.append)
    qtbot.addWidget(choice)
    (join,) = [one for one in choice.button.menu().actions() if "channels" in one.text()]
    join.trigger()
    assert "fewer than two image layers are selected" in said.pop()
    for path in sorted(folder.iterdir()):
        opened(window, str(path))
    alone = list(window.layers)
    window.layers.selection = set(alone)
    join.trigger()
    assert not said
    assert scan_of(controller.image).same_as(io.read(folder))
    assert [layer for layer in alone if layer in window.layers] == alone
    window.add_image(np.random.default_rng(0).normal(size=(4, 5)), name="other")
    window.layers.selection = {window.layers["other"], alone[0]}
    join.trigger()
    assert "lies on another grid than" in said.pop()


def attacked(window, controller, folder, qtbot):
    layer = opened(window, str(folder))[0]
    controller.victims.victim = victim_of(3)
    settings = {"epsilon": 40.0, "steps": 2}
    labels = half(victim_of(3), io.read(folder))
    target = mask_tuple(Mask(labels, scan_of(layer).grid), "target")
    painted = window.add_labels(target[0], **target[1])
    controller.attack(layer, "pgd", settings, painted, "cpu")
    idle(qtbot, controller)
    return layer, controller.example


def test_a_run_has_a_layer_for_each_channel(window, controller, folder, qtbot):
    image, example = attacked(window, controller, folder, qtbot)
    assert example.measures["units"] == SHARES
    for number, name in enumerate(("FLAIR", "T1", "CT")):
        roles = [of_channel(role, name) if number else role for role in (ADVERSARIAL, NOISE)]
        adversarial, noise = map(controller.shown, roles)
        np.testing.assert_array_equal(adversarial.data, example.adversarial.parts[number].array)
        np.testing.assert_array_equal(noise.data, example.noise[..., number])
        largest = example.measures["channels"][number]["linf"]
        assert noise.contrast_limits[1] == pytest.approx(largest)
        assert adversarial.visible is (number == 0)
    assert controller.images == [image]
    # It is opened again with all its channels.
    run = controller.runs.current
    for layer in list(window.layers):
        window.layers.remove(layer)
    controller.show_run(run)
    idle(qtbot, controller)
    assert scan_of(controller.image).same_as(example.clean)
    assert len([layer for layer in window.layers if " / case_" in layer.name]) == 2


@pytest.mark.parametrize("mode", ["swipe", "difference"])
def test_it_is_compared_in_the_channel_that_is_shown(window, folder, qtbot, mode):
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Compare")
    _, example = attacked(window, panel.controller, folder, qtbot)
    panel.comparison.compare(mode)
    layer = panel.comparison.mode.layer
    assert layer.data.shape == example.clean.grid.shape
    assert "%" not in panel.comparison.strongest


def test_the_reading_test_shows_the_channel_that_is_shown(window, controller, folder, qtbot):
    _, example = attacked(window, controller, folder, qtbot)
    run = controller.runs.current
    controller.show_channel(1)
    found = stimulus(run.seen, at_change=False)
    np.testing.assert_array_equal(found.clean, example.clean.parts[1].array)
    np.testing.assert_array_equal(found.altered, example.adversarial.parts[1].array)
    assert found.keywords["contrast_limits"] == pytest.approx(example.clean.parts[1].shown.limits)
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Reading test")
    click(qtbot, panel.start_button)
    qtbot.waitUntil(lambda: panel.test is not None)
    assert list(panel.reading.names) == [f"{run.name} (channel 2 of 3)"]
    panel.test.reject()


def test_a_session_keeps_one_image_of_three_channels(window, folder, qtbot, tmp_path):
    from napari_segadv.viewer.runs.sessions import Sessions

    controller = Controller.of(window)
    _, example = attacked(window, controller, folder, qtbot)
    sessions = Sessions(controller)
    sessions.save(tmp_path / "session")
    idle(qtbot, controller)
    session = open_session(tmp_path / "session")
    assert len(session.images) == 1
    assert session.images[0].scan.same_as(example.clean)
    for layer in list(window.layers):
        window.layers.remove(layer)
    sessions.open(tmp_path / "session")
    idle(qtbot, controller)
    assert len(controller.images) == 1
    assert scan_of(controller.image).same_as(example.clean)
    assert controller.example.adversarial.same_as(example.adversarial)


def test_the_attack_panel_counts_in_percent(window, panel, folder, qtbot):
    opened(window, str(folder))
    loaded(qtbot, panel, victim_of(3))
    panel.target.value = UNTARGETED
    assert panel.attack_section.units == SHARES
    shares = panel.attack_section.channels
    assert shares.names == ("FLAIR", "T1", "CT")
    assert shares.isVisibleTo(panel)
    for box, share in zip(shares.boxes, (100, 0, 50), strict=True):
        box.value = share
    panel.attack_section.form.editors["steps"].value = 2
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)
    example = panel.controller.example
    assert example.record["budget"]["epsilon"] == pytest.approx(2.0)
    assert isinstance(example.clean, Scan)
    assert example.clean.channels == 3
    assert [one.share for one in example.channels] == [1.0, 0.0, 0.5]
    assert not example.noise[..., 1].any()
    for box in shares.boxes:
        box.value = 0
    click(qtbot, panel.run_button)
    assert "no channel may change" in panel.status.text()
    window.add_image(np.random.default_rng(0).normal(size=(30, 31)), name="grey")
    assert shares.names == ()
    assert not shares.isVisibleTo(panel)


def test_the_channel_that_may_change_is_shown_while_it_runs_and_after(window, panel, folder, qtbot):
    """Also if the first one may not: else a radiologist would see the clean image twice."""
    first = opened(window, str(folder))[0]
    loaded(qtbot, panel, victim_of(3))
    panel.target.value = UNTARGETED
    shares, editors = panel.attack_section.channels, panel.attack_section.form.editors
    for box, share in zip(shares.boxes, (0, 0, 100), strict=True):
        box.value = share
    editors["steps"].value, editors["goal"].value = 100_000, None
    parts, controller = scan_of(first).parts, panel.controller
    place = window.dims.current_step[0]

    def changes():
        layer = controller.shown(PREVIEW)
        assert layer is not None
        assert layer.data.dtype == parts[2].array.dtype
        assert (layer.data[place] != parts[2].array[place]).any()

    click(qtbot, panel.run_button)
    qtbot.waitUntil(lambda: controller.shown(PREVIEW) is not None)
    assert tuple(controller.shown(PREVIEW).contrast_limits) == parts[2].shown.limits
    qtbot.waitUntil(changes)
    click(qtbot, panel.cancel_button)
    idle(qtbot, controller)
    assert controller.shown(PREVIEW) is None
    editors["steps"].value = 2
    click(qtbot, panel.run_button)
    idle(qtbot, controller)
    run = controller.runs.current
    assert run.channel == 2
    roles = [run.role(ADVERSARIAL, number) for number in range(3)]
    assert [controller.shown(role).visible for role in roles] == [False, False, True]
    assert [layer.visible for layer in cleans(panel, first)] == [False, False, True]
    # It stays the one that is looked at, as long as it may change.
    controller.show_channel(1)
    for box in shares.boxes:
        box.value = 100
    click(qtbot, panel.run_button)
    idle(qtbot, controller)
    assert controller.runs.current is not run
    assert controller.runs.current.channel == 1


@pytest.fixture
def compared(window, folder, qtbot):
    """The Compare panel, with a run on an image of three channels, and its example."""
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Compare")
    image, example = attacked(window, panel.controller, folder, qtbot)
    return panel, image, example


def choose_channel(panel, number):
    panel.channel.setCurrentIndex(number)
    panel.channel.activated.emit(number)


@pytest.mark.parametrize("mode", ["", "blink", "side by side", "swipe", "difference"])
def test_each_channel_is_compared_before_and_after(window, compared, mode):
    """In every way to compare; the way stays, and the channel before is as it was."""
    panel, image, example = compared
    assert [panel.channel.itemText(n) for n in range(3)] == ["FLAIR", "T1", "CT"]
    assert panel.channel.isVisibleTo(panel)
    if mode:
        panel.comparison.compare(mode)
    strongest = panel.comparison.strongest
    choose_channel(panel, 2)
    assert panel.comparison.name == mode
    pair = panel.comparison.pair
    np.testing.assert_array_equal(pair.clean.data, example.clean.parts[2].array)
    np.testing.assert_array_equal(pair.adversarial.data, example.adversarial.parts[2].array)
    if mode == "difference":
        np.testing.assert_array_equal(panel.comparison.mode.layer.data, example.noise[..., 2])
        assert panel.comparison.strongest != strongest
    if mode == "swipe":
        halves = panel.comparison.mode.layer.data
        assert halves.dtype == example.clean.parts[2].array.dtype
    panel.comparison.compare("")
    shown = panel.controller.shown
    names = [ADVERSARIAL, *(of_channel(ADVERSARIAL, name) for name in ("T1", "CT"))]
    assert [shown(name).visible for name in names] == [False, False, True]
    assert [layer.visible for layer in cleans(panel, image)] == [False, False, True]
    choose_channel(panel, 0)
    assert [shown(name).visible for name in names] == [True, False, False]
    assert [layer.visible for layer in cleans(panel, image)] == [True, False, False]


def cleans(panel, image):
    run = panel.controller.runs.current
    found = [panel.controller.clean_of(run, n) for n in range(3)]
    assert found[0] is image
    return found


def test_the_window_is_that_of_the_channel(window, compared):
    panel, image, example = compared
    choose_channel(panel, 2)
    window, pair, first = panel.comparison.window, panel.comparison.pair, cleans(panel, image)[0]
    assert window.image is pair.clean
    assert window.limits == pytest.approx(example.clean.parts[2].shown.limits)
    before = tuple(first.contrast_limits)
    window.set(100.0, 40.0)
    assert tuple(pair.clean.contrast_limits) == tuple(pair.adversarial.contrast_limits) == (80, 120)
    assert tuple(first.contrast_limits) == before


def test_the_film_strip_is_drawn_in_the_window_of_the_channel(window, folder, qtbot, monkeypatch):
    from napari_segadv.viewer.compare import strip_section

    drawn = []

    def noting(image, *given):
        drawn.append(image)
        return thumbnail(image, *given)

    thumbnail = strip_section.thumbnail
    monkeypatch.setattr(strip_section, "thumbnail", noting)
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Compare")
    attacked(window, panel.controller, folder, qtbot)
    film = panel.strip.strip.film
    for number in (2, 0):
        choose_channel(panel, number)
        drawn.clear()
        qtbot.waitUntil(lambda: bool(film.frames) and bool(drawn))
        assert set(drawn) == {panel.comparison.pair.clean}
        panel.strip.strip.show_frames((), 1.0)


def test_what_was_noise_in_view_stays_noise_in_view(window, compared):
    panel, _, _ = compared
    shown = panel.controller.shown
    shown(NOISE).visible = True
    choose_channel(panel, 1)
    assert [shown(n).visible for n in (NOISE, of_channel(NOISE, "T1"))] == [False, True]


def test_each_channel_is_measured_in_its_own_windows(window, compared, qtbot):
    _, slices = window.window.add_plugin_dock_widget("napari-segadv", "Slices")
    panel, _, _ = compared
    section, said = slices.visibility, []
    for number, name in ((0, "FLAIR"), (2, "CT")):
        choose_channel(panel, number)
        assert section.line.text() == ""
        click(qtbot, section.button)
        qtbot.waitUntil(lambda: panel.controller.visibility.measuring is None)
        said.append(section.line.text())
        assert said[-1].startswith(f"{name}: ")
    # What was measured of the other channel is still known.
    choose_channel(panel, 0)
    assert section.line.text() == said[0]


def test_the_next_run_is_shown_in_the_same_channel(window, compared, qtbot):
    panel, image, _ = compared
    choose_channel(panel, 1)
    first = panel.controller.runs.current
    panel.controller.attack(image, "pgd", {"epsilon": 20.0, "steps": 1}, None, "cpu")
    idle(qtbot, panel.controller)
    second = panel.controller.runs.current
    assert second is not first
    assert second.channel == 1
    assert panel.channel.currentText() == "T1"
    adversarial = panel.controller.shown(of_channel(ADVERSARIAL, "T1"))
    assert adversarial.visible
    assert not panel.controller.shown(ADVERSARIAL).visible
    np.testing.assert_array_equal(adversarial.data, second.example.adversarial.parts[1].array)


def test_a_channel_whose_layer_is_gone_is_refused_until_the_run_is_shown_again(
    window, compared, qtbot
):
    panel, image, _ = compared
    _, runs = window.window.add_plugin_dock_widget("napari-segadv", "Runs")
    run = panel.controller.runs.current
    window.layers.remove(cleans(panel, image)[1])
    choose_channel(panel, 1)
    assert "T1: its layer was removed" in panel.status.text()
    assert panel.channel.currentText() == "FLAIR"
    runs._show(run)
    idle(qtbot, panel.controller)
    choose_channel(panel, 1)
    assert cleans(panel, image)[1].visible
    # Of the one that is shown, either layer.
    for gone in (cleans(panel, image)[1], panel.controller.shown(run.role(ADVERSARIAL))):
        window.layers.remove(gone)
        runs._show(run)
        idle(qtbot, panel.controller)
        choose_channel(panel, 1)
        assert panel.comparison.pair.clean.visible
        assert panel.comparison.pair.adversarial.visible


def test_a_deleted_run_leaves_the_image_in_view(window, compared):
    panel, image, _ = compared
    choose_channel(panel, 2)
    other = cleans(panel, image)[2]
    panel.controller.delete_run(panel.controller.runs.current)
    assert image.visible
    assert not other.visible


def test_the_readout_is_of_the_channel_that_is_shown(window, compared):
    panel, image, example = compared
    choose_channel(panel, 1)
    controller = panel.controller
    assert controller.read is cleans(panel, image)[1]
    noise = np.abs(example.noise[..., 1])
    index = np.unravel_index(noise.argmax(), noise.shape)
    told = words(controller, controller.read, controller.read.data_to_world(index))
    before, after = (scan.parts[1].array[index] for scan in (example.clean, example.adversarial))
    assert before != after
    assert told.startswith(f"grey level {before:.5g} (adversarial {after:.5g})")
