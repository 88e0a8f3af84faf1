"""One task's part of the viewer a module; `viewer.task_view` finds the VIEW that each declares."""
