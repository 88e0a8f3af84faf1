"""Sessions saved and opened by the Runs panel of real windows, and what has to be the same then."""

import numpy as np
from clicks import click, drained, idle

from napari_segadv.viewer.layers.names import ADVERSARIAL, AFTER, CLEAN, NOISE, TARGET
from napari_segadv.viewer.layers.places import matrix_of


def docked(viewer):
    return viewer.window.add_plugin_dock_widget("napari-segadv", "Runs")[1]


def saved(qtbot, panel, folder):
    click(qtbot, panel.files.save_button)
    idle(qtbot, panel.controller)
    assert panel.status.text() == f"session saved in {folder}"
    assert all(run.saved for run in panel.controller.runs)


def opened(qtbot, panel):
    click(qtbot, panel.files.open_button)
    # One job starts the next before all is idle: reading, showing, loading the victim.
    idle(qtbot, panel.controller)
    drained(qtbot)
    idle(qtbot, panel.controller)
    return panel.controller


def same_runs(one, other):
    assert [run.name for run in one.runs] == [run.name for run in other.runs]
    for a, b in zip(one.runs, other.runs, strict=True):
        assert a.verdicts == b.verdicts
        assert dict(a.example.record) == dict(b.example.record)
        assert dict(a.example.measures) == dict(b.example.measures)
        for name in ("clean", "adversarial", "prediction_clean", "prediction_adversarial"):
            np.testing.assert_array_equal(
                getattr(a.example, name).array, getattr(b.example, name).array
            )
        np.testing.assert_array_equal(a.example.noise, b.example.noise)
        for grid in ("spacing", "origin"):
            assert getattr(a.example.clean.grid, grid) == getattr(b.example.clean.grid, grid)
    assert one.runs.current.name == other.runs.current.name


def same_layers(one, other):
    """The image, the target and the results of the run that is shown."""
    for name in (ADVERSARIAL, NOISE, CLEAN, AFTER, TARGET):
        a, b = one.shown(name), other.shown(name)
        assert (a is None) == (b is None), name
        if a is not None:
            np.testing.assert_array_equal(a.data, b.data)
            np.testing.assert_allclose(matrix_of(a), matrix_of(b))
    a, b = one.runs.current.image, other.runs.current.image
    assert a.name == b.name
    np.testing.assert_array_equal(a.data, b.data)
    np.testing.assert_allclose(matrix_of(a), matrix_of(b))
    np.testing.assert_allclose(a.contrast_limits, b.contrast_limits)
