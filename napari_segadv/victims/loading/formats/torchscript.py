"""TorchScript archives. Loading one can run code, so somebody has to agree first."""

import io
import warnings
from pathlib import Path

import torch

from ....errors import SegadvError
from ...victim import Victim
from .. import consent
from ..contents import read_hashed
from ..description import beside, read_description, victim_fields
from ..network import one_line
from ..registry import VictimFormat
from .weights import SUFFIXES, holds_code

# What a question says of such an archive.
SCRIPT = "a TorchScript program"


def claims(path: Path) -> bool:
    if not path.is_file():
        return False
    return path.suffix in (".ts", ".torchscript") or (path.suffix in SUFFIXES and holds_code(path))


def load(path: Path, trusted_hash: str | None) -> Victim:
    fields = victim_fields(read_description(path), beside(path))
    fields["name"] = fields["name"] or path.stem
    content, sha256 = read_hashed(path)
    consent.require(path, sha256, (SCRIPT,), trusted_hash)
    network = open_script(path, content)
    return Victim(network, **fields, path=path, sha256=sha256, trust="code")


def open_script(path: Path, content: bytes) -> torch.nn.Module:
    """Load the network of an archive, in evaluation mode.

    Args:
        path: of the archive, for messages.
        content: its bytes.

    Raises:
        SegadvError: if the file is damaged.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            module: torch.nn.Module = torch.jit.load(io.BytesIO(content), "cpu")
    except Exception as error:  # noqa: BLE001 - a damaged archive makes torch raise almost anything
        raise SegadvError(
            f"{path}: can't be loaded as TorchScript ({one_line(error)}); copy the file again"
        ) from None
    return module.eval()


FORMAT = VictimFormat("TorchScript", claims, load)
