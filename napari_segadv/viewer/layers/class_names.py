"""The names of the classes of a labels layer, whoever made it."""

from napari.layers import Labels

from ...common.wording import class_name


def names_of(layer: Labels) -> dict[int, str]:
    """Return the names of a layer's classes by number, without the background; empty if unknown."""
    if not {"index", "class"} <= set(layer.features.columns):
        return {}
    rows = zip(layer.features["index"], layer.features["class"], strict=True)
    return {int(n): str(name) for n, name in rows if n}


def classes_of(layer: Labels) -> tuple[str, ...]:
    """Return the names of a layer's classes, background first; empty if they have none."""
    known = names_of(layer)
    if not known:
        return ()
    return ("background", *(known.get(n, class_name(n)) for n in range(1, max(known) + 1)))
