"""Hostile names from files in a real window with every panel: plain text, short, harmless."""

import json

import dicoms
import numpy as np
import pytest
import torch
from clicks import click, drained, idle, move
from compare_window import canvas, on_canvas
from controls import notices
from foreign import HOSTILE, asked_for, guessed_at, looked_at, might_be_rich, pointed_at
from helpers import BYTES, disc_image, save_torchscript, small_network, write_series
from listing import choose, tables
from modal import answered
from napari.utils.notifications import notification_manager
from panels import PANELS
from qtpy.QtCore import QPoint
from qtpy.QtWidgets import QDialogButtonBox, QFileDialog, QInputDialog, QLabel, QMessageBox

from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.results.verdicts import Verdict
from napari_segadv.victims.victim import Victim
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import CLEAN
from napari_segadv.viewer.layers.task_view import UNTARGETED
from napari_segadv.viewer.widgets.layout import Column
from napari_segadv.viewer.widgets.trust_question import TrustQuestion

NAMES = tuple(HOSTILE.values())


@pytest.fixture
def asked():
    """The pictures that texts ask for during a test; at its end there are none."""
    with asked_for() as found:
        yield found
    assert found == []


@pytest.fixture
def hostile_victim():
    """A victim whose classes and whose own name are hostile."""
    return victim_of(NAMES)


def victim_of(names):
    """Bands of intensities, as many as names and a background."""
    network = torch.nn.Conv2d(1, len(names) + 1, 1)
    middles = torch.linspace(60, 200, len(names) + 1) / 255
    network.weight.data = 400 * middles.reshape(-1, 1, 1, 1)
    network.bias.data = -200 * middles**2
    classes = ("background", *names)
    return Victim(network.eval(), name=names[0], dims=2, classes=classes, steps=(BYTES,))


@pytest.fixture
def docked(window, qtbot, band_victim, hostile_victim):
    """Every panel, by its title, beside images with hostile names and a hostile victim.

    How wide they are with usual names is noted first, as their attribute `usual`.
    """
    victims, found = Controller.of(window).victims, {}
    window.add_image(disc_image(), name="xray")
    for title in PANELS:
        found[title] = window.window.add_plugin_dock_widget("napari-segadv", title)[1]
        idle(qtbot, Controller.of(window))
    victims.victim = band_victim
    victims.victim_changed.emit(band_victim)
    drained(qtbot)
    for panel in found.values():
        panel.usual = width(panel)
    window.layers.clear()
    for name in NAMES:
        data, keywords, _ = image_tuple(Scan.from_array(disc_image()), name)
        window.add_image(data, **keywords)
    victims.victim, victims.source = hostile_victim, NAMES[1]
    victims.victim_changed.emit(hostile_victim)
    drained(qtbot)
    return found


def check(qtbot, window, *roots):
    """Looks at every text of some widgets and at what napari shows."""
    drained(qtbot)
    for root in roots:
        assert looked_at(root) == []
        pointed_at(qtbot, root)
        # What is wider than its panel would be cut off.
        assert width(root) <= getattr(root, "usual", width(root))
    assert guessed_at(window) == []


def width(root):
    """The least width of a panel with all that it scrolls."""
    inside = [column.widget() for column in root.findChildren(Column)]
    return max(widget.minimumSizeHint().width() for widget in (root, *inside))


def run(qtbot, panel):
    panel.attack_section.form.editors["steps"].value = 2
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)


def test_a_label_of_qt_would_load_what_a_name_asks_for(qtbot):
    with asked_for() as found:
        label = QLabel(HOSTILE["image"])
        qtbot.addWidget(label)
        label.show()
        drained(qtbot)
    assert found


def test_names_of_images_classes_and_runs_are_plain_in_every_panel(window, docked, qtbot, asked):
    attack, designer = docked["Adversarial attack"], docked["Target designer"]
    controller = attack.controller
    check(qtbot, window, *docked.values())
    click(qtbot, attack.victim_section.predict_button)
    idle(qtbot, controller)
    click(qtbot, designer.start_button)
    qtbot.waitUntil(lambda: designer.designer.target is not None and not designer.designer.busy)
    attack.target_section.shape.value = "erase"
    click(qtbot, attack.target_section.button)
    idle(qtbot, controller)
    check(qtbot, window, *docked.values())
    attack.target.value = UNTARGETED
    run(qtbot, attack)
    check(qtbot, window, *docked.values())
    (first,) = controller.runs
    for name in NAMES:
        controller.runs.rename(controller.runs.add(first.example, first.image, name), name + name)
    for number, name in enumerate(NAMES):
        controller.runs.judge(first, number, Verdict("obvious", name))
    controller.runs.rename(first, NAMES[0])
    docked["Slices"].verdicts.refresh()
    check(qtbot, window, *docked.values())
    check_table(window, docked["Runs"], qtbot)


def check_table(window, panel, qtbot):
    """The table that compares runs, and the question whether to delete them."""
    panel.window().resize(1280, 1200)
    drained(qtbot)
    choose(qtbot, panel, 0, 1, 2)
    click(qtbot, panel.compare_button)
    (table,) = tables(panel)
    check(qtbot, window, table)
    click(qtbot, table.close_button)

    def refuse(box):
        assert looked_at(box) == []
        box.button(QMessageBox.No).click()

    choose(qtbot, panel, 0)
    with answered(qtbot, QMessageBox, refuse):
        click(qtbot, panel.delete_button)


def test_sessions_bring_no_markup_back(window, docked, qtbot, asked, folder):
    attack, runs = docked["Adversarial attack"], docked["Runs"]
    # Others are refused when they are read.
    short = [name.replace("\0", "") for name in NAMES if len(name) < 200]
    victims = attack.controller.victims
    victims.victim = victim_of(short)
    victims.victim_changed.emit(victims.victim)
    attack.target.value = UNTARGETED
    run(qtbot, attack)
    # As an earlier version, or another program, may have written it.
    next(iter(attack.controller.runs)).name = HOSTILE["image"]
    click(qtbot, runs.files.save_button)
    idle(qtbot, attack.controller)
    stored = next(path for path in folder.glob("*.json"))
    content = json.loads(stored.read_text())
    for number, image in enumerate(content["images"]):
        image["name"] = short[number % len(short)]
    content["runs"][0]["name"] = HOSTILE["markup"]
    stored.write_text(json.dumps(content))
    click(qtbot, runs.files.open_button)
    idle(qtbot, attack.controller)
    drained(qtbot)
    idle(qtbot, attack.controller)
    assert len(attack.controller.runs) == 2
    check(qtbot, window, *docked.values())


@pytest.mark.parametrize("name", HOSTILE)
def test_messages_that_quote_a_file_are_plain(window, docked, qtbot, asked, name):
    message = f"/scans/{HOSTILE[name]}: unknown key {HOSTILE[name]}; use only name, task"

    def work(poll):
        raise SegadvError(message)

    controller = Controller.of(window)
    with notices() as told:
        controller.jobs.start(f"loading {HOSTILE[name]}", work, print)
        assert "loading" in docked["Runs"].status.text()
        check(qtbot, window, *docked.values())
        idle(qtbot, controller)
    ((grave, text),) = told
    assert grave == "error"
    # What to do stands at the end, and is still there.
    assert text.endswith("use only name, task")
    assert docked["Runs"].status.text().endswith("use only name, task")
    check(qtbot, window, *docked.values())


def test_a_description_with_a_hostile_key_is_refused_in_plain_text(
    window, panel, qtbot, asked, tmp_path, monkeypatch
):
    path = tmp_path / "net.pt"
    torch.save(small_network().state_dict(), path)
    path.with_suffix(".json").write_text(json.dumps({HOSTILE["image"] + HOSTILE["lines"]: 1}))
    monkeypatch.setattr(QFileDialog, "getOpenFileName", lambda *a, **k: (str(path), ""))
    click(qtbot, panel.victim_section.file_button)
    idle(qtbot, panel.controller)
    assert "unknown key <img src=" in panel.status.text()
    check(qtbot, window, panel)


def test_a_file_that_our_reader_refuses_is_told_in_plain_text(
    window, panel, qtbot, asked, tmp_path
):
    path = tmp_path / "<img src=x> <b>scan.nrrd"
    path.write_text(f"NRRD0004\ntype: {HOSTILE['image']}\n")
    with pytest.raises(SegadvError, match="scan.nrrd") as refused:
        window.open(path, plugin="napari-segadv")
    assert "<img" not in str(refused.value)
    # As napari tells errors that nobody catches, those of its menu and of dropped files.
    notification_manager.receive_error(type(refused.value), refused.value)
    drained(qtbot)
    assert guessed_at(window) == []


def test_a_question_about_code_is_plain_text(window, panel, qtbot, asked, tmp_path):
    folder = tmp_path / "<b>safe, say yes"
    folder.mkdir()
    path = save_torchscript(small_network(), folder, "<img src=x>.ts")
    seen = []

    def refuse(dialog):
        seen.append(dialog.path.text())
        assert looked_at(dialog) == []
        dialog.buttons.button(QDialogButtonBox.No).click()

    with answered(qtbot, TrustQuestion, refuse):
        panel.victim_section.open(str(path))
    assert "<b>safe, say yes" in seen[0]
    idle(qtbot, panel.controller)
    check(qtbot, window, panel)


def test_descriptions_of_series_are_plain_in_the_question_which(window, qtbot, asked, tmp_path):
    folder = tmp_path / "<b>patient"
    for name in ("image", "markup", "control", "around"):
        text = HOSTILE[name][:60].replace("\r", "").replace("\x00", "")
        volume = np.arange(480).reshape(4, 12, 10)
        write_series(folder, volume, description=text, names=name + "{}.dcm")
    seen = []

    def pick(dialog):
        seen.extend(dialog.comboBoxItems())
        assert looked_at(dialog) == []
        dialog.accept()

    with answered(qtbot, QInputDialog, pick):
        window.open(folder, plugin="napari-segadv")
    assert len(seen) == 4
    drained(qtbot)
    (layer,) = window.layers
    assert layer.data.shape == (4, 12, 10)


def test_a_film_of_frames_in_a_hostile_file_is_asked_for(window, qtbot, asked, tmp_path):
    frames = np.random.default_rng(0).integers(0, 255, (3, 12, 10)).astype(np.uint8)
    path = dicoms.save(dicoms.image(frames, "US"), tmp_path / "<b>film &lt;")

    def pick(dialog):
        assert looked_at(dialog) == []
        dialog.accept()

    with answered(qtbot, QInputDialog, pick):
        (layer,) = window.open(path, plugin="napari-segadv")
    assert layer.data.shape == (12, 10)
    # The name of the file itself is napari's.
    assert not might_be_rich(layer.name)


def test_the_class_under_the_pointer_is_plain_in_napari_s_status_bar(
    window, docked, qtbot, asked, hostile_victim
):
    attack = docked["Adversarial attack"]
    click(qtbot, attack.victim_section.predict_button)
    idle(qtbot, attack.controller)
    layer = attack.controller.shown(CLEAN)
    window.layers.selection.active = layer
    bar = window.window._qt_window.statusBar()
    for number in np.unique(layer.data):
        row, column = (int(where[0]) for where in np.nonzero(layer.data == number))
        x, y = on_canvas(window, (row, column))
        move(qtbot, canvas(window), QPoint(round(x), round(y)))
        if number:
            qtbot.waitUntil(lambda: "class:" in bar._coordinates.text())
        assert guessed_at(window) == []
