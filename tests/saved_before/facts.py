"""What identifies an example: its texts and figures, and hashes of all its arrays."""

import hashlib

import numpy as np


def facts_of(example):
    """Return what identifies an example as plain data."""
    arrays = {"clean": example.clean.array, "adversarial": example.adversarial.array}
    arrays |= {"noise": example.noise, **example.fields}
    for name in ("target", "prediction_clean", "prediction_adversarial"):
        value = getattr(example, name)
        if value is not None:
            arrays[name] = value.array
    return {
        "task": example.task.name,
        "summary": list(example.summary),
        "notes": list(example.notes),
        "window": list(example.window),
        "classes": list(example.prediction_clean.classes),
        "units": example.clean.units,
        "spacing": list(example.clean.grid.spacing),
        "method": example.record["method"],
        "arrays": {name: digest(array) for name, array in arrays.items()},
    }


def digest(array):
    """Return the shape, type and hash of an array."""
    plain = np.ascontiguousarray(array)
    return f"{plain.shape} {plain.dtype} {hashlib.sha256(plain.data).hexdigest()[:16]}"
