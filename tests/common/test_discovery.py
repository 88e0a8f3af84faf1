"""Another distribution adds an attack, a target shape and a victim format by entry points."""

import logging
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from helpers import PATIENCE

# An in-tree build backend, so that pip installs the project without the index.
BACKEND = '''
import zipfile
from pathlib import Path

NAME = "segadv_extra-1.0"
ENTRIES = """{entries}"""


def build_wheel(directory, config_settings=None, metadata_directory=None):
    wheel = f"{{NAME}}-py3-none-any.whl"
    info = f"{{NAME}}.dist-info"
    files = {{str(p): p.read_text() for p in Path().glob("segadv_extra/*.py")}}
    files[f"{{info}}/METADATA"] = "Metadata-Version: 2.1\\nName: segadv-extra\\nVersion: 1.0\\n"
    files[f"{{info}}/WHEEL"] = "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n"
    files[f"{{info}}/entry_points.txt"] = ENTRIES
    files[f"{{info}}/RECORD"] = "".join(f"{{name}},,\\n" for name in files)
    with zipfile.ZipFile(Path(directory) / wheel, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return wheel
'''
ENTRIES = """\
[napari_segadv.attacks]
nudge = segadv_extra.nudge
broken = segadv_extra.broken
taken = segadv_extra.taken

[napari_segadv.targets]
stripe = segadv_extra.stripe

[napari_segadv.victims]
threshold = segadv_extra.threshold
"""
MODULES = {
    "__init__": '"""Adds to napari-segadv."""\n',
    "nudge": '''
        """One step of a tenth of the budget."""

        from dataclasses import dataclass
        from typing import ClassVar

        from napari_segadv.attacks import Attack
        from napari_segadv.attacks.methods.pgd import FGSM


        @dataclass(frozen=True, kw_only=True)
        class Nudge(FGSM):
            """A timid FGSM."""

            name: ClassVar[str] = "nudge"
            title: ClassVar[str] = "Nudge"
            source: ClassVar[str] = "a test"

            def budget(self, problem):
                return super().budget(problem) / 10
        ''',
    "broken": 'raise RuntimeError("out of order")\n',
    "taken": '''
        """Claims a name that is ours."""

        from dataclasses import dataclass
        from typing import ClassVar

        from napari_segadv.attacks.methods.pgd import PGD as Ours


        @dataclass(frozen=True, kw_only=True)
        class PGD(Ours):
            """Not the real one."""

            title: ClassVar[str] = "an impostor"
            name: ClassVar[str] = "pgd"
        ''',
    "stripe": '''
        """A horizontal stripe."""


        def stripe(mask, label):
            """Rows 2 and 3 in a class."""
            array = mask.array.copy()
            array[2:4] = label
            return mask.with_array(array)
        ''',
    "threshold": '''
        """A text file that holds a threshold, as a victim of two classes."""

        import torch

        from napari_segadv.victims.loading.registry import VictimFormat
        from napari_segadv.victims.victim import Victim


        def load(path, trust):
            level = float(path.read_text())
            return Victim(lambda x: torch.cat([level - x, x - level], 1), path.stem, 2, path=path)


        FORMAT = VictimFormat("threshold", lambda path: path.suffix == ".threshold", load)
        ''',
}
USE = """
import sys
from pathlib import Path

import numpy as np

import napari_segadv as sa

scan = sa.Scan.from_array(np.arange(64, dtype=np.uint8).reshape(8, 8))
Path("low.threshold").write_text("20")
victim = sa.load_victim("low.threshold")
clean = victim.predict(scan)
assert clean.array.sum() == 43, clean.array
target = sa.targets.stripe(clean, label=1)
example = sa.craft(scan, victim, sa.attacks.Nudge(epsilon=200.0), target=target)
assert 0 < example.measures["linf"] <= 20, example.measures
assert sa.attacks.get("pgd").title == "PGD"
assert "broken" not in sa.attacks.available()
print("used")
"""


@pytest.fixture(scope="module")
def installed(tmp_path_factory) -> Path:
    """A folder into which pip has installed a distribution that extends this one."""
    source, place = tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("installed")
    (source / "segadv_extra").mkdir()
    for name, text in MODULES.items():
        (source / "segadv_extra" / f"{name}.py").write_text(textwrap.dedent(text))
    (source / "backend.py").write_text(BACKEND.format(entries=ENTRIES))
    (source / "pyproject.toml").write_text(
        '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
        '[project]\nname = "segadv-extra"\nversion = "1.0"\n'
    )
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--no-index", "--no-deps"]
    subprocess.run([*command, "--target", str(place), str(source)], check=True, timeout=PATIENCE)
    return place


def test_what_another_distribution_adds_is_used(installed, tmp_path, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(installed), prepend=":")
    done = subprocess.run(
        [sys.executable, "-c", USE], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE
    )
    assert done.stdout == "used\n", done.stderr
    # A fault in the other distribution is logged, and stops nothing.
    assert "method broken (segadv_extra.broken) can't be loaded" in done.stderr
    assert "out of order" in done.stderr
    assert "method taken (segadv_extra.taken): pgd is taken" in done.stderr
    assert "Traceback" not in done.stderr


def test_the_command_line_lists_it(installed, monkeypatch):
    monkeypatch.setenv("PYTHONPATH", str(installed), prepend=":")
    done = subprocess.run(
        [sys.executable, "-m", "napari_segadv.cli", "attacks"],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )
    assert "nudge  Nudge (a test; segmentation, classification, detection)" in done.stdout


def test_a_module_that_declares_nothing_is_told(caplog, monkeypatch):
    from importlib.metadata import EntryPoint

    from napari_segadv import attacks
    from napari_segadv.common import discovery

    entry = EntryPoint("empty", "napari_segadv.common.wording", "napari_segadv.attacks")
    monkeypatch.setattr(discovery, "entry_points", lambda group: [entry])
    attacks.METHODS.forget()
    with caplog.at_level(logging.WARNING):
        assert "pgd" in attacks.available()
    attacks.METHODS.forget()
    assert "method empty (napari_segadv.common.wording) declares none" in caplog.text
