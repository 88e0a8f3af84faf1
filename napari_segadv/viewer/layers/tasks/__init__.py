"""A module for each task's part of the viewer; `task_view` finds the VIEW that each declares."""
