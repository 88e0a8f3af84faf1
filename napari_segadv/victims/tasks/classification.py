"""Classification: one class for a whole image, such as a grade of a disease."""

import json
import operator
from collections.abc import Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from ...attacks.problem import Problem
from ...common.atomic_files import write_text
from ...common.json_data import read_json
from ...data.grade import Grade
from ...data.scan import Array, Grid, Mask, Scan
from ...errors import SegadvError
from ...measures.labels import TARGET_FIGURES
from ..bound import BoundVictim
from ..pipeline import Pipeline
from ..task import Task, number_in
from ..windows import one_pass


class OneClass(Problem):
    """A problem with one cell for each image, where class 0 is a class like any other."""

    @cached_property
    def moving(self) -> Tensor:
        return torch.ones_like(self.labels, dtype=torch.bool)

    @cached_property
    def keeping(self) -> Tensor:
        return torch.zeros_like(self.labels, dtype=torch.bool)

    @cached_property
    def erases(self) -> Tensor:
        return torch.ones_like(self.movers, dtype=torch.bool)


class BoundClassification(BoundVictim):
    """A class for the whole image: S' is one cell. Nothing is mapped back to the grid."""

    def check(self, victim: Pipeline, scan: Scan) -> None:
        if victim.windows is not None:
            raise SegadvError(
                f"{victim.name}: predicts a class for the whole image, so it can't use a sliding "
                "window; remove the sliding window"
            )
        if victim.dims == 2 and scan.grid.ndim == 3:
            raise SegadvError(
                f"{victim.name} needs a single image; {scan.name} is a volume. Save one slice as "
                "an image, or choose another model."
            )

    def logits(self, images: Tensor) -> Tensor:
        def network(x: Tensor) -> Tensor:
            y = self.victim.head.chosen(self.output(x))
            if len(y) != len(x) or y.shape[2:].numel() != 1:
                raise SegadvError(
                    f"{self.victim.name}: the network returns {tuple(y.shape)} for {len(x)} "
                    "images, not one number for each class; is its task segmentation?"
                )
            return y.reshape(len(x), -1)

        scores = one_pass(self.prepared(images), network, self.passes)
        try:
            return self.victim.head.of_images(scores).unsqueeze(-1)
        except SegadvError as error:
            raise SegadvError(f"{self.victim.name}: {error}") from None

    def prediction(self, images: Tensor) -> Grade:
        logits = self.checked(self(images))
        scores = logits[0, :, 0].double()
        shares = scores.sigmoid() if self.victim.independent else scores.softmax(0)
        return Grade(int(scores.argmax()), self.class_names(logits), tuple(shares.tolist()))


class Classification(Task[Grade]):
    """One class for a whole image, such as a grade of a disease."""

    name: ClassVar[str] = "classification"
    words: ClassVar[tuple[str, ...]] = ("classification", "classifier", "grading")
    problem: ClassVar[type[Problem]] = OneClass
    ending: ClassVar[str] = ".json"
    bound: ClassVar[type[BoundVictim]] = BoundClassification

    def names(self, listed: tuple[str, ...]) -> tuple[str, ...]:
        return listed if len(listed) != 1 else (f"not {listed[0]}", *listed)

    def wanted(self, given: Any, role: str, scan: Scan, victim: Pipeline) -> Grade:
        if isinstance(given, Grade):
            return given
        if isinstance(given, Path) or (isinstance(given, str) and given.endswith(".json")):
            path = Path(given)
            return replace(self._named(read_class(path), f"{path}", victim), path=path)
        return self._named(given, role, victim)

    def _named(self, given: Any, role: str, victim: Pipeline) -> Grade:
        if isinstance(given, str):
            number = number_in(given)
            given = label_of(given, role, victim) if number is None else number
        try:
            label = -1 if isinstance(given, bool) else operator.index(given)
        except TypeError:
            label = -1
        if label < 0:
            raise SegadvError(
                f"{role}: {victim.name} predicts one class for an image; give the class's number "
                "or name"
            )
        return Grade(label, victim.classes)

    def measure(
        self,
        before: Grade,
        after: Grade,
        *,
        target: Grade | None,
        truth: Grade | None,
        care: Mask | None,
    ) -> dict[str, Any]:
        """Compare two grades.

        `moved` is 1 if the class is now the target's or, without a target, no longer the true one
        (by default that of the clean prediction); else 0.
        """
        figures: dict[str, Any] = dict.fromkeys((*TARGET_FIGURES, "iou_with_clean"))
        from_class = (truth or before).label
        if target is not None:
            figures["moved"] = float(after.label == target.label)
        else:
            figures["moved"] = float(after.label != from_class)
        for name, label in (
            ("target_probability", None if target is None else target.label),
            ("truth_probability", None if target is not None and truth is None else from_class),
        ):
            figures[name] = None if label is None else after.probabilities[label]
            figures[f"{name}_clean"] = None if label is None else before.probabilities[label]
        return figures

    def record(self, prediction: Grade) -> dict[str, Any] | None:
        return prediction.data

    def save(self, prediction: Grade, path: Path) -> None:
        text = json.dumps({"task": self.name, **prediction.data}, indent=1, allow_nan=False)
        write_text(path, text + "\n")

    def exact(self, prediction: Grade) -> dict[str, Array]:
        # The file lists them by class name, and two classes may have the same name.
        return {"probabilities": np.array(prediction.probabilities, np.float64)}

    def load(
        self, path: Path, grid: Grid, classes: tuple[str, ...], exact: Mapping[str, Array]
    ) -> Grade:
        content = read_json(path)
        label = content.get("label") if isinstance(content, Mapping) else None
        if isinstance(label, bool) or not isinstance(label, int) or not 0 <= label < len(classes):
            raise SegadvError(
                f"{path}: holds no class number below {len(classes)}; restore it from a copy"
            )
        listed = content.get("probabilities", {})
        shares: Any = list(listed.values()) if isinstance(listed, Mapping) else listed
        try:
            shares = np.asarray(exact.get("probabilities", shares), np.float64)
        except (TypeError, ValueError):
            shares = np.array(np.nan)
        if shares.shape not in ((0,), (len(classes),)) or not np.isfinite(shares).all():
            raise SegadvError(
                f"{path}: needs one probability for each of {len(classes)} classes; restore it "
                "from a copy"
            )
        return Grade(label, classes, tuple(shares.tolist()))

    def check_output(self, path: Path) -> None:
        if path.suffix != ".json":
            raise SegadvError(f"{path}: a class is written as .json; use that ending")

    def listing(self, prediction: Grade) -> str:
        return ", ".join(
            Grade(int(n), prediction.classes, prediction.probabilities).text
            for n in np.argsort(prediction.probabilities)[::-1]
        )

    def headline(self, before: Grade, after: Grade, measures: Mapping[str, Any]) -> str:
        verb = "stayed" if before.label == after.label else "became"
        return f"{before.text} {verb} {after.text}"

    def caption(self, prediction: Grade) -> str:
        return prediction.text


def read_class(path: Path) -> Any:
    """Read a class's number or name from a JSON file: bare, or "label" or "class" of an object.

    Raises:
        SegadvError: if the file holds neither.
    """
    content = read_json(path)
    if isinstance(content, Mapping):
        content = content.get("label", content.get("class"))
    if not isinstance(content, (int, str)):
        raise SegadvError(f'{path}: names no class; write {{"label": 3}} or {{"class": "name"}}')
    return content


def label_of(name: str, role: str, victim: Pipeline) -> int:
    """Return the number of the class with a name.

    Raises:
        SegadvError: if the victim has no class of that name.
    """
    folded = [known.casefold() for known in victim.classes]
    if name.casefold() in folded:
        return folded.index(name.casefold())
    known = ", ".join(f"{n} {known}" for n, known in enumerate(victim.classes))
    raise SegadvError(
        f"{role}: {victim.name} has no class {name[:40]}; "
        + (f"it knows {known}" if known else "its classes have no names, so give a number")
    )


TASK = Classification()
