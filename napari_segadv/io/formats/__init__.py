"""One file format a module; each declares FORMATS, and `io.registry` finds them."""
