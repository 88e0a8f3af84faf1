"""Nothing is lost: asks before a window with unsaved work closes, and keeps a copy meanwhile."""
