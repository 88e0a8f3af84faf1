"""A victim as its own program runs it: it gives the predictions, and never the gradient."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import disc_image

from napari_segadv.attacks import PGD
from napari_segadv.crafting.craft import craft
from napari_segadv.data.scan import Scan
from napari_segadv.errors import Cancelled
from napari_segadv.victims.members import Mean, Mirrored, OnSlices, Stacked
from napari_segadv.victims.pipeline import Pipeline
from napari_segadv.victims.victim import Victim
from napari_segadv.victims.windows import NnunetWindows

KINDS = {"dims": 2, "classes": ("background", "bright"), "array_order": True}


class Threshold(torch.nn.Module):
    """Two classes, by a threshold that is a weight."""

    def __init__(self, at: float) -> None:
        super().__init__()
        self.at = torch.nn.Parameter(torch.tensor(at))

    def forward(self, x):
        return torch.cat([self.at - x, x - self.at], dim=1)


def victim(**more) -> Victim:
    deployed = Pipeline(Threshold(150.0), "as deployed", **KINDS)
    return Victim(Threshold(100.0), "by a threshold", deployed=deployed, **KINDS, **more)


def test_predictions_are_the_deployed_ones():
    scan = Scan.from_array(disc_image())
    bound = victim().on(scan)
    assert (victim().predict(scan).array == (scan.array > 150)).all()
    seen = bound(bound.image).argmax(1)[0].numpy()
    assert (seen == (scan.array > 100)).all()


def test_without_one_a_victim_is_deployed_as_it_is():
    bound = replace(victim(), deployed=None).on(Scan.from_array(disc_image()))
    assert bound.deployed is bound


def test_a_prediction_can_be_stopped_and_counts_its_passes():
    bound = victim().on(Scan.from_array(disc_image()))
    bound.predict()
    assert bound.passes.forward == 1

    def poll():
        raise Cancelled

    bound.passes.on_piece = poll
    with pytest.raises(Cancelled):
        bound.predict()


def test_both_move_to_a_device():
    moved = victim().to("meta")
    assert moved.network.at.device.type == moved.deployed.network.at.device.type == "meta"


def test_its_notes_are_told():
    bound = victim(notes=("trained on mice",)).on(Scan.from_array(disc_image()))
    assert bound.seen == ("trained on mice",)


def test_a_network_of_slices_whose_steps_see_the_volume():
    """Its windows are one slice thick, and no slice differs from a pass on its own."""
    torch.manual_seed(0)
    flat = torch.nn.Conv2d(1, 2, 3, padding=1)
    volume = Scan.from_array(np.stack([disc_image(seed=n) for n in range(3)]))
    windows = NnunetWindows((1, 16, 16), overlap=(0.0, 0.5, 0.5))
    kinds = {**KINDS, "windows": windows, "volumewise": True}
    bound = Victim(OnSlices(flat, 0), "slices", **kinds).on(volume, present="none")
    assert not bound.by_slice
    whole = bound(bound.image)
    assert bound.passes.forward == pytest.approx(1)
    with torch.no_grad():
        alone = torch.stack([flat(bound.image[:, :, z]) for z in range(3)], dim=2)
    inside = (..., slice(8, -8), slice(8, -8))  # patches see no further than their borders
    assert whole.shape == alone.shape
    assert (whole.argmax(1) == alone.argmax(1))[inside].float().mean() > 0.9


def test_mirrored_passes_are_averaged():
    torch.manual_seed(0)
    network, x = torch.nn.Conv2d(1, 2, 3, padding=1), torch.randn(1, 1, 6, 7)
    expected = sum(network(x.flip(axes)).flip(axes) for axes in ([], [2], [3], [2, 3])) / 4
    torch.testing.assert_close(Mirrored(network, (0, 1))(x), expected)
    assert torch.equal(Mirrored(network, ())(x), network(x))


def test_several_networks():
    one, two = Threshold(1.0), Threshold(3.0)
    x = torch.randn(1, 1, 4, 5)
    torch.testing.assert_close(Mean([one, two])(x), Threshold(2.0)(x))
    assert torch.equal(Stacked([one, two])(x), torch.cat([one(x), two(x)], dim=1))


def test_what_its_own_program_finds_otherwise_in_the_adversarial_image_is_told():
    """Of the clean image both say the same; then only the noise makes the difference."""
    array = np.full((40, 40), 60, np.uint8)
    array[10:20, 10:30] = 120
    scan = Scan.from_array(array)

    def own(network, image, affine, files):
        """Has another threshold, which makes no difference on the clean image."""
        return (image > 80)[0].long()

    tried = Victim(Threshold(100.0), "by a threshold", own=own, **KINDS)
    target = np.zeros((40, 40), np.uint8)
    example = craft(scan, tried, PGD(epsilon=30, steps=3), target=target)
    assert any("100.0 % of the structures" in note for note in example.notes)
    told = [note for note in example.notes if note.startswith("on the adversarial image, only")]
    assert len(told) == 1
