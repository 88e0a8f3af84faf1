"""A module for each kind of file; each declares FORMATS, which `io.registry` finds."""
