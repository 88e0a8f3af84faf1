"""segadv reproduce: each table on small cases, its files, and the input that it refuses."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import torch
from helpers import bands, disc_image, disc_labels, finish, mask_on

from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.io.cases import Case
from napari_segadv.reproduce import command, get, names
from napari_segadv.reproduce.bench import Bench, rises
from napari_segadv.reproduce.cells import Cells
from napari_segadv.reproduce.command import reproduce
from napari_segadv.reproduce.making.small_budgets import CHANGES
from napari_segadv.reproduce.papers import small_budgets
from napari_segadv.reproduce.surrogate import train_surrogates
from napari_segadv.victims import load_victim

PIXELS = [
    *("untargeted", "heart", "heart-variants", "resize", "asma", "smia", "synthesis"),
    *("black-box", "sizes", "small-budgets"),
]


@pytest.fixture
def table(tmp_path):
    """Two cases of discs as a CSV."""
    lines = ["image,mask"]
    for seed in range(2):
        scan = Scan.from_array(disc_image(seed=seed))
        io.save(scan, tmp_path / f"{seed}.png")
        mask = Mask(disc_labels(), Grid.pixels((48, 64)), ())
        io.save_mask(mask, tmp_path / f"{seed}_mask.png")
        lines.append(f"{seed}.png,{seed}_mask.png")
    path = tmp_path / "cases.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def surrogate(band_victim):
    other = bands()
    other[1].bias.data += torch.tensor([0.0, 0.3, 0.0])
    return replace(band_victim, network=other, name="another")


@pytest.mark.parametrize("name", PIXELS)
def test_each_table_is_made_and_saved(name, table, band_victim, surrogate, tmp_path):
    out = tmp_path / "out"
    run = reproduce(
        name, out, victim=band_victim, cases=table, surrogate=surrogate, quick=True, device="cpu"
    )
    report, states = finish(run)
    assert all(str(state) and state.step < state.steps for state in states)
    names_written = {path.name for path in out.iterdir()}
    pictures = {"picture.png"} if name == "heart-variants" else set()
    assert (
        names_written == {"table.md", "table.csv", "figure.png", "result.json", "cells"} | pictures
    )
    assert not list((out / "cells").glob("*.lock"))
    facts = json.loads((out / "result.json").read_text())
    assert facts["passes"]["forward"] > facts["passes"]["backward"] > 0
    assert facts["quick"] is True
    assert len(facts["cases"]) == 1
    with (out / "table.csv").open() as file:
        head, *rows = list(csv.reader(file))
    assert head == list(report.columns)
    assert len(rows) == len(report.rows)
    assert all(len(row) == len(head) for row in rows)
    text = (out / "table.md").read_text()
    assert get(name).SOURCE in text
    assert all(finding in text for finding in report.findings)


OPTIONS = ["no option", "momentum", "DI", "TI", "SI", "DI, TI, SI"]
SEVERAL = ["2 surrogates", "all of these"]
AIMS = ("away from the truth", "large heart")


def by_option(report):
    """Return the rows of a black box that are of an option, by their name."""
    return {row[0]: row for row in report.rows if row[0].startswith(tuple(f"{a}, " for a in AIMS))}


def test_the_black_box_measures_each_option(table, band_victim, surrogate, tmp_path, monkeypatch):
    """With several surrogates, also on all of them at once."""
    asked, craft = [], Bench.attack

    def noted(self, scan, attack, **options):
        asked.append((attack, options["surrogate"]))
        return craft(self, scan, attack, **options)

    monkeypatch.setattr(Bench, "attack", noted)
    third = replace(surrogate, network=bands((90.0, 150.0)), name="third")
    settings = {"victim": band_victim, "cases": table, "quick": True, "device": "cpu"}
    alone, _ = finish(reproduce("black-box", tmp_path / "1", surrogate=surrogate, **settings))
    both = [surrogate, third]
    report, _ = finish(reproduce("black-box", tmp_path / "2", surrogate=both, **settings))
    rows = by_option(report)
    assert list(rows) == [f"{aim}, {name}" for aim in AIMS for name in OPTIONS + SEVERAL]
    assert list(by_option(alone)) == [f"{aim}, {name}" for aim in AIMS for name in OPTIONS]
    # The same is measured as in the rows of the paper, at the largest budget.
    measured = ("all structures with the truth", "heart with its target")
    for aim, what in zip(AIMS, measured, strict=True):
        own = [rows[f"{aim}, {name}"] for name in OPTIONS + SEVERAL]
        assert {row[1:5] for row in own} == {(what, 0.16, 0.16 / 2 * 255, "")}
        (before,) = [row for row in report.rows if row[:3] == (aim, what, 0.16)]
        assert own[0][5:] == before[5:]
    lowest = min(rows[f"{AIMS[0]}, {name}"][5] for name in (OPTIONS + SEVERAL)[1:])
    highest = max(rows[f"{AIMS[1]}, {name}"][5] for name in (OPTIONS + SEVERAL)[1:])
    assert f"it leaves an IoU of {lowest:.1f} with the truth" in report.findings[2]
    assert f"the heart alone has an IoU of {highest:.1f}" in report.findings[3]
    made = [
        (one.step, one.diversity, one.translation, one.scales, len(on)) for one, on in asked[-14:]
    ]
    expected = [
        *(("momentum", 0.0, 0, 1, 1), ("sign", 0.5, 0, 1, 1), ("sign", 0.0, 7, 1, 1)),
        *(("sign", 0.0, 0, 5, 1), ("sign", 0.5, 7, 5, 1)),
        *(("sign", 0.0, 0, 1, 2), ("momentum", 0.5, 7, 5, 2)),
    ]
    assert made == 2 * expected
    facts = json.loads((tmp_path / "2" / "result.json").read_text())
    assert [one["name"] for one in facts["surrogates"]] == ["another", "third"]
    # Of five steps: SI takes five passes each, DI no backward pass more, all on two networks.
    plain = json.loads((tmp_path / "1" / "result.json").read_text())["passes"]
    assert facts["passes"]["backward"] - plain["backward"] == 2 * (2 * 5 + 2 * 5 * 5)


def test_a_black_box_without_an_option_is_made_once(table, band_victim, surrogate, tmp_path):
    settings = {"victim": band_victim, "cases": table, "surrogate": surrogate, "quick": True}
    finish(reproduce("black-box", tmp_path / "out", device="cpu", **settings))
    # Three aims at three budgets, the white box, and five options of two aims.
    assert len(list((tmp_path / "out" / "cells").glob("*.json"))) == 3 * 3 + 1 + 5 * 2


def test_the_surrogates_of_a_built_in_victim_differ_and_stay(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_segadv.reproduce.surrogate.QUICK_CASES", 1)
    monkeypatch.setattr("napari_segadv.reproduce.surrogate.KINDS", ((2, 1), (3, 2), (2, 3)))
    victim, cells = load_victim("demo:chest-xray"), Cells(tmp_path / "cells")
    found, _ = finish(train_surrogates(victim, True, cells))
    assert [one.name for one in found] == ["surrogate-1", "surrogate-2", "surrogate-3"]
    assert len({one.sha256 for one in found}) == 3
    again, states = finish(train_surrogates(victim, True, cells))
    assert not any("training" in str(state) for state in states)
    assert [one.sha256 for one in again] == [one.sha256 for one in found]
    (kept,) = cells.folder.glob("surrogate-2-*/surrogate-2")
    assert load_victim(kept).sha256 == found[1].sha256


def test_small_budgets_have_other_networks_of_a_built_in_victim_alone(tmp_path, band_victim):
    bench = Bench(load_victim("demo:chest-xray"), [], quick=True, cells=Cells(tmp_path))
    found, states = finish(small_budgets.others(bench))
    assert list(found) == list(small_budgets.OTHER_VICTIMS)
    assert all(victim.classes == bench.victim.classes for victim in found.values())
    assert any("network-3" in str(state) for state in states)
    for other in (band_victim, load_victim("demo:fundus")):
        none, _ = finish(small_budgets.others(replace(bench, victim=other)))
        assert none == {}


def test_each_change_of_a_small_budget_is_another_attack(band_victim):
    scan = Scan.from_array(disc_image())
    case = Case(scan, mask_on(scan, disc_labels()))
    bench = Bench(band_victim, [case], device="cpu", quick=True)
    run = Bench.attack
    seen = []

    def attack(self, scan, attack, **options):
        seen.append((type(attack), attack.steps, attack.step, attack.loss))
        return run(self, scan, attack, **options)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Bench, "attack", attack)
        for name in CHANGES:
            finish(small_budgets.cell(bench)(small_budgets.Setting(0.02, name), case))
    assert len(set(seen)) == len(CHANGES)


@pytest.mark.parametrize("stop", [1, 3])
def test_sizes_that_were_stopped_go_on(stop, table, band_victim, tmp_path, monkeypatch):
    monkeypatch.setattr("napari_segadv.reproduce.making.sizes.STEPS", 3)
    settings = {"victim": band_victim, "cases": table, "device": "cpu"}
    whole, _ = finish(reproduce("sizes", tmp_path / "whole", **settings))
    run = reproduce("sizes", tmp_path / "out", **settings)
    for _ in range(stop + 1):
        next(run)
    run.close()
    before = cells_of(tmp_path / "out")
    assert len(before) == stop
    report, _ = finish(reproduce("sizes", tmp_path / "out", **settings))
    assert (report.rows, report.findings) == (whole.rows, whole.findings)
    assert before.items() <= cells_of(tmp_path / "out").items()


def cells_of(folder):
    """Return the bytes of a table's cells by name."""
    return {path.name: path.read_bytes() for path in (folder / "cells").iterdir()}


def test_sizes_hold_the_dice_of_each_structure_in_both_images(table, band_victim, tmp_path):
    settings = {"victim": band_victim, "cases": table, "device": "cpu", "quick": True}
    report, _ = finish(reproduce("sizes", tmp_path / "out", **settings))
    assert report.columns[4:] == (
        *("Dice x 100, clean", "Dice x 100, worst", "Dice x 100, worst, rounded to 8 bits"),
    )
    smallest = [row for row in report.rows if row[0] == 0.2]
    # 0.2 % of the window is half a grey level: the file holds none of it.
    assert smallest[0][1] == pytest.approx(0.51)
    assert all(row[6] == row[4] >= row[5] for row in smallest)
    assert [row[2] for row in smallest][:2] == ["dim", "bright"]
    assert [row[3] for row in smallest] == [1, 1, 1, 1]


def test_the_heart_table_sets_the_heart_alone_beside_the_papers_heart(table, band_victim, tmp_path):
    """On these cases in full: more noise brings the heart nearer, with epsilon in image units."""
    run = reproduce("heart", tmp_path / "out", victim=band_victim, cases=table, device="cpu")
    report, states = finish(run)
    assert len(states) == 2 * 6 * 2
    small = [row for row in report.rows if row[:2] == ("small heart", "heart with its target")]
    assert [row[2] for row in small] == ["0 (clean)", 0.01, 0.02, 0.04, 0.08, 0.16]
    assert small[3][3] == pytest.approx(0.04 / 2 * 255)
    assert [row[4] for row in small] == ["", 88.0, 96.9, 97.8, 98.4, 98.6]
    assert small[-1][5] > small[0][5]
    # What can't be reached, since the target differs from the truth.
    goals = {row[:2]: row[5] for row in report.rows if row[2] == "the target itself"}
    capped = ("heart with the truth", "other structures with the truth")
    assert set(goals) == {(f"{size} heart", what) for size in ("small", "large") for what in capped}
    assert goals["small heart", "heart with the truth"] < 60


def test_a_table_of_other_settings_is_replaced_only_if_asked(table, band_victim, tmp_path):
    out = tmp_path / "out"
    settings = {"victim": band_victim, "cases": table, "quick": True, "device": "cpu"}
    finish(reproduce("untargeted", out, **settings))
    before = files_of(out)
    finish(reproduce("untargeted", out, **settings))
    assert files_of(out) == before
    with pytest.raises(SegadvError, match="exists already, with a table of other settings"):
        finish(reproduce("untargeted", out, seed=1, **settings))
    with pytest.raises(SegadvError, match="exists already, with a table of other settings"):
        finish(reproduce("heart", out, **settings))
    assert files_of(out) == before
    finish(reproduce("untargeted", out, seed=1, overwrite=True, **settings))
    assert files_of(out)["result.json"] != before["result.json"]
    (out / "mine.txt").write_text("keep")
    with pytest.raises(SegadvError, match="not a segadv reproduction"):
        finish(reproduce("untargeted", out, overwrite=True, **settings))


def files_of(folder):
    """Return the bytes of a table's files by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_what_is_missing_is_one_line(table, band_victim, tmp_path):
    out = tmp_path / "out"
    with pytest.raises(SegadvError, match="reproduction nonsense: unknown; use one of asma"):
        finish(reproduce("nonsense", out))
    with pytest.raises(SegadvError, match="give its cases with --cases CSV"):
        finish(reproduce("heart", out, victim=band_victim))
    with pytest.raises(SegadvError, match="needs --surrogate"):
        finish(reproduce("black-box", out, victim=band_victim, cases=table))
    with pytest.raises(SegadvError, match="--count 5: there are 2 cases"):
        finish(reproduce("heart", out, victim=band_victim, cases=table, count=5))
    assert not out.exists()


def test_a_victim_of_another_task_is_refused(table, band_victim, tmp_path):
    other = replace(band_victim, task="classification")
    settings = {"victim": other, "cases": table, "quick": True}
    with pytest.raises(SegadvError, match="heart: is for segmentation, but bands does class"):
        finish(reproduce("heart", tmp_path / "out", **settings))
    with pytest.raises(SegadvError, match=r"cases.csv: holds masks, but bands does class"):
        finish(reproduce("smia", tmp_path / "out", **settings))
    assert not (tmp_path / "out").exists()


def test_who_stops_the_command_is_told_that_it_goes_on(run, monkeypatch, tmp_path):
    def stopped(*args, **options):
        raise KeyboardInterrupt
        yield

    monkeypatch.setattr(command, "reproduce", stopped)
    status, out, err = run("reproduce", "heart", "--out", tmp_path / "out")
    assert (status, out) == (130, "")
    assert "keeps what is finished; the same command goes on from there" in err


def test_names_are_those_of_the_modules():
    assert set(PIXELS) <= set(names())
    assert all(name == get(name).NAME for name in names())


@pytest.mark.parametrize(
    ("values", "expected"),
    [([1, 2, 3], True), ([1, 3, 2.95], True), ([3, 2, 1], False), ([1, 5, 2], False)],
)
def test_rises(values, expected):
    assert rises(values) is expected


def test_a_case_without_structures_is_named(tmp_path, run, weights_file):
    scan = Scan.from_array(disc_image())
    io.save(scan, tmp_path / "xray.png")
    io.save_mask(mask_on(scan, np.zeros((48, 64), np.uint8)), tmp_path / "none.png")
    (tmp_path / "cases.csv").write_text("image,mask\nxray.png,none.png\n")
    status, _, err = run(
        "reproduce", "smia", "--cases", tmp_path / "cases.csv", "--victim", weights_file,
        "--quick", "--out", tmp_path / "out",
    )  # fmt: skip
    assert status == 2
    assert "marks no structure" in err
    assert "xray" in err
