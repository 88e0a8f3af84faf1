"""Packages of others that a format needs: imported when a file needs them, never required."""

import importlib
import warnings
from types import ModuleType

from ...errors import SegadvError
from .network import one_line
from .offline import offline


def needed(module: str, extra: str) -> ModuleType:
    """Import a module of another package, without reaching the network.

    Args:
        module: its name.
        extra: the extra of this package that installs it.

    Raises:
        SegadvError: if it is not here, or does not fit the torch that is here.
    """
    try:
        with warnings.catch_warnings(), offline():
            warnings.simplefilter("ignore")
            return importlib.import_module(module)
    except ImportError as error:
        raise SegadvError(
            f'needs a package that is not here ({one_line(error)}); run: pip install "'
            f'napari-segadv[{extra}]"'
        ) from None
    except (RuntimeError, AttributeError, OSError) as error:
        # So does torchvision that was made for another build of torch.
        raise SegadvError(
            f"needs {module}, which can't be imported ({one_line(error)}); install torch and "
            "torchvision of one release, from one index"
        ) from None
