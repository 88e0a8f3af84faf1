"""The napari plugin: a folder for each panel, what they share, and the hooks of the manifest."""
