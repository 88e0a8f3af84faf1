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
from napari_segadv.reproduce import get, names
from napari_segadv.reproduce.bench import Bench, rises
from napari_segadv.reproduce.command import reproduce
from napari_segadv.reproduce.surrogate import train_surrogates
from napari_segadv.victims import load_victim

PIXELS = ["untargeted", "heart", "resize", "asma", "smia", "synthesis", "black-box", "sizes"]


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
    assert names_written == {"table.md", "table.csv", "figure.png", "result.json"}
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
    options = ["no option", "momentum", "DI", "TI", "SI", "DI, TI, SI"]
    kinds = ("away from the truth", "large heart")
    rows = {row[0]: row for row in report.rows}
    several = ["2 surrogates", "all of these"]
    for kind in kinds:
        assert {f"{kind}, {name}" for name in options + several} <= set(rows)
    first = {row[0] for row in alone.rows}
    assert not {f"{kind}, {name}" for kind in kinds for name in several} & first
    # Without an option, it is the row of the table before it.
    before = next(r for r in report.rows if r[0] == kinds[0] and r[1] == 0.16)
    assert rows["away from the truth, no option"][4] == before[4]
    made = [
        (one.step, one.diversity, one.translation, one.scales, len(on)) for one, on in asked[-16:]
    ]
    expected = [
        *(("sign", 0.0, 0, 1, 1), ("momentum", 0.0, 0, 1, 1), ("sign", 0.5, 0, 1, 1)),
        *(("sign", 0.0, 7, 1, 1), ("sign", 0.0, 0, 5, 1), ("sign", 0.5, 7, 5, 1)),
        *(("sign", 0.0, 0, 1, 2), ("momentum", 0.5, 7, 5, 2)),
    ]
    assert made == 2 * expected
    facts = json.loads((tmp_path / "2" / "result.json").read_text())
    assert [one["name"] for one in facts["surrogates"]] == ["another", "third"]
    # Of five steps: SI takes five passes each, DI no backward pass more, all on two networks.
    plain = json.loads((tmp_path / "1" / "result.json").read_text())["passes"]
    assert facts["passes"]["backward"] - plain["backward"] == 2 * (2 * 5 + 2 * 5 * 5)


def test_surrogates_are_kept_only_if_they_are_trained(table, band_victim, surrogate, tmp_path):
    settings = {"victim": band_victim, "cases": table, "quick": True, "surrogate": surrogate}
    with pytest.raises(SegadvError, match="no surrogates are trained"):
        finish(reproduce("black-box", tmp_path / "out", keep=tmp_path / "kept", **settings))
    with pytest.raises(SegadvError, match="no surrogates are trained"):
        finish(reproduce("heart", tmp_path / "out", keep=tmp_path / "kept"))
    with pytest.raises(SegadvError, match="exists already"):
        finish(reproduce("black-box", tmp_path / "out", keep=tmp_path))
    assert not (tmp_path / "out").exists()


def test_the_surrogates_of_a_built_in_victim_differ_and_are_kept(tmp_path, monkeypatch):
    monkeypatch.setattr("napari_segadv.reproduce.surrogate.QUICK_CASES", 1)
    monkeypatch.setattr("napari_segadv.reproduce.surrogate.KINDS", ((2, 1), (3, 2), (2, 3)))
    run = train_surrogates(load_victim("demo:chest-xray"), True, tmp_path / "kept")
    found, _ = finish(run)
    assert [one.name for one in found] == ["surrogate-1", "surrogate-2", "surrogate-3"]
    assert len({one.sha256 for one in found}) == 3
    names = sorted(path.name for path in (tmp_path / "kept").iterdir())
    assert names == ["surrogate-1", "surrogate-2", "surrogate-3"]
    assert load_victim(tmp_path / "kept" / "surrogate-2").sha256 == found[1].sha256


def test_the_heart_table_says_what_was_measured(table, band_victim, tmp_path):
    """On these cases in full: more noise gives a larger IoU, with epsilon in image units."""
    run = reproduce("heart", tmp_path / "out", victim=band_victim, cases=table, device="cpu")
    report, states = finish(run)
    assert len(states) == 2 * 5 * 2
    small = [row for row in report.rows if row[0] == "small"]
    assert [row[1] for row in small] == ["0 (clean)", 0.01, 0.02, 0.04, 0.08, 0.16]
    assert small[3][2] == pytest.approx(0.04 / 2 * 255)
    assert small[-1][4] >= small[0][4]


def test_an_earlier_table_is_replaced_only_if_asked(table, band_victim, tmp_path):
    out = tmp_path / "out"
    settings = {"victim": band_victim, "cases": table, "quick": True, "device": "cpu"}
    finish(reproduce("untargeted", out, **settings))
    with pytest.raises(SegadvError, match="exists already"):
        finish(reproduce("untargeted", out, **settings))
    finish(reproduce("untargeted", out, overwrite=True, **settings))
    (out / "mine.txt").write_text("keep")
    with pytest.raises(SegadvError, match="not a segadv reproduction"):
        finish(reproduce("untargeted", out, overwrite=True, **settings))


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
