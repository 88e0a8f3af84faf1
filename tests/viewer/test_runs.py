"""The list of a session's runs, without a window."""

import gc
from types import SimpleNamespace

import numpy as np
from napari.layers import Image

from napari_segadv.viewer.runs import Run, Runs, Verdict


def example(method="pgd"):
    return SimpleNamespace(record={"method": method})


def test_names_are_unlike_each_other():
    runs = Runs()
    made = [runs.add(example(), None) for _ in range(3)]
    assert [run.name for run in made] == ["pgd 1", "pgd 2", "pgd 3"]
    runs.rename(made[2], "pgd 1")
    assert made[2].name == "pgd 3"
    runs.rename(made[0], "big heart")
    runs.rename(made[1], "big heart")
    assert [run.name for run in runs] == ["big heart", "big heart 2", "pgd 3"]


def test_the_one_that_is_shown():
    runs, seen = Runs(), []
    runs.chosen.connect(seen.append)
    one, two = runs.add(example(), None), runs.add(example("asma"), None)
    assert runs.current is None
    runs.current = two
    runs.remove(one)
    assert seen == [two]
    runs.remove(two)
    assert seen == [two, None]
    assert len(runs) == 0


def test_an_image_that_is_gone_is_none():
    layer = Image(np.zeros((4, 4)))
    run = Runs().add(example(), layer)
    assert run.image is layer
    del layer
    gc.collect()
    assert run.image is None


def test_verdicts_are_kept_and_taken_back():
    runs, seen = Runs(), []
    runs.judged.connect(seen.append)
    run = runs.add(example(), None)
    runs.judge(run, 3, Verdict("suspicious", "left kidney"))
    assert run.verdicts == {3: Verdict("suspicious", "left kidney")}
    runs.judge(run, 3, Verdict())
    assert run.verdicts == {}
    assert seen == [run, run]
    assert isinstance(run, Run)
