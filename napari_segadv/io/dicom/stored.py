"""Stored numbers: the pixels of a file as they stand in it, decoded and checked for completeness.

pydicom decodes what it, pylibjpeg and Pillow can. ITK, through GDCM, decodes the other kinds of
JPEG: it is given the compressed frame alone, so that it neither rescales nor inverts anything.
"""

import struct
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import SimpleITK as sitk
from pydicom.dataset import Dataset, FileDataset, FileMetaDataset
from pydicom.encaps import encapsulate, generate_frames
from pydicom.pixels.decoders.base import get_decoder
from pydicom.uid import UID

from ...common.memory import available
from ...data.scan import Array
from ...errors import SegadvError
from .. import itk
from .elements import text, value, whole
from .files import FAULTS, quiet, reason
from .kinds import uid_name

IMPLICIT, EXPLICIT, BIG = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
BASELINE, EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
RLE = "1.2.840.10008.1.2.5"
NATIVE = (IMPLICIT, EXPLICIT, BIG, "1.2.840.10008.1.2.1.99")
# The plugin of pydicom that decodes a transfer syntax. The choice does not depend on what else is
# installed, so that an image is the same everywhere.
PLUGINS = {
    **dict.fromkeys(NATIVE, ""),
    RLE: "pydicom",
    BASELINE: "pillow",
    "1.2.840.10008.1.2.4.90": "pylibjpeg",
    "1.2.840.10008.1.2.4.91": "pylibjpeg",
    "1.2.840.10008.1.2.4.201": "pylibjpeg",
    "1.2.840.10008.1.2.4.202": "pylibjpeg",
    "1.2.840.10008.1.2.4.203": "pylibjpeg",
}
# JPEG extended, lossless (process 14, and its first-order prediction) and JPEG-LS.
BY_ITK = (
    EXTENDED, "1.2.840.10008.1.2.4.57", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.80",
    "1.2.840.10008.1.2.4.81",
)  # fmt: skip
# Pixel bytes for each compressed byte, in large images: no real image is compressed that much.
MOST_COMPRESSED, LARGE = 2000, 1 << 26
KEYWORDS = ("PixelData", "FloatPixelData", "DoubleFloatPixelData")


@dataclass(frozen=True)
class Layout:
    """How the pixels of a file are laid out.

    Attributes:
        rows, columns, frames, samples: of the image.
        allocated, stored, high: bits of a number, and the place of the highest one.
        signed: whether numbers can be negative.
        photometric: how they are meant.
        syntax: the transfer syntax.
        keyword: the element that holds them.
    """

    rows: int
    columns: int
    frames: int
    samples: int
    allocated: int
    stored: int
    high: int
    signed: bool
    photometric: str
    syntax: str
    keyword: str

    @property
    def frame_bytes(self) -> int:
        return -(-self.rows * self.columns * self.samples * self.allocated // 8)

    @property
    def mono(self) -> bool:
        return self.samples == 1 and self.photometric != "PALETTE COLOR"


def layout_of(ds: FileDataset, path: Path) -> Layout:
    """Return how the pixels of a file are laid out, after completing and checking its header.

    Raises:
        SegadvError: if the header contradicts itself or claims more than the file can hold.
    """
    keyword = next((name for name in KEYWORDS if name in ds), "")
    if not keyword:
        raise SegadvError(
            f"{path}: has no pixel data, only a header; check that the file is complete"
        )
    allocated = {KEYWORDS[1]: 32, KEYWORDS[2]: 64}.get(keyword) or whole(ds, "BitsAllocated", 16)
    stored = whole(ds, "BitsStored", allocated) or allocated
    samples = whole(ds, "SamplesPerPixel", 1) or 1
    default = "MONOCHROME2" if samples == 1 else "RGB"
    layout = Layout(
        whole(ds, "Rows"),
        whole(ds, "Columns"),
        max(whole(ds, "NumberOfFrames", 1), 1),
        samples,
        allocated,
        stored,
        whole(ds, "HighBit", stored - 1),
        whole(ds, "PixelRepresentation") == 1,
        text(ds, "PhotometricInterpretation").upper() or default,
        _syntax(ds),
        keyword,
    )
    _check_bits(layout, path)
    _complete(ds, layout)
    _check_size(ds, layout, path)
    return layout


def _syntax(ds: FileDataset) -> str:
    """Return the transfer syntax; without one, what the elements were read as."""
    found = text(ds.file_meta, "TransferSyntaxUID") if getattr(ds, "file_meta", None) else ""
    if found:
        return found
    implicit, little = ds.original_encoding
    return IMPLICIT if implicit else EXPLICIT if little else BIG


def _check_bits(layout: Layout, path: Path) -> None:
    bits = f"{layout.stored} of {layout.allocated} bits, highest {layout.high}"
    sizes = (1, 8, 16, 32) if layout.keyword == KEYWORDS[0] else (32, 64)
    if layout.allocated not in sizes:
        raise SegadvError(
            f"{path}: its numbers have {layout.allocated} bits each, which is not supported; "
            "export it with 8 or 16"
        )
    if not 1 <= layout.stored <= layout.high + 1 <= layout.allocated:
        raise SegadvError(f"{path}: its header contradicts itself ({bits}); export it again")
    grey = layout.photometric in ("MONOCHROME1", "MONOCHROME2", "PALETTE COLOR")
    if layout.samples not in (1, 3) or grey != (layout.samples == 1):
        raise SegadvError(
            f"{path}: has {layout.samples} values per pixel and says {layout.photometric[:20]}, "
            "which is not supported; export it as grey levels or RGB"
        )


def _complete(ds: FileDataset, layout: Layout) -> None:
    """Put into the header what pydicom needs to decode the pixels."""
    ds.Rows, ds.Columns, ds.SamplesPerPixel = layout.rows, layout.columns, layout.samples
    ds.PhotometricInterpretation, ds.NumberOfFrames = layout.photometric, layout.frames
    if not getattr(ds, "file_meta", None):
        ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(layout.syntax)
    if layout.keyword == KEYWORDS[0]:
        ds.BitsAllocated, ds.BitsStored, ds.HighBit = layout.allocated, layout.stored, layout.high
        ds.PixelRepresentation = int(layout.signed)
    if layout.samples > 1 and whole(ds, "PlanarConfiguration") not in (0, 1):
        del ds.PlanarConfiguration
    if layout.samples > 1 and "PlanarConfiguration" not in ds:
        ds.PlanarConfiguration = 0


def _check_size(ds: FileDataset, layout: Layout, path: Path) -> None:
    """Hold the size that the header claims against the pixel data and the memory."""
    held = value(ds, layout.keyword)
    count = len(held) if isinstance(held, (bytes, bytearray)) else 0
    frames = layout.frames
    claimed = layout.frame_bytes * frames
    if layout.allocated == 1:
        claimed = -(-layout.rows * layout.columns * layout.samples * frames // 8)
    if layout.syntax in NATIVE:
        if layout.photometric == "YBR_FULL_422":
            claimed = claimed * 2 // 3
        if count < claimed:
            raise SegadvError(
                f"{path}: its pixel data ends after {count} of {claimed} bytes; check that the "
                "file is complete"
            )
    elif claimed > max(LARGE, MOST_COMPRESSED * count):
        raise SegadvError(
            f"{path}: its header claims {claimed} bytes of pixels, but the file holds {count} "
            "compressed bytes; export it again"
        )
    if 3 * claimed > available():
        raise SegadvError(
            f"{path}: its {claimed / 1e9:.3g} GB of pixels need more memory than there is; use a "
            "part of the image"
        )


def frames_of(
    ds: FileDataset, layout: Layout, path: Path, wanted: Sequence[int]
) -> Iterator[Array]:
    """Yield frames as stored numbers: (rows, columns), colour as RGB last.

    Raises:
        SegadvError: if they can't be decoded or are incomplete.
    """
    if layout.syntax not in PLUGINS and layout.syntax not in BY_ITK:
        raise SegadvError(
            f"{path}: its pixels are compressed as {uid_name(layout.syntax)}, which can't be "
            "decoded here; export it uncompressed"
        )
    try:
        native = layout.syntax in NATIVE
        with quiet():
            frames = [] if native else _compressed(ds, layout)
        for number in wanted:
            with quiet():
                frame = _decoded(ds, layout, number) if native else _frame(frames[number], layout)
                frame = _in_stored_bits(frame, layout)
            yield frame
    except FAULTS as error:
        raise SegadvError(
            f"{path}: its pixels can't be decoded ({reason(error)}); check that the file is "
            "complete"
        ) from None


def _frame(frame: bytes, layout: Layout) -> Array:
    """Decode a compressed frame."""
    if layout.syntax in BY_ITK:
        return _by_itk(frame, layout)
    return _decoded(encapsulate([frame]), layout, 0)


def _decoded(source: FileDataset | bytes, layout: Layout, number: int) -> Array:
    """Decode a frame with pydicom, from a file or from compressed bytes."""
    options: dict[str, Any] = {"raw": layout.mono, "index": number}
    if layout.syntax in (*NATIVE, RLE):
        options["correct_unused_bits"] = False
    if isinstance(source, bytes):
        options |= {
            "rows": layout.rows,
            "columns": layout.columns,
            "number_of_frames": 1,
            "samples_per_pixel": layout.samples,
            "photometric_interpretation": layout.photometric,
            "bits_allocated": layout.allocated,
            "bits_stored": layout.stored,
            "pixel_representation": int(layout.signed),
            "planar_configuration": 0,
            "pixel_keyword": layout.keyword,
        }
    with itk.silenced():
        array, facts = get_decoder(layout.syntax).as_array(
            source, decoding_plugin=PLUGINS[layout.syntax], **options
        )
    if layout.samples > 1 and facts["photometric_interpretation"] != "RGB":
        raise ValueError(f"{layout.photometric} can't be converted to RGB")
    return np.asarray(array)


def _compressed(ds: FileDataset, layout: Layout) -> list[bytes]:
    """Return the compressed frames, each of which must be whole and of the size in the header.

    Raises:
        ValueError: if a frame is missing, cut off, or of another size than the header says.
    """
    held = value(ds, layout.keyword)
    frames = list(generate_frames(held, number_of_frames=layout.frames))
    if len(frames) < layout.frames:
        raise ValueError(f"only {len(frames)} of {layout.frames} frames are there")
    if layout.syntax != RLE:
        for frame in frames:
            _check_frame(frame, layout)
    return frames


def _check_frame(frame: bytes, layout: Layout) -> None:
    size = size_of_codestream(frame)
    if size is None:
        raise ValueError("it does not begin as its transfer syntax says")
    if size != (layout.rows, layout.columns):
        raise ValueError(
            f"they are {size[0]} x {size[1]}, but the header says {layout.rows} x {layout.columns}"
        )
    # Frames are padded to an even length, with 0 or with 255.
    if not frame.rstrip(b"\0\xff").endswith(b"\xff\xd9"):
        raise ValueError("they end before the end marker")


def size_of_codestream(frame: bytes) -> tuple[int, int] | None:
    """Return rows and columns of a JPEG, JPEG-LS or JPEG 2000 image; None if it is none."""
    # Some files wrap JPEG 2000 into the boxes of JP2, with a colour profile.
    start = frame.find(b"\xff\x4f\xff\x51", 0, 1 << 16)
    if start >= 0 and len(frame) >= start + 24:
        columns, rows, left, top = struct.unpack_from(">4I", frame, start + 8)
        return rows - top, columns - left
    if frame[:2] != b"\xff\xd8":
        return None
    at = 2
    while at + 9 < len(frame) and frame[at] == 0xFF:
        marker = frame[at + 1]
        if marker == 0xFF or 0xD0 <= marker <= 0xD7:
            at += 1 if marker == 0xFF else 2
            continue
        # The start of a frame: of JPEG C0 to CF without C4, C8 and CC, of JPEG-LS F7.
        if marker == 0xF7 or (0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC)):
            rows, columns = struct.unpack_from(">HH", frame, at + 5)
            return rows, columns
        at += 2 + int(struct.unpack_from(">H", frame, at + 2)[0])
    return None


def _by_itk(frame: bytes, layout: Layout) -> Array:
    """Decode a frame with GDCM, in a file that holds nothing else."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = UID(layout.syntax)
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = UID("1.2.840.10008.5.1.4.1.1.7")
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = UID("2.25.1")
    ds.Rows, ds.Columns, ds.SamplesPerPixel = layout.rows, layout.columns, layout.samples
    ds.PhotometricInterpretation = "MONOCHROME2" if layout.samples == 1 else layout.photometric
    ds.BitsAllocated, ds.BitsStored, ds.HighBit = layout.allocated, layout.stored, layout.high
    ds.PixelRepresentation = int(layout.signed)
    if layout.samples > 1:
        ds.PlanarConfiguration = 0
    ds.PixelData = encapsulate([frame])
    ds["PixelData"].VR = "OB"
    reader = sitk.ImageFileReader()
    reader.SetImageIO("GDCMImageIO")
    try:
        with tempfile.TemporaryDirectory() as folder, itk.quiet():
            path = Path(folder) / "frame.dcm"
            pydicom.dcmwrite(path, ds, enforce_file_format=True)
            reader.SetFileName(str(path))
            array: Array = sitk.GetArrayFromImage(reader.Execute())
    except RuntimeError as error:
        raise ValueError("GDCM can't decode them") from error
    return array.reshape(layout.rows, layout.columns, *([layout.samples] * (layout.samples > 1)))


def _in_stored_bits(frame: Array, layout: Layout) -> Array:
    """Cut off the bits that do not belong to a number: overlays, or what a scanner left there."""
    frame = frame.astype(frame.dtype.newbyteorder("="), copy=False)
    rest = layout.allocated - layout.stored
    plain = layout.syntax in (*NATIVE, RLE)
    # JPEG and JPEG-LS know no sign: their negative numbers have to be told by the stored bits.
    unsigned_code = layout.syntax in BY_ITK and layout.signed
    if frame.dtype.kind == "f" or not rest or not (plain or unsigned_code):
        return frame
    kind = frame.dtype
    unsigned = frame.view(f"u{kind.itemsize}")
    above = layout.allocated - layout.high - 1 if plain else rest
    top: Array = np.left_shift(unsigned, above).view(kind)
    return np.right_shift(top, rest)
