"""Every control of every panel says what it does, in a tooltip that no other control has."""

import pytest
from clicks import click, drained, idle
from compare_window import show
from listing import choose
from panels import PANELS
from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QAbstractSpinBox,
    QCheckBox,
    QComboBox,
    QLineEdit,
    QListWidget,
    QPushButton,
    QSlider,
    QTableWidget,
)
from readers import begin

from napari_segadv.targets import available
from napari_segadv.viewer.attack.budget import TIP, BudgetEditor
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.runs.list import RunsList
from napari_segadv.viewer.widgets.forms import OptionalNumber
from napari_segadv.viewer.widgets.plain import tip_text

pytestmark = pytest.mark.usefixtures("quick")

KINDS = (
    *(QPushButton, QComboBox, QAbstractSpinBox, QCheckBox),
    *(QListWidget, QTableWidget, QSlider, QLineEdit),
)
# Controls of several parts, whose tooltip is that of the whole; so is that of a folder, a line
# and this button.
WHOLES = (OptionalNumber, BudgetEditor)
FOLDER = "Choose directory"


def is_whole(widget):
    buttons = widget.findChildren(QPushButton, options=Qt.FindDirectChildrenOnly)
    return isinstance(widget, WHOLES) or [button.text() for button in buttons] == [FOLDER]


def controls(panel):
    """Every control with its tooltip; what is a part of another one is left out."""
    found = []
    for widget in panel.findChildren(KINDS):
        around = widget.parentWidget()
        if isinstance(around, (QAbstractSpinBox, QComboBox)):
            # Where a box is typed into.
            continue
        if isinstance(widget, RunsList):
            # Each of its rows has one.
            tips = [widget.item(row, 1).toolTip() for row in range(widget.rowCount())]
            assert all(tips)
            continue
        if not widget.toolTip() and is_whole(around):
            assert around.toolTip()
            continue
        found.append((widget, widget.toolTip()))
    return found


def check(panel, least):
    """All have one of their own; there are so many of them at least."""
    tips = [tip for _, tip in controls(panel)]
    assert [type(widget).__name__ for widget, tip in controls(panel) if not tip.strip()] == []
    assert len(tips) >= least
    assert sorted({tip for tip in tips if tips.count(tip) > 1}) == []


@pytest.fixture
def docked(window, qtbot, deep):
    """Every panel beside a run over a volume, by its title."""
    show(window, deep)
    found = {}
    for title in PANELS:
        found[title] = window.window.add_plugin_dock_widget("napari-segadv", title)[1]
        idle(qtbot, Controller.of(window))
    drained(qtbot)
    return found


LEAST = {
    "Adversarial attack": 25,
    "Target designer": 18,
    "Compare": 17,
    "Slices": 11,
    "Runs": 8,
    "Reading test": 6,
    "Keys and help": 0,
}


def test_every_control_of_every_panel_has_a_tooltip(docked, qtbot):
    assert LEAST.keys() == docked.keys()
    for title, panel in docked.items():
        check(panel, LEAST[title])
    assert docked["Adversarial attack"].attack_section.budget.toolTip() == tip_text(TIP)
    check_forms(docked, qtbot)


def check_forms(docked, qtbot):
    attack, designer = docked["Adversarial attack"], docked["Target designer"]
    for method in attack.attack_section.method.choices:
        attack.attack_section.method.value = method
        # The form before it goes in the next turn.
        drained(qtbot)
        check(attack.attack_section.form, 0)
        check(attack.attack_section, 10)
    for shape in available():
        attack.target_section.shape.value = shape
        designer.change.buttons[shape].setChecked(True)
        drained(qtbot)
        check(attack.target_section, 4)
        check(designer.change, 10)


def test_so_have_the_windows_of_their_own(docked, qtbot, deep):
    runs, reading = docked["Runs"], docked["Reading test"]
    other = runs.controller.runs.add(deep, runs.controller.runs.current.image)
    choose(qtbot, runs, 0, 1)
    click(qtbot, runs.compare_button)
    check(runs.table, 4)
    click(qtbot, runs.table.close_button)
    runs.controller.runs.remove(other)
    test = begin(qtbot, reading)
    for widget in (test.first, test.second, test.stop, test.progress, test.help):
        assert widget.toolTip()
    click(qtbot, test.stop)
