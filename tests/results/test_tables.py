"""Results in words and as a table: every figure with its units, and only settings that differ."""

import csv
from dataclasses import replace

import pytest

import napari_segadv as sa
from napari_segadv.results.tables import as_csv, compared, facts, outcome


@pytest.fixture
def examples(scan2d, band_victim):
    attacks = sa.attacks.PGD(epsilon=12.0, steps=2), sa.attacks.get("deform")(steps=2)
    target = band_victim.predict(scan2d).array.copy()
    target[:20] = 0
    return [sa.craft(scan2d, band_victim, attack, target=target) for attack in attacks]


def test_one_line(examples):
    pgd, deform = map(outcome, examples)
    assert pgd.startswith("pgd, budget 12 grey levels\nstopped at ")
    assert f"IoU {examples[0].measures['target_iou']:.2f}"[:-1] in pgd
    assert deform.startswith("deform, no budget\nstopped at ")


def test_all_parameters_and_figures_are_told(examples):
    found = facts(examples[0])
    assert found["steps"] == found["steps taken"] == "2"
    assert found["step"] == examples[0].record["parameters"]["step"]
    assert found["largest change (grey level)"] == "12"
    assert found["kind"] == "targeted"
    assert found["goal"] == "0.99"
    assert found["goal reached"] in ("yes", "no")
    assert set(examples[0].record["parameters"]) - {"epsilon", "norm"} <= set(found)


def test_what_is_the_same_is_left_out(examples):
    rows = compared(["one, of them", "two"], [examples[0], examples[0]])
    titles = [row[0] for row in rows]
    assert "seed" not in titles
    assert "steps" not in titles
    assert {"method", "kind", "target IoU", "mean change (grey level)"} <= set(titles)
    rows = compared(["one, of them", "two"], examples)
    titles = [row[0] for row in rows]
    assert "budget" in titles
    assert all(len(row) == 3 for row in rows)
    assert [tuple(row) for row in csv.reader(as_csv(rows).splitlines())] == rows


def test_an_untargeted_result(scan2d, band_victim):
    attack = sa.attacks.PGD(epsilon=30.0, norm="l2", steps=1)
    example = sa.craft(scan2d, band_victim, attack)
    assert "budget 30 grey levels (L2)" in outcome(example)
    assert not example.succeeded
    assert outcome(example).endswith(f"\n{example.ending}")
    record = {**example.record, "succeeded": True}
    reached = replace(example, record=record, measures={**example.measures, "moved": 0.9956})
    assert outcome(reached).endswith("\ngoal reached, changed as asked 0.995")
    assert "target IoU" not in facts(example)
