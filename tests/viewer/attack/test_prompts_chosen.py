"""The classes that VISTA3D is asked for, chosen by their names; a session keeps them."""

import numpy as np
import pytest
from clicks import click, idle, loaded
from qtpy.QtCore import QPoint, Qt
from qtpy.QtWidgets import QStyle, QStyleOptionViewItem
from reopened import docked, saved
from reopened import opened as reopened
from zoo import VISTA, metadata
from zoo_itself import save_ct, save_zoo

import napari_segadv as sa
from napari_segadv.errors import NeedsTrust
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.consent import remember
from napari_segadv.victims.shown import shown_to
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.convert import image_tuple
from napari_segadv.viewer.layers.names import CLEAN

NAMES = {str(n): f"organ {n}" for n in range(133)} | {"0": "background", "3": "spleen"}
SPLEEN, SEVEN = 3, 7


@pytest.fixture
def vista(tmp_path):
    """A bundle whose code has been agreed to."""
    meta = metadata(3, 1, NAMES, num_channels=1)
    path = save_zoo(tmp_path, VISTA, meta | {"task": "Multi-organ Segmentation"})
    with pytest.raises(NeedsTrust) as asked:
        load_victim(path)
    remember(asked.value.sha256, path)
    return path


def check(qtbot, prompts, number):
    """A real click on the check mark of a class."""
    rows = range(prompts.list.count())
    item = next(i for i in map(prompts.list.item, rows) if i.data(Qt.UserRole) == number)
    prompts.list.scrollToItem(item)
    option = QStyleOptionViewItem()
    option.rect = prompts.list.visualItemRect(item)
    option.features = QStyleOptionViewItem.HasCheckIndicator
    box = prompts.list.style().subElementRect(
        QStyle.SE_ItemViewItemCheckIndicator, option, prompts.list
    )
    qtbot.mouseClick(prompts.list.viewport(), Qt.LeftButton, pos=QPoint(box.center()))


def test_classes_are_chosen_by_name(
    window, panel, qtbot, vista, tmp_path, folder, make_napari_viewer
):
    place = save_ct(tmp_path)
    data, keywords, _ = image_tuple(sa.read(place))
    window.add_image(data, **keywords)
    idle(qtbot, panel.controller)
    assert not panel.clicks_section.isVisible()
    panel.victim_section.open(str(vista))
    qtbot.waitUntil(lambda: panel.controller.victims.source == str(vista))
    idle(qtbot, panel.controller)
    prompts, victims = panel.clicks_section.prompts, panel.controller.victims
    assert not panel.clicks_section.clicking.isVisible()
    assert prompts.isVisible()
    # Its own program asks for the spleen, and for both kidneys, which organ 2 stands for.
    assert prompts.checked == {SPLEEN, 14, 5}
    assert prompts.list.item(0).text() == "spleen"
    assert not prompts.button.isEnabled()
    for number in (14, 5):
        check(qtbot, prompts, number)
    qtbot.keyClicks(prompts.filter, "organ 7")
    listed = [prompts.list.item(n) for n in range(prompts.list.count())]
    assert {i.text() for i in listed if not i.isHidden()} == {
        "organ 7",
        *(f"organ 7{n}" for n in range(10)),
    }
    check(qtbot, prompts, SEVEN)
    assert prompts.checked == {SPLEEN, SEVEN}
    victims.predict(panel.image.value)
    idle(qtbot, panel.controller)
    click(qtbot, prompts.button)
    assert victims.victim.classes == ("background", "spleen", "organ 7")
    assert not prompts.button.isEnabled()
    assert panel.clicks_section.stale.isVisible()
    click(qtbot, panel.victim_section.predict_button)
    idle(qtbot, panel.controller)
    assert not panel.clicks_section.stale.isVisible()
    asked = shown_to(load_victim(vista), {"classes": ["spleen", SEVEN]})
    expected = asked.predict(sa.read(place)).array
    np.testing.assert_array_equal(panel.controller.shown(CLEAN).data, expected)
    panel.controller.attack(panel.image.value, "fgsm", {"epsilon": 9.0}, None, "cpu")
    idle(qtbot, panel.controller)
    record = panel.controller.example.record
    assert record["victim"]["shown"] == {"classes": [SPLEEN, SEVEN]}
    result = panel.controller.example.save(tmp_path / "result")
    assert sa.repeat(result).lines == ("the same image, bit for bit",)
    saved(qtbot, docked(window), folder)
    fresh = make_napari_viewer(show=True)
    controller = reopened(qtbot, docked(fresh))
    qtbot.waitUntil(lambda: controller.victims.victim.classes == victims.victim.classes)
    assert Controller.of(fresh).victims.victim.shown == {"classes": [SPLEEN, SEVEN]}


def test_other_models_are_asked_for_nothing(window, panel, qtbot, band_victim):
    loaded(qtbot, panel, band_victim)
    assert not panel.clicks_section.isVisible()
    assert panel.controller.clicks.missing(None) == ""
