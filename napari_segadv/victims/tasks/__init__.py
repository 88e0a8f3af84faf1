"""One task a module; `victims.task` finds the TASK that each declares."""
