"""The attacks that `benchmarks/peers.py` compares: ours, and those of other packages.

Each is a function of a model that counts its passes, a case, a number of steps and an epsilon, and
returns images (1, C, *S) in the image's units. Other packages get what they require: intensities
from 0 to 1 and an nn.Module. Their settings are their own defaults, except those named in a row.
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
from napari_segadv.common.generators import finished

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
        name: name of the row.
        run: the attack as a function, see above.
        package: module of the package that it comes from; empty: ours.
        bounded: whether the method keeps to a budget.
        anytime: whether a step does not depend on the number of steps.
        timed: whether to time its steps; False if they cost the same as another row's.
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
    """A victim as other packages require one: intensities from 0 to 1, a parameter on a device."""

    def __init__(self, meter: Meter, case: Case) -> None:
        super().__init__()
        self.meter, self.low = meter, case.problem.low
        self.width = case.problem.high - case.problem.low
        zero = case.problem.clean.new_zeros(1)
        self.anchor = nn.Parameter(zero, requires_grad=False)
        self.eval()

    def forward(self, images: Tensor) -> Tensor:
        return self.meter(self.back(images))

    def unit(self, images: Tensor) -> Tensor:
        return (images - self.low) / self.width

    def back(self, images: Tensor) -> Tensor:
        return images * self.width + self.low


def missing() -> list[str]:
    """Return the distributions of the packages that are not installed."""
    return [dist for module, dist in PACKAGES.items() if importlib.util.find_spec(module) is None]


def versions() -> dict[str, str]:
    """Return the versions of torch and of the packages that are installed."""
    installed = [d for m, d in PACKAGES.items() if importlib.util.find_spec(m) is not None]
    return {dist: importlib.metadata.version(dist) for dist in ["torch", *installed]}


def ours(name: str, **settings: Any) -> Run:
    """Return an attack of ours with these settings; `goal=None` turns an early stop off."""

    def run(meter: Meter, case: Case, steps: int, epsilon: float) -> Tensor:
        attack = attacks.get(name)(steps=steps, **{"epsilon": epsilon} | settings)
        return finished(attack.run(replace(case.problem, model=meter))).adversarial

    return run


def torchattacks_pgd(step: Callable[[int], float]) -> Run:
    """Return PGD of torchattacks from a random start, its default; `step` is in epsilons."""

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
    """Run LinfPGD of foolbox, its loss (for one class an image) replaced by one for pixels."""
    import eagerpy as ep
    import foolbox

    class PixelPGD(foolbox.attacks.LinfPGD):
        def get_loss_fn(self, model: Any, labels: Any) -> Callable[[Any], Any]:
            return lambda images: ep.astensor(
                F.cross_entropy(model(images).raw, labels.raw, reduction="sum")
            )

    net = Net(meter, case)
    model = foolbox.PyTorchModel(net, bounds=(0, 1), device=case.problem.clean.device)
    target = foolbox.criteria.TargetedMisclassification(case.problem.labels)
    images = net.unit(case.problem.clean)
    return net.back(PixelPGD(steps=steps).run(model, images, target, epsilon=epsilon / net.width))


class FlatCrossEntropy(nn.Module):
    """Cross-entropy for ART, which only takes labels (N, number): here those of all pixels."""

    def forward(self, logits: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(logits, labels.long().view(logits[:, 0].shape))


def art_pgd(meter: Meter, case: Case, steps: int, epsilon: float) -> Tensor:
    """Run PGD of ART with a step of a third of epsilon, the ratio of its defaults.

    ART's PGD is made for classifiers: the pixels' labels are passed as if they were the scores of
    that many classes, and its own check of success, one forward pass at the end, means nothing.
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
    """Return an attack of adv-lib on the pixels with a structure in target or clean prediction."""

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
    """Import only the module `adv_lib.attacks.segmentation`.

    The package around it imports torchvision and a plotting service, which may not be installed.
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
# Attacks with a budget, or run for the same number of steps and then cut to the budget.
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
# Attacks without a budget: norm that each minimises, contestant, steps. Settings of the peers are
# those of Rony et al. (2023): 500 passes, learning rate 0.01 (PDGD, PDPGD), gamma 0.001 (Linf) and
# 0.03 (L2).
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
