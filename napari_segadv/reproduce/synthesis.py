"""Learned synthesis (Chen 2019): training a generator on images, and all that it makes of one.

It is `napari_segadv.synthesis` for users.
"""

from ..attacks.fields.recipe import Recipe
from ..crafting.generator_samples import samples
from ..training.generator.train import train
from .synthesis_table import table

__all__ = ["Recipe", "samples", "table", "train"]
