"""One declaration gives the command line's values, the checks and the JSON."""

from dataclasses import dataclass
from typing import Annotated, Literal

import pytest

from napari_segadv.attacks import available
from napari_segadv.common.parameters import Param, from_texts, parameters, values
from napari_segadv.errors import SegadvError
from napari_segadv.targets import available as shapes


@dataclass(frozen=True)
class Thing:
    count: Annotated[int, Param("How many", low=1, high=9)] = 2
    size: Annotated[float | None, Param("How large", low=0.0, unit="mm")] = None
    kind: Annotated[Literal["round", "flat"], Param("Which")] = "flat"
    on: Annotated[bool, Param("Whether")] = True
    move: Annotated[tuple[float, ...], Param("Where to")] = (0.0, 1.0)
    hidden: int = 3


def test_what_is_declared():
    found = {p.name: p for p in parameters(Thing)}
    assert list(found) == ["count", "size", "kind", "on", "move"]
    assert found["size"].optional
    assert found["size"].kind is float
    assert found["kind"].choices == ("round", "flat")
    assert values(Thing()) == {
        "count": 2,
        "size": None,
        "kind": "flat",
        "on": True,
        "move": (0.0, 1.0),
    }


def test_texts():
    texts = {"count": "4", "size": "1.5", "kind": "round", "on": "no", "move": "1,-2"}
    parsed = from_texts(Thing, texts)
    assert parsed == {"count": 4, "size": 1.5, "kind": "round", "on": False, "move": (1.0, -2.0)}
    assert from_texts(Thing, {"size": "none"}) == {"size": None}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ({"count": "two"}, "count=two: must be a whole number from 1 to 9"),
        ({"on": "perhaps"}, "on=perhaps: must be true or false"),
        ({"colour": "red"}, "--set colour: no such parameter; use one of count, size"),
    ],
)
def test_texts_that_mean_nothing(text, message):
    with pytest.raises(SegadvError, match=message):
        from_texts(Thing, text)


def test_every_parameter_of_the_project_is_declared_in_full():
    declared = [*available().values(), *shapes().values()]
    assert len(declared) >= 8
    for thing in declared:
        for p in parameters(thing):
            assert p.param.doc
            assert p.kind in (int, float, bool, str, tuple)
            if not p.required:
                p.check(p.default)
            assert p.describe()["doc"] == p.param.doc
