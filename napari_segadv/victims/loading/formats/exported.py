"""Programs saved by torch.export. Loading one unpickles, so somebody has to agree first."""

import io
from pathlib import Path
from typing import Any

import torch

from ....errors import SegadvError
from ...victim import Victim
from .. import consent
from ..contents import read_hashed
from ..description import beside, read_description, victim_fields
from ..network import one_line
from ..registry import VictimFormat

SUFFIX = ".pt2"


def claims(path: Path) -> bool:
    return path.is_file() and path.suffix == SUFFIX


def load(path: Path, trusted_hash: str | None) -> Victim:
    fields = victim_fields(read_description(path), beside(path))
    fields["name"] = fields["name"] or path.stem
    content, sha256 = read_hashed(path)
    consent.require(path, sha256, ("a torch.export program (loading unpickles)",), trusted_hash)
    try:
        # A program's module keeps the mode in which it was exported and refuses eval().
        network = torch.export.load(io.BytesIO(content)).module()
    except Exception as error:  # noqa: BLE001 - a damaged archive makes torch raise almost anything
        raise SegadvError(
            f"{path}: can't be loaded as a torch.export program ({one_line(error)}); "
            "copy the file again"
        ) from None
    return Victim(network, **fields, path=path, sha256=sha256, trust="code")


def told(path: Path) -> dict[str, Any]:
    """Return nothing: what such a file says of itself is read by what unpickles it."""
    return {}


FORMAT = VictimFormat("torch.export program", claims, load, told=told, suffixes=(SUFFIX,))
