"""Fixtures that several test folders share: real data, small networks, small images."""

import gc
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from helpers import BYTES, SHARED, bands, disc_image, save_small_victim

from napari_segadv.data.scan import Grid, Scan, Storage

# Tests run in several processes, one for each core; most images are too small for more threads.
THREADS = 1
torch.set_num_threads(THREADS)


# Files that take longest. They begin first, so that none of them is left to one process at the end.
LONGEST = (
    *("test_monkey.py", "test_captions_true.py", "test_predictions_compared.py"),
    *("test_channels_shown.py", "test_demo.py", "test_program_command.py", "test_cells.py"),
    *("test_reproduce.py", "test_nnunet.py", "test_room.py", "test_windows.py"),
)


def pytest_collection_modifyitems(items):
    items.sort(key=lambda item: item.path.name not in LONGEST)


def pytest_collection_finish():
    """What the imports and the list of tests hold is never garbage, so it need not be searched.

    napari collects the garbage of the whole process after each removal of a layer.
    """
    gc.collect()
    gc.freeze()


@pytest.fixture(autouse=True)
def own_threads():
    """A test leaves torch's threads as it found them: sums depend on them, and attacks on sums."""
    yield
    left, _ = torch.get_num_threads(), torch.set_num_threads(THREADS)
    assert left == THREADS


@pytest.fixture(autouse=True)
def own_seed():
    """A test's networks have the same weights in every run, whatever ran before it."""
    torch.manual_seed(0)


@pytest.fixture
def shared() -> Path:
    """The folder of real images; a test that needs it skips where it is missing."""
    if not SHARED.is_dir():
        pytest.skip(f"real images are not here ({SHARED})")
    return SHARED


@pytest.fixture(autouse=True)
def own_settings(tmp_path_factory, monkeypatch):
    """Nothing that a test agrees to, or leaves unsaved, is remembered on the machine."""
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path_factory.mktemp("config")))
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path_factory.mktemp("data")))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    # Matplotlib's list of the machine's fonts takes seconds to make: once for all tests.
    monkeypatch.setenv("MPLCONFIGDIR", str(tmp_path_factory.getbasetemp() / "matplotlib"))
    # Threads of a process that a test starts wait for one another busily: on a machine with other
    # work, two take six times the processor time of one.
    monkeypatch.setenv("OMP_NUM_THREADS", str(THREADS))
    # What pays is timed, and differs from run to run on small networks.
    monkeypatch.setenv("SEGADV_PRECISION", "float32")


@pytest.fixture
def scan2d() -> Scan:
    return Scan.from_array(disc_image())


@pytest.fixture
def ct() -> Scan:
    """A small CT that is not oblique, with flips and anisotropic spacing, int16 HU."""
    rng = np.random.default_rng(0)
    array = (rng.normal(0, 30, (20, 36, 40))).astype(np.int16)
    array[6:14, 10:24, 8:20] += 150
    array[:, :4] = -1000
    direction = np.diag([1.0, -1.0, -1.0])
    grid = Grid(array.shape, (3.0, 1.5, 1.25), (-40.0, 30.0, 20.0), direction)
    return Scan(array, grid, "HU", Storage("int16"))


@pytest.fixture
def band_victim():
    """A 2-D victim of three classes on bytes, simple enough to follow an attack on it."""
    from napari_segadv.victims.victim import Victim

    return Victim(
        bands(),
        name="bands",
        dims=2,
        classes=("background", "dim", "bright"),
        steps=(BYTES,),
    )


@pytest.fixture
def weights_file(tmp_path) -> Path:
    """A state dict of a small UNet with its description."""
    return save_small_victim(tmp_path)


@pytest.fixture
def run(monkeypatch, capsys, tmp_path):
    """A function that runs segadv here, in an empty folder, and returns status, stdout, stderr."""
    from napari_segadv import cli

    monkeypatch.chdir(tmp_path)

    def call(*arguments):
        monkeypatch.setattr(sys, "argv", ["segadv", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        printed = capsys.readouterr()
        return ended.value.code, printed.out, printed.err

    return call
