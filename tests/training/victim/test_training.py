"""segadv train writes a bundle that has learnt, that MONAI opens too, and that holds its Dice."""

import csv
import json

import nibabel
import numpy as np
import pytest
import torch
from helpers import disc_image, disc_labels, finish
from monai.bundle import ConfigParser
from monai.transforms import LoadImage, Orientation
from PIL import Image

from napari_segadv import SegadvError, io, load_victim
from napari_segadv.data.scan import Grid, Mask, Scan, Storage
from napari_segadv.io.cases import ClassMap, read_cases
from napari_segadv.training.victim import recipe_from, train_bundle

CASES = 6
AXES = (("L", "R"), ("P", "A"), ("I", "S"))


@pytest.fixture
def pictures(tmp_path):
    """A CSV of X-rays with two discs."""
    with (tmp_path / "cases.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "mask"])
        for n in range(CASES):
            Image.fromarray(disc_image(seed=n)).save(tmp_path / f"{n}.png")
            io.save_mask(Mask(disc_labels(), Grid.pixels((48, 64))), tmp_path / f"{n}_mask.png")
            writer.writerow([f"{n}.png", f"{n}_mask.png"])
    return tmp_path / "cases.csv"


@pytest.fixture
def volume(tmp_path):
    """A CSV with one CT of a bright block in an anisotropic, flipped grid."""
    rng = np.random.default_rng(0)
    labels = np.zeros((16, 32, 32), np.uint8)
    labels[4:12, 8:24, 6:20] = 7
    array = (np.where(labels, 120, -20) + rng.normal(0, 15, labels.shape)).astype(np.int16)
    grid = Grid(array.shape, (3.0, 1.5, 1.5), (5.0, 6.0, 7.0), np.diag([1.0, -1.0, -1.0]))
    io.save(Scan(array, grid, "HU", Storage("int16")), tmp_path / "ct.nii.gz")
    io.save_mask(Mask(labels, grid), tmp_path / "mask.nii.gz")
    (tmp_path / "cases.csv").write_text("image,mask\nct.nii.gz,mask.nii.gz\n")
    return tmp_path / "cases.csv"


def recipe(network="unet", dims=2, epochs=80, width=8, spacing=None, seed=0):
    return recipe_from(network, dims, epochs, width, spacing, seed, bfloat16=False)


def predicted_by_monai(bundle, image):
    """Class numbers as MONAI makes them from the bundle alone, in array order."""
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "inference.json"))
    network = parser.get_parsed_content("network_def")
    weights = torch.load(bundle / "models" / "model.pt", weights_only=True)
    network.load_state_dict(weights)
    network.eval()
    data = parser.get_parsed_content("preprocessing")({"image": str(image)})
    with torch.no_grad():
        data["pred"] = parser.get_parsed_content("inferer")(data["image"][None], network)[0]
    data["pred"].affine = data["image"].affine
    pred = parser.get_parsed_content("postprocessing")(data)["pred"]
    # Back to the axes and directions of the file, where the preprocessing turned them.
    stored = LoadImage(ensure_channel_first=True)(image)
    if stored.ndim == 4:
        pred = Orientation(nibabel.aff2axcodes(stored.affine.numpy()), labels=AXES)(pred)
    return pred[0].numpy().T


def test_a_2d_bundle_learns_and_monai_predicts_the_same(pictures, tmp_path):
    out = tmp_path / "bundle"
    (dice, about), epochs = finish(train_bundle(pictures, out, recipe(), None))
    assert epochs[-1].loss < epochs[0].loss / 2
    assert min(dice.values()) > 0.9
    assert "1 case held out" in about
    meta = json.loads((out / "configs" / "metadata.json").read_text())
    assert meta["eval_metrics"] == {f"dice {k}": round(v, 4) for k, v in dice.items()}
    victim = load_victim(out)
    ours = victim.predict(io.read(tmp_path / "0.png")).array
    np.testing.assert_array_equal(ours, predicted_by_monai(out, tmp_path / "0.png"))


@pytest.mark.parametrize("network", ["unet", "segresnet"])
def test_a_3d_bundle_learns_and_monai_predicts_the_same(volume, tmp_path, network):
    out = tmp_path / "bundle"
    steps = train_bundle(volume, out, recipe(network, 3, epochs=20), "block=7")
    (dice, about), _ = finish(steps)
    assert dice["block"] > 0.9
    assert "training cases" in about
    victim = load_victim(out)
    ours = victim.predict(io.read(tmp_path / "ct.nii.gz"))
    assert ours.classes == ("background", "block")
    np.testing.assert_array_equal(ours.array, predicted_by_monai(out, tmp_path / "ct.nii.gz"))


def test_the_same_seed_gives_the_same_weights(pictures, tmp_path):
    found = []
    for name in ("a", "b"):
        finish(train_bundle(pictures, tmp_path / name, recipe(epochs=2), None))
        path = tmp_path / name / "models" / "model.pt"
        found.append(torch.load(path, weights_only=True))
    assert all(torch.equal(found[0][key], found[1][key]) for key in found[0])


def test_a_stopped_training_leaves_nothing(pictures, tmp_path):
    steps = train_bundle(pictures, tmp_path / "bundle", recipe(), None)
    next(steps)
    before = set(tmp_path.iterdir())
    steps.close()
    assert set(tmp_path.iterdir()) == before
    assert not (tmp_path / "bundle").exists()


@pytest.mark.parametrize(
    ("table", "says"),
    [
        ("image,label\n0.png,0_mask.png\n", "image,mask"),
        ("image,mask\n", "at least one case"),
        ("image,mask\nmissing.png,0_mask.png\n", "missing.png"),
    ],
)
def test_a_bad_table_is_named(pictures, tmp_path, table, says):
    path = tmp_path / "bad.csv"
    path.write_text(table)
    with pytest.raises(SegadvError, match=says) as caught:
        read_cases(path)
    assert "\n" not in str(caught.value)


def test_a_class_that_occurs_nowhere_is_named(pictures, tmp_path):
    with pytest.raises(SegadvError, match="spleen does not occur"):
        next(train_bundle(pictures, tmp_path / "bundle", recipe(), "disc=1,spleen=9"))


@pytest.mark.parametrize(
    "change", [{"network": "vit"}, {"dims": 4}, {"spacing": "1,2,3"}, {"spacing": "one,two"}]
)
def test_an_option_that_can_not_be_is_named(change):
    with pytest.raises(SegadvError, match=r"^--"):
        recipe(**change)


def test_classes_of_the_masks_are_found(volume):
    classes = ClassMap.found_in([case.mask for case in read_cases(volume)])
    assert classes.names == ("background", "label 7")


def named(table, folder, names):
    """Write masks of both discs with names for the classes, one list of names a mask."""
    lines = ["image,mask"]
    for n, each in enumerate(names):
        mask = Mask(disc_labels()[None], Grid((1, 48, 64), (1.0,) * 3, (0.0,) * 3, np.eye(3)), each)
        io.save_mask(mask, folder / f"{n}.seg.nrrd")
        lines.append(f"{n}.png,{n}.seg.nrrd")
    table.write_text("\n".join(lines) + "\n")
    return table


@pytest.mark.parametrize("classes", [None, "disc=1"])
@pytest.mark.parametrize("other", [("spleen", "liver"), ("liver", "kidney")])
def test_masks_that_number_their_structures_differently_are_refused(
    pictures, tmp_path, classes, other
):
    names = [("background", "Liver", "spleen"), ("background", *other)]
    table = named(pictures, tmp_path, names)
    with pytest.raises(SegadvError, match=r"1.seg.nrrd: calls the label \d .*0.seg.nrrd") as caught:
        next(train_bundle(table, tmp_path / "bundle", recipe(), classes))
    assert "\n" not in str(caught.value)


def test_names_may_stand_in_any_mask(pictures, tmp_path):
    names = [(), ("background", "liver", "spleen"), ("background", "Liver", "Spleen")]
    masks = [case.mask for case in read_cases(named(pictures, tmp_path, names))]
    masks[0] = masks[0].named(())
    assert ClassMap.found_in(masks).names == ("background", "liver", "spleen")
