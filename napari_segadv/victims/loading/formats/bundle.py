"""MONAI bundles: network, preprocessing and inferer are read as data from their configuration."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from ....errors import SegadvError
from ...detector import Detector
from ...heads import Head
from ...members import OnSlices
from ...preprocessing.chain import KNOWN, check_step, plain_name
from ...prompts import Prompted, prompts_in
from ...victim import Victim
from .. import consent
from ..bundle_config import BundleConfig, find, read_config
from ..bundle_fields import describe, dims_of, image_key, steps_of
from ..bundle_inferer import BY_DETECTOR, PROMPTING, check_inferer
from ..bundle_parts import Parts
from ..checkpoints import Weights, find_weights
from ..contents import Contents
from ..detector_config import DetectorConfig, detector_of
from ..evaluation import Evaluation
from ..names import check_class
from ..network import fit_weights, read_weights
from ..offline import offline
from ..own_joins import with_joins
from ..registry import VictimFormat
from ..scripts import Scripts
from ..values import Code, holds_code
from .torchscript import SCRIPT, open_script

DETECTION = "detection"


def claims(path: Path) -> bool:
    return path.is_dir() and (
        find(path / "configs", "inference") is not None
        or find(path / "configs", "evaluate") is not None
        or find(path / "configs", "metadata") is not None
    )


def load(path: Path, trusted_hash: str | None) -> Victim:
    contents = Contents.of(path)
    config = read_config(contents)
    found_weights = find_weights(config)
    weights = found_weights.file
    script = weights.endswith(".ts")
    listing = Evaluation(config)
    # The network first: the question lists what runs in this order.
    network = None if script else listing.network()
    parts = Parts.of(listing, config)
    parts = with_joins(parts, listing, image_key(config, parts.transforms))
    # What is wrong is said before anybody is asked, as far as nothing has to run for that.
    if not script:
        check_class(listing.target(), config.source)
    _check(config, parts, listing)
    tensors = {} if script else _tensors(contents, found_weights)
    runs = (*listing.runs, *((SCRIPT,) if script else ()))
    consent.require(path, contents.sha256, runs, trusted_hash)
    scripts, agreed = Scripts(contents), Evaluation(config, tuple(listing.runs))
    with scripts.present() if runs else offline():
        if script:
            network = open_script(path / weights, contents.read(weights))
        else:
            network = agreed.network()
        parts = Parts.of(agreed, config)
        parts = _joined(parts, agreed, config, scripts)
    if not isinstance(network, nn.Module):
        raise SegadvError(
            f"{config.source}: {config.network_id} is a {type(network).__name__}, not a network; "
            "name a class there"
        )
    fields = describe(config, parts, agreed)
    fields["notes"] = (*fields["notes"], *found_weights.notes)
    own = fields["own"]
    if own is not None and found_weights.unsure and not own.refused:
        fields["own"] = replace(own, refused=found_weights.unsure)
    if not script:
        fit_weights(network.eval(), tensors, path / weights)
        scripts.beside(network)
    found = _detector(config, agreed, fields, network)
    if found is not None:
        network = found.made(network)
        notes = (*fields["notes"], found.describe())
        fields |= {"windows": found.windows, "notes": notes}
    if parts.inferer_name == PROMPTING:
        network, fields = _prompted(network, fields, parts, agreed, config)
    if parts.slices is not None:
        network = OnSlices(network, parts.slices)
    trust = "code" if runs else "data"
    return Victim(network, **fields, path=path, sha256=contents.sha256, trust=trust)


def _tensors(contents: Contents, weights: Weights) -> dict[str, Tensor]:
    content = contents.read(weights.file)
    return read_weights(contents.root / weights.file, content, weights.key)


def _joined(parts: Parts, agreed: Evaluation, config: BundleConfig, scripts: Scripts) -> Parts:
    try:
        key = image_key(config, parts.transforms)
        return with_joins(parts, agreed, key, scripts.present)
    except SegadvError as error:
        text = str(error).removeprefix(f"{config.source}: ")
        raise SegadvError(f"{config.source}: {text}") from None


def _detector(
    config: BundleConfig, evaluation: Evaluation, fields: Mapping[str, Any], network: Any = None
) -> DetectorConfig | None:
    """Return how a bundle detects, if it does and its network has no anchors of its own."""
    if fields["task"].name != DETECTION or isinstance(network, Detector):
        return None
    return detector_of(config, evaluation, fields["dims"])


def _prompted(
    network: nn.Module,
    fields: dict[str, Any],
    parts: Parts,
    agreed: Evaluation,
    config: BundleConfig,
) -> tuple[nn.Module, dict[str, Any]]:
    """Ask a network for the classes for which its program asks; return it with the fields."""
    outputs = config.metadata.get("network_data_format", {}).get("outputs", {})
    pred: Mapping[str, Any] = next(iter(outputs.values()), {})
    named = pred.get("channel_def", {})
    try:
        found = prompts_in(named, parts.transforms, agreed.part("input_dict"))
        asked = Prompted.of(network, *found)
    except SegadvError as error:
        raise SegadvError(f"{config.source}: {error}") from None
    notes = (*fields["notes"], asked.describe())
    more = {"classes": asked.classes, "head": Head("none"), "own": None, "notes": notes}
    return asked, fields | more


def _check(config: BundleConfig, parts: Parts, listing: Evaluation) -> None:
    """Refuse what can't be a victim, as far as that is known while nothing has run."""
    unknown = (parts.arguments, parts.transforms, parts.inferer, listing.target())
    if parts.decided and not holds_code(unknown):
        describe(config, parts)
        return
    plain = [one for one in parts.transforms if not holds_code(one)]
    steps_of(config, replace(parts, transforms=plain))
    for one in parts.transforms:
        if isinstance(one, Mapping) and not isinstance(one.get("_target_"), Code):
            check_step(plain_name(str(one.get("_target_")), KNOWN))
    if parts.inferer and not isinstance(parts.inferer.get("_target_"), Code):
        check_inferer(parts, config)
        if parts.inferer_name == BY_DETECTOR:
            detector_of(config, listing, dims_of(parts, {}, config))


FORMAT = VictimFormat("MONAI bundle", claims, load)
