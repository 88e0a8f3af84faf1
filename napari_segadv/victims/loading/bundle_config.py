"""A MONAI bundle's configuration, read as data. Nothing in it runs here: see `evaluation`."""

import json
import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import yaml

from ...common.yaml_data import refuse_bomb
from ...errors import SegadvError
from .contents import Contents
from .network import one_line

ENDINGS = (".json", ".yaml", ".yml")
NETWORK_KEYS = ("network", "network_def", "net", "model")
# The place of a value: the keys that lead to it.
Place = tuple[str, ...]
# A reference, such as @low, @sizes::0 or, relative to its own place, @##low; older files write #.
REFERENCE = re.compile(r"@((?:#|::)*)(\w+(?:(?:::|#)\w+)*)")
MACRO = re.compile(r"%((?:#|::)*)(\w+(?:(?:::|#)\w+)*)")
SEPARATOR = re.compile(r"::|#")
# A network that is only moved to a device or set to a mode: what is moved is the network.
MOVED = re.compile(
    r"\$\s*@(\w+(?:(?:::|#)\w+)*)\s*"
    r"((?:\.(?:to|eval|cuda|cpu)\((?:[^()]|torch\.device\([^()]*\))*\)\s*)+)"
)
# Another type of numbers is more than another place.
RETYPED = re.compile("float|half|double|dtype|type_as")


@dataclass(frozen=True, eq=False)
class BundleConfig:
    """The parts of a bundle's configuration that a victim is made from.

    Attributes:
        root: the bundle's folder.
        source: the configuration file.
        content: what the file holds.
        network_place: where the network stands in it.
        metadata: contents of metadata.json, or {}.
        contents: the bundle's files as they were hashed.
    """

    root: Path
    source: Path
    content: Mapping[str, Any]
    network_place: Place
    metadata: Mapping[str, Any]
    contents: Contents

    @property
    def network_id(self) -> str:
        """The key of the network."""
        return "::".join(self.network_place)

    def at(self, place: Place, named: str = "") -> Any:
        """Return what is written at a place.

        Args:
            place: the place.
            named: how the configuration refers to it, for the message.

        Raises:
            SegadvError: if there is nothing.
        """
        if place == ("bundle_root",):
            return str(self.root.absolute())
        value: Any = self.content
        for key in place:
            if isinstance(value, Mapping):
                # Keys of YAML may be numbers.
                known = key if key in value else next((k for k in value if str(k) == key), key)
                if known in value:
                    value = value[known]
                    continue
            elif isinstance(value, list) and key.isdecimal() and int(key) < len(value):
                value = value[int(key)]
                continue
            raise SegadvError(
                f"{self.source}: refers to {named or '::'.join(place)}, which is not defined"
            )
        return value

    def followed(self, place: Place, moved: bool = False) -> Place:
        """Return the place to which a place refers in the end: itself if it holds no reference.

        Args:
            place: the place.
            moved: whether a network that is only moved or set to a mode counts as a reference.

        Raises:
            SegadvError: if that is missing, or refers to itself.
        """
        seen, named = {place}, ""
        while True:
            written = self.at(place, named)
            text = written.strip() if isinstance(written, str) else ""
            # `$@x` is `@x`.
            found = REFERENCE.fullmatch(re.sub(r"^\$\s*", "", text)) or MACRO.fullmatch(text)
            if found is not None:
                place = place_of(found, place)
            elif moved and (found := MOVED.fullmatch(text)) and not RETYPED.search(found[2]):
                place = tuple(SEPARATOR.split(found[1]))
            else:
                return place
            if place in seen:
                raise SegadvError(f"{self.source}: {'::'.join(place)} refers to itself")
            seen.add(place)
            named = text

    def entry(self, of: Place, key: str) -> Place | None:
        """Return where an entry of a part stands; None if there is no such part, or entry.

        Raises:
            SegadvError: if they refer to something that is missing.
        """
        if not self.has(of[0]):
            return None
        of = self.followed(of)
        part = self.at(of)
        return (*of, key) if isinstance(part, Mapping) and part.get(key) is not None else None

    def inside(self, path: str) -> str | None:
        """Return the file of the bundle that a path means, by its path in the bundle; or None.

        Published bundles name files as they lay on the authors' computer. So the file of the same
        name in `models` counts, if the path ends in such a folder and there is one.
        """
        root = f"{self.root.absolute()}/"
        relative = PurePosixPath(path.removeprefix(root)).as_posix()
        tail = f"models/{relative.rpartition('models/')[2]}"
        return next((f for f in (relative, tail) if self.contents.hash_of(f) is not None), None)

    def has(self, key: str) -> bool:
        """Return whether there is a part of a name."""
        return key in self.content


def place_of(found: "re.Match[str]", place: Place) -> Place:
    """Return the place that a reference or macro names.

    Args:
        found: the match: separators in front (one for the reference's own level, two for the one
            above, ...), and keys with separators between.
        place: where the reference stands.
    """
    up, keys = len(SEPARATOR.findall(found[1])), tuple(SEPARATOR.split(found[2]))
    return (*place[: max(len(place) - up, 0)], *keys) if up else keys


def read_config(contents: Contents) -> BundleConfig:
    """Read a bundle's configuration. Nothing in it runs.

    Raises:
        SegadvError: if there is none, it can't be parsed, or it names no network.
    """
    root = contents.root
    source = next((found for name in ("inference", "evaluate") if (found := _file(contents, name))),
                  None)  # fmt: skip
    if source is None:
        raise SegadvError(f"{root}: no configs/inference.json (or .yaml); is this a MONAI bundle?")
    content = _merged(_parsed(contents, source), root / source)
    metadata = _file(contents, "metadata")
    meta = _parsed(contents, metadata) if metadata else {}
    meta = meta if isinstance(meta, Mapping) else {}
    config = BundleConfig(root, root / source, content, (), meta, contents)
    # What the evaluator runs; `network_def` is what most bundles' `network` moves to a device.
    key = next((k for k in NETWORK_KEYS if k in content), None)
    place = config.entry(("evaluator",), "network") or (None if key is None else (key,))
    if place is None:
        raise SegadvError(f'{root / source}: has no "network_def"; name the network there')
    return replace(config, network_place=config.followed(place, moved=True))


def _file(contents: Contents, name: str) -> str | None:
    """Return the path of a configuration file in the bundle; None if there is none."""
    files = [f"configs/{name}{ending}" for ending in ENDINGS]
    return next((file for file in files if contents.hash_of(file) is not None), None)


def _parsed(contents: Contents, file: str) -> Any:
    """Parse a file of a bundle.

    Raises:
        SegadvError: if it is no JSON or YAML, or holds more than a loader should build.
    """
    from monai.utils.misc import CheckKeyDuplicatesYamlLoader, check_key_duplicates

    path, content = contents.root / file, contents.read(file)
    try:
        text = content.decode("utf-8")
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            if file.endswith(".json"):
                return json.loads(text, object_pairs_hook=check_key_duplicates)
            refuse_bomb(text, path)
            return yaml.load(text, CheckKeyDuplicatesYamlLoader)
    except SegadvError:
        raise
    except Exception as error:  # noqa: BLE001 - YAML, JSON and MONAI each raise their own
        raise SegadvError(
            f"{path}: can't be parsed ({one_line(error)}); correct the file"
        ) from None


def _merged(content: Any, path: Path) -> dict[str, Any]:
    """Return a configuration with its `a::b` and `+a` keys merged, as MONAI does."""
    from monai.bundle import ConfigParser
    from monai.bundle.utils import merge_kv

    parser = ConfigParser(config={})
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            for key, value in content.items():
                merge_kv(parser, key, value)
    except Exception as error:  # noqa: BLE001 - a key may be of any kind
        raise SegadvError(
            f"{path}: can't be parsed ({one_line(error)}); correct the file"
        ) from None
    return dict(parser.get())


def find(folder: Path, name: str) -> Path | None:
    return next((p for end in ENDINGS if (p := folder / f"{name}{end}").is_file()), None)


def arguments_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a component's arguments: its entries without MONAI's own underscored ones."""
    return {
        k: v
        for k, v in config.items()
        if not (isinstance(k, str) and k.startswith("_") and k.endswith("_"))
    }
