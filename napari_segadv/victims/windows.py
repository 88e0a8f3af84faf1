"""Piece-by-piece passes through a network, with the exact gradient in little memory.

A forward pass runs all pieces, with a graph as long as the memory that was given for graphs lasts,
and without one from there on. Given the gradient of a global loss with respect to the logits, each
piece is fed its share of that gradient; one without a graph first runs a second time with one. The
result equals the gradient of the full graph, since the pieces only meet in a sum. This holds for
networks in evaluation mode only.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from ..common.tensors import applied
from ..errors import SegadvError
from .graphs import Graphs, Held
from .half_sums import half_sums
from .pieces import Index, Pieces, length
from .recall import Recall
from .window_places import importance, regular, spread

LARGEST_PATCH = 4096
MODES = ("gaussian", "constant", "nnunet")
# A size that stands for that of the image.
WHOLE_AXIS = -1
Network = Callable[[Tensor], Tensor]


@dataclass(frozen=True)
class SlidingWindows:
    """How a network slides over a volume; fields are named as in MONAI's SlidingWindowInferer."""

    roi_size: tuple[int, ...]
    sw_batch_size: int = 1
    overlap: tuple[float, ...] = (0.25,)
    mode: str = "gaussian"
    sigma_scale: float = 0.125
    padding_mode: str = "constant"
    cval: float = 0.0

    def __post_init__(self) -> None:
        if not all(n == WHOLE_AXIS or 0 < n <= LARGEST_PATCH for n in self.roi_size):
            raise SegadvError(
                f"roi_size {self.roi_size}: use sizes from 1 to {LARGEST_PATCH}, or "
                f"{WHOLE_AXIS} for the whole axis"
            )
        if self.sw_batch_size < 1:
            raise SegadvError(f"sw_batch_size {self.sw_batch_size}: use 1 or more")
        if not all(0 <= share < 1 for share in self.overlap):
            raise SegadvError(f"overlap {self.overlap}: use shares of at least 0 and below 1")
        if self.mode not in MODES:
            raise SegadvError(f"sliding window mode {self.mode}: use {', '.join(MODES)}")


@dataclass(frozen=True)
class NnunetWindows(SlidingWindows):
    """How nnU-Net slides a network over a volume: evenly spread, with a Gaussian of its own.

    Attributes:
        half: whether sums are in half precision; such windows have no gradient.
        members: how many networks' outputs are in one another's channels; averaged if `half`.
    """

    mode: str = "nnunet"
    half: bool = False
    members: int = 1


# Its earlier name.
WindowSpec = SlidingWindows


@dataclass
class Passes:
    """Work done, in passes over the whole image; a piece counts as its share.

    Attributes:
        forward, backward: the passes.
        calls: how often a program was started for them; 0 for a network.
        on_piece: called after each piece.
    """

    forward: float = 0.0
    backward: float = 0.0
    calls: int = 0
    on_piece: Callable[[], None] = field(default=lambda: None)


def _blend(
    x: Tensor,
    network: Network,
    pieces: Pieces,
    passes: Passes,
    recall: Recall | None,
    held: Held | None = None,
) -> Tensor:
    """Blend what all pieces say; run those of which that is not remembered.

    Graphs of some are kept in `held`.
    """
    due = None if recall is None else recall.due(x, pieces)
    if recall is not None and due is not None and not due.numbers:
        return recall.filled(x, [])
    out: Tensor | None = None
    for number in range(len(pieces.chunks)) if due is None else due.numbers:
        chunk, still = pieces.chunks[number], due is not None and number in due.still
        y = recall.said(number) if recall is not None and still else None
        if y is None:
            y = _ran(x, network, pieces, number, held)
            if recall is not None and still:
                recall.note(number, y)
            passes.forward += 1 / len(pieces.chunks)
            passes.on_piece()
        if out is None:
            out = y.new_zeros(x.shape[0], y.shape[1], *x.shape[2:])
            if recall is not None:
                recall.expect(x, out)
        _add(out, y, pieces, chunk)
    assert out is not None
    if recall is None:
        return out
    if due is None:
        recall.keep(x, out)
        return out
    return recall.filled(out, due.changed)


def _add(out: Tensor, y: Tensor, pieces: Pieces, chunk: Sequence[Index]) -> None:
    """Add a chunk's output to the blend (N, K, *S), in place."""
    lengths = [length(index) for index in chunk]
    weights = pieces.weights(chunk)
    shares: Sequence[Tensor | None] = (
        [None] * len(chunk) if weights is None else weights.split(lengths)
    )
    for index, part, share in zip(chunk, y.split(lengths), shares, strict=True):
        place = out[index[0], :, *index[2:]]
        if share is None:
            place += part
        else:
            # In one go: the product alone would take as much memory as the output.
            place.addcmul_(part, share)


def _ran(x: Tensor, network: Network, pieces: Pieces, number: int, held: Held | None) -> Tensor:
    """Run a chunk; keep its graph in `held` if that is worth it and fits."""
    part = pieces.take(x, pieces.chunks[number])
    if held is not None and held.graphs.worth(number, len(pieces.chunks)):
        return _kept(part, network, number, held)
    # A network may return its input or a view of it, so it gets a copy.
    return network(part.clone())


def _kept(part: Tensor, network: Network, number: int, held: Held) -> Tensor:
    """Run a piece with a graph, which is kept if there is room for it; return its output."""
    leaf = part.detach().clone().requires_grad_()
    out, kept = held.graphs.keep(lambda: network(leaf), held)
    if kept:
        held.pieces[number] = leaf, out
    return out.detach()


class _TwoPass(torch.autograd.Function):
    """Backward runs pieces that matter, and whose graph was not kept, a second time with one."""

    @staticmethod
    def forward(
        ctx: Any,
        x: Tensor,
        network: Network,
        pieces: Pieces,
        passes: Passes,
        recall: Recall | None,
        graphs: Graphs | None,
    ) -> Tensor:
        ctx.save_for_backward(x)
        held = None if graphs is None else Held(graphs)
        ctx.parts = network, pieces, passes, held
        return _blend(x, network, pieces, passes, recall, held)

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor, None, None, None, None, None]:
        (x,) = ctx.saved_tensors
        network, pieces, passes, held = ctx.parts
        grad = grads[0]
        out = torch.zeros_like(x)
        given = grad.any(1, keepdim=True)
        matters = torch.stack([_matters(given, chunk) for chunk in pieces.chunks]).tolist()
        numbers = [number for number, needed in enumerate(matters) if needed]
        for number in numbers:
            chunk = pieces.chunks[number]
            cotangent = _cotangent(grad, pieces, chunk)
            back = None if held is None else held.pull(number, cotangent)
            if back is None:
                back = _pull(x, cotangent, network, pieces, chunk)
                passes.forward += 1 / len(pieces.chunks)
            for index, part in zip(chunk, back.split([length(i) for i in chunk]), strict=True):
                out[index] += part
            del back, cotangent
            passes.backward += 1 / len(pieces.chunks)
            passes.on_piece()
        if held is not None:
            held.clear()
            held.graphs.noted(numbers, len(pieces.chunks))
        return out, None, None, None, None, None


def _cotangent(grad: Tensor, pieces: Pieces, chunk: Sequence[Index]) -> Tensor:
    """Return the gradient with respect to a chunk's output."""
    cotangent, weights = pieces.take(grad, chunk), pieces.weights(chunk)
    # Piece by piece: weighting the whole gradient would take another volume for each class.
    return cotangent if weights is None else cotangent * weights


def _pull(
    x: Tensor, cotangent: Tensor, network: Network, pieces: Pieces, chunk: Sequence[Index]
) -> Tensor:
    """Return a chunk's part of the gradient; in a function, to free its tensors on return."""
    with torch.enable_grad():
        leaf = pieces.take(x, chunk).detach().clone().requires_grad_()
        y = network(leaf)
    if not y.requires_grad:
        raise SegadvError(
            "the network's output has no gradient (does it end in argmax or a threshold?); use it "
            "without that step"
        )
    (back,) = torch.autograd.grad(y, leaf, cotangent)
    return back


def _matters(given: Tensor, chunk: Sequence[Index]) -> Tensor:
    """Return whether any output of a chunk has a gradient, which is given (N, 1, *S), bool."""
    return torch.stack([given[index[0], :, *index[2:]].any() for index in chunk]).any()


def two_pass(
    x: Tensor,
    network: Network,
    pieces: Pieces,
    passes: Passes,
    recall: Recall | None = None,
    graphs: Graphs | None = None,
) -> Tensor:
    """Compute the network's output (N, K, *S) for x (N, C, *S) in pieces; differentiable."""
    if not (x.requires_grad and torch.is_grad_enabled()):
        with torch.no_grad():
            return _blend(x, network, pieces, passes, recall)
    return applied(_TwoPass, x, network, pieces, passes, recall, graphs)


def one_pass(x: Tensor, network: Network, passes: Passes) -> Tensor:
    """Compute the network's output for x in one pass, with a graph if x requires a gradient."""
    y = network(x)
    passes.forward += 1
    if y.requires_grad:
        y.register_hook(lambda _: _count_backward(passes))
    passes.on_piece()
    return y


def _count_backward(passes: Passes) -> None:
    passes.backward += 1


def sliding(
    x: Tensor,
    network: Network,
    spec: SlidingWindows,
    passes: Passes,
    recall: Recall | None = None,
    graphs: Graphs | None = None,
) -> Tensor:
    """Compute the result of MONAI's sliding_window_inference, differentiable in little memory.

    With `NnunetWindows` it is nnU-Net's result.

    A single patch that covers the image keeps its graph, which saves one forward pass.

    Args:
        x: (N, C, *S) on the network's grid.
        network: (B, C, *roi) to (B, K, *roi).
        spec: the sliding window.
        passes: counts the work.
        recall: skips patches that have not changed; None: all of them run.
        graphs: keeps graphs of patches until the backward pass; None: each runs a second time.
    """
    from monai.utils import fall_back_tuple

    size = tuple(x.shape[2:])
    roi = tuple(int(n) for n in fall_back_tuple(spec.roi_size, size))
    missing = [max(r - n, 0) for r, n in zip(roi, size, strict=True)]
    pads = [(m // 2, m - m // 2) for m in missing]
    if any(missing):
        flat = [p for pad in reversed(pads) for p in pad]
        constant = spec.padding_mode == "constant"
        x = F.pad(x, flat, mode=spec.padding_mode, value=spec.cval if constant else None)
    padded = tuple(x.shape[2:])
    nnunets = spec if isinstance(spec, NnunetWindows) else None
    if padded == roi and not (nnunets and nnunets.half):
        out = one_pass(x, network, passes)
    else:
        overlap = spec.overlap * len(roi) if len(spec.overlap) == 1 else spec.overlap
        places = (spread if nnunets else regular)(padded, roi, overlap)
        out = _over(x, network, places, roi, spec, passes, recall, graphs)
    inside = [slice(before, before + n) for (before, _), n in zip(pads, size, strict=True)]
    return out[:, :, *inside] if any(missing) else out


def middle(x: Tensor, spec: SlidingWindows) -> Tensor:
    """Return the patch in the middle of x (N, C, *S), padded at its end if x is smaller."""
    from monai.utils import fall_back_tuple

    size = tuple(x.shape[2:])
    roi = tuple(int(n) for n in fall_back_tuple(spec.roi_size, size))
    starts = [max(n - r, 0) // 2 for n, r in zip(size, roi, strict=True)]
    part = x[:, :, *(slice(s, s + r) for s, r in zip(starts, roi, strict=True))]
    missing = [max(r - n, 0) for n, r in zip(size, roi, strict=True)]
    return F.pad(part, [p for m in reversed(missing) for p in (0, m)]) if any(missing) else part


def _over(
    x: Tensor,
    network: Network,
    places: Sequence[Index],
    roi: tuple[int, ...],
    spec: SlidingWindows,
    passes: Passes,
    recall: Recall | None,
    graphs: Graphs | None,
) -> Tensor:
    weight = importance(spec.mode, roi, spec.sigma_scale, x)
    if isinstance(spec, NnunetWindows) and spec.half:

        def done(share: float) -> None:
            passes.forward += share
            passes.on_piece()

        return half_sums(x, network, places, weight, spec.members, done)
    weight = weight.to(x.dtype)
    total = x.new_zeros(1, 1, *x.shape[2:])
    for place in places:
        total[:, :, *place] += weight
    indices = [
        (slice(item, item + 1), slice(None), *place) for item in range(len(x)) for place in places
    ]
    pieces = Pieces(_chunked(indices, spec.sw_batch_size), weight, total.reciprocal_())
    return two_pass(x, network, pieces, passes, recall, graphs)


def _chunked(indices: Sequence[Index], size: int) -> tuple[tuple[Index, ...], ...]:
    return tuple(tuple(indices[i : i + size]) for i in range(0, len(indices), size))


def slices(
    x: Tensor,
    network: Network,
    batch: int,
    passes: Passes,
    recall: Recall | None = None,
    graphs: Graphs | None = None,
) -> Tensor:
    """Run a batch (B, C, *S) `batch` items at a time, as `sliding` runs its patches."""
    if recall is not None and recall.finely:
        batch = 1
    if len(x) <= batch:
        return one_pass(x, network, passes)
    whole = (slice(None),) * (x.ndim - 1)
    starts = range(0, len(x), batch)
    chunks = tuple(((slice(i, min(i + batch, len(x))), *whole),) for i in starts)
    return two_pass(x, network, Pieces(chunks), passes, recall, graphs)
