"""docs/adding-a-panel.md: its example is a panel that is found, works, and is a tab."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest
from clicks import click, idle

from napari_segadv import viewer
from napari_segadv.viewer.controller.controller import Controller
from napari_segadv.viewer.layers.task_view import UNTARGETED
from napari_segadv.viewer.widgets.keys import all_keys
from napari_segadv.viewer.widgets.tabs import all_tabs
from napari_segadv.viewer.workbench import panel as workbench

PAGE = Path(__file__).parents[3] / "docs" / "adding-a-panel.md"
TITLE = "Largest change"


@pytest.fixture
def added(tmp_path, monkeypatch):
    """The example as a folder among the panels, as the page says, and nothing else."""
    code, *_ = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    folder = tmp_path / "peak"
    folder.mkdir()
    (folder / "__init__.py").write_text('"""The panel "Largest change"."""\n', encoding="utf-8")
    (folder / "panel.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(viewer, "__path__", [*viewer.__path__, str(tmp_path)])
    monkeypatch.setattr(workbench, "TABS", all_tabs())
    yield
    for name in ("peak.panel", "peak"):
        sys.modules.pop(f"napari_segadv.viewer.{name}", None)


def test_it_is_found_with_its_keys(added):
    assert [short for short, _, _ in all_tabs()].index("Peak") == 3
    (key,) = all_keys()[TITLE]
    assert key.key == "Shift-G"


def test_it_is_a_tab_that_goes_to_the_largest_change(added, window, ready, qtbot):
    ready.target.value = UNTARGETED
    ready.attack_section.form.editors["steps"].value = 2
    click(qtbot, ready.run_button)
    idle(qtbot, ready.controller)
    _, bench = window.window.add_plugin_dock_widget("napari-segadv", workbench.TITLE)
    qtbot.waitUntil(bench.isVisible)
    panel = bench.open(TITLE)
    example = Controller.of(window).example
    noise = np.abs(example.noise)
    assert "grey level" in panel.text.text()
    click(qtbot, panel.button)
    place = np.unravel_index(noise.argmax(), noise.shape)
    assert panel.status.text() == f"at {tuple(map(int, place))}"
    np.testing.assert_allclose(window.scene.camera.center[-2:], place)
