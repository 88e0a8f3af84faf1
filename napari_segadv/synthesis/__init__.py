"""Learned synthesis (Chen 2019): training a generator on images, and all that it makes of one."""

from ..attacks.synthesis.recipe import Recipe
from .samples import samples
from .table import table
from .train import train

__all__ = ["Recipe", "samples", "table", "train"]
