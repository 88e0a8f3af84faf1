"""The napari plugin: a folder for each panel, the code they share, and the manifest's hooks."""
