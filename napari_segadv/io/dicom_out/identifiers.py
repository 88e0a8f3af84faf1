"""Identifiers: removing them by the standard's basic profile, and naming those that stay."""

from collections.abc import Iterator
from functools import cache
from importlib.metadata import version
from typing import Any

from pydicom.dataset import Dataset
from pydicom.multival import MultiValue

from ...errors import SegadvError
from ..segments.choice import cleaned

# The edition of the standard's table, PS3.15 E.1-1, among those that the library brings.
EDITION = "dicomfields_2026c"
NAMES = ("PatientName", "PatientID", "PatientBirthDate", "OtherPatientIDs", "AccessionNumber")
TEXTS = ("LO", "LT", "SH", "ST", "UC", "UT", "PN", "CS", "AE")
# Kinds of images into which scanners and people write names.
WRITTEN_ON = ("SC", "OT", "US", "IVUS", "XA", "RF", "CR", "DX", "MG", "XC", "ES", "GM", "OP")
# A word of a name that is shorter says nothing.
SHORTEST = 3


def remove_identifiers(dataset: Dataset) -> None:
    """Remove identifiers from a data set and all items in it, and all private elements.

    UIDs are exchanged consistently in this process, and dates become 1 January of the year 1.

    Raises:
        SegadvError: if an element can't be cleaned.
    """
    from dicomanonymizer.simpledicomanonymizer import anonymize_dataset

    try:
        for each in _levels(dataset):
            anonymize_dataset(each, delete_private_tags=True, base_rules_gen=_rules)
    except Exception as error:  # noqa: BLE001 - whatever fails, the identifiers are still there
        reason = " ".join(str(error).split())[:200]
        raise SegadvError(
            f"the identifiers can't be removed ({reason}); save the image as NIfTI"
        ) from None
    dataset.PatientIdentityRemoved = "YES"
    dataset.LongitudinalTemporalInformationModified = "REMOVED"
    edition = EDITION.removeprefix("dicomfields_")
    dataset.DeidentificationMethod = [
        f"DICOM PS3.15 {edition} basic profile",
        f"dicom-anonymizer {version('dicom-anonymizer')}",
    ]
    code = Dataset()
    code.CodeValue, code.CodingSchemeDesignator = "113100", "DCM"
    code.CodeMeaning = "Basic Application Confidentiality Profile"
    dataset.DeidentificationMethodCodeSequence = [code]


@cache
def _table() -> dict[Any, Any]:
    from dicomanonymizer.simpledicomanonymizer import initialize_actions

    found: dict[Any, Any] = initialize_actions(EDITION)
    return found


def _rules() -> dict[Any, Any]:
    return dict(_table())


def _levels(dataset: Dataset) -> Iterator[Dataset]:
    """Yield a data set, then the items of the sequences that are left in it."""
    yield dataset
    for element in list(dataset):
        if element.VR == "SQ":
            for item in element.value:
                yield from _levels(item)


def words_of(dataset: Dataset) -> frozenset[str]:
    """Return the words by which the patient is known, in lower case."""
    found: set[str] = set()
    for name in NAMES:
        text = str(dataset.get(name) or "").replace("^", " ").replace("=", " ")
        found |= {word.casefold() for word in text.split() if len(word) >= SHORTEST}
    return frozenset(found - {"anonymous", "anonymized", "unknown", "anon"})


def carried(dataset: Dataset) -> list[str]:
    """Return which identifiers a data set has, by their keywords."""
    found = [name for name in NAMES if str(dataset.get(name) or "").strip()]
    if any(element.tag.is_private for element in dataset):
        found.append("private elements")
    return found


def residual(dataset: Dataset, words: frozenset[str]) -> list[str]:
    """Name what may still tell who the patient is, after the removal.

    Args:
        dataset: after it.
        words: of the patient, from before.
    """
    found = []
    burned = str(dataset.get("BurnedInAnnotation") or "").upper()
    modality = str(dataset.get("Modality") or "")
    if burned == "YES":
        found.append("text in the pixels (Burned In Annotation is YES)")
    elif burned != "NO" and modality in WRITTEN_ON:
        found.append(f"perhaps text in the pixels ({cleaned(modality)}, not said to be free of it)")
    if str(dataset.get("RecognizableVisualFeatures") or "").upper() == "YES" or _head(dataset):
        found.append("the face, which a volume of a head shows")
    for each in _levels(dataset):
        for element in each:
            if element.VR in TEXTS and _names(element.value, words):
                found.append(f"{element.keyword or element.tag}, which has a word of the patient")
    return list(dict.fromkeys(found))


def _head(dataset: Dataset) -> bool:
    part = str(dataset.get("BodyPartExamined") or "").upper()
    return part in ("HEAD", "BRAIN", "SKULL", "FACE", "HEADNECK", "SINUS", "ORBIT")


def _names(value: Any, words: frozenset[str]) -> bool:
    parts = value if isinstance(value, (MultiValue, list, tuple)) else [value]
    text = " ".join(str(part) for part in parts).replace("^", " ").replace("_", " ").casefold()
    return any(word.strip(",;:.()[]") in words for word in text.split())
