"""What tests of the reading test share: an example, and a test that has begun."""

from clicks import click

from napari_segadv import attacks, craft


def attacked(scan, victim):
    return craft(scan, victim, attacks.get("pgd")(epsilon=8.0, steps=2), device="cpu")


def begin(qtbot, panel):
    """Starts the test and waits for the first trial."""
    click(qtbot, panel.start_button)
    qtbot.waitUntil(lambda: panel.test is not None)
    shown(qtbot, panel.test)
    return panel.test


def shown(qtbot, test):
    qtbot.waitUntil(lambda: bool(test.canvas.images))


def slice_shown(test):
    """The number of the slice, in the array, that the canvas shows."""
    return round(test.canvas.images[0].world_to_data(test.canvas.model.dims.point)[0])
