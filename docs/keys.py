"""Write docs/keys.md from what the panels declare: python docs/keys.py"""

from pathlib import Path

from app_model.types import OperatingSystem
from napari.utils.shortcuts import default_shortcuts

from napari_segadv.viewer.help.panel import as_markdown, listed

PAGE = Path(__file__).with_suffix(".md")


def page() -> str:
    """Return the page; keys are named as on Linux and Windows."""
    return as_markdown(listed(OperatingSystem.LINUX, default_shortcuts))


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
