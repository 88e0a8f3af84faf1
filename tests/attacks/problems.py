"""Small problems of every task to test attacks on, and functions that run an attack on them."""

from dataclasses import replace
from functools import cached_property

import helpers
import numpy as np
import torch
import torch.nn.functional as F

from napari_segadv.attacks.problem import Problem
from napari_segadv.victims.heads import Head
from napari_segadv.victims.structures import joint
from napari_segadv.victims.tasks.overlapping import OfStructures

SHAPES = {2: (12, 14), 3: (6, 8, 7)}


class OneCell(Problem):
    """A problem with one class for the whole image; no class is the background."""

    @cached_property
    def moving(self):
        return torch.ones_like(self.labels, dtype=torch.bool)

    @cached_property
    def keeping(self):
        return torch.zeros_like(self.labels, dtype=torch.bool)


KINDS = {"classification": OneCell, "overlapping": OfStructures}


class Rough:
    """A switch that lets a model answer in bfloat16; it notes what it is told."""

    def __init__(self):
        self.on, self.compared = False, []

    def compare(self, rough, exact):
        self.compared.append((rough, exact))


class Model:
    """A nonlinear victim of any task, computed in double precision, that counts its passes.

    A batch gives the same bits as its items: float32 convolutions could depend on its size.
    """

    def __init__(self, images, *, task="segmentation", classes=3, seed=0):
        """Centre the logits on the given images, so that no class dominates.

        Args:
            images: (N, C, *S).
            task: as in an attack's `tasks`, or "overlapping".
            classes: 1 for a network that ends in one sigmoid channel; the number of structures if
                they overlap.
            seed: of the weights.
        """
        generator = torch.Generator().manual_seed(seed)
        self.dims, self.task, self.classes = images.ndim - 2, task, classes
        draw = lambda *shape: torch.randn(*shape, generator=generator, dtype=torch.float64)
        self.first = draw(6, images.shape[1], *[3] * self.dims) * 3.0 ** -(self.dims / 2)
        self.second = draw(classes, 6, *[1] * self.dims)
        self.bias = torch.zeros(classes, dtype=torch.float64)
        self.forwards = self.backwards = 0
        self.quick = Rough()
        z = self.scores(images.double())
        self.bias = -z.transpose(0, 1).flatten(1).mean(1)

    def scores(self, images):
        convolve = {2: F.conv2d, 3: F.conv3d}[self.dims]
        x = F.pad((images - 128) / 40, [1, 1] * self.dims, mode="replicate")
        z = convolve(torch.tanh(convolve(x, self.first)), self.second, self.bias)
        if self.task == "classification":
            return 4 * z.flatten(2).mean(2, keepdim=True)
        if self.task == "detection":
            pool = {2: F.avg_pool2d, 3: F.avg_pool3d}[self.dims]
            return 3 * pool(z, 2).flatten(2)
        return z

    def __call__(self, images):
        self.forwards += 1
        z = self.scores(images.double())
        if self.quick.on:
            z = z.bfloat16().double()
        if self.task == "overlapping":
            z = joint(z)
        elif self.classes == 1:
            z = Head("sigmoid").logits(z.sigmoid())
        if z.requires_grad:
            z.register_hook(self._count)
        return z.to(images.dtype)

    def _count(self, _):
        self.backwards += 1


def images_of(n=1, dims=2, channels=1, dtype=torch.float32):
    """Waves with noise, (N, C, *S), between 0 and 255."""
    rng = np.random.default_rng(0)
    grid = np.meshgrid(*[np.linspace(0, 5, size) for size in SHAPES[dims]], indexing="ij")
    images = []
    for item in range(n):
        wave = np.sin(sum(axis * (1 + 0.3 * item) for axis in grid))
        noise = rng.standard_normal((channels, *SHAPES[dims]))
        images.append(np.clip(128 + (50 - 10 * item) * wave + 15 * noise, 0, 255))
    return torch.from_numpy(np.stack(images)).to(dtype)


def problem_of(
    *,
    task="segmentation",
    classes=3,
    n=1,
    dims=2,
    channels=1,
    targeted=True,
    dtype=torch.float32,
    quick=False,
    **more,
):
    """Make a problem: towards the next class in a part, or away from the clean prediction.

    The later an item is in the batch, the more of it has to change.
    """
    clean = images_of(n, dims, channels, dtype)
    # Centred on several images: centred on one, a classifier would be undecided about it.
    model = Model(images_of(max(n, 4), dims, channels), task=task, classes=classes)
    with torch.no_grad():
        reference = model(clean).max(1).indices
    model.forwards = 0
    labels = reference.clone()
    if targeted:
        for item, part in enumerate(labels):
            change = part[: max(1, len(part) * (item + 1) // (2 * n))]
            change.copy_((change + 1) % (2**classes if task == "overlapping" else max(classes, 2)))
    more["quick"] = model.quick if quick else None
    return KINDS.get(task, Problem)(model, clean, labels, reference, targeted=targeted, **more)


def item_of(problem, item):
    """Make the problem of one item of a batch, with the same model."""
    part = slice(item, item + 1)
    tensors = ("clean", "labels", "reference", "region", "care")
    given = {name: getattr(problem, name) for name in tensors}
    return replace(problem, **{k: v[part] for k, v in given.items() if v is not None})


def finish(attack, problem, seed=0):
    """Run an attack; return its outcome and all that it yielded."""
    return helpers.finish(attack.run(problem, seed))


def path_of(attack, problem, seed=0):
    """Run an attack; return the images (N, C, *S) that the victim was shown, in order."""
    shown, model = [], problem.model

    def spy(images):
        shown.append(images.detach().clone())
        return model(images)

    finish(attack, replace(problem, model=spy), seed)
    return shown
