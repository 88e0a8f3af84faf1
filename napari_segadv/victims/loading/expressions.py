"""Computes the plain expressions of a bundle's configuration without running Python.

Published bundles write `$torch.float32`, `$len(@labels)` or `$@bundle_root + '/models/arch.pt'`
where they mean a constant. Such an expression is taken apart here, and each part is looked up in
the tables below: what stands in none of them is code, and code needs somebody's consent.
"""

import ast
import math
import operator
import posixpath
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...errors import SegadvError

# Most parts of an expression, and most elements of what it makes.
MOST_PARTS, MOST_ELEMENTS = 500, 100_000
# Most elements that all expressions of a file compute on the way; letters of a text count for less.
MOST_COMPUTED, LETTERS = 1_000_000, 16
LARGEST_NUMBER, LARGEST_EXPONENT = 10**18, 64

NUMBERS = (bool, int, float)
PLAIN = (*NUMBERS, str, list, tuple, dict, type(None))
DTYPES = "float16 bfloat16 float32 float64 float half double uint8 int8 int16 int32 int64 int long"
NUMPY_TYPES = "float16 float32 float64 uint8 uint16 int8 int16 int32 int64 bool_"


class NotPlain(Exception):
    """The expression is none that can be computed here."""


class Budget:
    """How much the expressions of a file may still compute.

    Args:
        source: the file, for messages.
    """

    def __init__(self, source: Path) -> None:
        self._source, self._left = source, MOST_COMPUTED

    def spend(self, value: Any) -> None:
        """Count what an expression has met or made.

        Raises:
            SegadvError: if it is too much, with all that was counted before.
        """
        found = [value]
        while found:
            one = found.pop()
            self._left -= 1 + (len(one) // LETTERS if isinstance(one, str) else 0)
            if isinstance(one, (list, tuple)):
                found += one
            elif isinstance(one, dict):
                found += one.values()
            if self._left < 0:
                raise SegadvError(
                    f"{self._source}: its expressions compute more than {MOST_COMPUTED} values; "
                    "write them out"
                )


class Component(dict[str, Any]):
    """A component of a configuration, left as data: an expression may only pass it on.

    Attributes:
        place: where it stands in the configuration.
    """

    place: tuple[str, ...] = ()


def constants() -> dict[str, Any]:
    """Return what dotted names stand for."""
    import numpy as np
    import torch

    found: dict[str, Any] = {f"torch.{name}": getattr(torch, name) for name in DTYPES.split()}
    for name in ("np", "numpy"):
        found |= {f"{name}.{kind}": getattr(np, kind) for kind in NUMPY_TYPES.split()}
        found |= {f"{name}.pi": math.pi, f"{name}.inf": math.inf}
    # MONAI's usual keys, which its template bundles name so.
    for name in ("IMAGE", "LABEL", "PRED"):
        for module in ("monai.utils", "monai.utils.enums"):
            found[f"{module}.CommonKeys.{name}"] = name.lower()
    return found | {f"{m}.{n}": getattr(math, n) for m in ("math", "torch") for n in ("pi", "inf")}


BINARY: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
    ast.Pow: operator.pow,
}
UNARY: dict[type[ast.AST], Callable[[Any], Any]] = {
    ast.USub: operator.neg,
    ast.UAdd: operator.pos,
    ast.Not: operator.not_,
}
COMPARED: dict[type[ast.AST], Callable[[Any, Any], Any]] = {
    ast.Eq: operator.eq,
    ast.NotEq: operator.ne,
    ast.Lt: operator.lt,
    ast.LtE: operator.le,
    ast.Gt: operator.gt,
    ast.GtE: operator.ge,
    ast.Is: operator.is_,
    ast.IsNot: operator.is_not,
    ast.In: lambda a, b: a in b,
    ast.NotIn: lambda a, b: a not in b,
}


def _range(*bounds: int) -> list[int]:
    numbers = range(*bounds)
    if len(numbers) > MOST_ELEMENTS:
        raise NotPlain
    return list(numbers)


def _sum(values: Any, start: Any = 0) -> Any:
    """Add numbers alone: of lists, each sum would copy the one before."""
    if not isinstance(values, (list, tuple)) or not all(
        isinstance(one, NUMBERS) for one in (*values, start)
    ):
        raise NotPlain
    return sum(values, start)


def _tensor(values: Any) -> Any:
    import torch

    return torch.as_tensor(values)


def _processor(*_: Any) -> Any:
    """A device: networks are built and loaded on the CPU, and moved afterwards."""
    import torch

    return torch.device("cpu")


FUNCTIONS: dict[str, Callable[..., Any]] = {
    "len": len,
    "int": int,
    "float": float,
    "bool": bool,
    "str": str,
    "abs": abs,
    "min": min,
    "max": max,
    "sum": _sum,
    "round": lambda number: round(number),
    "list": list,
    "tuple": tuple,
    "sorted": sorted,
    "range": _range,
    "os.path.join": posixpath.join,
    "torch.device": _processor,
    "torch.cuda.is_available": lambda: False,
    "torch.from_numpy": _tensor,
    "torch.tensor": _tensor,
    "torch.as_tensor": _tensor,
}
# Reads a file of weights, as data; its second argument says where to, which is always the CPU.
LOAD, LOADS_WITH = "torch.load", frozenset({"map_location", "weights_only"})


class Plain:
    """Computes expressions.

    Args:
        names: what single names in them stand for.
        load: called as load(path); returns the tensors of a file, or raises NotPlain.
        taken: names that do not mean what they usually do, since the file imports something else.
        spend: called with each value on the way; raises if there are too many.
    """

    def __init__(
        self,
        names: Callable[[str], Any],
        load: Callable[[str], Any],
        taken: frozenset[str] = frozenset(),
        spend: Callable[[Any], None] = lambda value: None,
    ) -> None:
        self._names, self._load, self._taken, self._spend = names, load, taken, spend
        self._parts = 0

    def value(self, tree: ast.expr) -> Any:
        """Return an expression's value: numbers, texts, lists of them, tensors, types.

        Raises:
            NotPlain: if it is code.
        """
        self._parts = 0
        try:
            return self._of(tree)
        except (ArithmeticError, TypeError, ValueError, LookupError, RuntimeError):
            # Python itself may say why, once somebody has agreed to run it.
            raise NotPlain from None

    def _of(self, node: ast.AST) -> Any:
        self._parts += 1
        if self._parts > MOST_PARTS:
            raise NotPlain
        value = self._worked_out(node)
        self._spend(value)
        return value

    def _worked_out(self, node: ast.AST) -> Any:
        match node:
            case ast.Constant():
                return self._limited(node.value)
            case ast.Name():
                return self._names(node.id)
            case ast.Attribute():
                return self._constant(self._dotted(node))
            case ast.List() | ast.Tuple():
                made = [self._of(one) for one in node.elts]
                return self._limited(made if isinstance(node, ast.List) else tuple(made))
            case ast.Dict():
                return self._limited(
                    {
                        self._simple(self._of_key(key)): self._of(value)
                        for key, value in zip(node.keys, node.values, strict=True)
                    }
                )
            case ast.UnaryOp():
                operand = self._of(node.operand)
                known = PLAIN if isinstance(node.op, ast.Not) else NUMBERS
                return UNARY.get(type(node.op), _code)(self._one_of(operand, known))
            case ast.BinOp():
                return self._binary(node.op, self._of(node.left), self._of(node.right))
            case ast.BoolOp():
                return self._boolean(node)
            case ast.Compare():
                return self._compared(node)
            case ast.IfExp():
                return self._of(node.body if self._simple(self._of(node.test)) else node.orelse)
            case ast.Subscript():
                return self._element(self._of(node.value), node.slice)
            case ast.Call():
                return self._called(node)
        raise NotPlain

    def _of_key(self, key: ast.expr | None) -> Any:
        if key is None:
            raise NotPlain
        return self._of(key)

    def _dotted(self, node: ast.AST) -> str:
        if isinstance(node, ast.Name) and node.id not in self._taken:
            return node.id
        if isinstance(node, ast.Attribute):
            return f"{self._dotted(node.value)}.{node.attr}"
        raise NotPlain

    def _constant(self, name: str) -> Any:
        known = constants()
        if name not in known:
            raise NotPlain
        return known[name]

    def _called(self, node: ast.Call) -> Any:
        name = self._dotted(node.func)
        if name == LOAD:
            if len(node.args) != 1 or {word.arg for word in node.keywords} - LOADS_WITH:
                raise NotPlain
            return self._load(self._one_of(self._of(node.args[0]), (str,)))
        if name not in FUNCTIONS or node.keywords:
            raise NotPlain
        given = [self._of(one) for one in node.args]
        if name == "torch.from_numpy":
            return FUNCTIONS[name](*given)
        return self._limited(FUNCTIONS[name](*[self._one_of(one, PLAIN) for one in given]))

    def _binary(self, kind: ast.operator, left: Any, right: Any) -> Any:
        numbers = isinstance(left, NUMBERS) and isinstance(right, NUMBERS)
        if isinstance(kind, ast.Pow) and not (numbers and abs(right) <= LARGEST_EXPONENT):
            raise NotPlain
        if isinstance(kind, ast.Mult) and not numbers:
            self._check_repeated(left, right)
        elif not numbers and not (
            isinstance(kind, ast.Add)
            and type(left) is type(right)
            and isinstance(left, (str, list, tuple))
        ):
            raise NotPlain
        return self._limited(BINARY.get(type(kind), _code)(left, right))

    def _check_repeated(self, left: Any, right: Any) -> None:
        many, times = (right, left) if isinstance(left, NUMBERS) else (left, right)
        repeats = isinstance(many, (str, list, tuple)) and isinstance(times, int)
        if not repeats or len(many) * times > MOST_ELEMENTS:
            raise NotPlain

    def _boolean(self, node: ast.BoolOp) -> Any:
        stops_at = isinstance(node.op, ast.Or)
        value: Any = None
        for one in node.values:
            value = self._simple(self._of(one))
            if bool(value) == stops_at:
                break
        return value

    def _compared(self, node: ast.Compare) -> bool:
        left = self._simple(self._of(node.left))
        for kind, following in zip(node.ops, node.comparators, strict=True):
            right = self._one_of(self._of(following), PLAIN)
            if isinstance(kind, (ast.Is, ast.IsNot)) and not any(
                one is None or isinstance(one, bool) for one in (left, right)
            ):
                # Whether two equal constants are one object is Python's own affair.
                raise NotPlain
            if not COMPARED.get(type(kind), _code)(left, right):
                return False
            left = right
        return True

    def _element(self, value: Any, place: ast.expr) -> Any:
        if isinstance(value, Component) or not isinstance(value, (list, tuple, str, Mapping)):
            raise NotPlain
        if not isinstance(place, ast.Slice):
            return value[self._simple(self._of(place))]
        bounds = [
            None if one is None else self._of(one) for one in (place.lower, place.upper, place.step)
        ]
        if isinstance(value, Mapping):
            raise NotPlain
        return value[slice(*bounds)]

    def _simple(self, value: Any) -> Any:
        return self._one_of(value, (*NUMBERS, str, type(None)))

    def _one_of(self, value: Any, kinds: tuple[type, ...]) -> Any:
        if isinstance(value, Component) or not isinstance(value, kinds):
            raise NotPlain
        return value

    def _limited(self, value: Any) -> Any:
        if isinstance(value, str) and len(value) > MOST_ELEMENTS:
            raise NotPlain
        count(value)
        if isinstance(value, int) and abs(value) > LARGEST_NUMBER:
            raise NotPlain
        if isinstance(value, (bytes, complex)) or value is Ellipsis:
            raise NotPlain
        return value


def count(value: Any, counted: int = 0) -> int:
    """Count the elements of a list or a dictionary, also those of what is in it.

    Raises:
        NotPlain: if there are too many.
    """
    if counted > MOST_ELEMENTS:
        raise NotPlain
    if isinstance(value, (list, tuple, dict)):
        for one in value.values() if isinstance(value, dict) else value:
            counted = count(one, counted + 1)
    return counted


def _code(*_: Any) -> Any:
    raise NotPlain
