"""Networks and their weights as data: a class of MONAI's, literal arguments, a state dict."""

import importlib
import inspect
import io
import struct
import sys
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import SegadvError
from .offline import ReachesOut
from .sizes import check_numbers, within

# Keys under which training frameworks keep the weights, and prefixes they put before names.
NESTED = ("state_dict", "model_state_dict", "model", "network", "net")
PREFIXES = ("module.", "model.", "network.", "net.", "_orig_mod.")
# Arguments that MONAI's networks once took and that made no difference to their weights.
DROPPED = {"SwinUNETR": ("img_size",)}

# Networks of torchvision that scale their input by default if they are given weights.
SCALING_WITH_WEIGHTS = ("inception_v3", "googlenet")


def build(
    target: str, arguments: Mapping[str, Any], path: Path, held: int | None = None
) -> nn.Module:
    """Build a network from its class, given by MONAI's short name or a full one.

    Args:
        target: the class.
        arguments: its arguments.
        path: of the file that has them, for messages.
        held: bytes of the files that hold its weights; None: it may have any size.

    Raises:
        SegadvError: if there is no such class, it refuses the arguments, or would be far larger
            than its weights.
    """
    check_numbers(arguments, path)
    cls = network_class(target, path)
    gone = [name for name in DROPPED.get(cls.__name__, ()) if name in arguments]
    gone = [name for name in gone if name not in inspect.signature(cls).parameters]
    arguments = {name: value for name, value in arguments.items() if name not in gone}
    arguments = without_fetching(cls, arguments)
    with built(target, path), nullcontext() if held is None else within(held, path):
        return cls(**arguments).eval()


@contextmanager
def built(
    name: str, path: Path, given: str = "arguments", remedy: str = "correct them"
) -> Iterator[None]:
    """Turn what a network raises while it is built into one line.

    Args:
        name: of the network.
        path: of the file or folder that describes it.
        given: what it is built from.
        remedy: what to do if it refuses that.

    Raises:
        SegadvError: if it can't be built.
    """
    outer = sys.exception()
    try:
        yield
    except ReachesOut as error:
        raise SegadvError(
            f"{path}: network {name} can't be built from its files alone ({error}); set its "
            f"{given} so that it needs no such data"
        ) from None
    except SegadvError:
        raise
    except ImportError as error:
        raise SegadvError(
            f"{path}: network {name} needs a package ({one_line(error)}); install it"
        ) from None
    except Exception as error:  # noqa: BLE001 - a constructor raises anything about its arguments
        raise SegadvError(
            f"{path}: network {name} refuses its {given} ({cause(error, outer)}); {remedy}"
        ) from None


def without_fetching(cls: Any, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Return arguments with which a network of MONAI fetches no weights that are replaced anyway.

    All weights come from the victim's own file, so it need not be initialised with others.
    """
    asked = getattr(cls, "__module__", "").startswith("monai.networks.nets.")
    known = inspect.signature(cls).parameters.get("pretrained") if asked else None
    if known is None or arguments.get("pretrained", known.default) is not True:
        return dict(arguments)
    found = {**arguments, "pretrained": False}
    if str(arguments.get("model_name")) in SCALING_WITH_WEIGHTS:
        found.setdefault("transform_input", True)
    return found


def network_class(target: str, path: Path) -> type[nn.Module]:
    """Return the class that a target names; look a short name up in monai.networks.nets."""
    module, _, name = target.rpartition(".")
    try:
        found = getattr(importlib.import_module(module or "monai.networks.nets"), name)
    except (ImportError, AttributeError) as error:
        raise SegadvError(
            f"{path}: no network class {target} ({one_line(error)}); name one of "
            "monai.networks.nets or install the package that has it"
        ) from None
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        raise SegadvError(
            f"{path}: {target} is not a network class; name one of monai.networks.nets"
        )
    return found


def load_weights(network: nn.Module, path: Path, content: bytes | None = None) -> None:
    """Load a state dict or safetensors file into a network; no code in the file runs.

    Args:
        network: the network.
        path: of the file, for messages and its ending.
        content: its bytes, if they have been read already.

    Raises:
        SegadvError: if the file is damaged, holds something else, or does not fit.
    """
    fit_weights(network, read_weights(path, content), path)


def fit_weights(network: nn.Module, weights: dict[str, Tensor], path: Path) -> None:
    """Put tensors that were read from a file into a network.

    Raises:
        SegadvError: if they do not fit.
    """
    expected = network.state_dict()
    for prefix in PREFIXES:
        if (
            weights
            and all(key.startswith(prefix) for key in weights)
            and not any(key.startswith(prefix) for key in expected)
        ):
            weights = {key.removeprefix(prefix): value for key, value in weights.items()}
    missing = [k for k in expected if k not in weights]
    extra = [k for k in weights if k not in expected]
    shapes = [k for k in expected if k in weights and weights[k].shape != expected[k].shape]
    if missing or extra or shapes:
        first = (shapes or missing or extra)[0]
        raise SegadvError(
            f"{path}: weights don't fit the network ({len(missing)} missing, {len(extra)} "
            f"unknown, {len(shapes)} of another shape, such as {first}); correct its arguments"
        )
    network.load_state_dict(weights)
    # In the network's own types, in which a number of a wider type may have become infinite.
    check_finite(network, path)


def check_finite(network: nn.Module, path: Path) -> None:
    """Raise SegadvError if a network that was filled from a file holds NaN or infinite weights."""
    held = network.state_dict().items()
    broken = [k for k, v in held if v.is_floating_point() and not v.isfinite().all()]
    if broken:
        raise SegadvError(f"{path}: {broken[0]} holds NaN or infinite weights; use another file")


def read_weights(
    path: Path, content: bytes | None = None, key: str | None = None
) -> dict[str, Tensor]:
    """Read the tensors of a state dict or safetensors file.

    Args:
        path: of the file, for messages and its ending.
        content: its bytes, if they have been read already.
        key: under which the weights are, if they are not all of the file; None: not known.

    Raises:
        SegadvError: if the file is damaged or holds something else.
    """
    if content is None:
        if not path.exists():
            raise SegadvError(f"{path}: no such file; the network's weights are missing")
        content = path.read_bytes()
    if path.suffix == ".safetensors":
        return _read_safetensors(path, content)
    check_archive(content, path)
    try:
        held = torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)
    except Exception as error:  # noqa: BLE001 - a damaged file makes torch raise almost anything
        if "weights only" in str(error).lower() or "weights_only" in str(error):
            raise SegadvError(
                f"{path}: holds a whole network or other code, which is not loaded; "
                "save network.state_dict() instead"
            ) from None
        raise SegadvError(
            f"{path}: damaged or incomplete ({one_line(error)}); copy the file again"
        ) from None
    held = _weights_in(held, key, path)
    if not isinstance(held, Mapping) or not all(isinstance(v, Tensor) for v in held.values()):
        raise SegadvError(f"{path}: holds no state dict; save network.state_dict() into it")
    return dict(held)


def _weights_in(held: Any, key: str | None, path: Path) -> Any:
    """Return the weights among what a training framework keeps.

    Raises:
        SegadvError: if there are several, and nothing says which count.
    """
    if isinstance(held, Mapping) and key is not None and key in held:
        return held[key]
    while isinstance(held, Mapping):
        nested = [name for name in NESTED if isinstance(held.get(name), Mapping)]
        if len(nested) > 1:
            raise SegadvError(
                f"{path}: holds several state dicts ({', '.join(nested)}); save the one that "
                "counts alone"
            )
        if not nested:
            break
        held = held[nested[0]]
    return held


# What zipfile raises over a list of entries that is damaged. NotImplementedError is of one that
# asks for a newer zip, OverflowError of one with a place that no file can have.
UNREADABLE = (
    *(zipfile.BadZipFile, struct.error, OSError, ValueError, EOFError, LookupError),
    *(NotImplementedError, OverflowError),
)


def check_archive(content: bytes, path: Path) -> None:
    """Refuse an archive that stands for more than its own size: torch stores without compressing.

    Args:
        content: the bytes of a file of weights; what is no archive is left to torch.
        path: of the file, for messages.

    Raises:
        SegadvError: if it has compressed entries, or some that share their bytes, or is damaged.
    """
    if not content.startswith(b"PK"):
        return
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            entries = archive.infolist()
    except UNREADABLE as error:
        raise SegadvError(
            f"{path}: damaged or incomplete ({one_line(error)}); copy the file again"
        ) from None
    packed = any(one.compress_type != zipfile.ZIP_STORED for one in entries)
    if packed or sum(one.file_size for one in entries) > len(content):
        raise SegadvError(
            f"{path}: is a compressed archive, which torch.save does not make; save the weights "
            "again with it"
        )


def read_tensors(content: bytes, path: Path) -> Any:
    """Read a file that torch has saved: tensors and arrays in lists and dictionaries, as data."""
    import numpy as np
    from numpy._core import multiarray

    check_archive(content, path)
    parts: list[Any] = [np.ndarray, np.dtype]
    parts += [
        type(np.dtype(kind)) for kind in ("f2", "f4", "f8", "u1", "i1", "i2", "i4", "i8", "?")
    ]
    for module in ("numpy._core.multiarray", "numpy.core.multiarray"):
        parts.append((multiarray._reconstruct, f"{module}._reconstruct"))
        parts.append((multiarray.scalar, f"{module}.scalar"))
    with torch.serialization.safe_globals(parts):
        return torch.load(io.BytesIO(content), map_location="cpu", weights_only=True)


def _read_safetensors(path: Path, content: bytes) -> dict[str, Tensor]:
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        return load(content)
    except SafetensorError as error:
        raise SegadvError(
            f"{path}: damaged or incomplete ({one_line(error)}); copy the file again"
        ) from None


def frozen(network: nn.Module) -> nn.Module:
    """Speed up a network that is never trained; values and gradients stay the same, bit for bit.

    The backward pass of a PReLU always computes the gradient of its slope too. If the slope is one
    number, a LeakyReLU with that slope does the rest without it. Changes the network in place.
    """
    for name, module in network.named_children():
        if type(module) is nn.PReLU and module.num_parameters == 1:
            setattr(network, name, nn.LeakyReLU(float(module.weight)))
        else:
            frozen(module)
    return network


def cause(error: BaseException, outer: BaseException | None = None) -> str:
    """Return the innermost cause of an exception, with its kind: those around it say less.

    Args:
        error: the exception.
        outer: one that was being handled when it was raised, which is no cause of it.
    """
    seen = {id(outer), id(None)}
    while id(error) not in seen:
        seen.add(id(error))
        inner = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
        if inner is not None and id(inner) not in seen:
            error = inner
    return f"{type(error).__name__}: {one_line(error)}"


def one_line(error: BaseException) -> str:
    """Return an exception's message without line breaks, shortened."""
    return " ".join(str(error).split())[:160]
