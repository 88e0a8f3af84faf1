"""The panel Reading test: whether a reader can tell the adversarial image."""
