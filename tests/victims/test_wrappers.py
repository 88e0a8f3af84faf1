"""The victim as the file rounds: whole steps forward, the gradient straight through."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import disc_image

import napari_segadv as sa
from napari_segadv.data.scan import Grid, Scan, Storage
from napari_segadv.victims.wrappers import Rounded


def test_whole_steps_forward_and_the_gradient_straight_through():
    clean = torch.tensor([[[0.5, 3.5, -2.0]]])
    rounded = Rounded(lambda images: images**2, clean, 0.5)
    images = (clean + torch.tensor([0.24, 0.26, -0.8])).requires_grad_()
    seen = rounded(images)
    held = torch.tensor([[[0.5, 4.0, -3.0]]])
    torch.testing.assert_close(seen, held**2, rtol=0, atol=0)
    (gradient,) = torch.autograd.grad(seen.sum(), images)
    torch.testing.assert_close(gradient, 2 * held, rtol=0, atol=0)


def shifted(array):
    """A scan stored in steps of 2, with an offset of 0.25."""
    values = (np.asarray(array, dtype=np.float64) // 2) * 2 + 0.25
    grid = Grid(values.shape, (1.0, 1.0), (0.0, 0.0), np.eye(2))
    return Scan(values.astype("float32"), grid, "grey level", Storage("int16", 2.0, 0.25))


def erased(clean):
    """The prediction without class 1 in the left half."""
    left = np.arange(clean.array.shape[-1]) < clean.array.shape[-1] // 2
    return clean.with_array(np.where((clean.array == 1) & left, 0, clean.array))


SCANS = {"bytes": Scan.from_array(disc_image()), "steps of two": shifted(disc_image())}


# Attacks on segmentation that need no trained generator.
ATTACKS = sa.attacks.available().items()
METHODS = [name for name, a in ATTACKS if "segmentation" in a.tasks and not a.loads]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("scan", SCANS.values(), ids=SCANS)
def test_no_attack_sees_what_the_file_cannot_hold(band_victim, method, scan, monkeypatch):
    kind = sa.attacks.get(method)
    seen = []

    def spied(self, images):
        steps = (images.detach() - self.clean) / self.quantum
        seen.append((float((steps - steps.round()).abs().max()), float(steps.abs().max())))
        return self.model(images)

    forward = Rounded.__call__
    monkeypatch.setattr(
        Rounded,
        "__call__",
        lambda self, images: forward(
            Rounded(lambda whole: spied(self, whole), self.clean, self.quantum), images
        ),
    )
    target = erased(band_victim.predict(scan))
    sa.craft(scan, band_victim, kind(steps=40) if method != "fgsm" else kind(), target=target)
    assert seen
    assert max(off for off, _ in seen) < 1e-3
    assert max(size for _, size in seen) >= 1


@pytest.mark.parametrize("norm", ["linf", "l2"])
def test_the_least_perturbation_survives_saving(band_victim, norm):
    scan = Scan.from_array(disc_image())
    target = erased(band_victim.predict(scan))
    attack = sa.attacks.get("least")(norm=norm, goal=0.95)
    example = sa.craft(scan, band_victim, attack, target=target)
    assert example.record["succeeded"]
    # With one grey level less the goal is missed: this is the least that the file can hold.
    smaller = replace(attack, epsilon=example.measures["linf"] - 1) if norm == "linf" else None
    if smaller is not None:
        assert not sa.craft(scan, band_victim, smaller, target=target).record["succeeded"]
