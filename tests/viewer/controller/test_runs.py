"""The list of a session's runs, without a window."""

import gc
from dataclasses import replace

import numpy as np
from napari.layers import Image

from napari_segadv.viewer.controller.runs import Runs, Verdict


def test_names_are_unlike_each_other(flat):
    runs = Runs()
    made = [runs.add(flat, None) for _ in range(3)]
    assert [run.name for run in made] == ["pgd 1", "pgd 2", "pgd 3"]
    runs.rename(made[2], "pgd 1")
    assert made[2].name == "pgd 3"
    runs.rename(made[0], "big heart")
    runs.rename(made[1], "big heart")
    assert [run.name for run in runs] == ["big heart", "big heart 2", "pgd 3"]


def test_the_one_that_is_shown(flat):
    runs, seen = Runs(), []
    runs.chosen.connect(seen.append)
    other = replace(flat, record={**flat.record, "method": "asma"})
    one, two = runs.add(flat, None), runs.add(other, None)
    assert [run.name for run in runs] == ["pgd 1", "asma 1"]
    assert two.example is other
    assert runs.current is None
    runs.current = two
    runs.remove(one)
    assert seen == [two]
    runs.remove(two)
    assert seen == [two, None]
    assert len(runs) == 0


def test_an_image_that_is_gone_is_none(flat):
    layer = Image(np.zeros((4, 4)))
    run = Runs().add(flat, layer)
    assert run.image is layer
    del layer
    gc.collect()
    assert run.image is None


def test_verdicts_are_kept_and_taken_back(flat):
    runs, seen = Runs(), []
    runs.judged.connect(seen.append)
    run = runs.add(flat, None)
    run.saved = True
    runs.judge(run, 3, Verdict("suspicious", "left kidney"))
    assert run.verdicts == {3: Verdict("suspicious", "left kidney")}
    # What was said since is in no folder.
    assert not run.saved
    runs.judge(run, 3, Verdict())
    assert run.verdicts == {}
    assert seen == [run, run]
