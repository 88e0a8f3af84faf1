"""YAML that others have written: what a small file may stand for."""

from pathlib import Path
from typing import Any

import yaml

from ..errors import SegadvError

# Most values that references or aliases may stand for: far more than any configuration holds.
MOST_NODES = 100_000
# Most letters of a number: those to the base 60, as `1:30`, take a time of their square.
LONGEST_NUMBER = 100
NUMBERS = frozenset({"tag:yaml.org,2002:int", "tag:yaml.org,2002:float"})


def refuse_bomb(text: str, path: Path) -> None:
    """Refuse YAML whose aliases stand for far more than is written there, or a number of no end.

    Raises:
        SegadvError: if the text is such YAML.
    """
    sizes: dict[int, int] = {}

    def size(node: Any) -> int:
        if id(node) not in sizes:
            children = node.value if isinstance(node, yaml.CollectionNode) else []
            flat = [c for pair in children for c in (pair if isinstance(pair, tuple) else (pair,))]
            sizes[id(node)] = 1  # for an alias to a node that contains it
            if node is not None and node.tag in NUMBERS and len(node.value) > LONGEST_NUMBER:
                raise SegadvError(
                    f"{path}: line {node.start_mark.line + 1} holds a number of {len(node.value)} "
                    "letters; write it shorter, or in quotes"
                )
            sizes[id(node)] = 1 + sum(size(child) for child in flat)
        return sizes[id(node)]

    try:
        held = size(yaml.compose(text, yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError):
        return  # the parser will say what is wrong
    if held > MOST_NODES:
        raise SegadvError(f"{path}: its aliases stand for {held} values; write them out")
