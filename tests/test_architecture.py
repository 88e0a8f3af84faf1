"""Imports run one way, and looking at the package loads nothing heavy."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "napari_segadv"

# A room may import itself and what stands before it in this list.
ROOMS = [
    "errors budgets discovery palette presets tensors wording",
    "parameters scan grade folders",
    "verdicts reading",
    "boxes json_files json_entries",
    "io attacks targets measures samples",
    "victims",
    # Networks that attacks draw from: files, of which the attacks know nothing.
    "generators",
    "provenance example figure request departure",
    "slices visibility comparing result_json",
    "saved",
    "session_entries",
    "session_parts",
    "session",
    "crafting universal",
    "synthesis",
    "terminal arguments",
    "reproduce",
    "commands",
    "demo",
    "viewer",
    "cli",
]
RANK = {room: rank for rank, line in enumerate(ROOMS) for room in line.split()}
# The demo opens the viewer, which prepares the demo; an example draws itself.
ALLOWED = {("demo", "viewer"), ("figure", "example"), ("example", "figure")}


def imports(path: Path) -> set[str]:
    """Absolute names of the modules that a file imports."""
    found = set()
    package = ["napari_segadv", *path.relative_to(PACKAGE).parts[:-1]]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            found.add(module)
            found |= {f"{module}.{alias.name}" for alias in node.names}
    return found


def room_of(module: str) -> str | None:
    parts = module.split(".")
    if parts[0] != "napari_segadv" or len(parts) < 2:
        return None
    return parts[1] if parts[1] in RANK else None


FILES = sorted(p for p in PACKAGE.rglob("*.py"))


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_imports_run_one_way(path):
    room = room_of(".".join(["napari_segadv", *path.relative_to(PACKAGE).with_suffix("").parts]))
    if path == PACKAGE / "__init__.py":
        return
    assert room is not None, f"{path.name} has no place in the list of rooms"
    for module in imports(path):
        other = room_of(module)
        if other is None or other == room or (room, other) in ALLOWED:
            continue
        assert RANK[other] < RANK[room], f"{path.name} ({room}) imports {module} ({other})"


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_only_the_viewer_knows_napari_and_qt(path):
    known = path.relative_to(PACKAGE).parts[0] in ("viewer", "cli/demonstration.py")
    for module in imports(path):
        top = module.split(".")[0]
        assert known or top not in ("napari", "qtpy", "magicgui", "superqt", "PyQt6"), module


def test_attacks_know_tensors_only():
    for path in (PACKAGE / "attacks").rglob("*.py"):
        for module in imports(path):
            top = ".".join(module.split(".")[:2])
            assert top not in ("monai.transforms", "monai.data", "monai.bundle"), path
            assert room_of(module) in (
                None,
                "attacks",
                "errors",
                "parameters",
                "budgets",
                "discovery",
                "tensors",
            )


@pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))
def test_a_file_says_what_it_is_for_and_stays_readable(path):
    text = path.read_text(encoding="utf-8")
    first = ast.get_docstring(ast.parse(text))
    assert first, "no docstring"
    assert first.splitlines()[0].endswith((".", ":", ")"))
    assert len(text.splitlines()) <= (265 if path.stem.endswith("_panel") else 280)


def loaded_after(
    code: str, heavy: tuple[str, ...] = ("torch", "monai", "napari", "SimpleITK")
) -> set[str]:
    """Which heavy packages a fresh Python has loaded after some code."""
    check = f"import sys; print(*[m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{check}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_what_the_panels_do_needs_no_qt():
    modules = ("controller", "sessions", "designer", "watch", "preview", "compare.comparison")
    code = "".join(f"import napari_segadv.viewer.{name}\n" for name in modules)
    assert loaded_after(code, ("qtpy", "PyQt6", "PySide6")) == set()


def test_importing_the_package_is_light():
    assert loaded_after("import napari_segadv") == set()
    assert loaded_after("import napari_segadv.cli") == set()


def test_finding_the_plugin_imports_neither_torch_nor_monai():
    code = """
import npe2
manager = npe2.PluginManager.instance()
manager.discover(include_npe1=False)
manifest = manager.get_manifest("napari-segadv")
assert manifest.contributions.widgets and manifest.contributions.sample_data
readers = [r.command for r in manager.iter_compatible_readers(["scan.nii.gz"])]
assert "napari-segadv.read" in readers, readers
"""
    assert not loaded_after(code) & {"torch", "monai"}


def test_reading_imports_neither_torch_nor_monai(tmp_path):
    import numpy as np

    from napari_segadv import io
    from napari_segadv.data.scan import Scan

    image = Scan.from_array(np.arange(60, dtype=np.int16).reshape(3, 4, 5), (1.0, 1.0, 1.0))
    io.save(image, tmp_path / "a.nii.gz")
    code = f"from napari_segadv.viewer.hooks import get_reader; p = {str(tmp_path / 'a.nii.gz')!r}"
    assert not loaded_after(f"{code}; get_reader(p)(p)") & {"torch", "monai"}


def test_the_manifest_at_the_top_is_the_packages():
    assert (ROOT / "napari.yaml").is_symlink()
    assert (ROOT / "napari.yaml").read_bytes() == (PACKAGE / "napari.yaml").read_bytes()


def test_the_manifest_is_valid():
    done = subprocess.run(
        [sys.executable, "-m", "npe2", "validate", "--imports", "napari-segadv"],
        capture_output=True,
        text=True,
        env={**__import__("os").environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
