"""An image as it comes back from its file."""

import tempfile
from pathlib import Path

from ..data.scan import Scan
from ..errors import SegadvError
from .images import output_format, read, save


def read_back(scan: Scan) -> Scan:
    """Return a scan as it comes back from a file of its format.

    Raises:
        SegadvError: if all its pixels are the same, since no such image can be read.
    """
    if scan.array.min() == scan.array.max():
        raise SegadvError(
            f"{scan.name}: every pixel of the adversarial image is {scan.array.flat[0]}; attack it "
            "with a smaller epsilon"
        )
    ending, _ = output_format(scan)
    with tempfile.TemporaryDirectory(prefix="segadv-") as folder:
        path = Path(folder) / f"image{ending}"
        save(scan, path)
        return read(path)
