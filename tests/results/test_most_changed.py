"""The slice of a volume that is shown first: the one whose image changed most."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import volume_victim

import napari_segadv as sa
from napari_segadv.results.by_slice import AREA, MEAN, most_changed, slice_figures


@pytest.fixture
def example(ct):
    """An example with noise on slices 8 and 9 only."""
    attack = sa.attacks.PGD(epsilon=40.0, steps=2)
    return sa.craft(ct, volume_victim(2), attack, slices=(8, 9))


def noisy(example, sizes):
    """The example with noise of a given size on each of some slices."""
    noise = np.zeros_like(example.noise)
    for number, size in sizes.items():
        noise[number] = size
    return replace(example, noise=noise)


def test_the_slice_with_the_most_noise(example):
    sums = np.abs(example.noise.astype(np.float64)).sum(axis=(1, 2))
    assert set(np.flatnonzero(sums)) <= {8, 9}
    assert most_changed(example) == sums.argmax()


def test_where_the_prediction_changed_elsewhere(example):
    after = example.prediction_adversarial
    labels = example.prediction_clean.array.copy()
    labels[15] = (labels[15] + 1) % 3
    moved = replace(example, prediction_adversarial=after.with_array(labels))
    assert slice_figures(moved).worst_first(AREA) == [15]
    assert most_changed(moved) == most_changed(example) in (8, 9)


def test_noise_that_darkens_counts_as_noise_that_brightens(example):
    assert most_changed(noisy(example, {3: 5.0, 11: -6.0})) == 11


def test_much_weak_noise_counts_more_than_a_single_bright_pixel(example):
    changed = noisy(example, {4: 1.0})
    changed.noise[17, 0, 0] = 500.0
    assert most_changed(changed) == 4
    assert slice_figures(changed).worst_first(MEAN)[0] == 4


def test_the_first_of_equals_and_of_none(example):
    assert most_changed(noisy(example, {5: 2.0, 9: 2.0})) == 5
    assert most_changed(noisy(example, {})) == 0


def test_colour_and_predictions_of_any_task(example):
    noise = np.zeros((*example.noise.shape, 3), np.float32)
    noise[6, ..., 2] = -3
    found = replace(example, noise=noise, prediction_clean=1, prediction_adversarial=2)
    assert most_changed(found) == 6
