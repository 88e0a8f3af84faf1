"""Trained generators of fields on disk: safetensors and JSON, so that nothing of them runs."""

from .files import (
    has_generator,
    load_generator,
    load_training,
    only_begun,
    read_json,
    save_training,
)

__all__ = [
    "has_generator",
    "load_generator",
    "load_training",
    "only_begun",
    "read_json",
    "save_training",
]
