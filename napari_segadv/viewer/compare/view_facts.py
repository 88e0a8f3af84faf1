"""What is written below a saved view: which image, window and slice, the legend, and the figures.

Nothing that could name a patient: no names of files, images, runs or layers.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from napari.layers import Image, Layer

from ...common.palette import colour
from ...common.wording import class_name, percent, share, with_units
from ...data.boxes import Boxes
from ...data.grade import Grade
from ...data.scan import Mask, Scan
from ...errors import SegadvError
from ...measures.by_window import Seen
from ..layers.example import NOISE_COLOURS
from ..layers.names import AFTER, CLEAN
from ..layers.places import AXES
from ..layers.plane import plane_in_view
from .blink import Blink
from .comparison import Comparison
from .contours import ROLES
from .difference import Difference
from .side_by_side import SideBySide
from .swipe import PARTS, Swipe

WARNING = "ADVERSARIAL - not for diagnosis"
DASH = "\N{EN DASH}"
WORST = "SSIM of the worst window"

Colour = tuple[float, float, float]


@dataclass(frozen=True)
class Facts:
    """What is written below a view.

    Attributes:
        seen: which image is seen where.
        window: level and width, or the range, with units.
        place: the slice; "" for a single image.
        legend: names with their colours; None for none.
        figures: names with values.
        pixel: size of a pixel of the screen, in `unit`; None if the view has no scale.
        unit: of the world.
    """

    seen: str
    window: str
    place: str
    legend: tuple[tuple[Colour | None, str], ...]
    figures: tuple[tuple[str, str], ...]
    pixel: float | None
    unit: str

    def with_worst(self, seen: Seen | None) -> "Facts":
        """Return the facts with the SSIM of the window in which the change shows most."""
        figures = ((n, _ssim(seen) if n == WORST else value) for n, value in self.figures)
        return replace(self, figures=tuple(figures))


def facts_of(comparison: Comparison) -> Facts:
    """Return what is written below the view of the run that is shown; SSIM is added later.

    Raises:
        SegadvError: if no run is shown.
    """
    run, viewer = comparison.controller.runs.current, comparison.viewer
    if run is None:
        raise SegadvError("no run is shown; run an attack, or show an earlier run")
    example, flat = run.example, viewer.dims.ndisplay == 2
    zoom = float(viewer.scene.camera.zoom)
    # A name may be that of a file.
    count = len(run.channels)
    which = f"channel {run.channel + 1} of {count}: " if count else ""
    return Facts(
        seen=f"{which}{seen_now(comparison)}",
        window=window_text(comparison),
        place=place_text(run.image, viewer.dims, example.clean.grid.shape),
        legend=(*_signs(comparison), *_contours(comparison), *_structures(comparison)),
        figures=figures_text(run.seen),
        pixel=1 / zoom if flat and zoom > 0 else None,
        unit="mm" if example.clean.grid.physical else "pixels",
    )


def seen_now(comparison: Comparison) -> str:
    """Say which image is seen where."""
    mode = comparison.mode
    if comparison.held:
        return "clean"
    if isinstance(mode, Blink):
        return "clean" if mode.clean_shown else "adversarial"
    if isinstance(mode, SideBySide):
        return "clean on the left, adversarial on the right"
    if isinstance(mode, Swipe):
        return "clean left of the line, adversarial right of it"
    if isinstance(mode, Difference):
        return f"adversarial minus clean, {comparison.strongest}"
    try:
        pair = comparison.pair
    except SegadvError:
        return ""
    there = [x for x in (pair.clean, pair.adversarial) if _is_seen(x)]
    if not there:
        return "neither image"
    front = max(there, key=comparison.viewer.layers.index)
    return "clean" if front is pair.clean else "adversarial"


def window_text(comparison: Comparison) -> str:
    """Return level and width of a CT's window, or the range of another image, with units."""
    limits, units = comparison.window.limits, comparison.window.units
    if limits is None:
        return "full range of colours"
    low, high = limits
    if units == "HU":
        return f"C {(low + high) / 2:g} / W {high - low:g} HU"
    return f"range {low:.4g} to {with_units(f'{high:.4g}', units)}"


def place_text(image: Any, dims: Any, shape: tuple[int, ...]) -> str:
    """Return the slice of a volume in view, numbered as in the array."""
    if len(shape) < 3 or not isinstance(image, Image):
        return ""
    if dims.ndisplay != 2:
        return "3-D view"
    plane = plane_in_view(image, dims, shape)
    if plane is None:
        return "outside of the volume"
    (axis,) = (n for n, index in enumerate(plane.key) if not isinstance(index, slice))
    return f"{AXES[axis]} {plane.key[axis]} (0 to {shape[axis] - 1})"


def figures_text(example: Any) -> tuple[tuple[str, str], ...]:
    """Return the figures of a result with their names; a dash for those that do not apply."""
    m = example.measures
    target = example.target
    # A target without a structure has no IoU: what counts is how much has changed as asked.
    aims = not isinstance(target, Mask) or bool(target.array.any())
    iou, moved, kept = (m.get(name) for name in ("target_iou", "moved", "kept"))
    linf = with_units(f"{m['linf']:.4g}", m["units"])
    return (
        ("target IoU", DASH if iou is None or not aims else share(iou)),
        ("changed as asked", DASH if moved is None else percent(moved)),
        ("left intact", DASH if kept is None else percent(kept)),
        ("largest change", f"{linf} ({m['linf_percent_of_window']:.2g} % of the window)"),
        (WORST, "not measured"),
    )


def _ssim(worst: Seen | None) -> str:
    if worst is None:
        return "the change shows in no window"
    value = "too small to measure" if worst.ssim_shown is None else f"{worst.ssim_shown:.4f}"
    return f"{value} ({worst.preset.name})"


def _is_seen(layer: Layer | None) -> bool:
    return layer is not None and bool(layer.visible) and float(layer.opacity) > 0


def _signs(comparison: Comparison) -> list[tuple[Colour | None, str]]:
    """Return what the colours of a difference mean."""
    if comparison.held or not isinstance(comparison.mode, Difference):
        return []
    colours = NOISE_COLOURS.colors
    ends = (colours[0], "darker"), (colours[-1], "brighter")
    return [((float(c[0]), float(c[1]), float(c[2])), text) for c, text in ends]


def _contours(comparison: Comparison) -> list[tuple[Colour | None, str]]:
    """Return the contours that are seen."""
    return [
        (role.colour, f"{role.title} (contour)")
        for role in ROLES
        if _is_seen(comparison.controller.shown(role.lines))
    ]


def _structures(comparison: Comparison) -> list[tuple[Colour | None, str]]:
    """Return what is predicted in the slice in view: those whose colour is seen with it."""
    shown, run = comparison.controller.shown, comparison.controller.runs.current
    assert run is not None
    example = run.example
    pairs = (
        (example.prediction_clean, (CLEAN, PARTS[0])),
        (example.prediction_adversarial, (AFTER, PARTS[1])),
    )
    filled = [p for p, names in pairs if any(_is_seen(shown(name)) for name in names)]
    lined = [
        prediction
        for prediction, role in zip((*(p for p, _ in pairs), example.target), ROLES, strict=True)
        if _is_seen(shown(role.lines))
    ]
    found = [*_boxes_and_grades(filled)]
    if not any(isinstance(x, Mask) for x in (*filled, *lined)):
        return found
    image, dims = run.image, comparison.viewer.dims
    coloured = _classes(filled, image, dims, example.clean)
    found += [(colour(n), name) for n, name in coloured.items()]
    plain = _classes(lined, image, dims, example.clean)
    others = [name for n, name in plain.items() if n not in coloured]
    where = "in this slice" if example.clean.grid.ndim == 3 else "in the image"
    found += [(None, f"{where}: {', '.join(others)}")] if others else []
    return found or [(None, f"no structure {where}")]


def _classes(maps: Sequence[Any], image: Any, dims: Any, scan: Scan) -> dict[int, str]:
    """Return the structures of some label maps in the slice in view, by number."""
    found: dict[int, str] = {}
    names: tuple[str, ...] = next((m.classes for m in maps if getattr(m, "classes", ())), ())
    for mask in maps:
        if not isinstance(mask, Mask):
            continue
        plane = None
        if isinstance(image, Image):
            plane = plane_in_view(image, dims, mask.array.shape)
        cut = mask.array if plane is None else plane.cut(mask.array)
        found |= {int(n): class_name(int(n), names) for n in np.unique(cut) if n}
    return dict(sorted(found.items()))


def _boxes_and_grades(predictions: Sequence[Any]) -> list[tuple[Colour | None, str]]:
    found: list[tuple[Colour | None, str]] = []
    for prediction in predictions:
        if isinstance(prediction, Boxes):
            labels = sorted({int(n) for n in prediction.labels})
            found += [(colour(n), prediction.class_name(n)) for n in labels]
        elif isinstance(prediction, Grade):
            found.append((colour(prediction.label + 1), prediction.text))
    return list(dict.fromkeys(found))
