"""The rooms of the package: imports run downwards, never in circles, and files stay readable."""

import ast
import os
import subprocess
import sys
import warnings
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "napari_segadv"

# From the bottom to the top: a room may import itself and the rooms on the lines before its own.
ROOMS = [
    "errors",
    "common",
    "data",
    "io targets measures samples attacks",
    "victims",
    "results",
    "training",
    "crafting",
    "reproduce",
    "viewer",
    "cli",
]
RANK = {room: rank for rank, line in enumerate(ROOMS) for room in line.split()}
# The rooms that attacks may import: themselves, and those that know nothing of the subject.
OF_ATTACKS = {"attacks", "errors", "common"}
LARGEST_ROOT, LONGEST_FUNCTION, LONG_FILE = 16, 60, 400

FILES = sorted(PACKAGE.rglob("*.py"))
each_file = pytest.mark.parametrize("path", FILES, ids=lambda p: str(p.relative_to(PACKAGE)))


def module_of(path: Path) -> str:
    """Return the dotted name of a file."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_of(path) for path in FILES}


@cache
def imports(path: Path) -> set[str]:
    """Return the modules that a file imports, also for TYPE_CHECKING and inside functions."""
    found = set()
    package = path.relative_to(ROOT).parts[:-1]
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                inner = f"{module}.{alias.name}"
                found.add(inner if inner in MODULES else module)
    return found


def room_of(module: str) -> str | None:
    parts = module.split(".")
    return parts[1] if parts[0] == "napari_segadv" and len(parts) > 1 else None


@each_file
def test_imports_run_downwards(path):
    room = room_of(module_of(path))
    if room is None:
        return
    assert room in RANK, f"{path} has no place in the list of rooms"
    for module in imports(path):
        other = room_of(module)
        if other in (None, room):
            continue
        lower = RANK[other] < RANK[room]
        assert lower, f"{path.relative_to(ROOT)} ({room}) imports {module} ({other})"


def circles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Return the groups of modules that import each other, by Tarjan's algorithm."""
    order: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found = []

    def visit(node: str) -> None:
        order[node] = low[node] = len(order)
        stack.append(node)
        for other in sorted(graph[node]):
            if other not in order:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], order[other])
        if low[node] == order[node]:
            group = [stack.pop()]
            while group[-1] != node:
                group.append(stack.pop())
            if len(group) > 1:
                found.append(sorted(group))

    for node in sorted(graph):
        if node not in order:
            visit(node)
    return found


def test_no_two_files_import_each_other():
    graph = {module_of(path): {m for m in imports(path) if m in MODULES} for path in FILES}
    found = [
        "; ".join(f"{one} -> {', '.join(sorted(graph[one] & set(group)))}" for one in group)
        for group in circles(graph)
    ]
    assert not found, "\n".join(found)


def test_circles_are_found_and_named():
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": {"e"}, "e": {"f"}, "f": {"d", "a"}}
    assert circles(graph) == [["b", "c"], ["d", "e", "f"]]


def test_the_root_holds_few_entries():
    entries = [p for p in PACKAGE.iterdir() if p.suffix == ".py" or (p / "__init__.py").exists()]
    assert len(entries) <= LARGEST_ROOT, sorted(p.name for p in entries)


@each_file
def test_every_folder_is_a_package_that_says_what_it_is_for(path):
    assert (path.parent / "__init__.py").is_file()


@each_file
def test_only_the_viewer_and_the_demo_know_napari_and_qt(path):
    where = path.relative_to(PACKAGE)
    known = where.parts[0] == "viewer" or where == Path("cli/commands/demo.py")
    for module in imports(path):
        top = module.split(".")[0]
        assert known or top not in ("napari", "qtpy", "magicgui", "superqt", "PyQt6"), module


def test_attacks_know_tensors_only():
    for path in (PACKAGE / "attacks").rglob("*.py"):
        for module in imports(path):
            top = ".".join(module.split(".")[:2])
            assert top not in ("monai.transforms", "monai.data", "monai.bundle"), path
            assert room_of(module) in {None, *OF_ATTACKS}, f"{path} imports {module}"


@each_file
def test_a_file_says_what_it_is_for(path):
    first = ast.get_docstring(ast.parse(path.read_text(encoding="utf-8")))
    assert first, "no docstring"
    assert first.splitlines()[0].endswith((".", ":", ")"))


def lengths(path: Path) -> dict[str, int]:
    """Return the number of lines of each function without its docstring."""
    found = {}
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            first = node.body[0]
            documented = isinstance(first, ast.Expr) and isinstance(first.value, ast.Constant)
            docstring = first.end_lineno - first.lineno + 1 if documented else 0
            lines = node.end_lineno - node.lineno + 1
            found[f"{node.name}, line {node.lineno}"] = lines - docstring
    return found


@each_file
def test_functions_are_short(path):
    long = {name: n for name, n in lengths(path).items() if n > LONGEST_FUNCTION}
    assert not long, f"{path.relative_to(ROOT)}: {long}"


def test_long_files_are_told():
    """Warn of long files. A long file may be one subject: look at it, but don't just cut it."""
    for path in FILES:
        count = len(path.read_text(encoding="utf-8").splitlines())
        if count > LONG_FILE:
            with warnings.catch_warnings():
                warnings.simplefilter("always")
                warnings.warn(f"{path.relative_to(ROOT)} has {count} lines", stacklevel=1)


def loaded_after(
    code: str, heavy: tuple[str, ...] = ("torch", "monai", "napari", "SimpleITK")
) -> set[str]:
    """Run some code in a new Python; return which heavy packages it has loaded."""
    check = f"import sys; print(*[m for m in {heavy} if m in sys.modules])"
    done = subprocess.run(
        [sys.executable, "-c", f"{code}\n{check}"], capture_output=True, text=True, check=True
    )
    return set(done.stdout.split())


def test_what_the_panels_do_needs_no_qt():
    modules = (
        "controller.controller",
        "runs.sessions",
        "target.designer",
        "target.difference_watch",
        "attack.preview",
        "compare.comparison",
    )
    code = "".join(f"import napari_segadv.viewer.{name}\n" for name in modules)
    assert loaded_after(code, ("qtpy", "PyQt6", "PySide6")) == set()


def test_importing_the_package_is_light():
    assert loaded_after("import napari_segadv") == set()
    assert loaded_after("import napari_segadv.cli") == set()


def test_the_public_names_are_there():
    import napari_segadv

    for name in napari_segadv.__all__:
        assert getattr(napari_segadv, name) is not None


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
    at_the_top = ROOT / "napari.yaml"
    # Where git makes no symbolic links, as on Windows, the file holds the path of the other.
    if not at_the_top.is_symlink():
        assert at_the_top.read_text().strip() == "napari_segadv/napari.yaml"
    else:
        assert at_the_top.read_bytes() == (PACKAGE / "napari.yaml").read_bytes()


def test_the_manifest_is_valid():
    done = subprocess.run(
        [sys.executable, "-m", "npe2", "validate", "--imports", "napari-segadv"],
        capture_output=True,
        text=True,
        env={**os.environ, "QT_QPA_PLATFORM": "offscreen"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
