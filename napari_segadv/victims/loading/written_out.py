"""Writes a value out for a question: all of it, or it is refused, so that nothing hides in it."""

import builtins
import datetime
import math
import struct
from collections import OrderedDict
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ...errors import SegadvError
from .values import Code

# Kinds whose text is all there is to them. A subclass may hold more, and say what it likes.
FAITHFUL = frozenset(
    {
        *(bool, int, str, bytes, type(None), Code),
        *(datetime.date, torch.dtype, torch.device, torch.layout, torch.memory_format),
    }
)
BRACKETS: dict[type, tuple[str, str]] = {
    list: ("[", "]"),
    tuple: ("(", ")"),
    torch.Size: ("torch.Size(", ")"),
    set: ("set(", ")"),
    frozenset: ("frozenset(", ")"),
}
# Kinds of an array's elements that are written as numbers.
NUMBERS = "biufc"
DEEPEST = 50
# The bits of the usual NaN; others hold a number.
NAN = struct.pack("<d", math.nan)


def written_out(value: Any, most: int, where: str) -> str:
    """Return the text of a value with all that it holds.

    Args:
        value: plain data, tensors or arrays.
        most: letters; a longer text is not finished, and is longer than that.
        where: its place, for the message.

    Raises:
        SegadvError: if it holds something whose text is not its whole content.
    """
    parts, length = [], 0
    try:
        for part in _parts(value, 0):
            parts.append(part)
            length += len(part)
            if length > most:
                break
    except (SegadvError, TypeError, ValueError, RuntimeError) as error:
        reason = " ".join(str(error).split())[:160]
        raise SegadvError(
            f"{where} goes to code, and a question can't show all of it ({reason}); write it out "
            "as plain data"
        ) from None
    return "".join(parts)


def _parts(value: Any, depth: int) -> Iterator[str]:
    kind = type(value)
    if depth > DEEPEST:
        raise SegadvError("it is nested too deeply")
    if kind in FAITHFUL or (kind is type and _known(value)):
        yield repr(value)
    elif kind is float:
        yield _number(value)
    elif kind is complex:
        yield f"complex({_number(value.real)}, {_number(value.imag)})"
    elif kind in BRACKETS:
        opening, closing = BRACKETS[kind]
        yield opening
        for number, one in enumerate(value):
            yield ", " if number else ""
            yield from _parts(one, depth + 1)
        yield "," + closing if kind is tuple and len(value) == 1 else closing
    elif kind in (dict, OrderedDict):
        yield from _dictionary(value, depth)
    elif kind in (Tensor, torch.nn.Parameter):
        yield from _tensor(value, depth)
    elif kind is np.ndarray:
        yield from _array(value, depth)
    elif isinstance(value, np.generic):
        yield f"{kind.__name__}("
        yield from _array(np.asarray(value), depth)
        yield ")"
    else:
        raise SegadvError(f"it holds a {kind.__name__}")


def _known(value: type) -> bool:
    """Return whether a class is what its name says: one of numpy's or Python's own."""
    module = {"numpy": np, "builtins": builtins}.get(value.__module__)
    return getattr(module, value.__name__, None) is value


def _number(value: float) -> str:
    bits = struct.pack("<d", value)
    return repr(value) if value == value or bits == NAN else f"nan({bits.hex()})"


def _dictionary(value: dict[Any, Any], depth: int) -> Iterator[str]:
    yield "{" if type(value) is dict else "OrderedDict({"
    for number, (key, one) in enumerate(value.items()):
        yield ", " if number else ""
        yield from _parts(key, depth + 1)
        yield ": "
        yield from _parts(one, depth + 1)
    yield "}"
    if type(value) is OrderedDict:
        yield from _attributes(value, depth)
        yield ")"


def _attributes(value: Any, depth: int) -> Iterator[str]:
    """What a file has attached to an object: state dicts have a `_metadata`."""
    if vars(value):
        yield ", attributes="
        yield from _parts(dict(vars(value)), depth + 1)


def _tensor(value: Tensor, depth: int) -> Iterator[str]:
    held = value.detach()
    if held.layout != torch.strided or held.is_quantized or held.device.type != "cpu":
        raise SegadvError(f"it holds a tensor of the layout {held.layout}, on {held.device}")
    if held.is_conj() or held.is_neg() or value.grad is not None:
        raise SegadvError("it holds a tensor with more than its values")
    if held.untyped_storage().nbytes() != held.numel() * held.element_size():
        raise SegadvError("it holds a tensor that shows only a part of its memory")
    name = "tensor" if type(value) is Tensor else "Parameter"
    yield f"{name}("
    if held.dtype is torch.bfloat16:
        # numpy has no such numbers; in float32 each is the same.
        yield from _numbers(held.float().numpy(), held.view(torch.int16).numpy().tobytes())
    else:
        yield from _numbers(held.numpy(), held.contiguous().numpy().tobytes())
    yield f", dtype={held.dtype}"
    yield f", shape={tuple(held.shape)}" if 0 in held.shape else ""
    yield from _attributes(value, depth)
    yield ")"


def _array(value: "np.ndarray[Any, Any]", depth: int) -> Iterator[str]:
    if value.dtype.names is not None or value.dtype.metadata is not None:
        raise SegadvError(f"it holds an array of the type {value.dtype}")
    yield "array("
    if value.dtype.kind in NUMBERS:
        yield from _numbers(value, value.tobytes())
    elif value.dtype.kind in "OSU":
        yield from _parts(value.tolist(), depth + 1)
    else:
        raise SegadvError(f"it holds an array of the type {value.dtype}")
    yield f", dtype={value.dtype.str}"
    yield f", shape={value.shape}" if 0 in value.shape else ""
    yield ")"


def _numbers(value: Any, content: bytes) -> Iterator[str]:
    """Numbers; and their bytes, if some are NaN, of which there are many."""
    yield from _rows(value)
    if value.dtype.kind in "fc" and np.isnan(value).any():
        yield f", bytes={content.hex()}"


def _rows(value: Any) -> Iterator[str]:
    if value.ndim == 0:
        yield repr(value.item())
        return
    yield "["
    for number, one in enumerate(value):
        yield ", " if number else ""
        yield from _rows(one)
    yield "]"
