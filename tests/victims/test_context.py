"""What sliding windows hide from a network: measured against the whole image, once, and told."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import BYTES, bands, disc_image

import napari_segadv as sa
from napari_segadv.data.scan import Scan
from napari_segadv.victims import context
from napari_segadv.victims.victim import Victim
from napari_segadv.victims.windows import SlidingWindows

HIDE_SOMETHING, HIDE_LITTLE = "hide something from this model", "hide little from this model"


class Wide(torch.nn.Module):
    """Brighter or darker than the mean of what lies within `reach` pixels."""

    def __init__(self, reach, sizes=None):
        super().__init__()
        self.reach, self.sizes = reach, sizes
        self.calls = []

    def forward(self, x):
        self.calls.append(tuple(x.shape[2:]))
        if self.sizes is not None and tuple(x.shape[2:]) not in self.sizes:
            raise RuntimeError(f"expects {self.sizes}")
        pool = torch.nn.functional.avg_pool2d if x.ndim == 4 else torch.nn.functional.avg_pool3d
        mean = pool(x, 2 * self.reach + 1, 1, self.reach, count_include_pad=False)
        return torch.cat([mean - x, x - mean], 1) * 20


def slid(network, roi=(32, 32), dims=2, **more):
    return Victim(
        network,
        "wide",
        dims=dims,
        classes=("dark", "bright"),
        array_order=True,
        steps=(BYTES,),
        windows=SlidingWindows(roi, **more),
    )


@pytest.fixture
def scan():
    """Large discs on a slope, so that the mean depends on where one looks."""
    y, x = np.mgrid[:128, :160]
    slope = 0.8 * x + 0.4 * y
    return Scan.from_array(np.clip(0.5 * disc_image((128, 160)) + slope, 0, 255).astype(np.uint8))


def notes_of(victim, scan):
    bound = victim.on(scan)
    return bound.agreement_notes(bound.predict())


def agreement(victim, scan):
    """The share that is predicted as without windows, of the whole image."""
    ours = victim.predict(scan).array
    theirs = replace(victim, windows=None).predict(scan).array
    either = (ours != 0) | (theirs != 0)
    return float((ours == theirs)[either].mean())


def test_a_network_that_sees_farther_than_its_windows(scan):
    victim = slid(Wide(24))
    (note,) = notes_of(victim, scan)
    assert note.startswith(f"windows of 32 x 32 pixels {HIDE_SOMETHING}")
    told = float(note.split(" only ")[1].split(" %")[0]) / 100
    assert told == pytest.approx(agreement(victim, scan), abs=0.1)
    assert told < 0.95


def test_a_network_that_does_not(scan):
    victim = slid(Wide(2))
    (note,) = notes_of(victim, scan)
    assert note.startswith(f"windows of 32 x 32 pixels {HIDE_LITTLE}")
    assert agreement(victim, scan) > 0.99


def test_it_is_measured_once_for_each_network_and_its_windows(scan):
    victim = slid(Wide(24))
    notes = notes_of(victim, scan)
    bound = victim.on(scan)
    clean = bound.predict()
    calls = len(victim.network.calls)
    assert bound.agreement_notes(clean) == notes
    assert len(victim.network.calls) == calls
    # One part, in one piece, and the first time twice, as every network is asked.
    assert [size for size in victim.network.calls if size != (32, 32)] == [(96, 96)]
    assert notes_of(slid(victim.network, (48, 48)), scan) != notes


def test_of_slices_the_one_with_most_structures(scan):
    volume = np.stack([np.zeros_like(scan.array), scan.array, scan.array // 2])
    victim = slid(Wide(24))
    (note,) = notes_of(victim, Scan.from_array(volume))
    assert HIDE_SOMETHING in note


def test_volumes():
    rng = np.random.default_rng(0)
    z, y, x = np.mgrid[:24, :40, :40]
    volume = np.clip(4 * x + 2 * y + 10 * rng.standard_normal(z.shape), 0, 255).astype(np.uint8)
    (note,) = notes_of(slid(Wide(7), (16, 16, 16), 3), Scan.from_array(volume))
    assert note.startswith("windows of 16 x 16 x 16 pixels")


@pytest.mark.parametrize(
    ("victim", "image"),
    [
        (slid(Wide(24), (160, 160)), disc_image((128, 160))),
        (slid(Wide(24), (-1, -1)), disc_image((128, 160))),
        (slid(Wide(24)), np.zeros((128, 160), np.uint8)),
        (slid(Wide(24, {(32, 32)})), disc_image((128, 160))),
        (replace(slid(Wide(24)), windows=None), disc_image((128, 160))),
    ],
    ids=["one window", "whole axes", "no structure", "one size only", "no windows"],
)
def test_where_there_is_nothing_to_measure(victim, image):
    assert notes_of(victim, Scan.from_array(image)) == ()


def test_little_memory_makes_the_part_smaller_or_none(scan, monkeypatch):
    victim = slid(Wide(24))
    monkeypatch.setattr(context, "available", lambda: 0)
    assert notes_of(victim, scan) == ()
    monkeypatch.undo()
    assert len(notes_of(victim, scan)) == 1


def test_each_pixel_of_the_core_has_half_a_window_around_it():
    rng = np.random.default_rng(0)
    for _ in range(500):
        size = rng.integers(8, 200, 3).tolist()
        roi = [int(min(rng.choice([1, 12, 16, 24, 32, 80, 96]), n)) for n in size]
        middle = [int(rng.integers(n)) for n in size]
        found = context._parts(size, roi, middle)
        if found is None:
            continue
        for n, r, part, core in zip(size, roi, *found, strict=True):
            assert 0 <= part.start <= core.start < core.stop <= part.stop <= n
            assert r <= part.stop - part.start
            assert r == 1 or core.start - part.start >= r // 2 or part.start == 0
            assert r == 1 or part.stop - core.stop >= r // 2 or part.stop == n


def test_a_run_says_it(scan):
    victim = slid(Wide(24))
    example = sa.craft(scan, victim, sa.attacks.PGD(epsilon=4.0, steps=1))
    assert any(HIDE_SOMETHING in note for note in example.notes)


def test_bands_need_no_context():
    victim = Victim(
        bands(),
        "bands",
        dims=2,
        classes=("no", "dim", "bright"),
        steps=(BYTES,),
        windows=SlidingWindows((16, 16)),
    )
    (note,) = notes_of(victim, Scan.from_array(disc_image()))
    assert HIDE_LITTLE in note
