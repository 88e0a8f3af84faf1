"""Trained generators of fields on disk: safetensors and JSON, which hold no code."""

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
