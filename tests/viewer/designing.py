"""What tests of the target designer do with its panel."""

from clicks import click

from napari_segadv.viewer.target.designer import PREDICTION


def still(qtbot, panel):
    """Waits until nothing is computed or written."""
    idle = panel.designer
    qtbot.waitUntil(lambda: not idle.busy and not idle.controller.jobs.busy)


def started(qtbot, panel, start=PREDICTION):
    panel.start.value = start
    click(qtbot, panel.start_button)
    still(qtbot, panel)
    qtbot.waitUntil(lambda: panel.designer.target is not None)
    still(qtbot, panel)
    return panel.designer.target


def applied(qtbot, panel, shape, label, **settings):
    panel.structure.value = label
    click(qtbot, panel.change.buttons[shape])
    for name, value in settings.items():
        panel.change.form.editors[name].value = value
    click(qtbot, panel.apply_button)
    still(qtbot, panel)
