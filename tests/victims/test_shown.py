"""What a victim is shown beside the image, as plain data."""

import json

import numpy as np
import pytest
from zoo import DEEPEDIT, NUCLEI, NUCLICK, PLAIN, metadata, named
from zoo_itself import save_colour, save_ct, save_zoo

import napari_segadv as sa
from napari_segadv.errors import SegadvError
from napari_segadv.results.provenance import describe_victim
from napari_segadv.results.report.command import files_to_give
from napari_segadv.victims import load_victim
from napari_segadv.victims.loading.formats.guided import write
from napari_segadv.victims.shown import Takes, clicks_on, points_in, shown_to

POINTS = {"dim": [[9, 18, 16]], "background": [[3, 5, 39]]}


@pytest.fixture
def deepedit(tmp_path):
    return save_zoo(tmp_path, DEEPEDIT, metadata(3, 4, named("background", "dim", "bright")))


def test_what_models_take(tmp_path, deepedit, band_victim):
    assert Takes.of(load_victim(deepedit)) == Takes(("dim", "bright", "background"))
    assert Takes.of(band_victim) == Takes()
    for number, (config, channels, expected) in enumerate(
        ((NUCLICK, 5, Takes(("",), needed=True)), (NUCLEI, 4, Takes(mask=True, needed=True)))
    ):
        folder = tmp_path / str(number)
        folder.mkdir()
        form = {"format": "segmentation" if number == 0 else "classes"}
        names = named("Nuclei") if number == 0 else named(*"ABCD")
        root = save_zoo(folder, config, metadata(2, channels, names, **form))
        assert Takes.of(load_victim(root)) == expected


def test_it_is_shown_as_by_a_file(tmp_path, deepedit):
    scan = sa.read(save_ct(tmp_path))
    path = tmp_path / "clicks.json"
    write(path, deepedit, {"points": POINTS})
    assert json.loads(path.read_text()) == {"model": "Zoo", "points": POINTS}
    by_file, shown = load_victim(path), shown_to(load_victim(deepedit), {"points": POINTS})
    assert by_file.notes == shown.notes
    assert (by_file.shown, shown.shown) == ({}, {"points": POINTS})
    assert shown.sha256 == load_victim(deepedit).sha256 != by_file.sha256
    np.testing.assert_array_equal(by_file.predict(scan).array, shown.predict(scan).array)
    described = describe_victim(shown, shown.classes)
    assert described["shown"] == {"points": POINTS}
    assert "shown" not in describe_victim(by_file, by_file.classes)
    # Written from a file of that form, it names the model itself; elsewhere, by its whole path.
    other = tmp_path / "elsewhere"
    other.mkdir()
    write(other / "more.json", path, {"points": POINTS})
    assert json.loads((other / "more.json").read_text())["model"] == deepedit.as_posix()
    again = load_victim(other / "more.json")
    np.testing.assert_array_equal(again.predict(scan).array, shown.predict(scan).array)


def test_clicks_of_a_file_in_pixels(tmp_path, deepedit):
    scan = sa.read(save_ct(tmp_path))
    assert clicks_on(load_victim(deepedit), scan) == {}
    world = {
        name: [(scan.grid.affine @ [*point, 1])[:3][::-1].tolist() for point in points]
        for name, points in POINTS.items()
    }
    ras = {name: [[-x, -y, z] for x, y, z in points] for name, points in world.items()}
    for content in (
        {"points": POINTS},
        {"points": world, "coordinates": "lps"},
        {"points": ras, "coordinates": "ras"},
    ):
        assert clicks_on(shown_to(load_victim(deepedit), content), scan) == POINTS
    outside = shown_to(load_victim(deepedit), {"points": {"dim": [[99, 2, 3]]}})
    with pytest.raises(SegadvError, match="outside the image"):
        clicks_on(outside, scan)


def test_the_report_says_what_to_give_in_place_of_the_model(tmp_path, deepedit):
    scan = sa.read(save_ct(tmp_path))
    shown = shown_to(load_victim(deepedit), {"points": POINTS})
    example = sa.craft(scan, shown, sa.attacks.FGSM(epsilon=9.0))
    said = files_to_give(example)
    assert json.dumps({"model": "…", "points": POINTS}, ensure_ascii=False) in said
    many = shown_to(shown, {"points": {"dim": [[9, 18, 16]] * 100}})
    example = sa.craft(scan, many, sa.attacks.FGSM(epsilon=9.0))
    assert "what stands under victim, shown" in files_to_give(example)
    assert len(files_to_give(example)) < 400
    plain = sa.craft(scan, load_victim(deepedit), sa.attacks.FGSM(epsilon=9.0))
    assert "JSON" not in files_to_give(plain)


WRONG = {
    "a structure": ({"points": {"liver": [[1, 2, 3]]}}, "takes no clicks on liver"),
    "no numbers": ({"points": {"dim": [["a", 2, 3]]}}, '"points" must be lists'),
    "units": ({"points": {}, "coordinates": "pixels"}, '"coordinates" must be one of'),
    "too many": ({"points": {"dim": [[1, 2, 3]] * 1001}}, "1001 clicks"),
    "classes": ({"classes": ["dim"]}, "predicts all its classes"),
}


@pytest.mark.parametrize("name", WRONG)
def test_what_it_can_not_be_shown(name, deepedit):
    content, message = WRONG[name]
    with pytest.raises(SegadvError, match=message):
        shown_to(load_victim(deepedit), content)


def test_clicks_from_anywhere():
    assert points_in({"points": POINTS}, 3) == POINTS
    assert points_in({}, 2) == {}
    for content in ({"points": POINTS}, {"points": {}, "coordinates": "lps"}):
        with pytest.raises(SegadvError, match="pixels of an image of 2 dimensions"):
            points_in(content, 2)


def test_a_model_without_clicks(tmp_path):
    root = save_zoo(tmp_path, PLAIN, metadata(3, 1, named("background", "dim", "bright")))
    with pytest.raises(SegadvError, match="takes no clicks"):
        shown_to(load_victim(root), {"points": POINTS})
    assert clicks_on(load_victim(root), sa.read(save_ct(tmp_path))) == {}


def test_a_photograph_has_clicks_of_two_coordinates(tmp_path):
    root = save_zoo(tmp_path, NUCLICK, metadata(2, 5, named("Nuclei"), num_channels=1))
    shown = shown_to(load_victim(root), {"points": [[20, 30]]})
    assert clicks_on(shown, sa.read(save_colour(tmp_path))) == {"": [[20, 30]]}
