"""What the command line says of how visible a change is, beside the share that was reached."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import volume_victim

import napari_segadv as sa
from napari_segadv.cli.terminal import report
from napari_segadv.common.wording import share
from napari_segadv.data.grid import Grid
from napari_segadv.data.scan import Scan, Storage
from napari_segadv.measures.by_window import seen_in_windows, worst


@pytest.fixture
def attack():
    return sa.attacks.PGD(epsilon=12.0, steps=2)


def first_line(example, folder, capsys):
    report(example, folder)
    first, second = capsys.readouterr().out.splitlines()
    assert second == example.summary[1]
    return first.removeprefix(f"{folder}: {example.summary[0]}")


def test_a_photograph_has_one_window(scan2d, band_victim, attack, tmp_path, capsys):
    example = sa.craft(scan2d, band_victim, attack)
    similar = share(example.measures["ssim"])
    assert first_line(example, tmp_path, capsys) == f"; SSIM {similar}"
    none = replace(example, measures={**example.measures, "ssim": None})
    assert first_line(none, tmp_path, capsys) == ""


def test_a_ct_names_the_worst_of_its_windows(attack, tmp_path, capsys):
    array = np.random.default_rng(0).normal(0, 30, (6, 20, 24)).astype(np.int16)
    array[2:4, 6:14, 8:20] += 150
    scan = Scan(array, Grid.pixels(array.shape), "HU", Storage("int16"))
    example = sa.craft(scan, volume_victim(2), attack)
    most = worst(seen_in_windows(example.clean, example.adversarial))
    expected = f", worst window {share(most.ssim)} ({most.preset.name})"
    assert first_line(example, tmp_path, capsys) == (
        f"; SSIM {share(example.measures['ssim'])}{expected}"
    )
