"""What a report must not say: whose image it is."""

import re
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from ...attacks import get
from ...data.scan import Scan
from ...errors import SegadvError
from ...io.output import is_dicom
from ...io.place import split
from ..example import Example

# Facts that only DICOM headers give; an image that was saved in another format keeps some of them.
OF_DICOM = ("series", "photometric", "modality")
# Names that are shorter are not looked for in sentences: they would be found in other words.
SHORTEST = 3


def from_dicom(scan: Scan) -> bool:
    """Return whether a scan came from DICOM files, whose names and folders may name the patient."""
    if scan.parts:
        return any(map(from_dicom, scan.parts))
    return is_dicom(scan) or any(name in scan.meta for name in OF_DICOM)


def file_name(scan: Scan) -> str:
    """Return the name of a scan's file without its folders; "" if it could name the patient."""
    if from_dicom(scan):
        return ""
    if scan.parts:
        return scan.name
    return "" if scan.path is None else scan.path.name


def shown_name(path: Any, scan: Scan, word: str) -> str:
    """Return what is shown of the path of a file that was used with a scan.

    Args:
        path: from the record; None: there is none.
        scan: the image.
        word: shown if the name could be that of the patient.
    """
    return word if path is None or from_dicom(scan) else last_part(str(path))


def last_part(path: str) -> str:
    """Return the last part of a path of this system or another."""
    return Path(path.replace("\\", "/")).name


def is_place(value: Any) -> bool:
    """Return whether a parameter is a path with folders, of this system or another."""
    return isinstance(value, str) and ("/" in value or "\\" in value)


def path_parameters(record: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the names of an attack's parameters that are paths: a generator, for example."""
    loads = ""
    # Without the package that brought the method, its paths are known by their folders alone.
    with suppress(SegadvError):
        loads = get(str(record["method"])).loads
    found = record["parameters"].items()
    return tuple(name for name, value in found if is_place(value) or (name == loads and value))


def without_places(text: str, scan: Scan, record: Mapping[str, Any]) -> str:
    """Return a sentence without folders, and for DICOM images without names of files.

    Args:
        text: a note, which may begin with the path of a file.
        scan: the image.
        record: what `result.json` holds.
    """
    private = from_dicom(scan)
    places = sorted(_places(scan, record), key=lambda pair: -len(pair[0]))
    for path, word in places:
        text = text.replace(path, word if private else last_part(path))
    for path in sorted(_networks(record), key=len, reverse=True):
        text = text.replace(path, last_part(path))
    # Names after all the paths, of which they are parts.
    for path, word in places:
        name = last_part(path)
        if private and len(name) >= SHORTEST:
            text = re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", word, text)
    return text


def without_names(example: Example) -> Example:
    """Return an example whose channels have numbers instead of names that are those of DICOM files.

    Names that the model has for its channels stay.
    """
    files = example.clean.channel_names
    if (
        not files
        or not from_dicom(example.clean)
        or [one.name for one in example.channels] != list(files)
    ):
        return example
    numbers = [str(number) for number in range(1, len(files) + 1)]
    pairs = zip(example.channels, numbers, strict=True)
    listed = zip(example.measures["channels"], numbers, strict=True)
    return replace(
        example,
        channels=tuple(replace(one, name=number) for one, number in pairs),
        measures={
            **example.measures,
            "channels": [{**one, "name": number} for one, number in listed],
        },
    )


def _networks(record: Mapping[str, Any]) -> Iterator[str]:
    """Yield the paths of the networks and of the generator, whose names are no patient's."""
    for one in (record.get("victim"), *record.get("surrogates", ()), record.get("generator")):
        if isinstance(one, Mapping) and is_place(one.get("path")):
            yield str(one["path"])


def _places(scan: Scan, record: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every path that a note may name, with the word for what it is."""
    image = "the image"
    for part in scan.parts:
        yield from _places(part, {})
    for name in (scan.path, scan.meta.get("place"), *scan.meta.get("files", ())):
        if name is not None:
            yield str(name), image
            yield str(split(str(name))[0]), image
    for name in scan.meta.get("source_files", ()):
        yield str(name), image
    recorded = record.get("image")
    if isinstance(recorded, Mapping):
        for one in (recorded, *recorded.get("channels", ())):
            if isinstance(one, Mapping) and one.get("path"):
                yield str(split(str(one["path"]))[0]), image
    inputs = record.get("inputs")
    for role, given in (inputs if isinstance(inputs, Mapping) else {}).items():
        if isinstance(given, Mapping) and given.get("path"):
            yield str(given["path"]), f"the {role}"
