"""The texture of noise: a linear map that turns any variable of an attack into noise of one kind.

An attack by additive noise searches for a variable v, and adds the noise T(v) to the image. Without
a texture T(v) = v. A texture is a function of its name in a module of `textures`:

    def smooth(problem, grain):
        return lambda v: ...

It is called once for a run and returns T, which is linear, maps (N, C, *S) to (N, C, *S), and makes
no pixel larger than the largest of v. So what is inside an Linf budget stays inside; a budget
in another norm is one of the noise itself, see `Ball`.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from types import ModuleType
from typing import Annotated, Any, ClassVar

from torch import Tensor

from ..common.discovery import Registry
from ..common.parameters import Param
from ..errors import SegadvError
from . import textures
from .problem import Problem

Texture = Callable[[Tensor], Tensor]
# What a module declares: makes the texture on a problem's images, of a grain in pixels.
Maker = Callable[[Problem, float | None], Texture]
# What the parameter is without a texture.
ANY = "any"


def _texture_in(module: ModuleType) -> Iterator[tuple[str, Maker]]:
    name = module.__name__.rsplit(".", 1)[-1]
    yield name, getattr(module, name)


TEXTURES: Registry[Maker] = Registry(
    "texture", textures, _texture_in, group="napari_segadv.textures"
)


def choices() -> tuple[str, ...]:
    """Return what the parameter `texture` can be."""
    return ANY, *TEXTURES.all()


@dataclass(frozen=True, kw_only=True)
class Textured:
    """The parameters of an attack by additive noise that say what the noise looks like."""

    # Results that were saved before they existed had noise of any kind.
    added: ClassVar[Mapping[str, Any]] = {"texture": ANY, "grain": None}

    texture: Annotated[
        str,
        Param(
            "What the noise looks like. any: whatever helps most; smooth: without fine detail; "
            "quantum: like the noise that the image has already, and weaker where it has less",
            advanced=True,
            choices=choices,
        ),
    ] = ANY
    grain: Annotated[
        float | None,
        Param(
            "Size of the texture in pixels; none: 4 (smooth; the sigma of its Gaussian), as in the "
            "image (quantum)",
            low=0.1,
            high=1000.0,
            advanced=True,
        ),
    ] = None

    def texture_of(self, problem: Problem) -> Texture | None:
        """Return the texture of the noise on a problem's images; None: any noise.

        Raises:
            SegadvError: if the images do not suit the texture, or there is a grain without one.
        """
        if self.texture != ANY:
            return TEXTURES.get(self.texture)(problem, self.grain)
        if self.grain is not None:
            raise SegadvError(
                f"grain={self.grain:g}: is the size of a texture; choose a texture too"
            )
        return None
