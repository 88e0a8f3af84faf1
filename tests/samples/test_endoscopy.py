"""The endoscopy phantom: boxes that hold what they name, and a detector that finds them."""

import json

import numpy as np

from napari_segadv import load_victim
from napari_segadv.data.boxes import f1, mean_precision, overlap
from napari_segadv.samples import bundle_facts, bundles, phantom
from napari_segadv.samples.phantoms.endoscopy import CLASSES
from napari_segadv.victims.detections import detected

NAME = "endoscopy"
FRESH_SEED = 40_000


def test_a_seed_is_a_frame():
    scan, truth = phantom(NAME, 1)
    again, same = phantom(NAME, 1)
    other, another = phantom(NAME, 2)
    assert scan.array.shape == (256, 256, 3)
    assert scan.array.dtype == np.uint8
    np.testing.assert_array_equal(scan.array, again.array)
    np.testing.assert_array_equal(truth.corners, same.corners)
    assert (scan.array != other.array).any()
    assert truth.data != another.data
    assert truth.classes == CLASSES
    assert truth.grid is scan.grid


def test_boxes_lie_in_the_frame_and_hold_what_they_name():
    seen = set()
    for seed in range(12):
        scan, truth = phantom(NAME, seed)
        assert truth.count
        light = scan.array.min(axis=-1).astype(float)
        for label, (top, left, low, right) in zip(
            truth.labels, truth.corners.astype(int), strict=True
        ):
            seen.add(int(label))
            assert 0 <= top < low <= 256
            assert 0 <= left < right <= 256
            inside = light[top:low, left:right]
            if CLASSES[label] in ("specularity", "saturation"):
                assert np.percentile(inside, 75) > np.median(light) + 60
                assert inside.max() > 220
            if CLASSES[label] == "blur":
                fine = np.abs(np.diff(scan.array[..., 1].astype(float), axis=1))
                y, x = (top + low) // 2, (left + right) // 2
                assert np.median(fine[y - 8 : y + 8, x - 8 : x + 8]) <= np.median(fine)
        shares = overlap(truth.corners, truth.corners)
        np.fill_diagonal(shares, 0)
        assert shares.max() < 0.5
    assert seen == {1, 2, 3, 4}


def test_the_bundle_is_small_and_says_what_it_reaches():
    size = sum(path.stat().st_size for path in bundles()[NAME].rglob("*") if path.is_file())
    assert size <= 2_100_000
    measured = bundle_facts()[NAME].measured
    assert list(measured) == [*(f"AP {name}" for name in CLASSES[1:]), "mAP", "F1"]
    assert measured["mAP"] >= 0.7
    config = json.loads((bundles()[NAME] / "configs" / "inference.json").read_text())
    assert "$" not in json.dumps(config)


def test_the_victim_finds_what_is_there():
    victim = load_victim(f"demo:{NAME}")
    assert (victim.task.name, victim.trust) == ("detection", "built-in")
    found, truths, scores = [], [], []
    for n in range(6):
        scan, truth = phantom(NAME, FRESH_SEED + n)
        model = victim.on(scan)
        scores.append(f1(model.predict(), truth))
        found.append(detected(model, model.image, 0.05))
        truths.append(truth)
    precision = mean_precision(found, truths, CLASSES)
    # Six frames, not the mean of a hundred: some room below the goal.
    assert np.mean([p for p in precision.values() if p >= 0]) >= 0.6
    assert np.mean(scores) >= 0.6
