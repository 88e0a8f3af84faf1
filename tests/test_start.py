"""What a command must not import: each of these takes longer than the command's own work."""

import os
import subprocess
import sys

import pytest

from napari_segadv import io, load_victim
from napari_segadv.samples import phantom
from napari_segadv.targets import heart

HEAVY = ("torch", "monai", "numpy", "scipy", "matplotlib", "SimpleITK", "pydicom", "napari")
# For filters, statistics and tables that an attack on a film does not need, and for a window.
UNNEEDED = (
    *("scipy.stats", "scipy.signal", "scipy.optimize", "scipy.interpolate", "scipy.spatial"),
    *("skimage.metrics", "skimage.transform", "skimage.morphology", "pandas"),
    *("highdicom", "dicomanonymizer", "jinja2", "napari", "qtpy", "napari_segadv.viewer"),
    *("napari_segadv.reproduce", "napari_segadv.training", "napari_segadv.results.report"),
)
LISTED = """
import sys
from napari_segadv import cli
cli.prepare_process()
try:
    cli.app(sys.argv[1:], standalone_mode=False)
except SystemExit:
    pass
print("imported:", *sys.modules)
"""

WINDOW = """
import sys
from napari_segadv.viewer.workbench import panel
print(*sys.modules)
"""

SAYS = """
import logging
from napari_segadv import cli
cli.prepare_process()
logging.getLogger("matplotlib.font_manager").warning("This may take a moment.")
"""


def imported(*arguments):
    """Run a command in a Python of its own; return the modules that it has imported."""
    done = subprocess.run(
        [sys.executable, "-c", LISTED, *map(str, arguments)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return set(done.stdout.rpartition("imported:")[2].split())


@pytest.mark.parametrize("arguments", [["--help"], ["attack", "--help"], ["--version"]])
def test_help_imports_nothing_heavy(arguments):
    assert not imported(*arguments) & set(HEAVY)


def test_panels_open_without_what_a_thread_of_their_own_imports():
    done = subprocess.run(
        [sys.executable, "-c", WINDOW],
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
        capture_output=True,
        text=True,
        check=True,
    )
    found = set(done.stdout.split())
    assert "napari_segadv.viewer.attack.panel" in found
    assert not found & {"torch", "monai"}


def test_an_attack_on_a_film_imports_what_it_needs(tmp_path):
    scan, _ = phantom("chest-xray", 20001)
    image, target, out = tmp_path / "xray.png", tmp_path / "target.png", tmp_path / "out"
    io.save(scan, image)
    io.save_mask(heart(load_victim("demo:chest-xray").predict(scan), label=1), target)
    found = imported(
        *("attack", image, "--victim", "demo:chest-xray", "--target", target),
        *("--out", out, "--set", "steps=1"),
    )
    assert (out / "result.json").exists()
    assert {"torch", "monai", "matplotlib"} <= found
    assert not found & set(UNNEEDED)


def test_matplotlib_says_nothing_of_fonts():
    """While it lists those of a machine, on a slow one, it says so."""
    done = subprocess.run([sys.executable, "-c", SAYS], capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
