"""What an nnU-Net v2 trainer folder says of its model: plans.json and dataset.json, as data."""

import hashlib
import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...common.json_data import bytes_of_json, parse_json
from ...errors import SegadvError
from ..preprocessing.nnunet import SCHEMES, Normalisation
from ..preprocessing.resampling import Resampler

# Trainers whose network is the one of the plans, and whose program predicts as the plain one does:
# they train longer, with another loss, rate or augmentation. Those of the last line are
# TotalSegmentator's.
TRAINERS = frozenset(
    {
        *("nnUNetTrainer", "nnUNetTrainerNoMirroring", "nnUNetTrainer_onlyMirror01"),
        *("nnUNetTrainerDA5", "nnUNetTrainerDA5ord0", "nnUNetTrainerDA5Segord0"),
        *("nnUNetTrainerNoDA", "nnUNetTrainer_DASegOrd0", "nnUNetTrainer_DASegOrd0_NoMirroring"),
        *("nnUNetTrainer_noDummy2DDA", "nnUNetTrainer_onlyMirror01_DASegOrd0"),
        *("nnUNetTrainer_onlyMirror01_DA5", "nnUNetTrainer_onlyMirror01_1500ep"),
        *("nnUNetTrainer_warmup", "nnUNetTrainerCosAnneal", "nnUNetTrainerNoDeepSupervision"),
        *("nnUNetTrainerAdan", "nnUNetTrainerAdan1en3", "nnUNetTrainerAdan3en4"),
        *("nnUNetTrainerAdan1en1", "nnUNetTrainerAdanCosAnneal", "nnUNetTrainerAdam"),
        *("nnUNetTrainerVanillaAdam", "nnUNetTrainerVanillaAdam1en3"),
        *("nnUNetTrainerVanillaAdam3en4", "nnUNetTrainerAdam1en3", "nnUNetTrainerAdam3en4"),
        *("nnUNetTrainerDiceLoss", "nnUNetTrainerDiceCELoss_noSmooth", "nnUNetTrainerCELoss"),
        *("nnUNetTrainerTopk10Loss", "nnUNetTrainerTopk10LossLS01"),
        *("nnUNetTrainerDiceTopK10Loss", "nnUNetTrainerBenchmark_5epochs_noDataLoading"),
        *("nnUNetTrainer_probabilisticOversampling", "nnUNet_Trainer_BS8"),
        *("nnUNetTrainer_probabilisticOversampling_033",),
        *("nnUNetTrainer_probabilisticOversampling_010",),
        *("nnUNetTrainer_MOSAIC_1k_QuarterLR_NoMirroring", "nnUNetTrainerSkeletonRecall"),
    }
)
FILES = ("plans.json", "dataset.json")
EPOCHS = re.compile(r"_\d+epochs?(?=$|_NoMirroring$)")
# nnU-Net's readers, and what each does to the axes.
AS_STORED = ("SimpleITKIO", "NibabelIO", "Tiff3DIO", "NaturalImage2DIO")
REORIENTED = ("SimpleITKIOWithReorient", "NibabelIOWithReorient")
PICTURES = "NaturalImage2DIO"
# A map of regions is made of one byte, as nnU-Net writes it.
MOST_LABELS = 256


@dataclass(frozen=True, eq=False)
class Plan:
    """One configuration of a plan, with the labels and channels of its dataset.

    Attributes:
        root: the trainer folder.
        name: of the configuration, such as 3d_fullres.
        plans, dataset: contents of plans.json and dataset.json.
        configuration: the configuration, with what it inherits.
        hashes: of the bytes that plans.json and dataset.json were read from.
    """

    root: Path
    name: str
    plans: Mapping[str, Any]
    dataset: Mapping[str, Any]
    configuration: Mapping[str, Any]
    hashes: tuple[str, str]

    @classmethod
    def read(cls, root: Path, name: str) -> "Plan":
        """Read a configuration.

        Raises:
            SegadvError: if it is none that can be reproduced, with the name of what stands against.
        """
        (plans, first), (dataset, second) = (_object(root / file) for file in FILES)
        configuration = _inherited(plans.get("configurations", {}), name, root)
        plan = cls(root, name, plans, dataset, configuration, (first, second))
        plan.check()
        return plan

    def check(self) -> None:
        """Refuse what nnU-Net would do otherwise than we do."""
        before = self.configuration.get("previous_stage")
        if before:
            raise SegadvError(
                f"{self.root}: {self.name} is the second stage of a cascade, which also needs the "
                f"prediction of {before}; use that one, or a model without a cascade"
            )
        for where, key, known in (
            (self.configuration, "preprocessor_name", ("DefaultPreprocessor",)),
            (self.plans, "label_manager", ("LabelManager",)),
            (self.plans, "image_reader_writer", (*AS_STORED, *REORIENTED)),
        ):
            if key in where and where[key] not in known:
                raise SegadvError(
                    f"{self.root}: its {key} is {where[key]}, which is not one of nnU-Net's own, "
                    f"so it can't be reproduced; these are: {', '.join(known)}"
                )
        if not self.normalisations:
            raise SegadvError(f"{self.root}: its plan names no channel")
        sizes = {len(self.patch), len(self.spacing)}
        if sizes not in ({2}, {3}) or not all(0 < s < math.inf for s in self.spacing):
            raise SegadvError(
                f"{self.root}: {self.name} has a patch of {self.patch} and a spacing of "
                f"{self.spacing}; both need two or three sizes above 0"
            )

    @property
    def title(self) -> str:
        """The dataset's name, from the plans or else from the folder above."""
        return str(self.plans.get("dataset_name") or self.root.parent.name)

    @property
    def reader(self) -> str:
        return str(self.plans.get("image_reader_writer", AS_STORED[0]))

    @property
    def patch(self) -> tuple[int, ...]:
        return tuple(int(n) for n in self.configuration["patch_size"])

    @property
    def spacing(self) -> tuple[float, ...]:
        return tuple(float(s) for s in self.configuration["spacing"])

    @property
    def order(self) -> tuple[int, int, int]:
        """The order of the axes in the network, as places in the image."""
        first, second, third = (int(i) for i in self.plans["transpose_forward"])
        if sorted((first, second, third)) != [0, 1, 2]:
            raise SegadvError(f"{self.root / 'plans.json'}: transpose_forward must hold 0, 1 and 2")
        return first, second, third

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels."""
        listed = self.dataset.get("channel_names", self.dataset.get("modality", {}))
        return tuple(str(listed[key]) for key in sorted(listed, key=int))

    @property
    def normalisations(self) -> tuple[Normalisation, ...]:
        """How each channel is normalised."""
        schemes = self.configuration["normalization_schemes"]
        if len(schemes) != len(self.channels):
            raise SegadvError(
                f"{self.root}: plans.json normalises {len(schemes)} channels, but dataset.json "
                f"names {len(self.channels)}"
            )
        masked = self.configuration["use_mask_for_norm"]
        return tuple(
            self._normalisation(str(scheme), bool(masked[i]), str(i))
            for i, scheme in enumerate(schemes)
        )

    def _normalisation(self, scheme: str, masked: bool, channel: str) -> Normalisation:
        if scheme not in SCHEMES:
            raise SegadvError(
                f"{self.root}: its normalisation {scheme} is not one of nnU-Net's own, so it can't "
                f"be reproduced; these are: {', '.join(SCHEMES)}"
            )
        if SCHEMES[scheme] != "ct":
            return Normalisation(SCHEMES[scheme], masked)
        key = "foreground_intensity_properties_per_channel"
        seen = self.plans.get(key, self.plans.get(key.replace("per_channel", "by_modality"), {}))
        names = ("mean", "std", "percentile_00_5", "percentile_99_5")
        return Normalisation("ct", masked, *(float(seen[channel][name]) for name in names))

    def resampler(self, of: str) -> Resampler:
        """Return how "data" or "probabilities" are resampled."""
        key = f"resampling_fn_{of}"
        return Resampler.planned(
            str(self.configuration[key]), self.configuration.get(f"{key}_kwargs", {})
        )

    @property
    def labels(self) -> "Labels":
        return Labels.of(self.dataset, self.root / "dataset.json")


@dataclass(frozen=True)
class Labels:
    """What a model predicts.

    Attributes:
        names: of the labels, background first.
        regions: if its outputs are overlapping regions, the label that each is painted with, in
            the order of painting; else empty.
    """

    names: tuple[str, ...]
    regions: tuple[int, ...] = ()

    @property
    def outputs(self) -> int:
        """How many channels the network has."""
        return len(self.regions) or len(self.names)

    @classmethod
    def of(cls, dataset: Mapping[str, Any], path: Path) -> "Labels":
        """Read the labels of a dataset.json.

        Raises:
            SegadvError: if they are not complete.
        """
        labels = {str(k): v for k, v in dataset["labels"].items() if k != "ignore"}
        if not any(isinstance(v, list) and len(v) > 1 for v in labels.values()):
            values = {name: int(v[0] if isinstance(v, list) else v) for name, v in labels.items()}
            return cls(tuple(sorted(values, key=lambda name: values[name])))
        regions = [name for name, v in labels.items() if v not in (0, [0])]
        order = [int(label) for label in dataset.get("regions_class_order") or ()]
        if len(order) != len(regions):
            raise SegadvError(
                f"{path}: has {len(regions)} regions, but regions_class_order names {len(order)} "
                "labels; give one for each"
            )
        if not all(0 < label < MOST_LABELS for label in order):
            raise SegadvError(
                f"{path}: regions_class_order must hold labels from 1 to {MOST_LABELS - 1}"
            )
        known = dict(zip(order, regions, strict=True))
        names = [known.get(label, f"label {label}") for label in range(1, max(order) + 1)]
        return cls(("background", *names), tuple(order))


def check_trainer(name: str, root: Path) -> None:
    """Refuse a trainer whose network may not be the one of the plans.

    Raises:
        SegadvError: if it is one that is not known.
    """
    plain = EPOCHS.sub("", name)
    if plain not in TRAINERS and plain.removesuffix("_NoMirroring") not in TRAINERS:
        raise SegadvError(
            f"{root}: was trained by {name}, whose network may be another than that of its plans; "
            "only nnU-Net's plain trainers can be opened, such as nnUNetTrainer"
        )


def _object(path: Path) -> tuple[dict[str, Any], str]:
    """Return a file's JSON object, and the hash of the bytes that it was read from."""
    held = bytes_of_json(path)
    content = parse_json(held, path)
    if not isinstance(content, dict):
        raise SegadvError(f"{path}: holds no JSON object; is it of nnU-Net v2?")
    return content, hashlib.sha256(held).hexdigest()


def _inherited(configurations: Any, name: str, root: Path) -> dict[str, Any]:
    """Return a configuration with what it inherits from others."""
    seen: list[str] = []
    found: dict[str, Any] = {}
    while name:
        if name in seen or name not in configurations:
            known = ", ".join(configurations)
            raise SegadvError(
                f"{root / 'plans.json'}: has no configuration {name}, or it inherits from itself; "
                f"it has {known}"
            )
        seen.append(name)
        found = {**configurations[name], **found}
        name = str(configurations[name].get("inherits_from", ""))
    return found
