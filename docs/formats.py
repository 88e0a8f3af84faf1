"""Writes the table of docs/formats.md: python docs/formats.py

Every file that nibabel, scikit-image and pydicom ship for their own tests and examples is read, and
held against what that library reads: values and, if nibabel has one, geometry. DICOM files are held
against pydicom's values, in formats_dicom.py. tifffile and Pillow ship none.
"""

import re
from collections import Counter
from pathlib import Path

import nibabel
import numpy as np
import skimage
from formats_dicom import NO_IMAGE, outcomes, refusal, row
from formats_dicom import check as check_dicom

from napari_segadv import io
from napari_segadv.io.registry import formats

PAGE = Path(__file__).with_suffix(".md")
# Markers around the table on the page.
BEGIN, END = "<!-- shipped -->", "<!-- /shipped -->"
FOLDERS = {
    "nibabel": sorted(Path(nibabel.__file__).parent.rglob("tests/data")),
    "scikit-image": [Path(skimage.__file__).parent / "data"],
}
# Not data.
OTHERS = (".py", ".pyc", ".rst", ".txt", ".gitignore", ".m", ".md", ".pyi")
MOSAIC = "holds several slices side by side (a mosaic)"
ALONE = "a pair of .hdr and .img, but the other is missing"
# What is refused although its name is that of an image, and why; everything else has to be read.
REFUSED = {
    "analyze.hdr": ALONE,
    "nifti1.hdr": ALONE,
    "nifti2.hdr": ALONE,
    "example4d.nii.gz": "2 volumes, in time or channels",
    "example_nifti2.nii.gz": "2 volumes, in time or channels",
    "functional.nii": "20 volumes, in time or channels",
    "row_major.dconn.nii": "has 6 dimensions",
    "resampled_anat_moved.nii": "153 of 1071 values are NaN or infinite",
    "0.dcm": MOSAIC,
    "1.dcm": MOSAIC,
    "csa_slice_norm.dcm": MOSAIC,
    "decimal_rescale.dcm": "every pixel is -4096, so there is nothing to attack",
}


DEEPER = {"chessboard_RGB.png": "read: 16 bits, of which scikit-image keeps 8"}


def files(package: str) -> list[Path]:
    """Return the data files that a package ships."""
    found = (path for folder in FOLDERS[package] for path in folder.rglob("*"))
    return sorted(p for p in found if p.is_file() and not p.name.lower().endswith(OTHERS))


def is_image(path: Path) -> bool:
    """Return whether a file has the name of an image that is read."""
    return path.name.lower().endswith(tuple(end for form in formats() for end in form.suffixes))


def check(path: Path, place: str, number: int | None = None) -> None:
    """Compare an image with what the library that ships it reads.

    Raises:
        AssertionError: if they differ.
    """
    if path.suffix == ".dcm":
        assert check_dicom(path) == 1, f"{path}: several frames"
        return
    scan = io.read(place)
    if "nibabel" in path.parts:
        image = nibabel.load(path)
        stored = np.asarray(image.dataobj)
        values = (stored if number is None else stored[..., number]).T
        affine = np.eye(4)
        affine[:3, :3] = scan.grid.affine[:3, :3][::-1, ::-1]
        affine[:3, 3] = scan.grid.affine[:3, 3][::-1]
        np.testing.assert_allclose(np.diag([-1, -1, 1, 1]) @ affine, image.affine, atol=1e-3)
    else:
        values = skimage.io.imread(path)
        if values.dtype == bool:
            values = values.astype(np.uint8) * 255
        if values.ndim == scan.array.ndim + 1:  # grey in three equal channels
            assert (values[..., :1] == values[..., :3]).all()
            values = values[..., 0]
        elif scan.colour:
            values = values[..., :3]
    array = scan.array
    if array.dtype == np.uint16 and values.dtype == np.uint8:  # Pillow cuts RGB to 8 bits
        array = (array >> 8).astype(np.uint8)
    assert np.array_equal(array, values), f"{path}: other values"


def outcome(path: Path) -> str:
    """Return "read", or the reason for which a file is refused.

    Raises:
        AssertionError: if it is read wrongly, or not refused for the reason in REFUSED.
    """
    reason = REFUSED.get(path.name) if is_image(path) else NO_IMAGE
    if reason is None:
        check(path, str(path))
        return DEEPER.get(path.name, "read")
    said = refusal(str(path))
    assert reason in said, f"{path}: {said}"
    if reason == NO_IMAGE:
        return "refused: not a format that is read"
    if "volumes" not in reason:
        return f"refused: {reason}"
    for number in range(int(reason.split()[0])):
        check(path, f"{path}::{number + 1}", number)
    return f"refused: {reason}; `::1` and so on are read"


def table() -> str:
    """Return what becomes of each file, as Markdown."""
    lines = ["| shipped with | file | what becomes of it |", "| --- | --- | --- |"]
    totals: Counter[str] = Counter()
    for package in FOLDERS:
        others: Counter[str] = Counter()
        for path in files(package):
            said = outcome(path)
            totals[said.split(":")[0]] += 1
            if not is_image(path):
                others[path.suffix.lower()] += 1
                continue
            lines.append(f"| {package} | `{path.name}` | {said} |")
        listed = ", ".join(f"{count} {ending}" for ending, count in sorted(others.items()))
        lines.append(f"| {package} | {listed} | refused: not a format that is read |")
    for said, names in outcomes().items():
        totals[said.split(":")[0]] += len(names)
        lines.append(row(said, names))
    counts = f"{totals['read']} read, {totals['refused']} refused"
    return "\n".join([*lines, "", f"In all: {counts}, 0 read wrongly."])


def page() -> str:
    """The page with its table as it has to be."""
    text = PAGE.read_text(encoding="utf-8")
    return re.sub(f"({BEGIN}\n).*?({END})", rf"\1{table()}\n\2", text, flags=re.S)


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    print(table())  # noqa: T201
