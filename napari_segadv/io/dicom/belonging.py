"""Belonging: whose image a file is, and what it was made from, by its header."""

import hashlib
from collections.abc import Iterable

from pydicom.dataset import Dataset

from ...data.subject import NONE, Names, Subject
from .elements import groups, items, text


def digest(found: str) -> str:
    """Return a digest of a patient's number, which shows nobody's; "" for none.

    Examples:
        >>> digest(" ab-7") == digest("AB-7 "), digest("AB-8") == digest("AB-7"), digest(" ")
        (True, False, '')
    """
    plain = " ".join(found.split()).casefold()
    return hashlib.sha256(plain.encode()).hexdigest() if plain else ""


def uids(found: Iterable[str]) -> Names:
    """Return those of some UIDs that are not blank."""
    return frozenset(uid for uid in found if uid.strip("0. "))


def made_from(ds: Dataset, frame: int | None) -> Names:
    """Return the UIDs of the images that a file, or one of its frames, says it was made from."""
    sources = [item for each in groups(ds, frame) for item in items(each, "SourceImageSequence")]
    return uids(text(item, "ReferencedSOPInstanceUID") for item in sources)


def subject_of(ds: Dataset, images: Names, drawn_on: Names, placed: bool) -> Subject:
    """Return whose image it is.

    Args:
        ds: the header of one of its files.
        images: UIDs of all its files.
        drawn_on: UIDs of the images that it was made from.
        placed: whether it lies in the patient: else it has no frame of reference in common with
            anything.
    """
    return Subject(
        digest(text(ds, "PatientID")),
        digest(text(ds, "IssuerOfPatientID")),
        uids([text(ds, "FrameOfReferenceUID")]) if placed else NONE,
        uids([text(ds, "SeriesInstanceUID")]),
        images,
        drawn_on=drawn_on,
        placed=placed,
    )
