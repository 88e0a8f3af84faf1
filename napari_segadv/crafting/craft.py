"""Craft an example from a scan, a victim, an attack and a target, in five acts."""

import time
from collections.abc import Callable, Generator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from ..attacks import Attack, Progress
from ..common.device import pick_device
from ..common.generators import finished
from ..data.channels import Chosen
from ..data.scan import Array, Mask, Scan
from ..errors import SegadvError
from ..io.output import output_for
from ..results.example import Example
from ..results.provenance import describe_passes
from ..victims.victim import Victim
from ..victims.wrappers import Watch
from .binding import bind
from .measuring import measure
from .problem import prepare
from .record import describe_inputs, record_of
from .request import Request, check_tasks, suited
from .scale import in_own_units

Crafting = Generator[Progress, None, Example]


def craft(scan: Scan, victim: Victim, attack: Attack, **options: Any) -> Example:
    """Make an adversarial example and measure the image as read back from its file.

    Args:
        scan: the image.
        victim: the victim to attack.
        attack: the method with its parameters; its budget is in the scan's units, of several
            channels in percent of each channel's window.
        options: keyword arguments of `craft_steps`, above all `target`.

    Raises:
        SegadvError: if the parts do not fit each other.

    Examples:
        A phantom of a chest X-ray, and the image in which the built-in network sees a heart symbol.

        >>> import napari_segadv as sa
        >>> from napari_segadv.samples import phantom
        >>> scan, _ = phantom("chest-xray", seed=20001)
        >>> victim = sa.load_victim("demo:chest-xray")
        >>> target = sa.targets.heart(victim.predict(scan), label=1)
        >>> attack = sa.attacks.PGD(epsilon=5.0, steps=20)
        >>> example = sa.craft(scan, victim, attack, target=target)
        >>> example.measures["linf"], example.measures["units"]
        (5.0, 'grey level')
        >>> example.measures["target_iou"] > 0.95
        True
        >>> folder = example.save("out")
        >>> sorted(path.name for path in folder.iterdir())[:3]
        ['adversarial.png', 'figure.png', 'noise.nii.gz']
    """
    return finished(craft_steps(scan, victim, attack, **options))


def craft_steps(
    scan: Scan,
    victim: Victim,
    attack: Attack,
    *,
    target: Any = None,
    truth: Any = None,
    region: Mask | Array | str | Path | None = None,
    care: Mask | Array | str | Path | None = None,
    slices: tuple[int, int] | None = None,
    channels: Chosen | None = None,
    surrogate: Victim | Sequence[Victim] | None = None,
    present: str = "auto",
    save_as: str = "auto",
    deidentify: bool = False,
    device: str = "auto",
    precision: str = "auto",
    memory: float | None = None,
    seed: int = 0,
    poll: Callable[[], None] | None = None,
    watch: Watch | None = None,
) -> Crafting:
    """Run `craft` step by step: yield Progress after each step and return the Example.

    Closing the generator stops the run before the next step.

    Args:
        scan, victim, attack: as for `craft`.
        target: what the victim should predict; None: an untargeted attack, away from `truth`. For
            segmentation a mask (a Mask, an array, or a file's path), for classification a class
            (its number or name, a Grade, or a JSON file's path).
        truth: the correct labels, in the same form as `target`; an untargeted attack without them
            moves away from the clean prediction.
        region: a mask: the perturbation may live where it is not 0. Or "bounding-box" or
            "receptive-field" of what has to change, see `attacks.regions`. None: everywhere.
        care: a mask: only pixels where it is not 0 count. None: all pixels.
        slices: first and last index along a volume's first axis, from 0, both included: the noise
            lives only in these slices, and only their pixels count. Pieces of the volume that
            can't change are not run again, so a few slices of many cost little. None: all slices.
        channels: of an image of several, those that may change, by name or number from 1, and the
            share of the budget of each, from 0 to 1 (see `data.channels.shares_of`); the others do
            not change. None: all, with the whole budget.
        surrogate: one network or several that stand in for the victim while crafting; the victim
            is still the one that is measured.
        present: how an image whose intensities are not those that the victim expects is presented
            to it: "auto", "header", "percentiles", "none", or a window "LOW:HIGH" in the image's
            units; see `Victim.on`. The perturbation lives in the image's own intensities.
        save_as: format of the adversarial image, "auto", "dicom" or "nifti" (see
            `io.output.output_for`): what is measured is the image read back from it.
        deidentify: whether DICOM files are written without the patient's identifiers.
        device: "auto", "cpu" or "cuda".
        precision: of the network in the steps before the last ones: "float32", "bfloat16", or
            "auto", bfloat16 where a trial says that it pays (see `victims.precision`). The last
            steps and all judgements are in float32.
        memory: GiB that may go into what saves passes through windows or slices of a volume: a
            second forward pass, and any where the noise does not reach; None: half of what is
            free. The result does not depend on it.
        seed: seed of all random numbers.
        poll: called after each piece of a pass (a patch, a group of slices); if it raises, the run
            stops within the step.
        watch: called with the images and logits of each pass of the attack.

    Raises:
        SegadvError: if the parts do not fit each other.
    """
    given: dict[str, Any] = {"target": target, "truth": truth, "region": region, "care": care}
    request = Request.of(scan, victim, **given, slices=slices, channels=channels)
    surrogates = (surrogate,) if isinstance(surrogate, Victim) else tuple(surrogate or ())
    check_tasks(attack, victim, surrogates)
    attack = suited(attack, request, victim, surrogates)
    chosen = pick_device(device)
    output = output_for(scan, save_as, deidentify)

    def acts() -> Crafting:
        started = time.perf_counter()
        # Hash before the run, during which a file may change: the record names what was read.
        inputs = describe_inputs(request)
        setup = bind(victim, request, surrogates, chosen, poll or (lambda: None), present)
        before = replace(setup.attacked.passes)
        prepared = prepare(setup, attack, watch, precision, memory)
        # Third act: the attack runs, on tensors alone.
        outcome = yield from prepared.attack.run(prepared.problem, seed)
        outcome = in_own_units(outcome, prepared.problem)
        passes = describe_passes(before, setup.attacked.passes, prepared.reduced)
        example = measure(setup, prepared, outcome, output)
        record = record_of(
            setup,
            prepared,
            outcome,
            example,
            attack=attack,
            surrogates=surrogates,
            seed=seed,
            inputs=inputs,
            asked={"present": present, "save_as": save_as, "deidentify": deidentify},
            passes=passes,
        )
        record["seconds"] = round(time.perf_counter() - started, 3)
        return replace(example, record=record)

    return _guarded(acts(), scan.name, chosen)


def _guarded(run: Crafting, name: str, device: str) -> Crafting:
    """Run to the end; explain running out of GPU memory, and free that memory afterwards."""
    try:
        return (yield from run)
    except torch.OutOfMemoryError:
        raise SegadvError(
            f"{name}: out of GPU memory; use a model with smaller patches, or compute on the CPU "
            "(--device cpu)"
        ) from None
    finally:
        if device == "cuda":
            torch.cuda.empty_cache()
