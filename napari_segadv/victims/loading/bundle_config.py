"""A MONAI bundle's configuration, read as data; evaluated only after consent."""

import copy
import sys
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import yaml

from ...errors import SegadvError
from .consent import network_runs, runs_in
from .network import one_line

# Most values that references or aliases may stand for: far more than any bundle holds.
MOST_NODES = 100_000
ENDINGS = (".json", ".yaml", ".yml")
NETWORK_KEYS = ("network_def", "network", "net", "model")


@dataclass(frozen=True, eq=False)
class BundleConfig:
    """The parts of a bundle's configuration that a victim is made from.

    Attributes:
        root: the bundle's folder.
        source: the configuration file.
        parser: MONAI's ConfigParser, which has read the file but run nothing.
        network_id: key of the network.
        metadata: contents of metadata.json, or {}.
    """

    root: Path
    source: Path
    parser: Any
    network_id: str
    metadata: Mapping[str, Any]

    def raw(self, key: str, default: Any = None) -> Any:
        """Return a part with its references to other parts filled in; evaluate nothing."""
        try:
            return self._filled(self.parser.get(key, default), (), count(1))
        except KeyError as error:
            raise SegadvError(f"{self.source}: refers to {error}, which is not defined") from None

    def _filled(self, value: Any, seen: tuple[str, ...], nodes: Iterator[int]) -> Any:
        if next(nodes) > MOST_NODES:
            raise SegadvError(
                f"{self.source}: its references stand for more than {MOST_NODES} values; write "
                "them out"
            )
        if isinstance(value, Mapping):
            return {k: self._filled(v, seen, nodes) for k, v in value.items()}
        if isinstance(value, list):
            return [self._filled(v, seen, nodes) for v in value]
        if isinstance(value, str) and value.startswith("@"):
            key = value[1:].replace("#", "::")
            if key in seen:
                raise SegadvError(f"{self.source}: {value} refers to itself")
            missing = object()
            found = self.parser.get(key, missing)
            if found is missing:
                raise KeyError(value)
            return self._filled(found, (*seen, key), nodes)
        return value

    @property
    def network(self) -> dict[str, Any]:
        """The network's `_target_` and arguments, as data."""
        raw = self.raw(self.network_id)
        return dict(raw) if isinstance(raw, Mapping) else {"_target_": str(raw)}

    @property
    def transforms(self) -> list[Mapping[str, Any]]:
        """The transforms of the preprocessing, as data."""
        raw = self.raw("preprocessing", {})
        listed = raw.get("transforms", []) if isinstance(raw, Mapping) else raw
        if not isinstance(listed, list) or not all(isinstance(t, Mapping) for t in listed):
            return [{"_target_": str(listed)}] if listed else []
        return listed

    @property
    def inferer(self) -> Mapping[str, Any]:
        raw = self.raw("inferer", {})
        return raw if isinstance(raw, Mapping) else {"_target_": str(raw)}

    def runs(self) -> tuple[str, ...]:
        """List what making a victim would run, beyond MONAI's own classes with literals."""
        network = self.network
        target = str(network.get("_target_", ""))
        if target[:1] in ("$", "%"):
            found = [f"{self.network_id}: {target}"]
        else:
            found = list(network_runs(target, arguments_of(network)))
        # Entries beside the arguments run as well (`_requires_`, `_disabled_`).
        found += runs_in({k: v for k, v in network.items() if k != "_target_"})
        found += runs_in(self.raw("preprocessing", {}), "preprocessing: ")
        found += runs_in(self.raw("inferer", {}), "inferer: ")
        if found:
            found += self._referred()
            # MONAI evaluates every import statement of a file before it evaluates anything else.
            everything = list(runs_in(self.parser.get()))
            found += [f for f in everything if "import" in f.partition("$")[2]]
        return tuple(dict.fromkeys(found))

    def _referred(self) -> Iterator[str]:
        """Yield what would run in parts that expressions refer to, directly or indirectly."""
        keys = [self.network_id, "preprocessing", "inferer"]
        missing = object()
        for key in keys:
            value = self.parser.get(key, missing)
            if value is missing:
                if key not in ("preprocessing", "inferer"):
                    # A name that is resolved only when MONAI runs it may mean any part.
                    yield from runs_in(self.parser.get())
                continue
            if key not in (self.network_id, "preprocessing", "inferer"):
                yield from runs_in(value, f"{key}: ")
            keys += [k for k in _references(value, self.parser) if k not in keys]

    def evaluated_network(self) -> Any:
        """Build the network as MONAI does, expressions and all. Only after consent."""
        with self._importable():
            return self._fresh_parser().get_parsed_content(self.network_id)

    def _fresh_parser(self) -> Any:
        """Return a parser with nothing resolved: a used one keeps what it resolved first."""
        return type(self.parser)(copy.deepcopy(self.parser.get()))

    def evaluated(self, key: str) -> Any:
        """Evaluate a part's expressions; leave its components as data. Only after consent."""
        with self._importable():
            return self._plain(self._fresh_parser().get_parsed_content(key, instantiate=False))

    def _plain(self, value: Any) -> Any:
        if hasattr(value, "resolve_args"):
            arguments = {k: self._plain(v) for k, v in value.resolve_args().items()}
            return {"_target_": value.resolve_module_name(), **arguments}
        if isinstance(value, Mapping):
            return {k: self._plain(v) for k, v in value.items()}
        if isinstance(value, list):
            return [self._plain(v) for v in value]
        return value

    @contextmanager
    def _importable(self) -> Iterator[None]:
        """Let a bundle import its own scripts, as MONAI's documentation asks users to arrange."""
        sys.path.insert(0, str(self.root))
        # Running the code must not change the files that were agreed to.
        written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
        try:
            yield
        except Exception as error:  # noqa: BLE001 - it is somebody else's code that runs here
            raise SegadvError(
                f"{self.source}: its code failed ({one_line(error)}); check the bundle's "
                "requirements"
            ) from None
        finally:
            sys.dont_write_bytecode = written
            sys.path.remove(str(self.root))


def _references(value: Any, parser: Any) -> Iterator[str]:
    """Yield the names of other parts that a part mentions, also in expressions."""
    if isinstance(value, Mapping):
        for inner in value.values():
            yield from _references(inner, parser)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner, parser)
    elif isinstance(value, str):
        yield from parser.ref_resolver.match_refs_pattern(value)


def read_config(root: Path) -> BundleConfig:
    """Read a bundle's configuration. Nothing in it runs.

    Raises:
        SegadvError: if there is none, it can't be parsed, or it names no network.
    """
    from monai.bundle import ConfigParser

    source = find_config(root)
    parser = ConfigParser()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        metadata = find(root / "configs", "metadata")
        for file in (source, metadata):
            if file is not None and file.suffix != ".json":
                refuse_bomb(file)
        read = source
        try:
            parser.read_config(str(source))
            read = metadata or source
            meta = ConfigParser.load_config_file(str(metadata)) if metadata else {}
        except Exception as error:  # noqa: BLE001 - YAML, JSON and MONAI each raise their own
            raise SegadvError(
                f"{read}: can't be parsed ({one_line(error)}); correct the file"
            ) from None
    content = parser.get()
    key = next((k for k in NETWORK_KEYS if isinstance(content, Mapping) and k in content), None)
    if key is None:
        raise SegadvError(f'{source}: has no "network_def"; name the network there')
    return BundleConfig(root, source, parser, key, meta if isinstance(meta, Mapping) else {})


def refuse_bomb(path: Path) -> None:
    """Refuse YAML whose aliases stand for far more than is written there.

    Raises:
        SegadvError: if the file is such YAML.
    """
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        if id(node) not in sizes:
            children = node.value if isinstance(node, yaml.CollectionNode) else []
            flat = [c for pair in children for c in (pair if isinstance(pair, tuple) else (pair,))]
            sizes[id(node)] = 1  # for an alias to a node that contains it
            sizes[id(node)] = 1 + sum(size(child) for child in flat)
        return sizes[id(node)]

    try:
        held = size(yaml.compose(path.read_text(encoding="utf-8"), yaml.SafeLoader))
    except (yaml.YAMLError, OSError, UnicodeDecodeError, RecursionError):
        return  # the parser will say what is wrong
    if held > MOST_NODES:
        raise SegadvError(f"{path}: its aliases stand for {held} values; write them out")


def find_config(root: Path) -> Path:
    """Find the configuration that says how the bundle predicts."""
    for name in ("inference", "evaluate"):
        found = find(root / "configs", name)
        if found:
            return found
    raise SegadvError(f"{root}: no configs/inference.json (or .yaml); is this a MONAI bundle?")


def find(folder: Path, name: str) -> Path | None:
    return next((p for end in ENDINGS if (p := folder / f"{name}{end}").is_file()), None)


def arguments_of(config: Mapping[str, Any]) -> dict[str, Any]:
    """Return a component's arguments: its entries without MONAI's own underscored ones."""
    return {k: v for k, v in config.items() if not (k.startswith("_") and k.endswith("_"))}
