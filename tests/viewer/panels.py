"""The titles of all panels."""

from napari_segadv.viewer.widgets.tabs import all_tabs

# The workbench, which shows them all, is not among them.
PANELS = tuple(title for _, title, _ in all_tabs())
