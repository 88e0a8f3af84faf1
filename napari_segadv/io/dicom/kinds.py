"""Kinds: whether a file is an image that is read, a slice or a projection, by its header."""

from pydicom.config import IGNORE
from pydicom.dataset import Dataset
from pydicom.uid import UID

from ...common.wording import counted
from .elements import clean, groups, number, numbers, text, value, whole

# Projections, photographs and screenshots: each of their files is an image of its own.
NEVER_A_VOLUME = (
    "DX", "CR", "MG", "PX", "IO", "RG", "XA", "XF", "RF", "US", "IVUS", "SC", "OP", "OPT", "OCT",
    "IVOCT", "ES", "XC", "GM", "SM", "CP", "DM", "EC", "LS", "BI", "HC", "TG", "DF", "DS",
)  # fmt: skip
PROJECTION_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.1.", "1.2.840.10008.5.1.4.1.1.3.", "1.2.840.10008.5.1.4.1.1.6.1.",
    "1.2.840.10008.5.1.4.1.1.12.", "1.2.840.10008.5.1.4.1.1.77.",
)  # fmt: skip
# X-ray volumes, whose modality is that of projections: 3-D angiography, tomosynthesis.
VOLUMES_OF_PROJECTIONS = (
    "1.2.840.10008.5.1.4.1.1.13.1.1", "1.2.840.10008.5.1.4.1.1.13.1.2",
    "1.2.840.10008.5.1.4.1.1.13.1.3",
)  # fmt: skip
# Slices, whatever modality a header states: a cone-beam CT of an angiography device is XA.
CONE_BEAM = ("XA", "XF", "RF", "PX")
CT_CLASSES = (
    "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.2.1", "1.2.840.10008.5.1.4.1.1.2.2",
)  # fmt: skip
SLICE_CLASSES = (
    *CT_CLASSES, *VOLUMES_OF_PROJECTIONS, "1.2.840.10008.5.1.4.1.1.4",
    "1.2.840.10008.5.1.4.1.1.4.1", "1.2.840.10008.5.1.4.1.1.4.3", "1.2.840.10008.5.1.4.1.1.4.4",
    "1.2.840.10008.5.1.4.1.1.20", "1.2.840.10008.5.1.4.1.1.128",
    "1.2.840.10008.5.1.4.1.1.128.1", "1.2.840.10008.5.1.4.1.1.130",
)  # fmt: skip
# With Rows and Columns, but no images.
NOT_IMAGES = {
    "SEG": "a segmentation (SEG), not an image; give it as a mask",
    "RTDOSE": "a dose distribution (RTDOSE), not an image; name the image that it belongs to",
}
CLASSES_OF_NO_IMAGES = {
    "1.2.840.10008.5.1.4.1.1.66.4": "SEG",
    "1.2.840.10008.5.1.4.1.1.66.7": "SEG",
    "1.2.840.10008.5.1.4.1.1.481.2": "RTDOSE",
}
# What makers call an image from which the slices of a scan are planned.
LOCALIZERS = {"LOCALIZER", "SCOUT", "TOPOGRAM", "SCANOGRAM", "SURVIEW"}
DICOMDIR = "1.2.840.10008.1.3.10"
# Objects of any class can describe their frames in sequences, even a single one.
FUNCTIONAL_GROUPS = ("SharedFunctionalGroupsSequence", "PerFrameFunctionalGroupsSequence")
# Private elements with how many slices lie side by side in one image, and the creators of their
# blocks: Siemens' mosaics, and the grids of United Imaging.
SIDE_BY_SIDE = {
    0x0019100A: (0x00190010, "SIEMENS MR HEADER"),
    0x00651050: (0x00650010, "IMAGE PRIVATE HEADER"),
}
# Numbers that values and places depend on, and how many each element has.
NUMBERS = {
    "RescaleSlope": 1,
    "RescaleIntercept": 1,
    "ImagePositionPatient": 3,
    "ImageOrientationPatient": 6,
    "PixelSpacing": 2,
}


def sop_class(ds: Dataset) -> str:
    """Return the class of an object; damaged headers have it in the meta information only."""
    meta = getattr(ds, "file_meta", None)
    return text(ds, "SOPClassUID") or (text(meta, "MediaStorageSOPClassUID") if meta else "")


def is_ct(ds: Dataset) -> bool:
    """Return whether an image is a CT: by its modality or, from a cone-beam device, its class."""
    modality = text(ds, "Modality")
    return modality == "CT" or (modality in CONE_BEAM and sop_class(ds) in CT_CLASSES)


def is_projection(ds: Dataset, modality: str) -> bool:
    """Return whether an image is a projection, photograph or screenshot: never a slice."""
    kind = sop_class(ds)
    if kind in SLICE_CLASSES:
        return False
    return modality in NEVER_A_VOLUME or f"{kind}.".startswith(PROJECTION_CLASSES)


def refusal_of(ds: Dataset, modality: str, shape: tuple[int, int]) -> str:
    """Return what a file is instead of an image that can be read; "" if it is one."""
    kind = sop_class(ds)
    if kind == DICOMDIR:
        return "is the table of contents of a disc; name its folder"
    modality = CLASSES_OF_NO_IMAGES.get(kind, modality)
    if modality in NOT_IMAGES:
        return f"is {NOT_IMAGES[modality]}"
    if min(shape) > 0:
        if whole(ds, "InConcatenationTotalNumber", 1) > 1:
            return "is a part of an image that spans several files; export it as one file"
        if is_mosaic(ds):
            return (
                "holds several slices side by side (a mosaic); convert its series to NIfTI with "
                "dcm2niix"
            )
        return _unreadable(ds)
    name = uid_name(kind) if kind else ""
    if "Image Storage" in name or (not name and modality):
        return "has no Rows and Columns, so it holds no image; check that the file is complete"
    return f"is no image ({name or 'a DICOM file without pixels'}); name an image"


def is_image(ds: Dataset, modality: str, shape: tuple[int, int]) -> bool:
    """Return whether a file is meant as an image, be it one that can be read or not."""
    return min(shape) > 0 and CLASSES_OF_NO_IMAGES.get(sop_class(ds), modality) not in NOT_IMAGES


def is_mosaic(ds: Dataset) -> bool:
    """Return whether several slices lie side by side in one image, at none of which it lies."""
    if "MOSAIC" in text(ds, "ImageType").upper().split("\\"):
        return True
    return any(
        text(ds, block).upper() == creator and _private_number(ds, count) > 1
        for count, (block, creator) in SIDE_BY_SIDE.items()
    )


def _private_number(ds: Dataset, tag: int) -> float:
    """Return a private element's number, also where the file does not say of which kind it is."""
    found = value(ds, tag)
    if isinstance(found, bytes) and len(found) in (2, 4):
        return int.from_bytes(found, "little")
    return number(ds, tag, 0)


def _unreadable(ds: Dataset) -> str:
    """Return which of the numbers that values and places depend on can't be read; "" for none."""
    for name, count in NUMBERS.items():
        for each in groups(ds, 0):
            stated = text(each, name)
            if stated and not numbers(each, name, count):
                said = clean(stated)[:40]
                return (
                    f"has {name} {said!r}, which is not {counted(count, 'number')}; export it again"
                )
    return ""


def uid_name(uid: str) -> str:
    """Return what a UID of the standard stands for; of others itself, shortened.

    Examples:
        >>> uid_name("1.2.840.10008.1.2.4.90"), uid_name("1.2.x")
        ('JPEG 2000 Image Compression (Lossless Only)', '1.2.x')
    """
    return clean(UID(uid, validation_mode=IGNORE).name)[:80]
