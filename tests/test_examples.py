"""The examples in the docstrings of the main path run, in an empty folder."""

import doctest

import pytest

import napari_segadv as sa
from napari_segadv.victims import Victim

MAIN_PATH = {
    "read": sa.read,
    "load_victim": sa.load_victim,
    "craft": sa.craft,
    "PGD": sa.attacks.PGD,
    "Scan": sa.Scan,
    "Victim": Victim,
    "heart": sa.targets.heart,
    "load_example": sa.load_example,
    "repeat": sa.repeat,
    "report": sa.report,
}


@pytest.mark.parametrize("name", MAIN_PATH)
def test_the_examples_run(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    found = doctest.DocTestParser().get_doctest(
        MAIN_PATH[name].__doc__, {}, name, MAIN_PATH[name].__module__, 0
    )
    assert found.examples, f"{name} has no example"
    told = []
    doctest.DocTestRunner().run(found, out=told.append)
    assert not told, "".join(told)
