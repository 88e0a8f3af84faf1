"""One attack family a module; `attacks` finds every Attack that a module declares."""
