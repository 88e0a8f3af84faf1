"""Tables that are resumed and shared: what is finished stays, nothing is computed twice."""

import csv
import itertools
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from helpers import PATIENCE, bands, disc_image, disc_labels, finish, mask_on, save_small_victim

from napari_segadv import io
from napari_segadv.data.scan import Scan
from napari_segadv.errors import SegadvError
from napari_segadv.io.cases import Case
from napari_segadv.reproduce import bench as benches
from napari_segadv.reproduce import bortsova, get, keys, names
from napari_segadv.reproduce.bench import Bench
from napari_segadv.reproduce.cells import Cell, Cells
from napari_segadv.reproduce.command import reproduce
from napari_segadv.reproduce.keys import of_case, of_maker, of_setting, of_victim
from napari_segadv.reproduce.making import asma, smia
from napari_segadv.reproduce.report import Done
from napari_segadv.reproduce.trained import trained
from napari_segadv.training.victim.recipe import Recipe

KEY = {"setting": 0.25, "case": "first"}
CELL = Cell({"iou": 0.1 + 0.2}, 3.0, 2.0, 0.5)


@pytest.fixture(autouse=True)
def few_steps(monkeypatch):
    monkeypatch.setattr(bortsova, "STEPS", 5)


@pytest.fixture
def cells(tmp_path):
    return Cells(tmp_path / "cells")


@pytest.fixture
def table(tmp_path):
    """Two cases of discs as a CSV."""
    lines = ["image,mask"]
    for seed in range(2):
        scan = Scan.from_array(disc_image(seed=seed))
        io.save(scan, tmp_path / f"{seed}.png")
        io.save_mask(mask_on(scan, disc_labels()), tmp_path / f"{seed}_mask.png")
        lines.append(f"{seed}.png,{seed}_mask.png")
    path = tmp_path / "cases.csv"
    path.write_text("\n".join(lines))
    return path


@pytest.fixture
def settings(table, band_victim):
    return {"victim": band_victim, "cases": table, "device": "cpu"}


@pytest.fixture
def still(monkeypatch):
    """Cells take no time, so that tables are alike to the last byte."""
    monkeypatch.setattr(benches, "time", SimpleNamespace(perf_counter=lambda: 0.0))


def files_of(folder):
    """Return the bytes of the files in a folder by name."""
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def rows_of(path):
    with path.open() as file:
        return list(csv.reader(file))


def test_a_cell_is_read_as_it_was_written(cells):
    assert cells.get(KEY) is None
    cells.put(KEY, CELL)
    assert cells.get(KEY) == CELL
    assert cells.get({**KEY, "case": "second"}) is None
    assert cells.notes == []
    assert [path.suffix for path in cells.folder.iterdir()] == [".json"]


@pytest.mark.parametrize(
    "harm",
    [
        lambda text: text[: len(text) // 2],
        lambda text: "",
        lambda text: text.replace("first", "other"),
        lambda text: text.replace('"forward": 3.0', '"forward": NaN'),
        lambda text: text.replace('"values"', '"value"'),
        lambda text: "[1, 2]",
    ],
)
def test_a_broken_cell_is_told_and_not_used(cells, harm):
    cells.put(KEY, CELL)
    (path,) = cells.folder.iterdir()
    whole = path.read_text()
    path.write_text(harm(whole))
    assert path.read_text() != whole
    assert cells.get(KEY) is None
    assert cells.get(KEY) is None
    (note,) = cells.notes
    assert path.name in note
    assert "is broken" in note


def test_a_claim_is_held_by_one_at_a_time(cells):
    other = Cells(cells.folder)
    with cells.claim(KEY) as mine:
        assert mine
        with other.claim(KEY) as second:
            assert not second
        with other.claim({**KEY, "case": "second"}) as free:
            assert free
    with other.claim(KEY) as mine:
        assert mine
    assert list(cells.folder.iterdir()) == []


def test_the_claim_of_a_killed_process_is_taken_over(cells):
    code = (
        "import sys\nfrom pathlib import Path\n"
        "from napari_segadv.reproduce.cells import Cells\n"
        f"with Cells(Path({str(cells.folder)!r})).claim({KEY!r}) as mine:\n"
        "    print(mine, flush=True)\n    sys.stdin.read()\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout.readline() == "True\n"
        with cells.claim(KEY) as mine:
            assert not mine
        process.kill()
        process.wait(PATIENCE)
    with cells.claim(KEY) as mine:
        assert mine


def sharing(bench, who, log):
    """Share six cells; each makes one step in the middle of its work."""

    def make(number):
        yield Done(0, 1, "in the middle")
        log.append((who, number))
        bench.forwards += 2
        return {"number": number}

    return bench.share([{"number": n} for n in range(6)], make, str)


def test_two_processes_share_the_cells(band_victim, tmp_path, monkeypatch):
    """As two generators in turns, each with an eye of its own on the folder."""
    monkeypatch.setattr(benches, "PATIENCE", 0)
    scan = Scan.from_array(disc_image())
    cases = [Case(scan, mask_on(scan, disc_labels()))]
    log = []
    workers = []
    for who in "AB":
        bench = Bench(band_victim, cases, device="cpu", cells=Cells(tmp_path / "cells"))
        workers.append((bench, sharing(bench, who, log)))
    found = {}
    for number in itertools.cycle(range(2)):
        try:
            next(workers[number][1])
        except StopIteration as stop:
            found.setdefault(number, stop.value)
        if len(found) == 2:
            break
    assert sorted(number for _, number in log) == list(range(6))
    assert {who for who, _ in log} == {"A", "B"}
    assert found[0] == found[1] == [{"number": n} for n in range(6)]
    assert [bench.forwards for bench, _ in workers] == [12, 12]


def test_who_waits_takes_over_from_who_gives_up(band_victim, tmp_path, monkeypatch):
    monkeypatch.setattr(benches, "PATIENCE", 0)
    scan = Scan.from_array(disc_image())
    cases = [Case(scan, mask_on(scan, disc_labels()))]
    log = []
    first, second = (
        sharing(Bench(band_victim, cases, device="cpu", cells=Cells(tmp_path / "cells")), who, log)
        for who in "AB"
    )
    # The first is in the middle of cell 0; the second does all others, then waits.
    assert [str(next(first)) for _ in range(2)] == ["0", "in the middle"]
    said = []
    while "waiting for another process" not in said:
        said.append(str(next(second)))
    assert log == [("B", n) for n in range(1, 6)]
    first.close()
    values, _ = finish(second)
    assert log[-1] == ("B", 0)
    assert values == [{"number": n} for n in range(6)]


@pytest.mark.parametrize("steps", [2, 4, 11])
def test_a_table_that_was_stopped_goes_on_and_is_the_same(settings, steps, still, tmp_path):
    finish(reproduce("untargeted", tmp_path / "whole", **settings))
    out = tmp_path / "out"
    run = reproduce("untargeted", out, **settings)
    for _ in range(steps):
        next(run)
    run.close()
    assert {path.name for path in out.iterdir()} <= {"cells"}
    before = files_of(out / "cells") if (out / "cells").exists() else {}
    assert len(before) == steps - 1
    finish(reproduce("untargeted", out, **settings))
    assert files_of(out) == files_of(tmp_path / "whole")
    assert before.items() <= files_of(out / "cells").items()
    assert files_of(out / "cells") == files_of(tmp_path / "whole" / "cells")


def test_passes_are_summed_over_the_cells_whoever_computed_them(settings, tmp_path):
    finish(reproduce("untargeted", tmp_path / "out", **settings))
    facts = json.loads((tmp_path / "out" / "result.json").read_text())
    # Five budgets, two cases, five steps.
    assert facts["passes"] == {"forward": 5 * 2 * 6, "backward": 5 * 2 * 5}
    found = [json.loads(text) for text in files_of(tmp_path / "out" / "cells").values()]
    assert len(found) == 6 * 2
    assert sum(one["backward"] for one in found) == facts["passes"]["backward"]
    assert facts["seconds"] == round(sum(one["seconds"] for one in found), 1)


def test_more_cases_keep_those_that_are_there(settings, tmp_path):
    out = tmp_path / "out"
    finish(reproduce("untargeted", out, count=1, **settings))
    before = files_of(out / "cells")
    report, _ = finish(reproduce("untargeted", out, count=2, overwrite=True, **settings))
    after = files_of(out / "cells")
    assert len(after) == 2 * len(before)
    assert before.items() <= after.items()
    assert json.loads((out / "result.json").read_text())["cases"] == ["0.png", "1.png"]
    assert report.notes == ()


def test_fresh_computes_all_again_unless_somebody_works_there(settings, tmp_path):
    out = tmp_path / "out"
    finish(reproduce("untargeted", out, quick=True, **settings))
    left = out / "cells" / "of an earlier version.json"
    left.write_text("{}")
    old = {path.name: path.stat().st_ino for path in (out / "cells").iterdir()}
    with Cells(out / "cells").claim(KEY), pytest.raises(SegadvError, match="another process"):
        finish(reproduce("untargeted", out, quick=True, fresh=True, **settings))
    assert set(files_of(out / "cells")) == set(old)
    _, states = finish(reproduce("untargeted", out, quick=True, fresh=True, **settings))
    assert set(files_of(out / "cells")) == set(old) - {left.name}
    assert (out / "result.json").is_file()


def test_a_broken_cell_of_a_table_is_computed_again_and_told(settings, still, tmp_path):
    out = tmp_path / "out"
    finish(reproduce("untargeted", out, quick=True, **settings))
    whole, cells = files_of(out), files_of(out / "cells")
    name = sorted(cells)[0]
    (out / "cells" / name).write_text('{"key": {}')
    (out / "result.json").unlink()
    report, _ = finish(reproduce("untargeted", out, quick=True, **settings))
    assert [name in note for note in report.notes] == [True]
    assert files_of(out) == whole
    assert files_of(out / "cells") == cells


def test_a_table_without_its_seal_is_written_again(settings, still, tmp_path):
    out = tmp_path / "out"
    finish(reproduce("untargeted", out, quick=True, **settings))
    whole = files_of(out)
    for name in ("result.json", "table.csv"):
        (out / name).unlink()
        finish(reproduce("untargeted", out, quick=True, **settings))
        assert files_of(out) == whole


def test_everything_that_determines_a_figure_is_in_the_key(band_victim):
    scan = Scan.from_array(disc_image())
    case = Case(scan, mask_on(scan, disc_labels()))
    other = bands()
    other[1].bias.data += torch.tensor([0.0, 1e-6, 0.0])
    retrained = replace(band_victim, network=other)
    bench = Bench(band_victim, [case], device="cpu", paper="heart")
    keys = [
        bench.key(),
        *(
            replace(bench, **change).key()
            for change in (
                {"victim": retrained},
                {"victim": replace(band_victim, steps=())},
                {"surrogates": [band_victim]},
                {"surrogates": [band_victim, retrained]},
                {"seed": 1},
                {"quick": True},
                {"paper": "resize"},
            )
        ),
    ]
    assert all(a != b for a, b in itertools.combinations(keys, 2))
    assert of_victim(replace(band_victim, network=bands())) == of_victim(band_victim)
    moved = disc_labels()
    moved[0, 0] = 1
    brighter = Scan.from_array(scan.array + 1)
    cases = [case, Case(scan, mask_on(scan, moved)), Case(brighter, case.mask)]
    assert all(of_case(a) != of_case(b) for a, b in itertools.combinations(cases, 2))
    assert json.loads(json.dumps(of_case(case))) == of_case(case)


def test_other_words_write_a_table_again_from_its_cells(settings, tmp_path, monkeypatch):
    out = tmp_path / "out"
    finish(reproduce("untargeted", out, quick=True, **settings))
    before = {path: path.stat().st_mtime_ns for path in (out / "cells").iterdir()}
    seal = json.loads((out / "result.json").read_text())
    for module in ("command", "output"):
        monkeypatch.setattr(f"napari_segadv.reproduce.{module}.of_words", lambda paper: "other")
    finish(reproduce("untargeted", out, quick=True, **settings))
    assert {path: path.stat().st_mtime_ns for path in (out / "cells").iterdir()} == before
    again = json.loads((out / "result.json").read_text())
    assert again == {**seal, "words": "other"}


def test_the_file_that_makes_a_cell_is_in_its_key_and_what_writes_it_down_is_not():
    makers = [smia.cell, asma.cell, bortsova.cell]
    assert len({of_maker(make) for make in makers}) == 3
    assert of_maker(smia.cell) == of_maker(smia.judged)
    engine = {path.name for path in keys.HERE.glob("*.py")} - keys.WRITERS
    assert "bortsova.py" in engine
    # What makes the cells of one table alone would make all others new.
    assert not engine & {"smia.py", "asma.py", "untargeted.py"}
    # A table whose cells are made otherwise is another one, before any cell is looked for.
    assert all(map(keys.of_making, ("smia", "heart-variants")))
    assert keys.of_making("heart") == ""
    for name in names():
        source = Path(get(name).__file__).read_text()
        assert "def make" not in source, f"{name}: its words would be in the keys of its cells"
    assert all((keys.HERE / name).exists() for name in keys.WRITERS)


def test_a_victim_that_can_not_be_identified_is_never_resumed(band_victim):
    nameless = replace(band_victim, network=lambda x: x, sha256="")
    assert of_victim(nameless) != of_victim(nameless)
    assert of_victim(replace(nameless, sha256="ab")) == of_victim(replace(nameless, sha256="ab"))


def test_settings_that_differ_have_keys_that_differ():
    from napari_segadv.reproduce.bortsova import Setting

    plain = Setting("small", 0.04)
    changes = ({"region": "bounding-box"}, {"heart_alone": True}, {"carried": "momentum"})
    others = [replace(plain, **change) for change in changes]
    keys = [of_setting(("picture", one)) for one in (plain, *others)]
    assert all(a != b for a, b in itertools.combinations(keys, 2))


def test_a_network_is_trained_once_and_stays(cells):
    names = ("background", "dim", "bright")
    cases = []
    for seed in range(3):
        scan = Scan.from_array(disc_image(seed=seed))
        cases.append(Case(scan, mask_on(scan, disc_labels(), names)))
    recipe = Recipe(dims=2, width=4, levels=2, epochs=1, window=(0, 255))
    first, states = finish(trained("surrogate", recipe, cases, cases[:1], cells))
    assert any("training the surrogate" in str(state) for state in states)
    assert first.classes == names
    second, states = finish(trained("surrogate", recipe, cases, cases[:1], cells))
    assert states == []
    assert second.sha256 == first.sha256
    _, states = finish(trained("surrogate", recipe, cases[:2], cases[:1], cells))
    assert states != []
    cells.clear()
    assert list(cells.folder.iterdir()) == []


def start(arguments):
    """Start segadv as a process of its own."""
    return subprocess.Popen(
        [sys.executable, "-m", "napari_segadv.cli", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_two_commands_at_once_make_one_table(table, tmp_path):
    """The same table as one command makes, at the same cost."""
    weights = save_small_victim(tmp_path)
    command = [
        *("reproduce", "untargeted", "--victim", weights, "--cases", table, "--device", "cpu"),
        "--out",
    ]
    processes = [start([*command, tmp_path / name]) for name in ("out", "out", "alone")]
    said = [process.communicate(timeout=4 * PATIENCE) for process in processes]
    assert [process.returncode for process in processes] == [0, 0, 0], said
    both, alone = tmp_path / "out", tmp_path / "alone"
    assert rows_of(both / "table.csv") == rows_of(alone / "table.csv")
    assert set(files_of(both / "cells")) == set(files_of(alone / "cells"))
    spent = [json.loads((folder / "result.json").read_text())["passes"] for folder in (both, alone)]
    assert spent[0] == spent[1]
