"""Layers as panels see them: by what they are to the chosen image, whatever its name is."""

from napari_segadv.viewer.controller.controller import Controller


def role(viewer, name):
    """The chosen image's layer in a role."""
    layer = Controller.of(viewer).shown(name)
    assert layer is not None, f"no {name}"
    return layer


def has(viewer, name):
    """Whether the chosen image has a layer in a role."""
    return Controller.of(viewer).shown(name) is not None


def shown_as(viewer, *names):
    """The layers in some roles, of whichever image; bottom to top."""
    groups = Controller.of(viewer)._shown.groups
    found = [(layer, groups.find(layer)) for layer in viewer.layers]
    return [layer for layer, group in found if group and group.role_of(layer) in names]


def titles(viewer):
    """What each layer is to the chosen image, else its name; bottom to top."""
    return [Controller.of(viewer).title(layer) for layer in viewer.layers]
