"""Which changes the target designer offers: fewer of a single image than of a volume."""

import numpy as np
import pytest
from clicks import click
from designing import still
from helpers import disc_labels


@pytest.fixture
def designing(window):
    """The panel with a target in two dimensions and one in three."""
    flat = window.add_labels(disc_labels(), name="flat")
    deep = window.add_labels(np.stack([disc_labels()] * 4), name="deep")
    _, panel = window.window.add_plugin_dock_widget("napari-segadv", "Target designer")
    return panel, flat, deep


def shifted(qtbot, panel):
    """The form of a shift, as it is shown."""
    click(qtbot, panel.change.buttons["shift"])
    return panel.change.form.editors["shift"]


def test_filling_and_shifting_by_the_targets_dimensions(designing, qtbot):
    panel, flat, deep = designing
    fill = panel.change.buttons["fill"]
    for target, whole, zeros in (
        (flat, False, "0, 0"),
        (deep, True, "0, 0, 0"),
        (flat, False, "0, 0"),
    ):
        panel.target.value = target
        assert fill.isEnabled() == whole
        others = [b for name, b in panel.change.buttons.items() if name != "fill"]
        assert all(button.isEnabled() for button in others)
        assert shifted(qtbot, panel).value == zeros
        # Chosen already, the form follows the target.
        panel.target.value = deep if target is flat else flat
        assert panel.change.form.editors["shift"].value == ("0, 0, 0" if target is flat else "0, 0")


def test_a_change_of_volumes_is_given_up_with_the_volume(designing, qtbot):
    panel, flat, deep = designing
    panel.target.value = deep
    click(qtbot, panel.change.buttons["fill"])
    assert panel.change.shape == "fill"
    panel.target.value = flat
    assert panel.change.shape != "fill"
    assert panel.change.buttons[panel.change.shape].isChecked()
    panel.target.value = deep
    assert panel.change.buttons["fill"].isEnabled()


def test_what_the_form_shows_can_be_applied(window, designing, qtbot):
    panel, flat, deep = designing
    for target, typed in ((flat, "2, 3"), (deep, "0, 2, 3")):
        panel.target.value = target
        panel.structure.value = 1
        shifted(qtbot, panel).value = typed
        before = target.data.copy()
        click(qtbot, panel.apply_button)
        still(qtbot, panel)
        moved = np.argwhere(target.data == 1).mean(0) - np.argwhere(before == 1).mean(0)
        np.testing.assert_allclose(moved[-2:], (2, 3), atol=0.5)
