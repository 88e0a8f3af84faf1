"""Works out a bundle's configuration: first what that would run, then, once agreed to, its values.

Both go the same way through the configuration, so what runs is what was listed. MONAI's own parser
is not asked: it evaluates every import of a file and builds whatever a reference leads to.
"""

import ast
import functools
import importlib
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from ...common.yaml_data import MOST_NODES
from ...errors import SegadvError
from ..preprocessing.chain import KNOWN as STEPS
from ..preprocessing.chain import UNSEEN, plain_name
from . import consent
from .bundle_config import (
    MACRO,
    REFERENCE,
    BundleConfig,
    Place,
    arguments_of,
    place_of,
)
from .bundle_places import place_before, place_of_inferer
from .expressions import Budget, Component, NotPlain, Plain, count
from .names import import_in, imported, imports_in, located
from .network import build, cause, network_class, read_tensors, without_fetching
from .values import (
    Code,
    holds_code,
    holds_components,
    holds_loose_code,
    is_true,
    literals,
    transforms_in,
)
from .written_out import written_out

# How a component may be made: called, or handed on with its arguments.
MODES = ("default", "callable")
# Most steps of a preprocessing or postprocessing: an expression may repeat them without end.
MOST_STEPS = 200
# Names that every expression may use, as with MONAI.
KNOWN = {"monai": "monai", "torch": "torch", "np": "numpy", "numpy": "numpy"}
# Modules that plain expressions name; a file may import something else under their names.
NAMED = {**KNOWN, "os": "os", "math": "math"}

# Stands for what is written at a place and has not been looked up.
LOOK_UP: Any = object()


class _Disabled:
    """What a component with `"_disabled_": true` is worth."""


class Evaluation:
    """Goes through a configuration.

    Args:
        config: the configuration.
        agreed: what may run, as an earlier pass listed it; None: list it, and run nothing.
        budget: of what expressions compute; None: a new one.

    Attributes:
        runs: what would run, or has run, in the order of the configuration.
    """

    def __init__(
        self,
        config: BundleConfig,
        agreed: Sequence[str] | None = None,
        budget: Budget | None = None,
    ) -> None:
        self.runs: dict[str, None] = {}
        self._config = config
        self._agreed = None if agreed is None else frozenset(agreed)
        self._imports = dict(imports_in(config.content))
        self._taken = frozenset(
            name for name, (_, _, origin) in self._imports.items() if NAMED.get(name) != origin
        )
        self._known: dict[tuple[Place, bool], tuple[Any, int]] = {}
        self._open: set[tuple[Place, bool]] = set()
        self._nodes = 0
        self._budget = budget or Budget(config.source)
        # What expressions have given: one is evaluated once, though it is asked for twice.
        self._given: dict[str, Any] = {}
        # What files of weights that expressions read have held, by their paths.
        self._tensors_of: dict[str, Any] = {}
        # Reads what never runs, and lists nothing here.
        self._beside: Evaluation | None = None

    def network(self) -> Any:
        """Return the network, built; or a `Code` in its place while nothing may run."""
        return self._value(self._config.network_place, True)

    def part(self, key: str) -> Any:
        """Return a part with its components as data; {} if there is none, or it is disabled."""
        return self.at((key,) if self._config.has(key) else None)

    def at(self, place: Place | None) -> Any:
        """Return what stands at a place as data; a `Code` in place of what would have to run.

        Components are data, too; {} if there is nothing, or it is disabled.
        """
        found = {} if place is None else self._value(place, False)
        return {} if isinstance(found, _Disabled) else found

    def arguments(self) -> dict[str, Any]:
        """Return the network's arguments as data."""
        found = self._value(self._config.network_place, False)
        return arguments_of(found) if isinstance(found, Component) else {}

    def target(self) -> Any:
        """Return the network's `_target_`; None if it has none."""
        found = self._value(self._config.network_place, False)
        return found.get("_target_") if isinstance(found, Component) else None

    def transforms(self) -> list[Any]:
        """Return the transforms of the preprocessing as data.

        Raises:
            SegadvError: if they are composed in a way that is not reproduced.
        """
        return self.transforms_at(place_before(self._config))

    def transforms_at(self, place: Place | None) -> list[Any]:
        """Return the transforms at a place as data; raises as `transforms` does."""
        try:
            found = transforms_in(self.at(place))
            if len(found) > MOST_STEPS:
                raise SegadvError(
                    f"holds {len(found)} steps, of which at most {MOST_STEPS} are taken; leave "
                    "some out"
                )
            plain = [x for x in found if isinstance(x, Mapping) and not isinstance(x, Component)]
            if any("_target_" in one for one in plain):
                raise SegadvError(
                    "a step is a dictionary that an expression makes, which MONAI does not build; "
                    "write it out"
                )
            return found
        except SegadvError as error:
            if str(error).startswith(str(self._config.source)):
                raise
            where = "::".join(place or ())
            raise SegadvError(f"{self._config.source}: {where}: {error}") from None

    def made(self, component: Component) -> Any:
        """Return a component, built; or a `Code` in its place while nothing may run."""
        return self._value(component.place, True)

    def inferer(self) -> Mapping[str, Any]:
        found = self.at(place_of_inferer(self._config))
        return found if isinstance(found, Mapping) else {"_target_": found}

    def parsed(self, raw: str, place: Place) -> tuple[ast.Expression, dict[str, tuple[Place, str]]]:
        """Parse an expression; return it with names in place of its references, and those.

        Raises:
            SegadvError: if it is none.
        """
        return self._read(raw, place)

    def plain(self, node: ast.expr, references: Mapping[str, tuple[Place, str]]) -> Any:
        """Return the value of a part of an expression.

        Raises:
            NotPlain: if it is code.
        """
        return self._argument(node, references)

    def calls(
        self, part: str, methods: Collection[str]
    ) -> Iterator[tuple[str, list[Any], dict[str, Any]]]:
        """Yield the calls of a part's methods that stand alone in an expression: none runs.

        Args:
            part: the key of the part.
            methods: the names of the methods.

        Returns:
            A method's name, its arguments by place and by name.

        Raises:
            SegadvError: if an argument is code.
        """
        for place, raw in _expressions_in(self._config.content):
            if f"@{part}" not in raw or import_in(raw) is not None:
                continue
            tree, references = self._read(raw, place)
            call = tree.body
            if not (isinstance(call, ast.Call) and isinstance(call.func, ast.Attribute)):
                continue
            of = call.func.value
            whose = references.get(of.id, ((), ""))[0] if isinstance(of, ast.Name) else ()
            if whose != (part,) or call.func.attr not in methods:
                continue
            try:
                given = [self._argument(one, references) for one in call.args]
                named = {
                    str(one.arg): self._argument(one.value, references) for one in call.keywords
                }
            except NotPlain:
                raise SegadvError(
                    f"{self._config.source}: {'::'.join(place)} has an argument that is code; "
                    "write it out"
                ) from None
            yield call.func.attr, given, named

    def _argument(self, node: ast.expr, references: Mapping[str, tuple[Place, str]]) -> Any:
        return self._plain(ast.Expression(node), references, False)

    def _value(self, place: Place, built: bool, named: str = "", raw: Any = LOOK_UP) -> Any:
        """Return the value at a place.

        Args:
            place: the place.
            built: whether components are built, not left as data.
            named: how the configuration refers to it.
            raw: what is written there, if that is known.
        """
        key = (place, built)
        if key in self._known:
            value, size = self._known[key]
            self._count(size)
            return value
        if key in self._open:
            raise SegadvError(f"{self._config.source}: {'::'.join(place)} refers to itself")
        self._open.add(key)
        before = self._nodes
        try:
            raw = self._config.at(place, named) if raw is LOOK_UP else raw
            value = self._of(raw, place, built)
        finally:
            self._open.discard(key)
        self._known[key] = value, self._nodes - before
        return value

    def _count(self, size: int) -> None:
        self._nodes += size
        if self._nodes > MOST_NODES:
            raise SegadvError(
                f"{self._config.source}: its references stand for more than {MOST_NODES} values; "
                "write them out"
            )

    def _of(self, raw: Any, place: Place, built: bool) -> Any:
        self._count(1)
        if isinstance(raw, Mapping):
            if "_target_" in raw:
                return self._component(raw, place, built)
            found = self._entries(raw.items(), place, built)
            return {key: one for key, one in found if not isinstance(one, _Disabled)}
        if isinstance(raw, list):
            found = self._entries(enumerate(raw), place, built)
            return [one for _, one in found if not isinstance(one, _Disabled)]
        if not isinstance(raw, str):
            return raw
        if raw.startswith("$"):
            return self._expression(raw, place, built)
        if raw.startswith("%"):
            return self._macro(raw, place, built)
        reference = REFERENCE.fullmatch(raw)
        if reference:
            return self._value(place_of(reference, place), built, raw)
        return raw

    def _entries(
        self, entries: Iterable[tuple[Any, Any]], place: Place, built: bool
    ) -> Iterator[tuple[Any, Any]]:
        """Yield the values of entries with their keys."""
        for key, one in entries:
            yield key, self._value((*place, str(key)), built, raw=one)

    def _macro(self, raw: str, place: Place, built: bool) -> Any:
        """Return a copy of another part of the file."""
        found = MACRO.fullmatch(raw)
        if found is None:
            raise SegadvError(
                f"{self._config.source}: {'::'.join(place)} takes {raw[1:80]} from another file; "
                "write it out here"
            )
        copied = self._config.at(place_of(found, place), raw)
        if isinstance(copied, str) and copied.startswith("%"):
            raise SegadvError(f"{self._config.source}: {raw} leads to another macro; write it out")
        target = place_of(found, place)
        if built and isinstance(copied, Mapping) and "_target_" in copied:
            # A component of its own, with weights of its own.
            return self._of(copied, target, built)
        return self._value(target, built, raw, copied)

    def _expression(self, raw: str, place: Place, built: bool) -> Any:
        size, held = self._nodes, 0
        line = f"{'::'.join(place)}: {raw}"
        try:
            if import_in(raw) is not None:
                return self._run(line, raw, lambda: imported(raw))
            tree, references = self._read(raw, place)
            try:
                value = self._plain(tree, references, built)
                held = count(value)
                return value
            except NotPlain:
                pass
            return self._run(
                line, raw, lambda: self._evaluated(tree, references, place), tree, references
            )
        finally:
            # What an expression refers to is no part of its value, but what it makes is.
            self._nodes = size + 1 + held

    def _read(self, raw: str, place: Place) -> tuple[ast.Expression, dict[str, tuple[Place, str]]]:
        """Parse an expression; return it with names in place of its references, and those."""
        references: dict[str, tuple[Place, str]] = {}
        if len(raw) > consent.LONGEST_PIECE:
            raise SegadvError(
                f"{self._config.source}: {'::'.join(place)} is an expression of {len(raw)} "
                "letters, more than a question can show; write it shorter"
            )

        def named(found: Any) -> str:
            name = f"_reference_{len(references)}"
            references[name] = place_of(found, place), found.group()
            return f" {name} "

        text = REFERENCE.sub(named, raw[1:]).strip()
        if "#" in text:
            raise SegadvError(
                f"{self._config.source}: {'::'.join(place)} holds a # beside its references, for "
                "which MONAI reads ::; write it otherwise"
            )
        try:
            return ast.parse(text, mode="eval"), references
        except (SyntaxError, ValueError, MemoryError, RecursionError) as error:
            reason = error.msg if isinstance(error, SyntaxError) else type(error).__name__
            raise SegadvError(
                f"{self._config.source}: {'::'.join(place)} is no expression ({reason}); correct it"
            ) from None

    def _plain(
        self, tree: ast.Expression, references: Mapping[str, tuple[Place, str]], built: bool
    ) -> Any:
        def names(name: str) -> Any:
            if name not in references:
                raise NotPlain
            value = self._value(references[name][0], False, references[name][1])
            # Code in components that are only passed on is listed, or evaluated, with them.
            if isinstance(value, Component) or holds_loose_code(value):
                raise NotPlain
            return value

        plain = Plain(names, self._tensors, self._taken, self._budget.spend)
        value = plain.value(tree.body)
        if holds_loose_code(value) or (built and holds_components(value)):
            raise NotPlain
        return value

    def _tensors(self, path: str) -> Any:
        """Read a file of the bundle as weights, for `$torch.load(...)`."""
        relative = self._config.inside(path)
        if relative is None:
            raise NotPlain
        try:
            if relative not in self._tensors_of:
                held = self._config.contents.read(relative)
                self._tensors_of[relative] = read_tensors(held, self._config.root / relative)
            return self._tensors_of[relative]
        except SegadvError:
            raise
        except Exception:  # noqa: BLE001 - a file that is more than data makes torch raise anything
            raise NotPlain from None

    def _run(
        self,
        line: str,
        raw: str,
        action: Any,
        tree: ast.Expression | None = None,
        references: Mapping[str, tuple[Place, str]] | None = None,
    ) -> Any:
        """List what an expression runs, or run it."""
        self._note(line)
        for _, text, origin in self._used(tree):
            self._note(f"{origin}: {text}")
        if self._agreed is not None:
            if line not in self._given:
                with self._explained():
                    self._given[line] = action()
            return self._given[line]
        for place, named in (references or {}).values():
            found = self._value(place, True, named)
            if place != ("bundle_root",):
                self._note_literals(found, "::".join(place))
        return Code(raw)

    def _note(self, line: str) -> None:
        """List what would run; or make sure that it was listed, and that somebody agreed."""
        if self._agreed is not None and line not in self._agreed:
            raise SegadvError(
                f"{self._config.source}: would run what nobody has agreed to ({line[:160]}); "
                "load it again"
            )
        self.runs[line] = None

    def _used(self, tree: ast.Expression | None) -> Iterator[tuple[str, str, str]]:
        """Yield the name, text and place of the imports that an expression uses."""
        names = {node.id for node in ast.walk(tree) if isinstance(node, ast.Name)} if tree else ()
        for name in sorted(names):
            if name in self._imports:
                text, place, _ = self._imports[name]
                yield name, text, "::".join(place)

    def _evaluated(
        self, tree: ast.Expression, references: Mapping[str, tuple[Place, str]], place: Place
    ) -> Any:
        scope = {name: importlib.import_module(module) for name, module in KNOWN.items()}
        for name, text, _ in self._used(tree):
            scope[name] = imported(text, name)
        values = {
            name: self._value(target, True, named) for name, (target, named) in references.items()
        }
        return eval(compile(tree, f"<{'::'.join(place)}>", "eval"), {**scope, **values})

    def _component(self, raw: Mapping[Any, Any], place: Place, built: bool) -> Any:
        def inner(key: str, default: Any = None) -> Any:
            return self._value((*place, key), built, raw=raw[key]) if key in raw else default

        target = inner("_target_")
        if built:
            inner("_requires_")
        disabled = inner("_disabled_")
        if is_true(disabled):
            return _Disabled()
        if not built:
            data = Component({"_target_": target})
            data.place = place
            given = arguments_of(raw).items()
            if isinstance(target, str) and plain_name(target, STEPS) in UNSEEN:
                data.update((key, self._aside(one, (*place, str(key)))) for key, one in given)
            else:
                data.update(self._entries(given, place, False))
            if isinstance(disabled, Code):
                data["_disabled_"] = disabled
            return data
        mode = inner("_mode_", MODES[0])
        if mode not in MODES:
            raise SegadvError(
                f"{self._config.source}: {'::'.join(place)} has the mode {mode}, which stops the "
                "program; remove it"
            )
        arguments = dict(self._entries(arguments_of(raw).items(), place, True))
        harmless = isinstance(target, str) and consent.harmless(target)
        if not harmless:
            self._note_component(target, raw["_target_"], arguments, "::".join(place))
        if self._agreed is None:
            for text in consent.fetches(target, arguments) if harmless else ():
                self._note(f"{'::'.join(place)}: {text}")
            return Code(f"{'::'.join(place)}: {target}")
        if harmless and mode == MODES[0]:
            return build(target, arguments, self._config.source, self._config.contents.size())
        with self._explained():
            if harmless:
                found: Any = network_class(target, self._config.source)
            else:
                found = located(target) if isinstance(target, str) else target
            if isinstance(found, type):
                arguments = without_fetching(found, arguments)
            made = functools.partial(found, **arguments)
            return made if mode != MODES[0] else made()

    def _aside(self, raw: Any, place: Place) -> Any:
        """Return an argument that never runs, of a step that is read and not built.

        That is its value if it is plain, and else what is written there.
        """
        if not isinstance(raw, (str, list, Mapping)):
            return raw
        if self._beside is None:
            self._beside = Evaluation(self._config, budget=self._budget)
        try:
            value = self._beside._value(place, False, raw=raw)
        except SegadvError:
            self._beside._nodes = 0
            return raw
        return raw if holds_code(value) or holds_components(value) else value

    def _note_component(
        self, target: Any, written: Any, arguments: Mapping[str, Any], where: str
    ) -> None:
        """List a component that is built, with all of its arguments; or make sure that it was.

        Args:
            target: what is called.
            written: the same as the configuration has it: the expression, if it is one.
            arguments: given to it.
            where: its place.
        """
        line, by_expression = (f"{where}: _target_ {one}" for one in (target, written))
        if self._agreed is not None:
            self._note(line if line in self._agreed else by_expression)
            return
        self._note(by_expression if isinstance(target, Code) else line)
        for key, value in arguments.items():
            self._note_literals(value, f"{where}::{key}")

    def _note_literals(self, value: Any, where: str) -> None:
        """List what code is given, in full: it may be code as well."""
        for place, leaf in literals(value, where):
            name = f"{self._config.source}: {place}"
            self._note(f"{place}: {written_out(leaf, consent.LONGEST_PIECE, name)}")

    @contextmanager
    def _explained(self) -> Iterator[None]:
        """Turn what somebody else's code raises into one line with the innermost cause."""
        outer = sys.exception()
        try:
            yield
        except SegadvError:
            raise
        except Exception as error:  # noqa: BLE001 - it is somebody else's code that runs here
            source, reason = self._config.source, cause(error, outer)
            raise SegadvError(
                f"{source}: its code failed ({reason}); check the bundle's requirements"
            ) from None


def _expressions_in(value: Any, place: Place = ()) -> Iterator[tuple[Place, str]]:
    """Yield the expressions anywhere in a file, with their places."""
    if isinstance(value, str) and value.startswith("$"):
        yield place, value
    elif isinstance(value, list):
        for number, one in enumerate(value):
            yield from _expressions_in(one, (*place, str(number)))
    elif isinstance(value, Mapping):
        for key, one in value.items():
            yield from _expressions_in(one, (*place, str(key)))
