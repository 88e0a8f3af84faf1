"""Modules under the names that they had before they moved: imports of those go on working."""

import importlib
import sys
from collections.abc import Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

PACKAGE = __name__.split(".")[0]

# Modules that kept their names, by their folder: where they were -> where they are.
_FOLDERS = {
    ("", "cli"): "arguments terminal",
    ("", "common"): "budgets device discovery palette parameters tensors wording",
    ("", "data"): "boxes grade scan",
    ("", "results"): "example figure provenance verdicts",
    ("commands", "cli.commands"): "reproduce synthesis train universal",
    ("attacks.synthesis", "attacks.fields"): (
        "critic fields losses networks recipe synthesiser training"
    ),
    ("victims", "victims.loading"): "bundle_config description network registry",
    ("victims", "victims.preprocessing"): "axes chain intensity",
    ("victims.formats", "victims.loading.formats"): "bundle exported torchscript weights",
    ("victims.training", "training.victim"): "bundle fit grades patches recipe run",
    ("viewer", "viewer.attack"): (
        "budget preview region slice_range target_choice target_section victim_section"
    ),
    ("viewer", "viewer.controller"): "jobs latest qt_runner runner runs victim_jobs",
    ("viewer", "viewer.layers"): (
        "camera edits fields places refill saving series slice_place task_view tasks upright"
    ),
    ("viewer", "viewer.runs"): "session_opening session_section session_victim sessions",
    ("viewer", "viewer.slices"): "verdict_section visibility_section",
    ("viewer", "viewer.target"): "designer dragging shape_section",
    ("viewer", "viewer.widgets"): "class_chooser dialogs forms keys settings tables",
}
# Modules that have another name now.
_RENAMED = {
    "attacks.synthesis": "attacks.fields",
    "commands": "cli.commands",
    "comparing": "results.tables",
    "demo": "cli.commands.demo",
    "departure": "measures.target_change",
    "folders": "common.atomic_files",
    "generators": "training.generator",
    "generators.files": "training.generator.files",
    "io.arrays": "io.images",
    "io.exact_boxes": "io.boxes",
    "json_entries": "common.json_data",
    "json_files": "common.json_data",
    "presets": "data.window_presets",
    "reading": "measures.reading_test",
    "request": "crafting.request",
    "saved": "results.loading",
    "session": "results.session",
    "session_entries": "results.session.plain_data",
    "session_parts": "results.session.files",
    "slices": "results.by_slice",
    "synthesis": "reproduce.synthesis",
    "universal": "crafting.universal",
    "victims.ensemble": "victims.wrappers",
    "victims.formats": "victims.loading.formats",
    "victims.loading.trust": "victims.loading.consent",
    "victims.rounding": "victims.wrappers",
    "victims.trust": "victims.loading.consent",
    "victims.training": "training.victim",
    "victims.training.cases": "io.cases",
    "victims.watched": "victims.wrappers",
    "visibility": "measures.by_window",
    **{
        f"viewer.{name}_panel": f"viewer.{folder}.panel"
        for name, folder in {
            "attack": "attack",
            "compare": "compare",
            "help": "help",
            "reading": "reading_test",
            "runs": "runs",
            "slices": "slices",
            "target": "target",
        }.items()
    },
    "viewer.attack_section": "viewer.attack.options_section",
    "viewer.covers": "viewer.reading_test.covers",
    "viewer.drawing": "viewer.layers.gl_context",
    "viewer.drawn": "viewer.runs.session_layers",
    "viewer.painted": "viewer.runs.session_layers",
    "viewer.panel": "viewer.widgets.panel",
    "viewer.panel_layout": "viewer.widgets.layout",
    "viewer.reading_canvas": "viewer.reading_test.canvas",
    "viewer.reading_window": "viewer.reading_test.window",
    "viewer.results": "viewer.controller.shown_layers",
    "viewer.runs_list": "viewer.runs.list",
    "viewer.runs_table": "viewer.runs.table",
    "viewer.slice_plot": "viewer.slices.plot",
    "viewer.target_text": "viewer.target.difference_text",
    "viewer.watch": "viewer.target.difference_watch",
}


def _moved() -> dict[str, str]:
    """Every old name with the new one, both without the package's."""
    found = dict(_RENAMED)
    for (old, new), names in _FOLDERS.items():
        found |= {".".join([*old.split("."), n]).strip("."): f"{new}.{n}" for n in names.split()}
    # A folder stands there now, which has a meaning of its own.
    return {old: new for old, new in found.items() if old not in ("viewer.runs", "viewer.layers")}


MOVED = _moved()


class _Alias(Loader):
    """Gives the module of the new name for the old one: one module under two names."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.spec: ModuleSpec | None = None

    def create_module(self, spec: ModuleSpec) -> ModuleType:
        module = importlib.import_module(self.name)
        self.spec = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        # Python has just told the module that it is the old one.
        module.__spec__ = self.spec


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        package, _, name = fullname.partition(".")
        if package != PACKAGE or name not in MOVED:
            return None
        return ModuleSpec(fullname, _Alias(f"{PACKAGE}.{MOVED[name]}"))


def install() -> None:
    """Makes the old names importable.

    The finder goes first on `sys.meta_path`: the default one would import the modules of a moved
    folder a second time, under their old names.
    """
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
