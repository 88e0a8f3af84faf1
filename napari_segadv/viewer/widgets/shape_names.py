"""What target shapes and the fields of their forms are called on the screen. Without Qt."""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from .forms import ParameterForm

# "heart" alone would be taken for the organ.
TITLES = {"heart": "heart symbol"}
REPLACE, SWAP = "replace with", "swap with"
FIELDS = {
    "to": REPLACE,
    "axes": "half-axes",
    "size": "size (factor)",
    "shift": "shift (pixels)",
    # Of an image without geometry, pixels are taken for mm.
    "mm": "distance (mm or px)",
    "cover": "over others",
}
# What a field shows while it is empty.
PLACEHOLDERS = {"axes": "(slice,) row, column; mm or px", "shift": "(slice,) row, column"}
GIVEN_UP = "What the pixels that the structure gives up become"


def shape_title(shape: str) -> str:
    """Return what a shape is called on the screen."""
    return TITLES.get(shape, shape)


def title_fields(form: "ParameterForm", shape: str) -> None:
    """Give the fields of a shape's form their titles, tooltips and placeholders."""
    swaps = shape == "swap"
    titles = {**FIELDS, "to": SWAP} if swaps else FIELDS
    form.tip("to", "The structure that takes its place" if swaps else GIVEN_UP)
    for name, editor in form.editors.items():
        field = getattr(editor, "native", editor)
        # A shape without the field leaves the editor that it was given unplaced.
        if name in titles and field.parentWidget() is not None:
            field.parentWidget().layout().labelForField(field).setText(titles[name])
        if name in PLACEHOLDERS and hasattr(field, "setPlaceholderText"):
            field.setPlaceholderText(PLACEHOLDERS[name])
