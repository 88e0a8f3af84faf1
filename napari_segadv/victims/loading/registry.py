"""What a victim file format declares, and how the one that fits a path is found."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from types import ModuleType

from torch import nn

from ...common.discovery import Registry
from ...errors import SegadvError
from ..victim import Victim
from . import formats
from .network import frozen

# What Python and torch raise over a description or weights that hold the wrong kind of thing;
# RuntimeError is torch's for nearly everything, and RecursionError is one too.
ODD_CONTENTS = (
    *(TypeError, ValueError, LookupError, AttributeError, ArithmeticError),
    *(RuntimeError, MemoryError),
)


@dataclass(frozen=True)
class VictimFormat:
    """A kind of file or folder that a victim can be loaded from.

    Attributes:
        name: what people call it.
        claims: tells from a path whether this format loads it.
        load: path and agreed hash (or None) to Victim; raises NeedsTrust or SegadvError.
    """

    name: str
    claims: Callable[[Path], bool]
    load: Callable[[Path, str | None], Victim]


def _format_in(module: ModuleType) -> list[tuple[str, VictimFormat]]:
    return [(module.FORMAT.name, module.FORMAT)]


FORMATS: Registry[VictimFormat] = Registry(
    "victim format", formats, _format_in, group="napari_segadv.victims"
)


def victim_formats() -> tuple[VictimFormat, ...]:
    """Every declared format."""
    return tuple(FORMATS.all().values())


def _understood(form: VictimFormat, path: Path, trusted_hash: str | None) -> Victim:
    """Loads; whatever a file's odd contents make Python stumble over becomes one line."""
    try:
        victim = form.load(path, trusted_hash)
        network = victim.network
        # Code that somebody wrote may look into its modules; MONAI's classes don't.
        if victim.trust == "data" and isinstance(network, nn.Module):
            return replace(victim, network=frozen(network))
        return victim
    except SegadvError as error:
        if str(path) in str(error):
            raise
        raise SegadvError(f"{path}: {error}") from None
    except ODD_CONTENTS as error:
        reason = " ".join(str(error).split())[:200]
        raise SegadvError(
            f"{path}: can't be understood as a {form.name} ({type(error).__name__}: {reason}); "
            "compare it with docs/victims.md"
        ) from None


def load_file(path: Path, trusted_hash: str | None = None) -> Victim:
    """Loads a victim from a file or folder.

    Raises:
        NeedsTrust: where it would run code that nobody has agreed to.
        SegadvError: where it can't be loaded.
    """
    if not path.exists():
        raise SegadvError(f"{path}: no such file or folder; give demo:NAME, a bundle or a network")
    for form in victim_formats():
        if form.claims(path):
            return _understood(form, path, trusted_hash)
    names = ", ".join(form.name for form in victim_formats())
    raise SegadvError(f"{path}: not a victim that can be loaded; known are {names}")
