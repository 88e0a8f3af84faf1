"""Parameters declared once: the form, `--set`, the JSON and the checks are made from the fields.

A parameter is a dataclass field or a keyword of a function, annotated with a `Param`:

    steps: Annotated[int, Param("Number of gradient steps", low=1)] = 40
"""

import dataclasses
import inspect
import math
import types
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

from ..errors import SegadvError

IMAGE_UNITS = "image units"


@dataclass(frozen=True)
class Param:
    """What a form needs to know about a parameter.

    Attributes:
        doc: tooltip, one sentence.
        low, high: inclusive limits, None for none.
        unit: shown after the number; IMAGE_UNITS becomes HU or grey levels.
        advanced: hidden until the user asks for it.
        step: by how much a click on the arrows changes the value.
        choices: returns the values of a text that modules found at run time allow; None: any, or
            those of its Literal.
    """

    doc: str
    low: float | None = None
    high: float | None = None
    unit: str = ""
    advanced: bool = False
    step: float | None = None
    choices: Callable[[], tuple[str, ...]] | None = None


@dataclass(frozen=True)
class Parameter:
    """A declared parameter, resolved: `kind` is int, float, bool, str or tuple."""

    name: str
    kind: type
    optional: bool
    default: Any
    choices: tuple[str, ...]
    param: Param

    @property
    def required(self) -> bool:
        return self.default is inspect.Parameter.empty

    def describe(self) -> dict[str, Any]:
        """Return the declaration as plain data, for JSON."""
        kind = {int: "integer", float: "number", bool: "boolean", str: "text"}.get(
            self.kind, "list"
        )
        return {
            "name": self.name,
            "type": kind,
            "optional": self.optional,
            "default": None if self.required else self.default,
            "choices": list(self.choices) or None,
            "low": self.param.low,
            "high": self.param.high,
            "unit": self.param.unit or None,
            "advanced": self.param.advanced,
            "doc": self.param.doc,
        }

    def parse(self, text: str) -> Any:
        """Parse a value from the command line."""
        if self.optional and text.lower() in ("none", "auto", ""):
            return None
        try:
            if self.kind is bool:
                return {
                    "true": True,
                    "yes": True,
                    "1": True,
                    "false": False,
                    "no": False,
                    "0": False,
                }[text.lower()]
            if self.kind is tuple:
                return tuple(float(part) for part in text.split(","))
            return self.kind(text)
        except (ValueError, KeyError):
            raise SegadvError(f"{self.name}={text}: must be {self.expected()}") from None

    def expected(self) -> str:
        """Describe the valid values in words."""
        if self.choices:
            return "one of " + ", ".join(self.choices)
        kinds = {int: "a whole number", float: "a number", bool: "true or false", str: "text"}
        text = kinds.get(self.kind, "comma-separated numbers")
        low, high = self.param.low, self.param.high
        if low is not None and high is not None:
            text += f" from {low:g} to {high:g}"
        elif low is not None:
            text += f" of {low:g} or more"
        elif high is not None:
            text += f" of {high:g} or less"
        return text + (", or none" if self.optional else "")

    def check(self, value: Any) -> None:
        """Raise SegadvError if a value is of the wrong kind or outside the limits."""
        if value is None and self.optional:
            return
        numbers = value if self.kind is tuple and isinstance(value, tuple) else (value,)
        number = float if self.kind is tuple else self.kind
        fits = all(
            isinstance(v, bool) if number is bool
            else isinstance(v, (int, float)) and not isinstance(v, bool) if number is float
            else isinstance(v, number) and not isinstance(v, bool)
            for v in numbers
        )  # fmt: skip
        low, high = self.param.low, self.param.high
        if fits and number in (int, float):
            # Comparing this way round refuses NaN.
            fits = all(
                abs(v) < math.inf and (low is None or v >= low) and (high is None or v <= high)
                for v in numbers
            )
        if not fits or (self.choices and value not in self.choices):
            raise SegadvError(f"{self.name}={value}: must be {self.expected()}")


def parameters(declared: type | Callable[..., Any]) -> tuple[Parameter, ...]:
    """Return the parameters that a dataclass or a function declares, in order."""
    hints = get_type_hints(declared, include_extras=True)
    found = []
    for name, argument in inspect.signature(declared).parameters.items():
        hint = hints.get(name)
        if get_origin(hint) is not Annotated:
            continue
        inner, *extras = get_args(hint)
        param = next((extra for extra in extras if isinstance(extra, Param)), None)
        if param is None:
            continue
        kind, optional, choices = _resolve(inner)
        choices = choices if param.choices is None else param.choices()
        default = argument.default
        found.append(Parameter(name, kind, optional, default, choices, param))
    return tuple(found)


def _resolve(hint: Any) -> tuple[type, bool, tuple[str, ...]]:
    """Return the kind, whether None is allowed, and the choices of a Literal."""
    optional = False
    if get_origin(hint) in (Union, types.UnionType):
        inner = [arm for arm in get_args(hint) if arm is not type(None)]
        optional, hint = len(inner) < len(get_args(hint)), inner[0]
    if get_origin(hint) is Literal:
        return str, optional, get_args(hint)
    if get_origin(hint) is tuple:
        return tuple, optional, ()
    return hint, optional, ()


def check(instance: Any) -> None:
    """Check every declared field of a dataclass instance; call it from __post_init__."""
    for parameter in parameters(type(instance)):
        parameter.check(getattr(instance, parameter.name))


def from_texts(declared: type, settings: Mapping[str, str]) -> dict[str, Any]:
    """Return keyword arguments from `--set name=value` strings.

    Raises:
        SegadvError: if a name is not declared or a value is invalid.
    """
    known = {parameter.name: parameter for parameter in parameters(declared)}
    for name in settings:
        if name not in known:
            raise SegadvError(f"--set {name}: no such parameter; use one of {', '.join(known)}")
    return {name: known[name].parse(text) for name, text in settings.items()}


def values(instance: Any) -> dict[str, Any]:
    """Return the declared parameters of a dataclass instance by name, for JSON."""
    declared = {parameter.name for parameter in parameters(type(instance))}
    return {k: v for k, v in dataclasses.asdict(instance).items() if k in declared}
