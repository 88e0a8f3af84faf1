"""First act: bind victim and surrogates to the scan's grid and predict the clean image."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from ..data.channels import Channel
from ..data.scan import Scan
from ..errors import SegadvError
from ..victims.bound import BoundVictim
from ..victims.clean_predictions import KNOWN
from ..victims.prediction import Prediction
from ..victims.recall import Recall
from ..victims.victim import Victim
from ..victims.wrappers import Ensemble
from .request import Request


@dataclass(frozen=True)
class Setup:
    """A victim bound to a scan, with the request to it.

    Attributes:
        request: the request; its target and truth have the cells of the clean prediction.
        victim: the victim, which is measured.
        judge: the victim on the scan's grid.
        clean: the judge's prediction of the clean image.
        attacked: what the attack sees: the judge, or the surrogates in its place.
        known: the classes (1, *S') that `attacked` predicts on the clean image.
        notes: how well the victim's own program is reproduced.
    """

    request: Request
    victim: Victim
    judge: BoundVictim
    clean: Prediction
    attacked: BoundVictim | Ensemble
    known: torch.Tensor
    notes: tuple[str, ...] = ()

    @property
    def channels(self) -> tuple[Channel, ...]:
        """The channels of an image of several, as the victim sees them; of any other, none."""
        judge, parts = self.judge, self.request.scan.parts
        if not parts:
            return ()
        shares = self.request.shares or (1.0,) * len(parts)
        named = zip(judge.channel_names, parts, judge.windows, shares, strict=True)
        return tuple(Channel(name, part.units, window, s) for name, part, window, s in named)

    @property
    def networks(self) -> tuple[BoundVictim, ...]:
        """The networks that the attack sees, if they have a gradient."""
        attacked = self.attacked
        models = attacked.models if isinstance(attacked, Ensemble) else (attacked,)
        return tuple(models) if all(model.differentiable for model in models) else ()

    @property
    def decide(self) -> Callable[[torch.Tensor], torch.Tensor] | None:
        """How the attacked victim's logits become classes; None: the likeliest ones."""
        decides = self.attacked is self.judge and self.judge.decides
        return self.judge.decide if decides else None

    def forget(self) -> None:
        """Forget what the attack's passes left, so that the judge goes by passes of its own.

        If the image can change in a part alone, the clean image is still known.
        """
        known = self.judge.recall
        self.judge.recall = known.within(None) if known and self.request.limited else None

    def predict(self, scan: Scan) -> tuple[Prediction, tuple[str, ...]]:
        """Predict an adversarial scan on the same grid; it counts among the judge's passes.

        Returns:
            The prediction, and a note if the victim's own program would find another one.
        """
        bound = self.victim.on(scan, self.judge.device, self.judge.presented)
        bound.recall, bound.passes = self.judge.recall, self.judge.passes
        prediction: Prediction = bound.predict()
        return prediction, bound.departures(prediction)


def bind(
    victim: Victim,
    request: Request,
    surrogates: Sequence[Victim] = (),
    device: str = "cpu",
    poll: Callable[[], None] = lambda: None,
    present: str = "auto",
) -> Setup:
    """Bind victim and surrogates to the scan's grid and predict the clean image.

    Args:
        victim: the victim, which is measured.
        request: what the victim should predict, and where the image may change.
        surrogates: networks that stand in for the victim while crafting.
        device: "cpu" or "cuda".
        poll: called after each piece of a pass; it may raise to stop the run.
        present: how the image is presented to each network, see `Victim.on`.

    Raises:
        SegadvError: if the scan does not fit a victim, or the target or truth has a class that a
            victim does not know.
    """
    judge, clean, notes = _predicted(victim, request, device, poll, present)
    request = request.fitted(victim, clean)
    if notes is None:
        notes = judge.agreement_notes(clean)
        KNOWN.put(victim, judge, clean, notes)
    if not surrogates:
        known = torch.from_numpy(clean.array).long()[None].to(judge.device)
        return Setup(request, victim, judge, clean, judge, known, notes)
    models = []
    for surrogate in surrogates:
        model, prediction, _ = _predicted(surrogate, request, device, poll, present)
        _check_alike(surrogate, prediction, clean)
        models.append(model)
    together = models[0] if len(models) == 1 else Ensemble(models)
    with torch.no_grad():
        known = together(together.image).argmax(1)
    return Setup(request, victim, judge, clean, together, known, notes)


def _predicted(
    victim: Victim, request: Request, device: str, poll: Callable[[], None], present: str
) -> tuple[BoundVictim, Prediction, tuple[str, ...] | None]:
    """Bind a victim to the scan and predict it, unless what it predicts is known.

    Returns:
        The victim on the scan's grid, its prediction, and the notes that are known of it.

    Raises:
        SegadvError: if the target or the truth has a class that the victim does not know.
    """
    bound = victim.on(request.scan, device, present)
    bound.recall = Recall(finely=True) if request.limited else None
    bound.passes.on_piece = poll
    known = KNOWN.get(victim, bound)
    prediction: Prediction = bound.predict() if known is None else known.prediction
    count = len(prediction.classes)
    for role, labels in (("target", request.target), ("truth", request.truth)):
        highest = int(labels.array.max(initial=0)) if labels is not None else 0
        if labels is not None and highest >= count:
            names = ", ".join(f"{n} {name}" for n, name in enumerate(prediction.classes))
            raise SegadvError(
                f"{labels.path or role}: the {role} holds class {highest}, which {victim.name} "
                f"does not have; it knows {names}"
            )
    return bound, prediction, None if known is None else known.notes


def _check_alike(surrogate: Victim, prediction: Prediction, clean: Prediction) -> None:
    if len(prediction.classes) != len(clean.classes):
        raise SegadvError(
            f"{surrogate.name}: predicts {len(prediction.classes)} classes, but the model "
            f"predicts {len(clean.classes)}; use a surrogate with the same classes"
        )
    if prediction.array.shape != clean.array.shape:
        raise SegadvError(
            f"{surrogate.name}: its anchors differ from the model's; use a surrogate with the "
            "same anchors"
        )
