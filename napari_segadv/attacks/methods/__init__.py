"""One family of attacks per module; `attacks` finds every Attack that a module declares."""
