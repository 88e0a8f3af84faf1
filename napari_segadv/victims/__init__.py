"""Victims: networks under attack, loaded from files or built in, with their preprocessing."""

from dataclasses import replace
from pathlib import Path

from ..errors import SegadvError
from ..samples import DEMO, bundles
from .bound import BoundVictim
from .loading.registry import load_file
from .victim import Victim

__all__ = ["BoundVictim", "Model", "Victim", "load_victim"]

# Its earlier name.
Model = BoundVictim


def load_victim(source: str | Path, trust: str | None = None) -> Victim:
    """Load a victim.

    Args:
        source: `demo:NAME`; the folder of a MONAI bundle, an nnU-Net model, or a network of
            transformers or segmentation-models-pytorch; a network file; a JSON file that names a
            model and what it is shown, such as clicks; or `command:FILE.yaml` for a program.
        trust: sha256 of the files whose code you agree to run, as `NeedsTrust.sha256` gives it.
            A hash, not a tier: the tier of a victim is `Victim.trust`.

    Raises:
        NeedsTrust: if loading would run code that nobody has agreed to.
        SegadvError: if the victim can't be loaded.

    Examples:
        >>> from napari_segadv import load_victim
        >>> victim = load_victim("demo:chest-xray")
        >>> victim.dims, victim.trust, victim.task.name
        (2, 'built-in', 'segmentation')
        >>> victim.classes
        ('background', 'heart', 'right lung', 'left lung', 'right clavicle', 'left clavicle')
        >>> load_victim("demo:knee")  # doctest: +IGNORE_EXCEPTION_DETAIL
        Traceback (most recent call last):
        napari_segadv.errors.SegadvError: demo:knee: no such built-in model; ...
    """
    text = str(source)
    if not text.startswith(DEMO):
        return load_file(source, trust)
    name = text.removeprefix(DEMO)
    known = bundles()
    if name not in known:
        raise SegadvError(f"{text}: no such built-in model; there are {', '.join(known)}")
    return replace(load_file(known[name]), trust="built-in", name=text)
