"""napari's settings of this plugin."""

from napari.settings import get_plugin_settings

from napari_segadv.viewer.widgets.settings import GROUP, PLUGIN


def own():
    """What is set under File, Preferences."""
    return getattr(get_plugin_settings(PLUGIN), GROUP)
