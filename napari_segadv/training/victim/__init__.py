"""Training of small victims and surrogates, and the bundles they are written as."""

from .run import recipe_from, train_bundle

__all__ = ["recipe_from", "train_bundle"]
