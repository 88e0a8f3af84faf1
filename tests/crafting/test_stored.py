"""What the victim sees in a run is what the file will hold, whatever the norm and the storage."""

from dataclasses import replace

import numpy as np
import pytest
from helpers import disc_image
from several import half, saved, victim_of

import napari_segadv as sa
from napari_segadv import attacks
from napari_segadv.data.scan import Scan, Storage


def judged(example) -> float:
    """The success of the best image of the run, as its last pass judged it."""
    return max(point["success"] for point in example.record["curve"])


def measured(example) -> float:
    return min(example.measures[name] for name in ("moved", "kept"))


@pytest.mark.parametrize("dtype", ["uint8", "uint16", "float32"])
@pytest.mark.parametrize(
    ("norm", "epsilons"),
    [("linf", (1.0, 3.0)), ("l2", (85.0, 95.0, 110.0)), ("visible", (66.0, 76.0, 86.0))],
)
def test_a_success_of_the_run_is_that_of_the_file(band_victim, norm, epsilons, dtype):
    """Rounding pixel by pixel makes a change longer than an L2 budget, which the file keeps to."""
    array = np.full((64, 64), 60, dtype)
    array[12:52, 12:52] = 93
    array[20:30, 20:30] = 150
    scan = Scan.from_array(array)
    clean = band_victim.predict(scan)
    wanted = clean.array.copy()
    wanted[12:52, 12:52] = np.maximum(wanted[12:52, 12:52], 1)
    target, reached = clean.with_array(wanted), []
    for epsilon in epsilons:
        attack = attacks.PGD(
            norm=norm, epsilon=epsilon, steps=40, goal=0.85, step="sign", step_size=epsilon / 20
        )
        example = sa.craft(scan, band_victim, attack, target=target)
        assert judged(example) == pytest.approx(measured(example), abs=1e-6)
        reached.append(measured(example))
    # The budgets bind.
    assert min(reached) < 0.9


@pytest.mark.parametrize("norm", ["l2", "visible"])
def test_of_several_channels_too(tmp_path, norm):
    scan, victim = saved(tmp_path), victim_of()
    for epsilon in (300.0, 900.0):
        attack = attacks.PGD(norm=norm, epsilon=epsilon, steps=8)
        given = {"target": half(victim, scan), "channels": {"FLAIR": 1.0, "CT": 0.5}}
        example = sa.craft(scan, victim, attack, **given)
        assert judged(example) == pytest.approx(measured(example), abs=1e-6)


def test_of_an_image_with_a_slope(band_victim):
    array = disc_image().astype(np.float32)
    scan = replace(Scan.from_array(array), storage=Storage("int16", 0.5))
    clean = band_victim.predict(scan, present="none")
    target = clean.with_array(np.where(clean.array == 1, 0, clean.array))
    attack = attacks.PGD(norm="l2", epsilon=40.0, steps=8)
    example = sa.craft(scan, band_victim, attack, target=target, present="none")
    assert judged(example) == pytest.approx(measured(example), abs=1e-6)
    assert example.measures["l2"] <= 40.0
