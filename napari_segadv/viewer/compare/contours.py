"""How predictions and target can be shown, and the colour and width of each one's contours."""

from collections.abc import Sequence
from dataclasses import dataclass

from ..layers.names import AFTER, CLEAN, TARGET


@dataclass(frozen=True)
class Role:
    """How a label map's contours look.

    Attributes:
        layer: its role in `layers.names`.
        lines: name of the layer of its contours.
        title: in the legend.
        colour: red, green, blue from 0 to 1; distinct from each other and from grey, also with
            the common forms of colour blindness.
        width: in pixels of the screen, if all are seen at once: lower layers have wider lines, so
            that lines that coincide all show.
        apart: in pixels of the screen, if each prediction is seen on its own image.
        line: the width in words.
    """

    layer: str
    lines: str
    title: str
    colour: tuple[float, float, float]
    width: float
    apart: float
    line: str


ROLES = (
    Role(CLEAN, "contour (clean)", "clean prediction", (0.15, 0.85, 0.35), 3.0, 2.0, "thick"),
    Role(
        AFTER,
        "contour (adversarial)",
        "adversarial prediction",
        (0.95, 0.2, 0.95),
        2.0,
        2.0,
        "medium",
    ),
    Role(TARGET, "contour (target)", "target", (1.0, 0.75, 0.0), 1.0, 1.0, "thin"),
)
AS_SHOWN, CONTOURS, FILLED, HIDDEN = "as shown", "contours", "filled", "hidden"
LOOKS = (AS_SHOWN, CONTOURS, FILLED, HIDDEN)


def legend(roles: Sequence[Role] = ROLES) -> str:
    """Return the legend as rich text: each role after a square of its colour."""

    def colour(role: Role) -> str:
        return ",".join(str(round(255 * c)) for c in role.colour)

    def line(role: Role) -> str:
        square = f'<span style="color:rgb({colour(role)})">&#9632;</span>'
        return f"{square}&nbsp;{role.title}: {role.line} line"

    return "<br>".join(line(role) for role in roles)
