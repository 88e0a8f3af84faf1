"""A network that is trained on images of several channels: a bundle, as MONAI opens it too."""

import csv

import nibabel
import numpy as np
import pytest
import torch
from helpers import disc_image, disc_labels, finish
from monai.bundle import ConfigParser

import napari_segadv as sa
from napari_segadv import io
from napari_segadv.data.scan import Grid, Mask, Scan
from napari_segadv.errors import SegadvError
from napari_segadv.io.cases import ClassMap, intensity_window, read_cases
from napari_segadv.training.victim import recipe_from, train_bundle

CASES = 6


def channels(seed) -> list[Scan]:
    """Two sequences: in each, one of the two discs has the intensity of what lies around it.

    Their intensities differ by a factor of a thousand, so each has to be scaled on its own.
    """
    image, labels = disc_image(seed=seed).astype(float), disc_labels()
    noise = np.random.default_rng(seed + 100).normal(0, 5, image.shape)
    first = np.where(labels == 1, 40 + noise, image).astype(np.int16) + 50
    second = np.where(labels == 2, 40 + noise, image).astype(np.float32) / 1000
    return [Scan.from_array(one) for one in (first, second)]


@pytest.fixture
def table(tmp_path):
    """A CSV whose lines name an image's two files; those of the last lie in a folder of their own.

    Its columns stand for what users have: sequences by their names, in a folder for each patient.
    """
    with (tmp_path / "cases.csv").open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["image", "image_2", "mask"])
        for n in range(CASES):
            folder = tmp_path / f"patient{n}"
            folder.mkdir()
            for scan, name in zip(channels(n), ("t1", "flair"), strict=True):
                io.save(scan, folder / f"{name}.nii.gz")
            mask = Mask(disc_labels(), Grid.pixels(disc_labels().shape))
            io.save_mask(mask, folder / "mask.nii.gz")
            names = ("t1.nii.gz", "flair.nii.gz", "mask.nii.gz")
            writer.writerow([f"patient{n}/{name}" for name in names])
    return tmp_path / "cases.csv"


def recipe(epochs=60):
    return recipe_from("unet", 2, epochs, 8, None, 0, bfloat16=False)


def monais(bundle, files):
    """Class numbers as MONAI makes them from the bundle and the list of files, in array order."""
    parser = ConfigParser()
    parser.read_config(str(bundle / "configs" / "inference.json"))
    network = parser.get_parsed_content("network_def")
    network.load_state_dict(torch.load(bundle / "models" / "model.pt", weights_only=True))
    network.eval()
    data = parser.get_parsed_content("preprocessing")({"image": [str(file) for file in files]})
    with torch.no_grad():
        data["pred"] = parser.get_parsed_content("inferer")(data["image"][None], network)[0]
    pred = parser.get_parsed_content("postprocessing")(data)["pred"][0].numpy()
    # Back to the directions of the file, where the preprocessing turned them.
    turned = np.diag(nibabel.load(files[0]).affine)[:2] < 0
    return pred[tuple(slice(None, None, -1 if one else 1) for one in turned)].T


def test_a_bundle_of_two_channels_learns_and_monai_predicts_the_same(table, tmp_path):
    out = tmp_path / "bundle"
    (dice, _), _ = finish(train_bundle(table, out, recipe(), None))
    # One disc is seen in one channel alone, so both are needed.
    assert min(dice.values()) > 0.85
    victim = sa.load_victim(out)
    assert (victim.channels, victim.channel_names) == (2, ("t1", "flair"))
    files = [tmp_path / "patient5" / f"{name}.nii.gz" for name in ("t1", "flair")]
    scan = sa.read(files)
    found = victim.predict(scan).array
    np.testing.assert_array_equal(found, monais(out, files)[: found.shape[0], : found.shape[1]])
    target = found.copy()
    target[target == 2] = 0
    example = sa.craft(
        scan, victim, sa.attacks.PGD(epsilon=8.0, steps=15), target=target, channels=["t1"]
    )
    noise = example.noise
    assert np.abs(noise[..., 0]).max() > 0
    assert not noise[..., 1].any()


def test_a_case_may_be_named_as_for_nnunet(table, tmp_path):
    folder = tmp_path / "imagesTr"
    folder.mkdir()
    lines = ["image,mask"]
    for n in range(2):
        for number, scan in enumerate(channels(n)):
            io.save(scan, folder / f"case_{n}_{number:04d}.nii.gz")
        lines.append(f"imagesTr/case_{n},patient{n}/mask.nii.gz")
    (tmp_path / "nnunet.csv").write_text("\n".join(lines) + "\n")
    ours, theirs = read_cases(table)[:2], read_cases(tmp_path / "nnunet.csv")
    assert all(a.scan.same_as(b.scan) for a, b in zip(ours, theirs, strict=True))
    # Names that differ from case to case name no channel.
    (_, _), _ = finish(train_bundle(tmp_path / "nnunet.csv", tmp_path / "b", recipe(1), None))
    assert sa.load_victim(tmp_path / "b").channel_names == ("1", "2")


@pytest.mark.parametrize(
    ("heading", "says"),
    [
        ("image,image_3,mask", "name the further channels of an image image_2"),
        ("image,image_3,image_2,mask", "image_2, image_3, in this order"),
        ("image_2,mask", "needs a first line"),
    ],
)
def test_columns_that_can_not_be_are_named(table, heading, says):
    lines = table.read_text().splitlines()
    table.write_text("\n".join([heading, *lines[1:]]))
    with pytest.raises(SegadvError, match=says):
        read_cases(table)


def test_a_missing_channel_is_named(table):
    lines = table.read_text().splitlines()
    first, _, mask = lines[2].split(",")
    table.write_text("\n".join([lines[0], lines[1], f"{first},,{mask}"]))
    with pytest.raises(SegadvError, match="line 3 names no .*image_2; complete"):
        read_cases(table)


def test_images_of_other_channels_are_refused(table):
    other = table.parent / "single.csv"
    other.write_text("image,mask\npatient0/t1.nii.gz,patient0/mask.nii.gz\n")
    mixed = [*read_cases(table)[:1], *read_cases(other)]
    with pytest.raises(SegadvError, match="differs from .* in its channels"):
        io.cases.check_alike([case.scan for case in mixed])


@pytest.mark.parametrize(
    ("dtypes", "units", "window"),
    [
        (("uint8", "uint8"), "grey level", (0.0, 255.0)),
        (("int16", "int16"), "HU", (20.0, 230.0)),
        (("uint8", "int16"), "grey level", None),
    ],
)
def test_the_window_of_several_channels(dtypes, units, window):
    labels = disc_labels()
    values = np.where(labels == 2, 150, np.where(labels == 1, 100, 0))
    parts = [Scan.from_array(values.astype(dtype), units=units) for dtype in dtypes]
    case = io.cases.Case(Scan.of_parts(parts), Mask(labels, Grid.pixels(labels.shape)))
    found = intensity_window([case], ClassMap.found_in([case.mask]))
    assert found == window if window is None or units != "HU" else found[0] < 100 < 150 < found[1]
