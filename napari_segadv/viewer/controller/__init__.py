"""The panels' actions, without Qt: one controller for each viewer, its jobs, runs and layers."""

from .controller import Controller

__all__ = ["Controller"]
