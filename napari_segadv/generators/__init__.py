"""Trained generators of fields on disk: safetensors and JSON, so that nothing of them runs."""

from .files import load_generator, load_training, read_json, save_training

__all__ = ["load_generator", "load_training", "read_json", "save_training"]
