"""ONNX files, with a JSON of the same name, converted to torch by onnx2torch."""

from pathlib import Path

from ....common.hashing import sha256_of_files
from ....common.wording import in_percent
from ....errors import SegadvError
from ...victim import Victim
from ..contents import read_hashed
from ..description import beside, hashed_description, victim_fields
from ..offline import offline
from ..onnx_network import OPEN, compare, converted, declared_input, read_onnx
from ..registry import VictimFormat

SUFFIX = ".onnx"


def claims(path: Path) -> bool:
    return path.is_file() and path.suffix == SUFFIX


def load(path: Path, trusted_hash: str | None) -> Victim:
    # Its operators are data: none of them runs anything but arithmetic, so nobody has to agree.
    (description, described), source = hashed_description(path), beside(path)
    content, hashed = read_hashed(path)
    with offline():
        model = read_onnx(content, path)
        shape = declared_input(model, path)
        given = {"dims": len(shape) - 2, "channels": shape[1] or 1, **description}
        known = victim_fields(given, source)
        if known["dims"] != len(shape) - 2 or shape[1] not in (None, known["channels"]):
            raise SegadvError(
                f'{source}: the network takes "dims" {len(shape) - 2} and "channels" '
                f"{shape[1] or 'of any number'}; correct them"
            )
        network = converted(model, shape, path)
        windows = known["windows"]
        size = OPEN[known["dims"]] if windows is None else windows.roi_size
        off = compare(network, content, size, known["channels"], path)
    known["name"] = known["name"] or path.stem
    note = (
        f"converted from ONNX; on a random image it differs from onnxruntime by "
        f"{in_percent(off, 4)} of its output's range"
    )
    return Victim(
        network, **known, notes=(note,), path=path, sha256=sha256_of_files([hashed, described])
    )


FORMAT = VictimFormat("ONNX with a JSON", claims, load, suffixes=(SUFFIX,))
