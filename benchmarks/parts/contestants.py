"""The attacks that `benchmarks/peers.py` sets side by side: ours, and those of other packages.

Each is a function of a model that counts, a case, a number of steps and an epsilon, and returns
images (1, C, *S) in the image's units. Other packages get what they ask for: intensities from 0
to 1 and an nn.Module. Their settings are their own defaults, or what is named beside them.
"""

import contextlib
import importlib.metadata
import importlib.util
import io
import math
import sys
import types
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from napari_segadv import attacks

from .meter import GOAL, Case, Meter

Run = Callable[[Meter, Case, int, float], Tensor]
# Module and distribution of each package.
PACKAGES = {
    "torchattacks": "torchattacks",
    "foolbox": "foolbox",
    "art": "adversarial-robustness-toolbox",
    "adv_lib": "adv-lib",
}


@dataclass(frozen=True)
class Contestant:
    """One attack with its settings.

    Attributes:
        name: of the row.
        run: see above.
        package: whose it is; empty: ours.
        bounded: keeps the budget; False where the method has none.
        anytime: a step does not depend on how many there are to be.
        timed: False where a step costs what another row's does.
    """

    name: str
    run: Run
    package: str = ""
    bounded: bool = True
    anytime: bool = False
    timed: bool = True

    @property
    def here(self) -> bool:
        return not self.package or importlib.util.find_spec(self.package) is not None


class Net(nn.Module):
    """A victim as other packages know one: intensities from 0 to 1, parameters to find a device."""

    def __init__(self, meter: Meter, case: Case) -> None:
        super().__init__()
        self.meter, self.low = meter, case.problem.low
        self.width = case.problem.high - case.problem.low
        place = case.problem.clean.new_zeros(1)
        self.anchor = nn.Parameter(place, requires_grad=False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        return self.meter(self.back(images))

    def unit(self, images: Tensor) -> Tensor:
        return (images - self.low) / self.width

    def back(self, images: Tensor) -> Tensor:
        return images * self.width + self.low


def missing() -> list[str]:
    """Distributions of the packages that are not installed."""
    return [dist for module, dist in PACKAGES.items() if importlib.util.find_spec(module) is None]


def versions() -> dict[str, str]:
    """Versions of torch and of the packages that are installed."""
    there = [d for m, d in PACKAGES.items() if importlib.util.find_spec(m) is not None]
    return {dist: importlib.metadata.version(dist) for dist in ["torch", *there]}


def ours(name: str, **settings: Any) -> Run:
    """An attack of ours, without an early stop where it has one to leave out."""

    def run(meter: Meter, case: Case, steps: int, epsilon: float) -> Tensor:
        attack = attacks.get(name)(steps=steps, **{"epsilon": epsilon} | settings)
        steps_of_it = attack.run(replace(case.problem, model=meter))
        while True:
            try:
                next(steps_of_it)
            except StopIteration as stop:
                return stop.value.adversarial

    return run


def torchattacks_pgd(step: Callable[[int], float]) -> Run:
    """PGD of torchattacks, with the length of a step in epsilons; random start, its default."""

    def run(meter: Meter, case: Case, steps: int, epsilon: float) -> Tensor:
        import torchattacks

        net = Net(meter, case)
        size = epsilon / net.width
        attack = torchattacks.PGD(net, eps=size, alpha=step(steps) * size, steps=steps)
        with contextlib.redirect_stdout(io.StringIO()):
            attack.set_mode_targeted_by_function(lambda images, labels: labels)
        return net.back(attack(net.unit(case.problem.clean), case.problem.labels))

    return run


def foolbox_pgd(meter: Meter, case: Case, steps: int, epsilon: float) -> Tensor:
    """LinfPGD of foolbox; its loss, made for one class an image, is replaced as it provides for."""
    import eagerpy as ep
    import foolbox

    class PixelPGD(foolbox.attacks.LinfPGD):
        def get_loss_fn(self, model: Any, labels: Any) -> Callable[[Any], Any]:
            return lambda images: ep.astensor(
                F.cross_entropy(model(images).raw, labels.raw, reduction="sum")
            )

    net = Net(meter, case)
    model = foolbox.PyTorchModel(net, bounds=(0, 1), device=case.problem.clean.device)
    wanted = foolbox.criteria.TargetedMisclassification(case.problem.labels)
    images = net.unit(case.problem.clean)
    return net.back(PixelPGD(steps=steps).run(model, images, wanted, epsilon=epsilon / net.width))


class FlatCrossEntropy(nn.Module):
    """Cross-entropy for ART, which takes labels (N, number) alone: here those of all pixels."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels.long().view(logits[:, 0].shape))


def art_pgd(meter: Meter, case: Case, steps: int, epsilon: float) -> Tensor:
    """PGD of ART, with a step of a third of epsilon, the ratio of its defaults.

    It is made for classifiers: the pixels' labels go in as if they were scores of as many classes,
    and its own check of success, one forward pass at the end, says nothing.
    """
    from art.attacks.evasion import ProjectedGradientDescent
    from art.estimators.classification import PyTorchClassifier

    net, problem = Net(meter, case), case.problem
    size = epsilon / net.width
    estimator = PyTorchClassifier(
        net,
        FlatCrossEntropy(),
        input_shape=tuple(problem.clean.shape[1:]),
        nb_classes=problem.labels[0].numel(),
        clip_values=(0.0, 1.0),
        device_type="gpu" if problem.clean.is_cuda else "cpu",
    )
    attack = ProjectedGradientDescent(
        estimator, eps=size, eps_step=size / 3, max_iter=steps, targeted=True, verbose=False
    )
    images = net.unit(problem.clean).cpu().numpy()
    found = attack.generate(images, problem.labels.flatten(1).cpu().numpy())
    return net.back(torch.from_numpy(found).to(problem.clean))


def adv_lib(name: str, steps_as: str = "num_steps", **settings: Any) -> Run:
    """An attack of adv-lib on the pixels that are a structure in the target or the prediction."""

    def run(meter: Meter, case: Case, steps: int, epsilon: float) -> Tensor:
        attack = getattr(adv_lib_segmentation(), name)
        net, problem = Net(meter, case), case.problem
        found = attack(
            net,
            net.unit(problem.clean),
            problem.labels,
            masks=(problem.labels != 0) | (problem.reference != 0),
            targeted=True,
            adv_threshold=GOAL,
            **{steps_as: steps} | settings,
        )
        return net.back(found)

    return run


def adv_lib_segmentation() -> Any:
    """The module `adv_lib.attacks.segmentation` alone.

    The package around it imports torchvision and a plotting service, which need not be there.
    """
    import adv_lib

    if "adv_lib.attacks" not in sys.modules:
        parent = types.ModuleType("adv_lib.attacks")
        parent.__path__ = [str(Path(adv_lib.__file__).parent / "attacks")]
        sys.modules["adv_lib.attacks"] = parent
        if importlib.util.find_spec("visdom") is None:
            sys.modules["visdom"] = types.ModuleType("visdom")
    return importlib.import_module("adv_lib.attacks.segmentation")


DEFAULT = "ours: PGD (Adam, margin)"
ALMA = "adv-lib ALMA-prox"
# With a budget, or run for as many steps and then cut to it.
CONTESTANTS = [
    Contestant(DEFAULT, ours("pgd", goal=None)),
    Contestant(
        "ours: PGD (sign, cross-entropy)",
        ours("pgd", goal=None, step="sign", loss="cross-entropy"),
        anytime=True,
    ),
    Contestant(
        "torchattacks PGD, step eps / 4", torchattacks_pgd(lambda n: 1 / 4), "torchattacks",
        anytime=True,
    ),
    Contestant(
        "torchattacks PGD, step 2.5 eps / n", torchattacks_pgd(lambda n: 2.5 / n), "torchattacks",
        timed=False,
    ),
    Contestant("foolbox LinfPGD, step eps / 30", foolbox_pgd, "foolbox", anytime=True),
    Contestant("ART PGD, step eps / 3", art_pgd, "art", anytime=True),
    Contestant("adv-lib ASMA", adv_lib("asma"), "adv_lib", bounded=False, anytime=True),
    Contestant(
        "adv-lib DAG, gamma 0.5 of 255", adv_lib("dag", "max_iter", γ=0.5 / 255), "adv_lib",
        bounded=False, anytime=True,
    ),
    Contestant(ALMA, adv_lib("alma_prox"), "adv_lib", bounded=False),
    Contestant(
        "adv-lib PDPGD (Linf)", adv_lib("pdpgd", norm=math.inf, primal_lr=0.01), "adv_lib",
        bounded=False,
    ),
]  # fmt: skip
# Without a budget: norm that each makes small, contestant, steps. Numbers as Rony et al. (2023)
# ran them: 500 passes, learning rate 0.01 (PDGD, PDPGD), gamma 0.001 (Linf) and 0.03 (L2).
LEAST = [
    ("linf", Contestant("ours: least", ours("least", norm="linf", epsilon=None)), 60),
    ("linf", Contestant("ours: least", ours("least", norm="linf", epsilon=None)), 120),
    ("linf", Contestant(ALMA, adv_lib("alma_prox"), "adv_lib"), 500),
    (
        "linf",
        Contestant("adv-lib PDPGD", adv_lib("pdpgd", norm=math.inf, primal_lr=0.01), "adv_lib"),
        500,
    ),
    ("linf", Contestant("adv-lib DAG", adv_lib("dag", "max_iter", γ=0.001), "adv_lib"), 500),
    ("l2", Contestant("ours: least", ours("least", norm="l2", epsilon=None)), 60),
    ("l2", Contestant("ours: least", ours("least", norm="l2", epsilon=None)), 120),
    ("l2", Contestant("adv-lib PDGD", adv_lib("pdgd", primal_lr=0.01), "adv_lib"), 500),
    ("l2", Contestant("adv-lib PDPGD", adv_lib("pdpgd", norm=2, primal_lr=0.01), "adv_lib"), 500),
    ("l2", Contestant("adv-lib DAG", adv_lib("dag", "max_iter", γ=0.03, p=2), "adv_lib"), 500),
    ("l2", Contestant("adv-lib ASMA", adv_lib("asma"), "adv_lib"), 500),
]
