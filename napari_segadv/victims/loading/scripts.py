"""A bundle's own Python modules: imported from what was hashed, and seen by that bundle alone.

Nearly all bundles call the folder of their code `scripts`. So what one of them imports leaves
`sys.modules` when it is done, and comes back while its network runs.
"""

import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from pathlib import Path
from threading import RLock
from types import ModuleType
from typing import Any

from torch import nn

from ...common.hashing import HashedFolder
from .contents import Contents

ENDING = ".py"
# Folders of installed packages, and packages whose names no bundle's module takes in any case.
INSTALLED = frozenset({"site-packages", "dist-packages"})
RESERVED = frozenset({"monai", "napari", "napari_segadv", "numpy", "torch", "torchvision"})
_one_at_a_time = RLock()


class Scripts(MetaPathFinder):
    """The modules of a bundle. Its `.py` files count, and nothing compiled.

    Args:
        contents: of the bundle.
    """

    def __init__(self, contents: Contents) -> None:
        self._contents = contents
        self._modules: dict[str, ModuleType] = {}
        files, folders = contents.folder.files, contents.folder.folders
        named = {name.removesuffix(".py") for name in files if name.endswith(ENDING)}
        named |= {name for name, folder in folders.items() if _holds_modules(folder, set())}
        self._tops = {name for name in named if name.isidentifier() and not _installed(name)}

    @contextmanager
    def present(self) -> Iterator[None]:
        """Let Python import these modules, in place of others with their names.

        What code does to the lists of modules and folders is undone at the end.
        """
        with _one_at_a_time:
            others = {name: sys.modules.pop(name) for name in self._own(sys.modules)}
            sys.modules.update(self._modules)
            before, places, finders = set(sys.modules), list(sys.path), list(sys.meta_path)
            written, sys.dont_write_bytecode = sys.dont_write_bytecode, True
            sys.meta_path.insert(0, self)
            try:
                yield
            finally:
                sys.dont_write_bytecode = written
                sys.path[:], sys.meta_path[:] = places, finders
                made = [*self._own(sys.modules), *self._from_its_folder(before)]
                self._modules = {name: sys.modules.pop(name) for name in dict.fromkeys(made)}
                sys.modules.update(others)

    def beside(self, network: nn.Module) -> None:
        """Have the modules present while a network runs: a function may import another."""
        if not self._modules:
            return
        entered: list[Any] = []

        def enter(*_: Any) -> None:
            entered.append(self.present())
            entered[-1].__enter__()

        def leave(*_: Any) -> None:
            if entered:
                entered.pop().__exit__(None, None, None)

        network.register_forward_pre_hook(enter)
        network.register_forward_hook(leave, always_call=True)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname.partition(".")[0] not in self._tops:
            return None
        relative = fullname.replace(".", "/")
        for file, package in ((f"{relative}/__init__.py", True), (f"{relative}.py", False)):
            if self._contents.hash_of(file) is not None:
                origin = str(self._contents.root / file)
                loader = _Loader(self._contents, file)
                spec = ModuleSpec(fullname, loader, origin=origin, is_package=package)
                spec.has_location = True
                return spec
        if self._contents.is_folder(relative):
            # A package without a file of its own. No other finder looks for its modules: it has no
            # place on the disk.
            return ModuleSpec(fullname, None, is_package=True)
        return None

    def _own(self, names: Any) -> list[str]:
        return [name for name in list(names) if name.partition(".")[0] in self._tops]

    def _from_its_folder(self, before: set[str]) -> list[str]:
        """Return the modules that code has imported from the bundle by other ways."""
        root = self._contents.root.resolve()
        files = {
            name: getattr(module, "__file__", None)
            for name, module in list(sys.modules.items())
            if name not in before
        }
        return [
            name
            for name, file in files.items()
            if isinstance(file, str) and Path(file).resolve().is_relative_to(root)
        ]


class _Loader(Loader):
    def __init__(self, contents: Contents, file: str) -> None:
        self._contents, self._file = contents, file

    def exec_module(self, module: ModuleType) -> None:
        source = self._contents.read(self._file)
        path = str(self._contents.root / self._file)
        exec(compile(source, path, "exec", dont_inherit=True), module.__dict__)


def _holds_modules(folder: HashedFolder, seen: set[int]) -> bool:
    """Return whether there is a module in a folder, however deep."""
    if id(folder) in seen:
        return False
    seen.add(id(folder))
    return any(name.endswith(ENDING) for name in folder.files) or any(
        _holds_modules(inner, seen) for inner in folder.folders.values()
    )


def _installed(name: str) -> bool:
    """Return whether a name is one of Python's own modules, or of a package that is in use."""
    if name in sys.stdlib_module_names or name in RESERVED:
        return True
    file = getattr(sys.modules.get(name), "__file__", None)
    return isinstance(file, str) and not INSTALLED.isdisjoint(Path(file).parts)
