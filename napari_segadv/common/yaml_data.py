"""YAML that others have written: what a small file may stand for."""

from pathlib import Path
from typing import Any

import yaml

from ..errors import SegadvError

# Most values that references or aliases may stand for: far more than any configuration holds.
MOST_NODES = 100_000


def refuse_bomb(text: str, path: Path) -> None:
    """Refuse YAML whose aliases stand for far more than is written there.

    Raises:
        SegadvError: if the text is such YAML.
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
        held = size(yaml.compose(text, yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError):
        return  # the parser will say what is wrong
    if held > MOST_NODES:
        raise SegadvError(f"{path}: its aliases stand for {held} values; write them out")
