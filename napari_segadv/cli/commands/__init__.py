"""The commands, a module each: its `add` puts them into the app."""
