"""What the user has set in napari's Preferences (Plugins > Adversarial attacks), typed.

Declared as `configurations` in napari.yaml; napari shows them, checks them and saves them.
"""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

PLUGIN, GROUP = "napari-segadv", "defaults"
# What the mouse wheel does: it goes through slices, or it zooms, as in napari.
SLICES, ZOOM = "slices", "zoom"


@dataclass(frozen=True)
class Settings:
    """The settings, with the defaults for those that napari does not know.

    Attributes:
        device: "auto", "cpu" or "cuda".
        seed: 0 to 2**31 - 1.
        blink_rate: images a second in a blink comparison.
        results: folder for results, "" for the home folder.
        expert: whether the attack panel shows all its settings.
        wheel: SLICES or ZOOM.
        recovery: whether a copy of unsaved work is kept, in case napari is killed.
    """

    device: str = "auto"
    seed: int = 0
    blink_rate: float = 2.0
    results: str = ""
    expert: bool = False
    wheel: str = SLICES
    recovery: bool = True

    @property
    def folder(self) -> Path:
        """Where dialogs for saving open; the home folder if the one set does not exist."""
        chosen = Path(self.results).expanduser()
        return chosen if self.results and chosen.is_dir() else Path.home()


def settings() -> Settings:
    """Return the present settings. Ask whenever a default is needed: they may change."""
    values = _known()
    if values is None:
        return Settings()
    defaults = Settings()
    names = Settings.__dataclass_fields__
    return Settings(**{name: getattr(values, name, getattr(defaults, name)) for name in names})


def keep(name: str, value: Any) -> None:
    """Change a setting; napari writes it to its file, if it keeps settings of plugins."""
    values = _known()
    if values is not None and hasattr(values, name):
        setattr(values, name, value)


def _known() -> Any:
    """Return napari's own object, which can be written to; None if there is none.

    An older napari has no such settings, and a viewer in a script may run without the manifest.
    """
    try:
        from napari.settings import get_plugin_settings

        return getattr(get_plugin_settings(PLUGIN), GROUP, None)
    except (ImportError, KeyError):
        return None
