"""The step with which a bundle paints overlapping structures to one label map, read as data.

Published bundles write it as an expression, which is looked at here and never run:
    $lambda x: torch.where(x[[2]] > 0, 4, torch.where(x[[0]] > 0, 1, torch.where(..., 2, 0)))
"""

import ast
from collections.abc import Mapping, Sequence
from typing import Any

from ..preprocessing.chain import COPIES, WITHOUT_EFFECT, plain_name

LAMBDA = "Lambda"
# Arguments that it may have, and the steps that may follow.
PAINTS = frozenset(
    {"_target_", "_desc_", "keys", "func", "allow_missing_keys", "track_meta", "overwrite"}
)
BEHIND = (WITHOUT_EFFECT - {COPIES}) | {"SaveImage"}


def painted_labels(
    steps: Sequence[Mapping[str, Any]], structures: Sequence[str]
) -> dict[str, tuple[int, ...]] | None:
    """Return the labels that each structure unites, by its name; None if nothing paints them.

    What is painted first lies inside of what is painted after it: of nested structures the
    smallest comes first in the expression, and has its label alone. Behind it only writers may
    stand, and steps that leave the labels as they are.

    Args:
        steps: MONAI's `_target_` dictionaries of a postprocessing, those that act on the mask.
        structures: names, in the order of the network's channels.
    """
    names = [plain_name(str(step.get("_target_", "")), BEHIND | {LAMBDA}) for step in steps]
    if names.count(LAMBDA) != 1 or not BEHIND.issuperset(names[names.index(LAMBDA) + 1 :]):
        return None
    step = steps[names.index(LAMBDA)]
    if not PAINTS.issuperset(step) or step.get("overwrite", True) is not True:
        return None
    order = _order(str(step.get("func", "")))
    if sorted(channel for channel, _ in order) != list(range(len(structures))):
        return None
    labels = [label for _, label in order]
    if 0 in labels or len(set(labels)) != len(labels):
        return None
    inside = {channel: labels[: n + 1] for n, (channel, _) in enumerate(order)}
    return {name: tuple(sorted(inside[k])) for k, name in enumerate(structures)}


def _order(text: str) -> list[tuple[int, int]]:
    """Return channels and labels, the uppermost first; empty for another expression."""
    try:
        tree = ast.parse(text.removeprefix("$").strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return []
    if not (isinstance(tree, ast.Lambda) and len(tree.args.args) == 1):
        return []
    name, found, rest = tree.args.args[0].arg, [], tree.body
    while isinstance(rest, ast.Call):
        if ast.unparse(rest.func) != "torch.where" or len(rest.args) != 3 or rest.keywords:
            return []
        condition, label, rest = rest.args
        channel = _channel(condition, name)
        if channel is None or not _whole(label):
            return []
        found.append((channel, ast.literal_eval(label)))
    return found if _whole(rest) and ast.literal_eval(rest) == 0 else []


def _channel(condition: ast.expr, name: str) -> int | None:
    """Return k of the condition `x[[k]] > 0`; None for another one."""
    for k in range(64):
        if ast.unparse(condition) == f"{name}[[{k}]] > 0":
            return k
    return None


def _whole(node: ast.expr) -> bool:
    return isinstance(node, ast.Constant) and type(node.value) is int
