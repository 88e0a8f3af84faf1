"""TorchScript archives. Loading one can run code, so somebody has to agree first."""

import io
import re
import warnings
import zipfile
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
from ..shapes import facts
from .weights import SUFFIXES, holds_code

# What a question says of such an archive.
SCRIPT = "a TorchScript program"
# Endings that no other format has.
OWN = (".ts", ".torchscript")
# Bytes of a file of its text, and files, that are looked through for the names of layers.
LONGEST_CODE, MOST_CODE = 1 << 20, 200


def claims(path: Path) -> bool:
    if not path.is_file():
        return False
    return path.suffix in OWN or (path.suffix in SUFFIXES and holds_code(path))


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


def told(path: Path) -> dict[str, Any]:
    """Return what the text of the program tells by the convolutions in it; it is read, not run.

    A number of channels that goes into one of them and comes out of none is the network's own.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            names = [n for n in archive.namelist() if "/code/" in n and n.endswith(".py")]
            text = b"".join(archive.open(name).read(LONGEST_CODE) for name in names[:MOST_CODE])
    except (zipfile.BadZipFile, OSError, RuntimeError, NotImplementedError, EOFError):
        # What is wrong with the file is said when it is loaded.
        return {}
    found = [dims for dims in (2, 3) if re.search(rb"\bconv(_transpose)?%dd\b" % dims, text)]
    if len(found) != 1:
        return {}
    into, out = _channels(rb"in", text), _channels(rb"out", text)
    own, last = into - out, out - into
    return facts(
        found[0],
        own.pop() if len(own) == 1 else None,
        last.pop() if len(last) == 1 else None,
    )


def _channels(end: bytes, text: bytes) -> set[int]:
    """Return the numbers of channels at one end of all convolutions in a program's text."""
    found = re.findall(rb"\b%b_channels : Final\[int\] = (\d{1,6})\b" % end, text)
    return set(map(int, found))


FORMAT = VictimFormat("TorchScript", claims, load, told=told, suffixes=(*OWN, *SUFFIXES))
