"""MONAI without the packages that it only might need: they are imported on their first use.

`import monai` imports all of MONAI, and with it SciPy's statistics, pandas, nibabel and others, for
readers, filters and tables that few runs ask for. They take three times as long as MONAI itself.
MONAI asks for them by a function of its own, `optional_import`, which here gives a stand-in. One
it imports outright, matplotlib's pyplot, which looks at every font of the machine when it is
imported for the first time; that module is there at once, but loaded on its first use.
"""

import importlib
import inspect
import sys
from collections.abc import Callable, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import LazyLoader, find_spec
from types import ModuleType
from typing import Any

# The module of MONAI that has the function; MONAI imports it before all others.
ASKED_IN, ASKED_BY = "monai.utils.module", "optional_import"
# What can wait, with all modules in it: MONAI derives no class from one of theirs, catches none of
# their exceptions, and calls none of their functions while it is imported.
CAN_WAIT = (
    *("nibabel", "pandas", "pydicom", "requests", "skimage"),
    *("scipy.optimize", "scipy.signal", "scipy.sparse", "scipy.spatial"),
)
# What MONAI imports without asking, and uses only if it draws.
DRAWS = "matplotlib.pyplot"


class Late:
    """Stands for a module, or for a function or class in one, and imports it on its first use."""

    def __init__(self, module: str, name: str) -> None:
        self._asked = module, name

    def _found(self) -> Any:
        module, name = self._asked
        found = importlib.import_module(module)
        return getattr(found, name) if name else found

    def __getattr__(self, name: str) -> Any:
        if name == "_asked":  # of a copy that is still empty
            raise AttributeError(name)
        return getattr(self._found(), name)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._found()(*args, **kwargs)

    def __instancecheck__(self, instance: Any) -> bool:
        return isinstance(instance, self._found())


def waiting(theirs: Callable[..., tuple[Any, bool]]) -> Callable[..., tuple[Any, bool]]:
    """Return MONAI's `optional_import`, but with a `Late` for what is there and can wait."""
    signature = inspect.signature(theirs)

    def optional_import(*args: Any, **kwargs: Any) -> tuple[Any, bool]:
        bound = signature.bind(*args, **kwargs)
        bound.apply_defaults()
        asked = bound.arguments
        module, version = asked["module"], asked["version"]
        can_wait = any(f"{module}.".startswith(f"{one}.") for one in (*CAN_WAIT, DRAWS))
        package = module.partition(".")[0]
        # To import pyplot once more would load it.
        here = module in sys.modules and module != DRAWS
        if not can_wait or here or find_spec(package) is None:
            return theirs(*args, **kwargs)
        # To know the version of SciPy, it is enough to import its first file.
        if version and not asked["version_checker"](importlib.import_module(package), version):
            return theirs(*args, **kwargs)
        return Late(module, asked["name"]), True

    return optional_import


class _Loader(Loader):
    """Loads the module as its own loader does, then replaces the function."""

    def __init__(self, own: Loader) -> None:
        self.own = own

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self.own.create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self.own.exec_module(module)
        module.__loader__ = self.own
        if module.__spec__ is not None:
            module.__spec__.loader = self.own
        setattr(module, ASKED_BY, waiting(getattr(module, ASKED_BY)))


class _Finder(MetaPathFinder):
    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if fullname not in (ASKED_IN, DRAWS):
            return None
        spec = PathFinder.find_spec(fullname, path)
        if spec is not None and spec.loader is not None:
            late = _Loader if fullname == ASKED_IN else LazyLoader
            spec.loader = late(spec.loader)
        return spec


def install() -> None:
    """Let MONAI wait, if it is imported from now on."""
    if not any(isinstance(finder, _Finder) for finder in sys.meta_path):
        sys.meta_path.insert(0, _Finder())
