"""Programs that segment: a YAML file names the command that reads an image and writes a mask.

    command: [nnUNetv2_predict, -i, "{input_folder}", -o, "{output_folder}", -d, "5", -c, "2d"]
    input: "{name}_0000.nii.gz"        file that the command is given; its ending is the format
    output: "{name}.nii.gz"            file that the command writes
    classes: [background, spleen]
    labels: {1: spleen, "*": background}   numbers in the mask; the same as the classes if omitted
    dims: 3                            or 2
    channels: 1                        of the image: 1 grey, 3 RGB; or a list of their names
    window: [-160, 240]                intensities that it sees, in the image's units
    timeout: 600                       seconds
    environment: {nnUNet_results: /data/models}
    name: spleen

In a command, {input} and {output} stand for the files, {input_folder} and {output_folder} for
their folders, and {here} for the folder of the YAML file. No shell reads it. Nothing runs before
somebody has agreed to the command, and to its files as they are.

Channels with names, as in [FLAIR, T1], lie in a file each: {channel} in "input" stands for 0000 and
0001, and in a command {input_1} and {input_2} for the files. "window" may then list one for each.
"""

import hashlib
import json
import math
import re
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from ....common.json_data import Entry
from ....common.screen import MESSAGE, one_line, some_lines
from ....common.yaml_data import refuse_bomb
from ....data.labels import MOST_LABEL
from ....errors import SegadvError
from ....io.channels import MOST_CHANNELS
from ....io.registry import formats
from ...program import PLACES, Agreed, Program, ProgramVictim, no_network
from ...tasks import task_of
from ...victim import Victim
from .. import consent
from ..registry import VictimFormat

SUFFIXES = (".yaml", ".yml")
KEYS = (
    *("command", "input", "output", "classes", "labels", "dims", "channels", "window", "timeout"),
    *("environment", "name"),
)
COMMAND = re.compile(r"""^["']?command["']?\s*:""", re.MULTILINE)
HERE = "{here}"
# Stands for each number that "labels" does not list.
OTHERS = "*"
# In "input": the number of a channel. And the names of files if a description gives none.
CHANNEL, NAMED = "{channel}", "{name}.nii.gz"
# Bytes of a description, and seconds that a program may take.
MOST_BYTES, MOST_SECONDS = 1 << 20, 1e6


def claims(path: Path) -> bool:
    if path.suffix.lower() not in SUFFIXES or not path.is_file():
        return False
    with path.open("rb") as file:
        return COMMAND.search(file.read(MOST_BYTES).decode("utf-8", "replace")) is not None


def load(path: Path, trusted_hash: str | None) -> Victim:
    content = read(path)
    entry = description(content, path)
    arguments, files = command(entry, path)
    environment = variables(entry)
    count, channels = image_channels(entry)
    check_places(entry, arguments, channels)
    window, windows = intensity_windows(entry, channels)
    runs = question(arguments, environment, entry)
    name = (entry.text("name") if "name" in entry.values else "") or path.stem
    classes, numbers, others = labels(entry)
    try:
        agreed = Agreed(files)
    except OSError as error:
        raise entry.wrong(f"{error.filename} can't be read ({error.strerror or error})") from None
    sha256 = _hash(content, arguments, environment, agreed)
    program = Program(
        source=path,
        name=name,
        arguments=arguments,
        input=input_name(entry, channels),
        output=file_name(entry, "output", written=False),
        classes=classes,
        agreed=agreed,
        numbers=numbers,
        others=others,
        seconds=_seconds(entry),
        environment=environment,
        channels=channels,
    )
    for key in ("input", "output") if program.takes_folders else ():
        if "{name}" not in getattr(program, key):
            raise entry.wrong(f'"{key}" must hold {{name}}, which tells the images apart')
    victim = ProgramVictim(
        no_network,
        name,
        _one_of(entry, "dims", (2, 3)),
        channels=count,
        channel_names=channels,
        classes=classes,
        array_order=True,
        task=task_of("segmentation"),
        path=path,
        sha256=sha256,
        trust="code",
        program=program,
        intensities=window,
        windows_of_channels=windows,
    )
    consent.require(path, sha256, runs, trusted_hash)
    return victim


def question(
    arguments: Sequence[str], environment: Mapping[str, str], entry: Entry
) -> tuple[str, ...]:
    """Return what is asked before the program may run: all that it is called with, line by line.

    Raises:
        SegadvError: if a screen could not show it word for word.
    """
    runs = (
        "a program, each time that it predicts",
        *(f"argument {n}: {argument}" for n, argument in enumerate(arguments)),
        *(f"environment: {name}={value}" for name, value in environment.items()),
    )
    whole = "\n".join(runs)
    if some_lines(whole) != whole or any(one_line(run, MESSAGE) != run for run in runs):
        raise entry.wrong(
            '"command" and "environment" can\'t be shown whole in a question; shorten them, and '
            "remove control characters and double spaces"
        )
    return runs


def read(path: Path) -> bytes:
    """Return what a description's file holds.

    Raises:
        SegadvError: if it can't be read, or holds far more than a description.
    """
    # Refuses folders, and pipes, which would block for ever.
    if not path.is_file():
        raise SegadvError(f"{path}: is no file; name the YAML file of a program")
    try:
        with path.open("rb") as file:
            content = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise SegadvError(f"{path}: can't be read ({error.strerror or error}); check it") from None
    if len(content) > MOST_BYTES:
        raise SegadvError(f"{path}: is larger than {MOST_BYTES >> 20} MB; is it the right file?")
    refuse_bomb(content.decode("utf-8", "replace"), path)
    return content


def description(content: bytes, path: Path) -> Entry:
    """Parse a description and check its keys.

    Raises:
        SegadvError: if it is no YAML, or has an unknown key.
    """
    try:
        found = yaml.safe_load(content)
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        reason = one_line(error, MESSAGE)
        raise SegadvError(f"{path}: is not valid YAML ({reason}); correct the file") from None
    entry = Entry(found, str(path), "see docs/victims.md")
    unknown = next((str(key) for key in entry.values if key not in KEYS), None)
    if unknown is not None:
        raise entry.wrong(f"unknown key {one_line(unknown)}; use {', '.join(KEYS)}")
    return entry


def command(entry: Entry, path: Path) -> tuple[tuple[str, ...], list[Path]]:
    """Return the argument list, the program's path first, and the files that it names.

    Files beside the description are found from there; a program without a folder is looked up as
    a shell does.

    Raises:
        SegadvError: if the command is invalid, or its program is not there.
    """
    listed = entry.values.get("command")
    if not isinstance(listed, list) or not listed or not all(isinstance(a, str) for a in listed):
        raise entry.wrong('"command" must be a list of texts; put numbers in quotes')
    here = path.absolute().parent
    given = [part.replace(HERE, str(here)) for part in entry.texts("command")]
    program = shutil.which(given[0] if given[0] == Path(given[0]).name else str(here / given[0]))
    if program is None:
        raise entry.wrong(
            f"the program {one_line(given[0])} is not there or can't be executed; "
            "install it, or give its path"
        )
    arguments = [str(Path(program).absolute())]
    for part in given[1:]:
        place = here / part
        # Not for a word that happens to be the name of a file, such as a subcommand.
        beside = re.search(r"[./\\]", part) and _is_file(place)
        arguments.append(str(place) if beside else part)
    places = {place for part in arguments[1:] for place in PLACES.findall(part)}
    several = {place for place in places if place.startswith("input_")}
    if not places & {"input"} and not several:
        raise entry.wrong('"command" must hold {input} or {input_folder}')
    if not places & {"output", "output_folder"}:
        raise entry.wrong('"command" must hold {output} or {output_folder}')
    return tuple(arguments), [Path(part) for part in arguments if _is_file(Path(part))]


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):
        return False


def variables(entry: Entry) -> dict[str, str]:
    """Return the variables that the program gets."""
    if "environment" not in entry.values:
        return {}
    inner = entry.entry("environment")
    wrong = next((name for name in inner.values if not isinstance(name, str) or "=" in name), None)
    if wrong is not None:
        raise inner.wrong(f"{one_line(wrong)} is no name of a variable")
    return {name: inner.text(name) for name in inner.values}


def image_channels(entry: Entry) -> tuple[int, tuple[str, ...]]:
    """Return how many channels an image has, and their names if each has a file of its own.

    Raises:
        SegadvError: if they are invalid.
    """
    if not isinstance(entry.values.get("channels"), list):
        return _one_of(entry, "channels", (1, 3), 1, " or a list of names"), ()
    names = entry.texts("channels")
    if not names or len(names) > MOST_CHANNELS or len(set(names)) < len(names) or "" in names:
        raise entry.wrong(f'"channels" must name 1 to {MOST_CHANNELS} channels, each once')
    return len(names), names


def check_places(entry: Entry, arguments: Sequence[str], channels: Sequence[str]) -> None:
    """Refuse a command that does not say how it gets the files of several channels.

    Raises:
        SegadvError: if {input} could be one of several files, or a numbered one is not there.
    """
    places = {place for part in arguments for place in PLACES.findall(part)}
    if "input" in places and len(channels) > 1:
        raise entry.wrong(
            f'"command" holds {{input}}, but an image has {len(channels)} files; use {{input_1}}, '
            "{input_2}, ... or {input_folder}"
        )
    numbered = {place for place in places if place.removeprefix("input_").isdigit()}
    known = {f"input_{number}" for number in range(1, (len(channels) or 1) + 1)}
    if numbered - known:
        wrong = min(numbered - known)
        raise entry.wrong(
            f'"command" holds {{{wrong}}}, but an image has {len(channels) or "one"} '
            f'file{"s" if len(channels) > 1 else ""}; correct it, or list "channels" by name'
        )


def input_name(entry: Entry, channels: Sequence[str]) -> str:
    """Return the name of the image files that the program is given.

    Raises:
        SegadvError: as `file_name`, or if several channels would be one file.
    """
    default = f"{{name}}_{CHANNEL}.nii.gz" if channels else NAMED
    name = file_name(entry, "input", written=True, default=default)
    if len(channels) > 1 and CHANNEL not in name:
        raise entry.wrong(
            f'"input" must hold {CHANNEL}, which tells the {len(channels)} files of an image apart'
        )
    if CHANNEL in name and entry.values.get("channels") == 3:
        raise entry.wrong(
            f'"input" holds {CHANNEL}, so "channels" must be a list of their names; 3 stands for '
            "the colours of one file"
        )
    return name


def file_name(entry: Entry, key: str, *, written: bool, default: str = NAMED) -> str:
    """Return the name of the file that the program reads or writes.

    Args:
        entry: the description.
        key: "input" or "output".
        written: whether we write it; if not, we read it.
        default: the name if the description has none.

    Raises:
        SegadvError: if it is no file name, or none of a format that can be written or read.
    """
    name = entry.text(key) if key in entry.values else default
    if Path(name).name != name or "\\" in name:
        raise entry.wrong(f'"{key}" must be the name of a file, without a folder')
    fit = [
        end
        for form in formats()
        if not written or (form.write is not None and form.read_segments is None)
        for end in form.suffixes
    ]
    if not name.lower().endswith(tuple(fit)):
        raise entry.wrong(f'"{key}" must end in one of {", ".join(dict.fromkeys(fit))}')
    return name


def labels(entry: Entry) -> tuple[tuple[str, ...], dict[int, int] | None, int | None]:
    """Return the classes, the class of each number in a mask, and that of all other numbers.

    Raises:
        SegadvError: if they are invalid, or contradict each other.
    """
    listed = entry.values.get("labels")
    if listed is not None and not isinstance(listed, Mapping):
        raise entry.wrong('"labels" must be numbers with the names of their classes')
    named: Mapping[Any, Any] = listed or {}
    if not all(isinstance(name, str) for name in named.values()):
        raise entry.wrong('"labels" must be numbers with the names of their classes')
    if "classes" in entry.values:
        names = entry.texts("classes")
    else:
        names = tuple(dict.fromkeys(["background", *map(str, named.values())]))
    if len(names) < 2 or len(set(names)) < len(names):
        raise entry.wrong(
            '"classes" must name the background and at least one structure, each once'
        )
    numbers, others = {}, None
    for number, name in named.items():
        if name not in names:
            raise entry.wrong(f'"labels" names {one_line(name)}, which is no class')
        if number == OTHERS:
            others = names.index(name)
        elif isinstance(number, bool) or not isinstance(number, int):
            raise entry.wrong(f'"labels" must have whole numbers or "{OTHERS}" before the names')
        elif not 0 <= number <= MOST_LABEL:
            raise entry.wrong(f'"labels" has {number}, but numbers go from 0 to {MOST_LABEL}')
        else:
            numbers[number] = names.index(name)
    if listed is None:
        return names, None, None
    return names, {0: 0, **numbers}, others


def _one_of(
    entry: Entry, key: str, choices: Sequence[int], default: int = 0, more: str = ""
) -> int:
    value = entry.values.get(key, default)
    if type(value) is not int or value not in choices:
        raise entry.wrong(f'"{key}" must be {" or ".join(map(str, choices))}{more}')
    return value


def intensity_windows(
    entry: Entry, channels: Sequence[str]
) -> tuple[tuple[float, float] | None, tuple[tuple[float, float], ...]]:
    """Return the window that the program sees, and that of each channel if they differ.

    Raises:
        SegadvError: if one is invalid, or there is not one for each channel.
    """
    found = entry.values.get("window")
    if "window" not in entry.values:
        return None, ()
    if not (isinstance(found, list) and any(isinstance(one, list) for one in found)):
        low, high = entry.numbers("window", 2)
        return _ordered(entry, low, high), ()
    if len(found) != len(channels):
        raise entry.wrong(
            f'"window" lists {len(found)}, but "channels" names {len(channels) or "none"}; give '
            "one for each"
        )
    windows = []
    for one in found:
        # Each is checked as if it were the only one.
        low, high = Entry({"window": one}, entry.where, entry.remedy).numbers("window", 2)
        windows.append(_ordered(entry, low, high))
    return None, tuple(windows)


def _ordered(entry: Entry, low: float, high: float) -> tuple[float, float]:
    if not low < high:
        raise entry.wrong('"window" must have its lower end first')
    return low, high


def _seconds(entry: Entry) -> float:
    seconds = entry.number("timeout") if "timeout" in entry.values else 600.0
    if not (math.isfinite(seconds) and 0 < seconds <= MOST_SECONDS):
        raise entry.wrong(f'"timeout" must be seconds, more than 0 and at most {MOST_SECONDS:g}')
    return seconds


def _hash(
    content: bytes, arguments: Sequence[str], environment: Mapping[str, str], agreed: Agreed
) -> str:
    """Return the hash of all that is agreed to.

    It covers where the files lie, too: the same script under another interpreter is another
    program.
    """
    whole = {
        "kind": "program",
        "description": hashlib.sha256(content).hexdigest(),
        "arguments": list(arguments),
        "environment": dict(environment),
        "files": agreed.hashes,
    }
    return hashlib.sha256(json.dumps(whole, sort_keys=True).encode()).hexdigest()


FORMAT = VictimFormat(
    "program (YAML with a command)", claims, load, prefix="command:", suffixes=SUFFIXES
)
