"""The commands, one module each; a module's `add` adds its command to the app."""
