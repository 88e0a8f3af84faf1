"""A session in one folder: images, painted labels, boxes, victim's source, runs and verdicts."""

from .folder import open_session, save_session
from .session import (
    Session,
    SessionBoxes,
    SessionImage,
    SessionLabels,
    SessionRun,
    VictimSource,
)

__all__ = [
    "Session",
    "SessionBoxes",
    "SessionImage",
    "SessionLabels",
    "SessionRun",
    "VictimSource",
    "open_session",
    "save_session",
]
