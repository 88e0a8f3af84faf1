"""CONTRIBUTING.md: its first change is a target shape that works."""

import re
import sys
from pathlib import Path

import numpy as np
import pytest

from napari_segadv import targets
from napari_segadv.common.parameters import parameters
from napari_segadv.data.scan import Grid, Mask
from napari_segadv.targets import shapes

PAGE = Path(__file__).parents[2] / "CONTRIBUTING.md"


@pytest.fixture
def mirror(tmp_path, monkeypatch):
    """The example as a file among the shapes, as the page says."""
    (code,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.S)
    (tmp_path / "mirror.py").write_text(code, encoding="utf-8")
    monkeypatch.setattr(shapes, "__path__", [*shapes.__path__, str(tmp_path)])
    targets.SHAPES.forget()
    yield targets.get("mirror")
    targets.SHAPES.forget()
    sys.modules.pop("napari_segadv.targets.shapes.mirror", None)


def test_the_example_flips_a_structure(mirror):
    labels = np.zeros((4, 6), np.uint8)
    labels[1, 1:4], labels[2, 1] = 2, 2
    made = mirror(Mask(labels, Grid.pixels((4, 6))), 2)
    np.testing.assert_array_equal(made.array[1], [0, 2, 2, 2, 0, 0])
    np.testing.assert_array_equal(made.array[2], [0, 0, 0, 2, 0, 0])
    assert [p.name for p in parameters(mirror)] == ["label", "component"]


def test_the_command_line_takes_it(mirror, run, tmp_path):
    from napari_segadv import io

    labels = np.zeros((4, 6), np.uint8)
    labels[1, 1:4], labels[2, 1] = 2, 2
    io.save_mask(Mask(labels, Grid.pixels((4, 6))), tmp_path / "mask.png")
    status, _, err = run("target", "mirror", "mask.png", "--label", "2", "--out", "out.png")
    assert (status, err) == (0, "")
    assert io.read_mask(tmp_path / "out.png").array[2, 3] == 2
