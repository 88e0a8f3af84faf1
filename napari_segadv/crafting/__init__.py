"""The one path from a Scan, a Victim, an Attack and a target to an Example."""

from .craft import Crafting, craft, craft_steps

__all__ = ["Crafting", "craft", "craft_steps"]
