"""The tasks by name; each module of this package declares one as TASK."""

import sys
from types import ModuleType
from typing import Any

from ...common.discovery import Registry
from ..task import Task

DEFAULT = "segmentation"


def _task_in(module: ModuleType) -> list[tuple[str, Task[Any]]]:
    return [(module.TASK.name, module.TASK)]


TASKS: Registry[Task[Any]] = Registry("task", sys.modules[__name__], _task_in)


def tasks() -> dict[str, Task[Any]]:
    """Return every declared task by its name."""
    return TASKS.all()


def task_of(name: str) -> Task[Any]:
    """Return the task of a name.

    Raises:
        SegadvError: if there is no such task.
    """
    return TASKS.get(name)


def task_in(text: str) -> Task[Any]:
    """Return the task that a text, such as a bundle's metadata, names first; or segmentation."""
    return task_named(text) or task_of(DEFAULT)


def task_named(text: str) -> Task[Any] | None:
    """Return the task that a text names first; None if it names none."""
    found = [
        (place, task.name)
        for task in tasks().values()
        for word in task.words
        if (place := text.lower().find(word)) >= 0
    ]
    return task_of(min(found)[1]) if found else None
