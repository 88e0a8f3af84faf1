"""What a format of victim files declares, and how the format of a path is found."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType
from typing import Any

from torch import nn

from ...common.discovery import Registry
from ...errors import NeedsTrust, SegadvError
from ..victim import Victim
from . import formats
from .network import frozen

# Raised by Python and torch if a description or weights hold the wrong kind of thing. torch raises
# RuntimeError for nearly everything, and RecursionError is a RuntimeError.
ODD_CONTENTS = (
    TypeError,
    ValueError,
    LookupError,
    AttributeError,
    ArithmeticError,
    RuntimeError,
    MemoryError,
)


@dataclass(frozen=True)
class VictimFormat:
    """A kind of file or folder that a victim can be loaded from.

    Attributes:
        name: for messages.
        claims: called as claims(path); returns whether this format loads the path.
        load: called as load(path, trusted_hash), by position. The trusted hash is the sha256 that
            somebody agreed to, or None. Returns a Victim; raises NeedsTrust or SegadvError.
        prefix: written before a path, it chooses this format without asking `claims`; "" for none.
        told: called as told(path) for a network file with a description beside it; returns what the
            file itself tells of that description, as its keys. Nothing of the file runs. None: the
            format has no such descriptions.
        suffixes: the endings of its files, which a dialog offers; none for a folder.
    """

    name: str
    claims: Callable[[Path], bool]
    load: Callable[[Path, str | None], Victim]
    prefix: str = ""
    told: Callable[[Path], dict[str, Any]] | None = None
    suffixes: tuple[str, ...] = ()


def _format_in(module: ModuleType) -> list[tuple[str, VictimFormat]]:
    return [(module.FORMAT.name, module.FORMAT)]


FORMATS: Registry[VictimFormat] = Registry(
    "victim format", formats, _format_in, group="napari_segadv.victims"
)


def victim_formats() -> tuple[VictimFormat, ...]:
    """Return every declared format."""
    return tuple(FORMATS.all().values())


def suffixes() -> tuple[str, ...]:
    """Return the endings of the files that victims are loaded from, in the formats' order."""
    return tuple(dict.fromkeys(end for form in victim_formats() for end in form.suffixes))


def _load_as(form: VictimFormat, path: Path, trusted_hash: str | None) -> Victim:
    """Load a victim; turn what Python raises over odd contents into one line."""
    try:
        victim = form.load(path, trusted_hash)
        network = victim.network
        if isinstance(network, nn.Module):
            # Nobody else has it: without gradients of the weights, a pass needs less memory.
            for weight in network.parameters():
                weight.requires_grad_(False)
        # Somebody's own code may inspect the modules of its network; MONAI's classes don't.
        if victim.trust == "data" and isinstance(network, nn.Module):
            return replace(victim, network=frozen(network))
        return victim
    except SegadvError as error:
        # A question may be about a file that this one names.
        if isinstance(error, NeedsTrust) or str(path) in str(error):
            raise
        raise SegadvError(f"{path}: {error}") from None
    except ODD_CONTENTS as error:
        reason = " ".join(str(error).split())[:200]
        raise SegadvError(
            f"{path}: can't be read as a {form.name} ({type(error).__name__}: {reason}); "
            "compare it with docs/victims.md"
        ) from None


def file_of(source: str | Path) -> tuple[Path, VictimFormat | None]:
    """Return the file that a victim's source names, and the format if a prefix chooses it.

    A file whose name begins like a prefix is meant itself.
    """
    text = str(source)
    for form in victim_formats():
        if form.prefix and text.startswith(form.prefix) and not Path(text).exists():
            return Path(text.removeprefix(form.prefix)), form
    return Path(text), None


def told_by(path: Path) -> dict[str, Any]:
    """Return what a network file tells of its description, as the keys of that; nothing runs.

    Raises:
        SegadvError: if the file is damaged, or holds something else.
    """
    form = next((form for form in victim_formats() if form.claims(path)), None)
    return {} if form is None or form.told is None else form.told(path)


def load_file(source: str | Path, trusted_hash: str | None = None) -> Victim:
    """Load a victim from a file or folder.

    Args:
        source: the file or folder, with a format's prefix if it has one.
        trusted_hash: sha256 of the files whose code somebody agreed to run.

    Raises:
        NeedsTrust: if loading would run code that nobody has agreed to.
        SegadvError: if the victim can't be loaded.
    """
    path, chosen = file_of(source)
    if not path.exists():
        raise SegadvError(f"{path}: no such file or folder; give demo:NAME, a bundle or a network")
    for form in victim_formats() if chosen is None else (chosen,):
        if chosen is not None or form.claims(path):
            return _load_as(form, path, trusted_hash)
    names = ", ".join(form.name for form in victim_formats())
    raise SegadvError(f"{path}: not a model that can be loaded; give one of these: {names}")
