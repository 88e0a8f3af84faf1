"""Folders of a network as Hugging Face's libraries save them: a configuration and its weights."""

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from ...common.json_data import MOST_MEGABYTES, parse_json
from ...errors import SegadvError
from .contents import read_hashed
from .network import read_weights

CONFIG = "config.json"
WEIGHTS = ("model.safetensors", "pytorch_model.bin")


@dataclass(frozen=True, eq=False)
class SavedFolder:
    """A folder with a configuration and weights, read once.

    Attributes:
        path: the folder.
        config: its configuration.
        hashes: of the files that were read so far, in order.
    """

    path: Path
    config: dict[str, Any]
    hashes: list[str]

    @classmethod
    def read(cls, path: Path) -> "SavedFolder":
        """Read a folder's configuration, by the path of the folder or of a file in it.

        Raises:
            SegadvError: if it can't be read.
        """
        root, hashes = folder_of(path), list[str]()
        return cls(root, cls(root, {}, hashes).json(CONFIG), hashes)

    def json(self, name: str) -> dict[str, Any]:
        """Return a JSON object in the folder.

        Raises:
            SegadvError: if it can't be read, or is no object.
        """
        path = self.path / name
        if path.is_file() and path.stat().st_size > MOST_MEGABYTES << 20:
            raise SegadvError(f"{path}: is larger than {MOST_MEGABYTES} MB; check the file")
        read, sha256 = read_hashed(path)
        self.hashes.append(sha256)
        content = parse_json(read, path)
        if not isinstance(content, dict):
            raise SegadvError(f"{path}: holds no JSON object; it must start with a brace")
        return content

    def weights(self) -> tuple[Path, dict[str, Tensor]]:
        """Return the file of the weights, and its tensors; nothing in it runs.

        Raises:
            SegadvError: if there is none, or it is damaged or holds more than weights.
        """
        path = next((p for name in WEIGHTS if (p := self.path / name).is_file()), None)
        if path is None:
            split = sorted(self.path.glob("*.index.json"))
            raise SegadvError(
                f"{self.path}: its weights are split into several files ({split[0].name}); save "
                'them as one: model.save_pretrained(folder, max_shard_size="100GB")'
                if split
                else f"{self.path}: has no weights; copy {WEIGHTS[0]} into it"
            )
        read, sha256 = read_hashed(path)
        self.hashes.append(sha256)
        return path, read_weights(path, read)


def folder_of(path: Path) -> Path:
    """Return the folder that a path names, itself or by one of its files."""
    return path.parent if path.name in (CONFIG, *WEIGHTS) and path.is_file() else path


def peek(path: Path) -> Mapping[str, Any]:
    """Return the configuration of the folder that a path names; {} if there is none."""
    source = folder_of(path) / CONFIG
    with suppress(OSError, SegadvError):
        if source.is_file() and source.stat().st_size <= MOST_MEGABYTES << 20:
            found = parse_json(source.read_bytes(), source)
            return found if isinstance(found, dict) else {}
    return {}
