"""Interactive models in the zoo's form: clicks and masks are channels that no attack changes."""

import json
import sys

import numpy as np
import pytest
import torch
from PIL import Image
from zoo import DEEPEDIT, NUCLEI, NUCLICK, ORIENTS, PLAIN, metadata, named
from zoo_itself import save_colour, save_ct, save_zoo, theirs

import napari_segadv as sa
from napari_segadv.attacks.universal import Universal
from napari_segadv.crafting.universal import universal_steps
from napari_segadv.data.scan import Mask, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.victims import load_victim


def guided(folder, **shown):
    path = folder / "guided.json"
    path.write_text(json.dumps({"model": "Zoo", **shown}))
    return path


@pytest.fixture
def deepedit(tmp_path, monkeypatch):
    """A bundle whose script is on MONAI's path for the length of a test."""
    folder = tmp_path / "Zoo"
    (folder / "scripts").mkdir(parents=True)
    (folder / "scripts" / "transforms.py").write_text(ORIENTS)
    (folder / "scripts" / "__init__.py").write_text("")
    monkeypatch.syspath_prepend(str(folder))
    names = named("background", "dim", "bright")
    yield save_zoo(tmp_path, DEEPEDIT, metadata(3, 4, names))
    for name in [name for name in sys.modules if name.split(".")[0] == "scripts"]:
        del sys.modules[name]


CLICKS = {"dim": [[9, 18, 16], [8, 16, 18]], "background": [[3, 5, 39]]}


@pytest.mark.parametrize("clicks", [CLICKS, {}])
def test_clicks_of_deepedit_are_those_of_monai(clicks, deepedit, tmp_path):
    scan = sa.read(save_ct(tmp_path))
    victim = load_victim(guided(tmp_path, points=clicks) if clicks else deepedit)
    assert (victim.trust, victim.channels, victim.dims) == ("data", 1, 3)
    # As MONAI reads the file, its first axis is x.
    reverse = {name: [point[::-1] for point in points] for name, points in clicks.items()}
    logits, mask = theirs(deepedit, scan.path, **reverse)
    found = victim.predict(scan, present="none").array
    expected = mask[0].numpy().T
    structure = (expected > 0) | (found > 0)
    assert structure.any()
    assert (found == expected)[structure].mean() >= 0.999
    bound = victim.on(scan, present="none")
    with torch.no_grad():
        ours = bound._slid(None)(bound.prepared(bound.image))[0]
    assert float((ours - logits).abs().max()) <= 1e-4 * float(logits.max() - logits.min())


def test_clicks_in_millimetres_are_the_same_clicks(deepedit, tmp_path):
    scan = sa.read(save_ct(tmp_path))
    victim = load_victim(guided(tmp_path, points=CLICKS))
    expected = victim.on(scan, present="none")(victim.on(scan, present="none").image)
    world = {
        name: [(scan.grid.affine @ [*point, 1])[:3][::-1].tolist() for point in points]
        for name, points in CLICKS.items()
    }
    for coordinates, sign in (("lps", 1), ("ras", -1)):
        turned = {n: [[sign * x, sign * y, z] for x, y, z in ps] for n, ps in world.items()}
        same = load_victim(guided(tmp_path, points=turned, coordinates=coordinates))
        assert torch.equal(same.on(scan, present="none")(same.on(scan, present="none").image),
                           expected)  # fmt: skip


def test_an_attack_changes_the_image_alone(deepedit, tmp_path):
    scan, victim = sa.read(save_ct(tmp_path)), load_victim(guided(tmp_path, points=CLICKS))
    bound = victim.on(scan, present="none")
    image = bound.image.clone().requires_grad_()
    prepared = bound.prepared(image)
    assert prepared.shape[1] == 4
    (gradient,) = torch.autograd.grad(bound(image)[:, 1].sum(), image)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
    clean = victim.predict(scan, present="none")
    target = np.where(clean.array == 1, 0, clean.array)
    attack = sa.attacks.PGD(epsilon=40.0, steps=2)
    example = sa.craft(scan, victim, attack, target=target, present="none")
    assert (
        "the model is shown clicks, which no attack changes: dim 2, background 1" in example.notes
    )
    changed = bound.prepared(bound.image + 50)
    assert torch.equal(changed[:, 1:], prepared[:, 1:].detach())


WRONG = {
    "a structure": ({"points": {"liver": [[1, 2, 3]]}}, "takes no clicks on liver"),
    "outside": ({"points": {"dim": [[99, 2, 3]]}}, "lies outside the image"),
    "two coordinates": ({"points": {"dim": [[2, 3]]}}, "2 coordinates"),
    "no numbers": ({"points": {"dim": [["a", 2, 3]]}}, '"points" must be lists'),
    "no list": ({"points": {"dim": 3}}, '"points" must be lists'),
    "units": ({"points": {}, "coordinates": "pixels"}, '"coordinates" must be one of'),
    "a key": ({"clicks": {}}, "unknown key clicks"),
    "too many": ({"points": {"dim": [[1, 2, 3]] * 1001}}, "1001 clicks"),
    "itself": ({"model": "guided.json"}, "is guided itself"),
    "a mask": ({"mask": 3}, '"mask" must name a file'),
}


@pytest.mark.parametrize("name", WRONG)
def test_odd_clicks_are_refused_in_a_line(name, deepedit, tmp_path):
    shown, message = WRONG[name]
    scan = sa.read(save_ct(tmp_path))
    with pytest.raises(SegadvError, match=message) as error:
        load_victim(guided(tmp_path, **shown)).predict(scan, present="none")
    assert "\n" not in str(error.value)


def test_a_patch_of_nuclick_is_monais(tmp_path):
    meta = metadata(2, 5, named("Nuclei"), num_channels=1)
    root = save_zoo(tmp_path, NUCLICK, meta)
    scan = sa.read(save_colour(tmp_path))
    click = [20, 30]
    victim = load_victim(guided(tmp_path, points=[click]))
    assert (victim.channels, victim.classes) == (3, ("background", "Nuclei"))
    logits, mask = theirs(root, scan.path, foreground=[click[::-1]])
    bound = victim.on(scan, present="none")
    found = victim.predict(scan, present="none").array
    with torch.no_grad():
        ours = bound._slid(None)(bound.prepared(bound.image))[0]
    assert float((ours - logits).abs().max()) <= 1e-4 * float(logits.max() - logits.min())
    # The patch lies around the click; outside it nothing is predicted.
    rows, columns = slice(4, 36), slice(14, 46)
    assert mask.any()
    assert (found[rows, columns] == mask[0].numpy().T).all()
    outside = found.copy()
    outside[rows, columns] = 0
    assert not outside.any()


def test_several_nuclei_are_attacked_at_once(tmp_path):
    save_zoo(tmp_path, NUCLICK, metadata(2, 5, named("Nuclei"), num_channels=1))
    scan = sa.read(save_colour(tmp_path))
    victim = load_victim(guided(tmp_path, points=[[17, 17], [20, 30], [30, 47]]))
    clean = victim.predict(scan, present="none").array
    bound = victim.on(scan, present="none")
    image = bound.image.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(bound(image)[:, 1].clamp_min(-5).sum(), image)
    assert gradient.isfinite().all()
    assert gradient.abs().sum() > 0
    attack = sa.attacks.PGD(epsilon=16.0, steps=4)
    target = np.zeros_like(clean)
    assert sa.craft(scan, victim, attack, target=target, present="none").measures["moved"] > 0


@pytest.mark.parametrize(("config", "channels"), [(NUCLICK, 5), (NUCLEI, 4)])
def test_a_model_that_sees_nothing_without_guidance_says_so(config, channels, tmp_path):
    names = named("Nuclei") if channels == 5 else named(*"ABCD")
    form = "segmentation" if channels == 5 else "classes"
    root = save_zoo(tmp_path, config, metadata(2, channels, names, format=form))
    with pytest.raises(SegadvError, match="needs (clicks|the mask of an object); give"):
        load_victim(root).predict(sa.read(save_colour(tmp_path)), present="none")


def test_the_mask_of_a_nucleus_is_a_channel(tmp_path):
    meta = metadata(2, 4, named(*"ABCD"), format="classes", num_channels=4)
    root = save_zoo(tmp_path, NUCLEI, meta | {"task": "Pathology Nuclei classification"})
    scan = sa.read(save_colour(tmp_path))
    mask = np.zeros(scan.grid.shape, np.uint8)
    mask[20:30, 25:33] = 255
    Image.fromarray(mask).save(tmp_path / "nucleus.png")
    victim = load_victim(guided(tmp_path, mask="nucleus.png"))
    assert (victim.task.name, victim.channels, victim.trust) == ("classification", 3, "data")
    logits = theirs(root, scan.path, label=str(tmp_path / "nucleus.png"))[0]
    found = victim.predict(scan, present="none")
    assert found.probabilities == pytest.approx(logits.softmax(0).tolist(), abs=1e-6)
    attack = sa.attacks.PGD(epsilon=8.0, steps=2)
    example = sa.craft(scan, victim, attack, target=(found.label + 1) % 4, present="none")
    assert any("mask of an object of 80 pixels" in note for note in example.notes)
    Image.fromarray(mask[:-1]).save(tmp_path / "nucleus.png")
    with pytest.raises(SegadvError, match="not those of the image"):
        load_victim(guided(tmp_path, mask="nucleus.png")).predict(scan, present="none")


def test_a_model_that_takes_no_clicks(tmp_path):
    save_zoo(tmp_path, PLAIN, metadata(3, 1, named("background", "dim", "bright")))
    with pytest.raises(SegadvError, match="takes no clicks; use Zoo itself"):
        load_victim(guided(tmp_path, points=[[1, 2, 3]]))


def test_clicks_belong_to_one_image(tmp_path):
    save_zoo(tmp_path, NUCLICK, metadata(2, 5, named("Nuclei"), num_channels=1))
    victim = load_victim(guided(tmp_path, points=[[20, 30]]))
    scan = sa.read(save_colour(tmp_path))
    truth = Mask(np.ones(scan.grid.shape, np.uint8), scan.grid)
    steps = universal_steps([scan, scan], victim, Universal(), truths=[truth, truth])
    with pytest.raises(SegadvError, match="shown clicks on one image"):
        list(steps)
    volume = Scan.from_array(np.zeros((4, *scan.array.shape), np.uint8), colour=True)
    with pytest.raises(SegadvError, match="shown clicks on a single image"):
        victim.predict(volume, present="none")
