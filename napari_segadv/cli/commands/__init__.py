"""Commands that make or measure more than one example: a module each, with an `add` for the app."""
