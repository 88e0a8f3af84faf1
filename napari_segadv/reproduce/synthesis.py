"""Learned synthesis (Chen 2019): train a generator on images, and draw samples from it.

Users import this module as `napari_segadv.synthesis`.
"""

from ..attacks.fields.recipe import Recipe
from ..crafting.generator_samples import samples
from ..training.generator.train import train
from .synthesis_table import table

__all__ = ["Recipe", "samples", "table", "train"]
