"""The bare canvas of the reading test: one image, or two side by side, and nothing that names them.

It has its own viewer model and shows no layer list, controls, status bar or undo, so that names,
thumbnails, metadata and contrast of the session's layers can't give the answer away.
"""

from collections.abc import Generator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from napari.components import ViewerModel
from napari.layers import Image
from napari.qt import QtViewer
from qtpy.QtCore import Qt

from ...data.scan import Array, Grid
from ...data.window_presets import WindowPreset, numbered, presets_for
from ...results.by_slice import most_changed
from ..compare.drags import dragged
from ..layers.convert import image_tuple
from ..layers.gl_context import keep_current
from ..layers.upright import orientation

if TYPE_CHECKING:
    from ...results.example import Example

NAMES = ("image A", "image B")


@dataclass(frozen=True)
class Stimulus:
    """A clean and an altered image, and how both are shown: with the same keywords.

    Attributes:
        clean, altered: (y, x) or (z, y, x), colour last.
        keywords: contrast, colours and place.
        presets: windows to choose from; none for colour.
        grid: of both.
        first: the slice to start in; None for a 2-D image.
    """

    clean: Array
    altered: Array
    keywords: dict[str, Any]
    presets: tuple[WindowPreset, ...]
    grid: Grid
    first: int | None


def stimulus(example: "Example", at_change: bool) -> Stimulus:
    """Return what the test shows of an example. Call it off the main thread: it reads volumes.

    Args:
        example: its images are shown; of several channels, that of one, see `Run.seen`.
        at_change: start in the slice that changed most, not in the middle.
    """
    scan = example.clean
    array, keywords, _ = image_tuple(scan)
    keywords = {k: value for k, value in keywords.items() if k not in ("name", "metadata")}
    presets = () if scan.colour else presets_for(scan.units, scan.bounds)
    first = None
    if scan.grid.ndim == 3:
        first = most_changed(example) if at_change else len(array) // 2
    return Stimulus(array, example.adversarial.array, keywords, presets, scan.grid, first)


class ReadingCanvas(QtViewer):
    """Shows images; the mouse pans, zooms, scrolls and drags the window."""

    def __init__(self, theme: str) -> None:
        self.model = ViewerModel(title="")
        self.model.theme = theme
        super().__init__(self.model)
        keep_current(self.model, lambda: self)
        # napari's keys must not reach the canvas: some remove, hide or turn layers.
        self.canvas.native.setFocusPolicy(Qt.NoFocus)
        self.setAcceptDrops(False)
        # In every theme: a bright surround blinds the reader to faint differences.
        self.model.canvas.background_color_override = "black"
        self.model.mouse_drag_callbacks.append(self._drag_window)
        grid = self.model.canvas.grid
        grid.shape, grid.stride, grid.spacing = (1, 2), -1, 4
        self._presets: tuple[WindowPreset, ...] = ()

    @property
    def images(self) -> list[Image]:
        """The layers, left to right."""
        return list(self.model.layers)

    def show_images(self, arrays: Sequence[Array], stimulus: Stimulus) -> None:
        """Show one image or two, fitted to the canvas, in the stimulus' first slice and window."""
        self.clear()
        self._presets = stimulus.presets
        self.model.canvas.grid.enabled = len(arrays) > 1
        for name, array in zip(NAMES, arrays, strict=False):
            self.model.layers.append(Image(array, name=name, **stimulus.keywords))
        self.model.reset_view()
        if stimulus.grid.physical and stimulus.grid.ndim == 3:
            self.model.scene.camera.orientation2d = orientation(stimulus.grid, [-2, -1])
        if stimulus.first is not None:
            self.model.dims.axis_labels = ("slice", "", "")
            middle = [(size - 1) / 2 for size in arrays[0].shape[:3]]
            place = self.images[0].data_to_world((stimulus.first, *middle[1:]))
            self.model.dims.set_point(0, place[0])

    def clear(self) -> None:
        """Show nothing."""
        self.model.layers.clear()

    def step(self, by: int) -> None:
        """Go some slices forward or back."""
        if self.model.dims.ndim > 2:
            self.model.dims.set_current_step(0, self.model.dims.current_step[0] + by)

    def choose_preset(self, number: int) -> None:
        """Apply the window preset of this number, if the image has one."""
        found = dict(numbered(self._presets)).get(number)
        if found is not None:
            self._set_limits(found.limits)

    def _set_limits(self, limits: tuple[float, float]) -> None:
        for image in self.images:
            image.contrast_limits = limits

    def _drag_window(self, model: ViewerModel, event: Any) -> Generator[None, None, None]:
        """Change the window by a right-button drag: across for width, up and down for level."""
        if event.button != 2 or not self._presets or not self.images:
            return
        limits, start = tuple(self.images[0].contrast_limits), tuple(event.pos)
        camera = model.scene.camera
        camera.mouse_pan = False
        yield
        while event.type == "mouse_move":
            level, width = dragged(limits, start, event.pos)
            self._set_limits((level - width / 2, level + width / 2))
            yield
        camera.mouse_pan = True
