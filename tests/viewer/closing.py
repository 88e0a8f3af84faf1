"""Closing a window as its cross does, and answering the question that may come."""

from clicks import click, idle
from qtpy.QtCore import Qt

from napari_segadv.viewer.layers.task_view import UNTARGETED


def attacked(panel, qtbot):
    panel.target.value = UNTARGETED
    panel.attack_section.form.editors["steps"].value = 1
    click(qtbot, panel.run_button)
    idle(qtbot, panel.controller)


def press(qtbot, words):
    """Answers a question by the button with these words."""

    def answer(box):
        (button,) = [one for one in box.buttons() if words in one.text().replace("&", "")]
        click(qtbot, button)

    return answer


def closes(window):
    """Closes the window as its cross does; returns whether it is gone.

    Qt keeps it, for napari's fixture closes each viewer once more.
    """
    window.window._qt_window.setAttribute(Qt.WA_DeleteOnClose, False)
    return window.window._qt_window.close()
