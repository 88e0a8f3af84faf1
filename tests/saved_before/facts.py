"""What an example is known by: its texts and figures, and hashes of all its arrays."""

import hashlib

import numpy as np


def facts_of(example):
    """As plain data."""
    arrays = {"clean": example.clean.array, "adversarial": example.adversarial.array}
    arrays |= {"noise": example.noise, **example.fields}
    for name in ("target", "prediction_clean", "prediction_adversarial"):
        said = getattr(example, name)
        if said is not None:
            arrays[name] = said.array
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
    """Shape, type and hash of an array."""
    plain = np.ascontiguousarray(array)
    return f"{plain.shape} {plain.dtype} {hashlib.sha256(plain.data).hexdigest()[:16]}"
