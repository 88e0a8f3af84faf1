"""ONNX files as networks: read as data, converted by onnx2torch, compared with onnxruntime.

onnx2torch makes Python source of a graph and lets Python run it, with the file's own names in it.
So no name of a file is passed on: nodes and values get new ones first.
"""

import math
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ...errors import SegadvError
from .network import cause, one_line
from .packages import needed

EXTRA = "onnx"
STANDARD = ("", "ai.onnx")
FLOAT = 1  # TensorProto.FLOAT
EXTERNAL = 1  # TensorProto.EXTERNAL
GRAPHS = (5, 10)  # AttributeProto.GRAPH, GRAPHS
# The newest operators that onnx2torch knows; newer files are rewritten in these.
NEWEST = 17
# Values with more numbers than that fit no memory.
MOST_NUMBERS = 1 << 31
# Share of the output's range by which the converted network may differ from onnxruntime.
TOLERANCE = 1e-3
# Pixels along an axis of the random image, where the file leaves the size open: not all the same,
# and divisible by what networks halve.
OPEN = {2: (128, 160), 3: (64, 64, 96)}


class OnnxNetwork(nn.Module):
    """A converted network: its outputs by their names, for images of the size that it takes.

    Args:
        network: from images to one output or several.
        outputs: the names of the outputs.
        shape: (N, C, *S), as the file declares it; None where it leaves a size open.
    """

    def __init__(
        self, network: nn.Module, outputs: Sequence[str], shape: Sequence[int | None]
    ) -> None:
        super().__init__()
        self.network, self.outputs, self.shape = network, tuple(outputs), tuple(shape)
        self.train(False)

    def forward(self, x: Tensor) -> dict[str, Tensor]:
        """Run the network, image by image if it takes one at a time."""
        wrong = [n for n, m in zip(x.shape[1:], self.shape[1:], strict=True) if m not in (None, n)]
        if wrong:
            raise ValueError(
                f"it was exported for {' x '.join(str(n or 'any') for n in self.shape[1:])}: set "
                '"roi_size" or "resize" to that size'
            )
        at_once = self.shape[0] or len(x)
        if len(x) % at_once:
            raise ValueError(f"it was exported for {at_once} images at a time")
        found = [self._run(part) for part in x.split(at_once)]
        if len(found) == 1:
            return found[0]
        return {name: torch.cat([one[name] for one in found]) for name in self.outputs}

    def _run(self, x: Tensor) -> dict[str, Tensor]:
        y = self.network(x)
        values = y if isinstance(y, (list, tuple)) else [y]
        return dict(zip(self.outputs, values, strict=True))


def read_onnx(content: bytes, path: Path) -> Any:
    """Read a model; nothing in it runs, and no other file is opened.

    Raises:
        SegadvError: if it is damaged, or holds what only another program can run.
    """
    onnx = needed("onnx", EXTRA)
    try:
        model = onnx.load_model_from_string(content)
        _check(model, path)
        onnx.checker.check_model(model)
        inferred = onnx.shape_inference.infer_shapes(model, data_prop=True)
    except SegadvError:
        raise
    except Exception as error:  # noqa: BLE001 - a damaged file makes onnx raise almost anything
        raise SegadvError(
            f"{path}: damaged, or no ONNX file ({one_line(error)}); export it again"
        ) from None
    for value in (*inferred.graph.value_info, *inferred.graph.output):
        sizes = [dim.dim_value for dim in value.type.tensor_type.shape.dim if dim.dim_value > 0]
        if math.prod(sizes) > MOST_NUMBERS:
            raise SegadvError(f"{path}: {value.name[:80]} would hold {math.prod(sizes)} numbers")
    return model


def _check(model: Any, path: Path) -> None:
    odd = sorted({f"{n.domain}.{n.op_type}" for n in model.graph.node if n.domain not in STANDARD})
    odd += [f"function {one.name}" for one in model.functions]
    odd += [
        f"{node.op_type} with a graph of its own"
        for node in model.graph.node
        if any(attribute.type in GRAPHS for attribute in node.attribute)
    ]
    if odd:
        raise SegadvError(
            f"{path}: needs {odd[0][:80]}, which is no plain operator of ONNX; export the network "
            "without it"
        )
    if any(one.data_location == EXTERNAL or one.external_data for one in _tensors(model.graph)):
        raise SegadvError(
            f"{path}: keeps its weights in other files, which are not read; save it as one file"
        )
    if model.graph.sparse_initializer or not model.graph.node:
        raise SegadvError(f"{path}: has no operators, or sparse weights; export it again")


def _tensors(graph: Any) -> Iterator[Any]:
    yield from graph.initializer
    for node in graph.node:
        for attribute in node.attribute:
            yield attribute.t
            yield from attribute.tensors


def declared_input(model: Any, path: Path) -> tuple[int | None, ...]:
    """Return the shape (N, C, *S) of a model's one input; None where the file leaves it open.

    Raises:
        SegadvError: if it does not take images of float32.
    """
    weights = {one.name for one in model.graph.initializer}
    taken = [one for one in model.graph.input if one.name not in weights]
    if len(taken) != 1:
        raise SegadvError(f"{path}: takes {len(taken)} inputs; only networks with one can be read")
    tensor = taken[0].type.tensor_type
    shape = tuple(dim.dim_value or None for dim in tensor.shape.dim)
    if tensor.elem_type != FLOAT or len(shape) not in (4, 5):
        raise SegadvError(
            f"{path}: its input is no image of float32 (N, C, y, x) or (N, C, z, y, x); export it "
            "with one"
        )
    return shape


def converted(model: Any, shape: Sequence[int | None], path: Path) -> OnnxNetwork:
    """Convert a model that `read_onnx` has returned, which is changed.

    Raises:
        SegadvError: if onnx2torch can't.
    """
    outputs = [one.name for one in model.graph.output]
    onnx, converter = needed("onnx", EXTRA), needed("onnx2torch", EXTRA)
    try:
        _settle(model.graph)
        _rename(model, onnx)
        network = converter.convert(_older(model, onnx))
    except SegadvError:
        raise
    except Exception as error:  # noqa: BLE001 - it raises almost anything
        raise SegadvError(
            f"{path}: onnx2torch can't convert it ({cause(error)}); export it with another opset, "
            "or save the network as TorchScript"
        ) from None
    return OnnxNetwork(network, outputs, shape)


def _rename(model: Any, onnx: Any) -> None:
    """Give all nodes and values of a model names of our own, and each output a node of its own."""
    graph, names = model.graph, {"": ""}

    def renamed(given: Iterable[str]) -> list[str]:
        return [names.setdefault(name, f"value_{len(names)}") for name in given]

    for one in (*graph.input, *graph.initializer):
        (one.name,) = renamed([one.name])
    for number, node in enumerate(graph.node):
        node.name, node.domain, node.doc_string = f"node_{number}", "", ""
        for field in (node.input, node.output):
            new = renamed(field)
            del field[:]
            field.extend(new)
    for number, one in enumerate(graph.output):
        (inner,) = renamed([one.name])
        one.name = f"output_{number}"
        graph.node.append(
            onnx.helper.make_node("Identity", [inner], [one.name], name=f"last_{number}")
        )
    graph.name = "graph"
    for found in (graph.value_info, graph.quantization_annotation, model.metadata_props):
        del found[:]
    kept = [one for one in model.opset_import if one.domain in STANDARD]
    version = max((one.version for one in kept), default=0)
    del model.opset_import[:]
    model.opset_import.append(onnx.helper.make_opsetid("", version))


def _older(model: Any, onnx: Any) -> Any:
    """Return a model in operators that onnx2torch knows.

    Most have not changed since, so it is read as if it were older if that is a valid model; what
    comes of it is compared with onnxruntime. Otherwise onnx rewrites it.
    """
    version = model.opset_import[0].version
    if version <= NEWEST:
        return model
    try:
        model.opset_import[0].version = NEWEST
        onnx.checker.check_model(model)
        return model
    except onnx.checker.ValidationError:
        model.opset_import[0].version = version
        return onnx.version_converter.convert_version(model, NEWEST)


def _settle(graph: Any) -> None:
    """Make weights of a graph's constants, and of copies of weights.

    onnx2torch looks for an operator's weights among the weights alone.
    """
    weights = {one.name for one in graph.initializer}
    copies: dict[str, str] = {}
    kept = []
    for node in graph.node:
        given = [copies.get(name, name) for name in node.input]
        if given != list(node.input):
            del node.input[:]
            node.input.extend(given)
        if node.op_type == "Identity" and given[0] in weights:
            copies[node.output[0]] = given[0]
        elif node.op_type == "Constant" and [a.name for a in node.attribute] == ["value"]:
            weight = graph.initializer.add()
            weight.CopyFrom(node.attribute[0].t)
            weight.name = node.output[0]
            weights.add(weight.name)
        else:
            kept.append(node)
    for number, one in enumerate(graph.output):
        if one.name in copies:
            raise SegadvError(f"output {number} is a constant; export the network without it")
    # Copied first: what is deleted from a message is gone.
    kept = [type(node).FromString(node.SerializeToString()) for node in kept]
    del graph.node[:]
    graph.node.extend(kept)


def compare(
    network: OnnxNetwork, content: bytes, size: Sequence[int], channels: int, path: Path
) -> float:
    """Run a converted network and onnxruntime on the same random image.

    Args:
        network: the converted network.
        content: the file's bytes.
        size: of the image, where the file leaves it open.
        channels: the same.
        path: the file, for messages.

    Returns:
        By how much they differ at most, as a share of an output's range.

    Raises:
        SegadvError: if onnxruntime refuses the file or the image, or they differ.
    """
    runtime = needed("onnxruntime", EXTRA)
    open_shape = (1, channels, *size)
    shape = [n or m for n, m in zip(network.shape, open_shape, strict=True)]
    image = torch.randn(shape, generator=torch.Generator().manual_seed(0))
    try:
        options = runtime.SessionOptions()
        options.log_severity_level = 4
        session = runtime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        theirs = session.run(None, {session.get_inputs()[0].name: image.numpy()})
    except Exception as error:  # noqa: BLE001 - it raises exceptions of its own
        raise SegadvError(
            f"{path}: onnxruntime can't run it on an image of {tuple(shape)} ({one_line(error)}); "
            'set "roi_size" to the size of what it takes'
        ) from None
    with torch.no_grad():
        try:
            ours = network(image)
        except (RuntimeError, ValueError, TypeError, LookupError, NotImplementedError) as error:
            raise SegadvError(
                f"{path}: runs in onnxruntime, but not once onnx2torch has converted it "
                f"({one_line(error)}); save the network as TorchScript"
            ) from None
    off = max(
        _off(mine, torch.from_numpy(one)) for mine, one in zip(ours.values(), theirs, strict=True)
    )
    if not off <= TOLERANCE:
        raise SegadvError(
            f"{path}: onnx2torch converts it to another network: on a random image it differs from "
            f"onnxruntime by {off:.2%} of the range; save the network as TorchScript"
        )
    return off


def _off(ours: Tensor, theirs: Tensor) -> float:
    if ours.shape != theirs.shape:
        return math.inf
    span = float(theirs.double().amax() - theirs.double().amin()) or 1.0
    return float((ours.double() - theirs.double()).abs().max()) / span
