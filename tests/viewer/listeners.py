"""What is bound and connected in a viewer, to see whether a closed panel has left something."""

import gc

from napari.utils.events import EventEmitter

from napari_segadv.viewer.controller.controller import Controller

SIGNALS = {
    "jobs": ("busy_changed", "progressed", "failed", "trust_asked", "stopped"),
    "victims": ("prepared", "victim_changed", "predicted", "target_made"),
    "runs": ("changed", "chosen", "judged"),
}


def heard(window):
    """What is bound and connected in a viewer: keys, drags, numbers of listeners."""
    # What a closed panel held may listen until it is collected, and that is not up to the test.
    gc.collect()
    controller, layers = Controller.of(window), window.layers
    signals = [controller.finished, controller.choice_opened]
    for part, names in SIGNALS.items():
        signals += [getattr(getattr(controller, part), name) for name in names]
    events = [layers.events.inserted, layers.events.removed, layers.events.reordered]
    events += [window.dims.events.point, window.dims.events.ndisplay, window.events.theme]
    events += [layer.events.set_data for layer in layers]
    events += [layers.selection.events.active]
    return (
        sorted(map(str, window.keymap)),
        [sorted(map(str, layer.keymap)) for layer in layers],
        list(window.mouse_drag_callbacks),
        [list(layer.mouse_drag_callbacks) for layer in layers],
        [sum(map(is_alive, signal._slots)) for signal in signals],
        [sum(map(is_there, event.callbacks)) for event in events],
    )


def is_alive(slot):
    """Whether a listener of a signal is there: psygnal drops dead ones when it emits next."""
    return slot.dereference() is not None


def is_there(callback):
    """Whether a listener of an event is there: napari, too, drops dead ones when it emits next.

    All events of a layer together listen to each of them for as long as they have listeners.
    """
    if isinstance(callback, EventEmitter):
        return any(map(is_there, callback.callbacks))
    return not isinstance(callback, tuple) or callback[0]() is not None
